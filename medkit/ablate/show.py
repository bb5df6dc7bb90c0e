"""Ablations as tables: each arm's mean and its paired difference to the first one, with intervals."""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

from medkit import markup, paper
from medkit.ablate.studies import ASKED_FOR, STUDIES, Study
from medkit.data.container import PATIENTS
from medkit.evidence import difference_of, value_of
from medkit.intervals import Interval
from medkit.markup import Sheet, Table
from medkit.runs import headline, most_frequent
from medkit.table import leak_warning

CALLED = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "dice": "Dice"}


class Column(NamedTuple):
    """What stands in two columns: its heading, the metric in a record, and which report epoch."""

    heading: str
    metric: str
    row: int


def render(records: list[dict]) -> str:
    """Return `sheet(records)` in plain text."""
    return markup.as_text(sheet(records))


def sheet(records: list[dict], studies: dict[str, Study] = STUDIES | ASKED_FOR) -> Sheet:
    """Return ablations as tables, one for each study and set, with all that must be known to read them.

    Args:
        records: of any studies and sets, as `run_all` returns them; each study on a set at one size.
        studies: what records may be of, by name.

    Raises:
        ValueError: no record, one that is of no study, or two sizes or sets under one name.
    """
    if not records or any(record.get("study") not in studies for record in records):
        raise ValueError(f"records must be of {', '.join(studies)}, got others or none; run medkit ablate first")
    together: dict[tuple[str, str], list[dict]] = {}
    for record in records:
        together.setdefault((record["study"], record["data"]["key"]), []).append(record)
    tables = tuple(_table(studies[study], runs) for (study, _), runs in together.items())
    presets = sorted({f"{r['protocol']['preset']} ({_length(r)})" for r in records})
    machines = sorted({record["machine"]["gpu"] or "CPU" for record in records})
    title = f"Ablations · paper protocol, preset {', '.join(presets)} · {', '.join(machines)}"
    return Sheet((title,), leak_warning(records), tables, _notes(records, studies))


def _table(study: Study, records: list[dict]) -> Table:
    """Return one study on one set: a row for each number of labels and arm."""
    _check_alike(records)
    data = records[0]["data"]
    caption = (
        f"{study.name} ({', '.join(study.claims)}) · {data['title']} · {data['modality']} · tier: {data['tier']} · "
        f"{data['size']} × {data['size']} pixels"
    )
    columns, first = _columns(study, data), study.arms[0].name
    arms: dict[tuple[int, str], list[dict]] = {}
    for count in sorted({_labels(record) for record in records}):
        for arm in study.arms:
            runs = [run for run in records if _labels(run) == count and run["arm"]["name"] == arm.name]
            if runs:
                arms[count, arm.name] = sorted(runs, key=lambda run: run["seed"])
    rows = []
    for (count, name), runs in arms.items():
        cells = [cell for column in columns for cell in _cells(runs, arms.get((count, first), []), column)]
        rows.append((f"{count} labels · {name}" if study.labels else name, *cells))
    heads = ("mean [95 %]", f"less {first} [95 %]")
    return Table(caption, tuple(c.heading for c in columns), heads, tuple(rows), _below(study, arms), stub="arm")


def _columns(study: Study, data: dict) -> list[Column]:
    metric = headline(data)
    found = [Column(f"{CALLED[metric]}, %", metric, -1)]
    if study.early:
        found.append(Column(f"{CALLED[metric]} after a fifth of the run, %", metric, 0))
    return found + [Column("Dice, %", "dice", -1)] * (data["masks"] and metric != "dice")


def _cells(runs: list[dict], first: list[dict], column: Column) -> tuple[str, str]:
    """Return an arm's mean, and its difference to the first arm on the seeds that both have."""
    value = _spoken(value_of(runs, column.metric, column.row), "{:.1f}")
    if runs is first:
        return value, "-"
    if not {run["seed"] for run in runs} & {run["seed"] for run in first}:
        return value, "no common seed"
    return value, _spoken(difference_of(runs, first, column.metric, column.row), "{:+.1f}")


def _spoken(found: Interval, form: str) -> str:
    if math.isnan(found.value):
        return "none"
    value, low, high = (form.format(100 * number) for number in found[:3])
    return value if math.isnan(found.low) else f"{value} [{low}, {high}]"


