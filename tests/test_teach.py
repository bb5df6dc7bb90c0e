"""Copies that are handed out: clean, never over a student's file, each with numbers that checks know."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import nbformat
import pytest

from medkit._check import MedkitInputError
from medkit.exercises import EXERCISES, UnknownExercise, check, hint, solution, store
from medkit.exercises.questions import PredictNumber, worked_out
from medkit.teach import command, copies, course, main

pytestmark = pytest.mark.filterwarnings("error")
VARIED = [one for one in EXERCISES.values() if isinstance(one, PredictNumber) and one.other]


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def names(tmp_path, text: str | bytes) -> Path:
    path = tmp_path / "names.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


# ---- numbers of one's own


@pytest.mark.parametrize("one", VARIED, ids=lambda one: one.id)
def test_variants_differ_keep_their_mistakes_apart_and_are_solved_by_their_own_working(one):
    prompts = set()
    for seed in range(1, 300):
        other = one.variant(seed)
        assert (other.id, other.seed, other.title, other.name) == (one.id, seed, one.title, one.name)
        found = [other.truth(), *map(worked_out, other.mistakes)]
        assert min(abs(a - b) for i, a in enumerate(found) for b in found[:i]) > 2 * other.tolerance, found
        value = eval(other.working)  # the tests' own text
        assert other.judge(value).passed
        assert [other.judge(worked_out(m)).mistake for m in other.mistakes] == [m.name for m in other.mistakes]
        assert len(other.hints) == len(one.hints)
        prompts.add(other.prompt)
    assert len(prompts) >= 5 and one.variant(17).prompt == one.variant(17).prompt


def test_the_two_exercises_asked_for_vary_and_the_others_stay_themselves():
    assert {"1.3", "2.3"} <= {one.id for one in VARIED}
    assert EXERCISES["1.1"].variant(5) is EXERCISES["1.1"] and EXERCISES["1.3"].variant(0) is EXERCISES["1.3"]
    drawn = EXERCISES["2.3"].other(random.Random("2.3/17"))
    assert EXERCISES["2.3"].variant(17).prompt == drawn["prompt"]


def test_a_check_with_the_number_of_a_copy_judges_its_numbers_and_hints_follow():
    one = EXERCISES["1.3"].variant(17)
    assert one.check_line == 'check("1.3/17", grey)' and "numbers of copy 17" in one.markdown
    assert check("1.3/17", one.truth()).passed is True
    assert not check("1.3", one.truth()).passed and check("1.3", EXERCISES["1.3"].truth()).passed
    check("1.3/17", 0)
    assert hint("1.3").paragraphs[0].endswith(one.hints[0]) and solution("1.3").code == one.answer
    assert hint("1.3/5").paragraphs[1].endswith(EXERCISES["1.3"].variant(5).hints[1])
    assert set(store.load()[0]) == {"1.3"}, "progress knows the exercise by its plain id"


@pytest.mark.parametrize("exercise_id", ["1.3/", "1.3/x", "1.3/-1", "1.3/1/2", "9.99/1", "1.3/" + "9" * 30])
def test_a_number_that_is_none_is_refused(exercise_id):
    with pytest.raises(UnknownExercise):
        check(exercise_id, 1)


# ---- the course


def test_notebooks_are_chosen_by_number_word_or_name():
    wanted = ["01_denoise", "02_normalise"]
    for words in (["01", "2"], ["denoise", "normalise"], ["02_normalise", "01_denoise.ipynb", "1"]):
        assert [page.stem for page in course.chosen(words)] == wanted
    assert [page.stem for page in course.chosen(None)] == list(course.course())
    with pytest.raises(MedkitInputError, match="must be among 00_start_here, 01_denoise.* got 'x'"):
        course.chosen(["x"])
    with pytest.raises(MedkitInputError, match="holds none"):
        course.chosen(None, Path("nowhere"))


def test_what_an_answer_may_lean_on_is_what_the_notebook_imports():
    page = course.course()["01_denoise"]
    assert "import torch" in page.imports.splitlines() and "def " not in page.imports
    assert page.cell_ids["1.1"] == "exercise-1-1" and set(page.cell_ids) == {one.id for one in page.exercises}


# ---- handing out


@pytest.mark.parametrize("page", course.course().values(), ids=lambda page: page.stem)
def test_a_copy_is_the_stored_notebook_but_for_its_fields(page, tmp_path):
    (path,) = copies.hand_out([page], tmp_path)
    assert sources(path) == [cell.source for cell in page.notebook.cells]
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.medkit == {"notebook": page.stem}
    ids = [cell["id"] for cell in notebook.cells]
    assert ids == [cell["id"] for cell in page.notebook.cells]


def test_a_notebook_that_somebody_solved_and_ran_is_handed_out_clean(tmp_path):
    page = course.course()["01_denoise"]
    spoilt = course.copy_of(page, solved=True)
    for cell in spoilt.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = 3, [nbformat.v4.new_output("stream", text="seen")]
    spoilt.metadata["widgets"] = {"state": {}}
    (tmp_path / page.path.name).write_text(nbformat.writes(spoilt), encoding="utf-8")
    (path,) = copies.hand_out([course.Page(tmp_path / page.path.name)], tmp_path / "out")
    assert sources(path) == [cell.source for cell in page.notebook.cells]
    text = path.read_text(encoding="utf-8")
    assert "seen" not in text and "widgets" not in json.loads(text)["metadata"]


def test_students_get_folders_and_numbers_of_their_own_the_same_every_time(tmp_path):
    wanted = ["hand-out", str(tmp_path / "a"), "--students", str(names(tmp_path, "Ann\n\n Zoë Lee \n")), "--seed", "4"]
    assert main(wanted) == 0
    wanted[1] = str(tmp_path / "b")
    assert main([*wanted, "--notebooks", "1", "2"]) == 0
    files = sorted(path.relative_to(tmp_path / "b").as_posix() for path in (tmp_path / "b").rglob("*.ipynb"))
    assert files == [f"{who}/{page}.ipynb" for who in ("Ann", "Zoë Lee") for page in ("01_denoise", "02_normalise")]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    prompts = set()
    for who in ("Ann", "Zoë Lee"):
        number = course.number_of(4, who)
        path = tmp_path / "b" / who / "01_denoise.ipynb"
        assert f'check("1.3/{number}", grey)' in "\n".join(sources(path))
        assert EXERCISES["1.3"].variant(number).markdown in sources(path)
        about = nbformat.read(path, as_version=4).metadata.medkit
        assert about == {"notebook": "01_denoise", "student": who, "copy": number}
        prompts.add(number)
    assert len(prompts) == 2


def test_nothing_is_written_over_and_nothing_is_written_where_something_is_in_the_way(tmp_path, capsys):
    path = names(tmp_path, "Ann\nBen")
    (tmp_path / "out" / "Ben").mkdir(parents=True)
    (tmp_path / "out" / "Ben" / "01_denoise.ipynb").write_text("Ben's work", encoding="utf-8")
    assert main(["hand-out", str(tmp_path / "out"), "--students", str(path), "--notebooks", "00", "01"]) == 2
    assert capsys.readouterr().err == (
        "medkit: 01_denoise.ipynb is in Ben already; name another folder, nothing is written over here\n"
    )
    assert [p.name for p in (tmp_path / "out").rglob("*.ipynb")] == ["01_denoise.ipynb"]
    assert (tmp_path / "out" / "Ben" / "01_denoise.ipynb").read_text(encoding="utf-8") == "Ben's work"
    assert main(["solve", str(tmp_path / "out" / "Ben"), "--notebooks", "01"]) == 2, "before anything is run"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names none"),
        ("Ann\nann\n", "line 2 has 'ann' a second time"),
        ("Ann\n../Ben\n", "line 2 must be a name that a folder can have, got '../Ben'"),
        ("con\n", "line 1 must be a name"),
        (".hidden\n", "line 1 must be a name"),
        ("a:b\n", "line 1 must be a name"),
        ("a\x1b[31m\n", "line 1 must be a name"),
        (b"\xff\xfeA\x00", "must be text in UTF-8"),
    ],
)
def test_names_that_can_be_no_folders_are_refused_by_line(tmp_path, capsys, text, words):
    assert main(["hand-out", str(tmp_path / "out"), "--students", str(names(tmp_path, text))]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_cells_carry_what_nbgrader_asks_of_a_graded_cell(tmp_path):
    (path,) = copies.hand_out(course.chosen(["1"]), tmp_path)
    fields = [
        cell.metadata["nbgrader"] for cell in nbformat.read(path, as_version=4).cells if "nbgrader" in cell.metadata
    ]
    assert sum(one["points"] for one in fields) == sum(one.points for one in course.chosen(["1"])[0].exercises)
    assert len({one["grade_id"] for one in fields}) == len(fields) == 6
    for one in fields:
        assert re.fullmatch(r"[a-zA-Z0-9_\-]+", one["grade_id"]) and one["schema_version"] == 3
        known = {"schema_version", "grade", "locked", "solution", "task", "grade_id", "points", "cell_type"}
        assert set(one) == known and one["grade"] is one["solution"] is True


# ---- the command


def test_every_part_has_help_and_wrong_words_end_at_once(capsys):
    for part in ("hand-out", "solve", "grade", "site"):
        with pytest.raises(SystemExit) as end:
            command.parse([part, "--help"])
        assert end.value.code == 0 and f"teach {part}" in capsys.readouterr().out
    command_lines = [[], ["mark"], ["grade", "x"], ["grade", "x", "--out", "y", "--seconds", "0"],
                     ["grade", "x", "--out", "y", "--memory", "nan"], ["hand-out", "x", "--seed", "-1"]]  # fmt: skip
    for words in command_lines:
        with pytest.raises(SystemExit) as end:
            command.parse(words)
        assert end.value.code == 2


def test_help_says_that_it_is_no_sandbox(capsys):
    with pytest.raises(SystemExit):
        command.parse(["grade", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "no sandbox against an attacker" in said and "docker run --rm --network none" in said


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    assert main(["hand-out", str(tmp_path / "file" / "out"), "--notebooks", "00"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("medkit: ") and said.count("\n") == 1 and "can't be read or written" in said
