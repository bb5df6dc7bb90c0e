"""What the probabilities say beyond the decision: order (AUROC) and honesty (calibration).

Of the cases that a model calls 70 % likely, 70 of 100 should be so. `reliability` holds the two side
by side, in bins; the expected calibration error is their mean distance, the Brier score punishes
both the wrong order and the wrong confidence. They ask for a probability and for whether it came
true: of one class, or, by `top_label`, of each image's most likely class.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from medkit._counts import Metric, mean_of_answered, ratio


class Reliability(NamedTuple):
    """A reliability diagram as data: three tensors (bins,), low probabilities first."""

    confidence: Tensor  # mean probability in the bin, float64; NaN in an empty bin
    accuracy: Tensor  # share that came true, float64; NaN in an empty bin
    n: Tensor  # cases in the bin, int64


def auroc(score: Tensor, target: Tensor) -> Metric:
    """Return how often a positive image scores above a negative one; ties count half.

    AUROC = (R - n₁ (n₁ + 1) / 2) / (n₁ n₀),  R = sum of the positives' ranks

    Args:
        score: (N,) floating point: a probability or logit, not the decided label.
        target: (N,) bool, True for the positive class.

    Returns:
        Metric, value 0 to 1, 0.5 by chance; NaN (n_empty 1) where one of the two classes is missing.

    Raises:
        TypeError, ValueError: scores already decided, or NaN; target not bool; shapes differ; no case.

    Reference: J. A. Hanley and B. J. McNeil, Radiology 143, 1982.

    >>> auroc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True])).value
    0.75
    """
    _check(score, target, 1)
    positive = int(target.sum())
    pairs = positive * (len(target) - positive)
    above = float(mean_ranks(score)[target].sum()) - positive * (positive + 1) / 2
    value = above / pairs if pairs else float("nan")
    return Metric(value, len(target), int(pairs == 0), "positive above negative, ties half")


def mean_ranks(score: Tensor) -> Tensor:
    """Return each score's rank, the lowest 1; equal ones share their mean. (N,) -> (N,) float64.

    >>> mean_ranks(torch.tensor([0.2, 0.1, 0.2])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, ties = score.unique(return_inverse=True, return_counts=True)
    rank = (ties.cumsum(0) - (ties - 1) / 2.0).double()
    return rank[place]


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
    _check(score, target, 2)
    classes = range(score.shape[1])
    each = torch.tensor([auroc(score[:, c], target == c).value for c in classes], dtype=torch.float64)
    mean, empty = mean_of_answered(each)
    return Metric(mean, len(target), empty, "macro: mean of the classes' AUROC, each against the rest")


def top_label(probability: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return how sure the model is of each image's most likely class, and whether it is right.

    Args:
        probability: (N, K) floating point, rows that sum to 1.
        target: (N,) int64, 0 ... K-1.

    Returns:
        confidence (N,) · correct (N,) bool, for `reliability` and `expected_calibration_error`.

    >>> top_label(torch.tensor([[0.9, 0.1], [0.7, 0.3]]), torch.tensor([0, 1]))
    (tensor([0.9000, 0.7000]), tensor([ True, False]))
    """
    _check_probability(probability, target, 2)
    confidence, label = probability.max(1)
    return confidence, label == target


def reliability(probability: Tensor, target: Tensor, bins: int = 10) -> Reliability:
    """Set the mean probability beside the share that came true, in bins of equal width.

    Bin b holds b/bins < probability ≤ (b+1)/bins, and the first one 0 as well.

    Args:
        probability: (N,) floating point, 0 to 1, of the positive class or from `top_label`.
        target: (N,) bool, whether it came true.
        bins: how many, 1 or more.

    Raises:
        TypeError, ValueError: logits or decided labels; target not bool; shapes differ; no case.

    >>> likely, true = torch.tensor([0.2, 0.4, 0.9, 1.0]), torch.tensor([False, True, True, True])
    >>> reliability(likely, true, bins=2).accuracy
    tensor([0.5000, 1.0000], dtype=torch.float64)
    """
    _check_probability(probability, target, 1)
    if bins < 1:
        raise ValueError(f"bins must be 1 or more, got {bins}; 10 to 15 are usual")
    edge = torch.arange(1, bins, dtype=torch.float64, device=probability.device) / bins
    place = torch.bucketize(probability.double(), edge)
    n = torch.bincount(place, minlength=bins)
    zeros = torch.zeros(bins, dtype=torch.float64, device=probability.device)
    confidence = zeros.index_add(0, place, probability.double())
    true = zeros.index_add(0, place, target.double())
    return Reliability(ratio(confidence, n), ratio(true, n), n)


def expected_calibration_error(probability: Tensor, target: Tensor, bins: int = 10) -> Metric:
    """Return how far probabilities lie from what came true, on average over the cases.

    ECE = Σ_b n_b / N × |accuracy_b - confidence_b|

    Arguments and errors as for `reliability`. The number depends on the bins, which the convention
    states: one bin hides everything but the bias, and bins of few cases add noise.

    Returns:
        Metric, value 0 (calibrated) to 1; n_empty counts the bins without a case.

    Reference: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    >>> sure = torch.tensor([0.9, 0.9, 0.9, 0.9])                   # 90 % sure, right in half of the cases
    >>> round(expected_calibration_error(sure, torch.tensor([True, True, False, False])).value, 4)
    0.4
    """
    confidence, share, n = reliability(probability, target, bins)
    value = float((n * (share - confidence).abs()).nansum()) / len(target)
    return Metric(value, len(target), int((n == 0).sum()), f"{bins} bins of equal width, weighted by cases")


def brier(probability: Tensor, target: Tensor) -> Metric:
    """Return the mean squared distance of a probability from what came true.

    BS = (1/N) Σ_i (p_i - y_i)²,  y_i = 1 where it came true, 0 where not

    Args:
        probability: (N,) floating point, 0 to 1, of the positive class.
        target: (N,) bool, True for the positive class.

    Returns:
        Metric, value 0 (sure and right) to 1; always answering 1/2 gives 0.25.

    Reference: G. W. Brier, Monthly Weather Review 78, 1950, who sums over classes: `brier_of_classes`.

    >>> round(brier(torch.tensor([0.9, 0.2]), torch.tensor([True, False])).value, 4)
    0.025
    """
    _check_probability(probability, target, 1)
    value = float((probability.double() - target.double()).square().mean())
    return Metric(value, len(target), 0, "mean over cases, positive class only: 0 to 1")


def brier_of_classes(probability: Tensor, target: Tensor) -> Metric:
    """Return the squared distances summed over classes, averaged over images (Brier's own form).

    Args:
        probability: (N, K) floating point, rows that sum to 1.
        target: (N,) int64, 0 ... K-1.

    Returns:
        Metric, value 0 to 2; for two classes twice what `brier` gives.

    >>> round(brier_of_classes(torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.tensor([0, 1])).value, 4)
    0.05
    """
    _check_probability(probability, target, 2)
    truth = torch.nn.functional.one_hot(target, probability.shape[1])
    value = float((probability.double() - truth).square().sum(1).mean())
    return Metric(value, len(target), 0, "mean over images, summed over classes: 0 to 2")


def _check(score: Tensor, target: Tensor, axes: int, name: str = "score") -> None:
    """Refuse what has no order; one axis: (N,) with bool targets, two: (N, K) with labels."""
    shape, dtype, truth = (
        ("(N,)", torch.bool, "bool, True for the positive class"),
        ("(N, K)", torch.int64, "int64 labels"),
    )[axes - 1]
    if not score.is_floating_point():
        raise TypeError(
            f"{name} must be floating point, got {score.dtype}; give probabilities, labels hide the order"
        )
    if target.dtype != dtype:
        raise TypeError(f"target must be {truth}, got {target.dtype}; compare it with a class first")
    if score.ndim != axes or target.shape != score.shape[:1] or score.numel() == 0:
        raise ValueError(
            f"{name} must be {shape} and target (N,), N at least 1, got {tuple(score.shape)} and "
            f"{tuple(target.shape)}; give one target for each score"
        )
    if score.isnan().any():
        raise ValueError(f"{name} must hold no NaN, got {int(score.isnan().sum())}; NaN has no rank")
    if axes == 2 and not 0 <= int(target.min()) <= int(target.max()) < score.shape[1]:
        raise ValueError(
            f"target must lie in 0 ... {score.shape[1] - 1}, got {int(target.min())} ... "
            f"{int(target.max())}; check the list of classes"
        )


def _check_probability(probability: Tensor, target: Tensor, axes: int) -> None:
    """Refuse logits too: outside 0 to 1 or, where there is a column for each class, not summing to 1."""
    _check(probability, target, axes, "probability")
    low, high = float(probability.min()), float(probability.max())
    if low < 0 or high > 1:
        raise ValueError(f"probability must lie in 0 to 1, got {low:g} to {high:g}; apply sigmoid or softmax")
    if axes == 2:
        total = probability.double().sum(1)
        worst = float(total[(total - 1).abs().argmax()])
        if abs(worst - 1) > 1 / 64:  # half precision rounds by a few thousandths
            raise ValueError(f"probability must sum to 1 in each row, got {worst:g}; apply softmax")
