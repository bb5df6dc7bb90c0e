"""The exercises of notebook 02 that ask for a number, a panel and a test: 2.3, 2.5, 2.6."""

from __future__ import annotations

import random

import torch

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.normalise import mistakes as versions
from medkit.exercises.questions import PredictNumber, ReadFigure, WriteTest


def test_min_max(min_max):
    """Compare with numbers worked out by hand, in both orders, and look back at the batch."""
    images = torch.arange(24.0).reshape(2, 2, 2, 3) ** 2 - 20
    images[1] = 9.0
    before = images.clone()
    by_hand = torch.zeros_like(images)
    by_hand[0] = (before[0] + 20) / 121
    assert torch.allclose(min_max(images), by_hand, atol=1e-5)
    assert torch.equal(images, before)
    assert torch.allclose(min_max(before.flip(0)), by_hand.flip(0), atol=1e-5)


# Other good tests, and tests that are too weak or too strict


def test_in_one_go(min_max):
    """Compare a batch of three with numbers worked out by hand."""
    images = torch.tensor([[-2.0, 8.0, 3.0, 1.0], [7.0, 7.0, 7.0, 7.0], [1.0, 2.0, 5.0, 3.0]])
    wanted = torch.tensor([[0.0, 1.0, 0.5, 0.3], [0.0, 0.0, 0.0, 0.0], [0.0, 0.25, 1.0, 0.5]])
    images, wanted = images.reshape(3, 2, 1, 2), wanted.reshape(3, 2, 1, 2)
    given = images.clone()
    assert torch.allclose(min_max(images), wanted, atol=1e-5)
    assert torch.equal(images, given)


def test_that_returns_a_bool(min_max):
    """Return what an assert would ask."""
    images = torch.arange(24.0).reshape(2, 2, 2, 3) ** 2 - 20
    images[1] = 9.0
    given = images.clone()
    scaled = min_max(images)
    flipped = min_max(given.flip(0)).flip(0)
    wanted = (given[0] + 20) / 121
    return (
        torch.allclose(scaled[0], wanted, atol=1e-5)
        and torch.allclose(flipped[0], wanted, atol=1e-5)
        and bool((scaled[1] == 0).all())
        and torch.equal(images, given)
    )


def test_only_the_range(min_max):
    """Too weak: look at the range."""
    scaled = min_max(torch.arange(24.0).reshape(2, 2, 2, 3) - 7)
    assert scaled.min() >= 0 and scaled.max() <= 1


def test_only_one_image(min_max):
    """Too weak: give it batches of one image."""
    images = torch.tensor([[[[-2.0, 8.0]], [[3.0, 1.0]]]])
    given = images.clone()
    wanted = torch.tensor([[[[0.0, 1.0]], [[0.5, 0.3]]]])
    assert torch.allclose(min_max(images), wanted, atol=1e-5) and torch.equal(images, given)
    assert not min_max(torch.full((1, 1, 2, 2), 4.0)).any()


def test_without_a_constant_image(min_max):
    """Too weak: never divide zero by zero."""
    images = torch.arange(24.0).reshape(2, 2, 2, 3) ** 2 - 20
    given = images.clone()
    scaled = min_max(images)
    for image, got in zip(given, scaled, strict=True):
        assert torch.allclose(got, (image - image.min()) / (image.max() - image.min()), atol=1e-5)
    assert torch.equal(images, given)


def test_without_a_look_back(min_max):
    """Too weak: hand over copies, so that the argument is never seen again."""
    images = torch.arange(24.0).reshape(2, 2, 2, 3) ** 2 - 20
    images[1] = 9.0
    scaled = min_max(images.clone())
    assert torch.allclose(scaled[0], (images[0] + 20) / 121, atol=1e-5) and not scaled[1].any()
    assert torch.allclose(min_max(images.flip(0).clone())[1], scaled[0], atol=1e-5)


def test_only_from_zero(min_max):
    """Too weak: let the minimum be zero."""
    images = torch.arange(24.0).reshape(2, 2, 2, 3)
    images[1] -= 12.0
    given = images.clone()
    assert torch.allclose(min_max(images), given / 11, atol=1e-5) and torch.equal(images, given)
    assert not min_max(torch.full((1, 1, 2, 2), 0.0)).any()


