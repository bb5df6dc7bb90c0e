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
    with tempfile.TemporaryFile(dir=folder):
        pass
