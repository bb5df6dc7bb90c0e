"""How well anomalies are found, and where: from scores and maps, with intervals over patients.

Every number here is a function of sums over images, so that patients can be resampled: whole patients
come and go, with all their images, as in `medkit.intervals`. AUROC is `medkit.scores.auroc`.

**The threshold** is set on validation images: the highest one at which the wanted share of their
anomalies is found. Set on test images, it would promise a sensitivity that nobody can keep.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from medkit._counts import Metric
from medkit.intervals import Interval, bootstrap_mean
from medkit.scores import auroc

LIMIT = 0.3  # false-positive rate up to which PRO is integrated
CHANCE = {"auroc": 0.5, "pixel_auroc": 0.5, "pro": LIMIT / 2}  # of a map without information
REPEATS = 1000  # draws of patients for an interval
STEPS = 60  # thresholds of an interval's curve


class Alarms(NamedTuple):
    """What a threshold does on test images."""

    threshold: float
    sensitivity: Interval  # share of anomalous images found
    per_patient: Interval  # flagged images of a healthy patient, on average


def average_precision(score: Tensor, target: Tensor) -> Metric:
    """Return the precision at each positive, on average: the area below precision over recall, in steps.

    AP = Σ_k (R_k - R_{k-1}) P_k,  over thresholds k from high to low, ties together

    Args:
        score: (N,) floating point, higher is more anomalous; target: (N,) bool.

    Returns:
        Metric, 0 to 1; by chance about the share of positives; NaN (n_empty 1) without a positive.

    Raises:
        TypeError, ValueError: as for `medkit.scores.auroc`.

    >>> average_precision(torch.tensor([0.9, 0.8, 0.1]), torch.tensor([True, False, True])).value  # (1 + 2/3) / 2
    0.8333333333333333
    """
    n_empty = int(not bool(target.any()))
    auroc(score, target)  # refuses what has no order
    value = float(_ap_of(_ranked(score, target).sum(0)))
    return Metric(value, len(target), n_empty, "steps, ties together")


def pixel_auroc(maps: Tensor, mask: Tensor) -> Metric:
    """Return the AUROC over all pixels of all images: lesion pixels against the rest.

    Args:
        maps: (N, 1, H, W) floating point; mask: (N, 1, H, W) bool.

    A large lesion counts for many small ones; `pro` counts each region once.

    >>> pixel_auroc(torch.tensor([[[[0.1, 0.9]]]]), torch.tensor([[[[False, True]]]])).value
    1.0
    """
    return auroc(maps.flatten(), mask.flatten())


def pro(maps: Tensor, mask: Tensor, limit: float = LIMIT, steps: int | None = None) -> Metric:
    """Return the per-region overlap: how much of each lesion is found, up to a false-positive rate.

    PRO = (1/limit) ∫₀^limit o(f) df,  o: mean over regions of the share of the region that is flagged

    Args:
        maps: (N, 1, H, W) floating point; mask: (N, 1, H, W) bool; regions touch by edge or corner.
        limit: false-positive rate over pixels outside all lesions, above 0, at most 1.
        steps: thresholds, at quantiles of the maps; None: every value that occurs, which is exact.

    Returns:
        Metric, 0 to 1; limit / 2 by chance; NaN (n_empty 1) without a region or without a pixel outside.

    Raises:
        ValueError: shapes differ, NaN, or the limit is out of range.

    Reference: P. Bergmann et al., "Uninformed Students", CVPR 2020.

    >>> pro(torch.tensor([[[[0.1, 0.2, 0.9]]]]), torch.tensor([[[[False, False, True]]]])).value
    1.0
    """
    if not 0 < limit <= 1:
        raise ValueError(f"limit must lie above 0 and at most at 1, got {limit}; {LIMIT} is usual")
    value = float(_pro_of(curve_parts(maps, mask, steps).sum(0), limit))
    return Metric(value, len(maps), int(math.isnan(value)), f"regions alike, false-positive rate to {limit:g}")


def curve_parts(maps: Tensor, mask: Tensor, steps: int | None = None) -> Tensor:
    """Return, for each image, what the pixel curves add up over images.

    Args:
        maps, mask, steps: as for `pro`.

    Returns:
        (N, 3, T + 1) float64: for T thresholds from high to low, summed overlap of regions, flagged
        lesion pixels, flagged pixels outside; the last column: regions, lesion pixels, pixels outside.

    >>> curve_parts(torch.tensor([[[[0.1, 0.9]]]]), torch.tensor([[[[False, True]]]]))[0, 1].tolist()
    [1.0, 1.0, 1.0]
    """
    if maps.shape != mask.shape or maps.ndim != 4 or mask.dtype != torch.bool or maps.isnan().any():
        raise ValueError(
            f"maps and mask must be (N, 1, H, W), without NaN, and mask bool, got {tuple(maps.shape)} and "
            f"{tuple(mask.shape)} {mask.dtype}; give one map for each mask"
        )
    value = maps.double().unique()
    if steps is not None and len(value) > steps:
        tail = torch.linspace(0, 1, steps, dtype=torch.float64).square()  # dense among the highest values
        value = value[((1 - tail) * (len(value) - 1)).round().long()].unique()
    return torch.stack([_of_image(one, inside, value) for one, inside in zip(maps[:, 0].double(), mask[:, 0])])


def _of_image(one: Tensor, inside: Tensor, value: Tensor) -> Tensor:
    """Return the rows of one image: for each threshold, high to low, how many pixels reach it."""
    region = regions_of(inside)
    names = region[inside].unique()
    found = [_reach(one[region == name], value) / int((region == name).sum()) for name in names]
    overlap = torch.stack(found).sum(0) if found else torch.zeros(len(value), dtype=torch.float64)
    rows = torch.stack([overlap, _reach(one[inside], value), _reach(one[~inside], value)])
    total = torch.tensor([len(names), inside.sum(), (~inside).sum()], dtype=torch.float64)
    return torch.cat([rows, total[:, None]], 1)


def regions_of(inside: Tensor) -> Tensor:
    """Number connected regions: neighbours by edge or corner hand on the highest number until all agree.

    Args:
        inside: (H, W) bool.

    Returns:
        (H, W) int64, 0 outside; the same number within a region, another in each.

    >>> regions_of(torch.tensor([[True, True, False, True]])).tolist()
    [[2, 2, 0, 4]]
    """
    number = torch.arange(1, inside.numel() + 1, dtype=torch.float64).reshape(inside.shape) * inside
    while True:
        spread = F.max_pool2d(number[None], 3, stride=1, padding=1)[0] * inside
        if torch.equal(spread, number):
            return number.long()
        number = spread


def _reach(pixels: Tensor, value: Tensor) -> Tensor:
    below = torch.searchsorted(pixels.sort().values, value)  # strictly below each threshold
    return (len(pixels) - below).double().flip(0)


def _pro_of(sums: Tensor, limit: float = LIMIT) -> Tensor:
    """Return PRO of summed parts (..., 3, T + 1)."""
    overlap, outside = (sums[..., row, :-1] / sums[..., row, -1:] for row in (0, 2))
    return _area(outside, overlap, limit) / limit


def _pixel_auroc_of(sums: Tensor) -> Tensor:
    inside, outside = (sums[..., row, :-1] / sums[..., row, -1:] for row in (1, 2))
    return _area(outside, inside, 1.0)


def _area(x: Tensor, y: Tensor, limit: float) -> Tensor:
    """Integrate a rising curve from (0, 0) to x = limit by trapezoids; what crosses the limit is cut there."""
    zero, one = torch.zeros_like(x[..., :1]), torch.ones_like(x[..., :1])
    x, y = torch.cat([zero, x, one], -1), torch.cat([zero, y, one], -1)
    left, right = x[..., :-1], x[..., 1:]
    end = right.clamp(max=limit)
    width = (end - left).clamp(min=0)
    slope = torch.where(right > left, (y[..., 1:] - y[..., :-1]) / (right - left).clamp(min=1e-300), zero)
    area = (width * (y[..., :-1] + slope * width / 2)).sum(-1)
    return torch.where(y.isnan().any(-1) | x.isnan().any(-1), torch.nan, area)


def _ranked(score: Tensor, target: Tensor) -> Tensor:
    """Return (N, 2 N): in each image's row a 1 at its place among the scores, left half for positives."""
    _, place = score.unique(return_inverse=True)
    n = len(score)
    parts = torch.zeros(n, 2 * n, dtype=torch.float64)
    parts[torch.arange(n), place + torch.where(target, 0, n)] = 1
    return parts


