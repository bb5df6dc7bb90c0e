"""Tables 4-7 from records: the paper's number beside mean [95 % interval] over seeds and test units.

A record is one run, as `medkit.experiment.run` returns it; a table takes the runs of all models and
seeds on one set, whichever machine they come from.
"""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

from medkit import paper
from medkit.evidence import value_of

TOO_FEW = 10.0  # points; wider than this either side, an interval decides nothing


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
    """Return runs as Tables 4-7 in plain text, with all that must be known to read them.

    Args:
        records: one for each model and seed; of one set and one protocol.

    Raises:
        ValueError: no record, or records that can't stand in one table.
    """
    _check_alike(records)
    dominated = records[0]["data"]["dominated"]
    blocks = [b for b in BLOCKS if dominated or b.metric not in FOR_DOMINATED]
    parts = [heading(records), *(f"\n{block.heading}\n{body(records, block)}" for block in blocks), ""]
    return "\n".join([*parts, *(f"· {note}" for note in notes(records))])


def heading(records: list[dict]) -> str:
    """Return what was run, in two lines."""
    data, settings = records[0]["data"], records[0]["settings"]
    whole = paper.EPOCHS[-1]
    short = settings["epochs"] != whole
    kind = f"short run: {settings['epochs']} of {whole} epochs" if short else f"{whole} epochs, as in Table 3"
    seeds = sorted({record["seed"] for record in records})
    machines = sorted({record["machine"]["gpu"] or "CPU" for record in records})
    return (
        f"Tables 4-7 · {kind} · seeds {', '.join(map(str, seeds))} · {', '.join(machines)}\n"
        f"{data['title']} · {data['modality']} · tier: {data['tier']} · {data['size']} × {data['size']} pixels · "
        f"{data['train']} training, {data['test']} test images"
    )


def body(records: list[dict], block: Block) -> str:
    """Return one table: a row for each report epoch, for each model the paper's number and ours."""
    models = by_model(records)
    lines = [["", *(cell for model in models for cell in ("", model))], ["epoch", *("paper", "measured") * len(models)]]
    for row, epoch in enumerate(records[0]["settings"]["report_epochs"]):
        line = [str(epoch)]
        for model, runs in models.items():
            line.append(f"{block.printed.column[model][row]:.1f}" if block.printed else "-")
            line.append(measured(runs, block, row))
        lines.append(line)
    return _aligned(lines)


def measured(runs: list[dict], block: Block, row: int) -> str:
    """Return a cell: the mean over a model's runs, and its interval."""
    if block.metric == "time":
        times = [run["clock"]["time"][row]["batch 1"] for run in runs]
        middle, low, high = (statistics.median(time[key] for time in times) for key in ("seconds", "low", "high"))
        return "{:.2f} [{:.2f}, {:.2f}]".format(*(block.factor * value for value in (middle, low, high)))
    found = [run["result"][row][block.metric] for run in runs]
    if any(metric is None for metric in found):
        return "no masks"
    if any(metric["value"] is None or math.isnan(metric["value"]) for metric in found):  # JSON has no NaN
        return "none"
    values = [metric["value"] * block.factor for metric in found]
    mean = statistics.fmean(values)
    if block.metric == "auroc":
        return f"{mean:.1f}"
    interval = value_of(runs, block.metric, row)
    ends = "" if math.isnan(interval.low) else f" [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
    return f"{mean:.1f}{ends}"


def notes(records: list[dict]) -> list[str]:
    """Return the sentences without which the numbers mislead."""
    first, models = records[0], by_model(records)
    data, last = first["data"], first["result"][-1]
    said = [f"A row stands beside the paper's row at the same share of its {paper.EPOCHS[-1]} epochs."]
    counts = sorted({len(runs) for runs in models.values()})
    seeds = " to ".join(str(n) for n in sorted({counts[0], counts[-1]}))
    said.append(f"[ ]: 95 % interval, resampling the test's units and the training's seeds; {seeds} seeds a model.")
    if counts[0] < 5:
        said.append("Fewer than 5 seeds: the intervals understate how much a training varies.")
    if data["majority"] is not None:  # JSON's NaN, where no test image has a label to score
        said.append(f"Always answering the most frequent class: {data['majority']:.1f} % of the test images.")
    said.append(_how_sure(data))
    said.append(f"Labels: n = {last['accuracy']['n']} images. F1, {last['f1']['convention']}.")
    if data["masks"]:
        n = sorted({run["result"][-1]["dice"]["n"] for run in records})
        said.append(f"Dice: {last['dice']['convention']}; n = {_span(n)} images, for a false alarm counts.")
    else:
        said.append("This set has no masks: the label head was trained alone, and there is no Dice.")
    clock = first["clock"]["time"][-1]["batch 1"]
    said.append(
        f"Time: {clock['inside']}; median over seeds [quartiles of {clock['repeats']} repeats], after the training."
    )
    parameters = ", ".join(f"{model} {runs[0]['parameters']:,}" for model, runs in models.items())
    said.append(f"Parameters: {parameters}.")
    seconds = {model: statistics.fmean(sum(run["clock"]["training"]) for run in runs) for model, runs in models.items()}
    said.append("Seconds of training: " + ", ".join(f"{model} {value:.0f}" for model, value in seconds.items()) + ".")
    said += [f"{run['model']}, seed {run['seed']}: {note}" for run in records for note in run["notes"]]
    return said + [f"Not in this run: {left_out}." for left_out in first["left_out"]] + list(data["notes"])


def by_model(records: list[dict]) -> dict[str, list[dict]]:
    """Return the runs of each model, in the paper's order, by seed."""
    names = [name for name in paper.MODELS if any(record["model"] == name for record in records)]
    return {
        name: sorted((r for r in records if r["model"] == name), key=lambda record: record["seed"]) for name in names
    }


def _how_sure(data: dict) -> str:
    """Say how wide a 95 % interval of an accuracy of 50 % is; wider is none with this n."""
    points = 196 * math.sqrt(0.25 / data["test_units"])
    said = f"n = {data['test_units']} test units ({data['unit']}): 95 % intervals reach up to ± {points:.0f} points"
    if points > TOO_FEW:
        return said + "; n is too small to conclude anything."
    return said + ("; probably too narrow." if "unknown" in data["unit"] else ".")


def _span(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _check_alike(records: list[dict]) -> None:
    if not records:
        raise ValueError("records must be one or more, got none; run one first")
    runs = [(record["model"], record["seed"]) for record in records]
    if len(set(runs)) < len(runs):
        twice = max(runs, key=runs.count)
        raise ValueError(f"records must be different runs, got {twice[0]}, seed {twice[1]} twice; leave one out")
    for record in records[1:]:
        for name in ("settings", "left_out", "protocol"):
            if record[name] != records[0][name]:
                raise ValueError(f"records must share their {name}, got two; one table holds one protocol")
        if record["data"]["sha256"] != records[0]["data"]["sha256"]:
            raise ValueError("records must come from the same images, got two sets; give each a table of its own")


def _aligned(lines: list[list[str]]) -> str:
    """Pad all cells of a column to one width; a rule stands under the two lines of the head."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    text = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in lines]
    return "\n".join([text[0], text[1], "-" * len(text[0]), *text[2:]])
