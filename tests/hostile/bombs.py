"""Small files that unpack to far more than a computer should hold."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np

from hostile.plain import DEFLATED, UNDEFINED, chunk, element, elements, meta, nested, npy, png

GIB = 2**30
PART = bytes(2**20)


def deflated_zeros(size: int, wbits: int = -15, begin: bytes = b"") -> bytes:
    """Return `begin` and then `size` zeros, packed; one packed part again and again, without a sum at the end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    first = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
    part = packer.compress(PART) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + part * (size // len(PART))


def bombs() -> dict[str, bytes]:
    """Return them all, file name -> content; the name says where it is hidden."""
    small, large = elements(pixels=None), elements(pixels=None, rows=30000, columns=25000)
    pixels = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, GIB)
    array = _npz(640)
    volume = struct.pack("<i36x8h14xhh", 348, 3, 1024, 1024, 1024, 1, 1, 1, 1, 2, 8).ljust(108, b"\0") + struct.pack("<f", 352)
    volume = volume.ljust(344, b"\0") + b"n+1\0" + bytes(4)
    hidden = volume[:40] + struct.pack("<4h", 3, 4, 4, 4) + volume[48:108] + struct.pack("<f", 2.0**30) + volume[112:348] + b"\1\0\0\0" + struct.pack("<ii", 2**30 - 368, 6)
    return {
        "deflated-and-says-so.dcm": meta(DEFLATED) + deflated_zeros(GIB, begin=large + pixels),
        "deflated-and-lies.dcm": meta(DEFLATED) + deflated_zeros(GIB, begin=small + pixels),
        "volume.nii.gz": deflated_zeros(GIB, 31, volume), "behind-its-header.nii.gz": deflated_zeros(GIB, 31, hidden),
        "array.npz": array, "array-that-lies.npz": _lying(array),
        "picture.png": png(width=30000, height=30000, bits=1, packed=deflated_zeros(30000 * 3751, 15)),
        "text.png": png(before=b"".join(chunk(b"zTXt", b"a\0\0" + deflated_zeros(2**26, 15)) for _ in range(8))),
        "archive.zip": array, "nested.dcm": meta() + small + nested(200_000),
        "wide.dcm": meta() + small + struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, UNDEFINED) + struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 500_000,
        "many-elements.dcm": meta() + small + b"".join(element(0x00410000 + k, b"LO", b"") for k in range(2**16)) * 8,
        "pages.tif": _pages(500_000), "line.bmp": _line_of_bmp(2**24),
    }  # fmt: skip


def _npz(mebibytes: int) -> bytes:
    """Return an archive of one array full of zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("train_images.npy", "w", force_zip64=True) as member:
        member.write(npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({mebibytes}, 1024, 1024), }}"))
        for _ in range(mebibytes):
            member.write(PART)
    return file.getvalue()


def _lying(content: bytes) -> bytes:
    """Return the archive with a directory that says that it holds a megabyte."""
    changed = bytearray(content)
    struct.pack_into("<I", changed, content.rindex(b"PK\1\2") + 24, 2**20 + 128)
    return bytes(changed)


def _pages(count: int) -> bytes:
    """Return a TIFF file whose pages have no tags; each says only where the next one is."""
    at = 8 + 6 * np.arange(1, count + 1, dtype="<u4")
    at[-1] = 0
    pages = np.zeros((count, 6), np.uint8)
    pages[:, 2:] = at.view(np.uint8).reshape(-1, 4)
    return b"II*\0" + struct.pack("<I", 8) + pages.tobytes()


def _line_of_bmp(width: int) -> bytes:
    """Return a BMP file of one line, packed by run lengths, that ends at once: the rest is filled up pixel by pixel, in Python."""
    header = struct.pack("<IiiHHIIiiII", 40, width, 1, 1, 8, 1, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + 1024) + header + bytes(1024) + b"\1\7\0\0"
