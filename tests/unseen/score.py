"""Count what the exercises make of right and wrong answers, and write docs/exercises.md.

    python3 tests/unseen/score.py             every exercise in which a function is written or repaired
    python3 tests/unseen/score.py 5.1 5.2     these, without writing the page

Ends with 0 if every solution and alternative is accepted, every known mistake refused and named, and
98 % of the unseen wrong answers are refused, each survivor being listed in survivors.py with its reason.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from unseen.generated import as_typed, wrong_answers  # noqa: E402
from unseen.survivors import SURVIVORS  # noqa: E402
from unseen.written import WRITTEN  # noqa: E402

from medkit.exercises import EXERCISES  # noqa: E402
from medkit.exercises.exercise import WrittenExercise  # noqa: E402
from medkit.exercises.functions import WriteFunction  # noqa: E402
from medkit.exercises.verdict import Outcome  # noqa: E402

PAGE = ROOT / "docs" / "exercises.md"
ENOUGH = 0.98
SECONDS = 20  # for one wrong answer that does not come back


class Judged(NamedTuple):
    """What became of one wrong answer."""

    exercise_id: str
    change: str
    outcome: str
    mistake: str | None


class Tally(NamedTuple):
    """What became of all answers to one exercise: (good, all) pairs, and the wrong ones one by one."""

    exercise: WrittenExercise
    accepted: tuple[int, int]  # the solution and the alternatives
    refused: tuple[int, int]  # known mistakes
    named: tuple[int, int]
    generated: list[Judged]
    written: list[Judged]


def tally(exercise: WrittenExercise, written: list = WRITTEN) -> Tally:
    """Judge all answers to one exercise."""
    right = [as_typed(exercise.answer, exercise), *map(_somebody_else_s, exercise.alternatives)]
    known = [(one, exercise.judge(_somebody_else_s(one.wrong))) for one in exercise.mistakes]
    return Tally(
        exercise,
        (sum(exercise.judge(answer).passed for answer in right), len(right)),
        (sum(not verdict.passed for _, verdict in known), len(known)),
        (sum(verdict.mistake == one.name for one, verdict in known), len(known)),
        [judged(exercise, wrong.change, wrong.answer) for wrong in wrong_answers(exercise)],
        [judged(exercise, what, answer) for id_, what, answer in written if id_ == exercise.id],
    )


def judged(exercise: WrittenExercise, change: str, answer: Callable) -> Judged:
    """Judge one wrong answer; one that does not come back is refused by the clock, where there is one."""
    try:
        with _Clock(SECONDS):
            verdict = exercise.judge(answer)
    except _TimeUp:
        return Judged(exercise.id, change, "no end", None)
    return Judged(exercise.id, change, verdict.outcome.word, verdict.mistake)


class _TimeUp(BaseException):
    """No error of the answer's own, which the exercise would catch and report."""


class _Clock:
    """Raise _TimeUp after some seconds; does nothing on systems without such a signal."""

    def __init__(self, seconds: int):
        self.seconds = seconds

    def __enter__(self):
        if hasattr(signal, "SIGALRM"):
            signal.signal(signal.SIGALRM, self._ring)
            signal.alarm(self.seconds)

    def __exit__(self, *_):
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)

    def _ring(self, *_):
        raise _TimeUp


def survivors(rows: list[Judged]) -> list[Judged]:
    """Return the wrong answers that passed."""
    return [row for row in rows if row.outcome == Outcome.PASSED.word]


def wrong_versions(rows: list[Judged]) -> list[Judged]:
    """Leave out what is no wrong answer at all: listed with the reason, and it gives the right numbers."""
    return [row for row in rows if (row.exercise_id, row.change) not in SURVIVORS]


