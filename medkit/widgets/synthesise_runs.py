"""Whether made images help, in notebook 16, from the records that come with the kit."""

from __future__ import annotations

import functools

import ipywidgets
from matplotlib.axes import Axes

from medkit import figure
from medkit.evidence import difference_of, value_of
from medkit.intervals import Interval
from medkit.runs import most_frequent
from medkit.synthesise.run import REAL, STUDY
from medkit.widgets.controls import linked, menu, pick
from medkit.widgets.records import committed, dress, nothing_there, studies

METRICS = {"Dice": "dice", "accuracy": "accuracy"}
ARMS = tuple(arm.name for arm in STUDY.arms)
LOOKS = dict(zip(ARMS, ((figure.INK, "o"), (figure.ORANGE, "s"), (figure.BLUE, "^"), (figure.BLUE, "D")), strict=True))


@functools.cache
def records() -> dict[str, list[dict]]:
    """Return the kit's records of this study by the name of the set's folder, real sets first."""
    return {name.removeprefix(f"{STUDY.name}-"): found for name, found in studies(committed(), STUDY.name).items()}


@functools.cache
def measured(data: str, metric: str) -> dict[int, dict[str, tuple[Interval, Interval | None]]]:
    """Return by number of labels and arm: the value, and what it is less real images alone; None for these."""
    found: dict[int, dict] = {}
    for labels in sorted({one["arm"]["labels"] for one in records()[data]}):
        runs = {name: [one for one in records()[data] if one["arm"] == {"name": name, "labels": labels}] for name in ARMS}
        found[labels] = {
            name: (value_of(mine, metric), None if name == REAL else difference_of(mine, runs[REAL], metric))
            for name, mine in runs.items()
            if mine
        }
    return found


def labels_picture(data: str, metric: str) -> str:
    """Return each arm by its number of labels, and its difference to real images alone, as an HTML figure.

    Args:
        data: a set that has records, such as "us". metric: "Dice" or "accuracy".

    Raises:
        ValueError: no such set or metric.
    """
    if not records():
        return nothing_there()
    runs = pick(records(), data, "data")
    found = measured(data, pick(METRICS, metric, "metric"))
    about = runs[0]["data"]
    always = most_frequent(about).get("accuracy") if metric == "accuracy" else None
    seeds = len({one["seed"] for one in runs})
    off = [
        f"{name} with {labels} labels {100 * gap.value:+.1f} points [{100 * gap.low:.1f}, {100 * gap.high:.1f}]"
        for labels, arms in found.items()
        for name, (_, gap) in arms.items()
        if gap is not None and (gap.low > 0 or gap.high < 0)
    ]
    picture = figure.row(_panel(found, 0, f"{metric}, %", always), _panel(found, 1, f"less {REAL} images alone, points", 0.0), inches=4.2)
    return figure.as_html(
        picture,
        alt=f"{metric} of four ways to fill a training, at {' and '.join(map(str, found))} labels, with intervals, and differences to real images",
        caption=f"{about['title']}, {about['test']} test images, {seeds} seeds; bars: 95 % intervals. "
        + ("Dashed, left: always the most frequent class. " if always is not None else "")
        + (f"Intervals that leave 0 out: {'; '.join(off)}." if off else "No difference has an interval that leaves 0 out."),
        tier=about["tier"],
    )


def explore_labels() -> ipywidgets.VBox:
    """Return menus for `labels_picture`."""
    names = list(records()) or ["none"]
    return linked({"data": menu(names, "data"), "metric": menu(list(METRICS), "measure")}, labels_picture)


def _panel(found: dict, part: int, title: str, line: float | None) -> figure.Panel:
    def draw(axis: Axes) -> None:
        for place, arms in enumerate(found.values()):
            for step, (name, parts) in enumerate(arms.items()):
                one = parts[part]
                if one is None:
                    continue
                colour, marker = LOOKS[name]
                value, low, high = (100 * number for number in one[:3])
                fill = "none" if marker == "D" else colour
                axis.errorbar(
                    place + 0.16 * (step - 1.5), value, [[value - low], [high - value]], color=colour, marker=marker, markerfacecolor=fill,
                    capsize=3, linestyle="none", label=name if place == len(found) - 1 else None,
                )  # fmt: skip
        if line is not None:
            axis.axhline(line, color=figure.INK, linestyle="--", linewidth=1.2)
        axis.set_xticks(range(len(found)), [f"{labels} labels" for labels in found])
        axis.set_xlim(-0.6, len(found) - 0.4)
        axis.set_title(title, color=figure.INK, fontsize=11)
        axis.set_box_aspect(0.8)
        dress(axis)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, frameon=False, labelcolor=figure.INK, fontsize=8, columnspacing=1.0)

    return draw
