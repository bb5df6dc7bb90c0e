"""Each metric by each convention of the field, from one record: a value, or a difference with its interval.

A record of the multiverse holds for each test image its class and its pixels ("counts"). What a
convention makes of an image are two or more numbers that add up over images, and a function of the
sums; so one bootstrap over the test's units serves them all. The values are those of
`medkit.metrics`, which holds the equations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from medkit.evidence import parts_of
from medkit.intervals import Interval, bootstrap_seeds


class Convention(NamedTuple):
    """One way to make a number of a model's answers.

    metric: "accuracy", "Dice" or "F1"; name: what is averaged over what.
    entries: in `medkit.paper.CHOICES`, where the paper leaves it open; none where it doesn't.
    parts: a record -> (N, P) float64, what adds up over images; statistic: sums (..., P) -> 0 ... 1.
    """

    metric: str
    name: str
    entries: tuple[str, ...]
    parts: Callable[[dict], Tensor]
    statistic: Callable[[Tensor], Tensor]


def value(convention: Convention, run: dict) -> float:
    """Return a run's metric, in %; NaN where no image has an answer."""
    return 100 * float(convention.statistic(convention.parts(run).sum(0)))


def difference(convention: Convention, first: dict, second: dict) -> Interval:
    """Return first - second in points, with the 95 % interval over the test's units.

    Raises:
        ValueError: two runs on different test images.
    """
    if first["data"]["truth"] != second["data"]["truth"]:
        raise ValueError("first and second must share their test images, got two sets; compare runs of one set")
    one, other = convention.parts(first), convention.parts(second)

    def both(sums: Tensor) -> Tensor:
        mine, theirs = sums.split(one.shape[-1], dim=-1)
        return 100 * (convention.statistic(mine) - convention.statistic(theirs))

    group = torch.tensor(first["data"]["truth"]["group"])
    return bootstrap_seeds(torch.cat([one, other], dim=-1)[None], group, both, seed=0)


# --- Dice: (N, 2), what is divided by what ----------------------------------------------------


def _pixels(run: dict) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(torch.tensor(run["counts"][key], dtype=torch.float64) for key in ("pred", "target", "overlap"))


def _each(run: dict) -> Tensor:
    """Return the Dice of each image, NaN where both masks are empty, by the record's pixels."""
    pred, target, overlap = _pixels(run)
    return 2 * overlap / (pred + target)


def _left_out(run: dict) -> Tensor:
    each = _each(run)
    return torch.stack([each.nan_to_num(0), (~each.isnan()).double()], dim=1)


def _truth_shown(run: dict) -> Tensor:
    shown = (_pixels(run)[1] > 0).double()
    return torch.stack([_each(run).nan_to_num(0) * shown, shown], dim=1)


def _filled(run: dict, answer: float) -> Tensor:
    each = _each(run)
    return torch.stack([each.nan_to_num(answer), torch.ones_like(each)], dim=1)


def _pooled(run: dict) -> Tensor:
    pred, target, overlap = _pixels(run)
    return torch.stack([2 * overlap, pred + target], dim=1)


def _ratio(sums: Tensor) -> Tensor:
    return sums[..., 0] / sums[..., 1]


# --- accuracy and F1: (N, K²), a one where truth and answer of an image meet ------------------


def _met(run: dict) -> Tensor:
    return parts_of([run], "f1")[0][0]


def _confusion(sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the right answers, the images and the answers of each class, (..., K)."""
    classes = math.isqrt(sums.shape[-1])
    table = sums.unflatten(-1, (classes, classes))
    return table.diagonal(dim1=-2, dim2=-1), table.sum(-1), table.sum(-2)


def _accuracy(sums: Tensor) -> Tensor:
    right, _, _ = _confusion(sums)
    return right.sum(-1) / sums.sum(-1)


def _macro(sums: Tensor) -> Tensor:
    right, shown, said = _confusion(sums)
    return (2 * right / (shown + said)).nanmean(-1)


def _weighted(sums: Tensor) -> Tensor:
    right, shown, said = _confusion(sums)  # a class that no image shows has no weight
    return (2 * right / (shown + said) * shown).nansum(-1) / shown.sum(-1)


def _of_means(sums: Tensor) -> Tensor:
    right, shown, said = _confusion(sums)
    return 2 / (1 / (right / said).nanmean(-1) + 1 / (right / shown).nanmean(-1))


CONVENTIONS = (  # the kit's own comes first in each metric
    Convention("accuracy", "right of all (Eq. 6)", (), _met, _accuracy),
    Convention("Dice", "both empty left out", ("U31", "U32"), _left_out, _ratio),
    Convention("Dice", "empty truth left out", ("U31", "U32"), _truth_shown, _ratio),
    Convention("Dice", "both empty = 1", ("U31", "U32"), lambda run: _filled(run, 1), _ratio),
    Convention("Dice", "both empty = 0", ("U31", "U32"), lambda run: _filled(run, 0), _ratio),
    Convention("Dice", "pooled", ("U31",), _pooled, _ratio),
    Convention("F1", "macro", ("U34",), _met, _macro),
    Convention("F1", "micro", ("U34",), _met, _accuracy),  # with one label an image the two are the same
    Convention("F1", "weighted", ("U34",), _met, _weighted),
    Convention("F1", "F1 of means", ("U34",), _met, _of_means),
)
METRICS = ("accuracy", "Dice", "F1")


def of(metric: str) -> tuple[Convention, ...]:
    """Return the conventions of a metric, the kit's own first.

    >>> len(of("accuracy")), len(of("Dice")), len(of("F1"))
    (1, 5, 4)
    """
    return tuple(convention for convention in CONVENTIONS if convention.metric == metric)
