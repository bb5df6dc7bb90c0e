"""PNG, JPEG, TIFF and BMP, by Pillow: the file's own numbers, nothing clipped, nothing scaled."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from medkit._check import MedkitInputError
from medkit.data.read.scan import Scan, check_budget, checked, door
from medkit.data.read.whole import check_jpeg, check_png, check_tiff

LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)  # ITU-R BT.601, red green blue
KINDS = {"PNG": "PNG", "JPEG": "JPEG", "TIFF": "TIFF", "BMP": "BMP", "MPO": "JPEG"}
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # 16 and 32 bits, which must not pass through 8


def read_picture(path: Path) -> Scan:
    """Return a picture as (1, H, W) or, in colour, (1, H, W, 3) float32, turned as its EXIF tag says.

    Pillow's modes: 1 gives 0 and 255; L 0 ... 255; I;16 0 ... 65535; I and F as stored; palettes, CMYK and
    YCbCr become red, green and blue. Transparency is dropped, not blended. A palette of greys alone is grey.

    Raises:
        MedkitInputError: no picture, several in one file, too many pixels, cut short, or values not finite.
    """
    with door(path, "an image", "open it in a viewer and save it again as PNG"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(path, formats=list(KINDS)) as picture:
                    picture.verify()  # PNG: its sums; nothing is unpacked
                with Image.open(path, formats=list(KINDS)) as picture:
                    return checked(path, Scan(_pixels(path, picture)[None]))
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise MedkitInputError(path, "has too many pixels to be opened safely", "make it smaller") from None


def _pixels(path: Path, picture: Image.Image) -> np.ndarray:
    if getattr(picture, "is_animated", False):  # to count them, all would have to be looked at
        raise MedkitInputError(path, "holds several pictures", "save each on its own")
    check_budget(path, picture.width * picture.height * len(picture.getbands()), 4)
    kind = KINDS[picture.format]
    if kind == "PNG":
        check_png(path)
    elif kind == "JPEG":
        check_jpeg(path, path.read_bytes(), picture.width * picture.height)
    elif kind == "TIFF":
        check_tiff(path, picture)
    picture.load()
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("LA", "La"):
        picture = picture.convert("L")
    elif picture.mode not in ("1", "L", "F", "RGB", *DEEP):
        picture = picture.convert("RGB")
    pixels = np.array(picture, dtype=np.float32) * (255 if picture.mode == "1" else 1)
    same = pixels.ndim == 3 and (pixels == pixels[..., :1]).all()
    return pixels[..., 0] if same else pixels


def grey(pixels: np.ndarray) -> np.ndarray:
    """Return (..., H, W) of (..., H, W) or (..., H, W, 3): 0.299 R + 0.587 G + 0.114 B, not rounded."""
    return pixels @ LUMINANCE if pixels.shape[-1] == 3 and pixels.ndim > 3 else pixels
