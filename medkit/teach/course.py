"""The course's own notebooks: which there are, their exercises, and clean copies of them."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from medkit._check import MedkitInputError
from medkit.environment import ROOT
from medkit.exercises import EXERCISES
from medkit.exercises.exercise import Exercise

FOLDER = ROOT / "notebooks"
COPIES = 9999  # different copies of a notebook, by number


@dataclass(frozen=True)
class Page:
    """One notebook of the course, as it is stored: unsolved, without outputs."""

    path: Path

    @property
    def stem(self) -> str:
        """Its name: "01_denoise"."""
        return self.path.stem

    @property
    def number(self) -> str:
        """Its number, as ids have it: "1"."""
        return str(int(self.stem[:2]))

    @property
    def word(self) -> str:
        """What it is about: "denoise"."""
        return self.stem.split("_", 1)[1]

    @property
    def exercises(self) -> list[Exercise]:
        """Its exercises, in the order of their ids."""
        return [one for one in EXERCISES.values() if one.id.split(".")[0] == self.number]

    @cached_property
    def notebook(self) -> NotebookNode:
        """Its cells.

        Raises:
            MedkitInputError: it can't be read.
        """
        try:
            return nbformat.read(self.path, as_version=4)
        except Exception as error:  # nbformat, json and jsonschema each have their own
            what = f"can't be read as a notebook ({type(error).__name__})"
            raise MedkitInputError(self.path, what, "get it again from where medkit came from") from error

    @cached_property
    def imports(self) -> str:
        """The import statements of its cells, which students' answers may lean on."""
        found = []
        for cell in self.notebook.cells:
            if cell.cell_type == "code" and not exercise_id(cell.source):
                try:
                    tree = ast.parse(cell.source)
                except SyntaxError:
                    continue
                found += [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        return "\n".join(dict.fromkeys(found))

    @cached_property
    def cell_ids(self) -> dict[str, str]:
        """Return the id of the cell of each exercise: {"1.1": "exercise-1-1"}."""
        cells = ((exercise_id(cell.source), cell) for cell in self.notebook.cells if cell.cell_type == "code")
        return {found: cell.get("id", "") for found, cell in cells if found}

    @cached_property
    def sources(self) -> set[str]:
        """The code cells that are no exercise, `bare`."""
        code = [cell.source for cell in self.notebook.cells if cell.cell_type == "code"]
        return {bare(source) for source in code if not exercise_id(source)}


def bare(source: str) -> str:
    """Return a source without what makes no difference: spaces at line ends, empty lines around, a copy's number."""
    lines = "\n".join(line.rstrip() for line in source.strip().splitlines())
    return re.sub(r'(check\("\d+\.\d+)/\d+', r"\1", lines)


def exercise_id(source: str) -> str | None:
    """Return the id of the exercise that a cell of the course checks, None where it checks none.

    >>> exercise_id('grey = ...\\ncheck("1.3", grey)')
    '1.3'
    """
    found = re.search(r'^check\("(\d+\.\d+)', source, re.MULTILINE)
    return found[1] if found else None


def course(folder: Path = FOLDER) -> dict[str, Page]:
    """Return the notebooks that are there, by name, in their order."""
    return {path.stem: Page(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}


def chosen(words: Sequence[str] | None, folder: Path = FOLDER) -> list[Page]:
    """Return the notebooks that are asked for: by number, word or name; all of them where nothing is asked.

    Raises:
        MedkitInputError: there is none of that name, or none at all.
    """
    pages = list(course(folder).values())
    if not pages:
        raise MedkitInputError(folder, "must hold the course's notebooks, and holds none", "get medkit's folder again")
    if not words:
        return pages
    found = []
    for word in words:
        name = Path(word).name.removesuffix(".ipynb")
        hits = [page for page in pages if name in (page.stem, page.word, page.number, page.stem[:2])]
        if not hits:
            there = ", ".join(page.stem for page in pages)
            raise MedkitInputError("--notebooks", f"must be among {there}, got {word!r}", "write 01 or denoise")
        found += hits
    return sorted(set(found), key=lambda page: page.stem)


def number_of(seed: int, student: str) -> int:
    """Return the number of a student's copy, 1 ... 9999, the same on every machine; its exercises follow from it.

    >>> number_of(0, "Ann") == number_of(0, "Ann") != number_of(0, "Ben")
    True
    """
    drawn = hashlib.sha256(f"{seed}/{student}".encode()).digest()
    return int.from_bytes(drawn[:6], "big") % COPIES + 1


def copy_of(page: Page, number: int = 0, *, solved: bool = False) -> NotebookNode:
    """Return a clean copy of a notebook: no outputs, its exercises as the kit has them.

    Args:
        page: the notebook; what somebody solved or ran in the stored file is undone.
        number: that of a student's copy; 0 for the numbers of the course.
        solved: with the kit's solutions put in.
    """
    copy = nbformat.from_dict(page.notebook)
    exercises = {one.id: one.variant(number) for one in page.exercises}
    for position, cell in enumerate(copy.cells):
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        exercise = exercises.get(exercise_id(cell.source) or "")
        if exercise:
            cell.source = exercise.solved_cell if solved else exercise.cell
            above = copy.cells[position - 1]
            if above.cell_type == "markdown" and f"Exercise {exercise.id} " in above.source:
                above.source = exercise.markdown
    copy.metadata.pop("widgets", None)
    copy.metadata["medkit"] = {"notebook": page.stem} | ({"copy": number} if number else {})
    return copy
