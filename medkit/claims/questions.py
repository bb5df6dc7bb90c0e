"""From intervals to a verdict: what each number says for a claim, what a set says, what all sets say.

    a number   holds · fails · open              by a margin fixed here
    a set      fails if one number fails, holds if all hold; it has no vote with few seeds or test units
    a claim    not reproduced if a set fails, reproduced if all hold; otherwise inconclusive

A set whose units are not patients never carries a verdict alone: one split by patients must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from medkit.claims.trials import MIN_SEEDS, MIN_UNITS, PHANTOM, REAL, Evidence, Trial
from medkit.claims.verdict import FAILS, HOLDS, INCONCLUSIVE, NOT_REPRODUCED, OPEN, REPRODUCED, Finding, joined
from medkit.data.container import PATIENTS
from medkit.evidence import difference_of
from medkit.intervals import Interval, within
from medkit.runs import headline

SAME = 1.0  # points; a difference whose 95 % interval lies within ± SAME is none
PRINTED = 2.0  # points; a difference whose 90 % interval lies within the printed one ± PRINTED is that one
SURE_UNITS = PATIENTS  # with any other unit intervals may be too narrow: no verdict rests on them alone
SHOWN = 9  # numbers of a set that are written out; of more than that, those that fail
MODALITIES = ("MRI", "CT", "ultrasound")  # a claim about "the" accuracy is about all that the paper names
SETS = {"MRI": "mri", "CT": "ct", "ultrasound": "us"}  # of each modality, for a command to name
WITH_MASKS = {**SETS, "CT": "lung"}
COMMON = (
    f"Sets of images: real ones alone decide. One with fewer than {MIN_SEEDS} seeds or {MIN_UNITS} test units has no "
    "vote, and what rests on such sets alone is at most inconclusive; so is what rests on sets alone whose units are "
    f"not patients. [ ] are 95 % intervals over seeds and test units, in points, unless another level is named."
)


class Compared(NamedTuple):
    """One model less another, in points (hundredths), and the runs that it rests on."""

    interval: Interval
    seeds: int
    files: tuple[str, ...]

    def __str__(self) -> str:
        value, low, high = (round(end, 1) + 0.0 for end in self.interval[:3])  # -0.0 becomes 0.0
        return f"{value:+.1f} [{low:.1f}, {high:.1f}]"


class Question(NamedTuple):
    """One number that a claim speaks of, and whether the claim holds for it."""

    about: str  # "accuracy"
    text: str  # "hybrid - CNN +3.1 [1.0, 5.2]"
    says: str  # HOLDS, FAILS or OPEN
    units: int
    seeds: int
    files: tuple[str, ...]


class SetFinding(NamedTuple):
    """What one set says of a claim.

    says: HOLDS, FAILS or OPEN. limits: why it is open whatever the numbers say.
    """

    trial: Trial
    says: str
    limits: tuple[str, ...]
    questions: tuple[Question, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The files of all runs that were looked at, each once."""
        return tuple(dict.fromkeys(file for question in self.questions for file in question.files))


Asks = Callable[[Trial], list[Question] | str]  # the questions of a claim, or why a set can't be asked


# --- one number -------------------------------------------------------------------------------


def compare(first: list[dict], second: list[dict], metric: str, row: int = -1, level: float = 0.95) -> Compared | None:
    """Return first less second on their common seeds; None where there is none."""
    seeds = {run["seed"] for run in first}
    if not any(run.get("seedless") for run in second):
        seeds &= {run["seed"] for run in second}
        second = [run for run in second if run["seed"] in seeds]
    first = [run for run in first if run["seed"] in seeds]
    if not first or not second:
        return None
    interval = difference_of(first, second, metric, row, level)
    value, low, high = (100 * end for end in interval[:3])
    files = tuple(name for run in (*first, *second) for name in run["files"])
    return Compared(interval._replace(value=value, low=low, high=high), len(seeds), files)


