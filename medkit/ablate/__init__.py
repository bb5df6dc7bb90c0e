"""What single steps of the method are worth: the same training with and without the step, all else equal.

    python3 -m medkit ablate --study attention|preparation|augmentation|transfer|all

    STUDIES   what is compared            plan, run_all   the runs, a record each
    nested    fewer labels                sheet, render   records -> table

The runs of one seed start from the same weights wherever their models agree, and see the same images
in the same order. Each is a record like those of `medkit.reproduce`, with its study and arm.

Few labels. With the same number of epochs 25 images would get one step an epoch and learn nothing,
augmented or not, pre-trained or not. So every count of labels gets the same number of optimiser steps:
in an epoch the few images are shown again and again, until as many were shown as the whole training
set has. An epoch, its batches and what a table calls a fifth of the run are then the same for all.

Transfer has no ImageNet weights at hand: the source is a task on phantoms (`medkit.pretrain`) without
the target's modality, and each record says so. It is learned anew for each seed, so that an interval
over seeds also covers the chance in the pre-training.

Whether time for an image falls with the training epochs (K7) needs no training of its own: every
record of `reproduce` has the clock of its five report epochs.
"""

from __future__ import annotations

from medkit.ablate.command import main  # noqa: F401, what this package is used by
from medkit.ablate.labels import nested  # noqa: F401
from medkit.ablate.plans import Plan, Run, plan  # noqa: F401
from medkit.ablate.runs import run_all  # noqa: F401
from medkit.ablate.show import render, sheet  # noqa: F401
from medkit.ablate.studies import STUDIES, Arm, Study  # noqa: F401
