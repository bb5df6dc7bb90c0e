"""Files that carry what nobody may see: twelve values, each of which can be searched for."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hostile import plain
from hostile.plain import FIELDS, UNDEFINED, element, meta

PLANTED = {  # what it is -> what stands in the file
    "name": b"Sentinel^Nomen", "id": b"SENTINEL-ID-4711", "birth date": b"19010203", "study date": b"19020405", "private tag": b"SENTINEL-PRIVATE",
    "nested sequence": b"SENTINEL-NESTED", "referring physician": b"Sentinel^Medicus", "institution": b"SENTINEL-CLINIC",
    "accession number": b"SENTINELACC", "comment": b"SENTINEL-COMMENT <img src=x onerror=alert(1)>", "unique id": b"1.2.999.47114711.1",
    "invalid value": b"SENTINEL-AGE-IS-NONE",
}  # fmt: skip
TAGS = {
    "name": (0x00100010, b"PN"), "id": (0x00100020, b"LO"), "birth date": (0x00100030, b"DA"), "study date": (0x00080020, b"DA"),
    "private tag": (0x00091001, b"LO"), "referring physician": (0x00080090, b"PN"), "institution": (0x00080080, b"LO"),
    "accession number": (0x00080050, b"SH"), "comment": (0x00104000, b"LT"), "unique id": (0x0020000D, b"UI"), "invalid value": (0x00101010, b"AS"),
}  # fmt: skip


def identified(image: np.ndarray, patient: int = 0, **changes) -> bytes:
    """Return a DICOM file of an image (H, W) uint8 with all twelve in it; the id also has the patient's number.

    Args:
        changes: other values of `plain.FIELDS`, as bytes; a number becomes 16 bits.
    """
    said = {"rows": image.shape[0], "columns": image.shape[1], "allocated": 8, "stored": 8, "high": 7, "pixels": image.tobytes(), "patient": None}
    said |= {"modality": b"US", "intercept": None, "slope": None} | changes
    parts = {}
    for name, (tag, kind, value) in FIELDS.items():
        value = said.get(name, value)
        if value is not None:
            parts[tag] = element(tag, kind, struct.pack("<H", value) if isinstance(value, int) else value)
    for what, (tag, kind) in TAGS.items():
        parts[tag] = element(tag, kind, _even(PLANTED[what] + (b"-%d" % patient if what == "id" else b"")))
    parts[0x00090010] = element(0x00090010, b"LO", b"SENTINEL-PRIVATE")
    item = element(0x00400007, b"LO", _even(PLANTED["nested sequence"]))
    parts[0x00400275] = element(0x00400275, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), UNDEFINED)
    return meta() + b"".join(parts[tag] for tag in sorted(parts))


def folder(root: Path, count: int = 8, size: int = 32) -> Path:
    """Make a folder of two classes, `count` files each, two of a patient; the first one says that writing is burned in."""
    draw = np.random.default_rng(0)
    for label, name in enumerate(("ill", "well")):
        (root / name).mkdir(parents=True)
        for k in range(count):
            content = identified(draw.integers(0, 200, (size, size), dtype=np.uint8), 10 * label + k // 2)
            if k == 0:
                content = content.replace(element(0x00280100, b"US", b"\x08\0"), element(0x00280301, b"CS", b"YES ") + element(0x00280100, b"US", b"\x08\0"))
            (root / name / f"{k}.dcm").write_bytes(content)
    return root


def found_in(content: bytes | str) -> list[str]:
    """Name the planted values that stand in a text or a file's bytes, in any of four encodings."""
    content = content.encode() if isinstance(content, str) else content
    ways = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")  # the last: words in an array
    return [what for what, value in PLANTED.items() if any(value.decode().encode(way) in content for way in ways)]


def _even(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)


# ---- other files that carry them


def _words() -> str:
    return " ".join(value.decode() for value in PLANTED.values())


