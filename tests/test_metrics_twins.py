"""Eq. 6, 7 and 9 against closed forms, MONAI, torchmetrics and scikit-learn, on thousands of cases.

Two results are the same if they are NaN in the same places and elsewhere differ by 1e-7 at most
(`distance`; NaN in one alone is infinitely far). Beside each comparison stands a wrong version that
must be further off. MONAI and torchmetrics divide in float32, which rounds a number below 1 by 6e-8
at most; their numbers are averaged here in float64, as a mean of 10,000 in float32 would lose more.
"""

import collections
import contextlib
import math
import warnings

import numpy as np
import pytest
import torch

from medkit.metrics import (
    accuracy,
    balanced_accuracy,
    binary,
    dice,
    dice_conventions,
    dice_empty_one,
    dice_empty_zero,
    dice_per_image,
    dice_pooled,
    dice_truth_shown,
    f1_per_class,
    iou,
    iou_per_image,
    label_counts,
    macro,
    mask_counts,
    micro,
    precision_per_class,
    recall_per_class,
    weighted,
)
from medkit.scores import auroc, auroc_macro, brier

pytestmark = pytest.mark.filterwarnings("error")
TOLERANCE = 1e-7
PAIRS, SETS = 10_000, 2_000
MEASURES = (precision_per_class, recall_per_class, f1_per_class)


def distance(ours, theirs):
    """Return the largest difference, infinite where one is NaN and the other is not."""
    ours, theirs = (torch.as_tensor(values, dtype=torch.float64).flatten() for values in (ours, theirs))
    assert ours.shape == theirs.shape
    if not torch.equal(ours.isnan(), theirs.isnan()):
        return math.inf
    return float((ours - theirs).abs().nan_to_num(0).max())


@contextlib.contextmanager
def peers_may_warn():
    """Let peers advise without failing; a mark on the test would lose against the file's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def mean(values):
    """Average in float64 what is not NaN, without warning where all is."""
    return float(torch.as_tensor(values).double().nanmean())


# --- masks ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def masks():
    """Return pred and target (10000, 1, 16, 16): every density, apart and overlapping, many empty."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.rand(*shape, generator=generator)

    target = draw(PAIRS, 1, 16, 16) < draw(PAIRS, 1, 1, 1)
    fresh = draw(PAIRS, 1, 16, 16) < draw(PAIRS, 1, 1, 1)
    pred = torch.where(draw(PAIRS, 1, 16, 16) < draw(PAIRS, 1, 1, 1), target, fresh)
    target &= draw(PAIRS, 1, 1, 1) > 0.3
    pred &= draw(PAIRS, 1, 1, 1) > 0.35
    return pred, target


@pytest.fixture(scope="module")
def counts(masks):
    return mask_counts(*masks)


@pytest.fixture(scope="module")
def pixels(masks):
    """Return for each pair the two masks as sets of pixels."""
    return [
        tuple(set(np.flatnonzero(mask).tolist()) for mask in pair)
        for pair in zip(*(mask.numpy() for mask in masks), strict=True)
    ]


def overlap(pred, target):
    return 2 * len(pred & target) / (len(pred) + len(target)) if pred or target else math.nan


def test_twin_masks_are_as_many_as_asked(masks):
    pred, target = (mask.flatten(1).any(1) for mask in masks)
    assert len(pred) == PAIRS
    assert (~pred & ~target).sum() >= 800 and (~target).sum() >= 2000
    assert (~pred & target).sum() >= 1000 and (pred & ~target).sum() >= 1000


def test_twin_counts_are_set_sizes(counts, pixels):
    expected = [(len(p & t), len(p - t), len(t - p), 256 - len(p | t)) for p, t in pixels]
    assert torch.equal(torch.stack(counts, 1), torch.tensor(expected))
    swapped = [(len(p & t), len(t - p), len(p - t), 256 - len(p | t)) for p, t in pixels]
    assert not torch.equal(torch.stack(counts, 1), torch.tensor(swapped))


def test_twin_closed_form_of_dice_and_iou(counts, pixels):
    each = [overlap(p, t) for p, t in pixels]
    union = [len(p & t) / len(p | t) if p or t else math.nan for p, t in pixels]
    assert distance(dice_per_image(counts), each) <= TOLERANCE
    assert distance(iou_per_image(counts), union) <= TOLERANCE
    assert distance(iou(counts).value, np.nanmean(union)) <= TOLERANCE
    assert distance(iou_per_image(counts), each) > 0.1  # IoU called Dice
    empty_is_one = [1.0 if math.isnan(value) else value for value in each]
    assert distance(dice_per_image(counts), empty_is_one) == math.inf


