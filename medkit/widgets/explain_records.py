"""What the records of explained models say, drawn for notebook 15: inside the lesion or not, and the test of untrained weights."""

from __future__ import annotations

import functools
import math

import ipywidgets
from matplotlib.axes import Axes

from medkit import figure
from medkit.claims import read_systems
from medkit.claims.reading import RESULTS
from medkit.explain import show
from medkit.explain.run import CENTRE, LOT
from medkit.intervals import Interval
from medkit.runs import every_model
from medkit.widgets.controls import linked, menu, pick
from medkit.widgets.records import dress, several

MEASURES = {"mass of the map": "mass", "pointing game": "pointing"}


@functools.cache
def records() -> dict[str, tuple[dict, ...]]:
    """Return the records of explained models that come with the kit, by their set, real ones first."""
    found = read_systems() if RESULTS.is_dir() else []
    mine = [one for one in found if one["kind"] == "explain" and "/local/" not in one["file"]]
    titles = sorted({one["data"]["title"] for one in mine if one["data"]["tier"] == "real"})
    titles += sorted({one["data"]["title"] for one in mine} - {*titles})
    return {title: tuple(one for one in mine if one["data"]["title"] == title) for title in titles}


def methods(runs: list[dict]) -> list[str]:
    """Return the maps of a model's records; the centre and the lot are none of its own."""
    return [method for method in runs[0]["methods"] if method not in (CENTRE, LOT)]


# ---- inside the lesion


def inside_picture(data: str, measured: str) -> str:
    """Return how far each model's maps point at the lesion, from the kit's records, as an HTML figure.

    Args:
        data: a title in `records()`; measured: one of `MEASURES`.

    Raises:
        ValueError: no such set or measure.
    """
    found, measure = list(pick(records(), data, "data")), pick(MEASURES, measured, "measure")
    spans, better = spans_of(data, measure), ahead(data, measure)
    picture = figure.row(_spans_panel(spans, measured), inches=6.6)
    picture.set_figheight(3.9)
    seeds = len({one["seed"] for one in found})
    return figure.as_html(
        picture,
        alt=f"{measured} of {len(spans) - 2} maps as points with intervals, and lines at chance and at what the middle gets",
        caption=f"{data}, {len(found[0]['group'])} test images with a lesion, {several(seeds, 'seed')}: {measured}, with 95 % intervals over "
        f"seeds and units. Dashed: chance, {100 * spans[show.CHANCE].value:.1f} %; dotted: a map of the middle, {100 * spans[CENTRE].value:.1f} %. "
        f"Above the middle on the same images, interval above 0: {', '.join(better) or 'none'}.",
        tier=found[0]["data"]["tier"],
    )


@functools.cache
def spans_of(data: str, measure: str) -> dict[str, Interval]:
    """Return the interval of each model's each map, of the middle and of chance."""
    together = every_model(list(records()[data]))
    spans = {f"{name}, {method}": show.value(runs, method, measure) for name, runs in together.items() for method in methods(runs)}
    some = next(iter(together.values()))
    return spans | {one: show.value(some, one, measure) for one in (CENTRE, show.CHANCE)}


@functools.cache
def ahead(data: str, measure: str) -> tuple[str, ...]:
    """Return the maps whose lead over the middle, on the same images, has its whole interval above 0."""
    together = every_model(list(records()[data]))
    every = [(name, runs, method) for name, runs in together.items() for method in methods(runs)]
    return tuple(f"{method} of the {name}" for name, runs, method in every if show.lead(runs, method, measure, CENTRE).low > 0)


def explore_inside() -> ipywidgets.VBox:
    """Return menus for `inside_picture`."""
    controls = {"data": menu(list(records()), "data"), "measured": menu(list(MEASURES), "measure", "pointing game")}
    return linked(controls, inside_picture)


def _spans_panel(spans: dict[str, Interval], title: str) -> figure.Panel:
    names = [name for name in spans if name not in (show.CHANCE, CENTRE)][::-1]

    def draw(axis: Axes) -> None:
        for row, name in enumerate(names):
            value, low, high = (100 * end for end in spans[name][:3])
            axis.plot([low, high], [row, row], "-", color=figure.BLUE, linewidth=2.5)
            axis.plot([value], [row], "o", color=figure.ORANGE, markeredgecolor=figure.INK, markersize=7)
        axis.axvline(100 * spans[show.CHANCE].value, color=figure.INK, linestyle="--", linewidth=2)
        axis.axvline(100 * spans[CENTRE].value, color=figure.INK, linestyle=":", linewidth=2)
        axis.set_yticks(range(len(names)), labels=names)
        axis.set_xlim(left=-1)
        axis.set_xlabel(f"{title}, %; dashed: chance, dotted: the middle", color=figure.INK, fontsize=9)
        dress(axis)

    return draw


# ---- untrained weights


def cascade_picture(data: str, model: str) -> str:
    """Return how much of each map is left as weights become untrained, from the kit's records, as an HTML figure.

    Args:
        data: a title in `records()`; model: one that these have, such as "hybrid".

    Raises:
        ValueError: no such set or model.
    """
    found = pick(records(), data, "data")
    runs = [one for one in found if one["model"] == pick({one["model"]: one["model"] for one in found}, model, "model")]
    left = {method: kept(data, model, method) for method in methods(runs)}
    parts = ["trained", *show.parts(runs, "Grad-CAM")]
    flat = [method for method, line in left.items() if any(math.isnan(one) for one in line)]
    picture = figure.row(_lines_panel(left, parts), inches=6.0)
    picture.set_figheight(3.6)
    said = f" {', '.join(flat)}: maps without any difference, which can't be compared." if flat else ""
    alike = len({tuple(round(one, 2) for one in line) for method, line in left.items() if method not in flat})
    said += " Lines that are the same lie on each other." if alike < len(left) - len(flat) else ""
    return figure.as_html(
        picture,
        alt=f"Rank correlation of the {model}'s maps with those of the trained weights as {len(parts) - 1} parts become untrained, one line a method",
        caption=f"{data}, {model}: mean rank correlation with the trained model's map, as one part after the other gets untrained weights, from the "
        f"label's head down. 1: the same map; 0: another one.{said}",
        tier=found[0]["data"]["tier"],
    )


@functools.cache
def kept(data: str, model: str, method: str) -> tuple[float, ...]:
    """Return the mean similarity of a model's maps by one method, before and after each part was replaced."""
    runs = [one for one in records()[data] if one["model"] == model]
    found = [1.0]
    for part in show.parts(runs, method):
        found.append(show.interval(runs, lambda run: run["methods"][method]["similarity"][part]).value)
    return tuple(found)


def explore_cascade() -> ipywidgets.VBox:
    """Return menus for `cascade_picture`."""
    models = list(dict.fromkeys(one["model"] for found in records().values() for one in found))
    return linked({"data": menu(list(records()), "data"), "model": menu(models, "model", "hybrid")}, cascade_picture)


def _lines_panel(left: dict[str, tuple[float, ...]], parts: list[str]) -> figure.Panel:
    panel = figure.curve(range(len(parts)), {name: list(line) for name, line in left.items()}, "what is left of the map", "untrained from the label down to")

    def draw(axis: Axes) -> None:
        panel(axis)
        axis.set_box_aspect(None)
        axis.axhline(0, color=figure.INK, linewidth=1)
        axis.set_xticks(range(len(parts)), labels=parts)
        axis.set_ylim(-0.6, 1.1)

    return draw
