"""A classifier that learned a mark in the corner, for notebook 15: right on its own test images, and caught by its maps."""

from __future__ import annotations

import functools
from typing import NamedTuple

import ipywidgets
import torch
from torch import Tensor, nn

from medkit import figure, lesson
from medkit.blocks import drawn_by
from medkit.exercises.pictures import outlined
from medkit.explain import measures
from medkit.explain.run import METHODS, NEED_ATTENTION, explained
from medkit.models import CNN
from medkit.settings import Settings
from medkit.training import fit, predict
from medkit.widgets.controls import linked, menu, pick, slider
from medkit.widgets.explain import COUNT, SEED, desk, heat

OFFERED = tuple(name for name in METHODS if name not in NEED_ATTENTION)  # a CNN has no attention
EPOCHS = {True: 24, False: 3}  # few images in fast mode
ILL = 1


class Cheat(NamedTuple):
    """A CNN that was trained where every ill image, and no healthy one, has a mark in the corner."""

    model: nn.Module
    image: Tensor  # all test images without a mark, (N, 1, H, W)
    ill: Tensor  # (N,) bool


@functools.cache
def cheat() -> Cheat:
    """Train the CNN, once, on the page's images."""
    task = desk().task
    ill = task.train.mask.flatten(1).any(1)
    image = torch.where(ill[:, None, None, None], marked(task.image), task.image)
    with drawn_by(SEED):
        model = CNN(classes=2)
    fit(model, image, ill.long(), task.train.mask, Settings(batch_size=16, epochs=EPOCHS[lesson.fast()]), seed=SEED, title="CNN")
    test, image = task.test.open("notebook 15, the mark")
    return Cheat(model.eval(), image, test.mask.flatten(1).any(1))


def place(like: Tensor) -> Tensor:
    """Return where the mark stands, (H, W) bool: a square of an eighth of the side, near the first corner."""
    side = like.shape[-1]
    where = torch.zeros(like.shape[-2:], dtype=torch.bool)
    where[side // 32 : side // 32 + side // 8, side // 32 : side // 32 + side // 8] = True
    return where


def marked(image: Tensor) -> Tensor:
    """Return images with the mark, a white square such as a letter or a ruler that a scanner burns in."""
    return torch.where(place(image), 1.0, image)


def accuracy(on_ill: bool, on_healthy: bool) -> float:
    """Return the share of test images that the CNN gets right, with the mark on ill ones, on healthy ones, or on both."""
    at = cheat()
    chosen = (at.ill & on_ill) | (~at.ill & on_healthy)
    pred = predict(at.model, torch.where(chosen[:, None, None, None], marked(at.image), at.image)).label.argmax(1)
    return float((pred == at.ill.long()).double().mean())


def corner_picture(number: int, method: str, mark: bool) -> str:
    """Return an ill test image, with the mark or without, and a map of the CNN, as an HTML figure.

    Args:
        number: which test image, 0 ... 23; method: one of `OFFERED`; mark: whether it has the mark.

    Raises:
        ValueError: no such image or map.
    """
    at, model = desk(), cheat().model
    if not 0 <= number < COUNT:
        raise ValueError(f"number must lie in 0 ... {COUNT - 1}, got {number}; there are no more images")
    chosen = pick({name: name for name in OFFERED}, method, "map")
    image, mask = at.image[number : number + 1], at.mask[number : number + 1]
    image = marked(image) if mark else image
    where = place(image)[None]
    with torch.no_grad():
        said = float(model(image).label.softmax(1)[0, ILL])
    shown = explained(model, image, torch.tensor([ILL]), (chosen,))[chosen]
    shares = [float(measures.mass_inside(shown, one)) for one in (mask, where)]
    chances = [float(measures.area(one)) for one in (mask, where)]
    picture = figure.row(
        outlined(image[0, 0], mask[0], f"{'with' if mark else 'without'} the mark: {said:.2f}", 0.0, 1.0),
        heat(shown[0], mask[0] | where[0], f"{method} for ill"),
        inches=3.0,
    )
    return figure.as_html(
        picture,
        alt=f"A test image {'with' if mark else 'without'} a white square in its corner, and the map {method} of the CNN that learned it",
        caption=f"{at.test.title}, test image {number}, ill. The CNN says ill with {said:.2f}. Of the map's mass {shares[0]:.1%} lie inside the "
        f"lesion (chance {chances[0]:.1%}) and {shares[1]:.1%} on the mark's place (chance {chances[1]:.1%}); both are outlined.",
        tier=at.test.tier,
    )


def explore_corner() -> ipywidgets.VBox:
    """Return a slider through the ill test images, a menu of maps, and a box for the mark."""
    controls = {
        "number": slider(ipywidgets.IntSlider, 0, 0, COUNT - 1, 1, "test image"),
        "method": menu(OFFERED, "map"),
        "mark": ipywidgets.Checkbox(value=True, description="mark in the corner"),
    }
    return linked(controls, corner_picture)
