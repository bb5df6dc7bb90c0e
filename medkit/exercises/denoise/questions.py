"""The exercises of notebook 01 that ask for a number, a panel and a test: 1.3, 1.5, 1.6."""

from __future__ import annotations

import torch

from medkit import figure
from medkit.exercises.denoise import mistakes as versions
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure, WriteTest


def test_mean(mean):
    """Compare with a mean worked out by hand, and look back at the image."""
    image = torch.tensor([[9.0, 0.0, 4.0, 1.0, 7.0, 3.0]] * 5) + torch.arange(5.0)[:, None] ** 3
    before = image.clone()
    for size in (3, 5):
        k = size // 2
        wide = torch.cat([before[:k].flip(0), before, before[5 - k :].flip(0)], dim=0)
        wide = torch.cat([wide[:, :k].flip(1), wide, wide[:, 6 - k :].flip(1)], dim=1)
        by_hand = wide.unfold(0, size, 1).unfold(1, size, 1).mean(dim=(-2, -1))
        assert torch.allclose(mean(image, size), by_hand, atol=1e-4)
        assert torch.equal(image, before)


# Other good tests, and tests that are too weak or too strict


def test_by_one_bright_corner(mean):
    """Count how often a bright corner is seen."""
    image = torch.zeros(7, 8)
    image[0, 0] = 25.0
    smooth = mean(image, 5)  # the corner is seen four times: itself and three reflections
    assert abs(float(smooth[0, 0]) - 4.0) < 1e-4
    assert image[0, 0] == 25.0


def test_that_returns_a_bool(mean):
    """Return what an assert would ask."""
    image = torch.tensor([[9.0, 0.0, 4.0, 1.0, 7.0]] * 5).T * torch.tensor([1.0, 3.0, 2.0, 8.0, 5.0])
    given = image.clone()
    wanted = versions.windows(given, 5).mean(dim=(-2, -1))
    return torch.allclose(mean(image, size=5), wanted, atol=1e-3) and torch.equal(image, given)


def test_only_the_shape(mean):
    """Too weak: look at the shape."""
    assert mean(torch.arange(30.0).reshape(5, 6), 3).shape == (5, 6)


def test_only_a_constant_image(mean):
    """Too weak: smooth what is smooth."""
    image = torch.full((6, 7), 4.0)
    assert torch.allclose(mean(image, 5), image)


