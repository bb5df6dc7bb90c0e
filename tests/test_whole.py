"""medkit.data.read.whole: a picture whose pixels end early is an error that says so, never pixels made up."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hostile import measure
from hostile.bombs import deflated_zeros
from hostile.plain import BITS8, JPEG, chunk, in_frames, picture, png
from PIL import Image

from medkit._check import MedkitInputError
from medkit.data.read import read
from medkit.data.read.whole import PASSES, SAMPLES

pytestmark = pytest.mark.filterwarnings("error")
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
DRAW = np.random.default_rng(0)
GREY, COLOUR = DRAW.integers(0, 256, (64, 48), dtype=np.uint8), DRAW.integers(0, 256, (64, 48, 3), dtype=np.uint8)
DEPTHS = [(bits, colour) for colour, all_bits in {0: (1, 2, 4, 8, 16), 2: (8,), 3: (1, 2, 4, 8), 4: (8,), 6: (8,)}.items() for bits in all_bits]  # that are read at all


@pytest.fixture
def put(tmp_path):
    """Return a function that writes a file and reads it: its pixels, or what is wrong with it."""

    def write(name: str, content: bytes) -> np.ndarray | str:
        (tmp_path / name).write_bytes(content)
        try:
            return read(tmp_path / name).pixels
        except MedkitInputError as error:
            assert measure.names_file_and_fix(error, tmp_path / name)
            return error.what

    return write


# ---- PNG


def rows(bits: int, colour: int, turns: int, width: int = 37, height: int = 21) -> bytes:
    """Return the rows of a PNG image as they are packed, of numbers drawn, each with the filter 0."""
    parts = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, dx, y, dy in PASSES] if turns else [(width, height)]
    return b"".join(b"\0" + DRAW.bytes(-(-across * bits * SAMPLES[colour] // 8)) for across, down in parts for _ in range(down))


def drawn(lines: bytes, bits: int, colour: int, turns: int, **more) -> bytes:
    palette = chunk(b"PLTE", DRAW.bytes(3 << bits)) if colour == 3 else b""
    return png(37, 21, bits, colour, turns, lines, before=palette, **more)


@pytest.mark.parametrize("turns", [0, 1], ids=["plain", "interlaced"])
@pytest.mark.parametrize("bits, colour", DEPTHS)
def test_a_png_whose_stream_ends_soundly_before_its_rows_do(put, bits, colour, turns):
    lines = rows(bits, colour, turns)
    assert not isinstance(put("a.png", drawn(lines, bits, colour, turns)), str), "the control: the whole one is read"
    for left in (1, len(lines) // 10, len(lines) // 2, len(lines) - 30, len(lines) - 1):
        said = put("a.png", drawn(lines[:left], bits, colour, turns))
        assert said == f"is cut short: {left:,} of {len(lines):,} bytes of its rows are there"
    packed = zlib.compress(lines)
    for per_cent in (1, 10, 50, 90):
        said = put("a.png", drawn(b"", bits, colour, turns, packed=packed[: len(packed) * per_cent // 100]))
        assert said.startswith("is cut short: ")


def test_a_png_in_many_parts_is_counted_over_all_that_follow_each_other(put):
    packed = zlib.compress(rows(8, 0, 0))
    parts = [chunk(b"IDAT", packed[at : at + 50]) for at in range(0, len(packed), 50)]
    head, end = png(37, 21, packed=b"")[:33], chunk(b"IEND", b"")
    assert not isinstance(put("a.png", head + b"".join(parts) + end), str)
    assert put("a.png", head + b"".join(parts[:-3]) + end).startswith("is cut short")
    assert put("a.png", head + b"".join(parts[:3]) + chunk(b"tEXt", b"a\0b") + b"".join(parts[3:]) + end).startswith("is cut short")


def test_what_stands_behind_a_png_s_rows_is_not_unpacked(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(packed=deflated_zeros(2**30, 15)))
    found = measure.cost(lambda: read(path))
    assert found.error is None and found.seconds < 0.5 and found.mebibytes < 20


# ---- JPEG

WAYS = {"plain": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_rows": 1}, "progressive restarts": {"progressive": True, "restart_marker_blocks": 2}}


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("per_cent", [30, 50, 70, 90, 99])
def test_a_jpeg_with_its_end_mark_behind_a_part_of_its_data(put, way, pixels, per_cent):
    whole = picture(pixels, "JPEG", quality=90, **WAYS[way])
    assert not isinstance(put("a.jpg", whole), str)
    assert put("a.jpg", whole[: len(whole) * per_cent // 100] + b"\xff\xd9").startswith("is cut short: ")
    assert isinstance(put("a.jpg", whole[: len(whole) * per_cent // 100]), str)


@pytest.mark.parametrize("way", ["restarts", "progressive restarts"])
def test_a_jpeg_that_ends_at_a_restart_mark_or_lacks_one_interval(put, way):
    whole = picture(GREY, "JPEG", **WAYS[way])
    first, second = whole.rindex(b"\xff\xd0"), whole.rindex(b"\xff\xd1")
    assert put("a.jpg", whole[:second] + b"\xff\xd9").startswith("is cut short: ")
    assert put("a.jpg", whole[:first] + whole[second:]).startswith("is cut short: ")
    assert "more restart marks" in put("a.jpg", whole[:-2] + b"\xff\xd0" * 10**6 + b"\xff\xd9")


def test_a_jpeg_whose_scans_are_not_all_there(put):
    whole = picture(COLOUR, "JPEG", progressive=True)
    scans = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    assert len(scans) == 10
    for at in scans[1:]:
        at = whole.rindex(b"\xff\xc4", 0, at) if at > scans[1] else at  # with its tables
        assert put("a.jpg", whole[:at] + b"\xff\xd9") == "is cut short: scans of it are missing"


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (17, 33), (100, 3)])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_whole_jpegs_of_every_size_and_sampling_are_read(put, mode, size):
    image = Image.fromarray(DRAW.integers(0, 256, (*size, 3), dtype=np.uint8)).convert(mode)
    for way in (*WAYS.values(), {"optimize": True}, {"restart_marker_blocks": 3}):
        for sampling in (0, 1, 2) if mode == "RGB" else (0,):
            file = io.BytesIO()
            image.save(file, "JPEG", subsampling=sampling, **way)
            assert not isinstance(put("a.jpg", file.getvalue()), str), (way, sampling)


def test_a_jpeg_coded_arithmetically_is_refused(put):
    whole = picture(GREY, "JPEG")
    at = whole.index(b"\xff\xc0")
    assert "arithmetically" in put("a.jpg", whole[:at] + b"\xff\xc9" + whole[at + 2 :])


# ---- DICOM: its frames are looked at as well


def of_frame(frame: bytes, syntax: str) -> bytes:
    """Return a DICOM file of one compressed frame, of the size of `GREY`."""
    return in_frames(frame + b"\0" * (len(frame) % 2), syntax=syntax, rows=64, columns=48, slope=None, intercept=None, **BITS8)


@pytest.mark.parametrize("extended", [False, True])
def test_a_jpeg_frame(put, extended):
    whole = picture(GREY, "JPEG", quality=90)
    if extended:  # of 8 bits: its frame says so by another mark
        whole = whole.replace(b"\xff\xc0", b"\xff\xc1", 1)
    for content, cut in ((whole, False), (whole[: len(whole) // 2] + b"\xff\xd9", True)):
        found = put("a.dcm", of_frame(content, JPEG_EXTENDED if extended else JPEG))
        assert (found == "is cut short: its data end before its pixels do") if cut else not isinstance(found, str)


# ---- TIFF, BMP


def fields(content: bytes) -> dict[int, tuple[int, int, int]]:
    """Return a TIFF's first directory, tag -> where its entry stands, kind, count."""
    begin = int.from_bytes(content[4:8], "little")
    entries = [begin + 2 + 12 * k for k in range(int.from_bytes(content[begin : begin + 2], "little"))]
    return {tag: (at, kind, count) for at in entries for tag, kind, count in [struct.unpack_from("<HHI", content, at)]}


