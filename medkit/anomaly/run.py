"""Every detector on one set: trained on healthy images alone, and two supervised ones to hold them against."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit import experiment
from medkit.anomaly import autoencoder, classical, gan, measures, planted
from medkit.anomaly.mirror import asymmetry
from medkit.blocks import drawn_by
from medkit.data.container import ImageSet
from medkit.models import CNN
from medkit.preparation import Preparation
from medkit.pretrain import pretrain, textures
from medkit.settings import Settings
from medkit.training import fit, predict

KIND = "anomaly"  # of its records
HEALTHY = {"phantom": "healthy", "ct": "no bleed", "us": "normal"}  # the class that is no anomaly
PRETRAINED, RANDOM = "pre-trained features", "random features"
HEALTHY_ONLY = (
    "mirror asymmetry", "brightness", "autoencoder", "f-AnoGAN",
    *(f"{name}, {kind}" for kind in (PRETRAINED, RANDOM) for name in ("Mahalanobis", "PaDiM", "nearest neighbours")),
)  # fmt: skip
SUPERVISED = ("CNN, supervised",)
METHODS = (*HEALTHY_ONLY, *SUPERVISED)
SENSITIVITY = 0.9  # that the threshold is set for, on validation images
SOURCE_IMAGES, SOURCE_EPOCHS = 360, 5  # of pre-training: which scanner made this piece of a phantom?
PLANTED = 100  # healthy test images that get a disc, at most
STEPS, GAN_STEPS, EPOCHS = 300, 300, 8  # of the autoencoder; of f-AnoGAN; of the supervised CNN


class Answers(NamedTuple):
    """What a detector says of images: score (N,), higher is more anomalous; maps (N, 1, H, W), or None."""

    score: Tensor
    maps: Tensor | None


def healthy_of(data: ImageSet, key: str) -> Tensor:
    """Tell which images a detector may train on: healthy ones of patients who have no other, (N,) bool.

    >>> from medkit.data.phantom import phantom
    >>> healthy_of(phantom(6, size=32), "phantom").tolist()
    [True, True, False, False, False, False]
    """
    anomalous = anomalous_in(data, key)
    return ~torch.isin(data.group, data.group[anomalous].unique()) & data.scored


def anomalous_in(data: ImageSet, key: str) -> Tensor:
    """Tell which images are of another class than the healthy one, (N,) bool.

    Raises:
        ValueError: a set that has no healthy class.
    """
    if key not in HEALTHY:
        raise ValueError(f"key must be one of {', '.join(HEALTHY)}, got {key}; others have no healthy class")
    return data.label != data.classes.index(HEALTHY[key])


def network(kind: str, task: experiment.Task, seed: int, progress: Callable | None = tqdm) -> tuple[nn.Module, str]:
    """Return the CNN whose features are used, and what it has learned from, in words.

    Pre-trained: on pieces of phantoms, whose label is the scanner; it has seen neither a lesion's label
    nor an image of the set. Random: as it was drawn, the negative control.
    """
    with drawn_by(seed):
        model = CNN(classes=3, channels=task.image.shape[1])
    if kind == RANDOM:
        return model.eval(), "nothing: weights as drawn"
    size = task.image.shape[-1]
    source = textures(count=SOURCE_IMAGES, size=size, seed=seed)
    settings = Settings(epochs=SOURCE_EPOCHS)
    found = pretrain(model, source, Preparation().fitted_to(source), settings, seed=seed, progress=progress)
    return model.eval(), found.source


def detect(method: str, healthy: Tensor, asked: list[Tensor], nets: dict, seed: int, progress=tqdm) -> list[Answers]:
    """Train one of `HEALTHY_ONLY` and ask it.

    Args:
        method: its name; healthy: (N, C, H, W) as models see them; asked: several sets of images.
        nets: kind of features -> network. seed: of weights, batches and PaDiM's features.

    Returns:
        for each set its answers. Score of a map: its highest value; Mahalanobis and neighbours have no map.
    """
    if method == "mirror asymmetry":
        return [_by_map(asymmetry(image)) for image in asked]
    if method == "brightness":
        return [_by_map(autoencoder.smooth(image.mean(1, keepdim=True))) for image in asked]
    if method == "autoencoder":
        model = autoencoder.train(healthy, STEPS, seed=seed, progress=progress)
        return [_by_map(autoencoder.error_map(model, image)) for image in asked]
    if method == "f-AnoGAN":
        made = gan.train(healthy, GAN_STEPS, seed=seed, progress=progress)
        return [Answers(gan.score(made, image), gan.anomaly_map(made, image)) for image in asked]
    name, kind = method.split(", ")
    known = classical.features(nets[kind], healthy)
    return [_classical(name, known, classical.features(nets[kind], image), image, seed) for image in asked]


def _classical(name: str, known: Tensor, found: Tensor, image: Tensor, seed: int) -> Answers:
    if name == "Mahalanobis":
        return Answers(classical.image_scores(known, found), None)
    if name == "nearest neighbours":
        return Answers(classical.nearest(known, found), None)
    maps = classical.padim(known, found, generator=torch.Generator().manual_seed(seed))
    return _by_map(F.interpolate(maps, image.shape[-2:], mode="bilinear"))


def _by_map(maps: Tensor) -> Answers:
    return Answers(maps.flatten(1).amax(1), maps)


def supervised(task: experiment.Task, key: str, asked: list[Tensor], seed: int, progress=tqdm) -> list[Answers]:
    """Train the CNN on healthy and anomalous images, with their labels and masks, and ask it as `detect` does."""
    with drawn_by(seed):
        model = CNN(classes=2, channels=task.image.shape[1])
    label, settings = anomalous_in(task.train, key).long(), Settings(epochs=EPOCHS)
    fit(
        model, task.image, label, task.train.mask, settings, seed=seed, scored=task.train.scored, progress=progress,
        title=f"CNN, seed {seed}",
    )  # fmt: skip
    found = [predict(model.eval(), image) for image in asked]
    drawn = task.train.mask is not None
    return [Answers(one.label.softmax(1)[:, 1], one.mask.sigmoid() if drawn else None) for one in found]


class Fold(NamedTuple):
    """A test side with what a detector, trained on the fold's healthy images, says of it.

    task, test: the fold, its test side opened. val, of_test: answers to validation and to test images.
    of_planted: answers to `healthy_test`, with a disc of each contrast of `planted.CONTRASTS`; may be empty.
    """

    task: experiment.Task
    test: ImageSet
    val: Answers
    of_test: Answers
    of_planted: list[Answers] = []


def healthy_test(test: ImageSet, key: str) -> Tensor:
    """Return which test images get discs: the first `PLANTED` of healthy patients, as positions (n,)."""
    return healthy_of(test, key).nonzero()[:PLANTED, 0]


def measured(answers: list[Answers], task: experiment.Task, test: ImageSet, key: str) -> dict:
    """Return what a record says of a detector on one split: as `measured_over`, its answers to validation and test."""
    return measured_over([Fold(task, test, *answers)], key)


def measured_over(folds: list[Fold], key: str) -> dict:
    """Return what a record says of a detector over all test sides, together.

    Of several folds each has a detector of its own, whose scores have a scale of their own: there a score
    counts from the fold's threshold, in standard deviations of its healthy validation scores. For one
    fold nothing changes.

    Returns:
        "measures": name -> [value, low, high] over the test's groups; "threshold", with what it was set
        for; "test": how many images, groups and healthy groups; "planted" and "maps", see `_seen`.
    """
    parts, values, several = [], [], len(folds) > 1
    for one in folds:
        use, known = one.test.scored, one.task.val.scored  # what contradicts its own label counts for pixels alone
        val, ill = one.val.score[known].double(), anomalous_in(one.task.val, key)[known]
        values.append(measures.threshold_at(val, ill, SENSITIVITY))
        score = one.of_test.score[use].double()
        scaled = (score - values[-1]) / (float(val[~ill].std()) or 1.0) if several else score
        parts.append((scaled, anomalous_in(one.test, key)[use], one.test.group[use]))
    score, target, group = map(torch.cat, zip(*parts))
    found = measures.of_images(score, target, group)
    drawn = [one for one in folds if one.of_test.maps is not None and one.test.mask is not None]
    if drawn and not several:
        found |= measures.of_pixels(drawn[0].of_test.maps, drawn[0].test.mask, drawn[0].test.group)
    alarms = measures.alarms(score, target, group, 0.0 if several else values[0])
    found |= {"sensitivity": alarms.sensitivity, "alarms": alarms.per_patient}
    healthy = [one.test.group[healthy_of(one.test, key)].unique() for one in folds]
    return {
        "measures": {name: [round(x, 5) for x in one[:3]] for name, one in found.items()},
        "threshold": {"value": values if several else values[0], "sensitivity": SENSITIVITY, "set on": "validation images"},
        "test": {
            "images": len(score), "anomalous": int(target.sum()), "groups": len(group.unique()),
            "healthy groups": len(torch.cat(healthy)),
        },
    } | _seen(folds, key)  # fmt: skip


def _seen(folds: list[Fold], key: str) -> dict:
    """Return why: "planted", AUROC of discs and share of scores that rise, by contrast; "maps", how they follow edges and lesions; means over folds."""
    discs, edges, lesions = [], [], []
    for one in folds:
        some, maps = healthy_test(one.test, key), one.of_test.maps
        discs.append([planted.found(one.of_test.score[some], answer.score) for answer in one.of_planted])
        if maps is not None:
            edges.append(planted.follows_edges(maps[some], one.test.image[some]))
            if one.test.mask is not None:
                lesions.append(planted.on_lesions(maps, one.test.mask))
    by_contrast = {
        f"{c:g}": {name: round(statistics.mean(getattr(one, name) for one in v), 4) for name in planted.Found._fields}
        for c, *v in zip(planted.CONTRASTS, *discs)
    }
    maps = {name: round(statistics.mean(v), 4) for name, v in (("edges", edges), ("lesions", lesions)) if v}
    return {name: what for name, what in (("planted", by_contrast), ("maps", maps)) if what}
