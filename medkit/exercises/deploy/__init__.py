"""The exercises of notebook 18 (deployment), and in full the one where a function is written.

`questions` has the numbers and the function to repair, `tests` the test with its `quantisers`, `mistakes`
the versions of 18.1 and 18.3.
"""

from __future__ import annotations

import torch

from medkit.exercises.deploy import mistakes as versions
from medkit.exercises.deploy.questions import CONVOLUTION, HALF_A_STEP, SIGNED
from medkit.exercises.deploy.tests import KILL_QUANTISERS
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction


def eight_bits(x, low, high):
    """Return the int8 of each number: nearest of 256 values over a range that holds 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    zero = round(-128 - low / step)
    return (torch.round(x / step) + zero).clamp(-128, 127)


EIGHT_BITS = WriteFunction(
    id="18.1",
    title="Eight bits for a number",
    section="before the code",
    points=3,
    minutes=12,
    name="eight_bits",
    parameters=("x", "low", "high"),
    prompt=(
        "Write each number of the float tensor `x` as an int8, by the rule worked out above. `low` and `high` are the ends of "
        "the range, numbers, `low < high`. First widen the range where it does not hold 0. Lay 256 values over it: the "
        "step is s = (high - low) / 255, the zero point z = -128 - low / s, rounded to a whole number. Then "
        "n = round(x / s) + z; beyond -128 and 127 the end. Return n, one whole number for each of `x`; the "
        "type of the tensor does not matter."
    ),
    unsolved="def eight_bits(x, low, high):\n    ...\n    return ...",
    solution=eight_bits,
    alternatives=(versions.eight_bits_by_numpy, versions.eight_bits_by_search, versions.eight_bits_one_by_one),
    forbidden=("medkit.deploy",),
    cases=(
        Case((torch.tensor([-4.0, -1.0, -0.304, 0.0, 0.123, 0.777, 1.55, 2.5]), -1.0, 1.55)),
        Case((torch.tensor([-0.7, -0.1, 0.0, 0.403, 0.9, 1.3, 1.9]), -0.7, 1.3)),
        Case((torch.tensor([0.013, 0.527, 1.233, 2.54, 6.0]), 0.5, 2.55)),
        Case((torch.tensor([-5.0, -3.333, -1.016, -0.004]), -5.1, -1.0)),
        Case((torch.tensor([-0.047, 0.053, 0.011, 3.0]), -3.0, 2.1)),
    ),
    hints=(
        "Four lines: widen, step, zero point, number. `min(low, 0.0)` and `max(high, 0.0)` widen.",
        "`round` makes the zero point whole; `torch.round` rounds a tensor; `.clamp(-128, 127)` cuts off.",
        "`return (torch.round(x / step) + zero).clamp(-128, 127)`.",
    ),
    mistakes=(
        Mistake("you never cut off", "An int8 ends at -128 and 127.", versions.eight_bits_without_end),
        Mistake("you let int8 overflow", "Beyond 127 it begins again at -128: cut off first.", versions.eight_bits_wrapped),
        Mistake("you rounded down", "The nearest value is asked for.", versions.eight_bits_floored),
        Mistake("you cut the digits off", "The nearest value is asked for: `torch.round`.", versions.eight_bits_truncated),
        Mistake("you counted 256 steps", "Between 256 values lie 255.", versions.eight_bits_of_256_steps),
        Mistake("you did not widen the range", "0 must be one of the 256 values.", versions.eight_bits_without_zero),
        Mistake("you left the zero point out", "It moves the range to where int8 lies.", versions.eight_bits_without_zero_point),
        Mistake("you counted from 0 to 255", "That is uint8; an int8 begins at -128.", versions.eight_bits_unsigned),
        Mistake("you took the range from x", "The range is given: calibration found it on other images.", versions.eight_bits_of_own_range),
        Mistake("you rounded once at the end", "Then 0 is not met exactly: round the zero point by itself.", versions.eight_bits_with_a_fraction),
        Mistake("you turned them back into numbers", "n itself is asked for.", versions.eight_bits_turned_back),
        Mistake("you laid the values evenly to both sides of 0", "That wastes those of the shorter side.", versions.eight_bits_symmetric),
    ),
    afterword="Weights are often done symmetrically, with z = 0; activations after a ReLU would waste half of the values.",
)

EXERCISES = (EIGHT_BITS, HALF_A_STEP, SIGNED, CONVOLUTION, KILL_QUANTISERS)
