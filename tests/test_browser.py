"""Every notebook in a real JupyterLab, in a real Chromium: it runs, its widgets move, its exercises answer.

Three notebooks in every run of the tests, the others with `-m slow`. Where MEDKIT_SCREENSHOTS names a
folder, each notebook is saved there as it looks, light and dark. Skipped without Chromium, but failed
where CI is set: there it must be present.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
from pathlib import Path

import browser_lab
import nbformat
import pytest
import torch
from browser_lab import (
    PATIENCE,
    ROOT,
    THEMES,
    Notebook,
    Server,
    chromium,
    chromium_arguments,
    move_and_back,
    playwright,
)

from medkit.exercises import EXERCISES, check
from medkit.exercises.functions import RepairFunction, WriteFunction
from medkit.exercises.questions import PredictNumber, ReadFigure, WriteTest, worked_out

KINDS = (WriteFunction, RepairFunction, PredictNumber, ReadFigure, WriteTest)
ALWAYS = {  # the notebooks of every run, and the kinds of exercise that are tried there; elsewhere all are
    "01_denoise": (RepairFunction, PredictNumber),
    "05_attention": (WriteFunction, ReadFigure),
    "09_metrics": (WriteTest,),
}
NAMES = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
SOME_AND_SLOW = [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.slow) for name in NAMES]


# ---- exercises as a student types them


def exercises_of(name: str) -> list:
    """Return the first exercise of each kind that is tried in a notebook."""
    mine = [one for one in EXERCISES.values() if one.id.split(".")[0] == str(int(name[:2]))]
    firsts = [next((one for one in mine if type(one) is kind), None) for kind in ALWAYS.get(name, KINDS)]
    return [one for one in firsts if one]


def mistake_of(exercise):
    """Return a known mistake that is not the stub itself."""
    return exercise.mistakes[1 if isinstance(exercise, RepairFunction) else 0]


def defines(statement: ast.stmt) -> list[str]:
    """Return the names that a statement at the top of a file makes."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return [statement.name]
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    return [node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)]


def standing_alone(function) -> str:
    """Return the source of a function with all that it uses of its file, so that it can be typed into a cell."""
    text = inspect.getsource(inspect.getmodule(function))
    defined = {name: statement for statement in ast.parse(text).body for name in defines(statement)}
    wanted, used = [function.__name__], set()
    while wanted:
        statement = defined.get(wanted.pop())
        if statement and statement not in used:
            used.add(statement)
            wanted += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    lines, parts = text.splitlines(), []
    for statement in sorted(used, key=lambda one: one.lineno):
        first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))])
        parts.append("\n".join(lines[first - 1 : statement.end_lineno]))
    return "\n\n\n".join(parts)


def wrong_cell(exercise) -> str:
    """Return the source of an exercise's cell with a known mistake in the place of the answer."""
    wrong = mistake_of(exercise).wrong
    if isinstance(exercise, PredictNumber):
        answer = f"{exercise.name} = {worked_out(mistake_of(exercise))!r}"
    elif isinstance(exercise, ReadFigure):
        answer = f'{exercise.name} = "{wrong}"'
    else:
        answer = f"{standing_alone(wrong)}\n\n\n{exercise.name} = {wrong.__name__}"
    return f"{answer}\n{exercise.check_line}"


# ---- JupyterLab


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    with playwright.sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=path, args=chromium_arguments())
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("lab"))
    try:
        started.wait()
        yield started
    finally:
        started.stop()
        assert started.process.poll() is not None


@pytest.fixture(scope="module", params=SOME_AND_SLOW)
def notebook(request, browser, server):
    """A notebook that has run; the tests below use it one after the other, and leave it as they found it."""
    opened = Notebook(browser, server, request.param)
    opened.run_all()
    yield opened
    opened.close()


def assert_none(faults: list[str]) -> None:
    """Fail with all faults, one a line."""
    assert not faults, "\n" + "\n".join(faults)


def assert_no_complaint(notebook) -> None:
    """Look for errors and stderr in the page, for bad pictures, and for errors in the browser's console."""
    assert_none([*notebook.complaints(), *notebook.bad_images(), *notebook.heard])


def output(cell):
    return cell.locator(".jp-OutputArea")


def expect(place, text: str) -> None:
    playwright.expect(place).to_contain_text(text, timeout=PATIENCE)


# ---- what each notebook must do


def test_it_runs_and_nothing_complains(notebook):
    assert_no_complaint(notebook)
    assert notebook.page.locator(".jp-Notebook .jp-OutputArea figure img").count() > 0


def test_each_control_moves_its_picture_by_the_keyboard_and_back(notebook):
    assert_none([trouble for one in notebook.controls() if (trouble := move_and_back(notebook.page, one))])
    explorers = [cell for cell in notebook.cells_with("explore_") if cell.locator(".jupyter-widgets").count()]
    assert all(cell.locator(".widget-html-content figure").count() for cell in explorers)
    assert_no_complaint(notebook)


