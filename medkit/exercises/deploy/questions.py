"""The exercises of notebook 18 that ask for a number, and the function to repair: 18.2, 18.3, 18.4."""

from __future__ import annotations

import random

import torch
from torch import nn

from medkit import cost
from medkit.exercises.deploy import mistakes as versions
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.questions import PredictNumber

NAN = float("nan")


def largest_difference(one, other):
    """Return how far two models' answers lie apart."""
    gap = (one - other).abs()
    return (gap / one.abs().clamp(min=1)).max()


def _bound(low: float, high: float) -> dict:
    """Return the fields of 18.2 that change with its range."""
    step = (high - low) / 255
    return {
        "prompt": (
            f"The activations of a layer lay between {low:g} and {high:g} on the training images, and int8 is laid over "
            "that range: 256 values. A number within the range is written as int8, and read again. What is the largest "
            "error that it can have? (Forget that the zero point is rounded.)"
        ),
        "truth": lambda: step / 2,
        "tolerance": 0.02 * step,
        "working": f"({high:g} - {low:g}) / 255 / 2  # half a step" if low >= 0 else f"({high:g} + {-low:g}) / 255 / 2  # half a step",
        "mistakes": (
            Mistake("you gave a whole step", "Round to the nearest: it is never further away than half a step.", step),
            Mistake("you took a quarter of a step", "That is the mean error; the largest is asked for.", step / 4),
            Mistake("you took the width of the range", "256 values lie in it.", high - low),
            Mistake("you took one side of the range alone", "The values are laid over all of it.", max(high, -low) / 255 / 2),
            Mistake("you took 8 values for 8 bits", "8 bits know 2 to the power of 8 values.", (high - low) / 7 / 2),
        ),
    }


def _other_bound(draw: random.Random) -> dict:
    return _bound(-draw.choice((0.75, 1.0, 1.25)), draw.choice((3.0, 4.0, 5.0)))


HALF_A_STEP = PredictNumber(
    id="18.2",
    title="What eight bits lose",
    section="exercises",
    points=1,
    minutes=4,
    name="largest_error",
    hints=(
        "256 values have 255 steps between them. How wide is one?",
        "A number lies between two of the values, and is moved to the nearer one: at most half a step.",
    ),
    other=_other_bound,
    afterword="Halve the range, and you halve the error: that is why each output channel of a weight has its own scale.",
    **_bound(-1.0, 4.1),
)

SIGNED = RepairFunction(
    id="18.3",
    title="A check that lets half of the errors through",
    section="exercises",
    points=2,
    minutes=8,
    name="largest_difference",
    parameters=("one", "other"),
    prompt=(
        "`largest_difference(one, other)` should say how far the answers of an exported model, `other`, lie from those "
        "of the model, `one`: of all absolute differences, each as a share of the model's own answer, or as it is "
        "where that answer is smaller than 1, the largest. Both are float tensors of one shape. Where an answer is no "
        "number, neither is the result: NaN. The function below has accepted an export that was wrong. Find the "
        "bug and repair it."
    ),
    broken=versions.apart_on_one_side,
    solution=largest_difference,
    alternatives=(versions.apart_by_numpy, versions.apart_by_norm, versions.apart_by_two_ends),
    forbidden=("medkit.deploy",),
    cases=(
        Case((torch.tensor([1.0, -4.0, 0.5]), torch.tensor([1.5, -3.0, 0.25]))),
        Case((torch.tensor([[2.0, -8.0], [0.25, 3.0]]), torch.tensor([[4.0, -6.0], [0.75, 2.5]]))),
        Case((torch.tensor([100.0, 0.5, -20.0]), torch.tensor([90.0, 0.875, -18.0]))),
        Case((torch.tensor([-0.25, 0.125, 3.0, -6.0]), torch.tensor([0.5, 0.25, 3.25, -7.0]))),
        Case((torch.tensor([1.0, 2.0]), torch.tensor([1.5, 5.0]))),
        Case((torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, NAN, 3.5])), edge=True),
    ),
    hints=(
        "Let `one` be [1] and `other` be [9]. What does the function say?",
        "A large difference below zero is never the maximum. Where does an absolute value belong?",
        "`gap = (one - other).abs()`.",
    ),
    mistakes=(
        Mistake("you looked at one side alone", "An answer that is too high gives a difference below 0.", versions.apart_on_one_side),
        Mistake("you took the absolute value last", "The maximum has thrown the negative ones away by then.", versions.apart_of_the_largest),
        Mistake("you took the mean", "One wrong pixel among thousands vanishes in a mean.", versions.apart_on_average),
        Mistake("you took the root of the mean square", "One wrong pixel among thousands vanishes in it.", versions.apart_squared),
        Mistake("you compared sums", "Errors of both signs cancel.", versions.apart_of_sums),
        Mistake("you took no share", "10 of 100 is a share of 0.1.", versions.apart_without_share),
        Mistake("you divided by answers near 0", "Where the answer is smaller than 1, the difference counts as it is.", versions.apart_by_the_answer_alone),
        Mistake("you divided by 1 where the answer is larger", "The other way round: clamp(min=1).", versions.apart_by_at_most_one),
        Mistake("you divided all by the largest answer", "Each difference by its own answer.", versions.apart_by_the_largest_answer),
        Mistake("you passed over NaN", "An exported model that answers NaN would be the same as the model.", versions.apart_but_for_nan),
    ),
    afterword="A check that has never failed may not be able to: change one weight, and see whether it does.",
)


def _flops(inside: int, outside: int, side: int) -> dict:
    """Return the fields of 18.4 that change with the convolution."""
    half = side // 2
    right = 2 * 9 * inside * outside * half * half / 1e6
    return {
        "prompt": (
            f"A 3 × 3 convolution, stride 2, padding 1, without a bias, takes {inside} channels of {side} × {side} pixels to "
            f"{outside} channels of {half} × {half}. How many *million* FLOPs is that for one image, a multiplication and an "
            "addition counted as two?"
        ),
        "truth": lambda: cost.report(nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False), (inside, side, side)).flops / 1e6,
        "tolerance": 0.005 * right,
        "working": f"2 * 9 * {inside} * {outside} * {half} * {half} / 1e6",
        "mistakes": (
            Mistake("you counted a multiplication and its addition as one", "Those are MACs; two FLOPs each.", right / 2),
            Mistake("you counted the pixels before the stride", "One sum for each pixel that comes *out*.", right * 4),
            Mistake("you forgot the kernel", "Nine products go into each sum, of each channel.", right / 9),
            Mistake("you forgot the channels that come in", "Each output channel looks at all of them.", right / inside),
            Mistake("you forgot the channels that go out", "All is done anew for each of them.", right / outside),
            Mistake("you counted parameters", "Each weight is used once for each pixel.", 9 * inside * outside / 1e6),
            Mistake("you gave single FLOPs", "Millions are asked for.", right * 1e6),
        ),
    }


def _other_flops(draw: random.Random) -> dict:
    return _flops(draw.choice((8, 24)), draw.choice((40, 48)), draw.choice((64, 96)))


CONVOLUTION = PredictNumber(
    id="18.4",
    title="The sums of one convolution",
    section="exercises",
    points=1,
    minutes=5,
    name="million_flops",
    hints=(
        "How many numbers come out? Each of them is one sum.",
        "Each sum has 9 · (channels in) products. Times two, for a product and its addition.",
    ),
    other=_other_flops,
    afterword="Halve height and width, and three quarters of the sums are gone: why the hybrid's attention stands at 1/8.",
    **_flops(16, 32, 128),
)
