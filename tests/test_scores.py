"""AUROC, reliability, calibration error, Brier score."""

import math

import pytest
import torch

from medkit.metrics import Metric
from medkit.scores import (
    auroc,
    auroc_macro,
    brier,
    brier_of_classes,
    expected_calibration_error,
    reliability,
    top_label,
)

hypothesis = pytest.importorskip("hypothesis")
given, settings, st = hypothesis.given, hypothesis.settings, hypothesis.strategies
pytestmark = pytest.mark.filterwarnings("error")
drawn = settings(derandomize=True, deadline=None, max_examples=60)

# Bins of width 1/4: (0.1, 0.2) none true · 0.3 true · empty · (0.8, 0.9, 1.0) two of three true.
LIKELY = torch.tensor([0.9, 0.1, 0.3, 0.8, 0.2, 1.0], dtype=torch.float64)
TRUE = torch.tensor([True, False, True, False, False, True])
# Three classes, four images; the last one is wrong, and not by much.
PROBABILITY = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.0, 0.0, 1.0], [0.5, 0.4, 0.1]])
LABEL = torch.tensor([0, 1, 2, 1])


def draw(seed, n=50, rate=0.4):
    generator = torch.Generator().manual_seed(seed)
    score = torch.rand(n, generator=generator, dtype=torch.float64)
    target = torch.rand(n, generator=generator) < rate
    target[0], target[1] = True, False
    return score, target


# --- hand -------------------------------------------------------------------------------------


def test_hand_auroc():
    target = torch.tensor([False, False, True, True])
    assert auroc(torch.tensor([0.1, 0.4, 0.35, 0.8]), target).value == 0.75  # 3 of 4 pairs
    assert auroc(torch.tensor([0.5, 0.5, 0.5, 0.5]), target).value == 0.5  # ties count half
    assert auroc(torch.tensor([0.1, 0.5, 0.5, 0.8]), target).value == 0.875
    assert auroc(-torch.tensor([0.1, 0.2, 0.8, 0.9]), target).value == 0.0
    score, target = torch.tensor([0.2, 0.7, 0.7, 0.1, 0.9]), torch.tensor([True, True, False, False, True])
    expected = Metric(pytest.approx(4.5 / 6, abs=1e-15), 5, 0, "positive above negative, ties half")
    assert auroc(score, target) == expected


def test_hand_auroc_macro():
    score = torch.tensor([[8, 1, 1], [3, 6, 1], [5, 1, 4], [1, 2, 7], [6, 1, 3]]) / 10
    target = torch.tensor([0, 1, 2, 2, 0])  # 6 of 6 pairs · 4 of 4 · 6 of 6
    assert auroc_macro(score, target).value == 1.0
    score[1, 0], score[0, 1] = 0.7, 0.9  # 5 of 6 · 3 of 4 · 6 of 6
    header = "macro: mean of the classes' AUROC, each against the rest"
    assert auroc_macro(score, target) == Metric(pytest.approx((5 / 6 + 3 / 4 + 1) / 3), 5, 0, header)


def test_hand_reliability():
    confidence, accuracy, n = reliability(LIKELY, TRUE, bins=4)
    assert n.tolist() == [2, 1, 0, 3] and n.dtype == torch.int64
    assert confidence[[0, 1, 3]].tolist() == pytest.approx([0.15, 0.3, 0.9])
    assert accuracy[[0, 1, 3]].tolist() == pytest.approx([0, 1, 2 / 3])
    assert confidence[2].isnan() and accuracy[2].isnan()
    assert confidence.dtype == accuracy.dtype == torch.float64


def test_hand_expected_calibration_error():
    expected = 2 / 6 * 0.15 + 1 / 6 * 0.7 + 3 / 6 * (0.9 - 2 / 3)
    result = expected_calibration_error(LIKELY, TRUE, bins=4)
    assert result == Metric(pytest.approx(expected), 6, 1, "4 bins of equal width, weighted by cases")
    unweighted = (0.15 + 0.7 + 0.9 - 2 / 3) / 3
    assert abs(result.value - unweighted) > 0.05
    ten = expected_calibration_error(LIKELY, TRUE)
    assert ten == Metric(pytest.approx((0.1 + 0.1 + 0.2 + 0.7 + 0.8 + 0) / 6), 6, 4, ten.convention)
    assert ten.convention == "10 bins of equal width, weighted by cases"


def test_hand_brier():
    expected = (0.1**2 + 0.1**2 + 0.7**2 + 0.8**2 + 0.2**2 + 0) / 6
    header = "mean over cases, positive class only: 0 to 1"
    assert brier(LIKELY, TRUE) == Metric(pytest.approx(expected), 6, 0, header)
    each = (0.09 + 0.04 + 0.01, 0.01 + 0.16 + 0.09, 0, 0.25 + 0.36 + 0.01)
    header = "mean over images, summed over classes: 0 to 2"
    result = brier_of_classes(PROBABILITY, LABEL)
    assert result == Metric(pytest.approx(sum(each) / 4, abs=1e-7), 4, 0, header)
    assert brier_of_classes(torch.tensor([[1.0, 0.0]]), torch.tensor([1])).value == 2.0


