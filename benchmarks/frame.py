"""What every timed comparison has in common: its command line, the machine it ran on, its record."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from medkit import record


def command_line(doc: str, out: str = "") -> argparse.ArgumentParser:
    """Return a parser with what all scripts take; the first line of `doc` describes the script."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--out", type=Path, help=f"JSON file (default: {out or 'beside this script'})")
    return parser


def device(chosen: argparse.Namespace) -> torch.device:
    """Return the device asked for; never another one in its place."""
    if chosen.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device must be cpu here, got cuda; PyTorch finds no CUDA GPU on this machine")
    return torch.device(chosen.device)


def machine(device: torch.device, peers: Iterable[str] = ()) -> dict:
    """Return what the numbers depend on, with the versions of those peers that are installed."""
    found = record.machine(device) | {"cores": os.cpu_count()}
    if peers:
        found["peers"] = {peer: version(peer) for peer in peers if is_installed(peer)}
    if hasattr(os, "getloadavg"):  # on a busy machine threads wait for each other: run it alone
        found["load before"] = os.getloadavg()[0]
    return found


def is_installed(package: str) -> bool:
    """Say whether a package is there, without importing it."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def command(script: str, arguments: list[str] | None = None) -> str:
    """Return the command as a reader can repeat it: without --out, which may name a folder of ours."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    while "--out" in words:
        del words[words.index("--out") : words.index("--out") + 2]
    words = [word for word in words if not word.startswith("--out=")]
    return " ".join(["python3", f"benchmarks/{Path(script).name}", *words])


def title(machine: dict) -> str:
    """Return the machine in a few words."""
    return f"{machine['threads']} threads, {machine['gpu'] or platform.machine()}"


def save(script: str, out: Path | None, name: str, content: dict) -> None:
    """Write the record, by default beside the script, and say where."""
    path = out or Path(script).with_name(f"{name}.json")
    record.save(content, path)
    print(f"saved as {path.name}")
