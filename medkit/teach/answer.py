"""A student's answer as the judge sees it: a value, or a function that is asked in its own process."""

from __future__ import annotations

import time

from medkit.exercises.exercise import Exercise
from medkit.exercises.questions import Counted, WriteTest
from medkit.exercises.run import FarAssertion, FarError, Remote, Run
from medkit.teach.process import Child, Stopped
from medkit.teach.wire import Unsendable

PREPARING = 120.0  # seconds to import what the notebook imports
SHORTEST = 0.05  # seconds for a reply where the time is used up: if the machine is busy, that is not the code's fault


class Talk:
    """All that is said with the process about one exercise, under one time limit.

    tried: what the code was refused, in words. missing: the name that it did not find.
    memory: whether it asked for more than there is. mentions: a ready-made function in its text.
    """

    def __init__(self, child: Child, seconds: float):
        self.child, self.left, self.patience = child, seconds, 3 * seconds
        self.tried: list[str] = []
        self.missing: str | None = None
        self.mentions: str | None = None
        self.memory = False

    def ask(self, head: dict, values: tuple = ()) -> tuple[dict, tuple]:
        """Ask, with the time that is left.

        Raises:
            Stopped: see `Child.ask`; what comes back nonsensical counts as well.
        """
        start = time.monotonic()
        told, found = self.child.ask(head, values, self.left, self.patience)
        self.left -= time.monotonic() - start
        if self.left < SHORTEST:
            self.patience, self.left = max(0.0, self.patience + self.left - SHORTEST), SHORTEST
        tried, error = told.get("tried"), told.get("error")
        self.tried = [str(what)[:200] for what in tried] if isinstance(tried, list) else []
        if isinstance(error, dict):
            self.missing = error.get("missing") or self.missing
            self.memory = self.memory or error.get("memory") is True
        return told, found


class FarAnswer(Remote):
    """A function in the other process; what it returns comes here, and nothing else."""

    def __init__(self, talk: Talk, exercise: Exercise, told: dict):
        self.talk, self.exercise = talk, exercise
        self.kit = _text_or_none(told.get("kit"))
        self.empty, self.as_given = told.get("empty") is True, told.get("as_given") is True

    def __call__(self, *arguments, **named):
        raise TypeError("this function lives in another process; use medkit.exercises.run.run")

    def run(self, arguments: tuple, forbidden: tuple[str, ...] = ()) -> Run:
        """Have it called over there, with arguments that travel, or with a version that the kit has there too."""
        head = {"do": "run", "place": None, "forbidden": list(forbidden)}
        version = self._version(arguments)
        if version is not None:
            told, found = self.talk.ask(head | {"do": "test", "version": version})
        else:
            try:
                told, found = self.talk.ask(head, arguments)
            except Unsendable:
                told, found = self.talk.ask(head | {"place": self._place(arguments)})
        if isinstance(arguments[0] if arguments else None, Counted) and type(told.get("calls")) is int:
            arguments[0].calls += told["calls"]
        changed, kit = told.get("changed"), _text_or_none(told.get("kit"))
        if not (changed is None or type(changed) is int and 0 <= changed < len(arguments)):
            raise Stopped("answered nonsense")
        return Run(found[0] if found else None, far_error(told.get("error")), changed, kit)

    def accepts(self, arguments: tuple) -> str | None:
        """Return why it can't be called with so many arguments, None where it can."""
        return _text_or_none(self.talk.ask({"do": "accepts", "count": len(arguments)})[0].get("complaint"))

    def same_code(self, other: object) -> bool:
        """Tell whether it is the function that the exercise gave, with its bug."""
        return self.as_given and other is getattr(self.exercise, "broken", None)

    def _version(self, arguments: tuple) -> int | None:
        """Return the place of the version that a test is to be tried on, None where it is no such call."""
        if not isinstance(self.exercise, WriteTest) or len(arguments) != 1:
            return None
        wanted = arguments[0].version if isinstance(arguments[0], Counted) else arguments[0]
        versions = (*self.exercise.right, *(mistake.wrong for mistake in self.exercise.wrong))
        return next((i for i, version in enumerate(versions) if version is wanted or type(wanted) is version), None)

    def _place(self, arguments: tuple) -> int:
        """Return the place of the case that these arguments belong to: both processes hold the same cases."""
        for place, case in enumerate(getattr(self.exercise, "cases", ())):
            if case.arguments is arguments:
                return place
        raise Unsendable("arguments can't travel, and are of no case")


def far_error(told: object) -> FarError | None:
    """Return the error that the other process told of, None where it told of none."""
    if not isinstance(told, dict):
        return None
    line = told.get("line")
    known = isinstance(line, list) and len(line) == 2 and type(line[0]) is int
    kind = FarAssertion if told.get("assertion") is True else FarError
    place = (line[0], str(line[1])) if known else None
    return kind(str(told.get("text"))[:1000], place, told.get("placeholder") is True)


def load(talk: Talk, exercise: Exercise, source: str, imports: str) -> object:
    """Have a cell run over there, and return its answer.

    Raises:
        FarError: the cell has none, and stopped with an error.
        Stopped: it did not come back.
    """
    talk.child.ask({"do": "prepare", "imports": imports}, (), PREPARING, PREPARING)
    told, found = talk.ask({"do": "load", "exercise": exercise.called, "imports": imports}, (source,))
    error = far_error(told.get("error"))
    if error is not None:
        raise error
    talk.mentions = _text_or_none(told.get("mentions"))
    return FarAnswer(talk, exercise, told) if told.get("function") is True else (found[0] if found else None)


def _text_or_none(value: object) -> str | None:
    return value[:500] if isinstance(value, str) else None
