"""How moving images is really got wrong, and other ways to get it right: the versions behind `augment`."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

# 3.1 where a pixel comes from: other right versions


def places_by_loops(height, width, angle, zoom):
    """Ask pixel by pixel."""
    turn = math.radians(angle)
    rows, columns = np.zeros((height, width)), np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            up, right = (height - 1) / 2 - row, column - (width - 1) / 2
            rows[row, column] = (height - 1) / 2 - (up * math.cos(turn) - right * math.sin(turn)) / zoom
            columns[row, column] = (width - 1) / 2 + (right * math.cos(turn) + up * math.sin(turn)) / zoom
    return torch.as_tensor(np.stack([rows, columns]))


def places_by_complex(height, width, angle, zoom):
    """Turn complex numbers, whose imaginary part counts upwards."""
    middle = (width - 1) / 2 - 1j * (height - 1) / 2
    place = np.arange(width)[None, :] - 1j * np.arange(height)[:, None]
    source = middle + (place - middle) * np.exp(-1j * np.deg2rad(angle)) / zoom
    return np.stack([-source.imag, source.real])


def places_by_affine_grid(height, width, angle, zoom):
    """Let torch lay the grid, and bring its -1 ... 1 back to pixels."""
    cos, sin = math.cos(math.radians(angle)) / zoom, math.sin(math.radians(angle)) / zoom
    ratio = (height - 1) / (width - 1)
    matrix = torch.tensor([[[cos, -sin * ratio, 0.0], [sin / ratio, cos, 0.0]]])
    grid = F.affine_grid(matrix, [1, 1, height, width], align_corners=True)[0]
    return torch.stack([(grid[..., 1] + 1) * (height - 1) / 2, (grid[..., 0] + 1) * (width - 1) / 2])


# 3.1 wrong versions


def _places(height, width, turn, zoom, middle=None, back=None):
    """Return right places for a turn in radians; `middle` is measured from, `back` is added again."""
    middle = ((height - 1) / 2, (width - 1) / 2) if middle is None else middle
    back = middle if back is None else back
    down = torch.arange(height)[:, None] - middle[0]
    right = torch.arange(width)[None, :] - middle[1]
    cos, sin = math.cos(turn) / zoom, math.sin(turn) / zoom
    return torch.stack([back[0] + cos * down + sin * right, back[1] + cos * right - sin * down])


def places_in_radians(height, width, angle, zoom):
    """Take degrees for radians."""
    return _places(height, width, angle, zoom)


def places_forwards(height, width, angle, zoom):
    """Say where each pixel goes."""
    return _places(height, width, -math.radians(angle), 1 / zoom)


def places_clockwise(height, width, angle, zoom):
    """Turn the other way."""
    return _places(height, width, -math.radians(angle), zoom)


def places_times_zoom(height, width, angle, zoom):
    """Multiply where one divides."""
    return _places(height, width, math.radians(angle), 1 / zoom)


def places_without_zoom(height, width, angle, zoom):
    """Forget the zoom."""
    return _places(height, width, math.radians(angle), 1.0)


def places_without_turn(height, width, angle, zoom):
    """Forget the turn."""
    return _places(height, width, 0.0, zoom)


def places_about_corner(height, width, angle, zoom):
    """Turn about pixel (0, 0)."""
    return _places(height, width, math.radians(angle), zoom, (0, 0))


def places_half_off(height, width, angle, zoom):
    """Put the middle at half the number of pixels."""
    return _places(height, width, math.radians(angle), zoom, (height / 2, width / 2))


def places_middles_swapped(height, width, angle, zoom):
    """Take the middle of the other axis."""
    return _places(height, width, math.radians(angle), zoom, ((width - 1) / 2, (height - 1) / 2))


def places_columns_first(height, width, angle, zoom):
    """Return x before y."""
    return _places(height, width, math.radians(angle), zoom).flip(0)


def places_from_middle(height, width, angle, zoom):
    """Leave the steps as they are."""
    return _places(height, width, math.radians(angle), zoom, back=(0, 0))


def places_rounded(height, width, angle, zoom):
    """Round to whole pixels."""
    return _places(height, width, math.radians(angle), zoom).round()


# 3.2 reading between pixels: other right versions


def read_by_loops(image, rows, columns):
    """Read place by place, neighbour by neighbour."""
    height, width = image.shape
    result = torch.empty(rows.shape)
    for at in np.ndindex(*rows.shape):
        row, column, value = float(rows[at]), float(columns[at]), 0.0
        for i in (math.floor(row), math.floor(row) + 1):
            for j in (math.floor(column), math.floor(column) + 1):
                pixel = image[i, j] if 0 <= i < height and 0 <= j < width else image.min()
                value += float(pixel) * (1 - abs(row - i)) * (1 - abs(column - j))
        result[at] = value
    return result


def read_by_grid_sample(image, rows, columns):
    """Let torch read: its zeros beyond the border become the minimum, if that is taken off first."""
    height, width = image.shape
    grid = torch.stack([2 * columns / (width - 1) - 1, 2 * rows / (height - 1) - 1], dim=-1)
    lowered = (image - image.min())[None, None]
    return F.grid_sample(lowered, grid[None], "bilinear", "zeros", align_corners=True)[0, 0] + image.min()


def read_by_rim(image, rows, columns):
    """Put a rim of the minimum around the image, and read rows, then columns."""
    wide = F.pad(image[None], (2, 2, 2, 2), value=float(image.min()))[0]
    i, j = rows.floor().long() + 2, columns.floor().long() + 2
    down, right = rows - rows.floor(), columns - columns.floor()
    upper = torch.lerp(wide[i, j], wide[i, j + 1], right)
    lower = torch.lerp(wide[i + 1, j], wide[i + 1, j + 1], right)
    return torch.lerp(upper, lower, down)


# 3.2 wrong versions


def _inside(image, i, j):
    return (i >= 0) & (i < image.shape[0]) & (j >= 0) & (j < image.shape[1])


def _clamped(image, i, j):
    return image[i.clamp(0, image.shape[0] - 1), j.clamp(0, image.shape[1] - 1)]


def _filled(fill):
    """Return what reads a neighbour, or the fill of an image where there is none."""
    return lambda image, i, j: torch.where(_inside(image, i, j), _clamped(image, i, j), fill(image))


_LOWEST = _filled(lambda image: image.min())


def _read(image, rows, columns, pixel=_LOWEST, lower=torch.floor, weights=lambda down, right: (down, right)):
    """Read four neighbours; a mistake changes how one is read, which they are, or their weights."""
    top, left = lower(rows).long(), lower(columns).long()
    down, right = weights(rows - top, columns - left)
    upper = pixel(image, top, left) * (1 - right) + pixel(image, top, left + 1) * right
    below = pixel(image, top + 1, left) * (1 - right) + pixel(image, top + 1, left + 1) * right
    return upper * (1 - down) + below * down


def read_nearest(image, rows, columns):
    """Take the pixel whose centre is nearest."""
    return _LOWEST(image, rows.round().long(), columns.round().long())


def read_truncated(image, rows, columns):
    """Cut the places off towards zero."""
    return _read(image, rows, columns, lower=torch.trunc)


def read_wrapped(image, rows, columns):
    """Count on from the other side."""
    height, width = image.shape
    return _read(image, rows, columns, lambda image, i, j: image[i % height, j % width])


def read_clamped(image, rows, columns):
    """Repeat the rim."""
    return _read(image, rows, columns, _clamped)


def read_zero(image, rows, columns):
    """Fill with zero."""
    return _read(image, rows, columns, _filled(lambda image: image.new_zeros(())))


def read_brightest(image, rows, columns):
    """Fill with the maximum."""
    return _read(image, rows, columns, _filled(lambda image: image.max()))


def read_far_weights(image, rows, columns):
    """Give the far neighbour the near one's weight."""
    return _read(image, rows, columns, weights=lambda down, right: (1 - down, 1 - right))


def read_one_fraction(image, rows, columns):
    """Use one fraction twice."""
    return _read(image, rows, columns, weights=lambda down, right: (down, down))


def read_transposed(image, rows, columns):
    """Exchange the axes."""
    return _read(image, columns, rows)


def read_equal_weights(image, rows, columns):
    """Take the plain mean of the four."""
    return _read(image, rows, columns, weights=lambda down, right: (0.5, 0.5))


def read_hard_border(image, rows, columns):
    """Fill where the place is outside, whatever its neighbours are."""
    height, width = image.shape
    within = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    return torch.where(within, _read(image, rows, columns, _clamped), image.min())


def read_rows_only(image, rows, columns):
    """Forget the second axis."""
    return _read(image, rows, columns, weights=lambda down, right: (down, 0 * right))
