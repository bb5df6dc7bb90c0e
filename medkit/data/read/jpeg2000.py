"""JPEG 2000 in DICOM frames: whether its pixels can be come to, and all its tiles are there.

A decoder refuses a tile that ends early. One that is not there at all comes out black, without a word.
"""

from __future__ import annotations

import itertools
import struct
from collections import defaultdict
from pathlib import Path

from medkit._check import MedkitInputError
from medkit.data.read.whole import FIX, cut_short

BOXES = b"\0\0\0\x0cjP  "  # the first bytes where the codestream lies in boxes
STREAM = b"\xff\x4f\xff\x51"  # its own first bytes: the marks SOC and SIZ
TILE, END = 0xFF90, 0xFFD9  # the marks SOT and EOC
MOST = 20_000  # parts that a picture may have


def is_jpeg2000(frame: bytes) -> bool:
    """Tell by a frame's first bytes whether it is in JPEG 2000."""
    return frame.startswith((BOXES, STREAM))


def check_jpeg2000(path: Path, frame: bytes) -> None:
    """Refuse a picture in JPEG 2000 (ITU-T T.800, annex A) that lacks a tile, or a part of one.

    Where no part of a tile says how many there are, a missing last one can't be told.

    Raises:
        MedkitInputError: something is missing, or its parts lead nowhere.
    """
    at = _codestream(path, frame)
    length, _, width, height, _, _, across, down, left, top = struct.unpack_from(">2H8I", frame, at + 4)
    tiles = -(-(width - left) // across) * -(-(height - top) // down)
    at += 4 + length
    parts, promised = defaultdict(set), defaultdict(int)
    for number in itertools.count():
        if at + 4 > len(frame):
            break
        mark, length = struct.unpack_from(">HH", frame, at)
        if mark == TILE:
            tile, size, part, count = struct.unpack_from(">HIBB", frame, at + 4)
            parts[tile].add(part)
            promised[tile] = max(promised[tile], count)
            length = (size or len(frame) - at) - 2  # of no size: as far as there is anything
        elif mark == END or parts:  # behind the tiles, whatever it is
            break
        if length < 2 or number == MOST:
            raise MedkitInputError(path, f"holds a frame in more than {MOST:,} parts, or in parts of no length", FIX)
        at += 2 + length
    there = sum(_is_whole(parts[tile], promised[tile]) for tile in parts if tile < tiles)
    if there < tiles:
        raise cut_short(path, f"{there:,} of {tiles:,} tiles are there")


def _codestream(path: Path, frame: bytes) -> int:
    """Return where the codestream begins; pydicom would follow a box of no length for ever."""
    if not frame.startswith(BOXES):
        return 0
    at = 12
    while at < len(frame) and frame[at + 4 : at + 8] != b"jp2c":
        length = int.from_bytes(frame[at : at + 4], "big")
        if length < 8:
            raise MedkitInputError(path, "holds a frame whose parts have no length", FIX)
        at += length
    return at + 8


def _is_whole(parts: set[int], promised: int) -> bool:
    """Tell whether the parts of a tile, counted from 0, are all there."""
    return parts == set(range(max(len(parts), promised)))
