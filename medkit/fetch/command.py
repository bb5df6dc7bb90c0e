"""The command: list the public sets, or fetch one and say what comes next."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from tqdm.auto import tqdm

from medkit import _command
from medkit.data.where import data_root
from medkit.fetch import cache
from medkit.fetch.catalogue import SETS, PublicSet, named
from medkit.fetch.download import WAITS, download
from medkit.fetch.lock import alone
from medkit.fetch.unpack import unpack

ARCHIVES = (".zip", ".tar")
PREPARED = "prepared"  # beside the sets: what `prepare` makes of them


def fetch(
    one: PublicSet, folder: Path, *, local: bool = False, waits: tuple[float, ...] = WAITS, progress: Callable | None = tqdm,
) -> tuple[Path, Path]:  # fmt: skip
    """Return a set's file, and what to work with: the file itself, or the folder that it was unpacked into.

    A copy in the folder that MEDKIT_DATA names comes first, then one in `folder`; both are hashed again.
    Only if there is neither does it come down. Archives are unpacked into `folder` once.

    Args, Raises: as for `download` and `unpack`.
    """
    root = data_root()
    copies = [root / one.file] if root is not None and (root / one.file).is_file() else []
    path = download(one, copies[0].parent if copies else folder, local=local, waits=waits, progress=progress)
    if path.suffix not in ARCHIVES:
        return path, path
    target = folder / one.name
    if not target.is_dir():
        with alone(target, progress):
            if not target.is_dir():  # or another process has unpacked it meanwhile
                unpack(path, target, progress=progress)
    return path, target


def listed() -> str:
    """Return the sets as a table: name, what it is, licence, and what is known to check it by."""
    rows = [("SET", "what it is", "licence", "published sum")]
    rows += [(one.name, one.title, one.licence, one.sum.split(":")[0] if one.sum else "none") for one in SETS.values()]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"They go to {cache.folder()}, or where --to says. No address was tried when this list was made."])


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit fetch`; return the exit code."""
    said = "Fetch a public set of images from its own address, check it, unpack it. Without SET: list them."
    parser = argparse.ArgumentParser(prog="python3 -m medkit fetch", description=said)
    parser.add_argument("set", nargs="?", metavar="SET", help="its name in the list")
    parser.add_argument("--to", type=_command.path, help="folder (default: the user's cache folder)")
    chosen = parser.parse_args(arguments)
    if chosen.set is None:
        print(listed())
        return 0
    return _command.run(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> None:
    one, folder = named(chosen.set), (chosen.to or cache.folder()).absolute()
    _command.say(f"{one.title}; licence: {one.licence}; {one.page}")
    path, result = fetch(one, folder)
    known = f"its published {one.sum.split(':')[0]} agrees" if one.sum else "no sum is published to compare it with"
    print(f"{path}\n  sha256 {cache.sum_of(path)}; {known}\n  licence: {one.licence}")
    if result != path:
        print(f"unpacked: {result}")
    if one.then:
        print(f"next: {_command.call(_next(one, result, folder))}")


def _next(one: PublicSet, result: Path, folder: Path) -> str:
    """Return the arguments of the command that comes next; what it prepares needs a folder where MEDKIT_DATA names none."""
    found = one.then.format(path=_command.quoted(_inner(result)))
    wants_folder = found.startswith("prepare ") and data_root() is None
    return f"{found} --out {_command.quoted(folder / PREPARED)}" if wants_folder else found


def _inner(path: Path) -> Path:
    """Return the only folder in a folder, where there is nothing else in it: archives often hold one."""
    inside = list(path.iterdir()) if path.is_dir() else []
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else path
