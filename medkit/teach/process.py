"""The other process, seen from here: started, asked with a time limit, killed, started again.

Reading and writing have threads of their own, so that no pipe can hold this process up, on any system.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from medkit.environment import ROOT
from medkit.teach import wire

CAN_FORK = sys.platform == "linux"  # macOS has fork, and libraries that don't survive it
STARTING, ENDING = 600.0, 10.0  # seconds: to load torch on a slow disk; to die
TRIES, NOTICE = 3, 0.2  # starts in a row; seconds until a wait notices that all is over
KEPT = (  # what a program needs to start; nothing else of the session, such as its passwords
    "PATH", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "TEMP", "TMP",
    "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CONDA_PREFIX", "VIRTUAL_ENV",
    "MPLCONFIGDIR", "XDG_CACHE_HOME",
)  # fmt: skip


class Stopped(Exception):
    """The code was stopped, or stopped its own process; the message ends "it ...".

    Args:
        why: what happened.
        late: whether time ran out.
    """

    def __init__(self, why: str, late: bool = False):
        super().__init__(why)
        self.late = late


class Child:
    """One process for students' code; `begin` and `end` around each exercise, `close` at last.

    Args:
        imports: import statements that cells will want, loaded once.
        memory: bytes that an answer may take beyond the loaded libraries, where the system can tell.
        seconds: of processor time for what is left running when this process is gone.
        fork: make a copy for each exercise; else one process serves until it is killed.
    """

    def __init__(self, imports: list[str], memory: int, seconds: float, fork: bool = CAN_FORK):
        time_left = seconds if fork else seconds * 60  # without fork it serves more than one exercise
        self.first = {"imports": imports, "memory": memory, "seconds": time_left, "fork": fork}
        self.fork, self.closed = fork, False
        self.process: subprocess.Popen | None = None
        self.copy: int | None = None
        self.starts = 0

    def begin(self) -> None:
        """Have a process ready that has seen no line of a student, or, without fork, none since the last kill.

        Raises:
            RuntimeError: it can't be started.
        """
        for _ in range(TRIES):
            if self.closed:
                break
            try:
                if self.process is None:
                    self._start()
                if self.fork:
                    self._send({"do": "begin"})
                    self.copy = self._pid()
                return
            except Stopped:
                self._drop()
        raise RuntimeError("the process for students' code can't be started")

    def ask(self, head: dict, values: tuple, seconds: float, patience: float = 0.0) -> tuple[dict, tuple]:
        """Send one request, and return what comes back.

        Args:
            head, values: the request.
            seconds: by the clock on the wall.
            patience: further seconds, as long as the machine is too busy to let the code run.

        Raises:
            Stopped: nothing came back in time, or nothing that can be read; the process is gone then.
            Unsendable: an argument can't travel.
        """
        if self.process is None or (self.fork and self.copy is None):
            raise Stopped("is not there any more")
        self.outbox.put(wire.encode(head, values, whole=True))
        try:
            told, found = self._next_patiently(seconds, patience)
        except Stopped:
            self.end(kill=True)
            raise
        if "ended" in told:
            self.copy = None
            raise Stopped(_how_it_ended(told["ended"]))
        return told, found

    def end(self, kill: bool = False) -> None:
        """Be done with an exercise: kill the copy and all that it started; without fork only where `kill`."""
        if not self.fork:
            if kill:
                self._drop()
            return
        if self.copy is None:
            return
        copy, self.copy = self.copy, None
        with contextlib.suppress(OSError):
            os.killpg(copy, signal.SIGKILL)
        deadline = time.monotonic() + ENDING
        try:
            while "ended" not in self._next(deadline - time.monotonic())[0]:
                pass  # what it had still to say
        except Stopped:
            self._drop()

    def release(self) -> None:
        """Be done with a student: without fork the process has seen their code, and goes."""
        if not self.fork:
            self._drop()

    def close(self) -> None:
        """End the process, for good."""
        self.closed = True
        self._drop()

    def _start(self) -> None:
        apart = {"start_new_session": True} if os.name != "nt" else {}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "medkit.teach.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd=tempfile.gettempdir(),
            **apart,
        )
        self.starts += 1
        self.inbox: queue.Queue = queue.Queue(maxsize=4)
        self.outbox: queue.SimpleQueue = queue.SimpleQueue()
        for work, stream, line in ((_receive, "stdout", self.inbox), (_deliver, "stdin", self.outbox)):
            threading.Thread(target=work, args=(getattr(self.process, stream), line), daemon=True).start()
        self._send(self.first)
        self._next(STARTING)
        if not self.fork:
            self._pid()

    def _send(self, head: dict) -> None:
        self.outbox.put(wire.encode(head))

    def _pid(self) -> int:
        told = self._next(STARTING)[0]
        if type(told.get("pid")) is not int:
            raise Stopped("said something else than its number")
        return told["pid"]

    def _next(self, seconds: float) -> tuple[dict, tuple]:
        deadline, frame = time.monotonic() + seconds, None
        while frame is None:
            left = deadline - time.monotonic()
            with contextlib.suppress(queue.Empty):
                frame = self.inbox.get(timeout=min(max(left, 0.0), NOTICE))
            if frame is None and self.closed:
                raise Stopped("is not there any more")
            if frame is None and left <= NOTICE:
                raise Stopped("did not come back in time", late=True)
        if isinstance(frame, str):
            self.inbox.put(frame)  # whoever asks next hears the same
            raise Stopped(frame)
        return frame

    def _next_patiently(self, seconds: float, patience: float) -> tuple[dict, tuple]:
        """Wait on where a code has not had its time: on a busy machine an honest answer is slow, too."""
        deadline = time.monotonic() + patience + seconds
        while True:
            try:
                return self._next(seconds)
            except Stopped as stopped:
                if not stopped.late or time.monotonic() > deadline or not self._is_starved(patience / 6):
                    raise
            seconds = 0.2

    def _is_starved(self, fair: float) -> bool:
        """Tell whether the copy wants to run and had less than `fair` seconds of a processor so far."""
        try:
            stat = Path(f"/proc/{self.copy}/stat").read_text(encoding="utf-8", errors="replace")
            state, *others = stat.rpartition(")")[2].split()
            spent = (int(others[10]) + int(others[11])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError):
            return False
        return state in "RD" and spent < fair

    def _drop(self) -> None:
        """Kill the process, with its copy and all that they started."""
        process, self.process = self.process, None
        copy, self.copy = self.copy, None
        if process is None:
            return
        if copy is not None:
            with contextlib.suppress(OSError):
                os.killpg(copy, signal.SIGKILL)
        _kill_tree(process)
        self.outbox.put(None)
        process.wait()
        with contextlib.suppress(queue.Empty):  # let the reading thread come to its end
            while not isinstance(self.inbox.get(timeout=1.0), str):
                pass


def _kill_tree(process: subprocess.Popen) -> None:
    if os.name == "nt":  # a process there knows no group that dies with it
        command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    else:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _how_it_ended(code: object) -> str:
    if isinstance(code, int) and code < 0:
        with contextlib.suppress(ValueError):
            return f"ended its own process (signal {signal.Signals(-code).name})"
    return "ended its own process"


def _environment() -> dict[str, str]:
    """Return the variables of the child: those a program needs to start, one thread, no GPU."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return kept | threads | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "agg"}


def _receive(stream, inbox: queue.Queue) -> None:
    """Put every frame that comes into the queue, and at the end why there are no more."""
    why = "ended its own process"
    try:
        while (frame := wire.read(stream)) is not None:
            inbox.put(frame)
    except (wire.Malformed, OSError, ValueError):
        why = "wrote into the channel to the grader"
    inbox.put(why)
    with contextlib.suppress(OSError):
        stream.close()


def _deliver(stream, outbox: queue.SimpleQueue) -> None:
    """Write every frame of the queue until there is a None."""
    with contextlib.suppress(OSError, ValueError):
        while (frame := outbox.get()) is not None:
            stream.write(frame)
            stream.flush()
    with contextlib.suppress(OSError):
        stream.close()
