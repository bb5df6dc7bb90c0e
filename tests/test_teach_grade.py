"""Grading a made-up class: right points for all, every foul named, nobody holds the run up.

The whole class is marked `slow`; a small one, with one of each kind of danger, runs always.
"""

from __future__ import annotations

import csv
import html.parser
import os
import re
import shutil
import threading
import time
from pathlib import Path

import nbformat
import pytest
import torch
from made_up_class import CASES, Case, deserved, put

from medkit.exercises import EXERCISES, engine
from medkit.exercises.verdict import Outcome
from medkit.teach import answer, child, course, grade, main, process, report, returned

pytestmark = pytest.mark.filterwarnings("error")
SMALL = (
    "solved", "mistaken", "endless", "leaving", "greedy", "forking", "writing", "broken", "own check", "patching",
    "ready-made",
)  # fmt: skip
LIMITS = grade.Limits(seconds=2.0, memory=600 * 2**20)
COURSE = course.course()


class Closed(html.parser.HTMLParser):
    """Refuses HTML that runs or loads something."""

    def __init__(self, text: str):
        super().__init__()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "iframe", "link", "object", "embed", "base", "form")
        for name, value in attributes:
            assert not name.startswith("on")
            assert name != "src" or value.startswith("data:image/png;base64,")
            assert name != "href" or not re.match(r"\w+:", value)


def snapshot(folder: Path) -> dict[str, tuple]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def said(graded: grade.Graded) -> str:
    parts = [*graded.notes, *graded.aside]
    for result in graded.results:
        parts += [*result.notes, result.verdict.message, str(result.verdict.mistake), str(result.verdict.details)]
    return "\n".join(parts)


def wrong(graded: grade.Graded, case: Case) -> list[str]:
    """Return what is not as it should be: points, or words that are not said."""
    points = {result.exercise.id: result.points for result in graded.results}
    faults = [f"{graded.student}: {points}, not {deserved(case)}"] if points != deserved(case) else []
    return faults + [
        f"{graded.student}: {word!r} not in {said(graded)}" for word in case.says if word not in said(graded)
    ]