def test_hand_top_label():
    confidence, correct = top_label(PROBABILITY, LABEL)
    assert torch.equal(confidence, torch.tensor([0.7, 0.6, 1.0, 0.5]))
    assert correct.tolist() == [True, True, True, False]
    # Bins (0.5] (0.6, 0.7, 1.0]: 0.5 sure and wrong; 2.3 / 3 sure and right.
    expected = 1 / 4 * 0.5 + 3 / 4 * (1 - 2.3 / 3)
    assert expected_calibration_error(confidence, correct, bins=2).value == pytest.approx(expected, abs=1e-7)


# --- twin -------------------------------------------------------------------------------------


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


@drawn
@given(st.integers(0, 10**6), st.integers(2, 80), st.integers(1, 20))
def test_twin_reliability(seed, n, bins):
    sk = pytest.importorskip("sklearn.calibration")
    score, target = draw(seed, n)
    share, confidence = sk.calibration_curve(target, score, n_bins=bins)  # drops empty bins
    ours = reliability(score, target, bins)
    filled = ours.n > 0
    assert ours.confidence[filled].tolist() == pytest.approx(confidence.tolist(), abs=1e-12)
    assert ours.accuracy[filled].tolist() == pytest.approx(share.tolist(), abs=1e-12)
    assert ours.confidence[~filled].isnan().all() and ours.accuracy[~filled].isnan().all()


@drawn
@given(st.integers(0, 10**6), st.integers(1, 20))
def test_twin_expected_calibration_error(seed, bins):
    classification = pytest.importorskip("torchmetrics.functional.classification")
    score, target = draw(seed)
    expected = classification.binary_calibration_error(score, target.long(), n_bins=bins, norm="l1").item()
    assert expected_calibration_error(score, target, bins).value == pytest.approx(expected, abs=1e-9)
    generator = torch.Generator().manual_seed(seed)
    table = (3 * torch.rand((50, 4), generator=generator)).softmax(1)
    label = torch.randint(0, 4, (50,), generator=generator)
    expected = classification.multiclass_calibration_error(table, label, num_classes=4, n_bins=bins).item()
    ours = expected_calibration_error(*top_label(table, label), bins).value
    assert ours == pytest.approx(expected, abs=1e-6)  # it computes in float32


@drawn
@given(st.integers(0, 10**6))
def test_twin_brier(seed):
    sk = pytest.importorskip("sklearn.metrics")
    score, target = draw(seed)
    assert brier(score, target).value == pytest.approx(sk.brier_score_loss(target, score), abs=1e-12)
    generator = torch.Generator().manual_seed(seed)
    table = torch.rand((50, 4), generator=generator, dtype=torch.float64).softmax(1)
    label = torch.randint(0, 4, (50,), generator=generator)
    label[:4] = torch.arange(4)
    expected = sum(sk.brier_score_loss(label == c, table[:, c]) for c in range(4))  # class by class
    assert brier_of_classes(table, label).value == pytest.approx(expected, abs=1e-12)


# --- law --------------------------------------------------------------------------------------


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


def test_law_calibration_sees_more_than_the_order():
    score, target = draw(0)
    assert auroc(score**4, target) == auroc(score, target)
    assert abs(brier(score**4, target).value - brier(score, target).value) > 0.05
    gap = [expected_calibration_error(p, target).value for p in (score, score**4)]
    assert abs(gap[0] - gap[1]) > 0.05


def test_law_honest_probabilities_are_calibrated():
    generator = torch.Generator().manual_seed(0)
    likely = torch.rand(200_000, generator=generator, dtype=torch.float64)
    true = torch.rand(200_000, generator=generator, dtype=torch.float64) < likely
    assert expected_calibration_error(likely, true).value < 0.005
    assert expected_calibration_error(likely.sqrt(), true).value > 0.1


@drawn
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_law_bins_hold_every_case_once(seed, bins):
    score, target = draw(seed)
    confidence, accuracy, n = reliability(score, target, bins)
    assert len(confidence) == len(accuracy) == len(n) == bins and n.sum() == 50
    assert float((n * confidence).nansum()) == pytest.approx(float(score.sum()))
    assert float((n * accuracy).nansum()) == pytest.approx(float(target.sum()))
    low = torch.arange(bins) / bins
    inside = (confidence > low) & (confidence <= low + 1 / bins)
    assert inside[n > 0].all()


@drawn
@given(st.integers(0, 10**6))
def test_law_one_bin_shows_only_the_bias(seed):
    score, target = draw(seed)
    bias = float((score.mean() - target.double().mean()).abs())
    assert expected_calibration_error(score, target, bins=1).value == pytest.approx(bias)
    assert expected_calibration_error(score, target, bins=7).value >= bias - 1e-12


@drawn
@given(st.integers(0, 10**6))
def test_law_two_classes_double_the_brier_score(seed):
    score, target = draw(seed)
    both = brier_of_classes(torch.stack([1 - score, score], 1), target.long())
    assert both.value == pytest.approx(2 * brier(score, target).value)


# --- edge -------------------------------------------------------------------------------------


