"""What the sliders of notebook 08 do: the way down a valley, and the noise of a batch."""

from __future__ import annotations

import functools
import math

import ipywidgets
import numpy as np
import torch
from matplotlib.axes import Axes

from medkit import figure
from medkit.widgets.controls import linked, menu, pick, slider

CURVATURE = (1.0, 10.0)  # of the valley along its floor and across: loss = (x² + 10 y²) / 2
START, DESCENT = (-4.0, 1.5), 60  # where the way begins, and how many steps it has
OPTIMISERS = ("SGD", "Adam")
BATCHES = {str(size): size for size in (1, 4, 16, 32, 64, 256)}
SEEN, DRAWN = 4096, 2000  # images that each training of one weight meets; batches in the histogram
FLOOR = 1e-6  # nothing below it is drawn on a logarithmic axis


# ---- the way down a valley


def descent_picture(optimiser: str, rate: float, momentum: float) -> str:
    """Return the way of two weights down a narrow valley | the loss by step, as an HTML figure.

    Args:
        optimiser: "SGD" or "Adam"; PyTorch's own.
        rate: the learning rate, > 0.
        momentum: share of the movement that is kept, 0 <= momentum < 1; Adam's first beta.

    Raises:
        ValueError: no such optimiser, or a number outside its range.
    """
    if optimiser not in OPTIMISERS:
        raise ValueError(f"optimiser must be one of {', '.join(OPTIMISERS)}, got {optimiser!r}; pick one of these")
    _check(rate, momentum)
    way = descent(optimiser, rate, momentum)
    losses = [valley(x, y) for x, y in way]
    setting = f"{optimiser}, learning rate {rate:.2f}, {'β₁' if optimiser == 'Adam' else 'momentum'} {momentum:.2f}"
    picture = figure.row(_valley_panel(way), _loss_panel(losses), inches=3.6)
    return figure.as_html(
        picture,
        alt=f"The way of two weights over a narrow valley in {DESCENT} steps, and the loss by step: {setting}",
        caption=f"{setting}. Loss {losses[0]:.3g} at the start, {losses[-1]:.2g} after {DESCENT} steps. Without "
        f"momentum SGD flies off from a rate of {2 / CURVATURE[1]:.2f} on: 2 over the steepest curvature. "
        "A formula, no data.",
        tier="phantom",
    )


def descent(optimiser: str, rate: float, momentum: float) -> list[tuple[float, float]]:
    """Return the places on the way, the start among them; those far away are brought back to 1e6."""
    weight = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    if optimiser == "Adam":
        mover = torch.optim.Adam([weight], lr=rate, betas=(momentum, 0.999))
    else:
        mover = torch.optim.SGD([weight], lr=rate, momentum=momentum)
    way = [START]
    for _ in range(DESCENT):
        weight.grad = weight.detach() * torch.tensor(CURVATURE, dtype=torch.float64)
        mover.step()
        way.append(tuple(weight.detach().clamp(-1e6, 1e6).tolist()))
    return way


def valley(x: float, y: float) -> float:
    """Return the loss at a place of the valley."""
    return (CURVATURE[0] * x**2 + CURVATURE[1] * y**2) / 2


def explore_descent() -> ipywidgets.VBox:
    """Return a menu and sliders for `descent_picture`."""
    return linked(
        {
            "optimiser": menu(OPTIMISERS, "optimiser"),
            "rate": slider(ipywidgets.FloatSlider, 0.1, 0.01, 0.25, 0.01, "learning rate"),
            "momentum": slider(ipywidgets.FloatSlider, 0.0, 0.0, 0.95, 0.05, "momentum"),
        },
        descent_picture,
    )


def _check(rate: float, momentum: float) -> None:
    if not (rate > 0 and math.isfinite(rate)):
        raise ValueError(f"rate must be above 0 and finite, got {rate}; try 0.1")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in 0 <= momentum < 1, got {momentum}; try 0.9")


def _valley_panel(way: list[tuple[float, float]]) -> figure.Panel:
    def draw(axis: Axes) -> None:
        x, y = np.meshgrid(np.linspace(-5, 5, 81), np.linspace(-2.5, 2.5, 61))
        axis.contour(x, y, valley(x, y), levels=[0.1, 0.5, 2, 5, 10, 20, 35], colors=figure.INK, linewidths=0.8)
        axis.plot(*zip(*way), "o-", color=figure.ORANGE, markersize=3, linewidth=1.2)
        axis.plot(*START, "s", color=figure.ORANGE, markersize=7)
        axis.plot(0, 0, "*", color=figure.BLUE, markersize=12)
        axis.set_xlim(-5, 5)
        axis.set_ylim(-2.5, 2.5)
        _labelled(axis, "square: start, star: goal", "one weight", "another weight")

    return draw


def _loss_panel(losses: list[float]) -> figure.Panel:
    def draw(axis: Axes) -> None:
        axis.plot(range(len(losses)), [max(loss, FLOOR) for loss in losses], color=figure.ORANGE, linewidth=1.8)
        _by_powers_of_ten(axis, {1e-6: "1e-6", 1e-4: "1e-4", 0.01: "0.01", 1: "1", 100: "100", 1e4: "1e4"})
        _labelled(axis, "loss", "step", "")

    return draw


# ---- the noise of a batch