def _auroc_of(sums: Tensor) -> Tensor:
    positive, negative = sums.chunk(2, -1)
    above = (positive * (negative.cumsum(-1) - negative / 2)).sum(-1)
    return above / (positive.sum(-1) * negative.sum(-1))  # 0 / 0 is NaN: no answer


def _ap_of(sums: Tensor) -> Tensor:
    positive, negative = (part.flip(-1) for part in sums.chunk(2, -1))
    found = positive.cumsum(-1)
    precision = found / (found + negative.cumsum(-1)).clamp(min=1)
    return (positive * precision).sum(-1) / positive.sum(-1)


def of_images(score: Tensor, target: Tensor, group: Tensor, seed: int = 0) -> dict[str, Interval]:
    """Return "auroc" and "ap" of images, each with its interval over groups.

    Args:
        score: (N,) floating point; target: (N,) bool; group: (N,) int64, the patient of each image.

    >>> score, target = torch.tensor([0.1, 0.2, 0.8, 0.9]), torch.tensor([False, False, True, True])
    >>> of_images(score, target, torch.arange(4))["auroc"].value
    1.0
    """
    auroc(score, target)
    parts = _ranked(score, target)
    found = {}
    for name, statistic in (("auroc", _auroc_of), ("ap", _ap_of)):
        found[name] = _interval(parts, group, statistic, seed)
    return found


