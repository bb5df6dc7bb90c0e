"""What a model's answers are worth: Eq. 6, 7 and 9 on one set, as a record keeps them."""

from __future__ import annotations

import dataclasses
import math

from torch import Tensor

from medkit import metrics, scores
from medkit.data.container import ImageSet


BY_IMAGE = ("pred", "pred_cut", "dice_each")  # what a record holds of each test image


def measure(probability: Tensor, mask: Tensor, data: ImageSet, cut: float | None = None) -> dict:
    """Return what answers are worth: each metric with its n and convention, and each image.

    Args:
        probability: (N, K) of the classes; mask: (N, 1, H, W) bool; data: N images with their truth.
        cut: of two classes, the probability from which on the second is said where the balanced
            accuracy is asked for, as `best_cut` chose it on validation images. None: 0.5 as elsewhere.

    Returns:
        accuracy, balanced_accuracy, auroc, f1 over the images whose label is scored (None where none
        is) and dice over all (None without masks), as dicts of `Metric`; "cut"; and by image "pred",
        the class, "pred_cut", the class by the cut (None without one), and "dice_each", None where
        neither mask has a pixel: what intervals are made from.
    """
    pred, pixels = probability.argmax(1), None if data.mask is None else metrics.mask_counts(mask, data.mask)
    by_cut = pred if cut is None else (probability[:, 1] >= cut).long()
    known = data.scored
    found = _of_labels(probability[known], pred[known], by_cut[known], data.label[known])
    found["dice"] = None if pixels is None else metrics.dice(pixels)
    each = None if pixels is None else [_rounded(value) for value in metrics.dice_per_image(pixels).tolist()]
    values = {metric: value and dataclasses.asdict(value) for metric, value in found.items()}
    images = (pred.tolist(), None if cut is None else by_cut.tolist(), each)
    return {**values, "cut": cut, **dict(zip(BY_IMAGE, images))}


def best_cut(probability: Tensor, data: ImageSet) -> float | None:
    """Return the probability of the second class from which on saying it gives the best balanced accuracy.

    Where one class is rare, hardly any image reaches 0.5, and a model that ranks images well still says
    the frequent class always. Only for validation images: on test images it would be a peek.

    Args:
        probability: (N, K); data: N images with their truth.

    Returns:
        of several equally good ones the middle one; None unless there are two classes and both are shown.

    >>> import torch
    >>> from medkit.data.phantom import phantom
    >>> data = dataclasses.replace(phantom(6, size=32), label=torch.tensor([0, 0, 0, 0, 1, 1]), classes=("a", "b"))
    >>> second = torch.tensor([0.0, 0.1, 0.1, 0.3, 0.2, 0.4])
    >>> round(best_cut(torch.stack([1 - second, second], dim=1), data), 2)
    0.2
    """
    known, ill = probability[data.scored], data.label[data.scored] == 1
    if probability.shape[1] != 2 or ill.all() or not ill.any():
        return None
    cuts = known[:, 1].unique()
    says = known[:, 1] >= cuts[:, None]
    worth = (says & ill).sum(1) / ill.sum() + (~says & ~ill).sum(1) / (~ill).sum()
    best = cuts[worth == worth.max()]
    return float(best[len(best) // 2])


def _of_labels(
    probability: Tensor, pred: Tensor, by_cut: Tensor, truth: Tensor
) -> dict[str, metrics.Metric | None]:
    """Return what the answers to the scored labels are worth; None each where no label is scored."""
    if not len(truth):
        return dict.fromkeys(("accuracy", "balanced_accuracy", "auroc", "f1"))
    classes = probability.shape[1]
    counts = metrics.label_counts(pred, truth, classes)
    return {
        "accuracy": metrics.accuracy(counts),
        "balanced_accuracy": metrics.balanced_accuracy(metrics.label_counts(by_cut, truth, classes)),
        "auroc": scores.auroc(probability[:, 1], truth == 1) if classes == 2 else scores.auroc_macro(probability, truth),
        "f1": metrics.f1(counts),
    }


def summary(measured: dict) -> dict:
    """Return what was `measure`d without the single images."""
    return {name: value for name, value in measured.items() if name not in BY_IMAGE}


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
