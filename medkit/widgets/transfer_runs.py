"""The small trainings behind the controls of notebook 07, each done once in a session.

A source task on phantoms stands in for ImageNet; what is fine-tuned on are phantoms of another modality.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit.ablate.labels import nested
from medkit.blocks import drawn_by
from medkit.data.container import ImageSet, Split
from medkit.data.phantom import phantom_split
from medkit.lesson import fast
from medkit.metrics import accuracy, dice, label_counts, mask_counts
from medkit.models import Hybrid
from medkit.preparation import Preparation
from medkit.pretrain import PreTrained, other_modality, pretrain, start_from
from medkit.settings import Settings
from medkit.training import fit, predict
from medkit.transfer import freeze

TARGET = "MRI"  # the modality that is fine-tuned on; the source has the two others
FROZEN, TUNED, SCRATCH = "encoder frozen", "all tuned", "from scratch"
WAYS = (FROZEN, TUNED, SCRATCH)
EPOCHS = 8  # of fine-tuning, in the Δ picture and for each number of labels
DIFFICULTY = 0.1  # of the phantoms, source and target: easy, so that little training shows something
RATE = 3e-3  # of Adam, three times Table 3: the trainings are short


class Sizes(NamedTuple):
    """How much is learned on a page: enough to see something in full mode, the least in fast mode."""

    source: int  # phantoms of the two other modalities
    source_epochs: int
    budgets: tuple[int, ...]  # labelled images of the target's modality
    test: int
    seeds: int
    side: int = 32  # pixels
    width: int = 8  # features at 1/2


def sizes() -> Sizes:
    """Return the sizes of this page's trainings."""
    return Sizes(48, 1, (12, 24), 30, 1) if fast() else Sizes(480, 12, (12, 36, 96), 180, 3)


@functools.cache
def target_of(size: Sizes) -> tuple[Split, Callable[[ImageSet], Tensor]]:
    """Return the target's phantoms and what prepares images for a model."""
    split = phantom_split(max(size.budgets), 6, size.test, size.side, TARGET, DIFFICULTY)
    return split, Preparation().fitted_to(split.train)


def built(size: Sizes, seed: int) -> nn.Module:
    """Return a small hybrid with random weights of its own, by the seed."""
    with drawn_by(seed):
        return Hybrid(classes=3, width=size.width)


@functools.cache
def learned(size: Sizes) -> PreTrained:
    """Return what a small hybrid learned on the source: the same lesions, seen by the two other scanners."""
    source = other_modality(TARGET, size.source, size.side, DIFFICULTY)
    settings = Settings(epochs=size.source_epochs, learning_rate=RATE)
    return pretrain(built(size, seed=0), source, target_of(size)[1], settings, seed=0, progress=None)


class Tuned(NamedTuple):
    """One fine-tuning: the weights it started from and had after each epoch, and what it scored."""

    taken: dict[str, Tensor]  # from the source task, by name
    states: tuple[dict[str, Tensor], ...]  # 0, 1, ... epochs
    accuracy: float  # on test images of other phantoms
    dice: float


@functools.cache
def tuned(size: Sizes, way: str, labels: int, seed: int = 0) -> Tuned:
    """Fine-tune on some labelled images of the target, and keep the weights of every epoch.

    The seed draws which images have labels, the weights of new layers, and the order of the images.
    """
    split, see = target_of(size)
    few = split.train.subset(nested(split.train, size.budgets, seed)[labels])
    model, taken = built(size, seed=seed + 1), {}
    if way != SCRATCH:
        taken = start_from(model, learned(size)).taken
    if way == FROZEN:
        freeze(model, "encoder")
    states = [_copy(model)]
    again = math.ceil(max(size.budgets) / len(few))  # so that few images get as many steps as many
    fit(
        model, see(few).repeat(again, 1, 1, 1), few.label.repeat(again), few.mask.repeat(again, 1, 1, 1),
        Settings(batch_size=16, epochs=EPOCHS, learning_rate=RATE), seed=seed,
        on_epoch=lambda epoch, now: states.append(_copy(now)), progress=None,
    )  # fmt: skip
    answer = predict(model, see(split.test))
    right = accuracy(label_counts(answer.label.argmax(1), split.test.label, 3)).value
    overlap = dice(mask_counts(answer.mask > 0, split.test.mask)).value
    return Tuned(taken, tuple(states), right, overlap)


def few_labels(progress: Callable | None = tqdm) -> dict[str, dict[int, list[Tuned]]]:
    """Fine-tune in every way for every number of labels, once in a session: way -> labels -> one run a seed.

    Args:
        progress: makes the bar, as tqdm does; None: no bar.
    """
    size = sizes()
    todo = [(way, labels, seed) for way in WAYS for labels in size.budgets for seed in range(size.seeds)]
    bar = {"desc": "pre-training and fine-tuning", "bar_format": "{desc} {bar} {n_fmt} of {total_fmt} runs"}
    for one in progress(todo, **bar) if progress else todo:
        tuned(size, *one)
    return {way: {n: [tuned(size, way, n, s) for s in range(size.seeds)] for n in size.budgets} for way in WAYS}


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
