"""Eq. 6, 7 and 9."""

import dataclasses
import math

import pytest
import torch

from medkit._counts import mean_of_answered, ratio
from medkit.metrics import (
    Counts,
    Metric,
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
    f1,
    f1_of_means,
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

hypothesis = pytest.importorskip("hypothesis")
given, settings, st = hypothesis.given, hypothesis.settings, hypothesis.strategies
pytestmark = pytest.mark.filterwarnings("error")
drawn = settings(derandomize=True, deadline=None, max_examples=60)

# Truth 4 cats, 3 dogs, 1 fox; no newt is shown or predicted.
TARGET = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2])
PRED = torch.tensor([0, 0, 0, 1, 1, 1, 0, 1])
MEASURES = (precision_per_class, recall_per_class, f1_per_class)

# Six images of 16 pixels: half overlaps · most overlaps · missed · false alarm · both empty, twice.
IMAGES = Counts(
    *torch.tensor([[2, 5, 0, 0, 0, 0], [1, 1, 0, 3, 0, 0], [3, 0, 4, 0, 0, 0], [10, 10, 12, 13, 16, 16]])
)


def healthy_or_ill():
    """Truth 4 ill of 10; 3 found, 1 missed, 2 false alarms."""
    target = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    pred = torch.tensor([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])
    return label_counts(pred, target, classes=2)


def draw_labels(seed, n=30, classes=4):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, classes, (n,), generator=generator) for _ in range(2)]


def draw_masks(seed, n=12, size=6):
    """Random masks of every density, about a third of each side empty."""
    generator = torch.Generator().manual_seed(seed)
    full = torch.rand((2, n, 1, 1, 1), generator=generator) > 0.35
    density = torch.rand((2, n, 1, 1, 1), generator=generator)
    return (torch.rand((2, n, 1, size, size), generator=generator) < density) & full


# --- hand -------------------------------------------------------------------------------------


def test_hand_labels():
    counts = label_counts(PRED, TARGET, classes=4)
    assert counts.tp.tolist() == [3, 2, 0, 0]
    assert counts.fp.tolist() == [1, 2, 0, 0]
    assert counts.fn.tolist() == [1, 1, 1, 0]
    assert counts.tn.tolist() == [3, 3, 7, 8]
    assert accuracy(counts).value == 62.5  # 5 of 8
    assert balanced_accuracy(counts).value == pytest.approx(100 * (3 / 4 + 2 / 3 + 0) / 3)
    assert f1_per_class(counts)[:3].tolist() == pytest.approx([6 / 8, 4 / 7, 0])
    assert f1(counts).value == pytest.approx((6 / 8 + 4 / 7) / 3)
    assert (f1(counts).n, f1(counts).n_empty) == (8, 1)
    assert (balanced_accuracy(counts).n, balanced_accuracy(counts).n_empty) == (8, 1)
    assert (accuracy(counts).n, accuracy(counts).n_empty) == (8, 0)
    assert precision_per_class(counts)[:2].tolist() == [3 / 4, 2 / 4]
    assert precision_per_class(counts)[2:].isnan().all()  # fox and newt were never predicted
    assert recall_per_class(counts)[:3].tolist() == [3 / 4, 2 / 3, 0] and recall_per_class(counts)[3].isnan()
    assert f1_per_class(counts)[3].isnan()
    assert {each.dtype for each in (measure(counts) for measure in MEASURES)} == {torch.float64}


def test_hand_averages_over_classes():
    """Four averages, and the second macro F1, of the same labels: the header tells them apart."""
    counts = label_counts(PRED, TARGET, classes=4)
    expected = {  # precision 3/4, 2/4, -, -; recall 3/4, 2/3, 0, -; F1 6/8, 4/7, 0, -; truth 4, 3, 1, 0
        micro: (5 / 8, 5 / 8, 5 / 8),
        macro: ((3 / 4 + 1 / 2) / 2, (3 / 4 + 2 / 3) / 3, (6 / 8 + 4 / 7) / 3),
        weighted: ((4 * 3 / 4 + 3 / 2) / 7, (3 + 2) / 8, (4 * 6 / 8 + 3 * 4 / 7) / 8),
    }
    empty = {micro: (0, 0, 0), macro: (2, 1, 1), weighted: (2, 1, 1)}
    header = {
        micro: "micro: of the counts summed over classes",
        macro: "macro: mean over classes, 0/0 left out",
        weighted: "weighted: by images of each class, 0/0 left out",
    }
    for average, values in expected.items():
        for measure, value, n_empty in zip(MEASURES, values, empty[average], strict=True):
            result = average(measure, counts)
            assert result == Metric(pytest.approx(value, abs=1e-15), 8, n_empty, header[average])
    assert f1(counts) == macro(f1_per_class, counts)


