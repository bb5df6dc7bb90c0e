"""The four counts, and the form in which every metric is given: part of `metrics` and `scores`.

    tp  truly found        fn  missed
    fp  falsely found      tn  rightly left alone

Labels are counted class by class, one class against the rest; masks image by image, pixel by pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Counts(NamedTuple):
    """True and false positives and negatives: four int64 tensors of one shape.

    (K,) from `label_counts`, one entry for each class; (B,) from `mask_counts`, one for each image.
    """

    tp: Tensor
    fp: Tensor
    fn: Tensor
    tn: Tensor


@dataclass(frozen=True)
class Metric:
    """A number that can't be quoted without what it means.

    Args:
        value: the metric; NaN where nothing was left to average.
        n: images behind the value.
        n_empty: cases without an answer (0/0): images for Dice, classes for the class averages.
            They are left out, unless the convention says what they count as.
        convention: what was averaged over what, for a table's header.
    """

    value: float
    n: int
    n_empty: int
    convention: str


def label_counts(pred: Tensor, target: Tensor, classes: int) -> Counts:
    """Count for each class how its images were labelled, this class against the rest.

    Args:
        pred: predicted classes (N,), integers 0 ... K-1: the argmax, not scores.
        target: true classes (N,), the same.
        classes: K, also those that no image shows: the Counts have shape (K,).

    Raises:
        TypeError, ValueError: labels that are no integers; other shapes; outside 0 ... K-1.

    >>> label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), classes=2).tp
    tensor([1, 2])
    """
    for name, label in (("pred", pred), ("target", target)):
        if label.is_floating_point() or label.dtype == torch.bool:
            raise TypeError(
                f"{name} must be integer labels, got {label.dtype}; take the argmax of the scores"
            )
        if label.ndim != 1 or label.shape != target.shape or len(label) == 0:
            raise ValueError(
                f"pred and target must have the same shape (N,), N at least 1, got "
                f"{tuple(pred.shape)} and {tuple(target.shape)}; give one label for each image"
            )
        if int(label.min()) < 0 or int(label.max()) >= classes:
            raise ValueError(
                f"{name} must lie in 0 ... {classes - 1}, got {int(label.min())} ... "
                f"{int(label.max())}; check the list of classes"
            )
    pairs = target.long() * classes + pred.long()
    table = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)  # truth × answer
    tp = table.diagonal()
    fp, fn = table.sum(0) - tp, table.sum(1) - tp
    return Counts(tp, fp, fn, len(pred) - tp - fp - fn)


def mask_counts(pred: Tensor, target: Tensor) -> Counts:
    """Count the pixels of each image.

    Args:
        pred: predicted masks (B, 1, H, W) or (B, H, W), bool: `logits > 0`.
        target: true masks of the same shape, bool.

    Returns:
        Counts of shape (B,), in pixels.

    Raises:
        TypeError: masks not bool: soft scores give a soft Dice, 255 one above 1, uint8 sums overflow.
        ValueError: shapes differ, or there is no batch axis.

    >>> square = torch.zeros(1, 4, 4, dtype=torch.bool)
    >>> square[:, :2, :2] = True
    >>> mask_counts(square.roll(1, dims=-1), square)
    Counts(tp=tensor([2]), fp=tensor([2]), fn=tensor([2]), tn=tensor([10]))
    """
    for name, mask, fix in (("pred", pred, "logits > 0"), ("target", target, "mask > 0")):
        if mask.dtype != torch.bool:
            raise TypeError(f"{name} must be a bool mask, got {mask.dtype}; threshold it, as in {fix}")
    if pred.shape != target.shape or pred.ndim < 3:
        raise ValueError(
            f"pred and target must have the same shape (B, 1, H, W), got {tuple(pred.shape)} and "
            f"{tuple(target.shape)}; add the batch axis with mask[None]"
        )
    pred, target = pred.flatten(1), target.flatten(1)
    return Counts(
        (pred & target).sum(1), (pred & ~target).sum(1), (~pred & target).sum(1), (~pred & ~target).sum(1)
    )


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Divide in float64, so that counts up to 2^53 stay exact; 0/0 is NaN."""
    return part.double() / whole.double()


def mean_of_answered(values: Tensor) -> tuple[float, int]:
    """Return the mean of what is not NaN, and how many are NaN; the mean of nothing is NaN."""
    return float(values.nanmean()), int(values.isnan().sum())
