"""What the controls of notebook 16 do with style: an image in the shades, and in the grey values, of another."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from medkit import figure
from medkit.data.container import ImageSet
from medkit.data.phantom import phantom
from medkit.data.public import brain_mri, breast_ultrasound
from medkit.data.where import data_root
from medkit.exercises.pictures import outlined
from medkit.normalise import min_max
from medkit.synthesise import style
from medkit.widgets.controls import linked, menu, pick, slider

SIDE = 64  # pixels along each side
IMAGES = 6  # to go through
STYLES = ("MRI", "ultrasound")  # whose style: another modality's, or other patients' of the same
WIDEST, MOST_LEVELS = 12, 32


class Album(NamedTuple):
    """Ultrasound images with a lesion, and what lends its style; all scaled to 0 ... 1.

    image, mask: (6, 64, 64); reference: by the names in `STYLES`, (6, 64, 64).
    """

    title: str
    tier: str
    image: Tensor
    mask: Tensor
    reference: dict[str, Tensor]


@functools.cache
def album() -> Album:
    """Return ultrasound and MRI: of patients where they are at hand, else phantoms."""
    root = data_root()
    if root is None:
        own, other = (phantom(36, SIDE, modality, difficulty=0.2, seed=3) for modality in ("ultrasound", "MRI"))
    else:
        own, other = (read(root, SIDE, limit=60, seed=0).train for read in (breast_ultrasound, brain_mri))
    ill = _images(own, own.mask.flatten(1).double().mean(1).argsort(descending=True)[: 2 * IMAGES])
    lent = {"MRI": _images(other, torch.arange(len(other))[:: len(other) // IMAGES][:IMAGES])[0], "ultrasound": ill[0][1::2]}
    return Album(f"{own.title} in the style of {other.title}", own.tier, ill[0][::2], ill[1][::2], lent)


def _images(data: ImageSet, place: Tensor) -> tuple[Tensor, Tensor]:
    return min_max(data.image[place])[:, 0], data.mask[place, 0]


def _asked(number: int, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return image, mask and reference; refuse what the album does not hold."""
    if not 0 <= number < IMAGES:
        raise ValueError(f"number must lie in 0 ... {IMAGES - 1}, got {number}; there are no more images")
    lent = pick({one: one for one in STYLES}, name, "reference")
    return album().image[number], album().mask[number], album().reference[lent][number]


# ---- Fourier


def fourier_picture(number: int, reference: str, radius: int) -> str:
    """Return an image, a reference and what becomes of the first, above their spectra, as an HTML figure.

    Args:
        number: which image, 0 ... 5; the reference of the same number lends its style.
        reference: one of `STYLES`. radius: as for `medkit.synthesise.style.swap_amplitude`, 0 ... 12.

    Raises:
        ValueError: no such image or reference, or a radius outside its range.
    """
    if not 0 <= radius <= WIDEST:
        raise ValueError(f"radius must lie in 0 ... {WIDEST}, got {radius}; beyond, little of the image is left")
    image, mask, lent = _asked(number, reference)
    styled = style.swap_amplitude(image, lent, radius)
    waves = max(2 * radius - 1, 0) ** 2
    panels = [outlined(image, mask, "image"), figure.grey(lent, f"reference: {reference}"), outlined(styled, mask, f"radius {radius}")]
    spectra = [_spectrum(one, title, radius) for one, title in ((image, "its waves"), (lent, "the reference's"), (styled, "joined"))]
    moved = float((styled - image).square().mean().sqrt())
    return figure.as_html(
        _two_rows(panels, spectra),
        alt=f"An image, a reference, and the image with the amplitudes of the reference's waves of fewer than {radius} turns; spectra below",
        caption=f"{album().title}, image {number}, its lesion outlined, reference {reference}. {waves} of {SIDE * SIDE:,} amplitudes "
        f"(in the square) are the reference's; the image moved by {moved:.3f} (root mean square) and lies between "
        f"{float(styled.min()):.2f} and {float(styled.max()):.2f}. Spectra: log10 of 1 + amplitude, slow waves in the middle.",
        tier=album().tier,
    )


