"""medkit.data.read.jpeg2000: a frame that lacks a tile is an error that says so, never black pixels."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest
from hostile import measure
from hostile.plain import JPEG2000, picture
from test_whole import GREY, of_frame, put  # noqa: F401, a fixture among them

from medkit.data.read import read

pytestmark = pytest.mark.filterwarnings("error")
SOT = b"\xff\x90\0\x0a"  # the mark before each part of a tile, and its length
WAYS = {"one tile": {}, "in boxes": {"no_jp2": False}, "tiles": {"tile_size": (20, 30)}, "tiles in boxes": {"tile_size": (20, 30), "no_jp2": False}}


@pytest.mark.parametrize("way", WAYS)
def test_a_frame_is_whole_or_refused(put, way):
    whole = picture(GREY, "JPEG2000", **{"no_jp2": True, **WAYS[way]})
    starts = [found.start() for found in re.finditer(re.escape(SOT), whole)]
    assert np.array_equal(put("a.dcm", of_frame(whole, JPEG2000))[0], GREY)
    if way == "tiles":
        assert len(starts) == 9
        for count, at in enumerate(starts):
            assert put("a.dcm", of_frame(whole[:at] + b"\xff\xd9", JPEG2000)) == f"is cut short: {count} of 9 tiles are there"
        one_less = whole[: starts[4]] + whole[starts[5] :]
        assert put("a.dcm", of_frame(one_less, JPEG2000)) == "is cut short: 8 of 9 tiles are there"
    for end in (b"", b"\xff\xd9"):
        assert put("a.dcm", of_frame(whole[: len(whole) * 3 // 4] + end, JPEG2000)).startswith(("is cut short", "is compressed in a way that can't be read here, or damaged"))


@pytest.mark.parametrize("part, count, is_whole", [(0, 1, True), (0, 0, True), (0, 2, False), (1, 2, False)])
def test_a_tile_has_all_its_parts(put, part, count, is_whole):
    whole = bytearray(picture(GREY, "JPEG2000", no_jp2=True))
    at = whole.index(SOT)
    whole[at + 10 : at + 12] = part, count
    found = put("a.dcm", of_frame(bytes(whole), JPEG2000))
    assert np.array_equal(found[0], GREY) if is_whole else found == "is cut short: 0 of 1 tiles are there"


@pytest.mark.parametrize("size", [14, 6, 1])
def test_a_frame_of_a_million_parts_is_soon_refused(tmp_path, size):
    whole = picture(GREY, "JPEG2000", no_jp2=True)
    path = tmp_path / "a.dcm"
    path.write_bytes(of_frame(whole[: whole.index(SOT)] + (SOT + struct.pack(">HIBB", 0, size, 0, 0) + b"\xff\x93") * 2**20, JPEG2000))
    found = measure.cost(lambda: read(path))
    assert measure.names_file_and_fix(found.error, path) and found.seconds < 0.5 and found.mebibytes < 64, found