def test_hand_binary():
    counts = healthy_or_ill()
    ill = [binary(measure, counts) for measure in MEASURES]
    assert [result.value for result in ill] == pytest.approx([3 / 5, 3 / 4, 6 / 9], abs=1e-15)
    assert ill[0] == Metric(0.6, 10, 0, "binary: class 1 against the rest")
    healthy = [binary(measure, counts, positive=0) for measure in MEASURES]  # the wrong class of two
    assert [result.value for result in healthy] == pytest.approx([4 / 5, 4 / 6, 8 / 11], abs=1e-15)
    assert healthy[0].convention == "binary: class 0 against the rest"
    never = binary(precision_per_class, label_counts(PRED, TARGET, 4), positive=2)
    assert math.isnan(never.value) and (never.n, never.n_empty) == (8, 1)


def test_hand_two_macro_f1():
    """The mean of F1s is not the F1 of means; the second flatters errors that go one way."""
    counts = healthy_or_ill()
    assert f1(counts).value == pytest.approx((6 / 9 + 8 / 11) / 2, abs=1e-15)
    precision, recall = (3 / 5 + 4 / 5) / 2, (3 / 4 + 4 / 6) / 2
    expected = 2 * precision * recall / (precision + recall)
    header = "F1 of the classes' mean precision and recall"
    assert f1_of_means(counts) == Metric(pytest.approx(expected, abs=1e-15), 10, 0, header)
    counts = label_counts(PRED, TARGET, 4)
    precision, recall = (3 / 4 + 1 / 2) / 2, (3 / 4 + 2 / 3) / 3
    expected = 2 * precision * recall / (precision + recall)
    assert f1_of_means(counts) == Metric(pytest.approx(expected, abs=1e-15), 8, 2, header)
    assert f1_of_means(counts).value - f1(counts).value > 0.09
    wrong = label_counts(torch.tensor([1, 1, 0]), torch.tensor([0, 0, 1]), 2)
    assert f1_of_means(wrong) == Metric(0.0, 3, 0, header)
    # Everything called 0: precision (1/2, -), recall (1, 0); the means are 1/2 and 1/2.
    lazy = label_counts(torch.tensor([0, 0]), torch.tensor([0, 1]), 2)
    assert f1_of_means(lazy) == Metric(0.5, 2, 1, header) and f1(lazy).value == pytest.approx(1 / 3)


def test_hand_headers_of_percentages():
    counts = label_counts(PRED, TARGET, 4)
    assert accuracy(counts).convention == "percent of images"
    assert balanced_accuracy(counts).convention == "percent, mean of the classes' recall"


def test_hand_masks():
    target = torch.zeros(4, 4, 4, dtype=torch.bool)
    pred = target.clone()
    target[0, :2, :2] = pred[0, :2, 1:3] = True  # half of each overlaps
    target[1, 0, 0] = True  # missed
    pred[2] = True  # false alarm
    counts = mask_counts(pred, target)  # the fourth: empty, rightly left alone
    assert [c.tolist() for c in counts] == [[2, 0, 0, 0], [2, 0, 16, 0], [2, 1, 0, 0], [10, 15, 0, 16]]
    each = dice_per_image(counts).tolist()
    assert each[:3] == [0.5, 0.0, 0.0] and math.isnan(each[3])
    result = dice(counts)
    assert (result.value, result.n, result.n_empty) == (pytest.approx(0.5 / 3), 3, 1)
    assert result.convention == "mean over images, both empty left out"


def test_hand_iou():
    each = iou_per_image(IMAGES)
    assert each[:4].tolist() == [2 / 6, 5 / 6, 0, 0] and each[4:].isnan().all()
    expected = (2 / 6 + 5 / 6) / 4
    assert iou(IMAGES) == Metric(pytest.approx(expected), 4, 2, "mean over images, both empty left out")
    assert dice(IMAGES).value - iou(IMAGES).value > 0.05


