"""Readers of masks, right and wrong: the versions that exercise 19.5 holds."""

from __future__ import annotations

import numpy as np
import torch

# Right versions


def inside_one_by_one(masks):
    """Cut each file at its own threshold, then take them together."""
    found = torch.zeros(masks.shape[1:], dtype=torch.bool)
    for mask in masks:
        found |= mask >= (128 if mask.max() > 1 else 1)
    return found


def inside_at_once(masks):
    """Write files of 0 and 1 with 255, and take the highest of each pixel."""
    small = masks.amax(dim=(1, 2), keepdim=True) <= 1
    return torch.where(small, 255 * masks, masks).amax(0) >= 128


def inside_by_numpy(masks):
    """Let NumPy do it, with thresholds between the numbers."""
    pixels = masks.numpy().astype(float)
    cut = np.where(pixels.max(axis=(1, 2)) > 1, 127.5, 0.5)
    return torch.from_numpy((pixels > cut[:, None, None]).any(axis=0))


# Wrong versions


def inside_the_first(masks):
    """Read the first file alone."""
    return inside_one_by_one(masks[:1])


def inside_the_last(masks):
    """Let each file write over the one before."""
    return inside_one_by_one(masks[-1:])


def inside_all(masks):
    """Ask for pixels that all files mark."""
    return torch.stack([inside_one_by_one(mask[None]) for mask in masks]).all(0)


def inside_an_odd_number(masks):
    """Take out again what two files mark."""
    return torch.stack([inside_one_by_one(mask[None]) for mask in masks]).sum(0) % 2 == 1


def inside_above_zero(masks):
    """Take all that is not 0."""
    return (masks > 0).any(0)


def inside_255_alone(masks):
    """Take 255 of files that have it, and nothing near it."""
    return torch.stack([mask == (255 if mask.max() > 1 else 1) for mask in masks]).any(0)


def inside_from_128(masks):
    """Take every file for one of 0 and 255."""
    return (masks >= 128).any(0)


def inside_by_half_of_the_highest(masks):
    """Cut each file at half of its highest value: an empty one is full."""
    return (2 * masks >= masks.amax(dim=(1, 2), keepdim=True)).any(0)


def inside_by_the_highest_of_all(masks):
    """Let the highest value of all files say which kind they are."""
    return (masks >= (128 if masks.max() > 1 else 1)).any(0)


def inside_above_128(masks):
    """Leave 128 itself outside."""
    return torch.stack([mask > (128 if mask.max() > 1 else 0) for mask in masks]).any(0)


def inside_the_smaller_part(masks):
    """Turn a mask over that marks more than half: a lesion is small."""
    found = inside_one_by_one(masks)
    return ~found if found.double().mean() > 0.5 else found


def inside_nothing(masks):
    """Find nothing."""
    return torch.zeros(masks.shape[1:], dtype=torch.bool)
