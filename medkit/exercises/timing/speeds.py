"""Exercise 10.4, images a second over a whole run; its versions, right and wrong."""

from __future__ import annotations

import numpy as np
import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction


def mean_of_rates(sizes, seconds):
    """Return how many images a second were processed."""
    rates = sizes / seconds
    return rates.mean()


def images_per_second(sizes, seconds):
    """Return how many images a second were processed."""
    return sizes.sum() / seconds.sum()


# Other right versions


def rate_by_loop(sizes, seconds):
    """Count images and seconds."""
    images, total = 0.0, 0.0
    for size, second in zip(sizes.tolist(), seconds.tolist(), strict=True):
        images, total = images + size, total + second
    return images / total


def rate_by_means(sizes, seconds):
    """Divide the mean size by the mean time."""
    return sizes.double().mean() / seconds.double().mean()


def rate_weighted_by_seconds(sizes, seconds):
    """Average the rates, each for as long as it lasted."""
    return (sizes / seconds * (seconds / seconds.sum())).sum()


def rate_turned_over(sizes, seconds):
    """Work Eq. 8 out, and turn it over."""
    return 1 / (np.sum(seconds.numpy()) / np.sum(sizes.numpy()))


# Wrong versions


def rate_median_of_rates(sizes, seconds):
    """Take the rate in the middle."""
    return torch.quantile(sizes / seconds, 0.5)


def rate_weighted_by_images(sizes, seconds):
    """Weigh the rates by their images."""
    return (sizes * sizes / seconds).sum() / sizes.sum()


def rate_harmonic(sizes, seconds):
    """Take the harmonic mean, each batch the same."""
    return len(sizes) / (seconds / sizes).sum()


def rate_upside_down(sizes, seconds):
    """Give Eq. 8 itself."""
    return seconds.sum() / sizes.sum()


def rate_of_batches(sizes, seconds):
    """Count batches."""
    return len(sizes) / seconds.sum()


def rate_of_full_batches(sizes, seconds):
    """Take all batches for as large as the first."""
    return sizes[0] * len(sizes) / seconds.sum()


def rate_of_the_fastest(sizes, seconds):
    """Give the best that was seen."""
    return (sizes / seconds).max()


def rate_without_the_last(sizes, seconds):
    """Leave the last, smaller batch out where there are others."""
    return sizes[:-1].sum() / seconds[:-1].sum() if len(sizes) > 1 else sizes.sum() / seconds.sum()


AVERAGE_OF_SPEEDS = RepairFunction(
    id="10.4",
    title="The average of speeds",
    section="exercises",
    points=2,
    minutes=6,
    name="images_per_second",
    parameters=("sizes", "seconds"),
    prompt=(
        "`images_per_second(sizes, seconds)` should return how many images a second were processed over a whole run: "
        "Eq. 8, turned over. Batch i held `sizes[i]` images and took `seconds[i]`; both are float tensors `(N,)`. "
        "The function below runs, and is right as long as all batches are equally fast. Find the bug and repair it."
    ),
    broken=mean_of_rates,
    solution=images_per_second,
    alternatives=(
        rate_by_loop,
        rate_by_means,
        rate_weighted_by_seconds,
        rate_turned_over,
    ),
    forbidden=("medkit.timing",),
    cases=(
        Case((torch.tensor([32.0, 32.0, 16.0]), torch.tensor([0.5, 2.0, 0.25]))),
        Case((torch.tensor([8.0, 8.0, 8.0, 8.0, 3.0]), torch.tensor([0.25, 0.2, 1.0, 0.5, 0.2]))),
        Case((torch.tensor([4.0, 10.0]), torch.tensor([3.0, 2.0]))),
        Case((torch.tensor([6.0, 4.0, 1.0, 5.0]), torch.tensor([1.5, 0.5, 2.0, 0.75]))),
        Case((torch.tensor([12.0]), torch.tensor([0.75])), edge=True),
    ),
    hints=(
        "One batch of 30 images takes 1 s, the next of 30 takes 3 s. How many images in how many seconds? And "
        "what does the function say?",
        "The slow batch lasts longer, so it must weigh more. Eq. 8 knows how: total time, all images.",
        "`sizes.sum() / seconds.sum()`.",
    ),
    mistakes=(
        Mistake(
            "you averaged the rates",
            "The fast batches are over soon, and count as much as the slow ones: the mean of the rates is too high.",
            mean_of_rates,
        ),
        Mistake(
            "you took the median of the rates",
            "That is the rate of one batch; here the whole run is asked for, slow parts and all.",
            rate_median_of_rates,
        ),
        Mistake(
            "you weighed the rates by images",
            "A rate is to be weighed by the seconds that it lasted.",
            rate_weighted_by_images,
        ),
        Mistake(
            "you took the harmonic mean of the rates",
            "That is right for batches of one size only.",
            rate_harmonic,
        ),
        Mistake(
            "you gave seconds for an image",
            "That is Eq. 8; images a second are asked for: turn it over.",
            rate_upside_down,
        ),
        Mistake("you counted batches", "Images are asked for.", rate_of_batches),
        Mistake(
            "you took all batches for as large as the first",
            "The last batch of a run is often smaller.",
            rate_of_full_batches,
        ),
        Mistake("you gave the fastest batch", "That is an advertisement, no average.", rate_of_the_fastest),
        Mistake(
            "you left the last batch out",
            "Its images and its seconds belong to the run as well.",
            rate_without_the_last,
        ),
    ),
    afterword="An average of speeds is always too fast: who drives slowly is longer on the road.",
)
