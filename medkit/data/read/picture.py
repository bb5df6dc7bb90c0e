"""PNG, JPEG, TIFF and BMP, by Pillow: the file's own numbers, nothing clipped, nothing scaled."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from medkit._check import MedkitInputError
from medkit.data.read.scan import Scan, check_budget, checked, door
from medkit.data.read.whole import check_jpeg, check_png, check_tiff

LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)  # ITU-R BT.601, red green blue
KINDS = {"PNG": "PNG", "JPEG": "JPEG", "TIFF": "TIFF", "BMP": "BMP", "MPO": "JPEG"}
FORMATS = ("PNG", "JPEG", "TIFF", "BMP")  # what is looked for; JPEG opens MPO
KNOWN = {1: (1, 2, 4, 8, 16, 32), 2: (8, 16, 32), 3: (32,)}  # TIFF's kinds of numbers, and the bits that Pillow knows of each
CALLED = {1: "whole numbers", 2: "signed numbers", 3: "floats", 5: "complex numbers", 6: "complex numbers"}
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # 16 and 32 bits, which must not pass through 8
ORIENTATION = 0x0112  # the tag of EXIF and TIFF
TURNED = "A picture was turned as its tag says: look whether its mask was drawn on the turned one."
TRANSPARENT = "A picture has transparent parts: the colours that lie under them were taken."


def read_picture(path: Path) -> Scan:
    """Return a picture as (1, H, W) or, in colour, (1, H, W, 3) float32, turned as its EXIF or TIFF tag says.

    Pillow's modes: 1 gives 0 and 255, and 2 and 4 bits are spread over 0 ... 255; L 0 ... 255; I;16 0 ... 65535; I
    and F as stored; palettes, CMYK and YCbCr become red, green and blue. TIFF that stores white as 0 is turned. A
    palette of greys alone is grey. Gamma and colour profiles are not applied. Transparency is dropped, not blended; a
    note says so where it is uneven.

    Raises:
        MedkitInputError: no picture, several in one file, too many pixels, cut short, values not finite, colours of 16 bits
            (Pillow would cut them to 8), or numbers that Pillow takes for others.
    """
    with door(path, "an image", "open it in a viewer and save it again as PNG"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with path.open("rb") as file, Image.open(file, formats=FORMATS) as picture:
                    picture.verify()  # PNG: its sums; nothing is unpacked
                # a file, no path: else Pillow maps TIFF into memory, and scrambles what its tag turns by 90°
                with path.open("rb") as file, Image.open(file, formats=FORMATS) as picture:
                    pixels, notes = _pixels(path, picture)
                    return checked(path, Scan(pixels[None], notes=notes))
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise MedkitInputError(path, "has too many pixels to be opened safely", "make it smaller") from None
        except UnidentifiedImageError:
            _refuse_numbers(path)
            raise


def _refuse_numbers(path: Path) -> None:
    """Say which numbers a TIFF picture of one number a pixel holds, if they are what Pillow does not know."""
    try:
        with path.open("rb") as file:
            tags = _first_tags(file)
    except struct.error:  # it ends early, and nothing can be said of it
        return
    bits, kind = tags.get(258, 1), tags.get(339, 1)
    if kind in CALLED and bits not in KNOWN.get(kind, ()):
        wanted = 32 if kind > 2 or bits > 32 else 16
        raise MedkitInputError(path, f"is a TIFF picture of {bits}-bit {CALLED[kind]}", f"save it with {wanted} bits")


def _first_tags(file: BinaryIO) -> dict[int, int]:
    """Return the tags of a TIFF file's first picture that are one whole number each; {} for other files and of colours."""

    def number(kind: str) -> int:
        return struct.unpack(order + kind, file.read(struct.calcsize(order + kind)))[0]

    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    version = number("H") if order else 0
    if version not in (42, 43):
        return {}
    entry, whole = (20, "Q") if version == 43 else (12, "I")  # BigTIFF, TIFF
    file.seek(8 if version == 43 else 4)
    begin, tags = number(whole), {}
    file.seek(begin)
    begin = begin + 8 if version == 43 else begin + 2
    for k in range(min(number("Q" if version == 43 else "H"), 2**16)):
        file.seek(begin + k * entry)
        tag, kind, count = number("H"), number("H"), number(whole)
        if count == 1 and kind in (3, 4):  # of 16 and 32 bits
            tags[tag] = number("H" if kind == 3 else "I")
    return tags


