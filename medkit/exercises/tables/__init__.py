"""The exercises of notebook 11 (Tables 4-7), and in full those where a function is written or repaired.

`questions` has the number, the figure and the test; `mistakes` and `pairs` the wrong versions.
"""

from __future__ import annotations

import math

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction, WriteFunction
from medkit.exercises.tables import mistakes as versions
from medkit.exercises.tables import pairs
from medkit.exercises.tables.questions import HALF_WIDTH, KILL_MAJORITY, SHOWN_TO_BE_BETTER

READY_MADE = ("medkit.intervals", "medkit.evidence", "scipy", "sklearn", "statsmodels")


def resampled_means(values, group, drawn):
    """Draw whole patients, and average all their images."""
    patients = group.unique()
    total = torch.stack([values[group == one].sum() for one in patients])
    count = torch.stack([(group == one).sum() for one in patients])
    return total[drawn].sum(1) / count[drawn].sum(1)


def unit_leads(first, second, group):
    """Subtract image by image, average each unit in each seed, then over seeds."""
    gap = first - second
    in_each_seed = [gap[:, group == one].nanmean(dim=1) for one in group.unique()]
    return torch.stack(in_each_seed, dim=1).nanmean(dim=0)


def standard_error_of_answers(right, group):
    """Return the standard error of an accuracy, over the patients that were drawn."""
    answers = right.flatten()
    return answers.std() / len(answers) ** 0.5


def standard_error(right, group):
    """Return the standard error of an accuracy, over the patients that were drawn."""
    patients = group.unique()
    means = torch.stack([right[:, group == one].mean() for one in patients])
    return means.std() / len(patients) ** 0.5


def _numbers(*values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _drawn(*shape: int, seed: int, share: float = 0.6) -> torch.Tensor:
    """Return right (1) and wrong (0) answers, drawn."""
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share).float()


def _dice(*shape: int, seed: int) -> torch.Tensor:
    """Return numbers between 0 and 1, drawn and rounded to hundredths."""
    return torch.randint(0, 101, shape, generator=torch.Generator().manual_seed(seed)) / 100


NAN = math.nan
RESAMPLED = WriteFunction(
    id="11.1",
    title="Patients drawn again",
    section="before the code",
    points=3,
    minutes=10,
    name="resampled_means",
    parameters=("values", "group", "drawn"),
    prompt=(
        "Write the heart of a bootstrap. `values` is `(N,)`, float: a number for each test image, such as 1 for "
        "right and 0 for wrong. `group` is `(N,)`, whole numbers: the patient of each image; a patient may have "
        "several images, in any places. `drawn` is `(R, D)`: in each of R repeats, D patients were drawn with "
        "replacement. It holds *positions* in the sorted list of the patients' numbers, counted from 0.\n\n"
        "Return `(R,)`: for each repeat the mean over **all images** of the drawn patients together. Who was drawn "
        "twice counts twice, with all images; so a patient with many images weighs more than one with few."
    ),
    unsolved=(
        "def resampled_means(values, group, drawn):\n"
        "    patients = group.unique()  # sorted; drawn[r] says which of them\n"
        "    ...\n"
        "    return ..."
    ),
    solution=resampled_means,
    alternatives=(versions.draws_by_joining, versions.draws_by_counting, versions.draws_by_numpy),
    forbidden=READY_MADE,
    cases=(
        Case((
            _numbers(1, 0, 1, 1, 0, 0), torch.tensor([7, 3, 3, 7, 3, 12]),
            torch.tensor([[0, 0, 2], [1, 2, 1], [2, 2, 0], [0, 1, 2]]),
        )),
        Case((
            _numbers(9, 4, 0, 5, 2, 7, 7, 3), torch.tensor([5, 5, 1, 8, 1, 5, 30, 8]),
            torch.tensor([[1, 1, 3, 0], [2, 0, 0, 3], [3, 3, 3, 1], [0, 1, 2, 3], [2, 1, 1, 1]]),
        )),
        Case((
            _numbers(0.2, 0.9, 0.4, 0.6, 0.1), torch.tensor([2, 0, 1, 0, 2]), torch.tensor([[2, 1], [0, 0], [1, 0]]),
        )),
        Case((_numbers(0.25, 0.5, 1.0), torch.tensor([4, 2, 9]), torch.tensor([[1, 1, 0], [2, 0, 2]])), edge=True),
    ),  # fmt: skip
    hints=(
        "Work one repeat out on paper: write down all images of the drawn patients, twice where drawn twice, and "
        "take the mean.",
        "Two small lists are enough: for each patient the sum of the values, and the number of images.",
        "`total[drawn]` has the shape of `drawn`. Sum it over the draws, and divide by the same sum of the counts.",
    ),
    mistakes=(
        Mistake("you gave each patient one vote", "The mean is over images: add the sums, divide by the numbers of "
                "images. A mean of the patients' means weighs one image as much as ten.", versions.draws_of_means),
        Mistake("you drew images, not patients", "`drawn` names patients; all images of a patient come along. "
                "Whoever draws images gets intervals that are too narrow.", versions.draws_of_images),
        Mistake("you counted a patient once who was drawn twice", "With replacement means that one may come again, "
                "and then counts again.", versions.draws_each_once),
        Mistake("you numbered the patients in the order in which they appear", "The positions are those in the "
                "sorted list: group.unique() sorts.", versions.draws_by_appearance),
        Mistake("you took positions for the patients' numbers", "drawn = 0 is the first of the sorted patients, "
                "whatever number that one has.", versions.draws_by_number),
        Mistake("you divided by the number of all images", "A repeat has its own number of images: that of the "
                "patients who were drawn.", versions.draws_over_all_images),
        Mistake("you divided by the number of patients drawn", "The mean is over images.",
                versions.draws_over_patients),
        Mistake("you forgot to divide", "A mean is asked for, not a sum.", versions.draws_summed),
        Mistake("you averaged over the repeats", "Each row of `drawn` is one repeat, and each repeat gives one mean.",
                versions.draws_over_repeats),
        Mistake("you took one image of each patient", "All images of a drawn patient come along.",
                versions.draws_first_image),
        Mistake("you read the draws as counts", "drawn[r] lists who was drawn; it does not say how often.",
                versions.draws_as_counts),
    ),
    afterword="Sort many such means, cut off 2.5 % at each end, and you have the [ ] of every cell in this notebook.",
)  # fmt: skip

