"""What the kit's records say of domain shift, for notebook 17: each held-out set, inside and outside."""

from __future__ import annotations

import functools
from pathlib import PurePosixPath

import ipywidgets
from matplotlib.axes import Axes

from medkit import evidence, figure
from medkit.claims import read_systems
from medkit.claims.reading import RESULTS
from medkit.intervals import Interval
from medkit.shift import show
from medkit.shift.runs import FIXED, ITSELF, KIND, OTHERS, SCALES
from medkit.widgets.controls import linked, menu, pick
from medkit.widgets.records import dress, nothing_there, several

MEASURES = {"Dice": "dice", "balanced accuracy": "balanced_accuracy"}
SHORT = {scale.removesuffix(" of each image"): scale for scale in SCALES}
BARS = {ITSELF: ("on itself", figure.BLUE, ""), OTHERS: ("on the others", figure.ORANGE, "//"), FIXED: ("fixed answer", "#b9b9b9", "")}


@functools.cache
def records() -> dict[str, tuple[dict, ...]]:
    """Return the records of domain shift that come with the kit, by folder, real sets first; the reader's own are left out."""
    found: dict[str, list[dict]] = {}
    for one in read_systems() if RESULTS.is_dir() else []:
        if one["kind"] == KIND and "/local/" not in one["file"]:
            found.setdefault(PurePosixPath(one["file"]).parent.name, []).append(one)
    order = sorted(found, key=lambda name: (found[name][0]["data"]["tier"] != "real", -len(found[name]), name))
    return {name: tuple(found[name]) for name in order}


def models_in(folder: str) -> tuple[str, ...]:
    """Return the models that a folder's records have, the fixed answer left out."""
    return tuple(dict.fromkeys(one["model"] for one in records()[folder] if one["model"] != FIXED))


def targets_in(folder: str, measure: str) -> tuple[str, ...]:
    """Return the held-out sets of a folder that a measure can say something of."""
    found = records()[folder]
    return tuple(target for target in dict.fromkeys(one["target"] for one in found) if show.asked(found, target, measure))


def values(folder: str, target: str, model: str, scale: str, measure: str) -> dict[str, Interval]:
    """Return the value of the model trained on the target, of that trained on the others, and of the fixed answer, 0 ... 1."""
    mine = [one for one in records()[folder] if one["target"] == target]
    runs = {on: [one for one in mine if (one["model"], one["scale"], one["trained"]) == (model, scale, on)] for on in (ITSELF, OTHERS)}
    runs[FIXED] = [one for one in mine if one["model"] == FIXED]
    return {name: evidence.value_of(some, measure) for name, some in runs.items() if some}


def lost_picture(measure: str = "Dice", scale: str = "min-max", folder: str | None = None) -> str:
    """Return what models are worth on each held-out set, inside and outside, and what is lost, as an HTML figure.

    Args:
        measure: "Dice" or "balanced accuracy"; scale: one of `SHORT`; folder: of `records()`, the first where None.

    Raises:
        ValueError: no such measure, scale or folder.
    """
    asked, long = pick(MEASURES, measure, "measure"), pick(SHORT, scale, "scale")
    if not records():
        return nothing_there()
    folder = next(iter(records())) if folder is None else folder
    found = pick(records(), folder, "record")
    model = "hybrid" if "hybrid" in models_in(folder) else models_in(folder)[0]
    targets = targets_in(folder, asked)
    worth = {target: values(folder, target, model, long, asked) for target in targets}
    lost = {target: show.gap(found, target, model, long, asked) for target in targets}
    picture = figure.row(_worth(worth, measure), _lost(lost), inches=4.6)
    picture.set_figheight(1.5 + 0.75 * len(targets))
    said = "; ".join(f"{target} {lost[target].points('+')}" for target in targets)
    return figure.as_html(
        picture,
        alt=f"Bars: {measure} of the {model} on {len(targets)} sets, trained there and elsewhere; beside them what is lost, with intervals",
        caption=f"{model}, {scale}, {several(len({one['seed'] for one in found if one['model'] == model}), 'seed')}, results/{folder}. Plain bars: trained "
        f"on the set itself; hatched: on the others, as many steps; pale: an answer that never looks. Lost, in points of {measure}: {said}. Whiskers "
        "and [ ]: 95 % over seeds and test units.",
        tier=found[0]["data"]["tier"],
    )


def explore_lost() -> ipywidgets.VBox:
    """Return menus for `lost_picture`: the record's folder too, where there are several."""
    controls = {"measure": menu(list(MEASURES), "measure"), "scale": menu(list(SHORT), "scaled by")}
    if len(records()) > 1:
        controls["folder"] = menu(list(records()), "record")
    return linked(controls, lost_picture)


def _worth(worth: dict[str, dict[str, Interval]], measure: str) -> figure.Panel:
    def draw(axis: Axes) -> None:
        for place, (name, (label, colour, hatch)) in enumerate(BARS.items()):
            rows = [(row, found[name]) for row, found in enumerate(worth.values()) if name in found]
            _bars(axis, [row + 0.27 * (place - 1) for row, _ in rows], [one for _, one in rows], colour, hatch, label)
        axis.set_yticks(range(len(worth)), list(worth))
        axis.invert_yaxis()
        axis.set_xlim(0, 100)
        axis.set_xlabel(f"{measure}, %", color=figure.INK, fontsize=9)
        axis.set_title("worth on the held-out set", color=figure.INK, fontsize=11)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.52 / (0.75 * len(worth) + 0.35)), ncols=3, frameon=False, labelcolor=figure.INK, fontsize=9)
        dress(axis)

    return draw


def _lost(lost: dict[str, Interval]) -> figure.Panel:
    def draw(axis: Axes) -> None:
        rows = list(enumerate(lost.values()))
        middle = [100 * one.value for _, one in rows]
        reach = [[100 * (one.value - one.low) for _, one in rows], [100 * (one.high - one.value) for _, one in rows]]
        axis.errorbar(middle, [row for row, _ in rows], xerr=reach, fmt="o", color=figure.ORANGE, ecolor=figure.INK, capsize=3)
        axis.axvline(0, color=figure.INK, linewidth=1.5)
        axis.axvline(-5, color=figure.INK, linestyle="--", linewidth=1.5)
        axis.set_yticks(range(len(lost)), list(lost))
        axis.set_ylim(len(lost) - 0.5, -0.5)
        axis.set_xlim(right=10)
        axis.set_xlabel("others less itself, points; dashed: -5", color=figure.INK, fontsize=9)
        axis.set_title("lost on the way", color=figure.INK, fontsize=11)
        dress(axis)

    return draw


def _bars(axis: Axes, rows: list[float], found: list[Interval], colour: str, hatch: str, label: str) -> None:
    values = [100 * one.value for one in found]
    reach = [[100 * (one.value - one.low) for one in found], [100 * (one.high - one.value) for one in found]]
    look = {"color": colour, "edgecolor": figure.INK, "ecolor": figure.INK, "hatch": hatch, "capsize": 2}
    axis.barh(rows, values, 0.25, xerr=reach, label=label, **look)
