"""Grade what came back: each answer asked in its own process, judged here by the exercise itself."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from medkit.exercises.exercise import Exercise, not_attempted, not_yet, not_your_own, raised
from medkit.exercises.run import FarError, Run
from medkit.exercises.verdict import Outcome, Verdict
from medkit.teach import cells, submission
from medkit.teach.answer import Talk, load
from medkit.teach.course import Page, number_of
from medkit.teach.process import Child, Stopped
from medkit.teach.returned import Returned
from medkit.teach.submission import Cell, Submission, Unreadable

READING = 30.0  # seconds to parse all cells of a notebook
TOO_LONG, ITS_OWN_END = "your code did not come to an end", "your code ended its own process"
ITS_ANSWER = "you read the kit's own answer"
READ_OUT = "The cell asks the kit for the answer instead of finding it, so this does not count."
ENDLESS = (
    "It was stopped after {:g} seconds, in which everything else here is done many times over. Look for a loop "
    "that never ends."
)


@dataclass(frozen=True)
class Limits:
    """How long and how large an answer may be: seconds of an exercise, bytes beyond the loaded libraries."""

    seconds: float = 5.0
    memory: int = 1000 * 2**20


@dataclass
class Result:
    """One exercise of one student.

    Args:
        exercise: with the numbers of the student's copy.
        verdict: what `check` would have said.
        source: the cell that counted, "" where there was none.
        notes: what was odd, or foul, in words.
    """

    exercise: Exercise
    verdict: Verdict
    source: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def points(self) -> int:
        """All of the exercise's points for a pass, else none."""
        return self.exercise.points if self.verdict.passed else 0


@dataclass
class Graded:
    """One notebook of one student.

    Args:
        returned: the file.
        page: which notebook of the course it is, None where it is none.
        results: of its exercises.
        notes: what is odd about it; aside: what only the teacher should read.
        copy: its number.
    """

    returned: Returned
    page: Page | None
    results: list[Result]
    notes: list[str]
    aside: list[str] = field(default_factory=list)
    copy: int = 0

    @property
    def student(self) -> str:
        return self.returned.student


def grade_all(
    returns: list[Returned], course: dict[str, Page], limits: Limits, jobs: int, seed: int | None = None
) -> Iterator[Graded]:
    """Yield every return, graded, in the order in which they are done.

    Args:
        returns: from `returned.find`.
        course: all notebooks, by name.
        limits: of an answer's time and memory.
        jobs: processes for students' code at a time.
        seed: that of `hand-out`: whoever changed the number of their copy is judged by their own.
    """
    wanted = [page for page in course.values() if any(one.stem in (page.stem, None) for one in returns)]
    imports = [page.imports for page in wanted]
    with contextlib.ExitStack() as stack:
        free: queue.SimpleQueue[Child] = queue.SimpleQueue()
        pool = ThreadPoolExecutor(jobs)
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        for _ in range(jobs):
            child = Child(imports, limits.memory, 2 * limits.seconds + 5)
            stack.callback(child.close)  # before the pool's end: what waits for it then ends at once
            free.put(child)

        def work(one: Returned) -> Graded:
            child = free.get()
            try:
                return grade_one(one, course, child, limits, seed)
            finally:
                child.release()
                free.put(child)

        for done in as_completed([pool.submit(work, one) for one in returns]):
            yield done.result()


def grade_one(one: Returned, course: dict[str, Page], child: Child, limits: Limits, seed: int | None = None) -> Graded:
    """Grade one notebook; nothing that stands in it raises here."""
    page = course.get(one.stem or "")
    try:
        returned = submission.read(one.path)
    except Unreadable as error:
        why = f"{one.path.name} can't be graded: {error}"
        results = [Result(exercise, not_attempted(f"The file can't be read: {error}.")) for exercise in _of(page, 0)]
        return Graded(one, page, results, [*one.notes, why])
    facts = _facts(child, returned, page)
    notes, aside = [*one.notes, *returned.notes], []
    page, named = _by_content(course, page, returned, facts), page
    if page is None:
        return Graded(one, None, [], [*notes, f"{one.path.name} is no notebook of the course: not graded"])
    if named not in (None, page):
        notes.append(f"its name says {named.stem}, its exercises are those of {page.stem}")
    if returned.student and returned.student.casefold() != one.student.casefold():
        aside.append(f"this copy was handed out to {returned.student}")
    number = copy = returned.copy or submission.copy_of(facts)
    if seed is not None and number not in (number_of(seed, one.student), number_of(seed, returned.student)):
        copy = number_of(seed, one.student)
        aside.append(f"the number of this copy is {number}, and should be {copy}")
    notes += _fouls(returned, facts)
    results = [_result(exercise, page, returned, facts, child, limits) for exercise in _of(page, copy)]
    return Graded(one, page, results, notes, aside, number)


