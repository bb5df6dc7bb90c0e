"""The exercises of notebook 07 (Eq. 5), and in full those where a function is written or repaired.

`questions` has the number and the figure, `tests` the test, `mistakes` the wrong versions.
"""

from __future__ import annotations

import math

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction, WriteFunction
from medkit.exercises.transfer import mistakes as versions
from medkit.exercises.transfer.questions import RUNNING_MEAN, WHO_MOVED
from medkit.exercises.transfer.stem import GREY_STEM
from medkit.exercises.transfer.tests import KILL_FREEZES
from medkit.exercises.values import small_image

READY_MADE = ("medkit.transfer", "medkit.models", "medkit.pretrain", "torch.optim", "torchvision", "timm")
NAN = math.nan


def frozen_step(weight, gradient, velocity, frozen, rate, momentum, decay):
    """Take one step of SGD; return the new weights and, behind them, the new velocities."""
    moved = momentum * velocity + gradient + decay * weight
    new_velocity = torch.where(frozen, velocity, moved)
    new_weight = torch.where(frozen, weight, weight - rate * moved)
    return torch.stack([new_weight, new_velocity])


def delta_of_training_without_a_copy(head, features, target, rate, steps):
    """Train a linear head by gradient descent; return Eq. 5's Δweights."""
    before = head
    for _ in range(steps):
        error = features @ head - target
        head -= rate * features.T @ error / len(features)
    return head - before


def delta_of_training(head, features, target, rate, steps):
    """Train a linear head by gradient descent; return Eq. 5's Δweights."""
    after = head.clone()
    for _ in range(steps):
        error = features @ after - target
        after -= rate * features.T @ error / len(features)
    return after - head


def _row(*numbers) -> torch.Tensor:
    return torch.tensor(numbers)


FROZEN_STEP = WriteFunction(
    id="7.1",
    title="A step that leaves frozen weights alone",
    section="before the code",
    points=3,
    minutes=12,
    name="frozen_step",
    parameters=("weight", "gradient", "velocity", "frozen", "rate", "momentum", "decay"),
    prompt=(
        "One step of SGD with momentum and weight decay does this to a weight *w* with gradient *g* and "
        "velocity *v* (its memory of earlier steps):\n\n"
        "> v ← momentum · v + g + decay · w\n>\n> w ← w − rate · v, with the new v\n\n"
        "Write it for tensors, with one thing more: `frozen` is a bool tensor of the same shape, and where it "
        "is True nothing may change, neither the weight nor its velocity, not even where its gradient is NaN. "
        "Everything else moves as the formula says. Return the new weights and the new velocities, "
        "`torch.stack([weights, velocities])`."
    ),
    unsolved=(
        "def frozen_step(weight, gradient, velocity, frozen, rate, momentum, decay):\n"
        "    ...\n"
        "    return ...  # torch.stack([new weights, new velocities])"
    ),
    solution=frozen_step,
    alternatives=(versions.step_by_index, versions.step_one_by_one, versions.step_by_numpy),
    forbidden=READY_MADE,
    cases=(
        Case((_row(1.0, -2.0, 3.0, 0.5), _row(0.5, 1.0, -1.0, 2.0), _row(0.2, -0.4, 1.0, 0.6),
              _row(True, False, False, True), 0.1, 0.9, 0.2)),
        Case((torch.tensor([[2.0, -1.0, 4.0], [0.5, 3.0, -2.0]]), torch.tensor([[1.0, 2.0, -3.0], [4.0, 0.5, 2.0]]),
              torch.tensor([[-1.0, 0.5, 2.0], [3.0, -2.0, 1.0]]),
              torch.tensor([[False, True, False], [True, False, True]]), 0.5, 0.6, 0.1)),
        Case((_row(4.0, 2.0, -6.0), _row(1.0, -3.0, 2.0), _row(5.0, -7.0, 3.0), _row(False, True, False),
              0.25, 0.0, 0.5)),
        Case((_row(4.0, 2.0, -6.0), _row(1.0, -3.0, 2.0), _row(5.0, -7.0, 3.0), _row(False, True, False),
              0.25, 0.5, 0.0)),
        Case((_row(1.0, 2.0, 3.0), _row(NAN, 1.0, NAN), _row(1.0, 2.0, 3.0), _row(True, False, True),
              0.1, 0.9, 0.1), edge=True),
        Case((_row(1.0, 2.0), _row(3.0, -1.0), _row(0.5, 2.0), _row(True, True), 0.1, 0.9, 0.1), edge=True),
    ),  # fmt: skip
    hints=(
        "First the step without any freezing: two lines, the velocity and then the weight.",
        "A frozen weight with gradient 0 still moves: its velocity carries it on, and the decay pulls it to "
        "zero. So it is not the gradient that has to be switched off, but the whole step.",
        "`torch.where(frozen, old, new)` takes the old number where frozen is True. Multiplying by 0 would not "
        "do: 0 · NaN is NaN.",
    ),
    mistakes=(
        Mistake(
            "you only switched the gradient off",
            "Momentum and decay still move what is frozen: as in PyTorch with zero_grad(set_to_none=False).",
            versions.step_gradient_off,
        ),
        Mistake(
            "weight decay still pulls at frozen weights",
            "They shrink a little with each step, whatever their gradient.",
            versions.step_decay_pulls,
        ),
        Mistake(
            "momentum still carries frozen weights on",
            "The velocity that they had when they were frozen is not used up yet.",
            versions.step_momentum_carries,
        ),
        Mistake(
            "the velocity of frozen weights goes on gathering",
            "The weights stand still, but jump when they are thawed.",
            versions.step_velocity_gathers,
        ),
        Mistake(
            "you wiped the velocity of frozen weights",
            "Nothing of them may change; what is to become of it when they are thawed is another decision.",
            versions.step_velocity_wiped,
        ),
        Mistake(
            "you multiplied by zero",
            "Right as long as all numbers are finite: 0 · NaN is NaN, and the frozen weight is lost.",
            versions.step_times_zero,
        ),
        Mistake("you froze what should learn", "frozen is True where nothing may change.", versions.step_inverted),
        Mistake("you froze nothing", "`frozen` plays no part in your numbers.", versions.step_nothing_frozen),
        Mistake(
            "nothing learns, the head neither",
            "Where frozen is False the step is taken.",
            versions.step_all_frozen,
        ),
        Mistake(
            "you moved by the old velocity",
            "The weight moves by the new one, with this step's gradient in it.",
            versions.step_old_velocity,
        ),
        Mistake("you go uphill", "A step goes against the gradient: minus.", versions.step_uphill),
        Mistake(
            "your velocity has the rate in it",
            "It is multiplied when the weight moves; inside, a change of the rate would come late.",
            versions.step_rate_inside,
        ),
        Mistake("you took a mean of old and new", "That is Adam's way: 1 − momentum.", versions.step_dampened),
        Mistake("your decay stays out of the velocity", "That is AdamW's way.", versions.step_decay_apart),
        Mistake("your decay pushes weights away from zero", "It is + decay · w inside v.", versions.step_decay_grows),
    ),
    afterword="This is what `requires_grad_(False)` alone does not give you where an optimiser remembers: "
    "a gradient of zero is not the same as no gradient.",
)

