"""One process at a time: a lock of the operating system's, which ends with its process, however that ends."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tqdm.auto import tqdm

from medkit._check import MedkitInputError
from medkit._files import try_writing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

PAUSE = 0.1  # seconds between two looks
BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # what systems say where another process has it


@contextmanager
def alone(path: Path, progress: Callable | None = tqdm) -> Iterator[None]:
    """Work on a file or folder as the only process; another one that wants to waits until this is done or gone.

    The lock is on an empty file `….lock` beside it. What a killed process leaves of that is locked by nobody, and
    taken over at once.

    Args:
        path: what is worked on; its folder is made if need be. progress: such as tqdm, shown while waiting; None for none.

    Raises:
        MedkitInputError: the folder can't be written to, or the file system has no locks.
    """
    try:
        try_writing(path.parent)
    except OSError as error:
        raise MedkitInputError(path.parent, f"can't be written to ({type(error).__name__})", "choose another folder with --to") from None
    lock = path.with_name(path.name + ".lock")
    try:
        file = _taken(lock, progress)
    except OSError as error:
        what = f"has no locks against other processes ({error.strerror or type(error).__name__})"
        raise MedkitInputError(path.parent, what, "choose another folder with --to") from None
    try:
        yield
    finally:
        with suppress(OSError):  # while it is held: whoever waits for it sees that it is gone
            if fcntl:
                lock.unlink()
        file.close()
        with suppress(OSError):  # Windows removes no open file; if another process has it open, that one will
            if not fcntl:
                lock.unlink()


def _taken(lock: Path, progress: Callable | None) -> BinaryIO:
    """Return the lock's file, locked by this process and not removed by the one before."""
    bar = None
    try:
        while True:
            with suppress(PermissionError if not fcntl else ()):  # Windows: it is being removed just now
                with ExitStack() as opened:
                    file = opened.enter_context(lock.open("ab"))
                    if _try(file) and _is_at(file, lock):
                        opened.pop_all()  # it stays open
                        return file
            if bar is None:
                bar = (progress or tqdm)(desc=f"another process works on {lock.stem}, waiting", unit="", disable=progress is None)
            bar.update()
            time.sleep(PAUSE)
    finally:
        if bar is not None:
            bar.close()


def _try(file: BinaryIO) -> bool:
    """Lock an open file; say whether that was possible."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in BUSY:
            return False
        raise
    return True


def _is_at(file: BinaryIO, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(lock))
    except FileNotFoundError:
        return False
