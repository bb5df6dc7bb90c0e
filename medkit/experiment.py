"""One run of the experiment: one model, one set, one seed; trained, measured, timed, recorded.

All models see the same images in the same order with the same settings. The test images are behind
one door, `Sealed.open`, which keeps a log of who asked: they are measured at the report epochs, and
decide nothing. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit import checkpoint, record
from medkit.blocks import drawn_by, parameter_count
from medkit.data.container import ImageSet, Split
from medkit.measure import best_cut, measure, summary
from medkit.models import (
    CNN,
    Hybrid,
    HybridAsPrinted,
    HybridUniform,
    HybridWithConvolution,
    Transformer,
    UNet,
)
from medkit.models.backbones import DenseNet121, ResNet18, ResNet50
from medkit.models.deeplab import DeepLabV3Plus
from medkit.models.gated import AttentionUNet
from medkit.models.vit import ViTB16
from medkit.paper import EPOCHS
from medkit.preparation import Preparation
from medkit.settings import Settings
from medkit.timing import seconds_per_image
from medkit.training import epoch_order, fit, predict

MODELS = {"CNN": CNN, "U-Net": UNet, "Transformer": Transformer, "hybrid": Hybrid}  # the paper's four
VARIANTS = {
    "hybrid, as printed": HybridAsPrinted,
    "hybrid, uniform weights": HybridUniform,
    "hybrid, convolution instead": HybridWithConvolution,
}
BACKBONES = {  # of the literature, from random weights; "NAME, ImageNet" from those, where they are at hand
    "ResNet-18": ResNet18,
    "ResNet-50": ResNet50,
    "DenseNet-121": DenseNet121,
    "ViT-B/16": ViTB16,
    "DeepLabV3+": DeepLabV3Plus,
}
BACKBONES |= {f"{name}, ImageNet": functools.partial(kind, imagenet=True) for name, kind in BACKBONES.items()}
BACKBONES |= {"attention U-Net": AttentionUNet}
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
        train, val: training and validation images.
        image, val_image: the same as models see them, (N, C, H, W).
        test: the test images.
        facts: what a reader must know of the data, `describe`d.
    """

    train: ImageSet
    image: Tensor
    val: ImageSet
    val_image: Tensor
    test: Sealed
    facts: dict


def prepare(split: Split, preparation: Preparation, device: torch.device, facts: dict | None = None) -> Task:
    """Put a split on its device, prepare all sides by what the training images say, seal the test.

    facts: what else the record must say of the data, as `medkit.sets.load` returns it.
    """
    described, split = describe(split) | (facts or {}), split.to(device)
    see = preparation.fitted_to(split.train)
    test = Sealed(split.test, see(split.test))
    return Task(split.train, see(split.train), split.val, see(split.val), test, described)


def run(
    name: str,
    task: Task,
    settings: Settings,
    seed: int,
    folder: Path | None = None,
    progress: Callable | None = tqdm,
    begin: Callable[[nn.Module], object] | None = None,
    timed: bool = True,
) -> dict:
    """Train one model, measure it at the report epochs, time it, and return the record.

    Args:
        name: one of `MODELS`, `VARIANTS` or `BACKBONES`.
        task: from `prepare`.
        settings: Table 3.
        seed: of the initial weights and of the order of the images.
        folder: for checkpoints; a run that was stopped goes on from there. Whoever has saved the
            record may delete it. None: a stopped run begins again.
        progress: as for `medkit.training.fit`.
        begin: changes the new model before it is trained, such as by weights from elsewhere.
        timed: measure Eq. 8 after training; False where the time is not the question, and "time" is empty.

    Returns:
        "model", "seed", "settings", "machine", "data", "parameters", "notes", "loss", "validation",
        "result", "weights" (the same for the same seed, data, machine and number of threads),
        "test_opened", and "clock" (never the same).
    """
    model, kept = build(name, task, seed), _Kept(folder)
    if begin is not None:
        begin(model)

    def look(epoch: int, model: nn.Module) -> dict:
        if timed:
            kept.keep(epoch, model)
        label, mask = predict(model, task.val_image)
        cut = best_cut(label.softmax(1), task.val)
        validation = summary(measure(label.softmax(1), mask > 0, task.val, cut))
        images, image = task.test.open(f"{name}, seed {seed}, epoch {epoch}")
        return {"measured": evaluate(model, images, image, cut), "validation": validation}

    history = fit(
        model,
        task.image,
        task.train.label,
        task.train.mask,
        settings,
        seed=seed,
        scored=task.train.scored,
        on_epoch=look,
        at_epochs=report_epochs(settings.epochs),
        folder=None if folder is None else folder / "training",
        progress=progress,
        title=f"{name}, seed {seed}",
    )
    times = _timed(kept, task, report_epochs(settings.epochs), model, f"{name}, seed {seed}", seed) if timed else []
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
        "validation": [{"epoch": row["epoch"], **row["validation"]} for row in measured],
        "result": [{"epoch": row["epoch"], **row["measured"]} for row in measured],
        "weights": weights_sha256(model),
        "test_opened": len(measured) + timed,  # once more for each stop amid a measurement
        "clock": {"training": history.column("seconds"), "time": times},
    }


def settings_of(settings: Settings) -> dict:
    """Return the settings as a record holds them, with the epochs that are reported."""
    return {**dataclasses.asdict(settings), "report_epochs": report_epochs(settings.epochs)}


def evaluate(model: nn.Module, data: ImageSet, image: Tensor, cut: float | None = None) -> dict:
    """Return what a model is worth on a set, by `medkit.measure.measure`.

    Args:
        model: on the images' device.
        data: N images with their truth; image: the same, prepared; cut: as for `measure`.
    """
    label, mask = predict(model, image)
    return measure(label.softmax(1), mask > 0, data, cut)


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


def build(name: str, task: Task, seed: int) -> nn.Module:
    """Build a model; its first weights are drawn by the seed, and nobody else's numbers change."""
    with drawn_by(seed):
        model = (MODELS | VARIANTS | BACKBONES)[name](classes=len(task.train.classes), channels=task.image.shape[1])
    return model.to(task.image.device)


def train(
    model: nn.Module, task: Task, settings: Settings, seed: int, folder: Path | None, progress: Callable | None, title: str
) -> nn.Module:
    """Train a model on a task's training images and measure nothing; return it on the CPU, in evaluation mode.

    Args:
        model: on the task's device; task, settings, seed, folder, progress: as for `run`; title: for the bar.
    """
    fit(
        model, task.image, task.train.label, task.train.mask, settings, seed=seed, scored=task.train.scored,
        folder=folder, progress=progress, title=title,
    )  # fmt: skip
    return model.cpu().eval()


def weights_sha256(model: nn.Module) -> str:
    """Return the hash of all weights and statistics: two runs ended at the same bits or not."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _timed(kept: _Kept, task: Task, epochs: list[int], model: nn.Module, who: str, seed: int) -> list[dict]:
    """Time the model as it was at each epoch; it is left as it was at the last."""
    _, image = task.test.open(f"{who}, timing")
    shuffled = epoch_order(len(epochs), seed, epoch=0).tolist()  # or what warms up would look like training
    times = {epochs[i]: clock(kept.restore(epochs[i], model), image) for i in shuffled}
    kept.restore(epochs[-1], model)
    return [times[epoch] for epoch in epochs]


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
