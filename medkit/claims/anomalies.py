"""The claim that anomalies are detected, judged from records of detectors that saw healthy images alone.

The paper gives no number and doesn't say which detector. So one was chosen before any record was made:
PaDiM on pre-trained features, which is what §2.3 calls a hybrid of deep learning and classical statistics;
the others stand beside it in the tables. The limit, an AUROC of 0.7, is what Hosmer and Lemeshow call
acceptable; chance is 0.5. It is asked of images, and of pixels where there are masks.

Reference: D. W. Hosmer and S. Lemeshow, "Applied Logistic Regression", 2000, section 5.2.4.
"""

from __future__ import annotations

from collections import defaultdict

from medkit.claims.questions import SURE_UNITS
from medkit.claims.trials import MIN_SEEDS, MIN_UNITS, PHANTOM, REAL, Evidence
from medkit.claims.verdict import FAILS, HOLDS, INCONCLUSIVE, NOT_REPRODUCED, OPEN, REPRODUCED, Finding, joined

METHOD = "PaDiM, pre-trained features"
LIMIT = 0.7
ASKED = {"auroc": "AUROC of images", "pixel_auroc": "of pixels"}
COMMAND = "python3 -m medkit anomaly --data us"


def detects(evidence: Evidence) -> Finding:
    """Judge K17: a set holds if each number of each seed lies wholly above the limit, and fails if one lies below in all."""
    together = defaultdict(list)
    for record in evidence.of_kind("anomaly"):
        if record["method"] == METHOD and record["data"]["tier"] in (REAL, PHANTOM):
            together[record["data"]["tier"], record["data"]["key"]].append(record)
    lines, votes, files = {REAL: [], PHANTOM: []}, [], []
    for (tier, key), runs in sorted(together.items()):
        says, text = _set(runs)
        unit, units = runs[0]["data"]["unit"], runs[0]["test"]["groups"]
        size = runs[0]["data"]["size"]
        lines[tier].append(f"{key}, {size} × {size} pixels, {len(runs)} seeds, {units} test units ({unit}): {says}: {text}")
        if tier == REAL:
            files += [run["file"] for run in runs]
            votes += [(says, unit)] if len(runs) >= MIN_SEEDS and units >= MIN_UNITS else []
    if not files:
        return Finding(None, f"no record of a detector on real images: run `{COMMAND}`", "", "\n".join(lines[PHANTOM]))
    said, sure = {says for says, _ in votes}, {says for says, unit in votes if unit in SURE_UNITS}
    verdict, why = INCONCLUSIVE, f"{METHOD}, healthy training images alone; "
    if FAILS in sure:
        verdict, why = NOT_REPRODUCED, why + "a set by patients lies below the limit, for this detector at this size"
    elif said == {HOLDS} and sure:
        verdict, why = REPRODUCED, why + "all sets lie above the limit"
    elif not sure:
        why += f"no set split by patients has {MIN_UNITS} test units and {MIN_SEEDS} seeds"
    else:
        why += "an interval reaches over the limit"
    return Finding(verdict, why, "\n".join(lines[REAL]), "\n".join(lines[PHANTOM]), tuple(files))


def _set(runs: list[dict]) -> tuple[str, str]:
    """Return what a set's records say, and the numbers of all seeds in words."""
    says, words = [], []
    for name, title in ASKED.items():
        found = [run["measures"][name] for run in runs if name in run["measures"]]
        if not found:
            continue
        above = all(low is not None and low > LIMIT for _, low, _ in found)
        below = all(high is not None and high < LIMIT for _, _, high in found)
        says.append(HOLDS if above else FAILS if below else OPEN)
        words.append(f"{title} " + ", ".join("{:.2f} [{:.2f}, {:.2f}]".format(*(x if x is not None else float("nan") for x in one)) for one in found))
    return joined(says), "; ".join(words)
