"""Exercise 18.5, a test for eight bits, there and back: what it accepts, and what it must kill."""

from __future__ import annotations

import torch

from medkit.exercises.deploy import quantisers
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest


def test_there_and_back(there_and_back):
    """Try inside the range, beyond both ends, and zero in three kinds of range."""
    inside = torch.tensor([-1.0, -0.304, 0.0, 0.123, 0.777, 1.55])  # steps of 0.01
    wanted = torch.tensor([-1.0, -0.30, 0.0, 0.12, 0.78, 1.55])
    assert torch.allclose(there_and_back(inside, -1.0, 1.55), wanted, atol=1e-4)
    beyond = there_and_back(torch.tensor([-7.0, 4.0, 0.123]), -1.0, 1.55)
    assert torch.allclose(beyond, torch.tensor([-1.0, 1.55, 0.12]), atol=1e-4)
    for low, high in ((-0.7, 1.3), (0.5, 2.55), (-2.55, -0.5)):
        assert abs(float(there_and_back(torch.tensor([0.0, 1.0, -1.0]), low, high)[0])) < 1e-6


# Other good tests


def test_by_one_table(there_and_back):
    """Compare with a table for two ranges."""
    table = {
        (-1.0, 1.55): ([-5.0, -0.304, 0.0, 0.777, 9.0], [-1.0, -0.30, 0.0, 0.78, 1.55]),
        (0.5, 2.55): ([0.0, 0.004, 0.527, 3.0], [0.0, 0.0, 0.53, 2.55]),
        (-0.7, 1.3): ([0.0, 0.7 / 255], [0.0, 0.0]),
    }
    for (low, high), (given, wanted) in table.items():
        assert torch.allclose(there_and_back(torch.tensor(given), low, high), torch.tensor(wanted), atol=2e-4)


def test_by_laws(there_and_back):
    """Ask for what must hold for any numbers."""
    x = torch.linspace(-3, 3, 6001)
    for low, high in ((-1.0, 1.55), (-0.7, 1.3), (1.0, 2.0)):
        back = there_and_back(x, low, high)
        step = (high - min(low, 0.0)) / 255
        inner = (x > min(low, 0.0) + step) & (x < high - step)
        assert (back - x)[inner].abs().max() <= 0.505 * step
        assert len(back.unique()) == 256 and abs(float(back[3000])) < 1e-6
        assert abs(float(back[-1]) - high) < step and abs(float(back[0]) - min(low, 0.0)) < step


# Tests that are too weak or too strict


def test_only_that_it_is_near(there_and_back):
    """Too weak: ask for a tenth."""
    x = torch.tensor([-0.9, -0.3, 0.0, 0.12, 1.5])
    assert (there_and_back(x, -1.0, 1.55) - x).abs().max() < 0.1


def test_only_inside(there_and_back):
    """Too weak: stay within the range."""
    inside = torch.tensor([-1.0, -0.304, 0.0, 0.123, 0.777, 1.55])
    wanted = torch.tensor([-1.0, -0.30, 0.0, 0.12, 0.78, 1.55])
    assert torch.allclose(there_and_back(inside, -1.0, 1.55), wanted, atol=1e-4)
    assert abs(float(there_and_back(torch.tensor([0.0, 1.0]), -0.7, 1.3)[0])) < 1e-6
    assert abs(float(there_and_back(torch.tensor([0.0, 1.0]), 0.5, 2.55)[0])) < 1e-6


def test_only_the_ends(there_and_back):
    """Too weak: look at what lies beyond."""
    beyond = there_and_back(torch.tensor([-7.0, 4.0]), -1.0, 1.55)
    assert torch.allclose(beyond, torch.tensor([-1.0, 1.55]), atol=1e-4)


def test_only_zero(there_and_back):
    """Too weak: look at zero alone."""
    for low, high in ((-0.7, 1.3), (0.5, 2.55)):
        assert abs(float(there_and_back(torch.tensor([0.0, 1.0]), low, high)[0])) < 1e-6


def test_only_a_kind_range(there_and_back):
    """Too weak: take the one range in which the zero point is whole anyway."""
    x = torch.tensor([-7.0, -1.0, -0.304, 0.0, 0.123, 0.777, 1.55, 4.0])
    wanted = torch.tensor([-1.0, -1.0, -0.30, 0.0, 0.12, 0.78, 1.55, 1.55])
    assert torch.allclose(there_and_back(x, -1.0, 1.55), wanted, atol=1e-4)


