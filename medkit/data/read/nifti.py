"""NIfTI, by nibabel: header, budget, then just as many bytes as the header asks for."""

from __future__ import annotations

import gzip
import io
import math
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.read.geometry import place_of
from medkit.data.read.scan import BUDGET, HEADER, Scan, check_budget, checked, door

FIX = "convert the scan to NIfTI again, with dcm2niix for instance"
MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}


def read_nifti(path: Path, budget: int = BUDGET) -> Scan:
    """Return a volume as slices, (S, H, W) float32: from foot to head, the front above, the patient's right on the left.

    Slope and intercept of the header are applied. The volume is turned (in steps of 90°) so that its third axis runs
    from foot to head, by the sform, else by the qform; where the file has neither, by the rule of ANALYZE: the first
    axis runs to the patient's left, the second to the front, the third up. Metres and micrometres become millimetres.

    Raises:
        MedkitInputError: no NIfTI file, damaged, too large, or several volumes in one.
    """
    with door(path, "a NIfTI file", FIX):
        import nibabel

        with nibabel.imageglobals.LoggingOutputSuppressor():  # it tells its log what it mends
            return _scan(path, nibabel.Nifti1Image.from_bytes(_content(path, budget)))


def _scan(path: Path, image) -> Scan:
    from nibabel import as_closest_canonical

    shape, image = image.shape, as_closest_canonical(image)
    values = np.asarray(image.dataobj, dtype=np.float32)
    values = values.reshape(values.shape[:3] + (1,) * (3 - min(3, values.ndim)))
    pixels = values.transpose(2, 1, 0)[:, ::-1]  # (x, y, z) to slices of rows from front to back
    unit = MILLIMETRES.get(image.header.get_xyzt_units()[0], 1.0)
    spacing = tuple(float(x) * unit for x in image.header.get_zooms()[:3])
    known = len(shape) >= 3 and all(math.isfinite(x) and x > 0 for x in spacing)
    seen = np.array([[0, 0, 1, 0], [0, -1, 0, pixels.shape[1] - 1], [1, 0, 0, 0], [0, 0, 0, 1]])  # (slice, row, column) to (x, y, z)
    place = place_of(np.diag([unit, unit, unit, 1]) @ image.affine @ seen, len(pixels))
    if place is None:
        raise MedkitInputError(path, "says that it lies at NaN or infinity", FIX)
    return checked(path, Scan(pixels, (spacing[2], spacing[1], spacing[0]) if known else None, place=place))


def _content(path: Path, budget: int) -> bytes:
    """Return the file, unpacked, up to the end of its pixels; its header is checked before they are read."""
    import nibabel

    packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as file:
        begin = file.read(HEADER)
        end = _check_header(path, nibabel.Nifti1Header.from_fileobj(io.BytesIO(begin), check=False), budget)
        content = begin + file.read(max(0, end - len(begin)) + 1)  # one byte further, where gzip compares its sum
    if len(content) < end:
        raise MedkitInputError(path, f"ends after {len(content):,} of {end:,} bytes", "get the file again, it was cut short")
    return content


def _check_header(path: Path, header, budget: int) -> int:
    """Refuse a file by its header; return where its pixels end, in bytes."""
    if header["sizeof_hdr"] != header.sizeof_hdr or header["magic"] != header.single_magic:
        raise MedkitInputError(path, "has no NIfTI header, of version 1 and with its pixels behind it", FIX)
    shape = tuple(int(n) for n in header.get_data_shape())
    if len(shape) not in (2, 3, 4) or any(n < 1 for n in shape):
        raise MedkitInputError(path, f"has the shape {shape}", "save one volume of three axes in a file")
    if len(shape) == 4 and shape[3] > 1:
        raise MedkitInputError(path, f"holds {shape[3]} volumes", "save each on its own, with fslsplit for instance")
    kind = header.get_data_dtype()
    check_budget(path, math.prod(shape), max(4, kind.itemsize), budget)
    if kind.kind not in "iuf":
        raise MedkitInputError(path, "holds numbers of a kind that are no grey values", "save it as int16 or float32")
    offset = header.get_data_offset()
    if not 0 <= offset <= HEADER:
        raise MedkitInputError(path, "says that its pixels begin far behind its header", FIX)
    slope, intercept = (1.0 if x is None else x for x in header.get_slope_inter())
    if np.isinf(header["scl_slope"]) or not math.isfinite(slope) or not math.isfinite(intercept):
        raise MedkitInputError(path, "has a slope or an intercept that is no number", FIX)
    return offset + math.prod(shape) * kind.itemsize
