"""What the controls of notebook 19 do: the reader's images, what a small hybrid makes of them, and a table."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import ipywidgets
import torch
import torch.nn.functional as F
from IPython.display import HTML
from torch import Tensor

from medkit import baseline, figure, lesson
from medkit.blocks import Look
from medkit.check import Report
from medkit.data.container import ImageSet, Split
from medkit.data.own import own_split
from medkit.evidence import value_of
from medkit.experiment import Task, build, evaluate, prepare
from medkit.exercises.pictures import outlined
from medkit.measure import best_cut
from medkit.models import Hybrid
from medkit.normalise import ct_window
from medkit.preparation import PER_IMAGE, SOFT_TISSUE, Preparation
from medkit.runs import most_frequent
from medkit.settings import Settings
from medkit.training import fit, predict
from medkit.widgets.controls import linked, menu, pick, slider
from medkit.widgets.your_images_files import SIZES, folder_of

SEED = 0
FEW = 20  # test units, below which medkit.intervals says so of its intervals
SHOWN = 12  # test images to go through
IN_HU = "Hounsfield units."  # the note of a set that is
METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "f1": "F1 (macro)", "dice": "Dice"}
STORED, WINDOW = "as stored", "CT window"


# ---- the reader's images


def images(path: str | Path | None = None) -> Split:
    """Return the reader's images in the page's size, split by group; where no path is given, the samples.

    Sets in Hounsfield units get the window for soft tissue; the samples are marked as phantoms, which files can't say.

    Raises:
        MedkitInputError: names the file and the fix; or neither classes nor masks are there to be learned.
    """
    return _images(path)


@functools.cache
def _images(path: str | Path | None) -> Split:  # `f()` and `f(None)` would be kept apart above
    folder = folder_of(path)
    split = own_split(folder, SIZES[lesson.fast()], seed=SEED)
    change = {"window": SOFT_TISSUE} if IN_HU in split.train.notes else {}
    if path is None:
        change |= {"tier": "phantom", "title": "CT phantoms, read from DICOM files", "source": "made by medkit.data.phantom, written as DICOM"}
    return Split(*(dataclasses.replace(side, **change) for side in (split.train, split.val, split.test)))


def facts(split: Split) -> str:
    """Return what a split holds as a Markdown table: images and groups on each side, by class."""
    sides = {"training": split.train, "validation": split.val, "test": split.test}
    classes = [name.replace("|", "\\|") for name in split.train.classes]
    lines = [f"| side | images | {split.train.unit} | {' | '.join(classes)} |", "|---" * (3 + len(classes)) + "|"]
    for name, side in sides.items():
        counts = side.label.bincount(minlength=len(classes)).tolist()
        lines.append(f"| {name} | {len(side)} | {len(side.group.unique())} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def stamped(report: Report, path: str | Path | None = None) -> HTML:
    """Return a check's report to be shown; the samples' pictures say "phantom", which their files can't say."""
    shown = report._repr_html_()
    return HTML(shown if path is not None else shown.replace("Data: real.", "Data: phantom."))


