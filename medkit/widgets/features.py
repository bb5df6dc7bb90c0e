"""What the sliders of notebook 04 do: one filter and its map; a network's layers, and what one value sees."""

from __future__ import annotations

from functools import cache

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from medkit import figure, normalise
from medkit.blocks import drawn_by
from medkit.data.container import Split
from medkit.data.resize import resize_image
from medkit.data.worlds import texture_world
from medkit.lesson import fast, specimens
from medkit.models import CNN
from medkit.settings import Settings
from medkit.training import fit
from medkit.widgets.controls import linked, menu, pick, slider

SIDE = 128  # pixels of an image that the network sees
WIDTH = 8  # features at 1/2 of the image's size
FILTERS = {
    "left edges": torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]),
    "top edges": torch.tensor([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]]),
    "slanting lines": torch.tensor([[-1.0, -1.0, 2.0], [-1.0, 2.0, -1.0], [2.0, -1.0, -1.0]]),
    "bright dots": torch.tensor([[-1.0, -1.0, -1.0], [-1.0, 8.0, -1.0], [-1.0, -1.0, -1.0]]),
    "mean": torch.full((3, 3), 1 / 9),
}
ROUNDING = 1e-6  # on flat ground an edge filter gives 0 but for the last digits, which differ between processors
LAYERS = (
    "1 (1/2 of the size)",
    "2 (1/2)",
    "3 (1/4)",
    "4 (1/4)",
    "5 (1/8)",
    "6 (1/8)",
    "7 (1/8, the last)",
)
DEPTH = {name: i for i, name in enumerate(LAYERS)}
STATES = {True: "trained on phantoms", False: "untrained"}


# ---- one filter


def filter_picture(image: str, kernel: str, stride: int, relu: bool) -> str:
    """Return image | kernel | feature map, as an HTML figure.

    Args:
        image: a name from `specimens()`; percentiles 1 and 99 become 0 and 1 first.
        kernel: a name from `FILTERS`.
        stride: 1 ... 4, how many pixels the kernel moves at each step.
        relu: True sets all negative values of the map to zero.

    Raises:
        ValueError: a name that is not in the menus, or a stride outside 1 ... 4.
    """
    chosen, weights = pick(specimens(), image, "image"), pick(FILTERS, kernel, "kernel")
    if stride not in range(1, 5):
        raise ValueError(f"stride must be a whole number in 1 ... 4, got {stride}; take 1 or 2")
    pixels = normalise.percentile(chosen.image)
    seen = F.conv2d(pixels[None, None], weights[None, None], stride=stride, padding=1)[0, 0]
    below = float((seen < -ROUNDING).double().mean())
    panel = figure.heat(F.relu(seen), "map after the ReLU") if relu else figure.difference(seen, "map")
    picture = figure.row(
        figure.grey(pixels, "image", 0.0, 1.0),
        figure.numbers(weights, f"kernel: {kernel}", 2 if kernel == "mean" else 0),
        panel,
        inches=2.9,
    )
    done = "set to zero by the ReLU" if relu else "left as they are"
    return figure.as_html(
        picture,
        alt=f"{chosen.title}, a 3 × 3 kernel for {kernel}, and the map it gives with stride {stride}",
        caption=f"{chosen.title}, scaled to 0 … 1; stride {stride} makes {_size(pixels)} pixels {_size(seen)}. "
        f"{below:.0%} of the map's values are below zero, {done}.",
        tier=chosen.tier,
    )


def explore_filter() -> ipywidgets.VBox:
    """Return menus, a slider and a box for `filter_picture`."""
    return linked(
        {
            "image": menu(list(specimens()), "image", "MRI"),
            "kernel": menu(list(FILTERS), "kernel"),
            "stride": slider(ipywidgets.IntSlider, 1, 1, 4, 1, "stride (pixels)"),
            "relu": ipywidgets.Checkbox(True, description="ReLU", indent=False),
        },
        filter_picture,
    )


# ---- a small network, and what it sees


