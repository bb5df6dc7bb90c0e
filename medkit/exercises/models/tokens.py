"""Exercise 6.4: patches of a Transformer that hold the wrong pixels, with the versions behind it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.values import small_image


def tokens_of_the_wrong_pixels(image, patch):
    """Cut an image into square patches: (B, C, H, W) -> tokens (B, N, C * patch * patch)."""
    b, c, h, w = image.shape
    count = (h // patch) * (w // patch)
    return image.reshape(b, count, c * patch * patch)


def tokens(image, patch):
    """Cut an image into square patches: (B, C, H, W) -> tokens (B, N, C * patch * patch)."""
    b, c, h, w = image.shape
    grid = image.reshape(b, c, h // patch, patch, w // patch, patch)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(b, -1, c * patch * patch)


# other right versions


def tokens_by_loops(image, patch):
    """Cut them out one by one."""
    rows = []
    for one in image:
        cut = []
        for y in range(0, image.shape[2], patch):
            for x in range(0, image.shape[3], patch):
                cut.append(one[:, y : y + patch, x : x + patch].flatten())
        rows.append(torch.stack(cut))
    return torch.stack(rows)


def tokens_by_unfold(image, patch):
    """Let torch cut: its columns are the patches."""
    return F.unfold(image, kernel_size=patch, stride=patch).transpose(1, 2)


def tokens_by_windows(image, patch):
    """Take windows along the rows, then along the columns."""
    windows = image.unfold(2, patch, patch).unfold(3, patch, patch)
    return torch.movedim(windows, 1, 3).flatten(3).flatten(1, 2)


def tokens_by_numpy(image, patch):
    """Split the array twice."""
    bands = np.split(image.numpy(), image.shape[2] // patch, axis=2)
    pieces = [piece for band in bands for piece in np.split(band, image.shape[3] // patch, axis=3)]
    return np.stack([piece.reshape(len(image), -1) for piece in pieces], axis=1)


# wrong versions


def _grid(image, patch):
    """Return (B, C, rows, patch, columns, patch)."""
    b, c, h, w = image.shape
    return image.reshape(b, c, h // patch, patch, w // patch, patch)


def tokens_column_by_column(image, patch):
    """Go down first."""
    return _grid(image, patch).permute(0, 4, 2, 1, 3, 5).flatten(3).flatten(1, 2)


def tokens_pixels_turned(image, patch):
    """Write each patch column by column."""
    return _grid(image, patch).permute(0, 2, 4, 1, 5, 3).flatten(3).flatten(1, 2)


def tokens_channels_last(image, patch):
    """Write the channels of each pixel together."""
    return _grid(image, patch).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def tokens_of_far_pixels(image, patch):
    """Take every n-th pixel."""
    b, c, h, w = image.shape
    grid = image.reshape(b, c, patch, h // patch, patch, w // patch)
    return grid.permute(0, 3, 5, 1, 2, 4).flatten(3).flatten(1, 2)


def tokens_of_strips(image, patch):
    """Cut along the rows alone, as many numbers as a patch has from one row after the other."""
    b, c, h, w = image.shape
    return image.reshape(b, c, -1, patch * patch).transpose(1, 2).reshape(b, -1, c * patch * patch)


def tokens_not_transposed(image, patch):
    """Leave features before tokens."""
    return tokens_by_unfold(image, patch).transpose(1, 2)


def tokens_of_one_channel(image, patch):
    """Make a token of each channel of a patch."""
    return _grid(image, patch).permute(0, 2, 4, 1, 3, 5).reshape(len(image), -1, patch * patch)


def tokens_without_batch(image, patch):
    """Put all images' tokens into one row."""
    return tokens_by_unfold(image, patch).flatten(0, 1)


def tokens_that_overlap(image, patch):
    """Move by one pixel."""
    return F.unfold(image, kernel_size=patch).transpose(1, 2)


