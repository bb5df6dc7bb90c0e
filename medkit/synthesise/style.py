"""One image in the style of another: its grey values and slow shades, while outlines and mask stay.

Two old ways that need no training. Fourier: the amplitude of slow waves says how bright and how shaded
an image is, the phase of all waves says where things are; so take the first from a reference and keep
the second. Histogram: give the darkest pixel the reference's darkest value, and so on up.

Reference: Y. Yang and S. Soatto, "FDA: Fourier Domain Adaptation for Semantic Segmentation", CVPR 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor

from medkit._check import check_finite, check_image


def swap_amplitude(image: Tensor, reference: Tensor, radius: int) -> Tensor:
    """Return images with the amplitude of slow waves taken from references, and the phase of their own.

    y = F⁻¹(A · e^(i·phase(F x))), with A = |F r| where both |k_row| and |k_column| < radius, else |F x|.

    Args:
        image: (..., H, W) floating point, x.
        reference: of the same shape, r: one for each image.
        radius: waves with fewer turns over the image, along both axes, are slow: 0 takes none, 1 the
            mean alone, min(H, W) all of them. β of the reference is about radius / min(H, W).

    Returns:
        (..., H, W), the same dtype; values may leave the range of both, which is not cut off here.

    Edge: a wave that the image lacks has no phase; 0 stands for it.

    Raises:
        TypeError, ValueError: no such images, other shapes, or a radius below 0.

    >>> flat, bright = torch.zeros(1, 4, 4) + 1, torch.zeros(1, 4, 4) + 5
    >>> swap_amplitude(flat, bright, 0).mean().item(), swap_amplitude(flat, bright, 1).mean().item()
    (1.0, 5.0)
    """
    _check_pair(image, reference)
    if radius < 0:
        raise ValueError(f"radius must be 0 or above, got {radius}; 0 changes nothing")
    slow = _turns(image.shape[-2])[:, None].maximum(_turns(image.shape[-1])) < radius
    own, other = torch.fft.fft2(image), torch.fft.fft2(reference)
    amplitude = torch.where(slow.to(image.device), other.abs(), own.abs())
    return torch.fft.ifft2(torch.polar(amplitude, own.angle())).real


def match_histogram(image: Tensor, reference: Tensor) -> Tensor:
    """Return images with the grey values of references: rank for rank, outlines where they were.

    y = Q_r(P_x(x)): P_x the share of pixels up to a grey value, Q_r the reference's value at that share,
    straight between the shares that it has.

    Args:
        image, reference: (..., H, W) floating point, one reference for each image; sizes may differ.

    Returns:
        as `image`; equal pixels stay equal, order is kept, no value leaves the reference's range.

    Raises:
        TypeError, ValueError: no such images, or another number of references.

    Reference: R. C. Gonzalez and R. E. Woods, "Digital Image Processing", histogram specification.

    >>> match_histogram(torch.tensor([[0., 1.], [2., 3.]]), torch.tensor([[10., 20.], [30., 40.]]))
    tensor([[10., 20.],
            [30., 40.]])
    """
    _check_pair(image, reference, sizes=False)
    pairs = zip(image.flatten(0, -3) if image.ndim > 2 else image[None], reference.reshape(-1, *reference.shape[-2:]))
    return torch.stack([_matched(x, r) for x, r in pairs]).reshape(image.shape)


def _matched(image: Tensor, reference: Tensor) -> Tensor:
    """Match one image (H, W) to one reference."""
    _, place, count = image.unique(return_inverse=True, return_counts=True)
    value, often = reference.unique(return_counts=True)
    share, known = (n.cumsum(0).double() / n.sum() for n in (count, often))
    return _between(share, known, value.double())[place].to(image.dtype)


def _between(at: Tensor, known: Tensor, value: Tensor) -> Tensor:
    """Return values at shares, straight between the known ones; below the first known, its value."""
    if len(known) == 1:
        return value.expand(len(at))
    right = torch.searchsorted(known, at).clamp(1, len(known) - 1)
    left = right - 1
    way = ((at - known[left]) / (known[right] - known[left])).clamp(0, 1)
    return value[left] + way * (value[right] - value[left])


def _turns(n: int) -> Tensor:
    """Return how often each wave of `torch.fft.fft` turns over n pixels: 0, 1, ... n/2, ... 1."""
    return torch.fft.fftfreq(n, d=1 / n).abs().round()


def _check_pair(image: Tensor, reference: Tensor, sizes: bool = True) -> None:
    for name, given in (("image", image), ("reference", reference)):
        check_image(given, name)
        check_finite(given, name)
    same = image.shape == reference.shape if sizes else image.shape[:-2] == reference.shape[:-2]
    if not same:
        raise ValueError(
            f"reference must have the shape of image, got {tuple(reference.shape)} and {tuple(image.shape)}; "
            f"give one reference for each image"
        )
