"""The exercises of notebook 11 that ask for a number, a figure and a test: 11.3, 11.5, 11.6."""

from __future__ import annotations

from typing import NamedTuple

import torch
from matplotlib.axes import Axes

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure, WriteTest
from medkit.exercises.tables import majority as versions

HALF_WIDTH = PredictNumber(
    id="11.3",
    title="Twenty-five patients, five seeds",
    section="exercises",
    points=1,
    minutes=4,
    name="points",
    prompt=(
        "A test has 25 patients with one image each. A model is right on 20 of them. It was trained five times with "
        "other seeds, and each time it is right on the same 20; so a table could say *n = 125 answers*. How far does "
        "the 95 % interval reach to each side of 80 %, in points, if the **patients** are what was drawn at random? "
        "Use 1.96 · √(p(1 − p)/n). Put down your number before you run anything."
    ),
    truth=lambda: 196 * (0.8 * 0.2 / 25) ** 0.5,
    tolerance=0.1,
    working="100 * 1.96 * (0.8 * 0.2 / 25) ** 0.5",
    hints=(
        "Which n: answers, seeds or patients?",
        "p(1 − p) is 0.8 · 0.2. Divide by n, take the root, times 1.96, times 100 for points.",
    ),
    mistakes=(
        Mistake("you took the 125 answers for n", "Five trainings that agree tell nothing new about patients: the "
                "interval would shrink with every seed, down to nothing.", lambda: 196 * (0.16 / 125) ** 0.5),
        Mistake("you took the five seeds for n", "n is what was drawn from all patients in the world.",
                lambda: 196 * (0.16 / 5) ** 0.5),
        Mistake("you gave the whole width", "Asked is how far it reaches to each side.",
                lambda: 2 * 196 * (0.16 / 25) ** 0.5),
        Mistake("you gave one standard error", "A 95 % interval reaches 1.96 of them to each side.", 8.0),
        Mistake("you forgot 1 − p", "The variance of right or wrong is p(1 − p).", lambda: 196 * (0.2 / 25) ** 0.5),
        Mistake("you divided by √(n − 1)", "The formula asks for n.", lambda: 196 * (0.16 / 24) ** 0.5),
        Mistake("you left out the root", "p(1 − p)/n is a variance.", lambda: 196 * 0.16 / 25),
        Mistake("you gave a share, not points", "Times 100.", lambda: 1.96 * (0.16 / 25) ** 0.5),
    ),
    afterword="Right: with 25 patients, 80 % may as well be 65 % or 95 %, however often one trains.",
)  # fmt: skip


# --- 11.5: four sets, one model each -----------------------------------------------------------


class Row(NamedTuple):
    """A model's accuracy on one set, with its interval, and what the most frequent class is worth there."""

    value: float
    low: float
    high: float
    always: float


ROWS = {
    "a": Row(88.0, 80.5, 95.0, 86.0),
    "b": Row(45.0, 38.5, 52.0, 33.3),
    "c": Row(57.0, 48.0, 66.5, 50.0),
    "d": Row(63.0, 60.0, 66.0, 70.0),
}


def _rows(axis: Axes) -> None:
    for height, (letter, row) in zip(range(len(ROWS), 0, -1), ROWS.items()):
        axis.hlines(height, row.low, row.high, color=figure.BLUE, linewidth=2.5)
        axis.plot(row.value, height, "o", color=figure.BLUE, markersize=9)
        axis.vlines(row.always, height - 0.3, height + 0.3, color=figure.ORANGE, linewidth=2.5, linestyle=":")
    axis.set_yticks(range(len(ROWS), 0, -1), ROWS)
    axis.set_xlim(20, 100)
    axis.set_ylim(0.4, len(ROWS) + 0.6)
    axis.set_xlabel("accuracy, %", color=figure.INK, fontsize=9)
    axis.set_box_aspect(0.55)
    axis.set_facecolor("none")
    axis.tick_params(colors=figure.INK, labelsize=10)
    for name, side in axis.spines.items():
        side.set_visible(name in ("left", "bottom"))
        side.set_edgecolor(figure.INK)


def rows_figure() -> str:
    """Draw the four rows of 11.5."""
    return figure.as_html(
        figure.row(_rows, inches=5.2),
        alt="Figure for exercise 11.5: four rows, in each an accuracy with its interval and a dotted upright line",
        caption="Four made-up sets, one model on each. Dot and bar: accuracy with its 95 % interval over patients. "
        "Dotted: always the most frequent class, on the same set.",
        tier="phantom",
    )


