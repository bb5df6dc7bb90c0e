"""What the controls of notebook 15 do: maps by method, squares that cover, pixels that go; on models trained on the page."""

from __future__ import annotations

import functools
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from torch import Tensor, nn

from medkit import figure, lesson
from medkit.data.container import ImageSet, Split
from medkit.data.phantom import phantom
from medkit.data.public import breast_ultrasound
from medkit.data.where import data_root
from medkit.experiment import Task, build, prepare
from medkit.exercises.pictures import outlined
from medkit.explain import measures, occlusion
from medkit.explain.run import CENTRE, LOT, METHODS, explained
from medkit.preparation import Preparation
from medkit.settings import Settings
from medkit.training import fit
from medkit.widgets.controls import linked, menu, pick, slider

MODELS = ("hybrid", "Transformer")  # of the course's four, those with attention
SHOWN = (*METHODS, CENTRE, LOT)  # maps that the page offers
WAYS = {"deletion": measures.deletion, "insertion": measures.insertion}
SIZES = {True: 32, False: 64}  # pixels along each side, in fast mode and in full
EPOCHS = {True: 4, False: 8}
SEED, OTHER = 0, 1000  # of the trained and of the untrained weights
COUNT = 24  # test images with a lesion on the page


class Desk(NamedTuple):
    """Trained models, the same untrained, and test images with a lesion: as they are, and as models see them."""

    task: Task
    models: dict[str, nn.Module]
    untrained: dict[str, nn.Module]
    test: ImageSet
    image: Tensor  # (24, 1, H, W)
    label: Tensor  # (24,)
    mask: Tensor  # (24, H, W) bool


@functools.cache
def desk() -> Desk:
    """Train a small hybrid and a small Transformer, once: on breast ultrasounds where they are at hand, else on phantoms."""
    fast = lesson.fast()
    task = prepare(images(SIZES[fast], fast), Preparation(), torch.device("cpu"))
    models = {name: trained(build(name, task, SEED), task, EPOCHS[fast], name) for name in MODELS}
    untrained = {name: build(name, task, SEED + OTHER).eval() for name in MODELS}
    test, image = task.test.open("notebook 15")
    ill = test.mask.flatten(1).any(1).nonzero()[:, 0]
    some = ill[torch.linspace(0, len(ill) - 1, COUNT).round().long()]
    mask = test.mask[some].reshape(-1, *image.shape[-2:]).bool()
    return Desk(task, models, untrained, test.subset(some), image[some], test.label[some], mask)


def images(size: int, fast: bool) -> Split:
    """Return breast ultrasounds where they are at hand, else ultrasound phantoms, few in fast mode."""
    if data_root() is not None:
        return breast_ultrasound(data_root(), size=size, limit=60 if fast else None, seed=SEED)
    counts = {"train": 60 if fast else 480, "val": 18, "test": 48 if fast else 90}
    return Split(**{side: phantom(n, size, "ultrasound", seed=2, split=side) for side, n in counts.items()})


def trained(model: nn.Module, task: Task, epochs: int, title: str) -> nn.Module:
    """Train a model on a task's training images, and return it."""
    data = task.train
    fit(model, task.image, data.label, data.mask, Settings(epochs=epochs), seed=SEED, scored=data.scored, title=title)
    return model.eval()


def map_of(number: int, model: str, method: str, untrained: bool = False) -> Tensor:
    """Return one map (1, H, W) of a test image, for its true class.

    Args:
        number: which test image, 0 ... 23; model: one of `MODELS`; method: one of `SHOWN`.
        untrained: with weights that were never trained.

    Raises:
        ValueError: no such image, model or map.
    """
    at = desk()
    _check(number)
    weights = pick(at.untrained if untrained else at.models, model, "model")
    shown = pick({name: name for name in SHOWN}, method, "map")
    if shown == CENTRE:
        return measures.centre_prior(at.mask[:1])
    if shown == LOT:
        return torch.rand(at.mask[:1].shape, generator=torch.Generator().manual_seed(number))
    return explained(weights, at.image[number : number + 1], at.label[number : number + 1], (shown,))[shown]


# ---- maps


