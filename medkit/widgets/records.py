"""The records that come with the kit, read for a page; and what pictures made of them share."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes

from medkit import figure
from medkit.claims import read_records
from medkit.claims.reading import RESULTS
from medkit.runs import by_model, number_of

LOCAL = "local"  # the reader's own runs, which git ignores


@functools.cache
def committed(folder: Path = RESULTS) -> dict[str, tuple[dict, ...]]:
    """Return the records below `folder`, by the name of their own folder: real sets first, most records first.

    The reader's own runs (`local`) are left out: the page then shows the same to everybody.

    Edge: where there is no such folder, nothing: {}.

    Raises:
        MedkitInputError: a record that is damaged, with its name.
    """
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and path.name != LOCAL:
            records = [{**record, "file": f"{folder.name}/{record['file']}"} for record in read_records([path])]
            if records:
                found[path.name] = tuple(records)

    def rank(name: str) -> tuple:
        data = found[name][0]["data"]
        return data["tier"] != "real", -len(found[name]), -data["test_units"], name

    return {name: found[name] for name in sorted(found, key=rank)}


def comparisons(found: dict[str, tuple[dict, ...]]) -> dict[str, list[dict]]:
    """Return the folders that compare the paper's models: those that become Tables 4-7."""
    return {name: list(records) for name, records in found.items() if not any(r.get("study") for r in records)}


def studies(found: dict[str, tuple[dict, ...]], *names: str) -> dict[str, list[dict]]:
    """Return the folders that hold records of these studies alone, such as "attention"."""
    return {name: list(records) for name, records in found.items() if {r.get("study") for r in records} <= {*names}}


def what_is_there(found: dict[str, tuple[dict, ...]]) -> str:
    """Say in a sentence what was found."""
    if not found:
        return (
            f"No records were found in the folder `{RESULTS.name}` beside medkit: fetch the repository anew, or make "
            f"some with `python3 -m medkit reproduce --out {RESULTS.name}/phantom-quick`."
        )
    numbers = sum(map(len, found.values()))
    return f"{numbers} records in {len(found)} folders of `{RESULTS.name}`: {', '.join(found)}."


def nothing_there() -> str:
    """Return a figure that says so."""
    return figure.as_html(
        figure.row(figure.words("no records", "nothing to draw")),
        alt="An empty panel that says that there are no records to draw",
        caption=what_is_there({}),
        tier="phantom",
    )


def falling_steps(records: Iterable[dict], metric: str) -> tuple[int, int]:
    """Count the steps from one report epoch to the next in which a model's mean over seeds falls, and all steps.

    Args:
        records: of one set; metric: as in a record, such as "dice"; without a value there are no steps.
    """
    falls = steps = 0
    for runs in by_model(list(records)).values():
        rows = [[number_of(run["result"][row], metric) for run in runs] for row in range(len(runs[0]["result"]))]
        means = [statistics.fmean(values) for values in rows if None not in values]
        falls += sum(after < before for before, after in pairwise(means))
        steps += max(len(means) - 1, 0)
    return falls, steps


def several(number: int, word: str) -> str:
    """Return a number with its word in the plural where it is not one.

    >>> several(1, "seed"), several(3, "seed")
    ('1 seed', '3 seeds')
    """
    return f"{number} {word}{'' if number == 1 else 's'}"


def dress(axis: Axes, sides: tuple[str, ...] = ("left", "bottom")) -> None:
    """Give an axis the course's ink, a clear ground, and the sides that are named."""
    axis.set_facecolor("none")
    axis.tick_params(colors=figure.INK, labelsize=9)
    for name, side in axis.spines.items():
        side.set_visible(name in sides)
        side.set_edgecolor(figure.INK)
