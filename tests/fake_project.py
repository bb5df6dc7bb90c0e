"""A medkit of a few kilobytes with its own tiny packages, to test the launcher without a download."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PARTS = ("__init__", "__main__", "packages", "install", "environment", "doctor")
SHOW = """import json, os, sys
names = "PATH VIRTUAL_ENV PYTHONPATH OMP_NUM_THREADS MEDKIT_FAST MEDKIT_NO_SKIP MEDKIT_STRICT MEDKIT_DATA".split()
environ = {name: os.environ.get(name) for name in names}
print(json.dumps(dict(arguments=sys.argv[1:], folder=os.getcwd(), prefix=sys.prefix, environ=environ)))
"""
REPRODUCE = """import json
import os
import sys


def main(arguments):
    print("reproduce got", arguments, "in", sys.prefix)
    print(json.dumps({"folder": os.getcwd(), "path": sys.path, "data": os.environ.get("MEDKIT_DATA")}))
    return 7
"""
FAKE_UV = '''"""Stands in for uv: makes a venv without pip, and writes what an installer would write."""
import os, re, sys, time, venv
from pathlib import Path

here, way = Path(__file__).parent, os.environ.get("FAKE_UV", "")
with open(here / "calls.txt", "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "venv":
    venv.create(sys.argv[-1], with_pip=False, symlinks=os.name != "nt")
    sys.exit(0)
if "--dry-run" in sys.argv:
    sys.exit(2 if way == "no network" else 0)
if way in ("fails", "lies"):
    sys.exit(3 if way == "fails" else 0)
prefix = Path(sys.argv[sys.argv.index("--python") + 1]).parent.parent
site = next(path for path in prefix.rglob("site-packages") if path.parent.parent.name != "lib64")


def write(name, version, whole=True):
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    (site / f"{name}.py").write_text("" if not whole else "whole = True\\n")
    if whole:
        size = (site / f"{name}.py").stat().st_size
        (info / "RECORD").write_text(f"{name}.py,,{size}\\n{info.name}/RECORD,,\\n")


lists = [sys.argv[i + 1] for i, word in enumerate(sys.argv) if word == "-r"]
lines = [line for name in lists for line in Path(name).read_text().split()]
wanted = [re.match("([a-z]+)>=([0-9.]+)", line).groups() for line in lines]
if way == "slow":
    if not (site / (wanted[0][0] + "-" + wanted[0][1] + ".dist-info")).exists():
        write(*wanted[0], whole=False)
    (here / "started").write_text(str(os.getpid()))
    while not (here / "go on").exists():
        time.sleep(0.02)
for name, version in wanted:
    if not (site / f"{name}-{version}.dist-info" / "METADATA").exists():  # as pip: there is there
        write(name, version)
if way == "slow":
    write(*wanted[0])
'''


def write_wheel(folder: Path, name: str, version: str, main: str = "") -> None:
    """Write a wheel with one package that prints how it was started."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": "",
        f"{name}/__main__.py": main,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


class FakeProject:
    """A copy of the launcher in its own folder, with tiny wheels in place of a package index."""

    def __init__(self, folder: Path, uv: bool = False):
        self.root, self.bin = folder / "kit", folder / "bin"
        self.wheels, self.home = folder / "wheels", folder / "home"
        self.here = self.root  # where commands are called
        self.begun: list[subprocess.Popen] = []
        for path in (self.root / "medkit", self.root / "tests", self.root / "notebooks"):
            path.mkdir(parents=True)
        for path in (self.bin, self.wheels, self.home):
            path.mkdir()
        for part in PARTS:
            shutil.copy(HERE / "medkit" / f"{part}.py", self.root / "medkit")
        (self.root / "medkit" / "reproduce.py").write_text(REPRODUCE, encoding="utf-8")
        (self.root / "notebooks" / "00_start_here.ipynb").write_text("{}", encoding="utf-8")
        (self.root / "requirements.txt").write_text("tqdm>=4.1\njupyterlab>=4.2\n", encoding="utf-8")
        (self.root / "tests" / "requirements.txt").write_text("pytest>=8\n", encoding="utf-8")
        for name, version in (("tqdm", "4.1"), ("jupyterlab", "4.2"), ("pytest", "8.0")):
            write_wheel(self.wheels, name, version, SHOW)
        if uv:
            self._put_uv()

    def _put_uv(self) -> None:
        script = self.bin / "fake_uv.py"
        script.write_text(FAKE_UV, encoding="utf-8")
        if os.name == "nt":
            (self.bin / "uv.bat").write_text(f'@"{sys.executable}" "{script}" %*\n', encoding="utf-8")
        else:
            text = f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n'
            (self.bin / "uv").write_text(text, encoding="utf-8")
            (self.bin / "uv").chmod(0o755)

    @property
    def site(self) -> Path:
        """Where `.venv` keeps its packages."""
        found = (self.root / ".venv").rglob("site-packages")
        return next(path for path in found if "lib64" not in path.parts)

    def calls(self) -> list[str]:
        """What the fake uv was asked to do, probes aside."""
        lines = (self.bin / "calls.txt").read_text(encoding="utf-8").splitlines()
        return [line for line in lines if "--dry-run" not in line]

    def environ(self, **more: str) -> dict[str, str]:
        """An empty environment but for what a program needs to start."""
        kept = {name: os.environ[name] for name in ("SYSTEMROOT", "COMSPEC", "PATHEXT") if name in os.environ}
        here = {"PATH": str(self.bin), "HOME": str(self.home), "USERPROFILE": str(self.home)}
        if self.here != self.root:
            here["PYTHONPATH"] = str(self.root)  # as an installed medkit is found
        return kept | here | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)} | more

    def begin(self, *arguments: str, **more: str) -> subprocess.Popen:
        """Start `python3 -m medkit ...` with a Python outside any environment, and do not wait."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so in the background of a script
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a child would inherit it
        process = subprocess.Popen(
            [sys._base_executable, "-m", "medkit", *arguments],
            cwd=self.here,
            env=self.environ(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.begun.append(process)
        return process

    def stop(self) -> None:
        """End whatever a failed test has left running, installers included."""
        for process in self.begun:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
            process.communicate()

    def start(self, *arguments: str, **more: str) -> subprocess.CompletedProcess:
        """Start `python3 -m medkit ...` and wait for its end."""
        process = self.begin(*arguments, **more)
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)
