"""What a model's answers are worth: Eq. 6, 7 and 9 on one set, as a record keeps them."""

from __future__ import annotations

import dataclasses
import math

from torch import Tensor

from medkit import metrics, scores
from medkit.data.container import ImageSet


def measure(probability: Tensor, mask: Tensor, data: ImageSet) -> dict:
    """Return what answers are worth: each metric with its n and convention, and each image.

    Args:
        probability: (N, K) of the classes; mask: (N, 1, H, W) bool; data: N images with their truth.

    Returns:
        accuracy, balanced_accuracy, auroc, f1 over the images whose label is scored (None where none
        is) and dice over all (None without masks), as dicts of `Metric`; and by image "pred", the class, and
        "dice_each", None where neither mask has a pixel: what intervals are made from.
    """
    pred, pixels = probability.argmax(1), None if data.mask is None else metrics.mask_counts(mask, data.mask)
    found = _of_labels(probability[data.scored], pred[data.scored], data.label[data.scored])
    found["dice"] = None if pixels is None else metrics.dice(pixels)
    each = None if pixels is None else [_rounded(value) for value in metrics.dice_per_image(pixels).tolist()]
    values = {metric: value and dataclasses.asdict(value) for metric, value in found.items()}
    return {**values, "pred": pred.tolist(), "dice_each": each}


def _of_labels(probability: Tensor, pred: Tensor, truth: Tensor) -> dict[str, metrics.Metric | None]:
    """Return what the answers to the scored labels are worth; None each where no label is scored."""
    if not len(truth):
        return dict.fromkeys(("accuracy", "balanced_accuracy", "auroc", "f1"))
    classes = probability.shape[1]
    counts = metrics.label_counts(pred, truth, classes)
    return {
        "accuracy": metrics.accuracy(counts),
        "balanced_accuracy": metrics.balanced_accuracy(counts),
        "auroc": scores.auroc(probability[:, 1], truth == 1) if classes == 2 else scores.auroc_macro(probability, truth),
        "f1": metrics.f1(counts),
    }


def summary(measured: dict) -> dict:
    """Return what was `measure`d without the single images."""
    return {name: value for name, value in measured.items() if name not in ("pred", "dice_each")}


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