def tokens_averaged(image, patch):
    """Average each patch."""
    return F.avg_pool2d(image, patch).flatten(2).transpose(1, 2)


TOKENS = RepairFunction(
    id="6.4",
    title="Tokens made of the wrong pixels",
    section="exercises",
    points=3,
    minutes=12,
    name="tokens",
    parameters=("image", "patch"),
    prompt=(
        "`tokens(image, patch)` should cut each image of a batch `(B, C, H, W)` into patches of "
        "`patch × patch` pixels that touch and do not overlap, row by row from the top left, and write each "
        "patch as one token: all pixels of its first channel, row by row, then those of the second, and so "
        "on. The result is `(B, N, C·patch²)` with N = (H / patch) · (W / patch); H and W are divisible by "
        "`patch`.\n\nThe function below has the right shape and never raises. A Transformer trains on it, "
        "badly. Find the bug and repair it."
    ),
    broken=tokens_of_the_wrong_pixels,
    solution=tokens,
    alternatives=(tokens_by_loops, tokens_by_unfold, tokens_by_windows, tokens_by_numpy),
    forbidden=("medkit.models", "medkit.blocks", "einops", "monai"),
    cases=(
        Case((small_image(2, 3, 4, 6, seed=71, high=100), 2)),
        Case((small_image(1, 2, 6, 9, seed=72, high=100), 3)),
        Case((small_image(3, 1, 4, 8, seed=73, high=100), 2)),
        Case((small_image(2, 2, 2, 3, seed=74, high=100), 1), edge=True),
        Case((small_image(2, 2, 3, 3, seed=75, high=100), 3), edge=True),
    ),
    hints=(
        "Give it `torch.arange(16.0).reshape(1, 1, 4, 4)` and patch 2, and print the first token. Which four "
        "pixels should be in it?",
        "In memory an image lies row by row. A `reshape` only says where one row of numbers ends and the "
        "next begins; it never brings two rows of the image together.",
        "Split H into (H / patch, patch) and W into (W / patch, patch): six axes. Bring both grid axes to "
        "the front, after the batch, with `permute`; then reshape.",
    ),
    mistakes=(
        Mistake(
            "your tokens are pieces of rows, not squares",
            "A reshape alone cuts the row of numbers in memory; the pixels below each other never meet.",
            tokens_of_the_wrong_pixels,
        ),
        Mistake(
            "your tokens are pieces of one row in each channel",
            "Each channel is cut along its rows; a patch reaches over several rows.",
            tokens_of_strips,
        ),
        Mistake(
            "your patches go down before they go right",
            "They are to come row by row; the positions that are added later count on it.",
            tokens_column_by_column,
        ),
        Mistake(
            "you wrote each patch column by column",
            "Inside a patch, too, the pixels come row by row.",
            tokens_pixels_turned,
        ),
        Mistake(
            "you wrote the channels of each pixel together",
            "All pixels of the first channel come first: the order (C, patch, patch).",
            tokens_channels_last,
        ),
        Mistake(
            "you took every n-th pixel, not neighbours",
            "The axes of grid and patch are swapped in your reshape: each token is a small copy of the image.",
            tokens_of_far_pixels,
        ),
        Mistake(
            "your features stand before the tokens",
            "It is (B, N, D): one row for each token.",
            tokens_not_transposed,
        ),
        Mistake(
            "you made a token of each channel",
            "One token holds all channels of its patch.",
            tokens_of_one_channel,
        ),
        Mistake(
            "you put the tokens of all images into one row",
            "Images would look at each other; the batch has its own axis.",
            tokens_without_batch,
        ),
        Mistake("your patches overlap", "They move by `patch` pixels, not by one.", tokens_that_overlap),
        Mistake(
            "you averaged each patch",
            "A token keeps all its pixels; what to make of them is learned.",
            tokens_averaged,
        ),
    ),
    afterword="A reshape never moves a number in memory: it cannot cut squares out of an image. In our "
    "Transformer a convolution whose kernel and stride are the patch does it.",
)
