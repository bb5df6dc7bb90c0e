"""medkit.__main__, .ci/run and environment.yml: the commands say and start the right thing."""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from fake_project import HERE, FakeProject

from medkit import __main__ as launcher
from medkit.packages import read_list


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A tiny project whose environment stands, with both lists."""
    project = FakeProject(tmp_path_factory.mktemp("project"), uv=True)
    assert project.start("reproduce").returncode == 7
    for name in ("jupyterlab", "pytest"):
        (project.site / name).mkdir()
        shutil.unpack_archive(next(project.wheels.glob(f"{name}-*")), project.site / "unpacked", "zip")
        shutil.copytree(project.site / "unpacked" / name, project.site / name, dirs_exist_ok=True)
    return project


def shown(done: subprocess.CompletedProcess) -> dict:
    """What the started package printed about itself."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_old_pythons_can_read_the_first_file():
    for name in ("__main__", "__init__"):
        ast.parse((HERE / "medkit" / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 4))


@pytest.mark.parametrize("version", [(3, 10, 14), (3, 6, 0), (2, 7, 18)])
def test_old_pythons_get_one_sentence(version, monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", version)
    assert launcher.main(["lab"]) == 1
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    assert "must be 3.11 or newer, got " + ".".join(map(str, version)) in error


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1), (4, 0, 0)])
def test_new_pythons_pass(version):
    assert launcher.python_problem(version) is None


def test_the_launcher_needs_the_standard_library_alone():
    """Everything that runs before the environment stands, started without any site-packages."""
    names = "__main__, packages, install, environment, doctor"
    code = f"import sys; from medkit import {names}; print(sorted({{n.split('.')[0] for n in sys.modules}}))"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(HERE)!r}); {code}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(ast.literal_eval(done.stdout))
    assert loaded - set(sys.stdlib_module_names) <= {"medkit", "__main__"}


