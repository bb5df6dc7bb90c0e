"""What happens to images before a model sees them: Eq. 1, a window for CT, Eq. 2; one reading of the three.

The paper names denoising and normalising and leaves open how: which kernel, which border, whose
minimum and maximum. A `Preparation` is one answer to all of it, small enough to stand in a record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from medkit import denoise, normalise
from medkit.data.container import ImageSet
from medkit.data.phantom import modality_of

SOFT_TISSUE = (40.0, 400.0)  # HU, level and width of the window for the phantom's CT

KERNELS: dict[str, Callable[[Tensor, str], Tensor]] = {
    "none": lambda image, border: image,
    "Gaussian, σ 0.5": lambda image, border: denoise.gaussian(image, 0.5, border),
    "Gaussian, σ 1": lambda image, border: denoise.gaussian(image, 1.0, border),
    "mean 3 × 3": lambda image, border: denoise.mean(image, 3, border),
    "median 3 × 3": lambda image, border: denoise.median(image, 3, border),
}
PER_IMAGE: dict[str, Callable[[Tensor], Tensor]] = {
    "min-max of each image": normalise.min_max,
    "percentiles 1 and 99 of each image": normalise.percentile,
    "z-score of each image": normalise.z_score,
}
NOT_SCALED, OF_THE_TRAINING = "none", "min-max of the training set"
SCALES = (NOT_SCALED, *PER_IMAGE, OF_THE_TRAINING)


@dataclass(frozen=True)
class Preparation:
    """One reading of the paper's preprocessing.

    Args:
        kernel: of Eq. 1, one of `KERNELS`.
        border: what Eq. 1 reads beyond the image, as for `medkit.denoise.gaussian`.
        scale: whose extremes Eq. 2 takes, one of `SCALES`. "none" leaves the scanner's own numbers,
            Hounsfield units included; else Hounsfield units go through a window first.

    Raises:
        ValueError: no such kernel or scale.

    >>> Preparation(kernel="median 3 × 3")
    Preparation(kernel='median 3 × 3', border='reflect', scale='min-max of each image')
    """

    kernel: str = "Gaussian, σ 0.5"
    border: str = "reflect"
    scale: str = "min-max of each image"

    def __post_init__(self):
        for field, known in (("kernel", KERNELS), ("scale", SCALES)):
            if getattr(self, field) not in known:
                raise ValueError(f"{field} must be one of {', '.join(known)}, got {getattr(self, field)!r}; choose one")

    def fitted_to(self, train: ImageSet) -> Callable[[ImageSet], Tensor]:
        """Return the function that prepares any set; all it has learned, it learned from `train`.

        The function takes a set of N images and returns (N, C, H, W) float32, as models see them.
        """
        if self.scale == NOT_SCALED:
            return self._denoised
        if self.scale == OF_THE_TRAINING:
            low, high = (float(value) for value in torch.aminmax(self._windowed(train)))
            return lambda data: normalise.min_max_data_set(self._windowed(data), low, high)
        return lambda data: PER_IMAGE[self.scale](self._windowed(data))

    def _denoised(self, data: ImageSet) -> Tensor:
        return KERNELS[self.kernel](data.image, self.border)

    def _windowed(self, data: ImageSet) -> Tensor:
        image = self._denoised(data)
        if data.window is not None:
            return normalise.ct_window(image, *data.window)
        if data.tier != "phantom":
            return image
        ct = torch.tensor([modality == "CT" for modality in modality_of(data)], device=image.device)
        return torch.where(ct[:, None, None, None], normalise.ct_window(image, *SOFT_TISSUE), image)
