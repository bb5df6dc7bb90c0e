"""What the controls of notebook 17 do: a second scanner, a small model on shifted images, three drawn scanners."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import ipywidgets
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from medkit import experiment, figure, lesson, metrics, normalise, shift
from medkit.data.container import ImageSet, Split
from medkit.data.lesions import one_question
from medkit.data.phantom import phantom_split
from medkit.data.public import breast_ultrasound
from medkit.data.where import data_root
from medkit.exercises.pictures import outlined
from medkit.preparation import OF_THE_TRAINING, PER_IMAGE, Preparation
from medkit.presets import PRESETS, Preset
from medkit.settings import Settings
from medkit.shift.runs import ITSELF, OTHERS
from medkit.training import fit, predict
from medkit.widgets.controls import linked, menu, pick, slider
from medkit.widgets.records import dress

SHORT = {"min-max": "min-max of each image", "percentiles": "percentiles 1 and 99 of each image", "z-score": "z-score of each image"}
ALL = {**SHORT, "training set": OF_THE_TRAINING}  # the last one scales every image by what the training set had
LIMITS = {"min-max": (0.0, 1.0), "percentiles": (0.0, 1.0), "z-score": (-1.5, 3.0)}  # black and white
GREYS = 200.0  # from the darkest to the brightest pixel of scanner 1
STRENGTHS = tuple(range(6))
SEED = 0


# ---- two scanners


def scanned(image: Tensor, gain: float = 1.0, offset: float = 0.0, gamma: float = 1.0, turned: bool = False, broken: float = 0.0) -> Tensor:
    """Return an image (..., H, W) as another scanner would show it.

    The grey values are brought to 0 ... 1 by the image's own ends, raised to the power `gamma`, turned round
    (1 less the value) where asked for, and brought back; then `gain` times the value, plus `offset`. A `broken`
    pixel, where it is not 0, reads so many times the range, whatever it looks at.
    """
    low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
    share = ((image - low) / (high - low).clamp(min=1e-9)) ** gamma
    share = 1 - share if turned else share
    shown = gain * (low + (high - low) * share) + offset
    if broken:
        shown[..., 2, 2] = (low + broken * (high - low))[..., 0, 0]
    return shown


def apart(one: Tensor, other: Tensor) -> float:
    """Return how far two pictures (H, W) of one body lie apart: mean absolute difference, as a share of the first one's spread."""
    return float((other - one).abs().mean() / one.std(correction=0))


def scanner_picture(gain: float, offset: float, gamma: float, turned: bool, broken: float, scale: str) -> str:
    """Return one body in two scanners, scaled, and its grey values before and after, as an HTML figure.

    Args:
        gain, offset, gamma, turned, broken: of scanner 2, as for `scanned`; scale: "min-max", "percentiles" or "z-score".

    Raises:
        ValueError: gain or gamma is not above 0; broken below 0; no such scale.
    """
    if not gain > 0 or not gamma > 0 or not broken >= 0:
        raise ValueError(f"gain and gamma must be above 0, and broken 0 or more, got {gain}, {gamma} and {broken}; gain 1.5 is usual")
    pick(SHORT, scale, "scale")
    sample = lesson.specimens()["MRI"]
    one = GREYS * normalise.min_max(sample.image)
    other = scanned(one, gain, offset, gamma, turned, broken)
    scaled = {name: [PER_IMAGE[long](image) for image in (one, other)] for name, long in SHORT.items()}
    first, second = scaled[scale]
    picture = figure.row(
        figure.grey(first, f"scanner 1, {scale}", *LIMITS[scale]),
        figure.grey(second, f"scanner 2, {scale}", *LIMITS[scale]),
        _histograms(one, other, "as scanned", "grey value"),
        _histograms(first, second, "as scaled", f"after {scale}"),
        inches=2.5,
    )
    far = ", ".join(f"{name} {apart(*pair):.2f}" for name, pair in scaled.items())
    return figure.as_html(
        picture,
        alt=f"One body in scanner 1 and in scanner 2 after {scale}, and the histograms of both before and after",
        caption=f"{sample.title}; scanner 2 is simulated: gain {gain:g}, offset {offset:g}, gamma {gamma:g}"
        f"{', turned round' if turned else ''}{f', a broken pixel of {broken:g} times the range' if broken else ''}. Filled: scanner 1, "
        f"line: scanner 2. Apart, as a share of the spread: as scanned {apart(one, other):.2f}; {far}.",
        tier=sample.tier,
    )


