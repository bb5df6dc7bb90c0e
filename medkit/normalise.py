"""Eq. 2: bring grey values to a common range, so that images of many scanners can be compared.

Whose extremes? The paper does not say. Here the default is each image by its own (`min_max`);
`min_max_volume` and `min_max_data_set` are the two other readings. What practice uses beside them
stands below: percentiles, the z-score, and the window of a CT. Nothing here remembers an image.
"""

from __future__ import annotations

import torch
from torch import Tensor

from medkit._check import check_finite, check_image


def min_max(image: Tensor) -> Tensor:
    """Scale each image to [0, 1] by its own extremes.

    Eq. 2:  I_norm(x, y) = (I(x, y) - I_min) / (I_max - I_min)

    A constant image makes Eq. 2 divide 0 by 0; here it becomes zeros, and `is_constant`
    tells which images were. Channels share their extremes, so that colours keep their balance.

    Args:
        image: (H, W), (C, H, W) or (B, C, H, W), float, finite; any unit.

    Returns:
        The same shape and dtype, in [0, 1]. Differentiable.

    Raises:
        TypeError: integers, in which the subtraction overflows silently.
        ValueError: NaN, infinity, no pixels, or a range too wide for the dtype.

    >>> min_max(torch.tensor([[10., 20.], [30., 50.]]))
    tensor([[0.0000, 0.2500],
            [0.5000, 1.0000]])
    """
    check_image(image)
    check_finite(image)
    axes = _image_axes(image)
    return _scale(image, image.amin(axes, keepdim=True), image.amax(axes, keepdim=True))


def min_max_volume(volume: Tensor) -> Tensor:
    """Scale a volume to [0, 1] by the extremes of all its slices: Eq. 2, read per volume.

    Slices keep their brightness relative to each other; one bright slice darkens all the others.
    Arguments, result and errors as for `min_max`, the slices along the first axis.

    >>> min_max_volume(torch.tensor([[[0., 1.]], [[2., 4.]]])).flatten().tolist()
    [0.0, 0.25, 0.5, 1.0]
    """
    check_image(volume, "volume")
    check_finite(volume, "volume")
    return _scale(volume, volume.amin(), volume.amax())


def min_max_data_set(image: Tensor, minimum: float, maximum: float) -> Tensor:
    """Scale by extremes that were measured once, on the training images: Eq. 2, read per data set.

    Values outside [minimum, maximum], which new images may have, are clipped to [0, 1].

    Args:
        image: as for `min_max`.
        minimum, maximum: of the training images, never of the test images; in the image's unit.

    Raises:
        TypeError, ValueError: as for `min_max`; minimum is not below maximum.

    >>> min_max_data_set(torch.tensor([[-5., 0., 50., 200.]]), 0., 100.).tolist()
    [[0.0, 0.0, 0.5, 1.0]]
    """
    check_image(image)
    check_finite(image)
    if not minimum < maximum:
        raise ValueError(
            f"minimum must be below maximum, got {minimum} and {maximum}; measure them on the training images"
        )
    low, high = torch.as_tensor(minimum).to(image), torch.as_tensor(maximum).to(image)
    return _scale(image, low, high).clamp(0, 1)


def is_constant(image: Tensor) -> Tensor:
    """Tell which images have a single value everywhere, where Eq. 2 is 0/0.

    Args:
        image: (H, W), (C, H, W) or (B, C, H, W).

    Returns:
        (B,) bool for a batch, () bool for a single image.

    >>> is_constant(torch.stack([torch.zeros(1, 2, 2), torch.eye(2)[None]]))
    tensor([ True, False])
    """
    check_image(image)
    axes = _image_axes(image)
    return image.amin(axes) == image.amax(axes)