def test_hand_five_dice_of_the_same_masks():
    each = dice_per_image(IMAGES)
    assert each[:4].tolist() == [4 / 8, 10 / 11, 0, 0] and each[4:].isnan().all()
    total = 4 / 8 + 10 / 11
    expected = (
        Metric(pytest.approx(total / 4), 4, 2, "mean over images, both empty left out"),
        Metric(pytest.approx(total / 3), 3, 3, "mean over images, empty truth left out"),
        Metric(pytest.approx((total + 2) / 6), 6, 2, "mean over images, both empty = 1"),
        Metric(pytest.approx(total / 6), 6, 2, "mean over images, both empty = 0"),
        Metric(pytest.approx(14 / (14 + 5 + 7)), 6, 2, "pooled: of the pixels of all images"),
    )
    assert dice_conventions(IMAGES) == expected
    alone = (dice, dice_truth_shown, dice_empty_one, dice_empty_zero, dice_pooled)
    assert tuple(convention(IMAGES) for convention in alone) == expected
    values = sorted(metric.value for metric in dice_conventions(IMAGES))
    assert min(high - low for low, high in zip(values, values[1:])) > 0.02


def test_hand_dice_is_none_of_its_neighbours():
    """Per image against pooled against intersection over union: the same masks, four numbers."""
    tp, fp, fn, tn = counts = Counts(*torch.tensor([[2, 9, 0], [2, 1, 0], [2, 1, 0], [10, 5, 16]]))
    ours = dice(counts).value
    assert ours == pytest.approx((0.5 + 0.9) / 2)
    pooled = float(2 * tp.sum() / (2 * tp.sum() + fp.sum() + fn.sum()))
    overlap_over_union = (2 / 6 + 9 / 11) / 2
    empty_is_one, empty_is_zero = (0.5 + 0.9 + 1) / 3, (0.5 + 0.9) / 3
    for other in (pooled, overlap_over_union, empty_is_one, empty_is_zero):
        assert abs(ours - other) > 0.05


# --- twin -------------------------------------------------------------------------------------


@drawn
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(2, 5))
def test_twin_labels(seed, n, classes):
    sk = pytest.importorskip("sklearn.metrics")
    pred, target = draw_labels(seed, n, classes)
    counts, every = label_counts(pred, target, classes), list(range(classes))
    assert accuracy(counts).value == pytest.approx(100 * sk.accuracy_score(target, pred), abs=1e-9)
    expected = torch.tensor(
        sk.f1_score(target, pred, labels=every, average=None, zero_division=float("nan"))
    )
    assert torch.allclose(f1_per_class(counts), expected, rtol=0, atol=1e-12, equal_nan=True)
    assert f1(counts).value == pytest.approx(expected.nanmean().item(), abs=1e-12)
    recall = [(pred[target == c] == c).double().mean().item() for c in every if (target == c).any()]
    assert balanced_accuracy(counts).value == pytest.approx(100 * sum(recall) / len(recall), abs=1e-9)
    shown = set(target.tolist())
    if len(shown) > 1 and set(pred.tolist()) <= shown:  # elsewhere scikit-learn warns
        ours = balanced_accuracy(counts).value
        assert ours == pytest.approx(100 * sk.balanced_accuracy_score(target, pred), abs=1e-9)


@drawn
@given(st.integers(0, 10**6))
def test_twin_dice(seed):
    segmentation = pytest.importorskip("torchmetrics.functional.segmentation")
    pred, target = draw_masks(seed)
    expected = segmentation.dice_score(
        pred[:, 0].long(),
        target[:, 0].long(),
        num_classes=2,
        include_background=False,
        average="none",
        input_format="index",
    )[:, 0]
    ours = dice_per_image(mask_counts(pred, target))
    assert torch.allclose(ours, expected.double(), rtol=0, atol=1e-6, equal_nan=True)
    assert dice(mask_counts(pred, target)).n_empty == int(expected.isnan().sum())


# --- law --------------------------------------------------------------------------------------


@drawn
@given(st.integers(0, 10**6))
def test_law_counts_add_up(seed):
    pred, target = draw_labels(seed)
    counts = label_counts(pred, target, 4)
    assert (sum(counts) == 30).all()
    assert counts.fp.sum() == counts.fn.sum()  # each wrong answer is one of both
    assert (sum(mask_counts(*draw_masks(seed))) == 36).all()


@drawn
@given(st.integers(0, 10**6), st.permutations(range(4)))
def test_law_names_of_classes_do_not_matter(seed, order):
    pred, target = draw_labels(seed)
    one = label_counts(pred, target, 4)
    other = label_counts(torch.tensor(order)[pred], torch.tensor(order)[target], 4)
    for metric in (accuracy, balanced_accuracy, f1):
        assert metric(one).value == pytest.approx(metric(other).value)


@drawn
@given(st.integers(0, 10**6))
def test_law_dice_is_symmetric_bounded_and_one_for_itself(seed):
    pred, target = draw_masks(seed)
    one, other = (dice_per_image(mask_counts(*pair)) for pair in ((pred, target), (target, pred)))
    assert torch.equal(one.nan_to_num(9), other.nan_to_num(9))
    assert ((one >= 0) & (one <= 1) | one.isnan()).all()
    itself = dice_per_image(mask_counts(target, target))
    assert torch.equal(itself == 1, target.flatten(1).any(1))


