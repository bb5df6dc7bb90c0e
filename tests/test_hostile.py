"""Files that mean harm: every one ends in the one error that names file and fix, soon and in little memory."""

from __future__ import annotations

import os
import time

import pytest
from hostile import measure
from hostile.malformed import malformed
from hostile.plain import everything

from medkit._check import MedkitInputError
from medkit.data.read import kind_of, read

pytestmark = pytest.mark.filterwarnings("error")
MALFORMED = malformed()
SECONDS, MEBIBYTES = 1.0, 64.0


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory):
    """Let every decoder be imported once: what that costs, no file is to blame for."""
    for name, content in everything().items():
        path = tmp_path_factory.mktemp("warm") / name
        path.write_bytes(content)
        measure.put_in(path)


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a file into an empty folder."""

    def write(name: str, content: bytes):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def test_enough_files_are_malformed():
    assert len(MALFORMED) >= 80


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_named_with_its_fix(file, name, capfd):
    path = file(name, MALFORMED[name])
    found = measure.cost(lambda: measure.put_in(path))
    assert measure.names_file_and_fix(found.error, path), repr(found.error)
    assert found.seconds <= SECONDS and found.mebibytes <= MEBIBYTES
    assert os.listdir(path.parent) == [name], "it left something behind"
    assert capfd.readouterr() == ("", "")


def test_what_is_no_file(tmp_path):
    (tmp_path / "folder.png").mkdir()
    names = ["folder.png", "missing.dcm", "a" * 300 + ".png", "nul\0.png"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
        names += ["pipe.png", "circle.png"]
    for name in names:
        found = measure.cost(lambda name=name: read(tmp_path / name))
        assert measure.names_file_and_fix(found.error, tmp_path / name) and found.seconds <= SECONDS, repr(found.error)


def test_the_checks_can_fail(file):
    path = file("a.png", b"")

    def greedy():
        time.sleep(0.2)
        return bytearray(os.urandom(2**20)) * 100

    found = measure.cost(greedy)
    assert found.error is None and found.seconds >= 0.2 and found.mebibytes > MEBIBYTES
    assert measure.names_file_and_fix(MedkitInputError(path, "is empty", "make it again"), path)
    for error in (None, ValueError("a.png is empty; make it again"), MedkitInputError("b.png", "is empty", "make it again"), MedkitInputError(path, "is", "")):
        assert not measure.names_file_and_fix(error, path)


@pytest.mark.parametrize("name", sorted(everything()))
def test_the_sound_file_that_harm_starts_from_is_read(file, name):
    measure.put_in(file(name, everything()[name]))
    if not name.endswith("npz"):
        assert kind_of(file(name, everything()[name])) in ("DICOM", "NIfTI", "picture")
