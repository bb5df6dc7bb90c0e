"""Exercise 4.6, a test for max-pooling: right versions, wrong versions, and tests that are too weak."""

from __future__ import annotations

import numpy as np
import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest


def test_max_pool(max_pool):
    """Compare with the largest of each window, and look back at the maps."""
    x = torch.cos(torch.arange(2 * 7 * 8.0) ** 2).reshape(2, 7, 8) * 9 - 10  # mostly below zero
    before = x.clone()
    for size in (2, 3):
        rows, columns = 7 // size, 8 // size
        wanted = torch.zeros(2, rows, columns)
        for c in range(2):
            for i in range(rows):
                for j in range(columns):
                    wanted[c, i, j] = before[c, i * size : (i + 1) * size, j * size : (j + 1) * size].max()
        pooled = max_pool(x, size)
        assert pooled.shape == wanted.shape and torch.allclose(pooled, wanted)
        assert torch.equal(x, before)


# Right versions


def by_unfold(x, size):
    """Cut the windows out."""
    return x.unfold(1, size, size).unfold(2, size, size).amax(dim=(-2, -1))


def by_reshape(x, size):
    """Cut off what does not fit, and give each window two axes of its own."""
    rows, columns = x.shape[1] // size, x.shape[2] // size
    whole = x[:, : rows * size, : columns * size]
    return whole.reshape(len(x), rows, size, columns, size).amax(dim=(2, 4))


def by_torch(x, size):
    """Let torch do it."""
    return torch.nn.functional.max_pool2d(x, size)


def by_shifts(x, size):
    """Compare size² thinned-out copies."""
    rows, columns = x.shape[1] // size, x.shape[2] // size
    whole = x.numpy()[:, : rows * size, : columns * size]
    copies = [whole[:, i::size, j::size] for i in range(size) for j in range(size)]
    return torch.as_tensor(np.maximum.reduce(copies))


# Wrong versions


def averages(x, size):
    """Take the mean."""
    return torch.nn.functional.avg_pool2d(x, size)


def takes_the_smallest(x, size):
    """Take the minimum."""
    return -by_unfold(-x, size)


def takes_the_largest_magnitude(x, size):
    """Ignore the sign."""
    return by_unfold(x.abs(), size)


def begins_at_zero(x, size):
    """Compare with zero, too."""
    return by_unfold(x, size).clamp(min=0)


def takes_the_corner(x, size):
    """Take the first pixel of each window."""
    rows, columns = x.shape[1] // size, x.shape[2] // size
    return x[:, ::size, ::size][:, :rows, :columns].clone()


def overlaps(x, size):
    """Move the window by one pixel."""
    return x.unfold(1, size, 1).unfold(2, size, 1).amax(dim=(-2, -1))


def keeps_the_rest(x, size):
    """Pool what is left over at the rim as well."""
    return torch.nn.functional.max_pool2d(x, size, ceil_mode=True)


def always_two(x, size):
    """Ignore the size."""
    return by_unfold(x, 2)


