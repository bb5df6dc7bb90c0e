"""Writing a file so that it is never half there."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write text beside the file, flush it to the disk, then put it in place in one step.

    Whatever stops it, the file holds all of the new text or all of the old.

    Raises:
        OSError: disk full, no permission; the file is as it was, and nothing else is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:  # a Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise
