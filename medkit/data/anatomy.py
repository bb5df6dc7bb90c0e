"""The phantom's body: who it is drawn by numbers, and how the numbers become maps on the device.

A patient is a tilted ellipse with a fat layer, two lobes, a septum, a spine, ribs and, in one of
four, a metal implant. Left and right mirror each other in *body coordinates* (u to the right, v
down, the body's own axis at u = 0). Normal nodules come in mirrored pairs; a lesion is a nodule
without a partner.

Numbers are drawn on the CPU from a key, one generator an image; drawing is batched on the device.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

ORGANS = (
    "body", "muscle", "left lobe", "right lobe", "septum", "spine", "rib", "rib", "rib", "implant"
)  # fmt: skip
LOBE = {"u": 0.43, "a": 0.35, "b": 0.56}  # centre and half-axes of a lobe; the body spans about 0.9
SITES = 4  # nodules an image can hold at most
AWAY = 9.0  # where absent things are put: far outside the picture

# How many nodules an image shows. Both laws have the mean 2, so that neither area nor histogram
# tells a lesion. An odd count does; an even one is told by mirror positions alone.
HEALTHY_COUNTS = (0, 2, 2, 4)  # all of them paired
LESION_COUNTS = (1, 2, 2, 3)  # unpaired: 1, 2, 1; the rest is one pair
UNPAIRED = {1: 1, 2: 2, 3: 1}


class Body(NamedTuple):
    """B drawn slices: maps (B, ?, H, W) and the numbers that a scanner needs."""

    cover: Tensor  # (B, 10, H, W) share of each pixel that an organ covers, rows as in ORGANS
    nodule: Tensor  # (B, 1, H, W) the same for all nodules, times their contrast (about 1)
    mask: Tensor  # (B, 1, H, W) bool, exact: the pixel's centre lies inside a lesion
    texture: Tensor  # (B, 1, H, W) smooth random field of variance about one
    u: Tensor  # (B, 1, H, W) body coordinates: right
    v: Tensor  # (B, 1, H, W) down
    tissue: Tensor  # (B, 7) standard normal, how this patient's tissues differ; 0 for the implant
    bias: Tensor  # (B, 5) standard normal, the MRI coil's field
    gain: Tensor  # (B,) in [0, 1], the MRI scanner's gain

    @property
    def lobes(self) -> Tensor:
        """Return what both lobes cover, (B, 1, H, W)."""
        return self.cover[:, 2:4].sum(1, keepdim=True)


def draw_patient(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw what all slices of one patient share: shape, tilt, tissue and the implant.

    Returns:
        organ: (10, 5) centre u, v and half-axes a, b and turn (radian) of each of `ORGANS`.
        pose: (3,) shift x, y and tilt (radian).
        tissue, bias, gain: as in `Body`.
    """
    jitter = rng.uniform(-1, 1, size=12)
    wide, high = 0.90 + 0.03 * jitter[0], 0.80 + 0.04 * jitter[1]
    organ = [
        (0, 0, wide, high, 0),
        (0, 0, wide - 0.06, high - 0.06 + 0.015 * jitter[2], 0),
        (-LOBE["u"], -0.04, LOBE["a"] + 0.010 * jitter[3], LOBE["b"] + 0.015 * jitter[4], 0.10),
        (LOBE["u"], -0.04, LOBE["a"] + 0.010 * jitter[5], LOBE["b"] + 0.015 * jitter[6], -0.10),
        (0, -0.12, 0.022, 0.46 + 0.04 * jitter[7], 0),
        (0, 0.56 + 0.02 * jitter[8], 0.12 + 0.02 * jitter[9], 0.10 + 0.015 * jitter[10], 0),
    ]
    for angle in rng.uniform(0, 2 * math.pi, size=3):
        u, v = (wide - 0.075) * math.cos(angle), (high - 0.075) * math.sin(angle)
        organ.append((u, v, 0.11, 0.032, angle + math.pi / 2))
    implant = (rng.uniform(-0.05, 0.05), rng.uniform(-0.66, 0.30), 0.045, 0.045, 0)
    organ.append(implant if rng.random() < 0.25 else (AWAY, AWAY, 0.05, 0.05, 0))
    return {
        "organ": np.array(organ),
        "pose": rng.uniform(-1, 1, size=3) * (0.04, 0.04, 0.12),
        "tissue": np.append(rng.standard_normal(6), 0.0),
        "bias": rng.standard_normal(5),
        "gain": np.array(rng.random()),
    }


