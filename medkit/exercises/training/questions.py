"""The exercises of notebook 08 that ask for a number and a panel: 8.3, 8.5."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure

EPOCHS, STEPS = 30, 16  # of the runs that 8.5 shows; steps are those of an epoch
KEPT = 0.85  # what a decaying rate keeps of itself


def weight_never_zeroed(start: float, slope: float, rate: float, steps: int) -> float:
    """Return where SGD ends on the loss slope · w if the gradients of all steps are left to add up."""
    weight = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=rate)
    for _ in range(steps):
        (slope * weight).backward()
        optimiser.step()
    return float(weight.detach())


def rate_runs() -> dict[str, list[float]]:
    """Return the loss at the start and after each epoch of one small training, with four courses of the rate."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(16 * STEPS, 6, generator=generator, dtype=torch.float64)
    x = x * torch.tensor([1.0, 1.0, 0.7, 0.7, 0.4, 0.4], dtype=torch.float64)
    y = x @ torch.tensor([2.0, -1.0, 2.0, 1.0, -3.0, 2.0], dtype=torch.float64)
    y = y + 0.5 * torch.randn(len(x), generator=generator, dtype=torch.float64)
    courses = {
        "a": lambda step: 0.92,
        "b": lambda step: 0.08 * KEPT**step,
        "c": lambda step: 0.08 * KEPT ** (step // STEPS),
        "d": lambda step: 0.0012,
    }
    return {letter: _losses(x, y, course) for letter, course in courses.items()}


def _losses(x: torch.Tensor, y: torch.Tensor, rate_at) -> list[float]:
    """Train six weights by plain SGD, from zero; return the mean loss at the start and after each epoch."""
    weight, generator = torch.zeros(x.shape[1], dtype=x.dtype), torch.Generator().manual_seed(4)
    losses = [float(y.square().mean())]
    for step in range(EPOCHS * STEPS):
        if step % STEPS == 0:
            order = torch.randperm(len(x), generator=generator).split(16)
        rows = order[step % STEPS]
        error = x[rows] @ weight - y[rows]
        weight = weight - rate_at(step) * 2 * x[rows].T @ error / 16
        if step % STEPS == STEPS - 1:
            losses.append(float((x @ weight - y).square().mean()))
    return losses


def rate_figure() -> str:
    """Draw the runs of 8.5, all on one scale."""
    runs = rate_runs()
    top = 1.1 * max(max(losses) for losses in runs.values())
    panels = [_on_one_scale(letter, losses, top) for letter, losses in runs.items()]
    return figure.as_html(
        figure.row(*panels, inches=2.6),
        alt="Training loss over 30 epochs of four runs, panels lettered a to d, all on one scale",
        caption=f"One small training of {EPOCHS} epochs with {STEPS} steps each, four courses of the learning rate; "
        "numbers made up.",
        tier="phantom",
    )


def _on_one_scale(letter: str, losses: list[float], top: float) -> figure.Panel:
    panel = figure.curve(range(EPOCHS + 1), {"training loss": losses}, letter, "epoch")

    def draw(axis: Axes) -> None:
        panel(axis)
        axis.set_ylim(0, top)

    return draw


NEVER_ZEROED = PredictNumber(
    id="8.3",
    title="Four steps without zero_grad",
    section="exercises",
    points=1,
    minutes=4,
    name="weight",
    prompt=(
        "A loss is 2 · w, a straight line: its gradient is 2 wherever w is. The weight starts at w = 10 and makes "
        "four steps of plain SGD with the learning rate 0.1. But `zero_grad()` is forgotten, so that each "
        "`backward()` adds its gradient to those before. Where does the weight end? Put down your number "
        "before you run anything."
    ),
    truth=lambda: weight_never_zeroed(10.0, 2.0, 0.1, 4),
    tolerance=0.01,
    working="10 - 0.1 * (2 + 4 + 6 + 8)  # the gradient that each step sees grows by 2",
    hints=(
        "Which gradient does the second step see: its own 2, and what else?",
        "The four steps see 2, 4, 6 and 8. Each moves the weight by 0.1 times that, downhill.",
    ),
    mistakes=(
        Mistake("you zeroed the gradients", "That is the run as it should be: four steps of 0.2.", 9.2),
        Mistake("you let all four steps see the last sum", "The sum grows from step to step.", 10 - 0.1 * 4 * 8),
        Mistake(
            "you doubled the gradient at each step",
            "backward() adds the new gradient of 2; it does not double the old sum.",
            10 - 0.1 * (2 + 4 + 8 + 16),
        ),
        Mistake(
            "you counted only what is left over",
            "The first step sees its own gradient too: 2, not 0.",
            10 - 0.1 * (0 + 2 + 4 + 6),
        ),
        Mistake("you went uphill", "SGD subtracts.", 12.0),
        Mistake("you left the learning rate out", "Each step is 0.1 times what it sees.", -10.0),
        Mistake("you gave the total way", "That is how far it went; it began at 10.", 2.0),
    ),
    afterword="Two and a half times too far after four steps, and the steps go on growing: it never settles.",
)

TOO_OFTEN = ReadFigure(
    id="8.5",
    title="Stepped too often",
    section="exercises",
    points=1,
    minutes=4,
    name="panel",
    prompt=(
        f"The figure above shows one small training, four times: {EPOCHS} epochs of {STEPS} steps, the same "
        "numbers in the same order. Only the learning rate takes another course in each. In one of the four "
        f"it was meant to be multiplied by {KEPT} after every *epoch*, but by mistake this happens after every "
        "*step*. Which panel is it?"
    ),
    draw=rate_figure,
    right="b",
    hints=(
        f"{KEPT} multiplied by itself 16 times is 0.07: how large is the rate after one epoch, and after two?",
        "Look for a run that learns well for an epoch, and then does not move any more, far from the floor "
        "that another run reaches.",
    ),
    mistakes=(
        Mistake(
            "you took a rate that is too large for one that has died",
            "In panel a the loss never stops moving: each step overshoots.",
            "a",
        ),
        Mistake(
            "you took the run as it was meant",
            "Panel c is it: down to the floor, and ever calmer, since the rate falls once an epoch.",
            "c",
        ),
        Mistake(
            "you took a rate that is too small for one that has died",
            "Panel d is slow, and goes on falling to the very end: its rate is the same all the time.",
            "d",
        ),
    ),
    afterword="Right: it stands still, though nothing is learned to the end. Print the rate beside the loss.",
)