def scales(path: str | Path | None = None) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return the ways to scale an image (B, C, H, W) by name; with the window where the set is in Hounsfield units."""
    window = images(path).train.window
    return {STORED: lambda x: x, **PER_IMAGE} | ({WINDOW: lambda x: ct_window(x, *window)} if window else {})


def scaling_picture(number: int, scale: str, path: str | Path | None = None) -> str:
    """Return a training image and its values, scaled in one of several ways, as an HTML figure.

    Args:
        number: which training image, 0 ... 11. scale: one of `scales`. path: as for `images`.

    Raises:
        ValueError: no such image or way.
    """
    train = images(path).train
    one = train.subset(_some(train)[[_in_range(number, _some(train))]])
    scaled = pick(scales(path), scale, "scale")(one.image)[0].mean(0)
    low, high = float(scaled.min()), float(scaled.max())
    shown = (low, high) if scale in (STORED, "z-score of each image") else (0.0, 1.0)
    panels = (figure.grey(scaled, one.classes[int(one.label[0])], *shown), figure.histogram(scaled, scale, *shown, "value"))
    return figure.as_html(
        figure.row(*panels, inches=3.0),
        alt=f"A training image scaled by {scale}, and how often each value occurs",
        caption=f"{one.title}, {one.name[0]}; {scale}: values from {low:.4g} to {high:.4g}. Black and white: the dashed and the solid line.",
        tier=one.tier,
    )


def explore_scaling(path: str | Path | None = None) -> ipywidgets.VBox:
    """Return controls for `scaling_picture`."""
    controls = {"number": _numbers(images(path).train, "training image"), "scale": menu(tuple(scales(path)), "scaled by", "min-max of each image")}
    return linked(controls, functools.partial(scaling_picture, path=path))


# ---- the hybrid


class Desk(NamedTuple):
    """A trained hybrid, its task, and its record: what `medkit.evidence` makes intervals from."""

    task: Task
    model: Hybrid
    record: dict
    test: ImageSet
    image: Tensor  # the test images as models see them


def desk(path: str | Path | None = None) -> Desk:
    """Train a small hybrid on the training side, once, and measure it on the test side, once. path: as for `images`."""
    return _desk(path)


@functools.cache
def _desk(path: str | Path | None) -> Desk:
    fast, split = lesson.fast(), images(path)
    task = prepare(split, Preparation(), torch.device("cpu"))
    model, settings = build("hybrid", task, SEED), Settings(epochs=5 if fast else 20)
    data = task.train
    fit(model, task.image, data.label, data.mask, settings, seed=SEED, scored=data.scored, title="hybrid")
    cut = best_cut(predict(model, task.val_image)[0].softmax(1), task.val)
    test, image = task.test.open("notebook 19")
    record = {"model": "hybrid", "seed": SEED, "data": task.facts, "result": [evaluate(model, test, image, cut)]}
    return Desk(task, model, record, test, image)


@functools.cache
def _linear(path: str | Path | None) -> dict:
    """Return the record of the linear baseline on the same images: what can be had without a network."""
    return baseline.run(desk(path).task, Settings(epochs=5))


def results(path: str | Path | None = None) -> str:
    """Return a Markdown table: each metric of hybrid and linear baseline with its 95 % interval, in points, and chance."""
    at, always = desk(path), most_frequent(desk(path).task.facts)
    lines = ["| on the test images, % | hybrid | linear baseline | always the most frequent class, no mask |", "|---|---|---|---|"]
    for metric, name in METRICS.items():
        if at.record["result"][0][metric] is None:
            continue
        cells = [value_of([record], metric).points() for record in (at.record, _linear(path))]
        lines.append(f"| {name} | {' | '.join(cells)} | {always[metric]:.1f} |")
    data = at.task.facts
    lines += ["", f"{data['title']}, {data['tier']}; {data['test']} test images, n = {data['test_units']} test units ({data['unit']}); one seed."]
    if data["test_units"] < FEW:
        lines[-1] += f" With fewer than {FEW} test units such intervals are too narrow."
    if not at.test.scored.any():
        lines[-1] += " Training images are all of one kind: no label is scored."
    if (dice := at.record["result"][0]["dice"]) is not None:
        lines[-1] += f" Dice: {dice['convention']}, n = {dice['n']}."
    return "\n".join(lines)


def answer_picture(number: int, shown: str, path: str | Path | None = None) -> str:
    """Return a test image with its truth, the hybrid's outline, and a map, as an HTML figure.

    Args:
        number: which test image, 0 ... 11. shown: "attention" or "mask probability". path: as for `images`.

    Raises:
        ValueError: no such image or map.
    """
    at = desk(path)
    number = int(_some(at.test)[_in_range(number, _some(at.test))])
    image = at.image[number : number + 1]
    with torch.no_grad():
        label, mask = at.model(image)
        look = at.model.look(image)
    maps = {"attention": _attention(look, image), "mask probability": mask[0, 0].sigmoid()}
    drawn = pick(maps, shown, "shown")
    share, seen, truth = label.softmax(1)[0], image[0].mean(0), at.test.mask
    best, right = (at.test.classes[int(which)] for which in (share.argmax(), at.test.label[number]))
    panels = (
        outlined(seen, None if truth is None else truth[number, 0], f"truth: {right}"),
        outlined(seen, None if truth is None else mask[0, 0] > 0, f"hybrid: {best}"),
        figure.heat(drawn, shown),
    )
    said = ", ".join(f"{name} {value:.0%}" for name, value in zip(at.test.classes, share.tolist()))
    return figure.as_html(
        figure.row(*panels, inches=2.6),
        alt=f"A test image with the outline of its mask, with the outline that the hybrid gives it, and a map of its {shown}",
        caption=f"{at.test.title}, {at.test.name[number]}. Hybrid: {said}. {_spoken(at.test, number, mask)}Not for clinical use.",
        tier=at.test.tier,
    )


def explore_answers(path: str | Path | None = None) -> ipywidgets.VBox:
    """Return controls for `answer_picture`."""
    controls = {"number": _numbers(desk(path).test, "test image"), "shown": menu(("attention", "mask probability"), "map")}
    return linked(controls, functools.partial(answer_picture, path=path))


def _attention(look: Look, image: Tensor) -> Tensor:
    """Return how much each place is looked at, averaged over heads and over who looks, in the image's size."""
    seen = look.weights[0].mean(dim=(1, 2)).unflatten(1, look.features.shape[-2:])
    return F.interpolate(seen[None], size=image.shape[-2:])[0, 0]


def _spoken(test: ImageSet, number: int, mask: Tensor) -> str:
    """Say how large the marked area is, where the file says how large a pixel is."""
    if test.mask is None or test.spacing is None or not bool(test.spacing[number].isfinite().all()):
        return ""
    each = float(test.spacing[number].prod())
    truth, pred = (float(one.sum()) * each for one in (test.mask[number], mask[0] > 0))
    return f"Marked: {pred:.0f} mm², truth {truth:.0f} mm². "


def _some(data: ImageSet) -> Tensor:
    """Return up to `SHOWN` positions, spread over the whole set."""
    return torch.linspace(0, len(data) - 1, min(SHOWN, len(data))).round().long()


def _in_range(number: int, some: Tensor) -> int:
    if not 0 <= number < len(some):
        raise ValueError(f"number must lie in 0 ... {len(some) - 1}, got {number}; there are no more images")
    return number


def _numbers(data: ImageSet, what: str) -> ipywidgets.IntSlider:
    return slider(ipywidgets.IntSlider, 0, 0, len(_some(data)) - 1, 1, what)
