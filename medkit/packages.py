"""Read the lists of requirements and compare them with what a venv holds; standard library only.

The lists are kept plain on purpose, `NAME>=VERSION` with a few `!=`, so that this file can stay short.
"""

from __future__ import annotations

import csv
import importlib.metadata
import json
import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse
from urllib.request import url2pathname

_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)((?:(?:>=|!=|<)\d+(?:\.\d+)*,?)*)")
_RULE = re.compile(r"(>=|!=|<)(\d+(?:\.\d+)*)")


class Requirement(NamedTuple):
    """One line of a list: a name and rules such as (">=", "2.11"), or the folder itself, editable."""

    name: str
    rules: tuple[tuple[str, str], ...] = ()
    editable: bool = False

    def __str__(self) -> str:
        return self.name + ",".join(operator + version for operator, version in self.rules)


def read_list(path: Path) -> list[Requirement]:
    """Read a list of requirements.

    Raises:
        ValueError: a line is neither `NAME`, `NAME>=VERSION[,!=VERSION]` nor `-e .`.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = line.split("#")[0].replace(" ", "").strip()
        if line == "-e.":
            found.append(Requirement("medkit", editable=True))
        elif line:
            match = _LINE.fullmatch(line)
            if match is None:
                raise ValueError(
                    f"{path.name} line {number} must be NAME>=VERSION or -e ., got {line!r}; write it so"
                )
            found.append(Requirement(match[1], tuple(_RULE.findall(match[2]))))
    return found


def read_all(lists: list[str], root: Path) -> list[Requirement]:
    """Read several lists as one."""
    return [requirement for name in lists for requirement in read_list(root / name)]


def release(version: str) -> tuple[int, ...]:
    """Take the numbers of a version, without what follows them and without zeros at its end.

    >>> release("2.11.0+cu130"), release("2.9") < release("2.11")
    ((2, 11), True)
    """
    match = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def allows(requirement: Requirement, version: str) -> bool:
    """Say whether a version keeps every rule.

    >>> torch = Requirement("torch", ((">=", "2.11"), ("!=", "2.13.0")))
    >>> [allows(torch, version) for version in ("2.9.1", "2.11.0", "2.13.0", "2.15")]
    [False, True, False, True]
    """
    have = release(version)
    holds = {">=": lambda rule: have >= rule, "!=": lambda rule: have != rule, "<": lambda rule: have < rule}
    return all(holds[operator](release(rule)) for operator, rule in requirement.rules)


def installed(requirement: Requirement, search: list[str], root: Path) -> str | None:
    """Find the version of a package on these folders; for the editable line, only if it leads to `root`."""
    for found in importlib.metadata.Distribution.discover(name=requirement.name, path=search):
        if not requirement.editable or _leads_to(found, root):
            return found.metadata["Version"]  # None where the package is half there
    return None


def _leads_to(found: importlib.metadata.Distribution, root: Path) -> bool:
    """Say whether an installed package is the folder `root` itself, editable (PEP 610)."""
    try:
        origin = json.loads(found.read_text("direct_url.json") or "{}")
        folder = Path(url2pathname(urlparse(origin["url"]).path))
        return bool(origin["dir_info"]["editable"]) and folder.resolve() == root.resolve()
    except (ValueError, KeyError):
        return False


def missing(requirements: list[Requirement], search: list[str], root: Path) -> list[str]:
    """Name each requirement that these folders do not satisfy, such as «torch>=2.11 (found 2.9.1)»."""
    lacking = []
    for requirement in requirements:
        version = installed(requirement, search, root)
        if version is None:
            lacking.append(str(requirement))
        elif not allows(requirement, version):
            lacking.append(f"{requirement} (found {version})")
    return lacking


def half_installed(site: Path) -> list[Path]:
    """Find packages whose files are not all there: an installer was killed while it wrote them.

    pip takes such a package for installed and leaves it broken. Its `RECORD`, the list of its files
    with their sizes, comes last or is not fulfilled.
    """
    return [info for info in sorted(site.glob("*.dist-info")) if not _is_whole(info)]


def _is_whole(info: Path) -> bool:
    record = info / "RECORD"
    if not record.is_file():
        return False
    with open(record, encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.reader(handle) if len(row) == 3]
    return bool(rows) and all(_has_size(info.parent / name, size) for name, _, size in rows)


def _has_size(path: Path, size: str) -> bool:
    """Compare a file with its line in RECORD; compiled files stand there without a size."""
    if not size:
        return True
    try:
        return path.stat().st_size == int(size)
    except OSError:
        return False


def python_of(venv: Path) -> Path:
    """Return where a venv keeps its Python."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_of(venv: Path) -> Path:
    """Return where a venv keeps its packages."""
    if os.name == "nt":
        return venv / "Lib" / "site-packages"
    return venv / "lib" / ("python" + ".".join(python_version(venv).split(".")[:2])) / "site-packages"


def python_version(venv: Path) -> str:
    """Read the version of a venv's Python from its own file, without starting it; "" where there is none."""
    try:
        text = (venv / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return ""
    match = re.search(r"^version(?:_info)?\s*=\s*([\d.]+)", text, re.MULTILINE)
    return match[1] if match else ""
