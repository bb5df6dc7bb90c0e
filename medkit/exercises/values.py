"""Answers as numbers: bring them to one form, compare them, show them, say where they differ."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

RELATIVE, ABSOLUTE = 1e-4, 1e-5  # float32 sums differ in order and so in their last digits
LONGEST = 1000  # bits of a whole number that is still shown in full


def as_numbers(value: object) -> Tensor | None:
    """Return `value` as a float64 tensor on the CPU, or None where it holds no real numbers.

    Tensors on any device, NumPy arrays, (nested) lists and plain numbers all count: the exercise
    asks for the right numbers, not for one container.
    """
    if isinstance(value, str | bytes | type(None) | type(...)):
        return None
    try:
        numbers = value.detach() if isinstance(value, Tensor) else torch.as_tensor(value)
        if numbers.is_complex():
            return None
        return numbers.cpu().to_dense().double()
    except (TypeError, ValueError, RuntimeError, OverflowError, NotImplementedError):
        return None


def same(pred: Tensor | None, target: Tensor | None) -> bool:
    """Tell whether two answers agree: the same shape, and numbers equal but for rounding."""
    if pred is None or target is None:
        return pred is target
    if pred.shape != target.shape:
        return False
    return bool(close(pred, target).all())


def close(pred: Tensor, target: Tensor) -> Tensor:
    """Tell number by number whether two answers of one shape agree; NaN agrees with NaN."""
    finite = target[torch.isfinite(target)]
    scale = 1.0 + float(finite.abs().max()) if len(finite) else 1.0
    return torch.isclose(pred, target, rtol=RELATIVE, atol=ABSOLUTE * scale, equal_nan=True)


def small_image(*shape: int, seed: int, low: int = 0, high: int = 10) -> Tensor:
    """Return a float32 image of small whole numbers, low ... high - 1: a reader can add them up."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, shape, generator=generator).float()


def show(value: object) -> str:
    """Return `value` in a few short lines of text."""
    if isinstance(value, int) and value.bit_length() > LONGEST:  # Python refuses to write out thousands of digits
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, str | int | float | type(None) | type(...)):
        return f"{value:.6g}" if isinstance(value, float) else _cut(repr(value))
    numbers = as_numbers(value)
    if numbers is None:
        return f"{type(value).__name__}, no numbers"
    text = np.array2string(
        numbers.numpy(), precision=4, suppress_small=True, max_line_width=76, threshold=150, edgeitems=3
    )
    return f"{text}\nshape {tuple(numbers.shape)}" if numbers.ndim else text


def difference(yours: object, expected: Tensor) -> str:
    """Say in one sentence where an answer leaves the expected one: type, shape, NaN, first number."""
    numbers = as_numbers(yours)
    if numbers is None:
        return _no_numbers(yours)
    if numbers.shape != expected.shape:
        return f"The shape must be {tuple(expected.shape)}, yours is {tuple(numbers.shape)}."
    bad = int((~torch.isfinite(numbers) & torch.isfinite(expected)).sum())
    if bad:
        return f"{bad} of {numbers.numel()} values are NaN or infinite: something was divided by zero?"
    where = tuple((~close(numbers, expected)).nonzero()[0].tolist())
    place = f" at {list(where)}" if where else ""
    return f"The first difference{place}: expected {expected[where]:.6g}, yours {numbers[where]:.6g}." + (
        _integer_remark(yours)
    )


def _no_numbers(yours: object) -> str:
    if yours is None or yours is ...:
        return f"It returned {yours!r}: on this path a `return` with your result is missing."
    return (
        f"It must return a torch.Tensor, got {type(yours).__name__}; "
        f"a NumPy array or a list of numbers would do too."
    )


def _integer_remark(yours: object) -> str:
    dtype = getattr(yours, "dtype", None)
    if isinstance(dtype, torch.dtype) and not dtype.is_floating_point:
        return f" Yours is {dtype}, which can't hold fractions."
    return ""


def _cut(text: str, length: int = 200) -> str:
    return text if len(text) <= length else text[:length] + " ..."