def test_edge_probabilities_on_the_edges_of_bins():
    """An edge belongs to the bin below it, 0 to the first."""
    edges = torch.arange(11, dtype=torch.float64) / 10
    assert reliability(edges, edges > 2).n.tolist() == [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    above = edges[1:10] + 1e-12
    assert reliability(above, above > 2).n.tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    assert reliability(edges[:1].half(), edges[:1] > 2, bins=1).n.tolist() == [1]


def test_edge_a_class_is_missing():
    for value in (True, False):
        result = auroc(torch.tensor([0.1, 0.2]), torch.tensor([value, value]))
        assert math.isnan(result.value) and (result.n, result.n_empty) == (2, 1)
    score = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.7, 0.1, 0.2], [0.1, 0.2, 0.7]])
    result = auroc_macro(score, torch.tensor([0, 1, 0, 1]))  # nobody is of class 2
    assert (result.value, result.n, result.n_empty) == (1.0, 4, 1)
    result = auroc_macro(score[:, :1], torch.zeros(4, dtype=torch.int64))
    assert math.isnan(result.value) and (result.n, result.n_empty) == (4, 1)


def test_edge_scores_that_are_none():
    score, target = torch.tensor([0.1, 0.9]), torch.tensor([False, True])
    for wrong in (score > 0.5, (score > 0.5).long()):
        with pytest.raises(TypeError, match="score must be floating point, got .*labels hide the order"):
            auroc(wrong, target)
    with pytest.raises(TypeError, match="target must be bool, True for the positive class, got torch.int64"):
        auroc(score, target.long())
    for wrong, truth in ((score[:, None], target), (score, target[:1]), (score[:0], target[:0])):
        match = rf"score must be \(N,\) and target \(N,\), N at least 1, got \({wrong.shape[0]},.* and"
        with pytest.raises(ValueError, match=match):
            auroc(wrong, truth)
    with pytest.raises(ValueError, match="score must hold no NaN, got 1; NaN has no rank"):
        auroc(score / torch.tensor([0.0, 1.0]) * 0, target)
    with pytest.raises(ValueError, match=r"score must be \(N, K\) and target \(N,\), .* got \(2,\)"):
        auroc_macro(score, target.long())


def test_edge_labels_that_are_none():
    with pytest.raises(TypeError, match="target must be int64 labels, got torch.bool; compare"):
        auroc_macro(PROBABILITY, LABEL > 0)
    for wrong, extremes in ((LABEL - 1, "-1 ... 1"), (LABEL + 1, "1 ... 3")):
        for function in (auroc_macro, top_label, brier_of_classes):
            with pytest.raises(ValueError, match=f"target must lie in 0 ... 2, got {extremes}; check"):
                function(PROBABILITY, wrong)


def test_edge_probabilities_that_are_none():
    for function in (brier, reliability, expected_calibration_error):
        for wrong, extremes in ((LIKELY - 0.2, "-0.1 to 0.8"), (LIKELY + 0.5, "0.6 to 1.5")):
            with pytest.raises(ValueError, match=f"probability must lie in 0 to 1, got {extremes}; apply"):
                function(wrong, TRUE)
        with pytest.raises(TypeError, match="probability must be floating point"):
            function(TRUE, TRUE)
        with pytest.raises(ValueError, match="probability must hold no NaN, got 6"):
            function(LIKELY * math.nan, TRUE)
        with pytest.raises(ValueError, match=r"probability must be \(N,\)"):
            function(LIKELY[:0], TRUE[:0])
    for function in (top_label, brier_of_classes):
        with pytest.raises(ValueError, match="probability must lie in 0 to 1, got 0 to 2; apply"):
            function(PROBABILITY * 2, LABEL)
        for factor, total in ((0.98, "0.98"), (0.5, "0.5")):
            with pytest.raises(ValueError, match=f"must sum to 1 in each row, got {total}; apply"):
                function(PROBABILITY.double() * factor, LABEL)
        for row in ([0.9, 0.4], [0.4, 0.1], [0.5, 0.5 + 1 / 63]):  # the worst of three is named
            table = torch.tensor([[0.5, 0.5], row, [0.5, 0.505]], dtype=torch.float64)
            with pytest.raises(ValueError, match=f"must sum to 1 in each row, got {sum(row):g}; apply"):
                function(table, LABEL[:3] // 2)
        function(torch.tensor([[0.5, 0.5 + 1 / 64]], dtype=torch.float64), LABEL[:1])
        function(PROBABILITY.bfloat16(), LABEL)  # rounded, but meant
    for wrong in (0, -1):
        with pytest.raises(ValueError, match=f"bins must be 1 or more, got {wrong}; 10 to 15"):
            reliability(LIKELY, TRUE, bins=wrong)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_equals_cpu():
    score, target = draw(0)
    assert auroc(score.cuda(), target.cuda()) == auroc(score, target)
    for function in (brier, expected_calibration_error):
        assert function(score.cuda(), target.cuda()).value == pytest.approx(function(score, target).value)
    expected = brier_of_classes(PROBABILITY, LABEL).value
    assert brier_of_classes(PROBABILITY.cuda(), LABEL.cuda()).value == pytest.approx(expected)
