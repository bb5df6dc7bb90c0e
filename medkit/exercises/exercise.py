"""What an exercise is, whatever its kind; the kinds are in `functions` and `questions`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from medkit.exercises.run import Run, error_text, kit_function, own_line
from medkit.exercises.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Args:
        name: what the student did, in words: "you divided by n though the kernel sums to one".
        shows: how it shows in the result, and what to look at.
        wrong: the mistake itself: a wrong function, a wrong number (or a function without
            arguments that works it out), a wrong option, or a test that is too weak.
    """

    name: str
    shows: str
    wrong: Callable | float | str


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise: what is asked, what is handed in, and how it is judged.

    Args:
        id: notebook and position, such as "1.1".
        title: a few words.
        section: where it stands in the notebook; "before the code" where the student is to write
            what the module's source would show.
        points, minutes: what it counts, and how long it takes.
        prompt: the task, in Markdown.
        name: what the student's cell calls the answer.
        hints: steps, from a nudge to almost the answer.
        mistakes: known mistakes, each refused by its name.
        forbidden: modules whose functions would do the work; calling one is told apart.
        afterword: one sentence after a pass: what it was good for.
        seed: which numbers it has, see `variant`; 0 for those of the course.
    """

    id: str
    title: str
    section: str
    points: int
    minutes: int
    prompt: str
    name: str
    hints: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    forbidden: tuple[str, ...] = ()
    afterword: str = ""
    seed: int = 0
    kind: ClassVar[str] = ""

    @property
    def stub(self) -> str:
        """Source of the unsolved cell, without its check."""
        raise NotImplementedError

    @property
    def answer(self) -> str:
        """Source of a solved cell, without its check."""
        raise NotImplementedError

    def judge(self, answer: object) -> Verdict:
        """Say which of the four outcomes `answer` deserves."""
        raise NotImplementedError

    def variant(self, seed: int) -> Exercise:
        """Return the same exercise with other numbers, or itself, where it has no others or `seed` is 0."""
        return self

    @property
    def called(self) -> str:
        """What the verbs call it: "1.3", or "1.3/17" with the numbers of seed 17."""
        return f"{self.id}/{self.seed}" if self.seed else self.id

    @property
    def check_line(self) -> str:
        return f'check("{self.called}", {self.name})'

    @property
    def cell(self) -> str:
        """The notebook's code cell, unsolved."""
        return self._with_check(self.stub)

    @property
    def solved_cell(self) -> str:
        """The notebook's code cell with the solution put in."""
        return self._with_check(self.answer)

    @property
    def markdown(self) -> str:
        """The notebook's text above the cell."""
        points = "1 point" if self.points == 1 else f"{self.points} points"
        numbers = f" · numbers of copy {self.seed}" if self.seed else ""
        return (
            f"### Exercise {self.id} · {self.title}\n\n"
            f"*{self.kind} · {points} · about {self.minutes} minutes{numbers}*\n\n{self.prompt}"
        )

    def _with_check(self, source: str) -> str:
        return source + ("\n\n\n" if "def " in source else "\n") + self.check_line

    def passed(self) -> Verdict:
        return Verdict(Outcome.PASSED, self.afterword or "Right.")


@dataclass(frozen=True, kw_only=True)
class WrittenExercise(Exercise):
    """An exercise whose answer is a function that the student writes.

    Args:
        unsolved: source of the stub.
        solution: a right answer, named as the student's.
        alternatives: other right answers, written differently.
    """

    unsolved: str
    solution: Callable
    alternatives: tuple[Callable, ...]

    @property
    def stub(self) -> str:
        return self.unsolved

    @property
    def answer(self) -> str:
        return source_of(self.solution, self.name)


def source_of(function: Callable, name: str) -> str:
    """Return the source of `function` under the name that the student's cell uses."""
    source = inspect.getsource(function).rstrip("\n")
    return re.sub(rf"^def {function.__name__}\(", f"def {name}(", source, count=1, flags=re.MULTILINE)


def not_attempted(message: str) -> Verdict:
    """Say that nothing is there to be judged."""
    return Verdict(Outcome.NOT_ATTEMPTED, message)


def not_yet(message: str, details: tuple[tuple[str, str], ...] = (), mistake: str | None = None) -> Verdict:
    """Say that an answer is wrong, and where it shows."""
    return Verdict(Outcome.NOT_YET, message, mistake, details)


def known(mistake: Mistake, details: tuple[tuple[str, str], ...] = ()) -> Verdict:
    """Say which known mistake it is."""
    return not_yet(mistake.shows, details, mistake.name)


def raised(run: Run, details: tuple[tuple[str, str], ...] = ()) -> Verdict:
    """Show the student's own line and the error, and leave the rest of the traceback out."""
    line = own_line(run.error)
    place = (("line", f"{line[0]}: {line[1]}"),) if line else ()
    return Verdict(
        Outcome.RAISED,
        "Your function stopped with an error. This is the last line of yours that ran:"
        if line
        else "Your function stopped with an error, outside the lines that you wrote.",
        None,
        (*place, ("error", error_text(run.error)), *details),
    )


def before_running(answer: object, name: str) -> Verdict | None:
    """Judge what needs no running: nothing handed in, no function, the kit's own function."""
    if answer is None or answer is ... or answer is NotImplemented:
        return not_attempted(f"Nothing is handed in yet: write `{name}`, run its cell again.")
    if not callable(answer):
        return not_yet(
            f"The answer must be the function itself, got {type(answer).__name__}; "
            f"hand in `{name}`, without brackets behind it."
        )
    theirs = kit_function(answer)
    return not_your_own(theirs) if theirs else None


def not_your_own(theirs: str) -> Verdict:
    """Tell the kit's (or a library's) function apart from one that the student wrote."""
    return not_yet(
        f"`{theirs}` does the work here. It is a good function, and outside this exercise the right "
        f"one to call; but the exercise is to write it yourself, so this does not count.",
        mistake="you handed in a ready-made function",
    )
