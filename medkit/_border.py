"""What stands beyond the border of an image: five rules, named as in scipy.ndimage.

| here, scipy | `a b c d` goes on as | numpy.pad | torch.nn.functional.pad |
|---|---|---|---|
| reflect | `d c b a [a b c d] d c b a` | symmetric | - |
| mirror | `d c b [a b c d] c b a` | reflect | reflect |
| nearest | `a a a [a b c d] d d d` | edge | replicate |
| wrap | `b c d [a b c d] a b c` | wrap | circular |
| constant | `0 0 0 [a b c d] 0 0 0` | constant | constant |

A kernel may be larger than the image: the rule is then applied again and again, as scipy does.
"""

from __future__ import annotations

import torch
from torch import Tensor

BORDERS = ("reflect", "mirror", "nearest", "wrap", "constant")


def pad(image: Tensor, rows: int, columns: int, border: str = "reflect") -> Tensor:
    """Continue an image beyond its border by `rows` above and below, `columns` left and right."""
    for axis, margin in ((-2, rows), (-1, columns)):
        source, inside = source_index(image.shape[axis], margin, border)
        image = image.index_select(axis, source.to(image.device))
        if not inside.all():
            inside = inside.to(image)
            image = image * (inside[:, None] if axis == -2 else inside)
    return image


def source_index(length: int, margin: int, border: str) -> tuple[Tensor, Tensor]:
    """Return for the positions -margin ... length-1+margin the pixel that is read, and if it counts."""
    position = torch.arange(-margin, length + margin)
    inside = torch.ones_like(position, dtype=torch.bool)
    if border == "reflect":
        position = position % (2 * length)
        source = torch.minimum(position, 2 * length - 1 - position)
    elif border == "mirror":
        period = max(2 * length - 2, 1)
        position = position % period
        source = torch.minimum(position, period - position) if length > 1 else position
    elif border == "wrap":
        source = position % length
    elif border in ("nearest", "constant"):
        source = position.clamp(0, length - 1)
        if border == "constant":
            inside = source == position
    else:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}; see medkit.denoise.BORDERS")
    return source, inside
