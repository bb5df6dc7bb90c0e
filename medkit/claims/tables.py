"""Claims about Tables 4, 5 and 7, judged from the comparison of models on real images."""

from __future__ import annotations

from itertools import pairwise

from medkit import paper
from medkit.claims.questions import (
    FAILS,
    HOLDS,
    MODALITIES,
    OPEN,
    SETS,
    WITH_MASKS,
    Compared,
    Question,
    above,
    as_printed,
    ask,
    compare,
    metrics_of,
    over_sets,
)
from medkit.claims.trials import Evidence, Trial
from medkit.claims.verdict import Finding
from medkit.runs import LINEAR

COMMAND = "python3 -m medkit reproduce --data {} --preset paper"
RANKS = paper.MODELS[::-1]  # best first, as in every row of Tables 4, 5 and 7
PRINTED = {"accuracy": paper.ACCURACY, "dice": paper.DICE, "f1": paper.F1}
HEALTHY = {"healthy", "normal", "no bleed", "no tumour"}  # names of classes without a finding


def order(evidence: Evidence, metric: str) -> Finding:
    """Judge K1, K2, K3: hybrid above Transformer above U-Net above CNN, in one metric."""

    def asks(trial: Trial) -> list[Question] | str:
        named = metrics_of(trial, metric)
        if not named:
            return _cannot(metric)
        pairs = [(first, second, trial.of(first), trial.of(second)) for first, second in pairwise(RANKS)]
        return _questions(named, pairs)

    sets = WITH_MASKS if metric == "dice" else SETS
    return over_sets(evidence, asks, COMMAND, modalities=MODALITIES, sets=sets)


def margins(evidence: Evidence) -> Finding:
    """Judge K4: the hybrid's lead at epoch 50 is the printed one."""

    def asks(trial: Trial) -> list[Question] | str:
        questions = []
        for metric, table in PRINTED.items():
            for name, called in metrics_of(trial, metric):
                for model, points in table.margins().items():
                    found = compare(trial.of(RANKS[0]), trial.of(model), name, level=0.90)
                    if found is None:
                        return f"lacks runs of {RANKS[0]} or {model} with a common seed"
                    text = f"{RANKS[0]} - {model} (printed {points:+.1f})"
                    questions.append(ask(called, text, found, as_printed(found, points)))
        return questions or _cannot("f1")

    return over_sets(evidence, asks, COMMAND, modalities=MODALITIES, whole_run=True)


def rising(evidence: Evidence) -> Finding:
    """Judge K5: accuracy, Dice and F1 of every model rise from report epoch to report epoch."""

    def asks(trial: Trial) -> list[Question] | str:
        missing = [model for model in RANKS if not trial.of(model)]
        if missing:
            return f"lacks runs of {', '.join(missing)}"
        named = metrics_of(trial, *PRINTED)
        steps = [(*pair, step) for pair in ((m, n) for m in RANKS for n in named) for step in range(4)]
        return [_step(trial, *step, looks=len(steps)) for step in steps] or _cannot("f1")

    return over_sets(evidence, asks, COMMAND, modalities=MODALITIES, whole_run=True)


def works_everywhere(evidence: Evidence) -> Finding:
    """Judge half of K16: the hybrid, trained on each modality, is above the linear baseline on each."""

    def asks(trial: Trial) -> list[Question] | str:
        named = metrics_of(trial, "accuracy")
        if not named:
            return _cannot("accuracy")
        return _questions(named, [(RANKS[0], LINEAR, trial.of(RANKS[0]), trial.of(LINEAR))])

    return over_sets(evidence, asks, COMMAND, modalities=MODALITIES)


def both_errors(evidence: Evidence) -> Finding:
    """Judge K29: fewer healthy images called ill, and fewer ill ones called healthy, than each other model."""

    def asks(trial: Trial) -> list[Question] | str:
        healthy = [number for number, name in enumerate(trial.data["classes"]) if name in HEALTHY]
        if len(healthy) != 1:
            return "has no class without a finding"
        questions = []
        for called, ill in (("healthy images left alone", False), ("ill images found", True)):
            runs = {model: [_ill_or_not(run, healthy[0], ill) for run in trial.of(model)] for model in RANKS}
            pairs = [(RANKS[0], other, runs[RANKS[0]], runs[other]) for other in RANKS[1:]]
            asked = _questions([("accuracy", called)], pairs)
            if isinstance(asked, str):
                return asked
            questions += asked
        return questions

    return over_sets(evidence, asks, COMMAND, modalities=MODALITIES[1:])


def _questions(
    named: list[tuple[str, str]], pairs: list[tuple[str, str, list[dict], list[dict]]]
) -> list[Question] | str:
    """Ask of each metric and pair whether the first is above the second."""
    questions = []
    for metric, called in named:
        for first, second, mine, theirs in pairs:
            found = compare(mine, theirs, metric)
            if found is None:
                return f"lacks runs of {first} or {second} with a common seed"
            questions.append(ask(called, f"{first} - {second}", found, above(found)))
    return questions


def _step(trial: Trial, model: str, named: tuple[str, str], row: int, looks: int) -> Question:
    """Ask whether a metric rises from one report epoch to the next.

    A rise has a 95 % interval above 0. A fall has one below 0 at a level at which, of all `looks`,
    one in twenty times one would do so by chance.
    """
    metric, called = named
    runs = trial.of(model)
    before, after = ([{**run, "result": [run["result"][at]]} for run in runs] for at in (row, row + 1))
    found = compare(after, before, metric)
    epochs = [run["result"][0]["epoch"] for run in (before[0], after[0])]
    text = f"epoch {epochs[0]} to {epochs[1]}"
    return ask(f"{called} of {model}", text, found, _rise(found, after, before, metric, looks))


def _rise(found: Compared, after: list[dict], before: list[dict], metric: str, looks: int) -> str:
    if found.interval.low > 0:
        return HOLDS
    if not found.interval.high < 0:
        return OPEN
    return FAILS if compare(after, before, metric, level=1 - 0.05 / looks).interval.high < 0 else OPEN


def _ill_or_not(run: dict, healthy: int, ill: bool) -> dict:
    """Return a run with two classes, healthy and ill, of which one alone is scored."""
    truth, row = run["data"]["truth"], run["result"][-1]
    label = [int(number != healthy) for number in truth["label"]]
    scored = [was and number == ill for was, number in zip(truth["scored"], label)]
    data = {**run["data"], "classes": ["healthy", "ill"], "truth": {**truth, "label": label, "scored": scored}}
    return {**run, "data": data, "result": [{**row, "pred": [int(number != healthy) for number in row["pred"]]}]}


def _cannot(metric: str) -> str:
    return "has no masks" if metric == "dice" else "its test images are all of one class"
