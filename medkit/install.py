"""Make and complete `.venv`, so that it can be interrupted at any moment; standard library only.

Two small files in `.venv` make that safe. `medkit-setup.json` says "begun" before anything is made and
gets its final content last. `medkit-setup.lock` is held by the set-up *and* its installer, so that a
second start waits for an installer that was left behind when the first one was killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from medkit.packages import half_installed, missing, python_of, python_version, read_all, site_of

DOWNLOAD = "about 3 GB"  # pip, both lists, Linux: 3.2 GB come down and take 6.2 GB unpacked
NEEDED = 10e9  # bytes free: both of them at once, measured at 9.8 GB
WITH_CACHE = 14e9  # below this pip keeps no copies of its downloads
SPARE = 1e9  # an installer that failed with less than this left has most likely run out of disk
PROBE = "tqdm"  # a small package of the list: can the package index be reached?
STAMP, LOCK, SCRATCH = "medkit-setup.json", "medkit-setup.lock", "medkit-setup.tmp"
FOREIGN = """PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONSAFEPATH PYTHONOPTIMIZE
__PYVENV_LAUNCHER__ VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON UV_SYSTEM_PYTHON
UV_PYTHON UV_TARGET UV_PREFIX""".split()

NO_NETWORK = (
    "no network: the package index can't be reached; "
    "connect (behind a proxy: set HTTPS_PROXY) and start again"
)

Say = Callable[[str], object]


class SetupError(Exception):
    """The environment can't be made; the message is the one sentence that the user reads."""


class Installer(NamedTuple):
    """The commands of uv, or of venv and pip: make a venv, see whether it works, fill it."""

    name: str
    make: list[str]
    works: list[str]
    install: list[str]
    probe: list[str]


def choose_installer(venv: Path) -> Installer:
    """Take uv where it is on PATH, else venv and pip."""
    python, newer = str(python_of(venv)), "import sys; sys.exit(sys.version_info < (3, 11))"
    uv = shutil.which("uv")
    if uv:
        make = [uv, "venv", "--seed", "--allow-existing", "--python", sys.executable, str(venv)]
        install = [uv, "pip", "install", "--python", python]
        probe = [uv, "pip", "install", "--python", sys.executable, "--target", str(venv / SCRATCH)]
        probe += ["--quiet", "--dry-run", "--no-deps", PROBE]
        return Installer("uv", make, [python, "-c", newer], install, probe)
    works = [python, "-c", f"import pip._internal.commands.install; {newer}"]
    install = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    probe = [*install, "--quiet", "--dry-run", "--ignore-installed", "--no-deps", PROBE]
    probe += ["--retries=1", "--timeout=15"]
    return Installer("pip", [sys.executable, "-m", "venv", str(venv)], works, install, probe)


def is_ready(venv: Path, lists: list[str], root: Path) -> bool:
    """Say within milliseconds whether `.venv` was finished for these lists and still satisfies them."""
    stamp = read_stamp(venv)
    stands = python_of(venv).exists() and stamp.get("python") == python_version(venv)
    if not stands or stamp.get("root") != str(root):
        return False
    if any(stamp.get("lists", {}).get(name) != _hash(root / name) for name in lists):
        return False
    return not missing(read_all(lists, root), [str(site_of(venv))], root)


def read_stamp(venv: Path) -> dict:
    """Read what the last set-up wrote; {} where there is no such file, or no readable one."""
    try:
        content = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def clean_environ(environ: dict[str, str]) -> dict[str, str]:
    """Copy environment variables without those that lead another Python or installer astray."""
    return {name: value for name, value in environ.items() if name not in FOREIGN}


def set_up(venv: Path, lists: list[str], root: Path, say: Say) -> None:
    """Bring `.venv` to where the lists want it, from any state that an interruption may have left.

    Raises:
        SetupError: no network, too little disk, no venv module, an installer that failed, or a
            `.venv` that is not ours and can't be used.
    """
    try:
        venv.mkdir(exist_ok=True)
    except FileExistsError:
        raise SetupError(f"{venv} must be a folder, got a file; move it away and start again") from None
    with _locked(venv, say) as lock:
        if not is_ready(venv, lists, root):  # another start may have finished it meanwhile
            _complete(venv, lists, root, say, lock)


def _complete(venv: Path, lists: list[str], root: Path, say: Say, lock: int) -> None:
    installer, stamp, site = choose_installer(venv), read_stamp(venv), site_of(venv)
    ours = stamp.get("ours", not {path.name for path in venv.iterdir()} - {STAMP, LOCK, SCRATCH})
    broken, lacking = half_installed(site), missing(read_all(lists, root), [str(site)], root)
    stands = _succeeds(installer.works) and not any(info.name.startswith("pip-") for info in broken)
    if not stands or broken or lacking or stamp.get("begun"):
        _announce(stands, stamp, lacking, installer, say)
        _check_disk(venv)
        _write_stamp(venv, {"begun": True, "ours": ours})
        if not stands:
            _make(venv, installer, root, ours, lock)
        for info in [*broken, *site_of(venv).glob("~*")]:  # "~": what pip set aside when it was killed
            shutil.rmtree(info, ignore_errors=True)
        _install(venv, lists, root, installer, lock)
        say("medkit: the environment stands.")
    hashes = stamp.get("lists", {}) | {name: _hash(root / name) for name in lists}
    final = {"ours": ours, "python": python_version(venv), "root": str(root), "lists": hashes}
    _write_stamp(venv, final)


