"""Exercise 7.2: a grey image for a colour network, with the versions behind it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.values import small_image


def grey_stem(weight, mean, std):
    """Fold a colour stem into one that takes a grey image and a channel of ones."""
    scaled = weight / std[:, None, None]
    taken_off = scaled * mean[:, None, None]
    return torch.stack([scaled.sum(dim=1), -taken_off.sum(dim=1)], dim=1)


# other right versions


def stem_by_loops(weight, mean, std):
    """Add channel after channel."""
    folded = torch.zeros(len(weight), 2, *weight.shape[2:])
    for c in range(3):
        folded[:, 0] += weight[:, c] / float(std[c])
        folded[:, 1] -= weight[:, c] * float(mean[c]) / float(std[c])
    return folded


def stem_by_einsum(weight, mean, std):
    """Write it as one product of matrices."""
    return torch.einsum("dcyx,ec->deyx", weight, torch.stack([1 / std, -mean / std]))


def stem_by_asking(weight, mean, std):
    """Show the colour stem a grey pixel, and none, and see what it says."""
    def asked(grey):
        colour = ((grey - mean) / std)[None, :, None, None]
        rows, columns = weight.shape[2:]
        pixel = F.pad(colour, (columns - 1, columns - 1, rows - 1, rows - 1))
        return F.conv2d(pixel, weight)[0].flip(1, 2)

    return torch.stack([asked(1.0) - asked(0.0), asked(0.0)], dim=1)


# wrong versions


def _folded(at_grey, at_one):
    return torch.stack([at_grey.sum(dim=1), -at_one.sum(dim=1)], dim=1)


def _column(values):
    return values[:, None, None]


def stem_averaged(weight, mean, std):
    """Average over the channels."""
    return _folded(weight / _column(std), weight * _column(mean / std)) / 3


def stem_tripled(weight, mean, std):
    """Sum the stem, and count the three copies as well."""
    return _folded(weight / _column(std), weight * _column(mean / std)) * 3


def stem_without_std(weight, mean, std):
    """Forget the spread."""
    return _folded(weight, weight * _column(mean))


def stem_times_std(weight, mean, std):
    """Multiply by the spread."""
    return _folded(weight * _column(std), weight * _column(mean * std))


def stem_without_mean(weight, mean, std):
    """Forget the means."""
    return _folded(weight / _column(std), 0 * weight)


def stem_plus_mean(weight, mean, std):
    """Add the means."""
    return _folded(weight / _column(std), -weight * _column(mean / std))


def stem_mean_not_scaled(weight, mean, std):
    """Take the means off after the division."""
    return _folded(weight / _column(std), weight * _column(mean))


def stem_over_features(weight, mean, std):
    """Sum over what comes out."""
    return torch.stack([(weight / _column(std)).sum(0), -(weight * _column(mean / std)).sum(0)], dim=1)


def stem_ones_first(weight, mean, std):
    """Put the channel of ones first."""
    return _folded(weight / _column(std), weight * _column(mean / std)).flip(1)


def stem_of_green(weight, mean, std):
    """Take one channel for all."""
    return torch.stack([weight[:, 1] / std[1], -weight[:, 1] * mean[1] / std[1]], dim=1)


def stem_by_brightness(weight, mean, std):
    """Weigh the colours as an eye does."""
    eye = torch.tensor([0.299, 0.587, 0.114])
    return _folded(weight * _column(eye / std), weight * _column(eye * mean / std))


def stem_along_columns(weight, mean, std):
    """Scale the kernel's columns."""
    return _folded(weight / std, weight * mean / std)


def stem_of_one_channel(weight, mean, std):
    """Leave the channel of ones out."""
    return (weight / _column(std)).sum(dim=1, keepdim=True)


def stem_of_mean_numbers(weight, mean, std):
    """Take one mean and one spread for all channels."""
    return _folded(weight / std.mean(), weight * mean.mean() / std.mean())


def _row(*numbers: float) -> Tensor:
    return torch.tensor(numbers)


