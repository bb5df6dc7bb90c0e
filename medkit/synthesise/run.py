"""The runs: the same training with real images alone, and with half of them made; a record each."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from medkit import experiment, record, sets
from medkit._check import MedkitInputError
from medkit.ablate import runs
from medkit.ablate.plans import Plan, Run
from medkit.ablate.studies import PRESETS, Arm, Study
from medkit.preparation import Preparation
from medkit.synthesise.gan import SIDE
from medkit.synthesise.made import MAKERS, Few, Made

REAL = "real"
LABELS = (25, 100)
STUDY = Study(
    "synthesis",
    ("K39",),
    "Do made images help, and at which number of labels?",
    (Arm(REAL), *map(Arm, MAKERS)),
    ("us", "phantom"),
    LABELS,
    notes=(
        "real: real images alone, moved as in Table 1. The others: in each epoch half of what is shown is made: by a GAN "
        "trained on the same few images, or from these in the style of others (Fourier, histogram). All show equally many.",
    ),
)
STYLE_OF = {"us": "mri", "mri": "us", "lung": "us", "bleed": "us"}  # whose style; of any other set, its own images'


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """A plan, and what lends its style: `references` prepared as the images are, `source` in words."""

    plan: Plan
    references: Tensor
    source: str

    def runs(self, seeds: list[int]) -> list[Run]:
        """Return the runs at each number of labels; all labels leave no place for made images."""
        return [run for run in self.plan.runs(seeds) if run.labels is not None]


def prepare(name: str, preset: str, device: torch.device, out: Path) -> Work:
    """Load a set at 32 pixels, and images of another scanner or modality.

    Args:
        name: a set with masks, as for `medkit.sets.load`. preset: of `medkit.ablate.studies.PRESETS`.
        device: to train on. out: the folder under which synthesis-SET stands.

    Raises:
        MedkitInputError: no such set, one without masks, one in colour, or one that is too small.
        LeakError: the set's sides share what they must not.
    """
    small = dataclasses.replace(PRESETS[preset], size=SIDE)
    split, facts = sets.load(name, small)
    if split.train.mask is None or split.train.image.shape[1] != 1:
        raise MedkitInputError(name, "must have masks and one channel for a GAN to make both", "take us, mri or phantom")
    task = experiment.prepare(split, Preparation(), device, facts)
    room = len(task.train) // 2
    if room < max(LABELS):
        fix = f"take one with {2 * max(LABELS)} or more"
        raise MedkitInputError(name, f"has {len(task.train)} training images, too few for half of them made", fix)
    plan = Plan(STUDY, preset, {Preparation(): task}, out / f"synthesis-{facts['key']}")
    if name not in STYLE_OF:
        return Work(plan, task.image, f"{task.facts['title']}, its own training images without their labels")
    other = sets.load(STYLE_OF[name], small).split.train
    return Work(plan, Preparation().fitted_to(other)(other).to(device), f"{other.title}, training images without their labels")


def run_all(
    work: Work, seeds: list[int], say: Callable[[str], object] = lambda text: None, progress: Callable | None = tqdm
) -> list[dict]:
    """Make the runs that are not there yet; return the records of all, as `medkit.ablate.run_all` does.

    Raises:
        MedkitInputError: a record is in the way that belongs to another protocol or set.
    """
    plan, todo = work.plan, work.runs(seeds)
    records = {run: runs.read(path, plan, run) for run in todo if (path := plan.path_of(run)).exists()}
    for number, run in enumerate(todo, 1):
        if run not in records:
            say(f"Run {number} of {len(todo)}: {run}")
            path = plan.path_of(run)
            record.save(_trained(work, run, path.parent / "checkpoints" / path.stem, progress), path)
            records[run] = runs.read(path, plan, run)
            shutil.rmtree(path.parent / "checkpoints" / path.stem, ignore_errors=True)
    return [records[run] for run in todo]


def _trained(work: Work, run: Run, folder: Path, progress: Callable | None) -> dict:
    """Make one run, and return its record."""
    plan = work.plan
    task = plan.task_of(run)
    made, shown = made_for(work, run, task, progress), task
    if made is not None:
        shown = mixed(task, made)
    found = experiment.run(
        run.arm.model, shown, plan.settings_of(run.arm), run.seed, folder, progress, timed=False
    )
    said = {"images": 0 if made is None else len(made.label), "source": work.source} | ({} if made is None else made.facts)
    return found | plan.described(run, task) | {"synthetic": said}


def made_for(work: Work, run: Run, task: experiment.Task, progress: Callable | None = None) -> Made | None:
    """Return what a run's arm adds, from the run's own few images; None for the arm of real images alone."""
    if run.arm.name == REAL:
        return None
    n = task.facts["train"]  # each image stands once among the first n (`medkit.ablate.labels.fewer`)
    few = Few(task.train.subset(torch.arange(n)).to("cpu"), task.image[:n].cpu(), task.val_image.cpu(), work.references.cpu())
    return MAKERS[run.arm.name](few, len(task.train) // 2, run.seed, progress)


def mixed(task: experiment.Task, made: Made) -> experiment.Task:
    """Return a task whose training images are, to the end, the made ones; all else, and the count, stay."""
    real, device = len(task.train) - len(made.label), task.image.device
    data = task.train
    train = dataclasses.replace(
        data,
        image=torch.cat([data.image[:real], made.image.to(device)]),
        label=torch.cat([data.label[:real], made.label.to(device)]),
        mask=torch.cat([data.mask[:real], made.mask.to(device)]),
        name=(*data.name[:real], *(f"made {i}" for i in range(len(made.label)))),
    )
    return dataclasses.replace(task, train=train, image=torch.cat([task.image[:real], made.image.to(device)]))
