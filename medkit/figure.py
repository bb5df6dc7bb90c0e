"""Pictures for notebooks: rows of panels, as an HTML figure with alt text, caption and data tier.

Grey for images, viridis for maps, a diverging map with its middle at zero for differences. The
background is transparent and the ink a middle grey, so that one picture can be read in JupyterLab's
light theme and in its dark one. No pyplot: a figure lives as long as its variable and is shown once.

A *panel* is a function that draws into one matplotlib axis; `row` puts panels side by side:

>>> import torch
>>> picture = row(grey(torch.rand(8, 8), "an image"), difference(torch.randn(8, 8), "what went"))
>>> html = as_html(picture, alt="noise, twice", caption="Random numbers.", tier="phantom")
>>> html.startswith("<figure")
True
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence

import numpy as np
import torch
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter
from matplotlib.transforms import Bbox
from torch import Tensor

from medkit.data.container import TIERS
from medkit.history import History

Panel = Callable[[Axes], None]

INK = "#7b7b7b"  # 4.2 : 1 on white and 4.5 : 1 on JupyterLab's dark #111
BLUE, ORANGE = "#3b8bc4", "#d5732b"  # told apart by lightness and, beside it, by line style
DOTS_PER_INCH = 144


# ---- panels


def grey(image: Tensor, title: str, low: float | None = None, high: float | None = None) -> Panel:
    """Return a panel of an image in grey; `low` is shown black, `high` white, and both are printed.

    Args:
        image: (H, W), any real numbers.
        title: what stands above the image.
        low, high: the image's own extremes where None.
    """
    pixels = _pixels(image)
    low = float(pixels.min()) if low is None else low
    high = float(pixels.max()) if high is None else high

    def draw(axis: Axes) -> None:
        axis.imshow(pixels, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        _frame(axis, title, f"black {short(low)}, white {short(high)}")

    return draw


def heat(image: Tensor, title: str) -> Panel:
    """Return a panel of a map (H, W), such as a kernel, in viridis from 0 (or its minimum) up."""
    pixels = _pixels(image)
    return _with_bar(pixels, title, "viridis", min(0.0, float(pixels.min())), float(pixels.max()))


def difference(image: Tensor, title: str, limit: float | None = None) -> Panel:
    """Return a panel of a signed map (H, W): zero in the middle, ± `limit` at the ends.

    Where None, `limit` leaves one pixel in a hundred beyond the ends, so that a few do not hide the rest.
    """
    pixels = _pixels(image)
    if limit is None:
        limit = float(np.quantile(np.abs(pixels), 0.99)) or float(np.abs(pixels).max()) or 1.0
    return _with_bar(pixels, title, "coolwarm", -limit, limit)


def numbers(image: Tensor, title: str, digits: int = 0) -> Panel:
    """Return a panel of a small image (H, W) with every pixel's value printed in it."""
    pixels = _pixels(image)
    low, high = float(pixels.min()), float(pixels.max())

    def draw(axis: Axes) -> None:
        spread = 0.0 if high > low else 1.0  # a constant image is shown middle grey
        axis.imshow(pixels, cmap="gray", vmin=low - 0.5 * spread, vmax=high + spread)
        for (y, x), value in np.ndenumerate(pixels):
            ink = "black" if value > (low + high) / 2 and high > low else "white"
            axis.text(x, y, f"{value:.{digits}f}", ha="center", va="center", color=ink, fontsize=9)
        _frame(axis, title, "")

    return draw


def words(text: str, title: str) -> Panel:
    """Return a panel that says why there is no picture in its place."""

    def draw(axis: Axes) -> None:
        axis.text(0.5, 0.5, text, ha="center", va="center", color=INK, fontsize=11, transform=axis.transAxes)
        axis.set_box_aspect(1)
        axis.set_facecolor("none")
        _frame(axis, title, "")

    return draw


def histogram(image: Tensor, title: str, low: float, high: float, label: str, bins: int = 80) -> Panel:
    """Return a panel with the image's grey values counted, and two lines at `low` and `high`.

    Values between the lines get greys of their own; those below become 0 (black), above 1 (white).
    The count axis is logarithmic: air outnumbers everything else in a medical image.
    """
    pixels = _pixels(image).ravel()

    def draw(axis: Axes) -> None:
        axis.hist(pixels, bins=bins, color=BLUE, log=True)
        axis.axvline(low, color=ORANGE, linewidth=2, linestyle="--")
        axis.axvline(high, color=ORANGE, linewidth=2, linestyle="-")
        axis.set_title(title, color=INK, fontsize=11)
        axis.set_xlabel(f"{label}\ndashed: 0, solid: 1", color=INK, fontsize=9)
        axis.set_ylabel("pixels (log)", color=INK, fontsize=9)
        axis.set_box_aspect(0.8)
        _plain_axis(axis)

    return draw


def curve(x: Sequence[float], lines: dict[str, Sequence[float]], title: str, label: str) -> Panel:
    """Return a panel with one line for each entry of `lines`, told apart by dashes and by name."""

    def draw(axis: Axes) -> None:
        for (name, y), style in zip(lines.items(), ("o-", "s--", "^:", "d-."), strict=False):
            axis.plot(x, y, style, label=name, linewidth=1.8, markersize=4)
        axis.set_title(title, color=INK, fontsize=11)
        axis.set_xlabel(label, color=INK, fontsize=9)
        axis.set_box_aspect(0.8)
        if list(lines) != [title]:  # below the axis, where it can't hide a line
            place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": 1 if len(lines) < 3 else 2}
            axis.legend(**place, frameon=False, labelcolor=INK, fontsize=9)
        _plain_axis(axis)

    return draw


# ---- figures


