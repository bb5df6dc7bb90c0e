"""Notebook 04's exercises agree with torch and medkit's blocks, and their figure shows what its answer says."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from medkit import blocks, denoise
from medkit.exercises import EXERCISES, check, features
from medkit.exercises.features import norm as features_norm
from medkit.exercises.features import questions as features_questions
from medkit.exercises.questions import worked_out
from medkit.models import CNN
from medkit.widgets.features import geometry

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("stride, padding", [(1, 0), (1, 1), (2, 0), (2, 1), (3, 2)])
def test_convolve_agrees_with_torch(stride, padding):
    x, weight, bias = draw(3, 9, 8), draw(2, 3, 3, 4, seed=1), draw(2, seed=2)
    expected = F.conv2d(x, weight, bias, stride, padding)
    for version in (features.convolve, *EXERCISES["4.1"].alternatives):
        got = torch.as_tensor(version(x, weight, bias, stride, padding)).float()
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_convolve_is_eq_1_without_its_factor():
    image, kernel = draw(7, 6), draw(3, 3, seed=1)
    seen = features.convolve(image[None], kernel[None, None], torch.zeros(1), 1, 1)[0]
    torch.testing.assert_close(seen, denoise.filter_image(image, kernel, "constant"))


def test_receptive_field_of_medkit_s_cnn_is_what_its_gradient_reaches():
    layers = geometry(CNN(classes=2, width=4))
    assert features.receptive_field(layers) == 59  # as medkit.data.worlds says
    image = torch.zeros(1, 1, 129, 129, dtype=torch.float64, requires_grad=True)
    seen = image
    for kernel, stride in layers:
        seen = F.conv2d(seen, torch.ones(1, 1, kernel, kernel).double(), stride=stride, padding=kernel // 2)
    reached = torch.autograd.grad(seen[0, 0, 8, 8], image)[0][0, 0] != 0
    assert reached.any(0).sum() == reached.any(1).sum() == 59


def test_predicted_number_comes_out_of_the_blocks():
    one = EXERCISES["4.3"]
    assert blocks.parameter_count(blocks.ConvBlock(32, 64, stride=2)) == one.truth() == 18560
    assert blocks.ConvBlock(32, 64, stride=2)[1].num_groups == 4
    assert not check("4.3", 18560.0 + 1).passed and check("4.3", 18560).passed


def test_other_numbers_of_4_3_keep_answer_and_mistakes_apart():
    prompts = set()
    for seed in range(1, 40):
        one = EXERCISES["4.3"].variant(seed)
        numbers = [one.truth(), *map(worked_out, one.mistakes)]
        assert min(abs(a - b) for i, a in enumerate(numbers) for b in numbers[:i]) > 2 * one.tolerance
        prompts.add(one.prompt)
    assert len(prompts) > 5


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_group_norm_agrees_with_torch(groups):
    x = draw(3, 6, 4, 5) * 3 + 2
    expected = F.group_norm(x, groups)
    for version in (features_norm.group_norm, *EXERCISES["4.4"].alternatives):
        got = torch.as_tensor(version(x, groups)).float()
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(features_norm.group_norm_of_batch(x[:1], groups), expected[:1])  # as the prompt says
    assert not torch.allclose(features_norm.group_norm_of_batch(x, groups), expected, atol=1e-3)


def test_figure_of_4_5_shows_what_its_answer_says():
    one, maps = EXERCISES["4.5"], features_questions.edge_panels()
    image = maps.pop("image")
    twin = denoise.filter_image(image, features_questions.SOBEL, "constant")[1:-1, 1:-1].relu()
    same = [letter for letter, panel in maps.items() if torch.allclose(panel, twin, atol=1e-5)]
    assert same == [one.right] and maps.keys() == set(one.options)
    assert maps["c"].min() < 0 and all(maps[letter].min() == 0 for letter in "abd")
    gaps = [float((maps[a] - maps[b]).abs().max()) for a in "abcd" for b in "abcd" if a < b]
    assert min(gaps) > 1.0  # to be told apart by eye


def test_model_test_accepts_torch_and_kills_each_wrong_version():
    one = EXERCISES["4.6"]
    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, F.max_pool2d)
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_right_poolings_agree_with_torch():
    x = draw(3, 7, 11)
    for size in (1, 2, 3, 5):
        for version in EXERCISES["4.6"].right:
            assert torch.equal(version(x, size), F.max_pool2d(x, size))


def test_faint_group_tells_where_the_small_number_stands():
    one = EXERCISES["4.4"]
    names = {mistake.name: mistake.wrong for mistake in one.mistakes}
    right = one.outputs(one.solution)
    for name in ("you left the small number out", "you added the small number to the standard deviation"):
        got = one.outputs(names[name])
        assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(got[:-1], right[:-1]))
        assert not torch.allclose(got[-1], right[-1], atol=1e-2)
