"""The exercises of notebook 07 agree with the freezing, the optimisers and the stems that the page shows."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from medkit import transfer
from medkit.exercises import EXERCISES, check
from medkit.exercises import transfer as transfer_exercises
from medkit.exercises.transfer import freezes as transfer_freezes
from medkit.exercises.transfer import mistakes as transfer_mistakes
from medkit.exercises.transfer import questions as transfer_questions
from medkit.exercises.transfer import stem as transfer_stem
from medkit.exercises.transfer import tests as transfer_tests
from medkit.models.pretrained import IMAGENET_MEAN, IMAGENET_STD, GreyStem

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# --- the written and repaired functions ---------------------------------------------------------


def steps_by_torch(weight, gradients, rate, momentum, decay):
    """Let torch.optim.SGD take the steps; return the weights, and its velocities."""
    parameter = nn.Parameter(weight.clone())
    optimiser = torch.optim.SGD([parameter], lr=rate, momentum=momentum, weight_decay=decay)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimiser.step()
    return parameter.detach(), optimiser.state[parameter]["momentum_buffer"]


def test_steps_are_those_of_torch_where_nothing_is_frozen():
    weight, gradients = draw(7), [draw(7, seed=1), draw(7, seed=2), draw(7, seed=3)]
    nothing, velocity, now = torch.zeros(7, dtype=torch.bool), torch.zeros(7), weight
    for gradient in gradients:
        now, velocity = transfer_exercises.frozen_step(now, gradient, velocity, nothing, 0.1, 0.9, 0.2)
    theirs = steps_by_torch(weight, gradients, 0.1, 0.9, 0.2)
    torch.testing.assert_close((now, velocity), theirs)
    wrong = transfer_mistakes.step_decay_apart(weight, gradients[0], velocity * 0, nothing, 0.1, 0.9, 0.2)
    assert not torch.allclose(wrong[1], theirs[1])


def test_a_zero_gradient_moves_a_weight_in_torch_too_and_freezing_stops_it():
    weight, gradients = draw(5), [draw(5, seed=1), torch.zeros(5)]
    once, velocity = steps_by_torch(weight, gradients[:1], 0.1, 0.9, 0.2)
    twice, _ = steps_by_torch(weight, gradients, 0.1, 0.9, 0.2)
    held = torch.ones(5, dtype=torch.bool)
    mistaken = transfer_mistakes.step_gradient_off(once, draw(5, seed=2), velocity, held, 0.1, 0.9, 0.2)
    torch.testing.assert_close(mistaken[0], twice)
    frozen = transfer_exercises.frozen_step(once, draw(5, seed=2), velocity, held, 0.1, 0.9, 0.2)
    assert torch.equal(frozen, torch.stack([once, velocity])) and not torch.equal(twice, once)


def test_grey_stem_is_the_module_s():
    stem = nn.Conv2d(3, 5, kernel_size=(3, 4), bias=False)
    with torch.no_grad():
        stem.weight.copy_(draw(5, 3, 3, 4))
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    torch.testing.assert_close(transfer_stem.grey_stem(stem.weight.detach(), mean, std), GreyStem(stem).weight.detach())
    grey = draw(2, 1, 6, 7)
    colour = (grey.repeat(1, 3, 1, 1) - mean[:, None, None]) / std[:, None, None]
    pair = torch.cat([grey, torch.ones_like(grey)], dim=1)
    folded = transfer_stem.grey_stem(stem.weight.detach(), mean, std)
    torch.testing.assert_close(nn.functional.conv2d(pair, folded), stem(colour).detach(), atol=1e-4, rtol=1e-4)


def test_delta_is_the_module_s_and_eq_5_adds_up():
    head, features, target = draw(4, 2), draw(6, 4, seed=1), draw(6, 2, seed=2)
    layer = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(head.T)
    before = copy.deepcopy(layer.state_dict())
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        ((layer(features) - target).square().sum() / (2 * len(features))).backward()
        optimiser.step()
    theirs = transfer.delta_weights(before, layer.state_dict())["weight"]
    mine = transfer_exercises.delta_of_training(head, features, target, 0.1, 3)
    torch.testing.assert_close(mine.T.double(), theirs, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(head + mine, layer.weight.detach().T)
    with pytest.raises(ValueError, match="before must be a copy"):
        transfer.delta_weights(layer.state_dict(), layer.state_dict())


def test_a_repair_that_spoils_the_pre_trained_head_is_told_apart():
    def repaired_by_half(head, features, target, rate, steps):
        before = head.clone()
        for _ in range(steps):
            head -= rate * features.T @ (features @ head - target) / len(features)
        return head - before

    assert check("7.4", repaired_by_half).mistake == "you changed the argument in place"


def test_multiplying_by_zero_is_named_though_plain_cases_are_right():
    def times_zero(w, g, v, frozen, rate, momentum, decay):
        free = (~frozen).float()
        moved = free * (momentum * v + g + decay * w) + (1 - free) * v
        return torch.stack([w - rate * free * moved, moved])

    assert check("7.1", times_zero).mistake == "you multiplied by zero"


# --- the number and the figure --------------------------------------------------------------------


def test_predicted_running_mean_is_torch_s():
    norm = nn.BatchNorm1d(1).requires_grad_(False).train()
    norm.running_mean.fill_(4.0)
    for _ in range(2):
        norm(torch.tensor([[9.0], [11.0]]))
    assert norm.running_mean.item() == pytest.approx(EXERCISES["7.3"].truth(), abs=1e-5)
    held = nn.BatchNorm1d(1)
    transfer.freeze(held)
    held.running_mean.fill_(4.0)
    held.train()(torch.tensor([[9.0], [11.0]]))
    assert held.running_mean.item() == 4.0


def test_figure_of_7_5_shows_what_its_answer_says():
    one, changes = EXERCISES["7.5"], transfer_questions.changes()
    assert tuple(changes) == one.options
    weights = ("conv 1", "norm 1", "conv 2", "norm 2")
    statistics = ("norm 1 statistics", "norm 2 statistics")
    half_frozen = [
        run
        for run, parts in changes.items()
        if all(parts[name] == 0 for name in weights) and all(parts[name] > 0.1 for name in statistics)
    ]
    assert half_frozen == [one.right]
    assert [run for run, parts in changes.items() if not any(parts[name] for name in weights + statistics)] == ["a"]
    assert all(changes["c"].values()) and changes["d"]["head"] == 0 < changes["b"]["head"]


# --- the test that kills --------------------------------------------------------------------------


def test_model_tests_accept_the_module_and_kill_each_wrong_version():
    one = EXERCISES["7.6"]
    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, transfer.freeze)
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_flags_alone_let_as_many_through_as_the_afterword_says():
    one = EXERCISES["7.6"]
    alive = [version.name for version in one.wrong if one.accepts(transfer_tests.test_only_flags, version.wrong)]
    assert len(alive) == 7 and len(one.wrong) == 12
    assert "seven of these twelve" in one.afterword


def small_model():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        part = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        return nn.Sequential(part, nn.Conv2d(2, 1, 1))


@pytest.mark.parametrize("freeze", EXERCISES["7.6"].right, ids=lambda one: one.__name__)
def test_right_versions_hold_and_answer_as_before(freeze):
    model, image = small_model(), draw(3, 1, 6, 6)
    freeze(model, "0")
    alone = model.eval()[0](image)
    before = transfer.fingerprint(model)
    assert torch.equal(model.train()[0](image), alone)
    assert transfer.fingerprint(model) == before


def test_wrong_versions_are_as_wrong_as_their_names_say():
    model = small_model()
    transfer_freezes.gradients_off(model, "0")
    before = transfer.fingerprint(model)
    model.train()(draw(3, 1, 6, 6))
    after = transfer.fingerprint(model)
    assert {name for name in after if after[name] != before[name]} == {
        "0.1.running_mean", "0.1.running_var", "0.1.num_batches_tracked",
    }  # fmt: skip