@drawn
@given(st.integers(0, 10**6))
def test_law_f1_is_the_harmonic_mean(seed):
    counts = label_counts(*draw_labels(seed), 4)
    precision, recall = counts.tp / (counts.tp + counts.fp), counts.tp / (counts.tp + counts.fn)
    harmonic = 2 * precision * recall / (precision + recall)  # Eq. 9 as printed
    ours, defined = f1_per_class(counts), ~harmonic.isnan()
    assert torch.allclose(ours[defined], harmonic[defined].double(), atol=1e-6)
    assert (ours[~defined].nan_to_num(0) == 0).all()
    assert (ours == 0).sum() + ours.isnan().sum() == (~defined).sum()


def test_law_balanced_accuracy_is_not_fooled():
    target = torch.tensor([0] * 87 + [1] * 13)
    counts = label_counts(torch.zeros(100, dtype=torch.int64), target, 2)
    assert accuracy(counts).value == 87.0 and balanced_accuracy(counts).value == 50.0


@drawn
@given(st.integers(0, 10**6))
def test_law_micro_is_the_accuracy(seed):
    counts = label_counts(*draw_labels(seed), 4)
    for measure in MEASURES:
        assert micro(measure, counts).value * 100 == pytest.approx(accuracy(counts).value)
    assert weighted(recall_per_class, counts).value * 100 == pytest.approx(accuracy(counts).value)


def test_law_macro_is_not_the_accuracy():
    counts = label_counts(PRED, TARGET, 4)
    assert f1(counts).value * 100 < accuracy(counts).value - 1


@drawn
@given(st.integers(0, 10**6))
def test_law_f1_of_means_is_the_higher_one_by_a_half_at_most(seed):
    counts = label_counts(*draw_labels(seed, n=60), 4)
    assert not torch.cat([measure(counts) for measure in MEASURES]).isnan().any()
    assert -1e-12 <= f1_of_means(counts).value - f1(counts).value <= 0.5


@drawn
@given(st.integers(0, 10**6))
def test_law_equal_classes_make_weighted_macro(seed):
    pred, target = draw_labels(seed, n=40)[0], torch.arange(40) % 4
    counts = label_counts(pred, target, 4)
    for measure in MEASURES:
        assert weighted(measure, counts).value == pytest.approx(macro(measure, counts).value)


@drawn
@given(st.integers(0, 10**6))
def test_law_iou_follows_from_dice(seed):
    counts = mask_counts(*draw_masks(seed))
    overlap, ours = dice_per_image(counts), iou_per_image(counts)
    assert torch.allclose(ours, overlap / (2 - overlap), rtol=0, atol=1e-12, equal_nan=True)
    assert (ours[~ours.isnan()] <= overlap[~overlap.isnan()]).all()


@drawn
@given(st.integers(0, 10**6))
def test_law_order_of_the_dice_conventions(seed):
    skipped, shown, one, zero, _ = dice_conventions(mask_counts(*draw_masks(seed)))
    assert zero.value <= skipped.value <= min(one.value, shown.value) + 1e-12
    assert skipped.n + skipped.n_empty == shown.n + shown.n_empty == one.n == zero.n == 12
    assert one.value - zero.value == pytest.approx(one.n_empty / 12)


@drawn
@given(st.integers(0, 10**6))
def test_law_without_empty_masks_only_pooling_differs(seed):
    pred, target = draw_masks(seed)
    pred[..., 0, 0] = target[..., 0, 0] = True
    *each, pooled = dice_conventions(mask_counts(pred, target))
    assert {metric.value for metric in each} == {each[0].value} and {m.n_empty for m in each} == {0}
    one_image = mask_counts(pred.reshape(1, 1, -1, 6), target.reshape(1, 1, -1, 6))
    assert pooled.value == pytest.approx(dice(one_image).value)


# --- edge -------------------------------------------------------------------------------------


def test_edge_nothing_to_average():
    empty = torch.zeros(3, 1, 4, 4, dtype=torch.bool)
    result = dice(mask_counts(empty, empty))
    assert math.isnan(result.value) and (result.n, result.n_empty) == (0, 3)
    result = iou(mask_counts(empty, empty))
    assert math.isnan(result.value) and (result.n, result.n_empty) == (0, 3)
    _, shown, one, zero, pooled = dice_conventions(mask_counts(empty, empty))
    assert math.isnan(shown.value) and (shown.n, shown.n_empty) == (0, 3)
    assert (one.value, zero.value) == (1.0, 0.0)
    assert math.isnan(pooled.value) and (pooled.n, pooled.n_empty) == (3, 3)


