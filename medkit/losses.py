"""What training makes small: one part for the label, two for the mask.

    total = w_label · cross-entropy + w_dice · soft Dice loss + w_bce · binary cross-entropy

The paper names no loss; the weights are ours, 1 each. All parts start from logits: no softmax and
no sigmoid stands before them.

Each part is a sum over images, divided by how many there are. A batch that is worked off in pieces
(no memory for all of it, or several processes) has to be divided by the count of the *whole* batch:
then the pieces' losses, and so their gradients, add up to those of the whole.
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


class Whole(NamedTuple):
    """How many images the whole batch has, where those at hand are a piece of it.

    images: all of them.
    scored: those whose label may be used; an int, or a scalar tensor.
    """

    images: int
    scored: int | Tensor


def label_loss(
    pred: Tensor, target: Tensor, scored: Tensor | None = None, count: int | Tensor | None = None
) -> Tensor:
    """Average the cross-entropy over the images whose label may be used.

    loss = - (1/n) Σ_i log softmax(pred_i)[target_i]

    Args:
        pred: label logits (B, K).
        target: class of each image (B,) int64, 0 ... K-1.
        scored: (B,) bool; False where the label contradicts itself. None: all count.
        count: n, of the whole batch; None: these images are the whole.

    Returns:
        scalar; 0, with gradient 0, where no image of the batch is scored.

    >>> label_loss(torch.tensor([[0.0, 0.0], [0.0, 99.0]]), torch.tensor([0, 1]))    # (log 2 + 0) / 2
    tensor(0.3466)
    """
    scored = torch.ones_like(target, dtype=torch.bool) if scored is None else scored
    each = F.cross_entropy(pred, target.where(scored, 0), reduction="none")  # a filler may be no class
    count = torch.as_tensor(scored.sum() if count is None else count, device=pred.device)
    return torch.where(scored, each, 0.0).sum() / count.clamp(min=1)


def soft_dice_loss(
    pred: Tensor, target: Tensor, smooth: float = 1.0, count: int | None = None
) -> Tensor:
    """Measure the missing overlap with probabilities in place of areas, so that it has a gradient.

    loss = (1/n) Σ_i [1 - (2 Σ p t + s) / (Σ p + Σ t + s)],  p = sigmoid(pred)

    Args:
        pred: mask logits (B, 1, H, W).
        target: masks (B, 1, H, W), bool.
        smooth: s, in pixels; an empty mask rightly left empty then costs 0 instead of 0/0.
        count: n, images of the whole batch; None: B, these are the whole.

    Returns:
        scalar in [0, 1]: the mean over images, each with the same say whatever its lesion's size.

    >>> soft_dice_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2) > 0)    # 1 - (4 + 1) / (6 + 1)
    tensor(0.2857)
    """
    probability, truth = pred.sigmoid().flatten(1), target.flatten(1).to(pred.dtype)
    overlap = (probability * truth).sum(1)
    each = 1 - (2 * overlap + smooth) / (probability.sum(1) + truth.sum(1) + smooth)
    return each.sum() / (count or len(each))


def mask_loss(pred: Tensor, target: Tensor, count: int | None = None) -> Tensor:
    """Average the binary cross-entropy over all pixels, each a yes or no of its own.

    loss = (1/n) Σ_i mean over pixels of -[t log p + (1 - t) log(1 - p)],  p = sigmoid(pred)

    Arguments as for `soft_dice_loss`; returns a scalar.

    >>> mask_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2) > 0)    # log 2
    tensor(0.6931)
    """
    pixels = F.binary_cross_entropy_with_logits(pred, target.to(pred.dtype), reduction="none")
    return pixels.flatten(1).mean(1).sum() / (count or len(pred))


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
    whole: Whole | None = None,
) -> Losses:
    """Add up what a model got wrong.

    Args:
        label_pred, mask_pred: the two halves of a model's prediction, (B, K) and (B, 1, H, W).
        label: (B,) int64.
        mask: (B, 1, H, W) bool; None for a set without masks, which trains the label head alone.
        scored: (B,) bool, the images that enter the label's part; all enter the mask's.
        label_weight, dice_weight, bce_weight: the weights above.
        whole: the batch of which these images are a piece; None: they are all of it.

    Raises:
        ValueError: mask_pred and mask differ in shape, as with a mask head at half size.
    """
    images, used = whole or (None, None)
    of_label = label_loss(label_pred, label, scored, used)
    if mask is None:
        return Losses(label_weight * of_label, of_label, None, None)
    if mask_pred.shape != mask.shape:
        raise ValueError(
            f"mask_pred must have the masks' shape {tuple(mask.shape)}, got {tuple(mask_pred.shape)}; "
            f"let the mask head answer at the image's own size"
        )
    of_dice = soft_dice_loss(mask_pred, mask, count=images)
    of_bce = mask_loss(mask_pred, mask, images)
    total = label_weight * of_label + dice_weight * of_dice + bce_weight * of_bce
    return Losses(total, of_label, of_dice, of_bce)
