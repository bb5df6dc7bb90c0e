"""The exercises of notebook 13 that ask for a number and a panel: 13.4, 13.6."""

from __future__ import annotations

import random

import torch

from medkit import figure, normalise
from medkit.data.container import ImageSet
from medkit.data.phantom import phantom
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure

PLACES = {"a": (12, 13), "b": (16, 4), "c": (23, 23), "d": (33, 14)}  # images of `source`, above and below


def source() -> ImageSet:
    """Return the phantoms that 13.6 is made of: two slices of each of 20 patients."""
    return phantom(40, difficulty=0.35, seed=5)


def pairs() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return for each column of 13.6 the training and the test image, (64, 64); all test images are mirrored."""
    image = normalise.percentile(source().image)[:, 0]
    columns = {name: (image[above], image[below].flip(1)) for name, (above, below) in PLACES.items()}
    above, below = columns["c"]
    return columns | {"c": (above, 0.75 * below)}


def pairs_figure() -> str:
    """Draw the columns of 13.6: a training image above, a test image below."""
    panels = []
    for title, (above, below) in pairs().items():
        gap = torch.full((4, above.shape[1]), 0.5)
        panels.append(figure.grey(torch.cat([above, gap, below]), title, 0.0, 1.0))
    return figure.as_html(
        figure.row(*panels, inches=2.2),
        alt="Four columns for exercise 13.6: in each, a training image above and a test image below",
        caption="Phantoms (MRI). Above a training image, below a test image.",
        tier="phantom",
    )


def worth_of_twins(honest: int, twins: int) -> dict:
    """Return what of 13.4 depends on its numbers: % right on new images, % of test images that are twins."""
    a, s = honest / 100, twins / 100
    return {
        "prompt": (
            f"A model that only remembers (nearest neighbour) is right on {honest} % of images that it has never seen. "
            f"{twins} % of the test images are exact twins of training images; of these twins, one in ten carries "
            "another label than its original. Which accuracy is measured on this test set, as a share from 0 to 1? "
            "Put down your number before you run anything."
        ),
        "truth": lambda: s * 0.9 + (1 - s) * a,
        "working": f"{s:g} * 0.9 + {1 - s:g} * {a:g}",
        "mistakes": (
            Mistake("you took all twins for right", "One in ten carries another label.", s + (1 - s) * a),
            Mistake(
                "you added the twins to the honest accuracy",
                f"Some of the twins would have been right anyway: only {100 - twins} % of the images are new.",
                a + s,
            ),
            Mistake("you left the twins out", "They are counted, that is the trouble.", (1 - s) * a),
            Mistake("you gave the honest accuracy", "What is measured is more than that.", a),
            Mistake(
                "you averaged both accuracies without their shares",
                "There are more new images than twins.",
                (0.9 + a) / 2,
            ),
            Mistake("you swapped the shares", f"{twins} % are twins, the rest is new.", (1 - s) * 0.9 + s * a),
            Mistake(
                "you took a tenth off everything",
                "Only of the twins one in ten is lost.",
                0.9 * (s + (1 - s) * a),
            ),
        ),
        "afterword": f"Right: {s * 0.9 + (1 - s) * a:.0%} on paper, {honest} % for the next patient, and the model is "
        "the same.",
    }


def other_worth_of_twins(draw: random.Random) -> dict:
    """Draw numbers for 13.4 that keep its right answer and its mistakes apart."""
    pairs = ((36, 25), (38, 30), (42, 35), (46, 25), (50, 25), (52, 30), (56, 20), (60, 25))
    return worth_of_twins(*draw.choice(pairs))


EXPECTED = PredictNumber(
    id="13.4",
    title="What twins are worth",
    section="exercises",
    points=1,
    minutes=4,
    name="measured",
    tolerance=0.004,
    hints=(
        "Two kinds of test images: twins, and images that are new to the model. How many of each?",
        "On a twin the model repeats the label it has seen, which is right in nine cases of ten.",
        "Weigh both accuracies with their shares, and add.",
    ),
    other=other_worth_of_twins,
    **worth_of_twins(honest=40, twins=30),
)

PAIRS = ReadFigure(
    id="13.6",
    title="Which one is a copy?",
    section="exercises",
    points=1,
    minutes=4,
    name="copy",
    prompt=(
        "Each column of the figure above shows a training image and, below it, a test image. In which column is the "
        "lower image a *copy* of the upper one, that is the same picture, mirrored and perhaps darker?"
    ),
    draw=pairs_figure,
    right="c",
    hints=(
        "Brightness proves nothing, and all four lower images are mirrored.",
        "Mirror the upper image in your mind: do its nodules then fall on those of the lower one, each with its "
        "size, outline and brightness?",
    ),
    mistakes=(
        Mistake(
            "you took two slices of one patient for a copy",
            "Column a is one patient, and so a leak as well; but its nodules stand elsewhere: it is not the same "
            "picture. No comparison of pictures finds it: only the patient's number does.",
            "a",
        ),
        Mistake(
            "you took two patients of one class for a copy",
            "Column b has two spiculated lesions above and below, at like places; their rays and sizes differ.",
            "b",
        ),
        Mistake(
            "you took like places for the same picture",
            "In column d the lower image is another patient's: mirrored back, its nodules miss those above.",
            "d",
        ),
    ),
    afterword="Right. A mirrored copy in the test is one of the leaks in a public set of brain MRI.",
)