def test_help_is_there_for_everything(capsys):
    for arguments in ([], ["--help"], ["-h"]):
        assert launcher.main(arguments) == 0
        out = capsys.readouterr().out
        assert all(f"python3 -m medkit {name}" in out for name in launcher.COMMANDS)
    for name in launcher.HELP_OF:
        assert launcher.main([name, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"python3 -m medkit {name}")


def test_help_never_waits_for_a_download(tmp_path):
    kit = FakeProject(tmp_path, uv=True)
    for name in launcher.COMMANDS:
        done = kit.start(name, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"python3 -m medkit {name}"), done
    assert not (kit.root / ".venv").exists()


def test_wrong_words_are_one_sentence(capsys):
    assert launcher.main(["lap"]) == 1
    words = "lab, test, doctor, check, reproduce, ablate, multiverse, anomaly, deploy, explain, synthesise, shift, claims, teach, fetch, prepare"
    assert f"must be {words}, got 'lap'" in capsys.readouterr().err
    assert launcher.main(["doctor", "--fix"]) == 1
    assert "doctor takes no arguments, got --fix" in capsys.readouterr().err


def test_a_missing_list_or_right_is_one_sentence(tmp_path):
    kit = FakeProject(tmp_path, uv=True)
    (kit.root / "requirements.txt").unlink()
    done = kit.start("lab")
    assert done.returncode == 1 and "requirements.txt" in done.stderr and done.stderr.count("\n") == 1


def test_lab_opens_the_first_page(kit):
    got = shown(kit.start("lab", "--port", "9123"))
    arguments = got["arguments"]
    assert f"--ServerApp.root_dir={kit.root}" in arguments and arguments[-2:] == ["--port", "9123"]
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in arguments
    assert ("--allow-root" in arguments) == (hasattr(os, "geteuid") and os.geteuid() == 0)
    assert got["folder"] == str(kit.root)


@pytest.mark.parametrize(
    "platform, environ, expected",
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
        ("darwin", {"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, False),
    ],
)
def test_display_is_guessed(platform, environ, expected):
    assert launcher.has_display(platform, environ) is expected


if sys.platform == "linux":

    def test_without_a_display_no_browser_opens_and_the_url_is_announced(kit):
        done = kit.start("lab")
        assert "--no-browser" in shown(done)["arguments"] and "copy the URL" in done.stdout
        done = kit.start("lab", DISPLAY=":0")
        assert "--no-browser" not in shown(done)["arguments"] and "copy the URL" not in done.stdout


def test_lab_without_its_first_page_is_one_sentence(tmp_path):
    kit = FakeProject(tmp_path, uv=True)
    (kit.root / "notebooks" / "00_start_here.ipynb").unlink()
    assert "00_start_here.ipynb must be there" in kit.start("lab").stderr


def test_test_runs_notebooks_in_fast_mode_and_allows_no_skip(kit):
    got = shown(kit.start("test", "tests/test_denoise.py", "-x", MEDKIT_STRICT="1", MEDKIT_DATA="data"))
    assert got["arguments"] == ["--nbmake", "-m", "not slow", "tests/test_denoise.py", "-x"]
    assert got["environ"]["MEDKIT_FAST"] == got["environ"]["MEDKIT_NO_SKIP"] == "1"
    assert got["environ"]["MEDKIT_STRICT"] is None and got["environ"]["MEDKIT_DATA"] == str(kit.root / "data")


def test_a_whole_run_is_shared_by_two_processes_of_one_thread(kit):
    whole, some = shown(kit.start("test", "-q")), shown(kit.start("test", "-k", "one"))
    assert whole["arguments"] == ["--nbmake", "-m", "not slow", "-n", "2", "--dist", "loadfile", "-q"]
    assert "-n" not in some["arguments"]
    assert (whole["environ"]["OMP_NUM_THREADS"], some["environ"]["OMP_NUM_THREADS"]) == ("1", None)


@pytest.mark.parametrize("given", [["-m", "slow"], ["-mslow"]])
def test_a_marker_that_is_given_replaces_the_default(kit, given):
    assert shown(kit.start("test", *given))["arguments"] == ["--nbmake", *given]


@pytest.mark.parametrize("name", launcher.EXPERIMENTS)
def test_every_experiment_has_a_module_with_a_main(name):
    assert callable(importlib.import_module(f"medkit.{name}").main)


def test_reproduce_gets_its_arguments_and_passes_its_exit_code_on(kit):
    done = kit.start("reproduce", "--data", "mri", "--help")
    assert done.returncode == 7 and "reproduce got ['--data', 'mri', '--help']" in done.stdout
    assert str(kit.root / ".venv") in done.stdout


@pytest.fixture
def elsewhere(kit, tmp_path):
    """A folder of the user's, from which the kit is called; it holds files of the kit's own names."""
    for name in ("tests/test_mine.py", "mine.ipynb", "gaussian", "medkit.txt"):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).touch()
    (kit.root / "tests" / "test_denoise.py").touch()
    kit.here = tmp_path / "mine"
    yield kit.here
    kit.here = kit.root


def test_a_command_works_in_the_folder_that_it_is_called_from(kit, elsewhere):
    done = kit.start("reproduce", "--data", ".", MEDKIT_DATA="data")
    assert done.returncode == 7 and "reproduce got ['--data', '.']" in done.stdout, done.stderr
    got = json.loads(done.stdout.splitlines()[-1])
    assert os.path.realpath(got["folder"]) == os.path.realpath(elsewhere)
    assert os.path.realpath(got["data"]) == os.path.realpath(elsewhere / "data")
    assert got["path"][0] == str(kit.root) and not {"", str(elsewhere)} & set(got["path"]), "nothing is imported from there"


def test_doctor_sees_the_same_from_any_folder(kit, elsewhere):
    from_there = kit.start("doctor", MEDKIT_DATA="tests").stdout
    assert f"MEDKIT_DATA      {os.path.realpath(elsewhere / 'tests')}" in from_there
    kit.here = kit.root
    rows = [text.splitlines()[1:] for text in (from_there, kit.start("doctor").stdout)]
    assert rows[0][0] == rows[1][0], "the same environment"


def test_lab_and_tests_stay_in_the_kit_s_folder_and_take_paths_from_the_caller_s(kit, elsewhere):
    got = shown(kit.start("lab", "mine.ipynb"))
    assert got["folder"] == str(kit.root) and got["arguments"][-1] == str(elsewhere / "mine.ipynb")
    given = ["tests/test_mine.py::test_a", "tests/test_denoise.py", "--ignore=tests/test_mine.py", "-k", "gaussian"]
    got = shown(kit.start("test", *given))
    mine = str(elsewhere / "tests" / "test_mine.py")
    assert got["folder"] == str(kit.root)
    assert got["arguments"][3:] == [f"{mine}::test_a", "tests/test_denoise.py", f"--ignore={mine}", "-k", "gaussian"]
    kit.here = kit.root
    assert shown(kit.start("test", "tests/test_denoise.py"))["arguments"][3:] == ["tests/test_denoise.py"]


def test_check_in_the_environment_reads_and_writes_beside_the_caller(tmp_path):
    """The very command that `python3 -m medkit check` hands over to."""
    for number, name in enumerate(("well", "ill")):
        (tmp_path / "set" / name).mkdir(parents=True)
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "set" / name / "a.png")
    (tmp_path / "statistics.py").write_text("raise SystemExit('imported from the caller')", encoding="utf-8")
    command = launcher.inside(sys.executable, "experiment_here", ["check", "set", "--html", "page.html"])
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (0, 1) and "2 of 2 files could be read" in done.stdout, done.stderr
    assert (tmp_path / "page.html").is_file()