def test_to_the_last_digit(min_max):
    """Too strict: ask for equal bits."""
    images = torch.arange(24.0).reshape(2, 2, 2, 3) ** 2 / 13 - 20
    images[1] = 9.0
    given = images.clone()
    scaled = min_max(images)
    assert torch.equal(scaled[0], (given[0] - given[0].min()) / (given[0].max() - given[0].min()))


def metal_panels() -> dict[str, torch.Tensor]:
    """Make the figure of 2.5: one CT-like slice with a bit of metal, scaled four ways."""
    rows, columns = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")

    def disc(row: float, column: float, radius: float) -> torch.Tensor:
        return (rows - row) ** 2 + (columns - column) ** 2 < radius**2

    hu = torch.full((96, 96), -1000.0)
    for place, value in (((48, 48, 40), -90), ((48, 48, 36), 40), ((42, 36, 12), 110), ((58, 58, 10), -20)):
        hu[disc(*place)] = value
    hu[disc(74, 48, 6)] = 600.0
    hu[disc(30, 62, 2.5)] = 3071.0
    low, high = torch.quantile(hu, torch.tensor([0.01, 0.99]))
    return {
        "a": ((hu - low) / (high - low)).clamp(0, 1),
        "b": (hu - hu.min()) / (hu.max() - hu.min()),
        "c": versions.window_by_edges(hu, 40.0, 400.0),
        "d": (hu - hu.mean()) / hu.std(),
    }


def metal_figure() -> str:
    """Draw the panels of 2.5 on one grey scale."""
    panels = [figure.grey(image, title, 0.0, 1.0) for title, image in metal_panels().items()]
    return figure.as_html(
        figure.row(*panels, inches=2),
        alt="Panels for exercise 2.5: one slice with metal in it, scaled in several ways",
        caption="A phantom slice with metal in it, scaled in several ways.",
        tier="phantom",
    )


def one_bright_pixel(low: int, tissue: int, metal: int) -> dict:
    """Return what of 2.3 depends on its numbers: the darkest grey, the brightest tissue, the metal."""
    span, above = metal - low, tissue - low
    return {
        "prompt": (
            f"The darkest pixel of an image is {low}, its brightest tissue {tissue}. A single pixel of metal has "
            f"{metal}. What does Eq. 2 make of the brightest tissue? Put down your number before you run anything."
        ),
        "truth": lambda: above / span,
        "working": f"({tissue} - {low}) / ({metal} - {low})",
        "hints": (
            "Which pixel is I_max?",
            f"Above the line stands {tissue} minus the minimum, below the line the maximum minus the minimum.",
        ),
        "mistakes": (
            Mistake("you left the metal out", "It is in the image, so it is I_max.", 1.0),
            Mistake("you divided by the maximum only", "Both differences are missing.", tissue / metal),
            Mistake("you did not subtract the minimum above the line", "It is I - I_min.", tissue / span),
            Mistake("you did not subtract the minimum below the line", "It is I_max - I_min.", above / metal),
            Mistake("you scaled to 255", "Eq. 2 ends at 1.", 255 * above / span),
            Mistake("you took the distance from the top", "It is I - I_min, not I_max - I.", 1 - above / span),
        ),
        "afterword": f"Right: one pixel takes {1 - above / span:.0%} of the range, and all tissue shares the rest.",
    }


