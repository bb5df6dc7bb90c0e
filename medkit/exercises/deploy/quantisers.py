"""Quantisers, right and wrong: the versions that exercise 18.5 holds."""

from __future__ import annotations

import numpy as np
import torch

from medkit.exercises.deploy.mistakes import _step_and_zero


def _back(n, step, zero):
    return step * (n - zero)


# Right versions


def back_plainly(x, low, high):
    """Write and read."""
    step, zero = _step_and_zero(low, high)
    return _back((torch.round(x / step) + zero).clamp(-128, 127), step, zero)


def back_by_pytorch(x, low, high):
    """Let PyTorch do both."""
    step, zero = _step_and_zero(low, high)
    return torch.fake_quantize_per_tensor_affine(x, step, zero, -128, 127)


def back_by_numpy(x, low, high):
    """Write and read in float64, by NumPy."""
    step, zero = _step_and_zero(low, high)
    n = np.clip(np.rint(x.numpy().astype(np.float64) / step) + zero, -128, 127)
    return torch.from_numpy(step * (n - zero)).float()


# Wrong versions


def back_untouched(x, low, high):
    """Do nothing."""
    return x.clone()


def back_cut_off_only(x, low, high):
    """Cut off, and never round."""
    return x.clamp(min(low, 0.0), max(high, 0.0))


def back_without_end(x, low, high):
    """Round, and never cut off."""
    step, _ = _step_and_zero(low, high)
    return step * torch.round(x / step)


def back_wrapped(x, low, high):
    """Let int8 overflow."""
    step, zero = _step_and_zero(low, high)
    n = torch.round(x / step) + zero
    return _back((n + 128) % 256 - 128, step, zero)


def back_floored(x, low, high):
    """Round down."""
    step, zero = _step_and_zero(low, high)
    return _back((torch.floor(x / step) + zero).clamp(-128, 127), step, zero)


def back_in_seven_bits(x, low, high):
    """Use half of the values."""
    step, zero = (max(high, 0.0) - min(low, 0.0)) / 127, None
    zero = round(-64 - min(low, 0.0) / step)
    return _back((torch.round(x / step) + zero).clamp(-64, 63), step, zero)


def back_of_own_range(x, low, high):
    """Take the range from the numbers themselves."""
    step, zero = _step_and_zero(float(x.min()), float(x.max()))
    return _back((torch.round(x / step) + zero).clamp(-128, 127), step, zero)


def back_around_a_fraction(x, low, high):
    """Leave the zero point a fraction: 0 comes back as something else."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    return low + step * torch.round((x - low) / step).clamp(0, 255)


def back_without_zero(x, low, high):
    """Take a range without 0 as it is: 0 comes back as its end."""
    step = (high - low) / 255
    zero = -128 - low / step if low > 0 or high < 0 else round(-128 - low / step)
    return _back((torch.round(x / step + zero - round(zero)) + round(zero)).clamp(-128, 127), step, zero)
