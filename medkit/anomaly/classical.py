"""How far features lie from healthy ones: Mahalanobis, PaDiM, nearest neighbours. Nothing here is trained.

The features come from a network (`features`). A Gaussian of healthy images is fitted to them: one for
the image (Mahalanobis) or one for each place (PaDiM). With fewer images than features the sample
covariance can't be inverted, so it is drawn towards a multiple of the identity (Ledoit and Wolf).

References: O. Ledoit and M. Wolf, J. Multivariate Analysis 88, 2004. T. Defard et al., "PaDiM", ICPR
Workshops 2021. O. Rippel et al., "Modeling the Distribution of Normal Data in Pre-Trained Deep
Features for Anomaly Detection", ICPR 2021.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH = 64
KEPT = 32  # features that PaDiM keeps at each place, drawn at random as in its paper
NEIGHBOURS = 3


class Gaussian(NamedTuple):
    """Healthy features as Gaussians at P places: an image-level one has P = 1."""

    mean: Tensor  # (P, D) float64
    covariance: Tensor  # (P, D, D) float64, shrunk, so that it can be inverted
    shrinkage: Tensor  # (P,) 0 ... 1: how far it was drawn towards the identity


@torch.no_grad()
def features(model: nn.Module, image: Tensor) -> Tensor:
    """Return what the encoder says at each quarter-size place: all three stages, side by side.

    Args:
        model: a `medkit.models.CNN` (or what has such an `encoder`), trained or not; image: (N, C, H, W).

    Returns:
        (N, D, H/4, W/4) float32; D = 7 × width. The first stage is averaged, the last one repeated.

    >>> from medkit.models import CNN
    >>> features(CNN(classes=2, width=4), torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 28, 8, 8])
    """
    found = []
    for batch in image.split(BATCH):
        half, quarter, eighth = model.encoder(batch)
        found.append(torch.cat([F.avg_pool2d(half, 2), quarter, F.interpolate(eighth, quarter.shape[-2:])], 1))
    return torch.cat(found)


def ledoit_wolf(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return shrunk covariances.

    Σ = (1 - s) S + s (tr S / D) I,  s = min(b̄², d²) / d²,  d² = ‖S - (tr S / D) I‖² / D

    b̄² estimates the error of the sample covariance S (divided by N, not N - 1), from the fourth powers.

    Args:
        x: (P, N, D) floating point: N observations at each of P places, N at least 2.

    Returns:
        (P, D, D) float64, and s (P,), 0 to 1. All observations alike: zero, with s = 0.

    Raises:
        ValueError: another shape, or one observation.

    >>> covariance, s = ledoit_wolf(torch.tensor([[[0., 0.], [2., 0.], [0., 2.], [2., 2.]]]))
    >>> covariance[0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if x.ndim != 3 or x.shape[1] < 2:
        raise ValueError(f"x must be (P, N, D) with N at least 2, got {tuple(x.shape)}; one image has no spread")
    x = x.double() - x.double().mean(1, keepdim=True)
    n, d = x.shape[1:]
    sample = x.mT @ x / n
    mu = sample.diagonal(dim1=1, dim2=2).sum(1) / d
    identity = torch.eye(d, dtype=torch.float64)
    target = mu[:, None, None] * identity
    distance = (sample - target).square().sum((1, 2)) / d
    fourth = x.square().sum(2).square().sum(1) / n
    error = (fourth - sample.square().sum((1, 2))) / (d * n)
    s = torch.where(distance > 0, error.clamp(min=0).minimum(distance) / distance.clamp(min=1e-300), 0.0)
    return (1 - s)[:, None, None] * sample + s[:, None, None] * target, s


def fit_gaussian(x: Tensor) -> Gaussian:
    """Fit one Gaussian at each place.

    Args:
        x: (P, N, D) features of healthy images.

    >>> fit_gaussian(torch.tensor([[[0., 0.], [2., 0.], [0., 2.], [2., 2.]]])).mean.tolist()
    [[1.0, 1.0]]
    """
    covariance, shrinkage = ledoit_wolf(x)
    return Gaussian(x.double().mean(1), covariance, shrinkage)


def mahalanobis(x: Tensor, gaussian: Gaussian) -> Tensor:
    """Return the squared distance from healthy, in units of the healthy spread.

    d² = (x - μ)ᵀ Σ⁻¹ (x - μ)

    Args:
        x: (P, N, D) features, at the same places as the Gaussian.

    Returns:
        (P, N) float64. A feature that never varied gets a hair of variance, 1e-9, not an infinite weight.

    >>> healthy = torch.tensor([[[0., 0.], [2., 0.], [0., 2.], [2., 2.]]])
    >>> mahalanobis(torch.tensor([[[1., 4.]]]), fit_gaussian(healthy)).round().tolist()
    [[9.0]]
    """
    off = x.double() - gaussian.mean[:, None]
    floor = 1e-9 * torch.eye(x.shape[-1], dtype=torch.float64)
    whitened = torch.linalg.solve_triangular(torch.linalg.cholesky(gaussian.covariance + floor), off.mT, upper=False)
    return whitened.square().sum(1)


def image_scores(healthy: Tensor, image: Tensor) -> Tensor:
    """Return Mahalanobis distances of whole images: features averaged over places, one Gaussian.

    Args:
        healthy, image: (N, D, h, w) and (M, D, h, w), from `features`.

    Returns:
        (M,) float64.

    >>> image_scores(torch.randn(9, 3, 2, 2), torch.randn(4, 3, 2, 2)).shape
    torch.Size([4])
    """
    return mahalanobis(image.mean((2, 3))[None], fit_gaussian(healthy.mean((2, 3))[None]))[0]


def padim(healthy: Tensor, image: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return PaDiM's maps: how far each place lies from what healthy images show at this place.

    Args:
        healthy, image: (N, D, h, w) and (M, D, h, w), from `features`.
        generator: draws the `KEPT` features.

    Returns:
        (M, 1, h, w) float64, distances, not squared. An image's score is its highest.

    >>> maps = padim(torch.randn(9, 3, 2, 2), torch.randn(4, 3, 2, 2), generator=torch.Generator().manual_seed(0))
    >>> maps.shape
    torch.Size([4, 1, 2, 2])
    """
    kept = torch.randperm(healthy.shape[1], generator=generator)[:KEPT]
    by_place = [x[:, kept].flatten(2).permute(2, 0, 1) for x in (healthy, image)]
    distance = mahalanobis(by_place[1], fit_gaussian(by_place[0])).sqrt()
    return distance.T.reshape(len(image), 1, *image.shape[-2:])


def nearest(healthy: Tensor, image: Tensor, neighbours: int = NEIGHBOURS) -> Tensor:
    """Return the mean distance to the nearest healthy images; features averaged and standardised.

    Args:
        healthy, image: (N, D, h, w) and (M, D, h, w); neighbours: at most N.

    Returns:
        (M,) float64.

    Raises:
        ValueError: fewer healthy images than neighbours.

    >>> nearest(torch.randn(9, 3, 2, 2), torch.randn(4, 3, 2, 2)).shape
    torch.Size([4])
    """
    if not 1 <= neighbours <= len(healthy):
        raise ValueError(f"neighbours must lie in 1 ... {len(healthy)}, got {neighbours}; there are no more images")
    known, asked = (x.double().mean((2, 3)) for x in (healthy, image))
    scale = known.std(0).clamp(min=1e-9)
    distance = torch.cdist(asked / scale, known / scale, compute_mode="donot_use_mm_for_euclid_dist")
    return distance.topk(neighbours, largest=False).values.mean(1)
