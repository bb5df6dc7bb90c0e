"""Fields of a DICOM header: counts, numbers, and what an enhanced file says frame by frame."""

from __future__ import annotations

import math
from pathlib import Path

from medkit._check import MedkitInputError

FIX = "export it again from the viewer or the archive that it came from"


def whole(path: Path, data, name: str, missing: int = 0) -> int:
    """Return a header's count; what is none is an error that names the field, never its value."""
    said = data.get(name)
    try:
        found = missing if said is None or said == "" else int(said)
    except (TypeError, ValueError):
        found = -1
    if found <= 0:
        raise MedkitInputError(path, f"has no valid {name}", FIX)
    return found


def number(path: Path, data, name: str, missing: float) -> float:
    """Return a number of the header; written, but no finite number, is an error."""
    if name not in data:
        return missing
    try:
        found = float(data[name].value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise MedkitInputError(path, f"has a {name} that is no number", FIX)
    return found


def of_frames(data, macro: str) -> list:
    """Return what an enhanced file says of each frame: one item of the sequence `macro`, or None.

    A frame's own item goes before the one that all share. A file that is not enhanced gives [None].

    Source: DICOM PS3.3, C.7.6.16, Multi-frame Functional Groups.
    """
    shared = first(first(data, "SharedFunctionalGroupsSequence"), macro)
    own = [first(frame, macro) for frame in data.get("PerFrameFunctionalGroupsSequence") or [None]]
    return [shared if one is None else one for one in own]


def first(data, name: str):
    """Return the first item of a sequence; None where there is none, or nothing that could have one."""
    found = None if data is None else data.get(name)
    return found[0] if found else None
