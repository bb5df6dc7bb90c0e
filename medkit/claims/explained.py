"""The claim that attention makes the model interpretable, judged from records of explained models (`medkit.explain`).

What a map must beat is not chance alone: lesions stand near the middle more often than not, and a Gaussian
there, which knows no image, is the centre prior.
"""

from __future__ import annotations

from collections import defaultdict

import torch

from medkit.claims.questions import FAILS, HOLDS, OPEN
from medkit.claims.trials import PHANTOM, REAL, Evidence
from medkit.claims.verdict import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED, Finding
from medkit.intervals import bootstrap_mean

COMMAND = "python3 -m medkit explain --data us --seeds 0 1 2"
METHODS = ("attention", "Grad-CAM")
MARGIN = 0.05  # of the map's mass: less than one part in twenty more than a guess explains nothing
MIN_SEEDS = 3


def interpretable(evidence: Evidence) -> Finding:
    """Judge K15: mass of attention and of Grad-CAM inside the lesion, less chance and less the centre prior's."""
    sets = defaultdict(list)
    for record in evidence.of_kind("explain"):
        if record["data"]["tier"] in (REAL, PHANTOM):
            sets[record["data"]["tier"], record["data"]["key"], record["data"]["size"]].append(record)
    votes, lines, files = [], {REAL: [], PHANTOM: []}, []
    for (tier, key, size), runs in sorted(sets.items()):
        for method in METHODS:
            says, text = _against(runs, method)
            lines[tier].append(f"{key} at {size} px, {method}: {text}: {says}")
            votes += [says] if tier == REAL and len({run["seed"] for run in runs}) >= MIN_SEEDS else []
        files += [run["file"] for run in runs]
    if not files:
        return Finding(None, f"no record of an explained model: run `{COMMAND}`")
    verdict = REPRODUCED if set(votes) == {HOLDS} else NOT_REPRODUCED if set(votes) == {FAILS} else INCONCLUSIVE
    why = "where attention and Grad-CAM look, against the lesion's area and against the image's centre"
    why += "" if votes else f"; no real set has {MIN_SEEDS} seeds"
    return Finding(verdict, why, *("\n".join(said) for said in lines.values()), tuple(files))


def _against(runs: list[dict], method: str) -> tuple[str, str]:
    """Return whether a method's mass lies over both guesses by the margin, and the two differences, in words."""
    found, votes, group = [], [], torch.tensor(runs[0]["group"])
    for guess in ("chance", "centre"):
        less = [run["chance"] if guess == "chance" else run["measured"]["centre"]["mass"] for run in runs]
        gain = _numbers([run["measured"][method]["mass"] for run in runs]) - _numbers(less)
        value, low, high, *_ = bootstrap_mean(gain.nanmean(0), group, seed=0)
        votes.append(HOLDS if low > MARGIN else FAILS if high < MARGIN else OPEN)
        found.append(f"less {guess} {100 * value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] points of its mass")
    says = HOLDS if set(votes) == {HOLDS} else FAILS if FAILS in votes else OPEN
    return says, ", ".join(found)


def _numbers(rows: list[list[float | None]]) -> torch.Tensor:
    return torch.tensor([[float("nan") if value is None else value for value in row] for row in rows], dtype=torch.float64)
