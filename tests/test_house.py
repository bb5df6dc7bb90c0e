"""What must never break, whoever builds on: the rules of the house, each shown to be able to fail."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("error")
ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "medkit").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# A module may import what stands on a floor below its own, or beside it in the same folder.
FLOORS = [
    {"", "_border", "_check", "_counts", "_files", "_interrupt", "history", "markup", "paper", "packages"},
    {"denoise", "normalise", "augment", "attention", "transfer", "metrics", "scores", "intervals", "timing"},
    {"blocks", "data", "losses", "settings", "checkpoint", "processes", "evidence", "runs"},
    {"models", "cost", "measure", "preparation", "presets", "resume"},
    {"step", "sets"},
    {"training"},
    {"record", "table", "figure"},
    {"experiment", "curves"},
    {"_command", "baseline", "rates", "pretrain", "exercises", "install"},
    {"reproduce", "fetch"},
    {"explain"},
    {"claims"},
    {"ablate", "multiverse", "deploy", "anomaly", "shift", "check", "prepare"},
    {"synthesise"},
    {"lesson", "environment"},
    {"widgets", "doctor", "teach"},
    {"__main__"},
]
STANDARD_LIBRARY_ONLY = {"__init__", "__main__", "environment", "install", "packages", "doctor"}
EQUATION_HOMES = {
    1: "denoise", 2: "normalise", 3: "attention", 4: "attention", 5: "transfer",
    6: "metrics", 7: "metrics", 8: "timing", 9: "metrics",
}  # fmt: skip
NO_NOTEBOOK = {  # modules that no notebook is about, and why
    "ablate": "shown with the claims",
    "baseline": "part of reproduce",
    "curves": "part of reproduce",
    "markup": "part of reproduce",
    "measure": "part of reproduce",
    "multiverse": "shown with the claims",
    "preparation": "part of reproduce",
    "prepare": "a command, shown with one's own images",
    "presets": "part of reproduce",
    "rates": "part of reproduce",
    "runs": "part of reproduce",
    "sets": "part of reproduce",
    "_border": "part of denoise",
    "_check": "errors, shown where they happen",
    "_command": "part of reproduce",
    "_counts": "part of metrics",
    "_files": "two functions, shown nowhere",
    "_interrupt": "part of training",
    "blocks": "shown with the models",
    "check": "shown in the notebook of your images, to come",
    "checkpoint": "part of training",
    "cost": "shown with the models",
    "data": "every notebook uses it",
    "doctor": "part of the launcher",
    "environment": "part of the launcher",
    "evidence": "part of reproduce",
    "exercises": "every notebook uses it",
    "experiment": "part of reproduce",
    "fetch": "a command, shown with one's own images",
    "figure": "every notebook uses it",
    "history": "part of training",
    "install": "part of the launcher",
    "intervals": "shown with the metrics",
    "lesson": "every notebook uses it",
    "losses": "shown with training",
    "packages": "part of the launcher",
    "paper": "a table, not a lesson",
    "pretrain": "shown with transfer",
    "processes": "part of training",
    "record": "part of reproduce",
    "reproduce": "shown with the tables",
    "resume": "part of training",
    "scores": "shown with the metrics",
    "settings": "part of training",
    "step": "part of training",
    "table": "shown with the tables",
    "teach": "for teachers, no lesson",
    "widgets": "every notebook uses it",
}
NO_MODULE = {
    "start_here": "shows how to work with the kit",
    "features": "shows blocks and models",
    "tables": "shows reproduce, table and the records",
    "leakage": "shows data.leaks",
    "your_images": "shows data.own",
}


def name_of(path: Path) -> str:
    """`medkit/data/phantom.py` -> `data.phantom`."""
    parts = list(path.relative_to(ROOT / "medkit").with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def floor_of(name: str) -> int:
    room = "" if name == "__init__" else name.split(".")[0]
    return next(i for i, floor in enumerate(FLOORS) if room in floor)


def imported(tree: ast.AST) -> list[str]:
    """Return the modules of medkit that a source imports, as `data.phantom`."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("medkit.")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "medkit":
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            real = [name for name in below if exists(name)]
            found += real if real else [node.module]
    return [name.removeprefix("medkit").removeprefix(".") for name in found]


