"""Bring images and masks of any size to one size, without inventing grey values or labels."""

from __future__ import annotations

import torch
from torch import Tensor


def area_weights(before: int, after: int) -> Tensor:
    """Return the (after, before) matrix of area interpolation along one axis.

    Row i holds the share of each old pixel in new pixel i; rows sum to one. It also enlarges.

    >>> area_weights(4, 2)
    tensor([[0.5000, 0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.5000, 0.5000]])
    """
    edge = torch.arange(after + 1, dtype=torch.float64) * before / after
    old = torch.arange(before, dtype=torch.float64)
    overlap = torch.minimum(edge[1:, None], old + 1) - torch.maximum(edge[:-1, None], old)
    return (overlap.clamp(min=0) * after / before).float()


def resize_image(image: Tensor, size: int) -> Tensor:
    """Return (..., H, W) images as (..., size, size) by area: every old pixel counts by its share.

    Height and width are scaled each on its own; the grey values keep their unit and range.
    """
    rows, columns = area_weights(image.shape[-2], size), area_weights(image.shape[-1], size)
    return rows @ image.float() @ columns.T


def resize_mask(mask: Tensor, size: int) -> Tensor:
    """Return (..., H, W) bool masks as (..., size, size) bool.

    A new pixel is inside if at least half of its area is. A mask that is not empty never becomes
    empty: where no pixel reaches one half, the fullest stays (the first of several).

    >>> speck = torch.zeros(1, 8, 8, dtype=torch.bool)
    >>> speck[0, 5, 6] = True
    >>> resize_mask(speck, 2).tolist()
    [[[False, False], [False, True]]]
    """
    share = resize_image(mask, size).flatten(-2)
    inside = share >= 0.5 - 1e-6
    lost = mask.flatten(-2).any(-1) & ~inside.any(-1)
    fullest = torch.zeros_like(inside).scatter_(-1, share.argmax(-1, keepdim=True), True)
    return torch.where(lost[..., None], fullest, inside).unflatten(-1, (size, size))