def _nodule_shapes(rng: np.random.Generator, label: int, difficulty: float) -> tuple[np.ndarray, list[int]]:
    """Draw the nodules of one slice without places: (n, 5) radius, ray height, rays, phase, contrast."""
    counts = LESION_COUNTS if label else HEALTHY_COUNTS
    count = int(rng.choice(counts))
    unpaired = UNPAIRED[count] if label else 0
    sites = [1] * unpaired + [2] * ((count - unpaired) // 2)  # nodules at each site: alone or paired
    radius = rng.uniform(0.14, 0.17, size=len(sites))
    height, rays = rng.uniform(0.02, 0.08, size=len(sites)), np.full(len(sites), 2.0)
    if label == 2:
        height[:unpaired] = 0.50 - 0.20 * difficulty + rng.uniform(-0.03, 0.03, size=unpaired)
        rays[:unpaired] = rng.integers(5, 7, size=unpaired)
    radius = radius / np.sqrt(1 + height**2 / 2)  # the same area, whatever the outline
    phase = rng.uniform(0, 2 * math.pi, size=len(sites))
    contrast = rng.uniform(0.75, 1.25, size=len(sites))
    contrast[:unpaired] *= 1.5 - 0.5 * difficulty
    return np.stack([radius, height, rays, phase, contrast], axis=1), sites


def _places(rng: np.random.Generator, reach: np.ndarray) -> np.ndarray:
    """Draw a place in the right lobe for each site: inside it, and clear of one another.

    Sites on both sides are folded onto one lobe, so no lesion comes near another nodule's mirror
    image either. Where 20 attempts fail, the sites stand in a column that always fits.
    """
    for _ in range(20):
        found: list[np.ndarray] = []
        for r in reach:
            inner = np.array((LOBE["a"] - 0.03 - r, LOBE["b"] - 0.03 - r))
            for turn, spread in rng.uniform(size=(30, 2)):
                turn, spread = 2 * math.pi * turn, math.sqrt(spread)
                place = spread * inner * (math.cos(turn), math.sin(turn))
                if all(np.hypot(*(place - p)) > r + q + 0.03 for p, q in zip(found, reach)):
                    found.append(place)
                    break
        if len(found) == len(reach):
            return np.array(found).reshape(-1, 2)
    return np.array([(0.0, v) for v in (-0.26, 0.26)])[: len(reach)]


def draw_nodules(rng: np.random.Generator, label: int, difficulty: float) -> np.ndarray:
    """Draw the nodules of one slice.

    Args:
        label: 0 healthy: mirrored pairs only; 1 smooth, 2 spiculated: one or two without partner.
        difficulty: [0, 1]; the rays of a spiculated lesion get shorter.

    Returns:
        (4, 8): u, v, radius, ray height, number of rays, phase, contrast (a normal nodule: about 1),
        1 for a lesion. Absent: far away.
    """
    shape, sites = _nodule_shapes(rng, label, difficulty)
    place = _places(rng, shape[:, 0] * (1 + shape[:, 1]))
    nodule = np.tile((AWAY, AWAY, 0.05, 0.0, 2.0, 0.0, 0.0, 0.0), (SITES, 1))
    sides, jitter = rng.choice((-1.0, 1.0), size=len(sites)), rng.uniform(-0.01, 0.01, size=(len(sites), 2))
    row = 0
    for site, number in enumerate(sites):
        turned = 0.10 * place[site, 1]  # a lobe leans by 0.1 radian
        u, v = LOBE["u"] + place[site, 0] + turned, -0.04 + place[site, 1]
        nodule[row] = (sides[site] * u, v, *shape[site], float(number == 1))
        if number == 2:
            du, dv = jitter[site]
            radius, height, rays, phase, contrast = shape[site]
            mirrored = (rays * math.pi - phase) % (2 * math.pi)
            nodule[row + 1] = (-sides[site] * (u + du), v + dv, radius, height, rays, mirrored, contrast, 0.0)
        row += number
    return nodule


def body_coordinates(pose: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return u and v of every pixel centre, (B, 1, H, W) each; the picture spans [-1, 1]."""
    axis = (torch.arange(size, device=pose.device, dtype=torch.float32) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    dx, dy, tilt = pose[:, :, None, None].unbind(1)
    x, y = x - dx, y - dy
    u, v = x * tilt.cos() + y * tilt.sin(), y * tilt.cos() - x * tilt.sin()
    return u[:, None], v[:, None]


def organ_maps(organ: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Return how much of each pixel each organ covers: (B, 10, H, W) in [0, 1]."""
    cu, cv, a, b, turn = organ[..., None, None].unbind(2)
    du, dv = u - cu, v - cv
    along, across = du * turn.cos() + dv * turn.sin(), dv * turn.cos() - du * turn.sin()
    inside = (1 - ((along / a) ** 2 + (across / b) ** 2).sqrt()) * torch.minimum(a, b)
    return (inside * (u.shape[-1] / 2) + 0.5).clamp(0, 1)


def nodule_maps(nodule: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nodules' contrast times cover (B, 1, H, W) and the exact lesion mask, bool.

    The outline is r(θ) = radius · (1 + height · cos(rays · θ + phase)). A pixel belongs to the
    mask if its centre lies inside the outline of a lesion.
    """
    cu, cv, radius, height, rays, phase, contrast, lesion = nodule[..., None, None].unbind(2)
    du, dv = u - cu, v - cv
    outline = radius * (1 + height * torch.cos(rays * torch.atan2(dv, du) + phase))
    inside = outline - torch.hypot(du, dv)
    cover = (inside * (u.shape[-1] / 2) + 0.5).clamp(0, 1)
    return (contrast * cover).amax(1, keepdim=True), ((inside > 0) & (lesion > 0)).any(1, keepdim=True)


def draw_body(number: dict[str, Tensor], size: int) -> Body:
    """Draw the slices whose numbers are stacked in `number` (patient, nodule and texture)."""
    u, v = body_coordinates(number["pose"], size)
    nodule, mask = nodule_maps(number["nodule"], u, v)
    texture = F.interpolate(number["texture"], size=(size, size), mode="bicubic", align_corners=False)
    cover = organ_maps(number["organ"], u, v)
    return Body(cover, nodule, mask, texture, u, v, number["tissue"], number["bias"], number["gain"])