def problems(tallies: list[Tally]) -> list[str]:
    """Say what is not as it must be."""
    found = []
    for one in tallies:
        for what, (good, total) in (("right answers accepted", one.accepted), ("known mistakes refused", one.refused),
                                    ("known mistakes named", one.named)):  # fmt: skip
            if good < total:
                found.append(f"{one.exercise.id}: {good} of {total} {what}")
    for kind in ("generated", "written"):
        rows = wrong_versions([row for one in tallies for row in getattr(one, kind)])
        alive = survivors(rows)
        if len(alive) > (1 - ENOUGH) * len(rows):
            found.append(f"{len(alive)} of {len(rows)} {kind} wrong answers passed")
        found += [f"{row.exercise_id} passed, and is in no list: {row.change}" for row in alive]
    judged_ids = {one.exercise.id for one in tallies}
    passed = {row[:2] for one in tallies for row in survivors(one.generated + one.written)}
    stale = [key for key in SURVIVORS if key[0] in judged_ids and key not in passed]
    return found + [f"{id_} is listed as a survivor, and was refused or not made: {change}" for id_, change in stale]


def page(tallies: list[Tally]) -> str:
    """Return docs/exercises.md."""
    lines = [HEAD, *(_row(one) for one in tallies), _row_of_all(tallies), "", TAIL]
    for (exercise_id, change), reason in sorted(SURVIVORS.items()):
        lines.append(f"- {exercise_id}, `{' '.join(change.split())}`: {reason}")
    return "\n".join(lines) + "\n"


HEAD = """# What the exercises make of right and wrong answers

Made by `python3 tests/unseen/score.py`. For every exercise in which a function is written or repaired: right answers
(the solution, and others written differently) accepted; known mistakes refused and named; and two kinds of wrong answers
that the checkers had not seen: made from the solution by rule (an operator, number, axis or name changed, a line taken out,
arguments swapped), and written by hand from the exercise's text alone. *Named*: told as a known mistake; the other
refused ones are shown with the first number that differs, or with their own line and error.

| exercise | right accepted | known refused | known named | by rule refused | of these named | by hand refused | of these named |
|---|---|---|---|---|---|---|---|"""
TAIL = """## No wrong answers at all

By rule or by hand these differ from the solution in their text, and in no number that the exercise asks for; they pass,
and are left out of the table.
"""


def _row(one: Tally) -> str:
    cells = [f"{good} of {total}" for good, total in (one.accepted, one.refused, one.named)]
    return f"| {one.exercise.id} {one.exercise.title} | " + " | ".join(cells + _unseen(one.generated) + _unseen(one.written)) + " |"


def _row_of_all(tallies: list[Tally]) -> str:
    sums = [tuple(map(sum, zip(*pairs))) for pairs in zip(*((one.accepted, one.refused, one.named) for one in tallies))]
    unseen = [cell for kind in ("generated", "written") for cell in _unseen([r for one in tallies for r in getattr(one, kind)])]
    return "| **all** | " + " | ".join([f"{good} of {total}" for good, total in sums] + unseen) + " |"


def _unseen(rows: list[Judged]) -> list[str]:
    rows = wrong_versions(rows)
    refused = len(rows) - len(survivors(rows))
    named = sum(row.mistake is not None for row in rows)
    return [f"{refused} of {len(rows)}", f"{named}"] if rows else ["", ""]


def _somebody_else_s(function: Callable) -> Callable:
    return lambda *arguments: function(*arguments)


def main(arguments: list[str] | None = None) -> int:
    """Judge, print what is wrong, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exercises", nargs="*", help="ids such as 5.1; default: all")
    wanted = parser.parse_args(arguments).exercises
    os.environ["MEDKIT_PROGRESS"] = str(Path(tempfile.mkdtemp()) / "progress.json")
    chosen = [one for one in EXERCISES.values() if isinstance(one, WriteFunction) and (not wanted or one.id in wanted)]
    tallies = [tally(one) for one in tqdm(chosen, unit="exercise")]
    if not wanted:
        PAGE.write_text(page(tallies), encoding="utf-8")
    print(_row_of_all(tallies))
    found = problems(tallies)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