def picture(pixels: np.ndarray, kind: str) -> bytes:
    """Return pixels (H, W) uint8 as PNG, JPEG or TIFF with all twelve in every place for words that it has."""
    words, exif, more = _words(), Image.Exif(), {}
    for tag in (0x010E, 0x8298, 0x9C9C):  # description, copyright, what Windows adds
        exif[tag] = words.encode("utf-16-le") if tag == 0x9C9C else words
    exif[0x013B] = PLANTED["name"].decode()  # the artist, short: Pillow logs short ones
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + words.encode()  # the user's comment
    if kind == "PNG":
        more["pnginfo"] = PngInfo()
        more["pnginfo"].add_text("Comment", words)
        more["pnginfo"].add_text("Patient", words, zip=True)
        more["pnginfo"].add_itxt("Title", words)
    if kind == "JPEG":
        more = {"comment": words.encode(), "xmp": words.encode()}
    if kind == "TIFF":
        more = {"tiffinfo": {270: words, 305: words, 315: PLANTED["name"].decode(), 33432: words, 65000: words}}
    file, logger = io.BytesIO(), logging.getLogger("PIL")
    level = logger.level
    logger.setLevel(logging.WARNING)  # it logs what it writes: that is not what is looked at
    Image.fromarray(pixels).save(file, kind, **({} if kind == "TIFF" else {"exif": exif}), **more)
    logger.setLevel(level)
    return file.getvalue()


def nifti(voxels: np.ndarray) -> bytes:
    """Return (X, Y, Z) int16 as NIfTI: as many of the twelve as fit into the header, and all in an extension."""
    words = _words().encode()
    long = struct.pack("<ii", 16 * (-(-(len(words) + 8) // 16)), 6) + words
    long += b"\0" * (-len(long) % 16)
    head = bytearray(plain.nifti(b"", dims=(3, *voxels.shape, 1, 1, 1, 1), more=b"\1\0\0\0", offset=352.0 + len(long)))
    for at, what, size in ((14, "name", 18), (4, "birth date", 10), (148, "id", 80), (228, "institution", 24), (328, "accession number", 16)):
        head[at : at + size] = PLANTED[what].ljust(size, b"\0")
    return bytes(head) + long + voxels.astype("<i2").tobytes(order="F")


def pictures_folder(root: Path, count: int = 8, size: int = 32) -> Path:
    """Make a folder of two classes, `count` PNG, JPEG and TIFF files each, in turn."""
    draw = np.random.default_rng(0)
    for name in ("ill", "well"):
        (root / name).mkdir(parents=True)
        for k in range(count):
            kind = ("PNG", "JPEG", "TIFF")[k % 3]
            (root / name / f"{k}.{kind.lower()}").write_bytes(picture(draw.integers(0, 200, (size, size), dtype=np.uint8), kind))
    return root


def volumes_folder(root: Path, count: int = 6, size: int = 32) -> Path:
    """Make a Decathlon folder of `count` volumes of 3 slices with masks; its list carries all twelve as well."""
    draw = np.random.default_rng(0)
    (root / "imagesTr").mkdir(parents=True)
    (root / "labelsTr").mkdir()
    inside = np.zeros((size, size, 3), np.int16)
    inside[8:20, 8:20, 1:] = 1
    for k in range(count):
        (root / "imagesTr" / f"v_{k:03}.nii").write_bytes(nifti(draw.integers(0, 200, (size, size, 3))))
        (root / "labelsTr" / f"v_{k:03}.nii").write_bytes(nifti(inside))
    pairs = [{"image": f"imagesTr/v_{k:03}.nii", "label": f"labelsTr/v_{k:03}.nii"} for k in range(count)]
    words = {name: _words() for name in ("description", "reference", "release", "patient")}
    listed = {"name": "A set", "licence": "CC0", "modality": {"0": "MRI"}, "labels": {"0": "background", "1": "lump"}, "training": pairs}
    (root / "dataset.json").write_text(json.dumps(listed | words))
    return root


def arrays_file(root: Path) -> Path:
    """Make a file in MedMNIST's layout with further arrays, which hold all twelve."""
    draw, arrays = np.random.default_rng(0), {}
    for side, count in (("train", 24), ("val", 12), ("test", 12)):
        arrays[f"{side}_images"] = draw.integers(0, 200, (count, 28, 28), dtype=np.uint8)
        arrays[f"{side}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
        arrays[f"{side}_names"] = np.array([value.decode() for value in PLANTED.values()])
    root.mkdir(parents=True, exist_ok=True)
    (root / "mnist.npz").write_bytes(plain.npz(arrays, packed=False))
    return root / "mnist.npz"


def found_below(folder: Path) -> dict[str, list[str]]:
    """Return, for each file that says one of the twelve, which; names of files count, as do pictures in a page."""
    told = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        inside = [base64.b64decode(one) for one in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content)]
        found = {what for one in (content, str(path.relative_to(folder)), *inside) for what in found_in(one)}
        if path.suffix in (".onnx", ".npz") and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found |= {what for name in archive.namelist() for what in found_in(archive.read(name))}
        if found:
            told[path.relative_to(folder).as_posix()] = sorted(found)
    return told
