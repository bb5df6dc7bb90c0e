"""The four verbs of an exercise: check, hint, solution, progress.

    check("1.1", weighted_sum)   not attempted · not yet · it raised · passed
    hint("1.1")                  one step at each call
    solution("1.1")              after a try
    progress()                   a small table

A check never raises, unless MEDKIT_STRICT=1 asks for it: an unsolved notebook runs to its end, and
a graded one stops at the first exercise that is not passed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from medkit.exercises import (
    anomaly,
    attention,
    augment,
    claims,
    denoise,
    deploy,
    explain,
    features,
    leakage,
    metrics,
    models,
    normalise,
    shift,
    start_here,
    store,
    synthesise,
    tables,
    timing,
    training,
    transfer,
    your_images,
)
from medkit.exercises.exercise import Exercise
from medkit.exercises.verdict import Card, Feedback, Outcome, Verdict, table_html, table_text

COURSE = (  # the notebooks by number
    start_here, denoise, normalise, augment, features, attention, models, transfer, training, metrics,
    timing, tables, claims, leakage, anomaly, explain, synthesise, shift, deploy, your_images,
)  # fmt: skip
EXERCISES: dict[str, Exercise] = {one.id: one for notebook in COURSE for one in notebook.EXERCISES}


class ExerciseError(AssertionError):
    """Raised by `check` on anything but a pass, where MEDKIT_STRICT=1."""


def find(exercise_id: str) -> Exercise:
    """Return the exercise with this id: "1.3", or "1.3/17" with the numbers of seed 17.

    Raises:
        KeyError: there is none; the message lists those that exist.
    """
    name, slash, seed = str(exercise_id).partition("/")
    if name not in EXERCISES or (slash and not re.fullmatch("[0-9]{1,9}", seed)):
        raise UnknownExercise(exercise_id)
    return EXERCISES[name].variant(int(seed or 0))


def as_checked(exercise: Exercise, entry: dict) -> Exercise:
    """Return the exercise with the numbers that were checked last: `hint("1.3")` need not know of a 17."""
    seed = entry.get("seed", 0)
    return exercise if exercise.seed or type(seed) is not int else exercise.variant(seed)


class UnknownExercise(KeyError):
    """There is no exercise with that id."""

    def __init__(self, exercise_id: object):
        super().__init__(exercise_id)
        self.exercise_id = exercise_id

    def __str__(self) -> str:  # KeyError would show the message in quotes
        return (
            f"exercise_id must be one of {', '.join(EXERCISES)}, got {str(self.exercise_id)[:60]!r}; "
            f'write it as in check("1.1", answer)'
        )


def check(exercise_id: str, answer: object) -> Feedback:
    """Judge an answer, note the result, and say what to do next.

    Args:
        exercise_id: such as "1.1"; "1.3/17" for numbers that were drawn for one copy of the notebook.
        answer: what the exercise asks for: a function (without brackets), a number or a letter.

    Returns:
        Feedback with `outcome`, `passed` and `mistake` (the name of a known mistake, or None); as
        the last line of a cell it shows itself.

    Raises:
        UnknownExercise: no exercise has this id.
        ExerciseError: MEDKIT_STRICT=1 and the answer has not passed.
    """
    exercise = find(exercise_id)
    verdict = exercise.judge(answer)
    _, notes = store.update(exercise.id, lambda entry: _note(entry, verdict, exercise.seed))
    feedback = Feedback(exercise.id, exercise.title, verdict, notes)
    if os.environ.get("MEDKIT_STRICT") == "1" and not feedback.passed:
        raise ExerciseError(repr(feedback))
    return feedback


def hint(exercise_id: str) -> Card:
    """Show one hint more than last time; after the last one, all of them again."""
    exercise = find(exercise_id)
    total = len(exercise.hints)

    def one_more(entry: dict) -> None:
        entry["hints"] = min(entry["hints"] + 1, total)

    entry, notes = store.update(exercise.id, one_more)
    exercise = as_checked(exercise, entry)
    shown = tuple(f"{i}. {text}" for i, text in enumerate(exercise.hints[: entry["hints"]], start=1))
    return Card(
        title=f"? hint {len(shown)} of {total} · {exercise.id} {exercise.title}",
        colour=Outcome.NOT_ATTEMPTED.colour,
        paragraphs=shown + notes,
    )


def solution(exercise_id: str) -> Card:
    """Show a solution, once the exercise has been tried.

    Whoever looks before passing can still pass; `progress()` then says «after the solution».
    """
    exercise = find(exercise_id)
    entry = store.load()[0].get(exercise.id, store.blank())
    exercise = as_checked(exercise, entry)
    if not entry["tries"]:
        return Card(
            title=f"○ no solution yet · {exercise.id} {exercise.title}",
            colour=Outcome.NOT_ATTEMPTED.colour,
            paragraphs=(
                f'Try it first: a wrong answer is enough. `hint("{exercise.id}")` helps on the way.',
            ),
        )

    def seen(entry: dict) -> None:
        entry["solution_seen"] = entry["solution_seen"] or not entry["passed"]

    _, notes = store.update(exercise.id, seen)
    return Card(
        title=f"= one solution · {exercise.id} {exercise.title}",
        colour=Outcome.PASSED.colour,
        paragraphs=notes + ((exercise.afterword,) if exercise.afterword else ()),
        code=exercise.answer,
    )


@dataclass(frozen=True, repr=False)
class Progress:
    """What is done and what is left, as a small table."""

    rows: tuple[tuple[str, ...], ...]
    points: int
    of_points: int
    notes: tuple[str, ...] = ()

    HEAD = ("id", "exercise", "points", "state", "tries")

    @property
    def caption(self) -> str:
        return " ".join((f"{self.points} of {self.of_points} points.", *self.notes))

    def __repr__(self) -> str:
        return table_text(self.caption, self.HEAD, list(self.rows))

    def _repr_html_(self) -> str:
        return table_html(self.caption, self.HEAD, list(self.rows))


def progress(notebook: str | int | None = None) -> Progress:
    """Return the table of all exercises, or of one notebook: progress(1)."""
    entries, notes = store.load()
    chosen = [e for e in EXERCISES.values() if notebook is None or e.id.split(".")[0] == str(notebook)]
    if not chosen:
        raise UnknownExercise(notebook)
    rows, points = [], 0
    for exercise in chosen:
        entry = store.blank() | entries.get(exercise.id, {})
        points += exercise.points if entry["passed"] else 0
        rows.append((exercise.id, exercise.title, str(exercise.points), _state(entry), str(entry["tries"])))
    return Progress(tuple(rows), points, sum(e.points for e in chosen), notes)


def _note(entry: dict, verdict: Verdict, seed: int) -> None:
    """Count a try up to the first pass; a pass stays a pass, whatever is tried later."""
    if seed or "seed" in entry:
        entry["seed"] = seed
    if entry["passed"] or verdict.outcome is Outcome.NOT_ATTEMPTED:
        return
    entry["tries"] += 1
    entry["outcome"] = verdict.outcome.word
    entry["passed"] = verdict.passed
    if verdict.mistake:
        entry["mistakes"][verdict.mistake] = entry["mistakes"].get(verdict.mistake, 0) + 1


def _state(entry: dict) -> str:
    if entry["passed"]:
        return "✓ passed" + (" after the solution" if entry["solution_seen"] else "")
    symbol = {outcome.word: outcome.symbol for outcome in Outcome}.get(entry["outcome"], "○")
    return f"{symbol} {entry['outcome']}"