UNIT_LEADS = WriteFunction(
    id="11.2",
    title="One model less another, unit by unit",
    section="before the code",
    points=3,
    minutes=10,
    name="unit_leads",
    parameters=("first", "second", "group"),
    prompt=(
        "Two models were tested on the same N images, each after S trainings with the same seeds. `first` and "
        "`second` are `(S, N)`, float: a number for each seed and image, such as a Dice. `group` is `(N,)`: the test "
        "unit (the patient) of each image. Return `(G,)`, one number for each unit, in the order of the sorted unit "
        "numbers: take first − second **image by image and seed by seed**, then, in each seed, the mean over the "
        "unit's images, and then the mean of those over seeds.\n\n"
        "NaN marks an image without a value. An image without a value in either model is left out, in that seed. A "
        "seed in which a unit has no image left has no vote; a unit without any is NaN."
    ),
    unsolved="def unit_leads(first, second, group):\n    ...\n    return ...",
    solution=unit_leads,
    alternatives=(pairs.leads_in_a_loop, pairs.leads_by_index, pairs.leads_by_product),
    forbidden=READY_MADE,
    cases=(
        Case((
            _numbers([1, 1, 0, 1, 0], [1, 0, 0, 1, 1]), _numbers([0, 1, 1, 1, 0], [0, 0, 0, 0, 1]),
            torch.tensor([4, 4, 9, 2, 9]),
        )),
        Case((_dice(3, 7, seed=1), _dice(3, 7, seed=2), torch.tensor([20, 3, 3, 8, 20, 3, 11]))),
        Case((_dice(4, 3, seed=3), _dice(4, 3, seed=4), torch.tensor([6, 5, 5]))),
        Case((
            _numbers([0.8, NAN, 0.3, 0.9, 0.6, NAN], [0.5, 0.1, 0.7, NAN, 0.2, 0.4]),
            _numbers([0.6, 0.5, NAN, 0.4, 0.1, 0.2], [0.9, 0.3, 0.2, 0.5, NAN, NAN]),
            torch.tensor([2, 2, 2, 7, 7, 1]),
        ), edge=True),
    ),
    hints=(
        "`first - second` is one line, and NaN minus a number is NaN: images that lack a value mark themselves.",
        "`gap[:, group == one].nanmean(dim=1)` is one unit's mean in each seed; `group.unique()` lists the units.",
        "Stack those side by side, `(S, G)`, and take `nanmean(dim=0)`.",
    ),
    mistakes=(
        Mistake("you subtracted the wrong way round", "A lead of the first model is first − second.",
                pairs.leads_reversed),
        Mistake("you took the best seed", "The best of several trainings is luck; the mean over them is asked for.",
                pairs.leads_of_the_best_seed),
        Mistake("you compared the best seed of each model", "Each of the two then has its own lucky training.",
                pairs.leads_of_luck),
        Mistake("you looked at the first seed only", "There are S trainings: average over them.",
                pairs.leads_of_the_first_seed),
        Mistake("you forgot the units", "There is one number for each image; one for each unit is asked for.",
                pairs.leads_by_image),
        Mistake("you averaged over all images of a seed", "There is one number for each seed; one for each unit is "
                "asked for.", pairs.leads_by_seed),
        Mistake("you did not average over seeds", "The shape is (S, G): one step is missing.",
                pairs.leads_not_averaged),
        Mistake("you dropped the sign", "Where the second model is better, the lead is negative, and must pull the "
                "mean down.", pairs.leads_in_size),
        Mistake("you took the units in the order in which they appear", "Sorted unit numbers are asked for.",
                pairs.leads_by_appearance),
        Mistake("you added up a unit's images", "It is the mean over a unit's images.", pairs.leads_summed),
        Mistake("you counted a missing value as 0", "No value is no difference of 0: leave the image out.",
                pairs.leads_with_zeros),
        Mistake("you let one missing value spoil its unit", "mean() of a NaN is NaN; nanmean() leaves it out.",
                pairs.leads_with_nan),
        Mistake("you averaged over all of a unit's values at once", "First the mean in each seed, then over seeds: "
                "with missing values the two differ.", pairs.leads_pooled),
        Mistake("you left missing values out in each model on its own", "Then two different sets of images are "
                "compared. Subtract first.", pairs.leads_unpaired),
    ),
    afterword="Hard patients are hard for both models: subtracting first takes that out, and the interval shrinks.",
)  # fmt: skip

