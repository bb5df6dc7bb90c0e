"""What every reader returns, the budget that none may exceed, and the one error that all of them end in."""

from __future__ import annotations

import logging
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medkit._check import MedkitInputError

BUDGET = 512 * 2**20  # bytes of unpacked pixels that one file may hold; more is refused before anything is unpacked
HEADER = 4 * 2**20  # bytes that a header may have
LARGEST = 2 * 2**30  # bytes of a file on disk
HU, GREY = "HU", "grey level"


class Scan(NamedTuple):
    """The pixels of one file, and what it says about them. No name, number or date of a patient is in it.

    pixels: (S, H, W) float32, or (S, H, W, 3) in colour; one slice where the file is a picture.
    spacing: millimetres between slices, rows and columns; None where the file does not say.
    modality: "CT", "MRI", "ultrasound", "X-ray" or "unknown". unit: "HU" or "grey level".
    patient: what files of one patient share, as far as the file says who it is; see `dicom.patient_key`.
    place: the 16 numbers that say where its voxels lie in the patient, of NIfTI; a mask must lie there too.
    notes: what a reader should know.
    """

    pixels: np.ndarray
    spacing: tuple[float, float, float] | None = None
    modality: str = "unknown"
    unit: str = GREY
    patient: str | None = None
    place: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()


@contextmanager
def door(path: Path, what: str, fix: str) -> Iterator[None]:
    """Let nothing out of a decoder but `MedkitInputError`: decoders raise almost anything on damaged files.

    Their warnings are kept in, and Pillow's log lines: they may quote what a header says of a patient.

    Args:
        path: the file; what: it should have been, such as "a DICOM file"; fix: what to do.
    """
    logger = logging.getLogger("PIL")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MedkitInputError:
        raise
    except MemoryError:
        raise MedkitInputError(path, "needs more memory than there is", "make it smaller") from None
    except RecursionError:
        raise MedkitInputError(path, "is nested too deeply", fix) from None
    except Exception as error:
        raise MedkitInputError(path, f"can't be read as {what} ({type(error).__name__})", fix) from None
    finally:
        logger.setLevel(level)


def check_budget(path: Path, count: int, each: int, budget: int = BUDGET) -> None:
    """Refuse a file by what its header promises, before anything is unpacked.

    Args:
        count: numbers in it; each: bytes that one takes.

    Raises:
        MedkitInputError: nothing is in it, or more than `budget` bytes.
    """
    if count <= 0:
        raise MedkitInputError(path, "holds no pixels", "export it again")
    if count * each > budget:
        holds = f"holds {count * each / 2**20:,.0f} MiB of pixels, more than {budget / 2**20:,.0f}"
        raise MedkitInputError(path, holds, "cut it into parts, or make it smaller")


def checked(path: Path, scan: Scan) -> Scan:
    """Return a scan whose pixels are float32, finite and of a shape that medkit knows.

    Raises:
        MedkitInputError: NaN, infinity, no pixels, or another shape.
    """
    pixels = np.ascontiguousarray(scan.pixels, dtype=np.float32)
    if not pixels.size or not (pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[-1] == 3)):
        raise MedkitInputError(path, f"holds pixels of shape {pixels.shape}", "save one image or one volume in a file")
    if not np.isfinite(pixels).all():
        raise MedkitInputError(path, "holds NaN or infinite values", "replace them and save it again")
    return scan._replace(pixels=pixels)


def inflate(path: Path, packed: bytes, limit: int, wbits: int) -> bytes:
    """Unpack zlib's data, never to more than `limit` bytes: half a megabyte may hold gigabytes of zeros.

    Args:
        wbits: -15 raw, 31 gzip, as for `zlib.decompressobj`.

    Raises:
        MedkitInputError: it holds more, or is damaged.
    """
    fix = "get the file again; if it is whole, unpack it by hand"
    try:
        stream = zlib.decompressobj(wbits)
        content = stream.decompress(packed, limit)
        if stream.unconsumed_tail or not stream.eof and len(content) >= limit:
            raise MedkitInputError(path, f"unpacks to more than {limit / 2**20:,.0f} MiB", "unpack it by hand, and look at it")
        return content + stream.flush()
    except zlib.error as error:
        raise MedkitInputError(path, f"is packed, and damaged ({type(error).__name__})", fix) from None
