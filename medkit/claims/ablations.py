"""Claims about single steps of the method, judged from ablations: two arms, all else equal."""

from __future__ import annotations

from medkit.claims.questions import (
    FAILS,
    HOLDS,
    MODALITIES,
    OPEN,
    WITH_MASKS,
    Compared,
    Question,
    above,
    ask,
    compare,
    metrics_of,
    not_worse,
    over_sets,
)
from medkit.claims.trials import PHANTOM, REAL, SUBSTITUTE, Evidence, Trial
from medkit.claims.verdict import UNTESTABLE, Finding

COMMAND = "python3 -m medkit ablate --study {study} --data {{}}"


def attention(evidence: Evidence) -> Finding:
    """Judge K9: attention is above a convolution of its size, in Dice and in accuracy."""

    def asks(trial: Trial) -> list[Question] | str:
        if not trial.data["masks"]:
            return "has no masks, and the claim is about segmentation above all"
        return _arms(trial, metrics_of(trial, "dice", "accuracy"), [("softmax", "convolution")], above)

    return over_sets(evidence, asks, _command("attention"), study="attention", sets=WITH_MASKS)


def no_softmax(evidence: Evidence) -> Finding:
    """Judge K10: Eq. 3 as printed is no worse than with a softmax."""

    def asks(trial: Trial) -> list[Question] | str:
        return _arms(trial, metrics_of(trial, "dice", "accuracy"), [("printed", "softmax")], not_worse)

    return over_sets(evidence, asks, _command("attention"), study="attention")


def preparation(evidence: Evidence) -> Finding:
    """Judge K11: denoising adds to normalising, and normalising to denoising, in each modality."""

    def asks(trial: Trial) -> list[Question] | str:
        pairs = [("both", "normalise only"), ("both", "denoise only")]
        return _arms(trial, metrics_of(trial, "dice", "accuracy"), pairs, above)

    return over_sets(evidence, asks, _command("preparation"), study="preparation", modalities=MODALITIES)


def augmentation(evidence: Evidence) -> Finding:
    """Judge K12: augmentation helps where labels are few, and more so than where they are many."""

    def asks(trial: Trial) -> list[Question] | str:
        return _few_and_many(trial, "augmented", "plain")

    return over_sets(evidence, asks, _command("augmentation"), study="augmentation")


def transfer(evidence: Evidence) -> Finding:
    """Judge K13: frozen ImageNet convolutions against training from scratch; other sources are told apart."""

    def asks(trial: Trial) -> list[Question] | str:
        questions = _few_and_many(trial, "frozen", "scratch")
        if isinstance(questions, str):
            return questions
        many = max(_labels(trial, "frozen") & _labels(trial, "scratch"))
        arms = [trial.arm(name, many) for name in ("frozen", "scratch")]
        called, found = _headline(trial, *arms, row=0)
        about = f"{called}, a fifth of the run with {many} labels"
        return [*questions, ask(about, "frozen - scratch", found, above(found))]

    command = _command("transfer")
    found = over_sets(evidence, asks, command, study="transfer")
    if found.verdict:
        return found
    other = over_sets(evidence, asks, command, study=SUBSTITUTE)
    runs = [run for tier in (REAL, PHANTOM) for trial in evidence.of(tier, SUBSTITUTE) for run in trial.runs]
    sources = sorted({str(run["arm"].get("source")) for run in runs if run["arm"]["name"] != "scratch"})
    if not sources:
        return found
    why = f"ImageNet's weights were not used; what stands beside is of a substitute ({', '.join(sources)})"
    return other._replace(verdict=UNTESTABLE, why=why, records=())


def synthesis(evidence: Evidence) -> Finding:
    """Judge K39: with fewest labels, images by a GAN and images in another style each add to accuracy and to Dice."""

    def asks(trial: Trial) -> list[Question] | str:
        questions, alone = [], trial.arm("real", min(_labels(trial, "real"), default=None))
        for name in ("GAN", "Fourier"):
            made = [run for run in trial.arm(name) if alone and run["arm"]["labels"] == alone[0]["arm"]["labels"]]
            copied = sum(bool(run["synthetic"].get("copies", {}).get("copied")) for run in made)
            warned = f" (copied training patients in {copied} of {len(made)} runs)" if copied else ""
            for metric, called in metrics_of(trial, "accuracy", "dice"):
                found = compare(made, alone, metric)
                if found is None:
                    return f"lacks runs of {name} or real with a common seed and number of labels"
                about = f"{called} with {alone[0]['arm']['labels']} labels"
                questions.append(ask(about, f"{name}{warned} - real", found, above(found)))
        return questions or "has neither masks nor two classes in its test"

    return over_sets(evidence, asks, "python3 -m medkit synthesise --data {} --out results", study="synthesis", sets=WITH_MASKS)


def _command(study: str) -> str:
    return COMMAND.format(study=study)


def _arms(trial: Trial, named: list[tuple[str, str]], pairs: list[tuple[str, str]], rule) -> list[Question] | str:
    """Ask of each metric and pair of arms what a rule says of the first less the second."""
    questions = []
    for first, second in pairs:
        for metric, called in named:
            found = compare(trial.arm(first), trial.arm(second), metric)
            if found is None:
                return f"lacks runs of {first} or {second} with a common seed"
            questions.append(ask(called, f"{first} - {second}", found, rule(found)))
    return questions or "its test images are all of one class"


def _few_and_many(trial: Trial, first: str, second: str) -> list[Question] | str:
    """Ask whether the first arm is above the second with fewest labels, and by more than with most."""
    labels = sorted(_labels(trial, first) & _labels(trial, second))
    if len(labels) < 2:
        return f"lacks runs of {first} and {second} with two numbers of labels"
    if not metrics_of(trial, "accuracy"):
        return "its test images are all of one class"
    leads = []
    for number in (labels[0], labels[-1]):
        lead = _headline(trial, trial.arm(first, number), trial.arm(second, number))
        if lead is None:
            return f"lacks runs of {first} or {second} with a common seed"
        leads.append(lead)
    (called, few), (_, many) = leads
    units, seeds = (min(pair) for pair in ((few.interval.n_groups, many.interval.n_groups), (few.seeds, many.seeds)))
    text = f"more than with {labels[-1]} labels, {many}"
    both = Question(called, text, _more(few, many), units, seeds, few.files + many.files)
    return [ask(called, f"{first} - {second} with {labels[0]} labels", few, above(few)), both]


def _more(few: Compared, many: Compared) -> str:
    """Say whether one difference is larger than another: where their intervals lie apart."""
    if few.interval.low > many.interval.high:
        return HOLDS
    return FAILS if few.interval.high < many.interval.low else OPEN


def _labels(trial: Trial, name: str) -> set[int]:
    return {run["arm"]["labels"] for run in trial.arm(name)}


def _headline(trial: Trial, mine: list[dict], theirs: list[dict], row: int = -1) -> tuple[str, Compared] | None:
    metric, called = metrics_of(trial, "accuracy")[0]
    found = compare(mine, theirs, metric, row)
    return None if found is None else (called, found)
