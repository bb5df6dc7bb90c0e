"""Has a generator copied its training patients? Nearest neighbours, against patients it has never seen.

How near an image lies to its nearest training patient says little alone: a blurred image is near to
everyone. So it is divided by the distance to the second nearest patient. Someone new has two
neighbours about equally far, and a ratio little below 1; a copy has one neighbour, and a ratio near 0.
How low the ratios of someone new go is measured on held-out patients, and not assumed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from medkit._check import check_finite, check_image

LIMIT = 0.05  # more than this share of suspects means copying; fixed before any generator was trained


class Neighbours(NamedTuple):
    """For each image: distance to its nearest training patient, that over the next one's, and which image it is."""

    distance: Tensor  # (N,) root mean square difference of grey values
    ratio: Tensor  # (N,) 0 ... 1
    index: Tensor  # (N,) int64, position of the nearest training image


class Copies(NamedTuple):
    """What the check found.

    share: of synthetic images with a ratio below every held-out one's. expected: what new patients would
    give, 1 / (held-out + 1). copied: share is above `LIMIT`.
    The distances and ratios are medians.
    """

    share: float
    expected: float
    copied: bool
    ratio: float
    ratio_held_out: float
    distance: float
    distance_held_out: float
    images: int
    held_out: int


def neighbours(image: Tensor, train: Tensor, group: Tensor) -> Neighbours:
    """Find the two nearest training patients of each image; a mirrored copy is a copy.

    distance(a, b) = min over b and b mirrored left to right of √(mean (a - b)²);
    ratio = distance to the nearest patient / distance to the second nearest.

    Args:
        image: (N, C, H, W) floating point; train: (M, C, H, W), both prepared in the same way.
        group: (M,) int64, the patient of each training image; two slices of one are one neighbour.

    Edge: an image that lies on two patients at once, both at distance 0, has the ratio 0.

    Raises:
        TypeError, ValueError: no such images, or fewer than two training patients.

    >>> train = torch.tensor([0., 1.]).reshape(2, 1, 1, 1)
    >>> neighbours(torch.tensor([0.25, 1.]).reshape(2, 1, 1, 1), train, torch.arange(2)).ratio.tolist()
    [0.3333333432674408, 0.0]
    """
    for name, given in (("image", image), ("train", train)):
        check_image(given, name)
        check_finite(given, name)
    if image.ndim != 4 or image.shape[1:] != train.shape[1:] or group.shape != (len(train),):
        raise ValueError(
            f"image and train must be (N, C, H, W) of one size and group (M,), got {tuple(image.shape)}, "
            f"{tuple(train.shape)} and {tuple(group.shape)}; bring both to one size"
        )
    patients, place = group.unique(return_inverse=True)
    if len(patients) < 2:
        raise ValueError(f"group must hold two patients or more, got {len(patients)}; one has no second nearest")
    # each pair by itself and not by |a|² + |b|² - 2ab, which in float32 is not 0 for a copy
    exact = "donot_use_mm_for_euclid_dist"
    one, other = image.flatten(1), (train.flatten(1), train.flip(-1).flatten(1))
    each = torch.minimum(*(torch.cdist(one, side, compute_mode=exact) for side in other)) / one.shape[1] ** 0.5
    by_patient = each.new_full((len(image), len(patients)), torch.inf)
    by_patient = by_patient.scatter_reduce(1, place.expand(len(image), -1), each, "amin")
    first, second = by_patient.topk(2, dim=1, largest=False).values.unbind(1)
    return Neighbours(first, first / second.clamp(min=1e-12), each.argmin(1))


def check(synthetic: Tensor, train: Tensor, group: Tensor, held_out: Tensor) -> Copies:
    """Compare synthetic images with held-out patients in how near they come to a single training patient.

    Args:
        synthetic, train, held_out: (N, C, H, W), prepared in the same way; group: of `train`, as for
            `neighbours`. No patient of `held_out` stands in `train`.

    Edge: with fewer than 20 held-out images `expected` alone is near `LIMIT`: too few to say anything.

    Raises:
        ValueError: fewer than 20 held-out images, or as for `neighbours`.
    """
    if len(held_out) < 20:
        raise ValueError(f"held_out must hold 20 images or more, got {len(held_out)}; take a larger validation side")
    made, new = neighbours(synthetic, train, group), neighbours(held_out, train, group)
    share = float((made.ratio < new.ratio.min()).double().mean())
    middle = [float(part.median()) for part in (made.ratio, new.ratio, made.distance, new.distance)]
    return Copies(share, 1 / (len(held_out) + 1), share > LIMIT, *middle, len(synthetic), len(held_out))