DELTA = RepairFunction(
    id="7.4",
    title="Learned, and yet no Δ",
    section="exercises",
    points=2,
    minutes=8,
    name="delta_of_training",
    parameters=("head", "features", "target", "rate", "steps"),
    prompt=(
        "`delta_of_training` trains a linear head on frozen features: `features` is `(N, D)`, `head` is "
        "`(D, K)`, `target` is `(N, K)`. It takes `steps` steps of gradient descent, whose gradient "
        "features′ · error / N is right, and returns Δweights = after − before. The head that it was given "
        "should stay as it was: it is the pre-trained one, and others need it.\n\nThe function below trains, "
        "the error falls, and Δ is zero. Find the bug and repair it."
    ),
    broken=delta_of_training_without_a_copy,
    solution=delta_of_training,
    alternatives=(versions.delta_without_in_place, versions.delta_by_adding_up, versions.delta_by_numpy),
    forbidden=READY_MADE,
    cases=(
        Case((small_image(3, 2, seed=85), small_image(4, 3, seed=86, high=4), small_image(4, 2, seed=87), 0.1, 3)),
        Case((small_image(2, 3, seed=88, low=-5), small_image(5, 2, seed=89, high=3), small_image(5, 3, seed=90),
              0.05, 2)),
        Case((small_image(2, 4, seed=91), small_image(3, 2, seed=92, high=4), small_image(3, 4, seed=93), 0.2, 1)),
        Case((small_image(2, 3, seed=94), small_image(4, 2, seed=95), small_image(4, 3, seed=96), 0.1, 0), edge=True),
    ),  # fmt: skip
    hints=(
        "Print `before is head` at the end.",
        "`before = head` makes no copy: it is a second name for the same tensor. And `head -= ...` writes into "
        "that tensor.",
        "Work on a copy, `after = head.clone()`, and return `after - head`. With a whole model it is "
        "`copy.deepcopy(model.state_dict())`, taken before training.",
    ),
    mistakes=(
        Mistake(
            "your `before` is the very tensor that is trained",
            "Δ is zero though the head has moved: both names mean one tensor.",
            delta_of_training_without_a_copy,
        ),
        Mistake(
            "your Δ is that of the last step alone",
            "`before` has to be taken once, before the first step.",
            versions.delta_of_last_step,
        ),
        Mistake("you subtracted the wrong way round", "Δ = after − before.", versions.delta_backwards),
        Mistake(
            "you returned the trained head",
            "Eq. 5 asks for what was added to the pre-trained one.",
            versions.delta_is_after,
        ),
        Mistake(
            "you divided Δ by the weights before",
            "The relative change is another number; here Δ itself is asked for.",
            versions.delta_relative,
        ),
        Mistake("you lost the division by N", "The steps were right as given.", versions.delta_not_divided),
        Mistake(
            "you divided by all numbers of the target",
            "The steps were right as given: a division by N, the number of rows.",
            versions.delta_divided_by_all,
        ),
        Mistake("you go uphill", "A step goes against the gradient.", versions.delta_uphill),
        Mistake(
            "you work the error out only once",
            "Each step has an error of its own: the head has moved meanwhile.",
            versions.delta_of_first_error,
        ),
        Mistake("you stop after one step", "`steps` steps are asked for.", versions.delta_of_one_step),
        Mistake("you dropped the sign of Δ", "Weights move both ways.", versions.delta_absolute),
    ),
    afterword="`medkit.transfer.delta_weights` refuses a `before` that shares its memory with `after`.",
)

EXERCISES = (FROZEN_STEP, GREY_STEM, RUNNING_MEAN, DELTA, WHO_MOVED, KILL_FREEZES)
