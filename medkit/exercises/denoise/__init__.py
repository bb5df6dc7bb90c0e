"""The exercises of notebook 01 (Eq. 1), and in full those where a function is written or repaired.

`questions` has the number, the figure and the test; `mistakes` the wrong versions.
"""

from __future__ import annotations

import torch

from medkit.exercises.denoise import mistakes as versions
from medkit.exercises.denoise.questions import AS_PRINTED, KILL_MEANS, SALT_AND_PEPPER
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction, WriteFunction
from medkit.exercises.values import small_image

READY_MADE = (
    "medkit.denoise", "scipy.ndimage", "scipy.signal", "skimage", "kornia", "torchvision", "cv2",
)  # fmt: skip


def weighted_sum(image, kernel):
    """Add the neighbours, each times its weight."""
    k = len(kernel) // 2
    height, width = image.shape
    total = torch.zeros(height - 2 * k, width - 2 * k)
    for i in range(-k, k + 1):
        for j in range(-k, k + 1):
            moved = image[k + i : height - k + i, k + j : width - k + j]
            total += moved * kernel[k + i, k + j]
    return total


def gaussian_weights(sigma, k):
    """Make a Gaussian kernel that sums to one."""
    steps = torch.arange(-k, k + 1)
    squared = steps[:, None] ** 2 + steps[None, :] ** 2
    weights = torch.exp(-squared / (2 * sigma**2))
    return weights / weights.sum()


def smooth_with_wrong_border(image, size):
    """Average size × size pixels; the border repeats the rim pixel."""
    k = size // 2
    wide = torch.nn.functional.pad(image[None, None], (k, k, k, k), mode="reflect")[0, 0]
    return wide.unfold(0, size, 1).unfold(1, size, 1).mean(dim=(-2, -1))


def smooth(image, size):
    """Average size × size pixels; the border repeats the rim pixel."""
    k = size // 2
    height, width = image.shape
    wide = torch.cat([image[:k].flip(0), image, image[height - k :].flip(0)], dim=0)
    wide = torch.cat([wide[:, :k].flip(1), wide, wide[:, width - k :].flip(1)], dim=1)
    return wide.unfold(0, size, 1).unfold(1, size, 1).mean(dim=(-2, -1))


