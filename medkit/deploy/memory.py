"""How much memory a process holds that does nothing but answer one image."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from medkit._check import MedkitInputError
from medkit.deploy import alone

_IN_PYTORCH = """
import json, sys, torch
sys.path[:0] = [{root!r}]
sys.path += [{beside!r}]
import alone  # as a script has it: nothing else of medkit.deploy is loaded
from medkit import models
model = models.{kind}(classes={classes}, **{options!r}).eval()
with torch.no_grad():
    model(torch.zeros(1, {channels}, {size}, {size}))
print(json.dumps({{"peak_bytes": alone.peak_bytes(), "torch": True}}))
"""


def of_file(onnx: bytes, size: int, threads: int = 1) -> dict:
    """Run an ONNX model in a process of its own, without PyTorch.

    Args:
        onnx: the file's bytes; size: H = W of the image; threads: of the CPU.

    Returns:
        "peak_bytes": the most that the process held, Python and ONNX Runtime included, None on
        Windows; "torch": whether PyTorch was loaded in it (False).

    Raises:
        MedkitInputError: the process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(onnx)
        return _child([alone.__file__, str(path), str(size), str(threads)])


def of_model(kind: str, classes: int, channels: int, size: int, **options: int) -> dict:
    """Run a model of `medkit.models` in a process of its own, in PyTorch, with one thread.

    Args:
        kind: its class's name, such as "Hybrid"; classes, channels and options: what it is built with.

    Returns, Raises: as for `of_file`. The numbers of the weights don't matter here.
    """
    root = str(Path(alone.__file__).resolve().parents[2])
    beside = str(Path(alone.__file__).resolve().parent)
    numbers = {"classes": classes, "channels": channels, "size": size}
    code = _IN_PYTORCH.format(kind=kind, options=options, root=root, beside=beside, **numbers)
    return _child(["-c", code])


def _child(arguments: list[str]) -> dict:
    done = subprocess.run([sys.executable, "-P", *arguments], capture_output=True, text=True, timeout=300)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MedkitInputError("the process", f"failed ({reason})", "see whether onnxruntime is installed")
    return json.loads(done.stdout.splitlines()[-1])