def test_twin_closed_form_of_the_conventions(counts, pixels):
    each = np.array([overlap(p, t) for p, t in pixels])
    shown = np.array([bool(t) for _, t in pixels])
    pooled = 2 * sum(len(p & t) for p, t in pixels) / sum(len(p) + len(t) for p, t in pixels)
    expected = [
        np.nanmean(each),
        each[shown].mean(),
        np.where(np.isnan(each), 1, each).mean(),
        np.where(np.isnan(each), 0, each).mean(),
        pooled,
    ]
    ours = dice_conventions(counts)
    for metric, value in zip(ours, expected, strict=True):
        assert distance(metric.value, value) <= TOLERANCE
    for wrong in range(1, 5):  # each convention in every other one's place
        for metric, value in zip(ours, np.roll(expected, wrong), strict=True):
            assert distance(metric.value, value) > 0.001
    assert [metric.n for metric in ours] == [(~np.isnan(each)).sum(), shown.sum(), PAIRS, PAIRS, PAIRS]
    both = np.isnan(each).sum()
    assert [metric.n_empty for metric in ours] == [both, (~shown).sum(), both, both, both]


@peers_may_warn()  # MONAI's own
def test_twin_monai(masks, counts):
    """MONAI's two settings; its NaN stands where the truth is empty, false alarms included."""
    monai = pytest.importorskip("monai.metrics")
    pred, target = (mask.float() for mask in masks)
    shown = target.flatten(1).any(1)
    for theirs, ours, summary in (
        (monai.compute_dice, dice_per_image(counts), (dice_truth_shown, dice_empty_one)),
        (monai.compute_iou, iou_per_image(counts), ()),
    ):
        skipping, filling = (theirs(pred, target, ignore_empty=skip)[:, 0] for skip in (True, False))
        # ignore_empty=True: NaN for every empty truth. Ours is 0 for a false alarm.
        assert distance(ours.where(shown, math.nan), skipping) <= TOLERANCE
        # ignore_empty=False: an empty truth gives 1 for an empty prediction, else 0.
        assert distance(ours.nan_to_num(1), filling) <= TOLERANCE
        for convention, values in zip(summary, (skipping, filling)):
            assert distance(convention(counts).value, mean(values)) <= TOLERANCE
        assert distance(ours, skipping) == distance(ours, filling) == math.inf  # unmapped
        assert distance(ours.nan_to_num(0), filling) == 1.0
    skipping = monai.compute_dice(pred, target)[:, 0]
    assert distance(dice(counts).value, mean(skipping)) > 0.05
    assert distance(iou_per_image(counts).where(shown, math.nan), skipping) > 0.1


@peers_may_warn()  # torchmetrics' own
def test_twin_torchmetrics(masks, counts):
    """torchmetrics leaves both empty out, as `dice` does, or pools the pixels."""
    segmentation = pytest.importorskip("torchmetrics.functional.segmentation")
    options = {"num_classes": 2, "include_background": False, "average": "none", "input_format": "index"}
    both = [mask[:, 0].long() for mask in masks]
    each = segmentation.dice_score(*both, **options)[:, 0]
    assert distance(dice_per_image(counts), each) <= TOLERANCE
    assert distance(dice(counts).value, mean(each)) <= TOLERANCE
    pooled = segmentation.dice_score(*both, **options, aggregation_level="global")
    assert distance(dice_pooled(counts).value, pooled) <= TOLERANCE
    assert distance(dice(counts).value, pooled) > 0.01
    assert distance(dice_pooled(counts).value, mean(each)) > 0.01
    # Its IoU says -1 where neither mask has a pixel.
    union = segmentation.mean_iou(
        *both, num_classes=2, include_background=False, per_class=True, input_format="index"
    )[:, 0]
    assert distance(iou_per_image(counts).nan_to_num(-1), union) <= TOLERANCE
    assert distance(dice_per_image(counts).nan_to_num(-1), union) > 0.1
    assert distance(iou_per_image(counts), union) == math.inf


