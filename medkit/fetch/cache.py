"""Where downloads lie, and whether they are still what came down."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from medkit._check import MedkitInputError
from medkit._files import write_whole

PORTION = 2**20


def folder(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return the user's own folder for what can be fetched again; it need not be there yet.

    >>> folder({"XDG_CACHE_HOME": "/var/tmp/mine"}, "linux").as_posix()
    '/var/tmp/mine/medkit'
    """
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "medkit" / "Cache"
    if platform == "darwin":
        return Path.home() / "Library" / "Caches" / "medkit"
    named = environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if named.startswith("/") else Path.home() / ".cache") / "medkit"  # relative ones do not count there


def sum_of(path: Path, kind: str = "sha256") -> str:
    """Return a file's sum, in hexadecimal; kind: "sha256" or "md5", the latter against damage alone."""
    digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(PORTION):
            digest.update(part)
    return digest.hexdigest()


def check_published(path: Path, published: str | None, name: str, page: str) -> None:
    """Hold a file against its published sum, "md5:..." or "sha256:..."; None: there is none, and nothing is checked.

    Raises:
        MedkitInputError: the sums differ; `name` is what the message calls the file.
    """
    if published is None:
        return
    kind, wanted = published.split(":")
    got = sum_of(path, kind)
    if got != wanted.lower():
        raise MedkitInputError(name, f"has the {kind} {got}, published is {wanted}", f"fetch it again; if it stays so, ask at {page}")


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def write_note(path: Path) -> str:
    """Keep a file's sha256 beside it, as `sha256sum` writes it; return the sum."""
    found = sum_of(path)
    write_whole(_note(path), f"{found}  {path.name}\n")
    return found


def check_note(path: Path) -> str:
    """Compute a file's sha256 again and hold it against what stands beside it, if anything does; return it.

    Raises:
        MedkitInputError: the file is no longer what it was, or the note is none.
    """
    found, note = sum_of(path), _note(path)
    if not note.is_file():
        return found
    told = re.match(r"[0-9a-f]{64}\b", note.read_text(encoding="utf-8", errors="replace"))
    if told is None:
        raise MedkitInputError(note, "holds no sha256", "remove it, and the file beside it, and fetch that again")
    if told.group() != found:
        raise MedkitInputError(path, "is no longer the file that came down: its sha256 has changed", "remove it and fetch it again")
    return found
