"""The runs of the multiverse: hybrid and CNN under each reading, one record each.

All runs see the same images. A reading that makes its copies once trains on five times as many images
for a fifth of the epochs: as many images are seen, and as many steps taken (to a few in a hundred).
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit import augment, experiment, metrics, record, sets
from medkit._check import MedkitInputError
from medkit._command import spoken
from medkit.data.container import Split
from medkit.multiverse.readings import READINGS, REFERENCE, Reading, answers_of
from medkit.presets import Preset
from medkit.settings import Settings
from medkit.training import predict

STUDY = "multiverse"
ROLES = ("hybrid", "CNN")
COPIES = 5  # of each image in all, itself included (`medkit.augment.plan`)
COPIES_SEED = 0  # of the copies that are made once


def _preset(epochs: int, size: int, limit: int | None, phantoms: tuple[int, int, int], says: str) -> Preset:
    return Preset(Settings(epochs=epochs, augment=augment.Ranges()), size, limit, phantoms, seeds=3, says=says)


PRESETS = {
    "quick": _preset(25, 32, 200, (180, 60, 180), "a few minutes, to see it work; too few images to conclude from"),
    "class": _preset(25, 64, 600, (600, 120, 480), "about 20 minutes on one CPU core"),
    "paper": _preset(50, 128, None, (6000, 600, 2400), "Table 3's epochs, for a GPU"),
}


class Job(NamedTuple):
    """One reading and seed: two runs."""

    reading: Reading
    seed: int


@dataclass(frozen=True)
class Plan:
    """What all runs share.

    Args:
        split: the images; facts: what is known of them; preset: its name in `PRESETS`.
        device: to run on; out: the folder of records.
    """

    split: Split
    facts: dict
    preset: str
    device: torch.device
    out: Path

    def path(self, job: Job, role: str) -> Path:
        """Return where a run's record stands."""
        return self.out / f"{job.reading.name}-{role}-seed{job.seed}.json"

    def settings(self, reading: Reading) -> Settings:
        """Return how a reading is trained."""
        settings = PRESETS[self.preset].settings
        if not reading.once:
            return settings
        return dataclasses.replace(settings, epochs=settings.epochs // COPIES, augment=None)

    def described(self, reading: Reading) -> dict:
        """Return what the record says beside its settings."""
        return {
            "name": "paper",
            "preset": self.preset,
            "split seed": sets.SPLIT_SEED,
            **dataclasses.asdict(reading.preparation()),
            "learning rate": "as printed, constant",
        }


def plan(name: str, preset: str, device: torch.device, out: Path) -> Plan:
    """Load a set for the multiverse.

    Raises:
        MedkitInputError, LeakError: as for `medkit.sets.load`; or the set has no masks, and no Dice.
    """
    loaded = sets.load(name, PRESETS[preset])
    if loaded.split.test.mask is None:
        raise MedkitInputError(name, "has no masks, and so no Dice", "give a set with masks")
    return Plan(loaded.split, experiment.describe(loaded.split) | loaded.facts, preset, device, out)


def jobs(seeds: list[int]) -> list[Job]:
    """Return every reading at the first seed, and the reference reading at the others as well."""
    return [Job(reading, seeds[0]) for reading in READINGS] + [Job(REFERENCE, seed) for seed in seeds[1:]]


def run_all(
    plan: Plan, wanted: list[Job], rank: int = 0, processes: int = 1, progress: Callable | None = tqdm
) -> list[dict]:
    """Make the runs that are not there yet; return the records of all, old ones included.

    Args:
        plan: from `plan`; wanted: from `jobs`.
        rank, processes: this process makes every so-manieth job, and returns what is there.
        progress: as for `medkit.training.fit`.

    Raises:
        MedkitInputError: a record is in the way that belongs to other images or settings.
    """
    runs = [(job, role, plan.path(job, role)) for job in wanted for role in ROLES]
    found = {path: read(path, plan, job, role) for job, role, path in runs if path.exists()}  # before any training
    mine = set(wanted[rank::processes])
    missing = [run for run in runs if run[0] in mine and run[2] not in found]
    begun, task, reading = time.monotonic(), None, None
    for number, (job, role, path) in enumerate(missing):
        left = (time.monotonic() - begun) / max(number, 1) * (len(missing) - number)
        said = f" · {spoken(left)} left" if number else ""
        print(f"Run {number + 1} of {len(missing)}: reading {job.reading.name}, {role}, seed {job.seed}{said}",
              file=sys.stderr)  # fmt: skip
        if reading != job.reading:
            task, reading = task_of(plan, job.reading), job.reading
        found[path] = _one(plan, task, job, role, progress)
    return [found.get(path) or read(path, plan, job, role) for job, role, path in runs if path.exists()]


def task_of(plan: Plan, reading: Reading) -> experiment.Task:
    """Prepare the images as a reading says; copies that are made once are made of the training side alone."""
    task = experiment.prepare(plan.split, reading.preparation(), plan.device, plan.facts)
    if not reading.once:
        return task
    train = task.train
    image, mask, _, _, made = augment.expand(task.image, train.mask, train.label, train.group, COPIES_SEED)
    # what a model is trained on is `image`; the set beside it carries the copies' labels and masks
    copies = dataclasses.replace(train.subset(made.original.to(train.label.device)), image=image, mask=mask)
    return dataclasses.replace(task, train=copies, image=image)


def pixel_counts(model: nn.Module, mask: Tensor, image: Tensor) -> dict[str, list[int]]:
    """Return by image how many pixels are predicted, true, and both: what every Dice is made from.

    Args:
        model: trained; mask: (N, 1, H, W) bool, the truth; image: (N, C, H, W), prepared.
    """
    tp, fp, fn, _ = metrics.mask_counts(predict(model, image).mask > 0, mask)
    return {"pred": (tp + fp).tolist(), "target": (tp + fn).tolist(), "overlap": tp.tolist()}


def read(path: Path, plan: Plan, job: Job, role: str) -> dict:
    """Read one run's record; refuse one that is not of this job on these images.

    Raises:
        MedkitInputError: it is of another run, or none at all.
    """
    other = "delete it, or name another folder with --out"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = {
            "run": (found["study"], found["seed"], found["model"]) == (STUDY, job.seed, _model(job, role)),
            "reading": found["arm"] == _arm(job, role),
            "set of images": found["data"]["sha256"] == plan.facts["sha256"],
            "protocol": found["protocol"] == plan.described(job.reading),
            "settings": found["settings"]
            == json.loads(json.dumps(experiment.settings_of(plan.settings(job.reading)))),
        }
        whole = all(len(found["counts"][key]) == plan.facts["test"] for key in ("pred", "target", "overlap"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MedkitInputError(path, "is no record of the multiverse", other) from error
    for what, is_same in same.items():
        if not is_same:
            raise MedkitInputError(path, f"is a record of another {what}", other)
    if not whole:
        raise MedkitInputError(path, "lacks the pixels of some images", other)
    return found


def _one(plan: Plan, task: experiment.Task, job: Job, role: str, progress: Callable | None) -> dict:
    """Make one run, save its record and return it as it was saved."""
    path, models = plan.path(job, role), []
    checkpoints = plan.out / "checkpoints" / path.stem
    name, settings = _model(job, role), plan.settings(job.reading)
    found = experiment.run(
        name, task, settings, job.seed, checkpoints, progress, begin=models.append, timed=False
    )
    images, image = task.test.open(f"{name}, seed {job.seed}, pixels")
    found |= {
        "study": STUDY,
        "arm": _arm(job, role),
        "counts": pixel_counts(models[0], images.mask, image),  # the model as it is after the last epoch
        "test_opened": found["test_opened"] + 1,
        "left_out": ["ImageNet weights, which the paper's method names"],
        "protocol": plan.described(job.reading),
    }
    record.save(found, path)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return read(path, plan, job, role)


def _model(job: Job, role: str) -> str:
    return job.reading.hybrid if role == "hybrid" else "CNN"


def _arm(job: Job, role: str) -> dict:
    return answers_of(job.reading) | {"role": role}
