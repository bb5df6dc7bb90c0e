"""What the long commands share: device, part of the work, and one sentence for each way to end."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from tqdm.auto import tqdm

from medkit._check import MedkitInputError
from medkit._interrupt import Interrupted
from medkit.data.leaks import LeakError


class Share(NamedTuple):
    """Which part of the runs is this process's: every `processes`-th one, from number `rank` on."""

    rank: int
    processes: int


def run(work: Callable[[], object]) -> int:
    """Do the work of a command; return its exit code, with one sentence on stderr where something is off."""
    try:
        work()
    except (MedkitInputError, LeakError, FloatingPointError) as error:
        print(f"medkit: {error}", file=sys.stderr)
        return 2
    except Interrupted as error:
        print(f"\nmedkit: {error}; start the same command again", file=sys.stderr)
        return 130
    return 0


def path(text: str) -> Path:
    """Read a path from the command line: from the caller's folder, `~` being the user's own.

    Raises:
        argparse.ArgumentTypeError: nothing is named, which would be taken for the caller's folder.
    """
    return Path(data(text))


def data(text: str) -> str:
    """Read the name of a set, or the path of a file or folder, as `path` does.

    Raises:
        argparse.ArgumentTypeError: as there.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("must name something, got an empty text; write . for the folder that you are in")
    return os.path.expanduser(text)  # the shell leaves it in --out=~/x


def device_named(name: str | None) -> torch.device:
    """Return the device that --device names; None: CUDA where there is a GPU.

    On CUDA each process of a host has one of its own, and the same seed gives the same bits.

    Raises:
        MedkitInputError: "cuda" where there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise MedkitInputError("--device cuda", "needs a CUDA GPU, and PyTorch sees none", "leave --device out")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())


def share() -> Share:
    """Return this process's part of the runs, as torchrun says; all of them where it was not started by that."""
    return Share(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))


def say(text: str) -> None:
    """Tell on stderr what is being done, above a progress bar where one is shown."""
    tqdm.write(text, file=sys.stderr)


def call(arguments: str, system: str = os.name) -> str:
    """Return what to type for a command of medkit.

    >>> call("claims", "posix"), call("claims", "nt")
    ('python3 -m medkit claims', 'py -m medkit claims')
    """
    return f"{'py' if system == 'nt' else 'python3'} -m medkit {arguments}"


def quoted(path: Path, system: str = os.name) -> str:
    """Return a path as one word of a command line.

    >>> quoted(Path("a/b.npz"), "posix"), quoted(Path("my scans"), "posix"), quoted(Path("my scans"), "nt")
    ('a/b.npz', "'my scans'", '"my scans"')
    """
    if system != "nt":
        return shlex.quote(str(path))
    return str(path) if re.fullmatch(r"[\w.:/\\-]+", str(path)) else f'"{path}"'  # " is in no path there


def call_with_data(folder: Path, arguments: str, system: str = os.name) -> list[str]:
    """Return what to type for a command that finds its sets in a folder, with the name of the shell where that matters.

    >>> call_with_data(Path("my sets"), "claims", "posix")
    ["MEDKIT_DATA='my sets' python3 -m medkit claims"]
    """
    if system != "nt":
        return [f"MEDKIT_DATA={quoted(folder, system)} {call(arguments, system)}"]
    inside = str(folder).replace("'", "''")
    return [
        f"(PowerShell) $env:MEDKIT_DATA='{inside}'; {call(arguments, system)}",
        f'(cmd) set "MEDKIT_DATA={folder}" && {call(arguments, system)}',
    ]


def spoken(seconds: float) -> str:
    """Return how long something will take, as one says it.

    >>> spoken(75), spoken(300)
    ('about 75 s', 'about 5 min')
    """
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"
