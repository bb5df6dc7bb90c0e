"""What a detector can see, and what it sees instead: discs planted into healthy images, edges, real lesions.

A row at chance has a reason, and the reason can be looked for. Whose score doesn't rise with a bright disc
is blind. Where it rises, and images with the disc still can't be told from those without, healthy images
differ more from one another than by the disc. Who finds a faint disc, and no lesion, finds the lesions
fainter still, or like healthy tissue. And a map that follows the edges of healthy images says where edges are.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from medkit.explain.sanity import similarity
from medkit.scores import auroc

CONTRASTS = (0.1, 0.2, 0.4, 0.8)  # of a disc, in units of the image's range
RADIUS = 1 / 12  # of the shorter side: a disc covers about 2 % of a square image
FOUND = 0.9  # AUROC from which a disc counts as found, and share of rising scores from which it counts as seen
HARDLY = 0.7  # share of rising scores below which it counts as hardly seen; 0.5 is chance


def plant(image: Tensor, contrast: float, seed: int = 0) -> Tensor:
    """Put a soft disc into each image, at a place of its own in the middle half.

    It is brighter than what it covers where that is dark (mean below 0.5), else darker, so that it has room.

    Args:
        image: (N, C, H, W) in 0 ... 1, as models see them; contrast: 0 ... 1, at the middle of the disc.
        seed: of the places, the same for every contrast.

    Raises:
        ValueError: a contrast out of range.

    >>> float((plant(torch.zeros(1, 1, 24, 24), 0.5) > 0.25).float().mean())  # 9 of 576 pixels
    0.015625
    """
    if not 0 <= contrast <= 1:
        raise ValueError(f"contrast must lie in 0 ... 1, got {contrast}; the whole range of an image is 1")
    height, width = image.shape[-2:]
    drawn = 0.25 + 0.5 * torch.rand(2, len(image), 1, 1, 1, generator=torch.Generator().manual_seed(seed))
    down, across = ((drawn[0] * height).floor(), (drawn[1] * width).floor())
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    distance = ((rows - down) ** 2 + (columns - across) ** 2).sqrt()
    disc = torch.sigmoid(4 * (RADIUS * min(height, width) - distance)).to(image)
    covered = (image * disc).sum((1, 2, 3), keepdim=True) / (image.shape[1] * disc.sum((1, 2, 3), keepdim=True))
    return (image + torch.where(covered < 0.5, contrast, -contrast) * disc).clamp(0, 1)


class Found(NamedTuple):
    """auroc: of images with a disc against the same images without. rises: share of images whose score rises."""

    auroc: float
    rises: float


def found(score: Tensor, with_disc: Tensor) -> Found:
    """Compare scores (N,) of the same images without a disc and with it; a score that stays rises by half.

    >>> found(torch.tensor([1.0, 5.0, 9.0]), torch.tensor([2.0, 6.0, 10.0]))  # all rise, and yet
    Found(auroc=0.6666666666666666, rises=1.0)
    """
    ill = torch.arange(2 * len(score)) >= len(score)
    rises = (with_disc > score).double() + (with_disc == score).double() / 2
    return Found(auroc(torch.cat([score, with_disc]), ill).value, float(rises.mean()))


def follows_edges(maps: Tensor, image: Tensor) -> float:
    """Return the rank correlation of maps with the images' gradient, the mean over images; 1: a map of edges.

    Args:
        maps: (N, 1, H, W) of healthy images; image: (N, C, H, W). An image without an edge counts for nothing.
    """
    slopes = torch.gradient(image.mean(1), dim=(-2, -1))
    return float(similarity(maps[:, 0], (slopes[0] ** 2 + slopes[1] ** 2).sqrt()).nanmean())


def on_lesions(maps: Tensor, mask: Tensor) -> float:
    """Return how much higher maps are inside lesions than outside, as a ratio of means, over images; 1: no higher.

    Args:
        maps: (N, 1, H, W), 0 or above; mask: (N, 1, H, W) bool. Images without a lesion are left out.
    """
    ill = mask.flatten(1).any(1)
    inside, outside = ((maps[ill] * side).sum() / side.sum() for side in (mask[ill], ~mask[ill]))
    return float(inside / outside)
