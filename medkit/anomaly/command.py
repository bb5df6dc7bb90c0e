"""The command: train every detector small, keep a record of each and each seed, print the tables."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from tqdm.auto import tqdm

from medkit import _command, experiment, markup, record, reproduce, sets
from medkit._files import write_whole
from medkit.anomaly import run, show
from medkit.preparation import Preparation
from medkit.presets import PRESETS

PHANTOMS = (540, 180, 240)  # training, validation and test images


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Train anomaly detectors on healthy images alone, and measure what they find and where."
    parser = argparse.ArgumentParser(prog="python3 -m medkit anomaly", description=said)
    parser.add_argument("--data", default="phantom", choices=run.HEALTHY, help="a set with a healthy class")
    parser.add_argument("--size", type=int, default=48, help="pixels along each side, a multiple of 8 (default: 48)")
    parser.add_argument("--methods", nargs="+", default=list(run.METHODS), choices=run.METHODS, help="these alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of weights and order (default: 0 1 2)")
    parser.add_argument("--out", type=Path, help="folder of the records (default: results/local/anomaly-SET)")
    chosen = parser.parse_args(arguments)
    if chosen.size < 32 or chosen.size % 8:
        parser.error(f"--size must be a multiple of 8, at least 32, got {chosen.size}; 48 is one")
    return chosen


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit anomaly`; return the exit code."""
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> None:
    preset = dataclasses.replace(PRESETS["quick"], size=chosen.size, phantoms=PHANTOMS)
    out = chosen.out or reproduce.RESULTS / f"anomaly-{chosen.data}"
    record.check_writable(out / "tables.txt")
    _command.say(f"{chosen.data}: loading …")
    loaded = sets.load(chosen.data, preset)
    task = experiment.prepare(loaded.split, Preparation(), _command.device_named("cpu"), loaded.facts)
    test, image = task.test.open("anomaly detection, all methods and seeds")
    healthy = task.image[run.healthy_of(task.train, chosen.data)]
    found = []
    for seed in dict.fromkeys(chosen.seeds):
        paths = {name: out / f"{name.replace(', ', '-').replace(' ', '-')}-seed{seed}.json" for name in dict.fromkeys(chosen.methods)}
        nets = None
        for name in tqdm(paths, desc=f"methods, seed {seed}"):
            if paths[name].exists():
                found.append(_read(paths[name], task.facts))
                continue
            nets = nets or {kind: run.network(kind, task, seed) for kind in (run.PRETRAINED, run.RANDOM)}
            asked = [task.val_image, image]
            if name in run.SUPERVISED:
                answers = run.supervised(task, chosen.data, asked, seed)
            else:
                answers = run.detect(name, healthy, asked, {kind: net for kind, (net, _) in nets.items()}, seed)
            who = {
                "kind": run.KIND, "method": name, "seed": seed, "supervised": name in run.SUPERVISED,
                "healthy": len(healthy), "features": [source for _, source in nets.values()], "data": task.facts,
                "machine": record.machine(task.image.device),
            }  # fmt: skip
            found.append(who | run.measured(answers, task, test, chosen.data))
            record.save(found[-1], paths[name])
    text = markup.as_text(show.sheet(found)) + "\n"
    write_whole(out / "tables.txt", text)
    print(f"{text}\n· Records, and this text: {out}", flush=True)


def _read(path: Path, facts: dict) -> dict:
    return record.read(
        path, "a detector", lambda found: found["kind"] == run.KIND and found["data"]["sha256"] == facts["sha256"]
    )