def graded_class(folder: Path, names: tuple[str, ...], jobs: int, limits: grade.Limits) -> list[grade.Graded]:
    for name in names:
        put(folder, name, CASES[name])
    before = snapshot(folder)
    found, _ = returned.find(folder, list(COURSE))
    assert {one.student for one in found} == set(names)
    everybody = list(grade.grade_all(found, COURSE, limits, jobs))
    assert snapshot(folder) == before, "nobody changed the folder"
    return everybody


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small class, graded once."""
    folder = tmp_path_factory.mktemp("back")
    return {one.student: one for one in graded_class(folder, SMALL, 1, LIMITS)}


@pytest.mark.parametrize("name", SMALL)
def test_everybody_gets_the_points_and_the_words_they_deserve(small, name):
    assert wrong(small[name], CASES[name]) == []


@pytest.mark.slow
def test_a_whole_class_with_every_kind_of_foul_play_is_graded_in_three_minutes(tmp_path):
    names = tuple(CASES)
    assert len(names) >= 30 and sum(case.endless for case in CASES.values()) == 4
    start = time.monotonic()
    everybody = graded_class(tmp_path, names, 2, grade.Limits())
    seconds = time.monotonic() - start
    assert [fault for one in everybody for fault in wrong(one, CASES[one.student])] == []
    print(f"{len(names)} returns in {seconds:.0f} s")
    assert seconds < 180


def test_patches_stay_in_the_process_of_whoever_made_them(small):
    assert not torch.allclose(torch.zeros(1), torch.ones(1)) and engine.find("1.1") is EXERCISES["1.1"]
    assert small["patching"].results[1].verdict.passed


@pytest.mark.slow
def test_solutions_of_the_whole_course_get_full_points_and_stubs_are_not_attempted(tmp_path):
    for page in COURSE.values():
        for who, solved in (("solved", True), ("stub", False)):
            (tmp_path / who).mkdir(exist_ok=True)
            text = nbformat.writes(course.copy_of(page, solved=solved))
            (tmp_path / who / page.path.name).write_text(text, encoding="utf-8")
    found, _ = returned.find(tmp_path, list(COURSE))
    for graded in grade.grade_all(found, COURSE, grade.Limits(), 2):
        wanted = Outcome.PASSED if graded.student == "solved" else Outcome.NOT_ATTEMPTED
        assert [one.exercise.id for one in graded.results if one.verdict.outcome is not wanted or one.notes] == []


def test_a_notebook_with_another_s_name_is_graded_as_what_it_is(tmp_path):
    text = nbformat.writes(course.copy_of(COURSE["02_normalise"], 5, solved=True)).replace('"copy": 5', '"copy": 0')
    (tmp_path / "ann_01_denoise.ipynb").write_text(text, encoding="utf-8")
    (graded,) = grade.grade_all(returned.find(tmp_path, list(COURSE))[0], COURSE, LIMITS, 1)
    assert graded.page.stem == "02_normalise" and graded.copy == 5, "by its checks, its metadata is lost"
    assert all(one.verdict.passed for one in graded.results)
    assert graded.notes == ["its name says 01_denoise, its exercises are those of 02_normalise"]


def test_the_checks_of_the_made_up_class_can_fail(small):
    assert wrong(small["solved"], CASES["endless"]) and wrong(small["solved"], Case(says=("nonsense",)))


def test_no_process_is_left_behind(small):
    if not Path("/proc").is_dir():
        return
    mine = str(os.getpid())
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        command = (stat.parent / "cmdline").read_bytes() if text.split()[3] == mine else b""
        assert b"medkit.teach.child" not in command or text.rpartition(")")[2].split()[0] == "Z"


# ---- without fork, as on Windows and macOS


def test_without_fork_one_process_serves_a_student_and_is_replaced_after_a_kill(tmp_path):
    spoiling = "torch.allclose = lambda *a, **k: True\ndef gaussian_weights(sigma, k):\n    return 1\n"
    cells = CASES["endless"].cells | {"1.2": f"{spoiling}check('1.2', gaussian_weights)"}
    case = Case(cells, {"1.1": 0, "1.2": 0}, ("did not come to an end", "patches `torch.allclose`"))
    put(tmp_path, "ann", case)
    (one,), _ = returned.find(tmp_path, list(COURSE))
    worker = process.Child([], LIMITS.memory, 20, fork=False)
    try:
        assert wrong(grade.grade_one(one, COURSE, worker, LIMITS), case) == []
        assert worker.starts == 3, "one for the student, one after the kill, one after the patch"
        worker.release()
    finally:
        worker.close()
    assert worker.process is None


def test_a_process_that_is_closed_starts_nothing_more():
    worker = process.Child([], 2**30, 5)
    worker.close()
    with pytest.raises(RuntimeError, match="can't be started"):
        worker.begin()
    with pytest.raises(process.Stopped):
        worker.ask({"do": "read"}, (), 1)


# ---- what the judge is told


class FakeTalk:
    """Answers in place of another process."""

    def __init__(self, told: dict, found: tuple = ()):
        self.told, self.found, self.asked = told, found, []

    def ask(self, head, values=()):
        self.asked.append((head, values))
        return self.told, self.found


@pytest.mark.parametrize("changed", ["x", 7, -1, True, [0]])
def test_nonsense_from_the_other_process_is_no_verdict(changed):
    far = answer.FarAnswer(FakeTalk({"changed": changed}, (1.0,)), EXERCISES["1.1"], {})
    with pytest.raises(process.Stopped, match="nonsense"):
        far.run(EXERCISES["1.1"].cases[0].arguments)


def test_a_verdict_needs_the_numbers_not_a_claim_of_them():
    far = answer.FarAnswer(FakeTalk({"passed": True, "error": None, "changed": None}, (1.0,)), EXERCISES["1.1"], {})
    assert not EXERCISES["1.1"].judge(far).passed
    with pytest.raises(TypeError, match="lives in another process"):
        far(1)


def test_arguments_that_can_not_travel_are_named_by_their_case():
    talk = FakeTalk({"changed": None}, (1.0,))
    far = answer.FarAnswer(talk, EXERCISES["1.1"], {})

    def refuse(head, values=()):
        talk.asked.append(head)
        if values:
            raise answer.Unsendable("no")
        return talk.told, talk.found

    talk.ask = refuse
    far.run(EXERCISES["1.1"].cases[2].arguments)
    assert talk.asked[-1]["place"] == 2
    with pytest.raises(answer.Unsendable):
        far.run((object(),))


def test_a_desk_answers_even_where_it_is_asked_nonsense():
    import io

    from medkit.teach import wire

    desk = child.Desk()
    told, _ = wire.read(io.BytesIO(desk.serve({"do": "dance"}, ())))
    assert told["error"]["text"].startswith("AttributeError")
    assert child.described(SyntaxError("no", ("x", 3, 1, "a b\n")))["line"] == [3, "a b"]
    assert child.Quiet()("1.1", 5)("anything", at=1) is not None


# ---- a whole command


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A class graded by the command: honest, mistaken, with hostile names, and copies with numbers."""
    folder = tmp_path_factory.mktemp("desk")
    back, out = folder / "back", folder / "out"
    back.mkdir()
    evil = "<script>alert(1)</script>"
    shouting = f'grey = "{evil}"\ncheck("1.3", grey)  # {evil}'
    put(back, "=cmd Ann", Case())
    put(back, "Ben", CASES["mistaken"])
    put(back, "Cleo", Case({"1.3": shouting}, copy=0))
    put(back, "Dan", Case(copy=course.number_of(3, "Dan")))
    put(back, "Eve", Case(copy=course.number_of(3, "Dan")))
    shutil.copy(put(back, "Flo", CASES["solved"]), back / "mystery.ipynb")
    (back / "link_01_denoise.ipynb").symlink_to(back / "Ben_01_denoise.ipynb")
    (back / "odd.ipynb").write_text('{"cells": []}', encoding="utf-8")
    code = main(["grade", str(back), "--out", str(out), "--jobs", "1", "--seconds", "3", "--seed", "3"])
    return code, out, back


