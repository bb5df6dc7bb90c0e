"""The root conftest: errors in widgets fail a notebook, only named skips are allowed, data is absolute."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
HERE = Path(__file__).resolve().parent.parent
INTERACT = """import ipywidgets as w

@w.interact(n=w.IntSlider(1, min=0, max=3))
def show(n):
    print(1 / {value})
"""
CAPTURED = """import ipywidgets as w
out, slider = w.Output(), w.IntSlider(1, min=0, max=3)

@out.capture()
def show(change):
    print({{}}[{value}])

slider.observe(show, "value")
display(slider, out)
slider.value = 2
"""


def run_notebook(folder: Path, *sources: str, option: str = "--nbmake", **environ: str):
    """Run one notebook in a folder that has the root conftest and nothing else of ours."""
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "page.ipynb")
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MEDKIT", "PYTEST"))}
    clean |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1", **environ}
    command = [sys.executable, "-m", "pytest", "-p", "nbmake.pytest_plugin", "--nbmake", option]
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)


def test_widget_callbacks_that_raise_fail_the_notebook(tmp_path):
    done = run_notebook(tmp_path, INTERACT.format(value="(n - 1)"), CAPTURED.format(value="3"), "1 + 1")
    assert done.returncode == 1
    assert "a widget callback raised ZeroDivisionError: division by zero; KeyError: 3" in done.stdout


def test_without_the_conftest_the_same_notebook_passes(tmp_path):
    """The negative control: nbmake alone does not see it."""
    sources = INTERACT.format(value="(n - 1)"), CAPTURED.format(value="3")
    assert run_notebook(tmp_path, *sources, option="--noconftest").returncode == 0


def test_widgets_that_work_pass_and_see_absolute_data(tmp_path):
    (tmp_path / "data").mkdir()
    data = f"import os; assert os.environ['MEDKIT_DATA'] == {str((tmp_path / 'data').resolve())!r}"
    done = run_notebook(tmp_path, INTERACT.format(value="n"), data, MEDKIT_DATA="data")
    assert done.returncode == 0, done.stdout


def test_a_cell_that_raises_keeps_its_own_error(tmp_path):
    done = run_notebook(tmp_path, INTERACT.format(value="(n - 1)"), "raise KeyError('mine')")
    assert done.returncode == 1 and "raise KeyError('mine')" in done.stdout
    assert "a widget callback" not in done.stdout


@pytest.fixture
def project(pytester, monkeypatch):
    """An empty folder with the root conftest, outside CI and without data, under the rule."""
    pytester.makeconftest((HERE / "conftest.py").read_text(encoding="utf-8"))
    for name in ("CI", "MEDKIT_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEDKIT_NO_SKIP", "1")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # other plugins only cost time here
    return pytester


def skipping(*reasons: str) -> str:
    tests = [f"def test_{i}(): pytest.skip({reason!r})" for i, reason in enumerate(reasons)]
    return "\n".join(["import pytest", "def test_passes(): pass", *tests])


def test_data_that_is_set_but_missing_ends_the_run_in_one_sentence(project, monkeypatch):
    monkeypatch.setenv("MEDKIT_DATA", "nowhere")
    project.makepyfile("def test_a(): pass")
    done = project.runpytest_inprocess()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: MEDKIT_DATA must be a folder, got nowhere; correct it or unset it"])


@pytest.mark.parametrize(
    "reason, environ, allowed",
    [
        ("needs a CUDA GPU", {}, True),
        ("needs a CUDA GPU with much memory", {}, False),
        ("Chromium is missing", {}, True),
        ("Chromium is missing", {"CI": "true"}, False),
        ("MEDKIT_DATA is unset", {}, True),
        ("MEDKIT_DATA is unset", {"MEDKIT_DATA": "."}, False),
        ("could not import 'scipy'", {}, False),
        ("too slow here", {}, False),
    ],
)
def test_only_named_skips_are_allowed(project, monkeypatch, reason, environ, allowed):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    project.makepyfile(skipping(reason))
    done = project.runpytest_inprocess()
    mark = "allowed    " if allowed else "NOT ALLOWED"
    assert done.ret == (0 if allowed else 1)
    assert "skips: 1" in done.stdout.str() and f"{mark}    1 x {reason}" in done.outlines


def test_without_the_rule_every_skip_is_allowed(project, monkeypatch):
    monkeypatch.delenv("MEDKIT_NO_SKIP")
    project.makepyfile(skipping("too slow here"))
    done = project.runpytest_inprocess()
    assert done.ret == 0 and "NOT ALLOWED" not in done.stdout.str()


def test_skips_of_whole_files_count_by_package_and_xfails_do_not(project):
    line = "import pytest\npytest.importorskip('no_such_package')\n"
    project.makepyfile(test_a=line, test_b=line)
    only_skips = project.runpytest_inprocess()
    assert only_skips.ret == 1 and "skips: 2" in only_skips.stdout.str()
    only_skips.stdout.fnmatch_lines(["NOT ALLOWED    2 x could not import 'no_such_package'*"])


def test_xfails_are_no_skips(project):
    project.makepyfile("import pytest\n@pytest.mark.xfail\ndef test_c(): assert False\ndef test_d(): pass")
    done = project.runpytest_inprocess()
    assert done.ret == 0 and "skips: 0" in done.stdout.str()


def test_failures_and_empty_runs_keep_their_exit_code(project):
    project.makepyfile("def test_a(): assert False")
    assert project.runpytest_inprocess().ret == pytest.ExitCode.TESTS_FAILED
    assert project.runpytest_inprocess("-k", "nothing").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_two_processes_count_skips_as_one(project):
    pytest.importorskip("xdist")
    line = "import pytest\npytest.importorskip('no_such_package')\n"
    project.makepyfile(test_a=line, test_b=skipping("needs a CUDA GPU"), test_c=skipping("needs a CUDA GPU"))
    done = project.runpytest_inprocess("-p", "xdist", "-n", "2", "--dist", "loadfile")
    assert done.ret == 1 and "skips: 3" in done.stdout.str()
    done.stdout.fnmatch_lines(["allowed        2 x needs a CUDA GPU", "NOT ALLOWED    1 x could not import*"])
