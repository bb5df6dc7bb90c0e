"""Eq. 6, 7, 9: first the four counts, then each metric as a function of them.

`label_counts` has one entry for each class, `mask_counts` one for each image. A `..._per_class` or
`..._per_image` gives a number for each entry; what is made of them has a name of its own:

    binary, micro, macro, weighted     averages over classes, each takes any of the `..._per_class`
    dice, dice_truth_shown, ...        averages over images, side by side in `dice_conventions`

Every result carries how many images stand behind it and by which convention the cases that have no
answer (0/0) were treated: left out and counted, never turned into 0 or 1 unless the name says so.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from medkit._counts import (  # noqa: F401, counting belongs to this page
    Counts,
    Metric,
    label_counts,
    mask_counts,
    mean_of_answered,
    ratio,
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
    mean, empty = mean_of_answered(recall_per_class(counts))
    return Metric(mean * 100, _images(counts), empty, "percent, mean of the classes' recall")


def precision_per_class(counts: Counts) -> Tensor:
    """Return how much of what was called this class is of it: tp / (tp + fp).

    Args:
        counts: from `label_counts`.

    Returns:
        (K,) float64; NaN for a class never predicted.
    """
    return ratio(counts.tp, counts.tp + counts.fp)


def recall_per_class(counts: Counts) -> Tensor:
    """Return how much of each class was found (sensitivity): tp / (tp + fn).

    Returns:
        (K,) float64; NaN for a class that no image shows.
    """
    return ratio(counts.tp, counts.tp + counts.fn)


def f1_per_class(counts: Counts) -> Tensor:
    """Return the harmonic mean of precision and recall of each class.

    Eq. 9:  F1 = 2 × precision × recall / (precision + recall) = 2 tp / (2 tp + fp + fn)

    The right-hand side is the same number, and also has an answer (0) for a class that is there
    but never predicted, where the precision is 0/0. It is Eq. 7 with images in place of pixels.

    Returns:
        (K,) float64; NaN for a class neither shown nor predicted.

    >>> f1_per_class(label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), classes=2))
    tensor([0.6667, 0.8000], dtype=torch.float64)
    """
    tp, fp, fn, _ = counts
    return ratio(2 * tp, 2 * tp + fp + fn)  # Eq. 9


def binary(measure: Callable[[Counts], Tensor], counts: Counts, positive: int = 1) -> Metric:
    """Return a measure of one class against the rest.

    Args:
        measure: `precision_per_class`, `recall_per_class` or `f1_per_class`.
        counts: from `label_counts`.
        positive: the class in question; of healthy 0 and ill 1 it is 1.

    Raises:
        ValueError: there is no such class.

    >>> counts = label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), classes=2)
    >>> binary(recall_per_class, counts).value == 2 / 3, binary(recall_per_class, counts, positive=0).value
    (True, 1.0)
    """
    values = measure(counts)
    if not 0 <= positive < len(values):
        raise ValueError(f"positive must lie in 0 ... {len(values) - 1}, got {positive}; name a class")
    value, empty = float(values[positive]), int(values[positive].isnan())
    return Metric(value, _images(counts), empty, f"binary: class {positive} against the rest")


def micro(measure: Callable[[Counts], Tensor], counts: Counts) -> Metric:
    """Return a measure of the counts summed over classes: each image counts the same.

    Edge: every false positive of one class is another's false negative, so that with one label an
    image the micro precision, recall and F1 are all the accuracy, as a share.

    >>> counts = label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), classes=2)
    >>> [micro(measure, counts).value for measure in (precision_per_class, recall_per_class, f1_per_class)]
    [0.75, 0.75, 0.75]
    """
    value, empty = mean_of_answered(measure(_summed(counts)))
    return Metric(value, _images(counts), empty, "micro: of the counts summed over classes")


def macro(measure: Callable[[Counts], Tensor], counts: Counts) -> Metric:
    """Return the mean of a measure over the classes: each class counts the same.

    >>> counts = label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), classes=2)
    >>> macro(precision_per_class, counts)
    Metric(value=0.75, n=4, n_empty=0, convention='macro: mean over classes, 0/0 left out')
    """
    mean, empty = mean_of_answered(measure(counts))
    return Metric(mean, _images(counts), empty, "macro: mean over classes, 0/0 left out")


def weighted(measure: Callable[[Counts], Tensor], counts: Counts) -> Metric:
    """Return the mean of a measure over the classes, each as often as images show it.

    Edge: NaN where no class with an answer is shown, as no weight is left.

    >>> counts = label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), classes=2)
    >>> weighted(precision_per_class, counts).value                        # 1/4 × 0.5 + 3/4 × 1
    0.875
    """
    values = measure(counts)
    weight = (counts.tp + counts.fn) * ~values.isnan()
    value, empty = ratio(torch.nansum(weight * values), weight.sum()), int(values.isnan().sum())
    return Metric(float(value), _images(counts), empty, "weighted: by images of each class, 0/0 left out")


def f1(counts: Counts) -> Metric:
    """Average the F1 of Eq. 9 over the classes (macro): each class counts the same.

    The mean of the classes' F1, not `f1_of_means`. The paper doesn't say how it averages; the
    micro average would only repeat the accuracy.

    Returns:
        Metric, value 0 to 1; classes neither shown nor predicted are left out and counted.

    >>> round(f1(label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), 2)).value, 4)
    0.7333
    """
    return macro(f1_per_class, counts)


def f1_of_means(counts: Counts) -> Metric:
    """Return the F1 of the mean precision and the mean recall over classes, also called macro F1.

    Never below `f1` where every class has both, and up to 0.5 above it. n_empty counts the classes
    that lack either of the two; where both means are 0 their harmonic mean is 0.

    Reference: J. Opitz and S. Burst, "Macro F1 and Macro F1", arXiv:1911.03347.

    >>> round(f1_of_means(label_counts(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), 2)).value, 4)
    0.7895
    """
    precision, recall = precision_per_class(counts), recall_per_class(counts)
    value = 2 / (1 / precision.nanmean() + 1 / recall.nanmean())  # 1/0 is inf, and 2/inf is 0
    empty = int((precision.isnan() | recall.isnan()).sum())
    return Metric(float(value), _images(counts), empty, "F1 of the classes' mean precision and recall")


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
    return ratio(2 * tp, (tp + fp) + (tp + fn))  # Eq. 7


def iou_per_image(counts: Counts) -> Tensor:
    """Return overlap / union of each image's two masks, (B,): Dice / (2 - Dice), never above Dice."""
    tp, fp, fn, _ = counts
    return ratio(tp, tp + fp + fn)


