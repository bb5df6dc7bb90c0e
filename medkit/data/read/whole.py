"""Whether a picture's pixels are all in its file: decoders fill in what is missing, often without a word.

Pillow raises where a file ends early. It does not where the pixels end early and the file goes on as it
should: a PNG whose stream ends soundly after half of its rows, a JPEG with its end mark behind half of its
data, TIFF strips that are shorter than their rows. Those come out grey, black, or as other parts of the file.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from medkit._check import MedkitInputError

FIX = "get the file again, from where it is whole"
PORTION = 2**16  # bytes at a time
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # PNG: numbers that a pixel of a colour type has
PASSES = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))  # first column, step; row
MARK = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)  # JPEG: what is no data
PROBE = bytes((0xAA, 0x5B, 0x36, 0xD9)) * 8  # stands for no code of all zeros, which is what decoders fill in
SEQUENTIAL, PROGRESSIVE, LOSSLESS, ARITHMETIC = (0xC0, 0xC1), 0xC2, 0xC3, range(0xC9, 0xD0)
PLAIN, JPEG_STRIPS, TELL = 1, 7, (5, 8, 32773, 32946)  # TIFF's compressions; LZW, deflate and PackBits tell where they end early


def cut_short(path: Path, has: str) -> MedkitInputError:
    """Return the error for a file whose pixels end early; `has` says what is there of how much."""
    return MedkitInputError(path, f"is cut short: {has}", FIX)


def _up(size: int, part: int) -> int:
    """Return how many parts hold so much."""
    return -(-size // part)


# ---- PNG: count what its stream unpacks to


def check_png(path: Path) -> None:
    """Refuse a PNG file whose image data unpack to fewer bytes than its header promises (PNG 3rd ed., 7.2 and 8.1).

    No more is unpacked than it promises, in portions; what stands behind it is not looked at.

    Raises:
        MedkitInputError: its rows are not all there, or their packing is damaged.
    """
    with path.open("rb") as file:
        file.seek(8)
        wanted, got, stream = 0, 0, zlib.decompressobj()
        for name, length in _chunks(file):
            if name == b"IHDR":
                wanted = _promised(*struct.unpack(">IIBBBBB", file.read(13)))
            while name == b"IDAT" and length > 0 and got < wanted and (packed := file.read(min(length, PORTION))):
                length -= len(packed)
                while packed and got < wanted and not stream.eof:
                    try:
                        got += len(stream.decompress(packed, min(wanted - got, 16 * PORTION)))
                    except zlib.error:
                        raise MedkitInputError(path, "holds image data that are damaged", FIX) from None
                    packed = stream.unconsumed_tail
    if got < wanted:
        raise cut_short(path, f"{got:,} of {wanted:,} bytes of its rows are there")


def _chunks(file):
    """Yield name and length of each chunk up to the last of the image data, the file standing at its content."""
    inside = False
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if inside and name != b"IDAT":  # they follow each other, or decoders read no further
            return
        inside, begin = name == b"IDAT", file.tell()
        yield name, length
        file.seek(begin + length + 4)  # behind the sum


def _promised(width: int, height: int, bits: int, colour: int, _packing: int, _filter: int, interlaced: int) -> int:
    """Return the bytes that an image unpacks to: a row has one for its filter, and is filled up to whole ones."""
    each = bits * SAMPLES.get(colour, 1)
    sides = [(_up(width - x, dx), _up(height - y, dy)) for x, dx, y, dy in PASSES] if interlaced else [(width, height)]
    return sum(rows * (1 + _up(columns * each, 8)) for columns, rows in sides if columns > 0 and rows > 0)


# ---- JPEG: what stands behind its data must not change its pixels


def check_jpeg(path: Path, data: bytes, most: int) -> None:
    """Refuse a JPEG picture (ITU-T T.81) of which data are missing, whatever marks stand behind them.

    Each scan must have all its restart intervals, and the scans all bits of all components. Then the picture
    is decoded twice, the second time with bytes put behind the data of each interval: a decoder that has found
    all that it needs never comes to them.

    Args:
        data: from the first mark to the last, Huffman-coded. most: pixels that it may have.

    Raises:
        MedkitInputError: something is missing, it is too large, or it is coded arithmetically, where the end can't be told.
    """
    probed = _probed(path, data)
    plain, other = (np.asarray(_decoded(path, one, most)) for one in (data, probed))
    if not np.array_equal(plain, other):
        raise cut_short(path, "its data end before its pixels do")


def _decoded(path: Path, data: bytes, most: int) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        if picture.width * picture.height > most:
            raise MedkitInputError(path, "holds a part that is larger than the picture", FIX)
        picture.load()
    return picture


def _probed(path: Path, data: bytes) -> bytes:
    """Return the picture with `PROBE` behind the data of each interval, after a look at what its marks promise."""
    parts, at, frame, interval = [data[:2]], 2, None, 0
    while found := MARK.search(data, at):
        kind, begin = found.group(1)[0], found.end()
        if kind == 0xD9:  # the end
            break
        length = 0 if kind == 1 or 0xD0 <= kind <= 0xD8 else int.from_bytes(data[begin : begin + 2], "big")
        content = data[begin + 2 : begin + length]
        parts.append(data[at : begin + length])
        at = begin + length
        if kind in ARITHMETIC:
            raise MedkitInputError(path, "is a JPEG picture coded arithmetically, whose end can't be checked", "save it as PNG")
        if kind in (*SEQUENTIAL, PROGRESSIVE, LOSSLESS):
            frame = _Frame(kind, content)
        elif kind == 0xDD:
            interval = int.from_bytes(content[:2], "big")
        elif kind == 0xDA and frame:
            at = _probed_scan(path, data, at, parts, frame.scan(content, interval))
    if frame is None or not frame.is_complete():
        raise cut_short(path, "scans of it are missing")
    return b"".join([*parts, data[at:]])


def _probed_scan(path: Path, data: bytes, at: int, parts: list[bytes], wanted: int) -> int:
    """Add a scan's data to `parts`, `PROBE` behind each interval; return where the next mark stands."""
    restarts = 0
    while (found := MARK.search(data, at)) and 0xD0 <= found.group(1)[0] <= 0xD7:
        parts += [data[at : found.start()], PROBE, found.group()]
        at, restarts = found.end(), restarts + 1
        if restarts > wanted + 1:  # some write one at the end
            raise MedkitInputError(path, "has more restart marks than parts", FIX)
    if restarts < wanted:
        raise cut_short(path, f"{restarts:,} of {wanted:,} restart marks are there")
    end = found.start() if found else len(data)
    parts += [data[at:end], PROBE]
    return end


