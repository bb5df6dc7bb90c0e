"""Exercise 16.5, a test for histogram matching: what it accepts, and what it must kill."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest
from medkit.exercises.synthesise import matchers


def test_match(match):
    """Try images with ties, in disorder, and references of another size."""
    image = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    got = match(image, torch.tensor([[40.0, 10.0], [30.0, 20.0]]))
    assert torch.allclose(got, torch.tensor([[40.0, 20.0], [20.0, 30.0]]), atol=1e-3)  # shares 1, 1/2, 1/2, 3/4
    got = match(image, torch.tensor([[10.0, 50.0]]))  # shares 1/2 and 1
    assert torch.allclose(got, torch.tensor([[50.0, 10.0], [10.0, 30.0]]), atol=1e-3)
    got = match(image, torch.tensor([[7.0, 7.0, 7.0, 9.0]]))  # shares 3/4 and 1
    assert torch.allclose(got, torch.tensor([[9.0, 7.0], [7.0, 7.0]]), atol=1e-3)


# Other good tests


def test_by_one_table(match):
    """Compare with a table."""
    image = torch.tensor([[5.0, 1.0, 2.0, 2.0]])
    for reference, wanted in (
        ([[0.0, 8.0, 4.0, 2.0]], [8.0, 0.0, 4.0, 4.0]),
        ([[0.0, 8.0]], [8.0, 0.0, 4.0, 4.0]),
        ([[3.0], [1.0], [1.0], [1.0]], [3.0, 1.0, 1.0, 1.0]),
    ):
        assert torch.allclose(match(image, torch.tensor(reference)), torch.tensor([wanted]), atol=1e-3)
    assert torch.allclose(match(image.reshape(2, 2), torch.tensor([[0.0, 8.0]])), torch.tensor([[8.0, 0.0], [4.0, 4.0]]), atol=1e-3)


def test_by_laws(match):
    """Ask for what must hold for any images."""
    draw = torch.Generator().manual_seed(0)
    image, reference = torch.rand(6, 8, generator=draw), torch.rand(8, 6, generator=draw) ** 2 * 50
    got = match(image, reference)
    order = image.flatten().argsort()
    assert got.shape == image.shape
    assert torch.allclose(got.flatten()[order], reference.flatten().sort().values, atol=1e-3)
    coarse = (image * 4).round()
    for other in (reference, reference.round(), reference[:3] + 90):
        new = match(coarse, other)
        assert all(new[coarse == v].std() < 1e-3 for v in coarse.unique() if (coarse == v).sum() > 1)
        shares = [(coarse <= v).double().mean() for v in coarse.unique()]
        known = torch.tensor([(other <= v).double().mean() for v in other.unique()])
        for v, share in zip(coarse.unique(), shares):
            right = int((known < share - 1e-9).sum())
            low, high = other.unique()[max(right - 1, 0)], other.unique()[right]
            gap = float(known[right] - known[max(right - 1, 0)]) or 1.0
            wanted = float(low + (high - low) * min(1.0, max(0.0, float(share - known[max(right - 1, 0)]) / gap)))
            assert abs(float(new[coarse == v][0]) - wanted) < 1e-2


# Tests that are too weak or too strict


def test_only_the_range(match):
    """Too weak: ask for the reference's range."""
    got = match(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([[40.0, 10.0], [30.0, 20.0]]))
    assert float(got.min()) >= 9.99 and float(got.max()) <= 40.01


def test_only_the_grey_values(match):
    """Too weak: sort before comparing."""
    got = match(torch.tensor([[3.0, 0.0], [2.0, 1.0]]), torch.tensor([[40.0, 12.0], [30.0, 20.0]]))
    assert torch.allclose(got.flatten().sort().values, torch.tensor([12.0, 20.0, 30.0, 40.0]), atol=1e-3)


def test_only_without_ties(match):
    """Too weak: no grey value stands twice."""
    got = match(torch.tensor([[3.0, 0.0], [2.0, 1.0]]), torch.tensor([[40.0, 12.0], [30.0, 20.0]]))
    assert torch.allclose(got, torch.tensor([[40.0, 12.0], [30.0, 20.0]]), atol=1e-3)


def test_only_of_one_size(match):
    """Too weak: both have four pixels."""
    image = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    got = match(image, torch.tensor([[40.0, 12.0], [30.0, 20.0]]))
    assert torch.allclose(got, torch.tensor([[40.0, 20.0], [20.0, 30.0]]), atol=1e-3)


def test_only_with_itself(match):
    """Too weak: an image matched to itself stays as it is."""
    image = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    assert torch.allclose(match(image, image), image, atol=1e-3)


def test_only_the_shape(match):
    """Too weak: look at the shape."""
    image = torch.tensor([[3.0, 0.0, 0.0], [0.0, 1.0, 2.0]])
    assert match(image, torch.tensor([[40.0, 12.0, 30.0, 20.0]])).shape == image.shape


