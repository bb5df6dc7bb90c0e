"""Eq. 6, 7, 9: first the four counts, then each metric as a function of them.

    tp  truly found        fn  missed
    fp  falsely found      tn  rightly left alone

Labels are counted class by class, one class against the rest; masks image by image, pixel by pixel.
Every result carries how many images stand behind it and by which convention the cases that have no
answer (0/0) were treated: here they are left out of the mean and counted, never turned into 0 or 1.
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
        n_empty: cases without an answer (0/0), left out of the mean: images for Dice, classes
            for the class averages.
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


def accuracy(counts: Counts) -> Metric:
    """Return the percentage of images with the right label, from `label_counts`.

    Eq. 6:  Accuracy = correct predictions / all predictions × 100

    Edge: where one class dominates, always answering it scores high; see `balanced_accuracy`.

    >>> accuracy(label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), classes=2)).value
    75.0
    """
    n = _images(counts)
    return Metric(int(counts.tp.sum()) / n * 100, n, 0, "percent of images")  # Eq. 6


def balanced_accuracy(counts: Counts) -> Metric:
    """Return the mean over classes of the percentage found, from `label_counts`.

    (1/K) Σ_c tp_c / (tp_c + fn_c) × 100;  chance is 100 / K, whatever class dominates

    Edge: a class that no image shows has no recall; it is left out and counted in n_empty.

    >>> balanced_accuracy(label_counts(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]), 2)).value
    50.0
    """
    mean, empty = _mean_of_answered(_ratio(counts.tp, counts.tp + counts.fn))
    return Metric(mean * 100, _images(counts), empty, "percent, mean of the classes' recall")


def dice_per_image(counts: Counts) -> Tensor:
    """Return the overlap of each image's two masks, from 0 (none) to 1 (equal).

    Eq. 7:  DSC = 2 × overlap / (predicted area + true area)

    Args:
        counts: from `mask_counts`.

    Returns:
        (B,) float64; NaN where both masks are empty (0/0): a healthy image rightly left alone
        has no overlap to measure.

    >>> empty = torch.zeros(1, 4, 4, dtype=torch.bool)
    >>> dice_per_image(mask_counts(empty, empty)), dice_per_image(mask_counts(~empty, empty))
    (tensor([nan], dtype=torch.float64), tensor([0.], dtype=torch.float64))
    """
    tp, fp, fn, _ = counts
    return _ratio(2 * tp, (tp + fp) + (tp + fn))  # Eq. 7


def dice(counts: Counts) -> Metric:
    """Average the Dice of Eq. 7 over the images in which either mask has a pixel (`mask_counts`).

    Misses (a lesion, nothing predicted) and false alarms count as 0; images with both masks empty
    are left out and counted. Other conventions give other numbers for the same masks.

    Returns:
        Metric, value 0 to 1; NaN where all images are empty.

    >>> counts = Counts(*torch.tensor([[2, 0, 0], [2, 3, 0], [2, 0, 0], [10, 13, 16]]))
    >>> dice(counts)                            # 4 / 8, a false alarm, and one with no answer
    Metric(value=0.25, n=2, n_empty=1, convention='mean over images, both empty left out')
    """
    mean, empty = _mean_of_answered(dice_per_image(counts))
    return Metric(mean, len(counts.tp) - empty, empty, "mean over images, both empty left out")


def f1_per_class(counts: Counts) -> Tensor:
    """Return the harmonic mean of precision and recall of each class.

    Eq. 9:  F1 = 2 × precision × recall / (precision + recall) = 2 tp / (2 tp + fp + fn)

    The right-hand side is the same number, and also has an answer (0) for a class that is there
    but never predicted, where the precision is 0/0. It is Eq. 7 with images in place of pixels.

    Args:
        counts: from `label_counts`.

    Returns:
        (K,) float64; NaN for a class neither shown nor predicted.

    >>> f1_per_class(label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), classes=2))
    tensor([0.6667, 0.8000], dtype=torch.float64)
    """
    tp, fp, fn, _ = counts
    return _ratio(2 * tp, 2 * tp + fp + fn)  # Eq. 9


def f1(counts: Counts) -> Metric:
    """Average the F1 of Eq. 9 over the classes (macro): each class counts the same.

    The mean of the classes' F1, not the F1 of their mean precision and mean recall. The paper
    doesn't say how it averages; the micro average would only repeat the accuracy.

    Args:
        counts: from `label_counts`.

    Returns:
        Metric, value 0 to 1; classes neither shown nor predicted are left out and counted.

    >>> round(f1(label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), 2)).value, 4)
    0.7333
    """
    mean, empty = _mean_of_answered(f1_per_class(counts))
    return Metric(mean, _images(counts), empty, "macro: mean of the classes' F1, absent left out")


def auroc(score: Tensor, target: Tensor) -> Metric:
    """Return how often a positive image scores above a negative one; ties count half.

    AUROC = (R - n₁ (n₁ + 1) / 2) / (n₁ n₀),  R = sum of the positives' ranks

    Args:
        score: (N,) floating point: a probability or logit, not the decided label.
        target: (N,) bool, True for the positive class.

    Returns:
        Metric, value 0 to 1, 0.5 by chance; NaN (n_empty 1) where one of the two classes is missing.

    Raises:
        TypeError, ValueError: scores already decided, or NaN; target not bool; shapes differ.

    Reference: J. A. Hanley and B. J. McNeil, Radiology 143, 1982.

    >>> auroc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True])).value
    0.75
    """
    _check_scores(score, target, 1, torch.bool, "bool, True for the positive class")
    positive = int(target.sum())
    pairs = positive * (len(target) - positive)
    _, place, ties = score.unique(return_inverse=True, return_counts=True)
    rank = (ties.cumsum(0) - (ties - 1) / 2.0).double()[place]  # of equal scores: their mean rank
    above = float(rank[target].sum()) - positive * (positive + 1) / 2
    value = above / pairs if pairs else float("nan")
    return Metric(value, len(target), int(pairs == 0), "positive above negative, ties half")


def auroc_macro(score: Tensor, target: Tensor) -> Metric:
    """Average the AUROC over the classes, each against the rest.

    Args:
        score: (N, K) floating point, one column for each class: probabilities.
        target: (N,) int64, 0 ... K-1.

    Returns:
        Metric; classes that no image or every image shows are left out and counted.

    >>> auroc_macro(torch.eye(3), torch.tensor([0, 1, 2])).value
    1.0
    """
    _check_scores(score, target, 2, torch.int64, "int64 labels")
    classes = range(score.shape[1])
    each = torch.tensor([auroc(score[:, c], target == c).value for c in classes], dtype=torch.float64)
    mean, empty = _mean_of_answered(each)
    return Metric(mean, len(target), empty, "macro: mean of the classes' AUROC, each against the rest")


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return part.double() / whole.double()  # 0/0 is NaN


def _mean_of_answered(values: Tensor) -> tuple[float, int]:
    return float(values.nanmean()), int(values.isnan().sum())


def _images(counts: Counts) -> int:
    return int(sum(count[0] for count in counts))  # the four counts of any class sum to N


def _check_scores(score: Tensor, target: Tensor, axes: int, dtype: torch.dtype, what: str) -> None:
    if not score.is_floating_point():
        raise TypeError(
            f"score must be floating point, got {score.dtype}; give probabilities, labels hide the order"
        )
    if target.dtype != dtype:
        raise TypeError(f"target must be {what}, got {target.dtype}; compare it with a class first")
    if score.ndim != axes or target.shape != score.shape[:1]:
        raise ValueError(
            f"score must be {('(N,)', '(N, K)')[axes - 1]} and target (N,), got {tuple(score.shape)} and "
            f"{tuple(target.shape)}; give one target for each score"
        )
    if score.isnan().any():
        raise ValueError(f"score must hold no NaN, got {int(score.isnan().sum())}; NaN has no rank")
