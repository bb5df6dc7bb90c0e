"""Records of domain shift as tables: what each model is worth on each target, and what it lost on the way."""

from __future__ import annotations

from collections.abc import Sequence

from medkit import evidence, markup
from medkit.intervals import Interval
from medkit.markup import Sheet, Table
from medkit.shift.runs import FIXED, ITSELF, OTHERS, SCALES

MEASURES = {"dice": "Dice", "balanced_accuracy": "balanced accuracy, lesion or not"}
HEADS = ("by itself", "by the others", "lost on the way", "above a fixed answer")


def render(records: Sequence[dict]) -> str:
    """Return `sheet(records)` in plain text."""
    return markup.as_text(sheet(records))


def sheet(records: Sequence[dict]) -> Sheet:
    """Return the records of one command as tables, one for each measure, and one on the scales.

    Raises:
        ValueError: no records.
    """
    if not records:
        raise ValueError("records must be one or more, got none; run `python3 -m medkit shift` first")
    data = [record["data"] for record in records]
    tiers, targets = sorted({one["tier"] for one in data}), list(dict.fromkeys(record["target"] for record in records))
    runs = [record for record in records if record["model"] != FIXED]
    seeds, sizes = sorted({run["seed"] for run in runs}), sorted({one["size"] for one in data})
    title = (
        f"Domain shift · trained on all sets but one, tested on that one · {', '.join(targets)} · tier: "
        f"{' and '.join(tiers)} · {sizes[0]} × {sizes[0]} pixels · seeds {', '.join(map(str, seeds))}"
    )
    tables = [_worth(records, measure) for measure in MEASURES if any(asked(records, t, measure) for t in targets)]
    tables += [table for table in (_scales(records, measure) for measure in MEASURES) if table.rows]
    notes = (
        "By itself: trained on the target's own training images; by the others: on those of all other sets, with as "
        "many optimiser steps. Both are tested on the same images of the target.",
        "Each image is scaled by itself, after the usual window where it is in Hounsfield units.",
        *(f"{_of(records, target)[0]['data']['title']}: {_of(records, target)[0]['data']['source']}." for target in targets),
        *dict.fromkeys(note for one in data for note in one["notes"]),
    )
    return Sheet((title,), "", tuple(tables), notes)


def gap(records: Sequence[dict], target: str, model: str, scale: str, measure: str) -> Interval:
    """Return what the others' model loses against the target's own, 0 ... 1, negative for a loss; by unit and seed.

    Args:
        records: as from the command; measure: of `MEASURES`.
    """
    others, itself = (_runs(records, target, model, scale, trained) for trained in (OTHERS, ITSELF))
    return evidence.difference_of(others, itself, measure)


def above_fixed(records: Sequence[dict], target: str, model: str, scale: str, measure: str) -> Interval:
    """Return what the others' model has above the answer that never looks, 0 ... 1; by unit and seed."""
    fixed = [one for one in _of(records, target) if one["model"] == FIXED]
    return evidence.difference_of(_runs(records, target, model, scale, OTHERS), fixed, measure)


def _worth(records: Sequence[dict], measure: str) -> Table:
    models = list(dict.fromkeys(record["model"] for record in records if record["model"] != FIXED))
    rows, notes = [], []
    for target in dict.fromkeys(record["target"] for record in records):
        if not asked(records, target, measure):
            continue
        for scale in SCALES:
            cells = [_cells(records, target, model, scale, measure) for model in models]
            if any(cells):
                rows.append((f"{target}, {_short(scale)}", *(cell for found in cells for cell in found or ("-",) * len(HEADS))))
        data = _of(records, target)[0]["data"]
        notes.append(f"{target}: n = {data['test']} images, {data['test_units']} units ({data['unit']}).")
    notes.append("Mean over seeds [95 % interval over seeds and units]; differences image by image, in points.")
    return Table(f"{MEASURES[measure]}, %", tuple(models), HEADS, tuple(rows), tuple(notes), "target, scale")


def _cells(records: Sequence[dict], target: str, model: str, scale: str, measure: str) -> tuple[str, ...] | None:
    itself, others = (_runs(records, target, model, scale, trained) for trained in (ITSELF, OTHERS))
    if not itself or not others:
        return None
    values = (evidence.value_of(itself, measure), evidence.value_of(others, measure))
    differences = (f(records, target, model, scale, measure) for f in (gap, above_fixed))
    return (*(one.points() for one in values), *(one.points("+") for one in differences))


def _scales(records: Sequence[dict], measure: str) -> Table:
    """Return what another scale than Eq. 2 gains or loses for the others' model."""
    models = list(dict.fromkeys(record["model"] for record in records if record["model"] != FIXED))
    first, rows = SCALES[0], []
    for target in dict.fromkeys(record["target"] for record in records):
        found = {scale: [_runs(records, target, model, scale, OTHERS) for model in models] for scale in SCALES}
        if not asked(records, target, measure) or not all(all(runs) for runs in found.values()):
            continue
        for scale in SCALES[1:]:
            pairs = zip(found[scale], found[first])
            rows.append((f"{target}, {_short(scale)}", *(evidence.difference_of(*pair, measure).points("+") for pair in pairs)))
    caption = f"{MEASURES[measure]} of the others' model, less the same with {_short(first)}, points"
    return Table(caption, tuple(models), ("difference",), tuple(rows), (), "target, scale")


def asked(records: Sequence[dict], target: str, measure: str) -> bool:
    """Tell whether a measure says anything of a target: it has masks, or images of both classes and models that learned labels."""
    runs = [record for record in _of(records, target) if record["model"] != FIXED]
    if measure == "dice":
        return all(run["result"][0]["dice_each"] is not None for run in runs)
    if not all(run.get("labels_learned", True) for run in runs):
        return False
    truth = runs[0]["data"]["truth"]
    return len({label for label, scored in zip(truth["label"], truth["scored"]) if scored}) == 2


def _of(records: Sequence[dict], target: str) -> list[dict]:
    return [record for record in records if record["target"] == target]


def _runs(records: Sequence[dict], target: str, model: str, scale: str, trained: str) -> list[dict]:
    wanted = {"model": model, "scale": scale, "trained": trained}
    return [one for one in _of(records, target) if all(one[key] == value for key, value in wanted.items())]


def _short(scale: str) -> str:
    return scale.removesuffix(" of each image")
