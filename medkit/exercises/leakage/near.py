"""Exercise 13.3: near twins by a small picture of each image, and how that goes wrong."""

from __future__ import annotations

import numpy as np
import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.values import small_image


def twin_gaps(train, test, size):
    """Return how far each test image lies from each training image, both shrunk, without their brightness."""
    small = []
    for images in (train, test):
        n, height, width = images.shape
        blocks = images.reshape(n, size, height // size, size, width // size).mean(dim=(2, 4))
        small.append(blocks - blocks.mean(dim=(1, 2), keepdim=True))
    return (small[1][:, None] - small[0]).abs().mean(dim=(2, 3))


# other right versions


def gaps_by_pooling(train, test, size):
    """Let avg_pool2d shrink, cdist compare."""
    small = []
    for images in (train, test):
        blocks = (images.shape[1] // size, images.shape[2] // size)
        row = torch.nn.functional.avg_pool2d(images[:, None], blocks).flatten(1)
        small.append(row - row.mean(1, keepdim=True))
    return torch.cdist(small[1], small[0], p=1) / size**2


def gaps_by_loops(train, test, size):
    """Go pair by pair and block by block."""
    def blocks(image):
        down, across = image.shape[0] // size, image.shape[1] // size
        found = [
            float(image[i * down : (i + 1) * down, j * across : (j + 1) * across].mean())
            for i in range(size)
            for j in range(size)
        ]
        return [value - sum(found) / len(found) for value in found]

    theirs = [blocks(image) for image in train]
    return [
        [sum(abs(a - b) for a, b in zip(blocks(image), other)) / size**2 for other in theirs] for image in test
    ]


def gaps_by_numpy(train, test, size):
    """Multiply with averaging matrices from both sides."""
    def small(images):
        images = images.double().numpy()
        down, across = (np.kron(np.eye(size), np.full(side // size, size / side)) for side in images.shape[1:])
        blocks = down @ images @ across.T
        return blocks - blocks.mean(axis=(1, 2), keepdims=True)

    return np.abs(small(test)[:, None] - small(train)).mean(axis=(2, 3))


# wrong versions


def _blocks(images, size):
    n, height, width = images.shape
    return images.reshape(n, size, height // size, size, width // size).mean((2, 4))


def _without_mean(blocks):
    return blocks - blocks.mean((1, 2), keepdim=True)


def _steps(train, test, size):
    """Return the differences (M, N, size, size) as they should be."""
    one, two = (_without_mean(_blocks(images, size)) for images in (train, test))
    return two[:, None] - one


def gaps_in_full_size(train, test, size):
    """Forget to shrink."""
    return (_without_mean(test)[:, None] - _without_mean(train)).abs().mean((2, 3))


def gaps_of_some_pixels(train, test, size):
    """Keep a pixel in so many, in place of a mean."""
    one, two = (
        _without_mean(images[:, :: images.shape[1] // size, :: images.shape[2] // size]) for images in (train, test)
    )
    return (two[:, None] - one).abs().mean((2, 3))


def gaps_with_brightness(train, test, size):
    """Leave the brightness in."""
    return (_blocks(test, size)[:, None] - _blocks(train, size)).abs().mean((2, 3))


def gaps_common_brightness(train, test, size):
    """Subtract one mean of the whole side."""
    one, two = (_blocks(images, size) for images in (train, test))
    return ((two - two.mean())[:, None] - (one - one.mean())).abs().mean((2, 3))


def gaps_added(train, test, size):
    """Add up the differences."""
    return _steps(train, test, size).abs().sum((2, 3))


def gaps_squared(train, test, size):
    """Square the differences."""
    return _steps(train, test, size).square().mean((2, 3))


def gaps_by_root(train, test, size):
    """Take the root of the mean square."""
    return gaps_squared(train, test, size).sqrt()


def gaps_largest(train, test, size):
    """Take the largest difference."""
    return _steps(train, test, size).abs().amax((2, 3))


def gaps_signed(train, test, size):
    """Forget the absolute value."""
    return _steps(train, test, size).mean((2, 3))


def gaps_turned(train, test, size):
    """Give each training image a row."""
    return _steps(train, test, size).abs().mean((2, 3)).T


def gaps_of_the_nearest(train, test, size):
    """Keep the nearest training image alone."""
    return _steps(train, test, size).abs().mean((2, 3)).amin(1)


def gaps_of_mixed_blocks(train, test, size):
    """Reshape the wrong way: a block is then every so many rows and columns."""
    small = []
    for images in (train, test):
        n, height, width = images.shape
        small.append(_without_mean(images.reshape(n, height // size, size, width // size, size).mean((1, 3))))
    return (small[1][:, None] - small[0]).abs().mean((2, 3))


NEAR_TWINS = WriteFunction(
    id="13.3",
    title="Near twins",
    section="before the code",
    points=3,
    minutes=14,
    name="twin_gaps",
    parameters=("train", "test", "size"),
    prompt=(
        "A copy that was saved again, or is a little brighter, is no exact twin. So compare small pictures. `train` "
        "is `(N, H, W)`, `test` `(M, H, W)`, float, and `size` divides H and W.\n\n"
        "1. Shrink each image to `size` × `size` numbers: each is the *mean* of its own block of H/size × W/size "
        "neighbouring pixels.\n"
        "2. Subtract from each small picture its own mean, so that brightness does not count.\n"
        "3. The gap of two images is the mean of the absolute differences of their small pictures.\n\n"
        "Return the table of gaps `(M, N)`: a row for each test image, a column for each training image."
    ),
    unsolved="def twin_gaps(train, test, size):\n    ...\n    return ...",
    solution=twin_gaps,
    alternatives=(gaps_by_pooling, gaps_by_loops, gaps_by_numpy),
    forbidden=("medkit.data", "medkit.augment", "skimage", "torchvision", "cv2", "sklearn"),
    cases=(
        Case((small_image(3, 4, 6, seed=136), small_image(2, 4, 6, seed=137), 2)),
        Case((small_image(2, 6, 3, seed=138, high=30), small_image(4, 6, 3, seed=139, high=30) + 7, 3)),
        Case((small_image(3, 8, 4, seed=140, low=-9), small_image(1, 8, 4, seed=141), 4)),
        Case((small_image(2, 3, 3, seed=142), small_image(2, 3, 3, seed=142) + 5, 3), edge=True),
        Case((small_image(2, 5, 4, seed=143), small_image(3, 5, 4, seed=144), 1), edge=True),
    ),
    hints=(
        "`images.reshape(n, size, height // size, size, width // size)` has an axis for the place inside a block "
        "in row and column: average over those two.",
        "`blocks.mean(dim=(1, 2), keepdim=True)` is one mean for each image, and fits `blocks` again.",
        "`test[:, None] - train` is `(M, N, size, size)`: all pairs at once. Absolute value, then the mean over "
        "the last two axes.",
    ),
    mistakes=(
        Mistake(
            "you did not shrink the images",
            "In full size a slight shift or some noise makes every pixel differ: a near twin looks far.",
            gaps_in_full_size,
        ),
        Mistake(
            "you picked pixels instead of averaging blocks",
            "One pixel of a block is as noisy as before: the mean over the block is asked for.",
            gaps_of_some_pixels,
        ),
        Mistake(
            "you left the brightness in",
            "Subtract from each small picture its own mean: a brighter copy is a copy.",
            gaps_with_brightness,
        ),
        Mistake(
            "you subtracted one mean for all images of a side",
            "Each small picture has its own mean.",
            gaps_common_brightness,
        ),
        Mistake("you added the differences up", "The mean is asked for, else the size counts.", gaps_added),
        Mistake("you squared the differences", "Absolute differences, and no square.", gaps_squared),
        Mistake(
            "you took the root of the mean square",
            "The mean of the absolute differences is asked for.",
            gaps_by_root,
        ),
        Mistake("you took the largest difference", "The mean over the blocks.", gaps_largest),
        Mistake(
            "you forgot the absolute value",
            "Differences of both signs cancel: here always to 0.",
            gaps_signed,
        ),
        Mistake("you gave each training image a row", "Rows are test images: (M, N).", gaps_turned),
        Mistake("you kept the nearest one only", "The whole table is asked for.", gaps_of_the_nearest),
        Mistake(
            "your blocks are not made of neighbours",
            "reshape(n, height // size, size, ...) puts every so many rows together: the two halves of each pair "
            "of axes are the other way round.",
            gaps_of_mixed_blocks,
        ),
    ),
    afterword="medkit's detector does this with 24 × 24 numbers, and tries flips, turns and zooms as well.",
)
