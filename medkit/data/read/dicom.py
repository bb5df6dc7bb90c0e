"""DICOM, by pydicom: header, budget, then pixels; values as the standard says they are meant.

pydicom gives the stored numbers. Here they become what they stand for: turned where white was stored as 0
(MONOCHROME1), scaled by slope and intercept, coloured by their palette. Of the patient nothing is kept
but a key that no name can be had from.
"""

from __future__ import annotations

import functools
import hmac
import io
import logging
import math
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.read.scan import BUDGET, GREY, HU, Scan, check_budget, checked, door, inflate

DEFLATED = "1.2.840.10008.1.2.1.99"  # the transfer syntax whose whole data set is packed
EXPLICIT = "1.2.840.10008.1.2.1"  # what it is once it is unpacked
MODALITIES = {"CT": "CT", "MR": "MRI", "US": "ultrasound", "CR": "X-ray", "DX": "X-ray", "MG": "X-ray"}
FIX = "export it again from the viewer or the archive that it came from"
INFLATED = 64 * 2**20  # bytes that a deflated data set may have


def read_dicom(path: Path, budget: int = BUDGET) -> Scan:
    """Return the frames of a DICOM file, (S, H, W) or (S, H, W, 3) float32.

    stored -> (MONOCHROME1, unless the unit is HU: lowest + highest storable - stored) -> · slope + intercept

    Hounsfield units are physical, and MONOCHROME1 is about the screen: those are not turned. An image is in
    HU where it is a CT with slope and intercept, or says HU as its rescale type.

    Raises:
        MedkitInputError: no DICOM image, damaged, too large, a slope of 0 or none, a window that is none, or a
            compression that no installed package reads.
    """
    with door(path, "a DICOM file", FIX), silent():
        data = _dataset(path)
        _check_header(path, data, budget)
        stored = _stored(path, data)
        pixels, unit = _meant(path, data, stored)
        notes = ("Writing may be burned into the pixels: the file says so.",) if _says_burned_in(data) else ()
        modality = MODALITIES.get(str(data.get("Modality", "")), "unknown")
        return checked(path, Scan(pixels, _spacing(data), modality, unit, patient_key(data.get("PatientID")), notes=notes))


@contextmanager
def silent() -> Iterator[None]:
    """Keep pydicom's log lines, which may quote a patient's values, to themselves; for the time being, do not validate."""
    from pydicom import config

    logger = logging.getLogger("pydicom")
    before, mode = logger.disabled, config.settings.reading_validation_mode
    logger.disabled, config.settings.reading_validation_mode = True, config.IGNORE
    try:
        yield
    finally:
        logger.disabled, config.settings.reading_validation_mode = before, mode


@functools.cache
def _key() -> bytes:
    """Return this process's own key: another day, or on another computer, patients have other ones."""
    return secrets.token_bytes(32)


def patient_key(name: object) -> str | None:
    """Return what stands for a patient's number: the same in this process, and nothing that leads back; None for none."""
    said = str(name or "").strip()
    return hmac.digest(_key(), said.encode(), "sha256").hex()[:16] if said else None


def _dataset(path: Path):
    """Return pydicom's data set; pixels are still packed in it. A deflated one is unpacked here, within a limit."""
    from pydicom import dcmread
    from pydicom.dataset import FileMetaDataset
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import UID

    try:
        meta = read_file_meta_info(path)
    except Exception:  # without the preamble there is no such part; dcmread says what it is
        meta = {}
    if str(meta.get("TransferSyntaxUID", "")) != DEFLATED:
        return dcmread(path, force=_looks_like_one(path))
    start = 128 + 4 + 12 + int(meta.FileMetaInformationGroupLength)
    content = path.read_bytes()
    plain = inflate(path, content[start:], INFLATED, -15)
    data = dcmread(io.BytesIO(plain), force=True)  # read as explicit VR, little endian
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    return data


def _looks_like_one(path: Path) -> bool:
    """Tell whether a file without the letters DICM begins as a DICOM data set does: group 2 or 8, little endian."""
    with path.open("rb") as file:
        return file.read(4)[:2] in (b"\x02\x00", b"\x08\x00") and file.read(4) != b""


