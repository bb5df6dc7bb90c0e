"""The exercises of notebook 12 that ask for a number, a figure and a test: 12.3, 12.5, 12.6."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.axes import Axes

from medkit import figure
from medkit.exercises.claims import printed as versions
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure, WriteTest

NINE_LOOKS = PredictNumber(
    id="12.3",
    title="Nine looks",
    section="exercises",
    points=1,
    minutes=4,
    name="chance",
    prompt=(
        "A paper compares its model with three others in three metrics: nine comparisons, each a test that raises a "
        "false alarm in 5 % of cases. Suppose that the four models are equally good in everything, and that the nine "
        "tests know nothing of each other. In how many % of such papers is at least one comparison *significant*? Put "
        "down your number before you run anything."
    ),
    truth=lambda: 100 * (1 - 0.95**9),
    tolerance=0.15,
    working="100 * (1 - 0.95**9)",
    hints=(
        "Ask the other way round: how often is none of the nine a false alarm?",
        "One test stays quiet in 95 % of cases; all nine do in 0.95 to the power of nine.",
    ),
    mistakes=(
        Mistake("you took the 5 % of one test", "Nine tests have nine chances to go wrong.", 5.0),
        Mistake("you added nine times 5 %", "That counts papers with two false alarms twice; with 21 looks it would be "
                "105 %.", 45.0),
        Mistake("you gave the papers without a false alarm", "Asked is the rest.", lambda: 100 * 0.95**9),
        Mistake("you took three comparisons", "Three others in three metrics are nine.", lambda: 100 * (1 - 0.95**3)),
        Mistake("you took six comparisons", "Three others times three metrics.", lambda: 100 * (1 - 0.95**6)),
        Mistake("you took twelve comparisons", "The model is not compared with itself.",
                lambda: 100 * (1 - 0.95**12)),
        Mistake("you gave a share, not %", "Times 100.", lambda: 1 - 0.95**9),
    ),
    afterword="Right: more than a third of papers about nothing find something. Real tests on the same images hang "
    "together, so that it is somewhat less, and still far more than 5 %.",
)  # fmt: skip


# --- 12.5: four specification curves -----------------------------------------------------------


class Curve(NamedTuple):
    """Leads in points, smallest first; which of them take the other answer; the range of seeds alone."""

    leads: tuple[float, ...]
    changed: tuple[int, ...]
    seeds: float


NARROW = (-1.9, -1.4, -1.1, -0.6, -0.2, 0.3, 0.6, 1.0, 1.5, 2.0)
WIDE = (-6.8, -5.9, -5.1, -4.4, -3.6, 3.4, 4.1, 5.2, 6.0, 6.6)
CURVES = {
    "a": Curve(NARROW, (5, 6, 7, 8, 9), 2.6),
    "b": Curve(WIDE, (0, 2, 3, 7, 9), 1.3),
    "c": Curve(WIDE, (5, 6, 7, 8, 9), 1.3),
    "d": Curve(NARROW, (0, 2, 5, 6, 9), 2.6),
}


def _curve(letter: str) -> figure.Panel:
    found = CURVES[letter]

    def draw(axis: Axes) -> None:
        axis.axhspan(-found.seeds, found.seeds, color=figure.INK, alpha=0.25, linewidth=0)
        axis.axhline(0, color=figure.INK, linewidth=0.8)
        for place, lead in enumerate(found.leads):
            other = place in found.changed
            axis.vlines(place, lead - 1.2, lead + 1.2, color=figure.INK, linewidth=0.8)
            colour, marker = (figure.ORANGE, "s") if other else (figure.BLUE, "o")
            fill = colour if other else "none"
            axis.plot(place, lead, marker, color=colour, markerfacecolor=fill, markersize=6)
        axis.set_ylim(-9, 9)
        axis.set_xticks([])
        axis.set_title(letter, color=figure.INK, fontsize=11)
        axis.set_ylabel("lead, points", color=figure.INK, fontsize=9)
        axis.set_facecolor("none")
        axis.set_box_aspect(1)
        axis.tick_params(colors=figure.INK, labelsize=9)
        for name, side in axis.spines.items():
            side.set_visible(name == "left")
            side.set_edgecolor(figure.INK)

    return draw


def curves_figure() -> str:
    """Draw the four panels of 12.5."""
    return figure.as_html(
        figure.row(*map(_curve, CURVES), inches=2.3),
        alt="Panels for exercise 12.5: four specification curves, each with ten leads in order of size",
        caption="Made-up leads of one model over another under ten readings of a paper, smallest first. Hollow circles: "
        "a choice is answered in one way; filled squares: in the other. Grey: the leads of one reading over seeds.",
        tier="phantom",
    )


READINGS_OR_SEEDS = ReadFigure(
    id="12.5",
    title="Does this choice decide?",
    section="exercises",
    points=1,
    minutes=4,
    name="decides",
    prompt=(
        "In each panel above a model's lead was measured under ten readings of one paper. In which panel does the "
        "choice that squares and circles stand for decide about the lead, by more than seeds alone would?"
    ),
    draw=curves_figure,
    right="c",
    hints=(
        "Two things must come together. First: squares and circles must not be mixed.",
        "Second: the leads must spread further than the grey band, which needs no choice at all.",
    ),
    mistakes=(
        Mistake("you did not look at the grey band", "In panel a the squares lie on the right, but all leads lie within "
                "what seeds alone do.", "a"),
        Mistake("you looked at the spread alone", "In panel b something moves the lead far, but not this choice: "
                "squares and circles are mixed.", "b"),
        Mistake("you took a flat curve for a decision", "In panel d nothing is larger than seeds, and the answers are "
                "mixed.", "d"),
    ),
    afterword="Right: there one answer of an untold choice makes the model better, and the other makes it worse.",
)  # fmt: skip


# --- 12.6: the test ----------------------------------------------------------------------------


def test_as_printed(as_printed):
    """Compare with verdicts found on paper: inside, on both edges, over each edge, outside on each side."""
    by_hand = {  # low, high, claimed, margin
        (4, 6, 5, 2): 1, (3, 7, 5, 2): 1, (2, 6, 5, 2): 0, (4, 9, 5, 2): 0, (1, 9, 5, 2): 0, (0, 2, 5, 2): -1,
        (8, 9, 5, 2): -1, (1, 3, 5, 2): 0, (7, 8, 5, 2): 0, (-6, -4, -5, 2): 1,
    }  # fmt: skip
    for asked, verdict in by_hand.items():
        assert as_printed(*asked) == verdict


# Other good tests, and tests that are too weak

SEEN = (  # low, high, claimed, margin, and the verdict by hand
    (4.0, 6.0, 5, 2, 1), (3.0, 7.0, 5, 2, 1), (2.0, 6.0, 5, 2, 0), (4.0, 9.0, 5, 2, 0), (0.0, 2.0, 5, 2, -1),
    (8.0, 9.0, 5, 2, -1), (1.0, 3.0, 5, 2, 0), (7.0, 8.0, 5, 2, 0), (1.0, 9.0, 5, 2, 0), (-6.0, -4.0, -5, 2, 1),
)  # fmt: skip


def test_by_all_whole_numbers(as_printed):
    """Try all intervals of whole numbers around two claims, by counting the points inside."""
    for claimed in (-4, 3):
        zone = range(claimed - 2, claimed + 3)
        for low in range(claimed - 6, claimed + 6):
            for high in range(low + 1, claimed + 7):
                ends_inside = (low in zone) + (high in zone)
                outside = high < zone[0] or low > zone[-1]
                assert as_printed(low, high, claimed, 2) == (1 if ends_inside == 2 else -1 if outside else 0)


def test_that_returns_a_bool(as_printed):
    """Return what an assert would ask."""
    return [as_printed(*seen[:4]) for seen in SEEN] == [seen[4] for seen in SEEN]


def _agrees(as_printed, chosen) -> None:
    for seen in chosen:
        assert as_printed(*seen[:4]) == seen[4]


def test_only_inside(as_printed):
    """Too weak: only intervals that meet the claim."""
    _agrees(as_printed, [seen for seen in SEEN if seen[4] == 1])


def test_never_open(as_printed):
    """Too weak: nothing that stays open."""
    _agrees(as_printed, [seen for seen in SEEN if seen[4] != 0])


def test_never_outside(as_printed):
    """Too weak: nothing that lies outside."""
    _agrees(as_printed, [seen for seen in SEEN if seen[4] != -1])


def test_without_edges(as_printed):
    """Too weak: no end on an edge."""
    _agrees(as_printed, [seen for seen in SEEN if not {seen[2] - seen[3], seen[2] + seen[3]} & set(seen[:2])])
    _agrees(as_printed, [(2.5, 6.0, 5, 2, 0), (3.5, 6.9, 5, 2, 1), (3.5, 8.0, 5, 2, 0)])


def test_one_side(as_printed):
    """Too weak: nothing below the claim."""
    _agrees(as_printed, [seen for seen in SEEN if seen[0] >= seen[2] - seen[3]])


def test_positive_claims(as_printed):
    """Too weak: no claim below 0."""
    _agrees(as_printed, [seen for seen in SEEN if seen[2] > 0])


def test_with_true_and_false(as_printed):
    """Wrong: ask for True where 0 and -1 are told apart."""
    for seen in SEEN:
        assert bool(as_printed(*seen[:4])) is (seen[4] == 1)


KILL_AS_PRINTED = WriteTest(
    id="12.6",
    title="A test for the verdict on a printed number",
    section="exercises",
    points=3,
    minutes=12,
    name="test_as_printed",
    prompt=(
        "You are the examiner. `as_printed(low, high, claimed, margin)` should say whether a measured lead is the "
        "printed one. `low` and `high` are the ends of the measured interval, with low < high; `claimed` is the printed "
        "lead, of either sign, and `margin` is above 0. It returns **1** where the whole interval lies within "
        "claimed ± margin (the edges belong to that zone), **−1** where all of it lies outside, and **0** where it does "
        "neither: it reaches over an edge, or touches one from outside. Write `test_as_printed(as_printed)`: it accepts "
        "every right version, and fails for each of the wrong versions that the kit holds. Take whole or half numbers, "
        "so that nothing is rounded at an edge."
    ),
    unsolved=(
        "def test_as_printed(as_printed):\n    ...  # assert what must hold for as_printed(low, high, claimed, margin)"
    ),
    solution=test_as_printed,
    alternatives=(test_by_all_whole_numbers, test_that_returns_a_bool),
    forbidden=("medkit.intervals", "medkit.claims"),
    right=(versions.by_edges, versions.by_shifting, versions.by_clipping, versions.by_counting),
    wrong=(
        Mistake("lets the middle decide", "Its middle may lie in the zone, and an end far outside.",
                versions.the_middle_decides),
        Mistake("takes the claim inside the interval for a proof", "A very wide interval holds every claim.",
                versions.the_claim_inside),
        Mistake("lets any overlap do", "Reach over an edge.", versions.any_overlap),
        Mistake("takes what is open for a verdict against", "Ask for 0 somewhere.", versions.open_is_against),
        Mistake("never says that it is another number", "Lie outside.", versions.never_against),
        Mistake("forgets the margin", "Be inside without holding the claim itself, or reach beyond.",
                versions.no_margin),
        Mistake("takes the margin for the width of the zone", "Use the whole zone.", versions.whole_margin),
        Mistake("makes the zone twice as wide", "End a little outside.", versions.twice_the_margin),
        Mistake("asks for the upper edge alone", "Reach below the zone.", versions.upper_edge_only),
        Mistake("asks for the lower edge alone", "Reach above the zone.", versions.lower_edge_only),
        Mistake("puts the zone around 0", "Claim something else than 0.", versions.around_nothing),
        Mistake("takes the margin for a share of the claim", "Claim something else than 1.",
                versions.a_share_of_the_claim),
        Mistake("leaves the edges out of the zone", "End exactly on an edge, from inside.", versions.open_edges),
        Mistake("takes an interval that touches the zone for one outside", "End exactly on an edge, from outside.",
                versions.touching_is_outside),
        Mistake("asks whether the zone lies in the interval", "Lie inside.", versions.swapped),
        Mistake("forgets intervals below the zone", "Lie below.", versions.never_below),
        Mistake("forgets the sign of the claim", "Claim a loss.", versions.without_sign),
    ),
    hints=(
        "Draw the zone 3 to 7 (claimed 5, margin 2) on paper, and intervals inside, over each edge, on either side.",
        "Let an interval end exactly on an edge: once from inside, once from outside. And one that holds the whole zone.",
        "Write them down as a list of (low, high, claimed, margin, verdict), with one claim below 0, and loop over it.",
    ),
    mistakes=(
        Mistake("your test tries only intervals that meet the claim", "There are three answers.", test_only_inside),
        Mistake("your test tries nothing that stays open", "Most mistakes are made about what is open.",
                test_never_open),
        Mistake("your test tries nothing outside", "Then a version that never says no lives.", test_never_outside),
        Mistake("your test puts no end on an edge", "Edges belong to the zone; touching is not outside.",
                test_without_edges),
        Mistake("your test tries nothing that reaches below the zone", "There are two edges.", test_one_side),
        Mistake("your test claims nothing below 0", "A printed lead can be a loss.", test_positive_claims),
        Mistake("your test asks for true or false", "−1 counts as true in Python: compare with 1, 0 and −1.",
                test_with_true_and_false),
    ),
    afterword="That is medkit.intervals.within, with its margin in the argument: it has to be named before the answer.",
)  # fmt: skip
