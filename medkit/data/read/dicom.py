"""DICOM, by pydicom: header, budget, then pixels; values as the standard says they are meant.

pydicom gives the stored numbers. Here they become what they stand for: turned where white was stored as 0
(MONOCHROME1), scaled by slope and intercept, coloured by their palette. Of the patient nothing is kept
but a key that no name can be had from.
"""

from __future__ import annotations

import functools
import hmac
import io
import re
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from medkit._check import MedkitInputError
from medkit.data.read import geometry
from medkit.data.read.fields import FIX, whole
from medkit.data.read.jpeg2000 import check_jpeg2000, is_jpeg2000
from medkit.data.read.meaning import meant
from medkit.data.read.scan import BUDGET, HEADER, Scan, check_budget, checked, door, inflate, no_log
from medkit.data.read.whole import check_jpeg

DEFLATED = "1.2.840.10008.1.2.1.99"  # the transfer syntax whose whole data set is packed
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"  # what it is once it is unpacked, or without the preamble
MODALITIES = {"CT": "CT", "MR": "MRI", "US": "ultrasound", "CR": "X-ray", "DX": "X-ray", "MG": "X-ray"}
WRITTEN = ("US", "IVUS", "ES", "XC", "OT")  # ultrasound, endoscopy, photographs, others: shown as on the machine's screen
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # the classes of secondary captures: screens and scanned film
BURNED_IN = "Writing may be burned into the pixels: the file says so."
MAYBE = "Writing may stand in the pixels: it often does in ultrasound and captured screens, and the file does not say."
STEPS, ITEMS = 30_000, 10_000  # reads that a header may take, and items in sequences that it may have
UNDEFINED = 0xFFFFFFFF  # the length of what ends with a mark
FRAME_FIX = "export it again, uncompressed"
DECODE_FIX = "get it again; if it is whole, export it uncompressed or install decoders: python3 -m pip install 'pylibjpeg[all]'"
LOCALIZER = "A localizer (scout) is among the files: it is a projection, no slice."
NOBODY = re.compile(r"(anon[a-z]*|unknown|none|null|n/?a|removed|redacted|de-?identified|[x*-]+)([ ^_-]*(patient|id))?")  # what stands for everybody


def read_dicom(path: Path, budget: int = BUDGET) -> Scan:
    """Return the frames of a DICOM file, (S, H, W) or (S, H, W, 3) float32.

    What stored numbers become, see `meaning.meant`; spacing and place, `geometry.of_dicom`. Hounsfield units are
    physical, and MONOCHROME1 is about the screen: those are not turned. An image is in HU where it says HU as its
    rescale type, or is a CT with slope and intercept that says no type. A palette gives its own entries, which
    may have 16 bits. The window (VOI LUT) is not applied.

    Raises:
        MedkitInputError: no DICOM image, damaged, too large, a slope of 0 or none, a window that is none, a
            compression that no installed package reads, a dose, several segments, or bits at an unusual place.
    """
    with door(path, "a DICOM file", FIX), silent():
        data = _dataset(path, budget)
        stored = _stored(path, data)
        is_localizer = "LOCALIZER" in str(data.get("ImageType", "")).upper()
        pixels, unit, notes = meant(path, data, stored)
        spacing, place = geometry.of_dicom(data, len(pixels))
        modality = MODALITIES.get(str(data.get("Modality", "")), "unknown")
        patient, study = patient_key(data.get("PatientID")), patient_key(data.get("StudyInstanceUID"))
        return checked(path, Scan(pixels, spacing, modality, unit, patient, study, place, notes + _writing(data) + (LOCALIZER,) * is_localizer))


@contextmanager
def silent() -> Iterator[None]:
    """Keep pydicom's log lines, which may quote a patient's values, to themselves; for the time being, do not validate."""
    from pydicom import config

    mode = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.IGNORE
    try:
        with no_log():
            yield
    finally:
        config.settings.reading_validation_mode = mode


@functools.cache
def _key() -> bytes:
    """Return this process's own key: another day, or on another computer, patients have other ones."""
    return secrets.token_bytes(32)


