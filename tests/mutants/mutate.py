"""Count how many wrong versions of medkit its tests refuse.

    python3 tests/mutants/mutate.py                  every module of Eq. 1-9, by rule
    python3 tests/mutants/mutate.py denoise losses   these modules
    python3 tests/mutants/mutate.py --wrong          the wrong versions that people really write
    python3 tests/mutants/mutate.py --list denoise   what would be run
    python3 tests/mutants/mutate.py --show ID        one of them, as a difference

Ends with 0 if all wrong versions are refused, or at least 95 % and each other one is listed in
equivalent.py with the reason why it is no wrong version at all. What has been run is kept in
results/local/mutants, until the module or its tests change.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a fork of a process with threads may hang

import argparse
import difflib
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from mutants import runner  # noqa: E402
from mutants.equivalent import EQUIVALENT  # noqa: E402
from mutants.operators import mutants, mutated, mutated_all, plain  # noqa: E402
from mutants.runner import Job, Outcome, run_all  # noqa: E402
from mutants.wrong_versions import WRONG, applied  # noqa: E402

MODULES = (
    "denoise", "_border", "normalise", "augment", "attention", "transfer", "_counts", "metrics", "scores",
    "intervals", "timing", "losses",
)  # fmt: skip
TESTS = {  # where it is not tests/test_MODULE.py and test_MODULE_....py
    "_border": ("denoise",),
    "_check": ("denoise", "normalise"),
    "_counts": ("metrics", "scores"),
    "step": ("step", "training"),
}
ENOUGH = 0.95
REFUSED = ("killed", "hung")


class Project(NamedTuple):
    """A folder with medkit/ and tests/ in it, and how its tests are run."""

    root: Path
    workers: int = 2
    fresh: bool = False  # a new Python for each run, also where there is fork

    def path(self, module: str) -> Path:
        return self.root.joinpath("medkit", *module.split(".")).with_suffix(".py")

    def source(self, module: str) -> str:
        return self.path(module).read_text(encoding="utf-8")

    def test_files(self, module: str) -> list[Path]:
        last = module.split(".")[-1]
        words = TESTS.get(module, (last,))
        files = {file for word in words for file in self.root.glob(f"tests/test_{word}*.py")}
        return sorted(file for file in files if belongs(file.stem.removeprefix("test_"), words))

    def tests(self, module: str) -> tuple[str, ...]:
        """Return what pytest is given: the module's test files, and its examples if it has some."""
        files = [file.relative_to(self.root).as_posix() for file in self.test_files(module)]
        house = self.root / "tests" / "test_house.py"
        if house.is_file() and ">>> " in self.source(module):
            files.append(f"tests/test_house.py::test_examples_in_docstrings_are_true[medkit.{module}]")
        return tuple(files)


def belongs(word: str, modules: Iterable[str]) -> bool:
    """Say whether tests/test_WORD.py is about one of the modules: `metrics`, `metrics_twins`.

    >>> belongs("metrics_twins", ["metrics"]), belongs("metrics_twins", ["metric"])
    (True, False)
    """
    return any(word == module or word.startswith(f"{module}_") for module in modules)


class Cache:
    """Outcomes of earlier runs of one module, as long as its tests are the same."""

    def __init__(self, project: Project, module: str):
        texts = [file.read_bytes() for file in project.test_files(module)]
        texts += [project.source(module).encode(), repr(runner.LEFT_OUT).encode()]
        self.tests = hashlib.sha256(b"\0".join(texts)).hexdigest()
        self.path = project.root / "results" / "local" / "mutants" / f"{module}.json"
        self.kept = {}
        if self.path.is_file():
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            self.kept = stored["outcomes"] if stored["tests"] == self.tests else {}

    def get(self, job: Job) -> Outcome | None:
        found = self.kept.get(self._key(job))
        return Outcome(*found, {}) if found else None

    def put(self, job: Job, outcome: Outcome) -> None:
        self.kept[self._key(job)] = [outcome.verdict, outcome.by]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        written = self.path.with_suffix(".new")
        written.write_text(json.dumps({"tests": self.tests, "outcomes": self.kept}), encoding="utf-8")
        os.replace(written, self.path)

    def _key(self, job: Job) -> str:
        return hashlib.sha256(job.source.encode()).hexdigest()