WEIGHTED_SUM = WriteFunction(
    id="1.1",
    title="The sum of Eq. 1",
    section="before the code",
    points=3,
    minutes=10,
    name="weighted_sum",
    parameters=("image", "kernel"),
    prompt=(
        "Write the sum of Eq. 1, *without* the division by n: each new pixel is the sum of its "
        "neighbours `image[x + i, y + j]`, each times its weight `kernel[i, j]`, with i and j from -k "
        "to k.\n\n`image` is `(H, W)`, `kernel` is `(2k + 1, 2k + 1)`, both float tensors. Leave the "
        "border out: return only the pixels whose whole neighbourhood lies inside the image, "
        "`(H - 2k, W - 2k)` of them. Loops are welcome."
    ),
    unsolved=(
        "def weighted_sum(image, kernel):\n"
        "    k = len(kernel) // 2  # the kernel reaches k pixels to each side\n"
        "    height, width = image.shape\n"
        "    ...\n"
        "    return ..."
    ),
    solution=weighted_sum,
    alternatives=(versions.sum_by_four_loops, versions.sum_by_windows, versions.sum_by_conv2d),
    forbidden=READY_MADE,
    cases=(
        Case((small_image(3, 4, seed=2), small_image(3, 3, seed=3, high=4))),
        Case((small_image(6, 7, seed=4), small_image(5, 5, seed=5, high=4))),
        Case((small_image(5, 4, seed=6), small_image(3, 3, seed=7, low=-2, high=3) + 0.25)),
        Case((small_image(2, 3, seed=8), torch.tensor([[3.0]])), edge=True),
    ),
    hints=(
        "Start with one pixel on paper: lay the kernel over its neighbourhood, multiply what lies on "
        "top of each other, add up.",
        "The weight `kernel[i, j]` of the formula sits at `kernel[k + i, k + j]`: Python counts from 0.",
        "Moving the whole image is one slice: `image[k + i : height - k + i, k + j : width - k + j]`. "
        "Add it, times its weight, to a tensor of zeros, for each i and j.",
    ),
    mistakes=(
        Mistake(
            "you divided by n",
            "The weights already say how much each neighbour counts: with the division the result is n "
            "times too dark.",
            versions.sum_divided_by_n,
        ),
        Mistake(
            "you divided by the sum of the weights",
            "The kernel is to be used as it is given; whether it sums to one is its maker's affair.",
            versions.sum_divided_by_weights,
        ),
        Mistake(
            "you flipped the kernel",
            "That is a convolution, image[x - i, y - j]. Eq. 1 is a correlation: with x + i and y + j. "
            "A symmetric kernel hides the difference.",
            versions.sum_flipped,
        ),
        Mistake(
            "you swapped the axes of the kernel",
            "i goes with x (rows), j with y (columns), in the image and in the kernel.",
            versions.sum_transposed,
        ),
        Mistake(
            "you left out the last row and column of the kernel",
            "range(-k, k) ends at k - 1; write range(-k, k + 1).",
            versions.sum_one_short,
        ),
        Mistake(
            "you overwrote the sum at each step",
            "Only the last neighbour is left: write += where you wrote =.",
            versions.sum_overwritten,
        ),
        Mistake(
            "you added the neighbours without their weights",
            "Each neighbour is to be multiplied by kernel[i, j] first.",
            versions.sum_without_weights,
        ),
        Mistake(
            "you padded the image with zeros",
            "The result has the size of the image and its rim is too dark. Here the border is left out.",
            versions.sum_with_zero_border,
        ),
    ),
    afterword="This is all that Eq. 1 does; every linear filter of this notebook is a choice of weights.",
)

GAUSSIAN_WEIGHTS = WriteFunction(
    id="1.2",
    title="Gaussian weights",
    section="before the code",
    points=2,
    minutes=8,
    name="gaussian_weights",
    parameters=("sigma", "k"),
    prompt=(
        "Write the Gaussian kernel with `2k + 1` rows and columns: the weight at (i, j), with i and j "
        "from -k to k, is proportional to exp(-(i² + j²) / (2σ²)), and all weights together sum to "
        "one. `sigma` is in pixels."
    ),
    unsolved="def gaussian_weights(sigma, k):\n    ...\n    return ...",
    solution=gaussian_weights,
    alternatives=(
        versions.gaussian_by_outer_product,
        versions.gaussian_by_loops,
        versions.gaussian_by_softmax,
    ),
    forbidden=READY_MADE,
    cases=(Case((0.8, 1)), Case((1.5, 2)), Case((3.0, 3)), Case((1.2, 0), edge=True)),
    hints=(
        "`torch.arange(-k, k + 1)` gives the offsets -k ... k.",
        "A column of squares plus a row of squares is the whole table i² + j²: "
        "`steps[:, None] ** 2 + steps[None, :] ** 2`.",
        "`torch.exp(-squared / (2 * sigma**2))`, and at the end divide by the sum of all weights.",
    ),
    mistakes=(
        Mistake(
            "you forgot the minus in the exponent",
            "The weights grow towards the rim; far neighbours should count least.",
            versions.gaussian_growing,
        ),
        Mistake(
            "you divided by 2σ, not by 2σ²",
            "Seen only where σ is not 1: the width no longer grows in step with σ.",
            versions.gaussian_two_sigma,
        ),
        Mistake(
            "you divided by σ², not by 2σ²",
            "The kernel comes out narrower than asked, by √2.",
            versions.gaussian_without_two,
        ),
        Mistake(
            "you did not make the weights sum to one",
            "The centre weighs exactly 1: the filtered image becomes too bright.",
            versions.gaussian_not_summing_to_one,
        ),
        Mistake(
            "you divided by 2πσ² instead of the sum",
            "That is the density of an endless Gaussian. The kernel is cut off at k and sampled at "
            "pixels, so its sum is something else.",
            versions.gaussian_density,
        ),
        Mistake(
            "you divided by n",
            "n is the number of weights, not their sum.",
            versions.gaussian_divided_by_n,
        ),
        Mistake(
            "your kernel is one row and column short",
            "torch.arange(-k, k) ends at k - 1: the size is even and nothing is in the centre.",
            versions.gaussian_one_short,
        ),
        Mistake(
            "you used the distance, not its square",
            "The kernel has a sharp tip instead of a round top.",
            versions.gaussian_of_distance,
        ),
        Mistake(
            "your kernel has one dimension",
            "It is one row of 2k + 1 weights; a table of rows and columns is asked for.",
            versions.gaussian_in_a_row,
        ),
    ),
    afterword="And because exp(-(i² + j²)) = exp(-i²) exp(-j²), two passes in one dimension do the same.",
)

