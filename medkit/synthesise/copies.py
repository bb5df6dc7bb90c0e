"""Has a generator copied its training patients? Nearest neighbours, against patients it has never seen.

How near an image lies to its nearest training patient says little alone: a blurred image is near to
everyone. So it is divided by the distance to the second nearest patient. Someone new has two
neighbours about equally far, and a ratio little below 1; a copy has one neighbour, and a ratio near 0.
How low the ratios of someone new go is measured on held-out patients, and not assumed. Whom the
discriminator saw flipped and shifted, a generator may copy flipped and shifted: all of these are tried.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from scipy.stats import betabinom
from torch import Tensor

from medkit._check import check_finite, check_image
from medkit.synthesise.gan import SHIFT

LOWEST = 2  # suspect: a ratio below the second lowest held-out one; the lowest may be a near-twin's, and blind the check
LIMIT = 0.01  # copying: new patients would give as many suspects with no more than this probability


class Neighbours(NamedTuple):
    """For each image: distance to its nearest training patient, that over the next one's, and which image it is."""

    distance: Tensor  # (N,) root mean square difference of grey values
    ratio: Tensor  # (N,) 0 ... 1
    index: Tensor  # (N,) int64, position of the nearest training image


class Copies(NamedTuple):
    """What the check found.

    share: of synthetic images with a suspect ratio, one below the second lowest of the held-out ones.
    expected: what new patients would give, 2 / (held-out + 1). chance: the probability that as many new
    patients give as many suspects or more. copied: chance is at most `LIMIT`. least: the smallest share
    that would be called copying. The distances and ratios are medians.
    """

    share: float
    expected: float
    chance: float
    least: float
    copied: bool
    ratio: float
    ratio_held_out: float
    distance: float
    distance_held_out: float
    images: int
    held_out: int


def neighbours(image: Tensor, train: Tensor, group: Tensor, shift: int = SHIFT) -> Neighbours:
    """Find the two nearest training patients of each image; a mirrored or shifted copy is a copy.

    distance(a, b) = min over b and b mirrored left to right, each moved by up to `shift` pixels down and
    across, of √(mean (a - b)²) over the pixels of a that lie `shift` or more from its border;
    ratio = distance to the nearest patient / distance to the second nearest.

    Args:
        image: (N, C, H, W) floating point; train: (M, C, H, W), both prepared in the same way.
        group: (M,) int64, the patient of each training image; two slices of one are one neighbour.
        shift: pixels, 0 or more; as far as the GAN's discriminator sees images moved.

    Edge: an image that lies on two patients at once, both at distance 0, has the ratio 0.

    Raises:
        TypeError, ValueError: no such images, fewer than two training patients, or no pixel left to compare.

    >>> train = torch.tensor([0., 1.]).reshape(2, 1, 1, 1)
    >>> neighbours(torch.tensor([0.25, 1.]).reshape(2, 1, 1, 1), train, torch.arange(2), shift=0).ratio.tolist()
    [0.3333333432674408, 0.0]
    """
    patients, place = _patients(image, train, group, shift)
    each = _distances(image, train, shift)
    by_patient = each.new_full((len(image), len(patients)), torch.inf)
    by_patient = by_patient.scatter_reduce(1, place.expand(len(image), -1), each, "amin")
    first, second = by_patient.topk(2, dim=1, largest=False).values.unbind(1)
    return Neighbours(first, first / second.clamp(min=1e-12), each.argmin(1))


def _distances(image: Tensor, train: Tensor, shift: int) -> Tensor:
    """Return (N, M): each image's middle against every place of every training image where it may lie."""
    height, width = (side - 2 * shift for side in image.shape[-2:])
    one = image[..., shift : shift + height, shift : shift + width].flatten(1)
    # each pair by itself and not by |a|² + |b|² - 2ab, which in float32 is not 0 for a copy
    exact, least = "donot_use_mm_for_euclid_dist", image.new_full((len(image), len(train)), torch.inf)
    for side in (train, train.flip(-1)):
        for down in range(2 * shift + 1):
            for across in range(2 * shift + 1):
                other = side[..., down : down + height, across : across + width].flatten(1)
                least = torch.minimum(least, torch.cdist(one, other, compute_mode=exact))
    return least / one.shape[1] ** 0.5


def _patients(image: Tensor, train: Tensor, group: Tensor, shift: int) -> tuple[Tensor, Tensor]:
    """Look at what is to be compared; return the patients, and which of them each training image shows."""
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
    if shift < 0 or 2 * shift >= min(image.shape[-2:]):
        raise ValueError(f"shift must be 0 or more and below half of {tuple(image.shape[-2:])}, got {shift}; take a smaller one")
    return patients, place


def check(synthetic: Tensor, train: Tensor, group: Tensor, held_out: Tensor) -> Copies:
    """Compare synthetic images with held-out patients in how near they come to a single training patient.

    Args:
        synthetic, train, held_out: (N, C, H, W), prepared in the same way; group: of `train`, as for
            `neighbours`. No patient of `held_out` stands in `train`.

    Edge: fewer than 20 held-out images are too few to know where the lowest ratios of new patients lie.

    Raises:
        ValueError: fewer than 20 held-out images, or as for `neighbours`.
    """
    if len(held_out) < 20:
        raise ValueError(f"held_out must hold 20 images or more, got {len(held_out)}; take a larger validation side")
    made, new = neighbours(synthetic, train, group), neighbours(held_out, train, group)
    suspects = int((made.ratio < new.ratio.sort().values[LOWEST - 1]).sum())
    n, after = len(synthetic), len(held_out) + 1
    # of new patients' ratios the part below the second lowest of `held_out` is beta-distributed, so their number is this
    chance = betabinom.sf(torch.arange(-1, n).numpy(), n, LOWEST, after - LOWEST)
    least = int((chance > LIMIT).sum()) / n
    middle = [float(part.median()) for part in (made.ratio, new.ratio, made.distance, new.distance)]
    return Copies(
        suspects / n, LOWEST / after, float(chance[suspects]), least, bool(chance[suspects] <= LIMIT), *middle, n, len(held_out)
    )
