"""Where the arms of *transfer* start from: a task on phantoms, in place of ImageNet, learned once for each seed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from torch import nn
from tqdm.auto import tqdm

from medkit import experiment
from medkit.ablate.plans import Plan, Run
from medkit.ablate.studies import PRESETS
from medkit.data.container import ImageSet
from medkit.data.phantom import MODALITIES
from medkit.pretrain import PreTrained, other_modality, pretrain, start_from, textures
from medkit.sets import SPLIT_SEED
from medkit.transfer import freeze

TIMES = 2  # as many images as the preset's training set of phantoms: a source is larger than its target


class Source:
    """The source task of a plan, and what was learned from it last.

    Args:
        plan: its set's modality is left out of the source; a set of several, or of an unknown one,
            gets `textures`, which asks for no lesion.
        progress: as for `medkit.training.fit`.
    """

    def __init__(self, plan: Plan, progress: Callable | None = tqdm):
        self.plan, self.progress = plan, progress
        self._last: tuple[int, PreTrained] | None = None

    @functools.cached_property
    def images(self) -> ImageSet:
        """The source's images, on the target's device."""
        preset = PRESETS[self.plan.preset]
        task = next(iter(self.plan.tasks.values()))
        size = {"count": TIMES * preset.phantoms[0], "size": preset.size, "seed": SPLIT_SEED}
        modality = task.facts["modality"]
        if modality in MODALITIES:
            return other_modality(modality, device=task.image.device, **size)
        return textures(device=task.image.device, **size)

    def learned(self, run: Run) -> PreTrained:
        """Return what the run's model learned from the source with the run's settings, preparation and seed.

        Its first weights are those that the arm from scratch starts from. All arms of a seed share it.
        """
        if self._last is None or self._last[0] != run.seed:
            task, settings = self.plan.tasks[run.arm.preparation], self.plan.settings_of(run.arm)
            model = experiment.build(run.arm.model, dataclasses.replace(task, train=self.images), run.seed)
            see = run.arm.preparation.fitted_to(self.images)
            self._last = run.seed, pretrain(model, self.images, see, settings, seed=run.seed, progress=self.progress)
        return self._last[1]


def begin(model: nn.Module, learned: PreTrained, frozen: tuple[str, ...]) -> None:
    """Give a new model what was learned, and hold the parts that are to be frozen."""
    start_from(model, learned)
    if frozen:  # none named would be all
        freeze(model, *frozen)


def described(learned: PreTrained) -> dict:
    """Return what a record says of its pre-training; "seconds" are none of the run's own."""
    return {
        "source": learned.source,
        "sha256": learned.data,
        "settings": dataclasses.asdict(learned.settings),
        "seed": learned.seed,
        "seconds": sum(learned.history.column("seconds")),
    }
