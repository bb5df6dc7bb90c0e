"""Claims about time, judged from the clock: one machine, one set, one size of batch at a time.

Time needs no patients, so that runs on phantoms count as well; what was timed stands in the column
of its tier. A model's time is the median over its seeds of Eq. 8's median, between the lower quartile
of the lower quartiles and the upper quartile of the upper ones. Two models differ where those ranges
lie apart.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from medkit import paper
from medkit.claims.questions import FAILS, HOLDS, OPEN
from medkit.claims.tables import COMMAND
from medkit.claims.trials import MIN_SEEDS, PHANTOM, REAL, Evidence, key_of
from medkit.claims.verdict import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED, Finding

BATCHES = ("batch 1", "batch 32")
FASTEST = ("hybrid", "CNN", "U-Net", "Transformer")  # as Table 6 has it, in every row
NEED = 30.0  # images a second, one at a time: what a video or a live ultrasound shows
FLAT = 0.10  # a fall by less than this share is none; Table 6 prints falls by 27 to 37 %


class Span(NamedTuple):
    """A median between its quartiles, over the seeds of a model."""

    middle: float
    low: float
    high: float


class Bench(NamedTuple):
    """What one machine took for one set: for each model its runs."""

    title: str
    tier: str
    epochs: int
    runs: dict[str, list[dict]]


class Timed(NamedTuple):
    """One thing that a clock says of a claim."""

    text: str
    says: str  # HOLDS, FAILS or OPEN


def benches(evidence: Evidence) -> list[Bench]:
    """Return the runs of the comparison of models that were timed, by machine, set and settings."""
    found = defaultdict(lambda: defaultdict(list))
    for run in evidence.counted:
        if run["model"] in paper.MODELS and not run.get("study") and run.get("clock") and run["clock"]["time"]:
            machine, data = run["machine"], run["data"]
            name = machine["gpu"] or f"CPU (threads: {machine.get('threads', '?')})"
            where = name, machine.get("system", ""), data["tier"], key_of(run), data["size"]
            found[(*where, json.dumps(run["settings"], sort_keys=True))][run["model"]].append(run)
    return [
        Bench(f"{key} at {size} px on {name}", tier, json.loads(settings)["epochs"], dict(models))
        for (name, _, tier, key, size, settings), models in sorted(found.items(), key=lambda item: item[0])
    ]


def fastest(evidence: Evidence) -> Finding:
    """Judge K6: hybrid, CNN, U-Net, Transformer, each faster than the next."""

    def asks(bench: Bench, batch: str) -> list[Timed]:
        spans = {model: _seconds(bench.runs.get(model, ()), batch) for model in FASTEST}
        if None in spans.values():
            return []
        times = ", ".join(f"{model} {_milliseconds(spans[model])}" for model in FASTEST)
        apart = [_before(spans[first], spans[second]) for first, second in pairwise(FASTEST)]
        wrong = [f"{second} before {first}" for (first, second), says in zip(pairwise(FASTEST), apart) if says == FAILS]
        return [Timed("; ".join([f"{times} ms", *wrong]), _all(apart))]

    return _judge(evidence, asks, FASTEST)


def falling(evidence: Evidence) -> Finding:
    """Judge K7: less time for an image at the last report epoch than at the first, for every model."""

    def asks(bench: Bench, batch: str) -> list[Timed]:
        found = []
        for model in paper.MODELS:
            ratio = _last_to_first(bench.runs.get(model, ()), batch)
            if ratio is None:
                return []
            says = HOLDS if ratio.high < 1 - FLAT else FAILS if ratio.low > 1 - FLAT else OPEN
            change = "{:+.0f} % [{:+.0f}, {:+.0f}]".format(*(100 * (value - 1) for value in ratio))
            found.append(Timed(f"{model} {change}", says))
        return found

    return _judge(evidence, asks, paper.MODELS)


def real_time(evidence: Evidence) -> Finding:
    """Judge K8: the hybrid's images a second, one at a time, against a need stated before."""

    def asks(bench: Bench, batch: str) -> list[Timed]:
        seconds = _seconds(bench.runs.get("hybrid", ()), batch) if batch == BATCHES[0] else None
        if seconds is None:
            return []
        rate = [1 / value for value in (seconds.middle, seconds.high, seconds.low)]
        says = HOLDS if rate[1] > NEED else FAILS if rate[2] < NEED else OPEN
        return [Timed("hybrid {:.0f} [{:.0f}, {:.0f}] images a second".format(*rate), says)]

    found = _judge(evidence, asks, ("hybrid",), anywhere=False)
    printed = 1 / paper.TIME.column["hybrid"][-1]
    note = f"the paper's own 1.2 s an image are {printed:.1f} a second, against the {NEED:.0f} needed"
    return found._replace(why=f"{found.why}; {note}")