def outcomes(project: Project, module: str, sources: Mapping[str, str]) -> dict[str, Outcome]:
    """Run a module's tests against each of some sources; the true source must pass first."""
    cache = Cache(project, module)
    tests = project.tests(module)
    jobs = {name: Job(str(project.root), module, text, tests, {}, 600.0) for name, text in sources.items()}
    known = {name: cache.get(job) for name, job in jobs.items()}
    new = [name for name in jobs if known[name] is None]
    if new:
        seconds, limit = controls(project, jobs[new[0]])
        todo = {name: jobs[name]._replace(seconds=seconds, limit=limit) for name in new}
        ran = run_all(todo, project.workers, project.fresh)
        for name, outcome in tqdm(ran, module, total=len(new), leave=False):
            known[name] = outcome
            cache.put(jobs[name], outcome)
    return {name: known[name] for name in jobs}


def controls(project: Project, job: Job) -> tuple[Mapping[str, float], float]:
    """Show that the true source passes and that a broken one doesn't; return what each test took."""
    true = plain(project.source(job.module))
    first = _only(project, job._replace(source=true))
    total = sum(first.seconds.values())
    limit = 30 + 8 * total  # a busy machine is slow, and slow is not wrong
    again = _only(project, job._replace(source=true, seconds=first.seconds))
    broken = _only(project, job._replace(source=true + "\nraise AssertionError('broken')"))
    if (first.verdict, again.verdict, broken.verdict) != ("survived", "survived", "killed"):
        raise RuntimeError(
            f"tests of {job.module} must pass, pass in another order, and fail on a broken source, "
            f"got {first[:2]}, {again[:2]}, {broken[:2]}; run them alone first"
        )
    return first.seconds, limit


def _only(project: Project, job: Job) -> Outcome:
    return next(iter(run_all({"": job}, 1, project.fresh)))[1]


class Tally(NamedTuple):
    """What became of one module's wrong versions."""

    module: str
    total: int
    killed: int
    hung: int  # killed by the clock
    survived: list[str]  # ids of those that are in no list
    excused: int  # survived, and listed with a reason
    stale: list[str]  # listed as surviving, and killed


def mutate(project: Project, module: str, equivalent: Mapping = EQUIVALENT) -> Tally:
    """Run all mutants of a module."""
    source = project.source(module)
    found = mutants(module, source)
    texts = dict(zip((mutant.id for mutant in found), mutated_all(source)))
    result = outcomes(project, module, texts)
    alive = [mutant for mutant in found if result[mutant.id].verdict not in REFUSED]
    excused = {mutant.id for mutant in found if mutant[1:4] in equivalent}
    survived = [f"{mutant.id}    {mutant.line}" for mutant in alive if mutant.id not in excused]
    stale = sorted(excused - {mutant.id for mutant in alive})
    hung = sum(outcome.verdict == "hung" for outcome in result.values())
    killed = len(found) - len(alive)
    return Tally(module, len(found), killed, hung, survived, len(alive) - len(survived), stale)


def report(tallies: list[Tally]) -> bool:
    """Print the table; say whether all is well."""
    heads = ("mutants", "killed", "%", "by time", "equivalent", "survived")
    print(f"{'module':<12}" + "".join(f"{head:>12}" for head in heads))
    for tally in [*tallies, total(tallies)]:
        share = 100 * tally.killed / max(tally.total, 1)
        numbers = (tally.total, tally.killed, f"{share:.1f}", tally.hung, tally.excused, len(tally.survived))
        print(f"{tally.module:<12}" + "".join(f"{number:>12}" for number in numbers))
    everything = total(tallies)
    for line in everything.survived:
        print(f"survived: {line}")
    for line in everything.stale:
        print(f"listed as equivalent, but killed: {line}")
    enough = everything.killed >= ENOUGH * everything.total
    return enough and not everything.survived and not everything.stale