BORDER = RepairFunction(
    id="1.4",
    title="The border that is another one",
    section="exercises",
    points=2,
    minutes=8,
    name="smooth",
    parameters=("image", "size"),
    prompt=(
        "`smooth(image, size)` should be the mean filter of odd size with the border rule that "
        "scipy.ndimage calls *reflect*: the rim pixel is repeated, `d c b a | a b c d | d c b a`. The "
        "function below runs, and is right in the middle of the image. Find the bug and repair it."
    ),
    broken=smooth_with_wrong_border,
    solution=smooth,
    alternatives=(versions.mean_by_numpy, versions.mean_by_index, versions.mean_in_double),
    forbidden=READY_MADE,
    cases=(
        Case((small_image(3, 4, seed=9), 3)),
        Case((small_image(5, 6, seed=10), 5)),
        Case((small_image(3, 3, seed=11), 1), edge=True),
    ),
    hints=(
        "Put a 1 × 4 row a b c d through the padding alone. Which letters come out on the left?",
        "torch's \"reflect\" is `c b | a b c d | c b`: scipy calls that *mirror*. torch has no name for "
        "scipy's *reflect*.",
        "Build it: `torch.cat([image[:k].flip(0), image, image[height - k :].flip(0)])`, then the same "
        "for the columns.",
    ),
    mistakes=(
        Mistake(
            "your border does not repeat the rim pixel",
            "It is c b | a b c d | c b: torch's \"reflect\" is scipy's \"mirror\".",
            smooth_with_wrong_border,
        ),
        Mistake(
            "your border repeats the rim pixel again and again",
            "It is a a | a b c d | d d, scipy's \"nearest\". At size 3 it looks right; at 5 it is not.",
            versions.mean_nearest,
        ),
        Mistake(
            "your border is zero",
            "The rim darkens: zeros are averaged in.",
            versions.mean_zero_border,
        ),
        Mistake(
            "your border wraps around",
            "The left rim is averaged with the right one: scipy's \"wrap\".",
            versions.mean_wrapped,
        ),
        Mistake(
            "you averaged only the pixels inside",
            "At the rim fewer pixels are averaged; the rule asks for reflected ones.",
            versions.mean_of_inside,
        ),
        Mistake(
            "you left the border out",
            "The result is smaller than the image.",
            versions.mean_without_border,
        ),
        Mistake(
            "you forgot to divide",
            "A sum of pixels is size² times too bright.",
            versions.mean_not_divided,
        ),
    ),
    afterword="Same word, other border: whoever compares two libraries trips over this one first.",
)

EXERCISES = (WEIGHTED_SUM, GAUSSIAN_WEIGHTS, AS_PRINTED, BORDER, SALT_AND_PEPPER, KILL_MEANS)
