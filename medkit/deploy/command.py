"""The command: train small, export, measure every form, keep a record a model and seed, print the tables."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch

from medkit import _command, experiment, markup, record, reproduce, sets
from medkit._files import write_whole
from medkit.deploy import run, show
from medkit.deploy.export import installed
from medkit.preparation import Preparation
from medkit.presets import PRESETS


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Train the models small, export them, and measure size, agreement, Dice and time of every form."
    parser = argparse.ArgumentParser(prog="python3 -m medkit deploy", description=said)
    known = ", ".join((*sets.PHANTOMS, *sets.REAL))
    sizes = "; ".join(f"{name}: {preset.says}" for name, preset in PRESETS.items())
    parser.add_argument("--data", type=_command.data, default="phantom", metavar="SET", help=f"{known}, or a folder CLASS/image.png")
    parser.add_argument("--preset", default="quick", choices=PRESETS, help=sizes)
    parser.add_argument("--size", type=int, help="pixels along each side (default: the preset's)")
    parser.add_argument("--models", nargs="+", default=list(run.MODELS), choices=run.MODELS, help="these alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of weights and order (default: 0)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="for the training (default: cuda where there is one)")
    parser.add_argument("--clock-again", action="store_true", help="take the times of finished records anew, and nothing else")
    parser.add_argument("--out", type=_command.path, help="folder of the records (default: results/local/deploy-SET)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit deploy`; return the exit code."""
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> None:
    installed("onnx", "onnxscript", "onnxruntime")
    device, preset = _command.device_named(chosen.device), PRESETS[chosen.preset]
    preset = dataclasses.replace(preset, size=chosen.size or preset.size)
    out = chosen.out or reproduce.RESULTS / f"deploy-{sets.called(chosen.data)}"
    record.check_writable(out / "tables.txt")
    _command.say(f"{sets.called(chosen.data)}: loading …")
    loaded = sets.load(chosen.data, preset)
    task = experiment.prepare(loaded.split, Preparation(), device, loaded.facts)
    who = {"preset": chosen.preset, "epochs": preset.settings.epochs}
    names, seeds = list(dict.fromkeys(chosen.models)), list(dict.fromkeys(chosen.seeds))
    paths = {(name, seed): out / f"{_word(name)}-seed{seed}.json" for seed in seeds for name in names}
    records = {key: _read(path, task.facts, who) for key, path in paths.items() if path.exists()}
    for seed in seeds:
        todo = [name for name in names if (name, seed) not in records or chosen.clock_again]
        made, found = {}, {}  # the clock of all models runs once all are made
        for name in todo:
            model = run.train(name, task, preset.settings, seed, out / "checkpoints" / f"{_word(name)}-seed{seed}")
            _command.say(f"{name}, seed {seed}: exporting and comparing …")
            made[name] = run.forms_of(model, task)
            found[name] = records.get((name, seed)) or run.examine(name, made[name], task, seed)
        times = _clock(made, task) if todo else {}
        for name in todo:
            clock = {"size": run.TIMED, "times": {where: rows[name] for where, rows in times.items()}}
            records[name, seed] = {**found[name], **who, "machine": run.machine(), "clock": clock}
            record.save(records[name, seed], paths[name, seed])
    text = markup.as_text(show.sheet([records[key] for key in paths])) + "\n"
    write_whole(out / "tables.txt", text)
    print(f"{text}\n· Records, and this text: {out}", flush=True)


def _clock(made: dict, task: experiment.Task) -> dict:
    """Time all forms of several models within one run, on one test image, enlarged where it is smaller."""
    _, image = task.test.open("timing")
    image = run.at_size(image[:1].cpu(), run.TIMED, run.TIMED)
    times = {f"threads: {threads}": run.clock(made, image, threads) for threads in run.THREADS}
    return times | ({"CUDA": run.clock_gpu(made, image)} if torch.cuda.is_available() else {})


def _word(name: str) -> str:
    return name.replace(", ", "-").replace(" ", "-")


def _read(path: Path, facts: dict, who: dict) -> dict:
    def belongs(found: dict) -> bool:
        same = found["kind"] == run.KIND and found["data"]["sha256"] == facts["sha256"]
        return same and all(found[key] == value for key, value in who.items())

    return record.read(path, "an exported model", belongs, "is of other images or another preset")