def total(tallies: list[Tally]) -> Tally:
    """Add modules up."""
    sums = [sum((getattr(tally, field) for tally in tallies), start) for field, start in _FIELDS]
    return Tally("total", *sums)


_FIELDS = (("total", 0), ("killed", 0), ("hung", 0), ("survived", []), ("excused", 0), ("stale", []))


def wrong(project: Project, ids: Iterable[str] = ()) -> dict[str, Outcome]:
    """Run the tests against the wrong versions with these ids, or against all."""
    wanted = set(ids) or {version.id for version in WRONG}
    chosen = [version for version in WRONG if version.id in wanted]
    result = {}
    for module in dict.fromkeys(version.module for version in chosen):
        source = project.source(module)
        texts = {version.id: applied(version, source) for version in chosen if version.module == module}
        try:
            result |= outcomes(project, module, texts)
        except RuntimeError as error:  # one module's tests are broken, the others' may be whole
            result |= {name: Outcome("unknown", str(error), {}) for name in texts}
    return result


def show(project: Project, name: str) -> str:
    """Return a mutant or wrong version as a difference to the true source."""
    module = next((v.module for v in WRONG if v.id == name), name.split(":")[0])
    source = project.source(module)
    texts = {v.id: applied(v, source) for v in WRONG if v.module == module}
    true = source if name in texts else plain(source)
    numbers = {mutant.id: mutant.number for mutant in mutants(module, source)}
    if name not in texts and name not in numbers:
        raise SystemExit(f"ID must be one that --list prints, got {name}; the module may have changed")
    other = texts[name] if name in texts else mutated(source, numbers[name])
    return "\n".join(difflib.unified_diff(true.splitlines(), other.splitlines(), module, name, "", "", 2, ""))


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="modules; with --wrong or --show, ids")
    parser.add_argument("--wrong", action="store_true", help="the listed wrong versions, not the rules")
    parser.add_argument("--list", action="store_true", help="print ids, run nothing")
    parser.add_argument("--show", action="store_true", help="print the difference, run nothing")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default 2)")
    parser.add_argument("--fresh", action="store_true", help="a new Python for each run: slow")
    parser.add_argument("--json", type=Path, help="with --wrong: write the outcomes there")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    project = Project(chosen.root.resolve(), chosen.jobs, chosen.fresh)
    there = [module for module in MODULES if project.path(module).is_file()]
    if chosen.show:
        print("\n".join(show(project, name) for name in chosen.names))
        return 0
    if chosen.list:
        modules = chosen.names or there
        ids = [mutant.id for module in modules for mutant in mutants(module, project.source(module))]
        print("\n".join([version.id for version in WRONG] if chosen.wrong else ids))
        return 0
    return _run(project, chosen, there)


def _run(project: Project, chosen: argparse.Namespace, there: list[str]) -> int:
    tqdm.monitor_interval = 0  # its thread would be forked
    if chosen.wrong:
        modules = {v.module for v in WRONG if not chosen.names or v.id in chosen.names}
    else:
        modules = set(chosen.names or there)
    if not project.fresh and runner.CAN_FORK:
        files = [file for module in sorted(modules) for file in project.test_files(module)]
        beside = [*project.root.glob("conftest.py"), *project.root.glob("tests/test_house.py")]
        runner.warm([*files, *beside, *map(project.path, sorted(modules))])
    if not chosen.wrong:
        return 0 if report([mutate(project, module) for module in chosen.names or there]) else 1
    result = wrong(project, chosen.names)
    if chosen.json:
        chosen.json.write_text(json.dumps({name: o[:2] for name, o in result.items()}), encoding="utf-8")
    alive = [name for name, outcome in result.items() if outcome.verdict not in REFUSED]
    print(f"{len(result) - len(alive)} of {len(result)} wrong versions refused")
    print("".join(f"{result[name].verdict}: {name}    {result[name].by}\n" for name in alive), end="")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
