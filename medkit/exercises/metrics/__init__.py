"""The exercises of notebook 09 (Eq. 6, 7, 9), and in full those where a function is written or repaired.

`resampled` has the bootstrap to repair, `questions` the number and the figure, `tests` the test; the
wrong versions of what stands here are in `mistakes`.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.metrics import mistakes as versions
from medkit.exercises.metrics.questions import F1_OF_BLEEDS, OVERLAPS
from medkit.exercises.metrics.resampled import RESAMPLED_MEANS
from medkit.exercises.metrics.tests import KILL_AUROC
from medkit.exercises.values import small_image

READY_MADE = (
    "medkit.metrics", "medkit._counts", "medkit.scores", "medkit.intervals", "sklearn", "torchmetrics", "monai",
    "scipy.spatial", "scipy.stats",
)  # fmt: skip


def mean_dice(pred, target):
    """Average Eq. 7 over the images in which either mask has a pixel."""
    overlap = (pred & target).flatten(1).sum(1)
    areas = pred.flatten(1).sum(1) + target.flatten(1).sum(1)
    kept = areas > 0
    return (2 * overlap[kept] / areas[kept]).mean()


def macro_f1(pred, target, classes):
    """Average Eq. 9 over the classes that are shown or predicted."""
    scores = []
    for c in range(classes):
        tp = ((pred == c) & (target == c)).sum()
        fp = ((pred == c) & (target != c)).sum()
        fn = ((pred != c) & (target == c)).sum()
        if tp + fp + fn > 0:
            scores.append(2 * tp / (2 * tp + fp + fn))
    return torch.stack(scores).mean()


def _masks(seed: int, *shape: int, empty=(), missed=(), alarms=(), specks=()) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two masks (B, 1, H, W) bool; in the images listed one of them, or both, are emptied.

    In `specks` the prediction has one pixel, and the truth none.
    """
    drawn = small_image(2, *shape, seed=seed, high=5)
    pred, target = drawn[0] > 2, drawn[1] > 1
    pred[[*empty, *missed, *specks]] = False
    target[[*empty, *alarms, *specks]] = False
    pred[list(specks), 0, 0, 1] = True
    return pred, target


MEAN_DICE = WriteFunction(
    id="9.1",
    title="The mean Dice",
    section="before the code",
    points=3,
    minutes=10,
    name="mean_dice",
    parameters=("pred", "target"),
    prompt=(
        "Write Eq. 7 for each image of a batch, and return the mean over the images: one number from 0 to "
        "1. `pred` and `target` are masks `(B, 1, H, W)` of type bool, True inside.\n\nAn image in which "
        "*both* masks are empty is left out of the mean, for it has no Dice. An image in which only one of "
        "them is empty counts, as 0. At least one image of the batch counts."
    ),
    unsolved="def mean_dice(pred, target):\n    ...\n    return ...",
    solution=mean_dice,
    alternatives=(versions.dice_in_a_loop, versions.dice_by_numpy, versions.dice_by_union),
    forbidden=READY_MADE,
    cases=(
        Case(_masks(91, 2, 1, 3, 4)),
        Case(_masks(92, 4, 1, 5, 3, missed=(2,))),
        Case(_masks(93, 3, 1, 2, 7)),
        Case(_masks(94, 5, 1, 4, 3, empty=(1, 4), missed=(0,), alarms=(3,)), edge=True),
        Case(_masks(95, 4, 1, 3, 3, empty=(0,), alarms=(2,), specks=(1,)), edge=True),
    ),
    hints=(
        "Three numbers for each image: the pixels in both masks, in `pred`, and in `target`.",
        "`(pred & target).flatten(1).sum(1)` counts the overlap of each image: flatten(1) keeps the batch axis.",
        "Twice the overlap divided by both areas is one Dice for each image. Keep those with "
        "`areas > 0`, then take the mean.",
    ),
    mistakes=(
        Mistake(
            "you computed the intersection over union",
            "The union counts the overlap once; Eq. 7 divides by the sum of both areas, and has a 2 above.",
            versions.dice_is_union,
        ),
        Mistake(
            "you forgot the 2",
            "Two equal masks must give 1; without the 2 they give one half.",
            versions.dice_without_two,
        ),
        Mistake(
            "you pooled the pixels of all images",
            "Then large lesions decide. Take the Dice of each image first, the mean afterwards.",
            versions.dice_of_the_pool,
        ),
        Mistake(
            "you left out the images whose lesion was missed",
            "A Dice of 0 is an answer, and the worst one. Leave out only images where both masks are empty.",
            versions.dice_where_they_meet,
        ),
        Mistake(
            "you counted the background too",
            "That is pixel accuracy: nearly all pixels are background, and nearly any mask scores high.",
            versions.dice_of_right_pixels,
        ),
        Mistake(
            "you divided by the predicted area alone",
            "That is precision: half a lesion, nothing else, would score 1.",
            versions.dice_of_predicted_area,
        ),
        Mistake(
            "you divided by the true area alone",
            "That is recall: a mask over the whole image would score 1.",
            versions.dice_of_true_area,
        ),
        Mistake(
            "you returned the Dice of each image",
            "One number is asked for: take the mean.",
            versions.dice_for_each,
        ),
        Mistake(
            "you counted two empty masks as 1",
            "Healthy images that were left alone then lift the mean, the more of them the higher.",
            versions.dice_empty_is_one,
        ),
        Mistake(
            "you counted two empty masks as 0",
            "A small number below the line turns 0/0 into 0: the right answer for a healthy image is punished.",
            versions.dice_empty_is_zero,
        ),
        Mistake(
            "you left out the images without a true lesion",
            "A false alarm on a healthy image then costs nothing.",
            versions.dice_where_truth_shows,
        ),
    ),
    afterword="That is the Dice of medkit's tables. Each other convention has a name of its own.",
)