def test_an_exercise_names_the_mistake_then_passes_and_progress_knows(notebook):
    [progress] = notebook.cells_with("progress(")
    tried = exercises_of(notebook.name)
    rows = [progress.locator(f"tr:has(td:text-is('{exercise.id}'))") for exercise in tried]
    for exercise, row in zip(tried, rows, strict=True):
        [cell] = notebook.cells_with(f'check("{exercise.id}"')
        expect(output(cell), "○ not attempted")
        expect(row, "○ not attempted")
        notebook.write_and_run(cell, wrong_cell(exercise))
        expect(output(cell), f"Known mistake: «{mistake_of(exercise).name}»")
        expect(output(cell), "✗ not yet")
        assert_none(notebook.barriers(f"[data-cell='{cell.get_attribute('data-cell')}']"))
        notebook.write_and_run(cell, exercise.solved_cell)
        expect(output(cell), "✓ passed")
    notebook.run_again(progress)
    for row in rows:
        expect(row, "✓ passed")
    assert_no_complaint(notebook)


@pytest.mark.parametrize("theme", THEMES)
def test_it_can_be_read_in_both_themes(notebook, theme):
    notebook.in_theme(theme)
    if os.environ.get("MEDKIT_SCREENSHOTS"):
        notebook.take_screenshots(Path(os.environ["MEDKIT_SCREENSHOTS"]), theme)
    assert_none(notebook.barriers())


# ---- the checks can fail

DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
FLAWS = {  # cell id -> what a notebook must not do
    "broken": "from IPython.display import HTML\nHTML('<img alt=\"a dot\" src=\"data:image/png;base64,AAAA\">')",
    "nameless": f"HTML('<img src=\"{DOT}\">')",
    "faint": "HTML('<p style=\"color:#ccc;background:#fff\">Who can read this?</p>')",
    "still": (
        "import ipywidgets, itertools\nfrom medkit.widgets.controls import linked, slider\n"
        "linked({'n': slider(ipywidgets.IntSlider, 3, 1, 3, 1, 'n')}, lambda n: '<b>always the same</b>')"
    ),
    "restless": (
        "calls = itertools.count()\nlinked({'n': ipywidgets.Checkbox(description='n')}, lambda n: str(next(calls)))"
    ),
    "unknown": "ipywidgets.RadioButtons(options=['a'])",
    "loud": "import sys\nprint('told to stderr', file=sys.stderr)",
    "raises": "1 / 0",
}


def told(findings: list[str]) -> list[str]:
    """Return the cells that findings name."""
    return sorted({finding.split(":")[0] for finding in findings})


def test_the_checks_can_fail(browser, server, monkeypatch):
    monkeypatch.setattr(browser_lab, "GRACE", 500)  # these pictures do not move, however long one waits
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in FLAWS.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    flawed = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(flawed, server.folder / "notebooks" / "flawed.ipynb")
    notebook = Notebook(browser, server, "flawed")
    notebook.run_all()
    assert told(notebook.complaints()) == ["loud", "raises"]
    assert notebook.bad_images() == ["broken: did not load: a dot", "nameless: has no alt text"]
    assert told(notebook.barriers()) == ["faint", "raises"]  # a traceback has JupyterLab's colours
    notebook.page.evaluate("document.querySelector('[data-cell=nameless] img').removeAttribute('alt')")
    assert [finding.split(" (")[0] for finding in notebook.barriers("[data-cell=nameless]")] == ["nameless: image-alt"]
    moved = [move_and_back(notebook.page, one) for one in notebook.controls()]
    assert [trouble.rpartition(": ")[2] for trouble in moved] == [
        "ArrowLeft does not move the picture",
        "Space does not bring back the picture",
        "no key is known that moves it",
    ]
    assert notebook.heard == []
    notebook.page.evaluate("() => { console.error('a'); setTimeout(() => { throw new Error('b'); }); }")
    notebook.page.evaluate("() => fetch('http://127.0.0.1:9/').catch(() => 0)")
    assert {"console: a", "page error: b", "asked the network for http://127.0.0.1:9/"} <= set(notebook.heard)
    with pytest.raises(AssertionError, match="to contain text"):
        playwright.expect(output(notebook.cell("faint"))).to_contain_text("✓ passed", timeout=500)
    notebook.close()


# ---- without a browser


def test_each_kind_of_exercise_is_tried_in_every_run():
    tried = [kind for kinds in ALWAYS.values() for kind in kinds]
    assert sorted(kind.__name__ for kind in tried) == sorted(kind.__name__ for kind in KINDS)
    assert {type(one) for one in EXERCISES.values()} == set(KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_typed_into_a_cell_stands_alone(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    tried = exercises_of(name)
    assert len(tried) == len(ALWAYS.get(name, KINDS)) or name[:2] in ("00", "18")  # 18 has four of the five kinds
    for exercise in tried:
        said = []
        exec(wrong_cell(exercise), {"__name__": "__main__", "torch": torch, "check": lambda *a: said.append(check(*a))})
        assert said[0].mistake == mistake_of(exercise).name


HEADING = re.compile(r"^(#+) ", re.MULTILINE)


def skipped_headings(notebook) -> list[str]:
    """Return the cells where a heading stands more than one level below the one before it."""
    faults, level = [], 0
    for cell in notebook.cells:
        for found in HEADING.findall(cell.source) if cell.cell_type == "markdown" else ():
            if len(found) > level + 1:
                faults.append(cell.id)
            level = len(found)
    return faults


@pytest.mark.parametrize("name", NAMES)
def test_headings_go_down_step_by_step(name):
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    assert skipped_headings(notebook) == []
    assert notebook.cells[0].source.startswith("# ")


def test_a_skipped_heading_is_seen():
    cells = [nbformat.v4.new_markdown_cell(text, id=text.split()[1]) for text in ("# a", "### b", "## c")]
    assert skipped_headings(nbformat.v4.new_notebook(cells=cells)) == ["b"]
