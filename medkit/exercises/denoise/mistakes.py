"""How Eq. 1 is really got wrong, and other ways to get it right: the versions behind `denoise`."""

from __future__ import annotations

import math

import numpy as np
import torch

# 1.1 the weighted sum: other right versions


def sum_by_four_loops(image, kernel):
    """Add neighbour by neighbour, as the formula reads."""
    size = len(kernel)
    rows, columns = image.shape[0] - size + 1, image.shape[1] - size + 1
    result = torch.empty(rows, columns)
    for x in range(rows):
        for y in range(columns):
            total = 0.0
            for i in range(size):
                for j in range(size):
                    total += float(image[x + i, y + j] * kernel[i, j])
            result[x, y] = total
    return result


def sum_by_windows(image, kernel):
    """Multiply each window with the kernel, and add up."""
    size = len(kernel)
    windows = image.unfold(0, size, 1).unfold(1, size, 1)
    return (windows * kernel).sum(dim=(-2, -1))


def sum_by_conv2d(image, kernel):
    """Let torch do it: its conv2d is a correlation."""
    return torch.nn.functional.conv2d(image[None, None], kernel[None, None])[0, 0]


# 1.1 wrong versions


def sum_divided_by_n(image, kernel):
    """Divide by the number of weights."""
    return sum_by_windows(image, kernel) / kernel.numel()


def sum_divided_by_weights(image, kernel):
    """Divide by the sum of the weights."""
    return sum_by_windows(image, kernel) / kernel.sum()


def sum_flipped(image, kernel):
    """Convolve: the kernel is turned by 180 degrees."""
    return sum_by_windows(image, kernel.flip(0, 1))


def sum_transposed(image, kernel):
    """Take i for columns and j for rows in the kernel."""
    return sum_by_windows(image, kernel.T)


def sum_one_short(image, kernel):
    """End at k - 1."""
    k = len(kernel) // 2
    height, width = image.shape
    total = torch.zeros(height - 2 * k, width - 2 * k)
    for i in range(-k, k):
        for j in range(-k, k):
            total += image[k + i : height - k + i, k + j : width - k + j] * kernel[k + i, k + j]
    return total


def sum_overwritten(image, kernel):
    """Keep the last neighbour alone."""
    k = len(kernel) // 2
    height, width = image.shape
    for i in range(-k, k + 1):
        for j in range(-k, k + 1):
            total = image[k + i : height - k + i, k + j : width - k + j] * kernel[k + i, k + j]
    return total


def sum_without_weights(image, kernel):
    """Forget the kernel's numbers."""
    return sum_by_windows(image, torch.ones_like(kernel))


