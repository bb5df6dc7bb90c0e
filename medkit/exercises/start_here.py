"""The exercise of notebook 00: a small one, to see that checks answer."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.values import small_image


def contrast(image):
    """Subtract the darkest pixel from the brightest."""
    return image.max() - image.min()


def by_aminmax(image):
    """Ask for both extremes at once."""
    low, high = torch.aminmax(image)
    return high - low


def by_sorting(image):
    """Sort the greys."""
    greys = sorted(image.flatten().tolist())
    return greys[-1] - greys[0]


def brightest_only(image):
    """Forget the darkest pixel."""
    return image.max()


def added(image):
    """Add where a difference is asked for."""
    return image.max() + image.min()


def wrong_way_round(image):
    """Subtract the brightest pixel."""
    return image.min() - image.max()


def row_by_row(image):
    """Take a minimum and maximum for each row."""
    return image.max(dim=1).values - image.min(dim=1).values


def spread(image):
    """Take the standard deviation."""
    return image.std()


def relative(image):
    """Divide by the sum, as Michelson did."""
    return (image.max() - image.min()) / (image.max() + image.min())


EXERCISES = (
    WriteFunction(
        id="0.1",
        title="A first answer",
        section="check that all works",
        points=1,
        minutes=2,
        name="contrast",
        parameters=("image",),
        prompt=(
            "Write `contrast(image)`: the grey value of the brightest pixel minus that of the darkest, "
            "one number for the whole image. Run the cell as it is first, then put your result in the "
            "place of `...` and run it again."
        ),
        unsolved="def contrast(image):\n    return ...",
        solution=contrast,
        alternatives=(by_aminmax, by_sorting),
        cases=(
            Case((torch.tensor([[3.0, 7.0], [5.0, 4.0]]),)),
            Case((small_image(3, 4, seed=1, low=-9),)),
            Case((torch.full((2, 3), 5.0),), edge=True),
        ),
        hints=(
            "A tensor can be asked for its largest value: `image.max()`.",
            "And for its smallest: `image.min()`. Subtract the one from the other.",
        ),
        mistakes=(
            Mistake("you left the darkest pixel out", "Subtract it.", brightest_only),
            Mistake("you added the extremes", "It is brightest minus darkest.", added),
            Mistake("you subtracted the wrong way round", "A contrast is never negative.", wrong_way_round),
            Mistake(
                "you went row by row", "One number for the whole image, not one for each row.", row_by_row
            ),
            Mistake(
                "you took the standard deviation",
                "It tells how far pixels lie from the mean, not from one another at most.",
                spread,
            ),
            Mistake(
                "you divided by the sum of the extremes",
                "That is Michelson's contrast; here the plain difference is asked for.",
                relative,
            ),
        ),
        afterword="That is how every exercise answers. This one was the span I_max - I_min of Eq. 2.",
    ),
)
