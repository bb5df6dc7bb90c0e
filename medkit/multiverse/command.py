"""`python3 -m medkit multiverse`: make the runs that are missing, then the table and the figure."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from medkit import _command, record, reproduce
from medkit._files import write_whole
from medkit.multiverse import figure, report
from medkit.multiverse.running import PRESETS, ROLES, jobs, plan, run_all

SETS = ("us", "mri", "phantom")  # those with masks


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Train hybrid and CNN under 16 readings of the paper, and say how much of its lead they leave open."
    parser = argparse.ArgumentParser(prog="python3 -m medkit multiverse", description=said)
    sizes = "; ".join(f"{name}: {preset.says}" for name, preset in PRESETS.items())
    seeds = "the first is that of all readings, the others repeat the reference reading (default: 0 1 2)"
    parser.add_argument("--data", default="us", choices=SETS, help="default: us")
    parser.add_argument("--preset", default="class", choices=PRESETS, help=f"{sizes} (default: class)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help=seeds)
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    parser.add_argument("--out", type=_command.path, help="the folder of records (default: under results/local)")
    chosen = parser.parse_args(arguments)
    chosen.seeds = list(dict.fromkeys(chosen.seeds))  # one named twice is one
    return chosen


def folder_of(chosen: argparse.Namespace) -> Path:
    """Return where records go unless --out says otherwise: results/local/multiverse-SET, or ...-SET-PRESET.

    >>> folder_of(parse([])).name, folder_of(parse(["--data", "mri", "--preset", "quick"])).name
    ('multiverse-us', 'multiverse-mri-quick')
    """
    more = [] if chosen.preset == "class" else [chosen.preset]
    return reproduce.RESULTS / "-".join(["multiverse", chosen.data, *more])


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit multiverse`; return the exit code.

    Started by torchrun, each process makes every so-manieth reading; the last one prints.
    """
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen, chosen.out or folder_of(chosen)))


def _run(chosen: argparse.Namespace, out: Path) -> None:
    record.check_writable(out / "multiverse.txt")
    print(f"Loading {chosen.data} …", file=sys.stderr)
    made, wanted = plan(chosen.data, chosen.preset, _command.device_named(chosen.device), out), jobs(chosen.seeds)
    records = run_all(made, wanted, *_command.share())
    if len(records) < len(wanted) * len(ROLES):
        return  # another process is still at work, and prints
    text = report.render(records)
    write_whole(out / "multiverse.txt", text + "\n")
    figure.save(records, out / "multiverse.png")
    print(text)
    print(f"· Records, this text and its figure: {out}")
