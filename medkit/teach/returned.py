"""Find the notebooks that came back in a folder: whose is which, whatever platform packed them.

    returned/ann_01_denoise.ipynb                                       flat
    returned/ann/01_denoise.ipynb                                       a folder for each student
    returned/submitted/ann/denoise/01_denoise.ipynb                     nbgrader
    returned/Ann Lee_123_assignsubmission_file_/01_denoise.ipynb        Moodle; flat as well
    returned/leeann_LATE_12345_67890_01_denoise-1.ipynb                 Canvas

Symbolic links are named and never followed: they could lead to any file of the teacher.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from medkit._check import MedkitInputError

PACKED = re.compile(r"(?P<name>.+?)_(?:LATE_)?(?P<id>\d+)(?:_assignsubmission_\w*|_\d{3,})")
AGAIN = re.compile(r"([-_ ]?(Copy\d*|\d+|\(\d+\)))+$", re.IGNORECASE)
AROUND = ("submitted", "autograded")  # nbgrader's own folders
NOBODY = "(no name)"
DEEPEST = 8


@dataclass
class Returned:
    """One notebook that came back.

    Args:
        student: as the file or folder names them.
        stem: which notebook of the course it is, such as "01_denoise"; None where the name does not say.
        path: the file.
        notes: what is odd about it.
    """

    student: str
    stem: str | None
    path: Path
    notes: list[str] = field(default_factory=list)


def find(folder: Path, stems: list[str]) -> tuple[list[Returned], list[str]]:
    """Return the newest file of each student for each notebook, and sentences on what was passed over.

    Args:
        folder: looked through to the bottom, links aside.
        stems: the notebooks of the course.

    Raises:
        MedkitInputError: the folder is none, can't be read, or holds no notebook.
    """
    if not folder.is_dir():
        raise MedkitInputError(folder, "must be a folder with returned notebooks", "check its name")
    left_out: list[str] = []
    try:
        files = list(_files(folder, left_out, 0))
        times = {path: path.stat().st_mtime_ns for path in files}
    except OSError as error:
        raise MedkitInputError(folder, f"can't be read ({error.strerror})", "check your right to read it") from error
    if not files:
        raise MedkitInputError(folder, "must hold .ipynb files, and holds none", "unpack what came back into it")
    versions: dict[tuple, list[Path]] = defaultdict(list)
    for path, (who, stem) in _owners(files, folder, stems).items():
        versions[who, stem or path.name, stem].append(path)
    namesakes = Counter(name.casefold() for name, number in {who for who, _, _ in versions})
    found = []
    for (who, _, stem), paths in versions.items():
        *older, last = sorted(paths, key=lambda path: (times[path], str(path)))
        student = f"{who[0]} {who[1]}" if namesakes[who[0].casefold()] > 1 and who[1] else who[0]
        notes = [f"{path.name} is older than {last.name}: not read" for path in older]
        found.append(Returned(student, stem, last, notes))
    return sorted(found, key=lambda one: (one.student.casefold(), one.stem or "")), left_out


def _files(folder: Path, left_out: list[str], depth: int) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith((".", "__MACOSX")):
            continue
        notebook = entry.name.lower().endswith(".ipynb")
        if entry.is_symlink():
            if notebook or Path(entry.path).is_dir():
                left_out.append(f"{plain(entry.name)} is a symbolic link: not followed")
        elif entry.is_dir() and depth < DEEPEST:
            yield from _files(Path(entry.path), left_out, depth + 1)
        elif entry.is_dir():
            left_out.append(f"{plain(entry.name)} lies too deep: not looked into")
        elif notebook and entry.is_file():
            yield Path(entry.path)
        elif notebook:
            left_out.append(f"{plain(entry.name)} is no plain file: not read")


def _owners(files: list[Path], folder: Path, stems: list[str]) -> dict[Path, tuple[tuple[str, str], str | None]]:
    """Return of each file ((name, number), stem): a folder names the student, unless several share it."""
    split = {path: _split(unicodedata.normalize("NFC", path.name[: -len(".ipynb")]), stems) for path in files}
    before = defaultdict(set)
    for path, (stem, who) in split.items():
        if stem and who:
            before[path.parent, stem].add(who.casefold())
    shared = {parent for (parent, _), names in before.items() if len(names) > 1}
    owners = {}
    for path, (stem, who) in split.items():
        parts = path.relative_to(folder).parts[:-1]
        if stem is None:  # a file with a name of the student's own, in a folder that names the notebook
            stem = next((found for part in reversed(parts) if (found := _split(part, stems)[0])), None)
            who = "" if parts else who
        folders = [part for part in parts if part not in AROUND and _split(part, stems)[1]]
        name = folders[0] if folders and not (who and path.parent in shared) else who
        owners[path] = (_person(name), stem)
    return owners


def _split(name: str, stems: list[str]) -> tuple[str | None, str]:
    """Split "ann_01_denoise (1)" into "01_denoise" and "ann"; None where no notebook is named."""
    for text in (name, AGAIN.sub("", name)):
        for stem in stems:
            before = text[: len(text) - len(stem)]
            if text.casefold().endswith(stem.casefold()) and not before[-1:].isalnum():
                return stem, before.rstrip("_- ")
    return None, name


def _person(name: str) -> tuple[str, str]:
    """Split what a platform packed into the name and its number there; ("Ann Lee", "123")."""
    packed = PACKED.fullmatch(name)
    return (plain(packed["name"]) or NOBODY, packed["id"]) if packed else (plain(name) or NOBODY, "")


def plain(name: str) -> str:
    """Return a name without what a terminal or a table would obey.

    >>> plain("Ann\\x1b[31m\\n")
    'Ann [31m'
    """
    kept = "".join(letter if letter.isprintable() else " " for letter in unicodedata.normalize("NFC", name))
    return " ".join(kept.split()).strip("_- ")[:80]
