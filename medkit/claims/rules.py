"""For each claim of the paper the test that decides it, with its margin: fixed here, before any run.

    for rule in RULES.values():
        print(rule.claim, rule.test)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from medkit import paper
from medkit.claims import ablations, alone, anomalies, clocks, deployed, explained, shifted, tables
from medkit.claims.questions import PRINTED, SAME
from medkit.claims.trials import MIN_SEEDS, Evidence
from medkit.claims.verdict import Finding

ORDER = (
    "Hybrid - Transformer, Transformer - U-Net, U-Net - CNN at the last epoch: the 95 % interval of each above 0 on "
    f"every real set of MRI, CT and ultrasound is reproduced; one below 0, or within ± {SAME:.0f} point, is not."
)
ARMS = (
    "the 95 % interval above 0 on every real set that has runs is reproduced; one below 0, or within "
    f"± {SAME:.0f} point, is not."
)
DOMINATED = "Balanced accuracy where one class dominates."


@dataclass(frozen=True)
class Rule:
    """How a claim is decided.

    Args:
        claim: its id, "K1".
        test: the test and its margin, in a sentence or two.
        judge: evidence -> what it finds.
    """

    claim: str
    test: str
    judge: Callable[[Evidence], Finding]


def _without_runs(judge: Callable[[], Finding]) -> Callable[[Evidence], Finding]:
    return lambda evidence: judge()


def _not_built(claim: str) -> Rule:
    nothing = Finding(None, f"not built yet: {paper.find(claim).pending}")
    return Rule(claim, "Not fixed yet.", lambda evidence: nothing)


_FIXED = (
    Rule("K1", f"{ORDER} {DOMINATED}", partial(tables.order, metric="accuracy")),
    Rule("K2", f"{ORDER} Sets with masks.", partial(tables.order, metric="dice")),
    Rule("K3", f"{ORDER} Macro F1.", partial(tables.order, metric="f1")),
    Rule(
        "K4",
        f"Equivalence: the 90 % interval of each of the hybrid's leads within ± {PRINTED:.0f} points of the printed "
        f"one, on every real set, is reproduced; one wholly outside is not. Runs of 50 epochs. {DOMINATED}",
        tables.margins,
    ),
    Rule(
        "K5",
        "The four steps between report epochs, mean over seeds: the 95 % interval of each above 0 for every model and "
        "metric is reproduced; a fall below 0, at 95 % corrected for the number of steps (Bonferroni), is not. Runs of "
        "50 epochs.",
        tables.rising,
    ),
    Rule(
        "K6",
        "Median time for an image over seeds, batches of 1 and of 32, each machine and set: quartile ranges apart in "
        f"this order everywhere is reproduced; apart the other way once is not. {MIN_SEEDS} seeds. No patients needed.",
        clocks.fastest,
    ),
    Rule(
        "K7",
        "Time at the last report epoch over that at the first, quartiles over seeds: below "
        f"{1 - clocks.FLAT:.1f} for every model everywhere is reproduced; above it for one is not: flat. "
        f"{MIN_SEEDS} seeds. No patients needed.",
        clocks.falling,
    ),
    Rule(
        "K8",
        f"{clocks.NEED:.0f} images a second, one at a time, the model alone: the quartile range above it on every "
        f"machine is reproduced; below it on every one is not. Runs that were timed, {MIN_SEEDS} seeds; and the hybrid at "
        f"{deployed.SIDE} px in PyTorch and exported, one and two threads, {deployed.MIN_TURNS} turns. No patients needed.",
        deployed.real_time,
    ),
    Rule(
        "K9",
        f"The hybrid less itself with a convolution of the same size for its attention, Dice and accuracy: {ARMS} "
        f"Sets with masks. {DOMINATED}",
        ablations.attention,
    ),
    Rule(
        "K10",
        f"Scores as printed less softmax, Dice and accuracy: 95 % interval above - {SAME:.0f} point on every real set "
        f"that has runs is reproduced; wholly below it is not. {DOMINATED}",
        ablations.no_softmax,
    ),
    Rule(
        "K11",
        f"Both less normalising only, and both less denoising only, accuracy and Dice: {ARMS} One set each of MRI, CT "
        f"and ultrasound. {DOMINATED}",
        ablations.preparation,
    ),
    Rule(
        "K12",
        f"Augmented less plain in accuracy with the fewest labels: {ARMS} And more than with the most labels: "
        f"intervals apart that way is reproduced, the other way is not. {DOMINATED}",
        ablations.augmentation,
    ),
    Rule(
        "K13",
        "From ImageNet's weights alone. Frozen less from scratch in accuracy, with the fewest labels and, after a "
        f"fifth of the epochs, with the most: {ARMS} And more with the fewest than with the most.",
        ablations.transfer,
    ),
    Rule(
        "K14",
        "Freeze a small network's convolution and BatchNorm, train it a few steps, compare all bytes: none changed.",
        _without_runs(alone.frozen),
    ),
    Rule(
        "K15",
        "The hybrid's attention map and Grad-CAM of test images with a lesion: mass inside its mask, and pointing game, "
        "each less chance (its share of the image) and less a map of the image's centre: all 95 % intervals above 0, and "
        f"the rank correlation with the map of untrained weights below {explained.MOST_ALIKE}, on every real set that has "
        f"runs, is reproduced; one below 0, within ± {SAME:.0f} point, or above that correlation, is not.",
        explained.interpretable,
    ),
    Rule(
        "K16",
        "Hybrid less linear baseline in accuracy on one real set each of MRI, CT and ultrasound: one 95 % interval "
        f"below 0, or within ± {SAME:.0f} point, is not reproduced. And trained on two modalities, tested on the third: "
        f"Dice less that of the hybrid trained on the third, 95 % interval above - {shifted.MARGIN:.0f} points on each is "
        f"reproduced, below it on one is not. {DOMINATED}",
        shifted.works_everywhere,
    ),
    Rule(
        "K17",
        f"{anomalies.METHOD}, trained on healthy images alone: AUROC of images, and of pixels where there are masks, wholly "
        f"above {anomalies.LIMIT} in each of {MIN_SEEDS} seeds, on every real set, is reproduced; one wholly below in all is "
        "not. [ ] are 95 % intervals over test units.",
        anomalies.detects,
    ),
    Rule(
        "K18",
        f"The exported hybrid at {deployed.SIDE} px: at most {deployed.MOST_PARAMETERS / 1e6:.1f} million parameters and "
        f"{deployed.MOST_FLOPS / 1e9:.1f} GFLOPs (MobileNetV2's), {deployed.MOST_BYTES / 2**20:.0f} MiB for the process, "
        f"{clocks.NEED:.0f} images a second on one thread: all on every machine is reproduced; one over its limit is not. "
        "No patients needed.",
        deployed.light,
    ),
    Rule(
        "K19",
        "Trained on one real set, tested on a second of that modality: Dice (balanced accuracy without masks) less that "
        f"of the hybrid trained on the second, 95 % interval above - {shifted.MARGIN:.0f} points on each is reproduced, "
        "below it on one is not. Units must be patients.",
        shifted.unseen,
    ),
    Rule("K20", "The abstract's accuracy against the highest of Table 4.", _without_runs(alone.headline)),
    Rule(
        "K21",
        "The leads of Table 4 at epoch 50, in points and as a share, to whole numbers: all within 3 to 5 % on one "
        "reading, or the paper contradicts itself.",
        _without_runs(alone.lead_in_accuracy),
    ),
    Rule(
        "K22",
        "The leads of Table 5 at epoch 50, in points and as a share, to whole numbers: all 10 % on one reading, or "
        "the paper contradicts itself.",
        _without_runs(alone.lead_in_dice),
    ),
    Rule(
        "K23",
        "Eq. 2 of an image and of the same with one hot pixel: the contrast of all others the same to a tenth.",
        _without_runs(alone.same_contrast),
    ),
    Rule("K24", "Table 1's moves, planned for 1000 images, make 5000.", _without_runs(alone.five_thousand)),
    Rule(
        "K26",
        "One example in which a lower score has more say in Eq. 4 as printed, and it is not reproduced.",
        _without_runs(alone.more_score_more_say),
    ),
    Rule(
        "K27",
        "One model with a high accuracy that finds no one ill, and it is not reproduced.",
        _without_runs(alone.accuracy_is_enough),
    ),
    Rule(
        "K28",
        "The F1 of a model that finds no one ill, in each average: where they disagree, it can't be tested.",
        _without_runs(alone.f1_for_uneven_classes),
    ),
    Rule(
        "K29",
        "Hybrid less each other model, in healthy images left alone and in ill ones found: the 95 % interval of each "
        f"above 0 on real sets of CT and ultrasound that hold healthy images is reproduced; one below 0, or within "
        f"± {SAME:.0f} point, is not.",
        tables.both_errors,
    ),
    Rule("K30", "No set of images can decide it.", _without_runs(alone.patients_gain)),
    Rule(
        "K39",
        "With the fewest labels, half the images made, less real images alone, for a GAN and for Fourier style, "
        f"accuracy and Dice: {ARMS} Sets with masks. {DOMINATED} Copied training patients are told beside.",
        ablations.synthesis,
    ),
)
_ID = {rule.claim: rule for rule in _FIXED}
RULES: dict[str, Rule] = {claim.id: _ID.get(claim.id) or _not_built(claim.id) for claim in paper.CLAIMS}
