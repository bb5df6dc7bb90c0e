"""What the sliders of notebook 11 do: a row of Tables 4, 5 and 7 as a picture, and what the unit of a test is."""

from __future__ import annotations

import functools
import math

import ipywidgets
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from medkit import figure
from medkit.curves import STYLES
from medkit.evidence import value_of
from medkit.figure import BLUE, INK, ORANGE
from medkit.intervals import Interval, bootstrap_mean
from medkit.paper import EPOCHS
from medkit.runs import by_model, linear_of, most_frequent
from medkit.table import BLOCKS
from medkit.widgets.controls import linked, menu, pick, slider
from medkit.widgets.records import committed, comparisons, dress, nothing_there, several

METRICS = {"accuracy": "accuracy", "balanced accuracy": "balanced_accuracy", "Dice": "dice", "F1": "f1"}
TRUTH, STUDIES, DRAWN = 0.7, 40, 30  # of `unit_picture`: the accuracy, how many studies, and how many are drawn
REPEATS = 200  # of each bootstrap there
USUAL = "us-class"  # what is shown first, where it is there: a real set, small, with labels and masks


# ---- a cell as a picture


@functools.cache
def cell_picture(name: str, metric: str, row: int) -> str:
    """Return each model's mean with its interval beside the paper's number and the two baselines, as an HTML figure.

    Args:
        name: a folder of `comparisons(committed())`.
        metric: one of `METRICS`.
        row: which report epoch, 1 to 5.

    Raises:
        ValueError: a name that is not in the menus, or another row.
    """
    shown = comparisons(committed())
    if not shown:
        return nothing_there()
    records, key = pick(shown, name, "name"), pick(METRICS, metric, "metric")
    if row not in range(1, len(EPOCHS) + 1):
        raise ValueError(f"row must be a whole number from 1 to {len(EPOCHS)}, got {row}; Tables 4-7 have as many rows")
    data, models = records[0]["data"], by_model(records)
    first = next(iter(models.values()))[0]
    where = f"{data['title']}, epoch {first['result'][row - 1]['epoch']} of a run of {first['settings']['epochs']}"
    lacking = _lacking(data, key)
    if lacking:
        return figure.as_html(
            figure.row(figure.words(lacking, metric)),
            alt=f"An empty panel: {name} has no {metric}, for the set has {lacking}",
            caption=f"{where}: {lacking}, and so no {metric}.",
            tier=data["tier"],
        )
    values = {model: value_of(runs, key, row - 1) for model, runs in models.items()}
    linear = linear_of(records)
    if linear is not None:
        values["linear baseline"] = value_of([linear], key)
    always = most_frequent(data).get(key)
    block = next(block for block in BLOCKS if block.metric == key)
    printed = {model: block.printed.column[model][row - 1] for model in models} if block.printed else {}
    few, many = (end(map(len, models.values())) for end in (min, max))
    seeds = several(few, "seed") if few == many else f"{few} to {many} seeds"
    return figure.as_html(
        figure.row(_cells(metric, values, printed, always), inches=6.0),
        alt=f"{name}, {metric}: the mean and the interval of each model, with the printed value and the baselines",
        caption=f"{where}: {metric} of {max(v.n for v in values.values())} test images, "
        f"{min(v.n_groups for v in values.values())} units ({data['unit']}), mean over {seeds} with 95 % "
        f"interval over units and seeds{'' if data['unit'] == 'patient' else ', probably too narrow'}. "
        + _beside(key, printed, always),
        tier=data["tier"],
    )


def _beside(key: str, printed: dict, always: float | None) -> str:
    simple = "no mask in any image" if key == "dice" else "always the most frequent class"
    paper = "Hollow: the paper's value at the same share of its run. " if printed else ""
    return paper + (f"Dotted: {simple}, {always:.1f} %." if always is not None else "")


def _lacking(data: dict, key: str) -> str:
    if key == "dice":
        return "" if data["masks"] else "no masks"
    return "" if any(data["truth"]["scored"]) else "no labels"


def _cells(metric: str, values: dict[str, Interval], printed: dict[str, float], always: float | None) -> figure.Panel:
    def draw(axis: Axes) -> None:
        for height, (model, found) in zip(range(len(values), 0, -1), values.items()):
            value, low, high = (100 * number for number in found[:3])
            style = STYLES.get(model, {"color": INK, "marker": "P"})
            look = {"color": style["color"], "marker": style["marker"], "markersize": 8}
            if not math.isnan(low):
                axis.hlines(height, low, high, color=style["color"], linewidth=2.2)
            axis.plot(value, height, **look)
            if model in printed:
                axis.plot(printed[model], height, **{**look, "color": INK, "markerfacecolor": "none"})
            ends = "" if math.isnan(low) else f" [{low:.1f}, {high:.1f}]"
            beside = {"transform": axis.get_yaxis_transform(), "color": INK, "fontsize": 9, "va": "center"}
            axis.text(1.02, height, f"{value:.1f}{ends}", **beside)
        if always is not None:
            axis.axvline(always, color=INK, linewidth=1.4, linestyle=(0, (1, 1.5)))
        axis.set_yticks(range(len(values), 0, -1), values)
        axis.set_ylim(0.4, len(values) + 0.6)
        axis.set_xlim(-2, 102)
        axis.set_xlabel(f"{metric}, %", color=INK, fontsize=9)
        axis.set_box_aspect(0.45)
        dress(axis)

    return draw


