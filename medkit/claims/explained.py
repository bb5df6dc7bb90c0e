"""Whether maps show what the model goes by (K15), judged from records of explained models (`medkit.explain`)."""

from __future__ import annotations

from collections import defaultdict

from medkit.claims.questions import SURE_UNITS, Compared, above
from medkit.claims.trials import MIN_SEEDS, MIN_UNITS, PHANTOM, REAL, Evidence
from medkit.claims.verdict import FAILS, HOLDS, INCONCLUSIVE, OPEN, VERDICT_OF, Finding, joined
from medkit.explain import show
from medkit.explain.run import CENTRE

COMMAND = "python3 -m medkit explain --data us"
MODEL, MAPS = "hybrid", ("attention", "Grad-CAM")
MOST_ALIKE = 0.5  # rank correlation of a map with that of untrained weights


def interpretable(evidence: Evidence) -> Finding:
    """Judge K15: the hybrid's maps lie inside the lesion above chance and centre, and depend on its weights."""
    votes, lines, files = [], {REAL: [], PHANTOM: []}, []
    for (tier, where), runs in sorted(_sets(evidence).items()):
        asked = [question for method in MAPS for question in _asked(runs, method)]
        says = joined([says for _, says in asked])
        few = len(runs) < MIN_SEEDS or len(set(runs[0]["group"])) < MIN_UNITS
        if tier == REAL:
            votes += [] if few else [(says, runs[0]["unit"] in SURE_UNITS)]
            files += [run["file"] for run in runs]
        limits = f", too few seeds or units for a vote ({len(runs)} seeds)" if few else ""
        lines[tier].append(f"{where} ({runs[0]['unit']}): {says}{limits}: " + "; ".join(text for text, _ in asked))
    if not lines[REAL] and not lines[PHANTOM]:
        return Finding(None, f"no record of an explained hybrid: run `{COMMAND}`")
    told = ["\n".join(said) for said in lines.values()]
    if not lines[REAL]:
        return Finding(None, f"no record of real images: run `{COMMAND}`", *told)
    return Finding(_verdict(votes), _why(votes), *told, tuple(files))


def _sets(evidence: Evidence) -> dict[tuple[str, str], list[dict]]:
    """Return the hybrid's records by tier, set and size."""
    found = defaultdict(list)
    for record in evidence.of_kind("explain"):
        data = record["data"]
        if record["model"] == MODEL and data["tier"] in (REAL, PHANTOM):
            found[data["tier"], f"{data['key']} at {data['size']} px"].append(record)
    return found


def _asked(runs: list[dict], method: str) -> list[tuple[str, str]]:
    """Return what was found for one map, in words, and whether the claim holds for it."""
    found = []
    for measure in ("mass", "pointing"):
        for other in (show.CHANCE, CENTRE):
            less = show.lead(runs, method, measure, other)
            value, low, high = (100 * end for end in less[:3])
            compared = Compared(less._replace(value=value, low=low, high=high), len(runs), ())
            found.append((f"{method}, {measure} - {other} {compared}", above(compared)))
    part = show.parts(runs, method)[-1]
    alike = show.interval(runs, lambda run: run["methods"][method]["similarity"][part])
    says = HOLDS if alike.high < MOST_ALIKE else FAILS if alike.low > MOST_ALIKE else OPEN
    return [*found, (f"{method}, like that of untrained weights {alike.value:.2f} [{alike.low:.2f}, {alike.high:.2f}]", says)]


def _verdict(votes: list[tuple[str, bool]]) -> str:
    """A verdict needs a set that is split by patients and says the same."""
    says = joined([says for says, _ in votes])
    if says == OPEN or (says, True) not in votes:
        return INCONCLUSIVE
    return VERDICT_OF[says]


def _why(votes: list[tuple[str, bool]]) -> str:
    if not votes:
        return f"no real set with {MIN_SEEDS} seeds and {MIN_UNITS} test units"
    said = joined([says for says, _ in votes])
    sure = "" if (said, True) in votes else "; no set split by patients says so, and intervals over other units may be too narrow"
    return f"of {len(votes)} real sets with enough seeds and units, all together say: {said}{sure}"
