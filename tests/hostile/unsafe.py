"""Which calls of a source could run what a file holds, read from its syntax tree."""

from __future__ import annotations

import ast
import json
from pathlib import Path

MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle", "yaml"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {"extractall", "unpack_archive", "read_pickle", "to_pickle", "load_state_dict_from_url"}


def unsafe(source: str) -> list[str]:
    """Return what a source does that no file may make it do, "LINE what"; [] where it does nothing of the kind.

    Found under every name that it is imported by: modules that unpickle, eval and exec, shells, archives
    unpacked as a whole, `torch.load` without weights_only=True, NumPy's allow_pickle that is not False.
    """
    tree = ast.parse(source)
    names = _imported(tree)
    faults = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            faults += [(node.lineno, f"imports {name}") for name in modules if name.split(".")[0] in MODULES]
        if isinstance(node, ast.Call):
            faults += [(node.lineno, fault) for fault in _of_call(node, _full_name(node.func, names))]
    return [f"{line} {fault}" for line, fault in sorted(faults)]


def code_of(notebook: Path) -> str:
    """Return a notebook's code cells as one source; lines for IPython alone (% and !) are left out, but see `shells`."""
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join("".join(cell["source"]) for cell in cells).splitlines()
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def shells(notebook: Path) -> list[str]:
    """Return the lines of a notebook that are given to a shell."""
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join("".join(cell["source"]) for cell in cells).splitlines()
    return [line for line in lines if line.lstrip().startswith(("!", "%%bash", "%%sh", "%%script", "%system", "%sx"))]


def _imported(tree: ast.AST) -> dict[str, str]:
    """Return what local names stand for: {"np": "numpy", "get": "torch.load"}."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_full_name(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else "?"


def _of_call(call: ast.Call, name: str) -> list[str]:
    given = {word.arg: word.value.value if isinstance(word.value, ast.Constant) else "?" for word in call.keywords}
    builtin = name.removeprefix("builtins.")
    last = name.rsplit(".", 1)[-1]
    checks = [
        (f"calls {last}", builtin in CALLS or last in METHODS),
        ("calls torch.load without weights_only=True", name == "torch.load" and given.get("weights_only") is not True),
        ("may unpickle with torch.hub", name.startswith("torch.hub.load")),
        ("allows pickles", given.get("allow_pickle", False) is not False or (name == "numpy.load" and len(call.args) > 2)),
        ("gives a text to a shell", given.get("shell", False) is not False or name in ("os.system", "os.popen")),
        ("passes arguments that can't be seen", None in given and name in ("torch.load", "numpy.load")),
    ]
    return [fault for fault, found in checks if found]