def _check_whole(path: Path, picture: Image.Image) -> None:
    """Refuse a picture that is cut short: Pillow would fill it up."""
    kind = KINDS[picture.format]
    if kind == "PNG":
        check_png(path)
    elif kind == "JPEG":
        check_jpeg(path, path.read_bytes(), picture.width * picture.height)
    elif kind == "TIFF":
        check_tiff(path, picture)
    elif picture.tile and picture.tile[0].codec_name == "bmp_rle":  # Pillow unpacks it in Python, for minutes if it means harm
        raise MedkitInputError(path, "is a BMP packed by run lengths", "save it again as PNG")


def _pixels(path: Path, picture: Image.Image) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the pixels, and what a reader should know."""
    if getattr(picture, "is_animated", False):  # to count them, all would have to be looked at
        raise MedkitInputError(path, "holds several pictures", "save each on its own")
    check_budget(path, picture.width * picture.height * len(picture.getbands()), 4)
    bits, is_signed, white_is_0 = _stored(path, picture)
    is_turned = getattr(picture, "tag_v2", {}).get(ORIENTATION, 1) != 1
    _check_whole(path, picture)
    picture.load()  # TIFF is turned here
    is_turned = is_turned or picture.getexif().get(ORIENTATION, 1) != 1
    picture = ImageOps.exif_transpose(picture)
    notes = (TURNED,) if is_turned else ()
    if picture.has_transparency_data and picture.mode not in DEEP:
        lowest, highest = picture.convert("RGBA").getchannel("A").getextrema()
        notes += (TRANSPARENT,) if lowest < highest else ()
    if picture.mode in ("LA", "La"):
        picture = picture.convert("L")
    elif picture.mode not in ("1", "L", "F", "RGB", *DEEP):
        picture = picture.convert("RGB")
    pixels = np.array(picture)
    if bits == 32 and picture.mode == "I" and not is_signed:
        pixels = pixels.view(np.uint32)  # Pillow has no such mode, and would give -1 for the highest
    pixels = pixels.astype(np.float32) * (255 if picture.mode == "1" else 1)
    if white_is_0 and picture.mode in DEEP:
        pixels = 2**bits - 1 - pixels  # what Pillow does for up to 8 bits alone
    same = pixels.ndim == 3 and (pixels == pixels[..., :1]).all()
    return pixels[..., 0] if same else pixels, notes


def _stored(path: Path, picture: Image.Image) -> tuple[int, bool, bool]:
    """Return how a TIFF stores its numbers: bits, signed, white as 0; (0, False, False) for other pictures.

    Raises:
        MedkitInputError: it stores them so that Pillow would give others, without a word; PNG too.
    """
    tags = getattr(picture, "tag_v2", {})
    bits, kind, white_is_0 = tags.get(258, (0,))[0], tags.get(339, (1,))[0], tags.get(262) == 0
    is_deep = bits > 8 or any(isinstance(one.args, str) and ";16" in one.args for one in picture.tile)  # TIFF, PNG
    if is_deep and picture.mode not in (*DEEP, "F"):
        raise MedkitInputError(path, "holds colours or transparency in 16 bits", "save it in 8 bits a colour, or in grey of 16 bits")
    if kind == 2 and bits <= 8 or white_is_0 and (kind != 1 or bits > 16):
        raise MedkitInputError(path, f"holds {bits} bits a pixel in a way that is seldom used", "save it as TIFF of 16 bits, black as 0")
    return bits, kind == 2, white_is_0


def grey(pixels: np.ndarray) -> np.ndarray:
    """Return (..., H, W) of (..., H, W) or (..., H, W, 3): 0.299 R + 0.587 G + 0.114 B, not rounded."""
    return pixels @ LUMINANCE if pixels.shape[-1] == 3 and pixels.ndim > 3 else pixels