def batch_picture(batch: str, rate: float) -> str:
    """Return the gradients of many batches | the loss while a weight is trained by them, as an HTML figure.

    Args:
        batch: images in a batch, a name from `BATCHES`.
        rate: the learning rate of plain SGD, 0 < rate <= 0.25.

    Raises:
        ValueError: no such size, or a rate outside its range.
    """
    size = pick(BATCHES, batch, "batch")
    if not 0 < rate <= 0.25:
        raise ValueError(f"rate must lie in 0 < rate <= 0.25, got {rate}; beyond it single images throw the weight far")
    gradients, (seen, losses) = batch_gradients(size), train_one_weight(size, rate)
    spread = float(gradients.std())
    picture = figure.row(_gradient_panel(gradients, size), _seen_panel(seen, losses), inches=3.6)
    return figure.as_html(
        picture,
        alt=f"Histogram of the gradients of {DRAWN} batches of {size}, and the loss of a training with such batches",
        caption=f"Batches of {size}: their gradients spread by {spread:.2f}; one image's gradient by "
        f"{image_spread():.2f}, and that over √{size} is {image_spread() / math.sqrt(size):.2f}. "
        f"{SEEN} images met in {SEEN // size} steps at a rate of {rate:.2f}: over the last quarter "
        f"of them the loss lies {floor_of(seen, losses):.2g} above its minimum. Numbers made up for this page.",
        tier="phantom",
    )


def batch_gradients(size: int) -> np.ndarray:
    """Return the gradients, at the weight 0, of many batches drawn at random."""
    each, rng = _gradients(0.0), np.random.default_rng(1)
    return each[rng.integers(0, len(each), (DRAWN, size))].mean(1)


def image_spread() -> float:
    """Return the standard deviation of one image's gradient at the weight 0."""
    return float(_gradients(0.0).std())


def train_one_weight(size: int, rate: float) -> tuple[list[int], list[float]]:
    """Train one weight by SGD; return how many images were met, and the loss above its minimum by then."""
    x, y = _points()
    order = np.random.default_rng(2).integers(0, len(x), SEEN)
    best, curvature = float((x * y).mean() / (x * x).mean()), float((x * x).mean())
    weight, seen, losses = 0.0, [0], [curvature * best**2]
    for start in range(0, SEEN, size):
        rows = order[start : start + size]
        slope = float((2 * x[rows] * (weight * x[rows] - y[rows])).mean())
        weight = max(-1e6, min(1e6, weight - rate * slope))
        if (start + size) % max(size, 32) == 0:
            seen.append(start + size)
            losses.append(curvature * (weight - best) ** 2)
    return seen, losses


def floor_of(seen: list[int], losses: list[float]) -> float:
    """Return the mean loss over the last quarter of the images met."""
    last = [loss for met, loss in zip(seen, losses, strict=True) if met > 0.75 * SEEN]
    return sum(last) / len(last)


def explore_batches() -> ipywidgets.VBox:
    """Return a menu and a slider for `batch_picture`."""
    return linked(
        {
            "batch": menu(list(BATCHES), "images in a batch", "32"),
            "rate": slider(ipywidgets.FloatSlider, 0.05, 0.01, 0.25, 0.01, "learning rate"),
        },
        batch_picture,
    )


@functools.cache
def _points() -> tuple[np.ndarray, np.ndarray]:
    """Return 1024 made-up images, each of them one number x with its truth y = 2 x + noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(0.0, 1.0, 1024)
    return x, 2 * x + rng.normal(0.0, 1.0, 1024)


def _gradients(weight: float) -> np.ndarray:
    """Return each image's gradient of its squared error."""
    x, y = _points()
    return 2 * x * (weight * x - y)


def _gradient_panel(gradients: np.ndarray, size: int) -> figure.Panel:
    def draw(axis: Axes) -> None:
        axis.hist(gradients, bins=40, range=(-20, 8), color=figure.BLUE)
        axis.axvline(_gradients(0.0).mean(), color=figure.ORANGE, linewidth=2, linestyle="--")
        axis.set_xlim(-20, 8)
        _labelled(axis, f"{DRAWN} batches of {size}", "gradient of a batch\ndashed: of all images", "batches")

    return draw


def _seen_panel(seen: list[int], losses: list[float]) -> figure.Panel:
    def draw(axis: Axes) -> None:
        axis.plot(seen, [max(loss, FLOOR) for loss in losses], color=figure.ORANGE, linewidth=1.2)
        _by_powers_of_ten(axis, {1e-6: "1e-6", 1e-4: "1e-4", 0.01: "0.01", 1: "1", 100: "100"})
        _labelled(axis, "loss above its minimum", "images met", "")

    return draw


def _by_powers_of_ten(axis: Axes, ticks: dict[float, str]) -> None:
    """Scale upwards by the logarithm, with plain labels: formatted ones take a second to draw."""
    axis.set_yscale("log")
    axis.set_ylim(min(ticks), max(ticks))
    axis.set_yticks(list(ticks), labels=list(ticks.values()))
    axis.minorticks_off()


def _labelled(axis: Axes, title: str, below: str, beside: str) -> None:
    axis.set_title(title, color=figure.INK, fontsize=11)
    axis.set_xlabel(below, color=figure.INK, fontsize=9)
    axis.set_ylabel(beside, color=figure.INK, fontsize=9)
    axis.set_box_aspect(0.8)
    axis.set_facecolor("none")
    axis.tick_params(colors=figure.INK, labelsize=9, which="both")
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_edgecolor(figure.INK)