def test_only_the_middle(mean):
    """Too weak: look at one pixel far from the rim."""
    image = torch.arange(63.0).reshape(7, 9) ** 2
    for size in (3, 5):
        middle = image[3 - size // 2 : 4 + size // 2, 4 - size // 2 : 5 + size // 2].mean()
        assert torch.allclose(mean(image.clone(), size)[3, 4], middle)


def test_only_size_three(mean):
    """Too weak: try one size."""
    image = torch.arange(63.0).reshape(7, 9) ** 2 % 17
    given = image.clone()
    assert torch.allclose(mean(image, 3), versions.windows(given, 3).mean(dim=(-2, -1)), atol=1e-4)
    assert torch.equal(image, given)


def test_without_a_look_back(mean):
    """Too weak: hand over copies, so that the argument is never seen again."""
    image = torch.arange(63.0).reshape(7, 9) ** 2 % 17
    given = image.clone()
    for size in (3, 5):
        wanted = versions.windows(image, size).mean(dim=(-2, -1))
        assert torch.allclose(mean(given.clone(), size), wanted, atol=1e-4)


def test_to_the_last_digit(mean):
    """Too strict: ask for equal bits."""
    image = torch.arange(63.0).reshape(7, 9) ** 2 % 17
    assert torch.equal(mean(image, 3), versions.windows(image.clone(), 3).sum(dim=(-2, -1)) / 9)


def salt_and_pepper_panels() -> dict[str, torch.Tensor]:
    """Make the figure of 1.5: one specked image, through four filters, on the scale 0 ... 255."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    clean = 70.0 + 90.0 * ((rows - 32) ** 2 + (columns - 28) ** 2 < 400) + 0.5 * columns
    drawn = torch.rand(64, 64, generator=torch.Generator().manual_seed(5))
    noisy = torch.where(drawn < 0.04, 0.0, torch.where(drawn > 0.96, 255.0, clean))
    ones = torch.full((3, 3), 1 / 9)
    round_weights = versions.gaussian_by_outer_product(1.0, 2).float()
    return {
        "noisy": noisy,
        "a": versions.mean_in_double(noisy, 3),
        "b": versions.sum_by_windows(torch.nn.functional.pad(noisy, (2, 2, 2, 2)), round_weights),
        "c": versions.mean_is_median(noisy, 3),
        "d": versions.sum_by_windows(torch.nn.functional.pad(noisy, (1, 1, 1, 1)), ones) / 9,
    }


def salt_and_pepper_figure() -> str:
    """Draw the panels of 1.5 on one grey scale."""
    panels = [figure.grey(image, title, 0.0, 255.0) for title, image in salt_and_pepper_panels().items()]
    return figure.as_html(
        figure.row(*panels, inches=2),
        alt="Panels for exercise 1.5: one noisy image and several filters of it",
        caption="A phantom with salt and pepper, and several filters of it.",
        tier="phantom",
    )


def as_printed(side: int, grey: int) -> dict:
    """Return what of 1.3 depends on its numbers: a kernel of side × side, an image of one grey."""
    n, other = side**2, 5 if side == 3 else 3
    return {
        "prompt": (
            f"A {side} × {side} Gaussian kernel sums to one. An image is grey {grey} everywhere. Which grey value does "
            "Eq. 1 *as printed*, with its division by n (the number of weights in the kernel), give in the "
            "middle of the image? Put down your number before you run anything."
        ),
        "truth": lambda: grey * 1.0 / n,
        "working": f"{grey} * 1 / {n}  # the weighted sum is {grey}, then it is divided by n = {n}",
        "hints": (
            f"First the sum: what is {grey} times each weight, added up, when the weights sum to one?",
            f"Then the factor in front of the sum. How many weights has a {side} × {side} kernel?",
        ),
        "mistakes": (
            Mistake("you left the division by n out", "That is Eq. 1 corrected, not as printed.", grey),
            Mistake("you divided by the side of the kernel", "n counts all weights: rows times columns.", grey / side),
            Mistake(
                "you added the greys unweighted", f"The weights of this kernel sum to one, not to {n}.", grey * n
            ),
            Mistake("you divided by n twice", f"The Gaussian's weights sum to one, not to 1/{n}.", grey / n**2),
            Mistake(
                f"you divided by the n of a {other} × {other} kernel",
                f"This kernel has {side} rows and columns.",
                grey / other**2,
            ),
        ),
        "afterword": f"Right: {n} times too dark. With a kernel that sums to one, the printed 1/n must go.",
    }


AS_PRINTED = PredictNumber(
    id="1.3",
    title="Eq. 1 as printed",
    section="exercises",
    points=1,
    minutes=3,
    name="grey",
    tolerance=0.05,
    other=lambda draw: as_printed(draw.choice((3, 5, 7)), draw.randrange(60, 250, 10)),
    **as_printed(side=5, grey=100),
)

SALT_AND_PEPPER = ReadFigure(
    id="1.5",
    title="Which one is the median?",
    section="exercises",
    points=1,
    minutes=3,
    name="panel",
    prompt=(
        "The figure above shows one image with black and white specks, and four filters of it, all on "
        "the same grey scale. Which panel went through the 3 × 3 *median*?"
    ),
    draw=salt_and_pepper_figure,
    right="c",
    hints=(
        "A weighted sum lets every speck colour its neighbours a little.",
        "A median picks one of the nine values; a lone speck is never the middle one.",
    ),
    mistakes=(
        Mistake(
            "you took the mean for the median",
            "In panel a each speck has become a grey square of 3 × 3: spread out, not removed.",
            "a",
        ),
        Mistake(
            "you took a Gaussian for the median",
            "In panel b each speck has become a soft blot, and the edge of the disc is blurred.",
            "b",
        ),
        Mistake(
            "you took darkness for removed noise",
            "Panel d is Eq. 1 as printed, its kernel sums to one: nine times too dark, specks and all.",
            "d",
        ),
    ),
    afterword="Right: specks gone, edge sharp. No choice of weights in Eq. 1 can do that.",
)

KILL_MEANS = WriteTest(
    id="1.6",
    title="A test for the mean",
    section="exercises",
    points=3,
    minutes=12,
    name="test_mean",
    prompt=(
        "Now you are the examiner. `mean(image, size)` should be the mean filter of odd size (3, 5, ...) "
        "for an `(H, W)` float tensor, with scipy's border *reflect* (the rim pixel is repeated); it "
        "leaves the image it is given as it was. Write `test_mean(mean)`: it asserts what must hold, "
        "accepts every right version, and fails for each of the wrong versions that the kit holds."
    ),
    unsolved="def test_mean(mean):\n    ...  # assert what must hold for mean(image, size)",
    solution=test_mean,
    alternatives=(test_by_one_bright_corner, test_that_returns_a_bool),
    forbidden=("medkit.denoise",),
    right=(
        versions.mean_by_numpy,
        versions.mean_by_index,
        versions.mean_in_double,
        versions.mean_rows_then_columns,
    ),
    wrong=(
        Mistake("divides by n twice", "Everything is too dark.", versions.mean_divided_twice),
        Mistake("darkens the rim", "Its border is zero.", versions.mean_zero_border),
        Mistake("does not repeat the rim pixel", "Only the rim tells.", versions.mean_mirrored),
        Mistake("repeats the rim pixel again and again", "At size 3 it is right.", versions.mean_nearest),
        Mistake("always takes 3 × 3", "Whatever size is asked for.", versions.mean_always_three),
        Mistake("averages along rows only", "Look across rows.", versions.mean_rows_only),
        Mistake("leaves the border out", "Its result is smaller.", versions.mean_without_border),
        Mistake("is a median", "On smooth images they are alike.", versions.mean_is_median),
        Mistake("changes the image it is given", "Look at the image after.", versions.mean_in_place),
    ),
    hints=(
        "Work one small example out by hand, with all pixels different, and compare with a tolerance.",
        "One bright pixel in a corner, size 5: how often is it seen, itself and its reflections?",
        "Keep `before = image.clone()` and compare when all is done.",
    ),
    mistakes=(
        Mistake(
            "your test looks only at the shape",
            "Almost any function returns the right shape.",
            test_only_the_shape,
        ),
        Mistake(
            "your test uses only a constant image",
            "On a constant image every mean is the same, whatever is averaged.",
            test_only_a_constant_image,
        ),
        Mistake(
            "your test looks only at the middle",
            "Away from the rim all border rules agree.",
            test_only_the_middle,
        ),
        Mistake(
            "your test tries only size 3",
            "A version that ignores the size gets through, and a border that is right for one pixel.",
            test_only_size_three,
        ),
        Mistake(
            "your test does not look back at the image",
            "A version that writes into its argument gives the right numbers.",
            test_without_a_look_back,
        ),
        Mistake(
            "your test asks for equality to the last digit",
            "Right versions add in another order and differ in rounding: use torch.allclose.",
            test_to_the_last_digit,
        ),
    ),
    afterword="All wrong versions die and the right ones live: that is a test worth keeping.",
)
