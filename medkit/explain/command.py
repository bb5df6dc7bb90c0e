"""The command: train small, explain, keep a record a model and seed, print the tables."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch

from medkit import _command, experiment, record, reproduce, sets
from medkit._files import write_whole
from medkit.explain import run, show
from medkit.preparation import Preparation
from medkit.presets import PRESETS


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Train the models small; measure whether attention, Grad-CAM and occlusion point at the lesion."
    parser = argparse.ArgumentParser(prog="python3 -m medkit explain", description=said)
    known = ", ".join((*sets.PHANTOMS, *sets.REAL))
    sizes = "; ".join(f"{name}: {preset.says}" for name, preset in PRESETS.items())
    parser.add_argument("--data", type=_command.data, default="phantom", metavar="SET", help=f"one with masks, of {known}, or a folder")
    parser.add_argument("--preset", default="quick", choices=PRESETS, help=sizes)
    parser.add_argument("--size", type=int, help="pixels along each side (default: the preset's)")
    parser.add_argument("--models", nargs="+", default=list(experiment.MODELS), choices=experiment.MODELS, help="these alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of weights and order (default: 0)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="for the training (default: cuda where there is one)")
    parser.add_argument("--out", type=_command.path, help="folder of the records (default: results/local/explain-SET)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit explain`; return the exit code."""
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> None:
    device, preset = _command.device_named(chosen.device), PRESETS[chosen.preset]
    preset = dataclasses.replace(preset, size=chosen.size or preset.size)
    out = chosen.out or reproduce.RESULTS / f"explain-{sets.called(chosen.data)}"
    record.check_writable(out / "tables.txt")
    _command.say(f"{sets.called(chosen.data)}: loading …")
    loaded = sets.load(chosen.data, preset)
    run.check(chosen.data, loaded.split)
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
            _command.say(f"{name}, seed {seed}: explaining …")
            machine = record.machine(torch.device("cpu"))
            records.append({**run.examine(name, model, task, seed), **who, "machine": machine})
            record.save(records[-1], path)
    text = show.render(records) + "\n"
    write_whole(out / "tables.txt", text)
    print(f"{text}\n· Records, and this text: {out}", flush=True)


def _read(path: Path, facts: dict, who: dict) -> dict:
    def belongs(found: dict) -> bool:
        same = found["kind"] == run.KIND and found["data"]["sha256"] == facts["sha256"]
        return same and all(found[key] == value for key, value in who.items())

    return record.read(path, "an explained model", belongs, "is of other images or another preset")
