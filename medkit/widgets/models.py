"""What the sliders of notebook 06 do: what each model costs, and what passes through it unlearned."""

from __future__ import annotations

import functools

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from medkit import figure
from medkit.blocks import drawn_by
from medkit.cost import Cost, report
from medkit.data.resize import resize_image
from medkit.figure import BLUE, INK, ORANGE, Panel
from medkit.lesson import specimens
from medkit.models import CNN, Hybrid, Transformer, UNet
from medkit.normalise import percentile
from medkit.widgets.controls import linked, menu, pick, slider

MODELS: dict[str, type[nn.Module]] = {"CNN": CNN, "U-Net": UNet, "Transformer": Transformer, "hybrid": Hybrid}
WIDTHS, SIDES = (8, 32, 4), (32, 128, 16)  # lowest, highest, step
SHOWN = 128  # pixels along each side of a real image in `detail_picture`
STARTS = 12  # random starts there
PLAIN = {
    "mask_head": "mask", "up_quarter": "up to 1/4", "merge_quarter": "merge at 1/4", "up_half": "up to 1/2",
    "merge_half": "merge at 1/2",
}  # fmt: skip


@functools.lru_cache(maxsize=32)
def built(model: str, width: int = 16) -> nn.Module:
    """Return a model with three classes and random weights of its own, always the same ones.

    Args:
        model: a name from `MODELS`. width: a multiple of 4.
    """
    kind = pick(MODELS, model, "model")
    with drawn_by(0):
        return kind(classes=3, width=width).train(False)


@functools.lru_cache(maxsize=256)
def cost_of(model: str, width: int, side: int) -> Cost:
    """Count what one grey image of side × side pixels costs in a model."""
    return report(built(model, width), (1, side, side))


