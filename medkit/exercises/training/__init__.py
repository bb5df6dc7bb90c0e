"""The exercises of notebook 08 (Table 3), and in full those where a function is written.

`pieces` has the function to repair, `questions` the number and the figure, `tests` the test, and
`mistakes` the wrong versions of 8.1 and 8.2.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.training import mistakes as versions
from medkit.exercises.training.pieces import PIECES
from medkit.exercises.training.questions import NEVER_ZEROED, TOO_OFTEN
from medkit.exercises.training.tests import KILL_ORDERS
from medkit.exercises.values import small_image


def adam_step(weight, gradient, m, v, step, rate):
    """Move the weights by one step of Adam."""
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient**2
    m_hat, v_hat = m / (1 - 0.9**step), v / (1 - 0.999**step)
    weight = weight - rate * m_hat / (v_hat.sqrt() + 1e-8)
    return torch.stack([weight, m, v])


def loss_of_mask(pred, target):
    """Add what a mask got wrong: its overlap, and its pixels one by one."""
    truth, probability = target.float(), torch.sigmoid(pred)
    overlap = (probability * truth).sum(dim=(1, 2, 3))
    areas = probability.sum(dim=(1, 2, 3)) + truth.sum(dim=(1, 2, 3))
    dice = (2 * overlap + 1) / (areas + 1)
    pixels = torch.nn.functional.binary_cross_entropy_with_logits(pred, truth)
    return (1 - dice).mean() + pixels


def _state(*shape: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Return weight, gradient, m and v: small numbers, v not negative."""
    weight, gradient, m = (small_image(*shape, seed=seed + i, low=-5, high=6) + 0.5 for i in range(3))
    return weight, 3 * gradient, m / 2, small_image(*shape, seed=seed + 3) + 0.25


ADAM_STEP = WriteFunction(
    id="8.1",
    title="One step of Adam",
    section="before the code",
    points=3,
    minutes=12,
    name="adam_step",
    parameters=("weight", "gradient", "m", "v", "step", "rate"),
    prompt=(
        "Table 3 trains by Adam. Write one step of it, by the formulas above: `m` and `v` are the running "
        "averages from the step before, `step` counts from 1, and `rate` is η. Take β₁ = 0.9, β₂ = 0.999 and "
        "ε = 1e-8, which are PyTorch's own; ε stands outside the root. All tensors have the shape of `weight`, "
        "whatever that is.\n\nReturn the three new ones on top of each other, `torch.stack([weight, m, v])`, "
        "with `m` and `v` as the next step needs them: not yet corrected."
    ),
    unsolved=(
        "def adam_step(weight, gradient, m, v, step, rate):\n"
        "    ...\n"
        "    return ...  # torch.stack([weight, m, v]) after the step"
    ),
    solution=adam_step,
    alternatives=(versions.adam_by_loops, versions.adam_as_torch_does, versions.adam_in_numpy),
    forbidden=("torch.optim", "medkit.training"),
    cases=(
        Case((torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.5, -30.0, 4e-8]), *torch.zeros(2, 3), 1, 0.1)),
        Case((*_state(4, seed=20), 3, 0.5)),
        Case((*_state(2, 3, seed=30), 12, 0.3)),
        Case((torch.tensor([3.0, -1.0]), torch.tensor([0.0, 2.0]), *torch.zeros(2, 2), 1, 0.25), edge=True),
    ),
    hints=(
        "Begin with the averages: `m = 0.9 * m + 0.1 * gradient`, and the same for `v` with the gradient's square.",
        "Both begin at zero and are too small at first. Divide a copy of each by 1 − βᵗ, t being `step`: "
        "`m_hat = m / (1 - 0.9**step)`.",
        "`weight - rate * m_hat / (v_hat.sqrt() + 1e-8)`; hand on `m` and `v`, not the corrected copies.",
    ),
    mistakes=(
        Mistake(
            "you did not correct the averages",
            "m and v begin at zero. Without the division by 1 − βᵗ the first step is √10 = 3.2 times too long.",
            versions.adam_not_corrected,
        ),
        Mistake(
            "you put ε under the root",
            "Seen only where the gradient is tiny: √ε is 1e-4, ten thousand times ε.",
            versions.adam_epsilon_inside,
        ),
        Mistake(
            "you swapped β₁ and β₂",
            "β₁ = 0.9 belongs to the gradient, β₂ = 0.999 to its square.",
            versions.adam_swapped,
        ),
        Mistake(
            "you went uphill",
            "The gradient points to where the loss grows: subtract.",
            versions.adam_uphill,
        ),
        Mistake(
            "you counted one step too many",
            "`step` counts from 1 already: the first correction divides by 1 − 0.9, not by 1 − 0.9².",
            versions.adam_one_late,
        ),
        Mistake(
            "you forgot the root",
            "v has the unit of a squared gradient; only its root can be divided into m.",
            versions.adam_without_root,
        ),
        Mistake(
            "you handed on the corrected averages",
            "The weights are right, and the next step would correct what is corrected already.",
            versions.adam_keeps_corrected,
        ),
        Mistake(
            "you moved by the averages of the step before",
            "First put the new gradient into m and v, then move.",
            versions.adam_with_old_averages,
        ),
        Mistake(
            "you moved along this gradient alone",
            "What stands above the line is m, the average over steps.",
            versions.adam_without_memory,
        ),
        Mistake(
            "you added the gradient without its share 1 − β",
            "That is the momentum of SGD, a sum; Adam keeps averages.",
            versions.adam_gradient_in_full,
        ),
        Mistake(
            "you did not square the gradient in v",
            "v then has a sign, and the root of a negative number is NaN.",
            versions.adam_not_squared,
        ),
    ),
    afterword="Look at the first case: gradients of 0.5 and of −30 move their weights by the same 0.1.",
)

