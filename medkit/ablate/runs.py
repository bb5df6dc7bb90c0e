"""The runs of a plan: each a record of its own, made once; a stopped one goes on where it was."""

from __future__ import annotations

import functools
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tqdm.auto import tqdm

from medkit import experiment, record
from medkit._check import MedkitInputError
from medkit._command import spoken
from medkit.ablate import source
from medkit.ablate.plans import Plan, Run
from medkit.ablate.source import Source
from medkit.ablate.studies import ASKED_FOR, STUDIES

OTHER = "delete it, or name another folder with --out"
TRAINED_BY = ("model", "seed", "settings", "left_out", "protocol")  # with the images, all that decides the weights


def run_all(
    plan: Plan,
    seeds: list[int],
    rank: int = 0,
    processes: int = 1,
    say: Callable[[str], object] = lambda text: None,
    progress: Callable | None = tqdm,
) -> list[dict]:
    """Make the runs that are not there yet; return the records of all, old ones included.

    Some arms of two studies are one and the same training (the hybrid with softmax, both steps of
    preparation, augmented, from scratch). Where another study's folder beside this one has it, its
    record is taken over, under this arm's name; "shared" says from where.

    Args:
        rank, processes: this process makes every so-manieth run, and returns what is there.
        say: is told which run begins, and how long the rest will take.
        progress: as for `medkit.training.fit`.

    Raises:
        MedkitInputError: a record is in the way that belongs to another study, protocol or set, or
            can't be read or written.
    """
    runs = {plan.path_of(run): run for run in plan.runs(seeds)}
    # what is in the way is found before any training
    records = {path: read(path, plan, run) for path, run in runs.items() if path.exists()}
    mine = [path for path in list(runs)[rank::processes] if path not in records]
    for path in mine:
        if (found := _elsewhere(plan, runs[path])) is not None:
            records[path] = _saved(found, path, plan, runs[path])
    mine = [path for path in mine if path not in records]
    start_from, begun = Source(plan, progress), time.monotonic()
    for number, path in enumerate(mine):
        left = "" if not number else f" · {spoken((time.monotonic() - begun) / number * (len(mine) - number))} left"
        say(f"Run {list(runs).index(path) + 1} of {len(runs)}: {runs[path]}{left}")
        found = _trained(plan, runs[path], path, start_from, progress)
        records[path] = _saved(found, path, plan, runs[path])
        shutil.rmtree(_checkpoints(path), ignore_errors=True)
    return [records.get(path) or read(path, plan, run) for path, run in runs.items() if path.exists()]


def read(path: Path, plan: Plan, run: Run) -> dict:
    """Read one run's record; refuse one that is not this run of this plan on these images."""
    task = plan.task_of(run)
    wanted = _as_saved(plan.described(run, task))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        arm = {name: value for name, value in found["arm"].items() if name != "source"}
        same = {
            "run": all(found[name] == wanted[name] for name in ("study", "model", "seed")) and arm == wanted["arm"],
            "set of images": found["data"]["sha256"] == task.facts["sha256"],
            "protocol": all(found[name] == wanted[name] for name in ("protocol", "left_out")),
            "settings": found["settings"] == wanted["settings"],
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MedkitInputError(path, "is no record of an ablation's run", OTHER) from error
    for what, is_same in same.items():
        if not is_same:
            raise MedkitInputError(path, f"is a record of another {what}", OTHER)
    return found


def _saved(found: dict, path: Path, plan: Plan, run: Run) -> dict:
    """Save a record and return it as it was saved."""
    record.save(found, path)
    return read(path, plan, run)


def _trained(plan: Plan, run: Run, path: Path, start_from: Source, progress: Callable | None) -> dict:
    """Make one run, and return its record."""
    task = plan.task_of(run)
    said, begin = plan.described(run, task), None
    if run.arm.pretrained:
        learned = start_from.learned(run)
        begin = functools.partial(source.begin, learned=learned, frozen=run.arm.frozen)
        said["arm"] = said["arm"] | {"source": learned.source}
        said["pretraining"] = source.described(learned)
    settings = plan.settings_of(run.arm)
    found = experiment.run(
        run.arm.model, task, settings, run.seed, _checkpoints(path), progress, begin, timed=False
    )
    return found | said


def _elsewhere(plan: Plan, run: Run) -> dict | None:
    """Return the record of the same training from another study on this set, as this run's; None: there is none."""
    if run.arm.pretrained:
        return None
    task = plan.task_of(run)
    said = plan.described(run, task)
    wanted = _as_saved(said)
    folders = [plan.out.with_name(f"ablation-{study}-{task.facts['key']}") for study in STUDIES | ASKED_FOR]
    for path in (path for folder in folders for path in sorted(folder.glob(f"*-seed{run.seed}.json"))):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            same = all(found[name] == wanted[name] for name in TRAINED_BY) and "pretraining" not in found
            if same and found["data"]["sha256"] == task.facts["sha256"]:
                return found | said | {"shared": f"{path.parent.name}/{path.name}"}
        except (OSError, ValueError, KeyError, TypeError):
            continue  # whoever runs that study is told
    return None


def _checkpoints(path: Path) -> Path:
    return path.parent / "checkpoints" / path.stem


def _as_saved(said: dict) -> dict:
    return json.loads(json.dumps(said))
