"""The exercises of notebook 07 that ask for a number and for a panel: 7.3, 7.5."""

from __future__ import annotations

import functools
import math
from collections import OrderedDict

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from medkit import figure
from medkit.data.phantom import phantom
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure
from medkit.normalise import min_max
from medkit.transfer import delta_weights, freeze

BACKBONE = ("conv 1", "norm 1", "conv 2", "norm 2")
LEAST, MOST = 1e-3, 10.0  # ends of the figure's logarithmic axis


def _held(model: nn.Module) -> None:
    freeze(model, *BACKBONE)


def _gradients_off(model: nn.Module) -> None:
    for stage in BACKBONE:
        model.get_submodule(stage).requires_grad_(False)


def _nothing_held(model: nn.Module) -> None:
    pass


def _head_held(model: nn.Module) -> None:
    freeze(model, "head")


RUNS = {"a": _held, "b": _gradients_off, "c": _nothing_held, "d": _head_held}


def _small_network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return nn.Sequential(OrderedDict({
            "conv 1": nn.Conv2d(1, 6, 3, stride=2, padding=1), "norm 1": nn.BatchNorm2d(6), "relu 1": nn.ReLU(),
            "conv 2": nn.Conv2d(6, 12, 3, stride=2, padding=1), "norm 2": nn.BatchNorm2d(12), "relu 2": nn.ReLU(),
            "pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "head": nn.Linear(12, 3),
        }))  # fmt: skip


@functools.cache
def changes() -> dict[str, dict[str, float]]:
    """Return for each run of 7.5 how far each part moved: the size of Δ over that of the weights before."""
    data = phantom(24, 32, "MRI")
    image = min_max(data.image)
    return {name: _changes_of(hold, image, data.label) for name, hold in RUNS.items()}


def _changes_of(hold, image: Tensor, label: Tensor, steps: int = 8) -> dict[str, float]:
    model = _small_network()
    hold(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
    model.train()
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(image), label).backward()
        optimiser.step()
    squares: dict[str, list[float]] = {}
    for name, delta in delta_weights(before, model.state_dict()).items():
        part = name.split(".")[0] + (" statistics" if "running" in name else "")
        moved, start = squares.setdefault(part, [0.0, 0.0])
        squares[part] = [moved + float(delta.square().sum()), start + float(before[name].double().square().sum())]
    return {part: math.sqrt(moved / start) for part, (moved, start) in squares.items()}


def changes_figure() -> str:
    """Draw the panels of 7.5 as HTML, with letters only."""
    picture = figure.row(*(_bars(parts, name) for name, parts in changes().items()), inches=2.9)
    return figure.as_html(
        picture,
        alt="Four panels, a to d, with a bar for each of seven parts of a small network: how far it moved in "
        "training. Which bars are missing differs from panel to panel",
        caption="A small network with BatchNorm, trained for 8 steps on 24 phantom MRI in four ways. Each bar is the "
        "size of Δ over that of the weights before, on a logarithmic axis; 0 stands where not one number changed. "
        "«Statistics» are BatchNorm's running mean and variance. The start is random and stands for a pre-trained one.",
        tier="phantom",
    )


def _bars(parts: dict[str, float], title: str) -> figure.Panel:
    def draw(axis: Axes) -> None:
        for place, value in enumerate(parts.values()):
            length = max(math.log10(max(value, LEAST) / LEAST), 0.0)
            axis.barh(place, length, color=figure.BLUE, height=0.6)
            text = figure.short(value) if value else "0"
            axis.text(length + 0.1, place, text, va="center", color=figure.INK, fontsize=8)
        axis.set_yticks(range(len(parts)), list(parts))
        axis.set_xticks([])
        axis.set_xlim(0, math.log10(MOST / LEAST))
        axis.invert_yaxis()
        axis.set_title(title, color=figure.INK, fontsize=11)
        axis.set_facecolor("none")
        axis.tick_params(colors=figure.INK, labelsize=8, length=0)
        axis.set_box_aspect(0.9)
        for name, side in axis.spines.items():
            side.set_visible(name == "left")
            side.set_edgecolor(figure.INK)

    return draw


RUNNING_MEAN = PredictNumber(
    id="7.3",
    title="What moves without a gradient",
    section="exercises",
    points=1,
    minutes=5,
    name="running_mean",
    prompt=(
        "Somebody calls `requires_grad_(False)` on a BatchNorm layer, takes it for frozen, and trains on. The "
        "layer is in training mode, its momentum is PyTorch's usual 0.1: after each batch the running mean is "
        "0.9 of what it was plus 0.1 of the batch's mean. It starts at 4.0, and each batch has the mean 10.0. "
        "What is the running mean after *two* batches? Put down your number before you run anything."
    ),
    truth=lambda: 0.9 * (0.9 * 4.0 + 0.1 * 10.0) + 0.1 * 10.0,
    tolerance=0.01,
    working="0.9 * (0.9 * 4.0 + 0.1 * 10.0) + 0.1 * 10.0  # 4.6 after one batch",
    hints=(
        "The running mean takes part in no gradient: `requires_grad_(False)` says nothing about it.",
        "After one batch: 0.9 · 4.0 + 0.1 · 10.0. Now the same once more, from there.",
    ),
    mistakes=(
        Mistake(
            "you took it for frozen",
            "Without gradients the weights stand still; the statistics are no weights, and move in training mode.",
            4.0,
        ),
        Mistake("you took one batch", "There are two.", 4.6),
        Mistake("you took the batch's mean", "Only a tenth of it comes in each time.", 10.0),
        Mistake(
            "you swapped old and new",
            "PyTorch's momentum is the share of the *new* number: 0.1 of the batch, 0.9 of the old.",
            0.1 * (0.1 * 4.0 + 0.9 * 10.0) + 0.9 * 10.0,
        ),
        Mistake(
            "you added the same step twice",
            "The second step starts nearer to 10, and is a little shorter.",
            5.2,
        ),
        Mistake("you averaged start and batches", "It is no plain average: old numbers fade.", 8.0),
        Mistake("you left the start out", "0.9 of what it was stays.", 0.9 * 1.0 + 1.0),
    ),
    afterword="Right. A «frozen» layer has moved a fifth of the way in two batches, and its answers with it. "
    "`medkit.transfer.freeze` puts it into evaluation mode and keeps it there.",
)

WHO_MOVED = ReadFigure(
    id="7.5",
    title="Which one was only half frozen?",
    section="exercises",
    points=2,
    minutes=5,
    name="run",
    prompt=(
        "Four runs start from the same small network. One holds its convolutional part (conv and norm, 1 and 2) "
        "by `medkit.transfer.freeze`, one only calls `requires_grad_(False)` on it, one holds nothing, one holds "
        "the head instead. Which panel is the run that only called `requires_grad_(False)`?"
    ),
    draw=changes_figure,
    right="b",
    hints=(
        "Without gradients no *weight* moves. What else is there in a BatchNorm?",
        "Look for a panel where the convolutions have 0 and the statistics have not.",
    ),
    mistakes=(
        Mistake(
            "you took the frozen run",
            "In panel a nothing moves but the head: held by `freeze`, statistics and all.",
            "a",
        ),
        Mistake(
            "you took the run that holds nothing",
            "In panel c the convolutions move as well.",
            "c",
        ),
        Mistake(
            "you took the run that holds the head",
            "In panel d the head alone has 0: it can't learn the new task.",
            "d",
        ),
    ),
    afterword="Right: the statistics moved far, without any gradient. Table 2 would still have counted 0 parameters.",
)
