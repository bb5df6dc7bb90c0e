"""Records of one set, sorted: each model's runs, the baselines beside them, the model validation data chose.

A record is one run, as `medkit.experiment.run` returns it. The linear baseline's record stands among
them: it has no seed to vary, and is none of the paper's four models.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import torch

from medkit import metrics, paper

LINEAR = "linear"
SHARED = ("settings", "left_out", "protocol")  # by all runs in one table


def by_model(records: list[dict]) -> dict[str, list[dict]]:
    """Return the runs of each of the paper's models, in its order, by seed; baselines are left out."""
    names = [name for name in paper.MODELS if any(record["model"] == name for record in records)]
    return {
        name: sorted((r for r in records if r["model"] == name), key=lambda record: record["seed"]) for name in names
    }


def every_model(records: Sequence[dict]) -> dict[str, list[dict]]:
    """Return the records of each model, whichever it is, by seed; models in the order in which they come."""
    found: dict[str, list[dict]] = {}
    for record in sorted(records, key=lambda record: record["seed"]):
        found.setdefault(record["model"], []).append(record)
    return found


def linear_of(records: list[dict]) -> dict | None:
    """Return the linear baseline's record, or None where it was not run."""
    return next((record for record in records if record["model"] == LINEAR), None)


def headline(data: dict) -> str:
    """Return the metric to read first: accuracy; balanced where one class dominates; Dice without labels."""
    if data["masks"] and not any(data["truth"]["scored"]):
        return "dice"
    return "balanced_accuracy" if data["dominated"] else "accuracy"


def number_of(row: dict, metric: str) -> float | None:
    """Return a metric's value in a row of results; None where it has none (JSON has no NaN)."""
    value = (row.get(metric) or {}).get("value")
    return None if value is None or math.isnan(value) else value


def chosen_on_validation(records: list[dict]) -> str:
    """Return the model with the best last row on validation data, mean over its seeds.

    Args:
        records: of one set; those of the paper's models are compared by their `headline`, a tie goes
            to the one that the paper names first. Test results are not looked at.

    Raises:
        ValueError: a run without a measurement on validation data.
    """
    metric = headline(records[0]["data"])
    scores = {}
    for model, runs in by_model(records).items():
        values = [number_of((run.get("validation") or [{}])[-1], metric) for run in runs]
        if None in values:
            raise ValueError(f"records must hold {metric} on validation data, got a {model} without; run it again")
        scores[model] = statistics.fmean(values)
    if not scores:
        raise ValueError(f"records must hold a run of {', '.join(paper.MODELS)}, got none; run one first")
    return max(scores, key=scores.get)


def most_frequent(data: dict) -> dict[str, float]:
    """Return what it is worth to answer training's most frequent class always, and no mask, in %.

    Args:
        data: of a record.

    Returns:
        A number for each metric: on the test images' own labels, where any is scored. Dice is 0
        wherever there is a mask to find.
    """
    if data["majority"] is None or math.isnan(data["majority"]) or not any(data["truth"]["scored"]):
        return {"dice": 0.0}
    label, scored = (torch.tensor(data["truth"][name]) for name in ("label", "scored"))
    answered, classes = label[scored], len(data["classes"])
    shares = answered.bincount(minlength=classes) / len(answered) * 100
    always = (shares - data["majority"]).abs().argmin()  # classes of equal share are worth the same
    counts = metrics.label_counts(always.expand(len(answered)), answered, classes)
    return {
        "accuracy": metrics.accuracy(counts).value,
        "balanced_accuracy": metrics.balanced_accuracy(counts).value,
        "auroc": 50.0,
        "f1": metrics.f1(counts).value * 100,
        "dice": 0.0,
    }


def check_alike(records: list[dict]) -> None:
    """Refuse records that can't stand in one table.

    The learning rate may differ between models where a protocol chooses it, on validation data.

    Raises:
        ValueError: no run of a model, a run twice, or other settings, protocols or images.
    """
    models = [record for record in records if record["model"] in paper.MODELS]
    if not models:
        raise ValueError(f"records must be one or more of {', '.join(paper.MODELS)}, got none; run one first")
    runs = [(record["model"], None if record["model"] == LINEAR else record["seed"]) for record in records]
    if len(set(runs)) < len(runs):
        model, seed = max(runs, key=runs.count)
        which = model if seed is None else f"{model}, seed {seed}"
        raise ValueError(f"records must be different runs, got {which} twice; leave one out")
    first, rates = models[0], {}
    for record in models:
        whose = record["model"] if protocol_of(record) == "improved" else "all"
        rate = record["settings"].get("learning_rate")
        same = {name: _but_rate(record[name]) == _but_rate(first[name]) for name in SHARED}
        same["settings"] &= rates.setdefault(whose, rate) == rate
        for name in SHARED:
            if not same[name]:
                raise ValueError(f"records must share their {name}, got two; one table holds one protocol")
    for record in records:
        if record["data"]["sha256"] != first["data"]["sha256"]:
            raise ValueError("records must come from the same images, got two sets; give each a table of its own")


def protocol_of(record: dict) -> str:
    """Return the protocol's name, "paper" or "improved"."""
    return record["protocol"].get("name", "paper")


def _but_rate(part):
    return {key: value for key, value in part.items() if key != "learning_rate"} if isinstance(part, dict) else part
