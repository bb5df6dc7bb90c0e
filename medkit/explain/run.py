"""One model, trained and explained: what its record holds."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit import experiment
from medkit._check import MedkitInputError
from medkit.data.container import Split
from medkit.explain import maps, measures, sanity
from medkit.settings import Settings
from medkit.training import predict

KIND = "explain"  # of its records
CENTRE, LOT = "centre prior", "by lot"  # maps that know nothing of the model
METHODS = {
    "Grad-CAM": maps.grad_cam,
    "occlusion": maps.occlusion,
    "attention": maps.attention_map,
    "rollout": maps.attention_rollout,
}
NEED_ATTENTION = ("attention", "rollout")
BATCH = 64


def check(name: str, split: Split) -> None:
    """Refuse a set of which nothing can be explained: before the training, not after it.

    Args:
        name: of the set, for the error; split: as loaded.

    Raises:
        MedkitInputError: no masks, no label to learn from, or no test image with a lesion in its mask.
    """
    if split.test.mask is None:
        raise MedkitInputError(name, "has no masks, which say where the lesion is", "add them, or take phantom, us or mri")
    if not split.train.scored.any():
        fix = "add images of another class, or with an empty mask, or take phantom, us or mri"
        raise MedkitInputError(name, "has no label to learn, and a label is what would be explained", fix)
    if not split.test.mask.any():
        raise MedkitInputError(name, "has no test image with a lesion in its mask", "add some, or take phantom, us or mri")


def train(name: str, task: experiment.Task, settings: Settings, seed: int, folder: Path | None, progress=tqdm) -> nn.Module:
    """Train one of `experiment.MODELS`; a stopped run goes on, a finished one is read. As `medkit.experiment.train`."""
    return experiment.train(experiment.build(name, task, seed), task, settings, seed, folder, progress, f"{name}, seed {seed}")


def examine(name: str, model: nn.Module, task: experiment.Task, seed: int) -> dict:
    """Explain the true class of every test image with a lesion, by every method; measure each map.

    Args:
        name: one of `experiment.MODELS`; model: trained, on the CPU; task: whose test images are opened once,
            of a split that `check` has let pass.

    Returns:
        the record: for each method and each image "mass", "pointing", "deletion", "insertion", and
        "similarity" of its map to the one after each part of the weights was replaced by untrained ones.
    """
    images, image = task.test.open(f"{name}, seed {seed}, explained")
    images, image = images.to("cpu"), image.cpu()
    ill = images.mask.flatten(1).any(1)
    right = predict(model, image).label.argmax(1) == images.label
    image, label, mask = image[ill], images.label[ill], images.mask[ill].reshape(-1, *image.shape[-2:])
    shown = explained(model, image, label)
    knows_nothing = {
        CENTRE: measures.centre_prior(mask),
        LOT: torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)),
    }
    found = {method: measured(model, image, label, mask, one) for method, one in (shown | knows_nothing).items()}
    states = list(sanity.cascade(model, experiment.build(name, task, seed + 1000).cpu().eval(), image))
    for method in shown:
        found[method]["similarity"] = {
            part: _listed(sanity.similarity(shown[method], explained(state, image, label, (method,))[method]))
            for part, state in states
        }
    return {
        "kind": KIND,
        "model": name,
        "seed": seed,
        "data": task.facts,
        "unit": images.unit,
        "group": images.group[ill].tolist(),
        "right": right[ill].float().tolist(),
        "accuracy": float(right.float().mean()),
        "area": _listed(measures.area(mask)),
        "methods": found,
    }


def explained(model: nn.Module, image: Tensor, target: Tensor, methods: tuple[str, ...] = tuple(METHODS)) -> dict:
    """Return each method's maps (B, H, W), those of attention only where the model has some."""
    with torch.no_grad():
        attends = bool(model.look(image[:1]).weights)
    found = {}
    for method in methods:
        if attends or method not in NEED_ATTENTION:
            parts = zip(image.split(BATCH), target.split(BATCH))
            found[method] = torch.cat([METHODS[method](model, *part) for part in parts])
    return found


def measured(model: nn.Module, image: Tensor, target: Tensor, mask: Tensor, saliency: Tensor) -> dict:
    """Return all measures of one method's maps, image by image."""
    found = {"mass": measures.mass_inside(saliency, mask), "pointing": measures.pointing_game(saliency, mask)}
    for name, measure in (("deletion", measures.deletion), ("insertion", measures.insertion)):
        found[name] = measures.area_under(measure(model, image, target, saliency, seed=0))
    return {name: _listed(values) for name, values in found.items()}


def _listed(values: Tensor) -> list[float | None]:
    return [None if value != value else round(value, 4) for value in values.tolist()]
