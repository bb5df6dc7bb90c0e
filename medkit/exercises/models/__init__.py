"""The exercises of notebook 06 (the models), and in full those where a function is written.

`tokens` has the function to repair, `questions` the number and the figure, `tests` the test, `mistakes`
the wrong versions.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.models import mistakes as versions
from medkit.exercises.models.questions import ATTENTION_MEMORY, WHAT_A_PIXEL_SEES
from medkit.exercises.models.tests import KILL_MODELS
from medkit.exercises.models.tokens import TOKENS
from medkit.exercises.values import small_image

READY_MADE = ("medkit.cost", "medkit.blocks", "medkit.models", "torch.utils.flop_counter", "einops", "monai")


def conv_cost(channels, width, kernel, stride, padding, size, bias):
    """Count a convolution's parameters, the rows and columns that come out, and its FLOPs."""
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in size)
    weights = width * channels * kernel**2
    return [weights + width * bias, rows, columns, 2 * rows * columns * weights]


def merge(deep, skip):
    """Double the deep map's size, and set the skip's features behind its own."""
    wide = deep.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return torch.cat([wide, skip], dim=1)


CONV_COST = WriteFunction(
    id="6.1",
    title="What one convolution costs",
    section="before the code",
    points=3,
    minutes=10,
    name="conv_cost",
    parameters=("channels", "width", "kernel", "stride", "padding", "size", "bias"),
    prompt=(
        "A convolution takes `channels` features in and gives `width` features out. Its kernel is "
        "`kernel × kernel`, it moves by `stride` pixels, and `padding` rows and columns of zeros are added "
        "on *each* side of an image of `size = (H, W)`. With `bias=True` each feature that comes out has "
        "one more number to learn.\n\nReturn four numbers in this order, as a list or a tensor: "
        "`[parameters, rows, columns, FLOPs]`. Rows and columns are those of the output; where the last "
        "step does not fit any more, it is not taken. FLOPs are the multiplications and additions for one "
        "image: each output number multiplies and adds once for each weight that it uses, so each of "
        "these counts as two. Adding the bias counts as nothing."
    ),
    unsolved=(
        "def conv_cost(channels, width, kernel, stride, padding, size, bias):\n"
        "    ...\n"
        "    return ...  # [parameters, rows, columns, FLOPs]"
    ),
    solution=conv_cost,
    alternatives=(versions.cost_of_a_built_layer, versions.cost_by_walking, versions.cost_by_numpy),
    forbidden=READY_MADE,
    cases=(
        Case((2, 3, 3, 1, 1, (5, 7), False)),
        Case((3, 4, 3, 2, 1, (7, 10), True)),
        Case((1, 5, 4, 4, 0, (12, 8), True)),
        Case((2, 3, 5, 3, 2, (9, 11), False)),
        Case((2, 3, 3, 2, 0, (8, 5), True)),
        Case((4, 2, 1, 1, 0, (3, 2), True), edge=True),
    ),
    hints=(
        "Parameters do not depend on the image: how many numbers has one kernel, and how many kernels are "
        "there, one for each feature in and feature out?",
        "Rows: with the padding the image has H + 2·padding rows. The kernel fits in at the top; how many "
        "steps of `stride` are left? `(H + 2 * padding - kernel) // stride + 1`.",
        "FLOPs: each of the rows · columns pixels of the output uses every weight exactly once. Times two.",
    ),
    mistakes=(
        Mistake(
            "you forgot the bias",
            "With bias=True each feature that comes out learns one number more.",
            versions.cost_without_bias,
        ),
        Mistake(
            "you counted a bias that is not there",
            "With bias=False there is none: the norm that follows brings its own shift.",
            versions.cost_always_with_bias,
        ),
        Mistake(
            "you counted one bias for each channel that goes in",
            "The bias is added to what comes out: one for each of `width` features.",
            versions.cost_bias_of_channels,
        ),
        Mistake(
            "you took the side of the kernel for its area",
            "A 3 × 3 kernel has 9 weights, not 3.",
            versions.cost_kernel_side,
        ),
        Mistake(
            "you left the input's channels out",
            "Each feature that comes out has one kernel for *each* channel that goes in.",
            versions.cost_one_kernel_each,
        ),
        Mistake(
            "you padded one side only",
            "The padding is added left and right, above and below: 2 · padding.",
            versions.cost_padding_once,
        ),
        Mistake("you forgot the padding", "The zeros around the image count as rows.", versions.cost_no_padding),
        Mistake(
            "you forgot the + 1",
            "The kernel stands somewhere before it makes its first step.",
            versions.cost_without_plus_one,
        ),
        Mistake(
            "you forgot the stride",
            "With a stride of 2 every second pixel alone gets an answer.",
            versions.cost_without_stride,
        ),
        Mistake(
            "you rounded up",
            "A last step that leaves the image is not taken: round down, `//`.",
            versions.cost_rounded_up,
        ),
        Mistake(
            "you counted FLOPs at the input's size",
            "There is one sum for each pixel that comes *out*.",
            versions.cost_flops_of_input,
        ),
        Mistake(
            "you counted a multiplication and its addition as one",
            "Those are multiply-adds, half as many as FLOPs.",
            versions.cost_multiply_adds,
        ),
        Mistake(
            "you counted the bias into the FLOPs",
            "By the task, and by the habit of the field, it counts as nothing there.",
            versions.cost_bias_in_flops,
        ),
        Mistake("you swapped rows and columns", "size is (H, W): rows come first.", versions.cost_swapped),
    ),
    afterword="Parameters never ask how large the image is; FLOPs do. That is why equal budgets in the "
    "one are not equal budgets in the other.",
)

