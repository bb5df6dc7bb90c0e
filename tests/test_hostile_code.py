"""Nothing that a file holds is run: no source can do it, and no evil file gets it done."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from hostile import measure, unsafe
from hostile.evil import evil_files

from medkit._check import MedkitInputError
from medkit.checkpoint import load_weights
from medkit.data.archive import read_arrays
from medkit.data.read import read, read_npz

pytestmark = pytest.mark.filterwarnings("error")
ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "medkit").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALLOWED = {"teach/child.py": ["compile"]}  # students' code, run on purpose, in a fenced process of its own

# ---- sources


def test_no_source_loads_or_runs_what_a_file_holds():
    found = {str(path.relative_to(ROOT / "medkit")): unsafe.unsafe(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert len(found) > 100
    called = {name: [fault.split()[-1] for fault in faults] for name, faults in found.items() if faults}
    assert called == ALLOWED


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_notebook_loads_or_runs_what_a_file_holds(path):
    assert unsafe.unsafe(unsafe.code_of(path)) == [] and unsafe.shells(path) == []


@pytest.mark.parametrize("source", [
    "import pickle", "from pickle import loads", "import dill as safe", "import torch\ntorch.load(f)", "import torch as t\nt.load(f, weights_only=False)",
    "from torch import load as get\nget(f)", "from torch import load\nload(f, weights_only=yes)", "import numpy as np\nnp.load(f, allow_pickle=True)",
    "import numpy\nnumpy.load(f, None, True)", "import numpy as np\nnp.load(f, allow_pickle=flag)", "np.load(f, **kwargs)\nimport numpy as np", "eval(text)",
    "from builtins import exec as do\ndo(text)", "import subprocess\nsubprocess.run(text, shell=True)", "import os\nos.system(text)", "archive.extractall(folder)",
    "import shutil\nshutil.unpack_archive(f)", "import pandas as pd\npd.read_pickle(f)", "import torch\ntorch.hub.load('a', 'b')", "__import__(name)",
    "def f():\n    import joblib\n    return joblib.load", "lambda f: eval(f)",
])  # fmt: skip
def test_the_scan_can_fail(source):
    assert unsafe.unsafe(source)


@pytest.mark.parametrize("source", [
    "import torch\ntorch.load(f, weights_only=True)", "import numpy as np\nnp.load(f, allow_pickle=False)", "import numpy as np\nnp.load(f)", "model.eval()",
    "'''pickle.load and eval(text)'''", "import json\njson.load(f)", "import safetensors.torch\nsafetensors.torch.load(content)", "import re\nre.compile(text)",
])  # fmt: skip
def test_the_scan_lets_safe_code_pass(source):
    assert unsafe.unsafe(source) == []


def test_cells_of_notebooks_are_seen(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text('{"cells": [{"cell_type": "markdown", "source": ["import pickle"]}, {"cell_type": "code", "source": ["%matplotlib inline\\n", "!rm x\\n", "eval(1)"]}]}')
    assert unsafe.unsafe(unsafe.code_of(path)) == ["3 calls eval"] and unsafe.shells(path) == ["!rm x"]
    ast.parse(unsafe.code_of(path))


# ---- files


def test_evil_files_would_leave_a_trace_if_they_were_run(tmp_path):
    trace = tmp_path / "trace"
    path = tmp_path / "objects.npz"
    path.write_bytes(evil_files(trace)["objects.npz"])
    with np.load(path, allow_pickle=True) as archive:
        archive["train_images"].item().close()
    assert trace.is_file()


@pytest.mark.parametrize("name", sorted(evil_files(Path("trace"))))
def test_an_evil_file_leaves_no_trace(tmp_path, name):
    import torch

    trace, path = tmp_path / "trace", tmp_path / name
    path.write_bytes(evil_files(trace)[name])
    doors = [measure.put_in, read, read_npz, lambda path: read_arrays(path, {"train_images": ("uint8", ("n", 4, 4))}), lambda path: load_weights(path, torch.nn.Linear(1, 1))]
    refused = 0
    for door in doors:
        try:
            door(path)
        except MedkitInputError as error:
            assert path.name in str(error)
            refused += 1
        assert not trace.exists(), door
    assert refused >= 3
