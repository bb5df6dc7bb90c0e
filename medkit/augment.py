"""§3.2: new images from old ones by rotation, flipping and zooming, the mask moving along.

Drawing and moving are two things. `draw` turns a key (seed, epoch, index) into numbers, for each
image its own; `move` applies numbers and knows no chance. So the same key gives the same image, in
any batch, order or process, and an exercise can set the numbers by hand.

Flips and quarter turns only reorder pixels and are exact. Rotation by other angles and zoom read
between pixels, all in one resampling, so that nothing is blurred twice. A copy is no new patient:
split first, augment the training side alone; where a copy is kept, it keeps its original's group.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medkit._check import check_finite, check_image

_PIXELS = 2**18  # moved at once on a CPU, so that they stay in the processor's cache


class Moves(NamedTuple):
    """What happens to each image of a batch, in this order; five tensors (B,).

    flip_horizontal: bool, left and right exchanged.
    flip_vertical: bool, top and bottom exchanged.
    quarter_turns: int64, times 90° anticlockwise.
    angle: float, degrees anticlockwise, about the middle of the image.
    zoom: float > 0; 1.1 magnifies by 10 %, 0.9 reduces.
    """

    flip_horizontal: Tensor
    flip_vertical: Tensor
    quarter_turns: Tensor
    angle: Tensor
    zoom: Tensor


@dataclass(frozen=True)
class Ranges:
    """From what moves are drawn. The paper names the kinds; Table 1 shows 30° and + 10 %."""

    horizontal: float = 0.5  # probability of a flip; 0 where side is part of the label
    vertical: float = 0.5  # probability of a flip
    quarter_turns: bool = False  # turn by 0, 90, 180 or 270° first; square images only
    angle: float = 30.0  # degrees; uniform in -angle ... angle (Table 1: 30°)
    zoom: float = 0.1  # uniform in 1 - zoom ... 1 + zoom (Table 1: + 10 %)

    def __post_init__(self):
        for field, limit in (("horizontal", 1), ("vertical", 1), ("angle", 180), ("zoom", 0.9)):
            value = getattr(self, field)
            if not 0 <= value <= limit:
                raise ValueError(f"{field} must lie in 0 ... {limit}, got {value}; see medkit.augment.Ranges")


def draw(index: Sequence[int] | Tensor, seed: int, epoch: int, ranges: Ranges = Ranges()) -> Moves:
    """Draw the moves of some images.

    Args:
        index: (B,), the images' numbers in their set; whatever else is in the batch has no say.
        seed, epoch: the rest of the key; all three whole numbers in 0 ... 2³² - 1.
        ranges: from what to draw. A change of one range leaves the other kinds' numbers alone.

    >>> one, two = draw([3, 7], seed=0, epoch=1), draw([7], seed=0, epoch=1)
    >>> one.angle[1].item() == two.angle[0].item()
    True
    """
    uniform = _uniform(index, seed, epoch)
    turns = (4 * uniform[:, 2]).long()
    return Moves(
        flip_horizontal=uniform[:, 0] < ranges.horizontal,
        flip_vertical=uniform[:, 1] < ranges.vertical,
        quarter_turns=turns if ranges.quarter_turns else torch.zeros_like(turns),
        angle=(2 * uniform[:, 3] - 1) * ranges.angle,
        zoom=1 + (2 * uniform[:, 4] - 1) * ranges.zoom,
    )


def _uniform(index: Sequence[int] | Tensor, seed: int, epoch: int) -> Tensor:
    """Return (B, 5) numbers in 0 ... 1, float64, row by row a function of its key alone."""
    rows = []
    for i in index.tolist() if isinstance(index, Tensor) else index:
        key = (int(seed), int(epoch), int(i))
        if not all(0 <= part < 2**32 for part in key):
            raise ValueError(f"(seed, epoch, index) must lie in 0 ... 2**32 - 1, got {key}; count from 0")
        rows.append(np.random.default_rng(key).random(5))
    return torch.from_numpy(np.array(rows).reshape(-1, 5))


def fixed(
    count: int, *, flip_horizontal=False, flip_vertical=False, quarter_turns=0, angle=0.0, zoom=1.0
) -> Moves:
    """Return the same moves for each of `count` images, set by hand; units as in `Moves`."""
    values = (flip_horizontal, flip_vertical, quarter_turns, angle, zoom)
    types = (torch.bool, torch.bool, torch.int64, torch.float64, torch.float64)
    return Moves(*(torch.full((count,), value, dtype=kind) for value, kind in zip(values, types)))


def describe(moves: Moves) -> list[str]:
    """Name the moves of each image as Table 1 does.

    >>> describe(fixed(1, angle=30)), describe(fixed(1, flip_horizontal=True, zoom=1.1))
    (['Rotation (30°)'], ['Horizontal Flip, Zoom +10%'])
    """
    names = []
    for left_right, top_bottom, turns, angle, zoom in zip(*(field.tolist() for field in moves)):
        parts = ["Horizontal Flip"] * left_right + ["Vertical Flip"] * top_bottom
        parts += [f"Rotation ({turn:.3g}°)" for turn in (turns % 4 * 90, angle) if turn]
        parts += [f"Zoom {100 * (zoom - 1):+.3g}%"] * (zoom != 1)
        names.append(", ".join(parts) or "none")
    return names


def move(image: Tensor, mask: Tensor | None, moves: Moves) -> tuple[Tensor, Tensor | None]:
    """Apply moves to images and masks together.

    Images are read between pixels (bilinear), masks at the nearest pixel: they stay True or False,
    and no label is invented. What is read beyond the border is, in an image, the image's own
    minimum (air, background); in a mask, False.

    Args:
        image: (B, C, H, W), float, finite.
        mask: (B, M, H, W) bool, M masks an image; None where there is none.
        moves: one entry for each image.

    Returns:
        image and mask, new, of the same shapes and types. Images with neither angle nor zoom hold
        exactly the pixels they held. Differentiable in the image.

    Raises:
        TypeError, ValueError: image, mask, moves do not fit; quarter turns where H is not W.

    >>> image = torch.tensor([[[[1., 2.], [3., 4.]]]])
    >>> move(image, None, fixed(1, quarter_turns=1))[0]
    tensor([[[[2., 4.],
              [1., 3.]]]])
    """
    check_image(image)
    check_finite(image)
    _check_fit(image, mask, moves)
    between = (moves.angle != 0) | (moves.zoom != 1)  # these read between pixels
    if between.all():
        return _resample(image, mask, moves)
    new_image, new_mask = _reorder(image, moves), None if mask is None else _reorder(mask, moves)
    if between.any():
        rows = between.nonzero().flatten().to(image.device)
        some = Moves(*(field[between] for field in moves))
        read, read_mask = _resample(image[rows], None if mask is None else mask[rows], some)
        new_image = new_image.index_copy(0, rows, read)
        new_mask = None if mask is None else new_mask.index_copy(0, rows, read_mask)
    return new_image, new_mask


def undo(image: Tensor, mask: Tensor | None, moves: Moves) -> tuple[Tensor, Tensor | None]:
    """Take back flips and quarter turns, exactly; angles and zooms, which lose pixels, are refused."""
    check_image(image)
    _check_fit(image, mask, moves)
    if (moves.angle != 0).any() or (moves.zoom != 1).any():
        raise ValueError("moves must be flips and quarter turns, got angles or zooms; keep the original")
    turn = fixed(len(image))._replace(quarter_turns=-moves.quarter_turns)
    flip = moves._replace(quarter_turns=torch.zeros_like(moves.quarter_turns))
    image, mask = (None if x is None else _reorder(_reorder(x, turn), flip) for x in (image, mask))
    return image, mask


def augment(
    image: Tensor, mask: Tensor | None, index: Sequence[int] | Tensor, seed: int, epoch: int, ranges=Ranges()
) -> tuple[Tensor, Tensor | None]:
    """Draw and move in one call, as a training loop does: each epoch varies each image anew."""
    return move(image, mask, draw(index, seed, epoch, ranges))


class Plan(NamedTuple):
    """What `expand` makes of N images: of each the original and four copies, 5N in all.

    original: (5N,) int64, position of the image that each one is made from. `data.subset(original)`
        has labels, groups and all else that a copy shares with its original.
    moves: of 5N images; none for the originals, which stand at 0, 5, 10 ...
    name: 5N ids: Img_001, Img_001_aug_1 ... Img_001_aug_4, Img_002 ...
    listing: Table 1: for each copy the original's id, its own id and the transformation.
    """

    original: Tensor
    moves: Moves
    name: tuple[str, ...]
    listing: tuple[tuple[str, str, str], ...]


def plan(count: int, seed: int, *, angle: int = 30, percent: int = 10) -> Plan:
    """Plan the offline form: each image and four copies, one kind of Table 1 each.

    Args:
        count: N, images; 1000 become 5000.
        seed: of the angles and zooms.
        angle, percent: the largest rotation and zoom, 1 or more. Whole degrees and percent are
            drawn, either way and never 0, so that no copy is the original and the listing is exact.

    >>> plan(1, seed=0).listing[0]
    ('Img_001', 'Img_001_aug_1', 'Rotation (-30°)')
    """
    if not (1 <= angle <= 180 and 1 <= percent <= 90):
        raise ValueError(f"angle, percent must be 1 ... 180, 1 ... 90, got {angle}, {percent}; try 30, 10")
    signed = 2 * _uniform(range(count), seed, epoch=0) - 1  # (N, 5), -1 ... 1
    whole = (signed.abs() * torch.tensor([1, 1, 1, angle, percent])).ceil().clamp(min=1).copysign(signed)
    kind = torch.arange(5).repeat(count)  # 0 the original, then Table 1 from top to bottom
    original = torch.arange(count).repeat_interleave(5)
    angle_each = torch.where(kind == 1, whole[original, 3], 0.0)
    zoom_each = torch.where(kind == 3, 1 + whole[original, 4] / 100, 1.0)
    moves = Moves(kind == 2, kind == 4, torch.zeros_like(kind), angle_each, zoom_each)
    ids = [f"Img_{i + 1:03d}" for i in original.tolist()]
    name = tuple(f"{i}_aug_{k}" if k else i for i, k in zip(ids, kind.tolist()))
    listing = tuple(row for row in zip(ids, name, describe(moves)) if row[0] != row[1])
    return Plan(original, moves, name, listing)


def expand(
    image: Tensor, mask: Tensor | None, label: Tensor, group: Tensor, seed: int
) -> tuple[Tensor, Tensor | None, Tensor, Tensor, Plan]:
    """Return image, mask, label, group of N images and their four copies, with the plan behind them.

    A copy keeps its original's label and group, so that a split by group parts no copy from it.
    image and mask as for `move`, N long; label, group: (N,); seed as for `plan`.
    """
    made = plan(len(image), seed)
    source = made.original.to(image.device)
    moved, moved_mask = move(image[source], None if mask is None else mask[source], made.moves)
    return moved, moved_mask, label[source.to(label.device)], group[source.to(group.device)], made


def _reorder(x: Tensor, moves: Moves) -> Tensor:
    """Flip, then turn by quarters; pixels change places and nothing else."""

    for axis, chosen in ((-1, moves.flip_horizontal), (-2, moves.flip_vertical)):
        x = torch.where(chosen.to(x.device)[:, None, None, None], x.flip(axis), x)
    turned = x
    for turns in (1, 2, 3):
        chosen = moves.quarter_turns % 4 == turns
        if chosen.any():
            turned = torch.where(chosen.to(x.device)[:, None, None, None], x.rot90(turns, (-2, -1)), turned)
    return turned


def _resample(image: Tensor, mask: Tensor | None, moves: Moves) -> tuple[Tensor, Tensor | None]:
    """Do all moves in one reading, some images at a time."""
    step = len(image) if image.is_cuda else max(_PIXELS // image[0, 0].numel(), 1)
    images, masks = [], []
    for start in range(0, len(image), step):
        part = slice(start, start + step)
        exact = image[part].to(torch.promote_types(image.dtype, torch.float32))  # half loses places
        grid = _grid(Moves(*(field[part] for field in moves)), exact)
        floor = exact.amin((1, 2, 3), keepdim=True)  # zeros beyond the border become the minimum
        read = F.grid_sample(exact - floor, grid, "bilinear", align_corners=False) + floor
        images.append(read.to(image.dtype))
        if mask is not None:
            bits = mask[part].view(torch.uint8).to(exact)  # eight times as fast as from bool
            masks.append(F.grid_sample(bits, grid, "nearest", align_corners=False).bool())
    return torch.cat(images), None if mask is None else torch.cat(masks)


def _grid(moves: Moves, image: Tensor) -> Tensor:
    """Return (B, H, W, 2): (x, y) of where each pixel of the result reads, -1 ... 1, edge to edge.

    Reading goes backwards: to turn the picture anticlockwise, read clockwise (y points down); to
    magnify, read from a smaller region; flip last. Sides of different length are turned in pixels.
    """
    height, width = image.shape[-2:]
    rows = []
    for left_right, top_bottom, turns, angle, zoom in zip(*(field.tolist() for field in moves)):
        turn = math.radians(angle + 90 * turns)
        cos, sin = math.cos(turn) / zoom, math.sin(turn) / zoom
        flip_x, flip_y = (-1 if left_right else 1), (-1 if top_bottom else 1)
        from_x = [flip_x * cos, -flip_x * sin * height / width]
        rows.append([from_x, [flip_y * sin * width / height, flip_y * cos]])
    matrix = torch.tensor(rows, dtype=torch.float64).to(image)[..., None, None]
    x = (2 * torch.arange(width).to(image) + 1) / width - 1
    y = (2 * torch.arange(height).to(image) + 1) / height - 1
    return (matrix[:, :, 0] * x + matrix[:, :, 1] * y[:, None]).permute(0, 2, 3, 1)


def _check_fit(image: Tensor, mask: Tensor | None, moves: Moves) -> None:
    if image.ndim != 4:
        raise ValueError(f"image must be (B, C, H, W), got {tuple(image.shape)}; use image[None] for one")
    count, _, height, width = image.shape
    fits = mask is None or (mask.dtype, mask.ndim) == (torch.bool, 4)
    if not fits or (mask is not None and (len(mask), *mask.shape[-2:]) != (count, height, width)):
        wanted, got = f"bool ({count}, M, {height}, {width})", f"{mask.dtype} {tuple(mask.shape)}"
        raise ValueError(f"mask must be {wanted} to match image, got {got}; compare with > 0.5")
    if any(len(field) != count for field in moves):
        raise ValueError(f"moves must hold {count} entries, one an image, got {len(moves.angle)}; see draw")
    if not (moves.angle.isfinite().all() and moves.zoom.isfinite().all() and (moves.zoom > 0).all()):
        raise ValueError("moves must have finite angles and zooms above 0, got others; 1.0 leaves the size")
    if height != width and (moves.quarter_turns % 2 != 0).any():
        raise ValueError(f"image must be square for quarter turns, got {height} x {width}; crop the image")
