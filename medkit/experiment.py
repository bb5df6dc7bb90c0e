"""One run of the experiment: one model, one set, one seed; trained, measured, timed, recorded.

All models see the same images in the same order with the same settings. The test images are behind
one door, `Sealed.open`, which keeps a log of who asked: they are measured at the report epochs, and
decide nothing. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit import checkpoint, metrics, record, scores
from medkit.blocks import parameter_count
from medkit.data.container import ImageSet, Split
from medkit.models import CNN, Hybrid, Transformer, UNet
from medkit.paper import EPOCHS
from medkit.settings import Settings
from medkit.timing import seconds_per_image
from medkit.training import fit, predict

MODELS = {"CNN": CNN, "U-Net": UNet, "Transformer": Transformer, "hybrid": Hybrid}
DOMINATED = 75.0  # %; a class this frequent makes accuracy say little


@dataclass
class Sealed:
    """Test images that are looked at through `open` alone."""

    _images: ImageSet
    _image: Tensor  # the same as models see them, (N, C, H, W)
    log: list[str] = field(default_factory=list)

    def open(self, why: str) -> tuple[ImageSet, Tensor]:
        """Return the test images, and the same as models see them; note why they were asked for."""
        self.log.append(why)
        return self._images, self._image


@dataclass(frozen=True)
class Task:
    """What all models are given.

    Args:
        train: training images; image: the same as models see them, (N, C, H, W).
        test: the test images.
        facts: what a reader must know of the data, `describe`d.
    """

    train: ImageSet
    image: Tensor
    test: Sealed
    facts: dict


def prepare(split: Split, preprocess: Callable[[ImageSet], Tensor], device: torch.device) -> Task:
    """Put a split on its device and seal its test images.

    preprocess: set -> images as models see them; it knows nothing but the images it is given.
    """
    facts, split = describe(split), split.to(device)
    return Task(split.train, preprocess(split.train), Sealed(split.test, preprocess(split.test)), facts)


def run(
    name: str,
    task: Task,
    settings: Settings,
    seed: int,
    folder: Path | None = None,
    progress: Callable | None = tqdm,
) -> dict:
    """Train one model, measure it at the report epochs, time it, and return the record.

    Args:
        name: one of `MODELS`.
        task: from `prepare`.
        settings: Table 3.
        seed: of the initial weights and of the order of the images.
        folder: for checkpoints; a run that was stopped goes on from there. Whoever has saved the
            record may delete it. None: a stopped run begins again.
        progress: as for `medkit.training.fit`.

    Returns:
        "model", "seed", "settings", "machine", "data", "parameters", "notes", "loss", "result" (the
        same for the same seed, data, machine and number of threads), "test_opened", and "clock"
        (never the same).
    """
    model, kept = _build(name, task, seed), _Kept(folder)

    def measure(epoch: int, model: nn.Module) -> dict:
        kept.keep(epoch, model)
        images, image = task.test.open(f"{name}, seed {seed}, epoch {epoch}")
        return {"measured": evaluate(model, images, image)}

    history = fit(
        model,
        task.image,
        task.train.label,
        task.train.mask,
        settings,
        seed=seed,
        scored=task.train.scored,
        on_epoch=measure,
        at_epochs=report_epochs(settings.epochs),
        folder=None if folder is None else folder / "training",
        progress=progress,
        title=f"{name}, seed {seed}",
    )
    _, image = task.test.open(f"{name}, seed {seed}, timing")
    times = [clock(kept.restore(epoch, model), image) for epoch in report_epochs(settings.epochs)]
    measured = [row for row in history if "measured" in row]
    return {
        "model": name,
        "seed": seed,
        "settings": settings_of(settings),
        "machine": record.machine(task.image.device),
        "data": task.facts,
        "parameters": parameter_count(model),
        "notes": history.notes,
        "loss": [{key: row[key] for key in ("epoch", "loss", "label", "dice", "bce")} for row in history],
        "result": [{"epoch": row["epoch"], **row["measured"]} for row in measured],
        "test_opened": len(measured) + 1,  # once more for each stop amid a measurement
        "clock": {"training": history.column("seconds"), "time": times},
    }


def settings_of(settings: Settings) -> dict:
    """Return the settings as a record holds them, with the epochs that are reported."""
    return {**dataclasses.asdict(settings), "report_epochs": report_epochs(settings.epochs)}


def evaluate(model: nn.Module, data: ImageSet, image: Tensor) -> dict:
    """Return what a model is worth on a set: each metric with its n and convention, and each image.

    Args:
        model: on the images' device.
        data: N images with their truth; image: the same, preprocessed.

    Returns:
        accuracy, balanced_accuracy, auroc, f1, dice (None without masks) as dicts of `Metric`, over
        the images whose label is scored (Dice: over all); and by image "pred", the class, and
        "dice_each", None where neither mask has a pixel: what intervals are made from.
    """
    label, mask = predict(model, image)
    scored = data.scored
    probability, truth = label[scored].softmax(1), data.label[scored]
    counts = metrics.label_counts(probability.argmax(1), truth, len(data.classes))
    two_classes = len(data.classes) == 2
    pixels = None if data.mask is None else metrics.mask_counts(mask > 0, data.mask)
    found = {
        "accuracy": metrics.accuracy(counts),
        "balanced_accuracy": metrics.balanced_accuracy(counts),
        "auroc": scores.auroc(probability[:, 1], truth == 1)
        if two_classes
        else scores.auroc_macro(probability, truth),
        "f1": metrics.f1(counts),
        "dice": None if pixels is None else metrics.dice(pixels),
    }
    each = None if pixels is None else [_rounded(value) for value in metrics.dice_per_image(pixels).tolist()]
    summary = {metric: value and dataclasses.asdict(value) for metric, value in found.items()}
    return {**summary, "pred": label.argmax(1).tolist(), "dice_each": each}


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


def describe(data: Split) -> dict:
    """Return what a reader must know of a split, its hash and the test images' truth included."""
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
        "truth": {name: getattr(test, name).tolist() for name in ("label", "group", "scored")},
    }


def _build(name: str, task: Task, seed: int) -> nn.Module:
    """Build a model; its first weights are drawn by the seed, and nobody else's numbers change."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = MODELS[name](classes=len(task.train.classes), channels=task.image.shape[1])
    return model.to(task.image.device)


class _Kept:
    """The model as it was at each report epoch, to be timed after all training; on disk, if it must last."""

    def __init__(self, folder: Path | None):
        self.folder, self.states = folder, {}

    def keep(self, epoch: int, model: nn.Module) -> None:
        if self.folder is not None:
            checkpoint.save(self.folder / "measured", f"epoch{epoch}", 1, checkpoint.tensors_of(model), {})
        else:
            self.states[epoch] = copy.deepcopy(model.state_dict())

    def restore(self, epoch: int, model: nn.Module) -> nn.Module:
        if self.folder is not None:
            checkpoint.restore(checkpoint.load(self.folder / "measured", f"epoch{epoch}").tensors, model)
        else:
            model.load_state_dict(self.states[epoch])
        return model


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
