"""Claims that need no run: sums of the paper's own numbers, and small checks that are run on the spot.

Each function takes what it judges as an argument, the paper's or the kit's own if nothing is said, so
that a test can hand in the contrary.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import Tensor, nn

from medkit import augment, metrics, paper, transfer
from medkit import normalise as scaling
from medkit.attention import attend, attention_scores, attention_weights
from medkit.blocks import drawn_by
from medkit.claims.verdict import CONTRADICTS, NOT_REPRODUCED, REPRODUCED, UNTESTABLE, Finding

NO_CLASH = "the paper's numbers agree, and it names no set of images to measure this on"
STEPS = 5  # of training, in the check of freezing


def headline(table: paper.ResultTable = paper.ACCURACY) -> Finding:
    """Judge K20: the abstract's accuracy against the highest number of Table 4.

    >>> headline().why
    'the abstract says 98.5 %, and no number of Table 4 is above 95.1 %'
    """
    (said,) = _numbers("K20")
    highest = max(max(column) for column in table.column.values())
    if said <= highest:
        return Finding(UNTESTABLE, NO_CLASH)
    return Finding(CONTRADICTS, f"the abstract says {said} %, and no number of Table 4 is above {highest} %")


def lead_in_accuracy(table: paper.ResultTable = paper.ACCURACY) -> Finding:
    """Judge K21: a lead of 3 to 5 % over each other model, in points or as a share, to whole numbers."""
    low, high = (float(number) for number in re.findall(r"\d+", paper.find("C2").places[0].words))
    return _lead(table, lambda lead: low <= round(lead) <= high, f"{low:.0f} to {high:.0f} %", 4)


def lead_in_dice(table: paper.ResultTable = paper.DICE) -> Finding:
    """Judge K22: a lead of 10 % in Dice over each other model, in points or as a share, to whole numbers."""
    (said,) = _numbers("K22")
    return _lead(table, lambda lead: round(lead) == said, f"{said:.0f} %", 5)


def frozen(hold: Callable[..., None] = transfer.freeze) -> Finding:
    """Judge K14: train a small network with frozen convolutions, and compare every byte of them.

    hold: (model, *stages), freezes stages; a test hands in the usual way, gradients off and no more.
    """
    model = _small_network()
    hold(model, "convolution", "norm")
    before = transfer.fingerprint(model)
    _train(model)
    after = transfer.fingerprint(model)
    moved = [name for name in before if before[name] != after[name]]
    held = [name for name in moved if not name.startswith("head")]
    if held:
        return Finding(NOT_REPRODUCED, f"after {STEPS} steps of Adam other bytes in {', '.join(held)}")
    if not moved:
        return Finding(None, "nothing was trained, not even the layer that is free")
    kept = len(before) - len(moved)
    why = f"after {STEPS} steps of Adam not one byte of {kept} frozen tensors changed, statistics included"
    return Finding(REPRODUCED, f"{why}, where `medkit.transfer.freeze` holds them; gradients off alone do not")


def same_contrast(scale: Callable[[Tensor], Tensor] = scaling.min_max) -> Finding:
    """Judge K23: Eq. 2 of an image, and of the same image with one hot pixel.

    scale: image -> scaled image.
    """
    image = torch.linspace(0, 1, 64).reshape(1, 1, 8, 8).clone()
    hot = image.clone()
    hot[..., 0, 0] = 1000.0
    contrast = [float(scale(one)[..., 1:, :].std()) for one in (image, hot)]
    if abs(contrast[1] / contrast[0] - 1) < 0.1:
        return Finding(REPRODUCED, "one hot pixel changes the contrast of all others by less than a tenth")
    why = f"one hot pixel takes the standard deviation of all others from {contrast[0]:.2f} to {contrast[1]:.4f}"
    return Finding(NOT_REPRODUCED, f"{why}: Eq. 2 gives all images the same extremes, not the same contrast")


def five_thousand(plan: Callable = augment.plan) -> Finding:
    """Judge K24: how many images the plan of Table 1 makes of 1000."""
    made = len(plan(1000, seed=0).original)
    why = f"1000 images and four copies of each are {made}"
    return Finding(REPRODUCED if made == 5000 else NOT_REPRODUCED, why)


def more_score_more_say(weigh: Callable[[Tensor, Tensor], Tensor] = attention_scores) -> Finding:
    """Judge K26: of two regions, the one with the higher score against the one with the lower.

    weigh: (q, k) -> what Eq. 4 weights values with; as printed, the scores themselves.
    """
    q, k, v = torch.tensor([[1.0]]), torch.tensor([[-3.0], [1.0]]), torch.eye(2)
    scores = attention_scores(q, k)[0]
    low, high = (abs(float(share)) for share in attend(weigh(q, k), v)[0])
    if high > low:
        return Finding(REPRODUCED, f"of scores {scores.tolist()} the higher one has more say")
    with_softmax = attend(attention_weights(q, k), v)[0].tolist()
    why = f"of scores {scores.tolist()} the lower one has {low / high:.0f} times as much say, as Eq. 3-4 are printed"
    return Finding(NOT_REPRODUCED, f"{why}; with a softmax it has {with_softmax[0]:.2f} against {with_softmax[1]:.2f}")


def accuracy_is_enough(ill: int = 13) -> Finding:
    """Judge K27: the accuracy of a model that never finds anyone ill.

    ill: of 100 images; 13 as in the head CT set.
    """
    counts = _never_ill(ill)
    accuracy, balanced = metrics.accuracy(counts).value, metrics.balanced_accuracy(counts).value
    if accuracy <= balanced:
        return Finding(UNTESTABLE, "where both classes are as frequent, this example shows nothing")
    why = f"a model that calls everyone healthy has {accuracy:.0f} % with {ill} of 100 ill, and finds none of them"
    return Finding(NOT_REPRODUCED, f"{why} (balanced accuracy {balanced:.0f} %)")


def f1_for_uneven_classes(ill: int = 13) -> Finding:
    """Judge K28: the F1 of that same model, averaged in the three usual ways."""
    counts = _never_ill(ill)
    averages = (metrics.micro, metrics.weighted, metrics.macro)
    found = {average.__name__: average(metrics.f1_per_class, counts).value for average in averages}
    said = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
    why = f"the paper doesn't say how F1 is averaged; a model that never finds one of {ill} ill of 100 has {said}"
    return Finding(UNTESTABLE, f"{why}: the first is the accuracy again, the last is not fooled")


def patients_gain() -> Finding:
    """Judge K30: no set of images can."""
    return Finding(UNTESTABLE, "only a study in a clinic could decide it, and no set of images")


def _numbers(claim: str) -> list[float]:
    """Return the numbers in the words that a claim is quoted by."""
    return [float(number) for number in re.findall(r"\d+\.?\d*", paper.find(claim).places[0].words)]


def _lead(table: paper.ResultTable, inside: Callable[[float], bool], said: str, number: int) -> Finding:
    """Compare a lead that the abstract claims over all others with the table's last row."""
    readings = {"points": table.margins(), "%": table.relative_margins()}
    told = " or ".join(
        ", ".join(f"{model} {lead:+.1f}" for model, lead in leads.items()) + f" {unit}"
        for unit, leads in readings.items()
    )
    if any(all(map(inside, leads.values())) for leads in readings.values()):
        return Finding(UNTESTABLE, NO_CLASH)
    why = f"the abstract says {said}; Table {number} gives {told}, on neither reading so for each of them"
    return Finding(CONTRADICTS, why)


def _never_ill(ill: int) -> metrics.Counts:
    truth = (torch.arange(100) < ill).long()
    return metrics.label_counts(torch.zeros(100, dtype=torch.int64), truth, classes=2)


def _small_network() -> nn.Module:
    """Build a convolution, a BatchNorm and a head; nobody else's random numbers change."""
    with drawn_by(0):
        model = nn.Sequential()
        model.add_module("convolution", nn.Conv2d(1, 4, 3))
        model.add_module("norm", nn.BatchNorm2d(4))
        model.add_module("flat", nn.Flatten())
        model.add_module("head", nn.Linear(4 * 6 * 6, 2))
    return model


def _train(model: nn.Module) -> None:
    draw = torch.Generator().manual_seed(0)
    image, label = torch.randn((8, 1, 8, 8), generator=draw) * 3 + 1, torch.arange(8) % 2
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        return  # there is nothing to train
    for _ in range(STEPS):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(image), label).backward()
        optimiser.step()
