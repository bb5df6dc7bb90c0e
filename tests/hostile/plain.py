"""Small sound files of every kind that medkit reads, as bytes: what all harm starts from.

DICOM, NIfTI and PNG are written here part by part, so that every part can lie.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

# ---- DICOM

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
JPEG, JPEG2000, MPEG2 = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.100"
LONG = (b"OB", b"OW", b"OF", b"SQ", b"UN", b"UT")  # have lengths of 32 bits
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_ENDS, ALL_ENDS = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED), struct.pack("<HHI", 0xFFFE, 0xE00D, 0), struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
STORED = np.arange(16, dtype="<u2").tobytes()  # 4 × 4
FIELDS = {
    "sop": (0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.7\0"),
    "modality": (0x00080060, b"CS", b"CT"),
    "patient": (0x00100020, b"LO", b"P1"),
    "samples": (0x00280002, b"US", 1),
    "photometric": (0x00280004, b"CS", b"MONOCHROME2 "),
    "planar": (0x00280006, b"US", None),
    "frames": (0x00280008, b"IS", None),
    "rows": (0x00280010, b"US", 4),
    "columns": (0x00280011, b"US", 4),
    "spacing": (0x00280030, b"DS", b"0.5\\0.7 "),
    "allocated": (0x00280100, b"US", 16),
    "stored": (0x00280101, b"US", 16),
    "high": (0x00280102, b"US", 15),
    "signed": (0x00280103, b"US", 0),
    "width": (0x00281051, b"DS", None),
    "intercept": (0x00281052, b"DS", b"-3"),
    "slope": (0x00281053, b"DS", b"1 "),
    "extra": (0x00400275, b"SQ", None),
    "floats": (0x7FE00008, b"OF", None),
    "pixels": (0x7FE00010, b"OW", STORED),
}


def element(tag: int, kind: bytes, value: bytes, length: int | None = None) -> bytes:
    """Return one element in explicit VR, little endian; `length` where it is to lie."""
    length = len(value) if length is None else length
    begin = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + kind
    return begin + (struct.pack("<HI", 0, length) if kind in LONG else struct.pack("<H", length & 0xFFFF)) + value


def elements(**changes) -> bytes:
    """Return the data set of a 4 × 4 image; a change gives a value (a number: 16 bits), None leaves it out."""
    said = {name: changes.get(name, value) for name, (_, _, value) in FIELDS.items()}
    packed = {name: struct.pack("<H", value) if isinstance(value, int) else value for name, value in said.items() if value is not None}
    return b"".join(element(*FIELDS[name][:2], value) for name, value in packed.items())


def meta(syntax: str = EXPLICIT) -> bytes:
    """Return what stands before the data set."""
    said = syntax.encode() + b"\0" * (len(syntax) % 2)
    rest = element(0x00020002, b"UI", FIELDS["sop"][2]) + element(0x00020003, b"UI", b"1.2.3\0") + element(0x00020010, b"UI", said)
    return b"\0" * 128 + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(rest))) + rest


def dicom(syntax: str = EXPLICIT, **changes) -> bytes:
    """Return a DICOM file of 4 × 4 pixels; of a deflated one the data set is packed."""
    data = elements(**changes)
    return meta(syntax) + (deflate(data) if syntax == DEFLATED else data)


def deflate(data: bytes) -> bytes:
    """Return data packed without zlib's own header."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def nested(depth: int) -> bytes:
    """Return a sequence in a sequence in a sequence ..."""
    begin = struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, UNDEFINED) + ITEM
    return begin * depth + (ITEM_ENDS + ALL_ENDS) * depth


def in_frames(*frames: bytes, syntax: str, **changes) -> bytes:
    """Return a DICOM file whose pixels are compressed frames."""
    item = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(one)) + one for one in (b"", *frames))
    return meta(syntax) + elements(pixels=None, **changes) + element(0x7FE00010, b"OB", item + ALL_ENDS, UNDEFINED)


