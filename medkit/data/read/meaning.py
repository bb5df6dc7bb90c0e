"""What the stored numbers of a DICOM file stand for: scaled, turned, in which unit, and which are none at all."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.read.fields import FIX, first, number, of_frames, whole
from medkit.data.read.scan import GREY, HU

PADDED = "What its file calls padding, outside the scanner's field of view, has the lowest value that was measured."


class _Scale(NamedTuple):
    slope: float
    intercept: float
    kind: str  # "" where the file does not say


def meant(path: Path, data, stored: np.ndarray) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Return the pixels as they are meant, float32, their unit, and what a reader should know.

    stored -> (MONOCHROME1, unless the unit is HU: lowest + highest storable - stored) -> · slope + intercept

    A Modality LUT stands in the place of slope and intercept, and is turned behind it. An enhanced file may scale
    each frame otherwise. In HU, PixelPaddingValue becomes the lowest value that was measured: it is no measurement.

    Args:
        stored: (S, H, W) or (S, H, W, 3), as pydicom gives them.

    Raises:
        MedkitInputError: a slope of 0 or none, a window that is none, or frames in several units.

    Source: DICOM PS3.3, C.11.1 Modality LUT, C.7.6.16.2.9 Pixel Value Transformation, C.7.5.1.1.2 padding.
    """
    widths = np.atleast_1d(np.asarray(data.get("WindowWidth", 1) or math.nan, dtype=float))
    if not (widths > 0).all():
        raise MedkitInputError(path, "has a WindowWidth that is 0, below 0 or none", FIX)
    turned = str(data.get("PhotometricInterpretation", "")) == "MONOCHROME1"
    if (table := first(data, "ModalityLUTSequence")) is not None:
        return _by_table(data, table, stored, turned)
    scales, is_said = _scales(path, data, len(stored))
    kinds = {one.kind for one in scales}
    if len(kinds) > 1:
        raise MedkitInputError(path, "holds frames in several units", "export them in files of their own")
    in_hu = kinds == {"HU"} or (kinds == {""} and is_said and str(data.get("Modality", "")) == "CT")
    pixels = stored.astype(np.float64)
    if turned and not in_hu:
        pixels = sum(_ends(path, data)) - pixels
    slope, intercept = (np.reshape(one, (-1,) + (1,) * (stored.ndim - 1)) for one in list(zip(*scales))[:2])
    pixels = pixels * slope + intercept
    padding = _padding(path, data, stored) if in_hu else None
    if padding is None or not padding.any() or padding.all():
        return pixels.astype(np.float32), HU if in_hu else GREY, ()
    pixels[padding] = pixels[~padding].min()
    return pixels.astype(np.float32), HU, (PADDED,)


def _scales(path: Path, data, frames: int) -> tuple[list[_Scale], bool]:
    """Return slope, intercept and unit, once or for each frame; and whether the file says slope and intercept."""
    items = of_frames(data, "PixelValueTransformationSequence")
    if "RescaleSlope" in data or "RescaleIntercept" in data or not any(items):
        items = [data]
    if len(items) not in (1, frames) or None in items:
        raise MedkitInputError(path, f"says of {len(items)} frames how they are scaled, and has {frames}", FIX)
    scales = [
        _Scale(number(path, item, "RescaleSlope", 1.0), number(path, item, "RescaleIntercept", 0.0), str(item.get("RescaleType") or "").strip())
        for item in items
    ]
    if any(one.slope == 0 for one in scales):
        raise MedkitInputError(path, "has a RescaleSlope of 0, which makes all pixels one", FIX)
    return scales, all("RescaleSlope" in item and "RescaleIntercept" in item for item in items)


def _by_table(data, table, stored: np.ndarray, turned: bool) -> tuple[np.ndarray, str, tuple[str, ...]]:
    from pydicom.pixels import apply_modality_lut

    bits = int(table.LUTDescriptor[2])
    table.LUTDescriptor[2] = 8 if bits <= 8 else 16  # as it is stored; pydicom knows no 12
    pixels = apply_modality_lut(stored, data).astype(np.float32)
    in_hu = str(table.get("ModalityLUTType") or "").strip() == "HU"
    if turned and not in_hu:
        pixels = 2.0**bits - 1 - pixels
    return pixels, HU if in_hu else GREY, ()


def _ends(path: Path, data) -> tuple[int, int]:
    """Return the lowest and the highest number that its bits can store."""
    bits = whole(path, data, "BitsStored")
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if int(data.get("PixelRepresentation", 0)) else (0, 2**bits - 1)


def _padding(path: Path, data, stored: np.ndarray) -> np.ndarray | None:
    """Return where the stored numbers are padding, bool; None where the file names none."""
    if "PixelPaddingValue" not in data:
        return None
    one = _as_stored(number(path, data, "PixelPaddingValue", 0.0), stored)
    other = _as_stored(number(path, data, "PixelPaddingRangeLimit", one), stored)
    return (stored >= min(one, other)) & (stored <= max(one, other))


def _as_stored(value: float, stored: np.ndarray) -> float:
    """Return a number that may have been written without its sign: 63536 for -2000 in 16 bits."""
    return value - 2.0 ** (8 * stored.itemsize) if stored.dtype.kind == "i" and value > np.iinfo(stored.dtype).max else value
