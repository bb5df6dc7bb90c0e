"""medkit.environment: the right Python is found, and programs start in a clean surrounding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_project import FakeProject

from medkit import environment
from medkit.environment import active_search_path, child_environment, ensure, find, is_running
from medkit.packages import python_of

ALL = ["requirements.txt", "tests/requirements.txt"]


@pytest.fixture
def kit(tmp_path):
    """A tiny project with the fake uv alone on PATH."""
    return FakeProject(tmp_path, uv=True)


def make_active(kit, monkeypatch, packages: bool) -> list[str]:
    """Let this process look like an active environment; return what `ensure` will say into."""
    monkeypatch.setattr(sys, "prefix", str(kit.home / "active"))
    monkeypatch.setattr(sys, "base_prefix", str(kit.home / "base"))
    site = kit.home / "active" / "site"
    for name in ("tqdm-4.1", "jupyterlab-4.2") if packages else ():
        (site / f"{name}.dist-info").mkdir(parents=True)
        package, version = name.split("-")
        text = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        (site / f"{name}.dist-info" / "METADATA").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(site)])
    for name, value in kit.environ().items():
        monkeypatch.setenv(name, value)
    return []


def test_an_active_environment_that_satisfies_the_list_is_used_as_it_is(kit, monkeypatch):
    said = make_active(kit, monkeypatch, packages=True)
    assert ensure(["requirements.txt"], said.append, kit.root) == Path(sys.executable)
    assert find(kit.root) == Path(sys.executable)
    assert said == [] and not (kit.root / ".venv").exists() and not (kit.bin / "calls.txt").exists()


def test_an_active_environment_that_lacks_something_is_left_alone(kit, monkeypatch):
    said = make_active(kit, monkeypatch, packages=True)
    before = sorted((kit.home / "active").rglob("*"))
    assert ensure(ALL, said.append, kit.root) == python_of(kit.root / ".venv")
    assert "lacks pytest>=8; using .venv instead" in said[0]
    assert sorted((kit.home / "active").rglob("*")) == before


def test_conda_counts_as_active_and_a_bare_python_does_not(kit, monkeypatch):
    make_active(kit, monkeypatch, packages=True)
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert active_search_path(kit.root) is None and find(kit.root) is None
    (kit.home / "active" / "conda-meta").mkdir()
    assert active_search_path(kit.root) == sys.path and find(kit.root) == Path(sys.executable)


def test_what_pythonpath_lends_does_not_count_as_installed(kit, monkeypatch):
    said = make_active(kit, monkeypatch, packages=True)
    monkeypatch.setenv("PYTHONPATH", sys.path[0])
    assert active_search_path(kit.root) == []
    assert ensure(["requirements.txt"], said.append, kit.root) == python_of(kit.root / ".venv")


def test_our_own_venv_is_not_taken_for_somebody_elses(kit, monkeypatch):
    make_active(kit, monkeypatch, packages=True)
    monkeypatch.setattr(sys, "prefix", str(kit.root / ".venv"))
    assert is_running(python_of(kit.root / ".venv")) and active_search_path(kit.root) is None


def test_child_environment_is_clean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    given = dict.fromkeys(["PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "PIP_USER", "VIRTUAL_ENV"], "x")
    python = tmp_path / "venv" / "bin" / "python"
    got = child_environment(python, {**given, "PATH": "p", "LANG": "C", "MEDKIT_DATA": "data"})
    path = os.pathsep.join([str(python.parent), "p"])
    data = str(tmp_path / "data")
    assert got == {"PATH": path, "LANG": "C", "MEDKIT_DATA": data, "VIRTUAL_ENV": str(tmp_path / "venv")}
    assert "VIRTUAL_ENV" not in child_environment(tmp_path / "other" / "bin" / "python", given)
    assert "MEDKIT_DATA" not in child_environment(python, {"PATH": "p"})


@pytest.mark.parametrize("code", [0, 5])
def test_hand_over_passes_folder_arguments_and_exit_code_on(tmp_path, code):
    show = f"import os, sys; print(os.getcwd(), sys.argv[1:]); sys.exit({code})"
    arguments = f"{[sys.executable, '-c', show, 'a b']!r}, dict(os.environ), {str(tmp_path)!r}"
    line = f"import os, sys; from medkit.environment import hand_over; sys.exit(hand_over({arguments}))"
    done = subprocess.run([sys.executable, "-c", line], cwd=environment.ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (code, f"{os.path.realpath(tmp_path)} ['a b']")


def test_the_whole_way_with_venv_and_pip(tmp_path):
    """No uv, a real venv, real pip, tiny wheels: first start, second start, no network, both lists."""
    kit = FakeProject(tmp_path)
    first = kit.start("lab", "--port", "9000", PYTHONPATH="/nowhere")
    shown = json.loads(first.stdout.splitlines()[-1])
    assert first.returncode == 0 and "3 GB come down with pip" in first.stdout
    assert shown["arguments"][-2:] == ["--port", "9000"] and shown["environ"]["PYTHONPATH"] is None
    assert Path(shown["prefix"]).samefile(kit.root / ".venv")

    offline = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    second = kit.start("lab", **offline)  # asks for nothing
    assert second.returncode == 0 and "come down" not in second.stdout and "installing" not in second.stdout

    alone = kit.start("test", **offline)
    assert alone.returncode == 1 and "Traceback" not in alone.stderr
    assert alone.stderr.startswith("medkit: no network") and alone.stderr.count("\n") == 1

    both = kit.start("test", "-k", "one")
    assert both.returncode == 0 and "installing with pip: pytest>=8" in both.stdout
    arguments = json.loads(both.stdout.splitlines()[-1])["arguments"]
    assert arguments == ["--nbmake", "-m", "not slow", "-k", "one"]