BITS8 = {"allocated": 8, "stored": 8, "high": 7}


def rle(segment: bytes, count: int = 1) -> bytes:
    """Return a frame in RLE with one segment; `count` where its number of segments is to lie."""
    return struct.pack("<16I", count, 64, *[0] * 14) + segment


def dicoms() -> dict[str, bytes]:
    """Return sound DICOM files, one of each way to store pixels."""
    grey, colour = np.arange(16, dtype=np.uint8).reshape(4, 4), np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    table = [element(0x00281101 + k, b"US", struct.pack("<HHH", 256, 0, 8)) for k in range(3)]
    table += [element(0x00281201 + k, b"OW", bytes(range(256))) for k in range(3)]
    palette = elements(photometric=b"PALETTE COLOR ", pixels=None, **BITS8) + b"".join(table) + element(0x7FE00010, b"OW", grey.tobytes())
    return {
        "ct.dcm": dicom(), "deflated.dcm": dicom(DEFLATED), "signed.dcm": dicom(signed=1, photometric=b"MONOCHROME1 ", modality=b"MR"),
        "bare.dcm": elements(), "frames.dcm": dicom(frames=b"2 ", pixels=STORED * 2), "nested.dcm": dicom(extra=None)[:-44] + nested(3) + dicom()[-44:],
        "colour.dcm": dicom(samples=3, planar=0, photometric=b"RGB ", pixels=colour.tobytes(), **BITS8),
        "palette.dcm": meta() + palette, "implicit.dcm": meta(IMPLICIT) + _implicit(),
        "rle.dcm": in_frames(rle(b"\x0f" + grey.tobytes() + b"\0"[:1]), syntax=RLE, **BITS8),
        "jpeg.dcm": in_frames(_even(picture(grey, "JPEG")), syntax=JPEG, **BITS8),
        "jpeg2000.dcm": in_frames(_even(picture(grey, "JPEG2000")), syntax=JPEG2000, **BITS8),
    }  # fmt: skip


def _even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


def _implicit() -> bytes:
    values = [(tag, struct.pack("<H", value) if isinstance(value, int) else value) for tag, _, value in FIELDS.values() if value is not None]
    return b"".join(struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value for tag, value in values)


# ---- NIfTI

VOXELS = np.arange(60, dtype="<i2")  # 3 × 4 × 5
PLACES = {  # where the fields stand, and how they are packed
    "size": (0, "<i"), "dims": (40, "<8h"), "kind": (70, "<h"), "bits": (72, "<h"), "zooms": (76, "<8f"), "offset": (108, "<f"),
    "slope": (112, "<f"), "intercept": (116, "<f"), "sform": (254, "<h"), "affine": (280, "<12f"), "magic": (344, "<4s"), "more": (348, "<4s"),
}  # fmt: skip
SOUND = {
    "size": (348,), "dims": (3, 3, 4, 5, 1, 1, 1, 1), "kind": (4,), "bits": (16,), "zooms": (1.0,) * 8, "offset": (352.0,), "slope": (1.0,),
    "intercept": (0.0,), "sform": (1,), "affine": (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0), "magic": (b"n+1\0",), "more": (b"\0" * 4,),
}  # fmt: skip


def nifti(pixels: bytes = VOXELS.tobytes(), extra: bytes = b"", **changes) -> bytes:
    """Return a NIfTI file of 3 × 4 × 5 voxels; changes are what `struct` packs there."""
    head = bytearray(352)
    for name, (at, form) in PLACES.items():
        value = changes.get(name, SOUND[name])
        struct.pack_into(form, head, at, *(value if isinstance(value, tuple) else (value,)))
    return bytes(head) + extra + pixels


def zipped(data: bytes) -> bytes:
    """Return data as .gz, the same each time."""
    return gzip.compress(data, mtime=0)


