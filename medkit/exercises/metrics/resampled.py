"""Exercise 9.4: a bootstrap that forgets how often a patient was drawn, and what else goes wrong there."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction


def resampled_means_with_a_bug(values, patient, drawn):
    """Return for each row of drawn patients the mean over their images."""
    means = values.new_zeros(len(drawn))
    for i, row in enumerate(drawn):
        inside = (patient == row[:, None]).any(dim=0)
        means[i] = values[inside].mean()
    return means


def resampled_means(values, patient, drawn):
    """Return for each row of drawn patients the mean over their images."""
    means = values.new_zeros(len(drawn))
    for i, row in enumerate(drawn):
        times = (patient == row[:, None]).sum(dim=0)  # how often each image comes along
        means[i] = (times * values).sum() / times.sum()
    return means


# other right versions


def resampled_by_joining(values, patient, drawn):
    """Lay the images of all drawn patients end to end."""
    return torch.stack([torch.cat([values[patient == one] for one in row]).mean() for row in drawn])


def resampled_at_once(values, patient, drawn):
    """Count in one go how often each image comes along."""
    times = (drawn[:, :, None] == patient).sum(1).to(values.dtype)
    return times @ values / times.sum(1)


def resampled_by_sums(values, patient, drawn):
    """Add up sums and numbers of patients."""
    total, count = {}, {}
    for value, one in zip(values.tolist(), patient.tolist()):
        total[one], count[one] = total.get(one, 0.0) + value, count.get(one, 0) + 1
    rows = drawn.tolist()
    return [sum(total[one] for one in row) / sum(count[one] for one in row) for row in rows]


# wrong versions


def resampled_mean_of_means(values, patient, drawn):
    """Let each patient count the same."""
    each = [[values[patient == one].mean() for one in row] for row in drawn]
    return torch.stack([torch.stack(row).mean() for row in each])


def resampled_images(values, patient, drawn):
    """Take a patient's number for the place of an image."""
    return values[drawn].mean(1)


def resampled_first_image(values, patient, drawn):
    """Take one image of each patient."""
    first = {one: values[patient == one][0] for one in patient.tolist()}
    return torch.stack([torch.stack([first[one] for one in row]).mean() for row in drawn.tolist()])


def resampled_by_all_images(values, patient, drawn):
    """Divide by the images of the set."""
    times = (drawn[:, :, None] == patient).sum(1).to(values.dtype)
    return times @ values / len(values)


def resampled_by_patients(values, patient, drawn):
    """Divide by the patients drawn."""
    times = (drawn[:, :, None] == patient).sum(1).to(values.dtype)
    return times @ values / drawn.shape[1]


def resampled_not_divided(values, patient, drawn):
    """Add up, and stop there."""
    return (drawn[:, :, None] == patient).sum(1).to(values.dtype) @ values


def resampled_grand_mean(values, patient, drawn):
    """Average over the repeats too."""
    return resampled_at_once(values, patient, drawn).mean()


def resampled_by_columns(values, patient, drawn):
    """Take the columns of `drawn` for the repeats."""
    return resampled_at_once(values, patient, drawn.T)


def resampled_never(values, patient, drawn):
    """Look at the whole set each time."""
    return values.mean().expand(len(drawn))


RESAMPLED_MEANS = RepairFunction(
    id="9.4",
    title="The patient who was drawn twice",
    section="exercises",
    points=3,
    minutes=10,
    name="resampled_means",
    parameters=("values", "patient", "drawn"),
    prompt=(
        "A bootstrap draws whole patients, with replacement, so that some come twice and some not at all. "
        "`values` `(N,)` are the scores of N images, `patient` `(N,)` the patient's number of each, and each row "
        "of `drawn` `(R, P)` lists the numbers of P drawn patients. `resampled_means` should return the R means: "
        "of each row, over all images of its patients, where *a patient who stands there twice brings each "
        "image twice*. The function below runs, and its intervals come out too narrow. Repair it."
    ),
    broken=resampled_means_with_a_bug,
    solution=resampled_means,
    alternatives=(resampled_by_joining, resampled_at_once, resampled_by_sums),
    forbidden=("medkit.intervals", "medkit.metrics", "sklearn", "scipy.stats"),
    cases=(
        Case((
            torch.tensor([1.0, 0.0, 0.5, 0.75, 0.25, 0.0, 0.9]), torch.tensor([4, 2, 4, 5, 2, 2, 4]),
            torch.tensor([[4, 2, 2], [5, 5, 4], [2, 2, 2], [4, 5, 2]]),
        )),
        Case((
            torch.tensor([3.0, 8.0, 1.0, 6.0, 2.0]), torch.tensor([1, 1, 3, 0, 1]),
            torch.tensor([[0, 0, 1], [3, 1, 3]]),
        )),
        Case((
            torch.tensor([0.2, 0.4, 0.9]), torch.tensor([2, 1, 2]), torch.tensor([[1, 1, 2, 2], [1, 1, 1, 2]]),
        )),
        Case((torch.tensor([5.0, -2.0, 1.0]), torch.tensor([1, 0, 1]), torch.tensor([[1]])), edge=True),
    ),
    hints=(
        "Print `inside` for a row in which one patient stands twice. How often does that patient count?",
        "`patient == row[:, None]` has a line for each drawn patient and a column for each image. `any` asks whether "
        "an image comes along; how often is another question.",
        "Its sum over the lines says how often each image comes along: weigh the values with it, and "
        "divide by the sum of the weights.",
    ),
    mistakes=(
        Mistake(
            "a patient who was drawn twice counts once",
            "`any` asks whether, not how often. The means then differ too little from each other.",
            resampled_means_with_a_bug,
        ),
        Mistake(
            "you let each patient count the same",
            "The mean is over images: a patient with five images brings five.",
            resampled_mean_of_means,
        ),
        Mistake(
            "you took the patient's number for an image's place",
            "values[drawn] picks single images: that is a bootstrap over slices, with the wrong ones.",
            resampled_images,
        ),
        Mistake(
            "you took only the first image of each patient",
            "All images of a drawn patient come along.",
            resampled_first_image,
        ),
        Mistake(
            "you divided by the number of images in the set",
            "A row may bring more or fewer images than the set has: divide by how many it brings.",
            resampled_by_all_images,
        ),
        Mistake(
            "you divided by the number of patients drawn",
            "The mean is over images, and patients have several.",
            resampled_by_patients,
        ),
        Mistake("you forgot to divide", "A sum is no mean.", resampled_not_divided),
        Mistake(
            "you averaged over the repeats too",
            "One mean for each row: how far they lie apart is what the bootstrap asks.",
            resampled_grand_mean,
        ),
        Mistake(
            "you took the columns of drawn for its rows",
            "Each row is one repeat.",
            resampled_by_columns,
        ),
        Mistake(
            "you did not use what was drawn",
            "Each row then has the mean of the whole set.",
            resampled_never,
        ),
    ),
    afterword="The middle 95 % of such means are the interval of `medkit.intervals.bootstrap_mean`.",
)
