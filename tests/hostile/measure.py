"""What a call costs in memory and time, and where a file goes in."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.medmnist import medmnist
from medkit.data.read import read

CLEAR = Path("/proc/self/clear_refs")  # writing 5 there sets this process's peak back to what it holds now
STATUS = Path("/proc/self/status")


class Cost(NamedTuple):
    """error: what was raised, or None; mebibytes: how far memory grew at its peak.

    seconds: of this process's work, which does not count what else the machine did meanwhile; wall: by the clock.
    """

    error: BaseException | None
    seconds: float
    wall: float
    mebibytes: float


def cost(call: Callable[[], object]) -> Cost:
    """Run a call and say what it cost: resident memory on Linux, elsewhere what Python's allocators saw.

    What the process held before is kept from the garbage collector meanwhile: walking through what hundreds of other
    tests have left there costs more than the call.
    """
    gc.freeze()
    try:
        CLEAR.write_text("5")
        before = _kibibytes("VmRSS")
    except (OSError, StopIteration):
        before = None
        tracemalloc.start()
    error, start, wall = None, time.process_time(), time.perf_counter()
    try:
        call()
    except Exception as raised:
        error = raised
    seconds, wall = time.process_time() - start, time.perf_counter() - wall
    gc.unfreeze()
    if before is None:
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        return Cost(error, seconds, wall, peak)
    return Cost(error, seconds, wall, (_kibibytes("VmHWM") - before) / 2**10)


def _kibibytes(name: str) -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(name))


def put_in(path: Path) -> None:
    """Read a file through the door that it belongs to; what comes out is finite and of a shape that medkit knows.

    Raises:
        MedkitInputError: as the door does. AssertionError: something came out that should not.
    """
    if path.suffix == ".npz":
        for side in vars(medmnist(path, size=8)).values():
            assert side.image.isfinite().all() and side.image.shape == (len(side), 1, 8, 8) and len(side)
        return
    scan = read(path)
    shape, pixels = scan.pixels.shape, scan.pixels
    assert pixels.dtype == np.float32 and np.isfinite(pixels).all() and min(shape) > 0
    assert len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)
    for numbers in (scan.spacing, scan.place):
        assert numbers is None or np.isfinite(numbers).all()


def names_file_and_fix(error: BaseException | None, path: Path) -> bool:
    """Tell whether an error is the one that medkit promises for files."""
    said = str(error)
    return type(error) is MedkitInputError and said.startswith(f"{path.name} ") and said.endswith(f"; {error.fix}") and len(error.fix) > 8 and "\n" not in said