def _announce(stands: bool, stamp: dict, lacking: list[str], installer: Installer, say: Say) -> None:
    if stamp.get("begun"):
        say("medkit: the last set-up was interrupted; going on from there.")
    elif not stands:
        say("medkit: first start here, making the environment in .venv. This is done once.")
    if not stands or any(name.startswith("torch>") for name in lacking):
        say(f"medkit: {DOWNLOAD} come down with {installer.name} and take 6 GB of disk; some minutes.")
    else:
        say(f"medkit: installing with {installer.name}: {', '.join(lacking) or 'what is half there'}.")
    say("medkit: Ctrl-C stops it at any time; the next start goes on from there.")


def _make(venv: Path, installer: Installer, root: Path, ours: bool, lock: int) -> None:
    """Make the venv from nothing; never over one that somebody else made."""
    if not ours:
        raise SetupError(
            f"{venv} must be a venv of Python 3.11 or newer with {installer.name}, got one that does not "
            "work and was not made here; move it away and start again"
        )
    lacking = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if installer.name == "pip" and lacking:
        raise SetupError(
            f"{sys.executable} comes without the module {lacking[0]}; install it (Debian, Ubuntu: "
            "sudo apt install python3-venv) or install uv, then start again"
        )
    if installer.name == "uv" and not _succeeds(installer.probe, _installer_environ(venv)):
        raise SetupError(NO_NETWORK)  # uv fetches pip to put it into the venv
    for path in venv.iterdir():
        if path.name not in (STAMP, LOCK):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    code = _run(installer.make, venv, root, lock)
    if code != 0 or not _succeeds(installer.works):
        python_of(venv).unlink(missing_ok=True)  # so that the next start does not take it for whole
        raise SetupError(f"no venv could be made in {venv} (exit code {code}); see the message above")


def _install(venv: Path, lists: list[str], root: Path, installer: Installer, lock: int) -> None:
    """Install the lists; tell a missing network and a full disk from other failures."""
    if not _succeeds(installer.probe, _installer_environ(venv)):
        raise SetupError(NO_NETWORK)
    code = _run(installer.install + [word for name in lists for word in ("-r", name)], venv, root, lock)
    lacking = missing(read_all(lists, root), [str(site_of(venv))], root)
    if code == 0 and not lacking:
        return
    free = shutil.disk_usage(venv).free
    if free < SPARE:
        raise SetupError(f"too little disk: {_gb(free)} left at {venv}; make room and start again")
    if not _succeeds(installer.probe, _installer_environ(venv)):
        raise SetupError(NO_NETWORK)
    raise SetupError(
        f"{installer.name} ended with exit code {code} and left out {', '.join(lacking) or 'nothing'}; "
        "see its message above, then start again: what came down is kept"
    )


def _check_disk(venv: Path) -> None:
    """Ask for room for what is not there yet."""
    held = sum(path.lstat().st_size for path in venv.rglob("*"))
    free, needed = shutil.disk_usage(venv).free, max(NEEDED - held, SPARE)
    if free < needed:
        raise SetupError(
            f"too little disk: {_gb(needed)} must be free at {venv}, got {_gb(free)}; "
            "make room and start again"
        )


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"


def _run(command: list[str], venv: Path, root: Path, lock: int) -> int:
    """Run an installer with its own progress on the screen; being stopped stops it too."""
    keep = {} if os.name == "nt" else {"pass_fds": (lock,)}
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    child = subprocess.Popen(command, cwd=root, env=_installer_environ(venv), **keep)
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        shutil.rmtree(venv / SCRATCH, ignore_errors=True)


def _installer_environ(venv: Path) -> dict[str, str]:
    """Let temporary files lie in `.venv`: on its disk, and gone with the next start after a kill."""
    shutil.rmtree(venv / SCRATCH, ignore_errors=True)
    (venv / SCRATCH).mkdir()
    settings = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(venv / SCRATCH)) | {"PIP_USER": "0"}
    if shutil.disk_usage(venv).free < WITH_CACHE:
        settings["PIP_NO_CACHE_DIR"] = "1"
    return clean_environ(os.environ) | settings


def _succeeds(command: list[str], environ: dict[str, str] | None = None) -> bool:
    """Run a short look quietly."""
    environ = clean_environ(os.environ) if environ is None else environ
    try:
        done = subprocess.run(command, env=environ, capture_output=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@contextlib.contextmanager
def _locked(venv: Path, say: Say) -> Iterator[int]:
    """Hold the lock of `.venv`; wait for whoever holds it, an orphaned installer too."""
    with open(venv / LOCK, "a", encoding="utf-8") as handle:
        waited = False
        while not _try_lock(handle.fileno()):
            if not waited:
                say("medkit: another set-up is at work in this folder; waiting for it. Ctrl-C stops waiting.")
            waited = True
            time.sleep(0.3)
        yield handle.fileno()


def _try_lock(number: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_stamp(venv: Path, content: dict) -> None:
    """Write the stamp whole or not at all."""
    new = venv / (STAMP + ".new")
    new.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(new, venv / STAMP)
