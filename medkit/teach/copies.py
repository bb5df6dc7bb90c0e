"""Copies of the notebooks: unsolved ones for students, each with numbers of its own, and solved ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from medkit._check import MedkitInputError
from medkit._files import try_writing, write_whole
from medkit.teach.course import Page, copy_of, exercise_id, number_of
from medkit.teach.report import RESERVED
from medkit.teach.returned import plain

UNFIT = re.compile(r'[\\/:*?"<>|]')


def hand_out(pages: Sequence[Page], dest: Path, names: Sequence[str] = (), seed: int | None = None) -> list[Path]:
    """Write clean, unsolved copies, and return where they are.

    Args:
        pages: which notebooks.
        dest: a folder; with names it gets one for each student.
        names: of students, see `read_names`; each gets numbers of their own where an exercise can vary.
        seed: of those numbers: the same seed and name give the same copy. Without names, all copies
            are alike, with the numbers of the seed or, where it is None, of the course.

    Raises:
        MedkitInputError: a file is in the way; nothing is written then.
    """
    wanted: dict[Path, NotebookNode] = {}
    for name in names or [""]:
        number = number_of(seed or 0, name) if name or seed is not None else 0
        for page in pages:
            copy = graded_cells(copy_of(page, number), page)
            if name:
                copy.metadata["medkit"]["student"] = name
            wanted[dest / name / page.path.name] = copy
    write_new(wanted)
    return list(wanted)


def write_new(wanted: dict[Path, NotebookNode]) -> None:
    """Write notebooks where there are none.

    Raises:
        MedkitInputError: a file is there; then none of them is written.
    """
    refuse_those_there(list(wanted))
    for folder in dict.fromkeys(path.parent for path in wanted):
        try_writing(folder)
    for path, notebook in wanted.items():
        write_whole(path, nbformat.writes(notebook) + "\n")


def refuse_those_there(paths: Sequence[Path]) -> None:
    """Refuse to go on where one of these files is there."""
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if there:
        more = f", and so are {len(there) - 1} more" if len(there) > 1 else ""
        what = f"is in {there[0].parent.name or there[0].parent} already{more}"
        raise MedkitInputError(there[0], what, "name another folder, nothing is written over here")


def graded_cells(copy: NotebookNode, page: Page) -> NotebookNode:
    """Give the exercises' cells the fields that nbgrader's own list of points reads; Jupyter ignores them."""
    points = {one.id: one.points for one in page.exercises}
    for cell in copy.cells:
        found = exercise_id(cell.source) if cell.cell_type == "code" else None
        if found in points:
            cell.metadata["nbgrader"] = {
                "grade_id": f"exercise-{found.replace('.', '-')}", "points": points[found], "grade": True,
                "solution": True, "locked": False, "task": False, "schema_version": 3, "cell_type": "code",
            }  # fmt: skip
    return copy


def read_names(path: Path) -> list[str]:
    """Read students' names, one a line; each becomes the name of a folder.

    Raises:
        MedkitInputError: no text, no names, a name twice, or one that can't be a folder.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        raise MedkitInputError(
            path, f"can't be read ({error.strerror})", "name a text file, one student a line"
        ) from error
    except UnicodeDecodeError as error:
        raise MedkitInputError(path, "must be text in UTF-8", "save it so") from error
    names: list[str] = []
    for number, line in enumerate(lines, 1):
        name = line.strip()
        if not name:
            continue
        if (
            UNFIT.search(name)
            or plain(name) != name
            or name.startswith(".")
            or name.endswith(".")
            or RESERVED.fullmatch(name)
        ):
            what = f"line {number} must be a name that a folder can have, got {name!r}"
            raise MedkitInputError(path, what, 'leave out \\ / : * ? " < > | and what stands around the name')
        if name.casefold() in {other.casefold() for other in names}:
            raise MedkitInputError(path, f"line {number} has {name!r} a second time", "tell the two apart")
        names.append(name)
    if not names:
        raise MedkitInputError(path, "must name students, one a line, and names none", "write their names into it")
    return names
