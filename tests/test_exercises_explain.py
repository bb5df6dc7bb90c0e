"""The exercises of notebook 15: what they teach is what `medkit.explain` does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from medkit.blocks import Look, Prediction
from medkit.exercises import EXERCISES, check, explain
from medkit.exercises.explain import mistakes as explain_mistakes
from medkit.exercises.explain import questions as explain_questions
from medkit.exercises.explain import rollouts as explain_rollouts
from medkit.explain import maps, measures
from medkit.models import CNN
from model_contract import draw, seeded

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def made_up(count, n, seed):
    """Return layers whose rows sum to one."""
    drawn = torch.rand(count, n, n, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.sum(dim=2, keepdim=True)


def looks(layers, heads=1):
    """Return a model that shows these layers, as if on an image of 1 x N positions."""
    n, model = layers.shape[-1], nn.Module()
    weights = tuple(layer.expand(1, heads, n, n) for layer in layers)
    model.look = lambda image: Look(Prediction(None, None), torch.zeros(1, 1, 1, n), weights)
    return model, torch.zeros(1, 1, 1, n)


# --- 15.1


@pytest.mark.parametrize("class_map", [explain.class_map, *EXERCISES["15.1"].alternatives])
def test_class_map_is_the_module_s_before_it_is_enlarged(class_map):
    model, image, target = seeded(lambda: CNN(classes=3)).eval(), draw(2, 1, 48, 64, seed=1), torch.tensor([0, 2])
    look = model.look(image.requires_grad_())
    (gradients,) = torch.autograd.grad(look.prediction.label.gather(1, target[:, None]).sum(), look.features)
    wanted = maps.raw_grad_cam(model, image.detach(), target).relu()
    for i in range(2):
        found = torch.as_tensor(class_map(look.features[i].detach(), gradients[i]))
        assert torch.allclose(found, wanted[i], atol=1e-6) and wanted[i].max() > 0


def test_edge_where_all_speaks_against_the_class_the_map_is_zero():
    for class_map in (explain.class_map, *EXERCISES["15.1"].alternatives):
        assert not torch.as_tensor(class_map(torch.ones(2, 2, 3), -torch.ones(2, 2, 3))).any()


def test_a_map_without_its_cut_is_named():
    def class_map(features, gradients):
        return torch.tensordot(gradients.flatten(1).mean(1), features, dims=1)

    assert check("15.1", class_map).mistake == "you never cut off"


# --- 15.2


def test_the_middle_is_measured_by_the_module_and_so_for_every_copy():
    one = EXERCISES["15.2"]
    says, mask = torch.zeros(10, 64, 64), torch.zeros(10, 64, 64, dtype=torch.bool)
    says[:, 16:48, 16:48] = 1
    mask[:7, 20:36, 30:46] = True  # seven inside, three outside
    mask[7:, 48:, :16] = True
    assert one.truth() == pytest.approx(float(measures.mass_inside(says, mask).mean())) == pytest.approx(0.7 * 0.25)
    assert one.mistakes[0].wrong == pytest.approx(float(measures.area(mask).mean()))
    for seed in range(1, 12):
        other = one.variant(seed)
        gaps = [abs(mistake.wrong - other.truth()) for mistake in other.mistakes]
        assert min(gaps) > 2 * other.tolerance and eval(other.working) == pytest.approx(other.truth())


# --- 15.3


@pytest.mark.parametrize("pointing", [explain_questions.pointing, *EXERCISES["15.3"].alternatives])
@pytest.mark.parametrize("seed", range(4))
def test_pointing_is_the_module_s_with_ties_and_without(pointing, seed):
    saliency = draw(6, 1, 5, 7, seed=seed)[:, 0]
    saliency[::2] = saliency[::2].round()  # with ties
    mask = draw(6, 1, 5, 7, seed=seed + 50)[:, 0] > 0.8
    mask[-1] = False
    found = torch.as_tensor(pointing(saliency, mask)).float()
    assert torch.allclose(found, measures.pointing_game(saliency, mask), equal_nan=True) and found[-1].isnan()


def test_the_function_to_repair_lets_a_flat_map_win():
    flat, mask = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[0, 0, :2] = True
    assert float(explain_mistakes.pointing_at_the_first(flat, mask)) == 1
    assert float(explain_questions.pointing(flat, mask)) == 2 / 16 == float(measures.pointing_game(flat, mask))


def test_edge_an_empty_mask_alone_is_told_apart():
    assert check("15.3", lambda saliency, mask: explain_questions.pointing(saliency, mask).nan_to_num(0)).mistake == (
        "you called an empty mask a miss"
    )


# --- 15.4


def test_figure_of_15_4_shows_what_its_answer_says():
    one, maps_there = EXERCISES["15.4"], explain_questions.four_maps()
    image, lesion, mark = explain_questions.marked_image()
    assert set(maps_there) == set(one.options)
    areas = {title: sum(explain_questions.deletion_curve(shown)) for title, shown in maps_there.items()}
    assert min(areas, key=areas.get) == one.right and max(areas, key=areas.get) == "a"
    assert areas[one.right] < 0.5 * sorted(areas.values())[1]
    hits = {title: float(measures.pointing_game(shown[None], lesion[None])) for title, shown in maps_there.items()}
    assert hits["a"] == 1 and hits[one.right] == 0  # the truthful map misses the lesion
    assert not (lesion & mark).any() and explain_questions.classifier(image) > 0.95


def test_curves_of_15_4_are_the_module_s_deletion():
    image, *_ = explain_questions.marked_image()
    shown = explain_questions.four_maps()["b"] + 1e-6 * torch.arange(1024).view(32, 32)  # without ties

    def model(images):
        ill = torch.tensor([explain_questions.classifier(one[0]) for one in images])
        return Prediction(torch.stack([(1 - ill).log(), ill.log()], 1), images)

    theirs = measures.deletion(model, image[None, None], torch.tensor([1]), shown[None], seed=0)
    assert explain_questions.deletion_curve(shown) == pytest.approx(theirs[0].tolist(), abs=1e-4)


# --- 15.5


@pytest.mark.parametrize("rollout", EXERCISES["15.5"].right)
@pytest.mark.parametrize("count, n", [(1, 2), (2, 3), (4, 5)])
def test_right_versions_of_the_test_are_the_module_s(rollout, count, n):
    layers = made_up(count, n, seed=n)
    model, image = looks(layers, heads=2)
    assert torch.allclose(rollout(layers), maps.attention_rollout(model, image).flatten(), atol=1e-5)


def test_model_tests_accept_the_module_and_kill_each_wrong_version():
    one = EXERCISES["15.5"]

    def module(layers):
        return maps.attention_rollout(*looks(layers)).flatten()

    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, module) and all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_two_layers_the_other_way_round_give_something_else():
    layers = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
    assert explain_rollouts.rollout_plainly(layers).tolist() == [0.625, 0.375]
    assert explain_rollouts.rollout_from_the_wrong_end(layers).tolist() == [0.375, 0.625]
    assert explain_rollouts.rollout_of_who_looks(layers).tolist() != explain_rollouts.rollout_plainly(layers).tolist()


def test_a_test_of_one_layer_is_told_so():
    def test_rollout(rollout):
        assert torch.allclose(rollout(torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])), torch.tensor([0.75, 0.25]), atol=1e-4)

    feedback = check("15.5", test_rollout)
    assert not feedback.passed and feedback.mistake == "your test has one layer"
