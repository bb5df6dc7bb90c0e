"""The exercises of notebook 17 (domain shift), and in full the one where a function is written.

`questions` has the number, the function to repair and the figure; `tests` the test with its `gaps`;
`mistakes` the versions of 17.1, `cuts` those of 17.3.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.shift import mistakes as versions
from medkit.exercises.shift.questions import ABROAD, HISTOGRAMS, HOT_PIXEL
from medkit.exercises.shift.tests import KILL_GAPS


def z_inside(images, inside):
    """Return the z-score of each image by the pixels of its body; 0 outside."""
    n = inside.sum(dim=(1, 2), keepdim=True)
    mean = (images * inside).sum(dim=(1, 2), keepdim=True) / n
    centred = (images - mean) * inside
    spread = (centred.square().sum(dim=(1, 2), keepdim=True) / n).sqrt()
    return torch.where(spread > 0, centred / spread, 0.0)


def _batch(images: list, outside: list) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images, and where the body is: everywhere but at the places (image, row, column) of `outside`."""
    values = torch.tensor(images)
    inside = torch.ones_like(values, dtype=torch.bool)
    for place in outside:
        inside[place] = False
    return values, inside


Z_INSIDE = WriteFunction(
    id="17.1",
    title="The z-score of the body alone",
    section="before the code",
    points=3,
    minutes=12,
    name="z_inside",
    parameters=("images", "inside"),
    prompt=(
        "A z-score of all pixels depends on how much air lies around the body. So: `images` is a float tensor `(N, H, W)`, "
        "`inside` is `(N, H, W)`, bool, True where the body is, in each image at least at one pixel. Each image is scaled by "
        "itself: take the mean and the standard deviation of its pixels *inside* (the root of the mean squared distance from "
        "their mean, divided by their number n). Inside, return (value - mean) / standard deviation; outside, 0. Where "
        "all pixels inside have one value, the whole image becomes 0."
    ),
    unsolved="def z_inside(images, inside):\n    ...\n    return ...",
    solution=z_inside,
    alternatives=(versions.z_by_loop, versions.z_by_nan, versions.z_by_numpy, versions.z_by_weights),
    forbidden=("medkit.normalise", "sklearn", "monai"),
    cases=(
        Case(_batch([[[9.0, 2.0, 4.0], [4.0, 6.0, 9.0]]], [(0, 0, 0), (0, 1, 2)])),
        Case(
            _batch(
                [[[1.0, 3.0], [8.0, 0.0], [5.0, 7.0]], [[50.0, 10.0], [20.0, 60.0], [0.0, 90.0]]],
                [(0, 1, 0), (1, 0, 0), (1, 2, 0), (1, 2, 1)],
            )
        ),
        Case(_batch([[[0.5, 1.0], [1.5, 9.0]], [[-2.0, -1.0], [-3.0, -2.5]]], [(0, 1, 1), (1, 0, 0)])),
        Case(_batch([[[5.0, -3.0, 0.0], [1.0, 1.0, -9.0], [2.0, 4.0, 7.0]]], [(0, 0, 2), (0, 1, 1)])),
        Case(_batch([[[2.0, 4.0], [6.0, 4.0]], [[7.0, 7.0], [5.0, 1.0]], [[3.0, 5.0], [0.0, 2.0]]], [(1, 1, 0), (1, 1, 1), (2, 1, 0)]), edge=True),
    ),
    hints=(
        "How many pixels are inside? `inside.sum(dim=(1, 2), keepdim=True)` counts them for each image.",
        "`images * inside` sets the outside to 0, so that its sum is that of the body; divide by n, not by H · W.",
        "`centred = (images - mean) * inside`, then the root of `centred.square().sum(...) / n`; `torch.where(spread > 0, "
        "centred / spread, 0.0)` sees to the image of one value.",
    ),
    mistakes=(
        Mistake("you took mean and spread of all pixels", "Those of the body alone are asked for.", versions.z_of_all_pixels),
        Mistake("you scaled the outside too", "Outside the result is 0.", versions.z_everywhere),
        Mistake("you counted the outside as zeros", "H · W pixels are too many: divide by n, those inside.", versions.z_with_zeros),
        Mistake("you took the spread of all pixels", "The mean is right; the standard deviation is the body's, too.", versions.z_spread_of_all),
        Mistake("you took the mean of all pixels", "The mean is that of the body.", versions.z_mean_of_all),
        Mistake("you divided by n - 1", "The text divides by n; `correction=0`.", versions.z_by_n_minus_one),
        Mistake("you divided by the variance", "The standard deviation is its root.", versions.z_by_variance),
        Mistake("you scaled all images together", "Each image by its own body.", versions.z_of_the_batch),
        Mistake("you never took the mean off", "It is (value - mean) above the line.", versions.z_without_mean),
        Mistake("you never divided", "Divide by the standard deviation of the body.", versions.z_without_spread),
        Mistake("you set the outside to 0 before you scaled", "Then it becomes -mean / spread: set it to 0 afterwards.", versions.z_of_black_outside),
        Mistake("you scaled by minimum and maximum", "That is Eq. 2; a z-score takes mean and spread.", versions.min_max_inside),
        Mistake("you took the median", "The mean is asked for.", versions.z_by_median),
        Mistake("you scaled the outside by itself", "It is the inside that is wanted: `inside`, not `~inside`.", versions.z_of_the_outside),
        Mistake("you divided 0 by 0", "Where the body has one value, the spread is 0: return 0 there.", versions.z_without_guard),
    ),
    afterword="`medkit.normalise.z_score` takes all pixels: a wider field of view, with more air, then shifts every value.",
)

EXERCISES = (Z_INSIDE, HOT_PIXEL, ABROAD, HISTOGRAMS, KILL_GAPS)
