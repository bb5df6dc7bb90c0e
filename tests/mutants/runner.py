"""Run tests against a source that is not the one on the disk, thousands of times.

Nothing is written into the working tree: an import hook hands Python the other source for one module.
Where the system can fork, each run is a fork of one process that has imported the libraries already;
elsewhere, or if asked, each is a fresh Python.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

CAN_FORK = hasattr(os, "fork")
MEMORY = 8 * 2**30  # bytes of data that one run may hold
LEFT_OUT = (
    # They compare real times: on a busy machine they would refuse a mutant by accident.
    "tests/test_attention.py::test_linear_form_is_faster",
    "tests/test_timing.py::test_twin_torch_benchmark",
    # They compare with a Python of their own, which reads the true source: any difference would do.
    "tests/test_augment.py::test_law_two_processes_give_the_bytes_of_one",
    "tests/test_resume.py::test_interrupt_of_a_process",
    "tests/test_resume.py::test_law_killed",
)
UNSET = ("MEDKIT_DATA", "MEDKIT_NO_SKIP", "MEDKIT_FAST", "MEDKIT_STRICT", "PYTEST_ADDOPTS", "CI")


class Job(NamedTuple):
    """One run: these tests, with this source in place of that module's own."""

    root: str  # the folder that holds medkit/ and tests/
    module: str  # "denoise", "models.unet"
    source: str
    tests: tuple[str, ...]  # files or node ids, from the root
    seconds: Mapping[str, float]  # what each test took before: the quick ones go first
    limit: float  # seconds until the run counts as hung


class Outcome(NamedTuple):
    """How a run ended: "survived" (all tests passed), "killed" or "hung"."""

    verdict: str
    by: str  # the test that failed first
    seconds: Mapping[str, float]  # what each test took


# --- inside the run ---------------------------------------------------------------------------


class Replace(importlib.machinery.SourceFileLoader):
    """Finder and loader at once, of one module: its name and file are true, its source is not."""

    def __init__(self, name: str, path: str, source: str):
        super().__init__(name, path)
        self.source, self.used = source, False

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            return importlib.util.spec_from_file_location(name, self.path, loader=self)
        return None

    def get_code(self, name):
        self.used = True
        return compile(self.source, self.path, "exec", dont_inherit=True)


class Watcher:
    """A plugin of pytest's: puts quick tests first, notes what each takes and which one fails."""

    def __init__(self, seconds: Mapping[str, float]):
        self.before, self.seconds, self.failed = seconds, {}, ""

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: self.before.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        self._note(report)

    def pytest_collectreport(self, report):
        self._note(report)

    def _note(self, report):
        if report.failed:
            self.failed = self.failed or report.nodeid


def run_here(job: Job, answer: str) -> None:
    """Run one job in this process, which is good for nothing else afterwards."""
    import pytest

    _limit_memory()
    for name in UNSET:
        os.environ.pop(name, None)
    os.chdir(job.root)
    sys.path.insert(0, job.root)
    path = Path(job.root, "medkit", *job.module.split(".")).with_suffix(".py")
    replace = Replace(f"medkit.{job.module}", str(path), job.source)
    sys.meta_path.insert(0, replace)
    _no_shrinking()
    watcher = Watcher(job.seconds)
    options = ["-x", "-q", "-m", "not slow", "--tb=short", "-p", "no:cacheprovider", f"--rootdir={job.root}"]
    options += [f"--deselect={test}" for test in LEFT_OUT]
    code = int(pytest.main([*options, *job.tests], plugins=[watcher]))
    said = {"code": code, "used": replace.used, "by": watcher.failed, "seconds": watcher.seconds}
    Path(answer).write_text(json.dumps(said), encoding="utf-8")


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    soft = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _no_shrinking() -> None:
    """Let Hypothesis stop at the first failure: that there is one is all that is asked."""
    with contextlib.suppress(ImportError):
        from hypothesis import Phase, settings

        quick = settings(database=None, deadline=None, phases=(Phase.explicit, Phase.generate))
        settings.register_profile("mutants", quick)
        settings.load_profile("mutants")


# --- around the runs --------------------------------------------------------------------------


