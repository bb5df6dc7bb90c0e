"""Tables 4-7 from records: the paper's number beside mean [95 % interval] over seeds and test units.

A record is one run, as `medkit.experiment.run` returns it; a table takes the runs of all models and
seeds on one set, whichever machine they come from, and the linear baseline's. `sheet` makes the
tables, `medkit.markup` writes them as text, HTML or LaTeX.
"""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

from medkit import markup, paper
from medkit.data.container import PATIENTS
from medkit.evidence import difference_of, value_of
from medkit.intervals import Interval
from medkit.markup import Sheet, Table
from medkit.runs import (
    by_model,
    check_alike,
    chosen_on_validation,
    headline,
    linear_of,
    most_frequent,
    number_of,
    protocol_of,
)

TOO_FEW = 10.0  # points; wider than this either side, an interval decides nothing
LEAKS_SHOWN = 5  # of those found; the record holds all


class Block(NamedTuple):
    """One table: its heading, the metric in a record, the paper's table, and the factor to its unit."""

    heading: str
    metric: str
    printed: paper.ResultTable | None
    factor: float


BLOCKS = (
    Block("Table 4 · accuracy, %", "accuracy", paper.ACCURACY, 1.0),
    Block("beside Table 4 · balanced accuracy, %", "balanced_accuracy", None, 1.0),
    Block("beside Table 4 · AUROC, % (mean over seeds, no interval)", "auroc", None, 100.0),
    Block("Table 5 · Dice, %", "dice", paper.DICE, 100.0),
    Block("Table 6 · time for one image: paper in seconds, measured in milliseconds", "time", paper.TIME, 1000.0),
    Block("Table 7 · F1, % (macro)", "f1", paper.F1, 100.0),
)
FOR_DOMINATED = ("balanced_accuracy", "auroc")


def render(records: list[dict]) -> str:
    """Return `sheet(records)` in plain text."""
    return markup.as_text(sheet(records))


def as_html(records: list[dict]) -> str:
    """Return `sheet(records)` as a whole HTML file."""
    return markup.html_page(sheet(records))


def as_latex(records: list[dict]) -> str:
    r"""Return `sheet(records)` for `\input` in a LaTeX document."""
    return markup.as_latex(sheet(records))


def sheet(records: list[dict]) -> Sheet:
    """Return runs as Tables 4-7, with all that must be known to read them.

    Args:
        records: one for each model and seed, of one set and one protocol; "linear" among them, if it
            was run, stands below the tables as what a model without depth is worth.

    Raises:
        ValueError: no record of a model, or records that can't stand in one table.
    """
    check_alike(records)
    dominated = records[0]["data"]["dominated"]
    blocks = [block for block in BLOCKS if dominated or block.metric not in FOR_DOMINATED]
    tables = tuple(Table(block.heading, *_cells(records, block), below(records, block)) for block in blocks)
    return Sheet(heading(records), leak_warning(records), tables, (against_linear(records), *notes(records)))


def heading(records: list[dict]) -> tuple[str, str]:
    """Return what was run, in two lines."""
    models = by_model(records)
    first = next(iter(models.values()))[0]
    data, epochs, whole = first["data"], first["settings"]["epochs"], paper.EPOCHS[-1]
    kind = f"short run: {epochs} of {whole} epochs" if epochs != whole else f"{whole} epochs, as in Table 3"
    runs = [run for runs in models.values() for run in runs]
    seeds = ", ".join(map(str, sorted({run["seed"] for run in runs})))
    machines = ", ".join(sorted({run["machine"]["gpu"] or "CPU" for run in runs}))
    protocol = f"{protocol_of(first)} protocol, preset {first['protocol'].get('preset', 'not named')}"
    return (
        f"Tables 4-7 · {protocol} · {kind} · seeds {seeds} · {machines}",
        f"{data['title']} · {data['modality']} · tier: {data['tier']} · {data['size']} × {data['size']} pixels · "
        f"{data['train']} training, {data['test']} test images",
    )


def leak_warning(records: list[dict]) -> str:
    """Return what must stand in large letters where leaks were allowed; else nothing."""
    if not any(record["data"].get("leaks_allowed") for record in records):
        return ""
    if any(record["data"].get("leaks") for record in records):
        return "LEAKY: test images have twins or relatives in training; counts for nothing"
    return "LEAKS ALLOWED: none was found, but nothing would have stopped them"


