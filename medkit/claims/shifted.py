"""Claims about images that a model has not met, judged from records of domain shift (`medkit.shift`).

The margin was fixed before any record was made: a model that learned elsewhere works as well if it loses
no more than five points against the model that learned on the set itself.
"""

from __future__ import annotations

from collections import defaultdict

from medkit import evidence as runs_of
from medkit.claims import tables
from medkit.claims.questions import SURE_UNITS
from medkit.claims.trials import MIN_SEEDS, MIN_UNITS, PHANTOM, REAL, Evidence
from medkit.claims.verdict import FAILS, HOLDS, INCONCLUSIVE, NOT_REPRODUCED, OPEN, REPRODUCED, VERDICT_OF, Finding, joined

MARGIN = 5.0  # points of Dice, or of balanced accuracy where there are no masks
MODEL, SCALE = "hybrid", "min-max of each image"  # the proposed model, and Eq. 2
COMMAND = "python3 -m medkit shift --data mri us lung"
UNSEEN = "python3 -m medkit shift --data FOLDER FOLDER"


def works_everywhere(evidence: Evidence) -> Finding:
    """Judge K16: above the linear baseline on each modality, and as good on a third as if it had learned there."""
    each = tables.works_everywhere(evidence)
    votes, lines, files = _weighed(evidence, lambda target, sources: target not in sources)
    if not files:
        half = f"no record of training on two and testing on the third: run `{COMMAND}`"
        return each._replace(verdict=_both(each.verdict, INCONCLUSIVE), why=f"{each.why}; {half}")
    third = VERDICT_OF[joined(votes)]
    why = f"trained on each: {each.verdict}: {each.why}; trained on the others: {third}"
    told = ("\n".join(filter(None, (had, *lines[tier]))) for tier, had in ((REAL, each.real), (PHANTOM, each.phantom)))
    return Finding(_both(each.verdict, third), why, *told, (*each.records, *files))


def unseen(evidence: Evidence) -> Finding:
    """Judge K19: trained on one set, as good on a second of that modality as if it had learned there."""
    votes, lines, files = _weighed(evidence, lambda target, sources: sources == [target])
    if not files:
        why = f"no record of two sets of one modality that are asked one question: run `{UNSEEN}` on two of your own"
        return Finding(None, why)
    why = "what the hybrid loses on a set that it has not met, against itself trained there"
    return Finding(VERDICT_OF[joined(votes)], why, *("\n".join(said) for said in lines.values()), tuple(files))


def _weighed(evidence: Evidence, fits) -> tuple[list[str], dict[str, list[str]], list[str]]:
    """Return what sets that may vote say, a line for each set, and the files."""
    found = defaultdict(list)
    for record in evidence.of_kind("shift"):
        if record["model"] == MODEL and record["scale"] == SCALE and record["data"]["tier"] in (REAL, PHANTOM):
            found[record["data"]["tier"], record["target"], record["data"]["sha256"]["test"]].append(record)
    votes, lines, files = [], {REAL: [], PHANTOM: []}, []
    for (tier, target, _), runs in sorted(found.items()):
        others, itself = ([run for run in runs if run["trained"] == word] for word in ("the others", "itself"))
        seeds = {run["seed"] for run in others} & {run["seed"] for run in itself}
        if not seeds or not fits(others[0]["data"]["modality"], others[0]["modalities"]):
            continue
        measure = "dice" if all(run["result"][0]["dice_each"] is not None for run in (*others, *itself)) else "balanced_accuracy"
        lost = runs_of.difference_of(others, itself, measure)
        says = _says(lost)
        unit, units = others[0]["data"]["unit"], others[0]["data"]["test_units"]
        limits = [f"{len(seeds)} seeds"] * (len(seeds) < MIN_SEEDS) + [f"{units} test units"] * (units < MIN_UNITS)
        limits += [f"units are no patients ({unit})"] * (unit not in SURE_UNITS)
        about = f"{target}, learned from {' and '.join(others[0]['sources'])}: {says}: {measure.replace('_', ' ')} {lost.points('+')} points"
        lines[tier].append("; ".join((about, *limits)))
        if tier == REAL:
            votes += [] if limits else [says]
            files += [run["file"] for run in (*others, *itself)]
    return votes, lines, files


def _says(lost) -> str:
    return HOLDS if 100 * lost.low > -MARGIN else FAILS if 100 * lost.high < -MARGIN else OPEN


def _both(first: str | None, second: str) -> str | None:
    """Return the verdict on a claim of two halves."""
    halves = {first, second}
    return None if first is None else NOT_REPRODUCED if NOT_REPRODUCED in halves else REPRODUCED if halves == {REPRODUCED} else INCONCLUSIVE
