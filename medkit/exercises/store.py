"""Progress in one local JSON file: written whole or not at all, never silently lost.

What can't be saved (a read-only disk, a full one) is kept in memory and saved with the next try
that succeeds. A damaged file is set aside under another name, and the reader is told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from medkit._files import write_whole

VERSION = 1
FIELDS = {"tries": int, "hints": int, "passed": bool, "solution_seen": bool, "outcome": str, "mistakes": dict}

_unsaved: dict[Path, dict[str, dict]] = {}


def blank() -> dict:
    """Return the entry of an exercise that nobody has touched."""
    return {
        "tries": 0,
        "hints": 0,
        "passed": False,
        "solution_seen": False,
        "outcome": "not attempted",
        "mistakes": {},
    }


def progress_file() -> Path:
    """Return where progress is kept: MEDKIT_PROGRESS, else `.medkit/progress.json`.

    The folder stands beside the notebooks in a checkout, else in the home folder.
    """
    chosen = os.environ.get("MEDKIT_PROGRESS")
    if chosen:
        return Path(chosen).expanduser()
    checkout = Path(__file__).resolve().parents[2]
    home = checkout if (checkout / "pyproject.toml").exists() else Path.home()
    return home / ".medkit" / "progress.json"


def load() -> tuple[dict[str, dict], tuple[str, ...]]:
    """Return every exercise's entry, and sentences on what went wrong while reading."""
    path = progress_file()
    notes: tuple[str, ...] = ()
    try:
        entries = _parse(path.read_bytes())
    except FileNotFoundError:
        entries = {}
    except OSError as error:
        entries = {}
        notes = (f"Progress could not be read from {path.name} ({_reason(error)}).",)
    except (ValueError, RecursionError):
        entries = {}
        notes = (_set_aside(path),)
    return entries | _unsaved.get(path, {}), notes


def update(exercise_id: str, change: Callable[[dict], None]) -> tuple[dict, tuple[str, ...]]:
    """Change one exercise's entry and save it; return the entry and sentences on what went wrong.

    The file is read again just before it is written, so that two notebooks can share it.
    """
    path = progress_file()
    entries, notes = load()
    entry = blank() | entries.get(exercise_id, {})
    entry["mistakes"] = dict(entry["mistakes"])
    change(entry)
    entries[exercise_id] = entry
    try:
        if notes and path.exists():  # unreadable and still there: never write over it
            raise OSError("the old file is in the way")
        content = {"version": VERSION, "exercises": entries}
        write_whole(path, json.dumps(content, indent=1, ensure_ascii=False))
    except OSError as error:
        _unsaved.setdefault(path, {})[exercise_id] = entry
        lost = f"Progress could not be saved in {path.name} ({_reason(error)})"
        notes += (f"{lost}; it is kept until the kernel stops.",)
    else:
        _unsaved.pop(path, None)
    return entry, notes


def _parse(raw: bytes) -> dict[str, dict]:
    content = json.loads(raw.decode("utf-8"))
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValueError("no progress file of this version")
    entries = content.get("exercises")
    if not isinstance(entries, dict):
        raise ValueError("no exercises")
    for entry in entries.values():
        if not isinstance(entry, dict):
            raise ValueError("an entry is no object")
        for field, kind in FIELDS.items():
            if field in entry and type(entry[field]) is not kind:
                raise ValueError(f"{field} is no {kind.__name__}")
        if not all(type(count) is int for count in entry.get("mistakes", {}).values()):
            raise ValueError("a count of mistakes is no int")
    return {exercise_id: blank() | entry for exercise_id, entry in entries.items()}


def _set_aside(path: Path) -> str:
    """Rename a damaged file, never over an older one, and say so."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    try:
        os.rename(path, aside)
    except OSError as error:
        return f"The progress file {path.name} is damaged and could not be set aside ({_reason(error)})."
    return f"The progress file was damaged; it was set aside as {aside.name}, and a new one begun."


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
