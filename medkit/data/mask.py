"""Masks from files: which pixels are inside, or an error that says why nobody can tell."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.read import Scan, grey, kind_of, read
from medkit.data.read.geometry import farthest
from medkit.data.read.picture import TRANSPARENT, TURNED

PLAIN = "save one mask in a file, with 0 outside and 255 inside"
NO_MASK = f"{PLAIN}; an image needs a name that is no mask's"
FIT = "save it with its image's affine if it was drawn on it, else resample it onto its image"
APART = 0.1  # voxels that corners of a mask and its image may lie apart: headers are rounded
COLOURED = 32  # by which colours of one pixel may differ: lossy files are not quite grey
FEW = 4  # values of a file in which even one beside black or white is a label
BETWEEN = 0.15  # share of pixels that may be neither dark nor bright: soft edges, and no picture in grey
SMALL = 256  # pixels below which a mask may be all edge
MOST_LABELS = 1000  # of a volume; atlases of the brain have hundreds
ROUNDED = 1e-3  # by which a label may miss a whole number: slopes are rounded


def read_mask(path: str | Path, labels: Collection[int] | None = None) -> np.ndarray:
    """Return a mask file as bool, (H, W) for a picture, else (S, H, W).

    Pictures: grey, 0 is outside, 255 or 1 inside; values between (a lossy file, soft edges) are cut at 128, but an
    even area of one of them is a label of its own, which is refused.
    NIfTI: whole numbers, all above 0 inside. DICOM: two values, the higher one inside.

    Args:
        labels: the whole numbers that may occur, such as those that a `dataset.json` lists; None for any.

    Raises:
        MedkitInputError: unreadable, in colour, partly transparent, a map of several labels, an unlisted label, or numbers between labels.
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
    if TRANSPARENT in scan.notes:
        raise MedkitInputError(path, "has transparent parts, and may hold its mask in them", PLAIN)
    return _of_picture(path, scan.pixels[0], values[0])


def check_fits(path: Path, mask: np.ndarray, image: Scan, mask_scan: Scan | None = None) -> None:
    """Refuse a mask that does not lie on its image: another size, other voxels, another place in the patient.

    Args:
        mask: (H, W) or (S, H, W); image: what it belongs to; mask_scan: the mask as it was read, for its place.

    Raises:
        MedkitInputError: names the mask and says what differs.
    """
    has, wants = mask.shape[-2:], image.pixels.shape[1:3]
    if has == wants[::-1] != wants and TURNED in image.notes:
        what = f"has {has[1]} × {has[0]} pixels, its image {wants[1]} × {wants[0]} when it is turned as its EXIF or TIFF tag says"
        raise MedkitInputError(path, what, "turn the mask as the image is shown, or save the image again without the tag")
    if has != wants:
        raise MedkitInputError(path, f"has {has[1]} × {has[0]} pixels, its image {wants[1]} × {wants[0]}", "save both in one size")
    slices = mask.shape[0] if mask.ndim == 3 else 1
    if slices != len(image.pixels):
        raise MedkitInputError(path, f"has {slices} slices, its image {len(image.pixels)}", "save both in one size")
    one, other = image.spacing, getattr(mask_scan, "spacing", None)
    between = slice(0 if slices > 1 else 1, None)  # the thickness of a single slice says nothing of its place
    if one and other and not np.allclose(one[between], other[between], rtol=1e-3, atol=1e-3):
        raise MedkitInputError(path, "has voxels of another size than its image", FIT)
    one, other = image.place, getattr(mask_scan, "place", None)
    if one and other and farthest(one, other, image.pixels.shape[:3]) > APART:
        raise MedkitInputError(path, "has another place in the patient than its image", FIT)


def _of_picture(path: Path, pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
    if pixels.ndim == 3 and np.ptp(pixels, axis=-1).max() > COLOURED:
        raise MedkitInputError(path, "is in colour, and which colour is meant it does not say", PLAIN)
    highest = float(values.max())
    if highest > 255.5 or 1 < highest < 127.5 or values.min() < 0:
        raise MedkitInputError(path, f"is no mask: its highest value is {highest:g}", PLAIN)
    label = _label_between(values) if highest > 1 else None
    if label is not None:
        raise MedkitInputError(path, f"is a map of several labels: it has even areas of {label:g}", PLAIN)
    between = float(((values > 32) & (values < 223)).mean()) if highest > 1 else 0.0
    if between > BETWEEN and values.size >= SMALL:
        raise MedkitInputError(path, f"is no mask: {between:.0%} of its pixels are neither dark nor bright", NO_MASK)
    return values >= (127.5 if highest > 1 else 0.5)


def _label_between(values: np.ndarray) -> float | None:
    """Return a value between outside and highest that fills 3 × 3 pixels somewhere; None for none.

    Soft edges and lossy files have such values in passing. Those close to black and white count only where the
    file has few values in all: JPEG gives even blocks of 2 or 253.
    """
    found = np.unique(values)
    low, high = (found[0], found[-1]) if len(found) <= FEW else (32, 223)
    inner = (values > low) & (values < high)
    if min(values.shape) < 3 or not inner.any():
        return None
    across, down = ((one[:-2] == one[1:-1]) & (one[2:] == one[1:-1]) for one in (values.T, values))
    even = across.T[:-2] & across.T[1:-1] & across.T[2:] & down[:, 1:-1] & inner[1:-1, 1:-1]
    return float(values[1:-1, 1:-1][even][0]) if even.any() else None


def _of_labels(path: Path, values: np.ndarray, labels: Collection[int] | None) -> np.ndarray:
    found = np.unique(values)
    whole = np.round(found)
    odd = found[(np.abs(found - whole) > ROUNDED) | (whole < 0)]
    if len(odd):
        raise MedkitInputError(path, f"holds {odd[0]:g}, which is no label", "save it as whole numbers, 0 outside")
    if len(found) > MOST_LABELS:
        raise MedkitInputError(path, f"is no mask: it holds {len(found):,} different values", NO_MASK)
    unknown = [int(label) for label in whole if labels is not None and int(label) not in labels]
    if unknown:
        raise MedkitInputError(path, f"holds the label {unknown[0]}, which is not listed", "list it in dataset.json, or correct the mask")
    return values > 0.5


def _of_two(path: Path, values: np.ndarray) -> np.ndarray:
    found = np.unique(values)
    if len(found) > 2:
        raise MedkitInputError(path, f"is no mask: it holds {len(found)} different values", "save it with two, outside and inside")
    return values == found[-1] if len(found) == 2 else values > 0
