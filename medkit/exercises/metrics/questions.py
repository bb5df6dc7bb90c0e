"""The exercises of notebook 09 that ask for a number and a panel: 9.3, 9.5."""

from __future__ import annotations

import random

import torch

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure

SIDE = 48  # pixels along each side of the panels of 9.5


def overlap_panels() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return for each panel of 9.5 the predicted and the true mask, (48, 48) bool."""
    row, column = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")

    def disc(y: float, x: float, radius: float) -> torch.Tensor:
        return (row - y) ** 2 + (column - x) ** 2 <= radius**2

    return {
        "a": (disc(20, 28.5, 3), disc(20, 25, 3)),
        "b": (disc(24, 22, 18), disc(26, 26, 17)),
        "c": (disc(22, 26, 17), disc(24, 25, 8)),
        "d": (disc(12, 30, 0.5), disc(30, 18, 2.5)),
    }


def overlap_figure() -> str:
    """Draw the panels of 9.5: both masks in one picture, told apart by their grey."""
    panels = []
    for title, (pred, target) in overlap_panels().items():
        levels = torch.zeros(SIDE, SIDE)
        levels[target & ~pred] = 0.35
        levels[pred & ~target] = 0.65
        levels[pred & target] = 1.0
        panels.append(figure.grey(levels, title, 0.0, 1.0))
    return figure.as_html(
        figure.row(*panels, inches=2.2),
        alt="Four panels for exercise 9.5: in each, a predicted and a true mask laid on top of each other",
        caption="Masks drawn for this page. White: both; light grey: predicted only; dark grey: truth only; "
        "black: neither.",
        tier="phantom",
    )


def f1_of_the_rare(there: int, found: int, alarms: int) -> dict:
    """Return what of 9.3 depends on its numbers: bleeds among 1000 slices, bleeds found, false alarms."""
    missed, left = there - found, 1000 - there - alarms
    return {
        "prompt": (
            f"1000 head CT slices, {there} of them with a bleed. A model finds {found} of the {there}, and calls "
            f"{alarms} of the healthy slices a bleed as well. What is the F1 of the class *bleed* (Eq. 9, from 0 to "
            "1)? Put down your number before you run anything."
        ),
        "truth": lambda: 2 * found / (2 * found + alarms + missed),
        "working": f"2 * {found} / (2 * {found} + {alarms} + {missed})  # tp = {found}, fp = {alarms}, fn = {missed}",
        "hints": (
            "Counts first: how many slices are tp, fp and fn when bleed is the positive class?",
            f"Precision is {found} of all slices called a bleed, recall is {found} of {there}.",
            "2 tp / (2 tp + fp + fn), or the printed form with precision and recall: the same number.",
        ),
        "mistakes": wrong_f1s(found, missed, alarms, left),
        "afterword": f"Right: with {(found + left) / 10:.0f} % accuracy. {alarms} of {found + alarms} alarms are "
        "false, and the accuracy does not mind.",
    }


def wrong_f1s(found: int, missed: int, alarms: int, left: int) -> tuple[Mistake, ...]:
    """Return the known mistakes of 9.3 for these counts: tp, fn, fp and tn of the rare class."""
    precision, recall = found / (found + alarms), found / (found + missed)
    rare, frequent = 2 * found / (2 * found + alarms + missed), 2 * left / (2 * left + alarms + missed)
    right = found + left
    numbers = (
        ("you computed the accuracy", f"{right} of 1000 are right, most of them healthy and easy.", right / 1000),
        (
            "the positive class is the wrong one",
            "That is the F1 of the healthy slices, which are many and mostly right.",
            frequent,
        ),
        (
            "you averaged over both classes",
            "That is the macro F1: the healthy class lifts it.",
            (rare + frequent) / 2,
        ),
        (
            "you took the usual mean of precision and recall",
            "The harmonic mean lies nearer to the smaller one.",
            (precision + recall) / 2,
        ),
        ("you stopped at the precision", f"Recall is missing: {found} of {found + missed}.", precision),
        ("you stopped at the recall", f"Precision is missing: {found} of {found + alarms}.", recall),
        (
            "you counted the hits once",
            "tp / (tp + fp + fn) is the intersection over union.",
            found / (found + alarms + missed),
        ),
        ("you forgot the 2", "It is 2 tp above the line.", rare / 2),
        ("you took the geometric mean", "F1 is the harmonic one.", (precision * recall) ** 0.5),
    )
    return tuple(Mistake(*one) for one in numbers)


def other_f1(draw: random.Random) -> dict:
    """Draw numbers for 9.3 that keep its right answer and its mistakes apart."""
    return f1_of_the_rare(*draw.choice(((40, 30, 60), (50, 30, 70), (60, 45, 55), (50, 40, 80), (40, 25, 50))))


F1_OF_BLEEDS = PredictNumber(
    id="9.3",
    title="The rare class",
    section="exercises",
    points=1,
    minutes=4,
    name="f1_bleed",
    tolerance=0.003,
    other=other_f1,
    **f1_of_the_rare(there=40, found=30, alarms=60),
)

OVERLAPS = ReadFigure(
    id="9.5",
    title="Which overlap is the best?",
    section="exercises",
    points=1,
    minutes=3,
    name="best",
    prompt=(
        "Each panel of the figure above shows a predicted mask and the true one, laid on top of each other: "
        "white is in both, light grey is predicted only, dark grey is truth only. Which panel has the highest "
        "*Dice*?"
    ),
    draw=overlap_figure,
    right="b",
    hints=(
        "Black does not count: neither Eq. 7's line above nor the one below asks for it.",
        "Compare white with grey inside each panel. Where is white by far the larger part?",
    ),
    mistakes=(
        Mistake(
            "you took few wrong pixels for a good overlap",
            "In panel a hardly a pixel is wrong, for the lesion is small: but less than half of it was hit.",
            "a",
        ),
        Mistake(
            "you took recall for Dice",
            "In panel c the whole lesion is found, and four times its area beside it: Eq. 7 counts both areas.",
            "c",
        ),
        Mistake(
            "you took pixel accuracy for Dice",
            "Panel d has the fewest wrong pixels of all four, and no overlap: its Dice is 0.",
            "d",
        ),
    ),
    afterword="Right, though panel b has more wrong pixels than a and d together: large lesions forgive.",
)
