"""Specification curves: the lead of the hybrid under each reading and convention, sorted, and which ones they are.

For each metric, from top to bottom: the leads with their intervals, smallest first; the two models'
own values in the same order; a dot for each answer that a reading takes; a dot for its convention.
Middle grey ink on a transparent ground, for light and dark themes; nothing is told by colour alone.
"""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from medkit._files import write_whole
from medkit.curves import DOTS_PER_INCH, INK, STYLES
from medkit.multiverse import conventions, report
from medkit.multiverse.conventions import METRICS
from medkit.multiverse.readings import CHOICES, REFERENCE
from medkit.multiverse.specifications import Multiverse, Specification, specify
from medkit.table import leak_warning

HEIGHTS = (3.0, 2.2, 2.6, 1.3)  # of the four panels of a column, inches
SIZES = {"accuracy": 3.0, "Dice": 6.6, "F1": 5.6}  # widths of the columns, inches: by number of specifications
PRINTED = {"color": INK, "linestyle": (0, (5, 3)), "linewidth": 1.2}
SEEDS = {"color": INK, "alpha": 0.22, "linewidth": 0}
LETTERS = 170  # in a line of the title


def curves(records: list[dict]) -> Figure:
    """Return the figure of a multiverse.

    Args:
        records: as for `medkit.multiverse.report.render`.

    Raises:
        ValueError: records that are no pairs, or lack the reference reading.
    """
    found = specify(records)
    picture = Figure(figsize=(sum(SIZES.values()) + 2.4, sum(HEIGHTS) + 2.0), layout="constrained")
    picture.patch.set_alpha(0.0)
    picture.get_layout_engine().set(w_pad=0.06, h_pad=0.06)
    shape = {"height_ratios": HEIGHTS, "width_ratios": list(SIZES.values())}
    grid = picture.subplots(len(HEIGHTS), len(METRICS), sharex="col", gridspec_kw=shape)
    for metric, (lead, value, choice, convention) in zip(METRICS, grid.T):
        specs = found.of(metric)
        _draw_leads(lead, found, metric)
        _draw_values(value, specs, metric)
        _draw_choices(choice, specs, named=metric == METRICS[0])
        _draw_conventions(convention, specs, metric)
    lines = [line for text in title(found, records[0]) for line in textwrap.wrap(text, LETTERS)]
    picture.suptitle("\n".join(lines), color=INK, fontsize=10, parse_math=False)  # it names the data
    place = {"loc": "outside lower center", "ncols": 3}
    picture.legend(handles=_legend(found), **place, frameon=False, labelcolor=INK, fontsize=9)
    return picture


def title(found: Multiverse, record: dict) -> list[str]:
    """Return what was run and on what, with the warning where leaks were allowed."""
    warning = leak_warning([record])
    return [*([warning] if warning else []), *report.heading(found, record)]


def caption(records: list[dict]) -> str:
    """Return what must stand below the figure: data, what is drawn, and what it comes to."""
    found, first = specify(records), records[0]
    said = [". ".join(title(found, first)) + ".",
            "From top to bottom: lead of the hybrid over the CNN, smallest first, with 95 % interval (grey: of the "
            "reference reading over seeds, by the kit's own convention); both models' values; the answers that the "
            "reading takes; the convention."]  # fmt: skip
    said += [sentence for metric in METRICS for sentence in report.summary(found, metric)]
    return " ".join(said + report.notes(found, first))


def save(records: list[dict], path: Path) -> None:
    """Write the figure as a PNG, whole or not at all; the caption goes along as its description.

    Raises:
        ValueError: as for `curves`.
        OSError: disk full, no permission.
    """
    png, words = io.BytesIO(), {"Title": "The unstated choices", "Description": caption(records)}
    curves(records).savefig(png, format="png", dpi=DOTS_PER_INCH, metadata=words)
    write_whole(path, png.getvalue())


def _draw_leads(axis: Axes, found: Multiverse, metric: str) -> None:
    """Draw each lead with its interval, filled where that leaves out 0; the reference reading is a square."""
    specs, printed = found.of(metric), report.PRINTED[metric].margins()["CNN"]
    leads = found.leads_of_seeds(metric)
    if len(leads) > 1:
        axis.axhspan(min(leads), max(leads), **SEEDS)
    axis.vlines(range(len(specs)), *([s.lead[end] for s in specs] for end in (1, 2)), color=INK, linewidth=0.8)
    for marker, size, is_reference in (("o", _size(specs), False), ("s", _size(specs) + 2, True)):
        for fill, clear in ((INK, True), ("none", False)):
            at = [x for x, s in enumerate(specs) if (s.reading == REFERENCE, _is_clear(s)) == (is_reference, clear)]
            style = {"color": INK, "marker": marker, "markersize": size, "markerfacecolor": fill}
            axis.plot(at, [specs[x].lead.value for x in at], linestyle="none", **style)
    axis.set_xlim(-1, len(specs))
    axis.axhline(0, color=INK, linewidth=0.8)
    axis.axhline(printed, **PRINTED)
    _beside(axis, printed, f"printed\n{printed:+.1f}", "center")
    axis.set_title(f"{metric}: {len(specs)} specifications", color=INK, fontsize=11)
    _dress(axis, "hybrid - CNN, points" if metric == METRICS[0] else "")


