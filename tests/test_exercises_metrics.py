"""The exercises of notebook 09 against the modules that the page shows."""

from __future__ import annotations

import pytest
import torch

from medkit import intervals, metrics, scores
from medkit.exercises import EXERCISES
from medkit.exercises import metrics as exercises_09
from medkit.exercises.metrics import mistakes as metrics_mistakes
from medkit.exercises.metrics import questions as metrics_questions
from medkit.exercises.metrics import resampled as metrics_resampled
from medkit.exercises.metrics import tests as metrics_tests
from medkit.exercises.questions import worked_out

pytestmark = pytest.mark.filterwarnings("error")


def masks(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    full = torch.rand((2, shape[0], 1, 1, 1), generator=generator) > 0.3
    return (torch.rand((2, *shape), generator=generator) < 0.4) & full


@pytest.mark.parametrize("seed", range(8))
def test_twin_mean_dice_is_the_module_s(seed):
    pred, target = masks(seed, 9, 1, 4, 5)
    counts = metrics.mask_counts(pred, target)
    assert float(exercises_09.mean_dice(pred, target)) == pytest.approx(metrics.dice(counts).value, abs=1e-6)
    conventions = metrics.dice_conventions(counts)
    twins = ("dice_where_truth_shows", "dice_empty_is_one", "dice_empty_is_zero", "dice_of_the_pool")
    for convention, name in zip(conventions[1:], twins, strict=True):
        value = float(getattr(metrics_mistakes, name)(pred, target))
        assert value == pytest.approx(convention.value, abs=1e-6), name


@pytest.mark.parametrize("seed", range(8))
def test_twin_macro_f1_is_the_module_s(seed):
    generator = torch.Generator().manual_seed(seed)
    pred, target = torch.randint(0, 4, (2, 11), generator=generator)
    counts = metrics.label_counts(pred, target, 5)
    assert float(exercises_09.macro_f1(pred, target, 5)) == pytest.approx(metrics.f1(counts).value, abs=1e-6)
    others = {
        "f1_micro": metrics.micro(metrics.f1_per_class, counts),
        "f1_weighted": metrics.weighted(metrics.f1_per_class, counts),
        "f1_of_the_means": metrics.f1_of_means(counts),
        "f1_of_class_one": metrics.binary(metrics.f1_per_class, counts),
    }
    for name, one in others.items():
        assert float(getattr(metrics_mistakes, name)(pred, target, 5)) == pytest.approx(one.value, abs=1e-6), name


def test_twin_resampled_means_give_the_module_s_interval():
    """The same draws, seed for seed: the exercise's means have the interval that `bootstrap_mean` has."""
    generator = torch.Generator().manual_seed(3)
    patient = torch.randint(0, 12, (60,), generator=generator)
    values = torch.randn(60, generator=generator) + patient
    ours = intervals.bootstrap_mean(values, patient, seed=5, repeats=500)
    drawn = torch.randint(12, (500, 12), generator=torch.Generator().manual_seed(5))
    means = metrics_resampled.resampled_means(values, patient, drawn).double()
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    assert (low, high) == pytest.approx((ours.low, ours.high), abs=1e-5)
    narrow = metrics_resampled.resampled_means_with_a_bug(values, patient, drawn)
    assert narrow.std() < 0.9 * means.std()  # what the exercise says of its bug


def test_predicted_f1_is_what_the_module_gives():
    target = torch.arange(1000) < 40
    pred = torch.arange(1000) < 30
    pred[40:100] = True
    counts = metrics.label_counts(pred.long(), target.long(), 2)
    one = EXERCISES["9.3"]
    assert metrics.binary(metrics.f1_per_class, counts).value == pytest.approx(one.truth())
    assert metrics.accuracy(counts).value == pytest.approx(93.0)
    wrong = {mistake.name: worked_out(mistake) for mistake in one.mistakes}
    assert wrong["you averaged over both classes"] == pytest.approx(metrics.f1(counts).value)
    healthy = metrics.binary(metrics.f1_per_class, counts, positive=0)
    assert wrong["the positive class is the wrong one"] == pytest.approx(healthy.value)


@pytest.mark.parametrize("exercise_id", ["9.3", "13.4"])
def test_other_numbers_keep_answer_and_mistakes_apart(exercise_id):
    one, seen = EXERCISES[exercise_id], set()
    for seed in range(1, 30):
        other = one.variant(seed)
        numbers = [other.truth(), *map(worked_out, other.mistakes)]
        assert min(abs(a - b) for i, a in enumerate(numbers) for b in numbers[:i]) > 2 * other.tolerance
        assert other.tolerance == one.tolerance and 0 < other.truth() < 1
        seen.add(other.prompt)
    assert len(seen) >= 5


def test_figure_of_9_5_shows_what_its_answer_says():
    one, panels = EXERCISES["9.5"], metrics_questions.overlap_panels()
    assert panels.keys() == set(one.options)
    counts = {name: metrics.mask_counts(pred[None], target[None]) for name, (pred, target) in panels.items()}
    dice = {name: float(metrics.dice_per_image(c)[0]) for name, c in counts.items()}
    wrong = {name: int(c.fp + c.fn) for name, c in counts.items()}
    recall = {name: float(metrics.recall_per_class(c)[0]) for name, c in counts.items()}
    assert max(dice, key=dice.get) == one.right and sorted(dice.values())[-2] < dice[one.right] - 0.2
    assert min(wrong, key=wrong.get) == "d" and dice["d"] == 0 < dice["a"] < 0.5
    assert wrong["b"] > wrong["a"] + wrong["d"] and recall["c"] == 1 > recall["b"]
    assert "Dice: 0" not in one.draw()


def test_model_tests_of_9_6_accept_the_module_and_kill_each_wrong_version():
    one = EXERCISES["9.6"]

    def auroc(score, target):
        return scores.auroc(score, target).value

    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, auroc), test.__name__
        assert all(one.accepts(test, version) for version in one.right), test.__name__
        assert not [version.name for version in one.wrong if one.accepts(test, version.wrong)], test.__name__


@pytest.mark.parametrize("version", EXERCISES["9.6"].right, ids=lambda version: version.__name__)
def test_right_versions_of_9_6_agree_with_the_module(version):
    generator = torch.Generator().manual_seed(2)
    score = torch.randint(-5, 6, (40,), generator=generator).float() / 2
    target = torch.rand(40, generator=generator) < 0.4
    assert float(version(score, target)) == pytest.approx(scores.auroc(score, target).value, abs=1e-6)
    assert metrics_tests.of_the_other_class(score, target) == pytest.approx(1 - float(version(score, target)), abs=1e-6)
