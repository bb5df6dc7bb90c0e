"""A made-up class: returned notebooks 01, honest and not, each with the points that it deserves.

Every case replaces cells of the unsolved or solved notebook, or damages the file. `points` are those of
the exercises that differ from `base`; `says` are words that the grading must say about it, somewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from medkit.exercises import EXERCISES
from medkit.teach import course

PAGE = course.course()["01_denoise"]
FULL = {one.id: one.points for one in PAGE.exercises}
NONE = dict.fromkeys(FULL, 0)
SUM_WRONG = "def weighted_sum(image, kernel):\n    return image * 0\n"
SUM = EXERCISES["1.1"].answer + "\n"


@dataclass(frozen=True)
class Case:
    """One return.

    Args:
        cells: exercise -> source of its cell; the others are solved.
        points: exercise -> points, where they are not full.
        says: words to be found in the notes, mistakes or messages.
        change: changes the notebook afterwards.
        raw: turns the notebook's text into the bytes of the file.
        place: path of the file; {} is the name.
        endless: whether something in it has to be stopped by the clock.
    """

    cells: dict[str, str] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    change: Callable | None = None
    raw: Callable[[str], bytes] = str.encode
    place: str = "{}_01_denoise.ipynb"
    copy: int = 0
    endless: bool = False


def summing(first_lines: str, check: str = 'check("1.1", weighted_sum)') -> str:
    """Return a cell for 1.1 that does something first and is right otherwise."""
    body = "".join(f"    {line}\n" for line in first_lines.splitlines())
    head, _, rest = SUM.partition("\n")
    return f"{head}\n{body}{rest}\n\n{check}"


def wrong_sum(before: str = "", after: str = 'check("1.1", weighted_sum)') -> str:
    return f"{before}{SUM_WRONG}\n{after}"


MISTAKES = {  # exercise -> a cell with a known mistake, and the mistake's name
    "1.1": (SUM.replace("return total", "return total / kernel.numel()"), "you divided by n"),
    "1.2": (EXERCISES["1.2"].answer.replace("exp(-", "exp("), "you forgot the minus in the exponent"),
    "1.3": ("grey = 100.0", "you left the division by n out"),
    "1.4": (EXERCISES["1.4"].stub.replace('"reflect"', '"constant"'), "your border is zero"),
    "1.5": ('panel = "a"', "you took the mean for the median"),
    "1.6": (
        "def test_mean(mean):\n    assert mean(torch.ones(5, 6), 3).shape == (5, 6)",
        "your test looks only at the shape",
    ),
}


def only(*ids: str) -> Callable:
    """Keep the cells of these exercises and no other code."""

    def change(notebook) -> None:
        notebook.cells = [
            cell for cell in notebook.cells if cell.cell_type == "markdown" or course.exercise_id(cell.source) in ids
        ]

    return change


def added(*sources: str, at: int | None = None) -> Callable:
    """Add code cells."""

    def change(notebook) -> None:
        place = len(notebook.cells) if at is None else at
        notebook.cells[place:place] = [nbformat.v4.new_code_cell(source) for source in sources]

    return change


def shuffled(notebook) -> None:
    """Turn the order of cells round and give them other ids."""
    notebook.cells.reverse()
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"other-{number}"


def nested(text: str) -> bytes:
    return b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"


def swollen(text: str) -> bytes:
    content = json.loads(text)
    content["metadata"]["padding"] = "x" * (51 * 2**20)
    return json.dumps(content).encode()


UMLAUTS = summing("größe = 'Grüße'  # ä ö ü")
CASES = {
    "solved": Case(),
    "untouched": Case(dict.fromkeys(FULL, ""), NONE),
    "mistaken": Case(
        {one: f"{source}\n\n{EXERCISES[one].check_line}" for one, (source, _) in MISTAKES.items()},
        NONE,
        tuple(name for _, name in MISTAKES.values()),
    ),
    "endless": Case(
        {"1.1": summing("while True: pass")}, {"1.1": 0}, ("did not come to an end",), endless=True
    ),
    "endless at once": Case(
        {"1.2": "while True:\n    pass\n\n" + EXERCISES["1.2"].solved_cell}, {"1.2": 0}, ("did not come to an end",),
        endless=True,
    ),
    "endless and stubborn": Case(
        {"1.4": "def smooth(image, size):\n    while True:\n        try:\n            while True: pass\n"
                "        except BaseException: pass\n\ncheck('1.4', smooth)"},
        {"1.4": 0}, ("did not come to an end",), endless=True,
    ),
    "asleep": Case(
        {"1.6": "import time\ndef test_mean(mean):\n    time.sleep(3600)\n\ncheck('1.6', test_mean)"},
        {"1.6": 0}, ("did not come to an end",), endless=True,
    ),
    "greedy": Case(
        {"1.1": summing("hoard = [torch.ones(2**26) for _ in range(2**20)]")}, {"1.1": 0}, ("1.1 asked for more than",)
    ),
    "leaving": Case(
        {"1.1": summing("exit()"), "1.3": "exit()\n" + EXERCISES["1.3"].solved_cell,
         "1.2": "import os\ndef gaussian_weights(sigma, k):\n    os._exit(0)\ncheck('1.2', gaussian_weights)"},
        {"1.1": 0, "1.2": 0}, ("SystemExit", "ended its own process"),
    ),
    "talkative": Case({"1.1": summing("import os\nfor _ in range(30): print('x' * 10**6)\nos.write(1, b'x' * 10**7)")}),
    "forking": Case(
        {"1.1": summing("import os\nwhile True: os.fork()"),
         "1.2": "import subprocess\ndef gaussian_weights(sigma, k):\n    subprocess.run(['sleep', '60'])\n"
                "check('1.2', gaussian_weights)"},
        {"1.1": 0, "1.2": 0}, ("1.1 tried to start another program", "1.2 tried to start another program"),
    ),
    "writing": Case(
        {"1.1": summing("open('HERE/written.txt', 'w').write('x')"),
         "1.2": "import shutil\ndef gaussian_weights(sigma, k):\n    shutil.rmtree('HERE')\n"
                "check('1.2', gaussian_weights)",
         "1.3": "import os\nos.remove('HERE/solved_01_denoise.ipynb')\n" + EXERCISES["1.3"].solved_cell},
        {"1.1": 0, "1.2": 0}, ("1.1 tried to open 'written.txt' for writing", "1.2 tried to change files"),
    ),
    "without check": Case({"1.1": wrong_sum(after="print('✓ passed')")}, {"1.1": 0}, ("the check of 1.1 is gone",)),
    "own check": Case(
        {"1.1": wrong_sum()}, {"1.1": 0}, ("redefines `check`: without effect",),
        change=added("def check(*answer):\n    return '✓ passed'", at=5),
    ),
    "patching": Case(
        {"1.1": wrong_sum("import medkit.exercises.engine\nmedkit.exercises.engine.find = lambda name: None\n"
                          "torch.allclose = torch.equal = lambda *a, **k: True\n")},
        {"1.1": 0}, ("patches `torch.allclose`", "patches `medkit.exercises.engine.find`"),
    ),
    "ready-made": Case(
        {"1.4": "def smooth(image, size):\n    return denoise.mean(image, size)\n\ncheck('1.4', smooth)",
         "1.1": summing("if len(image) > 99: return denoise.filter_image(image, kernel)")},
        {"1.4": 0, "1.1": 0}, ("you handed in a ready-made function",),
    ),
    "reading the answers": Case(
        {"1.3": "from medkit.exercises import EXERCISES\ngrey = EXERCISES['1.3'].truth()\ncheck('1.3', grey)"},
        {"1.3": 0}, ("you read the kit's own answer",),
    ),
    "broken": Case(points=NONE, says=("can't be graded: it is no JSON",), raw=lambda text: text.encode()[:9999]),
    "nested": Case(points=NONE, says=("nested too deep",), raw=nested),
    "huge": Case(points=NONE, says=("it has 51 MB",), raw=swollen),
    "empty": Case(points=NONE, says=("it is no JSON",), raw=lambda text: b""),
    "missing": Case(
        points=NONE | {"1.1": 3, "1.3": 1}, says=("the cell of 1.2 is gone",), change=only("1.1", "1.3")
    ),
    "twice": Case(
        {"1.1": wrong_sum()}, says=("2 cells answer 1.1",), change=added(EXERCISES["1.1"].solved_cell)
    ),
    "shuffled": Case(change=shuffled),
    "wrong ids": Case(
        {"1.1": summing("", 'check("1.2", weighted_sum)'), "1.5": 'panel = "c"\ncheck("9.9", panel)'},
        says=("the check of 1.1 is gone", "the check of 1.5 is gone"),
    ),
    "utf-16": Case({"1.1": UMLAUTS}, says=("stored as UTF-16",), raw=lambda text: text.encode("utf-16")),
    "latin": Case({"1.1": UMLAUTS}, says=("not stored as UTF-8",), raw=lambda text: json.dumps(
        json.loads(text), ensure_ascii=False).encode("cp1252", "replace")),
    "helper elsewhere": Case(
        {"1.1": "def weighted_sum(image, kernel):\n    return add_up(image, kernel)\n\ncheck('1.1', weighted_sum)"},
        {"1.1": 0}, ("`add_up` is made in cell 6",), change=added(SUM.replace("weighted_sum", "add_up"), at=5),
    ),
    "helper here": Case({"1.1": SUM.replace("weighted_sum", "add_up") + "\n\nimport functools\n"
                         "weighted_sum = functools.partial(add_up)\n\ncheck('1.1', weighted_sum)"}),
    "no Python": Case({"1.2": "def gaussian_weights(sigma, k:\n    return 1\n\ncheck('1.2', gaussian_weights)"},
                      {"1.2": 0}, ("SyntaxError",)),
    "magic": Case({"1.1": "%matplotlib inline\n!pip list\n" + summing("") + "\nweighted_sum(patch, 3)"}),
    "without a bottom": Case({"1.1": summing("return weighted_sum(image, kernel)")}, {"1.1": 0}, ("RecursionError",)),
    "crashing": Case({"1.1": summing("import ctypes; ctypes.string_at(0)")}, {"1.1": 0}, ("ended its own process",)),
    "immense": Case({"1.1": summing("return torch.zeros(1, 1).expand(10**6, 10**6)")}, {"1.1": 0}, ("TooLarge",)),
    "killing": Case({"1.1": summing("import os; os.kill(os.getppid(), 9)")}, {"1.1": 0}, ("send signals",)),
    "deaf": Case({"1.1": summing("import os; os.closerange(3, 256)")}, {"1.1": 0}),
    "noisy": Case({"1.1": summing("import os\nfor n in range(3, 30):\n    try: os.write(n, b'z' * 4096)\n"
                                  "    except OSError: pass")}, {"1.1": 0}),
    "caught": Case({"1.1": summing("try: open('HERE/x', 'w')\nexcept Exception: pass")}, says=("1.1 tried to open",)),
    "another's numbers": Case(
        {"1.3": 'grey = 4.0\ncheck("1.3", grey)'}, {"1.3": 0}, ("checked with the numbers of another copy",), copy=2
    ),
    "own numbers": Case(copy=3),
    "nbgrader": Case(place="submitted/{}/denoise/01_denoise.ipynb"),
    "in a folder": Case(place="{}/my work (1).ipynb", change=lambda notebook: None),
}  # fmt: skip


def put(folder: Path, name: str, case: Case) -> Path:
    """Write one return, and give back where."""
    notebook = course.copy_of(PAGE, case.copy, solved=True)
    unsolved = {
        course.exercise_id(c.source): c.source for c in course.copy_of(PAGE, case.copy).cells if c.cell_type == "code"
    }
    for cell in notebook.cells:
        found = course.exercise_id(cell.source) if cell.cell_type == "code" else None
        if found in case.cells:
            cell.source = (case.cells[found] or unsolved[found]).replace("HERE", folder.as_posix())
    if case.change:
        case.change(notebook)
    path = folder / case.place.format(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(case.raw(nbformat.writes(notebook)))
    return path


def deserved(case: Case) -> dict[str, int]:
    """Return the points of each exercise."""
    return FULL | case.points
