"""Look at the machine and the environment, and say what is off and what to do.

Works before any environment stands: torch is only imported where it is installed.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from medkit.environment import ROOT, active_search_path, is_running
from medkit.install import DOWNLOAD, NEEDED, read_stamp
from medkit.packages import allows, installed, python_of, read_list

OK, NOTE, OFF = "ok", "??", "!!"
LITTLE_MEMORY = 4e9  # bytes: JupyterLab, a kernel and torch take about 2 GB
START = "run `python3 -m medkit lab`"


class Row(NamedTuple):
    """One finding: how it is, what was looked at, what was found, what to do about it."""

    mark: str
    name: str
    found: str
    fix: str = ""


def examine(root: Path = ROOT) -> list[Row]:
    """Look at everything; in the environment if called from there, else at what stands without one."""
    inside = active_search_path(root) is not None or is_running(python_of(root / ".venv"))
    rows = [Row(OK, "Python", f"{platform.python_version()} at {sys.executable}"), _environment(root, inside)]
    if inside:
        rows += _packages(root) + _torch()
    rows += [_memory(), _disk(root, inside), *_data(os.environ.get("MEDKIT_DATA")), _chromium()]
    return rows


def render(rows: list[Row]) -> str:
    """Write the rows as text, what to do below each that is off, and a last line that sums up.

    >>> print(render([Row("ok", "Python", "3.12.1"), Row("!!", "disk", "1.0 GB free", "make room")]))
    ok  Python           3.12.1
    !!  disk             1.0 GB free
                         -> make room
    1 thing is off: disk
    """
    lines = []
    for row in rows:
        lines.append(f"{row.mark}  {row.name:<16} {row.found}")
        if row.fix and row.mark != OK:
            lines.append(" " * 21 + f"-> {row.fix}")
    off = [row.name for row in rows if row.mark == OFF]
    thing = "1 thing is" if len(off) == 1 else f"{len(off)} things are"
    lines.append(f"{thing} off: {', '.join(off)}" if off else "all is well")
    return "\n".join(lines)


def _environment(root: Path, inside: bool) -> Row:
    venv = root / ".venv"
    if inside and not is_running(python_of(venv)):
        return Row(OK, "environment", f"active: {sys.prefix}")
    if read_stamp(venv).get("begun"):
        return Row(OFF, "environment", f"{venv} is half made", f"{START}: it goes on from there")
    if inside:
        return Row(OK, "environment", str(venv))
    return Row(OFF, "environment", "none yet", f"{START}: it makes one, {DOWNLOAD} come down")


def _packages(root: Path) -> list[Row]:
    """Hold every package of the first list against its floor; of the second list only say how many."""
    search, rows = [path for path in sys.path if path and path != str(root)], []
    for wanted in read_list(root / "requirements.txt"):
        version = installed(wanted, search, root)
        if version is None:
            text = "not installed from this folder" if wanted.editable else "not installed"
            rows.append(Row(OFF, wanted.name, text, START))
        else:
            mark = OK if allows(wanted, version) else OFF
            rules = ",".join(operator + rule for operator, rule in wanted.rules) or "this folder, editable"
            rows.append(Row(mark, wanted.name, f"{version}  ({rules})", START))
    tests = read_list(root / "tests" / "requirements.txt")
    there = sum((installed(wanted, search, root) is not None) for wanted in tests)
    mark = OK if there == len(tests) else NOTE
    fix = "`python3 -m medkit test` installs the rest"
    return [*rows, Row(mark, "for the tests", f"{there} of {len(tests)} packages", fix)]


def _torch() -> list[Row]:
    """Import torch and torchvision, and compute one number on the device."""
    try:
        torch = importlib.import_module("torch")
        importlib.import_module("torchvision")
    except Exception as error:  # a broken install raises anything; the doctor shows it and goes on
        return [Row(OFF, "torch", f"does not start: {_first_line(error)}", _fix_torch(error))]
    if not torch.cuda.is_available():
        found = f"CPU, {torch.get_num_threads()} threads"
        if shutil.which("nvidia-smi"):
            return [Row(NOTE, "device", found, "an NVIDIA driver is there, torch can't use it; update it")]
        return [Row(OK, "device", found)]
    try:
        name, memory = torch.cuda.get_device_name(0), torch.cuda.get_device_properties(0).total_memory
        torch.ones(2, device="cuda").sum().item()
    except Exception as error:  # as above: a driver too old for this torch, a card in use by someone else
        fix = "set CUDA_VISIBLE_DEVICES= (to nothing) for the CPU"
        return [Row(OFF, "device", f"CUDA fails: {_first_line(error)}", fix)]
    return [Row(OK, "device", f"CUDA, {name}, {_gb(memory)}")]


def _fix_torch(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return START
    return "remove the folder .venv and " + START


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _memory() -> Row:
    total = total_memory()
    if total is None:
        return Row(NOTE, "memory", "this system does not say how much there is")
    mark = OK if total >= LITTLE_MEMORY else NOTE
    return Row(mark, "memory", _gb(total), f"{_gb(LITTLE_MEMORY)} are better; close other programs")


def total_memory() -> int | None:
    """Return the bytes of memory in this machine, or None where the system does not say."""
    try:
        if os.name == "nt":
            return _windows_memory()
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _windows_memory() -> int:
    """Ask GlobalMemoryStatusEx: a struct of 64 bytes, its own length first, the total at byte 8."""
    status = (ctypes.c_ulonglong * 8)()
    ctypes.memmove(status, ctypes.byref(ctypes.c_uint32(64)), 4)
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        raise OSError("GlobalMemoryStatusEx failed")
    return int(status[1])


def _disk(root: Path, inside: bool) -> Row:
    free = shutil.disk_usage(root).free
    needed = 1e9 if inside else NEEDED
    mark = OK if free >= needed else OFF
    return Row(mark, "disk", f"{_gb(free)} free", f"{_gb(needed)} must be free; make room")


def _data(value: str | None) -> list[Row]:
    """Say what MEDKIT_DATA points to: set but missing is off, unset is fine."""
    if not value:
        return [Row(OK, "MEDKIT_DATA", "unset: phantoms and library samples are used")]
    folder = Path(value).expanduser()
    if not folder.is_dir():
        return [Row(OFF, "MEDKIT_DATA", f"{value} is no folder", "set it to your data's folder, or unset it")]
    sets = sorted(path for path in folder.rglob("*.npz") if path.is_file())
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir())
    names = [f"{path.stem} ({path.stat().st_size / 1e6:.0f} MB)" for path in sets]
    names += [f"folder {name}" for name in folders]
    if not names:
        return [Row(NOTE, "MEDKIT_DATA", f"{value}: nothing there", "put data there, or unset it")]
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return [Row(OK, "MEDKIT_DATA", f"{value}: {', '.join(names[:12])}{more}")]


def _chromium() -> Row:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path:
        return Row(OK, "Chromium", path)
    fix = "only the browser tests need it (Debian: sudo apt install chromium)"
    return Row(NOTE, "Chromium", "not found", fix)


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
