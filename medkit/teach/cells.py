"""What stands in a code cell, by its syntax tree; nothing is run here.

A cell may hold anything, so this is asked of the child process: a text that breaks Python's parser
breaks nothing else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

VERBS = ("check", "hint", "solution", "progress")
OWN = {"check", "EXERCISES", "medkit"}
MAGIC = re.compile(r"^[ \t]*[%!?].*$", re.MULTILINE)
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
SETTINGS = ("torch.backends", "torch.set_", "matplotlib.rcParams")  # honest things to set on a module


def parse(source: str) -> ast.Module:
    """Parse a cell; Jupyter's own lines (%timeit, !pip) are left out, and all lines keep their numbers.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is no Python.
    """
    try:
        return ast.parse(source)
    except SyntaxError:
        if not MAGIC.search(source):
            raise
        return ast.parse(MAGIC.sub("", source))


def facts(source: str, imports: str) -> dict:
    """Return what a cell checks, what names it makes, and what of the kit it redefines or patches.

    Args:
        source: the cell.
        imports: import statements that came with the notebook.

    Returns:
        checks: [id, name of what is checked or None] for each call of `check`; defines: names that get
        a value; names: those and the imported ones; fouls: sentences; error: why it can't be parsed.
    """
    try:
        tree = parse(source)
    except UNREADABLE as error:
        return by_eye(source) | {"error": f"{type(error).__name__}: {error}"[:300]}
    known = aliases(ast.parse(imports)) | aliases(tree)
    checks = [[check_id(call), _name(answer_of(call))] for call in _checks(tree)]
    names = defined(tree)
    told = {"checks": checks, "defines": sorted(names), "names": sorted(names | set(aliases(tree)))}
    return told | {"fouls": fouls(tree, known), "error": None}


def by_eye(source: str) -> dict:
    """Find the same in a text that does not parse, so that its exercise is told from the others."""
    checks = re.findall(r"""\bcheck\(\s*["']([\w./]{1,20})["']\s*,?\s*(\w*)""", source)
    names = re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=[^=]", source, re.MULTILINE)
    defines = sorted({a or b for a, b in names})
    return {"checks": [list(found) for found in checks], "defines": defines, "names": defines, "fouls": []}


# ---- calls of check


def _outside_functions(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield every node that runs when the cell runs."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _checks(tree: ast.Module) -> list[ast.Call]:
    return [node for node in _outside_functions(tree) if is_check(node)]


def is_check(node: ast.AST) -> bool:
    """Tell whether a node is `check("1.1", ...)`."""
    return isinstance(node, ast.Call) and _last_name(node.func) == "check" and check_id(node) is not None


def check_id(call: ast.Call) -> str | None:
    """Return the id that a call of `check` asks for, None where it is no text."""
    given = call.args[:1] or [word.value for word in call.keywords if word.arg == "exercise_id"]
    constant = given[0] if given else None
    return constant.value[:40] if isinstance(constant, ast.Constant) and isinstance(constant.value, str) else None


def answer_of(call: ast.Call) -> ast.expr | None:
    """Return the expression that a call of `check` hands in."""
    given = call.args[1:2] or [word.value for word in call.keywords if word.arg == "answer"]
    return given[0] if given else None


def _last_name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else _name(node)


def _name(node: ast.AST | None) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


# ---- names


def defined(tree: ast.Module) -> set[str]:
    """Return the names that a cell gives a value, imports aside."""
    names = set()
    for node in _outside_functions(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def aliases(tree: ast.AST) -> dict[str, str]:
    """Return what imported names mean: {"F": "torch.nn.functional"}, functions' own imports included."""
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: f"{node.module or ''}.{alias.name}" for alias in node.names}
    return known


def dotted(node: ast.AST, known: dict[str, str]) -> str | None:
    """Return what a chain such as `F.pad` means: "torch.nn.functional.pad"; None where it is none."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in known:
        return None
    return ".".join([known[node.id], *reversed(parts)])


# ---- foul play


def fouls(tree: ast.Module, known: dict[str, str]) -> list[str]:
    """Say what of the kit a cell redefines, and which modules it patches: both change nothing here."""
    found = [f"redefines `{name}`" for name in sorted(defined(tree) & (OWN | {"torch"}))]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("medkit"):
            given = {alias.asname or alias.name for alias in node.names}
            found += [f"redefines `{name}`" for name in sorted(given & OWN)]
        found += [f"patches `{name}`" for name in _patched(node, known)]
    return list(dict.fromkeys(found))[:10]


def _patched(node: ast.AST, known: dict[str, str]) -> list[str]:
    """Return the attributes of modules that a statement sets, as `torch.allclose`."""
    targets: list[ast.AST] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    elif isinstance(node, ast.Delete):
        targets = node.targets
    names = [dotted(target, known) for target in targets if isinstance(target, ast.Attribute)]
    if isinstance(node, ast.Call) and _name(node.func) in ("setattr", "delattr") and node.args:
        root, word = dotted(node.args[0], known), node.args[1:2]
        said = word[0].value if word and isinstance(word[0], ast.Constant) else "?"
        names.append(f"{root}.{said}" if root else None)
    return [name for name in names if name and not name.startswith(SETTINGS)]


def ready_made(tree: ast.Module, answer: str, forbidden: tuple[str, ...], known: dict[str, str]) -> str | None:
    """Return the first function of a forbidden module that the answer mentions, None where there is none.

    Only the answer counts, and what it calls of the same cell: a comparison below it is no answer.
    """
    functions = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    functions |= {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    waiting, seen = [answer], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        free = {word: module for word, module in known.items() if word not in _bound(functions[name], tree)}
        for node in ast.walk(functions[name]):
            theirs = dotted(node, free)
            if theirs and _belongs(theirs, forbidden):
                return theirs
            if isinstance(node, ast.Name):
                waiting.append(node.id)
    return None


def _bound(function: ast.AST, tree: ast.Module) -> set[str]:
    """Return the names that mean something of the student's own here, such as an argument `attention`."""
    own = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    own |= {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return own | defined(tree)


def _belongs(name: str, forbidden: tuple[str, ...]) -> bool:
    """Tell whether a dotted name lies inside one of the modules, or reads the kit's own answers."""
    kits = name.startswith("medkit.exercises.") and name.split(".")[2] not in VERBS
    return kits or any(f"{name}.".startswith(f"{module}.") for module in forbidden)


# ---- what of a cell is run


def kept(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that an answer can need: all but bare expressions, whose values are lost anyway."""
    return [node for node in tree.body if not isinstance(node, ast.Expr)]


def handed_in(tree: ast.Module, exercise_id: str) -> ast.expr | None:
    """Return the expression that the cell's last check of this exercise hands in."""
    calls = [call for call in _checks(tree) if (check_id(call) or "").split("/")[0] == exercise_id]
    return answer_of(calls[-1]) if calls else None
