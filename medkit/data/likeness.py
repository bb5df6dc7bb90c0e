"""How alike two pictures are, however one of them was moved: what `leaks` and `twins` go by.

Pictures are compared as fingerprints: `GRID` x `GRID` numbers without the coarse shading that all heads
and breasts share. The comparison is a matrix product, on the device of the images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from medkit import augment
from medkit._check import check_finite
from medkit.data.container import ImageSet
from medkit.data.resize import area_weights

SIDE = 48  # pixels; images are brought to it, then moved
GRID = 24  # numbers along each side of a fingerprint
SHADING = 1.7  # of them: sigma of the Gaussian whose blur is taken away
DISC = 0.9  # of half the side: what a turn leaves in the picture
CHUNK = 512  # images compared at once
# Likeness from which two pictures are one. Highest between patients, after the search for moves: BRISC
# .965, phantom MRI .933 (1,500 against 600); phantom ultrasound .851, BUSI .645, where its twins begin at
# .858; CT-ICH .954, phantom CT .984. A copy that went through 40 of 64 pixels: .990 or more.
_ALIKE = {"MRI": 0.98, "ultrasound": 0.875}
_ALIKE_ELSE = 0.99
NEAR_MISS = 0.75  # from here on a coarse match is looked at closely

# flip left-right, quarter turns, degrees, zoom; the first is no move
COARSE = [(flip, turns, 0.0, 1.0) for flip in (False, True) for turns in range(4)]
COARSE += [(False, 0, float(angle), 1.0) for angle in (-28, -20, -12, -4, 4, 12, 20, 28)]
COARSE += [(False, 0, 0.0, zoom) for zoom in (0.92, 1.08)]
_FINE = [(float(angle), zoom) for angle in range(-4, 5) for zoom in (-0.02, 0.0, 0.02)]
_FINE += [(0.0, zoom) for zoom in (-0.08, -0.06, -0.04, 0.04, 0.06, 0.08)]


def alike_from(modality: str) -> float:
    """Return the likeness from which two pictures of a modality are one.

    >>> alike_from("MRI"), alike_from("unknown")
    (0.98, 0.99)
    """
    return _ALIKE.get(modality, _ALIKE_ELSE)


def base_of(images: ImageSet, what: str) -> Tensor:
    """Return what fingerprints are taken of: (N, 1, SIDE, SIDE), channels averaged, each image in 0 ... 1.

    Args:
        what: the set is called in an error, such as "train".

    Raises:
        ValueError: an image is not finite, and nothing could be said of it.
    """
    check_finite(images.image, f"the images of {what}")
    small = torch.cat([_resize(part.mean(1), SIDE) for part in images.image.split(CHUNK)])
    low, high = small.amin((1, 2), keepdim=True), small.amax((1, 2), keepdim=True)
    return ((small - low) / (high - low).clamp(min=1e-12))[:, None]


def _resize(image: Tensor, size: int) -> Tensor:
    """Return (..., H, W) as (..., size, size) by area, on the image's own device."""
    rows, columns = (area_weights(side, size).to(image.device) for side in image.shape[-2:])
    return rows @ image @ columns.T


def fingerprint(base: Tensor) -> Tensor:
    """Return (N, D) rows of length one, whose products are correlations; zeros for an image of one grey value.

    Args:
        base: (N, 1, SIDE, SIDE), of `base_of`.
    """
    small = _resize(base[:, 0], GRID)
    at = torch.arange(GRID, device=base.device, dtype=torch.float32)
    blur = torch.exp(-((at[:, None] - at) ** 2) / (2 * SHADING**2))
    blur = blur / blur.sum(1, keepdim=True)
    detail = small - blur @ small @ blur.T
    from_middle = (2 * at + 1) / GRID - 1
    inside = from_middle[:, None] ** 2 + from_middle**2 <= DISC**2
    row = detail[:, inside]
    row = row - row.mean(1, keepdim=True)
    return row / row.norm(dim=1, keepdim=True).clamp(min=1e-4)


def moved(base: Tensor, rows: list[tuple[bool, int, float, float]]) -> Tensor:
    """Return the fingerprints (N, D) of images that are moved each by its row of (flip, turns, angle, zoom)."""
    flip, turns, angle, zoom = (torch.tensor(column) for column in zip(*rows))
    moves = augment.Moves(flip, torch.zeros_like(flip), turns, angle.double(), zoom.double())
    return fingerprint(augment.move(base, None, moves)[0])


def look_closely(known: Tensor, base: Tensor, likeness: Tensor, move: Tensor, alike: float) -> Tensor:
    """Return the likeness after a search of angles and zooms around the coarse move, (N,).

    Args:
        known: (N, D) fingerprints; base: (N, 1, SIDE, SIDE), what is moved to be like them. likeness: (N,) of the
            coarse moves, whose numbers in `COARSE` are `move`. alike: from here on a pair needs no closer look.
    """
    near = ((likeness >= NEAR_MISS) & (likeness < alike)).nonzero().flatten()
    if not len(near):
        return likeness
    coarse = [COARSE[i] for i in move[near].tolist()]
    best = likeness[near]
    for angle, zoom in _FINE:
        rows = [(flip, turns, a + angle, z + zoom) for flip, turns, a, z in coarse]
        best = torch.maximum(best, (moved(base[near], rows) * known[near]).sum(1))
    return likeness.index_copy(0, near, best)


def kind_of(move: int) -> str:
    """Return what a picture is of another that it is like after a coarse move.

    >>> kind_of(0), kind_of(4)
    ('near twin', 'augmented copy, Horizontal Flip')
    """
    if move == 0:
        return "near twin"
    flip, turns, angle, zoom = COARSE[move]
    moves = augment.fixed(1, flip_horizontal=flip, quarter_turns=turns, angle=angle, zoom=zoom)
    return "augmented copy, " + "about " * bool(angle or zoom != 1) + augment.describe(moves)[0]
