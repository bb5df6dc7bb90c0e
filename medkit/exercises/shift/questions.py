"""The exercises of notebook 17 with a number, a function to repair and a figure: 17.2, 17.3, 17.4."""

from __future__ import annotations

import random

import torch
from matplotlib.axes import Axes

from medkit import figure, normalise
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.questions import PredictNumber, ReadFigure
from medkit.exercises.shift import cuts as versions

# ---- 17.2 a number


def hot_pixel(top: int, tissue: int, gain: float, offset: int, hot: int) -> dict:
    """Return the fields of 17.2 that change with its numbers; scanner 1's image begins at 20."""
    low, there = 20, gain * tissue + offset
    bottom, wanted = gain * low + offset, gain * (tissue - low) / (hot - gain * low - offset)
    return {
        "prompt": (
            f"In scanner 1's image the darkest pixel is {low}, the brightest {top}, and a tissue is {tissue}. Scanner 2 shows the "
            f"same body with a gain of {gain:g} and an offset of {offset}: {gain:g} times the value, plus {offset}. But one of its "
            f"pixels is broken, and always reads {hot}. Where does the tissue land in scanner 2's image after min-max (Eq. 2)?"
        ),
        "truth": lambda: float(normalise.min_max(torch.tensor([[bottom, there, gain * top + offset, float(hot)]]))[0, 1]),
        "working": f"({gain:g} * {tissue} - {gain:g} * {low}) / ({hot} - ({gain:g} * {low} + {offset}))",
        "mistakes": tuple(
            Mistake(*one)
            for one in (
                ("you forgot the broken pixel", "That is scanner 1's place for it: the maximum is another now.", (tissue - low) / (top - low)),
                ("you forgot the minimum", "Eq. 2 takes the minimum off, above the line and below.", there / hot),
                ("you forgot the minimum above the line", "It is (value - minimum).", there / (hot - bottom)),
                ("you forgot the minimum below the line", "It is (maximum - minimum).", (there - bottom) / hot),
                ("you gave the tissue scanner 1's value", "Gain and offset change it, too.", (tissue - low) / (hot - low)),
                ("you forgot the gain", "The tissue's distance from the minimum grows with it.", (tissue - low) / (hot - low - offset)),
                ("you took scanner 1's minimum", "The darkest pixel goes through gain and offset as well.", (there - low) / (hot - low)),
                ("you gave per cent", "Eq. 2 ends at 1.", 100 * wanted),
            )
        ),
    }


def other_hot_pixel(draw: random.Random) -> dict:
    """Draw numbers for 17.2 that keep its right answer and its mistakes apart."""
    sets = (
        (320, 120, 1.5, 200, 1730), (220, 100, 2, 200, 2240), (420, 140, 2.5, 150, 3200), (270, 170, 3, 120, 3180),
        (270, 120, 1.5, 200, 1480), (320, 100, 2, 100, 1730), (370, 120, 2, 150, 2600), (420, 170, 3, 150, 2240),
    )  # fmt: skip
    return hot_pixel(*draw.choice(sets))


HOT_PIXEL = PredictNumber(
    id="17.2",
    title="A second scanner, and a broken pixel",
    section="exercises",
    points=1,
    minutes=5,
    name="tissue",
    tolerance=0.0008,
    hints=(
        "What are minimum, tissue and maximum in scanner 2's image? Gain and offset change the first two; the broken pixel is the third.",
        "(tissue - minimum) / (maximum - minimum), all three as scanner 2 shows them.",
    ),
    other=other_hot_pixel,
    afterword="Gain and offset alone would have changed nothing; one pixel has taken most of the contrast.",
    **hot_pixel(220, 100, 2, 100, 2140),
)

# ---- 17.3 a function to repair


def accuracy_abroad(score, label, domain, val, target):
    """Return the accuracy on the target's test images, by a cut from validation images."""
    learned = val & (domain != target)
    cuts = score[learned].unique()
    right = ((score[learned] >= cuts[:, None]) == (label[learned] == 1)).sum(dim=1)
    cut = cuts[right.argmax()]
    test = ~val & (domain == target)
    return ((score[test] >= cut) == (label[test] == 1)).double().mean()


def _table(rows: list[str], target: int) -> tuple:
    """Read "domain side score label" rows, such as "0 val .4 1"; return the arguments of 17.3."""
    split = [row.split() for row in rows]
    score, label = torch.tensor([float(row[2]) for row in split]), torch.tensor([int(row[3]) for row in split])
    domain, val = torch.tensor([int(row[0]) for row in split]), torch.tensor([row[1] == "val" for row in split])
    return score, label, domain, val, target