def _of(page: Page | None, copy: int) -> list[Exercise]:
    return [exercise.variant(copy) for exercise in page.exercises] if page else []


def _by_content(course: dict[str, Page], named: Page | None, returned: Submission, facts: list[dict]) -> Page | None:
    """Return which notebook it is: as its name says, unless no exercise of that one is in it but of another."""
    numbers = submission.notebooks_of(facts)
    if named and (named.number in numbers or not numbers):
        return named
    by_number = {page.number: page for page in course.values()}
    return next((by_number[one] for one in numbers if one in by_number), named or course.get(returned.stem))


def _facts(child: Child, returned: Submission, page: Page | None) -> list[dict]:
    """Return what stands in each cell; where the parser itself breaks, what can be seen without it."""
    sources = tuple(cell.source for cell in returned.cells)
    child.begin()
    try:
        told, _ = child.ask({"do": "read", "imports": page.imports if page else ""}, sources, READING, READING)
        return told["facts"]
    except (Stopped, KeyError):
        return [cells.by_eye(source) for source in sources]
    finally:
        child.end()


def _fouls(returned: Submission, facts: list[dict]) -> list[str]:
    """Return what the notebook redefines and patches, with the cells where it does."""
    where: dict[str, list[str]] = defaultdict(list)
    for cell, told in zip(returned.cells, facts, strict=True):
        for foul in told["fouls"]:
            where[foul].append(str(cell.place))
    return [
        f"cell{'s' if len(places) > 1 else ''} {', '.join(places)} {foul}: without effect on the grading"
        for foul, places in where.items()
    ]


def _result(
    exercise: Exercise, page: Page, returned: Submission, facts: list[dict], child: Child, limits: Limits
) -> Result:
    cell, notes = submission.choose(exercise, returned.cells, facts, page)
    if cell is None:
        return Result(exercise, not_attempted(f"No cell of this notebook answers exercise {exercise.id}."), "", notes)
    asked = {said for told in facts for said, _ in told["checks"] if said.split("/")[0] == exercise.id}
    if exercise.variant(exercise.seed or 1).seed and asked - {exercise.called}:
        notes.append(f"{exercise.id} is checked with the numbers of another copy: judged with those of this one")
    talk = Talk(child, limits.seconds)
    spoilt = any(foul.startswith("patches") for foul in facts[returned.cells.index(cell)]["fouls"])
    verdict = _verdict(exercise, cell, page, talk, limits, spoilt)
    if verdict.passed and talk.mentions:
        kits = talk.mentions.startswith("medkit.exercises")
        verdict = not_yet(READ_OUT, mistake=ITS_ANSWER) if kits else not_your_own(talk.mentions)
    elsewhere = submission.where_defined(talk.missing, returned.cells, facts, cell) if talk.missing else None
    if elsewhere and verdict.outcome is Outcome.RAISED:
        said = f" `{talk.missing}` is made in cell {elsewhere}. Only the exercise's own cell is graded: move it there."
        verdict = dataclasses.replace(verdict, message=verdict.message + said)
    if talk.memory:
        notes.append(f"{exercise.id} asked for more than {limits.memory >> 20} MB of memory")
    notes += [f"{exercise.id} tried to {what}" for what in talk.tried]
    return Result(exercise, verdict, cell.source, notes)


def _verdict(exercise: Exercise, cell: Cell, page: Page, talk: Talk, limits: Limits, spoilt: bool) -> Verdict:
    """Judge one answer; a fault of the judge costs nobody more than this answer.

    A cell that patches modules leaves a process that is `spoilt` for the next one, where it can't be copied.
    """
    talk.child.begin()
    try:
        return exercise.judge(load(talk, exercise, cell.source, page.imports))
    except FarError as error:
        verdict = raised(Run(error=error))
        return dataclasses.replace(verdict, message="The cell stopped with an error before there was an answer.")
    except Stopped as stopped:
        if stopped.late:
            return not_yet(ENDLESS.format(limits.seconds), mistake=TOO_LONG)
        return not_yet(f"It {stopped}: that is never part of an answer.", mistake=ITS_OWN_END)
    except Exception as error:  # for instance a result that no comparison foresaw
        return not_yet(f"This answer could not be judged ({type(error).__name__}); show it to your teacher.")
    finally:
        talk.child.end(kill=spoilt)
