"""Records of exported models as tables: size, agreement, worth, time; each with what must be known to read it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from medkit import evidence, markup
from medkit.deploy.forms import EAGER, EQUAL, EXACT, FORMS
from medkit.deploy.parity import CLOSE
from medkit.intervals import Interval
from medkit.markup import Sheet, Table
from medkit.runs import every_model
from medkit.table import leak_warning

POINT = 0.01  # a loss of more than this in Dice or accuracy is said
NEED = 30.0  # images a second


def render(records: list[dict]) -> str:
    """Return `sheet(records)` in plain text."""
    return markup.as_text(sheet(records))


def sheet(records: list[dict]) -> Sheet:
    """Return the records of one set, made by one command, as tables.

    Args:
        records: of any models and seeds, as `python3 -m medkit deploy` makes them.

    Raises:
        ValueError: no record, or records of several sets or sizes.
    """
    if len({(r["data"]["key"], r["data"]["size"]) for r in records}) != 1:
        raise ValueError("records must be of one set at one size, got none or several; show each set alone")
    data, machine, together = records[0]["data"], records[0]["machine"], every_model(records)
    title = (
        f"Exported models · {data['title']} · {data['modality']} · tier: {data['tier']} · {data['size']} × "
        f"{data['size']} pixels · {records[0]['epochs']} epochs · seeds: {sorted({r['seed'] for r in records})}"
    )
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    notes = (
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}; load when timed: {machine['load']}; {versions}.",
        *dict.fromkeys(f"Left out: {what}." for record in records for what in record["left_out"]),
        *said_of_losses(records),
        *data["notes"],
    )
    tables = (_weights(together), _agreement(together), _worth(together), *_clocks(together))
    return Sheet((title,), leak_warning(records), tables, notes)


def loss(records: list[dict], form: str, metric: str) -> Interval:
    """Return a form's worth less PyTorch's on the same images, 0 ... 1, with its interval over units and seeds.

    Args:
        records: of one model, one for each seed; form: one of `FORMS`; metric: of `medkit.evidence.METRICS`.
    """
    return evidence.difference_of(_as_runs(records, form), _as_runs(records, EAGER), metric)


def said_of_losses(records: Sequence[dict]) -> list[str]:
    """Say of every model where a form loses more than a point of Dice or accuracy, and where none does."""
    found = []
    for model, runs in every_model(records).items():
        for form in FORMS[1:]:
            for metric in _metrics(runs):
                lost = loss(runs, form, metric)
                if lost.value < -POINT:
                    found.append(f"{model}, {form}: loses {lost.points('+')} points of {metric}.")
    return found or ["No form of any model loses more than a point of Dice or accuracy on these images."]


def span(turns: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Return the median of the turns' medians, the lower quartile of the lower ones, the upper of the upper ones.

    >>> span([[2.0, 1.0, 3.0], [4.0, 2.0, 5.0], [3.0, 2.0, 9.0]])
    (3.0, 1.5, 7.0)
    """
    middle, low, high = zip(*turns)
    if len(turns) == 1:
        return middle[0], low[0], high[0]
    quartiles = [statistics.quantiles(values, n=4, method="inclusive") for values in (low, high)]
    return statistics.median(middle), quartiles[0][0], quartiles[1][2]


def _weights(together: dict[str, list[dict]]) -> Table:
    rows = []
    for model, (first, *_) in together.items():
        cost, size, memory = first["cost"], first["bytes"], first["memory"]
        kinds = (EAGER, "ONNX Runtime", "ONNX Runtime, int8")
        peaks = [memory[kind]["peak_bytes"] for kind in kinds]
        rows.append(
            (
                model,
                f"{cost['parameters']:,}",
                f"{cost['flops'] / 1e6:,.0f}",
                *(f"{size[kind] / 1000:,.0f}" for kind in kinds),
                *("-" if peak is None else f"{peak / 2**20:,.0f}" for peak in peaks),
            )
        )
    heads = ("parameters", "MFLOPs", "kB PyTorch", "kB ONNX", "kB int8", "MiB PyTorch", "MiB ONNX", "MiB int8")
    side = next(iter(together.values()))[0]["cost"]["size"]
    notes = (
        f"MFLOPs of one image of {side} × {side}; kB of weights or file; MiB: the most that a process of its own held "
        "to answer one image, Python and libraries included. The ONNX ones ran without PyTorch.",
    )
    return Table("What it weighs", ("",), heads, tuple(rows), notes, "model")


