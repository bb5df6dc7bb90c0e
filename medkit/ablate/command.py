"""The command: studies on sets, run one after the other, each with its table as soon as it is there."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from medkit import _command, markup, record, reproduce, sets
from medkit._files import write_whole
from medkit.ablate.plans import plan
from medkit.ablate.runs import run_all
from medkit.ablate.show import sheet
from medkit.ablate.studies import ASKED_FOR, PRESETS, STUDIES

ALL = "all"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Train with and without single steps of the method, all else equal, and print what each is worth."
    parser = argparse.ArgumentParser(prog="python3 -m medkit ablate", description=said)
    studies = STUDIES | ASKED_FOR
    asks = "; ".join(f"{study.name}: {study.question}" for study in studies.values())
    sizes = "; ".join(f"{name}: {preset.says}" for name, preset in PRESETS.items())
    known = ", ".join((*sets.PHANTOMS, *sets.REAL))
    usual = "; ".join(f"{study.name}: {' '.join(study.data)}" for study in studies.values())
    asks += f" (default: all, but for {', '.join(ASKED_FOR)})"
    parser.add_argument("--study", nargs="+", default=[ALL], choices=(*studies, ALL), help=asks)
    which = f"{known}, or folders CLASS/image.png (default: {usual})"
    parser.add_argument("--data", type=_command.data, nargs="+", metavar="SET", help=which)
    parser.add_argument("--preset", default="quick", choices=PRESETS, help=sizes)
    parser.add_argument("--seeds", nargs="+", type=int, help="of weights, order, labels (default: 0 1 ..., by preset)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    parser.add_argument("--out", type=_command.path, help="folder for ablation-STUDY-SET/ (default: results/local)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit ablate`; return the exit code."""
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen, chosen.out or reproduce.RESULTS))


def _run(chosen: argparse.Namespace, out: Path) -> None:
    device = _command.device_named(chosen.device)
    record.check_writable(out / "tables.txt")
    studies = [study for study in STUDIES.values() if study.name in chosen.study or ALL in chosen.study]
    studies += [study for study in ASKED_FOR.values() if study.name in chosen.study]
    parts = [(study, name) for study in studies for name in dict.fromkeys(chosen.data or study.data)]
    seeds = list(range(PRESETS[chosen.preset].seeds)) if chosen.seeds is None else list(dict.fromkeys(chosen.seeds))
    for number, (study, name) in enumerate(parts, 1):
        about = f"Part {number} of {len(parts)}, {study.name} on {sets.called(name)}"
        _say(f"{about}: loading …")
        made = plan(study, name, chosen.preset, device, out)
        records = run_all(made, seeds, *_command.share(), say=lambda text: _say(f"{about} · {text}"))
        if len(records) == len(made.runs(seeds)):  # of several processes the last one prints
            found = sheet(records)
            write_whole(made.out / "tables.txt", markup.as_text(found) + "\n")
            write_whole(made.out / "tables.html", markup.html_page(found) + "\n")
            print(f"{markup.as_text(found)}\n· Records, and this text: {made.out}\n", flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
