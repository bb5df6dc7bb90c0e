"""The linear baseline: what can be had without any network. It stands beside every table.

The class comes from a logistic regression on the image, coarsened to 16 x 16 pixels; the mask from
one for each pixel, on the 7 x 7 pixels around it and its place. How strongly weights are held back,
and from which probability on a pixel is lesion, is chosen on validation images. Nothing here has a
seed: the same images give the same baseline.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional as F

from medkit import experiment, metrics, record
from medkit.data.container import ImageSet
from medkit.data.resize import resize_image
from medkit.measure import best_cut, measure, summary
from medkit.settings import Settings

NAME = "linear"
COARSE = 16  # pixels along each side, for the class
AROUND = 7  # pixels along each side, for the mask
PIXELS = 60_000  # of the training masks, drawn once; half of them lesion where there are as many
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # C of scikit-learn: small holds weights back
THRESHOLDS = tuple(step / 20 for step in range(1, 20))


def run(task: experiment.Task, settings: Settings) -> dict:
    """Fit both regressions and return a record like that of a model's run, with one row: the last epoch's.

    Args:
        task: from `medkit.experiment.prepare`; settings: of the runs that it stands beside.
    """
    probability_of, strength = _label_model(task)
    mask_of, threshold = _mask_model(task)
    images, image = task.test.open("linear baseline")
    row = {"epoch": settings.epochs}
    cut = best_cut(probability_of(task.val_image), task.val)
    tried = summary(measure(probability_of(task.val_image), mask_of(task.val_image), task.val, cut))
    return {
        "model": NAME,
        "seed": 0,
        "seedless": True,
        "settings": experiment.settings_of(settings),
        "machine": record.machine(torch.device("cpu")),
        "data": task.facts,
        "parameters": _parameters(task),
        "notes": [],
        "chosen": {"C": strength, "threshold": threshold},
        "loss": [],
        "validation": [row | tried],
        "result": [row | measure(probability_of(image), mask_of(image), images, cut)],
        "test_opened": 1,
        "clock": None,
    }


def _label_model(task: experiment.Task):
    """Return the function from images to probabilities (N, K), and the strength that did best in validation."""
    classes, known = len(task.train.classes), task.train.scored.cpu()
    label = task.train.label.cpu()[known].numpy()
    if len(np.unique(label)) < 2:  # a set without labels to learn
        return lambda image: torch.full((len(image), classes), 1 / classes, device=image.device), None
    scale = StandardScaler().fit(_coarse(task.image)[known.numpy()])

    def probability(model: LogisticRegression, image: Tensor) -> Tensor:
        found = torch.zeros(len(image), classes)
        found[:, model.classes_] = torch.as_tensor(model.predict_proba(scale.transform(_coarse(image)))).float()
        return found.to(image.device)

    fitted = {}
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=2000)
        fitted[strength] = model.fit(scale.transform(_coarse(task.image)[known.numpy()]), label)
    losses = {s: _log_loss(probability(model, task.val_image), task.val) for s, model in fitted.items()}
    best = min(losses, key=losses.get)
    return lambda image: probability(fitted[best], image), best


def _log_loss(probability: Tensor, data: ImageSet) -> float:
    """Return the mean of -log p(truth) over validation images that are scored; 0 where none is."""
    at = probability[torch.arange(len(data)), data.label][data.scored]
    return float(-at.clamp(min=1e-12).log().sum() / max(len(at), 1))


def _mask_model(task: experiment.Task):
    """Return the function from images to masks (N, 1, H, W) bool, and the threshold chosen in validation."""
    if task.train.mask is None:
        return lambda image: torch.zeros_like(image[:, :1], dtype=torch.bool), None
    mask = task.train.mask.flatten().cpu()
    chosen = _some_pixels(mask)
    size = task.image.shape[-1] * task.image.shape[-2]
    pixels = np.empty((len(chosen), _features(task.image[:1]).shape[1]), dtype=np.float32)
    for number in (chosen // size).unique().tolist():  # one image at a time: all windows of a set are many
        rows = (chosen // size == number).numpy()
        pixels[rows] = _features(task.image[number : number + 1])[chosen[rows] % size].cpu().numpy()
    scale = StandardScaler().fit(pixels)
    model = LogisticRegression(C=1.0, max_iter=500).fit(scale.transform(pixels), mask[chosen].numpy())
    weight, bias = model.coef_[0] / scale.scale_, model.intercept_[0] - (model.coef_[0] * scale.mean_ / scale.scale_).sum()
    weight = torch.as_tensor(weight, dtype=torch.float32, device=task.image.device)

    def probability(image: Tensor) -> Tensor:
        each = [(_features(one[None]) @ weight + float(bias)).sigmoid() for one in image]
        return torch.stack(each).unflatten(1, image.shape[-2:])[:, None]

    tried = probability(task.val_image)
    dice = {t: metrics.dice(metrics.mask_counts(tried > t, task.val.mask)).value for t in THRESHOLDS}
    best = max(dice, key=lambda t: -1.0 if math.isnan(dice[t]) else dice[t])
    return lambda image: probability(image) > best, best


def _some_pixels(mask: Tensor) -> Tensor:
    """Draw the training's pixels, (n,) positions in (N·H·W): as many lesion as other, at most `PIXELS`."""
    generator = torch.Generator().manual_seed(0)
    parts = []
    for inside in (True, False):
        there = (mask == inside).nonzero().flatten()
        parts.append(there[torch.randperm(len(there), generator=generator)[: PIXELS // 2]])
    return torch.cat(parts)


def _coarse(image: Tensor) -> np.ndarray:
    """Return (N, C·16·16): the images by area on a coarse grid."""
    return resize_image(image.cpu(), COARSE).flatten(1).numpy()


def _features(image: Tensor) -> Tensor:
    """Return what one image (1, C, H, W) offers for each of its pixels, (H·W, F): the window and the place."""
    edge = AROUND // 2
    window = F.unfold(F.pad(image, (edge,) * 4, mode="reflect"), AROUND)[0].T
    down, right = (torch.linspace(-1, 1, side, device=image.device) for side in image.shape[-2:])
    y, x = (axis.flatten() for axis in torch.meshgrid(down, right, indexing="ij"))
    return torch.cat([window, torch.stack([x, y, x * x, y * y, x * y], dim=1)], dim=1)


def _parameters(task: experiment.Task) -> int:
    classes, channels = len(task.train.classes), task.image.shape[1]
    of_label = (channels * COARSE**2 + 1) * classes
    return of_label + (0 if task.train.mask is None else channels * AROUND**2 + 5 + 1)
