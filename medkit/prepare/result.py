"""What a preparation gives, and how it is put in place."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medkit._check import MedkitInputError
from medkit._files import try_place, write_whole
from medkit.data.archive import read_json

SPLITS = "splits.json"


class Prepared(NamedTuple):
    """file: name of the .npz. arrays: what goes into it. splits: entries for splits.json. notes: what was left out, found, joined."""

    file: str
    arrays: dict[str, np.ndarray]
    splits: dict[str, dict]
    notes: tuple[str, ...]


def check_free(out: Path, file: str) -> None:
    """Refuse to write where something lies already, or where nothing can be written: before the work, not after it; no folder is made.

    Raises:
        MedkitInputError: the file is there, or the folder can't be written to.
    """
    if (out / file).exists():
        raise MedkitInputError(out / file, "is there already", "move it away, or choose another folder with --out")
    try:
        try_place(out)
    except OSError as error:
        raise MedkitInputError(out, f"can't be written to ({type(error).__name__})", "choose another folder with --out") from None


def write(one: Prepared, out: Path) -> Path:
    """Write the .npz, and beside it the splits into splits.json, whose other entries stay; return the .npz.

    Raises:
        MedkitInputError: splits.json is none, or splits this set otherwise.
    """
    splits = read_json(out / SPLITS) if one.splits and (out / SPLITS).is_file() else {}
    for key, entry in one.splits.items():
        if splits.get(key, entry) != entry:
            raise MedkitInputError(out / SPLITS, f"has another {key}", "choose another folder with --out")
    stream = io.BytesIO()
    np.savez_compressed(stream, **one.arrays)
    if one.splits:
        write_whole(out / SPLITS, json.dumps(splits | one.splits, indent=1) + "\n")
    write_whole(out / one.file, stream.getvalue())
    return out / one.file
