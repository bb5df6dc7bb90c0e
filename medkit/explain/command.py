"""The command: train small, explain, keep a record a model and seed, print the tables."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import torch
from tqdm.auto import tqdm

from medkit import _command, experiment, record, reproduce, sets
from medkit._check import MedkitInputError
from medkit._files import write_whole
from medkit.explain import run, show
from medkit.preparation import Preparation
from medkit.presets import PRESETS

SAME = ("epochs", "preset")  # with the images, what records of one folder share


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Train the models small; measure whether attention, Grad-CAM and occlusion point at the lesion."
    parser = argparse.ArgumentParser(prog="python3 -m medkit explain", description=said)
    known = ", ".join((*sets.PHANTOMS, *sets.REAL))
    sizes = "; ".join(f"{name}: {preset.says}" for name, preset in PRESETS.items())
    parser.add_argument("--data", default="phantom", metavar="SET", help=f"one with masks, of {known}, or a folder")
    parser.add_argument("--preset", default="quick", choices=PRESETS, help=sizes)
    parser.add_argument("--size", type=int, help="pixels along each side (default: the preset's)")
    parser.add_argument("--models", nargs="+", default=list(experiment.MODELS), choices=experiment.MODELS, help="these alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of weights and order (default: 0)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="for the training (default: cuda where there is one)")
    parser.add_argument("--out", type=Path, help="folder of the records (default: results/local/explain-SET)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit explain`; return the exit code."""
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> None:
    device, preset = _command.device_named(chosen.device), PRESETS[chosen.preset]
    preset = dataclasses.replace(preset, size=chosen.size or preset.size)
    out = chosen.out or reproduce.RESULTS / f"explain-{Path(chosen.data).name}"
    record.check_writable(out / "tables.txt")
    _say(f"{chosen.data}: loading …")
    loaded = sets.load(chosen.data, preset)
    task = experiment.prepare(loaded.split, Preparation(), device, loaded.facts)
    who = {"preset": chosen.preset, "epochs": preset.settings.epochs}
    records = []
    for seed in dict.fromkeys(chosen.seeds):
        for name in dict.fromkeys(chosen.models):
            path = out / f"{name}-seed{seed}.json"
            if path.exists():
                records.append(_read(path, task.facts, who))
                continue
            model = run.train(name, task, preset.settings, seed, out / "checkpoints" / path.stem)
            _say(f"{name}, seed {seed}: explaining …")
            machine = record.machine(torch.device("cpu"))
            records.append({**run.examine(name, model, task, seed), **who, "machine": machine})
            record.save(records[-1], path)
    text = show.render(records) + "\n"
    write_whole(out / "tables.txt", text)
    print(f"{text}\n· Records, and this text: {out}", flush=True)


def _read(path: Path, facts: dict, who: dict) -> dict:
    """Read a record that is there already, if it belongs to this run.

    Raises:
        MedkitInputError: it is of another set, size or length, or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = found["kind"] == run.KIND and found["data"]["sha256"] == facts["sha256"] and all(found[k] == who[k] for k in SAME)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MedkitInputError(path, "is no record of an explained model", "delete it, or name another --out") from error
    if not same:
        raise MedkitInputError(path, "is of other images or another preset", "delete it, or name another --out")
    return found


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
