"""Pictures that answer: input | expected | yours | difference, where there is something to see.

An image, a matrix or a curve is compared at a glance; a few numbers are better read as text, and have
no picture. Nothing is drawn before somebody looks: judging an answer only keeps what would be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from medkit import figure
from medkit.exercises.values import as_numbers, close

SIDE, AREA = 3, 16  # rows, columns and numbers from which a matrix is drawn
LENGTH = 8  # numbers from which a curve is drawn
LARGEST = 512  # rows, columns or numbers shown of an answer whose size nobody foresaw
FAR = 1e30  # values are drawn no further out
GREY = {"image", "images", "mask", "masks", "hu", "pixels", "slice", "volume", "stored"}  # others: a map


def can_be_drawn(numbers: Tensor) -> bool:
    """Tell whether a picture says more than text: (..., H, W) large enough, or a curve (N,)."""
    if numbers.ndim == 1:
        return len(numbers) >= LENGTH
    return numbers.ndim >= 2 and min(numbers.shape[-2:]) >= SIDE and math.prod(numbers.shape[-2:]) >= AREA


def comparison(
    parameters: tuple[str, ...], arguments: tuple, expected: Tensor, yours: Tensor | None, remark: str = ""
) -> Callable[[], str] | None:
    """Return what draws one case as an HTML figure when it is called, None where text says it all.

    Args:
        parameters, arguments: the case's input; an input whose name is in `GREY` is an image, and
            then so is the result. Others are maps, in colour.
        expected, yours: float64. Of (B, C, H, W) the first (H, W) that differs is drawn.
        remark: a sentence for the caption.
    """
    if yours is None or not can_be_drawn(expected):
        return None
    kept = yours.clone()  # it may share its memory with what the student holds
    return lambda: _draw(tuple(zip(parameters, arguments, strict=True)), expected, kept, remark)


def gap(expected: Tensor, yours: Tensor) -> Tensor:
    """Return yours - expected: 0 where both hold the same, NaN where one of them is no number."""
    agree = (yours == expected) | (yours.isnan() & expected.isnan())
    apart = torch.where(agree, 0.0, yours - expected)
    return torch.where(apart.isfinite(), apart, math.nan)


def first_part(expected: Tensor, yours: Tensor) -> tuple[int, ...]:
    """Return the leading axes of the first (H, W) in which two answers of one shape differ by more than rounding."""
    where = (~close(yours, expected)).nonzero()
    lead = expected.ndim - 2
    return tuple(where[0, :lead].tolist()) if len(where) else (0,) * lead


def _draw(inputs: tuple, expected: Tensor, yours: Tensor, remark: str) -> str:
    fits = yours.shape == expected.shape
    apart = gap(expected, yours) if fits else None
    if expected.ndim == 1:
        place, results = (), _of_curves(expected, yours)
    else:
        place = first_part(expected, yours) if fits else (0,) * (expected.ndim - 2)
        results = _of_maps(expected, yours, apart, place, _is_grey(inputs))
    panels = [*_of_inputs(inputs, place), *results]
    found = _largest(apart) if fits else f"yours has shape {tuple(yours.shape)}, not {tuple(expected.shape)}"
    names = ", ".join(name for name, _ in panels)
    part = f"Of {tuple(expected.shape)} the part {list(place)} is shown. " if place else ""
    cut = f"Of yours no more than {LARGEST} rows and columns are shown. " if _too_large(yours) else ""
    bad = "A cross marks a value that is no number. " if not yours.isfinite().all() else ""
    return figure.as_html(
        figure.row(*(panel for _, panel in panels), inches=3.0 if expected.ndim == 1 else 2.2),
        alt=f"Side by side: {names}; {found}",
        caption=f"{remark} {found[0].upper()}{found[1:]}. {part}{bad}{cut}Input made up for this exercise.".strip(),
        tier="phantom",
    )


def _largest(apart: Tensor) -> str:
    """Say how large the largest difference is, and where."""
    broken = int(apart.isnan().sum())
    size = torch.nan_to_num(apart).abs()
    where = [int(i) for i in np.unravel_index(int(size.argmax()), tuple(size.shape))]
    found = f"the largest difference is {float(size.max()):.4g}, at {where}"
    if not broken:
        return found
    others = f"of the others {found}" if size.any() else "the others agree"
    return f"{broken} of {apart.numel()} values are NaN or infinite on one side only; {others}"


# ---- which panels, each with its name


def _is_grey(inputs: tuple) -> bool:
    return any(name in GREY for name, _ in inputs)


def _of_inputs(inputs: tuple, place: tuple[int, ...]) -> list[tuple[str, figure.Panel]]:
    """Return panels of the first two inputs that can be drawn, at the place that is shown of the result."""
    panels = []
    for name, argument in inputs:
        numbers = as_numbers(argument) if isinstance(argument, Tensor) else None
        if numbers is None or not can_be_drawn(numbers):
            continue
        if numbers.ndim == 1:
            panels.append((f"the input {name}", _curve({name: numbers}, f"input: {name}")))
        else:
            part = _part(numbers, place)
            panels.append((f"the input {name}", _map(part, f"input: {name}", _limits(part), name in GREY)))
    return panels[:2]


def _of_curves(expected: Tensor, yours: Tensor) -> list[tuple[str, figure.Panel]]:
    if yours.ndim == 1 and len(yours):
        lines = {"expected": expected, "yours": yours[:LARGEST]}
        return [("the expected curve and yours", _curve(lines, "expected, and yours"))]
    both = [("the expected curve", _curve({"expected": expected}, "expected"))]
    return [*both, ("yours", _map_of_any_shape(yours, _limits(yours), grey=False))]


def _of_maps(
    expected: Tensor, yours: Tensor, apart: Tensor | None, place: tuple[int, ...], grey: bool
) -> list[tuple[str, figure.Panel]]:
    part = expected[place]
    limits = _limits(part, yours[place] if apart is not None else yours)
    panels = [("expected", _map(part, "expected", limits, grey))]
    if apart is None:
        return [*panels, ("yours", _map_of_any_shape(yours, limits, grey))]
    panels.append(("yours", _map(yours[place], "yours", limits, grey)))
    return [*panels, ("the difference yours − expected", _difference(apart[place]))]


def _part(numbers: Tensor, place: tuple[int, ...]) -> Tensor:
    """Return the (H, W) at `place`, as far as there is such a place, else the first."""
    lead = numbers.shape[:-2]
    wanted = (*place, *(0,) * len(lead))
    return numbers[tuple(i if i < length else 0 for i, length in zip(wanted, lead, strict=False))]


def _limits(part: Tensor, other: Tensor | None = None) -> tuple[float, float]:
    """Return what is drawn darkest and brightest: the part's extremes, the other's too where it has one value."""
    for numbers in (part, part if other is None else torch.cat([part.flatten(), other.flatten()])):
        finite = numbers[numbers.isfinite()].clamp(-FAR, FAR)
        if len(finite) and finite.min() < finite.max():
            return float(finite.min()), float(finite.max())
    middle = float(finite[0]) if len(finite) else 0.0
    return middle - 0.5, middle + 0.5


def _too_large(yours: Tensor) -> bool:
    return any(side > LARGEST for side in yours.shape[-2:])


# ---- panels


def _map(numbers: Tensor, title: str, limits: tuple[float, float], grey: bool) -> figure.Panel:
    """Return a panel of (H, W), grey for an image and coloured for a map; what is no number gets a cross."""
    low, high = limits
    finite = numbers.isfinite()
    panel = figure.grey(torch.where(finite, numbers.clamp(low, high), math.nan), title, low, high)

    def draw(axis: Axes) -> None:
        panel(axis)
        axis.images[0].set_cmap("gray" if grey else "viridis")
        axis.set_xlabel(f"{'black' if grey else 'dark'} {low:.3g}, {'white' if grey else 'bright'} {high:.3g}")
        _crosses(axis, ~finite)

    return draw


def _map_of_any_shape(yours: Tensor, limits: tuple[float, float], grey: bool) -> figure.Panel:
    title = f"yours, {tuple(yours.shape)}"
    if not yours.numel():
        return figure.words("no values", title)
    part = _part(yours, ()) if yours.ndim >= 2 else yours.reshape(1, -1)
    return _map(part[:LARGEST, :LARGEST], title, limits, grey)


def _difference(apart: Tensor) -> figure.Panel:
    """Return a panel of a gap (H, W) up to its largest value, written in powers of ten where it is far from one."""
    largest = min(float(torch.nan_to_num(apart).abs().max()), FAR)
    power = math.floor(math.log10(largest)) if largest else 0
    unit = 10.0**power if not -1 <= power <= 3 else 1.0
    title = "yours − expected" + (f", in {unit:.0e}" if unit != 1 else "")
    panel = figure.difference(apart.clamp(-FAR, FAR) / unit, title, largest / unit or 1.0)

    def draw(axis: Axes) -> None:
        panel(axis)
        _crosses(axis, apart.isnan())

    return draw


def _curve(lines: dict[str, Tensor], title: str) -> figure.Panel:
    """Return a panel of one or two curves, longer ones and shorter ones; what is no number gets a cross below."""
    length = max(len(line) for line in lines.values())
    padded = {name: np.full(length, math.nan) for name in lines}
    bad = np.zeros(length, dtype=bool)
    for name, line in lines.items():
        finite = line.isfinite()
        padded[name][: len(line)] = torch.where(finite, line.clamp(-FAR, FAR), math.nan).numpy()
        bad[: len(line)] |= (~finite).numpy()
    panel = figure.curve(range(length), padded, title, "position")

    def draw(axis: Axes) -> None:
        panel(axis)
        if bad.any():
            below = axis.get_xaxis_transform()  # across: positions; up: shares of the height
            where = bad.nonzero()[0]
            axis.plot(where, [0.04] * len(where), "x", color=figure.INK, transform=below, label="no number")
            axis.legend(frameon=False, labelcolor=figure.INK, fontsize=9)

    return draw


def _crosses(axis: Axes, where: Tensor) -> None:
    rows, columns = where.nonzero(as_tuple=True)
    if len(rows):
        look = {"color": figure.ORANGE, "markersize": min(9.0, 90.0 / max(where.shape))}
        axis.plot(columns.tolist(), rows.tolist(), "x", scalex=False, scaley=False, **look)


# ---- for figures to read


def outlined(
    image: Tensor, mask: Tensor | None, title: str, low: float | None = None, high: float | None = None
) -> figure.Panel:
    """Return a grey panel of an image (H, W) with the outline of its mask, (H, W) bool, where it has one."""
    panel = figure.grey(image, title, low, high)

    def draw(axis: Axes) -> None:
        panel(axis)
        if mask is not None and mask.any() and not mask.all():
            limits = axis.get_xlim(), axis.get_ylim()
            axis.contour(mask.cpu().double().numpy(), levels=[0.5], colors=[figure.ORANGE], linewidths=1.8)
            axis.set(xlim=limits[0], ylim=limits[1])

    return draw
