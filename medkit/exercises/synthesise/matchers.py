"""Histogram matching, right and wrong: the versions that exercise 16.5 holds."""

from __future__ import annotations

import numpy as np
import torch

# Right versions


def match_plainly(image, reference):
    """Look every pixel's share up among the reference's."""
    shares = (image.flatten()[:, None] >= image.flatten()).double().mean(1)
    value, often = reference.unique(return_counts=True)
    known = often.cumsum(0).double() / often.sum()
    return torch.from_numpy(np.interp(shares.numpy(), known.numpy(), value.double().numpy())).reshape(image.shape).float()


def match_by_unique(image, reference):
    """Move each grey value once, in NumPy."""
    _, place, count = np.unique(image.numpy(), return_inverse=True, return_counts=True)
    value, often = np.unique(reference.numpy(), return_counts=True)
    new = np.interp(np.cumsum(count) / image.numel(), np.cumsum(often) / reference.numel(), value)
    return torch.from_numpy(new[place.ravel()].reshape(image.shape).astype(np.float32))


def match_by_search(image, reference):
    """Search, and go the rest of the way on a straight line, in float32."""
    shares = torch.searchsorted(image.flatten().sort().values, image.flatten(), right=True).double() / image.numel()
    value, often = reference.unique(return_counts=True)
    known = often.cumsum(0).double() / often.sum()
    right = torch.searchsorted(known, shares - 1e-12).clamp(max=len(known) - 1)
    left = (right - 1).clamp(min=0)
    way = ((shares - known[left]) / (known[right] - known[left]).clamp(min=1e-12)).clamp(0, 1)
    return (value[left] + way.float() * (value[right] - value[left])).reshape(image.shape)


# Wrong versions


def match_not_at_all(image, reference):
    """Do nothing."""
    return image.clone()


def match_by_the_reference(image, reference):
    """Return grey values of the reference in the reference's places."""
    flat = reference.flatten().float()
    return flat[torch.arange(image.numel()) % len(flat)].reshape(image.shape)


def match_in_order(image, reference):
    """Return the right grey values, sorted: outlines are gone."""
    return match_plainly(image, reference).flatten().sort().values.reshape(image.shape)


def match_upside_down(image, reference):
    """Give the darkest pixel the brightest value."""
    return match_plainly(-image, reference)


def match_mean_and_spread(image, reference):
    """Bring mean and standard deviation to the reference's."""
    scale = reference.std() / image.std().clamp(min=1e-12)
    return (image - image.mean()) * scale + reference.mean()


def match_the_ends(image, reference):
    """Stretch to the reference's range."""
    width = (image.max() - image.min()).clamp(min=1e-12)
    return (image - image.min()) / width * (reference.max() - reference.min()) + reference.min()


def match_with_broken_ties(image, reference):
    """Rank pixel by pixel: equal pixels become different ones."""
    rank = torch.empty(image.numel())
    rank[image.flatten().sort(stable=True).indices] = torch.arange(1, image.numel() + 1).float()
    return match_plainly(rank.reshape(image.shape), reference)


def match_by_rank(image, reference):
    """Look ranks up, not shares: right as long as both have equally many pixels."""
    value = reference.flatten().sort().values.float()
    rank = (image.flatten()[:, None] >= image.flatten()).sum(1)
    return value[(rank - 1).clamp(max=len(value) - 1)].reshape(image.shape)


def match_row_by_row(image, reference):
    """Match each row by itself."""
    return torch.cat([match_plainly(row[None], reference) for row in image])


def match_what_lies_below(image, reference):
    """Take the share of pixels below a value, without those that have it."""
    shares = (image.flatten()[:, None] > image.flatten()).double().mean(1)
    value, often = reference.unique(return_counts=True)
    known = often.cumsum(0).double() / often.sum()
    return torch.from_numpy(np.interp(shares.numpy(), known.numpy(), value.double().numpy())).reshape(image.shape).float()


def match_in_steps(image, reference):
    """Take the next value up, and nothing in between."""
    shares = (image.flatten()[:, None] >= image.flatten()).double().mean(1)
    value, often = reference.unique(return_counts=True)
    known = often.cumsum(0).double() / often.sum()
    return value[torch.searchsorted(known, shares - 1e-9).clamp(max=len(value) - 1)].float().reshape(image.shape)


def match_each_value_once(image, reference):
    """Forget how often the reference has each value."""
    return match_plainly(image, reference.unique()[None])


def match_the_wrong_way(image, reference):
    """Match the reference to the image."""
    return match_plainly(reference, image)
