"""A model of all sets but one, and its rival of that one alone, measured on the same test images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm.auto import tqdm

from medkit import experiment, metrics, record
from medkit.blocks import parameter_count
from medkit.data import leaks
from medkit.data.container import ImageSet, Split, joined
from medkit.data.lesions import CLASSES
from medkit.measure import best_cut, measure
from medkit.preparation import PER_IMAGE, Preparation
from medkit.settings import Settings
from medkit.shift.domains import Domain
from medkit.training import fit, predict

KIND = "shift"  # of its records
OTHERS, ITSELF = "the others", "itself"  # what a model was trained on
SCALES = tuple(PER_IMAGE)  # of each image alone: nothing is learned from any set
FIXED = "fixed answer"  # one class and one mask, the same for all images
APART = 10**12  # between the group numbers of two sets


class Pair(NamedTuple):
    """Two ways to learn for one target.

    target, sources: the sets. others, itself: images to learn from, by what they are; both end in the
    target's test images.
    """

    target: Domain
    sources: tuple[Domain, ...]
    others: Split
    itself: Split


def pair_of(found: Sequence[Domain], target: int) -> Pair:
    """Put one set aside as the target; training images that it shares with its sources' are an error.

    Args:
        found: two or more; target: which of them, from 0.

    Raises:
        medkit.data.leaks.LeakError: a source holds images of the target's test.
    """
    aside, sources = found[target], tuple(one for n, one in enumerate(found) if n != target)
    train, val = (_pooled([getattr(one.split, side) for one in sources]) for side in ("train", "val"))
    test = aside.split.test
    for source in sources:
        far = [_moved(getattr(source.split, side), 1) for side in ("train", "val")]
        leaks.refuse_leaks({"train": far[0], "val": far[1], "test": test})
    return Pair(aside, sources, Split(train, val, test), aside.split)


def run(
    pair: Pair, trained: str, scale: str, model: str, settings: Settings, seed: int,
    device: torch.device, progress: Callable | None = tqdm,
) -> dict:  # fmt: skip
    """Train one model on the others or on the target itself, measure it on the target's test, return the record.

    Args:
        pair: from `pair_of`; trained: `OTHERS` or `ITSELF`; scale: one of `SCALES`;
        model: of `medkit.experiment.MODELS`; settings: the epochs are those of the larger of the two
            trainings, the smaller one makes as many optimiser steps; seed: of weights and order.

    Returns:
        as `medkit.experiment.run`, without clock; and "kind", "target", "sources", "modalities", "trained", "scale",
        "labels_learned": False where no training image's label is scored, and the label's head learned nothing.
    """
    split = pair.others if trained == OTHERS else pair.itself
    settings = dataclasses.replace(settings, epochs=epochs_of(pair, trained, settings))
    image, val_image, test_image = seen(pair, trained, scale, device)
    data = split.to(device)
    task = experiment.Task(data.train, image, data.val, val_image, experiment.Sealed(data.test, test_image), {})
    network = experiment.build(model, task, seed)
    history = fit(
        network, image, data.train.label, data.train.mask, settings, seed=seed, scored=data.train.scored,
        progress=progress, title=f"{pair.target.key} by {trained}, {scale}, {model}, seed {seed}",
    )  # fmt: skip
    cut = best_cut(predict(network, val_image).label.softmax(1), data.val)
    images, image = task.test.open("last epoch")
    label, mask = predict(network, image)
    return {
        **_about(pair, trained, scale, model, seed, split),
        "settings": dataclasses.asdict(settings),
        "machine": record.machine(device),
        "parameters": parameter_count(network),
        "notes": history.notes,
        "loss": history.column("loss"),
        "result": [measure(label.softmax(1), mask > 0, images, cut)],
        "weights": experiment.weights_sha256(network),
    }


def fixed_answer(pair: Pair) -> dict:
    """Return the record of the best answer that never looks: the others' usual class, and one mask for all.

    The mask holds the places that are lesion in so many of the others' training images that the Dice
    there is highest. What a model has above it on the target, it has from looking.
    """
    train, test = pair.others.train, pair.others.test
    probability = torch.zeros(len(test), len(CLASSES))
    probability[:, int(train.label[train.scored].bincount(minlength=2).argmax())] = 1.0
    mask = torch.zeros_like(test.image, dtype=torch.bool)
    if train.mask is not None:
        mask[:] = _best_mask(train.mask)
    about = _about(pair, OTHERS, "any", FIXED, 0, pair.others)
    return {**about, "seedless": True, "parameters": 0, "notes": [], "result": [measure(probability, mask, test)]}


def epochs_of(pair: Pair, trained: str, settings: Settings) -> int:
    """Return how many epochs a training has, so that both make about as many optimiser steps."""
    counts = {OTHERS: len(pair.others.train), ITSELF: len(pair.itself.train)}
    batches = {name: math.ceil(count / settings.batch_size) for name, count in counts.items()}
    return max(1, round(settings.epochs * max(batches.values()) / batches[trained]))


def _best_mask(masks: Tensor) -> Tensor:
    """Return the mask (1, H, W) that has the highest mean Dice with (N, 1, H, W) masks, of those cut from their mean."""
    often = masks.double().mean(0)
    cuts = [often >= level for level in often.unique()[1:][:: max(1, len(often.unique()) // 50)]]
    worth = [metrics.dice(metrics.mask_counts(one.expand_as(masks), masks)).value for one in cuts]
    return cuts[worth.index(max(worth))] if cuts else torch.zeros_like(often, dtype=torch.bool)


def seen(pair: Pair, trained: str, scale: str, device: torch.device) -> list[Tensor]:
    """Return training, validation and test images as models see them, (N, 1, H, W) float32 on the device.

    Each set goes through its own window, where it has one, and each image is scaled by itself. Arguments: as for `run`.
    """

    def see(data: ImageSet) -> Tensor:
        return Preparation(scale=scale).fitted_to(data)(data.to(device))

    learned = pair.sources if trained == OTHERS else (pair.target,)
    sides = [[getattr(one.split, side) for one in learned] for side in ("train", "val")]
    return [torch.cat([see(data) for data in side]) for side in (*sides, [pair.target.split.test])]


def _pooled(parts: list[ImageSet]) -> ImageSet:
    """Lay sets end to end; no two of them share a group. Masks only where all have them."""
    apart = [_moved(part, number) for number, part in enumerate(parts, 1)]
    text = {name: " + ".join(dict.fromkeys(getattr(part, name) for part in apart)) for name in ("title", "modality", "source", "unit")}
    notes = tuple(dict.fromkeys(note for part in apart for note in part.notes))
    return dataclasses.replace(joined(apart), **text, notes=notes)


def _moved(data: ImageSet, number: int) -> ImageSet:
    return dataclasses.replace(data, group=data.group + number * APART)


def _about(pair: Pair, trained: str, scale: str, model: str, seed: int, split: Split) -> dict:
    facts = experiment.describe(split) | {"key": pair.target.key, "leaks": [], "leaks_allowed": False}
    learned = pair.sources if trained == OTHERS else (pair.target,)
    return {
        "kind": KIND,
        "target": pair.target.key,
        "sources": [one.key for one in learned],
        "modalities": [one.modality for one in learned],
        "trained": trained,
        "scale": scale,
        "labels_learned": bool(split.train.scored.any()),
        "model": model,
        "seed": seed,
        "data": facts,
    }
