"""The exercises of notebook 08: what they teach is what `medkit.training`, `losses` and PyTorch do."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

import medkit.losses
import medkit.training
from medkit.exercises import EXERCISES, check, training
from medkit.exercises.training import mistakes as training_mistakes
from medkit.exercises.training import pieces as training_pieces
from medkit.exercises.training import questions as training_questions
from medkit.exercises.training import tests as training_tests
from medkit.exercises.verdict import Outcome

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("step", [training.adam_step, *EXERCISES["8.1"].alternatives])
def test_adam_is_pytorch_s(step):
    weight = drawn(2, 3).requires_grad_()
    optimiser = torch.optim.Adam([weight], lr=0.02)
    ours, m, v = weight.detach().clone(), torch.zeros(2, 3), torch.zeros(2, 3)
    for t in range(1, 6):
        weight.grad = drawn(2, 3, seed=t)
        optimiser.step()
        ours, m, v = torch.as_tensor(step(ours, drawn(2, 3, seed=t), m, v, t, 0.02)).float()
    torch.testing.assert_close(ours, weight.detach())


def test_first_step_of_adam_is_as_long_as_the_rate_and_without_correction_longer_by_root_ten():
    zeros, gradient = torch.zeros(2, 3), torch.tensor([0.5, -30.0, 4.0])
    for version, factor in ((training.adam_step, 1.0), (training_mistakes.adam_not_corrected, 10**0.5)):
        moved = version(torch.zeros(3), gradient, *zeros, 1, 0.1)[0]
        torch.testing.assert_close(moved, -0.1 * factor * gradient.sign(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("loss", [training.loss_of_mask, *EXERCISES["8.2"].alternatives])
def test_loss_of_mask_is_the_module_s_two_parts(loss):
    pred, target = 3 * drawn(3, 1, 4, 5), drawn(3, 1, 4, 5, seed=1) > 0.3
    theirs = medkit.losses.soft_dice_loss(pred, target) + medkit.losses.mask_loss(pred, target)
    torch.testing.assert_close(torch.as_tensor(loss(pred, target)).float(), theirs)


def test_crutches_of_the_logarithm_show_on_hopeless_pixels_only():
    pred, target = torch.full((1, 1, 2, 2), 300.0), torch.zeros(1, 1, 2, 2, dtype=torch.bool)
    right = float(training.loss_of_mask(pred, target))
    assert right == pytest.approx(300 + 1 - 1 / 5)
    wrong = {
        training_mistakes.mask_loss_with_crutch: 18.42 + 0.8,
        training_mistakes.mask_loss_cut_off: 100.8,
    }
    for version, number in wrong.items():
        assert float(version(pred, target)) == pytest.approx(number, abs=0.01)
        torch.testing.assert_close(version(pred / 300, target), training.loss_of_mask(pred / 300, target))
    assert not torch.isfinite(training_mistakes.mask_loss_overflows(pred, target))


def test_pieces_add_up_to_the_whole_batch_and_the_given_function_is_right_for_equal_pieces_alone():
    x, y, weight = drawn(6, 2), drawn(6, seed=1), drawn(2, seed=2).requires_grad_()
    F.mse_loss(x @ weight, y).backward()
    start = weight.detach()
    for size in (1, 2, 3, 4, 5, 6, 9):
        torch.testing.assert_close(training_pieces.gradient(start, x, y, size), weight.grad)
        given = training_pieces.gradient_as_given(start, x, y, size)
        assert torch.allclose(given, weight.grad, atol=1e-6) == (6 % min(size, 6) == 0), size


def test_predicted_weight_is_where_pytorch_s_sgd_ends():
    one = EXERCISES["8.3"]
    assert one.truth() == pytest.approx(8.0)
    weight = torch.tensor(10.0, requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.1)
    for _ in range(4):
        optimiser.zero_grad()
        (2 * weight).backward()
        optimiser.step()
    zeroed = next(m for m in one.mistakes if m.name == "you zeroed the gradients")
    assert weight.item() == pytest.approx(zeroed.wrong)


def test_figure_of_8_5_shows_what_its_answer_says():
    one, runs = EXERCISES["8.5"], training_questions.rate_runs()
    assert set(runs) == set(one.options) and all(len(losses) == 31 for losses in runs.values())
    floor = min(runs["c"])
    assert all(runs[letter][0] == runs["c"][0] > 30 * floor for letter in runs)
    right = runs[one.right]
    assert right[1] < right[0] / 2 and max(right[2:]) - min(right[2:]) < 0.02  # an epoch, then nothing
    assert right[-1] > 5 * floor  # and far from where the run ends that was meant
    assert runs["c"][-1] < 1.01 * floor and all(a > b for a, b in itertools.pairwise(runs["c"][:6]))
    assert all(a > b for a, b in itertools.pairwise(runs["d"])) and runs["d"][-1] < 0.95 * runs["d"][-3]
    jumps = [abs(a - b) for a, b in itertools.pairwise(runs["a"][1:])]
    assert sum(jump > 2 * floor for jump in jumps) >= 5


def test_model_tests_accept_the_module_s_order_and_kill_each_wrong_version():
    one = EXERCISES["8.6"]
    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, medkit.training.epoch_order)
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


@pytest.mark.parametrize("order", EXERCISES["8.6"].right)
def test_right_orders_are_permutations_by_key(order):
    keys = list(itertools.product(range(3), range(1, 4)))
    orders = {key: tuple(order(30, *key).tolist()) for key in keys}
    assert len(set(orders.values())) == len(keys)
    assert all(sorted(one) == list(range(30)) for one in orders.values())
    assert tuple(order(30, 2, 3).tolist()) == orders[2, 3]


def test_a_wrong_order_is_wrong_in_one_way_alone():
    assert training_tests.order_of_the_sum(20, 0, 2).equal(training_tests.order_of_the_sum(20, 1, 1))
    before = torch.get_rng_state()
    found = training_tests.order_of_the_global_generator(20, 0, 2)
    assert found.equal(training_tests.order_by_large_steps(20, 0, 2))  # the right order, at others' cost
    assert not torch.equal(before, torch.get_rng_state())
    goes_on = training_tests.OrderThatGoesOn()
    assert not goes_on(20, 0, 1).equal(goes_on(20, 0, 1))


def test_ready_made_functions_do_not_count():
    def by_optimiser(weight, gradient, m, v, step, rate):
        weight = weight.clone().requires_grad_()
        weight.grad = gradient
        torch.optim.Adam([weight], lr=rate).step()
        return torch.stack([weight.detach(), m, v])

    assert check("8.1", by_optimiser).mistake == "you handed in a ready-made function"
    by_module = lambda pred, target: medkit.losses.soft_dice_loss(pred, target) + medkit.losses.mask_loss(pred, target)  # noqa: E731
    assert check("8.2", by_module).mistake == "you handed in a ready-made function"
    assert check("8.6", lambda order: medkit.training.epoch_order(3, 0, 1) is None).outcome is Outcome.NOT_YET
