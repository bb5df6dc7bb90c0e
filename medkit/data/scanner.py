"""Three scanners for the phantom: what each modality does to a body before it is an image.

Each is a plain tensor function of a drawn body and the noise that goes with it: batched, on any
device, without a random number of its own. The simplest physics that shows the effect by name;
no scanner in the world is this simple.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from medkit.data.anatomy import Body

# One value per tissue: fat, muscle, lobe, septum, spine, rib, implant.
# MRI: signal, fat = 1. CT: Hounsfield units. Ultrasound: echo in dB, loss in dB per picture height.
MRI_SIGNAL = (1.00, 0.40, 0.52, 0.28, 0.66, 0.14, 0.02)
CT_HU = (-100.0, 20.0, 55.0, 95.0, 420.0, 520.0, 6000.0)
ECHO_DB = (-10.0, -23.0, -16.0, -6.0, 0.0, 0.0, 6.0)
LOSS_DB = (20.0, 24.0, 22.0, 30.0, 160.0, 300.0, 320.0)
TISSUE_OF_ORGAN = (0, 1, 2, 2, 3, 4, 5, 5, 5, 6)  # rows of anatomy.ORGANS

WATER = 0.095 * 64  # what water absorbs over the whole picture: 300 mm at 0.02 per mm
DYNAMIC_RANGE_DB = 60.0
LOOKS = 3  # directions that an ultrasound image is averaged over, as machines do against speckle


def paint(body: Body, value: tuple[float, ...], outside: float, spread: float) -> Tensor:
    """Paint the organs over one another, outermost first: a (B, 1, H, W) map.

    Args:
        value: one per tissue, in the modality's unit. outside: where there is no body.
        spread: standard deviation by which a patient's soft tissues differ from `value`.
    """
    painted = torch.full_like(body.cover[:, 0], outside)
    for row, tissue in enumerate(TISSUE_OF_ORGAN):
        own = value[tissue] + spread * body.tissue[:, tissue, None, None]
        painted = painted + body.cover[:, row] * (own - painted)
    return painted[:, None]


def mri(body: Body, noise: Tensor, difficulty: float) -> Tensor:
    """Return MRI magnitudes: tissue signal × coil field, Rician noise, arbitrary gain.

    Rician: gain · |S · field + σ n₁ + i σ n₂|, n₁ and n₂ normal; where the signal is weak the noise
    no longer has the mean zero.

    Args:
        noise: (B, 2, H, W) standard normal.
        difficulty: [0, 1]: σ from 0.02 to 0.06 of the fat signal, nodules fainter, field stronger.

    Returns:
        (B, 1, H, W) ≥ 0 in no unit: the gain lies between 100 and 3000.
    """
    signal = paint(body, MRI_SIGNAL, 0.0, 0.03)
    signal = signal + body.lobes * (0.035 + 0.03 * difficulty) * body.texture
    signal = signal + (0.40 - 0.20 * difficulty) * body.nodule
    u, v = body.u, body.v
    c = ((0.10 + 0.10 * difficulty) * body.bias)[:, :, None, None, None].unbind(1)
    field = torch.exp(c[0] * u + c[1] * v + 0.7 * (c[2] * u * u + c[3] * u * v + c[4] * v * v))
    real, imaginary = ((0.02 + 0.04 * difficulty) * noise).split(1, dim=1)
    gain = 100 * 30 ** body.gain[:, None, None, None]
    return gain * torch.hypot(signal.clamp(min=0) * field + real, imaginary)


def angles(size: int) -> int:
    """Return how many views a CT of size × size pixels takes: 1.5 a pixel, about what π/2 asks for."""
    return 3 * size // 2


@lru_cache(maxsize=4)
def _views(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return where each ray meets the picture, and where each pixel meets the detector.

    Both are grids for `grid_sample`, (1, angles · size, size, 2), in [-1, 1].
    """
    theta = torch.arange(angles(size), device=device) * (math.pi / angles(size))
    cos, sin = theta.cos()[:, None, None], theta.sin()[:, None, None]
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    ray = torch.stack([x * cos - y * sin, x * sin + y * cos], dim=-1)
    view = (torch.arange(angles(size), device=device) + 0.5) * (2 / angles(size)) - 1
    met = torch.stack([x * cos + y * sin, view[:, None, None].expand(-1, size, size)], dim=-1)
    return ray.reshape(1, -1, size, 2), met.reshape(1, -1, size, 2)