def _agreement(together: dict[str, list[dict]]) -> Table:
    rows = []
    for model, runs in together.items():
        for form in (*FORMS[1:], EXACT):
            all_sizes = [found for run in runs for found in run["parity"][form].values()]
            worst = {name: max(found[name] for found in all_sizes) for name in ("label", "mask", "relative")}
            least = {name: min(found[name] for found in all_sizes) for name in ("classes", "pixels")}
            same = worst["relative"] <= CLOSE
            logits = tuple(f"{value:.1e}" for value in worst.values())
            shares = (f"{100 * least['classes']:.1f}", f"{100 * least['pixels']:.3f}")
            rows.append((f"{model}, {form}", *logits, *shares, "yes" if same else "no"))
    first = next(iter(together.values()))[0]["parity"][FORMS[1]]
    images = {found["images"] for found in first.values()}
    note = f"{EXACT}: what float32 itself is off by. Worst of sizes {', '.join(first)} and of all seeds, {sorted(images)} test images each; same: no logit apart by more than {CLOSE:g}, of 1 or of itself."
    heads = ("label logit apart", "mask logit apart", "apart, share", "same class, %", "same pixels, %", "same")
    return Table("Does it answer as in PyTorch?", ("",), heads, tuple(rows), (note,), "model, form")


def _worth(together: dict[str, list[dict]]) -> Table:
    rows, some = [], next(iter(together.values()))
    metrics = _metrics(some)
    for model, runs in together.items():
        for form in FORMS:
            cells = []
            for metric in metrics:
                own = evidence.value_of(_as_runs(runs, form), metric)
                cells += [own.points()]
                cells += ["" if form == EAGER else loss(runs, form, metric).points("+")]
            rows.append((f"{model}, {form}", *cells))
    data = some[0]["data"]
    notes = (f"Mean over seeds with its 95 % interval over seeds and {data['test_units']} test units ({data['unit']}), {data['test']} images.",)
    return Table("What it is worth, %", metrics, ("value", "less PyTorch, points"), tuple(rows), notes, "model, form")


def _clocks(together: dict[str, list[dict]]) -> list[Table]:
    tables, some = [], next(iter(together.values()))[0]
    side = some["clock"]["size"]
    for where in some["clock"]["times"]:
        rows = []
        for model, runs in together.items():
            for form in some["clock"]["times"][where]:
                middle, low, high = span([turn for run in runs for turn in run["clock"]["times"][where][form]])
                times = f"{1000 * middle:.2f} [{1000 * low:.2f}, {1000 * high:.2f}]"
                rate = f"{1 / middle:.0f} [{1 / high:.0f}, {1 / low:.0f}]"
                enough = "yes" if 1 / high > NEED else "no" if 1 / low < NEED else "open"
                rows.append((f"{model}, {form}", times, rate, enough))
        note = "Median over turns, between the quartiles over runs and turns; all forms took turns within one run."
        heads = ("ms an image", "images a second", f"{NEED:.0f} a second")
        caption = f"Time for one {side} × {side} image, one at a time, {where}"
        tables.append(Table(caption, ("",), heads, tuple(rows), (note,), "model, form"))
    return tables


def _metrics(records: list[dict]) -> tuple[str, ...]:
    data = records[0]["data"]
    label = "balanced_accuracy" if data["dominated"] else "accuracy"
    return (*(("dice",) if data["masks"] else ()), *((label,) if any(data["truth"]["scored"]) else ()))


def _as_runs(records: list[dict], form: str) -> list[dict]:
    return [{**record, "result": [record["quality"][form]]} for record in records]


def failing(records: Sequence[dict]) -> list[str]:
    """Name model, form and size wherever a form that must answer the same does not."""
    return [
        f"{record['model']}, {form}, {size}"
        for record in records
        for form in EQUAL
        for size, found in record["parity"][form].items()
        if not found["relative"] <= CLOSE
    ]
