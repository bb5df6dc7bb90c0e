"""Eq. 6, 7 and 9."""

import math

import pytest
import torch

from medkit.metrics import (
    Counts,
    accuracy,
    auroc,
    auroc_macro,
    balanced_accuracy,
    dice,
    dice_per_image,
    f1,
    f1_per_class,
    label_counts,
    mask_counts,
)

hypothesis = pytest.importorskip("hypothesis")
given, settings, st = hypothesis.given, hypothesis.settings, hypothesis.strategies
pytestmark = pytest.mark.filterwarnings("error")
drawn = settings(derandomize=True, deadline=None, max_examples=60)

# Truth 4 cats, 3 dogs, 1 fox; no newt is shown or predicted.
TARGET = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2])
PRED = torch.tensor([0, 0, 0, 1, 1, 1, 0, 1])


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
    assert "both empty left out" in result.convention


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


def test_hand_auroc():
    target = torch.tensor([False, False, True, True])
    assert auroc(torch.tensor([0.1, 0.4, 0.35, 0.8]), target).value == 0.75  # 3 of 4 pairs
    assert auroc(torch.tensor([0.5, 0.5, 0.5, 0.5]), target).value == 0.5  # ties count half
    assert auroc(torch.tensor([0.1, 0.5, 0.5, 0.8]), target).value == 0.875
    assert auroc(-torch.tensor([0.1, 0.2, 0.8, 0.9]), target).value == 0.0


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
@pytest.mark.filterwarnings("default")  # torchmetrics' own
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


@drawn
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 50))
def test_twin_auroc(seed, n, levels):
    sk = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(seed)
    score = torch.randint(0, levels, (n,), generator=generator) / levels  # few levels: many ties
    target = torch.rand(n, generator=generator) < 0.4
    target[0], target[1] = True, False
    assert auroc(score, target).value == pytest.approx(sk.roc_auc_score(target, score), abs=1e-12)


def test_twin_auroc_macro():
    sk = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(0)
    score = torch.rand((50, 3), generator=generator, dtype=torch.float64).softmax(1)
    target = torch.randint(0, 3, (50,), generator=generator)
    expected = sk.roc_auc_score(target, score, multi_class="ovr", average="macro")
    assert auroc_macro(score, target).value == pytest.approx(expected, abs=1e-12)


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


@drawn
@given(st.integers(0, 10**6))
def test_law_auroc_sees_only_the_order(seed):
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(20, generator=generator, dtype=torch.float64)
    target = torch.arange(20) % 3 == 0
    value = auroc(score, target).value
    assert auroc(3 * score.exp() + 1, target).value == pytest.approx(value)
    assert auroc(-score, target).value == pytest.approx(1 - value)
    assert auroc(score, ~target).value == pytest.approx(1 - value)


def test_law_balanced_accuracy_is_not_fooled():
    target = torch.tensor([0] * 87 + [1] * 13)
    counts = label_counts(torch.zeros(100, dtype=torch.int64), target, 2)
    assert accuracy(counts).value == 87.0 and balanced_accuracy(counts).value == 50.0


def test_law_micro_f1_would_be_the_accuracy():
    counts = label_counts(PRED, TARGET, 4)
    tp, fp, fn, _ = (int(count.sum()) for count in counts)
    assert 2 * tp / (2 * tp + fp + fn) * 100 == accuracy(counts).value
    assert f1(counts).value * 100 < accuracy(counts).value - 1


# --- edge -------------------------------------------------------------------------------------


def test_edge_nothing_to_average():
    empty = torch.zeros(3, 1, 4, 4, dtype=torch.bool)
    result = dice(mask_counts(empty, empty))
    assert math.isnan(result.value) and (result.n, result.n_empty) == (0, 3)
    result = auroc(torch.tensor([0.1, 0.2]), torch.tensor([True, True]))
    assert math.isnan(result.value) and (result.n, result.n_empty) == (2, 1)
    score = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.7, 0.1, 0.2], [0.1, 0.2, 0.7]])
    result = auroc_macro(score, torch.tensor([0, 1, 0, 1]))  # nobody is of class 2
    assert (result.value, result.n, result.n_empty) == (1.0, 4, 1)


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


def test_edge_scores_that_are_none():
    score, target = torch.tensor([0.1, 0.9]), torch.tensor([False, True])
    for wrong in (score > 0.5, (score > 0.5).long()):
        with pytest.raises(TypeError, match="score must be floating point, got .*labels hide the order"):
            auroc(wrong, target)
    with pytest.raises(TypeError, match="target must be bool, True for the positive class, got torch.int64"):
        auroc(score, target.long())
    with pytest.raises(ValueError, match=r"score must be \(N,\) and target \(N,\), got \(2, 1\)"):
        auroc(score[:, None], target)
    with pytest.raises(ValueError, match="score must hold no NaN, got 1"):
        auroc(score / torch.tensor([0.0, 1.0]) * 0, target)
    with pytest.raises(ValueError, match=r"score must be \(N, K\) and target \(N,\), got \(2,\)"):
        auroc_macro(score, target.long())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_equals_cpu():
    pred, target = draw_masks(0)
    assert dice(mask_counts(pred.cuda(), target.cuda())) == dice(mask_counts(pred, target))
    assert f1(label_counts(PRED.cuda(), TARGET.cuda(), 4)) == f1(label_counts(PRED, TARGET, 4))
    score = torch.tensor([0.1, 0.4, 0.35, 0.8])
    truth = torch.tensor([False, False, True, True])
    assert auroc(score.cuda(), truth.cuda()) == auroc(score, truth)
