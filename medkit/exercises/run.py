"""Run a student's function on private copies, and see what it did on the way.

Nothing is evaluated from text: a function is handed in and called. A function that never returns
is not stopped; interrupt the kernel (■), the kit goes on as before.
"""

from __future__ import annotations

import dis
import functools
import inspect
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import torch
from torch import Tensor

PACKAGE = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class Run:
    """What one call did.

    Args:
        value: what it returned.
        error: what it raised, None where it returned.
        changed: position of the argument that it changed in place, None where it changed none.
        kit: the first function of a forbidden library that it called, None where it called none.
    """

    value: object = None
    error: BaseException | None = None
    changed: int | None = None
    kit: str | None = None


class Remote:
    """An answer that lives in another process: it is run there and judged here, as `medkit.teach` does.

    `run` and the other questions of this file ask it, instead of looking into it. A subclass fills in
    all of them, and can be called, as what it stands for can.
    """

    kit: str | None = None
    empty = False

    def run(self, arguments: tuple, forbidden: tuple[str, ...]) -> Run:
        """Do what the function `run` does, over there."""
        raise NotImplementedError

    def accepts(self, arguments: tuple) -> str | None:
        """Do what the function `accepts` does, over there."""
        raise NotImplementedError

    def same_code(self, other: object) -> bool:
        """Do what the function `same_code` does, over there."""
        raise NotImplementedError


class FarError(Exception):
    """An error that another process told of.

    Args:
        text: its type and message.
        line: number and source of the student's last line, None where there was none.
        placeholder: whether it was the `raise NotImplementedError` of a stub.
    """

    def __init__(self, text: str, line: tuple[int, str] | None, placeholder: bool):
        super().__init__(text)
        self.line, self.placeholder = line, placeholder


class FarAssertion(FarError, AssertionError):
    """An AssertionError that another process told of."""


def run(function: Callable, arguments: tuple, forbidden: tuple[str, ...] = ()) -> Run:
    """Call `function` on private copies of `arguments` and watch which libraries do its work.

    Args:
        function: what the student handed in.
        arguments: tensors and numbers; tensors are copied, so that the next answer finds them whole.
        forbidden: names of modules such as "medkit.denoise"; a call into one of them is noted.
    """
    if isinstance(function, Remote):
        return function.run(arguments, forbidden)
    private = tuple(_copy(argument) for argument in arguments)
    calls: list[str] = []

    def watch(frame, event, argument):
        if event == "call" and frame.f_code.co_name != "<module>":  # an import is no call
            module, name = str(frame.f_globals.get("__name__", "")), frame.f_code.co_name
        elif event == "c_call":
            module, name = str(getattr(argument, "__module__", "")), getattr(argument, "__name__", "?")
        else:
            return
        if not calls and belongs(module, forbidden):
            calls.append(f"{module}.{name}")

    before = sys.getprofile()
    sys.setprofile(watch if forbidden else before)
    try:
        value = function(*private)
    except (Exception, SystemExit) as error:  # a student's exit() must not end the notebook
        return Run(error=error, kit=calls[0] if calls else None)
    finally:
        sys.setprofile(before)
    changed = [i for i, own in enumerate(arguments) if _differs(own, private[i])]
    return Run(value, None, changed[0] if changed else None, calls[0] if calls else None)


def anew(version: Callable) -> Callable:
    """Return a version ready to be called: one with a memory is a class, and forgets between runs."""
    return version() if isinstance(version, type) else version


def belongs(module: str, names: tuple[str, ...]) -> bool:
    """Tell whether `module` is one of `names` or lies inside one of them."""
    return any(module == name or module.startswith(name + ".") for name in names)


def kit_function(answer: object) -> str | None:
    """Return the name of the medkit function that was handed in as it stands, else None.

    Sees through `functools.partial`, `functools.wraps` and methods.
    """
    if isinstance(answer, Remote):
        return answer.kit
    while isinstance(answer, functools.partial):
        answer = answer.func
    answer = inspect.unwrap(answer) if callable(answer) else answer
    module = str(getattr(answer, "__module__", ""))
    return f"{module}.{getattr(answer, '__qualname__', '?')}" if belongs(module, ("medkit",)) else None