def maps_picture(number: int, model: str, method: str, untrained: bool) -> str:
    """Return a test image and a map of it, both with the lesion's outline, as an HTML figure. Arguments as `map_of`."""
    at, shown = desk(), map_of(number, model, method, untrained)
    mask = at.mask[number : number + 1]
    middle = measures.centre_prior(mask)
    mass, centre = (float(measures.mass_inside(one, mask)) for one in (shown, middle))
    point = float(measures.pointing_game(shown, mask))
    who = "knows no model" if method in (CENTRE, LOT) else f"{model}, untrained" if untrained else model
    picture = figure.row(
        outlined(at.image[number, 0], mask[0], "image, lesion outlined"),
        heat(shown[0], mask[0], f"{method}\n{who}"),
        inches=3.0,
    )
    return figure.as_html(
        picture,
        alt=f"A test image with its lesion's outline, and beside it the map {method} of {who}, with {mass:.0%} of its mass inside",
        caption=f"{_title(number)}. {method}, {who}: {mass:.1%} of the map's mass inside the lesion (chance "
        f"{float(measures.area(mask)):.1%}, the middle {centre:.1%}). Highest pixel: {_said(point)}.",
        tier=at.test.tier,
    )


def explore_maps() -> ipywidgets.VBox:
    """Return a slider through the test images, menus of models and maps, and a box for untrained weights."""
    controls = {
        "number": slider(ipywidgets.IntSlider, 0, 0, COUNT - 1, 1, "test image"),
        "model": menu(MODELS, "model"),
        "method": menu(SHOWN, "map"),
        "untrained": ipywidgets.Checkbox(value=False, description="untrained weights"),
    }
    return linked(controls, maps_picture)


# ---- occlusion