def sum_with_zero_border(image, kernel):
    """Add a rim of zeros first."""
    return torch.nn.functional.conv2d(image[None, None], kernel[None, None], padding=len(kernel) // 2)[0, 0]


# 1.2 Gaussian weights: other right versions


def gaussian_by_outer_product(sigma, k):
    """Multiply a column of weights with a row of them."""
    along = torch.exp(-(torch.arange(-k, k + 1).double() ** 2) / (2 * sigma**2))
    along = along / along.sum()
    return torch.outer(along, along)


def gaussian_by_loops(sigma, k):
    """Work out each weight alone."""
    rows = [
        [math.exp(-(i * i + j * j) / (2 * sigma * sigma)) for j in range(-k, k + 1)]
        for i in range(-k, k + 1)
    ]
    total = sum(sum(row) for row in rows)
    return torch.tensor([[weight / total for weight in row] for row in rows])


def gaussian_by_softmax(sigma, k):
    """Use that a softmax is exp divided by its sum."""
    steps = torch.arange(-k, k + 1).float()
    squared = steps[:, None] ** 2 + steps[None, :] ** 2
    return torch.softmax((-squared / (2 * sigma**2)).flatten(), dim=0).reshape(2 * k + 1, 2 * k + 1)


# 1.2 wrong versions


def _squared_distance(k, stop=None):
    steps = torch.arange(-k, k + 1 if stop is None else stop).float()
    return steps[:, None] ** 2 + steps[None, :] ** 2


def gaussian_growing(sigma, k):
    """Forget the minus."""
    weights = torch.exp(_squared_distance(k) / (2 * sigma**2))
    return weights / weights.sum()


def gaussian_two_sigma(sigma, k):
    """Forget the square of sigma."""
    weights = torch.exp(-_squared_distance(k) / (2 * sigma))
    return weights / weights.sum()


def gaussian_without_two(sigma, k):
    """Forget the 2."""
    weights = torch.exp(-_squared_distance(k) / sigma**2)
    return weights / weights.sum()


def gaussian_not_summing_to_one(sigma, k):
    """Forget to divide."""
    return torch.exp(-_squared_distance(k) / (2 * sigma**2))


def gaussian_density(sigma, k):
    """Divide by the integral of an endless Gaussian."""
    return torch.exp(-_squared_distance(k) / (2 * sigma**2)) / (2 * math.pi * sigma**2)


def gaussian_divided_by_n(sigma, k):
    """Divide by the number of weights."""
    return torch.exp(-_squared_distance(k) / (2 * sigma**2)) / (2 * k + 1) ** 2


def gaussian_one_short(sigma, k):
    """End at k - 1."""
    weights = torch.exp(-_squared_distance(k, stop=k) / (2 * sigma**2))
    return weights / weights.sum()


def gaussian_of_distance(sigma, k):
    """Forget to square the distance."""
    weights = torch.exp(-_squared_distance(k).sqrt() / (2 * sigma**2))
    return weights / weights.sum()


def gaussian_in_a_row(sigma, k):
    """Make one row only."""
    weights = torch.exp(-(torch.arange(-k, k + 1).float() ** 2) / (2 * sigma**2))
    return weights / weights.sum()


# 1.4 and 1.6 the mean filter whose border repeats the rim pixel (scipy: "reflect")


def windows(image, size, mode="symmetric"):
    """Return all size × size windows; np.pad's "symmetric" is scipy's "reflect"."""
    padded = torch.as_tensor(np.pad(image.numpy(), size // 2, mode=mode))
    return padded.unfold(0, size, 1).unfold(1, size, 1)


def mean_by_numpy(image, size):
    """Pad with NumPy, whose name for this border is "symmetric"."""
    padded = np.pad(image.numpy(), size // 2, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    return torch.as_tensor(windows.mean(axis=(2, 3)))


def mean_by_index(image, size):
    """Work out which pixel each place of the padded image shows."""
    def mirrored(length):
        place = torch.arange(-(size // 2), length + size // 2)
        place = torch.where(place < 0, -1 - place, place)
        return torch.where(place >= length, 2 * length - 1 - place, place)

    wide = image[mirrored(image.shape[0])][:, mirrored(image.shape[1])]
    return torch.nn.functional.avg_pool2d(wide[None], size, stride=1)[0]


def mean_in_double(image, size):
    """Add up in float64."""
    total = windows(image.double(), size).sum(dim=(-2, -1))
    return (total / size**2).to(image.dtype)


def mean_rows_then_columns(image, size):
    """Average along columns, then along rows."""
    padded = torch.as_tensor(np.pad(image.numpy(), size // 2, mode="symmetric"))
    return padded.unfold(0, size, 1).mean(dim=-1).unfold(1, size, 1).mean(dim=-1)


# 1.4 and 1.6 wrong versions


def mean_mirrored(image, size):
    """Leave the rim pixel out of the reflection (scipy: "mirror")."""
    return windows(image, size, "reflect").mean(dim=(-2, -1))


def mean_nearest(image, size):
    """Repeat the rim pixel (scipy: "nearest")."""
    return windows(image, size, "edge").mean(dim=(-2, -1))


def mean_zero_border(image, size):
    """Continue with zeros (scipy: "constant")."""
    return windows(image, size, "constant").mean(dim=(-2, -1))


def mean_wrapped(image, size):
    """Continue with the other side (scipy: "wrap")."""
    return windows(image, size, "wrap").mean(dim=(-2, -1))


def mean_of_inside(image, size):
    """Average what lies inside."""
    return torch.nn.functional.avg_pool2d(
        image[None], size, stride=1, padding=size // 2, count_include_pad=False
    )[0]


def mean_without_border(image, size):
    """Leave the border out."""
    return image.unfold(0, size, 1).unfold(1, size, 1).mean(dim=(-2, -1))


def mean_not_divided(image, size):
    """Add up, and stop there."""
    return windows(image, size).sum(dim=(-2, -1))


def mean_divided_twice(image, size):
    """Divide by n with weights that sum to one."""
    return windows(image, size).mean(dim=(-2, -1)) / size**2


def mean_always_three(image, size):
    """Ignore the size."""
    return windows(image, 3).mean(dim=(-2, -1))


def mean_rows_only(image, size):
    """Average along one axis."""
    padded = torch.as_tensor(np.pad(image.numpy(), ((0, 0), (size // 2, size // 2)), mode="symmetric"))
    return padded.unfold(1, size, 1).mean(dim=-1)


def mean_is_median(image, size):
    """Take the middle value."""
    return windows(image, size).flatten(-2).median(dim=-1).values


def mean_in_place(image, size):
    """Write the result into the image it was given."""
    return image.copy_(windows(image, size).mean(dim=(-2, -1)))