CASES = (
    _table(
        ["1 test .95 1", "1 val .7 1", "2 test .55 1", "2 val .5 0", "1 test .7 1", "1 test .8 1", "0 test .2 1", "0 val .6 1",
         "0 test .3 0", "0 val .35 1", "2 test .4 1", "2 test .45 1", "2 test .3 1", "1 val .55 1", "0 val .6 1", "1 val .6 1",
         "2 val .5 0", "2 test .1 0", "2 val .15 1", "2 val .35 0", "1 val .5 0", "0 val .65 1", "0 test .55 0"], 2,
    ),
    _table(
        ["2 val .45 1", "1 test .55 0", "0 test .5 0", "1 val .95 1", "2 test .1 0", "0 val .6 1", "0 val .35 0", "1 val .9 1",
         "2 val .35 1", "0 test .5 0", "1 val .55 1", "2 val .4 1", "2 test .5 1", "1 val .85 1", "1 test .4 0", "2 test .5 1",
         "0 val .55 0", "2 val .2 0", "1 test .35 0", "1 test .65 1", "0 val .5 1", "0 test .35 0", "1 test .3 0"], 1,
    ),
    _table(
        ["3 test .35 0", "3 test .3 0", "3 val .45 1", "5 val .45 1", "4 val .75 0", "5 test .2 1", "3 val .35 0", "4 val .65 1",
         "4 test .65 0", "3 test .3 0", "4 val .7 0", "5 val .35 1", "4 val .4 0", "5 test .6 1", "3 val .45 1", "3 val .55 1",
         "3 test .35 0", "3 test .6 0", "4 test .5 0", "4 test .95 1", "5 test .25 0", "5 val .2 0", "5 val .05 0"], 3,
    ),
    _table(
        ["0 val .2 1", "0 val .3 0", "0 val .75 1", "2 val .4 0", "2 val .5 0", "2 val .85 1", "1 val .6 0", "1 val .9 1",
         "1 test .8 1", "1 test .6 0", "1 test .75 1", "1 test .35 0", "1 test .7 1", "2 test .1 0", "0 test .55 1"], 1,
    ),
)  # fmt: skip
NOTHING_TO_TEST = _table(["0 val .2 0", "0 val .6 1", "1 val .3 0", "1 val .5 1", "0 test .7 1"], 1)

ABROAD = RepairFunction(
    id="17.3",
    title="A target that was looked at",
    section="exercises",
    points=3,
    minutes=10,
    name="accuracy_abroad",
    parameters=("score", "label", "domain", "val", "target"),
    prompt=(
        "A model has learned on all domains but `target`. `accuracy_abroad` should say what it is worth there, with a cut that "
        "knows nothing of the target. For each image: `score`, float, how ill the model thinks it is; `label`, 1 for ill and 0 "
        "for healthy; `domain`, a whole number; `val`, True for a validation image and False for a test image. An image is called "
        "ill where its score is the cut or more. The cut is one of the scores of the validation images of the *other* domains: "
        "the one that calls most of these rightly, the lowest where several do. The result is the share of the target's *test* "
        "images that are called rightly, 0 ... 1; where it has none, NaN. The function below makes targets look nearer than they "
        "are. Find the bug and repair it."
    ),
    broken=versions.accuracy_with_a_leak,
    solution=accuracy_abroad,
    alternatives=(versions.accuracy_by_loop, versions.accuracy_by_numpy, versions.accuracy_by_max),
    forbidden=("medkit.metrics", "medkit.measure", "sklearn"),
    cases=(*map(Case, CASES), Case(NOTHING_TO_TEST, edge=True)),
    hints=(
        "Two lines choose images: one for the cut, one for the result. Whose validation images may the first one see?",
        "The split says train, val, test; the domain says home or abroad. Both must be asked for: `val` alone is half of it.",
        "`learned = val & (domain != target)`.",
    ),
    mistakes=(
        Mistake("the cut has seen the target", "Its validation images are images of the target, too.", versions.accuracy_with_a_leak),
        Mistake("the cut was chosen on the target's validation images", "The other way round: on those of all others.", versions.cut_of_the_target_s_validation),
        Mistake("the cut was chosen on the test images", "Nothing may be chosen there.", versions.cut_of_the_target_s_test),
        Mistake("the cut has seen the others' test images", "Validation images alone choose.", versions.cut_of_all_other_images),
        Mistake("the cut was chosen on the others' test images", "Validation images alone choose.", versions.cut_of_the_others_test),
        Mistake("you left the cut itself out", "Ill is what has the cut *or more*.", versions.cut_left_out_itself),
        Mistake("you took the highest of equal cuts", "The lowest is asked for.", versions.highest_of_equal_cuts),
        Mistake("you counted the target's validation images", "Test images alone are counted.", versions.tested_on_all_of_the_target),
        Mistake("you counted test images of all domains", "The target's alone.", versions.tested_on_every_domain),
        Mistake("you tested at home", "The target's test images are abroad.", versions.tested_at_home),
        Mistake("you cut at one half", "The validation images choose the cut.", versions.cut_at_one_half),
        Mistake("you returned the cut", "The accuracy is asked for.", versions.the_cut_itself),
        Mistake("you gave per cent", "A share is asked for, 0 ... 1.", versions.accuracy_in_per_cent),
        Mistake("you counted errors", "The share of right calls is asked for.", versions.errors_counted),
        Mistake("you took the mean of each domain's cut", "One cut, for the validation images of all others together.", versions.mean_of_cuts),
        Mistake("you gave 0 where nothing can be tested", "That is NaN: nobody knows.", versions.zero_without_images),
    ),
    afterword="Cuts, early stopping, statistics for scaling: each of them can carry the target home.",
)

