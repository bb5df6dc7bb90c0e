"""How eight bits are really got wrong, and other ways to get them right: the versions behind 18.1 and 18.3."""

from __future__ import annotations

import numpy as np
import torch

# 18.1 eight bits: other right versions


def eight_bits_by_numpy(x, low, high):
    """Widen, divide, round and cut off in NumPy."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    zero = np.rint(-128 - low / step)
    return np.clip(np.rint(x.numpy() / step) + zero, -128, 127)


def eight_bits_by_search(x, low, high):
    """List all 256 values that can be said, and take the nearest."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    zero = round(-128 - low / step)
    said = step * (torch.arange(-128, 128) - zero)
    return (x[..., None] - said).abs().argmin(-1) - 128


def eight_bits_one_by_one(x, low, high):
    """Work number by number, in Python."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    zero = round(-128 - low / step)
    return torch.tensor([max(-128, min(127, round(value / step) + zero)) for value in x.tolist()])


# 18.1 wrong versions


def _step_and_zero(low, high):
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    return step, round(-128 - low / step)


def eight_bits_without_end(x, low, high):
    """Never cut off."""
    step, zero = _step_and_zero(low, high)
    return torch.round(x / step) + zero


def eight_bits_wrapped(x, low, high):
    """Let int8 overflow."""
    step, zero = _step_and_zero(low, high)
    return (torch.round(x / step) + zero).to(torch.int64).to(torch.int8)


def eight_bits_floored(x, low, high):
    """Round down."""
    step, zero = _step_and_zero(low, high)
    return (torch.floor(x / step) + zero).clamp(-128, 127)


def eight_bits_truncated(x, low, high):
    """Cut the digits off, toward zero."""
    step, zero = _step_and_zero(low, high)
    return (torch.trunc(x / step) + zero).clamp(-128, 127)


def eight_bits_of_256_steps(x, low, high):
    """Count 256 steps between 256 values."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 256
    return (torch.round(x / step) + round(-128 - low / step)).clamp(-128, 127)


def eight_bits_without_zero(x, low, high):
    """Take the range as it comes, with 0 or without."""
    step = (high - low) / 255
    return (torch.round(x / step) + round(-128 - low / step)).clamp(-128, 127)


def eight_bits_without_zero_point(x, low, high):
    """Leave the zero point out."""
    step, _ = _step_and_zero(low, high)
    return torch.round(x / step).clamp(-128, 127)


def eight_bits_unsigned(x, low, high):
    """Count from 0 to 255."""
    step, zero = _step_and_zero(low, high)
    return (torch.round(x / step) + zero + 128).clamp(0, 255)


def eight_bits_of_own_range(x, low, high):
    """Take the range from these numbers."""
    return (torch.round(x / (step := _step_and_zero(float(x.min()), float(x.max())))[0]) + step[1]).clamp(-128, 127)


def eight_bits_with_a_fraction(x, low, high):
    """Leave the zero point a fraction, and round at the end."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    return torch.round(x / step - 128 - low / step).clamp(-128, 127)


def eight_bits_turned_back(x, low, high):
    """Return the numbers that they stand for."""
    step, zero = _step_and_zero(low, high)
    return step * ((torch.round(x / step) + zero).clamp(-128, 127) - zero)


def eight_bits_symmetric(x, low, high):
    """Lay the values evenly to both sides of 0."""
    step = max(abs(low), abs(high)) / 127
    return torch.round(x / step).clamp(-127, 127)


# 18.3 the largest difference: other right versions


def apart_by_numpy(one, other):
    """Divide by the larger of 1 and the answer; NumPy's max hands NaN on."""
    one, other = one.numpy().astype(np.float64), other.numpy().astype(np.float64)
    return np.max(np.abs(one - other) / np.maximum(np.abs(one), 1.0))


def apart_by_norm(one, other):
    """Take the largest as a norm without end."""
    share = (one - other) / torch.where(one.abs() > 1, one, torch.ones_like(one))
    return share.flatten().abs().amax()


def apart_by_two_ends(one, other):
    """Look at the largest and at the smallest."""
    share = (other - one) / one.abs().clamp(min=1)
    return torch.maximum(share.max(), -share.min())


# 18.3 wrong versions


def apart_on_one_side(one, other):
    """Return how far two models' answers lie apart."""
    gap = one - other
    return (gap / one.abs().clamp(min=1)).max()


def apart_on_average(one, other):
    """Take the mean of the differences."""
    return ((one - other).abs() / one.abs().clamp(min=1)).mean()


def apart_of_the_largest(one, other):
    """Take the absolute value last."""
    return ((one - other) / one.abs().clamp(min=1)).max().abs()


def apart_without_share(one, other):
    """Take no share of it."""
    return (one - other).abs().max()


def apart_by_the_answer_alone(one, other):
    """Divide by the answer, however small."""
    return ((one - other).abs() / one.abs()).max()


def apart_by_at_most_one(one, other):
    """Divide by 1 where the answer is larger, not smaller."""
    return ((one - other).abs() / one.abs().clamp(max=1)).max()


def apart_by_the_largest_answer(one, other):
    """Divide by the largest answer of all."""
    return (one - other).abs().max() / one.abs().max().clamp(min=1)


def apart_of_sums(one, other):
    """Compare the sums."""
    return (one.sum() - other.sum()).abs() / one.abs().sum().clamp(min=1)


def apart_squared(one, other):
    """Take the root of the mean square."""
    return ((one - other) / one.abs().clamp(min=1)).square().mean().sqrt()


def apart_but_for_nan(one, other):
    """Pass over NaN."""
    share = (one - other).abs() / one.abs().clamp(min=1)
    return share.nan_to_num(0.0).max()