@cache
def outlines() -> Split:
    """Return the phantoms that `small_cnn` learns from: lesions whose outline is smooth or spiculated."""
    return texture_world(train=120 if fast() else 480, val=4, test=60 if fast() else 240, size=64, seed=2)


@cache
def small_cnn(trained: bool) -> CNN:
    """Return a CNN of width 8, with weights as drawn, or after it has learned from `outlines()`.

    The first call with True takes some seconds, and shows a bar; later ones return the same network.
    """
    with drawn_by(0):
        network = CNN(classes=2, width=WIDTH)
    if trained:
        images, settings = outlines().train, Settings(batch_size=16, epochs=2 if fast() else 12, learning_rate=3e-3)
        prepared = normalise.percentile(images.image)
        fit(network, prepared, images.label, images.mask, settings, seed=0, title="a small CNN")
    return network.train(False)


def blocks_of(network: CNN) -> list[nn.Module]:
    """Return the network's convolution blocks in the order in which an image goes through them."""
    return [block for stage in network.encoder.stages for block in stage] + [network.middle]


def geometry(network: CNN) -> list[tuple[int, int]]:
    """Return (kernel, stride) of each convolution on the way to 1/8."""
    return [(block[0].kernel_size[0], block[0].stride[0]) for block in blocks_of(network)]


def seen_from(layers: list[tuple[int, int]], place: int) -> tuple[int, int]:
    """Return the first and the last input pixel that one place of the last map sees, along one axis.

    Args:
        layers: (kernel, stride) from the image on, each padded by kernel // 2.
        place: row or column in the last map.

    Returns:
        two whole numbers; the first may be below 0, the last beyond the image: padding is seen there.

    >>> seen_from([(3, 2), (3, 1)], 4)      # 7 pixels around pixel 8
    (5, 11)
    """
    first = last = place
    for kernel, stride in reversed(layers):
        first = first * stride - kernel // 2
        last = last * stride - kernel // 2 + kernel - 1
    return first, last