MACRO_F1 = WriteFunction(
    id="9.2",
    title="F1, averaged over classes",
    section="before the code",
    points=3,
    minutes=12,
    name="macro_f1",
    parameters=("pred", "target", "classes"),
    prompt=(
        "Write the *macro* F1: Eq. 9 for each class against the rest, then the mean over the classes, one "
        "number from 0 to 1. `pred` and `target` are labels `(N,)`, whole numbers 0 ... `classes` - 1.\n\n"
        "A class that no image shows and that is never predicted has no F1: leave it out of the mean. A class "
        "that is shown but never predicted, or predicted but never shown, counts with an F1 of 0."
    ),
    unsolved=(
        "def macro_f1(pred, target, classes):\n"
        "    for c in range(classes):\n"
        "        ...  # count tp, fp and fn of class c against the rest\n"
        "    return ..."
    ),
    solution=macro_f1,
    alternatives=(versions.f1_by_table, versions.f1_by_precision_and_recall, versions.f1_by_numpy),
    forbidden=READY_MADE,
    cases=(
        Case((torch.tensor([0, 0, 1, 2, 1, 1, 0, 2, 2]), torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 1]), 3)),
        Case((torch.tensor([1, 1, 0, 1, 0, 1, 1]), torch.tensor([1, 0, 0, 1, 0, 0, 1]), 2)),
        Case((
            torch.tensor([3, 1, 0, 0, 2, 3, 3, 1, 0, 0, 2]), torch.tensor([3, 1, 0, 2, 2, 1, 3, 0, 0, 3, 0]), 4,
        )),
        Case((torch.tensor([0, 2, 0, 2, 0]), torch.tensor([0, 2, 2, 2, 0]), 4), edge=True),
        Case((torch.tensor([0, 0, 1, 0, 1, 1, 0]), torch.tensor([0, 2, 1, 0, 2, 1, 1]), 3), edge=True),
        Case((torch.tensor([0, 2, 1, 0, 1, 1]), torch.tensor([0, 0, 1, 0, 0, 1]), 3), edge=True),
    ),
    hints=(
        "For one class c only three counts matter: rightly called c, wrongly called c, c but called "
        "something else.",
        "`((pred == c) & (target == c)).sum()` is the first. F1 = 2 tp / (2 tp + fp + fn) is the same number as "
        "Eq. 9 and needs no precision, which may be 0/0.",
        "Where tp + fp + fn is 0 the class is absent: collect the F1 of all others in a list, and take the mean.",
    ),
    mistakes=(
        Mistake(
            "you summed the counts over the classes first",
            "That is the micro F1. With one label an image it is nothing but the accuracy.",
            versions.f1_micro,
        ),
        Mistake(
            "you took the F1 of the mean precision and the mean recall",
            "Also called macro F1 in some papers, and another number: here the mean is taken last.",
            versions.f1_of_the_means,
        ),
        Mistake(
            "you let each class count by its images",
            "That is the weighted F1. In the macro F1 a rare class counts as much as a frequent one.",
            versions.f1_weighted,
        ),
        Mistake(
            "you took the F1 of class 1 alone",
            "All classes are asked for, each against the rest.",
            versions.f1_of_class_one,
        ),
        Mistake(
            "you averaged the precision",
            "Recall is missing: images of the class that were called something else go unseen.",
            versions.f1_is_precision,
        ),
        Mistake(
            "you averaged the recall",
            "Precision is missing: what was wrongly called this class goes unseen.",
            versions.f1_is_recall,
        ),
        Mistake(
            "you took the usual mean of precision and recall",
            "F1 is their harmonic mean, which the smaller one pulls down.",
            versions.f1_arithmetic,
        ),
        Mistake("you forgot the 2", "A perfect class must have an F1 of 1.", versions.f1_without_two),
        Mistake(
            "you counted the hits once",
            "tp / (tp + fp + fn) is the intersection over union of labels: F1 has 2 tp above and below.",
            versions.f1_is_union,
        ),
        Mistake(
            "you counted an absent class as 0",
            "A class neither shown nor predicted has no F1; with a 0 the list of classes changes the score.",
            versions.f1_absent_is_zero,
        ),
        Mistake(
            "you counted an absent class as 1",
            "Nothing was found right there: leave the class out.",
            versions.f1_absent_is_one,
        ),
        Mistake(
            "you left out a class that was never hit",
            "Its precision or its F1 became 0/0 on the way; as it is shown or predicted, its F1 is 0.",
            versions.f1_never_called_left_out,
        ),
        Mistake(
            "you averaged over the classes that the truth shows",
            "A class that is predicted but never shown counts too, as 0.",
            versions.f1_of_classes_shown,
        ),
    ),
    afterword="2 tp / (2 tp + fp + fn) is Eq. 7 with images in the place of pixels.",
)

EXERCISES = (MEAN_DICE, MACRO_F1, F1_OF_BLEEDS, RESAMPLED_MEANS, OVERLAPS, KILL_AUROC)
