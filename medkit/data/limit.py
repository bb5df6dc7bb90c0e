"""Take fewer images, in whole groups and with the classes in proportion."""

from __future__ import annotations

import torch

from medkit.data.container import ImageSet, Split


def limit_images(data: ImageSet, limit: int, seed: int = 0) -> ImageSet:
    """Return at most `limit` images: whole groups, at random, classes about as frequent as before.

    A group counts for the rarest class among its images, so that patients with a few slices of a
    rare finding are not taken for healthy ones. Each class gets its share of the limit; what one
    class leaves over stays unused.

    Args:
        data: the set. limit: images at most, 1 or above. seed: which groups are taken.

    Raises:
        ValueError: limit below 1, or not even one group fits.
    """
    if limit < 1:
        raise ValueError(f"limit must be 1 or above, got {limit}; None takes all images")
    if limit >= len(data):
        return data
    label = data.label.cpu()
    groups, inverse, size = torch.unique(data.group.cpu(), return_inverse=True, return_counts=True)
    frequency = torch.bincount(label, minlength=len(data.classes))
    rank = frequency.argsort(stable=True).argsort()  # 0 for the rarest class
    best = torch.full_like(groups, len(data.classes)).scatter_reduce_(0, inverse, rank[label], "amin")
    generator = torch.Generator().manual_seed(seed)
    taken = torch.zeros(len(groups), dtype=torch.bool)
    for r in range(len(data.classes)):
        members = (best == r).nonzero().flatten()
        room = round(limit * int(size[members].sum()) / len(data))
        room = min(room, limit - int(size[taken].sum()))
        for member in members[torch.randperm(len(members), generator=generator)]:
            if size[member] <= room:
                taken[member] = True
                room -= int(size[member])
    if not taken.any():
        raise ValueError(f"limit must let one {data.unit} in, got {limit} images; raise it")
    return data.subset(taken[inverse])


def limit_split(split: Split, limit: int | None, seed: int) -> Split:
    """Return the split with at most `limit` images on each side, or as it is where limit is None."""
    if limit is None:
        return split
    return Split(*(limit_images(side, limit, seed) for side in (split.train, split.val, split.test)))