def other_bright_pixel(draw: random.Random) -> dict:
    """Draw numbers for 2.3 that keep its right answer and its mistakes apart."""
    low, span, parts = draw.randrange(100, 201, 20), draw.choice((500, 600, 800, 1000)), draw.choice((4, 5))
    return one_bright_pixel(low, low + span // parts, low + span)


METAL = PredictNumber(
    id="2.3",
    title="One bright pixel",
    section="exercises",
    points=1,
    minutes=3,
    name="scaled",
    tolerance=0.005,
    other=other_bright_pixel,
    **one_bright_pixel(low=100, tissue=300, metal=900),
)

METAL_FIGURE = ReadFigure(
    id="2.5",
    title="Which one is Eq. 2?",
    section="exercises",
    points=1,
    minutes=3,
    name="scaling",
    prompt=(
        "The figure above shows one CT-like slice with a small piece of metal, scaled in four ways, "
        "all drawn from 0 (black) to 1 (white). Which panel is Eq. 2 as printed, with the smallest and "
        "largest value of the image?"
    ),
    draw=metal_figure,
    right="b",
    hints=(
        "Only one pixel group can be white under Eq. 2: which?",
        "Look for the panel in which the metal is white and even bone is far from it.",
    ),
    mistakes=(
        Mistake(
            "you took percentiles for the extremes",
            "In panel a bone is as white as metal: the brightest hundredth was cut off.",
            "a",
        ),
        Mistake(
            "you took the CT window for Eq. 2",
            "In panel c the organs are easy to tell apart, and all else is black or white: it was clipped.",
            "c",
        ),
        Mistake(
            "you took the z-score for Eq. 2",
            "In panel d all tissue is nearly white: most values lie above 1 or below 0, and are drawn "
            "as if cut off.",
            "d",
        ),
    ),
    afterword="Right: everything but the metal is squeezed into the lower part of the range.",
)

KILL_MIN_MAX = WriteTest(
    id="2.6",
    title="A test for min-max",
    section="exercises",
    points=3,
    minutes=12,
    name="test_min_max",
    prompt=(
        "You are the examiner again. `min_max(images)` should be Eq. 2 for each image of a float batch "
        "`(B, C, H, W)`, all channels together; a constant image becomes zeros, and the batch it is "
        "given stays as it was. Write `test_min_max(min_max)`: it accepts every right version, and "
        "fails for each of the wrong versions that the kit holds."
    ),
    unsolved="def test_min_max(min_max):\n    ...  # assert what must hold for min_max(images)",
    solution=test_min_max,
    alternatives=(test_in_one_go, test_that_returns_a_bool),
    forbidden=("medkit.normalise",),
    right=(
        versions.each_in_a_loop,
        versions.each_by_amin,
        versions.each_with_a_floor,
        versions.each_by_reciprocal,
    ),
    wrong=(
        Mistake("takes the extremes of the whole batch", "Two images differ.", versions.whole_batch),
        Mistake("scales each channel on its own", "Two channels differ.", versions.channel_by_channel),
        Mistake("divides by the maximum only", "Minimum 0 hides it.", versions.by_the_maximum),
        Mistake("clips instead of scaling", "Try values above 1.", versions.clipped),
        Mistake("scales to [-1, 1]", "What is the smallest value?", versions.to_minus_one),
        Mistake("makes a constant image NaN", "0/0.", versions.not_a_number),
        Mistake("makes a constant image ones", "It is to be zeros.", versions.constant_to_one),
        Mistake(
            "remembers the extremes of the first image it saw",
            "Give it two images, in both orders.",
            versions.RemembersTheFirst,
        ),
        Mistake("changes the batch it is given", "Look at it afterwards.", versions.scaled_in_place),
    ),
    hints=(
        "Two images with very different values, two channels each: then it shows who shares extremes.",
        "Make one image of the batch constant.",
        "Keep `before = images.clone()` and compare when all is done.",
    ),
    mistakes=(
        Mistake(
            "your test looks only at the range",
            "Many wrong scalings end in [0, 1].",
            test_only_the_range,
        ),
        Mistake(
            "your test uses batches of one image",
            "Then the batch's extremes are the image's.",
            test_only_one_image,
        ),
        Mistake(
            "your test has no constant image",
            "0/0 is where versions differ.",
            test_without_a_constant_image,
        ),
        Mistake(
            "your test does not look back at the batch",
            "A version that writes into its argument gives the right numbers.",
            test_without_a_look_back,
        ),
        Mistake(
            "all your images start at zero",
            "Where the minimum is 0, dividing by the maximum is right.",
            test_only_from_zero,
        ),
        Mistake(
            "your test asks for equality to the last digit",
            "Right versions round differently: use torch.allclose.",
            test_to_the_last_digit,
        ),
    ),
    afterword="All wrong versions die and the right ones live: that is a test worth keeping.",
)