SHOWN_TO_BE_BETTER = ReadFigure(
    id="11.5",
    title="Which model has learned something?",
    section="exercises",
    points=1,
    minutes=3,
    name="learned",
    prompt=(
        "Each line of the figure above is another set of images, with one model's accuracy and what it is worth there "
        "to answer the most frequent class always. On which line is the model **shown** to be better than that?"
    ),
    draw=rows_figure,
    right="b",
    hints=(
        "The height of an accuracy says nothing by itself: what is it worth to say the same class always?",
        "Shown means: the whole interval lies on the right of the dotted line.",
    ),
    mistakes=(
        Mistake("you took the largest accuracy", "On line a most patients are of one class: who always says that one "
                "has nearly as much, and the interval holds it.", "a"),
        Mistake("you took a mean above the line for a proof", "On line c the interval reaches below the dotted line: "
                "other patients might have turned it round.", "c"),
        Mistake("you took the narrowest interval", "On line d it is narrow, and wholly *below* the dotted line: this "
                "model is shown to be worse than no model.", "d"),
    ),
    afterword="Right: the smallest number of the four is the only one that shows something was learned.",
)  # fmt: skip


# --- 11.6: the test ----------------------------------------------------------------------------


def test_majority(majority):
    """Compare with what was counted by hand: a plain case, a tie, and no label moved."""
    train, test = torch.tensor([3, 1, 0, 1, 2, 1]), torch.tensor([0, 0, 0, 0, 1, 2, 1, 1])
    scored = torch.tensor([True, True, True, False, True, True, False, False])
    given = train.clone()
    assert abs(float(majority(train, test, scored)) - 100 * 1 / 5) < 1e-3
    assert torch.equal(train, given)
    tie = torch.tensor([2, 2, 1, 1, 0])
    assert abs(float(majority(tie, test, scored)) - 100 * 1 / 5) < 1e-3
    test[5] = 1  # scored are now three of class 0 and two of class 1
    assert abs(float(majority(tie, test, scored)) - 100 * 2 / 5) < 1e-3


# Other good tests, and tests that are too weak or too strict


def test_by_a_loop(majority):
    """Count again, by loops, on labels that are drawn."""
    draw = torch.Generator().manual_seed(3)
    for most in (0, 1, 2):
        train = torch.cat([torch.tensor([2, 1]), torch.randint(0, 3, (12,), generator=draw), torch.full((9,), most)])
        test, scored = torch.randint(0, 3, (40,), generator=draw), torch.rand(40, generator=draw) < 0.7
        before = train.clone()
        asked = [int(label) for label, counts in zip(test, scored, strict=True) if counts]
        assert abs(float(majority(train, test, scored)) - 100 * asked.count(most) / len(asked)) < 1e-3
        assert torch.equal(train, before)
    test = torch.tensor([0, 1, 2, 2])
    assert abs(float(majority(torch.tensor([2, 2, 1, 1]), test, test >= 0)) - 25) < 1e-3


def test_that_returns_a_bool(majority):
    """Return what an assert would ask."""
    train, test = torch.tensor([4, 2, 4, 2, 0, 1, 3]), torch.tensor([0, 0, 0, 2, 2, 4, 0, 4, 4])
    scored = torch.tensor([True, True, True, True, True, True, False, False, False])
    given = train.clone()
    found = float(majority(train, test, scored))
    return abs(found - 100 * 2 / 6) < 1e-3 and torch.equal(train, given)


def test_only_the_range(majority):
    """Too weak: look at the range."""
    found = majority(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 1, 1, 1]), torch.tensor([True] * 5))
    assert 1 < float(found) <= 100


def test_same_class_in_both(majority):
    """Too weak: the same class is most frequent on both sides."""
    train, test = torch.tensor([3, 1, 0, 1, 2, 1]), torch.tensor([1, 1, 1, 0, 2, 1])
    scored = torch.tensor([True, True, True, True, True, False])
    given = train.clone()
    assert abs(float(majority(train, test, scored)) - 60) < 1e-3 and torch.equal(train, given)
    assert abs(float(majority(torch.tensor([2, 2, 1, 1, 0]), test, scored)) - 60) < 1e-3


def test_all_scored(majority):
    """Too weak: score every image."""
    train, test = torch.tensor([3, 1, 0, 1, 2, 1]), torch.tensor([0, 0, 0, 0, 1, 2, 1, 2])
    scored, given = torch.ones(8, dtype=torch.bool), train.clone()
    assert abs(float(majority(train, test, scored)) - 25) < 1e-3 and torch.equal(train, given)
    test[0] = 1
    assert abs(float(majority(torch.tensor([2, 2, 1, 1, 0]), test, scored)) - 37.5) < 1e-3


def test_without_a_tie(majority):
    """Too weak: one class is clearly the most frequent."""
    train, test = torch.tensor([3, 1, 0, 1, 2, 1]), torch.tensor([0, 0, 0, 0, 1, 2, 1, 0])
    scored = torch.tensor([True, True, True, False, True, True, False, False])
    given = train.clone()
    assert abs(float(majority(train, test, scored)) - 20) < 1e-3 and torch.equal(train, given)


