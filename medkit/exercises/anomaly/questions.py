"""The exercises of notebook 14 that ask for a number and a panel: 14.2, 14.4."""

from __future__ import annotations

import random

import torch
from matplotlib.axes import Axes

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure


def _precision(sensitivity: int, alarms: int, sick: int) -> dict:
    """Return the fields of 14.2 that change with its numbers: two percentages, and how many of 1000 are sick."""
    found, false = sensitivity / 100 * sick, alarms / 100 * (1000 - sick)
    right = found / (found + false)
    return {
        "prompt": (
            f"A detector finds {sensitivity} % of all images with a lesion, and flags {alarms} % of the healthy ones too. In the "
            f"test half of the images had a lesion. In the clinic it is {sick} of 1000. Which share of the images that it flags "
            "*there* has a lesion (from 0 to 1, to three places)? Put down your number before you run anything."
        ),
        "truth": lambda: found / (found + false),
        "tolerance": 0.02 * right,
        "working": f"{sensitivity / 100} * {sick} / ({sensitivity / 100} * {sick} + {alarms / 100} * {1000 - sick})",
        "mistakes": (
            Mistake("you gave the sensitivity", "That is the share of lesions that is flagged.", sensitivity / 100),
            Mistake("you gave the specificity", "That is the share of healthy images that is not flagged.", 1 - alarms / 100),
            Mistake("you took the test's share of lesions", "Half of the test had one; the clinic has far fewer.", sensitivity / (sensitivity + alarms)),
            Mistake("you gave the share of lesions", "What is flagged is not drawn by lot.", sick / 1000),
            Mistake("you gave the share of flagged images", "Of all images; how many of the flagged ones have a lesion?", (found + false) / 1000),
            Mistake("you divided by the false alarms alone", "All flagged images stand below the line.", found / false),
            Mistake("you gave the share of false alarms", "The rest is asked for.", 1 - right),
            Mistake("you gave a percentage", "A share from 0 to 1.", 100 * right),
        ),
    }  # fmt: skip


def _other_precision(draw: random.Random) -> dict:
    return _precision(*draw.choice(((75, 5, 8), (70, 10, 25), (70, 5, 10), (75, 15, 25), (80, 10, 12))))


PRECISION = PredictNumber(
    id="14.2",
    title="What an alarm is worth",
    section="exercises",
    points=1,
    minutes=5,
    name="worth",
    hints=(
        "Count 1000 images of the clinic: how many have a lesion, and how many of these are flagged?",
        "And how many of the healthy ones are flagged? Now look at the flagged ones alone.",
    ),
    other=_other_precision,
    afterword="Sensitivity and AUROC do not know how rare lesions are; who answers the alarms does. State the share beside them.",
    **_precision(80, 10, 10),
)


# ---- 14.4


def scored_panels() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return for each panel of 14.4 the scores of healthy and of anomalous images."""

    def spread(count: int, middle: float, width: float) -> torch.Tensor:
        share = (torch.arange(count).double() + 0.5) / count
        return middle + width * torch.special.ndtri(share)

    return {
        "a": (spread(100, 3.6, 0.6), spread(100, 1.8, 0.6)),  # the other way round
        "b": (spread(100, 2.50, 0.012), spread(100, 2.53, 0.012)),  # numbers hardly differ, their order does
        "c": (spread(20, 2.5, 0.8), spread(180, 2.5, 0.8)),  # nearly all are anomalous
        "d": (spread(100, 2.2, 0.8), spread(100, 3.2, 0.8)),  # they overlap
    }


def scored_figure() -> str:
    """Draw the panels of 14.4: two histograms in each, told apart by filling."""
    panels = [_histograms(title, *scores) for title, scores in scored_panels().items()]
    return figure.as_html(
        figure.row(*panels, inches=2.7),
        alt="Four panels for exercise 14.4: in each, histograms of the scores of healthy and of anomalous images",
        caption="Scores drawn for this page, by four detectors. Filled: healthy images; outline: anomalous images. Across: score; "
        "mind the numbers below each panel. Up: images.",
        tier="phantom",
    )


def _histograms(title: str, healthy: torch.Tensor, anomalous: torch.Tensor) -> figure.Panel:
    both = torch.cat([healthy, anomalous])
    bins = torch.linspace(float(both.min()), float(both.max()), 19).tolist()

    def draw(axis: Axes) -> None:
        axis.hist(healthy.tolist(), bins, color=figure.BLUE, alpha=0.75)
        axis.hist(anomalous.tolist(), bins, histtype="step", color=figure.ORANGE, linewidth=2.2)
        axis.set_title(title, color=figure.INK, fontsize=11)
        axis.set_box_aspect(0.8)
        axis.locator_params(nbins=4)
        axis.set_facecolor("none")
        axis.tick_params(colors=figure.INK, labelsize=9)
        for name, side in axis.spines.items():
            side.set_visible(name in ("left", "bottom"))
            side.set_edgecolor(figure.INK)

    return draw


AT_CHANCE = ReadFigure(
    id="14.4",
    title="Which detector knows nothing?",
    section="exercises",
    points=1,
    minutes=4,
    name="at_chance",
    prompt=(
        "Each panel of the figure above shows the scores that a detector gives to healthy images (filled) and to anomalous "
        "ones (outline). For one of the four the AUROC is at chance, 0.5. Which panel is it?"
    ),
    draw=scored_figure,
    right="c",
    hints=(
        "AUROC: one healthy and one anomalous image are drawn. How often has the anomalous one the higher score?",
        "How many there are of each doesn't matter, nor how large the numbers are: only which scores lie higher. Where do "
        "the two have the same middle and the same width?",
    ),
    mistakes=(
        Mistake(
            "you took the wrong way round for chance",
            "In panel a nearly every anomalous image scores lower: AUROC near 0. Chance is 0.5; this detector knows much, and says it "
            "upside down.",
            "a",
        ),
        Mistake(
            "you took small differences for chance",
            "In panel b the scores differ by hundredths, but the anomalous ones lie higher nearly always: order counts alone.",
            "b",
        ),
        Mistake(
            "you took an overlap for chance",
            "In panel d the histograms overlap, but the anomalous one lies further right: about 0.8.",
            "d",
        ),
    ),
    afterword="Its average precision is 0.9 all the same, for nine of ten of its images are anomalous: state what chance gives.",
)