def above(found: Compared) -> str:
    """Say whether a difference is above 0: open where the interval reaches over 0 and over ± `SAME`.

    Edge: no width at all: two models with the same answers everywhere, such as one class for all
    images. They have learned nothing, and say nothing.
    """
    _, low, high = found.interval[:3]
    if low == high:
        return OPEN
    if low > 0:
        return HOLDS
    return FAILS if high < 0 or -SAME < low and high < SAME else OPEN


def not_worse(found: Compared) -> str:
    """Say whether a difference is above - `SAME`; as in `above`, no width says nothing."""
    _, low, high = found.interval[:3]
    if low == high:
        return OPEN
    return HOLDS if low > -SAME else FAILS if high < -SAME else OPEN


def as_printed(found: Compared, claimed: float) -> str:
    """Say whether a difference is the printed one, ± `PRINTED`; give it a 90 % interval."""
    return {True: HOLDS, False: FAILS, None: OPEN}[within(found.interval, claimed, PRINTED)]


def ask(about: str, text: str, found: Compared, says: str) -> Question:
    """Make a question of a difference."""
    return Question(about, f"{text} {found}", says, found.interval.n_groups, found.seeds, found.files)


def listed(asked: Sequence[Question]) -> str:
    """Return questions in one line, what they are about named once.

    >>> one, two = (Question("Dice", text, HOLDS, 90, 3, ()) for text in ("a - b +1.0", "b - c +2.0"))
    >>> listed([one, two])
    'Dice: a - b +1.0, b - c +2.0'
    """
    about = groupby(asked, key=lambda question: question.about)
    return "; ".join(f"{name}: {', '.join(question.text for question in group)}" for name, group in about)


def metrics_of(trial: Trial, *names: str) -> list[tuple[str, str]]:
    """Return (metric, what a reader calls it) of those that the set can be asked for.

    Balanced accuracy takes accuracy's place where one class dominates. Dice needs masks; accuracy
    and F1 need test images of two classes or more.
    """
    truth = trial.data["truth"]
    labels = {label for label, scored in zip(truth["label"], truth["scored"]) if scored}
    found = []
    for name in names:
        if name == "dice" and trial.data["masks"]:
            found.append(("dice", "Dice"))
        elif name == "accuracy" and len(labels) > 1:
            metric = headline(trial.data)
            found.append((metric, "accuracy" if metric == name else "balanced accuracy (one class dominates)"))
        elif name == "f1" and len(labels) > 1:
            found.append(("f1", "F1"))
    return found


# --- one set ----------------------------------------------------------------------------------


def on_set(trial: Trial, questions: list[Question], whole_run: bool = False) -> SetFinding:
    """Weigh the questions of one set.

    whole_run: the claim is about the printed epochs, so that a short run leaves it open.
    """
    seeds, units = (min(getattr(question, name) for question in questions) for name in ("seeds", "units"))
    limits = []
    if seeds < MIN_SEEDS:
        limits.append(f"seeds: {seeds}, fewer than {MIN_SEEDS}")
    if units < MIN_UNITS:
        limits.append(f"test units: {units}, fewer than {MIN_UNITS}")
    if whole_run and trial.length:
        limits.append(f"{trial.length}, and the claim is about those")
    outcome = joined(question.says for question in questions)
    return SetFinding(trial, OPEN if limits else outcome, tuple(limits), tuple(questions))


def told(found: SetFinding) -> str:
    """Return a set's numbers in one line."""
    asked = found.questions
    if len(asked) <= SHOWN:
        numbers = listed(asked)
    else:
        failing = [question for question in asked if question.says == FAILS]
        hold, fail, are_open = (sum(question.says == word for question in asked) for word in (HOLDS, FAILS, OPEN))
        numbers = f"of {len(asked)} numbers {hold} hold, {fail} fail, {are_open} are open"
        numbers += f" ({listed(failing[:SHOWN])})" if failing else ""
    units, seeds = (min(getattr(question, name) for question in asked) for name in ("units", "seeds"))
    behind = f"test units: {units} ({found.trial.data['unit']}), seeds: {seeds}"
    short = f"; {found.trial.length}" if found.trial.length else ""
    return f"{found.trial.title}: {found.says}: {numbers}; {behind}{short}"