@cache
def prepared(image: str) -> Tensor:
    """Return a specimen as the network sees it: (1, 1, 128, 128), cut to a square, values 0 … 1."""
    pixels = pick(specimens(), image, "image").image
    side = min(pixels.shape)
    top, left = ((length - side) // 2 for length in pixels.shape)
    square = pixels[top : top + side, left : left + side]
    return normalise.percentile(resize_image(square, SIDE))[None, None]


def maps_of(network: CNN, image: Tensor) -> list[Tensor]:
    """Return what each of the seven blocks makes of (1, 1, H, W): (1, C, H', W') each."""
    maps = []
    with torch.no_grad():
        for block in blocks_of(network):
            image = block(image)
            maps.append(image)
    return maps


def sensitivity(network: CNN, image: Tensor, layer: int, channel: int, y: int, x: int) -> Tensor:
    """Return how strongly each pixel moves one value of a map, before its ReLU: |gradient|, (H, W)."""
    image = image.clone().requires_grad_()
    *before, last = blocks_of(network)[: layer + 1]
    seen = image
    for block in before:
        seen = block(seen)
    value = last[1](last[0](seen))[0, channel, y, x]
    return torch.autograd.grad(value, image)[0][0, 0].abs()


def maps_picture(image: str, layer: str, trained: bool) -> str:
    """Return the image and the first six maps that one layer makes of it, as an HTML figure.

    Args:
        image, layer, trained: as for `layer_picture`.
    """
    chosen, index = pick(specimens(), image, "image"), pick(DEPTH, layer, "layer")
    pixels = prepared(image)
    maps = maps_of(small_cnn(bool(trained)), pixels)[index][0]
    panels = [figure.grey(pixels[0, 0], "image", 0.0, 1.0)]
    panels += [figure.heat(maps[channel], f"map {channel}") for channel in range(6)]
    return figure.as_html(
        figure.row(*panels, inches=1.75),
        alt=f"{chosen.title} and six maps of layer {index + 1} of a small CNN, {STATES[bool(trained)]}",
        caption=f"{chosen.title}, and six of the {len(maps)} maps of layer {index + 1}, {_size(maps[0])} values each; "
        f"a small CNN, {STATES[bool(trained)]}.",
        tier=chosen.tier,
    )


def layer_picture(image: str, layer: str, channel: int, down: int, right: int, trained: bool) -> str:
    """Return image with receptive field | map with the place | what moves that value, as an HTML figure.

    Args:
        image: a name from `specimens()`.
        layer: a name from `LAYERS`.
        channel: 0 ... 7, one of the layer's first eight maps.
        down, right: the place, in % of height and width.
        trained: False shows the network as it was drawn, before it learned anything.

    Raises:
        ValueError: a name that is not in the menus, a channel outside 0 ... 7, a place outside 0 ... 100.
    """
    chosen, index = pick(specimens(), image, "image"), pick(DEPTH, layer, "layer")
    for name, value, most in (("channel", channel, WIDTH - 1), ("down", down, 100), ("right", right, 100)):
        if not 0 <= value <= most:
            raise ValueError(f"{name} must lie in 0 ... {most}, got {value}; move it back")
    network, pixels = small_cnn(bool(trained)), prepared(image)
    feature = maps_of(network, pixels)[index][0, channel]
    y, x = (round(share / 100 * (length - 1)) for share, length in zip((down, right), feature.shape))
    moved = sensitivity(network, pixels, index, channel, y, x)
    layers = geometry(network)[: index + 1]
    box = (*seen_from(layers, y), *seen_from(layers, x))
    inside = moved[max(box[0], 0) : box[1] + 1, max(box[2], 0) : box[3] + 1].sum() / moved.sum()
    picture = figure.row(
        _boxed(figure.grey(pixels[0, 0], "image", 0.0, 1.0), box),
        _boxed(figure.heat(feature, f"map {channel} of layer {index + 1}"), (y, y, x, x)),
        _boxed(figure.heat((moved / moved.max()).sqrt(), "what moves that value"), box),
        inches=2.9,
    )
    return figure.as_html(
        picture,
        alt=f"{chosen.title} with a square around what one value of layer {index + 1} sees; that layer's map; and "
        "how strongly each pixel moves the value",
        caption=f"{chosen.title}, in a small CNN, {STATES[bool(trained)]}. One value of layer {index + 1} "
        f"({_size(feature)} of them a map) sees a square of {box[1] - box[0] + 1} pixels. {float(inside):.1%} of what "
        "moves it (the root of |gradient| is drawn, largest = 1) lies in the square; the rest reaches it through the "
        "norms' means.",
        tier=chosen.tier,
    )


def explore_layer() -> ipywidgets.VBox:
    """Return menus, sliders and a box for `layer_picture`; the network is trained when first called."""
    return linked(
        {
            "image": menu(list(specimens()), "image", "MRI"),
            "layer": menu(list(LAYERS), "layer", LAYERS[3]),
            "channel": slider(ipywidgets.IntSlider, 0, 0, WIDTH - 1, 1, "map"),
            "down": slider(ipywidgets.IntSlider, 50, 0, 100, 5, "down (%)"),
            "right": slider(ipywidgets.IntSlider, 40, 0, 100, 5, "right (%)"),
            "trained": ipywidgets.Checkbox(True, description="trained", indent=False),
        },
        layer_picture,
    )


def _boxed(panel: figure.Panel, box: tuple[int, int, int, int]) -> figure.Panel:
    """Add a frame around rows and columns first ... last to a panel of an image."""
    top, bottom, left, right = box

    def draw(axis: Axes) -> None:
        panel(axis)
        limits = axis.get_xlim(), axis.get_ylim()
        place, wide, high = (left - 0.5, top - 0.5), right - left + 1, bottom - top + 1
        axis.add_patch(Rectangle(place, wide, high, fill=False, edgecolor="white", linewidth=3))
        axis.add_patch(Rectangle(place, wide, high, fill=False, edgecolor=figure.ORANGE, linewidth=1.6))
        axis.set_xlim(limits[0])
        axis.set_ylim(limits[1])

    return draw


def _size(image: Tensor) -> str:
    return " × ".join(str(length) for length in image.shape)
