"""Fewer labels: which images are left, and how they are shown so that every count gets the same steps."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from medkit.data.container import ImageSet
from medkit.experiment import Task
from medkit.step import key

SAID = (
    "few labels: whole groups drawn by the run's seed, nested, classes as equal as they can be; shown again "
    "within an epoch until it has the steps of all images"
)


def nested(data: ImageSet, counts: tuple[int, ...], seed: int) -> dict[int, Tensor]:
    """Draw some of a training set's images, for each count: the 25 are among the 50, the 50 among the 100.

    Whole groups are drawn at random, each time from the class that has the fewest images so far; a
    group counts for the rarest class among its images. One that does not fit any more waits for the
    next larger count. Images whose label must not be used take no place, nor do their groups.

    Args:
        data: the training images. counts: how many, at most. seed: decides which, and nothing else does.

    Returns:
        by count the positions (n,) int64, in order: n is the count, or little below it where groups
        do not add up to it.

    Raises:
        ValueError: a count that has no room for a group of each class.

    >>> from medkit.data.phantom import phantom
    >>> drawn = nested(phantom(36, size=32), (6, 12), seed=0)
    >>> [len(index) for index in drawn.values()], set(drawn[6].tolist()) < set(drawn[12].tolist())
    ([6, 12], True)
    """
    waiting, images, taken, drawn = _shuffled(data, seed), [0] * len(data.classes), [], {}
    there = [label for label, groups in enumerate(waiting) if groups]
    for count in sorted(counts):
        while (found := _next(waiting, images, count - len(taken))) is not None:
            label, group = found
            waiting[label].remove(group)
            images[label] += len(group)
            taken += group
        if not all(images[label] for label in there):
            raise ValueError(
                f"counts must have room for one {data.unit} of each class, got {count}; "
                f"take larger counts, or a set with fewer images to one {data.unit}"
            )
        drawn[count] = torch.tensor(sorted(taken))
    return drawn


def fewer(task: Task, index: Tensor) -> Task:
    """Return the task with some of its training images, shown so often that an epoch has the steps it had.

    Validation, test and what the record says of them stay as they are. `index` as from `nested`. What
    models see of an image must not depend on other images (`medkit.preparation`, min-max of each).
    """
    few = task.train.subset(index)
    again = torch.arange(len(task.train)) % len(index)
    facts = task.facts | {"train": len(few), "sha256": task.facts["sha256"] | {"train": few.sha256()}}
    shown = index.to(task.image.device)[again.to(task.image.device)]
    return dataclasses.replace(task, train=few.subset(again), image=task.image[shown], facts=facts)


def _shuffled(data: ImageSet, seed: int) -> list[list[list[int]]]:
    """Return for each class its groups, at random, each as the positions of its images."""
    label, group = data.label.tolist(), data.group.tolist()
    often = data.label.bincount(minlength=len(data.classes)).tolist()
    unusable = {g for g, scored in zip(group, data.scored.tolist()) if not scored} if data.scored.any() else set()
    members: dict[int, list[int]] = {}
    for position, number in enumerate(group):
        if number not in unusable:
            members.setdefault(number, []).append(position)
    numbers = sorted(members)
    generator = torch.Generator().manual_seed(key(f"labels of seed {seed}"))
    waiting: list[list[list[int]]] = [[] for _ in data.classes]
    for place in torch.randperm(len(numbers), generator=generator).tolist():
        positions = members[numbers[place]]
        waiting[min((label[p] for p in positions), key=lambda k: often[k])].append(positions)
    return waiting


def _next(waiting: list[list[list[int]]], images: list[int], room: int) -> tuple[int, list[int]] | None:
    """Return the class with the fewest images that has a group with room, and that group; else None."""
    for label in sorted(range(len(waiting)), key=lambda k: images[k]):
        for group in waiting[label]:
            if len(group) <= room:
                return label, group
    return None
