"""One picture and its masks as the files behind the tables hold them: bilinear grey values, nearest masks.

Found by trial on real images of BUSI: Pillow's own bilinear filter (which averages where it makes smaller)
and its nearest neighbour give every pixel and every mask of us_busi256.npz; its other filters and the areas
of `medkit.data.resize` differ by 8 to 161 grey levels.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from medkit._check import MedkitInputError
from medkit.data.mask import read_mask
from medkit.data.read import grey, read


def shrink(values: np.ndarray, size: int) -> np.ndarray:
    """Return (size, size) uint8 from (H, W) grey values 0 ... 255: rounded, then resized by Pillow's bilinear filter."""
    whole = np.floor(values + 0.5).astype(np.uint8)
    return np.asarray(Image.fromarray(whole).resize((size, size), Image.Resampling.BILINEAR))


def picture(path: Path, size: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Return a picture as (size, size) uint8, and its own height and width.

    Raises:
        MedkitInputError: unreadable, several pictures in one, or more than 8 bits.
    """
    scan = read(path)
    values = grey(scan.pixels)
    if len(values) != 1 or values.min() < 0 or values.max() > 255:
        raise MedkitInputError(path, "is no single picture of 8 bits", "take the set's files as they were published")
    return shrink(values[0], size), values[0].shape


def mask(paths: Sequence[Path], shape: tuple[int, int], size: int) -> np.ndarray:
    """Return (size, size / 8) uint8, eight pixels a byte, of all masks of an image together; empty where there are none.

    Args:
        shape: height and width of the image, which the masks must have too.

    Raises:
        MedkitInputError: no mask, or one of another size.
    """
    inside = np.zeros(shape, dtype=bool)
    for path in paths:
        one = read_mask(path)
        if one.shape != shape:
            raise MedkitInputError(path, f"has {one.shape} pixels, its image {shape}", "take the set's files as they were published")
        inside |= one
    small = Image.fromarray(inside.astype(np.uint8)).resize((size, size), Image.Resampling.NEAREST)
    return np.packbits(np.asarray(small), axis=-1)


def root_with(folder: Path, wanted: Sequence[str], what: str) -> Path:
    """Return `folder`, or the one folder up to three levels in it, that holds all that is wanted.

    Raises:
        MedkitInputError: there is no such folder, or more than one.
    """
    if not folder.is_dir():
        raise MedkitInputError(folder, "is no folder", f"give the folder that {what} was unpacked into")
    found = []
    for here, inside, files in os.walk(folder):
        if len(Path(here).relative_to(folder).parts) >= 3:
            inside.clear()
        if set(wanted) <= {*inside, *files}:
            found.append(Path(here))
            inside.clear()
    if len(found) != 1:
        fix = f"give the folder that {what} was unpacked into"
        raise MedkitInputError(folder, f"holds {' and '.join(wanted)} in {len(found)} places, not in one", fix)
    return found[0]
