"""Files that mean harm: every one ends in the one error that names file and fix, soon and in little memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hostile import measure
from hostile.bombs import bombs
from hostile.malformed import malformed
from hostile.mutated import MUTANTS, mutant
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
    assert found.seconds <= SECONDS and found.wall <= 10 * SECONDS and found.mebibytes <= MEBIBYTES
    assert os.listdir(path.parent) == [name], "it left something behind"
    assert capfd.readouterr() == ("", "")


BOMBS = (
    "deflated-and-says-so.dcm", "deflated-and-lies.dcm", "volume.nii.gz", "behind-its-header.nii.gz", "array.npz", "array-that-lies.npz", "picture.png",
    "text.png", "archive.zip", "nested.dcm", "wide.dcm", "many-elements.dcm", "pages.tif", "line.bmp",
)  # fmt: skip


@pytest.fixture(scope="module")
def packed():
    """Make the bombs once; a gigabyte of zeros takes seconds to pack."""
    return bombs()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_goes_off(file, packed, name):
    assert set(BOMBS) == set(packed) and len(packed[name]) < 2**23
    path = file(name, packed[name])
    found = measure.cost(lambda: measure.put_in(path))
    assert measure.names_file_and_fix(found.error, path), repr(found.error)
    assert found.seconds <= 0.5 and found.wall <= 5 and found.mebibytes <= 20, found


KINDS = sorted(everything())


@pytest.mark.parametrize("name", KINDS)
def test_a_file_with_changed_bytes_is_read_or_refused(file, name, capfd):
    sound, each = everything()[name], -(-MUTANTS // len(KINDS))
    refused, slowest = 0, 0.0

    def try_all():
        nonlocal refused, slowest
        for number in range(each):
            path = file(f"{number}-{name}", mutant(sound, name, number))
            start = time.process_time()
            try:
                measure.put_in(path)
            except MedkitInputError as error:
                assert measure.names_file_and_fix(error, path), error
                refused += 1
            slowest = max(slowest, time.process_time() - start)
            path.unlink()

    found = measure.cost(try_all)
    assert found.error is None, repr(found.error)
    assert slowest <= SECONDS and found.mebibytes <= MEBIBYTES
    out, err = capfd.readouterr()
    assert out == "" and (err == "" or "tif" in name), "libtiff alone writes what it thinks, from C"
    assert 0 < refused <= each, "no change did any harm: what was changed?"


def test_mutants_are_the_same_each_time_and_differ_from_what_they_come_from():
    sound = everything()["ct.dcm"]
    found = [mutant(sound, "ct.dcm", number) for number in range(200)]
    assert found == [mutant(sound, "ct.dcm", number) for number in range(200)] and len(set(found)) > 190 and sound not in found


def test_what_is_no_file(tmp_path):
    (tmp_path / "folder.png").mkdir()
    names = ["folder.png", "missing.dcm", "a" * 300 + ".png", "nul\0.png"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
        names += ["pipe.png", "circle.png"]
    for name in names:
        found = measure.cost(lambda name=name: read(tmp_path / name))
        assert measure.names_file_and_fix(found.error, tmp_path / name) and found.wall <= SECONDS, repr(found.error)


def test_the_checks_can_fail(file):
    path = file("a.png", b"")

    def greedy():
        time.sleep(0.2)
        while time.process_time() < end:
            pass
        return bytearray(os.urandom(2**20)) * 100

    end = time.process_time() + 0.1
    found = measure.cost(greedy)
    assert found.error is None and found.wall >= 0.2 and found.seconds >= 0.1 and found.mebibytes > MEBIBYTES
    assert measure.names_file_and_fix(MedkitInputError(path, "is empty", "make it again"), path)
    for error in (None, ValueError("a.png is empty; make it again"), MedkitInputError("b.png", "is empty", "make it again"), MedkitInputError(path, "is", "")):
        assert not measure.names_file_and_fix(error, path)


@pytest.mark.parametrize("name", sorted(everything()))
def test_the_sound_file_that_harm_starts_from_is_read(file, name):
    measure.put_in(file(name, everything()[name]))
    if not name.endswith("npz"):
        assert kind_of(file(name, everything()[name])) in ("DICOM", "NIfTI", "picture")


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["DICOM", "NIfTI", "packed", "picture", "arrays"])
def test_coverage_guided_fuzzing_finds_nothing(reader):
    """Takes MEDKIT_FUZZ seconds a reader, 300 where it is not set."""
    pytest.importorskip("atheris")
    seconds = os.environ.get("MEDKIT_FUZZ", "300")
    harness = Path(__file__).parent / "hostile" / "fuzz.py"
    ended = subprocess.run([sys.executable, str(harness), reader, seconds], capture_output=True, text=True, errors="replace")
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert int(re.search(r"number_of_executed_units: (\d+)", ended.stderr).group(1)) > 1000
