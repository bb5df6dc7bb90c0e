"""What a map is worth: each measure one number an image, NaN where there is nothing to measure."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 16  # of the deletion and insertion curves


def mass_inside(found: Tensor, mask: Tensor) -> Tensor:
    """Return the share of a map's positive part that lies inside the mask.

    Args:
        found: (B, H, W), of either sign; mask: (B, H, W) bool.

    Returns:
        (B,) in 0 ... 1; a flat map gives the mask's area, which is chance. NaN: empty mask, or nothing positive.

    >>> mass_inside(torch.tensor([[[3.0, 1.0, -5.0]]]), torch.tensor([[[True, False, False]]]))
    tensor([0.7500])
    """
    _check(found, mask)
    positive = found.clamp(min=0).flatten(1)
    share = (positive * mask.flatten(1)).sum(1) / positive.sum(1)
    return share.where(mask.flatten(1).any(1), torch.nan)


def pointing(found: Tensor, mask: Tensor) -> Tensor:
    """Say whether the map's highest pixel lies inside the mask; of several highest, the share that does.

    Arguments as for `mass_inside`. Returns (B,) in 0 ... 1; a flat map gives the mask's area. NaN: empty mask.

    Reference: J. Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016.

    >>> pointing(torch.tensor([[[2.0, 2.0, 1.0]]]), torch.tensor([[[True, False, False]]]))
    tensor([0.5000])
    """
    _check(found, mask)
    flat, inside = found.flatten(1), mask.flatten(1)
    top = flat == flat.amax(1, keepdim=True)
    share = (top & inside).sum(1) / top.sum(1)
    return share.where(inside.any(1), torch.nan)


def chance(mask: Tensor) -> Tensor:
    """Return each mask's area as a share of the image: what `mass_inside` and `pointing` give a flat map.

    >>> chance(torch.tensor([[[True, False, False, False]]]))
    tensor([0.2500])
    """
    area = mask.flatten(1).float().mean(1)
    return area.where(area > 0, torch.nan)


def deletion(score: Callable[[Tensor], Tensor], image: Tensor, found: Tensor) -> Tensor:
    """Return the scores while the map's highest pixels go first, each set to the image's mean: (B, STEPS + 1).

    Args:
        score: images (B, C, H, W) -> (B,); image: (B, C, H, W); found: (B, H, W).

    Reference: V. Petsiuk et al., "RISE", BMVC 2018. A low area says that what went first mattered.

    >>> image = torch.tensor([[[[1.0, 0.0]]]])
    >>> area(deletion(lambda x: x[:, 0, 0, 0], image, torch.tensor([[[2.0, 1.0]]])))
    tensor([0.5156])
    """
    return _curve(score, image.mean(dim=(2, 3), keepdim=True).expand_as(image), image, found)


def insertion(score: Callable[[Tensor], Tensor], image: Tensor, found: Tensor) -> Tensor:
    """Return the scores while the map's highest pixels come first into a flat image. As `deletion`; high is good."""
    return _curve(score, image, image.mean(dim=(2, 3), keepdim=True).expand_as(image), found)


def area(curve: Tensor) -> Tensor:
    """Return the area under curves over 0 ... 1, by trapezia: (B, P) -> (B,).

    >>> area(torch.tensor([[0.0, 1.0]]))
    tensor([0.5000])
    """
    return torch.trapezoid(curve, dx=1 / (curve.shape[1] - 1))


def similarity(one: Tensor, other: Tensor) -> Tensor:
    """Return Spearman's correlation of two maps, ties averaged: (B, H, W) twice -> (B,). NaN: a flat map.

    >>> similarity(torch.tensor([[[1.0, 2.0, 9.0]]]), torch.tensor([[[3.0, 2.0, 1.0]]])).round()
    tensor([-1.])
    """
    ranks = [_ranks(maps.flatten(1)) for maps in (one, other)]
    a, b = (r - r.mean(1, keepdim=True) for r in ranks)
    return ((a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()).float()


def _ranks(flat: Tensor) -> Tensor:
    rows = [row.unique(return_inverse=True, return_counts=True)[1:] for row in flat]
    return torch.stack([(count.cumsum(0) - (count - 1) / 2).double()[place] for place, count in rows])


@torch.no_grad()
def _curve(score: Callable, there: Tensor, before: Tensor, found: Tensor) -> Tensor:
    """Score `before` while its pixels are taken from `there`, highest of the map first."""
    order = found.flatten(1).argsort(dim=1, descending=True, stable=True)
    rank, n = order.argsort(dim=1).reshape(found.shape), found[0].numel()
    return torch.stack([score(before.where(rank[:, None] >= n * step / STEPS, there)) for step in range(STEPS + 1)], 1)


def _check(found: Tensor, mask: Tensor) -> None:
    if found.ndim != 3 or found.shape != mask.shape or mask.dtype != torch.bool:
        raise ValueError(
            f"found and mask must be (B, H, W), the mask bool, got {tuple(found.shape)} and {tuple(mask.shape)} "
            f"{mask.dtype}; enlarge the map to the mask's size"
        )
