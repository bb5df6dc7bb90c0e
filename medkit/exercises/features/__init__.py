"""The exercises of notebook 04 (what convolutions see), and in full those where a function is written.

`norm` has 4.4, `questions` the number and the figure, `tests` the test to write, and `mistakes` the
wrong versions.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.features import mistakes as versions
from medkit.exercises.features.norm import GROUP_NORM
from medkit.exercises.features.questions import HOW_MANY, WHICH_MAP
from medkit.exercises.features.tests import KILL_POOLING
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.values import small_image

READY_MADE = ("medkit.denoise", "medkit.blocks", "medkit.models", "scipy", "skimage", "torch.nn.modules.conv")


def convolve(x, weight, bias, stride, padding):
    """Give each place of each output channel its weighted sum over all input channels."""
    channels, height, width = x.shape
    rows, columns = weight.shape[2:]
    wide = torch.zeros(channels, height + 2 * padding, width + 2 * padding)
    wide[:, padding : padding + height, padding : padding + width] = x
    high = (height + 2 * padding - rows) // stride + 1
    broad = (width + 2 * padding - columns) // stride + 1
    total = bias[:, None, None] + torch.zeros(len(weight), high, broad)
    for i in range(rows):
        for j in range(columns):
            moved = wide[:, i : i + stride * high : stride, j : j + stride * broad : stride]
            total += torch.einsum("oc,chw->ohw", weight[:, :, i, j], moved)
    return total


def receptive_field(layers):
    """Count the input pixels, along one side, that one value of the last map can see."""
    side, step = 1, 1  # step: how many input pixels lie between neighbours of the present map
    for kernel, stride in layers:
        side += (kernel - 1) * step
        step *= stride
    return side


CONVOLVE = WriteFunction(
    id="4.1",
    title="A whole convolution layer",
    section="before the code",
    points=3,
    minutes=15,
    name="convolve",
    parameters=("x", "weight", "bias", "stride", "padding"),
    prompt=(
        "Write the formula above for one image. `x` is `(C, H, W)`, `weight` is `(O, C, k, l)`: one kernel of k "
        "rows and l columns for each pair of output and input channel; `bias` is `(O,)`, all float tensors. "
        "Put `padding` rows and columns of *zeros* on each of the four sides first. Then lay the kernels on "
        "every `stride`-th place, beginning in the top left corner, wherever they fit; multiply, add up over "
        "the C input channels, add the bias once. No kernel is flipped, nothing is divided.\n\nReturn "
        "`(O, (H + 2·padding - k) // stride + 1, (W + 2·padding - l) // stride + 1)`. Loops are welcome; "
        "`torch.conv2d` is there to check yourself against, not to be the answer."
    ),
    unsolved=(
        "def convolve(x, weight, bias, stride, padding):\n"
        "    channels, height, width = x.shape\n"
        "    rows, columns = weight.shape[2:]\n"
        "    ...\n"
        "    return ..."
    ),
    solution=convolve,
    alternatives=(versions.convolve_by_loops, versions.convolve_by_windows, versions.convolve_by_matrix),
    forbidden=READY_MADE,
    cases=(
        Case((
            small_image(2, 4, 5, seed=1), small_image(3, 2, 3, 3, seed=2, low=-3, high=4),
            torch.tensor([0.5, -2.0, 9.0]), 1, 1,
        )),
        Case((
            small_image(3, 7, 6, seed=3, low=-5), small_image(2, 3, 3, 2, seed=4, low=-3, high=4),
            torch.tensor([-1.5, 30.0]), 2, 0,
        )),
        Case((
            small_image(1, 6, 8, seed=5, low=-5), small_image(2, 1, 2, 3, seed=6, low=-3, high=4),
            torch.tensor([4.0, 0.25]), 3, 2,
        )),
        Case((
            small_image(2, 3, 4, seed=7), small_image(4, 2, 1, 1, seed=8, low=-3, high=4),
            torch.tensor([1.0, 2.0, 3.0, -4.0]), 1, 0,
        ), edge=True),
    ),
    hints=(
        "Begin with one output channel, stride 1 and no padding: that is the sum of Exercise 1.1, once for each "
        "input channel, added up.",
        "Padding: a larger tensor of zeros, and the image copied into its middle. Stride: the window for place "
        "(y, z) begins at row `y * stride` and column `z * stride`.",
        "Three loops, over o, y and z: `bias[o] + (window * weight[o]).sum()`, where `window` is "
        "`wide[:, y * stride : y * stride + rows, z * stride : z * stride + columns]`.",
    ),
    mistakes=(
        Mistake(
            "you flipped the kernels",
            "What networks call a convolution is Eq. 1's sum: x + i, not x - i.",
            versions.convolve_flipped,
        ),
        Mistake("you forgot the bias", "Every output channel adds its own number.", versions.convolve_without_bias),
        Mistake(
            "you added the bias once for every input channel",
            "It belongs outside the sum over channels.",
            versions.convolve_bias_for_each_channel,
        ),
        Mistake("you ignored the stride", "The map is as fine as the image.", versions.convolve_without_stride),
        Mistake("you ignored the padding", "The map is too small.", versions.convolve_without_padding),
        Mistake(
            "you padded two sides only",
            "Zeros go on all four sides: 2 · padding rows more.",
            versions.convolve_padded_once,
        ),
        Mistake(
            "you repeated the rim instead of padding with zeros",
            "Only the border differs.",
            versions.convolve_repeating_the_rim,
        ),
        Mistake(
            "you looked at the first input channel only",
            "Every output channel looks at all of them.",
            versions.convolve_first_channel,
        ),
        Mistake(
            "you averaged over the input channels",
            "They are added up; the weights take care of the size.",
            versions.convolve_averaging_channels,
        ),
        Mistake(
            "you used one kernel for all input channels",
            "`weight[o, c]`: each pair has a kernel of its own.",
            versions.convolve_first_kernel,
        ),
        Mistake(
            "you divided by n",
            "Eq. 1 as printed does; a network's layer does not.",
            versions.convolve_divided_by_n,
        ),
        Mistake("you swapped rows and columns of the kernels", "i goes with rows.", versions.convolve_transposed),
        Mistake("you began one pixel too late", "The first window begins at [0, 0].", versions.convolve_one_late),
        Mistake(
            "your map is one row and column short",
            "How often a kernel fits: (length - k) // stride, and one more.",
            versions.convolve_one_short,
        ),
        Mistake("you put a ReLU behind it", "Negative sums are asked for too.", versions.convolve_with_relu),
    ),
    afterword="Everything a CNN sees goes through this sum. Training does nothing but choose `weight` and `bias`.",
)

RECEPTIVE_FIELD = WriteFunction(
    id="4.2",
    title="How far a layer sees",
    section="before the code",
    points=2,
    minutes=10,
    name="receptive_field",
    parameters=("layers",),
    prompt=(
        "`layers` lists the convolutions of a network, from the image on, each as a pair (kernel, stride). One "
        "value of the last map is computed from a square of input pixels: its *receptive field*. Return the side "
        "of that square in pixels, a whole number. Padding changes nothing about it. No layers: the value is the "
        "pixel itself, 1.\n\nTwo to check on paper: `((3, 1), (3, 1))` gives 5, and `((3, 2), (3, 1))` gives 7."
    ),
    unsolved="def receptive_field(layers):\n    for kernel, stride in layers:\n        ...\n    return ...",
    solution=receptive_field,
    alternatives=(versions.field_from_the_end, versions.field_by_numpy, versions.field_by_marking),
    forbidden=("medkit.widgets",),
    cases=(
        Case((((3, 1), (5, 1), (3, 1)),)),
        Case((((3, 2), (3, 1), (3, 2), (3, 1)),)),
        Case((((7, 2), (2, 2), (4, 3), (5, 1)),)),
        Case((((2, 3), (5, 2), (3, 2)),)),
        Case(((),), edge=True),
        Case((((1, 4), (1, 1)),), edge=True),
    ),
    hints=(
        "Draw one row of pixels. A 3-wide kernel reaches one pixel further to each side: 2 more in all.",
        "After a layer of stride 2, neighbours of the new map lie 2 input pixels apart. So the *next* kernel "
        "reaches twice as far.",
        "Keep two numbers, `side = 1` and `step = 1`. For each layer: `side += (kernel - 1) * step`, and only "
        "then `step *= stride`.",
    ),
    mistakes=(
        Mistake(
            "you counted a layer's stride for its own kernel",
            "A stride thins out the map that comes after; multiply it in last.",
            versions.field_own_stride_first,
        ),
        Mistake(
            "you forgot the strides",
            "Behind a stride of 2 every step counts twice.",
            versions.field_without_strides,
        ),
        Mistake(
            "you added whole kernels",
            "A kernel of 3 adds 2: its middle was counted before.",
            versions.field_of_whole_kernels,
        ),
        Mistake("you began with 0", "With no layer at all one pixel is seen.", versions.field_from_zero),
        Mistake("you added the strides", "Stride 2 after stride 2 makes steps of 4.", versions.field_adding_strides),
        Mistake(
            "you took the stride of the layer before only",
            "All strides before a layer multiply.",
            versions.field_of_last_stride,
        ),
        Mistake("you began at the wrong end", "The list begins at the image.", versions.field_backwards),
        Mistake("you multiplied the kernels", "Each layer *adds* to what is seen.", versions.field_as_product),
        Mistake("you gave the area", "The side of the square is asked for.", versions.field_as_area),
        Mistake("you gave the radius", "Both sides and the middle count.", versions.field_as_radius),
        Mistake(
            "you gave how far neighbours lie apart",
            "The product of the strides says how coarse the map is, not how far it sees.",
            versions.field_of_the_jump,
        ),
    ),
    afterword="Four lines, and you can say of any CNN whether it can see both lungs at once.",
)

EXERCISES = (CONVOLVE, RECEPTIVE_FIELD, HOW_MANY, GROUP_NORM, WHICH_MAP, KILL_POOLING)