LOSS_OF_MASK = WriteFunction(
    id="8.2",
    title="The loss of a mask",
    section="before the code",
    points=3,
    minutes=12,
    name="loss_of_mask",
    parameters=("pred", "target"),
    prompt=(
        "Table 3 names no loss. The usual one for masks adds two parts. With y = 1 in the lesion and 0 beside "
        "it, and p = sigmoid of the logit:\n\n"
        "- the *soft Dice loss* of an image, 1 − (2 Σ p y + 1) / (Σ p + Σ y + 1), the sums over its pixels; "
        "then the mean over the images,\n"
        "- the *cross-entropy* of a pixel, −[y log p + (1 − y) log(1 − p)]; the mean over all pixels.\n\n"
        "`pred` holds logits `(B, 1, H, W)`, `target` is bool of the same shape. Return the sum of both "
        "parts, one number. It must be right for logits as large as ±300 too, where p is 0 or 1 to the last "
        "digit and the logarithm of p is of no use."
    ),
    unsolved="def loss_of_mask(pred, target):\n    ...\n    return ...",
    solution=loss_of_mask,
    alternatives=(
        versions.mask_loss_by_softplus,
        versions.mask_loss_by_loops,
        versions.mask_loss_without_overflow,
    ),
    forbidden=("medkit.losses", "medkit.step"),
    cases=(
        Case((small_image(2, 1, 3, 4, seed=40, low=-4, high=5) / 2, small_image(2, 1, 3, 4, seed=41) > 5)),
        Case((small_image(3, 1, 2, 5, seed=42, low=-6, high=5) / 2, small_image(3, 1, 2, 5, seed=43) > 3)),
        Case(
            (
                torch.tensor([[[[-300.0, 300.0, -200.0], [4.0, -1.0, 250.0]]], [[[-300.0] * 3, [-200.0] * 3]]]),
                torch.tensor([[[[True, True, False], [True, False, False]]], [[[False] * 3] * 2]]),
            ),
            edge=True,
        ),
    ),
    hints=(
        "`torch.sigmoid(pred)` are the probabilities; `sum(dim=(1, 2, 3))` adds up the pixels of each image "
        "and leaves B numbers.",
        "Dice takes probabilities, the cross-entropy takes the logits as they are: "
        "`torch.nn.functional.binary_cross_entropy_with_logits`.",
        "`(1 - (2 * overlap + 1) / (areas + 1)).mean()` plus the cross-entropy; turn the target into numbers "
        "by `target.float()`.",
    ),
    mistakes=(
        Mistake(
            "you took the sigmoid twice",
            "The function with `_with_logits` in its name takes the sigmoid itself: give it `pred`.",
            versions.mask_loss_sigmoid_twice,
        ),
        Mistake(
            "you took logits for areas",
            "A logit can be negative or large; an area is made of probabilities.",
            versions.mask_loss_of_logits,
        ),
        Mistake(
            "you pooled the images of the batch",
            "A large lesion then hides a small one. One Dice for each image, then the mean.",
            versions.mask_loss_pooled,
        ),
        Mistake(
            "you rewarded misses",
            "Dice is 1 where all is right; the loss is 1 − Dice.",
            versions.mask_loss_rewards_misses,
        ),
        Mistake(
            "you forgot the 2 above the line",
            "Without it even a perfect mask has a loss near a half.",
            versions.mask_loss_overlap_once,
        ),
        Mistake(
            "you left the 1 above and below out",
            "An empty mask that is left empty then gives 0/0.",
            versions.mask_loss_not_smooth,
        ),
        Mistake(
            "you added the pixels' cross-entropy up",
            "It then grows with the size of the image and drowns the Dice part: take the mean.",
            versions.mask_loss_sum_of_pixels,
        ),
        Mistake(
            "you made the mask hard first",
            "pred > 0 is yes or no: its slope is zero everywhere, and nothing can be learned from it.",
            versions.mask_loss_hard,
        ),
        Mistake(
            "you squared the areas",
            "There is such a variant; here the areas are plain sums.",
            versions.mask_loss_squared,
        ),
        Mistake("you averaged the two parts", "Their sum is asked for.", versions.mask_loss_averaged),
        Mistake(
            "you took the logarithm of a probability that is 0",
            "At a logit of −300 the sigmoid is 0 and its logarithm minus infinity. Start from the logit.",
            versions.mask_loss_overflows,
        ),
        Mistake(
            "you put a small number into the logarithm",
            "That keeps it finite and makes it wrong: every hopeless pixel costs the same 18.4.",
            versions.mask_loss_with_crutch,
        ),
        Mistake(
            "you gave probabilities to the cross-entropy",
            "PyTorch stops its logarithm at −100 there: a worse pixel costs no more, and has no slope.",
            versions.mask_loss_cut_off,
        ),
    ),
    afterword="Two losses that make up for each other: Dice sees the lesion, the cross-entropy every pixel.",
)

EXERCISES = (ADAM_STEP, LOSS_OF_MASK, NEVER_ZEROED, PIECES, TOO_OFTEN, KILL_ORDERS)