def exists(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def upward_imports(name: str, source: str) -> list[str]:
    room, faults = name.split(".")[0], []
    for other in imported(ast.parse(source)):
        if name == "__init__" and other == "lesson":
            continue  # `medkit.start()`, imported when called
        same_room = other.split(".")[0] == room and (ROOT / "medkit" / room).is_dir()
        if not same_room and floor_of(other) >= floor_of(name) and other != "":
            faults.append(f"medkit.{name} imports medkit.{other}, which stands no lower")
    return faults


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_point_down(path):
    assert not upward_imports(name_of(path), path.read_text(encoding="utf-8"))


def test_imports_point_down_can_fail():
    assert upward_imports("denoise", "from medkit.blocks import Prediction")
    assert upward_imports("models.cnn", "from medkit import reproduce")
    assert upward_imports("metrics", "import medkit.timing")
    assert not upward_imports("data.phantom", "from medkit.data.container import ImageSet")


@pytest.mark.parametrize("path", [p for p in SOURCES if name_of(p) in STANDARD_LIBRARY_ONLY], ids=name_of)
def test_launcher_starts_with_the_standard_library_alone(path):
    import sys

    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_start = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {
        alias.name if isinstance(node, ast.Import) else node.module or ""
        for node in at_start
        for alias in node.names
    }
    foreign = {n for n in names if n.split(".")[0] not in sys.stdlib_module_names | {"medkit", "__future__"}}
    assert not foreign


def undocumented(name: str, source: str) -> list[str]:
    tree = ast.parse(source)
    faults = [] if ast.get_docstring(tree) else [f"medkit.{name} has no docstring"]
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                faults.append(f"medkit.{name}.{node.name} has no docstring")
    return faults


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_public_names_are_documented(path):
    assert not undocumented(name_of(path), path.read_text(encoding="utf-8"))


def test_public_names_are_documented_can_fail():
    assert len(undocumented("x", "def f(): pass")) == 2


def test_every_equation_has_exactly_one_home():
    homes: dict[int, set[str]] = {}
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        rooms = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        for node in rooms:
            for number in re.findall(r"^\s*Eq\. (\d)(?:, [^:]*)?:  ", ast.get_docstring(node) or "", re.M):
                homes.setdefault(int(number), set()).add(name_of(path))
    assert homes == {number: {home} for number, home in EQUATION_HOMES.items()}


def test_every_module_has_its_test_and_its_notebook():
    rooms = {name_of(path).split(".")[0] for path in SOURCES} - {"__init__", "__main__"}
    taught = {path.stem.split("_", 1)[1] for path in NOTEBOOKS}
    assert rooms - taught == set(NO_NOTEBOOK), "a module has a notebook or a reason, not both"
    assert taught - rooms == set(NO_MODULE)
    tested = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    for path in SOURCES:
        word = name_of(path).split(".")[-1].strip("_")
        if name_of(path).startswith("exercises."):
            continue  # every exercise in it is tried by test_exercises
        used = f"medkit.{name_of(path)} " in text or f"import {word}" in text or f", {word}" in text
        assert word in tested or used or path.name == "__init__.py", f"no test looks at {name_of(path)}"


def test_notebooks_are_numbered_without_a_gap():
    assert [int(path.stem[:2]) for path in NOTEBOOKS] == list(range(len(NOTEBOOKS)))


def code_lines(function: ast.FunctionDef) -> int:
    """Count the lines of a function's body without its docstring, which must say all there is to say."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return function.end_lineno - body[0].lineno + 1 if body else 0


def overlong(source: str, path: str = "") -> list[str]:
    faults = [f"{path} has over 300 lines"] if source.count("\n") > 300 else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and code_lines(node) > 45:
            faults.append(f"{path}:{node.lineno} {node.name} has over 45 lines of code")
    return faults


def twice(source: str) -> list[str]:
    """Name what a file defines twice: the second hides the first, and both are read."""
    names = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return sorted({name for name in names if names.count(name) > 1})


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=lambda path: path.name)
def test_nothing_is_defined_twice(path):
    assert twice(path.read_text(encoding="utf-8")) == []


def test_nothing_is_defined_twice_can_fail():
    assert twice("def a():\n    pass\n\n\nclass B:\n    pass\n\n\ndef a():\n    pass\n") == ["a"]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_fits_in_a_head(path):
    assert not overlong(path.read_text(encoding="utf-8"), path.name)


def test_a_file_fits_in_a_head_can_fail():
    assert overlong("x = 1\n" * 301) and overlong("def f():\n" + "    x = 1\n" * 46)
    assert not overlong("def f():\n    '''" + "said\n" * 40 + "'''\n" + "    x = 1\n" * 45)


FORBIDDEN = {  # what could run a file's content: test_hostile_code
    r"\btime\.time\(\)": "is no clock for durations",
    r"np\.random\.(?!default_rng|Generator)|torch\.seed\(|torch\.rand\w*\((?!.*generator)": "draws from a global generator",
    r"warnings\.warn\(": "warns and carries on",
}


def forbidden(source: str) -> list[str]:
    code = re.sub(r'"""[\s\S]*?"""', "", source)
    return [f"{found.group()!r} {why}" for what, why in FORBIDDEN.items() for found in re.finditer(what, code)]


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if name_of(p) != "lesson"], ids=name_of
)  # lesson seeds the global generators, for the reader's own cells
def test_nothing_dangerous(path):
    allowed = {"models"}
    assert name_of(path) in allowed or not forbidden(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line", ["time.time()", "torch.randn(3)", "np.random.rand()", "warnings.warn('so')"]
)
def test_nothing_dangerous_can_fail(line):
    assert forbidden(line)


def test_requirements_give_reasons_and_end_with_medkit():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted[-1] == "-e ."
    core = {"jupyterlab", "torch", "torchvision", "matplotlib", "ipywidgets", "nbmake", "scikit-image"}
    for line in wanted[:-1]:
        name = re.match(r"[\w-]+", line).group()
        assert name in core or "  # " in line, f"{name} joins without a reason"
    assert core <= {re.match(r"[\w-]+", line).group() for line in wanted[:-1]}


def test_readme_is_short_and_its_links_are_alive():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / target).exists(), f"README links to {target}, which is not there"
    assert "not for clinical use" in text.lower()


MODULES = ["medkit"] + [f"medkit.{name_of(path)}" for path in SOURCES if name_of(path) not in ("__init__", "__main__")]


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_are_true(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0