def test_only_half_a_step(there_and_back):
    """Too weak: ask for half a step, and for no more: who does nothing passes."""
    x = torch.linspace(-0.99, 1.54, 200)
    assert (there_and_back(x, -1.0, 1.55) - x).abs().max() <= 0.00501


def test_to_the_last_digit(there_and_back):
    """Too strict: ask for equal bits."""
    x = torch.linspace(-3, 3, 1001)
    step = 2.55 / 255
    wanted = ((x / step).round() - 28).clamp(-128, 127).add(28).mul(step)
    assert torch.equal(there_and_back(x, -1.0, 1.55), wanted + 1e-9)


KILL_QUANTISERS = WriteTest(
    id="18.5",
    title="A test for eight bits",
    section="exercises",
    points=3,
    minutes=15,
    name="test_there_and_back",
    prompt=(
        "You are the examiner. `there_and_back(x, low, high)` should return what is left of the numbers `x` (a float "
        "tensor) once they have been written as int8 and read again. The 256 values are laid over the range from `low` to "
        "`high`, widened to hold 0 where it does not; 0 itself comes back as exactly 0; a number within comes back as the "
        "nearest value, one beyond as the end of the range. Write a function that accepts every right version, and "
        "raises an AssertionError (or returns False) for each of the wrong ones that the kit holds."
    ),
    unsolved=(
        "def test_there_and_back(there_and_back):\n"
        "    # for example: from -1 to 1.55 the steps are 0.01 wide\n"
        "    ...\n"
        "    return ..."
    ),
    solution=test_there_and_back,
    alternatives=(test_by_one_table, test_by_laws),
    forbidden=("medkit.deploy",),
    right=(quantisers.back_plainly, quantisers.back_by_pytorch, quantisers.back_by_numpy),
    wrong=(
        Mistake("does nothing at all", "A number between two values must move.", quantisers.back_untouched),
        Mistake("cuts off, and never rounds", "A number between two values must move.", quantisers.back_cut_off_only),
        Mistake("never cuts off", "Hand in a number beyond the range.", quantisers.back_without_end),
        Mistake("overflows beyond the range", "Hand in a number beyond the range.", quantisers.back_wrapped),
        Mistake("rounds down", "Hand in a number in the upper half of a step.", quantisers.back_floored),
        Mistake("has half of the values", "The error must not exceed half a step of 1/255.", quantisers.back_in_seven_bits),
        Mistake("takes the range from the numbers", "Let the numbers reach beyond the range, or not to its ends.", quantisers.back_of_own_range),
        Mistake("leaves the zero point a fraction", "Let 0 lie between two steps counted from low: from -0.7 to 1.3.", quantisers.back_around_a_fraction),
        Mistake("does not widen a range without 0", "Hand in 0 and a range above it.", quantisers.back_without_zero),
    ),
    hints=(
        "Work out on paper what becomes of -0.304 and 0.777 in a range from -1 to 1.55, and of 4.0.",
        "One range is not enough: in a range from -0.7 to 1.3 the zero point has to be rounded, and 0.5 to 2.55 "
        "has to be widened. What must become of 0 in both?",
        "`assert torch.allclose(there_and_back(torch.tensor([-0.304, 4.0]), -1.0, 1.55), torch.tensor([-0.30, 1.55]), "
        "atol=1e-4)`, and so on.",
    ),
    mistakes=(
        Mistake("your test asks only for nearness", "A tenth is ten steps wide.", test_only_that_it_is_near),
        Mistake("your test never leaves the range", "What becomes of larger numbers stays unseen.", test_only_inside),
        Mistake("your test looks beyond the range alone", "Inside, anything may happen.", test_only_the_ends),
        Mistake("your test looks at 0 alone", "All other numbers may be anything.", test_only_zero),
        Mistake("your test has one kind range", "There the zero point is whole, and 0 lies inside.", test_only_a_kind_range),
        Mistake("your test asks for half a step at most", "Who does nothing has no error at all.", test_only_half_a_step),
        Mistake("your test asks for equality to the last digit", "Right versions differ in rounding.", test_to_the_last_digit),
    ),
    afterword="Zero must be exact: convolutions pad with it, and ReLU makes half of all activations zero.",
)