def _draw_values(axis: Axes, specs: list[Specification], metric: str) -> None:
    """Draw both models' values, and the printed ones as lines."""
    for model, values in (("hybrid", [s.hybrid for s in specs]), ("CNN", [s.cnn for s in specs])):
        fill = {} if model == "hybrid" else {"markerfacecolor": "none"}
        style = {"color": STYLES[model]["color"], "marker": STYLES[model]["marker"], **fill}
        axis.plot(range(len(specs)), values, linestyle="none", markersize=_size(specs), **style)
        printed = report.PRINTED[metric].column[model][-1]
        axis.axhline(printed, **PRINTED)
        _beside(axis, printed, f"{model} {printed:.1f}", "bottom" if model == "hybrid" else "top")
    _dress(axis, "value, %" if metric == METRICS[0] else "")


def _draw_choices(axis: Axes, specs: list[Specification], named: bool) -> None:
    """Draw a dot for each answer that a reading takes; the kit's own answer is the upper one of each two."""
    for row, choice in enumerate(CHOICES):
        at = [2 * row + spec.reading.changed(choice) for spec in specs]
        _dots(axis, at, len(specs))
        if row % 2:
            axis.axhspan(2 * row - 0.5, 2 * row + 1.5, color=INK, alpha=0.1, linewidth=0)
    answers = [f"{c.letter}  {c.about}: {c.first}" for c in CHOICES], [c.other for c in CHOICES]
    _rows(axis, [answer for pair in zip(*answers) for answer in pair] if named else [""] * 2 * len(CHOICES))


def _draw_conventions(axis: Axes, specs: list[Specification], metric: str) -> None:
    """Draw a dot for the convention of each specification."""
    known = conventions.of(metric)
    _dots(axis, [known.index(spec.convention) for spec in specs], len(specs))
    _rows(axis, [convention.name for convention in known])
    axis.set_ylim(max(len(conventions.of(m)) for m in METRICS) - 0.5, -0.5)
    axis.set_xlabel("specifications, smallest lead first", color=INK, fontsize=9)


def _dots(axis: Axes, rows: list[int], count: int) -> None:
    axis.plot(range(count), rows, linestyle="none", marker="|", color=INK, markersize=6, markeredgewidth=1.6)


def _rows(axis: Axes, labels: list[str]) -> None:
    """Name the rows of a dot matrix, the first on top."""
    axis.set_ylim(len(labels) - 0.5, -0.5)
    _dress(axis, "")
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.tick_params(length=0)


def _dress(axis: Axes, unit: str) -> None:
    axis.set_ylabel(unit, color=INK, fontsize=9)
    axis.set_facecolor("none")
    axis.set_xticks([])
    axis.tick_params(colors=INK, labelsize=8)
    for name, side in axis.spines.items():
        side.set_visible(name == "left")
        side.set_edgecolor(INK)


def _beside(axis: Axes, height: float, text: str, place: str) -> None:
    """Write right of a panel, at a line."""
    axis.text(1.01, height, text, transform=axis.get_yaxis_transform(), color=INK, fontsize=8, va=place)


def _is_clear(spec: Specification) -> bool:
    """Say whether the lead's interval leaves out 0."""
    return spec.lead.low > 0 or spec.lead.high < 0


def _size(specs: list[Specification]) -> float:
    return 5.0 if len(specs) < 30 else 3.0


def _legend(found: Multiverse) -> list[Line2D | Patch]:
    seeds = f"{len(found.leads_of_seeds('accuracy'))} seed(s)"
    point = {"linestyle": "none", "markersize": 5}
    return [
        Line2D([], [], label="lead; its 95 % interval over test units leaves out 0", marker="o", color=INK, **point),
        Line2D([], [], label="lead; its interval holds 0", marker="o", color=INK, markerfacecolor="none", **point),
        Line2D([], [], label="the same, reference reading (no choice changed)", marker="s", color=INK,
               markerfacecolor="none", **point),
        Line2D([], [], label="the paper's printed value", **PRINTED),
        Line2D([], [], label="hybrid", marker=STYLES["hybrid"]["marker"], color=STYLES["hybrid"]["color"], **point),
        Line2D([], [], label="CNN", marker=STYLES["CNN"]["marker"], color=STYLES["CNN"]["color"],
               markerfacecolor="none", **point),
        Patch(label=f"leads of the reference reading over {seeds}: a difference as small is noise", **SEEDS),
    ]  # fmt: skip
