"""What is to be run for one study on one set, and what each run's record has to say."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from medkit import experiment, reproduce, sets
from medkit._check import MedkitInputError
from medkit.ablate import labels
from medkit.ablate.studies import PRESETS, Arm, Study
from medkit.preparation import Preparation
from medkit.settings import Settings


class Run(NamedTuple):
    """One training.

    arm: of the study. labels: how many, None for all there are. seed: of weights, order and labels.
    """

    arm: Arm
    labels: int | None
    seed: int

    def __str__(self) -> str:
        labels = "" if self.labels is None else f", {self.labels} labels"
        return f"{self.arm.name}{labels}, seed {self.seed}"


@dataclass(frozen=True, eq=False)
class Plan:
    """A study on a set.

    Args:
        study: what is compared. preset: the name of its size.
        tasks: the images, for each preparation that an arm asks for.
        out: the folder of records.
    """

    study: Study
    preset: str
    tasks: dict[Preparation, experiment.Task]
    out: Path

    def runs(self, seeds: list[int]) -> list[Run]:
        """Return all runs, those of one seed one after the other; a count above what there is falls away."""
        task = self.tasks[self.study.arms[0].preparation]
        counts = [count for count in self.study.labels if count < len(task.train)]
        return [Run(arm, count, seed) for seed in seeds for count in (*counts, None) for arm in self.study.arms]

    def path_of(self, run: Run) -> Path:
        """Return where a run's record stands: ARM-seedN.json, or ARM-LABELS-seedN.json."""
        count = f"-{run.labels or 'all'}" if self.study.labels else ""
        return self.out / f"{run.arm.name.replace(' ', '-')}{count}-seed{run.seed}.json"

    def task_of(self, run: Run) -> experiment.Task:
        """Return what a run is given: the same images for all arms with so many labels and that seed."""
        task = self.tasks[run.arm.preparation]
        if run.labels is None:
            return task
        counts = tuple(count for count in self.study.labels if count <= run.labels)
        return labels.fewer(task, labels.nested(task.train, counts, run.seed)[run.labels])

    def settings_of(self, arm: Arm) -> Settings:
        """Return Table 3 as an arm takes it."""
        settings = PRESETS[self.preset].settings
        return settings if arm.augmented else dataclasses.replace(settings, augment=None)

    def described(self, run: Run, task: experiment.Task) -> dict:
        """Return what a run's record must say; its data must be those of the task as well.

        "arm" holds the name and, in a study over numbers of labels, how many were asked for: all
        seeds of an arm agree in it.
        """
        one = reproduce.Plan(task, self.preset, "paper", run.arm.preparation, {}, self.out)
        many = len(task.train) if run.labels is None else run.labels
        return {
            "study": self.study.name,
            "arm": {"name": run.arm.name} | ({"labels": many} if self.study.labels else {}),
            "model": run.arm.model,
            "seed": run.seed,
            "settings": experiment.settings_of(self.settings_of(run.arm)),
            "left_out": list(reproduce.LEFT_OUT),
            "protocol": one.described() | ({} if run.labels is None else {"labels": labels.SAID}),
        }


def plan(study: Study, name: str, preset: str, device: torch.device, out: Path) -> Plan:
    """Load a set, and prepare it in each way that the study's arms ask for.

    Args:
        study: of `STUDIES`. name: a set, as for `medkit.sets.load`. preset: a name of `PRESETS`.
        device: to run on. out: the folder under which ablation-STUDY-SET stands.

    Raises:
        MedkitInputError: no such set, or its groups are too large for the study's numbers of labels.
        LeakError: the set's sides share what they must not.
    """
    split, facts = sets.load(name, PRESETS[preset])
    ways = {arm.preparation: None for arm in study.arms}
    tasks = {way: experiment.prepare(split, way, device, facts) for way in ways}
    made = Plan(study, preset, tasks, out / f"ablation-{study.name}-{facts['key']}")
    try:
        labels.nested(split.train, tuple(run.labels for run in made.runs([0]) if run.labels), seed=0)
    except ValueError as error:
        raise MedkitInputError(name, "has too few groups for this study", str(error)) from error
    return made