def _judge(
    evidence: Evidence, asks: Callable[[Bench, str], list[Timed]], models: tuple[str, ...], anywhere: bool = True
) -> Finding:
    """Ask every bench; a claim of all machines fails where one fails, a claim of some machine where all do.

    A timing of few seeds has no vote.
    """
    lines, votes, few, files = {REAL: [], PHANTOM: []}, [], [], []
    for bench in benches(evidence):
        seeds = min((len({run["seed"] for run in bench.runs.get(model, ())}) for model in models), default=0)
        for batch in BATCHES:
            timed = asks(bench, batch)
            if not timed:
                continue
            outcome = _all([item.says for item in timed]) if seeds >= MIN_SEEDS else OPEN
            short = "" if bench.epochs == paper.EPOCHS[-1] else f"; short run: {bench.epochs} epochs"
            numbers = "; ".join(item.text for item in timed)
            lines[bench.tier].append(f"{bench.title}, {batch}: {outcome}: {numbers}; seeds: {seeds}{short}")
            (votes if seeds >= MIN_SEEDS else few).append(outcome)
            files += [file for model in models for run in bench.runs[model] for file in run["files"]]
    if not votes + few:
        return Finding(None, f"no records of {', '.join(models)} timed on one machine: run `{COMMAND.format('mri')}`")
    why = f"{votes.count(HOLDS)} of {len(votes)} timings say so, {votes.count(FAILS)} say the contrary"
    why += f"; {len(few)} more have fewer than {MIN_SEEDS} seeds and no vote" if few else ""
    fails = FAILS in votes if anywhere else set(votes) == {FAILS}
    verdict = NOT_REPRODUCED if fails else REPRODUCED if set(votes) == {HOLDS} else INCONCLUSIVE
    return Finding(verdict, why, *("\n".join(lines[tier]) for tier in lines), tuple(dict.fromkeys(files)))


def _seconds(runs: list[dict], batch: str) -> Span | None:
    """Return a model's time for one image, trained to the end."""
    times = [run["clock"]["time"][-1].get(batch) for run in runs]
    if not times or None in times:
        return None
    return _span(*([time[name] for time in times] for name in ("seconds", "low", "high")))


def _last_to_first(runs: list[dict], batch: str) -> Span | None:
    """Return the time at the last report epoch over that at the first, seed by seed."""
    times = [run["clock"]["time"] for run in runs]
    if not times or any(batch not in row for time in times for row in (time[0], time[-1])):
        return None
    ratios = [time[-1][batch]["seconds"] / time[0][batch]["seconds"] for time in times]
    return _span(ratios, ratios, ratios)


def _span(middle: list[float], low: list[float], high: list[float]) -> Span:
    return Span(statistics.median(middle), quartile(low, 0), quartile(high, 2))


def quartile(values: list[float], which: int) -> float:
    """Return the lower (0), middle (1) or upper (2) quartile; of one value, itself."""
    return values[0] if len(values) == 1 else statistics.quantiles(values, n=4, method="inclusive")[which]


def _before(first: Span, second: Span) -> str:
    return HOLDS if first.high < second.low else FAILS if second.high < first.low else OPEN


def _all(says: list[str]) -> str:
    return FAILS if FAILS in says else HOLDS if set(says) == {HOLDS} else OPEN


def _milliseconds(span: Span) -> str:
    return "{:.2f} [{:.2f}, {:.2f}]".format(*(1000 * value for value in span))
