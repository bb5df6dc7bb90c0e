"""Wrong answers made by rule from each solution.

One operator, number, truth value, axis or name changed (the rules of `mutants.operators`), one line
taken out, or the two first arguments of a call swapped; one change at a time.
"""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Callable, Iterator
from typing import NamedTuple

from mutants.operators import mutants, mutated_all, plain

from medkit.exercises.exercise import WrittenExercise


EITHER_WAY = {"transpose", "maximum", "minimum", "swapaxes"}  # calls that do not mind the order


class Wrong(NamedTuple):
    """One wrong answer to one exercise: what was done to the solution, and the function that came of it."""

    exercise_id: str
    change: str
    source: str
    answer: Callable


def wrong_answers(exercise: WrittenExercise) -> Iterator[Wrong]:
    """Yield every wrong answer that the rules make of an exercise's solution."""
    source = textwrap.dedent(exercise.answer)
    seen = {plain(source)}
    for change, text in (*_by_operator(source), *_without_a_line(source), *_with_swapped_arguments(source)):
        if text not in seen:  # two rules can come to the same
            seen.add(text)
            yield Wrong(exercise.id, change, text, as_typed(text, exercise))


def as_typed(source: str, exercise: WrittenExercise) -> Callable:
    """Return the function as a notebook's cell would leave it behind, with what the solution can see."""
    names = {**exercise.solution.__globals__, "__name__": "__main__"}
    exec(compile(source, f"an answer to {exercise.id}", "exec"), names)
    return names[exercise.name]


def _by_operator(source: str) -> list[tuple[str, str]]:
    found = mutants("answer", source)
    return [(f"{one.change}    {one.line}", text) for one, text in zip(found, mutated_all(source), strict=True)]


def _without_a_line(source: str) -> Iterator[tuple[str, str]]:
    """Take out one statement at a time, whole loops and branches as well as what is inside them."""
    tree = ast.parse(source)
    for block in [body for node in ast.walk(tree) for body in _bodies(node)]:
        for index, statement in enumerate(list(block)):
            if _is_docstring(statement):
                continue
            block[index] = ast.Pass()
            yield f"without: {ast.unparse(statement).splitlines()[0]}", ast.unparse(tree)
            block[index] = statement


def _with_swapped_arguments(source: str) -> Iterator[tuple[str, str]]:
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) >= 2]
    for call in calls:
        called = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if called in EITHER_WAY or any(isinstance(argument, ast.Starred) for argument in call.args[:2]):
            continue
        before = copy.copy(call.args)
        call.args[:2] = call.args[1::-1]
        yield f"arguments swapped: {ast.unparse(call)}", ast.unparse(tree)
        call.args[:] = before


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of statements inside a node; a module's own is the function itself."""
    if isinstance(node, ast.Module):
        return
    for field in ("body", "orelse"):
        block = getattr(node, field, None)
        if isinstance(block, list) and block:
            yield block


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