def percentile(image: Tensor, low: float = 1.0, high: float = 99.0) -> Tensor:
    """Scale each image so that two of its percentiles become 0 and 1; clip what lies beyond.

    A single hot pixel decides I_max in Eq. 2 and darkens all others; it hardly moves a
    percentile. An image whose two percentiles agree becomes zeros.

    Args:
        image: as for `min_max`.
        low, high: percentiles in %, 0 <= low < high <= 100, linear between pixels.

    Returns, Raises:
        As for `min_max`; ValueError also where low and high are out of order.

    >>> line = torch.tensor([[0., 1., 2., 3., 4., 5., 6., 7., 8., 1000.]])
    >>> percentile(line, 0, 90).max().item(), round(min_max(line)[0, 8].item(), 3)
    (1.0, 0.008)
    """
    check_image(image)
    check_finite(image)
    if not 0 <= low < high <= 100:
        raise ValueError(
            f"low and high must satisfy 0 <= low < high <= 100, got {low} and {high}; "
            f"try 1 and 99"
        )
    one_row_an_image = image.flatten() if image.ndim < 4 else image.flatten(1)
    ordered = one_row_an_image.sort(dim=-1).values
    shape = [1] * image.ndim if image.ndim < 4 else [len(image), 1, 1, 1]
    bottom, top = (_read_percentile(ordered, share).reshape(shape) for share in (low, high))
    return _scale(image.clamp(bottom, top), bottom, top)


def z_score(image: Tensor) -> Tensor:
    """Shift each image to mean 0 and scale it to standard deviation 1.

    z(x, y) = (I(x, y) - mean) / standard deviation   (of all its pixels, divided by N)

    The result has no fixed range. A constant image becomes zeros. Arguments and errors as
    for `min_max`.

    >>> z_score(torch.tensor([[1., 3.]])).tolist()
    [[-1.0, 1.0]]
    """
    check_image(image)
    check_finite(image)
    axes = _image_axes(image)
    centred = image - image.mean(axes, keepdim=True)
    variance = centred.square().mean(axes, keepdim=True)
    constant = image.amin(axes, keepdim=True) == image.amax(axes, keepdim=True)
    scaled = centred / torch.where(constant, torch.ones_like(variance), variance).sqrt()
    return torch.where(constant, torch.zeros_like(scaled), scaled)


def ct_window(hu: Tensor, level: float, width: float) -> Tensor:
    """Show a window of a CT: level - width/2 becomes 0, level + width/2 becomes 1.

    What lies beyond is clipped. A CT runs from air (-1000 HU) to metal (above 3000 HU), and
    Eq. 2 spends its range on both; what a doctor looks for spans 80 HU in the brain.

    Args:
        hu: (..., H, W), float, in Hounsfield units.
        level, width: centre and width of the window in HU; brain 40, 80; lung -600, 1500;
            bone 500, 2000.

    Returns:
        The same shape and dtype, in [0, 1].

    Raises:
        TypeError, ValueError: as for `min_max`; the width is not positive.

    >>> hu = torch.tensor([[-1000., 0., 40., 80., 3000.]])
    >>> ct_window(hu, level=40, width=80).tolist()
    [[0.0, 0.0, 0.5, 1.0, 1.0]]
    """
    if not width > 0:
        raise ValueError(f"width must be positive, got {width} HU; a brain window has 80")
    return min_max_data_set(hu, level - width / 2, level + width / 2)


def _scale(image: Tensor, minimum: Tensor, maximum: Tensor) -> Tensor:
    """Compute Eq. 2 with given extremes, zeros where they agree."""
    span = maximum - minimum
    if not torch.isfinite(span).all():
        raise ValueError(
            f"image must have a range that fits {image.dtype}, got {minimum.min().item():g} "
            f"to {maximum.max().item():g}; call image.double() first"
        )
    constant = span == 0
    scaled = (image - minimum) / torch.where(constant, torch.ones_like(span), span)  # Eq. 2
    return torch.where(constant, torch.zeros_like(scaled), scaled)


def _read_percentile(ordered: Tensor, share: float) -> Tensor:
    """Return a percentile of values that are sorted along the last axis."""
    place = share / 100 * (ordered.shape[-1] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[-1] - 1)
    return torch.lerp(ordered[..., below], ordered[..., above], place - below)


def _image_axes(image: Tensor) -> tuple[int, ...]:
    """Return the axes that belong to one image: all, or all but the batch of (B, C, H, W)."""
    if image.ndim > 4:
        raise ValueError(
            f"image must be (H, W), (C, H, W) or (B, C, H, W), got {tuple(image.shape)}; "
            f"use min_max_volume for a volume, or loop over it"
        )
    return tuple(range(image.ndim)) if image.ndim < 4 else (1, 2, 3)
