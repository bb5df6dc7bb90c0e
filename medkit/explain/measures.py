"""How far a map points at the lesion, and how far the model goes by what it points at.

    mass_inside, pointing_game      against the true mask; chance is the mask's share of the image
    centre_prior                    a map that knows nothing but that lesions are seldom at the border
    deletion, insertion             the class's probability as pixels go or come in the map's order
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEPS = 16  # of deletion and insertion


def mass_inside(saliency: Tensor, mask: Tensor) -> Tensor:
    """Return the share of a map's mass that lies in the mask.

    formula:  Σ_mask max(0, m) / Σ max(0, m)

    Args:
        saliency: maps (B, H, W), any scale; below 0 counts as 0. mask: (B, H, W) bool, or 0 and 1.

    Returns:
        (B,), 0 ... 1; NaN where the mask is empty. A uniform map has `area(mask)`: chance.

    Edge: a map that is nowhere above 0 says nothing, and counts as uniform.

    Raises:
        ValueError: shapes differ, or a map is not finite.

    >>> mass_inside(torch.tensor([[[3., 1.]]]), torch.tensor([[[True, False]]]))
    tensor([0.7500])
    """
    mask = _checked(saliency, mask)
    mass = saliency.relu().flatten(1).double()
    mass = torch.where(mass.sum(1, keepdim=True) > 0, mass, torch.ones_like(mass))
    return _known((mass * mask.flatten(1)).sum(1) / mass.sum(1), mask)


def pointing_game(saliency: Tensor, mask: Tensor) -> Tensor:
    """Return whether a map's highest pixel lies in the mask.

    formula:  share of the pixels m = max(m) that lie in the mask

    Arguments, errors as `mass_inside`.

    Returns:
        (B,): 1 hit, 0 miss; NaN where the mask is empty.

    Edge: of several highest pixels one is as good as another, so that their share inside counts: what
        drawing one by lot gives on average. A constant map gets `area(mask)`: chance.

    Reference: J. Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016; without
    its tolerance of 15 pixels around the object.

    >>> pointing_game(torch.tensor([[[2., 2., 1.]]]), torch.tensor([[[True, False, False]]]))
    tensor([0.5000])
    """
    mask = _checked(saliency, mask)
    highest = (saliency == saliency.amax((1, 2), keepdim=True)).flatten(1)
    return _known((highest & mask.flatten(1)).sum(1).double() / highest.sum(1), mask)


def area(mask: Tensor) -> Tensor:
    """Return the mask's share of its image, (B, H, W) -> (B,): what a uniform map gets. NaN where empty."""
    mask = mask.bool()
    return _known(mask.flatten(1).double().mean(1), mask)


def centre_prior(like: Tensor) -> Tensor:
    """Return the map that always says "the middle": a Gaussian, σ a quarter of each side, as (B, H, W).

    >>> centre_prior(torch.zeros(1, 3, 3)).argmax().item()
    4
    """
    rows, columns = ((torch.arange(n, device=like.device) + 0.5) / n - 0.5 for n in like.shape[-2:])
    middle = torch.exp(-(rows[:, None] ** 2 + columns**2) / (2 * 0.25**2))
    return middle.expand(like.shape[0], -1, -1)


def deletion(model: nn.Module, image: Tensor, target: Tensor, saliency: Tensor, *, seed: int) -> Tensor:
    """Take pixels away, the map's highest first; return the class's probability after each step.

    Args:
        model: image -> a prediction with `label`; image: (B, C, H, W); target: (B,) int64, a class each;
        saliency: (B, H, W); seed: equal values go in an order drawn by lot, the same for all images.

    Returns:
        (B, 17): none, 1/16, ... all pixels put to the image's own mean. The lower its `area_under`,
        the more the model goes by what the map shows.

    Reference: V. Petsiuk et al., "RISE", BMVC 2018.
    """
    mean = image.mean((2, 3), keepdim=True).expand_as(image)
    return _curve(model, image, mean, target, saliency, seed)


def insertion(model: nn.Module, image: Tensor, target: Tensor, saliency: Tensor, *, seed: int) -> Tensor:
    """As `deletion`, but from the image's mean to the image: a good map's curve rises early."""
    mean = image.mean((2, 3), keepdim=True).expand_as(image)
    return _curve(model, mean, image, target, saliency, seed)


def area_under(curve: Tensor) -> Tensor:
    """Return the area under curves (B, S) over 0 ... 1, by trapezes: (B,).

    >>> area_under(torch.tensor([[1., 0., 0.]]))
    tensor([0.2500])
    """
    return torch.trapezoid(curve, dx=1 / (curve.shape[1] - 1), dim=1)


def _curve(model, begin: Tensor, end: Tensor, target: Tensor, saliency: Tensor, seed: int) -> Tensor:
    """Replace pixels of `begin` by those of `end` in the map's order."""
    flat = saliency.flatten(1)
    lot = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed)).to(flat.device)
    order = lot[flat[:, lot].argsort(dim=1, descending=True, stable=True)]
    rank = order.argsort(dim=1).view_as(saliency)[:, None]
    points = []
    with torch.no_grad():
        for step in range(STEPS + 1):
            now = torch.where(rank < step * flat.shape[1] / STEPS, end, begin)
            points.append(model(now).label.softmax(1).gather(1, target[:, None]))
    return torch.cat(points, dim=1)


def _checked(saliency: Tensor, mask: Tensor) -> Tensor:
    if saliency.ndim != 3 or saliency.shape != mask.shape or not saliency.isfinite().all():
        raise ValueError(
            f"saliency must be (B, H, W), finite and as large as mask, got {tuple(saliency.shape)} and "
            f"{tuple(mask.shape)}; enlarge the map to the image's size"
        )
    return mask.bool()


def _known(value: Tensor, mask: Tensor) -> Tensor:
    """Put NaN where there is no lesion to point at."""
    return torch.where(mask.flatten(1).any(1), value, torch.nan).float()
