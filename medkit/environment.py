"""Find the Python environment that medkit runs in, and hand over to it; standard library only.

An active venv or conda environment that satisfies the lists is used as it is and never changed.
Otherwise `.venv` beside the package is used, and `medkit.install` makes or completes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from medkit.install import Say, SetupError, clean_environ, is_ready, set_up
from medkit.packages import missing, python_of, read_all

__all__ = ["ROOT", "SetupError", "child_environment", "ensure", "find", "from_here", "hand_over", "is_running", "standing"]

ROOT = Path(__file__).resolve().parent.parent


def ensure(lists: list[str], say: Say, root: Path = ROOT) -> Path:
    """Return a Python that satisfies the lists; make or complete `.venv` where none does.

    Args:
        lists: files of requirements, relative to `root`.
        say: takes each line that the user should see.

    Raises:
        SetupError: no network, too little disk, no venv module, or an installer that failed.
    """
    python = standing(lists, root)
    if python is None:
        active = active_search_path(root)
        if active is not None:
            lacking = ", ".join(missing(read_all(lists, root), active, root))
            say(f"medkit: the active environment {sys.prefix} lacks {lacking}; using .venv instead.")
        set_up(root / ".venv", lists, root, say)
    return python or python_of(root / ".venv")


def standing(lists: list[str], root: Path = ROOT) -> Path | None:
    """Return a Python that satisfies the lists already, within milliseconds; None where none does."""
    active = active_search_path(root)
    if active is not None and not missing(read_all(lists, root), active, root):
        return Path(sys.executable)
    return python_of(root / ".venv") if is_ready(root / ".venv", lists, root) else None


def find(root: Path = ROOT) -> Path | None:
    """Return the Python that medkit would run in, whole or not; None where there is none yet."""
    half = python_of(root / ".venv")
    return standing(["requirements.txt"], root) or (half if half.exists() else None)


def active_search_path(root: Path = ROOT) -> list[str] | None:
    """Return where an active venv or conda environment looks for packages; None if none is active.

    `.venv` itself counts as ours, not as active. PYTHONPATH and the folder itself are left out.
    """
    active = sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir()
    if not active or is_running(python_of(root / ".venv")):
        return None
    extra = {os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    return [path for path in sys.path if path and os.path.abspath(path) not in extra | {str(root)}]


def is_running(python: Path) -> bool:
    """Say whether this process runs in the environment of that Python."""
    return os.path.realpath(python.parent.parent) == os.path.realpath(sys.prefix)


def child_environment(python: Path, environ: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables for a program that runs in the environment of `python`.

    MEDKIT_DATA becomes absolute: notebooks run in a folder of their own.
    """
    environ = clean_environ(dict(os.environ if environ is None else environ))
    if (python.parent.parent / "pyvenv.cfg").is_file():
        environ["VIRTUAL_ENV"] = str(python.parent.parent)
    environ["PATH"] = os.pathsep.join([str(python.parent), environ.get("PATH", os.defpath)])
    if environ.get("MEDKIT_DATA"):
        environ["MEDKIT_DATA"] = os.path.abspath(os.path.expanduser(environ["MEDKIT_DATA"]))
    return environ


def from_here(arguments: list[str], root: Path = ROOT) -> list[str]:
    """Return another program's arguments, as it must read them in the folder `root` instead of the caller's.

    What is there as seen from the caller's folder and looks like a path becomes a whole one; what follows `::`
    names a test in it. All else stays: a word such as `gaussian` may also be the name of a file.
    """
    if os.path.realpath(os.getcwd()) == os.path.realpath(root):
        return arguments
    found = []
    for word in arguments:
        option, path = word.split("=", 1) if word.startswith("--") and "=" in word else ("", word)
        path, colons, test = path.partition("::")
        slashes = any(slash in path for slash in (os.sep, "/"))
        is_path = slashes or path in (".", "..") or path.endswith((".py", ".ipynb"))
        whole = option + "=" * bool(option) + os.path.abspath(path) + colons + test
        found.append(whole if is_path and os.path.exists(path) else word)
    return found


def hand_over(command: list[str], environ: dict[str, str], folder: Path | None = None) -> int:
    """Let another program take this one's place; on Windows, wait for its exit code and return it.

    Args:
        command: the program, by its whole path, and its arguments. environ: all its environment variables.
        folder: where it works; None: in the caller's, from which its paths are taken.
    """
    sys.stdout.flush()
    if folder is not None:
        os.chdir(folder)
    if os.name != "nt":
        os.execve(command[0], command, environ)
    child = subprocess.Popen(command, env=environ)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the child got Ctrl-C as well, and ends by itself
