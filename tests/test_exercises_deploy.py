"""The exercises of notebook 18: what they teach is what `medkit.deploy` and `medkit.cost` do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from medkit import cost
from medkit.blocks import Prediction
from medkit.deploy import int8
from medkit.deploy.parity import compare
from medkit.exercises import EXERCISES, check, deploy
from medkit.exercises.deploy import mistakes as deploy_mistakes
from medkit.exercises.deploy import quantisers as deploy_quantisers
from medkit.exercises.deploy import questions as deploy_questions

pytestmark = pytest.mark.filterwarnings("error")
RANGES = [(-1.0, 1.55), (-0.7, 1.3), (0.5, 2.55), (-5.1, -1.0), (-3.0, 2.1)]


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def some_numbers(low, high):
    """Return numbers in and beyond a range, none of them near the middle between two values."""
    scale, _ = int8.scale_and_zero(low, high)
    x = torch.linspace(low - 1, high + 1, 203)
    return x[((x / scale) % 1 - 0.5).abs() > 0.01]


@pytest.mark.parametrize("low, high", RANGES)
@pytest.mark.parametrize("eight_bits", [deploy.eight_bits, *EXERCISES["18.1"].alternatives])
def test_eight_bits_are_the_module_s(eight_bits, low, high):
    x = some_numbers(low, high)
    ours = int8.quantise(x, *int8.scale_and_zero(low, high))
    assert torch.as_tensor(eight_bits(x, low, high)).double().tolist() == ours.double().tolist()


@pytest.mark.parametrize("low, high", RANGES)
@pytest.mark.parametrize("back", EXERCISES["18.5"].right)
def test_right_versions_of_the_test_are_the_module_s(back, low, high):
    x, (scale, zero) = some_numbers(low, high), int8.scale_and_zero(low, high)
    assert torch.allclose(back(x, low, high), int8.dequantise(int8.quantise(x, scale, zero), scale, zero), atol=1e-5)


def test_half_a_step_is_the_module_s_largest_error_and_so_for_every_copy():
    one = EXERCISES["18.2"]
    scale, zero = int8.scale_and_zero(-1.0, 4.1)
    x = torch.linspace(-1.0, 4.1, 100_001)
    found = (int8.dequantise(int8.quantise(x, scale, zero), scale, zero) - x).abs().max()
    assert one.truth() == pytest.approx(scale / 2) == pytest.approx(float(found), abs=one.tolerance)
    for seed in range(1, 12):
        other = one.variant(seed)
        gaps = [abs(mistake.wrong - other.truth()) for mistake in other.mistakes]
        assert min(gaps) > 2 * other.tolerance and eval(other.working) == pytest.approx(other.truth())


def test_sums_of_a_convolution_are_what_cost_counts_and_so_for_every_copy():
    one = EXERCISES["18.4"]
    layer = nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)
    assert one.truth() == cost.report(layer, (16, 128, 128)).flops / 1e6 == pytest.approx(37.748736)
    for seed in range(1, 8):
        other = one.variant(seed)
        assert eval(other.working) == pytest.approx(other.truth())
        assert min(abs(mistake.wrong - other.truth()) for mistake in other.mistakes) > 2 * other.tolerance


@pytest.mark.parametrize("apart", [deploy_questions.largest_difference, *EXERCISES["18.3"].alternatives])
def test_largest_difference_is_parity_s(apart):
    one, other = torch.tensor([[3.0, -0.5]]), torch.tensor([[2.0, -0.25]])
    mask = torch.zeros(1, 1, 2, 2)
    found = compare(Prediction(one, mask), Prediction(other, mask))
    assert float(apart(one, other)) == pytest.approx(found.relative) == pytest.approx(1 / 3)
    assert torch.as_tensor(apart(one, torch.tensor([[float("nan"), 0.0]]))).isnan()


def test_the_function_to_repair_has_let_a_wrong_export_through():
    one, other = torch.zeros(4), torch.full((4,), 9.0)
    assert deploy_mistakes.apart_on_one_side(one, other) < 0 < deploy_questions.largest_difference(one, other)


def test_model_tests_accept_the_module_and_kill_each_wrong_version():
    one = EXERCISES["18.5"]

    def module(x, low, high):
        scale, zero = int8.scale_and_zero(low, high)
        return int8.dequantise(int8.quantise(x, scale, zero), scale, zero)

    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, module) and all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_zero_comes_back_as_something_else_from_the_two_that_forget_it():
    zero = torch.tensor([0.0, 1.0])
    assert abs(float(deploy_quantisers.back_around_a_fraction(zero, -0.7, 1.3)[0])) > 1e-3
    assert float(deploy_quantisers.back_without_zero(zero, 0.5, 2.55)[0]) == pytest.approx(0.5, abs=0.01)
    assert float(deploy_quantisers.back_plainly(zero, 0.5, 2.55)[0]) == 0.0


def test_a_test_of_half_a_step_alone_is_told_that_nothing_has_no_error():
    def test_there_and_back(there_and_back):
        x = torch.linspace(-0.99, 1.54, 200)
        assert (there_and_back(x, -1.0, 1.55) - x).abs().max() <= 0.00501

    feedback = check("18.5", test_there_and_back)
    assert not feedback.passed and "half a step at most" in repr(feedback)