def occlusion_picture(number: int, patch: int) -> str:
    """Return a test image, the same with one square covered, and the hybrid's occlusion map, as an HTML figure.

    Args:
        number: which test image, 0 ... 23; patch: side of the squares, pixels, 8 ... 32, even.

    Raises:
        ValueError: no such image or side.
    """
    at = desk()
    _check(number)
    if not 8 <= patch <= 32 or patch % 2:
        raise ValueError(f"patch must be even, in 8 ... 32, got {patch}; a square as large as the image says nothing")
    image, label, mask = at.image[number : number + 1], at.label[number : number + 1], at.mask[number : number + 1]
    stride = max(4, patch // 2)
    shown = occlusion(at.models["hybrid"], image, label, patch, stride)
    covered = _covered(image, shown[0], patch)
    before, after = (_probability(at.models["hybrid"], one, label) for one in (image, covered))
    mass = float(measures.mass_inside(shown, mask))
    picture = figure.row(
        outlined(image[0, 0], mask[0], f"whole: {before:.2f}"),
        outlined(covered[0, 0], mask[0], f"covered: {after:.2f}"),
        heat(shown[0], mask[0], f"occlusion, {patch} pixels"),
        inches=2.6,
    )
    return figure.as_html(
        picture,
        alt=f"A test image, the same with a square of {patch} pixels covered, and the map of how much each square counts",
        caption=f"{_title(number)}. The hybrid's probability of that class is {before:.2f}; {after:.2f} with a square of {patch} × {patch} "
        f"pixels covered where the map is highest. Squares every {stride} pixels; {mass:.1%} of the map's mass inside "
        f"the lesion (chance {float(measures.area(mask)):.1%}).",
        tier=at.test.tier,
    )


def explore_occlusion() -> ipywidgets.VBox:
    """Return sliders for `occlusion_picture`."""
    controls = {
        "number": slider(ipywidgets.IntSlider, 0, 0, COUNT - 1, 1, "test image"),
        "patch": slider(ipywidgets.IntSlider, 16, 8, 32, 4, "side of the square"),
    }
    return linked(controls, occlusion_picture)


def _covered(image: Tensor, shown: Tensor, patch: int) -> Tensor:
    """Cover the square around a map's highest pixel with the image's mean, as `occlusion` does."""
    covered = image.clone()
    middle = divmod(int(shown.argmax()), shown.shape[1])
    top, left = (min(max(at - patch // 2, 0), side - patch) for at, side in zip(middle, shown.shape))
    covered[..., top : top + patch, left : left + patch] = image.mean()
    return covered


# ---- deletion and insertion


def curve_picture(number: int, method: str, way: str, step: int) -> str:
    """Return a test image as pixels go or come in a map's order, and the hybrid's curve beside one by lot.

    Args:
        number: which test image, 0 ... 23; method: one of `SHOWN`; way: one of `WAYS`; step: 0 ... 16.

    Raises:
        ValueError: no such image, map, way or step.
    """
    at, shown = desk(), map_of(number, "hybrid", method)
    measure = pick(WAYS, way, "way")
    if not 0 <= step <= measures.STEPS:
        raise ValueError(f"step must lie in 0 ... {measures.STEPS}, got {step}; after the last, all pixels are gone")
    image, label, seen = at.image[number : number + 1], at.label[number : number + 1], []

    def watched(now: Tensor):
        seen.append(now)
        return at.models["hybrid"](now)

    curve = measure(watched, image, label, shown, seed=0)
    by_lot = measure(at.models["hybrid"], image, label, map_of(number, "hybrid", LOT), seed=0)
    areas = [float(measures.area_under(one)) for one in (curve, by_lot)]
    lines = {method: curve[0].tolist(), "in an order by lot": by_lot[0].tolist()}
    gone = "deleted" if way == "deletion" else "inserted"
    picture = figure.row(
        outlined(seen[step][0, 0], at.mask[number], f"{step} of {measures.STEPS} parts {gone}", *_ends(image)),
        _curve_panel(lines, way, f"share of the pixels {gone}", step),
        inches=3.4,
    )
    return figure.as_html(
        picture,
        alt=f"A test image with {step} of {measures.STEPS} parts {gone} by {method}, and the class's probability at each step",
        caption=f"{_title(number)}. {way}, hybrid: probability of that class {float(curve[0, step]):.2f} at this step. Area under the "
        f"curve {areas[0]:.3f}, by lot {areas[1]:.3f}: {'lower' if way == 'deletion' else 'higher'} is more faithful.",
        tier=at.test.tier,
    )


def explore_curve() -> ipywidgets.VBox:
    """Return controls for `curve_picture`."""
    controls = {
        "number": slider(ipywidgets.IntSlider, 0, 0, COUNT - 1, 1, "test image"),
        "method": menu(SHOWN[:-1], "map"),
        "way": menu(list(WAYS), "way"),
        "step": slider(ipywidgets.IntSlider, 3, 0, measures.STEPS, 1, "step"),
    }
    return linked(controls, curve_picture)


def _curve_panel(lines: dict[str, list[float]], title: str, label: str, step: int) -> figure.Panel:
    shares = [one / measures.STEPS for one in range(measures.STEPS + 1)]
    panel = figure.curve(shares, lines, f"{title}: probability of the class", label)

    def draw(axis: Axes) -> None:
        panel(axis)
        axis.axvline(step / measures.STEPS, color=figure.INK, linestyle="--", linewidth=1.5)
        axis.set_ylim(-0.03, 1.03)

    return draw


# ---- what they share


def heat(shown: Tensor, mask: Tensor, title: str) -> figure.Panel:
    """Return a panel of a map (H, W) with the outline of a mask (H, W)."""
    panel = figure.heat(shown, title)

    def draw(axis: Axes) -> None:
        panel(axis)
        if mask.any() and not mask.all():
            limits = axis.get_xlim(), axis.get_ylim()
            line = axis.contour(mask.double().numpy(), levels=[0.5], colors=["white"], linewidths=1.8, linestyles="--")
            line.set(path_effects=[withStroke(linewidth=3.6, foreground="black")])  # white is lost on yellow
            axis.set(xlim=limits[0], ylim=limits[1])

    return draw


def _probability(model: nn.Module, image: Tensor, label: Tensor) -> float:
    with torch.no_grad():
        return float(model(image).label.softmax(1)[0, label[0]])


def _ends(image: Tensor) -> tuple[float, float]:
    return float(image.min()), float(image.max())


def _said(point: float) -> str:
    return {1.0: "a hit", 0.0: "a miss"}.get(point, f"several, {point:.1%} of them inside")


def _title(number: int) -> str:
    at = desk()
    return f"{at.test.title}, test image {number}, labelled {at.test.classes[int(at.label[number])]}"


def _check(number: int) -> None:
    if not 0 <= number < COUNT:
        raise ValueError(f"number must lie in 0 ... {COUNT - 1}, got {number}; there are no more images")