def iou(counts: Counts) -> Metric:
    """Average the intersection over union (Jaccard index) as `dice` averages the Dice."""
    return _skipping(iou_per_image(counts))


def dice(counts: Counts) -> Metric:
    """Average the Dice of Eq. 7 over the images in which either mask has a pixel (`mask_counts`).

    Misses (a lesion, nothing predicted) and false alarms count as 0; images with both masks empty
    are left out and counted. Other conventions give other numbers: see `dice_conventions`.

    Returns:
        Metric, value 0 to 1; NaN where all images are empty.

    >>> counts = Counts(*torch.tensor([[2, 0, 0], [2, 3, 0], [2, 0, 0], [10, 13, 16]]))
    >>> dice(counts)                            # 4 / 8, a false alarm, and one with no answer
    Metric(value=0.25, n=2, n_empty=1, convention='mean over images, both empty left out')
    """
    return _skipping(dice_per_image(counts))


def dice_truth_shown(counts: Counts) -> Metric:
    """Average over the images with a true mask: false alarms on healthy images go unseen."""
    shown = counts.tp + counts.fn > 0
    n, value = int(shown.sum()), float(dice_per_image(counts)[shown].mean())
    return Metric(value, n, len(shown) - n, "mean over images, empty truth left out")


def dice_empty_one(counts: Counts) -> Metric:
    """Average over all images; both masks empty counts as 1, a healthy image rightly left alone."""
    return _filled(dice_per_image(counts), 1)


def dice_empty_zero(counts: Counts) -> Metric:
    """Average over all images; both masks empty counts as 0, as 0 / (0 + ε) does."""
    return _filled(dice_per_image(counts), 0)


def dice_pooled(counts: Counts) -> Metric:
    """Return the Dice of all images' pixels as if they were one image: large lesions dominate."""
    value, empty = float(dice_per_image(_summed(counts))), int(dice_per_image(counts).isnan().sum())
    return Metric(value, len(counts.tp), empty, "pooled: of the pixels of all images")


def dice_conventions(counts: Counts) -> tuple[Metric, Metric, Metric, Metric, Metric]:
    """Return the Dice of the same masks by each convention of the field, side by side.

    Skipping the empty is read in two ways, so that the four conventions give five numbers: both
    masks empty left out (`dice`) · empty truth left out · both empty = 1 · both empty = 0 · pooled.

    >>> counts = Counts(*torch.tensor([[2, 0, 0], [2, 3, 0], [2, 0, 0], [10, 13, 16]]))
    >>> [round(metric.value, 3) for metric in dice_conventions(counts)]
    [0.25, 0.5, 0.5, 0.167, 0.364]
    """
    conventions = (dice, dice_truth_shown, dice_empty_one, dice_empty_zero, dice_pooled)
    return tuple(convention(counts) for convention in conventions)


def _skipping(each: Tensor) -> Metric:
    mean, empty = mean_of_answered(each)
    return Metric(mean, len(each) - empty, empty, "mean over images, both empty left out")


def _filled(each: Tensor, answer: int) -> Metric:
    value, empty = float(each.nan_to_num(answer).mean()), int(each.isnan().sum())
    return Metric(value, len(each), empty, f"mean over images, both empty = {answer}")


def _summed(counts: Counts) -> Counts:
    return Counts(*(count.sum()[None] for count in counts))


def _images(counts: Counts) -> int:
    return int(sum(count[0] for count in counts))  # the four counts of any class sum to N
