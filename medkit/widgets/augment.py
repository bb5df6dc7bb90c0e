"""What the sliders of notebook 03 do: moving image and mask, reading a label map, and keyed draws."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import ipywidgets
import torch
from torch import Tensor

from medkit import augment, figure
from medkit.augment import Moves, Ranges
from medkit.data.container import ImageSet
from medkit.data.phantom import phantom
from medkit.exercises.pictures import outlined
from medkit.figure import short
from medkit.lesson import specimens
from medkit.widgets.controls import grey_range, linked, menu, pick, slider

FLIPS = {"no flip": (False, False), "horizontal flip": (True, False), "vertical flip": (False, True)}
FILLS = ("the image's minimum", "the image's maximum", "zero")
LABELS = ("air", "body", "liver", "kidney")  # 0 ... 3, as numbers in a label map
BATCHES = {"images 0 to 4": (0, 1, 2, 3, 4), "images 9, 2, 7, 4, 5": (9, 2, 7, 4, 5)}
DRAWS = ("a draw for each image", "one draw for the batch")


class Sample(NamedTuple):
    """An image to move. image: (1, 1, H, W); mask: (1, 1, H, W) bool, None where nobody drew one."""

    title: str
    image: Tensor
    mask: Tensor | None
    tier: str
    unit: str


@cache
def samples() -> dict[str, Sample]:
    """Return what the menu offers: a phantom with its mask, and real images, which have none."""
    data = bodies()
    largest = int(data.mask.flatten(1).sum(1).argmax())
    made = Sample("Phantom MRI with a lesion", data.image[[largest]], data.mask[[largest]], "phantom", "grey level")
    real = {
        name: Sample(one.title, one.image[None, None], None, one.tier, one.unit)
        for name, one in specimens().items()
        if one.tier != "phantom"
    }
    return {"phantom with mask": made, **real}


@cache
def bodies() -> ImageSet:
    """Return 30 phantom MR slices with lesions and masks, 96 × 96."""
    data = phantom(90, size=96, modality="MRI", difficulty=0.2, seed=4)
    return data.subset((data.label > 0).nonzero().flatten()[:30])


def share_inside(image: Tensor, moves: Moves) -> Tensor:
    """Return, for each pixel of the moved images, which share of it was read inside the old one; as image."""
    ones_and_zeros = torch.cat([torch.ones_like(image[:, :1]), torch.zeros_like(image[:, :1])], dim=1)
    return augment.move(ones_and_zeros, None, moves)[0][:, :1]  # zeros, the minimum, come in from beyond


def filled(image: Tensor, moves: Moves, fill: str) -> Tensor:
    """Return moved images with another fill beyond the border than their minimum, which is medkit's."""
    low = image.amin((1, 2, 3), keepdim=True)
    values = {FILLS[0]: low, FILLS[1]: image.amax((1, 2, 3), keepdim=True), FILLS[2]: torch.zeros_like(low)}
    value = pick(values, fill, "fill")
    return augment.move(image, None, moves)[0] + (1 - share_inside(image, moves)) * (value - low)


def augment_picture(image: str, flip: str, fill: str, angle: float, zoom: float) -> str:
    """Return before | after | the mask after, as an HTML figure; the real images have no mask to show.

    Args:
        image: a name from `samples()`.
        flip: a name from `FLIPS`.
        fill: a name from `FILLS`; what stands beyond the border.
        angle: degrees anticlockwise.
        zoom: > 0; above 1 magnifies.
    """
    chosen = pick(samples(), image, "image")
    left_right, top_bottom = pick(FLIPS, flip, "flip")
    moves = augment.fixed(1, flip_horizontal=left_right, flip_vertical=top_bottom, angle=angle, zoom=zoom)
    _, mask = augment.move(chosen.image, chosen.mask, moves)
    after = filled(chosen.image, moves, fill)[0, 0]
    outside = 1 - float(share_inside(chosen.image, moves).mean())
    low, high = grey_range(chosen.image[0, 0])
    old = None if chosen.mask is None else chosen.mask[0, 0]
    panels = [
        outlined(chosen.image[0, 0], old, "before", low, high),
        outlined(after, None if mask is None else mask[0, 0], "after", low, high),
    ]
    sizes = "Nobody drew a mask for it. "
    if mask is not None:
        panels.append(figure.grey(mask[0, 0].double(), "mask after", 0, 1))
        sizes = f"The lesion has {int(old.sum())} pixels before and {int(mask.sum())} after. "
    moved = augment.describe(moves)[0]
    return figure.as_html(
        figure.row(*panels),
        alt=f"{chosen.title} before and after these moves: {moved}"
        + ("" if mask is None else "; the outline of its mask moves along"),
        caption=f"{chosen.title}: {moved}. {sizes}{outside:.1%} of the picture lies beyond the old border, and is "
        f"filled with {fill} (minimum {short(float(chosen.image.min()))}, {chosen.unit}).",
        tier=chosen.tier,
    )


