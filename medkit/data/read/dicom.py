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
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from medkit._check import MedkitInputError
from medkit.data.read.scan import BUDGET, GREY, HEADER, HU, Scan, check_budget, checked, door, inflate
from medkit.data.read.whole import check_jpeg

DEFLATED = "1.2.840.10008.1.2.1.99"  # the transfer syntax whose whole data set is packed
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"  # what it is once it is unpacked, or without the preamble
MODALITIES = {"CT": "CT", "MR": "MRI", "US": "ultrasound", "CR": "X-ray", "DX": "X-ray", "MG": "X-ray"}
WRITTEN = ("US", "IVUS", "ES", "XC", "OT")  # ultrasound, endoscopy, photographs, others: shown as on the machine's screen
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # the classes of secondary captures: screens and scanned film
BURNED_IN = "Writing may be burned into the pixels: the file says so."
MAYBE = "Writing may stand in the pixels: it often does in ultrasound and captured screens, and the file does not say."
FIX = "export it again from the viewer or the archive that it came from"
STEPS, ITEMS = 30_000, 10_000  # reads that a header may take, and items in sequences that it may have
UNDEFINED = 0xFFFFFFFF  # the length of what ends with a mark
JP2 = b"\0\0\0\x0cjP  "  # the first bytes of JPEG 2000 in boxes
FRAME_FIX = "export it again, uncompressed"


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
        data = _dataset(path, budget)
        stored = _stored(path, data)
        pixels, unit = _meant(path, data, stored)
        modality = MODALITIES.get(str(data.get("Modality", "")), "unknown")
        return checked(path, Scan(pixels, _spacing(data), modality, unit, patient_key(data.get("PatientID")), notes=_writing(data)))


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


class _Counted(io.BytesIO):
    """A file's bytes, to be read from so many times; unlike a file, it sets no memory aside for a length that lies."""

    left = STEPS

    def read(self, size: int | None = -1) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise OverflowError("too many parts")
        return super().read(size)


def _counted(path: Path, content: bytes) -> _Counted:
    """Return the bytes as a file; a megabyte of empty items in sequences would cost a gigabyte."""
    if content.count(b"\xfe\xff\x00\xe0") > ITEMS or content.count(b"\xff\xfe\xe0\x00") > ITEMS:
        raise MedkitInputError(path, f"has more than {ITEMS:,} items in its sequences", "export its frames one by one")
    return _Counted(content)


