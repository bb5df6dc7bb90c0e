"""Records sorted into trials: runs that may be compared, for they saw the same images in the same way.

What counts: protocol "paper", no leak allowed, real images or phantoms. Of one set one kind of run
decides: most models with enough seeds, most models at all, enough test units, most epochs, largest
images, in this order; what came out has no say in it.

Head CT comes in folds, each patient in the test of one of them: the runs of one model and seed on
several folds are laid end to end and read as one, so that the test's units are the patients of all
folds. Only a model and seed that every fold has takes part. Test sets of one name that share a
patient are no folds: the one with most runs decides.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from medkit import runs as sorting
from medkit._check import MedkitInputError
from medkit.claims.names import short
from medkit.measure import BY_IMAGE
from medkit.paper import EPOCHS

REAL, PHANTOM = "real", "phantom"
MIN_SEEDS = 3  # with fewer, a set is at most inconclusive
MIN_UNITS = 20  # patients or the like in the test; with fewer, a set is at most inconclusive
STUDIES = {"", "attention", "preparation", "augmentation", "transfer", "synthesis"}  # "": the comparison of models
SUBSTITUTE = "transfer from a substitute"  # the study "transfer" where the source was not ImageNet


class Trial(NamedTuple):
    """The runs of one study on one set.

    key: the set's short name, such as "ct".
    folds: how many test sets were laid end to end; 1 is the rule.
    runs: records; of several folds, one for each model, arm and seed.
    """

    key: str
    folds: int
    runs: tuple[dict, ...]

    @property
    def data(self) -> dict:
        """What the records say of the set."""
        return self.runs[0]["data"]

    @property
    def epochs(self) -> int:
        """How long a run was."""
        return self.runs[0]["settings"]["epochs"]

    @property
    def title(self) -> str:
        """The key, and the folds where there are several."""
        return self.key if self.folds == 1 else f"{self.key}, {self.folds} folds"

    @property
    def length(self) -> str:
        """Say how long the runs were where that is not the paper's 50 epochs."""
        return "" if self.epochs == EPOCHS[-1] else f"short run: {self.epochs} of {EPOCHS[-1]} epochs"

    def of(self, model: str) -> list[dict]:
        """Return the runs of one model."""
        return [run for run in self.runs if run["model"] == model]

    def arm(self, name: str, labels: int | None = None) -> list[dict]:
        """Return the runs of one arm of an ablation, with so many labels if that is asked."""
        arms = [(run, run["arm"]) for run in self.runs]
        return [run for run, arm in arms if arm["name"] == name and labels in (None, arm.get("labels"))]


