"""What the sliders of notebook 09 do: a threshold on a soft mask, and the share of ill images."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor

from medkit import denoise, figure, metrics
from medkit.data.phantom import phantom
from medkit.widgets.controls import grey_range, linked, menu, pick, slider

IMAGES = 1000  # behind `prevalence_picture`


class SoftMask(NamedTuple):
    """An image with its true mask and a made-up prediction between 0 and 1; all (H, W)."""

    image: Tensor
    target: Tensor
    probability: Tensor


# ---- a threshold makes a mask, and four counts


@cache
def soft_masks() -> dict[str, SoftMask]:
    """Return an image with large lesions, one with a small one and a healthy one, each with a soft prediction.

    The prediction is made up, so that all four counts occur: the true mask blurred and a little beside
    its place, a false alarm in the other half of the image, and some smooth noise.
    """
    data = phantom(30, difficulty=0.2, seed=4)
    area = data.mask.flatten(1).sum(1)
    small = torch.where(area > 0, area, area.max()).argmin()
    chosen = {"large lesions": area.argmax(), "small lesion": small, "healthy": area.argmin()}
    generator = torch.Generator().manual_seed(0)
    return {name: _soft(data.image[i, 0], data.mask[i, 0], generator) for name, i in chosen.items()}


def _soft(image: Tensor, target: Tensor, generator: torch.Generator) -> SoftMask:
    noise = denoise.gaussian(torch.randn(image.shape, generator=generator), 2.0)
    seen = denoise.gaussian(target.float().roll((1, 1), (0, 1)), 1.0)
    alarm = torch.zeros_like(image)
    alarm[29:34, 40:45] = 1.0
    likely = 0.97 * seen / seen.max().clamp(min=1e-6) + 0.55 * denoise.gaussian(alarm, 1.5)
    return SoftMask(image, target, (likely + 0.25 * noise).clamp(0.01, 0.99))


def overlap(image: Tensor, pred: Tensor, target: Tensor, title: str) -> figure.Panel:
    """Return a panel that tells found, missed and falsely found pixels apart by mark and by colour.

    Args:
        image: (H, W), shown in grey. pred, target: (H, W) bool.
    """
    kinds = (
        ("found (tp)", pred & target, "s", figure.BLUE),
        ("missed (fn)", ~pred & target, "o", "#e0c341"),
        ("false (fp)", pred & ~target, "x", figure.ORANGE),
    )

    def draw(axis: Axes) -> None:
        figure.grey(image, title, *grey_range(image))(axis)
        for name, mask, mark, colour in kinds:
            row, column = mask.nonzero().T.tolist() or ([], [])
            ink = {"color": colour} if mark == "x" else {"facecolors": "none", "edgecolors": colour}
            axis.scatter(column, row, 16, marker=mark, linewidths=1.1, label=f"{name}: {len(row)}", **ink)
        axis.set_xlabel("")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=1, frameon=False,
                    labelcolor=figure.INK, fontsize=9)  # fmt: skip

    return draw


@cache
def _curves(name: str) -> tuple[tuple[float, ...], dict[str, tuple[float, ...]]]:
    """Return thresholds, and Dice, precision and recall of a soft mask at each; NaN where there is none."""
    soft = soft_masks()[name]
    cuts = tuple(step / 25 for step in range(1, 25))
    pred = torch.stack([soft.probability > cut for cut in cuts])
    counts = metrics.mask_counts(pred, soft.target.expand(len(pred), -1, -1))
    lines = {
        "Dice": metrics.dice_per_image(counts),
        "precision": metrics.precision_per_class(counts),  # of pixels here: the same counts
        "recall": metrics.recall_per_class(counts),
    }
    return cuts, {line: tuple(values.tolist()) for line, values in lines.items()}


def threshold_picture(image: str, threshold: float) -> str:
    """Return the soft mask | the decided mask on the true one | Dice by threshold, as an HTML figure.

    Args:
        image: a name from `soft_masks()`.
        threshold: a pixel is lesion where the prediction is above it, 0 < threshold < 1.

    Raises:
        ValueError: no such image, or a threshold that is none.
    """
    soft = pick(soft_masks(), image, "image")
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold}; try 0.5")
    pred = soft.probability > threshold
    counts = metrics.mask_counts(pred[None], soft.target[None])
    tp, fp, fn, tn = (int(count) for count in counts)
    cuts, lines = _curves(image)
    picture = figure.row(
        figure.heat(soft.probability, "prediction"),
        overlap(soft.image, pred, soft.target, f"decided at {threshold:.2f}"),
        _marked(figure.curve(cuts, lines, "by threshold", "threshold"), threshold, high=(1.0, 1.04)),
        inches=3.2,
    )
    score = metrics.dice(counts)
    dice = "no Dice (0/0: both masks are empty)" if score.n == 0 else f"Dice {score.value:.3f}"
    right = 100 * (tp + tn) / (tp + fp + fn + tn)
    return figure.as_html(
        picture,
        alt=f"Soft prediction for a phantom, {image}; the mask decided at {threshold:.2f} on the true one; curves",
        caption=f"Phantom, {image}, made-up prediction, threshold {threshold:.2f}: tp {tp}, fp {fp}, fn {fn}, tn {tn} "
        f"pixels. {dice}; F1 of the pixels is the same number. Pixel accuracy {right:.1f} %.",
        tier="phantom",
    )


# ---- the share of ill images


def ill_and_healthy(ill: int, sensitivity: int, specificity: int) -> metrics.Counts:
    """Return the counts of healthy (0) and ill (1) among 1000 images, for a model of given quality.

    Args:
        ill: of 100 images. sensitivity: found of 100 ill ones. specificity: left alone of 100 healthy ones.

    Raises:
        ValueError: a percentage outside its range.
    """
    for name, value, low in (("ill", ill, 1), ("sensitivity", sensitivity, 0), ("specificity", specificity, 0)):
        if not low <= value <= (99 if low else 100):
            raise ValueError(f"{name} must lie in {low} ... {99 if low else 100} %, got {value}; move it inside")
    there = IMAGES * ill // 100
    found, left = round(there * sensitivity / 100), round((IMAGES - there) * specificity / 100)
    missed, alarms = there - found, IMAGES - there - left
    return metrics.Counts(*torch.tensor([[left, found], [missed, alarms], [alarms, missed], [found, left]]))


def prevalence_picture(ill: int, sensitivity: int, specificity: int) -> str:
    """Return the table of counts | the metrics by share of ill images, as an HTML figure.

    Arguments and errors as for `ill_and_healthy`.
    """
    counts = ill_and_healthy(ill, sensitivity, specificity)
    shares = (1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 35, 40, 45, 50)
    others = [ill_and_healthy(share, sensitivity, specificity) for share in shares]
    lines = {
        "accuracy": [metrics.accuracy(one).value for one in others],
        "always «healthy»": [100 - share for share in shares],
        "balanced accuracy": [metrics.balanced_accuracy(one).value for one in others],
        "F1 of ill × 100": [100 * metrics.binary(metrics.f1_per_class, one).value for one in others],
    }
    picture = figure.row(
        _table(counts),
        _marked(figure.curve(shares, lines, "by share of ill images", "ill, % of all images"), ill, high=(52, 104)),
        inches=3.9,
    )
    accuracy, balanced = metrics.accuracy(counts).value, metrics.balanced_accuracy(counts).value
    f1, precision = (metrics.binary(m, counts).value for m in (metrics.f1_per_class, metrics.precision_per_class))
    of_alarms = "no alarm at all" if precision != precision else f"of 100 alarms {100 * precision:.0f} are true"
    return figure.as_html(
        picture,
        alt=f"Table of counts for {ill} % ill images, and four metrics by the share of ill images",
        caption=f"1000 images, {ill} % of them ill; the model finds {sensitivity} % of the ill and leaves "
        f"{specificity} % of the healthy alone. Accuracy {accuracy:.1f} %, always «healthy» {100 - ill} %, balanced "
        f"accuracy {balanced:.1f} %, F1 of ill {f1:.3f}; {of_alarms}. Numbers made up for this page.",
        tier="phantom",
    )


def _table(counts: metrics.Counts) -> figure.Panel:
    """Return a panel with the four counts of class 1, each with its name."""
    found, missed, alarms, left = (int(c[1]) for c in (counts.tp, counts.fn, counts.fp, counts.tn))
    cells = {(0, 0): f"found, tp\n{found}", (0, 1): f"missed, fn\n{missed}",
             (1, 0): f"false alarms, fp\n{alarms}", (1, 1): f"left alone, tn\n{left}"}  # fmt: skip

    def draw(axis: Axes) -> None:
        figure.words("", f"{IMAGES} images")(axis)
        for (row, column), text in cells.items():
            axis.text(0.25 + 0.5 * column, 0.75 - 0.5 * row, text, ha="center", va="center", color=figure.INK,
                      fontsize=11, transform=axis.transAxes)  # fmt: skip
        axis.axhline(0.5, color=figure.INK, linewidth=0.8)
        axis.axvline(0.5, color=figure.INK, linewidth=0.8)
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.set_xticks([0.25, 0.75], ["called ill", "called healthy"], color=figure.INK, fontsize=9)
        axis.set_yticks([0.25, 0.75], ["healthy", "ill"], color=figure.INK, fontsize=9, rotation=90, va="center")
        axis.tick_params(length=0)

    return draw


def _marked(panel: figure.Panel, at: float, high: tuple[float, float]) -> figure.Panel:
    """Return the panel with both axes up to `high`, and a vertical line where the slider stands."""

    def draw(axis: Axes) -> None:
        panel(axis)
        axis.set(xlim=(0, high[0]), ylim=(-0.03 * high[1], high[1]))
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False, labelcolor=figure.INK,
                    fontsize=9)  # fmt: skip
        axis.axvline(at, color=figure.INK, linewidth=1.2, linestyle=(0, (6, 3)))

    return draw


# ---- sliders


def explore_threshold() -> ipywidgets.VBox:
    """Return menu and slider for `threshold_picture`."""
    controls = {
        "image": menu(list(soft_masks()), "image"),
        "threshold": slider(ipywidgets.FloatSlider, 0.5, 0.04, 0.96, 0.02, "threshold"),
    }
    return linked(controls, threshold_picture)


def explore_prevalence() -> ipywidgets.VBox:
    """Return sliders for `prevalence_picture`."""
    controls = {
        "ill": slider(ipywidgets.IntSlider, 4, 1, 50, 1, "ill (% of all images)"),
        "sensitivity": slider(ipywidgets.IntSlider, 80, 0, 100, 5, "sensitivity (%)"),
        "specificity": slider(ipywidgets.IntSlider, 95, 50, 100, 1, "specificity (%)"),
    }
    return linked(controls, prevalence_picture)
