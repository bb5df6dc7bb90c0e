"""medkit.install: `.venv` is made, completed and repaired; each failure is one sentence."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import namedtuple
from pathlib import Path

import pytest
from fake_project import FakeProject

from medkit import install
from medkit.install import STAMP, SetupError, is_ready, read_stamp, set_up

LISTS = ["requirements.txt"]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """A tiny project with the fake uv alone on PATH."""
    project = FakeProject(tmp_path, uv=True)
    for name, value in project.environ().items():
        monkeypatch.setenv(name, value)
    yield project
    project.stop()


def make(kit, lists=LISTS) -> list[str]:
    """Set up in this process; return what was said."""
    said = []
    set_up(kit.root / ".venv", lists, kit.root, said.append)
    return said


def wait_for(path: Path) -> None:
    for _ in range(1500):
        if path.exists() and path.stat().st_size:
            return
        time.sleep(0.02)
    raise TimeoutError(path)


def stop(process: subprocess.Popen, number: int) -> None:
    """Kill a start together with its installer."""
    os.killpg(process.pid, number) if os.name != "nt" else process.kill()
    process.communicate(timeout=20)


def test_first_set_up_says_how_much_comes_down_and_the_second_does_nothing(kit):
    said = make(kit)
    assert "first start" in said[0] and "3 GB come down with uv" in said[1] and "stands" in said[-1]
    assert is_ready(kit.root / ".venv", LISTS, kit.root)
    before = kit.calls()
    assert make(kit) == [] and kit.calls() == before


def test_stamp_holds_python_lists_and_place(kit):
    make(kit)
    venv = kit.root / ".venv"
    stamp = read_stamp(venv)
    assert stamp["root"] == str(kit.root) and stamp["python"].startswith("3.")
    assert list(stamp["lists"]) == LISTS
    old = {"lists": {"requirements.txt": "old"}}
    for change in ({"python": "3.0"}, {"root": "elsewhere"}, old, {"lists": {}}):
        (venv / STAMP).write_text(json.dumps(stamp | change), encoding="utf-8")
        assert not is_ready(venv, LISTS, kit.root), change
    (venv / STAMP).write_text("{ cut off", encoding="utf-8")
    assert read_stamp(venv) == {} and not is_ready(venv, LISTS, kit.root)
    (venv / STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    assert is_ready(venv, LISTS, kit.root)


def test_a_package_taken_away_by_hand_comes_back(kit):
    make(kit)
    shutil.rmtree(kit.site / "tqdm-4.1.dist-info")
    assert not is_ready(kit.root / ".venv", LISTS, kit.root)
    assert any("installing with uv: tqdm>=4.1" in line for line in make(kit))
    assert is_ready(kit.root / ".venv", LISTS, kit.root)


def test_a_new_line_in_the_list_is_added_to_what_stands(kit):
    make(kit)
    (kit.site / "mine.py").write_text("kept", encoding="utf-8")
    with open(kit.root / "requirements.txt", "a", encoding="utf-8") as handle:
        handle.write("newcomer>=1.0\n")
    said = make(kit)
    assert "installing with uv: newcomer>=1.0" in said[0] and (kit.site / "mine.py").exists()
    assert sum(call.startswith("venv") for call in kit.calls()) == 1


def test_both_lists_can_follow_one(kit):
    both = [*LISTS, "tests/requirements.txt"]
    make(kit)
    assert not is_ready(kit.root / ".venv", both, kit.root)
    make(kit, both)
    assert is_ready(kit.root / ".venv", both, kit.root) and is_ready(kit.root / ".venv", LISTS, kit.root)


def test_a_venv_of_the_user_that_is_complete_is_taken_over_without_an_installer(kit):
    make(kit)
    (kit.root / ".venv" / STAMP).unlink()
    before = kit.calls()
    assert make(kit) == [] and kit.calls() == before
    assert read_stamp(kit.root / ".venv")["ours"] is False


@pytest.mark.parametrize("broken", ["a file", "a folder", "a venv without python"])
def test_what_was_not_made_here_is_never_removed(kit, broken):
    venv = kit.root / ".venv"
    if broken == "a file":
        venv.write_text("name", encoding="utf-8")
    elif broken == "a folder":
        venv.mkdir()
        (venv / "thesis.txt").write_text("years of work", encoding="utf-8")
    else:
        make(kit)
        (venv / STAMP).unlink()
        install.python_of(venv).unlink()
    kept = sorted(path for path in venv.rglob("*") if "medkit-setup" not in path.name)
    for _ in range(2):  # the second try must not take it for its own
        with pytest.raises(SetupError, match=r"\.venv must be .* move it away and start again"):
            make(kit)
    assert sorted(path for path in venv.rglob("*") if "medkit-setup" not in path.name) == kept


def test_our_own_venv_is_made_again_when_its_python_is_gone(kit):
    make(kit)
    install.python_of(kit.root / ".venv").unlink()
    assert "first start" in make(kit)[0] and is_ready(kit.root / ".venv", LISTS, kit.root)


def test_no_network_is_one_sentence(kit, monkeypatch):
    monkeypatch.setenv("FAKE_UV", "no network")
    with pytest.raises(SetupError, match="no network: the package index can't be reached; connect"):
        make(kit)
    monkeypatch.delenv("FAKE_UV")
    make(kit)
    assert is_ready(kit.root / ".venv", LISTS, kit.root)


def test_too_little_disk_is_one_sentence_before_anything_comes_down(kit, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100e9, 97e9, 3e9))
    with pytest.raises(SetupError, match=r"too little disk: 10.0 GB must be free at .*, got 3.0 GB"):
        make(kit)
    assert not (kit.bin / "calls.txt").exists()


def test_a_disk_that_fills_up_on_the_way_is_told_from_other_failures(kit, monkeypatch):
    monkeypatch.setenv("FAKE_UV", "fails")
    with pytest.raises(SetupError, match="uv ended with exit code 3 and left out tqdm>=4.1, jupyterlab>=4.2"):
        make(kit)
    monkeypatch.setattr(install, "_check_disk", lambda venv: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100e9, 100e9, 1e6))
    with pytest.raises(SetupError, match=r"too little disk: 0.0 GB left"):
        make(kit)


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_missing_venv_module_is_one_sentence(kit, monkeypatch, module):
    monkeypatch.setattr(shutil, "which", lambda name: None)  # no uv
    real = install.importlib.util.find_spec
    fake = lambda name: None if name == module else real(name)  # noqa: E731
    monkeypatch.setattr(install.importlib.util, "find_spec", fake)
    with pytest.raises(SetupError, match=f"without the module {module}; .*sudo apt install python3-venv"):
        make(kit)


def test_an_installer_that_lies_is_found_out(kit, monkeypatch):
    """It ends with 0 and leaves everything out: no stamp calls that finished."""
    monkeypatch.setenv("FAKE_UV", "lies")
    with pytest.raises(SetupError, match="exit code 0 and left out tqdm"):
        make(kit)
    assert read_stamp(kit.root / ".venv").get("begun") is True


def test_killed_in_the_midst_the_next_start_repairs(kit):
    process = kit.begin("lab", FAKE_UV="slow")
    wait_for(kit.bin / "started")
    stop(process, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    assert (kit.site / "tqdm-4.1.dist-info" / "METADATA").exists()  # pip would take it for installed
    assert (kit.site / "tqdm.py").read_text(encoding="utf-8") == ""
    assert read_stamp(kit.root / ".venv")["begun"] and not is_ready(kit.root / ".venv", LISTS, kit.root)
    assert "interrupted; going on" in make(kit)[0]
    assert (kit.site / "tqdm.py").read_text(encoding="utf-8") == "whole = True\n"
    assert is_ready(kit.root / ".venv", LISTS, kit.root)
    assert sum(call.startswith("venv") for call in kit.calls()) == 1


def test_after_an_interruption_the_installer_runs_though_nothing_listed_is_missing(kit):
    """What a listed package depends on may still be out."""
    make(kit)
    (kit.root / ".venv" / STAMP).write_text('{"begun": true, "ours": true}', encoding="utf-8")
    before = len(kit.calls())
    make(kit)
    assert [call.split()[:2] for call in kit.calls()[before:]] == [["pip", "install"]]


@pytest.mark.parametrize("moment", range(6))
def test_killed_at_any_moment_the_next_start_repairs(kit, moment):
    process = kit.begin("lab", FAKE_UV="slow")
    time.sleep(0.08 * moment)
    stop(process, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    make(kit)
    assert is_ready(kit.root / ".venv", LISTS, kit.root)
    assert (kit.site / "tqdm.py").read_text(encoding="utf-8") == "whole = True\n"


if os.name != "nt":  # Windows sends no such signals, and its locks are not inherited

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ctrl_c_ends_the_installer_too_and_says_how_to_go_on(kit, number):
        process = kit.begin("lab", FAKE_UV="slow")
        wait_for(kit.bin / "started")
        process.send_signal(number)
        _, error = process.communicate(timeout=20)
        assert process.returncode == 130 and "Traceback" not in error
        assert error.endswith("stopped; start again at any time, what came down so far is kept\n")
        with pytest.raises(ProcessLookupError):
            os.kill(int((kit.bin / "started").read_text(encoding="utf-8")), 0)
        make(kit)
        assert is_ready(kit.root / ".venv", LISTS, kit.root)

    def test_a_second_start_waits_for_an_installer_that_was_left_behind(kit):
        first = kit.begin("lab", FAKE_UV="slow")
        wait_for(kit.bin / "started")
        first.kill()  # alone: its installer lives on
        first.wait(timeout=20)
        second = kit.begin("reproduce")
        assert "another set-up is at work" in second.stdout.readline()
        time.sleep(0.5)
        assert second.poll() is None
        (kit.bin / "go on").touch()
        out, error = second.communicate(timeout=60)
        assert second.returncode == 7 and "reproduce got []" in out, error
        assert is_ready(kit.root / ".venv", LISTS, kit.root)
