"""Records of explained models as tables: each method against chance and against the centre, with intervals."""

from __future__ import annotations

from collections.abc import Callable

import torch

from medkit import markup
from medkit.explain.run import CENTRE, LOT
from medkit.intervals import Interval, bootstrap_seeds
from medkit.markup import Sheet, Table
from medkit.runs import every_model
from medkit.table import leak_warning

CHANCE = "chance"  # the mask's share of the image: what a uniform map gets


def sheet(records: list[dict]) -> Sheet:
    """Return the records of one set, made by one command, as tables.

    Raises:
        ValueError: no record, or records of several sets or sizes.
    """
    if len({(r["data"]["key"], r["data"]["size"]) for r in records}) != 1:
        raise ValueError("records must be of one set at one size, got none or several; show each set alone")
    data, first = records[0]["data"], records[0]
    title = (
        f"Explained models · {data['title']} · {data['modality']} · tier: {data['tier']} · {data['size']} × "
        f"{data['size']} pixels · {first['epochs']} epochs · seeds: {sorted({r['seed'] for r in records})}"
    )
    together = every_model(records)
    notes = (
        f"{len(first['group'])} test images with a lesion, of {len(set(first['group']))} units ({first['unit']}); the true class is explained.",
        *("Accuracy, all test images: " + ", ".join(f"{name} {100 * _accuracy(runs):.0f} %" for name, runs in together.items()) + ".",),
        *data["notes"],
    )
    return Sheet((title,), leak_warning(records), (_inside(together), _curves(together), _changes(together)), notes)


def value(runs: list[dict], method: str, measure: str) -> Interval:
    """Return the mean of a measure over images and seeds, with its interval over units and seeds."""
    return interval(runs, lambda run: _of(run, method, measure))


def lead(runs: list[dict], method: str, measure: str, other: str) -> Interval:
    """Return a method's mean measure less another's on the same images; other may be `CHANCE`."""

    def each(run: dict) -> list:
        pairs = zip(_of(run, method, measure), _of(run, other, measure), strict=True)
        return [None if None in pair else pair[0] - pair[1] for pair in pairs]

    return interval(runs, each)


def interval(runs: list[dict], each: Callable[[dict], list]) -> Interval:
    """Return the mean of what `each` gives for the images of each run, None left out, with its interval."""
    rows = torch.tensor([[float("nan") if v is None else v for v in each(run)] for run in runs], dtype=torch.float64)
    parts = torch.stack([rows.nan_to_num(), (~rows.isnan()).double()], dim=-1)
    return bootstrap_seeds(parts, torch.tensor(runs[0]["group"]), lambda p: p[..., 0] / p[..., 1], seed=0)


def parts(runs: list[dict], method: str) -> list[str]:
    """Return the parts whose weights were replaced, in that order."""
    return list(runs[0]["methods"][method]["similarity"])


def _of(run: dict, method: str, measure: str) -> list:
    return run["area"] if method == CHANCE else run["methods"][method][measure]


def _accuracy(runs: list[dict]) -> float:
    return sum(run["accuracy"] for run in runs) / len(runs)


def _inside(together: dict) -> Table:
    rows = []
    for name, runs in together.items():
        for method in (m for m in runs[0]["methods"] if m not in (CENTRE, LOT)):
            cells = [value(runs, method, measure) for measure in ("mass", "pointing")]
            less = [lead(runs, method, m, other) for m in ("mass", "pointing") for other in (CHANCE, CENTRE)]
            rows.append((f"{name}, {method}", *map(_points, (cells[0], *less[:2], cells[1], *less[2:]))))
    runs = next(iter(together.values()))
    for method in (CENTRE, LOT, CHANCE):
        cells = [_points(value(runs, method, m)) for m in ("mass", "pointing")]
        rows.append((method, cells[0], "", "", cells[1], "", ""))
    heads = ("%", "less chance", "less centre")
    said = "[ ] 95 % intervals over seeds and units. Chance: the lesion's share of the image."
    return Table("Inside the lesion", ("mass of the map", "pointing game"), heads, tuple(rows), (said,), "model, map")


def _curves(together: dict) -> Table:
    rows = []
    for name, runs in together.items():
        for method in (m for m in runs[0]["methods"] if m not in (CENTRE, LOT)):
            cells = []
            for measure in ("deletion", "insertion"):
                cells += [_points(value(runs, method, measure)), _points(lead(runs, method, measure, LOT))]
            rows.append((f"{name}, {method}", *cells))
    heads = ("area, %", "less by lot")
    said = "Mean probability of the true class while pixels go or come. A faithful map: deletion below, insertion above 0 beside a map by lot."
    return Table("Does the model go by what the map shows?", ("deletion", "insertion"), heads, tuple(rows), (said,), "model, map")


def _changes(together: dict) -> Table:
    rows = []
    for name, runs in together.items():
        for method in (m for m in runs[0]["methods"] if m not in (CENTRE, LOT)):
            for part in parts(runs, method):
                kept = interval(runs, lambda run: run["methods"][method]["similarity"][part])
                rows.append((f"{name}, {method}, down to {part}", f"{kept.value:.2f} [{kept.low:.2f}, {kept.high:.2f}]", str(kept.n)))
    said = "Rank correlation with the trained model's map: 1 the same. Attention stands before the label's head, which can't change it."
    return Table("Untrained weights, from the label down", ("all",), ("similarity", "images"), tuple(rows), (said,), "model, map, replaced")


def _points(found: Interval) -> str:
    value, low, high = (round(100 * end, 1) + 0.0 for end in found[:3])
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def render(records: list[dict]) -> str:
    """Return `sheet(records)` in plain text."""
    return markup.as_text(sheet(records))
