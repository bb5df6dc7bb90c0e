"""Writing a file so that it is never half there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write content beside the file, flush it to the disk, then put it in place in one step.

    Whatever stops it, the file holds all of the new content or all of the old. Text becomes UTF-8.

    Raises:
        OSError: disk full, no permission; the file is as it was, and nothing else is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:  # a Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise


def try_writing(folder: Path) -> None:
    """Make a folder if it is not there, and write into it: before long work, not after it.

    Raises:
        OSError: one of both can't be done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _try_in(folder)


def try_place(folder: Path) -> None:
    """Find out whether a folder is there, or can be made, and written into; nothing is left of the trial.

    Of a folder that is not there yet, the nearest one above it is tried.

    Raises:
        OSError: it can't.
    """
    while True:
        try:
            folder.lstat()  # a link to nowhere is there, and can't be written into
            break
        except FileNotFoundError:
            if folder.parent == folder:  # no such drive, or the caller's own folder is gone
                raise
            folder = folder.parent
    _try_in(folder)


def _try_in(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass
