"""What the sliders of notebook 05 do: who looks at whom in a real image, and what it costs."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from medkit import figure, normalise
from medkit.attention import attend, attention_scores, attention_weights
from medkit.data.resize import resize_image
from medkit.figure import short
from medkit.lesson import specimens
from medkit.widgets.controls import linked, menu, pick, slider

SIDE = 128  # pixels of the square that is cut into tokens
PATCHES = {"16 × 16 pixels": 16, "8 × 8 pixels": 8, "4 × 4 pixels": 4}
PLACES = {"every pixel": 1, "1/2 of the size": 2, "1/4 of the size": 4, "1/8 of the size": 8, "1/16 of the size": 16}
BYTES = 4  # of a float32
SIDES = (64, 1024)  # images that the cost is shown for


# ---- who looks at whom


class Tokens(NamedTuple):
    """An image cut into patches.

    Args:
        pixels: (H, W), values 0 … 1.
        patches: (N, D), the patches, less the image's mean, over its standard deviation.
        values: (N, D), the patches with the pixels as they are.
        grid: rows and columns of patches.
    """

    pixels: Tensor
    patches: Tensor
    values: Tensor
    grid: tuple[int, int]


@cache
def tokens_of(image: str, patch: int) -> Tokens:
    """Cut a specimen, made square and 128 × 128 pixels large, into tokens of patch × patch pixels."""
    pixels = pick(specimens(), image, "image").image
    side = min(pixels.shape)
    top, left = ((length - side) // 2 for length in pixels.shape)
    square = normalise.percentile(resize_image(pixels[top : top + side, left : left + side], SIDE))
    windows = square.unfold(0, patch, patch).unfold(1, patch, patch)  # (rows, columns, patch, patch)
    values = windows.flatten(2).flatten(0, 1)
    return Tokens(square, (values - square.mean()) / square.std(), values, tuple(windows.shape[:2]))


def itself(x: Tensor) -> tuple[Tensor, Tensor]:
    """Take tokens (..., N, D) as queries and as keys."""
    return x, x


def alike(x: Tensor) -> tuple[Tensor, Tensor]:
    """Make queries and keys (..., N, D + 1) from tokens, so that the most similar token scores highest.

    q_i = (x_i, 1),  k_j = (x_j, -|x_j|²/2):  q_i · k_j' = |x_i|²/2 - |x_i - x_j|²/2
    """
    half = x.square().sum(dim=-1, keepdim=True) / 2
    return torch.cat([x, torch.ones_like(half)], dim=-1), torch.cat([x, -half], dim=-1)


COMPARE = {"likeness": alike, "the patch itself": itself}


def look(patches: Tensor, compare: str, softmax: bool, scaled: bool) -> Tensor:
    """Return who looks at whom, (N, N): weights, or without softmax the scores of Eq. 3."""
    queries, keys = pick(COMPARE, compare, "compare")(patches)
    if not scaled:
        queries = queries * math.sqrt(queries.shape[-1])  # undoes Eq. 3's root
    return attention_weights(queries, keys) if softmax else attention_scores(queries, keys)


def attention_picture(
    image: str, patch: str, compare: str, down: int, right: int, softmax: bool, scaled: bool
) -> str:
    """Return image with the query | what it looks at | the output of Eq. 4 for all queries.

    Nothing is learned here: queries and keys are made from the patches by hand, values are the patches.

    Args:
        image: a name from `specimens()`.
        patch: a name from `PATCHES`.
        compare: a name from `COMPARE`, what queries and keys are.
        down, right: where the query stands, in % of height and width.
        softmax: False stops at the scores, as Eq. 3 is printed.
        scaled: False leaves Eq. 3's root of d_k out.

    Raises:
        ValueError: a name that is not in the menus, or a place outside 0 ... 100.
    """
    size = pick(PATCHES, patch, "patch")
    for name, value in (("down", down), ("right", right)):
        if not 0 <= value <= 100:
            raise ValueError(f"{name} must lie in 0 ... 100, got {value}; move it back")
    chosen, tokens = pick(specimens(), image, "image"), tokens_of(image, size)
    rows, columns = tokens.grid
    y, x = round(down / 100 * (rows - 1)), round(right / 100 * (columns - 1))
    weights = look(tokens.patches, compare, softmax, scaled)
    mine = weights[y * columns + x]
    output = attend(weights, tokens.values).unflatten(0, tokens.grid).unflatten(2, (size, size))
    output = output.transpose(1, 2).flatten(2).flatten(0, 1)
    seen = mine.reshape(rows, columns)
    picture = figure.row(
        _framed(figure.grey(tokens.pixels, "image and query", 0.0, 1.0), y, x, size),
        _framed(figure.heat(seen, "its weights") if softmax else figure.difference(seen, "its scores"), y, x, 1),
        figure.grey(output, "Eq. 4, all queries", *((0.0, 1.0) if softmax else ())),
        inches=2.9,
    )
    way = ("softmax" if softmax else "no softmax (as printed)") + (", ÷ √d" if scaled else ", not ÷ √d")
    return figure.as_html(
        picture,
        alt=f"{chosen.title} with one patch framed as query; how much it looks at every patch; what Eq. 4 makes of "
        f"the image ({way})",
        caption=f"{chosen.title}; query and key: {compare}; {way}. {_sentence(mine, softmax)} N = {len(mine):,} tokens: "
        f"N² = {weights.numel():,} weights, {in_bytes(weights.numel() * BYTES)}.",
        tier=chosen.tier,
    )


def _sentence(mine: Tensor, softmax: bool) -> str:
    total = f"sum {short(round(float(mine.sum()), 3))}"
    if not softmax:
        return f"The query's scores: {short(float(mine.min()))} … {short(float(mine.max()))}, {total}."
    half = int((mine.sort(descending=True).values.cumsum(0) < 0.5).sum()) + 1
    return f"The query's weights: the largest is {float(mine.max()):.3f}, half of them lie on {_count(half)}, {total}."


def _count(tokens: int) -> str:
    return "1 token" if tokens == 1 else f"{tokens} tokens"


def explore_attention() -> ipywidgets.VBox:
    """Return menus, sliders and boxes for `attention_picture`."""
    return linked(
        {
            "image": menu(list(specimens()), "image", "MRI"),
            "patch": menu(list(PATCHES), "a token is", "8 × 8 pixels"),
            "compare": menu(list(COMPARE), "query and key"),
            "down": slider(ipywidgets.IntSlider, 40, 0, 100, 1, "query: down (%)"),
            "right": slider(ipywidgets.IntSlider, 30, 0, 100, 1, "query: right (%)"),
            "softmax": ipywidgets.Checkbox(True, description="softmax", indent=False),
            "scaled": ipywidgets.Checkbox(True, description="÷ √d", indent=False),
        },
        attention_picture,
    )


def _framed(panel: figure.Panel, y: int, x: int, size: int) -> figure.Panel:
    """Add a frame around the token in row y and column x to a panel whose tokens are `size` pixels large."""

    def draw(axis: Axes) -> None:
        panel(axis)
        for colour, width in (("white", 3.2), (figure.ORANGE, 1.8)):
            place = (x * size - 0.5, y * size - 0.5)
            axis.add_patch(Rectangle(place, size, size, fill=False, edgecolor=colour, linewidth=width))

    return draw


# ---- what it costs


def weights_bytes(side: int, divisor: int, heads: int) -> int:
    """Return the memory of the weights of one image and layer, in bytes: heads · N² numbers of 4 bytes.

    Args:
        side: of the image, in pixels; N = (side / divisor)².

    >>> weights_bytes(512, 8, heads=1) / 2**20
    64.0
    """
    return heads * (side // divisor) ** 4 * BYTES


def cost_picture(side: int, where: str, heads: int) -> str:
    """Return memory against the image's side, a line for each place where attention may stand.

    Args:
        side: of the image, in pixels, 64 ... 1024.
        where: a name from `PLACES`.
        heads: 1 or more.

    Raises:
        ValueError: a name that is not in the menu, or numbers outside their range.
    """
    divisor = pick(PLACES, where, "where")
    if not SIDES[0] <= side <= SIDES[1]:
        raise ValueError(f"side must lie in {SIDES[0]} ... {SIDES[1]} pixels, got {side}; move it back")
    if heads < 1:
        raise ValueError(f"heads must be 1 or more, got {heads}; one head is the least")
    tokens = (side // divisor) ** 2
    need = weights_bytes(side, divisor, heads)
    plural = "head" if heads == 1 else "heads"
    return figure.as_html(
        figure.row(_memory(side, where, heads), inches=5),
        alt=f"Memory of the attention weights against the side of the image, both on logarithmic axes: straight lines, "
        f"one for each place of attention; the dot is at {side} pixels, {where}",
        caption=f"{side} × {side} pixels, attention at {where}: N = {tokens:,} tokens, N² = {tokens**2:,} weights a "
        f"head, {heads} {plural}: {in_bytes(need)} for one image and one layer, in float32. Computed, not measured.",
        tier="phantom",
    )


def explore_cost() -> ipywidgets.VBox:
    """Return sliders and a menu for `cost_picture`."""
    return linked(
        {
            "side": slider(ipywidgets.IntSlider, 512, *SIDES, 64, "side of the image (pixels)"),
            "where": menu(list(PLACES), "attention at", "1/8 of the size"),
            "heads": slider(ipywidgets.IntSlider, 1, 1, 16, 1, "heads"),
        },
        cost_picture,
    )


def in_bytes(count: float) -> str:
    """Write a number of bytes in the unit that suits it.

    >>> in_bytes(64 * 2**20), in_bytes(1536), in_bytes(3 * 2**41)
    ('64 MiB', '1.5 KiB', '6 TiB')
    """
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:.0f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def _memory(side: int, where: str, heads: int) -> figure.Panel:
    """Return a panel of memory against side for all `PLACES`, with a dot at the chosen one."""
    sides = [SIDES[0] * 2 ** (step / 4) for step in range(17)]

    def draw(axis: Axes) -> None:
        for (name, divisor), style in zip(PLACES.items(), ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))):
            need = [heads * (one / divisor) ** 4 * BYTES for one in sides]
            axis.plot(sides, need, linestyle=style, label=name, linewidth=1.8)
        axis.plot([side], [weights_bytes(side, PLACES[where], heads)], "o", color=figure.ORANGE, markersize=10)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log", base=2)
        axis.set_xticks([64, 128, 256, 512, 1024], labels=["64", "128", "256", "512", "1024"])
        axis.set_ylim(2**9, 2**47)  # the same for all settings
        marks = [2**power for power in range(10, 41, 10)]
        axis.set_yticks(marks, labels=[in_bytes(mark) for mark in marks])
        axis.set_title("memory of the weights", color=figure.INK, fontsize=11)
        axis.set_xlabel("side of the image (pixels)", color=figure.INK, fontsize=9)
        axis.set_box_aspect(0.8)
        axis.legend(frameon=False, labelcolor=figure.INK, fontsize=9)
        axis.set_facecolor("none")
        axis.tick_params(colors=figure.INK, labelsize=9, which="both")
        for name, spine in axis.spines.items():
            spine.set_visible(name in ("left", "bottom"))
            spine.set_edgecolor(figure.INK)

    return draw