def test_points_are_a_table_that_no_spreadsheet_runs(desk):
    code, out, _ = desk
    assert code == 0
    raw = (out / "points.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    head, *rows = list(csv.reader(raw.decode("utf-8-sig").splitlines()))
    assert head == ["student", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "total"]
    points = {row[0]: row[1:] for row in rows}
    assert points["Ben"] == ["0"] * 7 and points["Dan"] == ["3", "2", "1", "2", "1", "3", "12"]
    assert points["Flo"][2] == "0", "by --seed, Flo's copy should have another number"
    assert points["mystery"][0] == "3", "a notebook is known by its checks where its name says nothing"
    assert points["odd"] == [""] * 6 + ["0"] and "'=cmd Ann" in points
    assert not any(cell.startswith(report.FORMULA) for row in rows for cell in row)


def test_every_student_has_a_page_that_runs_nothing(desk):
    _, out, _ = desk
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (out / "students").iterdir()}
    assert set(pages) == {"cmd-Ann", "Ben", "Cleo", "Dan", "Eve", "Flo", "mystery", "odd"}
    for text in pages.values():
        Closed(text)
    assert "<script" not in pages["Cleo"] and "&lt;script&gt;alert(1)" in pages["Cleo"]
    assert "you took the mean for the median" in pages["Ben"] and pages["Ben"].count("<figure") >= 1
    assert "0 of 12 points" in pages["Ben"] and "Ben" not in pages["Dan"]
    assert EXERCISES["1.1"].answer not in pages["Ben"], "no solution is given away"


def test_closed_can_fail():
    for text in ("<script>", '<img src="http://x">', '<a href="javascript:x">', '<p onclick="x">'):
        with pytest.raises(AssertionError):
            Closed(text)


def test_the_class_page_counts_mistakes_and_names_what_is_odd(desk):
    _, out, _ = desk
    text = (out / "class.html").read_text(encoding="utf-8")
    Closed(text)
    for words in (
        "8 students", "you divided by n", "pass rate", "link_01_denoise.ipynb is a symbolic link: not followed",
        "Dan, Eve returned the same copy", "odd.ipynb is no notebook of the course: not graded",
        f"the number of this copy is {course.number_of(3, 'Dan')}, and should be {course.number_of(3, 'Eve')}",
        'href="students/Ben.html"',
    ):  # fmt: skip
        assert words in text, words
    assert "<script" not in text


def test_results_never_lie_in_the_graded_folder(desk, capsys):
    _, _, back = desk
    for out in (back, back / "out"):
        assert main(["grade", str(back), "--out", str(out)]) == 2
        assert "must lie outside the folder that is graded" in capsys.readouterr().err


def test_a_folder_that_is_none_is_one_sentence(tmp_path, capsys):
    assert main(["grade", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("medkit: nowhere must be a folder")


@pytest.mark.parametrize("wait", [0.0, 8.0])
def test_closing_ends_a_run_whatever_it_waits_for(tmp_path, wait):
    put(tmp_path, "endless", CASES["endless"])
    found, _ = returned.find(tmp_path, list(COURSE))
    worker = process.Child([COURSE["01_denoise"].imports], LIMITS.memory, 120)
    failed = []

    def work():
        try:
            grade.grade_one(found[0], COURSE, worker, grade.Limits(seconds=60.0))
        except RuntimeError as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while worker.starts == 0:
        time.sleep(0.05)
    time.sleep(wait)
    worker.close()
    thread.join(timeout=20)
    assert not thread.is_alive() and failed
