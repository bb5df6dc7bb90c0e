"""DICOM files that carry what nobody may see: twelve values, each of which can be searched for."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

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


def folder(root: Path, count: int = 8, size: int = 32, first: int = 0) -> Path:
    """Make a folder of two classes, `count` files each, two of a patient, from number `first` on; one says that writing is burned in."""
    draw = np.random.default_rng(first)
    for label, name in enumerate(("ill", "well")):
        (root / name).mkdir(parents=True)
        for k in range(count):
            content = identified(draw.integers(0, 200, (size, size), dtype=np.uint8), first + count * label + k // 2)
            if k == 0:
                content = content.replace(element(0x00280100, b"US", b"\x08\0"), element(0x00280301, b"CS", b"YES ") + element(0x00280100, b"US", b"\x08\0"))
            (root / name / f"{k}.dcm").write_bytes(content)
    return root


def found_in(content: bytes | str) -> list[str]:
    """Name the planted values that stand in a text or a file's bytes, in any of three encodings."""
    content = content.encode() if isinstance(content, str) else content
    ways = ("utf-8", "utf-16-le", "utf-16-be")
    return [what for what, value in PLANTED.items() if any(value.decode().encode(way) in content for way in ways)]


def _even(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)
