"""Table 3: the training run, as a loop that can be read aloud.

All images lie on the device from the start, so there are no worker processes. The order of the
images is keyed by (seed, epoch) alone: the same seed, device and number of threads give the same
weights, bit for bit on a CPU, whatever else drew random numbers in between.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit._check import check_finite, check_image
from medkit.losses import Losses, total_loss


@dataclass(frozen=True)
class Settings:
    """How to train. The first three are the paper's Table 3, the weights are ours."""

    batch_size: int = 32  # images a step (Table 3); the last step of an epoch takes what is left
    learning_rate: float = 1e-3  # of Adam (Table 3), constant over the run
    epochs: int = 50  # times that every image is seen (Table 3)
    label_weight: float = 1.0  # of the cross-entropy
    dice_weight: float = 1.0  # of the soft Dice loss
    bce_weight: float = 1.0  # of the masks' binary cross-entropy

    def __post_init__(self):
        for field in ("batch_size", "epochs"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be 1 or more, got {getattr(self, field)}; see Table 3")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}; see Table 3")


def fit(
    model: nn.Module,
    image: Tensor,
    label: Tensor,
    mask: Tensor | None,
    settings: Settings = Settings(),
    *,
    seed: int,
    scored: Tensor | None = None,
    on_epoch: Callable[[int, nn.Module], None] | None = None,
    at_epochs: Collection[int] | None = None,
    progress: Callable | None = tqdm,
    title: str = "training",
) -> list[dict]:
    """Train a model in place.

    Args:
        model: image -> named tuple with label logits and mask logits; on the images' device.
        image: (N, C, H, W) floating point, preprocessed.
        label: (N,) int64.
        mask: (N, 1, H, W) bool; None trains the label head alone.
        settings: Table 3.
        seed: decides the order of the images. The initial weights are the caller's.
        scored: (N,) bool, False for images whose label must not be used; None: all count.
        on_epoch: called as on_epoch(epoch, model) to evaluate; its time is not in the epoch's seconds.
        at_epochs: the epochs (from 1) after which it is called; None: after each.
        progress: makes the bar, with tqdm's interface; None: no bar.
        title: what the bar says before the epoch.

    Returns:
        one row for each epoch: epoch, loss, label, dice, bce (means over images as they were
        met, while the weights moved; dice and bce None without masks) and seconds.

    Edge: the model is left in evaluation mode.

    Raises:
        ValueError: tensors that don't fit together, or NaN in an image.
        FloatingPointError: the loss became NaN or infinite; the message names epoch, step and
            images, and that step is not taken.
    """
    scored = torch.ones_like(label, dtype=torch.bool) if scored is None else scored
    _check_set(image, label, mask, scored)
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    steps = math.ceil(len(image) / settings.batch_size)
    history = []
    with (progress or _Silent)(total=settings.epochs * steps, desc=title, unit="step") as bar:
        for epoch in range(1, settings.epochs + 1):
            model.train()
            start, mean = time.perf_counter(), _Mean()
            order = epoch_order(len(image), seed, epoch).to(image.device)
            for step, batch in enumerate(order.split(settings.batch_size), start=1):
                truth = label[batch], None if mask is None else mask[batch], scored[batch]
                loss = _loss(model(image[batch]), *truth, settings)
                numbers = _numbers(loss)
                _stop_unless_finite(numbers, epoch, step, batch)
                mean.add(numbers, len(batch))
                optimiser.zero_grad()
                loss.total.backward()
                optimiser.step()
                bar.set_postfix_str(f"epoch {epoch}/{settings.epochs}, loss {mean.row()['loss']:.3f}", False)
                bar.update()
            history.append({"epoch": epoch, **mean.row(), "seconds": time.perf_counter() - start})
            model.eval()
            if on_epoch is not None and (at_epochs is None or epoch in at_epochs):
                on_epoch(epoch, model)
    return history


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order in which an epoch meets its images: (count,) int64, on the CPU.

    It depends on (seed, epoch) and nothing else, so any epoch can be run again alone.

    >>> epoch_order(5, seed=0, epoch=1).sort().values
    tensor([0, 1, 2, 3, 4])
    """
    digest = hashlib.sha256(f"order of seed {seed}, epoch {epoch}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.randperm(count, generator=generator)


@torch.no_grad()
def predict(model: nn.Module, image: Tensor, batch_size: int = 128):
    """Return the model's prediction for all images, batch by batch, in evaluation mode.

    Args:
        model: image -> a named tuple of tensors, one row for each image.
        image: (N, C, H, W), N at least 1, on the model's device.
        batch_size: how many at once; with our models (GroupNorm) it changes nothing but memory,
            and the last bits of the numbers.

    Returns:
        the same kind of named tuple, with N rows; the model is left in evaluation mode.
    """
    check_image(image)
    model.eval()
    parts = [model(batch) for batch in image.split(batch_size)]
    return type(parts[0])(*(torch.cat(field) for field in zip(*parts)))


def _loss(prediction, label: Tensor, mask: Tensor | None, scored: Tensor, settings: Settings) -> Losses:
    weights = {part: getattr(settings, part) for part in ("label_weight", "dice_weight", "bce_weight")}
    return total_loss(prediction.label, prediction.mask, label, mask, scored, **weights)


def _numbers(loss: Losses) -> dict[str, float]:
    """Fetch the parts of the loss from the device, all in one go: each fetch waits for it."""
    parts = {name: value for name, value in loss._asdict().items() if value is not None}
    return dict(zip(parts, torch.stack([value.detach() for value in parts.values()]).tolist()))


class _Mean:
    """The mean of each part of the loss over images, not over batches, which may be unequal."""

    def __init__(self):
        self.sums, self.count = {}, 0

    def add(self, numbers: dict[str, float], count: int) -> None:
        self.count += count
        for name, number in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + number * count

    def row(self) -> dict[str, float | None]:
        mean = {name: total / self.count for name, total in self.sums.items()}
        return {"loss": mean["total"], **{name: mean.get(name) for name in ("label", "dice", "bce")}}


class _Silent:
    """A progress bar that shows nothing."""

    def __init__(self, **kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def set_postfix_str(self, text, refresh):
        pass

    def update(self):
        pass


def _stop_unless_finite(numbers: dict[str, float], epoch: int, step: int, batch: Tensor) -> None:
    if not math.isfinite(numbers["total"]):
        parts = ", ".join(f"{name} {number:.4g}" for name, number in numbers.items())
        raise FloatingPointError(
            f"loss must be finite, got {parts} in epoch {epoch}, step {step}, "
            f"images {batch.tolist()}; lower the learning rate or look at these images"
        )


def _check_set(image: Tensor, label: Tensor, mask: Tensor | None, scored: Tensor) -> None:
    check_image(image)
    check_finite(image)
    n = len(image)
    wanted = {
        "label": (label, (n,), torch.int64),
        "scored": (scored, (n,), torch.bool),
        "mask": (mask, (n, 1, *image.shape[-2:]), torch.bool),
    }
    for name, (tensor, shape, dtype) in wanted.items():
        if tensor is None:
            continue
        if tuple(tensor.shape) != shape or tensor.dtype != dtype:
            raise ValueError(
                f"{name} must be {shape} {dtype} to match image, got {tuple(tensor.shape)} "
                f"{tensor.dtype}; give one {name} for each image"
            )
        if tensor.device != image.device:
            raise ValueError(
                f"{name} must be on {image.device} like image, got {tensor.device}; "
                f"move the whole set with .to(device)"
            )