def explore_scanner() -> ipywidgets.VBox:
    """Return a menu, four sliders and a box to tick for `scanner_picture`."""
    controls = {
        "scale": menu(list(SHORT), "scaled by"),
        "gain": slider(ipywidgets.FloatSlider, 1.5, 0.5, 3.0, 0.25, "gain"),
        "offset": slider(ipywidgets.FloatSlider, 60.0, 0.0, 200.0, 20.0, "offset"),
        "gamma": slider(ipywidgets.FloatSlider, 1.0, 0.5, 2.0, 0.1, "gamma"),
        "broken": slider(ipywidgets.FloatSlider, 0.0, 0.0, 10.0, 1.0, "broken pixel (× range)"),
        "turned": ipywidgets.Checkbox(False, description="turned round: bright is dark"),
    }
    return linked(controls, scanner_picture)


def _histograms(one: Tensor, other: Tensor, title: str, label: str) -> figure.Panel:
    ends = min(float(one.min()), float(other.min())), max(float(one.max()), float(other.max()))

    def draw(axis: Axes) -> None:
        for image, look in ((one, {"color": figure.BLUE, "alpha": 0.55, "fill": True}), (other, {"color": figure.ORANGE, "linewidth": 1.8})):
            axis.stairs(*np.histogram(image.double().numpy(), bins=60, range=ends), **look)
        axis.set_yscale("log")
        axis.set_title(title, color=figure.INK, fontsize=11)
        axis.set_xlabel(label, color=figure.INK, fontsize=9)
        axis.set_box_aspect(0.95)
        axis.set_ylim(bottom=0.7)
        dress(axis)

    return draw


# ---- a small model, and images that drift away from those it learned on


def drifted(image: Tensor, kind: str, strength: int) -> Tensor:
    """Return images (N, 1, H, W) as a scanner shows them that has drifted away by so many steps.

    Args:
        kind: one of `KINDS`; strength: 0 (as they were) ... 5.

    Raises:
        ValueError: no such kind, or strength.
    """
    if strength not in STRENGTHS:
        raise ValueError(f"strength must lie in 0 ... {STRENGTHS[-1]}, got {strength}; 0 leaves the images as they were")
    drift = pick(KINDS, kind, "kind")
    return drift(image, strength) if strength else image.clone()


def _noisy(image: Tensor, strength: int) -> Tensor:
    drawn = torch.randn(image.shape, generator=torch.Generator().manual_seed(SEED))
    span = image.amax((-2, -1), keepdim=True) - image.amin((-2, -1), keepdim=True)
    return image + 0.05 * strength * span * drawn


def _turning(image: Tensor, strength: int) -> Tensor:
    """Lose contrast, then win it back the other way round: from 1 by steps of 0.4 to -1."""
    low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
    return (low + high) / 2 + (1 - 0.4 * strength) * (image - (low + high) / 2)


def _bright_corner(image: Tensor, strength: int) -> Tensor:
    """Burn a label of 3 x 3 pixels into a corner, brighter than all else."""
    low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
    shown = image.clone()
    shown[..., 1:4, 1:4] = low + (1 + 1.5 * strength) * (high - low)
    return shown


KINDS = {
    "gain and offset": lambda image, s: scanned(image, gain=1 + 0.4 * s, offset=0.1 * s * float(image.max())),
    "gamma": lambda image, s: scanned(image, gamma=1 + 0.4 * s),
    "turned round": _turning,
    "bright corner": _bright_corner,
    "noise": _noisy,
}


class Bench(NamedTuple):
    """A small CNN for each way to scale, trained on one set, and that set's test images, as scanned."""

    networks: dict[str, nn.Module]
    train: ImageSet
    test: ImageSet
    shown: int


@functools.cache
def bench() -> Bench:
    """Train a small CNN for each way to scale, once: on breast ultrasounds where they are at hand, else on MRI phantoms."""
    fast = lesson.fast()
    split = _images(32 if fast else 48 if data_root() is None else 40, fast)
    settings = Settings(epochs=3 if fast else 10, cosine=True)
    networks = {}
    for name, long in ALL.items():
        image, val = (Preparation(scale=long).fitted_to(split.train)(side) for side in (split.train, split.val))
        task = experiment.Task(split.train, image, split.val, val, experiment.Sealed(split.val, val), {})
        networks[name] = experiment.build("CNN", task, SEED)
        fit(networks[name], image, split.train.label, split.train.mask, settings, seed=SEED, scored=split.train.scored, title=f"CNN, {name}")
    area = split.test.mask.flatten(1).sum(1).double()
    middle = area[area > 0].median()
    return Bench(networks, split.train, split.test, int((area - middle).abs().argmin()))


