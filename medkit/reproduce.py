"""The paper's comparison, run again: CNN against hybrid, Tables 4-7 beside what is measured.

    python3 -m medkit reproduce --data phantom|mri|ct|us|FOLDER --preset quick|paper --seed 0

Both models see the same images in the same order with the same settings (Table 3: Adam, rate
0.001, batch 32), start from weights drawn from the same seed, and have about equal numbers of
parameters. No choice is made on the test images; they are only measured.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from medkit import denoise, metrics, normalise, record, scores, table
from medkit._check import MedkitInputError
from medkit.blocks import parameter_count
from medkit.data import folder, phantom, public, where
from medkit.data.container import ImageSet, Split, split_by_group
from medkit.models import CNN, Hybrid
from medkit.paper import EPOCHS
from medkit.timing import seconds_per_image
from medkit.training import Settings, fit, predict

MODELS = {"CNN": CNN, "hybrid": Hybrid}
SIGMA = 0.5  # pixels, of Eq. 1's Gaussian; the paper gives none
SOFT_TISSUE = (40.0, 400.0)  # HU, level and width, where a set comes in Hounsfield units
DOMINATED = 75.0  # %; a class this frequent makes accuracy say little
LEFT_OUT = (
    "U-Net and Transformer, augmentation and ImageNet weights, which Table 3 and the paper's method name",
)
RESULTS = Path(__file__).resolve().parent.parent / "results" / "local"


@dataclass(frozen=True)
class Preset:
    """How large a run is; the protocol is the same for all."""

    settings: Settings  # Table 3, quick with fewer epochs
    size: int  # pixels along each side
    limit: int | None  # images a side, None: all there are
    phantoms: tuple[int, int, int]  # training, validation, test


PRESETS = {
    "quick": Preset(Settings(epochs=10), size=64, limit=900, phantoms=(900, 180, 360)),
    "paper": Preset(Settings(), size=128, limit=None, phantoms=(6000, 600, 2400)),
}


def load(name: str, preset: Preset, seed: int) -> Split:
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
        return loaders[name](root, size=preset.size, limit=preset.limit, seed=seed)
    if not Path(name).is_dir():
        raise MedkitInputError(
            name, "is neither a data set nor a folder", f"give phantom, {', '.join(loaders)} or an existing folder"
        )
    images = folder.image_folder(Path(name), size=preset.size)
    try:
        return split_by_group(images, seed=seed)
    except ValueError as error:
        raise MedkitInputError(name, "has too few images to split", str(error)) from error


def preprocess(data: ImageSet) -> Tensor:
    """Return the images as models see them: denoised (Eq. 1), CT windowed, in [0, 1] (Eq. 2)."""
    image = denoise.gaussian(data.image, SIGMA)
    if data.tier == "phantom":
        hounsfield = torch.tensor([m == "CT" for m in phantom.modality_of(data)], device=image.device)
        windowed = normalise.ct_window(image, *SOFT_TISSUE)
        image = torch.where(hounsfield[:, None, None, None], windowed, image)
    return normalise.min_max(image)


def evaluate(model: nn.Module, data: ImageSet, image: Tensor) -> dict[str, dict | None]:
    """Return accuracy, balanced accuracy, AUROC, F1 and Dice, each with its n and convention."""
    label, mask = predict(model, image)
    scored = data.scored
    probability, truth = label[scored].softmax(1), data.label[scored]
    counts = metrics.label_counts(probability.argmax(1), truth, len(data.classes))
    two_classes = len(data.classes) == 2
    found = {
        "accuracy": metrics.accuracy(counts),
        "balanced_accuracy": metrics.balanced_accuracy(counts),
        "auroc": scores.auroc(probability[:, 1], truth == 1)
        if two_classes
        else scores.auroc_macro(probability, truth),
        "f1": metrics.f1(counts),
        "dice": None if data.mask is None else metrics.dice(metrics.mask_counts(mask > 0, data.mask)),
    }
    return {name: metric and dataclasses.asdict(metric) for name, metric in found.items()}


def train(
    name: str, data: Split, images: tuple[Tensor, Tensor], settings: Settings, seed: int
) -> tuple[list[dict], list[dict], list[nn.Module]]:
    """Train one model and measure it at the report epochs.

    Args:
        images: preprocessed training and test images.

    Returns:
        loss history · results at the report epochs · the model as it was at each of them.
    """
    device = images[0].device
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = MODELS[name](classes=len(data.train.classes), channels=images[0].shape[1])
    model = model.to(device)
    results, snapshots = [], []

    def measure(epoch: int, model: nn.Module) -> None:
        results.append({"epoch": epoch, **evaluate(model, data.test, images[1])})
        snapshots.append(copy.deepcopy(model))

    history = fit(
        model,
        images[0],
        data.train.label,
        data.train.mask,
        settings,
        seed=seed,
        scored=data.train.scored,
        on_epoch=measure,
        at_epochs=report_epochs(settings.epochs),
        title=name,
    )
    return history, results, snapshots


def clock(model: nn.Module, image: Tensor) -> dict[str, dict]:
    """Return Eq. 8 for one image at a time and for batches of 32, where there are that many."""
    sizes = [size for size in (1, 32) if size <= len(image)]
    return {
        f"batch {size}": dataclasses.asdict(seconds_per_image(model, image, batch_size=size)) for size in sizes
    }


def report_epochs(epochs: int) -> list[int]:
    """Return the epochs at 20, 40, 60, 80 and 100 % of a run of 5 epochs or more.

    >>> report_epochs(50), report_epochs(10)
    ([10, 20, 30, 40, 50], [2, 4, 6, 8, 10])
    """
    if epochs < len(EPOCHS):
        raise ValueError(f"epochs must be {len(EPOCHS)} or more, got {epochs}; the tables have as many rows")
    return [round(epochs * epoch / EPOCHS[-1]) for epoch in EPOCHS]


def run(data: Split, settings: Settings, seed: int, device: torch.device) -> dict:
    """Train both models on a split, measure them, and return the record.

    Args:
        data: training, validation and test images; validation waits for choices, and here is none.
        settings: Table 3.
        seed: of initial weights and of the order of images.

    Returns:
        The record: "settings", "machine", "data", "result" (the same for the same seed, data,
        machine and number of threads) and "clock" (never the same).
    """
    data = data.to(device)
    images = (preprocess(data.train), preprocess(data.test))
    trained = {name: train(name, data, images, settings, seed) for name in MODELS}
    return {
        "seed": seed,
        "settings": {
            **dataclasses.asdict(settings),
            "report_epochs": report_epochs(settings.epochs),
            "gaussian sigma (pixels)": SIGMA,
            "border": "reflect",
            "normalised": "min-max per image",
        },
        "machine": record.machine(device),
        "data": describe(data),
        "left_out": list(LEFT_OUT),
        "parameters": {name: parameter_count(models[-1]) for name, (_, _, models) in trained.items()},
        "loss": {
            name: [{key: row[key] for key in row if key != "seconds"} for row in history]
            for name, (history, _, _) in trained.items()
        },
        "result": {name: results for name, (_, results, _) in trained.items()},
        "clock": {
            name: {
                "training": [row["seconds"] for row in history],
                "time": [clock(model, images[1]) for model in models],
            }
            for name, (history, _, models) in trained.items()
        },
    }


def describe(data: Split) -> dict:
    """Return what a reader must know of a split, its hash included."""
    test = data.test
    answered = test.label[test.scored]
    majority = int(data.train.label.bincount().argmax())
    share = float((answered == majority).double().mean() * 100) if len(answered) else float("nan")
    return {
        "title": test.title,
        "tier": test.tier,
        "modality": test.modality,
        "source": test.source,
        "classes": list(test.classes),
        "size": test.image.shape[-1],
        "train": len(data.train),
        "val": len(data.val),
        "test": len(test),
        "unit": test.unit,
        "test_units": len(test.group.unique()),
        "masks": test.mask is not None,
        "majority": share,
        "dominated": share >= DOMINATED,
        "notes": list(test.notes),
        "sha256": {side: getattr(data, side).sha256() for side in ("train", "val", "test")},
    }


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python3 -m medkit reproduce", description="Train CNN and hybrid, print Tables 4-7 beside the paper's."
    )
    parser.add_argument("--data", default="phantom", help="phantom (default), mri, ct, us, or a folder CLASS/image.png")
    parser.add_argument("--preset", default="quick", choices=PRESETS, help="quick: minutes on a CPU; paper: Table 3")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and split (default 0)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    parser.add_argument("--out", type=Path, help="the JSON file (default: under results/local)")
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
    word = chosen.data if not Path(chosen.data).is_dir() else Path(chosen.data).resolve().name
    path = chosen.out or RESULTS / f"{word}-{chosen.preset}-seed{chosen.seed}.json"
    try:
        record.check_writable(path)
        print(f"Loading {word} …", file=sys.stderr)
        data = load(chosen.data, preset, chosen.seed)
        done = {"preset": chosen.preset, **run(data, preset.settings, chosen.seed, device)}
        print(table.render(done))
        record.save(done, path)
    except (MedkitInputError, FloatingPointError) as error:
        print(f"medkit: {error}", file=sys.stderr)
        return 2
    print(f"· Record: {path}")
    return 0
