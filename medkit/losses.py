"""What training makes small: one part for the label, two for the mask.

    total = w_label · cross-entropy + w_dice · soft Dice loss + w_bce · binary cross-entropy

The paper names no loss; the weights are ours, 1 each. All parts start from logits: no softmax and
no sigmoid stands before them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Losses(NamedTuple):
    """The weighted sum and its unweighted parts, each a scalar; None where there was no mask."""

    total: Tensor
    label: Tensor
    dice: Tensor | None
    bce: Tensor | None


def label_loss(pred: Tensor, target: Tensor, scored: Tensor | None = None) -> Tensor:
    """Average the cross-entropy over the images whose label may be used.

    loss = - (1/n) Σ_i log softmax(pred_i)[target_i]

    Args:
        pred: label logits (B, K).
        target: class of each image (B,) int64, 0 ... K-1.
        scored: (B,) bool; False where the label contradicts itself. None: all count.

    Returns:
        scalar; 0, with gradient 0, where no image of the batch is scored.

    >>> label_loss(torch.tensor([[0.0, 0.0], [0.0, 99.0]]), torch.tensor([0, 1]))    # (log 2 + 0) / 2
    tensor(0.3466)
    """
    each = F.cross_entropy(pred, target, reduction="none")
    if scored is None:
        return each.mean()
    return torch.where(scored, each, 0.0).sum() / scored.sum().clamp(min=1)


def soft_dice_loss(pred: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """Measure the missing overlap with probabilities in place of areas, so that it has a gradient.

    loss = 1 - (1/B) Σ_i (2 Σ p t + s) / (Σ p + Σ t + s),  p = sigmoid(pred)

    Args:
        pred: mask logits (B, 1, H, W).
        target: masks (B, 1, H, W), bool.
        smooth: s, in pixels; an empty mask rightly left empty then costs 0 instead of 0/0.

    Returns:
        scalar in [0, 1]: the mean over images, each with the same say whatever its lesion's size.

    >>> soft_dice_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2) > 0)    # 1 - (4 + 1) / (6 + 1)
    tensor(0.2857)
    """
    probability, truth = pred.sigmoid().flatten(1), target.flatten(1).to(pred.dtype)
    overlap = (probability * truth).sum(1)
    return 1 - ((2 * overlap + smooth) / (probability.sum(1) + truth.sum(1) + smooth)).mean()


def total_loss(
    label_pred: Tensor,
    mask_pred: Tensor,
    label: Tensor,
    mask: Tensor | None,
    scored: Tensor | None = None,
    *,
    label_weight: float = 1.0,
    dice_weight: float = 1.0,
    bce_weight: float = 1.0,
) -> Losses:
    """Add up what a model got wrong.

    Args:
        label_pred, mask_pred: the two halves of a model's prediction, (B, K) and (B, 1, H, W).
        label: (B,) int64.
        mask: (B, 1, H, W) bool; None for a set without masks, which trains the label head alone.
        scored: (B,) bool, the images that enter the label's part; all enter the mask's.
        label_weight, dice_weight, bce_weight: the weights above.

    Raises:
        ValueError: mask_pred and mask differ in shape, as with a mask head at half size.
    """
    of_label = label_loss(label_pred, label, scored)
    if mask is None:
        return Losses(label_weight * of_label, of_label, None, None)
    if mask_pred.shape != mask.shape:
        raise ValueError(
            f"mask_pred must have the masks' shape {tuple(mask.shape)}, got {tuple(mask_pred.shape)}; "
            f"let the mask head answer at the image's own size"
        )
    of_dice = soft_dice_loss(mask_pred, mask)
    of_bce = F.binary_cross_entropy_with_logits(mask_pred, mask.to(mask_pred.dtype))
    total = label_weight * of_label + dice_weight * of_dice + bce_weight * of_bce
    return Losses(total, of_label, of_dice, of_bce)