@dataclass(frozen=True)
class Evidence:
    """What verdicts are made from.

    Args:
        counted: the records that count, of the comparison of models and of all ablations.
        trials: by tier and study; the study of the comparison of models is "".
        left_out: sentences on what does not count, and why.
        systems: records of what stands beside the comparison, each with its "kind".
    """

    counted: tuple[dict, ...] = ()
    trials: dict[tuple[str, str], list[Trial]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    systems: tuple[dict, ...] = ()

    def of_kind(self, kind: str) -> list[dict]:
        """Return the records of one kind of system, such as "deploy"."""
        return [record for record in self.systems if record["kind"] == kind]

    def of(self, tier: str, study: str = "") -> list[Trial]:
        """Return the trials of a tier, one for each set."""
        return self.trials.get((tier, study), [])


def gather(records: list[dict], systems: list[dict] = ()) -> Evidence:
    """Sort records into trials.

    Args:
        records: as from `read_records`, in any order.
        systems: as from `read_systems`; they are handed on as they are.

    Raises:
        MedkitInputError: two records of the same test images disagree about their truth.
    """
    counted, passed = [], defaultdict(list)
    for record in sorted(records, key=_file):
        reason = _why_not(record)
        if reason:
            passed[reason].append(_file(record))
        else:
            counted.append({**record, "files": (_file(record),)})
    places = defaultdict(list)
    for run in counted:
        for study in _studies(run):
            places[run["data"]["tier"], study, key_of(run)].append(run)
    trials, said = defaultdict(list), []
    for (tier, study, key), runs in sorted(places.items()):
        trial, left = _trial(key, runs)
        said += [f"{key}{f', {study}' if study else ''} ({tier}): {sentence}" for sentence in left]
        if trial:
            trials[tier, study].append(trial)
    left_out = [f"{reason}: {', '.join(short(files))}" for reason, files in sorted(passed.items())]
    return Evidence(tuple(counted), dict(trials), (*left_out, *said), tuple(systems))


def key_of(record: dict) -> str:
    """Return the short name of a record's set."""
    return record["data"].get("key") or record["data"]["title"]


def _file(record: dict) -> str:
    return record.get("file") or f"{record['model']}-seed{record['seed']}"


def _why_not(record: dict) -> str | None:
    """Say why a record counts for nothing; None: it counts."""
    if record["data"].get("leaks_allowed"):
        return "leaks were allowed, counts for nothing"
    if sorting.protocol_of(record) != "paper":
        return f"protocol {sorting.protocol_of(record)!r}, not mixed with the paper's"
    if record["data"]["tier"] not in (REAL, PHANTOM):
        return f"{record['data']['tier']}, neither patients nor phantoms"
    if (record.get("study") or "") not in STUDIES:
        return f"study {record['study']!r}, no claim is judged by it"
    return None


def _studies(run: dict) -> tuple[str, ...]:
    """Return the studies that a run belongs to: training from scratch stands beside every source."""
    study = run.get("study") or ""
    if study != "transfer":
        return (study,)
    if run["arm"]["name"] == "scratch":
        return (study, SUBSTITUTE)
    return (study,) if str(run["arm"].get("source")).startswith("ImageNet") else (SUBSTITUTE,)


def _trial(key: str, runs: list[dict]) -> tuple[Trial | None, list[str]]:
    """Choose the runs of a set that decide, lay folds end to end; say what was left."""
    kinds = defaultdict(list)
    for run in runs:
        kinds[_kind(run)].append(run)
    best = max(kinds, key=lambda kind: _rank(kinds[kind]) + (kind,))
    said = []
    if len(runs) > len(kinds[best]):
        said.append(f"{len(runs) - len(kinds[best])} records of shorter, smaller or less complete runs stand behind")
    tests = defaultdict(dict)
    for run in kinds[best]:
        known = tests[run["data"]["sha256"]["test"]]
        _check_truth(run, next(iter(known.values()), run))
        if known.setdefault(_who(run), run) is not run:
            said.append(f"{run['files'][0]} is the same run as {known[_who(run)]['files'][0]}")
    folds = [tests[test] for test in sorted(tests)]
    if _share_a_patient(folds):
        largest = max(folds, key=len)
        said.append(f"{sum(map(len, folds)) - len(largest)} runs on other test images of the same name stand behind")
        folds = [largest]
    everywhere = [who for who in folds[0] if all(who in fold for fold in folds)]
    alone = sum(map(len, folds)) - len(everywhere) * len(folds)
    if alone:
        said.append(f"{alone} runs that not every fold has")
    chosen = tuple(_end_to_end([fold[who] for fold in folds]) for who in everywhere)
    return (Trial(key, len(folds), chosen) if chosen else None), said


def _check_truth(run: dict, other: dict) -> None:
    if run["data"]["truth"] != other["data"]["truth"]:
        what = f"gives the test images another truth than {other['files'][0]}, whose test images are the same"
        raise MedkitInputError(run["files"][0], what, "run one of them again")


def _share_a_patient(folds: list[dict]) -> bool:
    units = [set(next(iter(fold.values()))["data"]["truth"]["group"]) for fold in folds]
    return len(set().union(*units)) < sum(map(len, units))


def _kind(run: dict) -> str:
    """Return what runs must share to be compared: in an ablation the arms differ in all the rest."""
    settings, protocol = run["settings"], run["protocol"]
    if run.get("study"):
        return json.dumps([protocol.get("preset"), settings["epochs"], run["data"]["size"]])
    without_fold = {name: value for name, value in protocol.items() if "fold" not in name}
    return json.dumps([settings, without_fold, run["data"]["size"]], sort_keys=True)


def _rank(runs: list[dict]) -> tuple[int, ...]:
    seeds = defaultdict(set)
    for run in runs:
        seeds[_who(run)[::2]].add(run["seed"])
    enough = sum(len(found) >= MIN_SEEDS for found in seeds.values())
    units = {group for run in runs for group in run["data"]["truth"]["group"]}
    size = runs[0]["settings"]["epochs"], runs[0]["data"]["size"]
    return enough, len(seeds), len(units) >= MIN_UNITS, *size, len(runs)


def _who(run: dict) -> tuple[str, int, str]:
    return run["model"], run["seed"], json.dumps(run.get("arm"), sort_keys=True)


def _end_to_end(runs: list[dict]) -> dict:
    """Read the runs of one model and seed on several folds as one run over all their test images."""
    first = runs[0]
    if len(runs) == 1:
        return first
    names = ("label", "group", "scored")
    truth = {name: [value for run in runs for value in run["data"]["truth"][name]] for name in names}
    data = {**first["data"], "truth": truth, "dominated": any(run["data"]["dominated"] for run in runs)}
    files = tuple(name for run in runs for name in run["files"])
    rows = [_joined([run["result"][row] for run in runs]) for row in range(len(first["result"]))]
    return {**first, "data": data, "files": files, "result": rows}


def _joined(rows: list[dict]) -> dict:
    """Join what single images got; a fold's own averages are no averages of the whole, and go."""
    joined = {"epoch": rows[0]["epoch"]}
    for name in BY_IMAGE:
        lists = [row.get(name) for row in rows]
        joined[name] = None if None in lists else [value for each in lists for value in each]
    return joined
