"""Wrong versions made by rule: one operator, number, truth value, axis or name changed at a time.

Left alone: docstrings, annotations, and whatever stands in a `raise`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

BINARY = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
COMPARE = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<",
    ast.RShift: ">>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==",
    ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
    ast.And: "and", ast.Or: "or", ast.Not: "not", ast.USub: "-", ast.Invert: "~", ast.UAdd: "+",
}  # fmt: skip
PAIRS = (
    ("min", "max"), ("minimum", "maximum"), ("amin", "amax"), ("argmin", "argmax"), ("any", "all"),
    ("sum", "mean"), ("nansum", "nanmean"), ("ceil", "floor"), ("sin", "cos"), ("zeros", "ones"),
    ("zeros_like", "ones_like"), ("isnan", "isfinite"),
)  # fmt: skip
NAMES = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
ANNOTATIONS = {(ast.arg, "annotation"), (ast.AnnAssign, "annotation"), (ast.FunctionDef, "returns")}


class Mutant(NamedTuple):
    """One wrong version: `line` and `change` stay the same where other lines of the module move."""

    id: str  # "denoise:58:41:// -> *"
    module: str
    line: str  # the text of the line
    change: str  # "// -> *"; a second place in an equal line has " #2" behind it
    number: int  # its place in the list


class Place(NamedTuple):
    """Where a node hangs in the tree, and where it stands in the text."""

    parent: ast.AST
    field: str
    index: int | None
    at: ast.AST

    def put(self, node: object) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


class Change(NamedTuple):
    """A node, or a node's text or operator, and what takes its place."""

    place: Place
    old: object
    new: object
    what: str


def mutants(module: str, source: str) -> list[Mutant]:
    """List all wrong versions of a module's source, in the order of its syntax tree."""
    lines, found, used = source.splitlines(), [], Counter()
    for number, change in enumerate(_changes(ast.parse(source))):
        row, column = change.place.at.lineno, change.place.at.col_offset
        line = lines[row - 1].strip()
        used[line, change.what] += 1
        nth = used[line, change.what]
        name = change.what if nth == 1 else f"{change.what} #{nth}"
        found.append(Mutant(f"{module}:{row}:{column}:{name}", module, line, name, number))
    return found


def plain(source: str) -> str:
    """Return a source as its mutants are written: same program, other line numbers."""
    return ast.unparse(ast.parse(source))


def mutated(source: str, number: int) -> str:
    """Return the source of the mutant with this number in `mutants`."""
    return next(mutated_all(source, {number}))


def mutated_all(source: str, wanted: set[int] | None = None) -> Iterator[str]:
    """Return the sources of all mutants, or of those wanted, in the list's order."""
    tree = ast.parse(source)
    for number, change in enumerate(list(_changes(tree))):
        if wanted is None or number in wanted:
            change.place.put(change.new)
            yield ast.unparse(tree)
            change.place.put(change.old)


def _changes(tree: ast.AST) -> Iterator[Change]:
    for place, node in _places(tree, None):
        yield from _of_operator(place, node)
        yield from _of_value(place, node)
        yield from _of_name(place, node)


def _places(node: ast.AST, text: ast.AST | None) -> Iterator[tuple[Place, ast.AST]]:
    """Walk a tree, but for what is left alone; `text` is the f-string around the node, if any."""
    for field, value in ast.iter_fields(node):
        if (type(node), field) in ANNOTATIONS:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Raise):
                continue
            # Python 3.11 doesn't know where in an f-string an expression stands.
            inside = text or (child if isinstance(child, ast.JoinedStr) else None)
            if hasattr(child, "lineno"):
                yield Place(node, field, index, inside or child), child
            yield from _places(child, inside)


def _of_operator(place: Place, node: ast.AST) -> Iterator[Change]:
    """Swap a binary, unary, boolean or comparing operator."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in BINARY:
        yield _operator(node, "op", None, place.at, node.op, BINARY[type(node.op)])
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        swapped = ast.BinOp(node.right, node.op, node.left)
        yield Change(place, node, swapped, "a @ b -> b @ a")
    elif isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield _operator(node, "op", None, place.at, node.op, other)
    elif isinstance(node, ast.UnaryOp):
        yield Change(place, node, node.operand, f"{SIGNS[type(node.op)]} x -> x")
    elif isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            at = place.at if isinstance(place.at, ast.JoinedStr) else node.comparators[index]
            for other in COMPARE[type(op)]:
                yield _operator(node, "ops", index, at, op, other)


def _operator(node: ast.AST, field: str, index: int | None, at: ast.AST, old: ast.AST, new: type) -> Change:
    return Change(Place(node, field, index, at), old, new(), f"{SIGNS[type(old)]} -> {SIGNS[new]}")


def _of_value(place: Place, node: ast.AST) -> Iterator[Change]:
    """Change a number or a truth value; a number's sign is an operator of its own."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, (bool, int, float)):
        return
    for value in _other_values(node.value):
        yield Change(place, node, ast.Constant(value), f"{node.value} -> {value}")


def _other_values(value: bool | int | float) -> tuple:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (0, 2) if value == 1 else (value + 1,)
    return (2 * value, 0.0) if value else (1.0,)


def _of_name(place: Place, node: ast.AST) -> Iterator[Change]:
    """Call the neighbour: max for min, all for any; also where min or max names an argument."""
    if isinstance(node, ast.Call):
        called = node.func
        field = {ast.Name: "id", ast.Attribute: "attr"}.get(type(called))
        name = getattr(called, field) if field else None
        if name in NAMES:
            at = Place(called, field, None, place.at)
            yield Change(at, name, NAMES[name], f"{name} -> {NAMES[name]}")
    elif isinstance(node, ast.keyword) and node.arg in ("min", "max"):
        other = NAMES[node.arg]
        yield Change(Place(node, "arg", None, place.at), node.arg, other, f"{node.arg}= -> {other}=")
