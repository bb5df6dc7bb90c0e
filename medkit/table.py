"""The table of a run: paper's number | measured | n | data tier | seconds."""

from __future__ import annotations

import math

from medkit import paper

TOO_FEW = 10.0  # points; wider than this either side, an interval decides nothing
ROWS = (  # metric in the record, its name, the paper's table, factor to the table's unit
    ("accuracy", "accuracy %", paper.ACCURACY, 1.0),
    ("balanced_accuracy", "balanced acc. %", None, 1.0),
    ("auroc", "AUROC %", None, 100.0),
    ("dice", "Dice %", paper.DICE, 100.0),
    ("f1", "F1 % (macro)", paper.F1, 100.0),
    ("time", "time s/image", paper.TIME, 1.0),
)


def render(record: dict) -> str:
    """Return a run as one table in plain text, with all that must be known to read it.

    Args:
        record: as `medkit.reproduce.run` returns it.
    """
    parts = [heading(record), body(record), *(f"· {note}" for note in notes(record))]
    return "\n".join(parts)


def heading(record: dict) -> str:
    """Return what was run, in two lines."""
    data, settings = record["data"], record["settings"]
    whole = paper.EPOCHS[-1]
    short = settings["epochs"] != whole
    kind = f"short run: {settings['epochs']} of {whole} epochs" if short else f"{whole} epochs, as in Table 3"
    return (
        f"Tables 4-7 · {kind} · seed {record['seed']} · {record['machine']['gpu'] or 'CPU'}\n"
        f"{data['title']} · {data['modality']} · tier: {data['tier']} · {data['size']} × {data['size']} pixels · "
        f"{data['train']} training, {data['test']} test images"
    )


def body(record: dict) -> str:
    """Return the rows: for each metric the epochs at 20, 40 ... 100 % of the run."""
    models = list(record["result"])
    head = ["", "epoch", *(f"{model}: {what}" for model in models for what in ("paper", "measured"))]
    lines = [[*head, "n", "tier", "seconds"]]
    for metric, name, table, factor in ROWS:
        if metric in ("balanced_accuracy", "auroc") and not record["data"]["dominated"]:
            continue
        lines.append(None)
        for row, epoch in enumerate(record["settings"]["report_epochs"]):
            line = [name if row == 0 else "", str(epoch)]
            for model in models:
                line.append(f"{table.column[model][row]:.1f}" if table else "-")
                line.append(_measured(record, model, metric, row, factor))
            lines.append(line + [_count(record, models, metric, row), record["data"]["tier"], _seconds(record, row)])
    return _aligned(lines)


def notes(record: dict) -> list[str]:
    """Return the sentences without which the numbers mislead."""
    data = record["data"]
    said = [f"A row stands beside the paper's row at the same share of its {paper.EPOCHS[-1]} epochs."]
    said.append(f"Always answering the most frequent class: {data['majority']:.1f} % of the test images.")
    said.append(_how_sure(data))
    last = next(iter(record["result"].values()))[-1]
    said.append(f"F1, {last['f1']['convention']}.")
    if data["masks"]:
        said.append(f"Dice: {last['dice']['convention']}; n is each model's own, for a false alarm counts.")
    else:
        said.append("This set has no masks: the label head was trained alone, and there is no Dice.")
    clock = next(iter(record["clock"].values()))["time"][-1]["batch 1"]
    said.append(f"Time: {clock['inside']}; median of n repeats, measured after all training.")
    said.append("Seconds: of training up to that row, one number for each model.")
    return said + [f"Not in this run: {left_out}." for left_out in record["left_out"]] + list(data["notes"])


def _how_sure(data: dict) -> str:
    """Say how wide a 95 % interval of an accuracy of 50 % is; wider is none with this n."""
    points = 196 * math.sqrt(0.25 / data["test_units"])
    said = f"n = {data['test_units']} test units ({data['unit']}): 95 % intervals reach up to ± {points:.0f} points"
    if points > TOO_FEW:
        return said + "; n is too small to conclude anything."
    return said + ("; probably too narrow." if "unknown" in data["unit"] else ".")


def _measured(record: dict, model: str, metric: str, row: int, factor: float) -> str:
    if metric == "time":
        return f"{record['clock'][model]['time'][row]['batch 1']['seconds']:.4f}"
    result = record["result"][model][row][metric]
    if result is None:
        return "no masks"
    return f"{result['value'] * factor:.1f}" if math.isfinite(result["value"]) else "none"


def _count(record: dict, models: list[str], metric: str, row: int) -> str:
    """Return n: scored images; for Dice each model's own, as false alarms on empty images count."""
    if metric == "time":
        return str(record["clock"][models[0]]["time"][row]["batch 1"]["repeats"])
    counts = [record["result"][model][row][metric] for model in models]
    each = ["-" if count is None else str(count["n"]) for count in counts]
    return each[0] if len(set(each)) == 1 else "/".join(each)


def _seconds(record: dict, row: int) -> str:
    epoch = record["settings"]["report_epochs"][row]
    return " + ".join(f"{sum(clock['training'][:epoch]):.0f}" for clock in record["clock"].values())


def _aligned(lines: list[list[str] | None]) -> str:
    """Pad all cells of a column to one width; None is a rule."""
    cells = [line for line in lines if line]
    widths = [max(len(line[c]) for line in cells) for c in range(len(cells[0]))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    text = []
    for line in lines:
        if line is None:
            text.append(rule)
        else:
            first, *others = (cell.ljust(w) if c == 0 else cell.rjust(w) for c, (cell, w) in enumerate(zip(line, widths)))
            text.append("  ".join([first, *others]).rstrip())
    return "\n".join(text)
