"""Read the arrays of an .npz file and hold them against the layout that a set must have."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError

FETCH = "get the file again and compare its SHA-256 sum"
MOST_TEXT = 16 * 2**20  # bytes of a JSON file


def read_arrays(path: Path, layout: Mapping[str, tuple[str, tuple[int | str, ...]]]) -> dict[str, np.ndarray]:
    """Return the arrays that `layout` names; anything that differs from it is an error.

    Args:
        path: an .npz file; nothing in it is unpickled.
        layout: for each key the kind of its numbers as numpy writes it ("uint8", "bool", "int16", or
            "str" of any length) and its shape; a letter stands for a length that all arrays share.

    Raises:
        MedkitInputError: no such file, no archive, cut short, a key missing, another type or shape.
    """
    if not path.is_file():
        raise MedkitInputError(path, "is missing", "put it into the folder that MEDKIT_DATA names")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            missing = [key for key in layout if key not in archive.files]
            if missing:
                raise MedkitInputError(path, f"lacks {', '.join(missing)}", FETCH)
            arrays = {key: archive[key] for key in layout}
    except MedkitInputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, TypeError,
            AttributeError, NotImplementedError) as error:  # fmt: skip
        raise MedkitInputError(path, f"can't be read ({type(error).__name__})", FETCH) from None
    lengths: dict[str, int] = {}
    for key, (kind, shape) in layout.items():
        _check_array(path, key, arrays[key], kind, shape, lengths)
    return arrays


def _check_array(path: Path, key: str, array: np.ndarray, kind: str, shape: tuple, lengths: dict[str, int]):
    if not isinstance(array, np.ndarray):
        raise MedkitInputError(path, f"holds {key} as no array", FETCH)
    got = "str" if array.dtype.kind == "U" else array.dtype.name
    if got != kind:
        raise MedkitInputError(path, f"holds {key} as {got}, not {kind}", FETCH)
    wanted = tuple(lengths.get(n, n) if isinstance(n, str) else n for n in shape)
    fits = array.ndim == len(wanted) and all(
        isinstance(want, str) or want == n for want, n in zip(wanted, array.shape)
    )
    if not fits or array.size == 0:
        raise MedkitInputError(path, f"holds {key} of shape {array.shape}, not {wanted}", FETCH)
    lengths.update({want: n for want, n in zip(shape, array.shape) if isinstance(want, str)})


def unpack_masks(packed: np.ndarray) -> np.ndarray:
    """Return (N, H, W) bool from (N, H, W / 8) uint8, eight pixels a byte, the first one highest."""
    return np.unpackbits(packed, axis=-1).astype(bool)


def read_json(path: Path) -> dict:
    """Return the object in a JSON file.

    Raises:
        MedkitInputError: no such file, or it holds no JSON object.
    """
    try:
        if path.stat().st_size > MOST_TEXT:
            raise MedkitInputError(path, f"has more than {MOST_TEXT // 2**20} MiB", FETCH)
        content = json.loads(path.read_text(encoding="utf-8"))
    except MedkitInputError:
        raise
    except FileNotFoundError:
        raise MedkitInputError(path, "is missing", "put it beside the .npz files") from None
    except (OSError, ValueError, RecursionError) as error:
        raise MedkitInputError(path, f"can't be read ({type(error).__name__})", FETCH) from None
    if not isinstance(content, dict):
        raise MedkitInputError(path, f"holds a {type(content).__name__}, not an object", FETCH)
    return content
