"""The exercises of notebook 03 (§3.2, Table 1), and in full the one where a function is repaired.

`places` has those where a function is written, `questions` the number, the figure and the test;
`mistakes`, `lungs` and `flips` have the wrong versions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from medkit.exercises.augment import lungs as versions
from medkit.exercises.augment.places import READ_BETWEEN, READING_PLACES, READY_MADE
from medkit.exercises.augment.questions import DOT, KILL_FLIPS, TURNED_FIGURE
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.values import small_image


def flip_with_wrong_sides(mask, chosen):
    """Flip the chosen patients left-right; channel 0 is the left lung, channel 1 the right one."""
    flipped = mask.flip(3)
    return flipped.where(chosen[:, None, None, None], mask)


def flip_lungs(mask, chosen):
    """Flip the chosen patients left-right; channel 0 is the left lung, channel 1 the right one."""
    flipped = mask.flip(3).flip(1)
    return flipped.where(chosen[:, None, None, None], mask)


def _masks(*shape: int, seed: int) -> Tensor:
    return small_image(*shape, seed=seed, high=2) > 0


FLIP_LUNGS = RepairFunction(
    id="3.4",
    title="Left lung, right lung",
    section="exercises",
    points=2,
    minutes=8,
    name="flip_lungs",
    parameters=("mask", "chosen"),
    prompt=(
        "`mask` is `(B, 2, H, W)`, bool: of each patient, channel 0 is the *left* lung and channel 1 the "
        "*right* one. `flip_lungs(mask, chosen)` should return the masks after those patients for whom "
        "`chosen`, `(B,)` bool, is True were flipped left-right, the masks of all others as they were. The "
        "function below runs, and every pixel is where it belongs; yet a network that learns from it "
        "confuses the two sides. Find the bug and repair it."
    ),
    broken=flip_with_wrong_sides,
    solution=flip_lungs,
    alternatives=(versions.lungs_by_loop, versions.lungs_by_index, versions.lungs_by_sum),
    forbidden=READY_MADE,
    cases=(
        Case((_masks(3, 2, 4, 5, seed=50), torch.tensor([True, False, True]))),
        Case((_masks(4, 2, 5, 6, seed=51), torch.tensor([False, False, True, False]))),
        Case((_masks(2, 2, 3, 4, seed=52), torch.tensor([False, False])), edge=True),
    ),
    hints=(
        "Draw a patient with one lung only, in channel 0. Where is it after a flip, and what is it called there?",
        "In the mirror a left lung is a right one: the label has to change sides with the picture.",
        "Of the chosen patients the two channels must be exchanged: one more `flip`, along another axis.",
    ),
    mistakes=(
        Mistake(
            "you flipped the lungs and left their names",
            "What was the left lung is now on the other side, and its channel still calls it left.",
            flip_with_wrong_sides,
        ),
        Mistake(
            "you exchanged the names of all patients",
            "Only those who are flipped change sides.",
            versions.lungs_all_renamed,
        ),
        Mistake(
            "you exchanged the names and flipped nobody",
            "The pixels of the chosen patients have to move, too.",
            versions.lungs_only_renamed,
        ),
        Mistake(
            "you flipped everybody",
            "`chosen` says who is flipped.",
            versions.lungs_all_flipped,
        ),
        Mistake(
            "you flipped those who were not chosen",
            "`a.where(condition, b)` takes a where the condition is True, else b.",
            versions.lungs_others_flipped,
        ),
        Mistake(
            "you flipped top and bottom",
            "Axis 2 counts rows; left and right are along axis 3.",
            versions.lungs_upside_down,
        ),
        Mistake(
            "you turned the patients by 180°",
            "Both axes of the picture are flipped: one is asked for.",
            versions.lungs_half_turn,
        ),
        Mistake(
            "you flipped the order of the patients",
            "Axis 0 counts patients: each got the mask of another one.",
            versions.lungs_patients_reversed,
        ),
        Mistake(
            "you wrote one lung over the other before it was read",
            "After the first of two assignments both channels hold the same lung. Exchange them in one step.",
            versions.lungs_overwritten,
        ),
        Mistake(
            "you gave both channels both lungs",
            "Left or right, one of the two: now the sides cannot be told apart at all.",
            versions.lungs_merged,
        ),
    ),
    afterword="Where side is part of a label and cannot be exchanged, don't flip: Ranges(horizontal=0.0).",
)

EXERCISES = (READING_PLACES, READ_BETWEEN, DOT, FLIP_LUNGS, TURNED_FIGURE, KILL_FLIPS)
