"""The process in which students' code runs: it reads cells, runs them, and says what came out.

    python -m medkit.teach.child       started by `process`, which talks to it through its pipes

Where the system can fork, this process loads torch and the kit once, and a copy of it serves each
exercise; elsewhere it serves by itself and is replaced after a kill. Nothing here judges an answer.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.abc
import inspect
import linecache
import os
import types
from typing import BinaryIO

import torch

from medkit import lesson
from medkit.exercises.engine import find
from medkit.exercises.exercise import WrittenExercise
from medkit.exercises.run import (
    Run,
    accepts,
    anew,
    error_text,
    is_empty,
    is_placeholder,
    kit_function,
    own_line,
    run,
    same_code,
)
from medkit.teach import cells, wire
from medkit.teach.fence import Fence

LINE = 300  # characters of a student's line that are shown
ANSWER = "_handed_in"


class Statement(importlib.abc.InspectLoader):
    """One statement, run as Python runs the source of a module."""

    def __init__(self, code: types.CodeType):
        self.code = code

    def get_source(self, fullname: str) -> None:
        """Say that the text is kept elsewhere (in `linecache`)."""

    def get_code(self, fullname: str) -> types.CodeType:
        """Return the statement."""
        return self.code


def run_statements(statements: list[ast.stmt], module: types.ModuleType, file: str) -> list[BaseException]:
    """Run statements one by one, and return what they raised: one that fails does not stop the next."""
    errors: list[BaseException] = []
    for statement in statements:
        try:
            code = compile(ast.Module([statement], []), file, "exec", dont_inherit=True)
            Statement(code).exec_module(module)
        except BaseException as error:  # exit() too: it must not end this process
            errors.append(error)
    return errors


class Quiet:
    """What `check`, `hint` and the others are here: they take anything, and say and do nothing."""

    def __call__(self, *arguments, **named) -> Quiet:
        return self


class Desk:
    """Serves the requests about one exercise: `read` cells, `load` an answer, `run` it, `test` with it."""

    def __init__(self):
        self.fence = Fence()
        self.exercise = self.answer = self.module = None
        self.calls = 0

    def serve(self, head: dict, values: tuple) -> bytes:
        """Return the frame that answers a request; whatever the student's code does, there is one."""
        try:
            told, found = getattr(self, f"do_{head['do']}")(head, values)
        except BaseException as error:
            told, found = {"error": described(error)}, ()
        told["tried"] = list(self.fence.tried)
        try:
            return wire.encode(told, found)
        except BaseException as error:  # too large, or an object that fights back
            return wire.encode({"error": described(error), "tried": told["tried"]})

    def do_read(self, head: dict, values: tuple) -> tuple[dict, tuple]:
        """Say what stands in each cell."""
        return {"facts": [cells.facts(source, head["imports"]) for source in values]}, ()

    def do_prepare(self, head: dict, values: tuple) -> tuple[dict, tuple]:
        """Make the namespace that the notebook's own cells leave behind."""
        self.module = _module(head["imports"])
        return {}, ()

    def do_load(self, head: dict, values: tuple) -> tuple[dict, tuple]:
        """Run the cell, and say what its answer is."""
        self.exercise, source = find(head["exercise"]), values[0]
        file = f"<the cell of exercise {self.exercise.id}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        tree = cells.parse(source)
        expression = cells.handed_in(tree, self.exercise.id)
        statements = cells.kept(tree)
        if expression is not None:
            given = ast.Assign([ast.Name(ANSWER, ast.Store())], expression)
            statements.append(ast.fix_missing_locations(ast.copy_location(given, expression)))
        errors = run_statements(statements, self.module, file)
        spoken = vars(self.module)
        if expression is not None and ANSWER not in spoken:
            return {"error": described(errors[-1])}, ()
        self.answer = spoken.get(ANSWER if expression is not None else self.exercise.name)
        if self.answer is None and errors:
            return {"error": described(errors[0])}, ()
        return self._described_answer(tree, cells.aliases(ast.parse(head["imports"])) | cells.aliases(tree), expression)

    def _described_answer(self, tree: ast.Module, known: dict, expression: ast.expr | None) -> tuple[dict, tuple]:
        name = expression.id if isinstance(expression, ast.Name) else self.exercise.name
        if expression is not None and not isinstance(expression, ast.Name):
            tree.body.append(ast.Assign([ast.Name(self.exercise.name, ast.Store())], expression))
        told = {"function": False, "mentions": cells.ready_made(tree, name, self.exercise.forbidden, known)}
        if not callable(self.answer):
            return told, (self.answer,)
        if not isinstance(self.exercise, WrittenExercise):
            return told, (wire.stand_in(type(self.answer).__name__),)
        return told | {
            "function": True,
            "kit": kit_function(self.answer),
            "empty": is_empty(self.answer),
            "as_given": same_code(self.answer, getattr(self.exercise, "broken", None)),
        }, ()

    def do_accepts(self, head: dict, values: tuple) -> tuple[dict, tuple]:
        """Say why the answer can't be called with so many arguments."""
        return {"complaint": accepts(self.answer, (None,) * head["count"])}, ()

    def do_run(self, head: dict, values: tuple) -> tuple[dict, tuple]:
        """Call the answer: with the arguments that came along, or with those of one of the exercise's cases."""
        arguments = values if head["place"] is None else self.exercise.cases[head["place"]].arguments
        return self._told(run(self.answer, arguments, tuple(head["forbidden"])))

    def do_test(self, head: dict, values: tuple) -> tuple[dict, tuple]:
        """Call the answer, a test, with one of the versions that the kit holds."""
        versions = (*self.exercise.right, *(mistake.wrong for mistake in self.exercise.wrong))
        version = anew(versions[head["version"]])
        self.calls = 0

        def counted(*arguments, **named):
            self.calls += 1
            return version(*arguments, **named)

        counted.__name__ = getattr(version, "__name__", "version")
        with contextlib.suppress(TypeError, ValueError):
            counted.__signature__ = inspect.signature(version)
        return self._told(run(self.answer, (counted,), tuple(head["forbidden"])))

    def _told(self, done: Run) -> tuple[dict, tuple]:
        error = described(done.error) if done.error is not None else None
        return {"error": error, "changed": done.changed, "kit": done.kit, "calls": self.calls}, (done.value,)


