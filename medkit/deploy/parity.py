"""Does the exported model still answer what the model answered?"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from medkit.blocks import Prediction
from medkit.training import predict

CLOSE = 1e-4  # of 1, or of the logit where that is larger: float32, summed in another order


class Parity(NamedTuple):
    """How far two models' answers to the same images lie apart.

    label, mask: the largest absolute difference of any logit; NaN where one of the answers is no number.
    classes: share of images that get the same class, 0 ... 1.
    pixels: share of pixels that are lesion, or not, in both.
    relative: the largest difference of any logit as a share of that logit, or of 1 where it is smaller. A
        trained model's mask logits reach beyond 100, where float32 itself has steps of 8e-6, and sums many.
    images: how many were compared.
    """

    label: float
    mask: float
    classes: float
    pixels: float
    relative: float
    images: int

    @property
    def same(self) -> bool:
        """Whether no logit differs by more than 1e-4, of 1 or of itself. NaN is not the same."""
        return self.relative <= CLOSE


def parity(one: nn.Module, other: nn.Module, image: Tensor, batch_size: int = 32) -> Parity:
    """Compare two models' answers to the same images.

    Args:
        one, other: under the contract of `medkit.models`; both run in evaluation mode and stay in it.
        image: (N, C, H, W), as models see them.

    >>> from medkit.models import CNN
    >>> model = CNN(classes=3)
    >>> parity(model, model, torch.zeros(2, 1, 32, 32)).same
    True
    """
    return compare(predict(one, image, batch_size), predict(other, image, batch_size))


def compare(one: Prediction, other: Prediction) -> Parity:
    """Compare two predictions for the same images. Arguments and result as for `parity`.

    Raises:
        ValueError: their shapes differ.
    """
    for name, a, b in zip(Prediction._fields, one, other):
        if a.shape != b.shape:
            raise ValueError(
                f"{name} must have one shape in both, got {tuple(a.shape)} and {tuple(b.shape)}; "
                f"a broadcast would compare other things"
            )
    gaps = [(a.double() - b.double()).abs() for a, b in zip(one, other)]
    relative = torch.stack([(gap / a.double().abs().clamp(min=1)).max() for gap, a in zip(gaps, one)]).max()
    classes = (one.label.argmax(1) == other.label.argmax(1)).double().mean()
    pixels = ((one.mask > 0) == (other.mask > 0)).double().mean()
    label, mask = (float(gap.max()) for gap in gaps)  # max hands NaN on
    return Parity(label, mask, float(classes), float(pixels), float(relative), len(one.label))
