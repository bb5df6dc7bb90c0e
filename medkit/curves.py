"""Learning curves from records: each metric of Tables 4, 5, 7 and the loss over epochs, a line for each model.

The picture stands on a transparent ground with middle grey ink, so that it can be read in a light
theme and in a dark one; models differ by marker and dashes as well as by colour. No pyplot.
"""

from __future__ import annotations

import io
import math
import statistics
import textwrap
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from medkit._files import write_whole
from medkit.evidence import value_of
from medkit.runs import by_model, check_alike, headline, linear_of, most_frequent, number_of
from medkit.table import BLOCKS, Block, heading, leak_warning

INK = "#7b7b7b"  # 4.2 : 1 on white and 4.5 : 1 on JupyterLab's dark #111
STYLES = {  # M. Okabe and K. Ito's colours, which the colour-blind can tell apart
    "CNN": {"color": "#0072b2", "marker": "o", "linestyle": "-"},
    "U-Net": {"color": "#d55e00", "marker": "s", "linestyle": "--"},
    "Transformer": {"color": "#009e73", "marker": "^", "linestyle": ":"},
    "hybrid": {"color": "#cc79a7", "marker": "D", "linestyle": "-."},
}
PAPER = {"color": INK, "linestyle": (0, (4, 4)), "linewidth": 0.7, "markersize": 3.5, "markerfacecolor": "none"}
ALWAYS = {"color": INK, "linestyle": (0, (1, 1.5)), "linewidth": 1.2}
LINEAR = {"color": INK, "linestyle": "-", "linewidth": 1.2}
DOTS_PER_INCH, LETTERS = 144, 110  # of the file; in a line of the title


class Curve(NamedTuple):
    """What one line and its band show: for each epoch the mean, and the band's ends (NaN: no band)."""

    epochs: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