class _Frame:
    """What a JPEG frame promises, and what its scans have brought so far."""

    def __init__(self, kind: int, content: bytes):
        self.kind, self.unit = kind, 1 if kind == LOSSLESS else 8  # pixels along a side of what is coded at a time
        _, self.height, self.width, count = struct.unpack(">BHHB", content[:6])
        self.sides = {one: (both >> 4 or 1, both & 15 or 1) for one, both, _ in struct.iter_unpack("BBB", content[6 : 6 + 3 * count])}
        self.missing = {one: [14] * 64 for one in self.sides}  # the lowest bit that came, of each frequency

    def scan(self, content: bytes, interval: int) -> int:
        """Note what a scan brings; return how many restart marks it has.

        Raises:
            KeyError: a component that the frame does not have.
        """
        ones = content[1 : 1 + 2 * content[0] : 2]
        first, last, bits = content[1 + 2 * content[0] :][:3]
        if self.kind != PROGRESSIVE:
            first, last, bits = 0, 63, 0
        for one in ones:
            self.missing[one][first : last + 1] = [bits & 15] * (last + 1 - first)
        most = [max(side[k] for side in self.sides.values()) for k in (0, 1)]
        if len(ones) == 1:  # alone, a component is coded block by block
            mine = self.sides[ones[0]]
            across, down = (_up(_up(size * mine[k], most[k]), self.unit) for k, size in enumerate((self.width, self.height)))
        else:
            across, down = (_up(size, self.unit * most[k]) for k, size in enumerate((self.width, self.height)))
        return _up(across * down, interval) - 1 if interval else 0

    def is_complete(self) -> bool:
        return not any(map(any, self.missing.values()))


# ---- TIFF: each strip or tile as long as its rows


def check_tiff(path: Path, picture: Image.Image) -> None:
    """Refuse a TIFF picture whose strips or tiles are too few, or too short for their rows (TIFF 6.0, sections 3 and 15).

    LZW, deflate and PackBits say themselves where they end early; each strip in JPEG is looked at as a picture.

    Raises:
        MedkitInputError: something is missing, or it is packed in another way, where the end can't be told.
    """
    tags = picture.tag_v2
    width, height = tags[256], tags[257]  # as stored; Pillow's size is as turned
    bits, packing = tags.get(258, (1,)), tags.get(259, PLAIN)
    planes = tags.get(277, 1) if tags.get(284, 1) == 2 else 1
    if packing not in (PLAIN, JPEG_STRIPS, *TELL):
        raise MedkitInputError(path, "is packed in a way whose end can't be checked", "save it again with LZW, or as PNG")
    tiled = 324 in tags
    columns, rows = (tags[322], tags[323]) if tiled else (width, min(tags.get(278, height), height))
    across, down = _up(width, columns), _up(height, rows)
    offsets, counts = (tags.get(tag, ()) for tag in ((324, 325) if tiled else (273, 279)))
    wanted = across * down * planes
    if min(len(offsets), len(counts)) < wanted:
        raise cut_short(path, f"{min(len(offsets), len(counts)):,} of {wanted:,} {'tiles' if tiled else 'strips'} are there")
    each = _up(columns * (sum(bits) if planes == 1 else bits[0]), 8)  # bytes of a row
    for number in range(wanted):
        last = not tiled and number % down == down - 1
        whole = each * (height - rows * (down - 1) if last else rows)
        needs = whole if packing == PLAIN else 1  # of 0 bytes, libtiff would guess how many there are
        if counts[number] < needs:
            raise cut_short(path, f"part {number + 1} has {counts[number]:,} of {needs:,} bytes")
        if packing == JPEG_STRIPS:
            check_jpeg(path, _strip(path, offsets[number], counts[number], tags.get(347, b"")), columns * rows)


def _strip(path: Path, offset: int, count: int, tables: bytes) -> bytes:
    """Return a strip as a JPEG picture of its own, with the tables that all strips share."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(count)
    return data[:2] + tables[2:-2] + data[2:]