def test_only_the_order(match):
    """Too weak: brighter stays brighter."""
    image = torch.tensor([[3.0, 0.0], [2.0, 1.0]])
    got = match(image, torch.tensor([[40.0, 12.0], [30.0, 20.0]]))
    assert (got.flatten()[image.flatten().argsort()].diff() > 0).all()


def test_to_the_last_digit(match):
    """Too strict: ask for equal bits where a third is rounded."""
    image = torch.arange(1.0, 8.0)[None]
    wanted = torch.tensor([0.1 + 0.1 * max(3 * i / 7 - 1, 0.0) for i in range(1, 8)], dtype=torch.float64).float()
    assert torch.equal(match(image, torch.tensor([[0.1, 0.2, 0.3]]))[0], wanted)


KILL_MATCHERS = WriteTest(
    id="16.5",
    title="A test for histogram matching",
    section="exercises",
    points=3,
    minutes=15,
    name="test_match",
    prompt=(
        "You are the examiner. `match(image, reference)` should return `image` with the grey values of `reference`, both float "
        "tensors (H, W) whose sizes may differ. For a pixel of value x, take the share P of all pixels of `image` that are x **or "
        "less**. Its new value is what `reference` has at that share: for each value of `reference` the share of its pixels that "
        "are that value or less is known; between two known shares go on a straight line, below the first one take the first "
        "(the smallest) value. So equal pixels stay equal, and each stays in its place. Write a function that accepts every right "
        "version, and raises an AssertionError (or returns False) for each of the wrong ones that the kit holds."
    ),
    unsolved=(
        "def test_match(match):\n"
        "    # for example: the brightest pixel of any image gets the brightest value of its reference\n"
        "    ...\n"
        "    return ..."
    ),
    solution=test_match,
    alternatives=(test_by_one_table, test_by_laws),
    forbidden=("medkit.synthesise",),
    right=(matchers.match_plainly, matchers.match_by_unique, matchers.match_by_search),
    wrong=(
        Mistake("does nothing at all", "Let the reference have other values.", matchers.match_not_at_all),
        Mistake("returns the reference's pixels in their own places", "Let image and reference be in different order.", matchers.match_by_the_reference),
        Mistake("returns the right values sorted", "Compare place by place, with an image in disorder.", matchers.match_in_order),
        Mistake("makes dark bright", "The darkest pixel must stay the darkest.", matchers.match_upside_down),
        Mistake("matches mean and spread only", "Let the reference's values lie unevenly.", matchers.match_mean_and_spread),
        Mistake("stretches to the reference's range", "Let the reference's values lie unevenly, or the image's.", matchers.match_the_ends),
        Mistake("makes equal pixels different", "Let a value stand twice in the image.", matchers.match_with_broken_ties),
        Mistake("looks up ranks in place of shares", "Give the reference fewer pixels than the image.", matchers.match_by_rank),
        Mistake("matches row by row", "Give the image two rows.", matchers.match_row_by_row),
        Mistake("counts only what lies below a value", "x or less: the brightest pixel has the share 1.", matchers.match_what_lies_below),
        Mistake("knows no value between two of the reference", "Let a share fall between two known ones.", matchers.match_in_steps),
        Mistake("forgets how often the reference has a value", "Let a value stand several times in the reference.", matchers.match_each_value_once),
        Mistake("matches the reference to the image", "Look at the values: they must be the reference's.", matchers.match_the_wrong_way),
    ),
    hints=(
        "Work a small case out on paper: image [[3, 0], [0, 1]], reference [[40, 10], [30, 20]]. Which share has each pixel?",
        "Three references are enough: one with four different values, one with two pixels only, and one where a value stands three times.",
        "`assert torch.allclose(match(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([[10.0, 50.0]])), "
        "torch.tensor([[50.0, 10.0], [10.0, 30.0]]), atol=1e-3)`, and so on.",
    ),
    mistakes=(
        Mistake("your test asks for the range only", "Within it, anything may happen.", test_only_the_range),
        Mistake("your test sorts the values", "Where they stand stays unseen.", test_only_the_grey_values),
        Mistake("your test has no equal pixels", "What becomes of ties stays unseen, and what of other sizes.", test_only_without_ties),
        Mistake("your test has one size", "Shares and ranks are the same there.", test_only_of_one_size),
        Mistake("your test matches an image to itself", "Who does nothing passes.", test_only_with_itself),
        Mistake("your test looks at the shape", "The values may be anything.", test_only_the_shape),
        Mistake("your test looks at the order alone", "The values may be anything, as long as they rise.", test_only_the_order),
        Mistake("your test asks for equality to the last digit", "Right versions differ in rounding.", test_to_the_last_digit),
    ),
    afterword="Without ties and with equal sizes half of all wrong versions look right: test where the rule has to decide.",
)
