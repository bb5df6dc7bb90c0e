"""What the controls of notebook 14 do: maps and scores of detectors that are trained for the page."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from medkit import experiment, figure, lesson, sets
from medkit.anomaly import autoencoder, command, measures, run
from medkit.blocks import drawn_by
from medkit.data.container import ImageSet
from medkit.data.where import data_root
from medkit.exercises.pictures import outlined
from medkit.models import CNN
from medkit.preparation import Preparation
from medkit.presets import PRESETS
from medkit.pretrain import pretrain, textures
from medkit.settings import Settings
from medkit.widgets.controls import linked, menu, pick, slider
from medkit.widgets.records import dress

SIZES = {True: 32, False: 48}  # pixels along each side, in fast mode and in full
PHANTOMS = {True: (60, 30, 36), False: command.PHANTOMS}  # training, validation and test images; in full as in the records
STEPS = {True: 20, False: 150}  # of the autoencoder
SOURCE = {True: (96, 1), False: (360, 5)}  # images and epochs of pre-training
SEED = 0
SHOWN = 12  # test images that can be looked at
CLINIC = 0.01  # share of images with a lesion where nobody chose them
UNTRAINED = ("mirror asymmetry", "brightness")
FEATURES = tuple(name for name in run.HEALTHY_ONLY if name.endswith("features"))
ON_THE_PAGE = (*UNTRAINED, "autoencoder", *FEATURES, *run.SUPERVISED)  # all but f-AnoGAN, which takes minutes
PADIM = f"PaDiM, {run.PRETRAINED}"


class Desk(NamedTuple):
    """Detectors that were trained for the page, and what they say of validation and test images."""

    task: experiment.Task
    test: ImageSet
    image: Tensor  # of the test, as models see it
    sick: tuple[Tensor, Tensor]  # which images are anomalous, in validation and in test, (N,) bool
    answers: dict[str, list[run.Answers]]  # by method: of validation, of test
    model: nn.Module  # the autoencoder
    healthy: int  # images that they were trained on


@functools.cache
def desk() -> Desk:
    """Train detectors, once: on breast ultrasounds where they are at hand, else on phantoms."""
    fast = lesson.fast()
    size, key = SIZES[fast], "phantom" if data_root() is None else "us"
    preset = dataclasses.replace(PRESETS["quick"], size=size, phantoms=PHANTOMS[fast])
    loaded = sets.load(key, preset)
    task = experiment.prepare(loaded.split, Preparation(), torch.device("cpu"), loaded.facts)
    test, image = task.test.open("notebook 14")
    healthy, asked = task.image[run.healthy_of(task.train, key)], [task.val_image, image]
    model = autoencoder.train(healthy, STEPS[fast], seed=SEED)
    nets = _networks(size, fast)
    answers = {name: run.detect(name, healthy, asked, nets, SEED) for name in (*UNTRAINED, *FEATURES)}
    answers["autoencoder"] = [_by_map(autoencoder.error_map(model, one)) for one in asked]
    answers[run.SUPERVISED[0]] = run.supervised(task, key, asked, SEED)
    sick = run.anomalous_in(task.val, key), run.anomalous_in(test, key)
    return Desk(task, test, image, sick, answers, model, len(healthy))


def _networks(size: int, fast: bool) -> dict[str, nn.Module]:
    """Return what features come from, by kind; pre-trained as in the records, in fast mode less."""
    images, epochs = SOURCE[fast]
    nets = {}
    for kind in (run.PRETRAINED, run.RANDOM):
        with drawn_by(SEED):
            nets[kind] = CNN(classes=3)
    source = textures(count=images, size=size, seed=SEED)
    pretrain(nets[run.PRETRAINED], source, Preparation().fitted_to(source), Settings(epochs=epochs), seed=SEED)
    return {kind: net.eval() for kind, net in nets.items()}


def _by_map(maps: Tensor) -> run.Answers:
    return run.Answers(maps.flatten(1).amax(1), maps)


def shown_images() -> Tensor:
    """Return the places of the test images that can be looked at, spread over the classes."""
    return torch.linspace(0, len(desk().test) - 1, SHOWN).round().long()


# ---- one image, a map, a threshold


def maps_picture(number: int, method: str, share: float) -> str:
    """Return a test image, a detector's map of it, and what lies at a threshold or above, as an HTML figure.

    Args:
        number: which image, 0 ... 11; method: one of `with_maps()`.
        share: percentage of the pixels of healthy validation images that the threshold flags, 1 ... 30.

    Raises:
        ValueError: no such image or method, or a share out of range.
    """
    at = desk()
    maps = pick({name: at.answers[name] for name in with_maps()}, method, "method")
    if not 0 <= number < SHOWN:
        raise ValueError(f"number must lie in 0 ... {SHOWN - 1}, got {number}; there are no more images")
    if not 1 <= share <= 30:
        raise ValueError(f"share must lie in 1 ... 30 %, got {share}; more would flag nearly everything")
    place = int(shown_images()[number])
    known = maps[0].maps[~at.sick[0]].double().flatten()
    threshold = float(known.quantile(1 - share / 100))
    one, inside = maps[1].maps[place, 0].double(), at.test.mask[place, 0]
    flagged, image = one >= threshold, at.image[place, 0]
    truth = at.test.classes[int(at.test.label[place])]
    higher = float((maps[1].score[~at.sick[1]] < maps[1].score[place]).double().mean())
    found = f"flagged: {float(flagged[inside].double().mean()):.0%} of the lesion, " if inside.any() else "no lesion; flagged: "
    picture = figure.row(
        outlined(image, inside, f"image, {truth}"),
        figure.heat(one, method.split(",")[0]),
        outlined(image, flagged, f"flagged, {share:g} % of healthy"),
        inches=2.7,
    )
    return figure.as_html(
        picture,
        alt=f"A test image with the outline of its lesion, the map of {method}, and the outline of what that flags",
        caption=f"{at.test.title}, test image {place}, {truth}. {method}: {found}{float(flagged[~inside].double().mean()):.0%} of the rest. "
        f"The image's score lies above that of {higher:.0%} of the healthy test images. {_trained(method)}",
        tier=at.test.tier,
    )


def with_maps() -> tuple[str, ...]:
    """Return the methods of the page that say where."""
    return tuple(name for name in ON_THE_PAGE if desk().answers[name][1].maps is not None)


def explore_maps() -> ipywidgets.VBox:
    """Return a slider through images, a menu of methods and a threshold for `maps_picture`."""
    controls = {
        "number": slider(ipywidgets.IntSlider, 0, 0, SHOWN - 1, 1, "test image"),
        "method": menu(with_maps(), "method", PADIM),
        "share": slider(ipywidgets.FloatSlider, 5.0, 1.0, 30.0, 1.0, "healthy pixels flagged, %"),
    }
    return linked(controls, maps_picture)


def _trained(method: str) -> str:
    at = desk()
    if method in run.SUPERVISED:
        return f"Trained with labels and masks of {len(at.task.train)} images."
    return "Learned nothing." if method in UNTRAINED else f"Fitted to {at.healthy} healthy images."


# ---- scores, and what a threshold does


def precision_at(sensitivity: float, false_alarms: float, share: float) -> float:
    """Return the share of flagged images that are anomalous, where `share` of all images are.

    >>> precision_at(0.5, 0.5, 0.01)
    0.01
    """
    found, false = sensitivity * share, false_alarms * (1 - share)
    return found / (found + false) if found + false else float("nan")


def scores_picture(method: str, sensitivity: float) -> str:
    """Return scores of healthy and of anomalous test images, and the ROC curve, as an HTML figure.

    Args:
        method: one of `ON_THE_PAGE`.
        sensitivity: share of the validation images' anomalies that the threshold must find, 0.5 ... 1.

    Raises:
        ValueError: no such method, or a sensitivity out of range.
    """
    at = desk()
    of_val, of_test = pick({name: at.answers[name] for name in ON_THE_PAGE}, method, "method")
    if not 0.5 <= sensitivity <= 1:
        raise ValueError(f"sensitivity must lie in 0.5 ... 1, got {sensitivity}; half of the lesions is the least")
    use, known = at.test.scored, at.task.val.scored  # as in the records
    score, sick, group = of_test.score[use].double(), at.sick[1][use], at.test.group[use]
    threshold = measures.threshold_at(of_val.score[known], at.sick[0][known], sensitivity)
    does = measures.alarms(score, sick, group, threshold)
    auroc = measures.of_images(score, sick, group)["auroc"]
    flagged = score >= threshold
    rate, false = float(flagged[sick].double().mean()), float(flagged[~sick].double().mean())
    test_share = float(sick.double().mean())
    title = f"sensitivity asked: {sensitivity:.0%}"
    return figure.as_html(
        figure.row(_scores_panel(score, sick, threshold, title), _roc_panel(score, sick, (false, rate)), inches=3.5),
        alt=f"Histograms of the scores that {method} gives to healthy and to anomalous images, and its ROC curve",
        caption=f"{method}, {at.test.title}, {len(score)} test images, {int(sick.sum())} of them anomalous. AUROC {auroc.value:.2f} "
        f"[{auroc.low:.2f}, {auroc.high:.2f}]. Threshold from validation: finds {rate:.0%} of the test's anomalies, flags "
        f"{false:.0%} of the healthy images, {does.per_patient.value:.2f} for a healthy {at.task.facts['unit']}. Of the flagged "
        f"images {precision_at(rate, false, test_share):.0%} are anomalous here, and {precision_at(rate, false, CLINIC):.1%} where "
        f"{CLINIC:.0%} of all are. {_trained(method)}",
        tier=at.test.tier,
    )


def explore_scores() -> ipywidgets.VBox:
    """Return a menu of methods and a slider for `scores_picture`."""
    controls = {
        "method": menu(ON_THE_PAGE, "method", PADIM),
        "sensitivity": slider(ipywidgets.FloatSlider, 0.9, 0.5, 1.0, 0.05, "sensitivity asked"),
    }
    return linked(controls, scores_picture)


def _scores_panel(score: Tensor, sick: Tensor, threshold: float, title: str) -> figure.Panel:
    bins = torch.linspace(float(score.min()), float(score.max()) + 1e-9, 21).tolist()

    def draw(axis: Axes) -> None:
        for which, look in ((~sick, {"color": figure.BLUE, "alpha": 0.75}), (sick, {"histtype": "step", "color": figure.ORANGE, "linewidth": 2.2})):
            weight = torch.full((int(which.sum()),), 100 / int(which.sum())).tolist()
            axis.hist(score[which].tolist(), bins, weights=weight, label="anomalous" if which is sick else "healthy", **look)
        axis.axvline(threshold, color=figure.INK, linestyle="--", linewidth=2, label="threshold")
        axis.set_title(title, color=figure.INK, fontsize=11)
        axis.set_xlabel("score", color=figure.INK, fontsize=9)
        axis.set_ylabel("% of its images", color=figure.INK, fontsize=9)
        axis.set_ylim(top=1.45 * axis.get_ylim()[1])  # room for the legend
        axis.legend(frameon=False, labelcolor=figure.INK, fontsize=9, loc="upper right")
        axis.locator_params(axis="x", nbins=5)
        axis.set_box_aspect(0.8)
        dress(axis)

    return draw


def _roc_panel(score: Tensor, sick: Tensor, at: tuple[float, float]) -> figure.Panel:
    edges = [float("inf"), *score.unique().flip(0).tolist()]
    true = [float((score[sick] >= edge).double().mean()) for edge in edges]
    false = [float((score[~sick] >= edge).double().mean()) for edge in edges]

    def draw(axis: Axes) -> None:
        axis.plot([0, 1], [0, 1], ":", color=figure.INK, label="chance")
        axis.step(false, true, where="post", color=figure.BLUE, linewidth=2.2, label="ROC")
        axis.plot(*at, "s", color=figure.ORANGE, markersize=8, label="threshold", clip_on=False)
        axis.set_title("every threshold", color=figure.INK, fontsize=11)
        axis.set_xlabel("healthy images flagged", color=figure.INK, fontsize=9)
        axis.set_ylabel("anomalies found", color=figure.INK, fontsize=9)
        axis.legend(frameon=False, labelcolor=figure.INK, fontsize=9, loc="lower right")
        axis.set_box_aspect(0.8)
        dress(axis)

    return draw
