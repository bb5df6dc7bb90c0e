"""One door for image files: header first, then a budget, then pixels.

    read(path)      DICOM, NIfTI, PNG, JPEG, TIFF, BMP -> Scan: pixels, spacing, modality, unit
    read_npz(path)  arrays by name, as MedMNIST has them

What a file is, its first bytes say, not its name. Whatever is wrong with it, `MedkitInputError` says which
file, what, and what to do; it takes a second and little memory, and nothing is made from half a file.
"""

from __future__ import annotations

from pathlib import Path

from medkit._check import MedkitInputError
from medkit.data.read.arrays import read_npz
from medkit.data.read.dicom import read_dicom
from medkit.data.read.nifti import read_nifti
from medkit.data.read.picture import grey, read_picture
from medkit.data.read.scan import BUDGET, HU, LARGEST, Scan

__all__ = ["BUDGET", "HU", "Scan", "grey", "kind_of", "read", "read_npz"]
TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")  # the last two for files beyond 4 GB
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", *TIFF, b"BM")  # PNG, JPEG, TIFF, BMP


def read(path: str | Path, budget: int = BUDGET) -> Scan:
    """Return what one file holds.

    Args:
        path: a DICOM, NIfTI (.nii, .nii.gz), PNG, JPEG, TIFF or BMP file. budget: bytes of unpacked pixels.

    Raises:
        MedkitInputError: anything that is wrong with it.
    """
    path = Path(path)
    readers = {"DICOM": read_dicom, "NIfTI": read_nifti, "picture": lambda path, budget: read_picture(path)}
    kind = kind_of(path)
    if kind not in readers:
        what = {"": "is of no kind that medkit reads", "zip": "is an archive"}[kind]
        raise MedkitInputError(path, what, "give DICOM, NIfTI, PNG, JPEG, TIFF or BMP; an archive: unpack it first")
    return readers[kind](path, budget)


def kind_of(path: Path) -> str:
    """Return "DICOM", "NIfTI", "picture", "zip", or "" for none of these, by the first bytes.

    Raises:
        MedkitInputError: no such file, an empty or a far too large one, or one that may not be opened.
    """
    try:
        if not path.is_file():
            raise MedkitInputError(path, "is no file", "give the path of one image file")
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(352)
    except OSError as error:
        raise MedkitInputError(path, f"can't be opened ({type(error).__name__})", "look at its name and its permissions") from None
    if not 0 < size <= LARGEST:
        raise MedkitInputError(path, f"has {size / 2**20:,.0f} MiB", f"give a file of up to {LARGEST / 2**20:,.0f} MiB that is not empty")
    if head[128:132] == b"DICM":  # before all others: a file may be TIFF and DICOM at once
        return "DICOM"
    if head.startswith(PICTURES):
        return "picture"
    if head[:2] in (b"\x02\x00", b"\x08\x00"):  # without the preamble
        return "DICOM"
    if head[344:347] in (b"n+1", b"n+2", b"ni1") or head[4:7] in (b"n+1", b"n+2") or path.name.lower().endswith((".nii", ".nii.gz")):
        return "NIfTI"
    return "zip" if head.startswith(b"PK") else ""
