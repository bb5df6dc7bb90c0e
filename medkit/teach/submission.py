"""Read a returned notebook, whatever state it is in, and find in it the cell of each exercise."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from medkit.exercises.exercise import Exercise
from medkit.teach.course import Page, bare

LARGEST = 50 * 2**20  # bytes of a file
LONGEST, MOST = 50_000, 1000  # characters of a cell, cells


class Unreadable(ValueError):
    """A file that is no notebook; the message says why."""


@dataclass(frozen=True)
class Cell:
    """A code cell: its source, its id, and its place among all cells, from 1."""

    source: str
    id: str
    place: int


@dataclass(frozen=True)
class Submission:
    """What of a returned notebook counts.

    Args:
        cells: its code cells.
        copy: the number of the copy, from its metadata; 0 where it has none.
        student: whom it was handed out to, from its metadata; "" where that is not said.
        stem: which notebook it says it is, "" where it does not.
        notes: what was odd.
    """

    cells: tuple[Cell, ...]
    copy: int
    student: str
    stem: str
    notes: tuple[str, ...]


def read(path: Path) -> Submission:
    """Read a notebook that came back.

    Raises:
        Unreadable: it is too large, no JSON, or no notebook.
    """
    notes: list[str] = []
    content = _content(path, notes)
    cells = content.get("cells")
    if not isinstance(cells, list):
        old = "worksheets" in content
        raise Unreadable("it has the format of before 2015" if old else "it holds no cells")
    if len(cells) > MOST:
        notes.append(f"it has {len(cells)} cells: only the first {MOST} are read")
    found = []
    for place, cell in enumerate(cells[:MOST], 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = _text(cell.get("source"))
        if source is None or len(source) > LONGEST:
            notes.append(f"cell {place} is {'no text' if source is None else 'too long'}: not read")
        elif source.strip():
            found.append(Cell(source, str(cell.get("id"))[:80], place))
    about = content.get("metadata")
    own = about.get("medkit") if isinstance(about, dict) else None
    own = own if isinstance(own, dict) else {}
    number = own.get("copy", 0)
    copy = number if type(number) is int and 0 <= number < 10**9 else 0
    return Submission(tuple(found), copy, str(own.get("student", ""))[:80], str(own.get("notebook", "")), tuple(notes))


def _content(path: Path, notes: list[str]) -> dict:
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise Unreadable(f"it has {size >> 20} MB, more than {LARGEST >> 20}")
        content = json.loads(_decoded(path.read_bytes(), notes))
    except OSError as error:
        raise Unreadable(f"it can't be read ({error.strerror})") from None
    except (RecursionError, MemoryError):
        raise Unreadable("its JSON is nested too deep") from None
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable(f"it is no JSON ({str(error)[:80]})") from None
    if not isinstance(content, dict):
        raise Unreadable("it is no notebook")
    return content


def _decoded(raw: bytes, notes: list[str]) -> str:
    """Return the text of a file: UTF-8 as it should be, UTF-16 and 32 by their marks, else Windows-1252."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"),
                       (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):  # fmt: skip
        if raw.startswith(mark):
            if name != "utf-8-sig":
                notes.append(f"it is stored as {name.upper()}, not as UTF-8")
            return raw.decode(name)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        notes.append("it is not stored as UTF-8: read as Windows-1252")
        return raw.decode("cp1252", "replace")


def _text(source: object) -> str | None:
    """Return a cell's source, which is a text or a list of lines; None where it is neither."""
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    return source.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")  # lone surrogates become ?


# ---- which cell


def choose(exercise: Exercise, cells: tuple[Cell, ...], facts: list[dict], page: Page) -> tuple[Cell | None, list[str]]:
    """Return the cell that counts for an exercise, and what is odd about it.

    A cell with the exercise's check and its answer counts; where there is none, one that defines the
    answer, then one with the check alone, then the one with the id that it was handed out with. Of several
    the last one counts; one that is as it was handed out only where there is no other with the check.

    Args:
        exercise: with the numbers of the student's copy.
        cells, facts: the notebook's code cells, and what `cells.facts` says of each.
        page: the notebook as it was handed out.
    """
    kinds: dict[str, list[Cell]] = {"whole": [], "other name": [], "answer": [], "check": [], "id": []}
    cell_id = page.cell_ids.get(exercise.id, "")
    for cell, told in zip(cells, facts, strict=True):
        names = [name for said, name in told["checks"] if said.split("/")[0] == exercise.id]
        defines = exercise.name in told["defines"]
        if names and defines:
            kinds["whole"].append(cell)
        elif names and (names[-1] is None or names[-1] in told["defines"]):
            kinds["other name"].append(cell)
        elif defines and bare(cell.source) not in page.sources:
            kinds["answer"].append(cell)
        elif names:
            kinds["check"].append(cell)
        elif cell.id == cell_id:
            kinds["id"].append(cell)
    untouched = bare(exercise.cell)
    tried = {kind: [cell for cell in found if bare(cell.source) != untouched] for kind, found in kinds.items()}
    order = [tried["whole"], tried["other name"], kinds["whole"], tried["answer"], tried["check"], tried["id"]]
    found = next(filter(None, order), [])
    checked = any(kinds[kind] for kind in ("whole", "other name", "check"))
    notes = [] if checked else [f"the check of {exercise.id} is gone"]
    if len(found) > 1:
        where = ", ".join(str(cell.place) for cell in found)
        notes.append(f"{len(found)} cells answer {exercise.id} ({where}): the last one counts")
    if not found:
        notes.append(f"the cell of {exercise.id} is gone")
    return (found[-1] if found else None), notes


def where_defined(name: str, cells: tuple[Cell, ...], facts: list[dict], own: Cell) -> int | None:
    """Return the place of another cell that defines a name, None where there is none."""
    return next(
        (cell.place for cell, told in zip(cells, facts, strict=True) if cell != own and name in told["names"]), None
    )


def notebooks_of(facts: list[dict]) -> list[str]:
    """Return the numbers of the notebooks that its checks belong to, the most frequent first."""
    numbers = Counter(said.split(".")[0] for told in facts for said, _ in told["checks"] if re.match(r"\d+\.", said))
    return [number for number, _ in numbers.most_common()]


def copy_of(facts: list[dict]) -> int:
    """Return the number of the copy by its checks, as check("1.3/17", ...): some platforms drop metadata; else 0."""
    said = [re.fullmatch(r"\d+\.\d+/(\d{1,9})", said) for told in facts for said, _ in told["checks"]]
    numbers = Counter(int(found[1]) for found in said if found)
    return numbers.most_common(1)[0][0] if numbers else 0
