"""A map that stays the same when the weights are thrown away shows the image, not the model."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from medkit.scores import mean_ranks


def cascade(model: nn.Module, fresh: nn.Module, image: Tensor) -> Iterator[tuple[str, nn.Module]]:
    """Replace a model's weights by untrained ones, part after part from the label down; yield each state.

    Args:
        model: trained; fresh: the same architecture with other, untrained weights; image: any that fits.

    Yields:
        the name of the part that went last, and the model so far; `model` itself is left alone. Parts that
        the label does not depend on, such as the mask's decoder, are passed over.

    Reference: J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, §3.

    >>> from medkit.models import CNN
    >>> [name for name, _ in cascade(CNN(classes=2), CNN(classes=2), torch.zeros(1, 1, 32, 32))]
    ['label_head', 'middle', 'encoder']
    """
    now = copy.deepcopy(model)
    parts = [name for name in dict(model.named_children()) if _matters(now, name, image)]
    for name in reversed(parts):
        getattr(now, name).load_state_dict(getattr(fresh, name).state_dict())
        yield name, copy.deepcopy(now)


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """Return the rank correlation (Spearman) of two maps of each image; equal values share their mean rank.

    Args:
        first, second: maps (B, H, W).

    Returns:
        (B,), -1 ... 1; NaN where a map is constant: it has no order to compare.

    Raises:
        ValueError: shapes differ.

    >>> similarity(torch.tensor([[[1., 2., 3.]]]), torch.tensor([[[1., 4., 9.]]]))
    tensor([1.])
    """
    if first.shape != second.shape or first.ndim != 3:
        raise ValueError(
            f"first and second must have one shape (B, H, W), got {tuple(first.shape)} and {tuple(second.shape)}; "
            f"map the same images"
        )
    a, b = (torch.stack([mean_ranks(one.flatten()) for one in maps]) for maps in (first, second))
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return ((a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()).float()


def _matters(model: nn.Module, name: str, image: Tensor) -> bool:
    """Tell whether the label depends on a part's weights."""
    weights = list(getattr(model, name).parameters())
    if not weights:
        return False
    with torch.enable_grad():
        label = model(image[:1]).label.sum()
        return any(g is not None for g in torch.autograd.grad(label, weights, allow_unused=True))
