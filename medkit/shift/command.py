"""The command: every set once as the target, each training once for each scale, model and seed; then the tables."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from pathlib import Path

import torch
from tqdm.auto import tqdm

from medkit import _command, experiment, markup, record, reproduce, sets
from medkit._check import MedkitInputError
from medkit._files import write_whole
from medkit.presets import PRESETS, Preset
from medkit.shift.domains import PHANTOM, domains
from medkit.shift.runs import FIXED, ITSELF, KIND, OTHERS, SCALES, Pair, fixed_answer, pair_of, run
from medkit.shift.show import sheet

SEEDS = (0, 1, 2)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Train on all sets but one, test on that one; beside it the model that learned on the set itself."
    parser = argparse.ArgumentParser(prog="python3 -m medkit shift", description=said)
    sizes = "; ".join(f"{name}: {preset.says}" for name, preset in PRESETS.items())
    which = "two or more, or phantom for its three modalities: mri, us, lung, ct, or folders CLASS/image.png (default: phantom)"
    parser.add_argument("--data", type=_command.data, nargs="+", default=[PHANTOM], metavar="SET", help=which)
    parser.add_argument("--preset", default="quick", choices=PRESETS, help=sizes)
    parser.add_argument("--size", type=int, help="pixels along each side (default: the preset's)")
    parser.add_argument("--limit", type=int, help="training images at most of each set (default: the preset's)")
    parser.add_argument("--models", nargs="+", default=["CNN", "hybrid"], choices=experiment.MODELS, help="these alone")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="of weights and order (default: 0 1 2)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    parser.add_argument("--out", type=_command.path, help="folder of the records (default: results/local/shift-SETS)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit shift`; return the exit code."""
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> None:
    device, preset = _command.device_named(chosen.device), _preset(chosen)
    out = chosen.out or reproduce.RESULTS / ("shift-" + "-".join(map(sets.called, chosen.data)))
    record.check_writable(out / "tables.txt")
    _command.say(f"{', '.join(map(sets.called, chosen.data))}: loading …")
    found = domains(chosen.data, preset)
    pairs = [pair_of(found, number) for number in range(len(found))]
    models, seeds = list(dict.fromkeys(chosen.models)), list(dict.fromkeys(chosen.seeds))
    jobs = list(itertools.product(pairs, (OTHERS, ITSELF), SCALES, models, seeds))
    records = [fixed_answer(pair) for pair in pairs]
    for one in records:
        record.save(one, out / _name(one["target"], OTHERS, "any", FIXED, 0))
    for job in tqdm(jobs, desc="trainings", unit="run"):
        records.append(_made_or_read(job, preset, device, out))
    tables = sheet(records)
    write_whole(out / "tables.txt", markup.as_text(tables) + "\n")
    write_whole(out / "tables.html", markup.html_page(tables) + "\n")
    print(f"{markup.as_text(tables)}\n\n· Records, and this text: {out}", flush=True)


def _preset(chosen: argparse.Namespace) -> Preset:
    preset = PRESETS[chosen.preset]
    if chosen.limit is not None and chosen.limit < 32:
        raise MedkitInputError(f"--limit {chosen.limit}", "leaves too little to learn from", "take 32 or more")
    phantoms = preset.phantoms if chosen.limit is None else (3 * chosen.limit, *preset.phantoms[1:])
    return dataclasses.replace(preset, size=chosen.size or preset.size, limit=chosen.limit or preset.limit, phantoms=phantoms)


def _made_or_read(job: tuple, preset: Preset, device: torch.device, out: Path) -> dict:
    """Train once, or read what an earlier start of the same command has trained."""
    pair, trained, scale, model, seed = job
    path = out / _name(pair.target.key, trained, scale, model, seed)
    if path.exists():
        return _read(path, pair, trained)
    made = run(pair, trained, scale, model, preset.settings, seed, device, progress=None)
    record.save(made, path)
    return made


def _read(path: Path, pair: Pair, trained: str) -> dict:
    split = pair.others if trained == OTHERS else pair.itself

    def belongs(found: dict) -> bool:
        told = found["data"]["sha256"]
        return found["kind"] == KIND and told["train"] == split.train.sha256() and told["test"] == split.test.sha256()

    return record.read(path, "a shift", belongs)


def _name(target: str, trained: str, scale: str, model: str, seed: int) -> str:
    word = "itself" if trained == ITSELF else "others"
    return "-".join((target, word, scale.split(" ")[0], model, f"seed{seed}")).replace(" ", "-") + ".json"