def _images(size: int, fast: bool) -> Split:
    if data_root() is not None:
        split = breast_ultrasound(data_root(), size=size, limit=60 if fast else 450, seed=SEED)
    else:
        split = phantom_split(*((60, 12, 24) if fast else (360, 12, 90)), size=size, modality="MRI", seed=2)
    return Split(*(one_question(getattr(split, side)) for side in ("train", "val", "test")))


@functools.cache
def outlines(kind: str, strength: int, scale: str) -> Tensor:
    """Return the masks that the model of one way to scale predicts on the drifted test images, (N, 1, H, W) bool."""
    at = bench()
    moved = dataclasses.replace(at.test, image=drifted(at.test.image, kind, strength))
    image = Preparation(scale=pick(ALL, scale, "scale")).fitted_to(at.train)(moved)
    return predict(at.networks[scale], image).mask > 0


def dice(kind: str, strength: int, scale: str) -> float:
    """Return the mean Dice of one model on the drifted test images that have a lesion."""
    at = bench()
    return metrics.dice(metrics.mask_counts(outlines(kind, strength, scale), at.test.mask)).value


def drift_picture(kind: str, strength: int, scale: str) -> str:
    """Return a drifted test image with its outline, and Dice by strength for each way to scale, as an HTML figure.

    Args:
        kind: one of `KINDS`; strength: 0 ... 5; scale: whose outline is shown, one of `ALL`.

    Raises:
        ValueError: no such kind, strength or scale.
    """
    at = bench()
    pick(ALL, scale, "scale")
    image = drifted(at.test.image, kind, strength)
    lines = {name: [dice(kind, s, name) for s in STRENGTHS] for name in ALL}
    was, now, truth = at.test.image[at.shown, 0], image[at.shown, 0], at.test.mask[at.shown, 0]
    picture = figure.row(
        outlined(was, truth, "as it was · truth"),
        outlined(now, outlines(kind, strength, scale)[at.shown, 0], f"drifted by {strength} · {scale}"),
        _curves(lines, strength, kind),
        inches=3.0,
    )
    picture.set_figheight(4.3)
    values = ", ".join(f"{name} {100 * line[strength]:.0f}" for name, line in lines.items())
    return figure.as_html(
        picture,
        alt=f"A test image and its lesion, the same image drifted ({kind}), and Dice by strength of the drift for four ways to scale",
        caption=f"{at.test.title}, {len(at.test)} test images, drift simulated: {kind}. A small CNN for each way to scale, trained on images "
        f"without drift, one seed. Dice in % at strength {strength}: {values}; without drift: "
        f"{', '.join(f'{name} {100 * line[0]:.0f}' for name, line in lines.items())}.",
        tier=at.test.tier,
    )


def explore_drift() -> ipywidgets.VBox:
    """Return menus and a slider for `drift_picture`."""
    controls = {
        "kind": menu(list(KINDS), "what drifts"),
        "scale": menu(list(ALL), "outline by"),
        "strength": slider(ipywidgets.IntSlider, 2, 0, STRENGTHS[-1], 1, "strength"),
    }
    return linked(controls, drift_picture)


def _curves(lines: dict[str, list[float]], strength: int, kind: str) -> figure.Panel:
    curve = figure.curve(STRENGTHS, {name: [100 * v for v in line] for name, line in lines.items()}, "Dice, %", f"strength: {kind}")

    def draw(axis: Axes) -> None:
        curve(axis)
        axis.axvline(strength, color=figure.INK, linestyle="--", linewidth=1.5)
        axis.set_ylim(0, max(5.0, 105 * max(map(max, lines.values()))))

    return draw


# ---- one body, three drawn scanners


def small_preset() -> Preset:
    """Return how large the page's own training on one scanner, and on the two others, is."""
    fast = lesson.fast()
    settings = Settings(epochs=2 if fast else 8)
    return dataclasses.replace(PRESETS["quick"], settings=settings, size=32 if fast else 48, phantoms=(108, 36, 36) if fast else (540, 90, 180))


@functools.cache
def three_scanners() -> tuple[dict, dict]:
    """Return the records of two trainings for phantom MRI: on itself, and on phantom CT and ultrasound."""
    preset = small_preset()
    pair = shift.pair_of(shift.domains(["phantom"], preset), 0)
    made = (shift.run(pair, on, "min-max of each image", "CNN", preset.settings, SEED, torch.device("cpu")) for on in (ITSELF, OTHERS))
    return tuple(made)
