"""Exercises without a function to write: a number, a figure; and the test that kills wrong versions."""

from __future__ import annotations

import functools
import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from medkit.exercises.exercise import (
    Exercise,
    Mistake,
    WrittenExercise,
    before_running,
    known,
    not_attempted,
    not_yet,
    not_your_own,
    raised,
    source_of,
)
from medkit.exercises.run import Run, anew, is_empty, is_placeholder, run
from medkit.exercises.values import as_numbers, show
from medkit.exercises.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class PredictNumber(Exercise):
    """Predict a number before anything is run.

    Args:
        truth: works the number out.
        tolerance: how far off an answer may be.
        working: the calculation, as it would be typed into the cell.
        other: draws other numbers: returns the fields that change with them, None where none may.
    """

    truth: Callable[[], float]
    tolerance: float
    working: str
    other: Callable[[random.Random], dict] | None = None
    kind: ClassVar[str] = "predict a number, then run"

    def variant(self, seed: int) -> PredictNumber:
        if not seed or self.other is None:
            return self
        return replace(self, seed=seed, **self.other(random.Random(f"{self.id}/{seed}")))

    @property
    def stub(self) -> str:
        return f"{self.name} = ..."

    @property
    def answer(self) -> str:
        return f"{self.name} = {self.working}"

    def judge(self, answer: object) -> Verdict:
        if answer is None or answer is ... or answer is NotImplemented:
            return not_attempted(f"Put your number in the place of `...`: `{self.name} = ...`.")
        numbers = None if isinstance(answer, bool) else as_numbers(answer)
        if numbers is None or numbers.numel() != 1:
            return not_yet(f"The answer must be one number, got {show(answer)}; write `{self.name} = 1.5`.")
        value = float(numbers)
        if not math.isfinite(value):
            return not_yet(f"The answer must be a finite number, got {value}.")
        if abs(value - self.truth()) <= self.tolerance:
            return self.passed()
        for mistake in self.mistakes:
            if abs(value - worked_out(mistake)) <= self.tolerance:
                return known(mistake, (("yours", show(value)),))
        return not_yet("That is not what comes out. Work it through on paper.", (("yours", show(value)),))


def worked_out(mistake: Mistake) -> float:
    """Return the wrong number that a mistake leads to."""
    return float(mistake.wrong() if callable(mistake.wrong) else mistake.wrong)


@dataclass(frozen=True, kw_only=True)
class ReadFigure(Exercise):
    """Read a figure and choose one of its panels, lines or points.

    Args:
        draw: makes the figure, as HTML by `medkit.figure.as_html`; its parts carry letters only, and
            its alt text does not tell the answer.
        right: the option that is right; every other one is a mistake with a name.
    """

    draw: Callable[[], str]
    right: str
    kind: ClassVar[str] = "read the figure"

    @property
    def options(self) -> tuple[str, ...]:
        return tuple(sorted({self.right, *(mistake.wrong for mistake in self.mistakes)}))

    @property
    def stub(self) -> str:
        return f"{self.name} = ...  # one of " + ", ".join(f'"{option}"' for option in self.options)

    @property
    def answer(self) -> str:
        return f'{self.name} = "{self.right}"'

    def judge(self, answer: object) -> Verdict:
        if answer is None or answer is ... or answer is NotImplemented:
            return not_attempted(f"Put a letter in the place of `...`: `{self.name} = ...`.")
        chosen = re.sub(r"^(panel|line|point)\s+", "", answer.strip().lower()) if isinstance(answer, str) else None
        if chosen == self.right:
            return self.passed()
        for mistake in self.mistakes:
            if chosen == mistake.wrong:
                return known(mistake)
        listed = ", ".join(f'"{option}"' for option in self.options)
        return not_yet(f"The answer must be one of {listed}, got {show(answer)}.")