GREY_STEM = WriteFunction(
    id="7.2",
    title="A grey image for a colour network",
    section="before the code",
    points=3,
    minutes=12,
    name="grey_stem",
    parameters=("weight", "mean", "std"),
    prompt=(
        "A network that was trained on colour images begins with a convolution, its *stem*: `weight` is "
        "`(D, 3, rows, columns)`. It wants each channel c less `mean[c]` and divided by `std[c]`; both are "
        "`(3,)`. We have a grey image g, and would show the same g in all three channels: channel c gets "
        "(g − mean[c]) / std[c].\n\nA convolution is linear, so the whole can be folded: return the weights "
        "`(D, 2, rows, columns)` of a stem that takes two channels, first the raw g, then a channel of ones, "
        "and gives the very same numbers. (The channel of ones carries what the means take off. A bias could "
        "not: near the border the kernel meets zeros of the padding, not ones.)"
    ),
    unsolved="def grey_stem(weight, mean, std):\n    ...\n    return ...",
    solution=grey_stem,
    alternatives=(stem_by_loops, stem_by_einsum, stem_by_asking),
    forbidden=("medkit.transfer", "medkit.models", "medkit.pretrain", "torchvision", "timm"),
    cases=(
        Case((small_image(4, 3, 2, 3, seed=81, low=-5), _row(0.5, 0.25, 1.0), _row(0.5, 2.0, 0.25))),
        Case((small_image(2, 3, 5, 3, seed=82, low=-5), _row(2.0, -1.0, 0.5), _row(0.2, 0.5, 4.0))),
        Case((small_image(3, 3, 1, 3, seed=83, low=-5), _row(0.485, 0.456, 0.406), _row(0.229, 0.224, 0.225))),
        Case((small_image(2, 3, 3, 3, seed=84, low=-5), _row(0.0, 0.0, 0.0), _row(1.0, 1.0, 1.0)), edge=True),
    ),
    hints=(
        "Leave mean and std aside first. W₀·g + W₁·g + W₂·g is a single weight times g: which?",
        "With them: Σ W_c · (g − m_c) / s_c. Open the bracket, and collect what stands at g and what does not.",
        "At g stands Σ W_c / s_c, at 1 stands − Σ W_c m_c / s_c. `std[:, None, None]` fits the axis of the "
        "channels; `torch.stack([...], dim=1)` sets the two side by side.",
    ),
    mistakes=(
        Mistake(
            "you averaged the channels of the stem",
            "The three channels are added up by the convolution: the sum is three times the average.",
            stem_averaged,
        ),
        Mistake(
            "you summed the stem and counted three copies as well",
            "The sum already stands for all three channels: copying the image *and* summing counts thrice.",
            stem_tripled,
        ),
        Mistake("you forgot the std", "Each channel is divided by its own std.", stem_without_std),
        Mistake("you multiplied by the std", "(g − m) / s: divide.", stem_times_std),
        Mistake(
            "you forgot the mean",
            "What the means take off has to stand at the channel of ones.",
            stem_without_mean,
        ),
        Mistake("you added the means", "(g − m): what stands at the ones is negative.", stem_plus_mean),
        Mistake(
            "you took the means off after the division",
            "−m_c / s_c: the mean is divided too.",
            stem_mean_not_scaled,
        ),
        Mistake(
            "you summed over the features that come out",
            "dim=0 is D; the colours are on dim=1.",
            stem_over_features,
        ),
        Mistake("you put the channel of ones first", "First the grey image, then the ones.", stem_ones_first),
        Mistake(
            "you took one colour for all",
            "The three channels of a stem have weights of their own; all of them see the grey image.",
            stem_of_green,
        ),
        Mistake(
            "you weighed the colours as an eye does",
            "0.299, 0.587, 0.114 make a colour image grey. Ours is grey already.",
            stem_by_brightness,
        ),
        Mistake(
            "you scaled the columns of the kernel",
            "`weight / std` meets the last axis; the channels are the second: std[:, None, None].",
            stem_along_columns,
        ),
        Mistake(
            "you left the channel of ones out",
            "The means need a place: (D, 2, rows, columns).",
            stem_of_one_channel,
        ),
        Mistake(
            "you took one mean and one std for all colours",
            "They differ from channel to channel, and so do the weights.",
            stem_of_mean_numbers,
        ),
    ),
    afterword="A third of the work for the same numbers. Who copies the grey image to three channels *and* sums "
    "the stem counts everything three times.",
)