def measured(runs: list[dict], block: Block, row: int) -> str:
    """Return a cell: the mean over a model's runs, and its interval."""
    if block.metric == "time":
        times = [run["clock"]["time"][row]["batch 1"] for run in runs]
        middle, low, high = (statistics.median(time[key] for time in times) for key in ("seconds", "low", "high"))
        return "{:.2f} [{:.2f}, {:.2f}]".format(*(block.factor * value for value in (middle, low, high)))
    if any(run["result"][row][block.metric] is None for run in runs):
        return _lacking(block)
    values = [number_of(run["result"][row], block.metric) for run in runs]
    if None in values:
        return "none"
    mean = f"{statistics.fmean(values) * block.factor:.1f}"
    if block.metric == "auroc":
        return mean
    interval = value_of(runs, block.metric, row)
    return mean if math.isnan(interval.low) else f"{mean} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def below(records: list[dict], block: Block) -> tuple[str, ...]:
    """Return what stands below a table: n, unit and seeds; and, but for times, the two baselines."""
    models, data = by_model(records), records[0]["data"]
    runs = [run for runs in models.values() for run in runs]
    if block.metric == "time":
        repeats = sorted({run["clock"]["time"][-1]["batch 1"]["repeats"] for run in runs})
        return (f"n = {_span(repeats)} repeats for each seed, {_seeds(models)} a model",)
    if any(run["result"][-1][block.metric] is None for run in runs):
        return (f"{_lacking(block)}, so there is nothing to compare with",)
    n = sorted({run["result"][-1][block.metric]["n"] for run in runs})
    always = most_frequent(data).get(block.metric)
    worth = "none" if always is None else f"{always:.1f}"
    simple = "no mask in any image" if block.metric == "dice" else "always the most frequent class"
    linear = linear_of(records)
    answer = "not run" if linear is None else f"measured: {measured([linear], block, -1)}"
    return (
        f"n = {_span(n)} images, {_units(runs, block.metric)} test units ({data['unit']}), {_seeds(models)} a model"
        + _too_narrow(data),
        f"{simple}: {worth}",
        f"linear baseline{',' if linear else ':'} {answer}",
    )


def against_linear(records: list[dict]) -> str:
    """Say whether the model chosen on validation data is shown to be better than the linear baseline."""
    try:
        model = chosen_on_validation(records)
    except ValueError:
        return "Best model on validation data: not known, for not all records hold measurements on it."
    said, linear = f"Best model on validation data: {model}. ", linear_of(records)
    if linear is None:
        return said + "Whether it is better than the linear baseline is not known: linear baseline not run."
    runs, data = by_model(records)[model], linear["data"]
    metric = headline(data)
    found = difference_of(runs, [linear], metric)
    answer = ("shown" if found.low > 0 else "not shown") + ("; but leaky" if leak_warning(records) else "")
    return (
        f"{said}Its {metric.replace('_', ' ')} less the linear baseline's, on the same test images: "
        f"{_points(found)} points; n = {runs[0]['result'][-1][metric]['n']} images, {found.n_groups} test units "
        f"({data['unit']}), {_seeds({model: runs})}{_too_narrow(data)}. Better than the linear baseline: {answer}."
    )


