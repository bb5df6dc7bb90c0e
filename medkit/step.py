"""One step of training: a batch's gradients, checked before they move anything.

A batch may be worked off in pieces, one after the other (its memory is then a piece's) or in several
processes at once. Either way each piece's loss is divided by the count of the whole batch, so that
the gradients add up to those of the whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from medkit import processes
from medkit.augment import augment
from medkit.losses import Whole, total_loss
from medkit.resume import State
from medkit.settings import Settings


class Images(NamedTuple):
    """A training set, all of it on its device."""

    image: Tensor  # (N, C, H, W)
    label: Tensor  # (N,) int64
    mask: Tensor | None  # (N, 1, H, W) bool
    scored: Tensor  # (N,) bool


def learn(
    forward: Callable,
    optimiser: torch.optim.Optimizer,
    data: Images,
    batch: Tensor,
    settings: Settings,
    state: State,
    seed: int,
) -> dict[str, float]:
    """Put one batch's gradients in place, for `optimiser.step()` to follow.

    Args:
        forward: the model, compiled or not.
        optimiser: of its parameters.
        data: the whole set; batch: (B,) int64, which of its images, on the CPU.
        settings: Table 3; state: where the run stands, its `pieces` grow where memory runs out.
        seed: of what is drawn.

    Returns:
        the parts of the loss, means over the whole batch: total, label and, with masks, dice, bce.

    Raises:
        FloatingPointError: loss or gradient is NaN or infinite: what, where, which images.
    """
    while True:
        try:
            optimiser.zero_grad()
            with _chance(seed, state, data.image.device):
                parts = _gradients(forward, data, batch, settings, state, seed)
            break
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error) or state.pieces >= len(batch):
                raise
        _halve(forward, state, len(batch))  # out here the failed attempt's tensors are gone
    gradients = _present(optimiser)
    processes.add_up([*gradients, *parts.values()])
    norm = nn.utils.get_total_norm(gradients)
    *numbers, norm = torch.stack([*parts.values(), norm]).tolist()  # the one wait for the device
    losses = dict(zip(parts, numbers))
    if not (math.isfinite(losses["total"]) and math.isfinite(norm)):
        raise FloatingPointError(_not_finite(losses, norm, data, batch, state))
    return losses


def has_bfloat16(device: torch.device) -> bool:
    """Say whether a device computes in bfloat16 itself; emulated it would be slower than float32."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def key(text: str) -> int:
    """Return a seed, 56 bits, that depends on the text and nothing else."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def _gradients(
    forward: Callable, data: Images, batch: Tensor, settings: Settings, state: State, seed: int
) -> dict[str, Tensor]:
    """Fill the gradients with this process's share of a batch; return that share's parts of the loss."""
    device = data.image.device
    whole = Whole(len(batch), data.scored[batch.to(device)].sum())
    names = ("total", "label", "dice", "bce") if data.mask is not None else ("total", "label")
    parts = {name: data.image.new_zeros(()) for name in names}
    for piece in processes.share(batch).tensor_split(state.pieces):
        if len(piece) == 0:  # the epoch's last batch, smaller than the number of pieces
            continue
        at = piece.to(device)
        image, mask = data.image[at], None if data.mask is None else data.mask[at]
        if settings.augment is not None:
            image, mask = augment(image, mask, piece, seed, state.epoch, settings.augment)
        prediction = _predict(forward, image, settings)
        if state.step == 0:
            _check_answer(prediction, data)
        weights = {part: getattr(settings, part) for part in ("label_weight", "dice_weight", "bce_weight")}
        losses = total_loss(*prediction, data.label[at], mask, data.scored[at], **weights, whole=whole)
        losses.total.backward()
        for name in names:
            parts[name] += getattr(losses, name).detach()
    return parts


def _predict(forward: Callable, image: Tensor, settings: Settings) -> tuple[Tensor, Tensor | None]:
    """Return label and mask logits in the images' own precision, however they were computed."""
    if settings.channels_last:
        image = image.contiguous(memory_format=torch.channels_last)
    half = settings.mixed_precision and has_bfloat16(image.device)
    with torch.autocast(image.device.type, torch.bfloat16, enabled=half):
        answer = forward(image)
    if not isinstance(answer, tuple) or len(answer) != 2:
        got = f"{type(answer).__name__} of {len(answer)}"
        raise TypeError(f"model must return label logits and mask logits, got {got}; see medkit.blocks.Prediction")
    label, mask = answer
    return label.to(image.dtype), None if mask is None else mask.to(image.dtype)


def _check_answer(prediction: tuple[Tensor, Tensor | None], data: Images) -> None:
    """Refuse, at an epoch's first step, a model that has fewer answers than there are classes."""
    label, mask = prediction
    classes, largest = label.shape[1], int(data.label.where(data.scored, 0).max())
    if largest >= classes:
        raise ValueError(f"model must answer all classes, got {classes} answers and label {largest}; see its classes")
    if mask is None and data.mask is not None:
        raise ValueError("model must return mask logits, got None beside masks; train with mask=None")


def _present(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """Return all gradients that there are; with several processes, zeros where one met no image."""
    learning = [p for group in optimiser.param_groups for p in group["params"] if p.requires_grad]
    if processes.count() > 1:
        for parameter in learning:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    return [parameter.grad for parameter in learning if parameter.grad is not None]


def _halve(forward, state: State, size: int) -> None:
    """Go on with smaller pieces, and say so."""
    state.pieces *= 2
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    text = (
        f"epoch {state.epoch}, step {state.step + 1}: out of memory; from here on each batch of {size} is "
        f"worked off in {state.pieces} pieces, whose gradients add up to the same step"
    )
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in forward.modules()):
        text += ", but for BatchNorm, which normalises each piece alone: the result differs"
    if any(isinstance(module, nn.modules.dropout._DropoutNd) and module.p for module in forward.modules()):
        text += ", but for dropout, which draws anew for each piece: the result differs"
    state.history.note(text)


def _out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, on a GPU or on a CPU, where PyTorch has no class for it."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "DefaultCPUAllocator" in str(error)


@contextlib.contextmanager
def _chance(seed: int, state: State, device: torch.device) -> Iterator[None]:
    """Let dropout and its like draw by (seed, epoch, step, process); what others draw is untouched."""
    drawn = key(f"chance of seed {seed}, epoch {state.epoch}, step {state.step}, process {processes.rank()}")
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(drawn)
        if device.type == "cuda":
            torch.cuda.manual_seed(drawn)
        yield


def _not_finite(losses: dict, norm: float, data: Images, batch: Tensor, state: State) -> str:
    """Say what was not finite, the image before the loss and the loss before the gradient, and where."""
    where = f"in epoch {state.epoch}, step {state.step + 1}"
    broken = batch[~data.image[batch].isfinite().flatten(1).all(1).cpu()]
    if len(broken):
        return f"image must be finite, got NaN or infinity {where}, images {broken.tolist()}; mend these"
    if not math.isfinite(losses["total"]):
        got = ", ".join(f"{name} {number:.4g}" for name, number in losses.items())
        what, fix = "loss", "lower the learning rate or look at these images"
    else:
        got, what = f"norm {norm:.4g}", "gradient"
        fix = "lower the learning rate, or look for 0/0 and the root of 0 in the model"
    return f"{what} must be finite, got {got} {where}, images {batch.tolist()}; {fix}"
