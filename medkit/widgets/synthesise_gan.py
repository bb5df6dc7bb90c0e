"""What the controls of notebook 16 do with a GAN: images on its way, and copies planted among new ones."""

from __future__ import annotations

import copy
import functools
from typing import NamedTuple

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from torch import Tensor

from medkit import figure, lesson
from medkit.data.container import ImageSet, Split
from medkit.data.phantom import phantom
from medkit.data.public import breast_ultrasound
from medkit.data.where import data_root
from medkit.experiment import prepare
from medkit.exercises.pictures import outlined
from medkit.preparation import Preparation
from medkit.synthesise import copies, gan
from medkit.widgets.controls import linked, menu, pick, slider
from medkit.widgets.records import dress

SEED = 0
SEEN_AT = {True: (1, 2, 4, 6, 9, 12), False: (1, 20, 50, 80, 110, 160)}  # steps, in fast mode and in full
ACROSS = 3  # images along each side of a panel
COUNTED = 60  # made images whose empty masks are counted, of each class
NOISES = 9
KINDS = ("noisy copies", "mirrored copies", "shifted copies", "blurred means")  # what is planted; the last are no copies


class Desk(NamedTuple):
    """A few training images, a GAN at several steps of its way, and other patients to compare with.

    few: the training images, as they are; image: the same prepared, (n, 1, 32, 32) in 0 ... 1.
    held_out, new: prepared images of other patients, in two parts.
    way: the generator after so many steps.
    """

    few: ImageSet
    image: Tensor
    held_out: Tensor
    new: Tensor
    way: dict[int, gan.Generator]


@functools.cache
def desk() -> Desk:
    """Train a GAN, once: on breast ultrasounds where they are at hand, else on ultrasound phantoms."""
    fast, way = lesson.fast(), {}
    task = prepare(_split(fast), Preparation(), torch.device("cpu"))
    count = 24 if fast else 99
    chosen = _of_each_class(task.train.label, count)
    few, group = task.train.subset(chosen), task.train.group
    others = (~torch.isin(group, few.group)).nonzero()[:, 0]
    others = others[_of_each_class(task.train.label[others], 36 if fast else 60)]

    def keep(step: int, generator: gan.Generator) -> None:
        if step in SEEN_AT[fast]:
            way[step] = copy.deepcopy(generator).eval()

    image = task.image[chosen]
    gan.train(image, few.mask, few.label, len(few.classes), steps=max(SEEN_AT[fast]), seed=SEED, progress=None, watch=keep)
    return Desk(few, image, task.val_image, task.image[others], way)


