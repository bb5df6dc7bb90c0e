"""Records of detectors as tables: those that saw healthy images alone, and apart from them the supervised ones."""

from __future__ import annotations

import statistics

from medkit.anomaly.measures import CHANCE
from medkit.anomaly.planted import FOUND, HARDLY
from medkit.anomaly.run import HEALTHY_ONLY, METHODS, SENSITIVITY, SUPERVISED
from medkit.markup import Sheet, Table
from medkit.table import leak_warning

HEADS = {
    "auroc": "AUROC", "ap": "AP", "pixel_auroc": "pixel AUROC", "pro": "PRO", "sensitivity": "sensitivity",
    "alarms": "alarms / healthy",
}  # fmt: skip
OF_FOLDS = (
    "A fold's scores count from its own threshold, in standard deviations of its healthy validation scores: only so can "
    "detectors of different folds be compared."
)
REASON = {  # why a row can stand at chance: known before the run, of how each detector works
    "mirror asymmetry": "needs an upright, centred, mirrored body",
    "brightness": "knows nothing of what is healthy",
    "autoencoder": "draws lesions as well as healthy tissue, and errs at every sharp edge",
    "f-AnoGAN": "few healthy images and few steps: its drawings miss healthy detail more than lesions",
    "random features": "negative control: nothing was learned",
    "pre-trained features": "learned scanners' textures, not anatomy or lesions",
    "CNN, supervised": "few epochs at small size",
}


def sheet(records: list[dict]) -> Sheet:
    """Return the records of one set, made by one command, as tables.

    Args:
        records: of any methods and seeds, as `python3 -m medkit anomaly` makes them.

    Raises:
        ValueError: no record, or records of several sets.
    """
    if len({(r["data"]["key"], r["data"]["size"]) for r in records}) != 1:
        raise ValueError("records must be of one set at one size, got none or several; show each set alone")
    data, test = records[0]["data"], records[0]["test"]
    several = isinstance(records[0]["threshold"]["value"], list)
    title = (
        f"Anomaly detection · {data['title']} · tier: {data['tier']} · {data['size']} × {data['size']} pixels · "
        f"seeds: {sorted({r['seed'] for r in records})}"
    )
    tables = [
        _table(caption, [r for r in records if r["method"] in methods], methods)
        for caption, methods in (("Trained on healthy images alone", HEALTHY_ONLY), ("Trained with labels", SUPERVISED))
        if any(r["method"] in methods for r in records)
    ]
    tables += _seen(records)
    notes = (
        f"Test: {test['images']} images, {test['anomalous']} anomalous, {test['groups']} units ({data['unit']}), "
        f"{test['healthy groups']} of them healthy. Healthy training images: {records[0]['healthy']}{' or more' if several else ''}.",
        f"Pre-trained features learned from: {records[0]['features'][0]}.",
        f"By chance: AUROC {CHANCE['auroc']}, PRO {CHANCE['pro']:.2f}, AP {test['anomalous'] / test['images']:.2f}.",
        f"Alarms: flagged images of a healthy unit, at the threshold that finds {SENSITIVITY:.0%} of the anomalies among "
        "validation images; sensitivity: what it finds in the test.",
        *([OF_FOLDS] if several else []),
        *data["notes"],
    )
    return Sheet((title,), leak_warning(records), tuple(tables), notes)


def _table(caption: str, records: list[dict], methods: tuple[str, ...]) -> Table:
    rows, chance = [], []
    for method in methods:
        runs = [r for r in records if r["method"] == method]
        if runs:
            rows.append((method, *(_cell(runs, name) for name in HEADS)))
            chance += at_chance(method, runs)
    note = "Mean over seeds; [ ]: from the lowest to the highest end of the seeds' 95 % intervals over units."
    return Table(caption, ("",), tuple(HEADS.values()), tuple(rows), (note, *chance), "method")


def _cell(runs: list[dict], name: str) -> str:
    found = [run["measures"][name] for run in runs if name in run["measures"]]
    if not found or any(None in one for one in found):
        return "-"
    middle, low, high = statistics.mean(one[0] for one in found), min(one[1] for one in found), max(one[2] for one in found)
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def at_chance(method: str, runs: list[dict]) -> list[str]:
    """Return the sentence that says a method isn't shown to beat chance at images, with the reason; else nothing."""
    if all(run["measures"]["auroc"][1] > CHANCE["auroc"] for run in runs):
        return []
    reason = next(why for name, why in REASON.items() if name in method)
    worse = all(run["measures"]["auroc"][2] < CHANCE["auroc"] for run in runs)
    said = "below chance: healthy images score higher" if worse else "not shown to beat chance at images"
    return [f"{method}: {said}. {_measured_reason(runs)}Likely reason: {reason}."]


def _measured_reason(runs: list[dict]) -> str:
    """Say what the detector sees instead of lesions, as far as the records know."""
    if not all("planted" in run for run in runs):
        return ""
    found = [c for c in runs[0]["planted"] if all(run["planted"][c]["auroc"] >= FOUND for run in runs)]
    if found:
        return f"It finds planted discs of contrast {found[0]}: lesions are fainter to it, or look healthy. "
    most = list(runs[0]["planted"])[-1]
    auroc, rises = (statistics.mean(run["planted"][most][name] for run in runs) for name in ("auroc", "rises"))
    seen = "it hardly sees it" if rises < HARDLY else "it sees it in some images" if rises < FOUND else "it sees it"
    more = "" if rises < HARDLY else ", but healthy images differ more from one another"
    return f"A planted disc of contrast {most} raises the score of {rises:.0%} of images, AUROC {auroc:.2f}: {seen}{more}. "


def _seen(records: list[dict]) -> list[Table]:
    """Return the table of planted discs and of what maps follow; none for records without."""
    records = [r for r in records if "planted" in r]
    if not records:
        return []
    contrasts = list(records[0]["planted"])
    rows = []
    for method in METHODS:
        runs = [r for r in records if r["method"] == method]
        if runs:
            discs = (_range([run["planted"][c]["auroc"] for run in runs]) for c in contrasts)
            rises = _range([100 * run["planted"][contrasts[-1]]["rises"] for run in runs], 0)
            maps = (_range([run["maps"][name] for run in runs if name in run.get("maps", {})]) for name in ("edges", "lesions"))
            rows.append((method, *discs, rises, *maps))
    notes = (
        "Discs: planted into healthy test images, AUROC against the same images without; about 2 % of an image, contrast in "
        "units of its range. rises: share of images whose score the disc raises.",
        "edges: rank correlation of a map with the gradient of a healthy image. lesions: mean of the map inside over outside.",
        "Mean over seeds [lowest, highest].",
    )
    heads = (*(f"disc, {c}" for c in contrasts), f"rises, {contrasts[-1]}, %", "edges", "lesions")
    return [Table("What a detector sees", ("",), heads, tuple(rows), notes, "method")]


def _range(found: list[float], digits: int = 2) -> str:
    return f"{statistics.mean(found):.{digits}f} [{min(found):.{digits}f}, {max(found):.{digits}f}]" if found else "-"