def with_last(content: bytes, tag: int, change) -> bytes:
    """Return the file with the last number of a tag changed."""
    at, kind, count = fields(content)[tag]
    form, size = {3: ("<H", 2), 4: ("<I", 4)}[kind]
    place = at + 8 if count * size <= 4 else int.from_bytes(content[at + 8 : at + 12], "little")
    changed, place = bytearray(content), place + size * (count - 1)
    struct.pack_into(form, changed, place, change(struct.unpack_from(form, content, place)[0]))
    return bytes(changed)


def with_fewer(content: bytes, *tags: int) -> bytes:
    """Return the file with one number less in each tag."""
    changed = bytearray(content)
    for tag in tags:
        at, _, count = fields(content)[tag]
        struct.pack_into("<I", changed, at + 4, count - 1)
    return bytes(changed)


PACKINGS = {"none": "raw", "LZW": "tiff_lzw", "deflate": "tiff_adobe_deflate", "old deflate": "tiff_deflate", "PackBits": "packbits", "JPEG": "jpeg"}


@pytest.mark.parametrize("packing, strips", [(packing, strips) for packing in PACKINGS for strips in (1, 4) if (packing, strips) != ("none", 4)])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_tiff_whose_last_strip_ends_early(put, capfd, packing, pixels, strips):
    whole = picture(pixels, "TIFF", compression=PACKINGS[packing], strip_size=pixels[0].size * 64 // strips)
    assert fields(whole)[279][2] == strips and not isinstance(put("a.tif", whole), str)
    for per_cent in (0, 30, 60, 90, 99):
        said = put("a.tif", with_last(whole, 279, lambda count: count * per_cent // 100))
        assert isinstance(said, str) and (packing != "none" or said.startswith("is cut short: part"))
    if strips > 1:
        assert put("a.tif", with_fewer(whole, 273, 279)).startswith("is cut short: 3 of 4 strips")
    capfd.readouterr()  # libtiff writes what it thinks, from C


@pytest.mark.parametrize("kind", ["tiles", "strips"])
def test_a_tiff_of_plain_tiles_or_strips(put, kind):
    if kind == "tiles":
        parts, more = [GREY[y : y + 32, x : x + 16] for y in (0, 32) for x in (0, 16, 32)], {322: 16, 323: 32, 324: None, 325: None}
    else:
        parts, more = [GREY[y : y + 20] for y in range(0, 64, 20)], {273: None, 278: 20, 279: None}
    body, sizes = b"".join(part.tobytes() for part in parts), [part.size for part in parts]
    starts, lists, count = [8 + sum(sizes[:k]) for k in range(len(sizes))], 8 + len(body), len(sizes)
    tags = {256: 48, 257: 64, 258: 8, 259: 1, 262: 1, 277: 1} | more
    places = dict(zip([tag for tag, value in tags.items() if value is None], (lists, lists + 4 * count)))
    for short in (0, 1):
        for left in (count, count - 1):
            numbers = struct.pack(f"<{2 * count}I", *starts, *sizes[:-1], sizes[-1] - short)
            entries = b"".join(struct.pack("<HHII", tag, 4, *((1, value) if value else (left, places[tag]))) for tag, value in sorted(tags.items()))
            found = put("a.tif", b"II*\0" + struct.pack("<I", lists + 8 * count) + body + numbers + struct.pack("<H", len(tags)) + entries + bytes(4))
            if left < count:
                assert found == f"is cut short: {left} of {count} {kind} are there"
            elif short:
                assert found == f"is cut short: part {count} has {sizes[-1] - 1} of {sizes[-1]} bytes"
            else:
                assert np.array_equal(found[0], GREY)


def test_a_tiff_s_jpeg_strip_that_is_larger_than_the_picture(put):
    whole = picture(GREY, "TIFF", compression="jpeg")
    at = whole.index(b"\xff\xc0") + 5
    assert whole[at : at + 4] == b"\0\x40\0\x30"
    assert put("a.tif", whole[:at] + b"\x20\0\x20\0" + whole[at + 4 :]) == "holds a part that is larger than the picture"


def test_a_tiff_packed_as_a_fax_is_refused(put):
    whole = picture(GREY > 128, "TIFF", compression="group4")
    assert "can't be checked" in put("a.tif", whole)


@pytest.mark.parametrize("pixels", [GREY, COLOUR, GREY > 128], ids=["grey", "colour", "bits"])
def test_a_bmp_cut_short(put, pixels):
    whole = picture(pixels, "BMP")
    assert not isinstance(put("a.bmp", whole), str)
    assert all(isinstance(put("a.bmp", whole[: len(whole) * per_cent // 100]), str) for per_cent in (30, 60, 90, 99))


def test_a_bmp_packed_by_run_lengths_is_refused_whole_or_not(put):
    head = b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 8, 1, 0, 0, 0, 256, 0)
    head += b"".join(bytes((k, k, k, 0)) for k in range(256))
    runs = b"".join(bytes((4, k, 0, 0)) for k in (3, 2, 1, 9))
    for packed in (runs + b"\0\1", runs[:8] + b"\0\1", runs[:8], runs[:9]):
        assert put("a.bmp", head + packed) == "is a BMP packed by run lengths"