def test_without_a_look_back(majority):
    """Too weak: never look at the labels again."""
    train, test = torch.tensor([3, 1, 0, 1, 2, 1]), torch.tensor([0, 0, 0, 0, 1, 1, 0, 0])
    scored = torch.tensor([True, True, True, False, True, True, False, False])
    assert abs(float(majority(train, test, scored)) - 40) < 1e-3
    assert abs(float(majority(torch.tensor([2, 2, 1, 1, 0]), test, scored)) - 40) < 1e-3


def test_of_class_0(majority):
    """Too weak: class 0 is the most frequent."""
    train, test = torch.tensor([3, 0, 0, 1, 2]), torch.tensor([0, 1, 1, 1, 1, 2, 1, 0, 0])
    scored = torch.tensor([True, True, True, True, True, True, False, False, False])
    given = train.clone()
    assert abs(float(majority(train, test, scored)) - 100 / 6) < 1e-3 and torch.equal(train, given)
    assert abs(float(majority(torch.tensor([1, 1, 0, 0, 2]), test, scored)) - 100 / 6) < 1e-3


def test_to_the_last_digit(majority):
    """Too strict: ask for equal bits."""
    test = torch.tensor([0, 1, 1])
    assert float(majority(torch.tensor([1, 1, 0]), test, test >= 0)) == 100 * 2 / 3


KILL_MAJORITY = WriteTest(
    id="11.6",
    title="A test for the majority class",
    section="exercises",
    points=3,
    minutes=12,
    name="test_majority",
    prompt=(
        "You are the examiner. `majority(train, test, scored)` should say what it is worth to answer **training's** "
        "most frequent class always. `train` holds the labels of the training images, `test` those of the test images "
        "(whole numbers from 0), and `scored`, bool, says which test images count. It returns the accuracy on the "
        "images that count, in %. Of equally frequent classes it answers the one with the smallest number. No label "
        "that it is given changes. Write `test_majority(majority)`: it accepts every right version, and fails for "
        "each of the wrong versions that the kit holds."
    ),
    unsolved="def test_majority(majority):\n    ...  # assert what must hold for majority(train, test, scored)",
    solution=test_majority,
    alternatives=(test_by_a_loop, test_that_returns_a_bool),
    forbidden=("medkit.runs", "medkit.metrics", "sklearn"),
    right=(versions.by_bincount, versions.by_counter, versions.by_numpy, versions.by_weights),
    wrong=(
        Mistake("takes the most frequent class of the test", "Let another class lead in training than in the test.",
                versions.of_the_test),
        Mistake("takes the most frequent class of both sides together", "Let the test be the larger one.",
                versions.of_both),
        Mistake("gives the class's share of the training images", "The accuracy on the test is asked for.",
                versions.share_of_training),
        Mistake("counts test images that are not scored", "Leave some out that would change the number.",
                versions.unscored_too),
        Mistake("divides by all test images", "Only scored ones count, below the line as well.",
                versions.over_all_images),
        Mistake("returns a share, not %", "Compare with a number.", versions.as_a_share),
        Mistake("gives the share of wrong answers", "50 % hides it.", versions.the_others),
        Mistake("takes the rarest class", "Compare with a number.", versions.rarest),
        Mistake("takes the largest label for the most frequent one", "Let the most frequent class be in the middle.",
                versions.largest_number),
        Mistake("takes class 0 for the most frequent one", "Let another class lead.", versions.always_class_0),
        Mistake("takes the larger number in a tie", "Let two classes be equally frequent in training.",
                versions.tie_to_the_larger),
        Mistake("takes the class that is shown first in a tie", "Let the larger number come first.",
                versions.tie_to_the_first),
        Mistake("gives what guessing is worth", "Compare with a number.", versions.chance),
        Mistake("sorts the labels that it is given", "Look at them afterwards.", versions.sorts_the_labels),
    ),
    hints=(
        "Count an example by hand: six training labels, eight test labels, some of them not scored.",
        "Let training and test have different most frequent classes, and let neither be 0 in training.",
        "Then a tie in training with the larger label first; and `given = train.clone()` to look back.",
    ),
    mistakes=(
        Mistake("your test looks only at the range", "Most wrong numbers lie between 0 and 100.", test_only_the_range),
        Mistake("your test has the same most frequent class on both sides", "Then it does not matter whose class is "
                "taken.", test_same_class_in_both),
        Mistake("your test scores every image", "Then nobody can count too many.", test_all_scored),
        Mistake("your test has no tie", "Of equally frequent classes the smallest number is asked for.",
                test_without_a_tie),
        Mistake("your test does not look back at the labels", "A version that sorts them in place gives the right "
                "number.", test_without_a_look_back),
        Mistake("your test lets class 0 lead", "Then a version that always takes class 0 is right.", test_of_class_0),
        Mistake("your test asks for equality to the last digit", "Right versions round differently: leave some room.",
                test_to_the_last_digit),
    ),
    afterword="This number stands below every table here: without it, 87 % may be nothing at all.",
)  # fmt: skip