def feature_sizes(model: str, width: int, side: int) -> list[tuple[str, tuple[int, int, int]]]:
    """Return (name, (features, rows, columns)) of each map on an image's way through a model.

    Tokens count as a map again: their N stand for H/8 · W/8 pixels.
    """
    network, sizes, hooks = built(model, width), [("image", (1, side, side))], []

    def note(name: str):
        def hook(part: nn.Module, inputs: tuple, output: Tensor) -> None:
            shape = tuple(output.shape[1:])
            sizes.append((name, shape if len(shape) == 3 else (shape[1], side // 8, side // 8)))

        return hook

    for name, part in _stages(network):
        hooks.append(part.register_forward_hook(note(name)))
    with torch.no_grad():
        network(torch.zeros(1, 1, side, side))
    for hook in hooks:
        hook.remove()
    return sizes


def _stages(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Name the parts of a model whose results are maps, in plain words."""
    found: list[tuple[str, nn.Module]] = []
    for name, part in network.named_children():
        if name == "encoder":
            found += [(f"encoder 1/{2 << i}", stage) for i, stage in enumerate(part.stages)]
        elif name == "layers":
            found += [(f"layer {i}", layer) for i, layer in enumerate(part, 1)]
        elif name == "mask_head" and isinstance(part, nn.Sequential):
            found += [(f"up {i}", up) for i, up in enumerate(part[:-1], 1)] + [("mask", part[-1])]
        elif name not in ("label_head", "place", "norm"):
            found.append((PLAIN.get(name, name), part))
    return found


def cost_picture(model: str, width: int, side: int) -> str:
    """Return bars of parameters | FLOPs | memory of all models, and the chosen one's sizes, as an HTML figure.

    Args:
        model: a name from `MODELS`; its bars are marked.
        width: features at 1/2 of the image's size, a multiple of 4.
        side: of the image in pixels, 32 or more, divisible by 8.

    Raises:
        ValueError: a name that is not in the menu, or numbers that `medkit.models` refuses.
    """
    pick(MODELS, model, "model")
    costs = {name: cost_of(name, width, side) for name in MODELS}
    mine = costs[model]
    picture = figure.row(
        bars({name: cost.parameters / 1e3 for name, cost in costs.items()}, model, "parameters, thousands"),
        bars({name: cost.flops / 1e6 for name, cost in costs.items()}, model, "MFLOPs an image"),
        bars({name: cost.activation_bytes / 2**20 for name, cost in costs.items()}, model, "MiB kept an image"),
        sizes_panel(feature_sizes(model, width, side), f"through the {model}"),
        inches=2.9,
    )
    return figure.as_html(
        picture,
        alt=f"Bars of parameters, FLOPs and memory of four models at width {width} for {side} × {side} pixels, the "
        f"{model} marked; beside them the sizes of its maps from the image to the mask",
        caption=f"{model}, width {width}, one image of {side} × {side} pixels: {mine.parameters:,} parameters, "
        f"{mine.flops / 1e6:.1f} MFLOPs, {mine.activation_bytes / 2**20:.2f} MiB kept for the backward pass. "
        "Counted, not timed; the numbers are the same for any image.",
        tier="phantom",
    )


def bars(values: dict[str, float], marked: str, title: str) -> Panel:
    """Return a panel with one bar for each name, its value printed; the marked one is hatched as well as coloured."""

    def draw(axis: Axes) -> None:
        names = list(values)
        drawn = axis.barh(names, list(values.values()), color=BLUE, height=0.6)
        chosen = drawn[names.index(marked)]
        chosen.set(facecolor=ORANGE, hatch="//", edgecolor=INK)
        top = max(values.values()) or 1.0
        for name, value in values.items():
            axis.text(value + 0.03 * top, names.index(name), figure.short(value), va="center", color=INK, fontsize=9)
        axis.set_xlim(0, 1.28 * top)
        axis.invert_yaxis()
        _quiet(axis, title)

    return draw


def sizes_panel(sizes: list[tuple[str, tuple[int, int, int]]], title: str) -> Panel:
    """Return a panel with a bar for each map, as long as its numbers are many, labelled with its size."""

    def draw(axis: Axes) -> None:
        counts = [features * rows * columns / 1e3 for _, (features, rows, columns) in sizes]
        axis.barh(range(len(sizes)), counts, color=BLUE, height=0.6)
        for place, (_, (features, rows, columns)) in enumerate(sizes):
            text = f"{features} × {rows} × {columns}"
            axis.text(counts[place] + 0.02 * max(counts), place, text, va="center", color=INK, fontsize=8)
        axis.set_yticks(range(len(sizes)), [name for name, _ in sizes])
        axis.set_xlim(0, 1.75 * max(counts))
        axis.invert_yaxis()
        _quiet(axis, title)
        axis.tick_params(labelsize=8)

    return draw


def _quiet(axis: Axes, title: str) -> None:
    axis.set_title(title, color=INK, fontsize=11)
    axis.set_facecolor("none")
    axis.set_xticks([])
    axis.tick_params(colors=INK, labelsize=9, length=0)
    axis.set_box_aspect(1)
    for name, side in axis.spines.items():
        side.set_visible(name == "left")
        side.set_edgecolor(INK)


@functools.cache
def _scaled(image: str) -> Tensor:
    """Return a specimen as a model sees it: (1, 1, SHOWN, SHOWN), percentiles 1 and 99 at 0 and 1."""
    return percentile(resize_image(pick(specimens(), image, "image").image, SHOWN))[None, None]


@functools.lru_cache(maxsize=32)
def passed(model: str, image: str, width: int = 8) -> tuple[Tensor, Tensor]:
    """Return what passes through models of one kind with random weights: features at 1/8, and the mask.

    Both are sizes, root mean squares over `STARTS` starts: of the features over all D, (SHOWN/8, SHOWN/8), and
    of the mask's logits, each mask less its mean and over its spread, (SHOWN, SHOWN).
    """
    pixels, deep, mask = _scaled(image), torch.zeros(()), torch.zeros(())
    for seed in range(STARTS):
        with drawn_by(seed), torch.no_grad():
            look = pick(MODELS, model, "model")(classes=3, width=width).train(False).look(pixels)
        logits = look.prediction.mask[0, 0]
        deep = deep + look.features[0].square().mean(0)
        mask = mask + ((logits - logits.mean()) / logits.std()).square()
    return (deep / STARTS).sqrt(), (mask / STARTS).sqrt()


def detail_picture(model: str, image: str) -> str:
    """Return an image | features at 1/8 | the masks of models with random weights, as an HTML figure.

    Args:
        model: a name from `MODELS`. image: a name from `lesson.specimens()`.

    Raises:
        ValueError: a name that is not in the menus.
    """
    pixels, (deep, mask) = _scaled(image), passed(model, image)
    chosen = specimens()[image]
    picture = figure.row(
        figure.grey(pixels[0, 0], "image, scaled", 0, 1),
        figure.heat(deep, f"features at 1/8: {SHOWN // 8} × {SHOWN // 8}"),
        figure.heat(mask, "mask: how far from its mean"),
        inches=3.2,
    )
    return figure.as_html(
        picture,
        alt=f"{chosen.title}, the size of the {model}'s features at an eighth of its size, and how far the masks that "
        "untrained models draw depart from their mean, pixel by pixel",
        caption=f"{chosen.title} in a {model} of width 8 with random weights; the size of what comes out, root mean "
        f"square over {STARTS} starts. Nothing was learned, so a mask means nothing; but what passes can be seen: it "
        f"shares the image's detail that is finer than 8 pixels with a correlation of "
        f"{fine_detail(mask, pixels[0, 0]):.2f}.",
        tier=chosen.tier,
    )


def fine_detail(mask: Tensor, image: Tensor) -> float:
    """Return how much of an image's fine detail stands in a mask: a correlation, as a size from 0 to 1.

    Fine is what is left where each square of 8 × 8 pixels has its own mean taken off: what a map at 1/8
    can't hold. Args: mask, image: (H, W), divisible by 8. A constant one gives 0.
    """
    one, other = (_within_squares(x) for x in (mask, image))
    scale = (one.norm() * other.norm()).item()
    return abs(float((one * other).sum())) / scale if scale > 1e-9 else 0.0


def _within_squares(x: Tensor) -> Tensor:
    squares = x.unflatten(0, (-1, 8)).unflatten(2, (-1, 8))
    return (squares - squares.mean(dim=(1, 3), keepdim=True)).flatten()


def explore_cost() -> ipywidgets.VBox:
    """Return a menu and sliders for `cost_picture`."""
    low, high, step = WIDTHS
    least, most, by = SIDES
    return linked(
        {
            "model": menu(list(MODELS), "model", "hybrid"),
            "width": slider(ipywidgets.IntSlider, 16, low, high, step, "width (features at 1/2)"),
            "side": slider(ipywidgets.IntSlider, 64, least, most, by, "image side (pixels)"),
        },
        cost_picture,
    )


def explore_detail() -> ipywidgets.VBox:
    """Return menus for `detail_picture`."""
    return linked(
        {
            "model": menu(list(MODELS), "model", "U-Net"),
            "image": menu(list(specimens()), "image", "ultrasound"),
        },
        detail_picture,
    )
