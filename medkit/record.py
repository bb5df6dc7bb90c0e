"""What a run leaves behind: one small JSON file, whole or not at all.

All that depends on seed, data and versions stands under "result"; all that a clock said stands
under "clock", so that two runs can be compared.
"""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Callable
from pathlib import Path

import torch

import medkit
from medkit._check import MedkitInputError
from medkit._files import try_place, write_whole


def machine(device: torch.device) -> dict:
    """Return what the numbers of a run depend on beside its settings."""
    import numpy
    import torchvision

    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "device": str(device),
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "medkit": medkit.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "numpy": numpy.__version__,
        },
    }


def check_writable(path: Path) -> None:
    """Find out before a long run, not after it, that its record can't be written; no folder is made.

    Raises:
        MedkitInputError: the folder can't be made or written.
    """
    try:
        try_place(path.parent)
    except OSError as error:
        raise MedkitInputError(
            path, f"can't be written ({error.strerror})", "name another file with --out"
        ) from error


def read(path: Path, what: str, belongs: Callable[[dict], bool], other: str = "is of other images") -> dict:
    """Read a record that an earlier start of the same command left, if it belongs to this one.

    Args:
        path: the file. what: it is a record of, in words. belongs: record -> whether it is of this run;
            what it lacks or spoils may raise. other: what is said of one that doesn't.

    Raises:
        MedkitInputError: it is damaged, of something else, or doesn't belong.
    """
    fix = "delete it, or name another --out"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = belongs(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MedkitInputError(path, f"is no record of {what}", fix) from error
    if not same:
        raise MedkitInputError(path, other, fix)
    return found


def save(record: dict, path: Path) -> None:
    """Write a record so that the file holds either all of it or what it held before.

    NaN, which JSON has not, becomes null.

    Raises:
        MedkitInputError: disk full, no permission; nothing half-written is left.
    """
    text = _on_one_line(json.dumps(_without_nan(record), indent=1, ensure_ascii=False, allow_nan=False)) + "\n"
    try:
        write_whole(path, text)
    except OSError as error:
        raise MedkitInputError(
            path,
            f"could not be saved ({error.strerror}), and nothing half-written was left",
            "free some space or name another file with --out",
        ) from error


def _on_one_line(text: str) -> str:
    """Put each list of plain values on one line: a number for each test image needs no line of its own."""
    return re.sub(r"\[\n[^\[\]{}]*?\n *\]", lambda found: re.sub(r"\n *", " ", found.group()), text)


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
