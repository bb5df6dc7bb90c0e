"""Splits by patient, right and wrong: the versions on which a test of exercise 13.7 is tried."""

from __future__ import annotations

import random

import numpy as np
import torch

# right versions


def by_torch(patient, seed):
    """Shuffle the different numbers with torch."""
    numbers = patient.unique()
    order = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(seed))
    return torch.isin(patient, numbers[order[: len(numbers) // 4]])


def by_numpy(patient, seed):
    """Choose among the different numbers with NumPy."""
    numbers = np.unique(patient.numpy())
    chosen = np.random.default_rng(seed).choice(numbers, len(numbers) // 4, replace=False)
    return torch.as_tensor(np.isin(patient.numpy(), chosen))


def by_python(patient, seed):
    """Sample from a sorted list of numbers with Python."""
    numbers = sorted(set(patient.tolist()))
    chosen = random.Random(seed).sample(numbers, len(numbers) // 4)
    return torch.tensor([one in chosen for one in patient.tolist()])


def by_scores(patient, seed):
    """Give each patient a random score, and take the lowest quarter."""
    numbers, place = patient.unique(return_inverse=True)
    score = torch.rand(len(numbers), generator=torch.Generator().manual_seed(seed + 100))
    return (score < score.sort().values[len(numbers) // 4])[place]


# wrong versions


def by_image(patient, seed):
    """Shuffle images."""
    order = torch.randperm(len(patient), generator=torch.Generator().manual_seed(seed))
    return order < len(patient) // 4


def in_order(patient, seed):
    """Cut the list of images."""
    return torch.arange(len(patient)) < len(patient) // 4


def always_the_same(patient, seed):
    """Forget the seed."""
    return by_torch(patient, 0)


def other_side(patient, seed):
    """Swap the sides."""
    return ~by_torch(patient, seed)


def one_too_many(patient, seed):
    """Count one patient too far."""
    numbers = patient.unique()
    order = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(seed))
    return torch.isin(patient, numbers[order[: len(numbers) // 4 + 1]])


def by_runs(patient, seed):
    """Take each run of equal numbers for a patient."""
    _, run = patient.unique_consecutive(return_inverse=True)
    return by_torch(run, seed)


def numbered_from_zero(patient, seed):
    """Draw 0 ... P - 1, whatever the numbers are."""
    count = len(patient.unique())
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return torch.isin(patient, order[: count // 4])


def one_image_each(patient, seed):
    """Take one image of each test patient."""
    side = by_torch(patient, seed)
    earlier = torch.tensor([one in patient[:i].tolist() for i, one in enumerate(patient.tolist())])
    return side & ~earlier


def renumbers(patient, seed):
    """Write new numbers into the argument."""
    side = by_torch(patient, seed)
    patient.copy_(patient.unique(return_inverse=True)[1])
    return side


class KeepsDrawing:
    """Start the generator once, and go on drawing."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(1)

    def __call__(self, patient, seed):
        numbers = patient.unique()
        order = torch.randperm(len(numbers), generator=self.generator)
        return torch.isin(patient, numbers[order[: len(numbers) // 4]])
