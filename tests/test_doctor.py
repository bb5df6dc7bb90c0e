"""medkit.doctor: what is off is marked and says what to do, before and after an environment stands."""

from __future__ import annotations

import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from fake_project import FakeProject

from medkit import doctor
from medkit.doctor import NOTE, OFF, OK, Row, examine, render
from medkit.packages import python_of

Usage = namedtuple("Usage", "total used free")


def row(rows: list[Row], name: str) -> Row:
    return next(row for row in rows if row.name == name)


def test_a_bare_machine_gets_a_report_and_exit_code_1(tmp_path):
    done = FakeProject(tmp_path).start("doctor")
    assert done.returncode == 1 and done.stderr == ""
    assert "!!  environment      none yet" in done.stdout and "run `python3 -m medkit lab`" in done.stdout
    assert not (tmp_path / "kit" / ".venv").exists()
    for name in ("Python", "memory", "disk", "MEDKIT_DATA", "Chromium"):
        assert f"  {name} " in done.stdout


def test_it_looks_from_inside_the_environment(tmp_path):
    kit = FakeProject(tmp_path, uv=True)
    assert kit.start("reproduce").returncode == 7
    done = kit.start("doctor")
    assert f"ok  environment      {kit.root / '.venv'}" in done.stdout
    assert "ok  tqdm             4.1  (>=4.1)" in done.stdout
    assert str(python_of(kit.root / ".venv")) in done.stdout
    assert "??  for the tests    0 of 1 packages" in done.stdout
    assert "!!  torch            does not start" in done.stdout  # the tiny kit has none
    assert done.returncode == 1


def test_a_half_made_environment_is_named(tmp_path):
    kit = FakeProject(tmp_path, uv=True)
    assert kit.start("lab", FAKE_UV="fails").returncode == 1
    assert ".venv is half made" in kit.start("doctor").stdout


def test_this_environment_is_well():
    rows = examine()
    assert [found for found in rows if found.mark == OFF and found.name != "disk"] == []
    assert row(rows, "torch").found.startswith(__import__("torch").__version__.split("+")[0])
    assert row(rows, "device").found.startswith(("CPU", "CUDA"))


def test_packages_that_are_too_old_or_absent_are_off(tmp_path, monkeypatch):
    kit = FakeProject(tmp_path)
    info = tmp_path / "site" / "tqdm-4.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tqdm\nVersion: 4.0\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    rows = doctor._packages(kit.root)
    assert row(rows, "tqdm")[:3] == (OFF, "tqdm", "4.0  (>=4.1)")
    assert row(rows, "jupyterlab").found == "not installed" and row(rows, "jupyterlab").mark == OFF


def test_a_torch_that_does_not_start_is_shown_not_raised(monkeypatch):
    def broken(name):
        raise RuntimeError("operator torchvision::nms does not exist\nmore")

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    (found,) = doctor._torch()
    assert found.mark == OFF and found.found == "does not start: operator torchvision::nms does not exist"
    assert "remove the folder .venv" in found.fix


@pytest.mark.parametrize(
    "inside, free, mark", [(True, 2e9, OK), (True, 5e8, OFF), (False, 2e9, OFF), (False, 2e10, OK)]
)
def test_disk_needs_less_once_an_environment_stands(monkeypatch, inside, free, mark):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1e12, 0, free))
    assert doctor._disk(Path("."), inside).mark == mark


@pytest.mark.parametrize("total, mark", [(16e9, OK), (2e9, NOTE), (None, NOTE)])
def test_little_or_unknown_memory_is_a_note(monkeypatch, total, mark):
    monkeypatch.setattr(doctor, "total_memory", lambda: total)
    assert doctor._memory().mark == mark


def test_total_memory_is_that_of_a_machine():
    assert 5e8 < doctor.total_memory() < 1e14


def test_data_unset_missing_empty_and_there(tmp_path):
    assert doctor._data(None)[0].mark == OK and doctor._data("")[0].mark == OK
    assert doctor._data(str(tmp_path / "no"))[0].mark == OFF
    assert doctor._data(str(tmp_path))[0].mark == NOTE
    (tmp_path / "raw").mkdir()
    (tmp_path / "brain.npz").write_bytes(b"0" * 2_000_000)
    (found,) = doctor._data(str(tmp_path))
    assert found.mark == OK and found.found.endswith("brain (2 MB), folder raw")


def test_chromium_is_a_note_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert doctor._chromium().mark == NOTE
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/" + name)
    assert doctor._chromium() == Row(OK, "Chromium", "/bin/chromium")


def test_the_last_line_counts_what_is_off():
    assert render([Row(OK, "a", "b", "never shown")]) == "ok  a                b\nall is well"
    text = render([Row(OFF, "a", "b", "do c"), Row(NOTE, "d", "e", "f"), Row(OFF, "g", "h")])
    assert "-> do c" in text and text.endswith("2 things are off: a, g")
