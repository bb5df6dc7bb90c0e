"""Eq. 1: remove noise by replacing each pixel with a weighted sum of its neighbours.

The border rule says what stands beyond the image; `medkit._border` has the five, named as in
scipy.ndimage, beside their names in numpy and torch. A kernel may be larger than the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from medkit._border import BORDERS, pad, source_index  # noqa: F401, BORDERS for denoise.BORDERS
from medkit._check import check_finite, check_image

_BLOCK = 64  # rows of a kernel matrix multiplied at once
_STRIP = 2**16  # pixels whose neighbours fit into a processor's cache


# --- Eq. 1, as the formula stands -------------------------------------------------------------


def filter_image(image: Tensor, kernel: Tensor, border: str = "reflect") -> Tensor:
    """Filter an image with a kernel, in the corrected form of Eq. 1.

    Eq. 1, without 1/n:  I_clean(x, y) = Σ_i Σ_j I(x+i, y+j) · K(i, j),  i, j = -k ... k

    The kernel is used as it is given; one that keeps the brightness sums to one. It is not
    flipped: as printed, Eq. 1 is a correlation, not a convolution.

    Args:
        image: (..., H, W), float, finite.
        kernel: (2k+1, 2k'+1), odd sides.
        border: one of `BORDERS`.

    Returns:
        (..., H, W), of the image's dtype, on its device. Differentiable.

    Raises:
        TypeError, ValueError: the image is no finite float tensor, a side of the kernel is
            even, the border rule is unknown.

    >>> image = torch.tensor([[0., 0., 0.], [0., 9., 0.], [0., 0., 0.]])
    >>> filter_image(image, mean_kernel(3))
    tensor([[1., 1., 1.],
            [1., 1., 1.],
            [1., 1., 1.]])
    """
    check_image(image)
    check_finite(image)
    _check_kernel(kernel)
    rows, columns = kernel.shape
    height, width = image.shape[-2:]
    padded = pad(image, rows // 2, columns // 2, border)
    clean = torch.zeros_like(image)
    for i, j in product(range(rows), range(columns)):  # Eq. 1
        clean = clean + kernel[i, j].to(image) * padded[..., i : i + height, j : j + width]
    return clean


def eq1_as_printed(image: Tensor, kernel: Tensor, border: str = "reflect") -> Tensor:
    """Filter exactly as the paper prints Eq. 1, 1/n and all.

    Eq. 1:  I_clean(x, y) = 1/n · Σ_i Σ_j I(x+i, y+j) · K(i, j)

    The paper never says what n is; here it is the number of kernel entries, the only
    reading under which a kernel of ones is the mean filter. With a kernel that already sums
    to one the image goes dark by 1/n. Arguments, result and errors as for `filter_image`.

    >>> grey = torch.full((4, 4), 90.)
    >>> eq1_as_printed(grey, torch.ones(3, 3))[0, 0].item()
    90.0
    >>> round(eq1_as_printed(grey, mean_kernel(3))[0, 0].item(), 4)
    10.0
    """
    n = kernel.numel()
    return filter_image(image, kernel, border) / n


# --- kernels ----------------------------------------------------------------------------------


def mean_kernel(size: int) -> Tensor:
    """Return the (size, size) kernel whose entries are all 1 / size².

    >>> mean_kernel(3).sum().item()
    1.0
    """
    weights = _mean_weights(size)
    return torch.outer(weights, weights).float()


def gaussian_kernel(sigma: float, size: int | None = None) -> Tensor:
    """Return the (size, size) Gaussian kernel, which sums to one.

    K(i, j) ∝ exp(-(i² + j²) / 2σ²)

    Args:
        sigma: standard deviation in pixels, > 0.
        size: odd; where None it reaches four standard deviations, as in scipy.ndimage.

    >>> gaussian_kernel(1.0, size=3)
    tensor([[0.0751, 0.1238, 0.0751],
            [0.1238, 0.2042, 0.1238],
            [0.0751, 0.1238, 0.0751]])
    """
    weights = _gaussian_weights(sigma, size)
    return torch.outer(weights, weights).float()


def _mean_weights(size: int) -> Tensor:
    _check_size(size)
    return torch.full((size,), 1 / size, dtype=torch.float64)


def _gaussian_weights(sigma: float, size: int | None) -> Tensor:
    if not 0 < sigma < float("inf"):
        raise ValueError(f"sigma must be a positive number of pixels, got {sigma}; try 1.0")
    radius = int(4 * sigma + 0.5)
    if size is not None:
        _check_size(size)
        radius = size // 2
    i = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-(i**2) / (2 * sigma**2))
    return weights / weights.sum()


# --- Eq. 1 at speed: both kernels are products of a row and a column --------------------------


def mean(image: Tensor, size: int, border: str = "reflect") -> Tensor:
    """Replace each pixel by the mean of its size × size neighbourhood.

    Equal to `filter_image(image, mean_kernel(size), border)`, and faster. Arguments, result and
    errors as there; size is odd.
    """
    return _filter_separable(image, _mean_weights(size), border)


def gaussian(image: Tensor, sigma: float, border: str = "reflect", size: int | None = None) -> Tensor:
    """Smooth with a Gaussian of standard deviation sigma (pixels).

    Equal to `filter_image(image, gaussian_kernel(sigma, size), border)`, and faster: a Gaussian is
    the product of a row and a column, so that 2 · size multiplications do for size². Arguments,
    result and errors as there.
    """
    return _filter_separable(image, _gaussian_weights(sigma, size), border)


def kernel_matrix(weights: Tensor, length: int, border: str = "reflect") -> Tensor:
    """Write a one-dimensional Eq. 1, border rule included, as a matrix.

    Row x holds the weight of every pixel in clean pixel x, so that clean = matrix @ line.

    Args:
        weights: (2k+1,), the kernel along one axis.
        length: pixels along that axis.

    Returns:
        (length, length), zero but for a band of 2k+1 around the diagonal (and corners, for wrap).

    >>> kernel_matrix(torch.tensor([1., 2., 1.]), 4)
    tensor([[3., 1., 0., 0.],
            [1., 2., 1., 0.],
            [0., 1., 2., 1.],
            [0., 0., 1., 3.]])
    """
    source, inside = source_index(length, len(weights) // 2, border)
    matrix = torch.zeros(length, length, dtype=weights.dtype)
    pixel = torch.arange(length)
    for j, weight in enumerate(weights):
        read = slice(j, j + length)
        matrix.index_put_((pixel, source[read]), weight * inside[read], accumulate=True)
    return matrix


def _filter_separable(image: Tensor, weights: Tensor, border: str) -> Tensor:
    check_image(image)
    check_finite(image)
    height, width = image.shape[-2:]
    stack = image.reshape(-1, height, width)
    along_rows = _bands(kernel_matrix(weights, width, border).to(stack))
    stack = torch.cat([stack[..., near] @ band.mT for near, band in along_rows], dim=-1)
    along_columns = _bands(kernel_matrix(weights, height, border).to(stack))
    stack = torch.cat(
        [torch.bmm(band.expand(len(stack), *band.shape), stack[:, near]) for near, band in along_columns],
        dim=-2,
    )
    return stack.reshape(image.shape)


def _bands(matrix: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Cut a banded matrix into blocks of rows without the zeros beside the band."""
    for rows in matrix.split(_BLOCK):
        used = rows.any(dim=0).nonzero()
        near = slice(int(used.min()), int(used.max()) + 1)
        yield near, rows[:, near].contiguous()


# --- no instance of Eq. 1 ---------------------------------------------------------------------


def median(image: Tensor, size: int, border: str = "reflect") -> Tensor:
    """Replace each pixel by the median of its size × size neighbourhood.

    The paper offers it as a form of Eq. 1; it is none. Eq. 1 is linear for every kernel K,
    and the median of a sum is not the sum of the medians. It removes lone outliers and
    keeps edges.

    Args:
        image: (..., H, W), float, finite.
        size: odd, in pixels.
        border: one of `BORDERS`.

    Returns:
        (..., H, W). Differentiable almost everywhere.

    Raises:
        TypeError, ValueError: as for `filter_image`.

    >>> image = torch.tensor([[1., 1., 1.], [1., 9., 1.], [1., 1., 1.]])
    >>> median(image, 3)[1, 1].item()
    1.0
    """
    check_image(image)
    check_finite(image)
    _check_size(size)
    height, width = image.shape[-2:]
    padded = pad(image, size // 2, size // 2, border)
    padded = padded.reshape(-1, *padded.shape[-2:])
    if image.device.type != "cpu":
        return _median_of_windows(padded, size).reshape(image.shape)
    rows = max(_STRIP // width, 1)
    strips = [
        _median_of_windows(one[top : min(top + rows, height) + size - 1], size)
        for one in padded
        for top in range(0, height, rows)
    ]
    return torch.cat(strips).reshape(image.shape)


def _median_of_windows(padded: Tensor, size: int) -> Tensor:
    """Select the median of size² shifted copies by comparing and exchanging whole images.

    Of any m+2 of 2m+1 values neither the smallest nor the largest is the median: drop both,
    take in one more value, and go on until a single one is left.
    """
    height, width = padded.shape[-2] - size + 1, padded.shape[-1] - size + 1
    shifts = product(range(size), repeat=2)
    waiting = [padded[..., i : i + height, j : j + width] for i, j in shifts]
    held = [waiting.pop() for _ in range(size**2 // 2 + 2)] if size > 1 else waiting
    while len(held) > 1:
        held = _without_extremes(held)
        if waiting:
            held.append(waiting.pop())
    return held[0]


def _without_extremes(values: list[Tensor]) -> list[Tensor]:
    """Drop the smallest and the largest value at each pixel."""
    half = len(values) // 2
    pairs = list(zip(values[:half], values[half : 2 * half]))
    low = [torch.minimum(a, b) for a, b in pairs]
    high = [torch.maximum(a, b) for a, b in pairs]
    if len(values) % 2:  # the odd one out may be either extreme
        low.append(values[-1])
    smallest, *kept = low
    for position, value in enumerate(kept):
        kept[position] = torch.maximum(smallest, value)
        smallest = torch.minimum(smallest, value)
    if len(values) % 2:
        high.append(kept.pop())
    largest, *rest = high
    for value in rest:
        kept.append(torch.minimum(largest, value))
        largest = torch.maximum(largest, value)
    return kept


def _check_kernel(kernel: Tensor) -> None:
    if not isinstance(kernel, Tensor) or kernel.ndim != 2 or not all(side % 2 for side in kernel.shape):
        got = tuple(kernel.shape) if isinstance(kernel, Tensor) else type(kernel).__name__
        raise ValueError(f"kernel must be a 2-D tensor with odd sides, got {got}; Eq. 1 runs from -k to k")


def _check_size(size: int) -> None:
    if not isinstance(size, int) or size < 1 or size % 2 == 0:
        raise ValueError(f"size must be an odd whole number of pixels, got {size}; Eq. 1 runs from -k to k")
