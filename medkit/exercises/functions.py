"""Exercises where a function is written or repaired: judged by what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from medkit.exercises.exercise import (
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
from medkit.exercises.pictures import comparison
from medkit.exercises.run import Run, accepts, anew, is_empty, is_placeholder, run, same_code
from medkit.exercises.values import as_numbers, difference, same, show
from medkit.exercises.verdict import Verdict

NO_RETURN = "you forgot the `return`"
IN_PLACE = "you changed the argument in place"


@dataclass(frozen=True)
class Case:
    """One input that an answer is tried on.

    Args:
        arguments: tensors and numbers, handed over as copies.
        edge: True for a special case such as a constant image. A mistake is recognised by the plain
            cases alone while these are wrong: whoever mixes up an axis is told so, with the special
            case handled or not.
    """

    arguments: tuple
    edge: bool = False


@dataclass(frozen=True, kw_only=True)
class WriteFunction(WrittenExercise):
    """Write a function; it passes when it returns what `solution` returns on every case.

    Args:
        parameters: names of the arguments, for the answer's text.
        cases: small inputs; the first plain one that differs is shown.
    """

    parameters: tuple[str, ...]
    cases: tuple[Case, ...]
    kind: ClassVar[str] = "write the function"

    def judge(self, answer: object) -> Verdict:
        early = before_running(answer, self.name) or self._untouched(answer)
        if early:
            return early
        complaint = accepts(answer, self.cases[0].arguments)
        if complaint:
            return not_yet(f"The function must take ({', '.join(self.parameters)}): {complaint}.")
        runs = []
        for case in self.cases:
            runs.append(run(answer, case.arguments, self.forbidden))
            verdict = self._of_one_run(answer, case, runs[-1])
            if verdict:
                return verdict
        return self._of_all_runs(runs)

    def outputs(self, function: Callable) -> list[Tensor | None]:
        """Return what `function` gives on every case; None where it gives no numbers."""
        function = anew(function)
        return [as_numbers(run(function, case.arguments).value) for case in self.cases]

    def recognise(self, outputs: list[Tensor | None]) -> Mistake | None:
        """Return the known mistake that gives the same wrong numbers, None where there is none."""
        expected = self.outputs(self.solution)
        wrong = [not same(got, right) for got, right in zip(outputs, expected, strict=True)]
        plain = [i for i, case in enumerate(self.cases) if not case.edge]
        looked_at = plain if any(wrong[i] for i in plain) else range(len(self.cases))
        for mistake in self.mistakes:
            theirs = self.outputs(mistake.wrong)
            if all(outputs[i] is not None and same(outputs[i], theirs[i]) for i in looked_at):
                return mistake
        return None

    def _untouched(self, answer: object) -> Verdict | None:
        return None

    def _of_one_run(self, answer: object, case: Case, done: Run) -> Verdict | None:
        if is_placeholder(done.error):
            return not_attempted(f"`{self.name}` raises NotImplementedError: it is not written yet.")
        if done.error is not None:
            return raised(done, self._inputs(case))
        if done.kit:
            return not_your_own(done.kit)
        if done.value is ... or done.value is NotImplemented:
            return not_attempted(f"`{self.name}` still returns `{done.value!r}`: put your result there.")
        if done.value is None and is_empty(answer):
            return not_attempted(f"`{self.name}` has no body yet.")
        if done.value is None:
            return not_yet("The function ran to its end and returned None.", mistake=NO_RETURN)
        return None

    def _of_all_runs(self, runs: list[Run]) -> Verdict:
        outputs = [as_numbers(done.value) for done in runs]
        expected = self.outputs(self.solution)
        wrong = [i for i, got in enumerate(outputs) if not same(got, expected[i])]
        changed = [done.changed for done in runs if done.changed is not None]
        if not wrong and not changed:
            return self.passed()
        if not wrong:
            return not_yet(
                f"The numbers are right, but `{self.parameters[changed[0]]}` is another one after the "
                f"call: whoever uses it next finds it spoilt. Work on a copy.",
                mistake=IN_PLACE,
            )
        first = min(wrong, key=lambda i: self.cases[i].edge)
        details = self._comparison(first, runs[first].value, expected[first])
        mistake = self.recognise(outputs)
        if mistake:
            verdict = known(mistake, details)
        else:
            verdict = not_yet(difference(runs[first].value, expected[first]), details)
        return replace(verdict, picture=self._picture(wrong, outputs, expected))

    def _inputs(self, case: Case) -> tuple[tuple[str, str], ...]:
        return tuple((n, show(a)) for n, a in zip(self.parameters, case.arguments, strict=True))

    def _comparison(self, index: int, yours: object, expected: Tensor) -> tuple[tuple[str, str], ...]:
        return (
            *self._inputs(self.cases[index]),
            ("expected", show(expected)),
            ("yours", show(yours)),
        )

    def _picture(self, wrong: list[int], outputs: list, expected: list) -> Callable[[], str] | None:
        """Return the picture of the first wrong case that has one, plain cases first; the text shows the first."""
        in_order = sorted(wrong, key=lambda i: self.cases[i].edge)
        for i in in_order:
            of = "" if i == in_order[0] else f"Case {i + 1} of {len(self.cases)}, a larger one than above."
            drawn = comparison(self.parameters, self.cases[i].arguments, expected[i], outputs[i], of)
            if drawn:
                return drawn
        return None


@dataclass(frozen=True, kw_only=True)
class RepairFunction(WriteFunction):
    """Find and repair the bug in a function that is given.

    Args:
        broken: the function with the bug. It is also the first of the known mistakes, for those
            who rewrite it and keep the bug.
    """

    broken: Callable
    unsolved: str = ""
    kind: ClassVar[str] = "find and repair the bug"

    @property
    def stub(self) -> str:
        return source_of(self.broken, self.name)

    def _untouched(self, answer: object) -> Verdict | None:
        if same_code(answer, self.broken):
            return not_attempted("The function is as it was given: its bug is still to be found.")
        return None
