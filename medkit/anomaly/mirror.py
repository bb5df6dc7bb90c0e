"""The plain baseline: how much an image differs from its own mirror image. Nothing is learned."""

from __future__ import annotations

from torch import Tensor

from medkit.anomaly.autoencoder import smooth


def asymmetry(image: Tensor, window: int = 5) -> Tensor:
    """Return at each pixel how far it is from its mirrored partner, averaged over a window.

    A(y, x) = mean over the window of |I(y, x) - I(y, W - 1 - x)|

    Args:
        image: (N, C, H, W) floating point, upright and centred; window: odd, in pixels.

    Returns:
        (N, 1, H, W). Both sides of a pair get the same value: which one is off, symmetry can't tell.
        A tilted head, or a breast, which has no mirror axis in its image, makes it blind.

    Raises:
        ValueError: an even window.

    >>> import torch
    >>> asymmetry(torch.tensor([[[[1., 2., 2., 0.]]]]), window=1).tolist()
    [[[[1.0, 0.0, 0.0, 1.0]]]]
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window must be odd, got {window}; an even one has no middle")
    difference = (image - image.flip(-1)).abs().mean(1, keepdim=True)
    return smooth(difference, window)