MERGE = WriteFunction(
    id="6.2",
    title="A skip of the U-Net",
    section="before the code",
    points=2,
    minutes=8,
    name="merge",
    parameters=("deep", "skip"),
    prompt=(
        "On its way up a U-Net meets what it has seen on its way down. `deep` is `(B, C, H, W)`: few "
        "pixels, much meaning. `skip` is `(B, E, 2H, 2W)`: the encoder's features of twice the size, with "
        "the outlines still in them. Double the size of `deep` by repeating each pixel (one pixel becomes "
        "2 × 2 equal ones), and *concatenate* the features: those of `deep` first, those of `skip` behind. "
        "Return `(B, C + E, 2H, 2W)`."
    ),
    unsolved="def merge(deep, skip):\n    ...\n    return ...",
    solution=merge,
    alternatives=(versions.merge_by_interpolate, versions.merge_by_index, versions.merge_by_kron),
    forbidden=READY_MADE,
    cases=(
        Case((small_image(2, 3, 2, 4, seed=61), small_image(2, 3, 4, 8, seed=62, low=-9))),
        Case((small_image(1, 2, 3, 2, seed=63, low=-9), small_image(1, 2, 6, 4, seed=64))),
        Case((small_image(3, 4, 1, 2, seed=65) / 4, small_image(3, 4, 2, 4, seed=66) / 4)),
        Case((small_image(2, 1, 3, 2, seed=67), small_image(2, 3, 6, 4, seed=68)), edge=True),
    ),
    hints=(
        "`x.repeat_interleave(2, dim=2)` writes each row twice, one below the other.",
        "The same along dim=3 doubles the columns. Print the shapes: do they fit the skip's now?",
        "`torch.cat([first, second], dim=...)`: which axis holds the features of (B, C, H, W)?",
    ),
    mistakes=(
        Mistake(
            "you added the skip where it should be concatenated",
            "A sum can't be taken apart again: the next convolution no longer knows which part came from "
            "where. And features of different numbers can't be added at all.",
            versions.merge_added,
        ),
        Mistake(
            "you averaged the two",
            "That is an addition too: the features must stand side by side.",
            versions.merge_averaged,
        ),
        Mistake(
            "you multiplied the two",
            "That is a gate, as in attention U-Nets; here nothing is to be weighed yet.",
            versions.merge_multiplied,
        ),
        Mistake(
            "you put the skip first",
            "The features of `deep` come first. Trained weights know the order.",
            versions.merge_skip_first,
        ),
        Mistake(
            "you concatenated along the batch",
            "dim=0 makes more images; features are on dim=1.",
            versions.merge_along_batch,
        ),
        Mistake(
            "you concatenated along the rows",
            "dim=2 puts one map below the other; features are on dim=1.",
            versions.merge_along_rows,
        ),
        Mistake(
            "you concatenated along the columns",
            "dim=3 puts the maps side by side as pictures; features are on dim=1.",
            versions.merge_along_columns,
        ),
        Mistake(
            "you repeated the whole map, not each pixel",
            "`repeat` lays copies of the map beside each other: four small images in one.",
            versions.merge_tiled,
        ),
        Mistake(
            "you interpolated between the pixels",
            "One pixel is to become four equal ones; a bilinear map invents values in between.",
            versions.merge_bilinear,
        ),
        Mistake(
            "you left the new pixels empty",
            "Each pixel is to be repeated in all four places.",
            versions.merge_with_gaps,
        ),
        Mistake(
            "you made the skip smaller instead",
            "The way goes up: what the skip knows of outlines would be lost.",
            versions.merge_at_half_size,
        ),
        Mistake(
            "you shuffled the features",
            "They are to stand one block behind the other, not in turns.",
            versions.merge_in_turns,
        ),
        Mistake("you left the skip out", "That is the decoder of a CNN.", versions.merge_without_skip),
    ),
    afterword="Two lines, and the reason why a U-Net's masks have sharp edges. Ours doubles by a learned "
    "map, a transposed convolution, in place of repeating.",
)

EXERCISES = (CONV_COST, MERGE, ATTENTION_MEMORY, TOKENS, WHAT_A_PIXEL_SEES, KILL_MODELS)
