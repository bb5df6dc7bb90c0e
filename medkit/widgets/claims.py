"""What the sliders of notebook 12 do: a verdict on a planted lead, the leads on real sets."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Sequence

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from medkit import figure, paper
from medkit.claims import Evidence, Finding, gather, read_systems
from medkit.claims.questions import (
    FAILS, HOLDS, OPEN, SAME, SURE_UNITS, Compared, above, ask, compare, metrics_of, on_set, over_sets,
)  # fmt: skip
from medkit.claims.reading import RESULTS
from medkit.claims.tables import PRINTED, RANKS
from medkit.claims.trials import REAL, Trial
from medkit.claims.verdict import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED
from medkit.figure import BLUE, INK, ORANGE
from medkit.intervals import bootstrap_seeds, within
from medkit.runs import LINEAR
from medkit.widgets.controls import linked, menu, pick, slider
from medkit.widgets.records import committed, dress, nothing_there, several

BASE = 0.75  # the share of right answers in the middle between the two planted models
NOISE, DEVIATION = 0.05, 0.005  # how much a training differs on one patient, and as a whole
MOST_SEEDS, MOST_UNITS = 10, 1000
PRINTED_LEAD = paper.ACCURACY.margins()["CNN"]  # points
COMMAND = "python3 -m medkit reproduce --data {}"
OTHERS = (*RANKS[1:], LINEAR)
WORDS = {True: HOLDS, False: FAILS, None: OPEN}
LOOKS = {  # of a verdict's share: told apart by hatching as well as by colour
    REPRODUCED: {"facecolor": BLUE, "edgecolor": INK, "linewidth": 0.6},
    NOT_REPRODUCED: {"facecolor": ORANGE, "edgecolor": INK, "linewidth": 0.6, "hatch": "//"},
    INCONCLUSIVE: {"facecolor": "none", "edgecolor": INK, "linewidth": 0.6, "hatch": ".."},
}


# ---- one number: a planted lead, measured and judged


def planted(lead: float, units: int, seeds: int, luck: int) -> Tensor:
    """Return the answers of two models whose true accuracies lie `lead` points apart: (S, N, 3).

    The last axis holds, for each seed and patient: the first model is right, the second is, and 1.
    Patients differ in how hard they are, for both models alike; trainings differ a little.

    Args:
        lead: in points, from -20 to 20; units: patients, 2 to 1000; seeds: 1 to 10.
        luck: which patients come to the test, and how trainings go; the first ones stay if more come.

    Raises:
        ValueError: a number outside its range.
    """
    for what, value, least, most in (
        ("lead", lead, -20, 20),
        ("units", units, 2, MOST_UNITS),
        ("seeds", seeds, 1, MOST_SEEDS),
        ("luck", luck, 0, 9999),
    ):
        if not least <= value <= most:
            raise ValueError(f"{what} must lie between {least} and {most}, got {value}; give a number in between")
    draw = torch.Generator().manual_seed(luck)
    hard = torch.rand(MOST_UNITS, generator=draw)[:units]
    moved = NOISE * torch.randn(MOST_SEEDS, 2, MOST_UNITS, generator=draw)[:seeds, :, :units]
    as_a_whole = DEVIATION * torch.randn(MOST_SEEDS, 2, 1, generator=draw)[:seeds]
    share = torch.tensor([[BASE + lead / 200], [BASE - lead / 200]])
    right = (hard + moved < share + as_a_whole).double()
    return torch.stack([right[:, 0], right[:, 1], torch.ones_like(right[:, 0])], dim=-1)


@functools.cache
def measured(lead: float, units: int, seeds: int, luck: int, level: float = 0.95) -> Compared:
    """Return the planted lead as it is measured, in points, with its interval over seeds and patients."""
    parts = planted(lead, units, seeds, luck)
    found = bootstrap_seeds(
        parts, torch.arange(units), lambda sums: 100 * (sums[..., 0] - sums[..., 1]) / sums[..., 2], seed=0, level=level
    )
    return Compared(found, seeds, ())


def ruled(found: Compared, says: str) -> Finding:
    """Return what medkit.claims makes of one number on one set that is split by patients."""
    run = {"data": {"unit": SURE_UNITS[0], "modality": "MRI"}, "settings": {"epochs": paper.EPOCHS[-1]}}
    evidence = Evidence(trials={(REAL, ""): [Trial("planted", 1, (run,))]})
    return over_sets(evidence, lambda _: [ask("accuracy", "hybrid - CNN", found, says)], COMMAND)


def is_better(lead: float, units: int, seeds: int, luck: int) -> Finding:
    """Return the verdict on "the first model is better", by the rule of K1."""
    found = measured(lead, units, seeds, luck)
    return ruled(found, above(found))


def is_as_printed(lead: float, units: int, seeds: int, luck: int, margin: float) -> Finding:
    """Return the verdict on "it leads by the printed points", by the rule of K4 with a margin of your own."""
    found = measured(lead, units, seeds, luck, 0.90)
    return ruled(found, WORDS[within(found.interval, PRINTED_LEAD, margin)])


def verdicts(lead: float, units: int, seeds: int, lucks: Iterable[int]) -> Counter:
    """Count the verdicts of `is_better` over many tests of the same two models."""
    return Counter(is_better(lead, units, seeds, luck).verdict for luck in lucks)


@functools.cache
def verdict_picture(lead: float, units: int, seeds: int, margin: float, luck: int) -> str:
    """Return a measured lead against both margins, with both verdicts, as an HTML figure.

    Args:
        lead, units, seeds, luck: as for `planted`; margin: around the printed lead, in points, above 0.
    """
    better, printed = is_better(lead, units, seeds, luck), is_as_printed(lead, units, seeds, luck, margin)
    wide, narrow = measured(lead, units, seeds, luck), measured(lead, units, seeds, luck, 0.90)
    rows = (
        (f"above 0?\n(zone: ± {SAME:g})", wide, 0.0, SAME, better.verdict),
        (f"{PRINTED_LEAD:+g}?\n(zone: ± {margin:g})", narrow, PRINTED_LEAD, margin, printed.verdict),
    )
    return figure.as_html(
        figure.row(_verdicts(rows, lead), inches=6.4),
        alt=f"The measured lead of a planted model with its interval, twice: against 0 and against {PRINTED_LEAD:+g}",
        caption=f"Numbers drawn, not measured: planted lead {lead:+g} points (triangle), {units} patients, "
        f"{several(seeds, 'seed')}; measured {wide}. Better: {better.verdict} ({better.why}). The printed "
        f"{PRINTED_LEAD:+g} ± {margin:g}, 90 % interval {narrow}: {printed.verdict}.",
        tier="phantom",
    )


def _verdicts(rows: tuple, lead: float) -> figure.Panel:
    def draw(axis: Axes) -> None:
        reach = max(12.0, *(abs(end) + 1 for _, found, *_ in rows for end in found.interval[:3] if not math.isnan(end)))
        for height, (_, found, middle, margin, word) in zip((2, 1), rows):
            value, low, high = found.interval[:3]
            zone = [middle - margin, middle + margin]
            axis.fill_betweenx([height - 0.38, height + 0.38], *zone, color=INK, alpha=0.28, linewidth=0)
            axis.hlines(height, low, high, color=BLUE, linewidth=2.5)
            axis.plot(value, height, "o", color=BLUE, markersize=8)
            axis.plot(lead, height + 0.3, "v", color=ORANGE, markersize=7, markerfacecolor="none")
            beside = {"transform": axis.get_yaxis_transform(), "color": INK, "fontsize": 10, "va": "center"}
            axis.text(1.02, height, word, **beside)
        axis.axvline(0, color=INK, linewidth=0.8)
        axis.set_xlim(-reach, reach)
        axis.set_ylim(0.45, 2.55)
        axis.set_yticks((2, 1), [row[0] for row in rows])
        axis.set_xlabel("first model − second model, points", color=INK, fontsize=9)
        axis.set_box_aspect(0.32)
        dress(axis)

    return draw


def explore_verdict() -> ipywidgets.VBox:
    """Return sliders for `verdict_picture`."""
    return linked(
        {
            "lead": slider(ipywidgets.FloatSlider, 3.0, -10.0, 10.0, 0.5, "planted lead (points)"),
            "units": slider(ipywidgets.IntSlider, 100, 10, MOST_UNITS, 10, "patients in the test"),
            "seeds": slider(ipywidgets.IntSlider, 3, 1, MOST_SEEDS, 1, "seeds"),
            "margin": slider(ipywidgets.FloatSlider, 2.0, 0.5, 6.0, 0.5, "margin around the printed lead (points)"),
            "luck": slider(ipywidgets.IntSlider, 0, 0, 30, 1, "another test (luck)"),
        },
        verdict_picture,
    )


def worlds_picture(counts: dict[str, list[Counter]], units: Sequence[int], seeds: int) -> str:
    """Return how often each verdict is given, by the size of the test, as an HTML figure.

    Args:
        counts: for each world, and each of `units`, what `verdicts` counted; seeds: of each test.

    Raises:
        ValueError: a world that was not tested at each size.
    """
    if any(len(found) != len(units) for found in counts.values()):
        raise ValueError(f"counts must hold {len(units)} sizes for each world, got others; count at each of units")
    tests = sum(next(iter(counts.values()))[0].values())
    picture = Figure(figsize=(3.2 * len(counts), 3.6), layout="constrained")
    picture.patch.set_alpha(0.0)
    for axis, (world, found) in zip(picture.subplots(1, len(counts), squeeze=False)[0], counts.items()):
        below = [0.0] * len(units)
        for word, look in LOOKS.items():
            share = [100 * one[word] / tests for one in found]
            axis.bar(range(len(units)), share, bottom=below, width=0.8, **look)
            below = [low + more for low, more in zip(below, share)]
        axis.set_xticks(range(len(units)), units)
        axis.set_ylim(0, 105)
        axis.set_title(world, color=INK, fontsize=11)
        axis.set_xlabel("patients in the test", color=INK, fontsize=9)
        axis.set_ylabel("tests, %", color=INK, fontsize=9)
        dress(axis)
    legend = [Patch(label=word, **look) for word, look in LOOKS.items()]
    picture.legend(handles=legend, loc="outside lower center", ncols=3, frameon=False, labelcolor=INK, fontsize=9)
    return figure.as_html(
        picture,
        alt=f"Shares of the three verdicts in {len(counts)} planted worlds, by the number of patients in the test",
        caption=f"Numbers drawn, not measured: {tests} tests of each world and size, {several(seeds, 'seed')} each.",
        tier="phantom",
    )


# ---- the leads on real sets


@functools.cache
def evidence() -> Evidence:
    """Return all records that come with the kit, sorted into what may be compared."""
    systems = [record for record in read_systems() if "/local/" not in record["file"]] if RESULTS.is_dir() else []
    return gather([record for records in committed().values() for record in records], systems)


@functools.cache
def forest_picture(metric: str, other: str) -> str:
    """Return the hybrid's lead on each real set with its interval, margin and printed lead, as an HTML figure.

    Args:
        metric: "accuracy", "dice" or "f1"; other: one of `OTHERS`.
    """
    table = pick(PRINTED, metric, "metric")
    pick(dict.fromkeys(OTHERS), other, "other")
    rows = []
    for trial in evidence().of(REAL):
        for name, called in metrics_of(trial, metric):
            found = compare(trial.of(RANKS[0]), trial.of(other), name)
            if found is not None:
                seen = on_set(trial, [ask(called, "", found, above(found))])
                rows.append((trial, called, found, seen))
    if not rows:
        return nothing_there()
    printed = table.margins().get(other)
    beside = f"Dashed: the printed {printed:+g} points. " if printed is not None else ""
    votes = sum(_counts(trial, seen) for trial, _, _, seen in rows)
    return figure.as_html(
        figure.row(_forest(rows, printed), inches=7.4),
        alt=f"The hybrid's lead over {other} in {metric} on {len(rows)} real sets, each with its interval",
        caption=f"Real sets, {metric}: hybrid less {other}, points, with 95 % intervals over units and seeds. Grey: no "
        f"difference, ± {SAME:g}. {beside}Filled: the set is split by patients and large enough for a vote "
        f"({votes} of {len(rows)}). Runs: {_lengths(rows)}.",
        tier="real",
    )


def _counts(trial: Trial, seen) -> bool:
    return not seen.limits and trial.data["unit"] in SURE_UNITS


def _lengths(rows: list[tuple]) -> str:
    return ", ".join(sorted({trial.length or "as long as the paper's" for trial, *_ in rows}))


def _forest(rows: list[tuple], printed: float | None) -> figure.Panel:
    def draw(axis: Axes) -> None:
        names = []
        for height, (trial, called, found, seen) in zip(range(len(rows), 0, -1), rows):
            value, low, high = found.interval[:3]
            fill = BLUE if _counts(trial, seen) else "none"
            axis.hlines(height, low, high, color=BLUE, linewidth=2.2)
            axis.plot(value, height, "s", color=BLUE, markersize=8, markerfacecolor=fill)
            beside = {"transform": axis.get_yaxis_transform(), "color": INK, "fontsize": 9, "va": "center"}
            axis.text(1.02, height, f"{found}  {seen.says}", **beside)
            short = called.replace(" (one class dominates)", "")
            unit = trial.data["unit"].split(",")[0]
            units = f"{found.interval.n_groups} units ({unit}), {several(found.seeds, 'seed')}"
            names.append(f"{trial.title}, {short}\n{units}")
        axis.axvspan(-SAME, SAME, color=INK, alpha=0.28, linewidth=0)
        axis.axvline(0, color=INK, linewidth=0.8)
        if printed is not None:
            axis.axvline(printed, color=INK, linewidth=1.4, linestyle=(0, (5, 3)))
        axis.set_yticks(range(len(rows), 0, -1), names)
        axis.set_ylim(0.4, len(rows) + 0.6)
        axis.set_xlabel("points", color=INK, fontsize=9)
        axis.set_box_aspect(0.16 * len(rows) + 0.1)
        dress(axis)

    return draw


def explore_forest() -> ipywidgets.VBox:
    """Return menus for `forest_picture`."""
    return linked({"metric": menu(list(PRINTED), "metric"), "other": menu(OTHERS, "hybrid less")}, forest_picture)
