"""The command: train every detector small, keep a record of each and each seed, print the tables."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import NamedTuple

from torch import Tensor
from tqdm.auto import tqdm

from medkit import _command, experiment, markup, record, reproduce, sets
from medkit._files import write_whole
from medkit.anomaly import planted, run, show
from medkit.data.container import ImageSet
from medkit.preparation import Preparation
from medkit.presets import PRESETS

PHANTOMS = (540, 180, 240)  # training, validation and test images
FOLDS = {"ct": 5}  # few patients: each is tested once, by a detector that has not seen him; other sets: one split


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Train anomaly detectors on healthy images alone, and measure what they find and where."
    parser = argparse.ArgumentParser(prog="python3 -m medkit anomaly", description=said)
    parser.add_argument("--data", default="phantom", choices=run.HEALTHY, help="a set with a healthy class")
    parser.add_argument("--size", type=int, default=48, help="pixels along each side, a multiple of 8 (default: 48)")
    parser.add_argument("--methods", nargs="+", default=list(run.METHODS), choices=run.METHODS, help="these alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of weights and order (default: 0 1 2)")
    parser.add_argument("--out", type=_command.path, help="folder of the records (default: results/local/anomaly-SET)")
    chosen = parser.parse_args(arguments)
    if chosen.size < 32 or chosen.size % 8:
        parser.error(f"--size must be a multiple of 8, at least 32, got {chosen.size}; 48 is one")
    return chosen


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit anomaly`; return the exit code."""
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen))


class _Side(NamedTuple):
    """One split, ready: the healthy images to train on, and all that a detector is asked."""

    task: experiment.Task
    test: ImageSet
    healthy: Tensor
    asked: list[Tensor]


def _side(chosen: argparse.Namespace, fold: int) -> _Side:
    preset = dataclasses.replace(PRESETS["quick"], size=chosen.size, phantoms=PHANTOMS)
    loaded = sets.load(chosen.data, preset, fold=fold)
    task = experiment.prepare(loaded.split, Preparation(), _command.device_named("cpu"), loaded.facts)
    test, image = task.test.open("anomaly detection, all methods and seeds")
    some = image[run.healthy_test(test, chosen.data)]
    discs = [planted.plant(some, contrast) for contrast in planted.CONTRASTS]
    return _Side(task, test, task.image[run.healthy_of(task.train, chosen.data)], [task.val_image, image, *discs])


def _facts(sides: list[_Side]) -> dict:
    """Return the data of a record: of one split its facts, of several what they share, each by its sums."""
    each = [side.task.facts for side in sides]
    if len(each) == 1:
        return each[0]
    shared = [note for note in each[0]["notes"] if all(note in facts["notes"] for facts in each)]
    said = f"Each patient is tested once, by a detector of the other folds: {len(each)} folds."
    return each[0] | {"sha256": [facts["sha256"] for facts in each], "notes": [said, *shared]}


def _answers(name: str, side: _Side, chosen: argparse.Namespace, nets: dict, seed: int) -> run.Fold:
    if name in run.SUPERVISED:
        answers = run.supervised(side.task, chosen.data, side.asked, seed)
    else:
        answers = run.detect(name, side.healthy, side.asked, {kind: net for kind, (net, _) in nets.items()}, seed)
    return run.Fold(side.task, side.test, *answers[:2], answers[2:])


def _run(chosen: argparse.Namespace) -> None:
    out = chosen.out or reproduce.RESULTS / f"anomaly-{chosen.data}"
    record.check_writable(out / "tables.txt")
    _command.say(f"{chosen.data}: loading …")
    sides = [_side(chosen, fold) for fold in range(FOLDS.get(chosen.data, 1))]
    facts, found = _facts(sides), []
    for seed in dict.fromkeys(chosen.seeds):
        paths = {name: out / f"{name.replace(', ', '-').replace(' ', '-')}-seed{seed}.json" for name in dict.fromkeys(chosen.methods)}
        nets = None
        for name in tqdm(paths, desc=f"methods, seed {seed}"):
            if paths[name].exists():
                found.append(_read(paths[name], facts))
                continue
            nets = nets or {kind: run.network(kind, sides[0].task, seed) for kind in (run.PRETRAINED, run.RANDOM)}
            who = {
                "kind": run.KIND, "method": name, "seed": seed, "supervised": name in run.SUPERVISED,
                "healthy": min(len(side.healthy) for side in sides), "features": [source for _, source in nets.values()],
                "data": facts, "machine": record.machine(sides[0].task.image.device),
            }  # fmt: skip
            answered = [_answers(name, side, chosen, nets, seed) for side in sides]
            found.append(who | run.measured_over(answered, chosen.data))
            record.save(found[-1], paths[name])
    text = markup.as_text(show.sheet(found)) + "\n"
    write_whole(out / "tables.txt", text)
    print(f"{text}\n· Records, and this text: {out}", flush=True)


def _read(path: Path, facts: dict) -> dict:
    return record.read(
        path, "a detector", lambda found: found["kind"] == run.KIND and found["data"]["sha256"] == facts["sha256"]
    )
