"""What grading leaves behind: points.csv, a page for each student, and class.html for the teacher."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from html import escape
from pathlib import Path

from medkit._files import write_whole
from medkit.exercises.questions import ReadFigure
from medkit.exercises.verdict import Feedback, Outcome
from medkit.teach import sheet
from medkit.teach.grade import Graded, Result
from medkit.teach.returned import Returned

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|")  # what a spreadsheet may run
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # no file names on Windows
LONGEST = 4000  # characters of a cell that a page shows
HOW = "Only the cell of each exercise was run, by itself, with what the notebook imports."


class Report:
    """Collects graded notebooks, writes a student's page when all of theirs are there, and the rest at the end.

    Args:
        folder: to write into.
        returns: all that will be graded.
    """

    def __init__(self, folder: Path, returns: list[Returned]):
        self.folder, self.awaited = folder, Counter(one.student for one in returns)
        self.graded: dict[str, list[Graded]] = defaultdict(list)
        self.files: dict[str, str] = {}

    def add(self, graded: Graded) -> None:
        """Take one notebook; with the last one of a student, write their page."""
        mine = self.graded[graded.student]
        mine.append(graded)
        if len(mine) < self.awaited[graded.student]:
            return
        mine.sort(key=lambda one: one.page.stem if one.page else "~")
        self.files[graded.student] = file_name(graded.student, set(self.files.values()))
        write_whole(self.folder / "students" / self.files[graded.student], student_page(graded.student, mine))

    def finish(self, left_out: list[str]) -> None:
        """Write points.csv and class.html."""
        by_name = dict(sorted(self.graded.items(), key=lambda item: item[0].casefold()))
        write_whole(self.folder / "points.csv", points_csv(by_name).encode("utf-8-sig"))  # so that Excel sees UTF-8
        write_whole(self.folder / "class.html", class_page(by_name, self.files, left_out))


def file_name(student: str, taken: set[str]) -> str:
    """Return a name for a student's page that any system can store, and no other page has.

    >>> file_name("Zoë / ../x", {"Zoë-x.html"}), file_name("con", set())
    ('Zoë-x-2.html', 'student-con.html')
    """
    word = re.sub(r"\W+", "-", student).strip("-")[:60] or "student"
    word = f"student-{word}" if RESERVED.fullmatch(word) else word
    lower, number, name = {one.casefold() for one in taken}, 1, f"{word}.html"
    while name.casefold() in lower:
        number += 1
        name = f"{word}-{number}.html"
    return name


# ---- points.csv


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> harmless('=HYPERLINK("x")'), harmless("Ann")
    ('\\'=HYPERLINK("x")', 'Ann')
    """
    return f"'{text}" if text.startswith(FORMULA) else text


def points_csv(by_name: dict[str, list[Graded]]) -> str:
    """Return a line for each student: points of each exercise, "" where their notebook is missing, and the total."""
    ids = _ids(by_name)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["student", *ids, "total"])
    for student, mine in by_name.items():
        points = {result.exercise.id: result.points for graded in mine for result in graded.results}
        writer.writerow([harmless(student), *(points.get(one, "") for one in ids), sum(points.values())])
    return text.getvalue()


def _ids(by_name: dict[str, list[Graded]]) -> list[str]:
    found = {result.exercise.id for mine in by_name.values() for graded in mine for result in graded.results}
    return sorted(found, key=lambda one: [int(part) for part in one.split(".")])


# ---- a student's page


def student_page(student: str, mine: list[Graded]) -> str:
    """Return the page of feedback for one student."""
    parts = [f"<h1>{escape(student)}</h1>"]
    reached = sum(result.points for graded in mine for result in graded.results)
    of = sum(result.exercise.points for graded in mine for result in graded.results)
    parts.append(f"<p><strong>{reached} of {of} points.</strong> <span class='faint'>{HOW}</span></p>")
    for graded in mine:
        name = graded.page.stem if graded.page else graded.returned.path.name
        parts.append(f"<h2>{escape(name)}</h2>{_notes(graded.notes)}")
        parts += map(_feedback, graded.results)
    return sheet.page(f"Feedback for {student}", "\n".join(parts))


def _feedback(result: Result) -> str:
    exercise, verdict = result.exercise, result.verdict
    card = Feedback(exercise.id, exercise.title, verdict)._repr_html_()
    figure = exercise.draw() if isinstance(exercise, ReadFigure) and verdict.outcome is Outcome.NOT_YET else ""
    source = result.source[:LONGEST] + (" ..." if len(result.source) > LONGEST else "")
    code = f"<details><summary>the cell</summary><pre>{escape(source)}</pre></details>" if source.strip() else ""
    return (
        f'<section id="{exercise.id}">{card}<p class="faint">{result.points} of {exercise.points} '
        f"point{'s' if exercise.points > 1 else ''}</p>{figure}{_notes(result.notes)}{code}</section>"
    )


