"""Around a student's code in its own process: limits of the system, and a watch over what it opens.

Python reports files, programs and connections to a hook that can't be taken away again. It refuses
those that no exercise needs, and notes them: the teacher reads what was tried, even where the code
swallowed the error. It is a fence, not a wall: whoever writes machine code climbs over it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

MOST = 20  # notes that are kept
STARTS = (
    "os.fork", "os.forkpty", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile",
    "subprocess.Popen", "pty.spawn",
)  # fmt: skip
CHANGES = (
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "os.chown", "os.utime", "os.mkfifo", "os.mknod", "shutil.rmtree", "shutil.move", "shutil.copyfile",
)  # fmt: skip
TALKS = (
    "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
    "socket.gethostbyname", "urllib.Request",
)  # fmt: skip
SIGNALS = ("os.kill", "os.killpg", "signal.pthread_kill")
TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class NotAllowed(PermissionError):
    """Something that no answer to an exercise needs to do."""


class Fence:
    """The hook and its notes; `tried` says what was refused, once each."""

    def __init__(self):
        self.tried: list[str] = []

    def close(self, memory: int, seconds: float) -> None:
        """Set the limits and the watch, for good: neither can be loosened by what runs afterwards.

        Args:
            memory: bytes beyond what the process has now.
            seconds: of processor time: what is left running when nobody is there to kill it ends too.
        """
        sys.dont_write_bytecode = True
        limit(memory, seconds)
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple) -> None:
        what = refused(event, arguments)
        if what is None:
            return
        if what not in self.tried and len(self.tried) < MOST:
            self.tried.append(what)
        raise NotAllowed(f"a graded answer may not {what}")


def refused(event: str, arguments: tuple) -> str | None:
    """Return what an event wants to do, in words, if it is refused; None where it may go on.

    >>> refused("open", ("points.csv", "w", 0)), refused("open", ("points.csv", "r", 0))
    ("open 'points.csv' for writing", None)
    """
    if event == "open":
        path, mode, flags = (*arguments, None, None, None)[:3]
        writes = any(letter in str(mode or "") for letter in "wax+") or (isinstance(flags, int) and flags & TO_WRITE)
        return f"open {_named(path)} for writing" if writes and path != os.devnull else None
    if event in STARTS:
        return "start another program or process"
    if event in CHANGES:
        return f"change files ({event}, {_named(arguments[0] if arguments else '')})"
    if event in TALKS:
        return "use the network"
    return "send signals to processes" if event in SIGNALS else None


def _named(path: object) -> str:
    """Return the last part of a path: folders above it may name a person."""
    text = path.decode("utf-8", "replace") if isinstance(path, bytes) else str(path)
    return repr(Path(text).name[:80] or text[:80])


def limit(memory: int, seconds: float) -> None:
    """Limit memory, processor time, files and core dumps, each where the system knows it; none on Windows."""
    try:
        import resource
    except ImportError:
        return
    limits = {"RLIMIT_CPU": int(seconds) + 1, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0}
    now = address_space()
    if now is not None:
        limits["RLIMIT_AS"] = now + memory
    for name, value in limits.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):
            number = getattr(resource, name)
            hard = resource.getrlimit(number)[1]
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(number, (most, most))


def address_space() -> int | None:
    """Return the bytes of addresses that this process has now, libraries included; None where nobody says."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