def _dataset(path: Path, budget: int):
    """Return pydicom's data set, its header checked; pixels are still packed in it.

    A deflated one is unpacked here: its beginning, and if that is in order no more than it promises.
    """
    from pydicom import dcmread
    from pydicom.dataset import FileMetaDataset
    from pydicom.filereader import read_dataset
    from pydicom.uid import UID

    if path.stat().st_size > budget + HEADER:
        raise MedkitInputError(path, f"has more than {budget / 2**20:,.0f} MiB", "export its frames one by one")
    content = path.read_bytes()
    file = _Counted(content)
    file.seek(132 if content[128:132] == b"DICM" else 0)
    meta = read_dataset(file, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)
    if str(meta.get("TransferSyntaxUID", "")) != DEFLATED:
        data = dcmread(_counted(path, content), force=True)
        _check_header(path, data, budget)
        if "TransferSyntaxUID" not in meta:  # the pixels then lie as the header does
            data.file_meta = FileMetaDataset()
            data.file_meta.TransferSyntaxUID = UID({(True, True): IMPLICIT, (False, True): EXPLICIT}[data.original_encoding])
        return data
    packed = content[file.tell() :]
    beginning = zlib.decompressobj(-15).decompress(packed, HEADER)
    limit = _check_header(path, dcmread(_counted(path, beginning), force=True, defer_size=HEADER // 8), budget) + HEADER
    data = dcmread(_counted(path, inflate(path, packed, limit, -15)), force=True)  # read as explicit VR, little endian
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    return data


def _check_header(path: Path, data, budget: int) -> int:
    """Refuse a file by its header; return the bytes of pixels that it promises."""
    if not any(name in data for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise MedkitInputError(path, "holds no image (a report, a directory or a plan?)", "choose image files")
    rows, columns, samples, bits = (_whole(path, data, name) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated"))
    frames = _whole(path, data, "NumberOfFrames", 1)
    if samples not in (1, 3) or bits not in (1, 8, 16, 32, 64):
        raise MedkitInputError(path, f"has {samples} samples of {bits} bits a pixel", "export it with 1 or 3 of 8 or 16 bits")
    each = max(4, bits // 8)
    pixels = data.get_item("PixelData")
    if getattr(pixels, "value", None) is not None and UNDEFINED != getattr(pixels, "length", 0) > len(pixels.value):
        raise MedkitInputError(path, "ends in the middle of its pixels", "get the file again, it was cut short")
    check_budget(path, rows * columns * samples * frames, each, budget)
    return rows * columns * samples * frames * each


def _check_frames(path: Path, data) -> None:
    """Refuse compressed frames that are not of the header's size, before they are unpacked.

    JPEG: by the size that stands in the frame; of 8 bits, it must also be whole. RLE: packed, a frame is at most a
    little longer than unpacked.
    """
    from pydicom.encaps import generate_frames
    from pydicom.uid import JPEGBaseline8Bit, RLELossless

    rows, columns = _whole(path, data, "Rows"), _whole(path, data, "Columns")
    unpacked = rows * columns * _whole(path, data, "SamplesPerPixel") * _whole(path, data, "BitsAllocated") // 8
    is_rle = data.file_meta.TransferSyntaxUID == RLELossless
    for frame in generate_frames(data.PixelData, number_of_frames=_whole(path, data, "NumberOfFrames", 1)):
        if is_rle and len(frame) > 1024 + 2 * unpacked:
            raise MedkitInputError(path, "holds a frame that unpacks to more than its header says", FRAME_FIX)
        if frame.startswith(JP2):
            _check_boxes(path, frame)
        try:
            size = None if is_rle else Image.open(io.BytesIO(frame), formats=["JPEG", "JPEG2000"]).size
        except Image.DecompressionBombError:
            raise MedkitInputError(path, "holds a frame of too many pixels to be opened safely", FRAME_FIX) from None
        except UnidentifiedImageError:  # of a kind that another decoder may know
            continue
        if size not in (None, (columns, rows)):
            raise MedkitInputError(path, f"holds a frame of {size[0]} × {size[1]} pixels, its header says {columns} × {rows}", FRAME_FIX)
        if data.file_meta.TransferSyntaxUID == JPEGBaseline8Bit:
            check_jpeg(path, frame, rows * columns)


def _check_boxes(path: Path, frame: bytes) -> None:
    """Refuse JPEG 2000 whose parts do not lead to its pixels: pydicom would follow one of no length for ever."""
    at = 12
    while at < len(frame) and frame[at + 4 : at + 8] != b"jp2c":
        length = int.from_bytes(frame[at : at + 4], "big")
        if length < 8:
            raise MedkitInputError(path, "holds a frame whose parts have no length", FRAME_FIX)
        at += length


def _whole(path: Path, data, name: str, missing: int = 0) -> int:
    """Return a header's count; what is none is an error that names the field, never its value."""
    said = data.get(name)
    try:
        found = missing if said is None or said == "" else int(said)
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
    if syntax is not None and syntax.is_encapsulated:
        _check_frames(path, data)
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
    pixels = pixels if frames > 1 else pixels.reshape(1, *pixels.shape[-3 if colour else -2 :])
    if len(pixels) != frames:
        raise MedkitInputError(path, f"holds {len(pixels)} frames, its header says {frames}", FIX)
    return pixels


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


def _writing(data) -> tuple[str, ...]:
    """Return what the header says of writing in the pixels, or leaves open where it is usual; pixels are not searched."""
    said = str(data.get("BurnedInAnnotation", "")).strip().upper()
    usual = str(data.get("Modality", "")) in WRITTEN or str(data.get("SOPClassUID", "")).startswith(CAPTURE)
    return (BURNED_IN,) if said == "YES" else (MAYBE,) if usual and said != "NO" else ()
