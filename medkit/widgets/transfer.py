"""What the controls of notebook 07 do: Δweights one can look at, and frozen or tuned by the number of labels."""

from __future__ import annotations

import math

import ipywidgets
from matplotlib.axes import Axes
from torch import Tensor

from medkit import figure
from medkit.figure import BLUE, INK, ORANGE, Panel
from medkit.transfer import delta_weights
from medkit.widgets.controls import linked, menu, pick, slider
from medkit.widgets.transfer_runs import EPOCHS, FROZEN, TARGET, TUNED, WAYS, Tuned, few_labels, learned, sizes, tuned

LAYERS = {
    "first convolution (encoder)": "encoder.stages.0.0.0.weight",
    "last convolution (encoder)": "encoder.stages.2.1.0.weight",
    "queries (attention)": "attention.query.weight",
    "merging convolution (decoder)": "merge_half.0.weight",
}
STAGES = {
    "encoder 1/2": "encoder.stages.0.", "encoder 1/4": "encoder.stages.1.", "encoder 1/8": "encoder.stages.2.",
    "attention": "attention.", "decoder 1/4": ("up_quarter.", "merge_quarter."),
    "decoder 1/2": ("up_half.", "merge_half."), "label head": "label_head.", "mask head": "mask_head.",
}  # fmt: skip
MEASURES = {"accuracy in % (Eq. 6)": "accuracy", "Dice in % (Eq. 7)": "dice"}


def delta_picture(way: str, layer: str, epochs: int) -> str:
    """Return the weights before | after | Δ | how far each stage moved, as an HTML figure.

    Args:
        way: "encoder frozen" or "all tuned".
        layer: a name from `LAYERS`.
        epochs: of fine-tuning, 0 ... `EPOCHS`.

    Raises:
        ValueError: a name that is not in the menus, or another number of epochs.
    """
    run = tuned(sizes(), pick({name: name for name in (FROZEN, TUNED)}, way, "way"), max(sizes().budgets))
    name = pick(LAYERS, layer, "layer")
    if not 0 <= epochs <= EPOCHS:
        raise ValueError(f"epochs must lie in 0 ... {EPOCHS}, got {epochs}; move the slider")
    before, after = run.taken[name], run.states[epochs][name]
    delta = delta_weights({name: before}, {name: after})[name]
    limit = float(before.abs().quantile(0.99))
    picture = figure.row(
        figure.difference(laid_out(before), "pre-trained", limit),
        figure.difference(laid_out(after), f"after {epochs} epochs", limit),
        figure.difference(laid_out(delta), "Δweights, on a scale of its own") if delta.any()
        else figure.words("0 everywhere:\nnot one bit changed", "Δweights"),
        moved_panel(run, epochs),
        inches=2.9,
    )  # fmt: skip
    share = float(delta.norm() / before.double().norm())
    return figure.as_html(
        picture,
        alt=f"Weights of one layer ({layer}) before and after {epochs} epochs of fine-tuning ({way}), their "
        "difference, and bars of how far each stage of the model moved",
        caption=f"Hybrid of width {sizes().width}, {way}, {layer}: {before.numel():,} weights, kernel beside "
        f"kernel. ‖Δ‖ is {share:.1%} of ‖weights before‖. Pre-trained on {learned(sizes()).source}; fine-tuned "
        f"on {max(sizes().budgets)} phantoms of {TARGET}.",
        tier="phantom",
    )


