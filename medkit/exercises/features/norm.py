"""Exercise 4.4, GroupNorm to be repaired: the exercise, other right versions and wrong ones."""

from __future__ import annotations

import numpy as np
import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.values import small_image

EPS = 1e-5  # added to the variance, as nn.GroupNorm does


def group_norm_of_batch(x, groups):
    """Give each group of channels mean 0 and variance 1."""
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, groups, channels // groups, height, width)
    mean = parts.mean(dim=(0, 2, 3, 4), keepdim=True)
    variance = parts.var(dim=(0, 2, 3, 4), keepdim=True, correction=0)
    return ((parts - mean) / (variance + 1e-5).sqrt()).reshape(x.shape)


def group_norm(x, groups):
    """Give each group of channels mean 0 and variance 1."""
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, groups, channels // groups, height, width)
    mean = parts.mean(dim=(2, 3, 4), keepdim=True)
    variance = parts.var(dim=(2, 3, 4), keepdim=True, correction=0)
    return ((parts - mean) / (variance + 1e-5).sqrt()).reshape(x.shape)


# Other right versions


def norm_by_loops(x, groups):
    """Take one group of one image after the other."""
    result = np.empty(tuple(x.shape))
    wide = x.shape[1] // groups
    for b in range(len(x)):
        for first in range(0, x.shape[1], wide):
            part = x[b, first : first + wide].double().numpy()
            result[b, first : first + wide] = (part - part.mean()) / np.sqrt(part.var() + EPS)
    return result


def norm_by_rows(x, groups):
    """Lay each group out as a row."""
    rows = x.reshape(len(x) * groups, -1)
    rows = rows - rows.mean(dim=1, keepdim=True)
    return (rows * torch.rsqrt(rows.square().mean(dim=1, keepdim=True) + EPS)).reshape(x.shape)


def norm_by_chunks(x, groups):
    """Cut the channels into groups, and join them again."""
    done = []
    for part in x.double().chunk(groups, dim=1):
        spread, mean = torch.var_mean(part, dim=(1, 2, 3), keepdim=True, correction=0)
        done.append((part - mean) / (spread + EPS).sqrt())
    return torch.cat(done, dim=1)


# Wrong versions


def _norm(x, groups, dims=(2, 3, 4), correction=0, eps=EPS, power=0.5):
    parts = x.unflatten(1, (groups, -1))  # (B, groups, channels of a group, H, W)
    spread, mean = torch.var_mean(parts, dim=dims, keepdim=True, correction=correction)
    return ((parts - mean) / (spread + eps) ** power).reshape(x.shape)


def norm_of_channels(x, groups):
    """Normalise each channel alone."""
    return _norm(x, groups, dims=(3, 4))


def norm_of_everything(x, groups):
    """Normalise all channels of an image together."""
    return _norm(x, groups, dims=(1, 2, 3, 4))


def norm_of_pixels(x, groups):
    """Normalise each pixel over the channels of its group."""
    return _norm(x, groups, dims=(2,))


def norm_with_n_minus_one(x, groups):
    """Divide the squares by n - 1, which is what torch does unasked."""
    return _norm(x, groups, correction=1)


def norm_by_variance(x, groups):
    """Forget the root."""
    return _norm(x, groups, power=1.0)


def norm_without_eps(x, groups):
    """Divide by what may be zero."""
    return _norm(x, groups, eps=0.0)


def norm_eps_outside(x, groups):
    """Add 1e-5 to the standard deviation."""
    parts = x.unflatten(1, (groups, -1))
    spread, mean = torch.std_mean(parts, dim=(2, 3, 4), keepdim=True, correction=0)
    return ((parts - mean) / (spread + EPS)).reshape(x.shape)


def norm_without_mean(x, groups):
    """Leave the mean where it is."""
    parts = x.unflatten(1, (groups, -1))
    spread = parts.var(dim=(2, 3, 4), keepdim=True, correction=0)
    return (parts / (spread + EPS).sqrt()).reshape(x.shape)


