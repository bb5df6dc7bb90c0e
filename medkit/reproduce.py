"""The paper's comparison, run again: four models, several seeds, Tables 4-7 beside what is measured.

    python3 -m medkit reproduce --data phantom|mri|ct|us|... --preset quick|class|paper

All models see the same images in the same order with the same settings (Table 3: Adam, rate 0.001,
batch 32, rotation, flips, zoom) and have about equal numbers of parameters. No choice is made on the
test images; they are only measured. Each model and seed is one run with a record of its own: what is
there is not run again, what was stopped goes on, and `--models` and `--seeds` share the work between
machines, whose records go into one folder. Several GPUs or hosts: started by torchrun, each process
takes every so-manieth run.

Two protocols: *paper* keeps Table 3's rate throughout; *improved* gives each model the rate that did
best on validation images (`--rates` compares them, once) and lets it sink along a cosine.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from medkit import _command, baseline, curves, experiment, markup, rates, record, sets, table
from medkit._check import MedkitInputError
from medkit._command import spoken
from medkit._files import write_whole
from medkit.data.public import FOLDS
from medkit.preparation import Preparation
from medkit.presets import PRESETS

LEFT_OUT = ("ImageNet weights, which the paper's method names",)
RESULTS = Path(__file__).resolve().parent.parent / "results" / "local"
PROTOCOLS = ("paper", "improved")


@dataclass(frozen=True)
class Plan:
    """What is to be run on one set.

    Args:
        task: the images; preset, protocol: their names; preparation: Eq. 1 and 2.
        settings: for each model; out: the folder of records.
    """

    task: experiment.Task
    preset: str
    protocol: str
    preparation: Preparation
    settings: dict
    out: Path

    def described(self) -> dict:
        """Return what a record must say beside its settings; two runs of one table agree in it."""
        return {
            "name": self.protocol,
            "preset": self.preset,
            "split seed": sets.SPLIT_SEED,
            **dataclasses.asdict(self.preparation),
            "learning rate": "as printed, constant"
            if self.protocol == "paper"
            else f"best of {', '.join(map(str, rates.RATES))} on validation images, sinking along a cosine",
        }


def plan(name: str, preset: str, protocol: str, models: list[str], device: torch.device, out: Path, **options) -> Plan:
    """Load a set and settle all that the runs on it share; options as for `medkit.sets.load`.

    Raises:
        MedkitInputError: no such set, or no learning rates for the protocol *improved* yet.
        LeakError: the set's sides share what they must not.
    """
    size, preparation = PRESETS[preset], Preparation()
    loaded = sets.load(name, size, **options)
    task = experiment.prepare(loaded.split, preparation, device, loaded.facts)
    settings = dict.fromkeys((*models, baseline.NAME), size.settings)
    if protocol == "improved":
        cosine = dataclasses.replace(size.settings, cosine=True)
        best = rates.chosen(task, cosine, models, out / rates.FILE)
        settings |= {model: dataclasses.replace(cosine, learning_rate=best[model]) for model in models}
    return Plan(task, preset, protocol, preparation, settings, out)


def run_all(plan: Plan, models: list[str], seeds: list[int], rank: int = 0, processes: int = 1) -> list[dict]:
    """Make the runs that are not there yet; return the records of all, old ones included.

    Args:
        rank, processes: this process makes every so-manieth run, and returns what is there.

    Raises:
        MedkitInputError: a record is in the way that belongs to another protocol or set, or can't
            be read or written.
    """
    runs = {plan.out / f"{name}-seed{seed}.json": (name, seed) for seed in seeds for name in models}
    runs[plan.out / f"{baseline.NAME}-seed0.json"] = (baseline.NAME, 0)
    # what is in the way is found before any training
    records = {path: read(path, plan) for path in runs if path.exists()}
    mine = [path for path in list(runs)[rank::processes] if path not in records]
    begun = time.monotonic()
    for number, path in enumerate(mine):
        name, seed = runs[path]
        left = "" if not number else f" · {spoken((time.monotonic() - begun) / number * (len(mine) - number))} left"
        print(f"Run {list(runs).index(path) + 1} of {len(runs)}: {name}, seed {seed}{left}", file=sys.stderr)
        records[path] = _one(plan, name, seed, path)
    return [records.get(path) or read(path, plan) for path in runs if path.exists()]


def _one(plan: Plan, name: str, seed: int, path: Path) -> dict:
    """Make one run, save its record and return it as it was saved."""
    checkpoints = plan.out / "checkpoints" / path.stem
    if name == baseline.NAME:
        found = baseline.run(plan.task, plan.settings[name])
    else:
        found = experiment.run(name, plan.task, plan.settings[name], seed, checkpoints)
    record.save(found | {"left_out": list(LEFT_OUT), "protocol": plan.described()}, path)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return read(path, plan)


def read(path: Path, plan: Plan) -> dict:
    """Read one run's record; refuse one that is not a run of this plan on these images."""
    other = "delete it, or name another folder with --out"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        wanted = experiment.settings_of(plan.settings[found["model"]])
        same = {
            "run": path.stem == f"{found['model']}-seed{found['seed']}",
            "set of images": found["data"]["sha256"] == plan.task.facts["sha256"],
            "protocol": found["protocol"] == plan.described() and found["left_out"] == list(LEFT_OUT),
            "settings": found["settings"] == json.loads(json.dumps(wanted)),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MedkitInputError(path, "is no record of a run", other) from error
    for what, is_same in same.items():
        if not is_same:
            raise MedkitInputError(path, f"is a record of another {what}", other)
    return found


def write_tables(records: list[dict], out: Path) -> str:
    """Write Tables 4-7 as text, HTML and LaTeX and the learning curves beside the records; return the text."""
    sheet = table.sheet(records)
    text = markup.as_text(sheet)
    for ending, content in (("txt", text), ("html", markup.html_page(sheet)), ("tex", markup.as_latex(sheet))):
        write_whole(out / f"tables.{ending}", content + "\n")
    curves.save(records, out / "curves.png")
    return text


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python3 -m medkit reproduce", description="Train the models, print Tables 4-7 beside the paper's."
    )
    names, known = list(experiment.MODELS), ", ".join((*sets.PHANTOMS, *sets.REAL))
    sizes = "; ".join(f"{name}: {preset.says}" for name, preset in PRESETS.items())
    parser.add_argument("--data", type=_command.data, default="phantom", help=f"{known} (default: phantom), or a folder CLASS/image.png")
    parser.add_argument("--preset", default="quick", choices=PRESETS, help=sizes)
    parser.add_argument("--protocol", default="paper", choices=PROTOCOLS, help="paper: constant rate 0.001 (default)")
    parser.add_argument("--models", nargs="+", choices=names, default=names, help="default: all four")
    parser.add_argument("--seeds", nargs="+", type=int, help="of weights and order (default: 0 1 ..., by preset)")
    parser.add_argument("--fold", type=int, default=0, choices=range(FOLDS), help="of head CT: the test patients")
    parser.add_argument("--rates", action="store_true", help="only compare learning rates on validation images")
    parser.add_argument("--allow-leak", action="store_true", help="go on with a leaky split; records say so for good")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    parser.add_argument("--out", type=_command.path, help="the folder of records (default: under results/local)")
    chosen = parser.parse_args(arguments)
    if chosen.fold and chosen.data != "ct":
        parser.error(f"--fold goes with --data ct, got --data {chosen.data}; leave it out")
    if chosen.rates:
        chosen.protocol = "improved"  # which reads them, from the same folder
    return chosen


