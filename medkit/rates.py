"""The learning-rate check: the same few rates for every model, compared on validation images.

Table 3 gives one rate for all four models. Whether it suits them equally is looked at here, once for a
set and preset, and kept as a record; the protocol *improved* then trains each model at the rate that
did best. The test images stay closed.
"""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import torch
from torch import nn
from tqdm.auto import tqdm

from medkit import experiment, record
from medkit._check import MedkitInputError
from medkit.losses import total_loss
from medkit.settings import Settings
from medkit.training import fit, predict

RATES = (3e-4, 1e-3, 3e-3)  # Table 3's in the middle
SEED = 1000  # of weights and order; no run of the tables has it
FILE = "rates.json"


def check(task: experiment.Task, settings: Settings, models: list[str], path: Path, progress=tqdm) -> dict:
    """Train each model at each rate, keep what it lost on validation images, and return the record.

    Args:
        task: from `medkit.experiment.prepare`.
        settings: all but the rate; models: names of `medkit.experiment.MODELS`.
        path: of the record; what stands in it is not trained again.
        progress: as for `medkit.training.fit`.

    Returns:
        "loss": by model and rate the validation loss (label + Dice + cross-entropy of the mask),
        "chosen": by model the rate with the smallest.

    Raises:
        MedkitInputError: the record is of other images or settings, or can't be read or written.
    """
    about = {"settings": _of(settings), "seed": SEED, "sha256": task.facts["sha256"]}
    found = read(path, about) if path.exists() else {**about, "data": task.facts["title"], "loss": {}, "chosen": {}}
    found |= {"machine": record.machine(task.image.device)}
    for name in models:
        losses = found["loss"].setdefault(name, {})
        for rate in RATES:
            if str(rate) in losses:
                continue
            model = experiment.build(name, task, SEED)
            at_rate = dataclasses.replace(settings, learning_rate=rate)
            title = f"{name}, rate {rate}"
            fit(model, task.image, task.train.label, task.train.mask, at_rate, seed=SEED, scored=task.train.scored,
                progress=progress, title=title)  # fmt: skip
            losses[str(rate)] = round(validation_loss(model, task, settings), 6)
            found["chosen"][name] = float(min(losses, key=losses.get))
            record.save(found, path)
    return found


def read(path: Path, about: dict) -> dict:
    """Return the record of a check; refuse one of other images or settings."""
    again = "delete it and run the same command with --rates"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = all(found[key] == json.loads(json.dumps(value)) for key, value in about.items())
        complete = all(isinstance(rate, float) for rate in found["chosen"].values())
    except FileNotFoundError:
        fix = "run the same command with --rates first: it compares learning rates on validation images"
        raise MedkitInputError(path, "is missing", fix) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MedkitInputError(path, "is no record of a learning-rate check", again) from error
    if not (same and complete):
        raise MedkitInputError(path, "is a check of other images or settings", again)
    return found


def chosen(task: experiment.Task, settings: Settings, models: list[str], path: Path) -> dict[str, float]:
    """Return each model's rate from the record.

    Raises:
        MedkitInputError: there is no such record, or it lacks a model.
    """
    found = read(path, {"settings": _of(settings), "seed": SEED, "sha256": task.facts["sha256"]})
    lacking = [name for name in models if len(found["loss"].get(name, {})) < len(RATES)]
    if lacking:
        raise MedkitInputError(path, f"lacks {', '.join(lacking)}", "run the same command with --rates first")
    return {name: found["chosen"][name] for name in models}


@torch.no_grad()
def validation_loss(model: nn.Module, task: experiment.Task, settings: Settings) -> float:
    """Return the mean loss over the validation images, weighted as in the training; infinite for NaN."""
    label, mask = predict(model, task.val_image)
    losses = total_loss(
        label, mask, task.val.label, task.val.mask, task.val.scored,
        label_weight=settings.label_weight, dice_weight=settings.dice_weight, bce_weight=settings.bce_weight,
    )  # fmt: skip
    value = float(losses.total)
    return value if math.isfinite(value) else math.inf


def _of(settings: Settings) -> dict:
    return {key: value for key, value in dataclasses.asdict(settings).items() if key != "learning_rate"}
