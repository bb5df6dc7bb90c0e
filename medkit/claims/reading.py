"""Records of runs, read from folders: what is none is passed over, what is damaged is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

from medkit._check import MedkitInputError
from medkit.data.container import TIERS

RESULTS = Path(__file__).resolve().parent.parent.parent / "results"
MARKS = {"model", "seed", "result"}  # a JSON object with these keys is meant as a run's record
FIX = "run it again, or take it out of the folder"


def read_records(folders: Iterable[str | Path] = (RESULTS,)) -> list[dict]:
    """Return the records of runs below some folders, at any depth, in the order of their names.

    Args:
        folders: such as "results".

    Returns:
        each record as it was saved, and under "file" where it came from: the folder's own name and
        the path below it. Other JSON files, such as chosen rates, are passed over.

    Raises:
        MedkitInputError: no such folder; a file that is no JSON; a record that lacks something, or
            whose parts do not fit together.
    """
    records = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise MedkitInputError(folder, "is no folder", "name one that holds records, such as results")
        top = folder.resolve()
        for path in sorted(top.rglob("*.json")):
            found = _read(path)
            if isinstance(found, dict) and MARKS <= found.keys() and "kind" not in found:  # those are systems
                _check(path, found)
                records.append({**found, "file": f"{top.name}/{path.relative_to(top).as_posix()}"})
    return records


def read_systems(folders: Iterable[str | Path] = (RESULTS,)) -> list[dict]:
    """Read the records of what stands beside the comparison of models, such as of exported models.

    Args:
        folders: as for `read_records`.

    Returns:
        each JSON object with a "kind", such as "deploy", in the order of names; with "file" as there.
        Who wrote it decides what else it holds; whoever judges by it says what it needs.

    Raises:
        MedkitInputError: no such folder; a file that is no JSON.
    """
    records = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise MedkitInputError(folder, "is no folder", "name one that holds records, such as results")
        top = folder.resolve()
        for path in sorted(top.rglob("*.json")):
            found = _read(path)
            if isinstance(found, dict) and isinstance(found.get("kind"), str):
                records.append({**found, "file": f"{top.name}/{path.relative_to(top).as_posix()}"})
    return records


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MedkitInputError(path, "can't be read as JSON", FIX) from error


def _check(path: Path, record: dict) -> None:
    """Refuse a record that no verdict can rest on."""
    try:
        fault = _fault(record)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise MedkitInputError(path, f"is a damaged record (lacks or spoils {error})", FIX) from error
    if fault:
        raise MedkitInputError(path, f"is a damaged record ({fault})", FIX)


def _fault(record: dict) -> str | None:
    data, rows, epochs = record["data"], record["result"], record["settings"]["report_epochs"]
    truth, classes = data["truth"], range(len(data["classes"]))
    needed = data["sha256"]["test"], data["size"], data["unit"], data["modality"], data["dominated"], record["machine"]
    if any(value is None for value in needed) or data["tier"] not in TIERS:
        return "its data are not described"
    if not isinstance(record["settings"]["epochs"], int) or not isinstance(record["seed"], int):
        return "epochs and seed are no numbers"
    if len({len(truth[name]) for name in ("label", "group", "scored")}) != 1:
        return "label, group and scored have different lengths"
    if not _all_in(truth["label"], classes) or not all(type(number) is int for number in truth["group"]):
        return "a label is of no class, or a group is no number"
    if not all(type(scored) is bool for scored in truth["scored"]):
        return "scored must be true or false"
    if [row["epoch"] for row in rows] != (epochs[-1:] if record.get("seedless") else epochs):
        return "its rows are not those of its report epochs"
    return next((fault for row in rows if (fault := _fault_of_row(row, len(truth["label"]), classes))), None)


def _fault_of_row(row: dict, n: int, classes: range) -> str | None:
    each = row["dice_each"]
    if len(row["pred"]) != n or each is not None and len(each) != n:
        return f"epoch {row['epoch']} has not one answer for each test image"
    by_cut = row.get("pred_cut")
    if by_cut is not None and (len(by_cut) != n or not _all_in(by_cut, classes)):
        return f"epoch {row['epoch']} has not one answer by the cut for each test image"
    if not _all_in(row["pred"], classes):
        return f"epoch {row['epoch']} answers with a class that is none"
    if any(value is not None and not (0 <= value <= 1 and math.isfinite(value)) for value in each or ()):
        return f"epoch {row['epoch']} has a Dice outside 0 ... 1"
    return None


def _all_in(numbers: list, classes: range) -> bool:
    return all(type(number) is int and number in classes for number in numbers)