def of_pixels(maps: Tensor, mask: Tensor, group: Tensor, seed: int = 0) -> dict[str, Interval]:
    """Return "pixel_auroc" and "pro", each with its interval over groups, by `STEPS` thresholds.

    Args:
        maps, mask: as for `pro`; group: (N,) int64.

    >>> maps = torch.tensor([0.1, 0.9, 0.2, 0.8]).reshape(2, 1, 1, 2)
    >>> of_pixels(maps, maps > 0.5, torch.arange(2))["pro"].value
    1.0
    """
    parts = curve_parts(maps, mask, STEPS)
    shape = parts.shape[1:]
    parts = parts.flatten(1)
    return {
        name: _interval(parts, group, lambda sums, of=statistic: of(sums.unflatten(-1, shape)), seed)
        for name, statistic in (("pixel_auroc", _pixel_auroc_of), ("pro", _pro_of))
    }


def _interval(parts: Tensor, group: Tensor, statistic: Callable[[Tensor], Tensor], seed: int) -> Interval:
    """Resample groups. One alone rarely holds both classes, so draws without an answer are left out."""
    names, place = group.unique(return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"group must hold two groups or more, got {len(names)}; one patient has no spread")
    sums = parts.new_zeros(len(names), parts.shape[1]).index_add(0, place, parts)
    drawn = torch.randint(len(names), (REPEATS, len(names)), generator=torch.Generator().manual_seed(seed))
    times = torch.zeros(REPEATS, len(names), dtype=torch.float64).scatter_add(1, drawn, torch.ones(drawn.shape).double())
    values = statistic(times @ sums)
    values = values[~values.isnan()]
    low, high = values.quantile(torch.tensor([0.025, 0.975]).double()).tolist() if len(values) else (math.nan, math.nan)
    return Interval(float(statistic(sums.sum(0))), low, high, 0.95, len(parts), len(names))


def threshold_at(score: Tensor, target: Tensor, sensitivity: float) -> float:
    """Return the highest threshold at which that share of anomalies, or more, scores at or above it.

    Args:
        score, target: of validation images; sensitivity: above 0, at most 1.

    Raises:
        ValueError: no anomaly, or a share out of range.

    >>> threshold_at(torch.tensor([0.1, 0.5, 0.75, 0.9]), torch.tensor([False, True, True, True]), 0.6)
    0.75
    """
    if not 0 < sensitivity <= 1 or not target.any():
        raise ValueError(
            f"sensitivity must lie in 0 ... 1 and target hold an anomaly, got {sensitivity} and "
            f"{int(target.sum())} anomalies; use validation images that have some"
        )
    positive = score[target].double().sort(descending=True).values
    return float(positive[math.ceil(sensitivity * len(positive)) - 1])


def alarms(score: Tensor, target: Tensor, group: Tensor, threshold: float, seed: int = 0) -> Alarms:
    """Return what a threshold from `threshold_at` does on test images.

    A healthy patient is a group without any anomalous image.

    Args:
        score, target, group: of test images; threshold: an image at or above it is flagged.

    >>> found = alarms(torch.tensor([0.9, 0.1, 0.9, 0.8]), torch.tensor([True, True, False, False]),
    ...                torch.tensor([0, 1, 2, 3]), 0.85)
    >>> found.sensitivity.value, found.per_patient.value
    (0.5, 0.5)
    """
    flagged = (score.double() >= threshold).double()
    sick = group[target].unique()
    healthy = ~torch.isin(group, sick)
    names, place = group[healthy].unique(return_inverse=True)
    each = torch.zeros(len(names), dtype=torch.float64).index_add(0, place, flagged[healthy])
    return Alarms(threshold, bootstrap_mean(flagged[target], group[target], seed=seed), bootstrap_mean(each, names, seed=seed))
