"""What every run of pytest here obeys, notebooks too.

Errors in widget callbacks fail a notebook; MEDKIT_DATA is absolute, so that kernels see it; and with
MEDKIT_NO_SKIP=1 (set by `python3 -m medkit test`) only the skips that are named below are allowed.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from pathlib import Path

import pytest

try:
    from nbmake.nb_result import NotebookError, NotebookResult
    from nbmake.nb_run import NotebookRun
except ImportError:  # pytest without nbmake: no notebook is collected then
    NotebookRun = None

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
SKIPS = pytest.StashKey[Counter]()


def widget_errors(nb) -> list[dict]:
    """Collect the errors that the Output widgets of an executed notebook hold.

    A callback that raises inside `interact` or an Output widget leaves its error there, and its cell
    passes.
    """
    widgets = nb.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    outputs = [out for widget in widgets.values() for out in widget.get("state", {}).get("outputs", ())]
    return [out for out in outputs if out.get("output_type") == "error"]


def fail_on_widget_errors(execute):
    """Wrap nbmake's `NotebookRun.execute`, so that an error in a widget fails the notebook."""

    @functools.wraps(execute)
    def wrapped(run) -> NotebookResult:
        result = execute(run)
        errors = widget_errors(result.nb)
        if result.error is None and errors:
            names = "; ".join(f"{error['ename']}: {error['evalue']}" for error in errors)
            summary = f"a widget callback raised {names}"
            traces = ["\n".join(error["traceback"]) for error in errors]
            result.error = NotebookError(summary, "\n\n".join([summary, *traces]), -1)
        return result

    return wrapped


if NotebookRun is not None:
    NotebookRun.execute = fail_on_widget_errors(NotebookRun.execute)


def pytest_configure(config):
    """Make MEDKIT_DATA absolute, or end at once where it leads nowhere."""
    config.stash[SKIPS] = Counter()
    value = os.environ.get("MEDKIT_DATA")
    if not value:
        return
    folder = Path(config.invocation_params.dir, Path(value).expanduser())
    if not folder.is_dir():
        raise pytest.UsageError(f"MEDKIT_DATA must be a folder, got {value}; correct it or unset it")
    os.environ["MEDKIT_DATA"] = str(folder.resolve())


def is_allowed(reason: str, environ: dict[str, str]) -> bool:
    """Say whether a skip may stand under MEDKIT_NO_SKIP=1: no GPU, no Chromium outside CI, no data."""
    if reason.startswith("Chromium"):
        return not environ.get("CI")
    if reason.startswith("MEDKIT_DATA"):
        return not environ.get("MEDKIT_DATA")
    return reason == "needs a CUDA GPU"


def is_strict() -> bool:
    """Say whether skips are held against the list above."""
    return os.environ.get("MEDKIT_NO_SKIP") == "1"


class SkipCounter:
    """Counts the reasons of skips, of whole files (collection) and of single tests."""

    def __init__(self, skips: Counter):
        self.skips = skips

    def count(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skips[str(report.longrepr[2]).removeprefix("Skipped: ")] += 1

    pytest_runtest_logreport = pytest_collectreport = count


def pytest_sessionstart(session):
    """Begin to count."""
    session.config.pluginmanager.register(SkipCounter(session.config.stash[SKIPS]))


def pytest_sessionfinish(session, exitstatus):
    """Fail a run that passed but skipped what it may not."""
    refused = [reason for reason in session.config.stash[SKIPS] if not is_allowed(reason, os.environ)]
    if is_strict() and refused and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    """Print the skips by reason; mark those that fail the run."""
    if not is_strict():
        return
    skips = config.stash[SKIPS]
    terminalreporter.section(f"skips: {sum(skips.values())}")
    for reason, number in skips.most_common():
        mark = "allowed" if is_allowed(reason, os.environ) else "NOT ALLOWED"
        terminalreporter.line(f"{mark:<11} {number:4d} x {reason}")
