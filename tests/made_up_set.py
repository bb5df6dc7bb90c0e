"""All records of one made-up set: four models, their losses and validation rows, and the linear baseline."""

import copy
import math

import torch
from made_up import made_up

from medkit.metrics import accuracy, balanced_accuracy, f1, label_counts
from medkit.paper import MODELS


def made_up_set(seeds=(0, 1), linear=True, **kwargs):
    """Records of four models, the last the best on validation data; and of the baseline, with few right answers."""
    records = [complete(made_up(model, seed, **kwargs)) for model in MODELS for seed in seeds]
    return [*records, made_up_linear(**kwargs)] if linear else records


def complete(record):
    """Add what a run has beside its test results: losses, rows on validation data, the protocol's name."""
    rank = MODELS.index(record["model"])
    record["loss"] = [
        {"epoch": e, "loss": 2 * math.exp(-e / (6 + rank)) + 0.05 * record["seed"]} for e in range(1, 11)
    ]
    record["validation"] = copy.deepcopy(record["result"])
    for row in record["validation"]:
        for metric in ("accuracy", "balanced_accuracy"):
            row[metric]["value"] = 50.0 + rank + row["epoch"]
    record["settings"] |= {"learning_rate": 0.001}
    record["protocol"] = {"name": "paper", "preset": "quick"}
    record["data"] |= {"leaks": [], "leaks_allowed": False}
    return record


def made_up_linear(**kwargs):
    """The linear baseline: no seed, no clock, one row; right in about every third image, a quarter of a mask."""
    record = made_up("linear", 0, **kwargs) | {"seedless": True, "loss": []}
    row, truth = record["result"][-1], record["data"]["truth"]["label"]
    classes = len(record["data"]["classes"])
    row["pred"] = [(label + (i // classes) % 3 % classes) % classes for i, label in enumerate(truth)]
    scored = [i for i, scored in enumerate(record["data"]["truth"]["scored"]) if scored]
    pred, target = (torch.tensor([labels[i] for i in scored]) for labels in (row["pred"], truth))
    counts = label_counts(pred, target, classes)
    for measure in (accuracy, balanced_accuracy, f1):
        row[measure.__name__] = vars(measure(counts))
    if row["dice"]:
        row["dice_each"] = [value and value / 4 for value in row["dice_each"]]
        row["dice"]["value"] /= 4
    return record | {"result": [row], "clock": None}
