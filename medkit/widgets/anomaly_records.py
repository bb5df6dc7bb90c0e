"""What detectors reached, in notebook 14: from the records that come with the kit, each interval beside chance."""

from __future__ import annotations

import functools
import statistics

import ipywidgets
from matplotlib.axes import Axes

from medkit import figure
from medkit.anomaly.measures import CHANCE
from medkit.anomaly.run import HEALTHY_ONLY, KIND, SENSITIVITY, SUPERVISED
from medkit.anomaly.show import HEADS
from medkit.claims import read_systems
from medkit.claims.reading import RESULTS
from medkit.widgets.controls import linked, menu, pick
from medkit.widgets.records import dress


@functools.cache
def records() -> dict[str, tuple[dict, ...]]:
    """Return the kit's records of detectors by the title of their set, real sets first; the reader's own are left out."""
    found: dict[str, list[dict]] = {}
    for one in read_systems() if RESULTS.is_dir() else ():
        if one["kind"] == KIND and "/local/" not in one["file"]:
            found.setdefault(one["data"]["title"], []).append(one)
    order = sorted(found, key=lambda title: (found[title][0]["data"]["tier"] != "real", -found[title][0]["test"]["groups"]))
    return {title: tuple(found[title]) for title in order}


def spans(runs: tuple[dict, ...], name: str) -> dict[str, tuple[float, float, float]]:
    """Return for each method that was measured so: the mean over seeds, and the ends of the seeds' intervals."""
    found = {}
    for method in (*HEALTHY_ONLY, *SUPERVISED):
        of = [one["measures"][name] for one in runs if one["method"] == method and name in one["measures"]]
        if of and not any(None in one for one in of):
            found[method] = statistics.mean(one[0] for one in of), min(one[1] for one in of), max(one[2] for one in of)
    return found


def chance_of(runs: tuple[dict, ...], name: str) -> float | None:
    """Return what a detector without information gets, None where that depends on its threshold."""
    test = runs[0]["test"]
    return {**CHANCE, "ap": test["anomalous"] / test["images"]}.get(name)


def shown_above(runs: tuple[dict, ...], name: str) -> list[str]:
    """Return the detectors whose intervals lie wholly above chance in all seeds."""
    chance = chance_of(runs, name)
    return [method for method, (_, low, _) in spans(runs, name).items() if chance is not None and low > chance]


def records_picture(where: str, measure: str) -> str:
    """Return what each detector reached on a set, with intervals, as an HTML figure.

    Args:
        where: title of a set in `records`; measure: one of `show.HEADS`' words, such as "AUROC".

    Raises:
        ValueError: no such set or measure.
    """
    runs = pick(records(), where, "where")
    name = pick({head: key for key, head in HEADS.items()}, measure, "measure")
    found, data, test = spans(runs, name), runs[0]["data"], runs[0]["test"]
    if not found:
        panel, said = figure.words("not measured:\nno masks", measure), "the set has no masks, so no pixel can be judged."
    else:
        panel, said = _panel(found, measure, _line_of(runs, name)), _said(runs, name)
    picture = figure.row(panel, inches=7.2)
    picture.set_figheight(4.0)
    return figure.as_html(
        picture,
        alt=f"{measure} of {len(found)} detectors on {where} as points with intervals, and a dashed line",
        caption=f"{where}, {data['size']} × {data['size']}, {test['images']} test images, {test['anomalous']} anomalous; {said} Circles: trained on "
        "healthy images alone; square: with labels. Points: mean over seeds; bars: from the lowest to the highest end of the seeds' 95 % intervals.",
        tier=data["tier"],
    )


def explore_records() -> ipywidgets.VBox:
    """Return menus for `records_picture`."""
    return linked({"where": menu(list(records()), "set"), "measure": menu(list(HEADS.values()), "measure")}, records_picture)


def _line_of(runs: tuple[dict, ...], name: str) -> float | None:
    return SENSITIVITY if name == "sensitivity" else chance_of(runs, name)


def _said(runs: tuple[dict, ...], name: str) -> str:
    if name == "sensitivity":
        return f"dashed: {SENSITIVITY:.0%}, what the threshold finds on validation images."
    if name == "alarms":
        unit, number = runs[0]["data"]["unit"], runs[0]["test"]["healthy groups"]
        return f"flagged images of a healthy {unit}, of whom there are {number}, where {SENSITIVITY:.0%} of the anomalies are to be found."
    above = shown_above(runs, name)
    return f"dashed: chance, {chance_of(runs, name):.2f}. Above it in all seeds: {'; '.join(above) if above else 'none'}."


def _panel(found: dict[str, tuple[float, float, float]], measure: str, line: float | None) -> figure.Panel:
    def draw(axis: Axes) -> None:
        for row, (method, (middle, low, high)) in enumerate(reversed(found.items())):
            labelled = method in SUPERVISED
            look = {"color": figure.ORANGE if labelled else figure.BLUE, "marker": "s" if labelled else "o", "markersize": 7}
            axis.plot([low, high], [row, row], color=look["color"], linewidth=2.2)
            axis.plot([middle], [row], markeredgecolor=figure.INK, **look)
        if line is not None:
            axis.axvline(line, color=figure.INK, linestyle="--", linewidth=1.6)
        axis.set_yticks(range(len(found)), labels=list(found)[::-1])
        axis.set_xlabel(measure, color=figure.INK, fontsize=9)
        dress(axis)

    return draw