def _notes(notes: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""


# ---- class.html


def class_page(by_name: dict[str, list[Graded]], files: dict[str, str], left_out: list[str]) -> str:
    """Return the teacher's page: points, exercises, named mistakes, and what deserves a look."""
    results = [result for mine in by_name.values() for graded in mine for result in graded.results]
    count = sum(len(mine) for mine in by_name.values())
    mean = sum(result.points for result in results) / max(1, len(by_name))
    parts = [
        "<h1>The class</h1>",
        f"<p>{len(by_name)} students, {count} notebooks, {mean:.1f} points a student on average. {HOW}</p>",
        _points_table(by_name, files),
        _exercise_table(results),
        _mistake_table(results),
        _worth_a_look(by_name, left_out),
    ]
    return sheet.page("The class", "\n".join(parts))


def _points_table(by_name: dict[str, list[Graded]], files: dict[str, str]) -> str:
    ids = _ids(by_name)
    rows = []
    for student, mine in by_name.items():
        found = {result.exercise.id: result for graded in mine for result in graded.results}
        cells = [f"{found[one].verdict.outcome.symbol} {found[one].points}" if one in found else "" for one in ids]
        total = sum(result.points for result in found.values())
        rows.append([f'<a href="students/{escape(files[student])}">{escape(student)}</a>', *cells, str(total)])
    signs = ", ".join(f"{outcome.symbol} {outcome.word}" for outcome in Outcome)
    columns = frozenset(range(1, len(ids) + 2))
    return sheet.table(f"Points ({signs})", ["student", *ids, "total"], rows, columns)


def _exercise_table(results: list[Result]) -> str:
    by_id: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_id[result.exercise.id].append(result)
    rows = []
    for exercise_id in sorted(by_id, key=lambda one: [int(part) for part in one.split(".")]):
        mine = by_id[exercise_id]
        outcomes = Counter(result.verdict.outcome for result in mine)
        share = outcomes[Outcome.PASSED] / len(mine)
        bar = f'<meter min="0" max="1" value="{share:.3f}" title="{share:.0%}"></meter> {share:.0%}'
        title, points = escape(mine[0].exercise.title), str(mine[0].exercise.points)
        rows.append([exercise_id, title, points, bar, *(str(outcomes[outcome]) for outcome in reversed(Outcome))])
    head = ["id", "exercise", "points", "pass rate", *(outcome.word for outcome in reversed(Outcome))]
    return sheet.table("Exercises", head, rows, frozenset((2, 4, 5, 6, 7)))


def _mistake_table(results: list[Result]) -> str:
    counts = Counter(
        (result.verdict.mistake, result.exercise.id, result.exercise.title)
        for result in results
        if result.verdict.mistake
    )
    if not counts:
        return "<p>No known mistake was made.</p>"
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][1], item[0][0]))
    rows = [[str(count), escape(name), f"{number} {escape(title)}"] for (name, number, title), count in ordered]
    return sheet.table("Mistakes by name, the most frequent first", ["how often", "mistake", "exercise"], rows)


def _worth_a_look(by_name: dict[str, list[Graded]], left_out: list[str]) -> str:
    rows = []
    for student, mine in by_name.items():
        notes = [note for graded in mine for note in (*graded.notes, *graded.aside)]
        notes += [note for graded in mine for result in graded.results for note in result.notes]
        rows += [[escape(student), escape(note)] for note in dict.fromkeys(notes)]
    rows += [["", escape(line)] for line in left_out]
    rows += [["", escape(line)] for line in same_copies(by_name)]
    return sheet.table("Worth a look", ["student", "what"], rows) if rows else "<p>Nothing odd was found.</p>"


def same_copies(by_name: dict[str, list[Graded]]) -> list[str]:
    """Say which students returned a notebook with the same number: one of them has another's copy."""
    owners: dict[tuple[str, int], list[str]] = defaultdict(list)
    for student, mine in by_name.items():
        for graded in mine:
            if graded.copy and graded.page:
                owners[graded.page.stem, graded.copy].append(student)
    return [
        f"{stem}: {', '.join(names)} returned the same copy, number {number}"
        for (stem, number), names in owners.items()
        if len(names) > 1
    ]