def pools_rows_only(x, size):
    """Pool along one axis, and thin the other out."""
    return x.unfold(1, size, size).amax(dim=-1)[:, :, : x.shape[2] // size * size : size]


def mixes_channels(x, size):
    """Take the largest of all channels."""
    return by_unfold(x, size).amax(dim=0, keepdim=True).expand(len(x), -1, -1)


def pools_from_the_end(x, size):
    """Leave out the first rows and columns where there are too many."""
    return by_unfold(x.flip(1, 2), size).flip(1, 2)


def writes_into_its_argument(x, size):
    """Spoil the maps it is given."""
    pooled = by_unfold(x, size)
    return x[:, : pooled.shape[1], : pooled.shape[2]].copy_(pooled).clone()


# Other good tests, and tests that are too weak


def test_with_torch(max_pool):
    """Compare with torch's own."""
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(3, 8, 10, generator=draw) - 3
    given = x.clone()
    for size in (2, 3):
        assert torch.equal(max_pool(x, size), torch.nn.functional.max_pool2d(given, size))
    assert torch.equal(x, given)


def test_that_returns_a_bool(max_pool):
    """Return what an assert would ask."""
    x = -((torch.arange(2 * 5 * 7.0).reshape(2, 5, 7) * 37) % 71) - 1
    given = x.clone()
    three = torch.stack([given[:, :3, :3].amax((1, 2)), given[:, :3, 3:6].amax((1, 2))], dim=1)[:, None]
    pooled, twos = max_pool(x, 3), max_pool(x, 2)
    if pooled.shape != three.shape or twos.shape != (2, 2, 3):
        return False
    return torch.equal(pooled, three) and float(twos[1, 1, 2]) == float(given[1, 2:4, 4:6].max()) and x.equal(given)


def _compare(max_pool, x, *sizes):
    given = x.clone()
    for size in sizes:
        wanted = by_unfold(given, size)
        got = max_pool(x, size)
        assert got.shape == wanted.shape and torch.allclose(got, wanted)
        assert torch.equal(x, given)


def _maps(*shape):
    return torch.sin(torch.arange(float(np.prod(shape))) ** 2).reshape(shape) * 9 - 10


def test_only_the_shape(max_pool):
    """Too weak: look at the shape."""
    assert max_pool(_maps(2, 7, 8), 3).shape == (2, 2, 2)


def test_only_positive_numbers(max_pool):
    """Too weak: never go below zero."""
    _compare(max_pool, _maps(2, 7, 8) + 20, 2, 3)


def test_only_sizes_that_fit(max_pool):
    """Too weak: let nothing be left over."""
    _compare(max_pool, _maps(2, 6, 12), 2, 3)


def test_only_size_two(max_pool):
    """Too weak: try one size."""
    _compare(max_pool, _maps(2, 7, 9), 2)


def test_only_one_channel(max_pool):
    """Too weak: give it maps of one channel."""
    _compare(max_pool, _maps(1, 7, 8), 2, 3)


def test_without_a_look_back(max_pool):
    """Too weak: hand over copies, so that the maps are never seen again."""
    x = _maps(2, 7, 8)
    for size in (2, 3):
        got, wanted = max_pool(x.clone(), size), by_unfold(x, size)
        assert got.shape == wanted.shape and torch.allclose(got, wanted)


KILL_POOLING = WriteTest(
    id="4.6",
    title="A test for max-pooling",
    section="exercises",
    points=3,
    minutes=12,
    name="test_max_pool",
    prompt=(
        "You are the examiner. `max_pool(x, size)` takes feature maps `(C, H, W)`, float, and gives back the "
        "largest value of each `size` × `size` window. The windows lie side by side, from the top left corner on, "
        "without overlap; what is left over on the right and below and fills no window is dropped, so that the "
        "result is `(C, H // size, W // size)`. The maps it is given stay as they were. Write "
        "`test_max_pool(max_pool)`: it accepts every right version, and fails for each of the wrong versions that "
        "the kit holds."
    ),
    unsolved="def test_max_pool(max_pool):\n    ...  # assert what must hold for max_pool(x, size)",
    solution=test_max_pool,
    alternatives=(test_with_torch, test_that_returns_a_bool),
    forbidden=("medkit.blocks", "medkit.models"),
    right=(by_unfold, by_reshape, by_torch, by_shifts),
    wrong=(
        Mistake("takes the mean", "All values of a window are different in most images.", averages),
        Mistake("takes the smallest", "The smallest is the largest only where all are equal.", takes_the_smallest),
        Mistake("takes the largest magnitude", "What if all are below zero?", takes_the_largest_magnitude),
        Mistake("begins at zero", "What if all are below zero?", begins_at_zero),
        Mistake("takes the first pixel of each window", "That is a stride, not a maximum.", takes_the_corner),
        Mistake("moves its window by one pixel", "Look at the shape.", overlaps),
        Mistake("keeps what is left over", "Try sides that size does not divide.", keeps_the_rest),
        Mistake("leaves out the first rows, not the last", "Try sides that size does not divide.", pools_from_the_end),
        Mistake("always takes 2 × 2", "Whatever size is asked for.", always_two),
        Mistake("pools along one axis only", "Look across columns.", pools_rows_only),
        Mistake("takes the largest over all channels", "Two channels differ.", mixes_channels),
        Mistake("writes into the maps it is given", "Look at them afterwards.", writes_into_its_argument),
    ),
    hints=(
        "Two channels, 7 × 8 pixels, all values different: work the maxima out in a loop, and compare shape and "
        "numbers.",
        "Make the values negative: whoever begins at zero is found out.",
        "Try two sizes, one of which divides neither side, and compare with `x.clone()` when all is done.",
    ),
    mistakes=(
        Mistake("your test looks only at the shape", "Many wrong versions have it.", test_only_the_shape),
        Mistake("all your numbers are positive", "Then zero and the sign play no part.", test_only_positive_numbers),
        Mistake(
            "size divides your maps without a rest",
            "What happens to the rest is where versions differ.",
            test_only_sizes_that_fit,
        ),
        Mistake("your test tries only size 2", "A version that ignores the size gets through.", test_only_size_two),
        Mistake("your maps have one channel", "A version that mixes channels gets through.", test_only_one_channel),
        Mistake(
            "your test does not look back at the maps",
            "A version that writes into its argument gives the right numbers.",
            test_without_a_look_back,
        ),
    ),
    afterword="All wrong versions die and the right ones live: that is a test worth keeping.",
)
