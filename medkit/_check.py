"""The few checks that every module shares, and the one error for files.

Messages have one form: «NAME must be EXPECTED, got ACTUAL; DO THIS».
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor


class MedkitInputError(ValueError):
    """A file or folder that can't be used: which one, what is wrong, what to do.

    Only the last part of the path is shown: folders above it may name a patient.

    >>> print(MedkitInputError("scans/a.png", "is no image", "export it again as PNG"))
    a.png is no image; export it again as PNG
    """

    def __init__(self, path: str | Path, what: str, fix: str):
        super().__init__(f"{Path(path).name or path} {what}; {fix}")
        self.path, self.what, self.fix = Path(path), what, fix


def check_image(image: Tensor, name: str = "image") -> None:
    """Refuse what Eq. 1 and 2 can't take: no tensor, integers, fewer than two axes, no pixels."""
    if not isinstance(image, Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(image).__name__}; use torch.as_tensor({name})"
        )
    if not image.is_floating_point():
        raise TypeError(
            f"{name} must be floating point, got {image.dtype}; "
            f"call {name}.float() first, integers overflow silently"
        )
    if image.ndim < 2 or image.numel() == 0:
        raise ValueError(
            f"{name} must have shape (..., H, W) with at least one pixel, "
            f"got {tuple(image.shape)}; give an image or a batch (B, C, H, W)"
        )


def check_finite(image: Tensor, name: str = "image") -> None:
    """Refuse NaN and infinity, which an extreme or a mean would spread over the whole image."""
    extremes = torch.stack(torch.aminmax(image))  # one pass; NaN wins either
    if not torch.isfinite(extremes).all():
        bad = int((~torch.isfinite(image)).sum())
        raise ValueError(
            f"{name} must be finite, got {bad} NaN or infinite values; "
            f"replace them first, for instance with torch.nan_to_num({name})"
        )