def patient_key(name: object) -> str | None:
    """Return what stands for a patient's number: the same in this process, and nothing that leads back.

    None for none, and for what some programs write into everybody's files in its place, such as ANONYMOUS.
    """
    said = str(name or "").strip()
    if not said or NOBODY.fullmatch(said.casefold()):
        return None
    return hmac.digest(_key(), said.encode(), "sha256").hex()[:16]


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
    rows, columns, samples, bits = (whole(path, data, name) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated"))
    frames = whole(path, data, "NumberOfFrames", 1)
    if samples not in (1, 3) or bits not in (1, 8, 16, 32, 64):
        raise MedkitInputError(path, f"has {samples} samples of {bits} bits a pixel", "export it with 1 or 3 of 8 or 16 bits")
    _check_kind(path, data)
    each = max(4, bits // 8)
    pixels = data.get_item("PixelData")
    if getattr(pixels, "value", None) is not None and UNDEFINED != getattr(pixels, "length", 0) > len(pixels.value):
        raise MedkitInputError(path, "ends in the middle of its pixels", "get the file again, it was cut short")
    check_budget(path, rows * columns * samples * frames, each, budget)
    return rows * columns * samples * frames * each


def _check_kind(path: Path, data) -> None:
    """Refuse what has pixels and would be taken for something else: doses, several segments in one, shifted bits."""
    if str(data.get("Modality", "")) == "RTDOSE":
        raise MedkitInputError(path, "holds a radiation dose, no image", "choose image files")
    segments = data.get("SegmentSequence") or ()
    if len(segments) > 1:
        raise MedkitInputError(path, f"holds {len(segments)} segments in one file", "export each in a file of its own")
    stored, high = data.get("BitsStored"), data.get("HighBit")
    if stored and high is not None and "PixelData" in data and int(high) != int(stored) - 1:
        raise MedkitInputError(path, f"keeps its {int(stored)} bits at an unusual place, below bit {int(high)}", FIX)


def _check_frames(path: Path, data) -> None:
    """Refuse compressed frames that are not of the header's size, before they are unpacked.

    JPEG and JPEG 2000: by the size that stands in the frame, which must be whole (JPEG: where it has 8 bits). RLE:
    packed, a frame is at most a little longer than unpacked.
    """
    from pydicom.encaps import generate_frames
    from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, RLELossless

    rows, columns = whole(path, data, "Rows"), whole(path, data, "Columns")
    unpacked = rows * columns * whole(path, data, "SamplesPerPixel") * whole(path, data, "BitsAllocated") // 8
    is_rle = data.file_meta.TransferSyntaxUID == RLELossless
    for frame in generate_frames(data.PixelData, number_of_frames=whole(path, data, "NumberOfFrames", 1)):
        if is_rle and len(frame) > 1024 + 2 * unpacked:
            raise MedkitInputError(path, "holds a frame that unpacks to more than its header says", FRAME_FIX)
        if is_jpeg2000(frame):
            check_jpeg2000(path, frame)
        try:
            size = None if is_rle else Image.open(io.BytesIO(frame), formats=["JPEG", "JPEG2000"]).size
        except Image.DecompressionBombError:
            raise MedkitInputError(path, "holds a frame of too many pixels to be opened safely", FRAME_FIX) from None
        except UnidentifiedImageError:  # of a kind that another decoder may know
            continue
        if size not in (None, (columns, rows)):
            raise MedkitInputError(path, f"holds a frame of {size[0]} × {size[1]} pixels, its header says {columns} × {rows}", FRAME_FIX)
        if data.file_meta.TransferSyntaxUID in (JPEGBaseline8Bit, JPEGExtended12Bit):  # of 12 bits, Pillow opened none
            check_jpeg(path, frame, rows * columns)


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
            raise MedkitInputError(path, f"is compressed in a way that can't be read here, or damaged ({syntax.name})", DECODE_FIX) from None
        raise error
    if str(data.get("PhotometricInterpretation", "")) == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
        return pixels[None] if pixels.ndim == 3 else pixels
    frames, colour = whole(path, data, "NumberOfFrames", 1), whole(path, data, "SamplesPerPixel") == 3
    pixels = pixels if frames > 1 else pixels.reshape(1, *pixels.shape[-3 if colour else -2 :])
    if len(pixels) != frames:
        raise MedkitInputError(path, f"holds {len(pixels)} frames, its header says {frames}", FIX)
    return pixels


def _writing(data) -> tuple[str, ...]:
    """Return what the header says of writing in the pixels, or leaves open where it is usual; pixels are not searched."""
    said = str(data.get("BurnedInAnnotation", "")).strip().upper()
    usual = str(data.get("Modality", "")) in WRITTEN or str(data.get("SOPClassUID", "")).startswith(CAPTURE)
    return (BURNED_IN,) if said == "YES" else (MAYBE,) if usual and said != "NO" else ()