def own_line(error: BaseException) -> tuple[int, str] | None:
    """Return line number and source of the last line that the student wrote before `error`.

    Lines inside Python, installed packages and medkit itself are not the student's. In a notebook
    the number counts from the top of the cell.
    """
    if isinstance(error, FarError):
        return error.line
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _is_library(f.filename)]
    return (frames[-1].lineno or 0, frames[-1].line or "") if frames else None


def is_placeholder(error: BaseException | None) -> bool:
    """Tell `raise NotImplementedError` in the student's cell from torch's own use of that error."""
    if isinstance(error, FarError):
        return error.placeholder
    if not isinstance(error, NotImplementedError):
        return False
    line = own_line(error)
    return line is None or (line[1].startswith("raise NotImplementedError") if line[1] else not error.args)


def error_text(error: BaseException, length: int = 300) -> str:
    """Return type and message of `error`, shortened; even where its own `__str__` fails."""
    if isinstance(error, FarError):
        return str(error)
    try:
        text = str(error)
    except Exception:  # an error that can't be printed must not hide the answer
        text = "(its message can't be shown)"
    text = text[:length] + (" ..." if len(text) > length else "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def accepts(function: Callable, arguments: tuple) -> str | None:
    """Return why `function` can't be called with that many arguments, None where it can."""
    if isinstance(function, Remote):
        return function.accepts(arguments)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None  # written in C: calling it will show
    try:
        signature.bind(*arguments)
    except TypeError as error:
        return f"{error}; yours is {getattr(function, '__name__', 'it')}{signature}"
    return None


def is_empty(function: object) -> bool:
    """Tell whether a function's body does nothing: only `...`, `pass` or `return ...`."""
    if isinstance(function, Remote):
        return function.empty
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    given = code.co_argcount + code.co_kwonlyargcount
    return not code.co_names and len(code.co_varnames) <= given and len(code.co_code) <= 16


def same_code(one: object, other: object) -> bool:
    """Tell whether two functions hold the same instructions, wherever they were typed.

    Their names of things and their numbers are compared, and the instructions but for how a name is
    looked up: Python 3.11 does that in one way where the file imports the module, in another where not.
    """
    if isinstance(one, Remote):
        return one.same_code(other)
    a, b = getattr(one, "__code__", None), getattr(other, "__code__", None)
    if a is None or b is None:
        return False
    same = (a.co_names, a.co_varnames, a.co_consts) == (b.co_names, b.co_varnames, b.co_consts)
    return same and _instructions(a) == _instructions(b)


def _instructions(code: CodeType) -> list[tuple[str, str]]:
    """Return what a function does step by step, lookups of names in one form; not how far a jump goes."""
    steps = [(step.opname, re.sub(r"^to \d+$", "", step.argrepr)) for step in dis.get_instructions(code)]
    lookups = {"LOAD_METHOD": "LOAD_ATTR"}
    return [
        (lookups.get(name, name), shown.removeprefix("NULL + ").removesuffix(" + NULL|self"))
        for name, shown in steps
        if name not in ("PUSH_NULL", "PRECALL", "CACHE")
    ]


def _copy(argument: object) -> object:
    return argument.detach().clone() if isinstance(argument, Tensor) else argument


def _differs(before: object, after: object) -> bool:
    if not isinstance(before, Tensor):
        return False
    if before.shape != after.shape or before.dtype != after.dtype:
        return True
    return not torch.equal(torch.nan_to_num(before), torch.nan_to_num(after))


def _is_library(filename: str) -> bool:
    if filename.startswith("<frozen") or filename.startswith("<__array"):
        return True
    folders = (PACKAGE, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    inside = any(filename.startswith(folder + os.sep) for folder in folders)
    return inside or "site-packages" in filename or "dist-packages" in filename
