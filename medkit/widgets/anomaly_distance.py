"""A scatter of healthy features in notebook 14: how far a point lies from them, by a covariance that can be shrunk."""

from __future__ import annotations

import math

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor

from medkit import figure
from medkit.anomaly.classical import Gaussian, ledoit_wolf, mahalanobis
from medkit.widgets.controls import linked, slider
from medkit.widgets.records import dress

MOST = 40  # healthy images
END = 5.0  # of the axes, to all sides
RINGS = (1, 2, 3)  # distances whose outline is drawn


def healthy_features(count: int) -> Tensor:
    """Return two features of `count` healthy images, (count, 2): they go up and down together.

    The first ones stay if more come.
    """
    drawn = torch.randn(MOST, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return (drawn @ torch.tensor([[1.3, 1.0], [-0.35, 0.45]], dtype=torch.float64))[:count]


def shrunk(healthy: Tensor, shrinkage: float) -> Gaussian:
    """Return the Gaussian of healthy features (N, D), its covariance drawn toward v I as far as asked, 0 to 1."""
    sample = torch.cov(healthy.T, correction=0)
    round_one = sample.diagonal().mean() * torch.eye(len(sample), dtype=torch.float64)
    covariance = (1 - shrinkage) * sample + shrinkage * round_one
    return Gaussian(healthy.mean(0)[None], covariance[None], torch.tensor([shrinkage]))


def squared_distance(x: float, y: float, fitted: Gaussian) -> float:
    """Return the module's squared distance of one point."""
    return float(mahalanobis(torch.tensor([[[x, y]]], dtype=torch.float64), fitted))


def distance_picture(x: float, y: float, shrinkage: float, count: int) -> str:
    """Return healthy features, outlines of equal distance, a point, and its distance by shrinkage, as an HTML figure.

    Args:
        x, y: the point, -4.5 ... 4.5. shrinkage: 0 ... 1. count: of healthy images, 3 ... 40.

    Raises:
        ValueError: an argument out of range.
    """
    if not (abs(x) <= 4.5 and abs(y) <= 4.5 and 0 <= shrinkage <= 1 and 3 <= count <= MOST):
        raise ValueError(
            f"x and y must lie in -4.5 ... 4.5, shrinkage in 0 ... 1 and count in 3 ... {MOST}, got {x}, {y}, {shrinkage}, {count}; "
            "move the sliders"
        )
    healthy = healthy_features(count)
    fitted = shrunk(healthy, shrinkage)
    squared = squared_distance(x, y, fitted)
    plain = float((torch.tensor([x, y], dtype=torch.float64) - fitted.mean[0]).square().sum())
    chosen = float(ledoit_wolf(healthy[None])[1])
    return figure.as_html(
        figure.row(_scatter(healthy, fitted, x, y), _by_shrinkage(healthy, x, y, shrinkage), inches=3.5),
        alt=f"Scatter of {count} healthy images with ellipses of equal distance and a movable point; its distance against shrinkage",
        caption=f"{count} healthy images (dots), the point (square) at {x:g}, {y:g}: squared Mahalanobis distance {squared:.1f} at shrinkage "
        f"{shrinkage:g}, plain squared distance {plain:.1f}. Outlines: distance 1, 2 and 3. Dotted: as far as the point by plain "
        f"distance. Ledoit and Wolf's rule would take a shrinkage of {chosen:.2f}. Features drawn for this page.",
        tier="phantom",
    )


def explore_distance() -> ipywidgets.VBox:
    """Return sliders for `distance_picture`."""
    controls = {
        "x": slider(ipywidgets.FloatSlider, -2.0, -4.5, 4.5, 0.5, "feature 1 of the point"),
        "y": slider(ipywidgets.FloatSlider, 1.5, -4.5, 4.5, 0.5, "feature 2 of the point"),
        "shrinkage": slider(ipywidgets.FloatSlider, 0.0, 0.0, 1.0, 0.1, "shrinkage"),
        "count": slider(ipywidgets.IntSlider, 20, 3, MOST, 1, "healthy images"),
    }
    return linked(controls, distance_picture)


def _scatter(healthy: Tensor, fitted: Gaussian, x: float, y: float) -> figure.Panel:
    turn = torch.linspace(0, 2 * math.pi, 181, dtype=torch.float64)
    circle = torch.stack([turn.cos(), turn.sin()])
    variance, axes = torch.linalg.eigh(fitted.covariance[0])
    ring = (axes * variance.clamp(min=0).sqrt()) @ circle
    middle = fitted.mean[0]
    radius = math.dist((x, y), middle.tolist())

    def draw(axis: Axes) -> None:
        axis.plot(*healthy.T.tolist(), "o", color=figure.BLUE, markersize=5)
        for times in RINGS:
            axis.plot(*(middle[:, None] + times * ring).tolist(), color=figure.BLUE, linewidth=1.4)
        axis.plot(*(middle[:, None] + radius * circle).tolist(), ":", color=figure.INK, linewidth=1.6)
        axis.plot([x], [y], "s", color=figure.ORANGE, markersize=9, markeredgecolor=figure.INK)
        axis.set(xlim=(-END, END), ylim=(-END, END))
        axis.set_box_aspect(1)
        axis.set_title("two features", color=figure.INK, fontsize=11)
        axis.set_xlabel("feature 1", color=figure.INK, fontsize=9)
        axis.set_ylabel("feature 2", color=figure.INK, fontsize=9)
        dress(axis)

    return draw


def _by_shrinkage(healthy: Tensor, x: float, y: float, shrinkage: float) -> figure.Panel:
    ends = torch.linspace(0, 1, 51).tolist()
    squared = [squared_distance(x, y, shrunk(healthy, end)) for end in ends]

    def draw(axis: Axes) -> None:
        axis.plot(ends, squared, color=figure.BLUE, linewidth=2)
        axis.plot([shrinkage], [squared_distance(x, y, shrunk(healthy, shrinkage))], "s", color=figure.ORANGE, markersize=9,
                  markeredgecolor=figure.INK, clip_on=False)  # fmt: skip
        axis.set_ylim(bottom=0)
        axis.set_box_aspect(1)
        axis.set_title("squared distance of the point", color=figure.INK, fontsize=11)
        axis.set_xlabel("shrinkage", color=figure.INK, fontsize=9)
        dress(axis)

    return draw