def norm_interleaved(x, groups):
    """Deal the channels out like cards."""
    parts = x.unflatten(1, (-1, groups))
    spread, mean = torch.var_mean(parts, dim=(1, 3, 4), keepdim=True, correction=0)
    return ((parts - mean) / (spread + EPS).sqrt()).reshape(x.shape)


def norm_of_group_size(x, groups):
    """Take the number of groups for the number of channels in a group."""
    return _norm(x, x.shape[1] // groups)


FAINT = torch.cat([small_image(1, 4, 3, 2, seed=58) / 2000, torch.full((1, 4, 3, 2), 6.0)])

GROUP_NORM = RepairFunction(
    id="4.4",
    title="The neighbour in the batch",
    section="exercises",
    points=2,
    minutes=8,
    name="group_norm",
    parameters=("x", "groups"),
    prompt=(
        "`group_norm(x, groups)` should normalise feature maps `(B, C, H, W)` as `nn.GroupNorm` does before its "
        "learned scale and shift: the C channels are cut into `groups` groups of neighbours; of each group, in "
        "each image, the mean is subtracted, and the result divided by √(variance + 0.00001), the variance being "
        "the mean of the squares (÷ n, not n − 1).\n\nThe function below is right for one image. But a user reports "
        "that a patient's result changes with *who else is in the batch*. Find the bug and repair it."
    ),
    broken=group_norm_of_batch,
    solution=group_norm,
    alternatives=(norm_by_loops, norm_by_rows, norm_by_chunks),
    forbidden=("medkit.blocks", "medkit.models", "torch.nn.modules.normalization", "torch.nn.modules.instancenorm"),
    cases=(
        Case((small_image(2, 6, 3, 4, seed=51), 2)),
        Case((small_image(3, 6, 2, 5, seed=52, low=-20) + 5, 3)),
        Case((small_image(2, 8, 4, 3, seed=53) ** 2, 2)),
        Case((FAINT, 2), edge=True),
    ),
    hints=(
        "Write down the shape of `parts`, and what each of its five axes counts.",
        "A mean over an axis mixes all that lies along it. Which axis must never be mixed?",
        "Axis 0 counts the images: take it out of both `dim=(0, 2, 3, 4)`.",
    ),
    mistakes=(
        Mistake(
            "your mean and variance run over the batch",
            "That is BatchNorm's way: every image's result depends on the others.",
            group_norm_of_batch,
        ),
        Mistake(
            "you normalised each channel alone",
            "That is InstanceNorm: as many groups as channels.",
            norm_of_channels,
        ),
        Mistake(
            "you normalised all channels together",
            "That is one single group, whatever `groups` says.",
            norm_of_everything,
        ),
        Mistake(
            "you normalised each pixel alone",
            "Height and width belong to the group: dim=(2, 3, 4).",
            norm_of_pixels,
        ),
        Mistake(
            "you divided by n - 1",
            "torch's var does so unasked; correction=0 divides by n.",
            norm_with_n_minus_one,
        ),
        Mistake("you divided by the variance, not its root", "The unit is gone only after the root.", norm_by_variance),
        Mistake(
            "you left the small number out",
            "A constant group becomes 0/0, and a faint one is blown up too far.",
            norm_without_eps,
        ),
        Mistake(
            "you added the small number to the standard deviation",
            "It belongs under the root, beside the variance; a faint group tells the difference.",
            norm_eps_outside,
        ),
        Mistake("you did not subtract the mean", "The result is not centred at zero.", norm_without_mean),
        Mistake(
            "you dealt the channels out like cards",
            "A group is made of neighbouring channels.",
            norm_interleaved,
        ),
        Mistake(
            "you took the number of groups for their size",
            "`groups=2` means two groups, not groups of two.",
            norm_of_group_size,
        ),
    ),
    afterword="GroupNorm treats every image alone, BatchNorm does not: that is the whole difference.",
)