def _below(study: Study, arms: dict[tuple[int, str], list[dict]]) -> tuple[str, ...]:
    """Return what stands below a table: the question, n, unit and seeds, and what to beware of."""
    runs = [run for found in arms.values() for run in found]
    data, metric = runs[0]["data"], headline(runs[0]["data"])
    scored = sum(data["truth"]["scored"]) or data["test"]  # where no label is scored, Dice alone is shown
    n = f"n = {scored} test images" + (f" (Dice {data['test']})" if data["masks"] and scored < data["test"] else "")
    seeds = ", ".join(map(str, sorted({run["seed"] for run in runs})))
    counts = sorted({len(found) for found in arms.values()})
    uneven = "" if len(counts) == 1 else f" (not all in each arm: {counts[0]} to {counts[-1]})"
    narrow = "" if data["unit"] in PATIENTS else "; intervals are probably too narrow"
    said = [study.question, f"{n}, {data['test_units']} test units ({data['unit']}), seeds {seeds}{uneven}{narrow}"]
    always = most_frequent(data).get(metric)
    if metric != "dice" and always is not None:
        said.append(f"always the most frequent class: {always:.1f}")
    if metric == "balanced_accuracy" and runs[0]["result"][-1].get("cut") is not None:
        said.append("balanced accuracy: by the probability that did best on validation images")
    fewer = sorted({(_labels(run), run["data"]["train"]) for run in runs if _labels(run) > run["data"]["train"]})
    said += [f"{asked} labels: {there} images, for groups stay whole" for asked, there in fewer]
    said += [*study.notes, *_source(runs)]
    said += [f"{run['arm']['name']}, seed {run['seed']}: {note}" for run in runs for note in run["notes"]]
    return (*said, *data["notes"])


def _source(runs: list[dict]) -> list[str]:
    """Say what the arms were pre-trained on, and what that took."""
    sources: dict[str, list[float]] = {}
    for run in runs:
        if "pretraining" in run:
            sources.setdefault(run["arm"]["source"], []).append(run["pretraining"]["seconds"])
    return [
        f"Source, in place of ImageNet: {words}. Learned anew for each seed in {statistics.fmean(seconds):.0f} s, "
        f"which no run's own time holds"
        for words, seconds in sources.items()
    ]


def _notes(records: list[dict], studies: dict[str, Study]) -> tuple[str, ...]:
    said = [
        "[ ]: 95 % interval, resampling the test's units and the training's seeds; a difference is taken seed by seed "
        "and image by image, so its interval is no sum of two.",
    ]
    if min(_seeds(records)) < 5:
        said.append("Fewer than 5 seeds: the intervals understate how much a training varies.")
    if any(studies[record["study"]].labels for record in records):
        said.append(
            "Few labels: whole groups drawn by the seed, the fewer among the more, classes as equal as they can be; "
            "every number of labels gets the same optimiser steps. Validation and test are the same for all."
        )
    if any(record["data"]["tier"] == "phantom" for record in records):
        said.append("Phantoms are no patients: their numbers stand in no claim about any.")
    return (*said, *(f"Not in these runs: {what}." for what in records[0]["left_out"]))


def _seeds(records: list[dict]) -> list[int]:
    """Return how many seeds each study has on each set."""
    found: dict[tuple[str, str], set[int]] = {}
    for record in records:
        found.setdefault((record["study"], record["data"]["key"]), set()).add(record["seed"])
    return [len(seeds) for seeds in found.values()]


def _labels(record: dict) -> int:
    return record["arm"].get("labels", 0)


def _length(record: dict) -> str:
    epochs, whole = record["settings"]["epochs"], paper.EPOCHS[-1]
    return f"{epochs} epochs" if epochs == whole else f"short run: {epochs} of {whole} epochs"


def _check_alike(records: list[dict]) -> None:
    """Refuse runs that can't stand in one table: of two sizes, of two tests, or the same run twice."""
    first = records[0]
    for record in records:
        same = (
            record["protocol"]["preset"] == first["protocol"]["preset"]
            and record["settings"]["epochs"] == first["settings"]["epochs"]
            and record["data"]["sha256"]["test"] == first["data"]["sha256"]["test"]
        )
        if not same:
            raise ValueError("records must share preset, epochs and test images, got two; give each a table of its own")
    names = [(record["arm"]["name"], _labels(record), record["seed"]) for record in records]
    if len(set(names)) < len(names):
        raise ValueError(f"records must be different runs, got {max(names, key=names.count)} twice; leave one out")