def laid_out(weight: Tensor) -> Tensor:
    """Lay a layer's weights out as one map: (D, C, k, k), kernel beside kernel; (D, C) as it is.

    The D·C kernels, those of the first feature first, fill a table that is as nearly square as it can be.

    >>> import torch
    >>> laid_out(torch.zeros(8, 1, 3, 3)).shape, laid_out(torch.zeros(8, 16, 3, 3)).shape
    (torch.Size([6, 12]), torch.Size([24, 48]))
    """
    if weight.ndim == 2:
        return weight
    count = weight.shape[0] * weight.shape[1]
    rows = max(n for n in range(1, math.isqrt(count) + 1) if count % n == 0)
    return weight.reshape(rows, count // rows, *weight.shape[2:]).transpose(1, 2).flatten(2).flatten(0, 1)


def stage_moves(run: Tuned, epochs: int) -> dict[str, float]:
    """Return ‖Δ‖ / ‖weights before‖ of each stage; NaN where it has no weights from the source."""
    delta = delta_weights(run.taken, run.states[epochs])
    moves = {}
    for stage, prefix in STAGES.items():
        names = [name for name in delta if name.startswith(prefix)]
        start = math.hypot(*(run.taken[name].double().norm().item() for name in names))
        moved = math.hypot(*(delta[name].norm().item() for name in names))
        moves[stage] = moved / start if start else math.nan
    return moves


def moved_panel(run: Tuned, epochs: int) -> Panel:
    """Return a panel with one bar a stage, in percent of the weights before; "new" where there were none."""
    last, moves = stage_moves(run, EPOCHS), stage_moves(run, epochs)
    top = 100 * max(value for value in last.values() if value == value)

    def draw(axis: Axes) -> None:
        for place, value in enumerate(moves.values()):
            known = value == value
            axis.barh(place, 100 * value if known else 0.0, color=BLUE, height=0.6)
            text = "new, no Δ" if not known else f"{100 * value:.1f} %" if value else "0: not one bit"
            axis.text((100 * value if known else 0.0) + 0.03 * top, place, text, va="center", color=INK, fontsize=8)
        axis.set_yticks(range(len(moves)), list(moves))
        axis.set_xlim(0, 1.5 * top)
        axis.set_xticks([])
        axis.invert_yaxis()
        axis.set_title("‖Δ‖ / ‖before‖", color=INK, fontsize=11)
        _quiet(axis)

    return draw


def budget_picture(labels: str, measure: str) -> str:
    """Return the scores by number of labels | at one number, seed by seed, as an HTML figure.

    Args:
        labels: how many labelled images, as in the menu: "24".
        measure: a name from `MEASURES`.

    Raises:
        ValueError: a name that is not in the menus.
    """
    chosen = pick({str(n): n for n in sizes().budgets}, labels, "labels")
    field = pick(MEASURES, measure, "measure")
    runs = few_labels(progress=None)
    scores = {
        way: {n: [100 * run.dice if field == "dice" else run.accuracy for run in found] for n, found in of_way.items()}
        for way, of_way in runs.items()
    }
    means = {way: [sum(values) / len(values) for values in of_way.values()] for way, of_way in scores.items()}
    picture = figure.row(
        figure.curve(sizes().budgets, means, measure, "labelled images"),
        seeds_panel({way: scores[way][chosen] for way in WAYS}, f"with {labels} labels"),
        inches=3.8,
    )
    place = sizes().budgets.index(chosen)
    said = ", ".join(f"{way} {means[way][place]:.1f} %" for way in WAYS)
    return figure.as_html(
        picture,
        alt=f"Curves of the {measure} on test images by number of labelled images, for a frozen encoder, all tuned and "
        f"from scratch; beside them each seed's score with {labels} labels",
        caption=f"With {labels} labelled phantoms of {TARGET}: {said} (mean of {sizes().seeds} seeds; "
        f"{sizes().test} test images). Pre-trained on {learned(sizes()).source}. Every run takes the same number of "
        f"steps. Small images, a small model, few seeds: read the spread before the order.",
        tier="phantom",
    )


def seeds_panel(scores: dict[str, list[float]], title: str) -> Panel:
    """Return a panel with a point for each seed and a line at each way's mean."""

    def draw(axis: Axes) -> None:
        for place, (way, values) in enumerate(scores.items()):
            mean = sum(values) / len(values)
            axis.plot([place - 0.25, place + 0.25], [mean, mean], color=ORANGE, linewidth=2)
            axis.plot([place] * len(values), values, "o", color=BLUE, markersize=6, alpha=0.8)
        axis.set_xticks(range(len(scores)), [way.replace(" ", "\n", 1) for way in scores])
        axis.set_xlim(-0.6, len(scores) - 0.4)
        axis.set_title(title, color=INK, fontsize=11)
        axis.set_xlabel("points: seeds, line: their mean", color=INK, fontsize=9)
        _quiet(axis, shown=("left", "bottom"))
        axis.set_box_aspect(0.8)

    return draw


def _quiet(axis: Axes, shown: tuple[str, ...] = ("left",)) -> None:
    axis.set_facecolor("none")
    axis.tick_params(colors=INK, labelsize=9 if len(shown) > 1 else 8)
    axis.set_box_aspect(1)
    for name, side in axis.spines.items():
        side.set_visible(name in shown)
        side.set_edgecolor(INK)


def explore_delta() -> ipywidgets.VBox:
    """Return menus and a slider for `delta_picture`."""
    return linked(
        {
            "way": menu([TUNED, FROZEN], "way"),
            "layer": menu(list(LAYERS), "layer"),
            "epochs": slider(ipywidgets.IntSlider, EPOCHS, 0, EPOCHS, 1, "epochs of fine-tuning"),
        },
        delta_picture,
    )


def explore_budget() -> ipywidgets.VBox:
    """Return menus for `budget_picture`."""
    return linked(
        {
            "labels": menu([str(n) for n in sizes().budgets], "labelled images"),
            "measure": menu(list(MEASURES), "measure"),
        },
        budget_picture,
    )