SEEDS_AS_PATIENTS = RepairFunction(
    id="11.4",
    title="Seeds counted as patients",
    section="exercises",
    points=2,
    minutes=8,
    name="standard_error",
    parameters=("right", "group"),
    prompt=(
        "`standard_error(right, group)` should say how far an accuracy might be off, had other patients come to the "
        "test. `right` is `(S, N)`: 1 where the model of a seed is right on an image, else 0; `group` is `(N,)`, the "
        "patient of each image. Wanted: the mean of each **patient**, over all images and seeds of that one; then the "
        "standard deviation of these means (with n − 1) over the root of the number of patients. The function below "
        "gives a much smaller number. Find the bug and repair it."
    ),
    broken=standard_error_of_answers,
    solution=standard_error,
    alternatives=(versions.error_in_a_loop, versions.error_by_numpy, versions.error_by_squares),
    forbidden=READY_MADE,
    cases=(
        Case((_drawn(3, 8, seed=5), torch.tensor([4, 4, 1, 1, 1, 9, 2, 2]))),
        Case((_drawn(2, 9, seed=6), torch.tensor([5, 5, 5, 5, 8, 8, 8, 3, 3]))),
        Case((_drawn(5, 6, seed=7, share=0.8), torch.tensor([2, 7, 2, 7, 2, 6]))),
        Case((_drawn(2, 4, seed=8), torch.tensor([3, 1, 2, 8])), edge=True),
    ),
    hints=(
        "What was drawn at random from all patients in the world: answers, images, or patients? `group` is not even "
        "looked at.",
        "A patient with three images and five seeds gives fifteen answers, but is one patient: average them first.",
        "`torch.stack([right[:, group == one].mean() for one in group.unique()])` has one number for each patient.",
    ),
    mistakes=(
        Mistake("you still count every answer as a patient", "Three seeds on the same images are no new patients.",
                standard_error_of_answers),
        Mistake("you count images as patients", "Images of one patient resemble each other; average them first.",
                versions.error_of_images),
        Mistake("you count each patient once a seed", "Five trainings do not make five patients of one.",
                versions.error_of_seeds_as_patients),
        Mistake("you ask how much trainings differ", "That is the spread over seeds; asked is that over patients.",
                versions.error_over_seeds),
        Mistake("you stopped at the standard deviation", "A mean over n patients varies less than one patient, by the "
                "root of n.", versions.error_not_divided),
        Mistake("you divided by the number of patients, not by its root", "It is s / √n.",
                versions.error_divided_by_n),
        Mistake("you gave a variance", "The root is missing: s / √n, not s² / n.", versions.error_as_variance),
        Mistake("you took the deviation with n, not n − 1", "The mean was made from the same patients.",
                versions.error_with_n),
        Mistake("you divided by the root of the number of images", "Patients were drawn, not images.",
                versions.error_over_root_of_images),
        Mistake("you divided by the root of patients times seeds", "Seeds make no new patients.",
                versions.error_over_root_of_all),
        Mistake("you looked at the first seed only", "Average over seeds.", versions.error_of_the_first_seed),
        Mistake("you used the formula for one answer a patient", "√(p(1 − p)/n) is right where each patient is right "
                "or wrong; here a patient's mean can be anything between.", versions.error_of_a_share),
    ),
    afterword="The same answers, honestly counted: whoever counts seeds as patients can have any width they like.",
)  # fmt: skip

EXERCISES = (RESAMPLED, UNIT_LEADS, HALF_WIDTH, SEEDS_AS_PATIENTS, SHOWN_TO_BE_BETTER, KILL_MAJORITY)