def label_map(size: int = 48) -> Tensor:
    """Return a drawn label map (size, size), numbers as in `LABELS`: a body, a liver, two kidneys."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")
    labels = torch.zeros(size, size)
    for cx, cy, rx, ry, label in (
        (0, 0, 0.85, 0.7, 1), (-0.35, -0.15, 0.36, 0.32, 2), (-0.35, 0.42, 0.16, 0.14, 3), (0.4, 0.35, 0.16, 0.2, 3),
    ):  # fmt: skip
        labels[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1] = label
    return labels


def read_labels(angle: float, zoom: float, rounded: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Move the label map in two ways: at the nearest pixel, and between pixels as if it were an image.

    Returns:
        nearest, bilinear: (H, W). invented: (H, W) bool, pixels whose bilinear number stands for no organ,
        or for one that none of the four pixels it was read from has.
    """
    labels = label_map()[None, None]
    organs = torch.cat([labels == k for k in range(1, len(LABELS))], dim=1)  # (1, 3, H, W)
    moves = augment.fixed(1, angle=angle, zoom=zoom)
    shares, masks = augment.move(organs.float(), organs, moves)
    nearest = (masks * torch.arange(1, len(LABELS))[:, None, None]).sum(1)[0].float()
    bilinear = augment.move(labels, None, moves)[0][0, 0]
    whole = bilinear.round()
    shares = torch.cat([1 - shares.sum(1, keepdim=True), shares], dim=1)[0]  # air is what is left
    there = shares.gather(0, whole.long()[None])[0] > 1e-3
    if rounded:
        return nearest, whole, ~there
    return nearest, bilinear, ~there | ((bilinear - whole).abs() > 1e-3)


def labels_picture(rounded: bool, angle: float, zoom: float) -> str:
    """Return label map | moved, nearest | moved, bilinear | invented labels, as an HTML figure.

    Args:
        rounded: round what bilinear reading gives to whole numbers.
        angle: degrees anticlockwise. zoom: > 0.
    """
    nearest, bilinear, invented = read_labels(angle, zoom, rounded)
    how = "bilinear, rounded" if rounded else "bilinear"
    named = ", ".join(f"{k} {name}" for k, name in enumerate(LABELS))
    picture = figure.row(
        figure.heat(label_map(), "label map"),
        figure.heat(nearest, "moved: nearest"),
        figure.heat(bilinear, f"moved: {how}"),
        figure.grey(invented.double(), "invented labels (white)", 0, 1),
    )
    return figure.as_html(
        picture,
        alt=f"A label map, moved by nearest and by {how} reading, and the pixels with invented labels",
        caption=f"Labels drawn for this page: {named}. Moved by {angle:g}° and zoom {zoom:g}: {how} reading "
        f"invents {int(invented.sum())} labels of {invented.numel()} pixels, nearest reading none.",
        tier="phantom",
    )


def batch_picture(batch: str, draw: str, seed: int, epoch: int) -> str:
    """Return five images of one batch, moved under a key, as an HTML figure.

    Args:
        batch: a name from `BATCHES`.
        draw: a name from `DRAWS`; the second is the mistake.
        seed, epoch: of the key; whole numbers from 0.
    """
    index = torch.tensor(pick(BATCHES, batch, "batch"))
    which = pick({DRAWS[0]: index, DRAWS[1]: index[:1].expand(5)}, draw, "draw")
    moves = augment.draw(which, seed, epoch, Ranges())
    data = bodies()
    image, mask = augment.move(data.image[index], data.mask[index], moves)
    panels = [  # each on a grey scale of its own: gains of MR scanners differ
        outlined(x[0], m[0], f"image {i}", *grey_range(data.image[i]))
        for x, m, i in zip(image, mask, index.tolist())
    ]
    listing = "; ".join(f"{i}: {text}" for i, text in zip(index.tolist(), augment.describe(moves)))
    return figure.as_html(
        figure.row(*panels, inches=2),
        alt=f"Five phantoms with outlined lesions, each moved; seed {seed}, epoch {epoch}, {draw}",
        caption=f"Phantoms, seed {seed}, epoch {epoch}, {draw}. {listing}.",
        tier="phantom",
    )


def explore_augment() -> ipywidgets.VBox:
    """Return menus and sliders for `augment_picture`."""
    return linked(
        {
            "image": menu(list(samples()), "image"),
            "flip": menu(list(FLIPS), "flip"),
            "fill": menu(FILLS, "beyond the border"),
            "angle": slider(ipywidgets.FloatSlider, 20.0, -180.0, 180.0, 5.0, "angle (degrees)"),
            "zoom": slider(ipywidgets.FloatSlider, 0.9, 0.5, 2.0, 0.05, "zoom"),
        },
        augment_picture,
    )


def explore_labels() -> ipywidgets.VBox:
    """Return a box and sliders for `labels_picture`."""
    return linked(
        {
            "rounded": ipywidgets.Checkbox(False, description="round to whole numbers", indent=False),
            "angle": slider(ipywidgets.FloatSlider, 20.0, -180.0, 180.0, 5.0, "angle (degrees)"),
            "zoom": slider(ipywidgets.FloatSlider, 1.0, 0.5, 2.0, 0.05, "zoom"),
        },
        labels_picture,
    )


def explore_batch() -> ipywidgets.VBox:
    """Return menus and sliders for `batch_picture`."""
    return linked(
        {
            "batch": menu(list(BATCHES), "batch"),
            "draw": menu(DRAWS, "draw"),
            "seed": slider(ipywidgets.IntSlider, 0, 0, 9, 1, "seed"),
            "epoch": slider(ipywidgets.IntSlider, 1, 0, 50, 1, "epoch"),
        },
        batch_picture,
    )
