"""Claims about real time and lightness, judged from records of exported models (`medkit.deploy`).

Neither needs patients: what was timed and counted is our hybrid, for the paper gives no size of its own.
The limits were fixed before any record was made. Those of K18 are MobileNetV2's, a network that was
published as one for phones: 3.4 million parameters and 0.6 GFLOPs an image (0.3 billion multiplications
with their additions); half a GiB for the process that answers, which any computer in use has; and K8's
need on a single thread.

Reference: M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, Table 4.
"""

from __future__ import annotations

import statistics
from collections import defaultdict

from medkit.claims import clocks
from medkit.claims.trials import PHANTOM, REAL, Evidence
from medkit.claims.verdict import FAILS, HOLDS, OPEN, VERDICT_OF, Finding, joined

COMMAND = "python3 -m medkit deploy --data us"
MODEL, SIDE = "hybrid", 128
EXPORTED = "ONNX Runtime"  # in float32
TIMED = ("PyTorch", EXPORTED)
MOST_PARAMETERS, MOST_FLOPS, MOST_BYTES = 3_400_000, 600_000_000, 512 * 2**20
MIN_TURNS = 3
_SAYS = {verdict: says for says, verdict in VERDICT_OF.items()}


def real_time(evidence: Evidence) -> Finding:
    """Judge K8: from the clocks of training runs, and from those of the hybrid and its exported form at 128²."""
    found = clocks.real_time(evidence)
    votes, lines, files = [_SAYS[found.verdict]] if found.verdict else [], {REAL: [], PHANTOM: []}, []
    for tier, where, runs in _machines(evidence):
        for threads in ("threads: 1", "threads: 2"):
            for form in TIMED:
                turns = [turn for run in runs for turn in run["clock"]["times"].get(threads, {}).get(form, ())]
                if turns:
                    says, text = _rate(turns)
                    votes += [says] if len(turns) >= MIN_TURNS else []
                    lines[tier].append(f"{where}, {threads}: {says}: hybrid, {form}, {text}")
        files += [run["file"] for run in runs]
    if not files:
        return found
    said = set(votes)
    verdict = VERDICT_OF[said.pop() if len(said) == 1 else OPEN]
    exported = sum(map(len, lines.values()))
    why = f"{found.why}; {exported} timings at {SIDE} px, in PyTorch and exported, stand beside"
    return Finding(verdict, why, *_both(found, lines), (*found.records, *files))


def light(evidence: Evidence) -> Finding:
    """Judge K18: parameters, FLOPs, memory and time of the exported hybrid against limits stated before."""
    votes, lines, files = [], {REAL: [], PHANTOM: []}, []
    for tier, where, runs in _machines(evidence):
        checks = _limits(runs)
        fails = [name for name, (_, says) in checks.items() if says == FAILS]
        votes += [says for _, says in checks.values()]
        said = "; ".join(f"{name} {text}" for name, (text, _) in checks.items())
        lines[tier].append(f"{where}: {said}" + (f"; over the limit: {', '.join(fails)}" if fails else ""))
        files += [run["file"] for run in runs]
    if not votes:
        return Finding(None, f"no record of an exported hybrid: run `{COMMAND}`")
    verdict = VERDICT_OF[joined(votes)]
    why = "our hybrid against the limits; the paper gives no size of its own, so that this is said of ours alone"
    return Finding(verdict, why, *("\n".join(said) for said in lines.values()), tuple(files))


def _machines(evidence: Evidence) -> list[tuple[str, str, list[dict]]]:
    """Return the hybrid's records by tier, set and machine: (tier, what a line is called, records)."""
    found = defaultdict(list)
    for record in evidence.of_kind("deploy"):
        if record["model"] == MODEL and record["clock"]["size"] == SIDE and record["data"]["tier"] in (REAL, PHANTOM):
            machine, data = record["machine"], record["data"]
            found[data["tier"], f"{data['key']} at {SIDE} px on {machine['cpu']}"].append(record)
    return [(tier, where, runs) for (tier, where), runs in sorted(found.items())]


def _limits(runs: list[dict]) -> dict[str, tuple[str, str]]:
    """Return for each limit what was found, in words, and whether it holds."""
    cost, peaks = runs[0]["cost"], [run["memory"][EXPORTED]["peak_bytes"] for run in runs]
    says, rate = _rate([turn for run in runs for turn in run["clock"]["times"]["threads: 1"][EXPORTED]])
    known = None not in peaks
    held = HOLDS if known and max(peaks) <= MOST_BYTES else FAILS if known else OPEN
    return {
        "parameters": (f"{cost['parameters']:,}", _under(cost["parameters"], MOST_PARAMETERS)),
        "FLOPs": (f"{cost['flops'] / 1e6:,.0f} million", _under(cost["flops"], MOST_FLOPS)),
        "memory": (f"{max(peaks) / 2**20:.0f} MiB" if known else "not known", held),
        "one thread": (rate, says),
    }


def _under(value: float, limit: float) -> str:
    return HOLDS if value <= limit else FAILS


def _rate(turns: list[list[float]]) -> tuple[str, str]:
    """Return whether the quartile range of images a second lies above the need, below it or neither, and the range."""
    middle, low, high = (list(values) for values in zip(*turns))
    seconds = statistics.median(middle), clocks.quartile(low, 0), clocks.quartile(high, 2)
    rate = [1 / value for value in (seconds[0], seconds[2], seconds[1])]
    says = HOLDS if rate[1] > clocks.NEED else FAILS if rate[2] < clocks.NEED else OPEN
    return says, "{:.0f} [{:.0f}, {:.0f}] images a second".format(*rate)


def _both(found: Finding, lines: dict[str, list[str]]) -> tuple[str, str]:
    return tuple("\n".join(filter(None, (had, *lines[tier]))) for tier, had in ((REAL, found.real), (PHANTOM, found.phantom)))