def known_example():
    """Half of the truth empty: Dice 0.9 and 0.612, one false alarm of 15 pixels, one left alone."""
    pred, target = torch.zeros(2, 4, 400, dtype=torch.bool)
    pred[0, :100], target[0, 10:110] = True, True  # 90 in common
    pred[1, :250], target[1, 97:347] = True, True  # 153 in common
    pred[2, :15] = True
    return pred.reshape(4, 1, 20, 20), target.reshape(4, 1, 20, 20)


@peers_may_warn()  # MONAI's and torchmetrics' own
def test_twin_one_prediction_many_dice():
    """Each setting of the peers is one of our conventions: 0.756, 0.628, 0.504 and 0.680."""
    monai = pytest.importorskip("monai.metrics")
    segmentation = pytest.importorskip("torchmetrics.segmentation")
    pred, target = known_example()
    theirs = {}
    for skip in (True, False):
        metric = monai.DiceMetric(reduction="mean", ignore_empty=skip)
        metric(pred.float(), target.float())
        theirs["monai", skip] = metric.aggregate().item()
    for level in ("samplewise", "global"):
        metric = segmentation.DiceScore(
            2, include_background=False, average="none", aggregation_level=level, input_format="index"
        )
        metric.update(pred[:, 0].long(), target[:, 0].long())
        theirs["torchmetrics", level] = metric.compute().item()
    assert [round(value, 3) for value in theirs.values()] == [0.756, 0.628, 0.504, 0.680]
    counts = mask_counts(pred, target)
    same = {
        dice_truth_shown: theirs["monai", True],
        dice_empty_one: theirs["monai", False],
        dice: theirs["torchmetrics", "samplewise"],
        dice_pooled: theirs["torchmetrics", "global"],
    }
    for convention, value in same.items():
        near = [other for other in theirs.values() if distance(convention(counts).value, other) < 0.05]
        assert near == [value] and distance(convention(counts).value, value) <= TOLERANCE
    assert dice_empty_zero(counts).value == pytest.approx(0.378)  # a fifth, which no setting gives
    values = sorted(metric.value for metric in dice_conventions(counts))
    assert min(high - low for low, high in zip(values, values[1:])) > 0.05


