"""NIfTI, by nibabel: header, budget, then just as many bytes as the header asks for."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.read.scan import BUDGET, HEADER, Scan, check_budget, checked, door

FIX = "convert the scan to NIfTI again, with dcm2niix for instance"


def read_nifti(path: Path, budget: int = BUDGET) -> Scan:
    """Return a volume as slices, (S, H, W) float32: from foot to head, the front above, the patient's right on the left.

    Slope and intercept of the header are applied. Where the file says how the patient lay, the volume is
    turned (in steps of 90°) so that its third axis runs from foot to head; else it is taken as it is.

    Raises:
        MedkitInputError: no NIfTI file, damaged, too large, or several volumes in one.
    """
    with door(path, "a NIfTI file", FIX):
        import nibabel

        image = nibabel.Nifti1Image.from_filename(path, mmap=False)
        header = image.header
        _check_header(path, header, image.dataobj, budget)
        shape = image.shape
        image = nibabel.as_closest_canonical(image)
        values = np.asarray(image.dataobj, dtype=np.float32)
        values = values.reshape(values.shape[:3] + (1,) * (3 - min(3, values.ndim)))
        pixels = values.transpose(2, 1, 0)[:, ::-1]  # (x, y, z) to slices of rows from front to back
        spacing = tuple(float(x) for x in image.header.get_zooms()[:3])
        known = len(shape) >= 3 and all(math.isfinite(x) and x > 0 for x in spacing)
        place = tuple(image.affine.ravel().tolist())
        return checked(path, Scan(pixels, (spacing[2], spacing[1], spacing[0]) if known else None, place=place))


def _check_header(path: Path, header, proxy, budget: int) -> None:
    shape = tuple(int(n) for n in header.get_data_shape())
    if len(shape) not in (2, 3, 4) or any(n < 1 for n in shape):
        raise MedkitInputError(path, f"has the shape {shape}", "save one volume of three axes in a file")
    if len(shape) == 4 and shape[3] > 1:
        raise MedkitInputError(path, f"holds {shape[3]} volumes", "save each on its own, with fslsplit for instance")
    check_budget(path, math.prod(shape), max(4, header.get_data_dtype().itemsize), budget)
    if header.get_data_dtype().kind not in "iuf":
        raise MedkitInputError(path, "holds numbers of a kind that are no grey values", "save it as int16 or float32")
    if not 0 <= int(proxy.offset) <= HEADER:
        raise MedkitInputError(path, "says that its pixels begin far behind its header", FIX)
    if not all(math.isfinite(x) for x in (proxy.slope, proxy.inter)) or proxy.slope == 0:
        raise MedkitInputError(path, "has a slope or an intercept that is no number", FIX)
