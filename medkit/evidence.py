"""What the records of runs say, with an interval: one model's value, and the difference of two.

A record is one run, as `medkit.experiment.run` returns it. An interval resamples what was drawn at
random: the test's units (patients, duplicate groups) and the seeds of the training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from medkit.intervals import Interval, bootstrap_seeds

METRICS = ("accuracy", "balanced_accuracy", "f1", "dice")  # those that have an interval


def value_of(runs: Sequence[dict], metric: str, row: int = -1, level: float = 0.95) -> Interval:
    """Return the mean over runs of a metric, 0 ... 1, with its interval over seeds and test units.

    Args:
        runs: of one model on one set, one for each seed.
        metric: one of `METRICS`.
        row: which report epoch; -1 the last one.
        level: as for `medkit.intervals.bootstrap_seeds`.

    Edge: one test unit has no spread: both ends are NaN.
    """
    parts, statistic = parts_of(runs, metric, row)
    return bootstrap_seeds(parts, _groups(runs), statistic, seed=0, level=level)


def difference_of(
    first: Sequence[dict], second: Sequence[dict], metric: str, row: int = -1, level: float = 0.95
) -> Interval:
    """Return the mean of first - second, seed by seed and image by image, with its interval.

    Args:
        first, second: runs of two models (or two arms of an ablation) on the same test images; only
            seeds that both have are compared. A model with a single run, such as a baseline that has
            no seed, is compared with every run of the other.
        metric, row, level: as for `value_of`.

    Raises:
        ValueError: no seed in common, or other test images.
    """
    pairs = _pairs(first, second)
    if not pairs:
        raise ValueError("first and second must share a seed, got none; run both with the same --seeds")
    one, other = ([pair[side] for pair in pairs] for side in (0, 1))
    if one[0]["data"]["truth"] != other[0]["data"]["truth"]:
        raise ValueError("first and second must share their test images, got two sets; compare runs of one set")
    (a, statistic), (b, _) = (parts_of(runs, metric, row) for runs in (one, other))

    def both(sums: Tensor) -> Tensor:
        mine, theirs = sums.split(a.shape[-1], dim=-1)
        return statistic(mine) - statistic(theirs)

    return bootstrap_seeds(torch.cat([a, b], dim=-1), _groups(one), both, seed=0, level=level)


def parts_of(
    runs: Sequence[dict], metric: str, row: int = -1
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return what a metric adds up over images, (S, N, P), and the function of the sums, 0 ... 1.

    Raises:
        ValueError: a metric that has no parts; Dice of runs without masks.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}; others have no interval")
    data, results = runs[0]["data"], [run["result"][row] for run in runs]
    if metric == "dice":
        if any(result["dice_each"] is None for result in results):
            raise ValueError("metric must not be dice for a set without masks, got one; take accuracy or f1")
        each = [[math.nan if value is None else value for value in result["dice_each"]] for result in results]
        dice = torch.tensor(each, dtype=torch.float64)
        return torch.stack([dice.nan_to_num(0.0), (~dice.isnan()).double()], dim=-1), lambda s: s[..., 0] / s[..., 1]
    truth, scored = (torch.tensor(data["truth"][name]) for name in ("label", "scored"))
    by_cut = metric == "balanced_accuracy" and all(result.get("pred_cut") for result in results)
    pred, k = torch.tensor([result["pred_cut" if by_cut else "pred"] for result in results]), len(data["classes"])
    pairs = torch.nn.functional.one_hot(truth * k + pred, k * k) * scored[:, None]  # (S, N, K²)
    statistic = {"accuracy": _accuracy, "balanced_accuracy": _recall, "f1": _f1}[metric]
    return pairs.double(), lambda sums: statistic(sums.unflatten(-1, (k, k)))


def _groups(runs: Sequence[dict]) -> Tensor:
    return torch.tensor(runs[0]["data"]["truth"]["group"])


def _pairs(first: Sequence[dict], second: Sequence[dict]) -> list[tuple[dict, dict]]:
    """Pair runs by seed; a single run of a model without seeds goes with each of the other's."""
    if len(second) == 1 and second[0].get("seedless"):
        return [(run, second[0]) for run in first]
    other = {run["seed"]: run for run in second}
    return [(run, other[run["seed"]]) for run in sorted(first, key=lambda r: r["seed"]) if run["seed"] in other]


def _accuracy(confusion: Tensor) -> Tensor:
    return confusion.diagonal(dim1=-2, dim2=-1).sum(-1) / confusion.sum((-2, -1))


def _recall(confusion: Tensor) -> Tensor:
    return (confusion.diagonal(dim1=-2, dim2=-1) / confusion.sum(-1)).nanmean(-1)


def _f1(confusion: Tensor) -> Tensor:
    return (2 * confusion.diagonal(dim1=-2, dim2=-1) / (confusion.sum(-1) + confusion.sum(-2))).nanmean(-1)