def explore_cells() -> ipywidgets.VBox:
    """Return menus and a slider for `cell_picture`."""
    names = list(comparisons(committed())) or ["no records"]
    return linked(
        {
            "name": menu(names, "records", USUAL if USUAL in names else names[0]),
            "metric": menu(list(METRICS), "metric"),
            "row": slider(ipywidgets.IntSlider, len(EPOCHS), 1, len(EPOCHS), 1, "report epoch, 1 to 5"),
        },
        cell_picture,
    )


# ---- what a unit is


@functools.cache
def unit_picture(patients: int, slices: int, likeness: float) -> str:
    """Return the intervals of many small studies, by slice and by patient, as an HTML figure.

    In each study other patients come to the test, and a model is right on 70 % of all slices there are.

    Args:
        patients: in each study, 2 or more; slices: of each patient, 1 or more.
        likeness: how much slices of one patient resemble each other: 0 not at all, 1 entirely (the
            correlation between two slices of one patient).

    Raises:
        ValueError: a number outside its range.
    """
    for what, value, least in (("patients", patients, 2), ("slices", slices, 1)):
        if value < least:
            raise ValueError(f"{what} must be {least} or more, got {value}; give a larger number")
    if not 0 <= likeness <= 1:
        raise ValueError(f"likeness must lie between 0 and 1, got {likeness}; 0.5 is halfway")
    by_slice, by_patient = [], []
    for study in range(STUDIES):
        right = _answers(study, patients, slices, likeness)
        group = torch.arange(patients).repeat_interleave(slices)
        by_patient.append(bootstrap_mean(right, group, seed=study, repeats=REPEATS))
        by_slice.append(bootstrap_mean(right, torch.arange(len(right)), seed=study, repeats=REPEATS))
    hits = [sum(one.low <= TRUTH <= one.high for one in found) / STUDIES for found in (by_slice, by_patient)]
    panels = (
        _studies(by_slice, f"by slice: {hits[0]:.0%} hold the truth"),
        _studies(by_patient, f"by patient: {hits[1]:.0%} hold the truth"),
    )
    return figure.as_html(
        figure.row(*panels, inches=3.6),
        alt=f"Intervals of {DRAWN} studies, resampled by slice and by patient, with a line at the truth",
        caption=f"Numbers drawn, not measured: {STUDIES} studies of {patients} patients with {slices} slices each, "
        f"likeness {likeness:.2f}; the first {DRAWN} are drawn. Of the 95 % intervals {hits[0]:.0%} hold the true "
        f"accuracy of {TRUTH:.0%} if slices are drawn again, {hits[1]:.0%} if whole patients are. Dashed with a cross: "
        f"misses it.",
        tier="phantom",
    )


def _answers(study: int, patients: int, slices: int, likeness: float) -> Tensor:
    """Return right (1) and wrong (0) of each slice, patient after patient: (patients · slices,)."""
    draw = np.random.default_rng([7, study])
    chance = np.full(patients, TRUTH)
    if likeness == 1:
        chance = (draw.random(patients) < TRUTH).astype(float)
    elif likeness > 0:
        strength = 1 / likeness - 1
        chance = draw.beta(TRUTH * strength, (1 - TRUTH) * strength, patients)
    return torch.as_tensor((draw.random((patients, slices)) < chance[:, None]).astype(np.float32).ravel())


def _studies(found: list[Interval], title: str) -> figure.Panel:
    def draw(axis: Axes) -> None:
        drawn = found[:DRAWN]
        hits = [one.low <= TRUTH <= one.high for one in drawn]
        for hit, colour, line, marker in ((True, BLUE, "-", "."), (False, ORANGE, "--", "x")):
            at = [height for height, held in enumerate(hits) if held == hit]
            value, low, high = ([100 * drawn[height][end] for height in at] for end in range(3))
            axis.hlines(at, low, high, color=colour, linestyle=line, linewidth=1.6)
            axis.plot(value, at, marker, color=colour, markersize=6)
        axis.axvline(100 * TRUTH, color=INK, linewidth=1.2)
        axis.set_title(title, color=INK, fontsize=11)
        axis.set_xlim(30, 102)
        axis.set_xlabel("accuracy, %", color=INK, fontsize=9)
        axis.set_ylabel("studies", color=INK, fontsize=9)
        axis.set_yticks([])
        axis.set_box_aspect(0.9)
        dress(axis, ("bottom",))

    return draw


def explore_units() -> ipywidgets.VBox:
    """Return sliders for `unit_picture`."""
    return linked(
        {
            "patients": slider(ipywidgets.IntSlider, 20, 5, 40, 5, "patients"),
            "slices": slider(ipywidgets.IntSlider, 10, 1, 20, 1, "slices of each patient"),
            "likeness": slider(ipywidgets.FloatSlider, 0.5, 0.0, 1.0, 0.1, "likeness of a patient's slices"),
        },
        unit_picture,
    )