def notes(records: list[dict]) -> list[str]:
    """Return the sentences without which the numbers mislead."""
    models = by_model(records)
    runs = [run for runs in models.values() for run in runs]
    first = runs[0]
    data, last = first["data"], first["result"][-1]
    said = [f"A row stands beside the paper's row at the same share of its {paper.EPOCHS[-1]} epochs."]
    said.append(f"[ ]: 95 % interval, resampling the test's units and the training's seeds; {_seeds(models)} a model.")
    if min(map(len, models.values())) < 5:
        said.append("Fewer than 5 seeds: the intervals understate how much a training varies.")
    said += [_how_sure(data), _rates(models)]
    if last["f1"] is not None:
        said.append(f"F1: {last['f1']['convention']}.")
    if data["dominated"] and last.get("cut") is not None:
        said.append("Balanced accuracy: by the probability that did best on validation images; accuracy and F1: by 0.5.")
    if data["masks"]:
        said.append(f"Dice: {last['dice']['convention']}; n differs between runs, for a false alarm counts.")
    else:
        said.append("This set has no masks: the label head was trained alone, and there is no Dice.")
    clock = first["clock"]["time"][-1]["batch 1"]
    said.append(f"Time: {clock['inside']}; median over seeds [quartiles of the repeats], after the training.")
    parameters = ", ".join(f"{model} {runs[0]['parameters']:,}" for model, runs in models.items())
    seconds = {model: statistics.fmean(sum(run["clock"]["training"]) for run in runs) for model, runs in models.items()}
    said.append(f"Parameters: {parameters}.")
    said.append("Seconds of training: " + ", ".join(f"{model} {value:.0f}" for model, value in seconds.items()) + ".")
    said += [f"{run['model']}, seed {run['seed']}: {note}" for run in runs for note in run["notes"]]
    said += [f"Not in this run: {left_out}." for left_out in first["left_out"]]
    return said + _leaks(data) + list(data["notes"])


def _cells(records: list[dict], block: Block) -> tuple[tuple[str, ...], tuple[str, str], tuple[tuple[str, ...], ...]]:
    """Return models, heads, and a row for each report epoch: for each model the paper's number and ours."""
    models, rows = by_model(records), []
    epochs = next(iter(models.values()))[0]["settings"]["report_epochs"]
    for row, epoch in enumerate(epochs):
        printed = {model: f"{block.printed.column[model][row]:.1f}" if block.printed else "-" for model in models}
        pairs = ((printed[model], measured(runs, block, row)) for model, runs in models.items())
        rows.append((str(epoch), *(cell for pair in pairs for cell in pair)))
    return tuple(models), ("paper", "measured"), tuple(rows)


def _lacking(block: Block) -> str:
    return "no masks" if block.metric == "dice" else "no labels"


def _units(runs: list[dict], metric: str) -> int:
    """Count the test units that have a value."""
    truth = runs[0]["data"]["truth"]
    known = truth["scored"]
    if metric == "dice":
        each = zip(*(run["result"][-1]["dice_each"] for run in runs))
        known = [any(value is not None for value in image) for image in each]
    return len({group for group, has in zip(truth["group"], known) if has})


def _how_sure(data: dict) -> str:
    """Say how wide a 95 % interval of an accuracy of 50 % is; wider is none with this n."""
    points = 196 * math.sqrt(0.25 / data["test_units"])
    said = f"n = {data['test_units']} test units ({data['unit']}): 95 % intervals reach up to ± {points:.0f} points"
    few = "; n is too small to conclude anything" if points > TOO_FEW else ""
    return f"{said}{few}{_too_narrow(data)}."


def _too_narrow(data: dict) -> str:
    """Mark intervals over units that may share a patient; nothing can widen them by the right amount."""
    return "" if data["unit"] in PATIENTS else "; intervals are probably too narrow"


def _rates(models: dict[str, list[dict]]) -> str:
    settings = {model: runs[0]["settings"] for model, runs in models.items()}
    first = next(iter(settings.values()))
    schedule = "sinking along half a cosine" if first.get("cosine") else "constant"
    rates = {model: f"{one['learning_rate']:g}" for model, one in settings.items() if "learning_rate" in one}
    if len(set(rates.values())) > 1:
        return f"Learning rate, {schedule}: " + ", ".join(f"{model} {rate}" for model, rate in rates.items()) + "."
    return f"Learning rate: {next(iter(rates.values()), 'not recorded')}, {schedule}."


def _leaks(data: dict) -> list[str]:
    leaks = data.get("leaks", [])
    rest = len(leaks) - LEAKS_SHOWN
    return [f"Leak: {leak}" for leak in leaks[:LEAKS_SHOWN]] + ([f"And {rest} leaks more."] if rest > 0 else [])


def _points(found: Interval) -> str:
    value, low, high = (f"{100 * number:+.1f}" for number in found[:3])
    return value if math.isnan(found.low) else f"{value} [{low}, {high}]"


def _seeds(models: dict[str, list[dict]]) -> str:
    counts = _span(sorted({len(runs) for runs in models.values()}))
    return f"{counts} seed{'' if counts == '1' else 's'}"


def _span(numbers: list[int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[-1] else f"{numbers[0]} to {numbers[-1]}"