def warm(paths: Iterable[Path]) -> None:
    """Import what these sources and pytest import from elsewhere, so that forks find it imported."""
    for name in ("pytest", *sorted({name for path in paths for name in _foreign(path)})):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for plugin in importlib.metadata.entry_points(group="pytest11"):
        with contextlib.suppress(Exception):  # the run itself will say what is wrong with it
            plugin.load()
    import _pytest.config

    for name in _pytest.config.default_plugins:
        importlib.import_module(f"_pytest.{name}")
    gc.freeze()  # a collection in a fork would copy every page that it looks at


def _foreign(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.importorskip":
            names = [ast.literal_eval(node.args[0])]
        beside = {other.stem for other in path.parent.glob("*.py")}
        yield from (name for name in names if name.split(".")[0] not in {"medkit", "__future__"} | beside)


class Run:
    """One job under way, in a process of its own."""

    def __init__(self, job: Job, folder: Path, fresh: bool):
        self.job, self.folder, self.start = job, folder, time.monotonic()
        self.answer, self.output = folder / "answer.json", folder / "output.txt"
        self.process, self.code = None, None
        if fresh:
            self._start()
        else:
            self._fork()

    def _fork(self) -> None:
        self.pid = os.fork()
        if self.pid:
            return
        try:
            os.setsid()
            with self.output.open("wb") as output:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
            run_here(self.job, str(self.answer))
        except BaseException as error:
            os.write(2, repr(error).encode())
        finally:
            os._exit(0)

    def _start(self) -> None:
        request = self.folder / "job.json"
        request.write_text(json.dumps(self.job), encoding="utf-8")
        command = [sys.executable, __file__, str(request), str(self.answer)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=CAN_FORK
            )
        self.pid = self.process.pid

    def is_over(self) -> bool:
        if self.code is None:
            if self.process:
                self.code = self.process.poll()
            else:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def is_late(self) -> bool:
        return time.monotonic() - self.start > self.job.limit

    def end(self) -> None:
        if self.is_over():
            return
        if CAN_FORK:
            with contextlib.suppress(ProcessLookupError):  # too young to lead a group of its own
                os.killpg(self.pid, signal.SIGKILL)
            os.kill(self.pid, signal.SIGKILL)
        else:
            self.process.kill()
        while not self.is_over():
            time.sleep(0.01)

    def outcome(self) -> Outcome:
        """Read the answer of a run that is over; a crash of the interpreter kills the mutant too."""
        if not self.answer.exists() and self.code < 0:
            return Outcome("killed", f"crash, signal {-self.code}", {})
        said = json.loads(self.answer.read_text(encoding="utf-8")) if self.answer.exists() else {"code": -1}
        if said["code"] not in (0, 1, 2) or not said["used"]:
            tail = self.output.read_text(encoding="utf-8", errors="replace")[-2000:]
            why = "never imported the module" if said["code"] in (0, 1, 2) else f"ended with {said['code']}"
            raise RuntimeError(f"tests of {self.job.module} {why}:\n{tail}")
        return Outcome("killed" if said["code"] else "survived", said["by"], said["seconds"])


def run_all(jobs: Mapping[str, Job], workers: int, fresh: bool = False) -> Iterator[tuple[str, Outcome]]:
    """Run many jobs, some at a time; return each one's outcome as it ends."""
    waiting, running = list(jobs.items())[::-1], {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    name, job = waiting.pop()
                    place = Path(folder, str(len(waiting)))
                    place.mkdir()
                    running[name] = Run(job, place, fresh or not CAN_FORK)
                yield from _ended(running)
                time.sleep(0.005)
        finally:
            for run in running.values():
                run.end()


def _ended(running: dict[str, Run]) -> Iterator[tuple[str, Outcome]]:
    for name, run in list(running.items()):
        if run.is_over():
            del running[name]
            yield name, run.outcome()
        elif run.is_late():
            run.end()
            del running[name]
            yield name, Outcome("hung", f"over {run.job.limit:.0f} s", {})


if __name__ == "__main__":
    sys.path[0] = os.getcwd()
    run_here(Job(*json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), sys.argv[2])