def test_ci_run_sets_the_data_and_ends_with_the_exit_code(tmp_path):
    bash = shutil.which("bash")
    assert bash, "bash must be there to test .ci/run, found none; install it"
    run = tmp_path / "kit" / ".ci" / "run"
    data = tmp_path / "shared" / "data"
    for folder in (run.parent, data, tmp_path / "bin"):
        folder.mkdir(parents=True)
    shutil.copy(HERE / ".ci" / "run", run)
    for name, body in {"chromium": "", "python3": 'echo "$PWD|$MEDKIT_DATA|$CI|$*"; exit 9'}.items():
        (tmp_path / "bin" / name).write_text(f"#!{bash}\n{body}\n", encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)

    def go(**more):
        path = os.pathsep.join([str(tmp_path / "bin"), os.path.dirname(bash), "/usr/bin", "/bin"])
        environ, command = {"PATH": path, **more}, [bash, str(run), "-x"]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)

    done = go()
    assert done.returncode == 9, done.stderr
    assert done.stdout.strip() == f"{tmp_path / 'kit'}|{data}|true|-m medkit test -x"
    (tmp_path / "mine").mkdir()
    assert f"|{tmp_path / 'mine'}|" in go(MEDKIT_DATA="mine").stdout
    missing = go(MEDKIT_DATA="nowhere")
    assert missing.returncode == 1 and "MEDKIT_DATA must be a folder, got nowhere" in missing.stderr
    data.rmdir()
    assert "||true|" in go().stdout


def conda_list(text: str) -> tuple[list[str], set[str]]:
    """Read environment.yml: its channels, and its packages under their pip names."""
    channels, packages, part = [], set(), None
    for line in text.splitlines():
        line = line.split("#")[0].rstrip()
        if line.endswith(":") and not line.lstrip().startswith("-"):
            part = line.strip(" :")
        elif line.strip().startswith("- ") and part == "channels":
            channels.append(line.strip()[2:])
        elif line.strip().startswith("- "):
            packages.add(line.strip()[2:].replace("pytorch", "torch"))
    return channels, packages


def test_environment_yml_names_what_requirements_txt_names():
    channels, packages = conda_list((HERE / "environment.yml").read_text(encoding="utf-8"))
    wanted = {str(line) if not line.editable else "-e ." for line in read_list(HERE / "requirements.txt")}
    assert channels[0] == "conda-forge"
    assert packages == wanted | {"python>=3.11", "pip", "pip:"}
    assert 'requires-python = ">=3.11"' in (Path(HERE) / "pyproject.toml").read_text(encoding="utf-8")
