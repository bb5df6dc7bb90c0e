"""Masks from files: which pixels are inside, or an error that says why nobody can tell."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.read import Scan, grey, kind_of, read


def read_mask(path: str | Path, labels: Collection[int] | None = None) -> np.ndarray:
    """Return a mask file as bool, (H, W) for a picture, else (S, H, W).

    Pictures: any mode, 0 is outside, 255 or 1 inside; values between (a lossy file) are cut at 128.
    NIfTI: whole numbers, all above 0 inside. DICOM: two values, the higher one inside.

    Args:
        labels: the whole numbers that may occur, such as those that a `dataset.json` lists; None for any.

    Raises:
        MedkitInputError: unreadable, a map of several labels, an unlisted label, or numbers between labels.
    """
    path = Path(path)
    return mask_of(path, read(path), labels)


def mask_of(path: Path, scan: Scan, labels: Collection[int] | None = None) -> np.ndarray:
    """Return the mask in a file that is read already; arguments, result and errors as for `read_mask`."""
    kind, values = kind_of(path), grey(scan.pixels)
    if labels is not None or kind == "NIfTI":
        return _of_labels(path, values, labels)
    if kind == "DICOM":
        return _of_two(path, values)
    highest = float(values.max())
    if highest > 255.5 or 1 < highest < 127.5 or values.min() < 0:
        raise MedkitInputError(path, f"is no mask: its highest value is {highest:g}", "save it with 0 outside and 255 inside")
    return (values >= (127.5 if highest > 1 else 0.5))[0]


def check_fits(path: Path, mask: np.ndarray, image: Scan, mask_scan: Scan | None = None) -> None:
    """Refuse a mask that does not lie on its image: another size, other voxels, another place in the patient.

    Args:
        mask: (H, W) or (S, H, W); image: what it belongs to; mask_scan: the mask as it was read, for its place.

    Raises:
        MedkitInputError: names the mask and says what differs.
    """
    has, wants = mask.shape[-2:], image.pixels.shape[1:3]
    if has != wants:
        raise MedkitInputError(path, f"has {has[1]} × {has[0]} pixels, its image {wants[1]} × {wants[0]}", "save both in one size")
    slices = mask.shape[0] if mask.ndim == 3 else 1
    if slices != len(image.pixels):
        raise MedkitInputError(path, f"has {slices} slices, its image {len(image.pixels)}", "save both in one size")
    for what, name in (("spacing", "voxels of another size"), ("place", "another place in the patient")):
        one, other = getattr(image, what), getattr(mask_scan, what, None)
        if one and other and not np.allclose(one, other, atol=1e-3):
            raise MedkitInputError(path, f"has {name} than its image", "resample the mask onto its image")


def _of_labels(path: Path, values: np.ndarray, labels: Collection[int] | None) -> np.ndarray:
    found = np.unique(values)
    odd = found[(found != np.round(found)) | (found < 0)]
    if len(odd):
        raise MedkitInputError(path, f"holds {odd[0]:g}, which is no label", "save it as whole numbers, 0 outside")
    unknown = [int(label) for label in found if labels is not None and int(label) not in labels]
    if unknown:
        raise MedkitInputError(path, f"holds the label {unknown[0]}, which is not listed", "list it in dataset.json, or correct the mask")
    return values > 0


def _of_two(path: Path, values: np.ndarray) -> np.ndarray:
    found = np.unique(values)
    if len(found) > 2:
        raise MedkitInputError(path, f"is no mask: it holds {len(found)} different values", "save it with two, outside and inside")
    return values == found[-1] if len(found) == 2 else values > 0