def described(error: BaseException) -> dict:
    """Return what the other process needs to know of an error: text, the student's line, its kind."""
    line = own_line(error)
    if isinstance(error, SyntaxError) and error.lineno:
        line = (error.lineno, (error.text or "").strip())
    missing = getattr(error, "name", None) if isinstance(error, NameError) else None
    return {
        "text": error_text(error)[:1000],
        "line": [int(line[0]), str(line[1])[:LINE]] if line else None,
        "placeholder": is_placeholder(error),
        "assertion": isinstance(error, AssertionError),
        "memory": isinstance(error, MemoryError) or "can't allocate memory" in error_text(error),
        "missing": missing if isinstance(missing, str) else None,
    }


def _module(imports: str) -> types.ModuleType:
    """Return a namespace with what the notebook's own cells import, seeded as its first cell does."""
    module = types.ModuleType("__main__")
    run_statements(ast.parse(imports).body, module, "<the notebook's imports>")
    lesson.start(seed=0)
    vars(module).pop("EXERCISES", None)
    vars(module).update({verb: Quiet() for verb in cells.VERBS})
    return module


# ---- the process


def warm(imports: list[str]) -> None:
    """Load what cells will want, before the clock of any exercise runs."""
    torch.set_num_threads(1)
    with contextlib.suppress(ImportError):
        importlib.import_module("matplotlib.pyplot")  # makes its cache now, where files may be written
    for source in imports:
        run_statements(ast.parse(source).body, types.ModuleType("__main__"), "<imports>")


def private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the two pipes, and leave nothing where `input` and `print` look for them."""
    into, out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    return os.fdopen(into, "rb", buffering=0), os.fdopen(out, "wb", buffering=0)


def send(stream: BinaryIO, frame: bytes) -> None:
    """Write a whole frame; a raw pipe may take less than all at once."""
    rest = memoryview(frame)
    while rest:
        rest = rest[stream.write(rest) or 0 :]


def serve(into: BinaryIO, out: BinaryIO, memory: int, seconds: float) -> None:
    """Serve requests until the pipe ends."""
    desk = Desk()
    desk.fence.close(memory, seconds)
    send(out, wire.encode({"pid": os.getpid()}))
    while (request := wire.read(into)) is not None:
        send(out, desk.serve(*request))


def serve_copies(into: BinaryIO, out: BinaryIO, memory: int, seconds: float) -> None:
    """Let a copy of this process serve after each request to begin; say how it ended."""
    while (request := wire.read(into)) is not None:
        if request[0].get("do") != "begin":
            continue  # meant for a copy that is gone
        copy = os.fork()
        if copy == 0:
            os.setsid()  # so that it can be killed with all that it may have started
            try:
                serve(into, out, memory, seconds)
            finally:
                os._exit(0)
        _, status = os.waitpid(copy, 0)
        send(out, wire.encode({"ended": os.waitstatus_to_exitcode(status)}))


def main() -> None:
    """Read the first frame, load what it names, and serve."""
    into, out = private_pipes()
    first = wire.read(into)
    if first is None:
        return
    head = first[0]
    warm(head["imports"])
    send(out, wire.encode({"ready": True}))
    (serve_copies if head["fork"] else serve)(into, out, head["memory"], head["seconds"])


if __name__ == "__main__":
    main()