def test_edge_no_weight_left():
    """The class that is shown is never predicted, and the one that is predicted never shown."""
    counts = label_counts(torch.tensor([1, 1]), torch.tensor([0, 0]), 2)
    result = weighted(precision_per_class, counts)
    assert math.isnan(result.value) and (result.n, result.n_empty) == (2, 1)
    assert weighted(f1_per_class, counts).value == 0.0 and macro(precision_per_class, counts).value == 0.0


def test_edge_one_class():
    counts = label_counts(torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64), 1)
    assert [count.tolist() for count in counts] == [[3], [0], [0], [0]]
    assert accuracy(counts) == Metric(100.0, 3, 0, "percent of images")
    assert binary(f1_per_class, counts, positive=0).n == 3


def test_edge_small_integers_do_not_overflow():
    target = torch.tensor([19, 18, 0], dtype=torch.uint8)
    counts = label_counts(target, target, 20)
    assert counts.tp.nonzero().flatten().tolist() == [0, 18, 19] and accuracy(counts).value == 100.0


def test_edge_no_such_class():
    counts = healthy_or_ill()
    for positive in (-1, 2):
        with pytest.raises(ValueError, match=rf"positive must lie in 0 \.\.\. 1, got {positive}; name"):
            binary(f1_per_class, counts, positive)


def test_edge_a_metric_stays_what_it_was_measured_to_be():
    with pytest.raises(dataclasses.FrozenInstanceError):
        accuracy(healthy_or_ill()).value = 100.0


def test_edge_ratios_and_means():
    assert ratio(torch.tensor([1, 2**53 - 1]), torch.tensor([4, 1])).tolist() == [0.25, 2**53 - 1]
    assert ratio(torch.tensor(0), torch.tensor(0)).isnan()
    assert mean_of_answered(torch.tensor([1.0, math.nan, 4.0, math.nan])) == (2.5, 2)
    value, empty = mean_of_answered(torch.tensor([math.nan]))
    assert math.isnan(value) and empty == 1


def test_edge_large_masks_do_not_overflow():
    full = torch.ones(1, 1, 512, 512, dtype=torch.bool)
    assert mask_counts(full, full).tp.item() == 512 * 512 and dice(mask_counts(full, full)).value == 1.0


def test_edge_masks_that_are_none():
    mask = torch.ones(2, 1, 4, 4, dtype=torch.bool)
    for wrong in (mask.float() * 0.7, mask.byte() * 255, mask.long()):
        with pytest.raises(TypeError, match="pred must be a bool mask, got .*, as in logits > 0"):
            mask_counts(wrong, mask)
        with pytest.raises(TypeError, match="target must be a bool mask, got .*, as in mask > 0"):
            mask_counts(mask, wrong)
    for pred, target in ((mask, mask[..., :3]), (mask, mask[:, 0]), (mask[0, 0], mask[0, 0])):
        with pytest.raises(ValueError, match=r"must have the same shape \(B, 1, H, W\)"):
            mask_counts(pred, target)


def test_edge_labels_that_are_none():
    with pytest.raises(TypeError, match="pred must be integer labels, got torch.float32; take the argmax"):
        label_counts(PRED.float(), TARGET, 4)
    with pytest.raises(TypeError, match="target must be integer labels, got torch.bool"):
        label_counts(PRED, TARGET > 0, 4)
    for wrong in (TARGET[:-1], TARGET[:, None]):
        with pytest.raises(ValueError, match=r"same shape \(N,\)"):
            label_counts(PRED, wrong, 4)
    with pytest.raises(ValueError, match=r"same shape \(N,\), N at least 1"):
        label_counts(PRED[:0], TARGET[:0], 4)
    with pytest.raises(ValueError, match=r"target must lie in 0 \.\.\. 1, got 0 \.\.\. 2"):
        label_counts(PRED, TARGET, 2)
    with pytest.raises(ValueError, match=r"pred must lie in 0 \.\.\. 3, got -1"):
        label_counts(PRED - 1, TARGET, 4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_equals_cpu():
    pred, target = draw_masks(0)
    assert dice(mask_counts(pred.cuda(), target.cuda())) == dice(mask_counts(pred, target))
    assert f1(label_counts(PRED.cuda(), TARGET.cuda(), 4)) == f1(label_counts(PRED, TARGET, 4))