def row(*panels: Panel, inches: float = 2.6) -> Figure:
    """Return a figure with the panels side by side, each `inches` wide, on a transparent ground."""
    if not panels:
        raise ValueError("panels must be at least one, got none; try row(grey(image, 'title'))")
    picture = Figure(figsize=(inches * len(panels), inches * 1.25), layout="constrained")
    picture.patch.set_alpha(0.0)
    for axis, panel in zip(picture.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        panel(axis)
    return as_said(picture)


def as_said(picture: Figure) -> Figure:
    """Have every text of a figure shown as it stands, dollars and backslashes too: names of files and folders have them.

    matplotlib would read a formula, or raise. A logarithmic axis writes its powers so itself, and goes on doing it.
    """
    sides = [side for axis in picture.axes for side in (axis.xaxis, axis.yaxis)]
    counted = [side for side in sides if not isinstance(side.get_major_formatter(), (FixedFormatter, FuncFormatter))]
    numbers = {id(text) for side in counted for text in (*side.get_ticklabels(which="both"), side.get_offset_text())}
    for text in picture.findobj(Text):
        text.set_parse_math(id(text) in numbers)
    return picture


def learning_curves(history: History, *measured: str) -> Figure:
    """Return a figure with the loss and its parts by epoch, and a panel for each number measured.

    Args:
        history: what `training.fit` returned.
        measured: columns of it that `on_epoch` filled; epochs without one are passed over.

    Raises:
        KeyError: the history has no such column.
    """
    if not len(history):
        raise ValueError("history must have an epoch or more, got none; train first")
    parts = {name: history.column(name) for name in ("loss", "label", "dice", "bce")}
    titles = {"loss": "loss", "label": "label: cross-entropy", "dice": "mask: soft Dice", "bce": "mask: cross-entropy"}
    lines = {titles[name]: values for name, values in parts.items() if values[0] is not None}
    panels = [curve(history.column("epoch"), lines, "loss, and its parts", "epoch")]
    for name in measured:
        met = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
        history.column(name)  # or an error that names the columns there are
        panels.append(curve([e for e, _ in met], {name: [v for _, v in met]}, name, "epoch"))
    return row(*panels, inches=3.6)


def as_html(picture: Figure, alt: str, caption: str, tier: str | Sequence[str]) -> str:
    """Return `<figure>` with the picture as PNG, alt text, and a caption that ends in the data tier.

    Args:
        picture: what `row` returned.
        alt: what is to be seen, for a reader who can't see it.
        caption: names the data. Escaped, as is `alt`.
        tier: "real", "library sample" or "phantom", or several of them.

    Raises:
        ValueError: an empty alt text or caption, or an unknown tier.
    """
    tiers = (tier,) if isinstance(tier, str) else tuple(tier)
    if not tiers or any(name not in TIERS for name in tiers):
        raise ValueError(f"tier must be among {TIERS}, got {tier!r}; say what the images are")
    for name, text in (("alt", alt), ("caption", caption)):
        if not text.strip():
            raise ValueError(f"{name} must say what the figure shows, got nothing; write a sentence")
    png = io.BytesIO()
    as_said(picture).savefig(png, format="png", dpi=DOTS_PER_INCH, bbox_inches=_without_empty_rows(picture))
    width = round(picture.get_figwidth() * 96)
    source = base64.b64encode(png.getvalue()).decode("ascii")
    return (
        f'<figure style="margin:0.5em 0;max-width:{width}px">'
        f'<img alt="{html.escape(alt)}" style="width:100%;height:auto;background:transparent" '
        f'src="data:image/png;base64,{source}">'
        f'<figcaption style="color:var(--jp-content-font-color1);font-size:90%;'
        f'border-left:3px solid var(--jp-border-color1);padding-left:0.6em">{html.escape(caption)} '
        f"<strong>Data: {html.escape(' and '.join(tiers))}.</strong></figcaption></figure>"
    )


def as_figure(picture: Figure, alt: str, caption: str, tier: str | Sequence[str]) -> HTML:
    """Return `as_html` in the form that a notebook shows when it is a cell's last line."""
    return HTML(as_html(picture, alt, caption, tier))


# ---- what panels share


def _pixels(image: Tensor) -> np.ndarray:
    pixels = torch.as_tensor(image).detach().cpu()
    if pixels.ndim != 2 or pixels.numel() == 0:
        raise ValueError(
            f"image must have shape (H, W), got {tuple(pixels.shape)}; pick one, for instance image[0, 0]"
        )
    return pixels.double().numpy()


def _with_bar(pixels: np.ndarray, title: str, colours: str, low: float | None, high: float | None) -> Panel:
    def draw(axis: Axes) -> None:
        shown = axis.imshow(pixels, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        _frame(axis, title, "")
        bar = axis.figure.colorbar(
            shown, cax=axis.inset_axes((0.0, -0.09, 1.0, 0.05)), orientation="horizontal"
        )
        low_end, high_end = shown.get_clim()
        ticks = [low_end, (low_end + high_end) / 2, high_end]
        bar.set_ticks(ticks, labels=[short(tick) for tick in ticks])
        bar.outline.set_edgecolor(INK)
        bar.ax.tick_params(colors=INK, labelsize=9)
        for text, side in zip(bar.ax.get_xticklabels(), ("left", "center", "right"), strict=True):
            text.set_horizontalalignment(side)

    return draw


def _without_empty_rows(picture: Figure) -> Bbox:
    """Return the figure's full width, and of its height what is drawn on: images are not all square."""
    picture.draw_without_rendering()
    drawn = picture.get_tightbbox()
    spare = 0.1  # inches: drawn again for the file, the layout moves a little
    return Bbox([[0, drawn.y0 - spare], [picture.get_figwidth(), drawn.y1 + spare]])


def _frame(axis: Axes, title: str, below: str) -> None:
    axis.set_title(title, color=INK, fontsize=11)
    axis.set_xlabel(below, color=INK, fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])
    for side in axis.spines.values():
        side.set_edgecolor(INK)


def _plain_axis(axis: Axes) -> None:
    axis.set_facecolor("none")
    axis.tick_params(colors=INK, labelsize=9, which="both")
    for name, side in axis.spines.items():
        side.set_visible(name in ("left", "bottom"))
        side.set_edgecolor(INK)


def short(value: float) -> str:
    """Write a grey value in as few figures as a label needs.

    >>> short(-1000), short(0.5), short(0.0625), short(12.34)
    ('-1000', '0.50', '0.062', '12')
    """
    if abs(value) >= 10 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 0.1 else f"{value:.2f}"
