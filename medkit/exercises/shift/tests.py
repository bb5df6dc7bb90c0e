"""Exercise 17.5, a test for a gap with its interval: what it accepts, and what it must kill."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest
from medkit.exercises.shift import gaps

NAN = float("nan")


def test_gap(gap):
    """Try a case that was worked out on paper: two seeds, four images, one of them without a Dice."""
    none = float("nan")
    inside = torch.tensor([[0.5, 0.9, none, 0.7], [0.7, 0.7, none, 0.9]])
    outside = torch.tensor([[0.2, 0.9, none, 0.5], [0.2, 0.9, none, 0.1]])
    mean, low, high = gap(inside, outside)  # image by image: -0.4, +0.1, -0.5
    reach = 2 * 0.3214550 / 3**0.5
    assert abs(mean + 0.8 / 3) < 1e-4
    assert abs(low - (mean - reach)) < 1e-4 and abs(high - (mean + reach)) < 1e-4


# Other good tests


def test_by_laws(gap):
    """Ask for what must hold for any numbers."""
    generator = torch.Generator().manual_seed(0)
    inside, outside = torch.rand(2, 3, 10, generator=generator)
    outside = 0.5 * outside
    mean, low, high = gap(inside, outside)
    assert abs(mean - float((outside - inside).mean())) < 1e-4 and low < mean < high
    each = (outside - inside).mean(0)
    assert abs(high - low - 4 * float(each.std()) / 10**0.5) < 1e-4 and abs(high + low - 2 * mean) < 1e-4
    twice = gap(torch.cat([inside, inside]), torch.cat([outside, outside]))  # the same seeds again: nothing new is known
    assert abs(twice[1] - low) < 1e-4 and abs(twice[2] - high) < 1e-4
    wider = torch.cat([inside, torch.full((3, 2), NAN)], 1), torch.cat([outside, torch.full((3, 2), NAN)], 1)
    assert all(abs(a - b) < 1e-4 for a, b in zip(gap(*wider), (mean, low, high)))
    moved = torch.linspace(0, 0.4, 10)  # hard images are hard for both
    assert all(abs(a - b) < 1e-4 for a, b in zip(gap(inside + moved, outside + moved), (mean, low, high)))


def test_by_two_small_cases(gap):
    """Try one seed with NaN, and two seeds of two images."""
    found = gap(torch.tensor([[0.6, 0.9, NAN]]), torch.tensor([[0.2, 1.0, NAN]]))  # -0.4, +0.1: mean -0.15, s 0.35355
    assert all(abs(a - b) < 1e-4 for a, b in zip(found, (-0.15, -0.65, 0.35)))
    found = gap(torch.tensor([[0.8, 0.4], [0.4, 0.8]]), torch.tensor([[0.2, 0.2], [0.4, 0.4]]))  # -0.3, -0.3
    assert all(abs(a - b) < 1e-4 for a, b in zip(found, (-0.3, -0.3, -0.3)))


# Tests that are too weak or too strict


def test_only_the_mean(gap):
    """Too weak: never look at the interval."""
    inside, outside = torch.tensor([[0.5, 0.9], [0.7, 0.7]]), torch.tensor([[0.2, 0.9], [0.2, 0.9]])
    assert abs(gap(inside, outside)[0] + 0.15) < 1e-4


def test_only_the_sign(gap):
    """Too weak: ask that something is lost."""
    assert gap(torch.tensor([[0.5, 0.9]]), torch.tensor([[0.1, 0.2]]))[0] < 0


def test_only_the_order(gap):
    """Too weak: ask that the ends lie around the mean."""
    mean, low, high = gap(torch.tensor([[0.5, 0.9, 0.8]]), torch.tensor([[0.1, 0.2, 0.5]]))
    assert low < mean < high


def test_only_one_seed(gap):
    """Too weak: there are no seeds to mix up with images."""
    found = gap(torch.tensor([[0.6, 0.9, NAN]]), torch.tensor([[0.2, 1.0, NAN]]))
    assert all(abs(a - b) < 1e-4 for a, b in zip(found, (-0.15, -0.65, 0.35)))


def test_only_images_with_a_dice(gap):
    """Too weak: all images have a lesion."""
    inside = torch.tensor([[0.5, 0.9, 0.7], [0.7, 0.7, 0.9]])
    outside = torch.tensor([[0.2, 0.9, 0.5], [0.2, 0.9, 0.1]])
    reach = 2 * 0.3214550 / 3**0.5
    found = gap(inside, outside)
    assert all(abs(a - b) < 1e-4 for a, b in zip(found, (-0.8 / 3, -0.8 / 3 - reach, -0.8 / 3 + reach)))


def test_only_what_is_lost_everywhere(gap):
    """Too weak: all images lose the same, so that no interval is wide."""
    inside = torch.tensor([[0.5, 0.9, 0.7, NAN], [0.7, 0.7, 0.9, NAN]])
    assert all(abs(one + 0.25) < 1e-4 for one in gap(inside, inside - 0.25))


def test_to_the_last_digit(gap):
    """Too strict: ask for equal bits."""
    inside = torch.tensor([[0.5, 0.9, 0.7], [0.7, 0.7, 0.9]])
    outside = torch.tensor([[0.2, 0.9, 0.5], [0.2, 0.9, 0.1]])
    each = (outside - inside).double().mean(0)
    assert gap(inside, outside)[1] == float(each.mean()) - float(2 * each.std() / 3**0.5)


KILL_GAPS = WriteTest(
    id="17.5",
    title="A test for a gap",
    section="exercises",
    points=3,
    minutes=15,
    name="test_gap",
    prompt=(
        "You are the examiner. `gap(inside, outside)` gets the Dice of a model that learned on the set itself, and of one that "
        "learned elsewhere: float tensors `(S, N)`, S seeds of the training (one or more) and the same N test images. An image "
        "without a lesion has no Dice: NaN, in all rows of both. It should return three numbers, mean, low and high. First the "
        "difference outside - inside of each image, averaged over the seeds; images without a Dice are left out. *mean* is the "
        "mean of the n differences that remain, *low* and *high* lie 2 s / √n below and above it, where s is their standard deviation "
        "(with n - 1). Write a function that accepts every right version, and raises an AssertionError (or returns False) "
        "for each of the wrong ones that the kit holds."
    ),
    unsolved=(
        "def test_gap(gap):\n"
        "    # for example: one seed, two images that lose 0.4 and win 0.1 have the mean -0.15\n"
        "    ...\n"
        "    return ..."
    ),
    solution=test_gap,
    alternatives=(test_by_laws, test_by_two_small_cases),
    forbidden=("medkit.evidence", "medkit.intervals"),
    right=(gaps.gap_plainly, gaps.gap_by_numpy, gaps.gap_by_python),
    wrong=(
        Mistake("has the sign turned round", "What is lost must be below 0.", gaps.gap_turned_round),
        Mistake("forgets that the images are the same", "Hard images are hard for both: the difference of each image counts.", gaps.gap_unpaired),
        Mistake("counts seeds as images", "Two seeds of one image are no two images: give it two seeds that differ.", gaps.gap_of_seeds_as_images),
        Mistake("takes the spread of the seeds", "Other images are what the interval is about.", gaps.gap_over_seeds),
        Mistake("looks at the first seed alone", "Give it two seeds that differ.", gaps.gap_of_the_first_seed),
        Mistake("counts an image without a Dice as no gap", "Hand in an image of NaN.", gaps.gap_with_nan_as_zero),
        Mistake("counts images without a Dice in n", "Hand in an image of NaN, and look at the ends.", gaps.gap_of_all_images_counted),
        Mistake("forgets the root of n", "Work the ends out on paper.", gaps.gap_of_one_image),
        Mistake("reaches half as far", "Work the ends out on paper: 2 s / √n to each side.", gaps.gap_of_half_the_width),
        Mistake("takes s with n", "Work the ends out on paper, with n - 1.", gaps.gap_by_n),
        Mistake("takes no account of signs", "Let one image win.", gaps.gap_without_a_sign),
        Mistake("gives a share of what is inside", "Points are asked for, as they are.", gaps.gap_as_a_share),
        Mistake("exchanges the ends", "low comes before high.", gaps.gap_with_its_ends_exchanged),
    ),
    hints=(
        "Take two seeds, three images and one of NaN, and work mean, s and ends out on paper.",
        "Let the seeds differ, let an image win and others lose, and let some images be harder than others: each of that kills one kind.",
        "`inside = torch.tensor([[0.5, 0.9, none, 0.7], [0.7, 0.7, none, 0.9]])` where none is `float(\"nan\")`, with differences -0.4, +0.1, -0.5: s is 0.32146. Then "
        "`assert abs(low - (mean - 2 * 0.32146 / 3**0.5)) < 1e-3`, and so on.",
    ),
    mistakes=(
        Mistake("your test never looks at the ends", "The interval may be anything.", test_only_the_mean),
        Mistake("your test asks for the sign alone", "How much is lost stays unseen.", test_only_the_sign),
        Mistake("your test asks for the order alone", "The ends may lie anywhere around the mean.", test_only_the_order),
        Mistake("your test has one seed", "Who counts seeds as images is right there.", test_only_one_seed),
        Mistake("your test has no image without a Dice", "Those that stumble over NaN stay unseen.", test_only_images_with_a_dice),
        Mistake("your test lets all images lose the same", "Then every interval has the width 0.", test_only_what_is_lost_everywhere),
        Mistake("your test asks for equality to the last digit", "Right versions differ in rounding.", test_to_the_last_digit),
    ),
    afterword="medkit draws seeds as well as images (`medkit.intervals.bootstrap_seeds`): both could have been others.",
)