def _check_header(path: Path, data, budget: int) -> None:
    if not any(name in data for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise MedkitInputError(path, "holds no image (a report, a directory or a plan?)", "choose image files")
    rows, columns, samples, bits = (_whole(path, data, name) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated"))
    frames = _whole(path, data, "NumberOfFrames", 1)
    if samples not in (1, 3) or bits not in (1, 8, 16, 32, 64):
        raise MedkitInputError(path, f"has {samples} samples of {bits} bits a pixel", "export it with 1 or 3 of 8 or 16 bits")
    check_budget(path, rows * columns * samples * frames, max(4, bits // 8), budget)


def _whole(path: Path, data, name: str, missing: int = 0) -> int:
    """Return a header's count; what is none is an error that names the field, never its value."""
    try:
        found = int(data.get(name, missing) or missing)
    except (TypeError, ValueError):
        found = -1
    if found <= 0:
        raise MedkitInputError(path, f"has no valid {name}", FIX)
    return found


def _number(path: Path, data, name: str, missing: float) -> float:
    """Return a number of the header; written, but no finite number, is an error."""
    if name not in data:
        return missing
    try:
        found = float(data[name].value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise MedkitInputError(path, f"has a {name} that is no number", FIX)
    return found


def _stored(path: Path, data) -> np.ndarray:
    """Return the stored numbers, (S, H, W) or (S, H, W, 3); colours as red, green and blue."""
    from pydicom.pixels import apply_color_lut

    syntax = getattr(data.file_meta, "TransferSyntaxUID", None) if hasattr(data, "file_meta") else None
    try:
        pixels = data.pixel_array  # YBR becomes RGB on the way
    except (RuntimeError, NotImplementedError) as error:
        if syntax is not None and syntax.is_compressed:
            raise MedkitInputError(path, f"is compressed in a way that can't be read here ({syntax.name})", "export it uncompressed") from None
        raise error
    if str(data.get("PhotometricInterpretation", "")) == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
        return pixels[None] if pixels.ndim == 3 else pixels
    frames, colour = _whole(path, data, "NumberOfFrames", 1), _whole(path, data, "SamplesPerPixel") == 3
    return pixels if frames > 1 else pixels.reshape(1, *pixels.shape[-3 if colour else -2 :])


def _meant(path: Path, data, stored: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the pixels as they are meant, float32, and their unit."""
    slope, intercept = _number(path, data, "RescaleSlope", 1.0), _number(path, data, "RescaleIntercept", 0.0)
    if slope == 0:
        raise MedkitInputError(path, "has a RescaleSlope of 0, which makes all pixels one", FIX)
    widths = np.atleast_1d(np.asarray(data.get("WindowWidth", 1) or math.nan, dtype=float))
    if not (widths > 0).all():
        raise MedkitInputError(path, "has a WindowWidth that is 0, below 0 or none", FIX)
    scaled = "RescaleSlope" in data and "RescaleIntercept" in data
    in_hu = str(data.get("RescaleType", "")).strip() == "HU" or (str(data.get("Modality", "")) == "CT" and scaled)
    pixels = stored.astype(np.float64)
    if str(data.get("PhotometricInterpretation", "")) == "MONOCHROME1" and not in_hu:
        pixels = sum(_ends(path, data)) - pixels
    return (pixels * slope + intercept).astype(np.float32), HU if in_hu else GREY


def _ends(path: Path, data) -> tuple[int, int]:
    """Return the lowest and the highest number that its bits can store."""
    bits = _whole(path, data, "BitsStored")
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if int(data.get("PixelRepresentation", 0)) else (0, 2**bits - 1)


def _spacing(data) -> tuple[float, float, float] | None:
    """Return millimetres between slices, rows and columns; a single slice has its thickness; None where unknown."""
    try:
        rows, columns = (float(x) for x in data.PixelSpacing)
        between = float(data.get("SpacingBetweenSlices") or data.get("SliceThickness") or 0)
    except (AttributeError, TypeError, ValueError):
        return None
    found = (between, rows, columns)
    return found if all(math.isfinite(x) and x >= 0 for x in found) and rows > 0 < columns else None


def _says_burned_in(data) -> bool:
    return str(data.get("BurnedInAnnotation", "")).strip().upper() == "YES"
