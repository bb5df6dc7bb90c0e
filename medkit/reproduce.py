"""The paper's comparison, run again: four models, several seeds, Tables 4-7 beside what is measured.

    python3 -m medkit reproduce --data phantom|mri|ct|us|FOLDER --preset quick|paper

All models see the same images in the same order with the same settings (Table 3: Adam, rate 0.001,
batch 32) and have about equal numbers of parameters. No choice is made on the test images; they are
only measured. Each model and seed is one run with a record of its own: what is there is not run
again, what was stopped goes on, and `--models` and `--seeds` share the work between machines, whose
records go into one folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from medkit import denoise, experiment, normalise, record, table
from medkit._check import MedkitInputError
from medkit._files import write_whole
from medkit._interrupt import Interrupted
from medkit.data import folder, leaks, phantom, public, where
from medkit.data.container import ImageSet, Split, split_by_group
from medkit.settings import Settings

SIGMA = 0.5  # pixels, of Eq. 1's Gaussian; the paper gives none
SOFT_TISSUE = (40.0, 400.0)  # HU, level and width, where a set comes in Hounsfield units
SPLIT_SEED = 2  # of phantoms and splits; the phantom was made while looking at test images of 0 and 1
LEFT_OUT = ("augmentation and ImageNet weights, which the paper's method names",)
RESULTS = Path(__file__).resolve().parent.parent / "results" / "local"


@dataclass(frozen=True)
class Preset:
    """How large a run is; the protocol is the same for all."""

    settings: Settings  # Table 3, quick with fewer epochs
    size: int  # pixels along each side
    limit: int | None  # images a side, None: all there are
    phantoms: tuple[int, int, int]  # training, validation, test
    seeds: int  # runs of each model, unless --seeds says otherwise


PRESETS = {
    "quick": Preset(Settings(epochs=10), size=64, limit=900, phantoms=(900, 180, 360), seeds=2),
    "paper": Preset(Settings(), size=128, limit=None, phantoms=(6000, 600, 2400), seeds=5),
}


def load(name: str, preset: Preset, seed: int = SPLIT_SEED) -> Split:
    """Return the images that `--data` names, split by patient or duplicate group where known.

    Args:
        name: "phantom", "mri", "ct", "us", or a folder of CLASS/image.png.

    Raises:
        MedkitInputError: no such data, or no MEDKIT_DATA to find them in.
    """
    if name == "phantom":
        return phantom.phantom_split(*preset.phantoms, size=preset.size, seed=seed)
    loaders = {"mri": public.brain_mri, "ct": public.head_ct, "us": public.breast_ultrasound}
    if name in loaders:
        root = where.data_root()
        if root is None:
            raise MedkitInputError(
                name, "needs the environment variable MEDKIT_DATA", "set it to the folder that holds the set"
            )
        split = loaders[name](root, size=preset.size, limit=preset.limit, seed=seed)
        return without_leaks(split)
    if not Path(name).is_dir():
        raise MedkitInputError(
            name, "is neither a data set nor a folder", f"give phantom, {', '.join(loaders)} or an existing folder"
        )
    images = folder.image_folder(Path(name), size=preset.size)
    try:
        return split_by_group(images, seed=seed)
    except ValueError as error:
        raise MedkitInputError(name, "has too few images to split", str(error)) from error


def without_leaks(split: Split) -> Split:
    """Take out of training and validation what has a twin among later sides, and say so in the notes.

    BRISC holds mirrored copies of its own images, BUSI slightly shifted ones (`medkit.data.leaks`).
    """
    clean, found = leaks.without_twins(split)
    if not found:
        return clean
    note = f"{len(found)} twins of images on a later side (copies, mirrored, turned) were taken out of an earlier one."
    return dataclasses.replace(clean, test=dataclasses.replace(clean.test, notes=(*clean.test.notes, note)))


def preprocess(data: ImageSet) -> Tensor:
    """Return the images as models see them: denoised (Eq. 1), CT windowed, in [0, 1] (Eq. 2)."""
    image = denoise.gaussian(data.image, SIGMA)
    if data.tier == "phantom":
        hounsfield = torch.tensor([m == "CT" for m in phantom.modality_of(data)], device=image.device)
        windowed = normalise.ct_window(image, *SOFT_TISSUE)
        image = torch.where(hounsfield[:, None, None, None], windowed, image)
    return normalise.min_max(image)


def run_all(
    task: experiment.Task, preset: str, settings: Settings, models: list[str], seeds: list[int], out: Path
) -> list[dict]:
    """Make the runs that are not there yet; return the records of all, old ones included.

    Raises:
        MedkitInputError: a record is in the way that belongs to another protocol or set, or can't
            be read or written.
    """
    runs = {out / f"{name}-seed{seed}.json": (name, seed) for seed in seeds for name in models}
    # what is in the way is found before any training
    records = {path: read(path, task, settings, preset) for path in runs if path.exists()}
    for number, (path, (name, seed)) in enumerate(runs.items(), start=1):
        if path not in records:
            print(f"Run {number} of {len(runs)}: {name}, seed {seed}", file=sys.stderr)
            checkpoints = out / "checkpoints" / path.stem
            found = experiment.run(name, task, settings, seed, checkpoints)
            record.save(found | {"left_out": list(LEFT_OUT), "protocol": protocol(preset)}, path)
            shutil.rmtree(checkpoints, ignore_errors=True)
            records[path] = read(path, task, settings, preset)
    return [records[path] for path in runs]


def protocol(preset: str) -> dict:
    """Return what is done to the images before a model sees them, for the record."""
    return {
        "preset": preset,
        "split seed": SPLIT_SEED,
        "gaussian sigma (pixels)": SIGMA,
        "border": "reflect",
        "normalised": "min-max per image",
        "learning rate": "constant, as printed",
    }


def read(path: Path, task: experiment.Task, settings: Settings, preset: str) -> dict:
    """Read one run's record; refuse one that is not a run of this protocol on these images."""
    other = "delete it, or name another folder with --out"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = {
            "run": path.stem == f"{found['model']}-seed{found['seed']}",
            "set of images": found["data"]["sha256"] == task.facts["sha256"],
            "protocol": found["protocol"] == protocol(preset) and found["left_out"] == list(LEFT_OUT),
            "settings": found["settings"] == json.loads(json.dumps(experiment.settings_of(settings))),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MedkitInputError(path, "is no record of a run", other) from error
    for what, is_same in same.items():
        if not is_same:
            raise MedkitInputError(path, f"is a record of another {what}", other)
    return found


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python3 -m medkit reproduce", description="Train the models, print Tables 4-7 beside the paper's."
    )
    names = list(experiment.MODELS)
    parser.add_argument("--data", default="phantom", help="phantom (default), mri, ct, us, or a folder CLASS/image.png")
    parser.add_argument("--preset", default="quick", choices=PRESETS, help="quick: minutes on a CPU; paper: Table 3")
    parser.add_argument("--models", nargs="+", choices=names, default=names, help="default: all four")
    parser.add_argument("--seeds", nargs="+", type=int, help="of weights and order (default: 0 1, paper: 0 to 4)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    parser.add_argument("--out", type=Path, help="the folder of records (default: under results/local)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit reproduce`; return the exit code."""
    chosen = parse(arguments)
    cuda = torch.cuda.is_available()
    if chosen.device == "cuda" and not cuda:
        print("medkit: --device cuda needs a CUDA GPU, and PyTorch sees none; leave --device out", file=sys.stderr)
        return 2
    device = torch.device(chosen.device or ("cuda" if cuda else "cpu"))
    if device.type == "cuda":  # the same seed gives the same bits there too
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    preset = PRESETS[chosen.preset]
    seeds = list(range(preset.seeds)) if chosen.seeds is None else chosen.seeds
    word = chosen.data if not Path(chosen.data).is_dir() else Path(chosen.data).resolve().name
    out = chosen.out or RESULTS / f"{word}-{chosen.preset}"
    try:
        record.check_writable(out / "tables.txt")
        print(f"Loading {word} …", file=sys.stderr)
        task = experiment.prepare(load(chosen.data, preset), preprocess, device)
        text = table.render(run_all(task, chosen.preset, preset.settings, chosen.models, seeds, out))
        print(text)
        write_whole(out / "tables.txt", text + "\n")
    except (MedkitInputError, FloatingPointError) as error:
        print(f"medkit: {error}", file=sys.stderr)
        return 2
    except Interrupted as error:
        print(f"\nmedkit: {error}; start the same command again", file=sys.stderr)
        return 130
    print(f"· Records, and this text: {out}")
    return 0