def folder_of(chosen: argparse.Namespace) -> Path:
    """Return where the records of a command go unless --out says otherwise: results/local/SET-PRESET..."""
    more = [f"fold{chosen.fold}"] * bool(chosen.fold) + ["improved"] * (chosen.protocol == "improved")
    return RESULTS / "-".join([sets.called(chosen.data), chosen.preset, *more])


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit reproduce`; return the exit code."""
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen, chosen.out or folder_of(chosen)))


def _run(chosen: argparse.Namespace, out: Path) -> None:
    device = _command.device_named(chosen.device)
    record.check_writable(out / "tables.txt")
    print(f"Loading {sets.called(chosen.data)} …", file=sys.stderr)
    options = {"fold": chosen.fold, "allow_leak": chosen.allow_leak}
    protocol = "paper" if chosen.rates else chosen.protocol
    made = plan(chosen.data, chosen.preset, protocol, chosen.models, device, out, **options)
    if chosen.rates:
        cosine = dataclasses.replace(PRESETS[chosen.preset].settings, cosine=True)
        found = rates.check(made.task, cosine, chosen.models, out / rates.FILE)
        print("Rates with the smallest validation loss: " + ", ".join(f"{m} {r}" for m, r in found["chosen"].items()))
        return
    seeds = list(range(PRESETS[chosen.preset].seeds)) if chosen.seeds is None else chosen.seeds
    records = run_all(made, chosen.models, seeds, *_command.share())
    if len(records) > len(set(seeds)) * len(chosen.models):  # all, the baseline included: the last process prints
        print(write_tables(records, out))
        print(f"· Records, and this text: {out}")


if __name__ == "__main__":  # torchrun -m medkit.reproduce ...
    sys.exit(main(sys.argv[1:]))
