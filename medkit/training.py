"""Table 3: the training run, as a loop that can be read aloud.

All images lie on the device from the start, so there are no worker processes. The order of the
images, how they are moved and what dropout drops are keyed by (seed, epoch, step): the same seed,
device and number of threads give the same weights, bit for bit on a CPU, whatever else drew random
numbers in between, and whether or not the run was stopped and went on.
"""

from __future__ import annotations

import json
import math
import operator
import time
from collections.abc import Callable, Collection
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit import processes
from medkit._check import check_image
from medkit._interrupt import Watch, watch
from medkit.history import History
from medkit.resume import Keeper, State
from medkit.settings import Settings
from medkit.step import Images, key, learn


def fit(
    model: nn.Module,
    image: Tensor,
    label: Tensor,
    mask: Tensor | None,
    settings: Settings = Settings(),
    *,
    seed: int,
    scored: Tensor | None = None,
    on_epoch: Callable[[int, nn.Module], dict | None] | None = None,
    at_epochs: Collection[int] | None = None,
    folder: Path | None = None,
    best: str | None = None,
    progress: Callable | None = tqdm,
    title: str = "training",
) -> History:
    """Train a model in place.

    Args:
        model: image -> named tuple with label logits and mask logits; on the images' device.
        image: (N, C, H, W) floating point, preprocessed.
        label: (N,) int64.
        mask: (N, 1, H, W) bool; None trains the label head alone.
        settings: Table 3.
        seed: decides the order of the images and all else that is drawn. The initial weights are
            the caller's.
        scored: (N,) bool, False for images whose label must not be used; None: all count.
        on_epoch: called as on_epoch(epoch, model) to evaluate; its time is not in the epoch's
            seconds. The dict that it may return (numbers, or what JSON can hold, under names of
            its own such as val_dice) joins the epoch's row.
        at_epochs: the epochs (from 1) after which it is called; None: after each.
        folder: keeps checkpoints, after each epoch and once a minute. Called again with the same
            folder, a run goes on where it was, to the very same bits; a finished one returns at once.
        best: a number that `on_epoch` returns, on validation data: the weights with the largest are
            kept in the folder as best-*.safetensors, for `medkit.checkpoint.load_weights`.
        progress: makes the bar, with tqdm's interface; None: no bar.
        title: what the bar says before the epoch.

    Returns:
        a row for each epoch, and notes on what was unusual.

    Edge: the model is left in evaluation mode. Out of memory, a batch is worked off in halves,
        quarters ... whose gradients add up: the same step within rounding, unless there is
        BatchNorm or dropout; a note says so. With several processes each takes its share (`processes`).

    Raises:
        ValueError: tensors that don't fit together, or NaN in an image.
        FloatingPointError: loss or gradient became NaN or infinite; the message names epoch, step
            and images. That step is not taken, and neither checkpoint nor best is touched; the
            model at hand keeps its weights, but BatchNorm's statistics have met the batch.
        Interrupted: a KeyboardInterrupt, after the step under way, and after a checkpoint.
        MedkitInputError: the folder can't be written, is damaged, or holds another run.
    """
    scored = torch.ones_like(label, dtype=torch.bool) if scored is None else scored
    data = Images(image, label, mask, scored)
    _check_set(data, model)
    _check_best(best, on_epoch)
    seed = operator.index(seed)  # also NumPy's whole numbers, which JSON can't hold
    processes.start_alike(model)
    if settings.channels_last:
        model.to(memory_format=torch.channels_last)
    forward = torch.compile(model) if settings.compile else model
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    keeper = Keeper(folder, model, optimiser, best, {"seed": seed, "settings": settings, "images": data})
    state = keeper.resume() or State()
    steps = settings.epochs * math.ceil(len(image) / settings.batch_size)
    bar_of = progress if progress and processes.rank() == 0 else _Silent
    with bar_of(total=steps, initial=state.steps, desc=title, unit="step") as bar, watch() as interrupt:
        while state.epoch <= settings.epochs:
            model.train()
            batches = epoch_order(len(image), seed, state.epoch).split(settings.batch_size)
            for batch in batches[state.step :]:
                start = time.perf_counter()
                losses = learn(forward, optimiser, data, batch, settings, state, seed)
                optimiser.param_groups[0]["lr"] = settings.rate_at(state.steps, steps)
                optimiser.step()
                state.add(losses, len(batch), time.perf_counter() - start)
                bar.set_postfix_str(_postfix(state, settings), False)
                bar.update()
                keeper.save_now_and_then(state)
                if processes.anyone(interrupt.asked):
                    keeper.stop(state)
            row = state.row()
            if on_epoch is not None and (at_epochs is None or state.epoch in at_epochs):
                measured = _evaluate(on_epoch, state, model, interrupt)
                if processes.anyone(interrupt.asked):
                    keeper.stop(state)  # the epoch is measured when the run goes on
                keeper.keep_best(state, measured)
                row |= measured
            state.next_epoch(row)
            keeper.save(state)
        if processes.anyone(interrupt.asked):
            keeper.stop(state)
    model.eval()
    return state.history


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order in which an epoch meets its images: (count,) int64, on the CPU.

    It depends on (seed, epoch) and nothing else, so any epoch can be run again alone.

    >>> epoch_order(5, seed=0, epoch=1).sort().values
    tensor([0, 1, 2, 3, 4])
    """
    generator = torch.Generator().manual_seed(key(f"order of seed {seed}, epoch {epoch}"))
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


def _evaluate(on_epoch: Callable, state: State, model: nn.Module, interrupt: Watch) -> dict:
    """Let the caller measure, in the first process alone; an interrupt need not wait for the end of it."""
    if processes.rank() > 0:
        return {}
    model.eval()
    try:
        interrupt.at_once = True
        measured = on_epoch(state.epoch, model)
        interrupt.at_once = False
    except KeyboardInterrupt:
        interrupt.ask()
        return {}
    if not isinstance(measured, dict | None):
        raise TypeError(f"on_epoch must return a dict or None, got {type(measured).__name__}; see fit")
    measured = {name: value.item() if hasattr(value, "item") else value for name, value in (measured or {}).items()}
    taken = sorted(measured.keys() & state.row().keys())
    if taken:
        fix = f"call it val_{taken[0]}"
        raise ValueError(f"on_epoch must return names that the training has not, got {', '.join(taken)}; {fix}")
    try:
        json.dumps(measured)
    except TypeError as error:
        raise TypeError(f"on_epoch must return what JSON can hold, got {measured}; use float(...)") from error
    return measured


def _postfix(state: State, settings: Settings) -> str:
    """Return what the bar says: where, the loss so far, and what was measured last."""
    text = f"epoch {state.epoch}/{settings.epochs}, loss {state.row()['loss']:.3f}"
    before = state.history[-1] if len(state.history) else {}
    found = [(name, value) for name, value in before.items() if name not in state.row()]
    return text + "".join(f", {name} {value:.3f}" for name, value in found if isinstance(value, float))


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


def _check_best(best: str | None, on_epoch: Callable | None) -> None:
    if best is not None and on_epoch is None:
        raise ValueError(f"on_epoch must be given with best={best!r}, got None; let it return that number")


def _check_set(data: Images, model: nn.Module) -> None:
    image, n = data.image, len(data.image)
    check_image(image)
    if image.ndim != 4:
        raise ValueError(f"image must be (N, C, H, W), got {tuple(image.shape)}; add the channels with image[:, None]")
    if not torch.isfinite(torch.stack(torch.aminmax(image))).all():
        broken = (~image.isfinite().flatten(1).all(1)).nonzero().flatten().tolist()
        raise ValueError(f"image must be finite, got NaN or infinity before step 1, images {broken}; mend or drop them")
    wanted = {
        "label": ((n,), torch.int64),
        "scored": ((n,), torch.bool),
        "mask": ((n, 1, *image.shape[-2:]), torch.bool),
    }
    for name, (shape, dtype) in wanted.items():
        tensor = getattr(data, name)
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
    if (data.label[data.scored] < 0).any():
        raise ValueError("label must be 0 or more where it is scored, got a negative one; set scored to False there")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("model must have a weight that learns, got none; thaw a stage, or leave fit out")