@dataclass(frozen=True, kw_only=True)
class WriteTest(WrittenExercise):
    """Write a test that accepts right versions of a function and kills the wrong ones.

    A version is killed when the test raises or returns False. The known mistakes are tests that are
    too weak or too strict; they are told by which versions they let through.

    Args:
        right: right versions, written differently, so that rounding differs.
        wrong: the versions to kill, each with its name.
    """

    right: tuple[Callable, ...]
    wrong: tuple[Mistake, ...]
    kind: ClassVar[str] = "write a test that kills wrong versions"

    def judge(self, answer: object) -> Verdict:
        early = before_running(answer, self.name)
        if early:
            return early
        if is_empty(answer):
            return not_attempted(f"`{self.name}` has no body yet: it accepts whatever comes.")
        verdict = self._on_right_versions(answer)
        if verdict:
            return verdict
        alive = [version for version in self.wrong if self.accepts(answer, version.wrong)]
        if not alive:
            return self.passed()
        score = f"{len(self.wrong) - len(alive)} of {len(self.wrong)} wrong versions die."
        message = f"{score} One that still lives: «{alive[0].name}». {alive[0].shows}"
        weak = self.recognise(self.pattern(answer))
        return not_yet(f"{weak.shows} {message}", mistake=weak.name) if weak else not_yet(message)

    def accepts(self, test: Callable, version: Callable) -> bool:
        """Tell whether `test` lets `version` through."""
        done = run(test, (anew(version),))
        return done.error is None and not _is_false(done.value)

    def pattern(self, test: Callable) -> tuple[bool, ...]:
        """Return which versions a test lets through, the right ones first."""
        versions = (*self.right, *(mistake.wrong for mistake in self.wrong))
        return tuple(self.accepts(test, version) for version in versions)

    def recognise(self, pattern: tuple[bool, ...]) -> Mistake | None:
        """Return the known test that is weak, or strict, in the same way.

        A weak one lets the same versions through. Right versions differ in rounding alone: a test that
        accepts some of them and refuses others asks for too many digits, whatever else it does.
        """
        for mistake in self.mistakes:
            theirs = self.pattern(mistake.wrong)
            if theirs == pattern or (self._splits_right(theirs) and self._splits_right(pattern)):
                return mistake
        return None

    def _splits_right(self, pattern: tuple[bool, ...]) -> bool:
        return len(set(pattern[: len(self.right)])) == 2

    def _on_right_versions(self, answer: Callable) -> Verdict | None:
        calls = 0
        for version in self.right:
            counted = Counted(version)
            done = run(answer, (counted,), self.forbidden)
            calls += counted.calls
            if done.kit:
                return not_your_own(done.kit)
            if is_placeholder(done.error):
                return not_attempted(f"`{self.name}` raises NotImplementedError: it is not written yet.")
            if isinstance(done.error, AssertionError) or (done.error is None and _is_false(done.value)):
                return self._refuses_right(answer, version, done)
            if done.error is not None:
                return raised(done)
            if done.value is ...:
                return not_attempted(f"`{self.name}` still returns `...`.")
        if not calls:
            return not_yet("A test must call what it tests.", mistake="your test never calls the function")
        return None

    def _refuses_right(self, answer: Callable, version: Callable, done: Run) -> Verdict:
        shown = raised(done).details if done.error is not None else (("it returned", show(done.value)),)
        details = (*shown, ("a right version", source_of(version, version.__name__)))
        weak = self.recognise(self.pattern(answer))
        if weak:
            return known(weak, details)
        return not_yet(
            "What your test asks for is not what the task says; below is a version that it refuses.",
            details,
            "your test refuses right versions",
        )


class Counted:
    """A version that counts how often it is called."""

    def __init__(self, version: Callable):
        functools.update_wrapper(self, version)
        self.version, self.calls = version, 0

    def __call__(self, *arguments, **named):
        self.calls += 1
        return self.version(*arguments, **named)


def _is_false(value: object) -> bool:
    """Tell whether a test returned False: as a bool, or as the bool tensor of one comparison."""
    if isinstance(value, bool):
        return not value
    numbers = as_numbers(value) if "bool" in str(getattr(value, "dtype", "")) else None
    return numbers is not None and not bool(numbers.all())
