"""The exercises of notebook 13 (leakage), and in full the first two that are written.

`near` has the near twins, `repair` the function to repair, `questions` the number and the figure,
`tests` the test; the wrong versions of what stands here are in `mistakes`.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.leakage import mistakes as versions
from medkit.exercises.leakage.near import NEAR_TWINS
from medkit.exercises.leakage.questions import EXPECTED, PAIRS
from medkit.exercises.leakage.repair import TEST_SCALED
from medkit.exercises.leakage.tests import KILL_SPLITS
from medkit.exercises.values import small_image

READY_MADE = ("medkit.data", "sklearn", "monai")


def choose_test(patient, order, count):
    """Mark whole patients, in the given order, until `count` images or more are marked."""
    side = torch.zeros(len(patient), dtype=torch.bool)
    for one in order:
        if side.sum() >= count:
            break
        side = side | (patient == one)
    return side


def twin_of(train, test):
    """Return for each test image the first training image with the same pixels, -1 for none."""
    equal = (test[:, None] == train).flatten(2).all(2)  # a row for each test image
    return torch.where(equal.any(1), equal.int().argmax(1), -1)


def _two_sides() -> tuple[torch.Tensor, torch.Tensor]:
    """Return training and test images: twins, a near twin, shuffled ones, one of the same sum, and none."""
    train = small_image(5, 2, 2, 3, seed=131)
    train[4] = train[1]
    near, same_sum = train[2].clone(), train[3].clone()
    near[1, 1, 2] += 0.01
    same_sum[0, 0] += torch.tensor([20.0, -20.0, 0.0])
    test = [train[3], near, train[0].flip(2), train[1], same_sum, train[0] + 20, train[2].roll(1, 0)]
    return train, torch.stack(test)


def _half_alike() -> tuple[torch.Tensor, torch.Tensor]:
    """Return images that share a channel or a row with another one, and one whole twin."""
    train = small_image(4, 2, 3, 2, seed=132)
    first, top = train[1].clone(), train[2].clone()
    first[1] += 1
    top[:, 1:] += 2
    return train, torch.stack([first, top, train[3]])


CHOOSE_TEST = WriteFunction(
    id="13.1",
    title="Whole patients for the test",
    section="before the code",
    points=3,
    minutes=10,
    name="choose_test",
    parameters=("patient", "order", "count"),
    prompt=(
        "Write a split that parts no patient. `patient` `(N,)` holds the patient's number of each image; images of "
        "one patient may stand anywhere. `order` `(P,)` lists the number of every patient once, shuffled. Go "
        "through `order` from the front and put whole patients on the test side, until at least `count` images "
        "stand there. Return a bool tensor `(N,)`, True for the test images.\n\nWith `count` 0 nobody is taken; "
        "where all images together are fewer than `count`, everybody is."
    ),
    unsolved="def choose_test(patient, order, count):\n    ...\n    return ...",
    solution=choose_test,
    alternatives=(versions.whole_by_lists, versions.whole_by_sums, versions.whole_by_numpy),
    forbidden=READY_MADE,
    cases=(
        Case((torch.tensor([3, 1, 3, 0, 1, 1, 5, 0, 3]), torch.tensor([1, 5, 3, 0]), 4)),
        Case((torch.tensor([3, 1, 3, 0, 1, 1, 5, 0, 3]), torch.tensor([0, 3, 1, 5]), 3)),
        Case((torch.tensor([6, 2, 2, 4, 6, 2, 4]), torch.tensor([6, 2, 4]), 1)),
        Case((torch.tensor([2, 0, 2, 1, 4, 4, 1, 0, 0, 3]), torch.tensor([3, 4, 2, 0, 1]), 5)),
        Case((torch.tensor([2, 1, 2, 0]), torch.tensor([1, 0, 2]), 0), edge=True),
        Case((torch.tensor([2, 1, 2, 0]), torch.tensor([1, 0, 2]), 9), edge=True),
    ),
    hints=(
        "Begin with a side on which nobody stands: `torch.zeros(len(patient), dtype=torch.bool)`.",
        "`patient == one` marks all images of one patient, wherever they stand; `side | (patient == one)` adds "
        "them.",
        "Ask before you add: if `side.sum() >= count`, stop.",
    ),
    mistakes=(
        Mistake(
            "you split by image",
            "The first `count` images are taken, whoever is on them: patients then stand on both sides.",
            versions.whole_by_image,
        ),
        Mistake(
            "you counted patients, not images",
            "`count` is how many images the test should have at least.",
            versions.whole_counts_patients,
        ),
        Mistake(
            "you did not follow the order",
            "Patients are to be taken as `order` lists them: it was shuffled on purpose.",
            versions.whole_in_sorted_order,
        ),
        Mistake(
            "you stopped one patient too early",
            "At least `count` images: the patient who passes the count still comes in.",
            versions.whole_one_too_few,
        ),
        Mistake(
            "you took one patient too many",
            "Where `count` is met exactly, it is enough: stop at >=, not at >.",
            versions.whole_one_too_many,
        ),
        Mistake("you began at the end of the order", "From the front.", versions.whole_from_the_end),
        Mistake("you returned the training side", "True marks test images.", versions.whole_other_side),
        Mistake(
            "you returned places instead of a mask",
            "A bool for each image is asked for, (N,).",
            versions.whole_as_places,
        ),
        Mistake(
            "you cut the last patient in two",
            "The count is met exactly, and one patient stands on both sides: that is the leak itself.",
            versions.whole_but_cut,
        ),
        Mistake(
            "you kept only the last patient",
            "Each step overwrites the one before: add with `|`.",
            versions.whole_last_patient_only,
        ),
        Mistake(
            "you took patients' numbers for places of images",
            "side[order] marks images 0, 1, 2 ... and not the images of patients 0, 1, 2 ...",
            versions.whole_numbers_for_places,
        ),
    ),
    afterword="Whoever has the patient numbers can't leak this way; whoever has lost them can't know.",
)

EXACT_TWINS = WriteFunction(
    id="13.2",
    title="Exact twins",
    section="before the code",
    points=2,
    minutes=10,
    name="twin_of",
    parameters=("train", "test"),
    prompt=(
        "Find the test images that are training images as well, pixel for pixel. `train` is `(N, C, H, W)`, `test` "
        "`(M, C, H, W)`, both float. Return `(M,)` whole numbers: for each *test* image the place (0 ... N - 1) of "
        "the *first* training image with exactly the same pixels in all channels, and -1 where there is none."
    ),
    unsolved="def twin_of(train, test):\n    ...\n    return ...",
    solution=twin_of,
    alternatives=(versions.twin_by_loops, versions.twin_by_hash, versions.twin_by_numpy),
    forbidden=READY_MADE,
    cases=(
        Case(_two_sides()),
        Case(_half_alike()),
        Case((small_image(3, 1, 2, 2, seed=133), small_image(2, 1, 2, 2, seed=134)), edge=True),
        Case((small_image(1, 1, 3, 2, seed=135).repeat(4, 1, 1, 1), small_image(1, 1, 3, 2, seed=135)), edge=True),
    ),
    hints=(
        "Two loops and `torch.equal(one, other)` are enough: it is True only where all pixels agree.",
        "Without loops: `test[:, None] == train` compares each with each, `(M, N, C, H, W)`.",
        "`.flatten(2).all(2)` is one bool for each pair; argmax gives the first True of a row, and 0 where there is "
        "none: put -1 there.",
    ),
    mistakes=(
        Mistake("you let small differences pass", "Exactly the same pixels: ==.", versions.twin_almost),
        Mistake(
            "you compared sums",
            "Two images can have the same sum and show different things: their pixels may change places.",
            versions.twin_by_sum,
        ),
        Mistake(
            "you compared the pixels in sorted order",
            "A mirrored image has the same greys. The places count too.",
            versions.twin_by_histogram,
        ),
        Mistake(
            "you were content with one equal pixel",
            "All pixels must agree: all, not any.",
            versions.twin_by_any_pixel,
        ),
        Mistake(
            "you compared the first channel only",
            "An image is all its channels.",
            versions.twin_by_first_channel,
        ),
        Mistake("you compared the top row only", "An image is all its rows.", versions.twin_by_first_row),
        Mistake("you returned the last match", "The first one is asked for.", versions.twin_last),
        Mistake(
            "you returned 0 where there is no twin",
            "argmax of a row of False is 0, which is a place as well: put -1 there.",
            versions.twin_zero_for_none,
        ),
        Mistake(
            "you compared only images at the same place",
            "A twin can stand anywhere: compare each with each.",
            versions.twin_at_the_same_place,
        ),
        Mistake(
            "you answered for the training images",
            "One number for each test image, (M,).",
            versions.twin_of_training_images,
        ),
        Mistake("you said whether, not which", "The place of the twin is asked for.", versions.twin_yes_or_no),
        Mistake("you counted places from 1", "Places begin at 0.", versions.twin_counted_from_one),
    ),
    afterword="Fast, exact, and blind to a copy that was saved once more as JPEG: see the next exercise.",
)

EXERCISES = (CHOOSE_TEST, EXACT_TWINS, NEAR_TWINS, EXPECTED, TEST_SCALED, PAIRS, KILL_SPLITS)