# ---- 17.4 a figure


def scanner_panels() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return for each panel of 17.4 the grey values of one body in two scanners, (N,) each."""
    generator = torch.Generator().manual_seed(17)
    tissues = ((40.0, 1500), (85.0, 2200), (120.0, 800))
    body = torch.cat([mean + 7 * torch.randn(n, generator=generator) for mean, n in tissues])
    share = (body - body.min()) / (body.max() - body.min())
    low, high = float(body.min()), float(body.max())
    broken = body.clone()
    broken[:25] = 225 + 8 * torch.rand(25, generator=generator)
    return {
        "a": (body, low + (high - low) * share**0.45),
        "b": (body, broken),
        "c": (body, 0.55 * body + 130),
        "d": (body, low + high - body),
    }


def scanner_figure() -> str:
    """Draw the panels of 17.4: how often each grey value is there, in one scanner and in another."""
    return figure.as_html(
        figure.row(*(_two_scanners(*pair, title) for title, pair in scanner_panels().items()), inches=2.4),
        alt="Four panels for exercise 17.4: in each, histograms of the grey values of one body in scanner 1 and in scanner 2",
        caption="Grey values drawn for this page, as scanned. Filled: scanner 1; dashed line: scanner 2. Upwards: pixels, each step of "
        "the axis ten times as many.",
        tier="phantom",
    )


def _two_scanners(one: torch.Tensor, other: torch.Tensor, title: str) -> figure.Panel:
    def draw(axis: Axes) -> None:
        bins = torch.linspace(0, 240, 61).tolist()
        axis.hist(one.tolist(), bins=bins, color=figure.BLUE, alpha=0.55, log=True)
        axis.hist(other.tolist(), bins=bins, color=figure.ORANGE, histtype="step", linestyle="--", linewidth=1.8, log=True)
        axis.set(ylim=(0.7, 1000), facecolor="none")
        axis.set_title(title, color=figure.INK, fontsize=11)
        axis.set_xlabel("grey value", color=figure.INK, fontsize=9)
        axis.tick_params(colors=figure.INK, labelsize=9, which="both")
        axis.set_box_aspect(0.8)
        for name, side in axis.spines.items():
            side.set_visible(name in ("left", "bottom"))
            side.set_edgecolor(figure.INK)

    return draw


HISTOGRAMS = ReadFigure(
    id="17.4",
    title="Which difference does min-max undo?",
    section="exercises",
    points=1,
    minutes=4,
    name="undone",
    prompt=(
        "Each panel of the figure above shows how often each grey value is there in the same body, as scanner 1 shows it (filled) "
        "and as a scanner 2 does (dashed). Each image is now scaled by its own minimum and maximum (Eq. 2). In which panel do "
        "both histograms then lie on top of each other?"
    ),
    draw=scanner_figure,
    right="c",
    hints=(
        "Min-max stretches and moves a histogram as a whole. What can't it change?",
        "Look for three hills in the same order, their distances in the same proportions; and for nothing else at the far ends.",
    ),
    mistakes=(
        Mistake("you took a gamma for a gain", "In panel a the dark hills lie farther apart, and the bright ones closer: no line does that.", "a"),
        Mistake("you took the pair that looks most alike", "In panel b a few bright pixels at the far right become 1, and all others shrink.", "b"),
        Mistake("you took the mirror image", "In panel d the order of the hills is turned round: min-max keeps the order.", "d"),
    ),
    afterword="Gain and offset are undone whatever they are; the pair that looks most alike is spoilt by a few pixels.",
)