# --- labels -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def label_sets():
    """Return (pred, target, score, classes) 2,000 times: 1 to 40 images, 2 to 5 classes, some absent."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(SETS):
        n, classes = generator.integers(1, 41), int(generator.integers(2, 6))
        few = generator.integers(1, classes + 1, 2)
        shown, called = (generator.permutation(classes)[:number] for number in few)
        target = generator.choice(shown, n)
        pred = np.where(generator.random(n) < generator.random(), target, generator.choice(called, n))
        score = generator.integers(0, 12, n) / 11 if n % 2 else generator.random(n)  # with ties, without
        found.append((pred, target, score, classes))
    return found


@pytest.fixture(scope="module")
def label_set_counts(label_sets):
    return [label_counts(torch.tensor(p), torch.tensor(t), classes) for p, t, _, classes in label_sets]


def by_hand(pred, target, classes):
    """Return precision, recall and F1 of each class, counted pair by pair."""
    pairs = list(zip(pred.tolist(), target.tolist(), strict=True))
    rows = []
    for c in range(classes):
        hit, called, true = pairs.count((c, c)), sum(p == c for p, _ in pairs), sum(t == c for _, t in pairs)
        rows.append((hit / called if called else math.nan, hit / true if true else math.nan,
                     2 * hit / (called + true) if called or true else math.nan))  # fmt: skip
    return list(zip(*rows, strict=True))


def test_twin_closed_form_of_labels(label_sets, label_set_counts):
    ours, theirs, wrong = [], [], []
    for (pred, target, _, classes), counts in zip(label_sets, label_set_counts, strict=True):
        precision, recall, harmonic = by_hand(pred, target, classes)
        right = sum(p == t for p, t in zip(pred, target, strict=True)) / len(pred)
        ours += [measure(counts).tolist() for measure in MEASURES]
        ours.append([accuracy(counts).value, balanced_accuracy(counts).value])
        ours += [[average(measure, counts).value for measure in MEASURES] for average in (micro, macro)]
        known = [np.array(values) for values in (precision, recall, harmonic)]
        theirs += [precision, recall, harmonic]
        theirs += [[100 * right, 100 * np.nanmean(known[1])], [right] * 3]
        theirs.append([np.nanmean(values) for values in known])
        wrong += [recall, precision, harmonic, [100 * right] * 2, [right] * 3, [right] * 3]
    assert distance(sum(ours, []), np.concatenate(theirs)) <= TOLERANCE
    assert distance(sum(ours, []), np.concatenate(wrong)) == math.inf  # precision and recall swapped


@peers_may_warn()  # scikit-learn's own, on absent classes
@pytest.mark.slow  # 10,000 label sets
def test_twin_scikit_learn(label_sets, label_set_counts):
    """Everything that scikit-learn has too, with NaN for 0/0 (`zero_division=nan`).

    One difference: where no class with a precision is shown, so that no weight is left, scikit-learn
    falls back to the unweighted mean. Ours is NaN, and so is what it is compared with.
    """
    sk = pytest.importorskip("sklearn.metrics")
    found = collections.defaultdict(lambda: ([], []))
    fallbacks = 0
    for (pred, target, score, classes), counts in zip(label_sets, label_set_counts, strict=True):
        options = {"labels": np.arange(classes), "zero_division": np.nan}
        theirs = {
            average: sk.precision_recall_fscore_support(target, pred, average=average.__name__, **options)[:3]
            for average in (micro, macro, weighted)
        }
        if not np.isin(pred, target).any():
            fallbacks += 1
            assert theirs[weighted][0] == 0  # the classes that are predicted, none of them shown
            theirs[weighted] = (math.nan, *theirs[weighted][1:])
        theirs[binary] = sk.precision_recall_fscore_support(
            target == 1, pred == 1, average="binary", zero_division=np.nan
        )[:3]
        for average, values in theirs.items():
            for measure, value in zip(MEASURES, values, strict=True):
                found[average, measure][0].append(average(measure, counts).value)
                found[average, measure][1].append(value)
        for metric, value in (
            (accuracy(counts), 100 * sk.accuracy_score(target, pred)),
            (balanced_accuracy(counts), 100 * sk.balanced_accuracy_score(target, pred)),
            (auroc(torch.tensor(score), torch.tensor(target == 1)), area(sk, target == 1, score)),
            (brier(torch.tensor(score), torch.tensor(target == 1)), sk.brier_score_loss(target == 1, score)),
        ):
            found[metric.convention][0].append(metric.value)
            found[metric.convention][1].append(value)
    assert len(found) == 4 * 3 + 4 and 20 < fallbacks < 200
    for ours, theirs in found.values():
        assert len(ours) == SETS and distance(ours, theirs) <= TOLERANCE
    for measure in MEASURES:  # every average in every other one's place
        for average in (binary, micro, macro, weighted):
            for other in {binary, micro, macro, weighted} - {average}:
                same = average is not binary and other is not binary and measure is recall_per_class
                exempt = same and {average, other} == {micro, weighted}  # both are the accuracy
                assert (distance(found[average, measure][0], found[other, measure][1]) > 0.1) != exempt
    nan = {average: np.isnan(found[average, precision_per_class][0]).sum() for average in (binary, weighted)}
    assert nan[binary] > 200 and nan[weighted] == fallbacks
    assert np.isnan(found[auroc(torch.zeros(1), torch.ones(1) > 0).convention][0]).sum() > 200


def area(sk, target, score):
    """Return scikit-learn's AUROC; where a class is missing, old versions raise instead of giving NaN."""
    return sk.roc_auc_score(target, score) if 0 < target.sum() < len(target) else math.nan


@peers_may_warn()  # scikit-learn's own
def test_twin_scikit_learn_auroc_of_classes(label_sets):
    sk = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(1)
    ours, theirs, wrong = [], [], []
    for _, target, _, classes in label_sets[:300]:
        score = generator.random((len(target), classes))
        each = [area(sk, target == c, score[:, c]) for c in range(classes)]
        ours.append(auroc_macro(torch.tensor(score), torch.tensor(target)).value)
        theirs.append(mean(each))
        wrong.append(float(np.mean(each)))  # absent classes not left out
    assert distance(ours, theirs) <= TOLERANCE
    assert distance(ours, wrong) == math.inf
    assert 10 < np.isnan(ours).sum() < 150


def test_twin_distance_can_fail():
    assert distance([0.5, math.nan], [0.5, math.nan]) == 0
    assert distance([0.5, math.nan], [0.5, 0.0]) == distance([0.5, 0.0], [0.5, math.nan]) == math.inf
    assert distance([0.5], [0.5 + 2e-7]) > TOLERANCE
