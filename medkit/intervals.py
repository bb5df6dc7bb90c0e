"""How sure a mean is: the bootstrap over what was drawn at random, the patient and not the slice.

Slices of one patient resemble each other. Who resamples slices counts the same patient many times
over, and gets intervals that are far too narrow; so whole groups are resampled here, with all their
images. Nothing can widen an interval for patients whose numbers are unknown: say so beside it.

Reference: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8, 13.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Interval(NamedTuple):
    """A mean with the range that resampling its groups gives."""

    value: float  # the mean over all images that have a value
    low: float
    high: float
    level: float  # 0.95: about 95 of 100 such intervals hold the true mean
    n: int  # images with a value
    n_groups: int  # what was resampled

    def points(self, sign: str = "") -> str:
        """Write a value and its ends of 0 ... 1 in points (hundredths); sign "+" shows that of a difference.

        >>> Interval(0.5, 0.25, 0.75, 0.95, 9, 3).points(), Interval(0.5, -0.25, 0.75, 0.95, 9, 3).points("+")
        ('50.0 [25.0, 75.0]', '+50.0 [-25.0, +75.0]')
        """
        value, low, high = (f"{100 * end:{sign}.1f}" for end in self[:3])
        return f"{value} [{low}, {high}]"


def bootstrap_mean(
    values: Tensor, group: Tensor, *, seed: int, level: float = 0.95, repeats: int = 2000
) -> Interval:
    """Return the mean of per-image values, with the percentile interval over groups.

    Args:
        values: (N,) floating point, such as each image's Dice, or 0 and 1 for wrong and right; NaN
            where an image has no value: left out.
        group: (N,) int64, the patient (or duplicate group) of each image.
        seed: of the resampling; the same seed gives the same interval.
        level: share of intervals that should hold the truth, above 0, below 1.
        repeats: how often all groups are drawn again, with replacement.

    Edge: with few groups (below about 20) the percentile interval is somewhat too narrow.

    Raises:
        ValueError: shapes differ, or fewer than two groups have a value.

    >>> right = torch.tensor([1., 1., 1., 0., 0., 0.])
    >>> bootstrap_mean(right, torch.tensor([0, 0, 1, 1, 2, 2]), seed=0)[:3]
    (0.5, 0.0, 1.0)
    """
    values, group = _answered(values, group, level)
    _, place = group.unique(return_inverse=True)
    count = torch.bincount(place).double()
    total = torch.zeros_like(count).index_add(0, place, values)
    if len(count) < 2:
        raise ValueError(f"group must hold two groups or more, got {len(count)}; one patient has no spread")
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(count), (repeats, len(count)), generator=generator)
    means = total[drawn].sum(1) / count[drawn].sum(1)  # all images of a drawn group come along
    return Interval(float(values.mean()), *_ends(means, level), level, len(values), len(count))


def paired_difference(
    first: Tensor, second: Tensor, group: Tensor, *, seed: int, level: float = 0.95, repeats: int = 2000
) -> Interval:
    """Return the mean of first - second on the same images, with its interval over groups.

    Two models that fail on the same hard patients differ less than their own intervals suggest:
    take the difference image by image, then resample. Images without a value in either are left
    out. Arguments, edge and errors as for `bootstrap_mean`.

    >>> better, worse = torch.tensor([.9, .7, .5, .3]), torch.tensor([.8, .6, .4, .2])
    >>> [round(x, 3) for x in paired_difference(better, worse, torch.arange(4), seed=0)[:3]]
    [0.1, 0.1, 0.1]
    """
    if first.shape != second.shape:
        raise ValueError(
            f"first and second must have one shape, got {tuple(first.shape)} and {tuple(second.shape)}; "
            f"measure both on the same images"
        )
    return bootstrap_mean(first - second, group, seed=seed, level=level, repeats=repeats)


def bootstrap_seeds(
    parts: Tensor,
    group: Tensor,
    statistic: Callable[[Tensor], Tensor],
    *,
    seed: int,
    level: float = 0.95,
    repeats: int = 1000,
) -> Interval:
    """Return the mean over training seeds of a statistic, with its interval over seeds and groups.

    Each repeat draws groups and, independently, training runs, both with replacement: what another
    sample of patients *and* another start of the training would have given.

    Args:
        parts: (S, N, P) for S seeds and N images, what the statistic adds up over images: such as
            (right, 1) for an accuracy.
        group: (N,) int64, as for `bootstrap_mean`, the same images for all seeds.
        statistic: sums (..., P) -> values (...), such as right / all; NaN where there is nothing.
        seed, level, repeats: as for `bootstrap_mean`.

    Edge: one seed has no spread, and the interval then covers the groups alone; two or three
        understate it. With fewer than two groups that have a value the ends are NaN. Interval's n
        counts all images, n_groups the groups that have a value.

    Raises:
        ValueError: shapes do not fit, a part is not finite, level not in 0 ... 1.

    >>> parts = torch.tensor([[[1., 1.], [0., 1.]], [[1., 1.], [1., 1.]]])    # 50 % and 100 % right
    >>> bootstrap_seeds(parts, torch.tensor([0, 1]), lambda p: p[..., 0] / p[..., 1], seed=0)[:3]
    (0.75, 0.0, 1.0)
    """
    if parts.ndim != 3 or parts.shape[1:2] != group.shape or not parts.isfinite().all():
        raise ValueError(
            f"parts must be (S, N, P) and finite, and group (N,), got {tuple(parts.shape)} and "
            f"{tuple(group.shape)}; give one row of parts for each image"
        )
    _check_level(level)
    parts, generator = parts.double(), torch.Generator().manual_seed(seed)
    labels, place = group.unique(return_inverse=True)
    runs, n, count = parts.shape[0], parts.shape[1], len(labels)
    value = float(statistic(parts.sum(1)).nanmean())
    sums = parts.new_zeros(runs, count, parts.shape[2]).index_add(1, place, parts)
    known = int((~statistic(sums).isnan()).any(0).sum())
    if known < 2:
        return Interval(value, float("nan"), float("nan"), level, n, known)
    drawn = torch.randint(count, (repeats, count), generator=generator)
    times = torch.zeros(repeats, count, dtype=torch.float64).scatter_add(1, drawn, torch.ones(drawn.shape).double())
    values = statistic(torch.einsum("rg,sgp->rsp", times, sums))  # (repeats, runs)
    chosen = torch.randint(runs, (repeats, runs), generator=generator)
    means = values.gather(1, chosen).nanmean(1)
    return Interval(value, *_ends(means[~means.isnan()], level), level, n, known)


def within(interval: Interval, claimed: float, margin: float) -> bool | None:
    """Say whether a measured interval lies within `claimed` ± `margin`.

    Give a 90 % interval for a test at 5 %: equivalence asks two one-sided questions.

    Returns:
        True: all of it lies inside, so the claim is met. False: all of it lies outside. None:
        undecided, the interval reaches over an edge.

    Raises:
        ValueError: the margin is not above 0.

    Reference: D. J. Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15, 1987.

    >>> measured = Interval(4.0, 3.0, 5.0, 0.90, n=200, n_groups=50)
    >>> within(measured, claimed=4.6, margin=2.0), within(measured, 4.6, 0.5), within(measured, 9.0, 1.0)
    (True, None, False)
    """
    if not margin > 0:
        raise ValueError(f"margin must be above 0, got {margin}; fix it before the run")
    if claimed - margin <= interval.low and interval.high <= claimed + margin:
        return True
    if interval.high < claimed - margin or claimed + margin < interval.low:
        return False
    return None


def _answered(values: Tensor, group: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Return values and groups of the images that have a value, as float64 on the CPU."""
    if values.ndim != 1 or values.shape != group.shape or not values.is_floating_point():
        raise ValueError(
            f"values must be (N,) floating point and group (N,), got {tuple(values.shape)} {values.dtype} "
            f"and {tuple(group.shape)}; give one value and one group for each image"
        )
    _check_level(level)
    if values.isinf().any():
        raise ValueError(f"values must be finite or NaN, got {int(values.isinf().sum())} infinite; look at them")
    known = ~values.isnan()
    return values[known].detach().cpu().double(), group[known].cpu()


def _ends(means: Tensor, level: float) -> list[float]:
    """Return the percentile interval of what the repeats gave: its low and its high end."""
    tail = (1 - level) / 2
    return means.quantile(torch.tensor([tail, 1 - tail], dtype=means.dtype)).tolist()


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}; 0.95 is usual")