def _portion(size: int) -> int:
    """Return how many images are projected at once: about 4 million samples stay in fast memory."""
    return max(1, 2**22 // (angles(size) * size * size))


def _sample(picture: Tensor, grid: Tensor) -> Tensor:
    """Read (B, H, W) pictures at the places of a grid of views: (B, angles, size, size).

    The batch travels as channels, so a place is worked out once for all images.
    """
    found = F.grid_sample(picture[None], grid, align_corners=False)
    return found.reshape(len(picture), -1, grid.shape[2], grid.shape[2])


def project(mu: Tensor) -> Tensor:
    """Return the line integrals (Radon transform) of a (B, 1, H, W) map: (B, angles, H).

    The picture is two units wide along each axis of the grid, but a ray that crosses it whole has
    length 1.
    """
    ray, _ = _views(mu.shape[-1], mu.device)
    return torch.cat([_sample(part[:, 0], ray).mean(2) for part in mu.split(_portion(mu.shape[-1]))])


def back_project(sinogram: Tensor) -> Tensor:
    """Return the filtered back-projection of (B, angles, H): (B, 1, H, H), the map `project` saw.

    Reference: Kak and Slaney, Principles of Computerized Tomographic Imaging, ch. 3, eq. 61 (the
    ramp filter, sampled in space so that it does not darken the picture).
    """
    size = sinogram.shape[-1]
    tap = torch.arange(2 * size, device=sinogram.device)
    tap = torch.minimum(tap, 2 * size - tap).float()
    ramp = torch.where(tap % 2 == 1, -1 / (math.pi * tap.clamp(min=1)) ** 2, 0.0)
    ramp[0] = 0.25
    spectrum = torch.fft.rfft(sinogram, n=2 * size) * torch.fft.rfft(ramp)
    filtered = torch.fft.irfft(spectrum, n=2 * size)[..., :size]
    _, met = _views(size, sinogram.device)
    views = [_sample(part, met).mean(1, keepdim=True) for part in filtered.split(_portion(size))]
    return torch.cat(views) * math.pi * size


def poisson(rate: Tensor, normal: Tensor) -> Tensor:
    """Return counts with mean `rate`, made from standard normal numbers.

    Cornish-Fisher: round(λ + √λ z + (z² - 1)/6), at least 0: mean, variance and skewness of a
    Poisson law. Unlike a sampler by rejection it uses one number per count, so that an image's
    noise is the same on every device and in every batch.
    """
    return (rate + rate.sqrt() * normal + (normal**2 - 1) / 6).round().clamp(min=0)


def ct(body: Body, noise: Tensor, difficulty: float) -> Tensor:
    """Return CT slices in Hounsfield units: projected, counted, reconstructed.

    Noise is made where it arises: the counts behind the body are Poisson, few behind dense things.
    Dense things also harden the beam (their soft half passes less, the hard half more), and the
    reconstruction, which believes in one energy, draws streaks from them.

    Args:
        noise: (B, 1, angles, H) standard normal.
        difficulty: [0, 1]: from 1,500,000 down to 150,000 photons a ray; nodules fainter.

    Returns:
        (B, 1, H, W) in HU, whole numbers in -1024 ... 3071 as scanners store them.
    """
    hu = paint(body, CT_HU, -1000.0, 6.0)
    hu = hu + body.lobes * (5 + 4 * difficulty) * body.texture + (95 - 55 * difficulty) * body.nodule
    mu = WATER * (1 + hu / 1000).clamp(min=0)
    dense = (mu - 1.3 * WATER).clamp(min=0)
    soft, hard = project(torch.cat([mu - dense, dense])).chunk(2)
    photons = 1_500_000 * 0.1**difficulty
    passed = photons * torch.exp(-soft) * 0.5 * (torch.exp(-0.6 * hard) + torch.exp(-1.4 * hard))
    counted = poisson(passed, noise[:, 0]).clamp(min=1)
    measured = back_project(torch.log(photons / counted))
    return (1000 * (measured / WATER - 1)).round().clamp(-1024, 3071)


@lru_cache(maxsize=4)
def _pulse(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the blur along depth (H, H) and, for each depth, across the beam (H, W, W)."""
    place = torch.arange(size, device=device, dtype=torch.float32)
    gap = (place[:, None] - place) / size
    depth = (place + 0.5) / size
    width = 0.014 + 0.020 * (depth - 0.45).abs()  # a beam in focus at 0.45 of the depth
    axial = torch.exp(-0.5 * (gap / 0.009) ** 2)
    lateral = torch.exp(-0.5 * (gap / width[:, None, None]) ** 2)
    energy = lateral.square().sum(-1, keepdim=True).sqrt()
    return axial / axial.square().sum(-1, keepdim=True).sqrt(), lateral / energy


def ultrasound(body: Body, noise: Tensor, difficulty: float) -> Tensor:
    """Return ultrasound images: speckle, loss with depth, shadows, log compression.

    Speckle: every pixel holds a complex normal scatterer; the pulse sums its neighbours, and the
    envelope of that sum is Rayleigh distributed and correlated, wider across and away from the
    focus. The mean of `LOOKS` envelopes is shown.
    Loss adds up along the way down, and the machine gives back only the average (time gain), so
    bone and metal throw shadows and what absorbs little shines behind.

    Args:
        noise: (B, 4 · LOOKS, H, W) standard normal: scatterers, then the receiver's own noise.
        difficulty: [0, 1]: nodules less dark, tissue patchier.

    Returns:
        (B, 1, H, W) grey levels 0 ... 255 over 60 dB.
    """
    echo = paint(body, ECHO_DB, ECHO_DB[1], 0.8)
    echo = echo + body.lobes * (0.8 + 0.8 * difficulty) * body.texture
    echo = echo - (24 - 8 * difficulty) * body.nodule
    loss = paint(body, LOSS_DB, LOSS_DB[0], 0.5) - 10 * body.nodule
    size = echo.shape[-1]
    lost = 2 * loss.cumsum(2) / size
    mirror = 0.005 * F.pad(echo, (0, 0, 1, 0), mode="replicate").diff(dim=2).abs()  # borders across the beam
    scatterer, own = noise.unflatten(1, (2, 2, LOOKS)).unbind(1)  # each (B, 2, LOOKS, H, W): re, im
    scatterer = 10 ** (echo / 20)[:, None] * scatterer + mirror[:, None]
    axial, lateral = _pulse(size, echo.device)
    heard = torch.einsum("ij,bcljw,iwx->bclix", axial, scatterer, lateral)
    heard = heard * 10 ** (-lost / 20)[:, None] + 2e-4 * own
    envelope = heard.norm(dim=1).mean(1, keepdim=True)
    depth = (torch.arange(size, device=echo.device) + 0.5)[:, None] / size
    level = 20 * torch.log10(envelope.clamp(min=1e-9)) + 2 * 17 * depth
    return ((level + 40) / DYNAMIC_RANGE_DB).clamp(0, 1) * 255