def _of_each_class(label: Tensor, count: int) -> Tensor:
    """Return places of `count` images, equally many of each class, classes in turn."""
    classes = label.unique()
    return torch.stack([(label == k).nonzero()[: count // len(classes), 0] for k in classes], 1).flatten()


def _split(fast: bool) -> Split:
    if data_root() is not None:
        return breast_ultrasound(data_root(), size=gan.SIDE, seed=SEED)
    sides = (("train", 90 if fast else 300), ("val", 60), ("test", 6))
    return Split(**{side: phantom(n, gan.SIDE, "ultrasound", difficulty=0.2, seed=2, split=side) for side, n in sides})


# ---- the way of a GAN


def gan_picture(snapshot: int, noise: int, label: str) -> str:
    """Return images that the GAN makes at a step, real ones, and how many masks are empty by then, as an HTML figure.

    Args:
        snapshot: which step on the way, 0 ... 5. noise: seed of the noise, 0 ... 9.
        label: one of the set's classes.

    Raises:
        ValueError: no such snapshot, noise or class.
    """
    at, steps = desk(), list(desk().way)
    for what, value, most in (("snapshot", snapshot, len(steps) - 1), ("noise", noise, NOISES)):
        if not 0 <= value <= most:
            raise ValueError(f"{what} must lie in 0 ... {most}, got {value}; give a number in between")
    number = pick({name: i for i, name in enumerate(at.few.classes)}, label, "label")
    image, mask = gan.make(at.way[steps[snapshot]], torch.full((ACROSS**2,), number), seed=noise)
    real = (at.few.label == number).nonzero()[:, 0][: ACROSS**2]
    empty = empty_masks(number)
    spread = [float(one.std(0).mean()) for one in (image, at.image[at.few.label == number])]
    picture = figure.row(
        outlined(_wall(image), _wall(mask), f"made, after {steps[snapshot]} steps"),
        outlined(_wall(at.image[real]), _wall(at.few.mask[real]), f"real: {label}"),
        _empty_panel(steps, empty, steps[snapshot]),
        inches=3.2,
    )
    return figure.as_html(
        picture,
        alt=f"Nine images of class {label} made after {steps[snapshot]} steps, nine real ones, and the share of empty masks by step",
        caption=f"{at.few.title}, {len(at.few)} training images of {gan.SIDE} × {gan.SIDE} pixels; class {label}, noise {noise}, masks "
        f"outlined. After {steps[snapshot]} steps {empty['made'][snapshot]:.0%} of {COUNTED} made masks are empty, of the real ones "
        f"{empty['real'][0]:.0%}. Images differ among each other by {spread[0]:.3f}, real ones by {spread[1]:.3f} (standard deviation).",
        tier=at.few.tier,
    )


@functools.cache
def empty_masks(number: int) -> dict[str, list[float]]:
    """Return the share of empty masks of a class by snapshot, made and real."""
    at, label = desk(), torch.full((COUNTED,), number)
    real = _empty(at.few.mask[at.few.label == number])
    return {"made": [_empty(gan.make(net, label, seed=100)[1]) for net in at.way.values()], "real": [real] * len(at.way)}


def _empty(mask: Tensor) -> float:
    return float((~mask.flatten(1).any(1)).double().mean())


def explore_gan() -> ipywidgets.VBox:
    """Return sliders and a menu for `gan_picture`."""
    return linked(
        {
            "snapshot": slider(ipywidgets.IntSlider, len(desk().way) - 1, 0, len(desk().way) - 1, 1, "snapshot"),
            "noise": slider(ipywidgets.IntSlider, 0, 0, NOISES, 1, "noise"),
            "label": menu(desk().few.classes, "class", desk().few.classes[1]),
        },
        gan_picture,
    )


def _wall(images: Tensor) -> Tensor:
    """Return (3H, 3W) of up to nine images (N, 1, H, W), row by row; places without one are 0."""
    side = images.shape[-1]
    wall = torch.zeros(ACROSS**2, side, side, dtype=images.dtype)
    wall[: len(images)] = images[:, 0]
    return wall.reshape(ACROSS, ACROSS, side, side).transpose(1, 2).reshape(ACROSS * side, ACROSS * side)


def _empty_panel(steps: list[int], empty: dict[str, list[float]], now: int) -> figure.Panel:
    curve = figure.curve(steps, empty, "empty masks", "steps; dashed upright: shown")

    def draw(axis: Axes) -> None:
        curve(axis)
        axis.axvline(now, color=figure.INK, linestyle="--", linewidth=1.5)
        axis.set_ylim(-0.05, 1.05)

    return draw


# ---- copies


def copies_picture(share: float, kind: str) -> str:
    """Return the most suspect image, its nearest training image, and the ratios of all, as an HTML figure.

    Args:
        share: of the images that are planted, 0 ... 0.5; the others are new patients, as an honest generator's would be.
        kind: one of `KINDS`.

    Raises:
        ValueError: a share outside its range, or no such kind.
    """
    if not 0 <= share <= 0.5:
        raise ValueError(f"share must lie in 0 ... 0.5, got {share}; half of all images is plenty")
    at, kind = desk(), pick({one: one for one in KINDS}, kind, "kind")
    (image, near, planted), new, found = mixed(share, kind), pool("held out")[1], checked(share, kind)
    worst = int(near.ratio.argmin())
    nearest = at.image[near.index[worst], 0]
    picture = figure.row(
        figure.grey(image[worst, 0], f"most suspect, {'planted' if worst < planted else 'a new patient'}"),
        figure.grey(nearest, "nearest in the training"),
        _ratios_panel(near.ratio, new.ratio, f"{planted} {kind}"),
        inches=3.2,
    )
    return figure.as_html(
        picture,
        alt=f"The most suspect of {len(image)} images, its nearest training image, and histograms of ratios: {planted} {kind} are among them",
        caption=f"{planted} of {len(image)} images are {kind} of training patients, the others new patients. Lowest ratio "
        f"{float(near.ratio.min()):.2f}, second lowest held out {float(new.ratio.sort().values[copies.LOWEST - 1]):.2f}; suspect {found.share:.0%}, expected of new patients "
        f"{found.expected:.1%}; copied: {'yes' if found.copied else 'no'}. {at.few.title}.",
        tier=at.few.tier,
    )


@functools.cache
def pool(kind: str) -> tuple[Tensor, copies.Neighbours]:
    """Return as many images as there are new patients, made of training images or new, and their neighbours."""
    at, draw = desk(), torch.Generator().manual_seed(SEED)
    image = {
        "new patients": at.new,
        "noisy copies": at.image[: len(at.new)],
        "mirrored copies": at.image[: len(at.new)].flip(-1),
        "shifted copies": F.pad(at.image[: len(at.new)], (3,) * 4)[..., 1 : 1 + gan.SIDE, 5 : 5 + gan.SIDE],
        "blurred means": at.image.mean(0).expand(len(at.new), -1, -1, -1),
        "held out": at.held_out,
    }[kind]
    if kind in KINDS:
        image = image + 0.04 * torch.randn(image.shape, generator=draw)
    return image, copies.neighbours(image, at.image, at.few.group)


@functools.cache
def checked(share: float, kind: str) -> copies.Copies:
    """Return what medkit's check says of images with a share of planted ones."""
    image, _, _ = mixed(share, kind)
    return copies.check(image, desk().image, desk().few.group, desk().held_out)


def mixed(share: float, kind: str) -> tuple[Tensor, copies.Neighbours, int]:
    """Return images, planted ones first and new patients behind, their neighbours, and how many are planted."""
    (made, near), (new, theirs) = pool(kind), pool("new patients")
    k = round(share * len(new))
    joined = copies.Neighbours(*(torch.cat([one[:k], other[k:]]) for one, other in zip(near, theirs, strict=True)))
    return torch.cat([made[:k], new[k:]]), joined, k


def explore_copies() -> ipywidgets.VBox:
    """Return a slider and a menu for `copies_picture`."""
    share = slider(ipywidgets.FloatSlider, 0.2, 0.0, 0.5, 0.05, "share planted")
    return linked({"share": share, "kind": menu(KINDS, "kind")}, copies_picture)


def _ratios_panel(made: Tensor, new: Tensor, title: str) -> figure.Panel:
    def draw(axis: Axes) -> None:
        bins = [i / 40 for i in range(41)]
        axis.hist(made.tolist(), bins, weights=[1 / len(made)] * len(made), color=figure.BLUE, label="made")
        axis.hist(new.tolist(), bins, weights=[1 / len(new)] * len(new), histtype="step", color=figure.INK, linewidth=1.6, label="held out")
        suspect = float(new.sort().values[copies.LOWEST - 1])
        axis.axvline(suspect, color=figure.ORANGE, linestyle="--", linewidth=1.6, label="second lowest held out")
        dress(axis)
        axis.set_box_aspect(0.8)
        axis.set_title(title, color=figure.INK, fontsize=11)
        axis.set_xlabel("nearest patient / second nearest", color=figure.INK, fontsize=9)
        axis.legend(loc="upper left", frameon=False, labelcolor=figure.INK, fontsize=8)

    return draw