def explore_fourier() -> ipywidgets.VBox:
    """Return a menu and sliders for `fourier_picture`."""
    return linked(
        {
            "number": slider(ipywidgets.IntSlider, 0, 0, IMAGES - 1, 1, "image"),
            "reference": menu(STYLES, "reference"),
            "radius": slider(ipywidgets.IntSlider, 2, 0, WIDEST, 1, "radius"),
        },
        fourier_picture,
    )


def _spectrum(image: Tensor, title: str, radius: int) -> figure.Panel:
    """Return a panel of amplitudes, the square of slow waves outlined."""
    seen = torch.fft.fftshift(torch.fft.fft2(image).abs()).log1p() / math.log(10)
    panel = figure.heat(seen, title)

    def draw(axis: Axes) -> None:
        panel(axis)
        if radius:
            corner, width = SIDE // 2 - radius + 0.5, 2 * radius - 1
            axis.add_patch(Rectangle((corner, corner), width, width, fill=False, edgecolor=figure.ORANGE, linewidth=1.8))

    return draw


def _two_rows(above: list[figure.Panel], below: list[figure.Panel]) -> Figure:
    picture = Figure(figsize=(2.6 * len(above), 6.0), layout="constrained")
    picture.patch.set_alpha(0.0)
    for axes, panels in zip(picture.subplots(2, len(above)), (above, below), strict=True):
        for axis, panel in zip(axes, panels, strict=True):
            panel(axis)
    return picture


# ---- histogram


def histogram_picture(number: int, reference: str, levels: int) -> str:
    """Return an image, a reference, the image with its grey values, and shares of pixels, as an HTML figure.

    Args:
        number: which image, 0 ... 5. reference: one of `STYLES`.
        levels: grey values that the image has, evenly spaced, 2 ... 32: equal pixels stay equal.

    Raises:
        ValueError: no such image or reference, or levels outside their range.
    """
    if not 2 <= levels <= MOST_LEVELS:
        raise ValueError(f"levels must lie in 2 ... {MOST_LEVELS}, got {levels}; one level shows nothing")
    image, mask, lent = _asked(number, reference)
    image = (image * (levels - 1)).round() / (levels - 1)
    matched = style.match_histogram(image, lent)
    grid = torch.linspace(0, 1, 101)
    shares = {
        name: [float((one <= at + 1e-6).double().mean()) for at in grid]
        for name, one in (("image", image), ("reference", lent), ("matched", matched))
    }
    picture = figure.row(
        outlined(image, mask, f"{len(image.unique())} grey values", 0.0, 1.0),
        figure.grey(lent, f"reference: {reference}", 0.0, 1.0),
        outlined(matched, mask, f"matched: {len(matched.unique())} values", 0.0, 1.0),
        _shares(grid.tolist(), shares),
        inches=2.6,
    )
    return figure.as_html(
        picture,
        alt=f"An image of {levels} grey levels, a reference, the image with the reference's grey values, and shares of pixels up to each value",
        caption=f"{album().title}, image {number}, reference {reference}. Means: {float(image.mean()):.3f}, the reference's "
        f"{float(lent.mean()):.3f}, matched {float(matched.mean()):.3f}. The outline of the lesion stays where it was.",
        tier=album().tier,
    )


def explore_histogram() -> ipywidgets.VBox:
    """Return a menu and sliders for `histogram_picture`."""
    return linked(
        {
            "number": slider(ipywidgets.IntSlider, 0, 0, IMAGES - 1, 1, "image"),
            "reference": menu(STYLES, "reference"),
            "levels": slider(ipywidgets.IntSlider, MOST_LEVELS, 2, MOST_LEVELS, 1, "grey levels"),
        },
        histogram_picture,
    )


def _shares(grid: list[float], shares: dict[str, list[float]]) -> figure.Panel:
    panel = figure.curve(grid, shares, "pixels up to a value", "grey value")

    def draw(axis: Axes) -> None:
        panel(axis)
        for line in (*axis.lines, *axis.get_legend().legend_handles):
            line.set(marker="none")
        axis.set_ylim(0, 1.03)

    return draw