def learning_curves(records: list[dict]) -> Figure:
    """Return a figure with a panel for each metric that the records hold, and one for the training loss.

    Args:
        records: as for `medkit.table.sheet`.

    Lines are means over seeds. A metric's band is the 95 % interval over seeds and test units, as in
    the tables; the loss's, which no test unit has a part in, reaches from the lowest seed to the
    highest. A metric that not all runs have, such as Dice without masks, has no panel.

    Raises:
        ValueError: records that don't belong together.
    """
    check_alike(records)
    models, blocks = by_model(records), _blocks(records)
    losses = all("loss" in run for runs in models.values() for run in runs)
    count = len(blocks) + losses
    if not count:
        raise ValueError("records must hold accuracy, Dice, F1 or losses, got none of them; run them again")
    columns = min(count, 2)
    rows = math.ceil(count / columns)
    picture = Figure(figsize=(4.8 * columns, 3.6 * rows + 1.3), layout="constrained")
    picture.patch.set_alpha(0.0)
    picture.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    axes = picture.subplots(rows, columns, squeeze=False).ravel()
    for axis, block in zip(axes, blocks):
        _draw_metric(axis, records, block)
    if losses:
        _draw_loss(axes[len(blocks)], models)
    for axis in axes[count:]:
        axis.set_axis_off()
    lines = [line for text in _title(records) for line in textwrap.wrap(text, LETTERS * columns // 2)]
    weight = "bold" if leak_warning(records) else "normal"
    picture.suptitle("\n".join(lines), color=INK, fontsize=10, fontweight=weight, parse_math=False)  # it names the data
    place = {"loc": "outside lower center", "ncols": 2 * columns}
    picture.legend(handles=_legend(records), **place, frameon=False, labelcolor=INK, fontsize=9)
    return picture


def caption(records: list[dict]) -> str:
    """Return what must stand below the figure: data, tier, n, seeds, and what lines and bands are."""
    models, data = by_model(records), records[0]["data"]
    says = [*_title(records), f"n = {data['test']} test images of {data['test_units']} units ({data['unit']})"]
    said = [". ".join(text.rstrip(".") for text in says) + "."]
    said.append("Lines: mean over seeds. Bands: 95 % interval over seeds and test units; of the loss, range of seeds.")
    if data["unit"] != "patient":
        said.append("The bands are probably too narrow.")
    if any(len(runs) == 1 for runs in models.values()):
        said.append("A model with one seed: its band knows nothing of how a training varies.")
    said.append("Thin and dashed: the paper's printed values, by marker, at the same share of its run.")
    said.append(
        "Dotted: always the most frequent class, or no mask in any image. "
        + ("Solid and grey: the linear baseline. " if linear_of(records) else "Linear baseline: not run. ")
        + "Where these lie far below the curves, their values stand under the panel."
    )
    return " ".join(said)


def save(records: list[dict], path: Path) -> None:
    """Write the learning curves as a PNG, whole or not at all; the caption goes along as its description.

    Raises:
        ValueError: records that don't belong together.
        OSError: disk full, no permission.
    """
    png = io.BytesIO()
    learning_curves(records).savefig(
        png, format="png", dpi=DOTS_PER_INCH, metadata={"Title": "Learning curves", "Description": caption(records)}
    )
    write_whole(path, png.getvalue())


def curve_of(runs: list[dict], block: Block) -> Curve:
    """Return a metric of one model at the report epochs, in the table's unit."""
    found = [value_of(runs, block.metric, row) for row in range(len(runs[0]["result"]))]
    mean, low, high = ([100 * interval[i] for interval in found] for i in range(3))
    return Curve([row["epoch"] for row in runs[0]["result"]], mean, low, high)


def loss_of(runs: list[dict]) -> Curve:
    """Return the training loss of one model, epoch by epoch; one seed has no band."""
    epochs = [row["epoch"] for row in runs[0]["loss"]]
    by_epoch = list(zip(*([row["loss"] for row in run["loss"]] for run in runs)))
    ends = ([end(values) if len(runs) > 1 else math.nan for values in by_epoch] for end in (min, max))
    return Curve(epochs, [statistics.fmean(values) for values in by_epoch], *ends)


def _blocks(records: list[dict]) -> list[Block]:
    """Return the tables that become panels, of those that have values: the headline, Dice, F1."""
    rows = [row for runs in by_model(records).values() for run in runs for row in run["result"]]
    wanted = {headline(records[0]["data"]), "dice", "f1"}
    has = {metric for metric in wanted if all(number_of(row, metric) is not None for row in rows)}
    return [block for block in BLOCKS if block.metric in has]


def _draw_metric(axis: Axes, records: list[dict], block: Block) -> None:
    for model, runs in by_model(records).items():
        curve = curve_of(runs, block)
        if block.printed:
            axis.plot(curve.epochs, block.printed.column[model], marker=STYLES[model]["marker"], **PAPER)
        _draw_curve(axis, model, curve)
    low, high = axis.get_ylim()
    below = []
    for name, value, style in _baselines(records, block):
        if value < low - (high - low):  # so far down that its line would press all others together
            below.append(f"{name} {value:.1f}")
        else:
            axis.axhline(value, **style)
    _label(axis, *block.heading.split(" · "), curve.epochs)
    if below:
        axis.set_xlabel(f"epoch\nfar below this range: {', '.join(below)}", color=INK, fontsize=9)


def _baselines(records: list[dict], block: Block) -> list[tuple[str, float, dict]]:
    """Return name, value in the table's unit, and style of the baselines that have this metric."""
    always, linear = most_frequent(records[0]["data"]).get(block.metric), linear_of(records)
    found = []
    if linear is not None and number_of(linear["result"][-1], block.metric) is not None:
        found.append(("linear baseline", 100 * value_of([linear], block.metric).value, LINEAR))
    if always is not None:
        found.append(("no mask" if block.metric == "dice" else "most frequent class", always, ALWAYS))
    return found


def _draw_loss(axis: Axes, models: dict[str, list[dict]]) -> None:
    for model, runs in models.items():
        _draw_curve(axis, model, loss_of(runs), [epoch - 1 for epoch in runs[0]["settings"]["report_epochs"]])
    _label(axis, "on training images", "training loss, no unit", runs[0]["settings"]["report_epochs"])


def _draw_curve(axis: Axes, model: str, curve: Curve, marked: list[int] | None = None) -> None:
    style = STYLES[model]
    axis.fill_between(curve.epochs, curve.low, curve.high, color=style["color"], alpha=0.14, linewidth=0)
    axis.plot(curve.epochs, curve.mean, linewidth=1.8, markersize=5, markevery=marked, **style)


def _label(axis: Axes, title: str, unit: str, epochs: list[int]) -> None:
    axis.set_title(title, color=INK, fontsize=11)
    axis.set_xlabel("epoch", color=INK, fontsize=9)
    axis.set_ylabel(unit, color=INK, fontsize=9)
    axis.set_xticks(epochs)
    axis.set_facecolor("none")
    axis.tick_params(colors=INK, labelsize=9)
    for name, side in axis.spines.items():
        side.set_visible(name in ("left", "bottom"))
        side.set_edgecolor(INK)


def _legend(records: list[dict]) -> list[Line2D | Patch]:
    """Return what all panels share, each once."""
    lines = [Line2D([], [], label=model, linewidth=1.8, markersize=5, **STYLES[model]) for model in by_model(records)]
    lines.append(Patch(color=INK, alpha=0.3, linewidth=0, label="95 % interval (loss: range of seeds)"))
    lines.append(Line2D([], [], label="the paper's values, by marker", **PAPER))
    lines.append(Line2D([], [], label="most frequent class, or no mask", **ALWAYS))
    if linear_of(records) is not None:
        lines.append(Line2D([], [], label="linear baseline", **LINEAR))
    return lines


def _title(records: list[dict]) -> list[str]:
    """Return what was run and on what, as above the tables, with the warning where leaks were allowed."""
    run, data = heading(records)
    warning = leak_warning(records)
    return [*([warning] if warning else []), run.replace("Tables 4-7", "Learning curves"), data]