# --- one claim --------------------------------------------------------------------------------


def over_sets(
    evidence: Evidence,
    asks: Asks,
    command: str,
    *,
    study: str = "",
    modalities: tuple[str, ...] = (),
    sets: dict[str, str] = SETS,
    whole_run: bool = False,
) -> Finding:
    """Ask a claim of every set; real ones decide, phantoms are told.

    Args:
        evidence: from `gather`.
        asks: trial -> its questions, or why the set can't be asked.
        command: what makes the records, with {} for the set.
        study: of an ablation.
        modalities: of each of them a set must hold before the claim is reproduced.
        sets: by modality, what to make records of.
        whole_run: as for `on_set`.
    """
    lines, asked = {REAL: [], PHANTOM: []}, []
    for tier, said in lines.items():
        for trial in evidence.of(tier, study):
            questions = asks(trial)
            if isinstance(questions, str):
                said.append(f"{trial.title}: {questions}")
                continue
            found = on_set(trial, questions, whole_run)
            said.append(told(found))
            if tier == REAL:
                asked.append(found)
    runs = {modality: f"`{command.format(name)}`" for modality, name in sets.items()}
    verdict, why = _weigh(asked, modalities, runs)
    files = tuple(dict.fromkeys(file for found in asked for file in found.files))
    return Finding(verdict, why, "\n".join(lines[REAL]), "\n".join(lines[PHANTOM]), files)


def _weigh(asked: list[SetFinding], modalities: tuple[str, ...], runs: dict[str, str]) -> tuple[str | None, str]:
    if not asked:
        commands = ", ".join(runs[word] for word in modalities or runs)
        return None, f"no records of real images that it can be asked of: run {commands}"
    voters = [found for found in asked if not found.limits]
    failing = [found for found in voters if found.says == FAILS]
    if any(map(_by_patient, failing)):
        return NOT_REPRODUCED, "; ".join(map(_failure, failing)) + _shortness(failing)
    covered, there = ({found.trial.data["modality"] for found in sets} for sets in (voters, asked))
    agree = bool(voters) and all(found.says == HOLDS for found in voters)
    sure = any(map(_by_patient, voters))
    if agree and sure and covered.issuperset(modalities):
        return REPRODUCED, f"holds on {_titles(voters)}" + _shortness(voters)
    reasons = [reason for found in asked if (reason := _reason(found))]
    if agree and not sure:
        reasons.append(f"{_titles(voters)}: holds, but is not split by patients, and intervals may be too narrow")
    missing = [word for word in modalities if word not in there]
    if missing:
        reasons.append(f"nothing on {', '.join(missing)}: run {', '.join(runs[word] for word in missing)}")
    return INCONCLUSIVE, "; ".join(reasons) + _shortness(voters)


def _by_patient(found: SetFinding) -> bool:
    return found.trial.data["unit"] in SURE_UNITS


def _titles(sets: list[SetFinding]) -> str:
    return ", ".join(found.trial.title for found in sets)


def _failure(found: SetFinding) -> str:
    failing = [question for question in found.questions if question.says == FAILS]
    more = f" and {len(failing) - 1} more" if len(failing) > 1 else ""
    return f"not on {found.trial.title}: {listed(failing[:1])}{more}"


def _reason(found: SetFinding) -> str | None:
    """Say why a set does not settle the claim; None: it agrees."""
    title, unit = found.trial.title, found.trial.data["unit"]
    if found.limits:
        return f"{title}: {', '.join(found.limits)}"
    if found.says == FAILS:
        return f"{_failure(found)}, but its units are no patients ({unit}), and no set split by patients says so"
    if found.says == OPEN:
        undecided = [question for question in found.questions if question.says == OPEN]
        numbers = f"{len(undecided)} of {len(found.questions)} numbers"
        return f"{title}: open for {numbers}, such as {listed(undecided[:1])}"
    return None


def _shortness(sets: list[SetFinding]) -> str:
    short = dict.fromkeys(f"{found.trial.key}: {found.trial.length}" for found in sets if found.trial.length)
    return f" ({'; '.join(short)})" if short else ""