def niftis() -> dict[str, bytes]:
    """Return sound NIfTI files."""
    floats = VOXELS.astype("<f4").tobytes()
    return {
        "a.nii": nifti(), "a.nii.gz": zipped(nifti()), "floats.nii": nifti(floats, kind=16, bits=32, slope=2.0),
        "more.nii": nifti(more=b"\1\0\0\0", offset=384.0, extra=struct.pack("<ii", 32, 6) + b"a comment" + b"\0" * 15),
    }  # fmt: skip


# ---- pictures


def picture(pixels: np.ndarray, kind: str, **more) -> bytes:
    """Return pixels as a file of Pillow's."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **more)
    return file.getvalue()


def chunk(name: bytes, data: bytes, length: int | None = None, wrong: int = 0) -> bytes:
    """Return a part of a PNG file; its length may lie, and its sum be wrong."""
    return struct.pack(">I", len(data) if length is None else length) + name + data + struct.pack(">I", zlib.crc32(name + data) ^ wrong)


def png(
    width: int = 4, height: int = 4, bits: int = 8, colour: int = 0, turns: int = 0, lines: bytes = (b"\0" + bytes(4)) * 4,
    before: bytes = b"", packed: bytes | None = None, wrong: int = 0, end: bytes = chunk(b"IEND", b""),
) -> bytes:  # fmt: skip
    """Return a PNG file of 4 × 4 grey pixels, whose every part may be another."""
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, turns)
    packed = zlib.compress(lines) if packed is None else packed
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", packed, wrong=wrong) + end


def pictures() -> dict[str, bytes]:
    """Return sound pictures in the modes and kinds that medkit reads."""
    grey, colour = np.arange(64, dtype=np.uint8).reshape(8, 8), np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    alpha, deep, real = np.dstack([colour, grey]), grey.astype(np.uint16) * 1000, grey.astype(np.float32) / 7
    palette = io.BytesIO()
    Image.fromarray(colour).quantize(16).save(palette, "PNG")
    return {
        "grey.png": picture(grey, "PNG"), "alpha.png": picture(alpha, "PNG"), "deep.png": picture(deep, "PNG"), "bits.png": picture(grey > 30, "PNG"),
        "palette.png": palette.getvalue(), "grey.jpg": picture(grey, "JPEG"), "colour.jpg": picture(colour, "JPEG", progressive=True),
        "colour.tif": picture(colour, "TIFF"), "lzw.tif": picture(deep, "TIFF", compression="tiff_lzw"),
        "real.tiff": picture(real, "TIFF", compression="tiff_deflate"), "colour.bmp": picture(colour, "BMP"),
    }  # fmt: skip


# ---- arrays


def medmnist_arrays(**changes) -> dict[str, np.ndarray]:
    """Return the six arrays of MedMNIST's layout, with two images a side."""
    found = {f"{side}_images": np.arange(32, dtype=np.uint8).reshape(2, 4, 4) for side in ("train", "val", "test")}
    found |= {f"{side}_labels": np.array([[0], [1]], dtype=np.uint8) for side in ("train", "val", "test")}
    return {name: array for name, array in (found | changes).items() if array is not None}


def npz(arrays: dict[str, np.ndarray], packed: bool = True) -> bytes:
    """Return arrays as .npz."""
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, **arrays)
    return file.getvalue()


def archive(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return file.getvalue()


def npy(head: str, content: bytes = b"", version: int = 1) -> bytes:
    """Return an array file with the header as it is given."""
    said = head.encode("latin1") + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + (struct.pack("<H", len(said)) if version == 1 else struct.pack("<I", len(said))) + said + content


def everything() -> dict[str, bytes]:
    """Return one sound file of each kind, name -> content."""
    arrays = {"a.npz": npz(medmnist_arrays()), "stored.npz": npz(medmnist_arrays(), packed=False)}
    return dicoms() | niftis() | pictures() | arrays
