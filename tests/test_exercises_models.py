"""The exercises of notebook 06 agree with the models, the blocks and the counting that the page shows."""

from __future__ import annotations

import types

import pytest
import torch

from medkit import blocks, cost
from medkit.exercises import EXERCISES, check, models
from medkit.exercises.models import contract as models_contract
from medkit.exercises.models import mistakes as models_mistakes
from medkit.exercises.models import questions as models_questions
from medkit.exercises.models import tests as models_tests
from medkit.exercises.models import tokens as models_tokens
from medkit.models import CNN, Hybrid, Transformer, UNet

pytestmark = pytest.mark.filterwarnings("error")
MODELS = (CNN, UNet, Transformer, Hybrid)


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        return build()


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


# --- the written and repaired functions ---------------------------------------------------------


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kernel, stride, padding", [(3, 1, 1), (3, 2, 1), (8, 8, 0), (5, 3, 2)])
def test_cost_of_a_convolution_is_what_the_module_counts(kernel, stride, padding, bias):
    layer = seeded(lambda: torch.nn.Conv2d(3, 4, kernel, stride, padding, bias=bias))
    counted = cost.report(layer, (3, 17, 24))
    parameters, rows, columns, flops = models.conv_cost(3, 4, kernel, stride, padding, (17, 24), bias)
    assert (parameters, flops) == (counted.parameters, counted.flops)
    assert (rows, columns) == tuple(layer(torch.zeros(1, 3, 17, 24)).shape[-2:])


def test_merged_maps_are_what_the_u_net_merges():
    """Let the U-Net double by repeating pixels, and look what its merging convolution is given."""
    network, given = seeded(lambda: UNet(3, width=8)), []
    up = network.up_quarter[0]
    with torch.no_grad():  # each feature of 1/4 is one of 1/8, each pixel four times
        up.weight.copy_(torch.eye(32)[:, :16, None, None].expand(-1, -1, 2, 2))
    network.up_quarter = up
    network.merge_quarter.register_forward_pre_hook(lambda part, inputs: given.append(inputs[0]))
    image = draw(2, 1, 32, 48)
    network(image)
    _, quarter, eighth = network.encoder(image)
    torch.testing.assert_close(given[0], models.merge(eighth[:, :16], quarter))
    assert not torch.allclose(given[0], models_mistakes.merge_skip_first(eighth[:, :16], quarter))


def test_tokens_are_those_of_the_transformer():
    network, image = seeded(lambda: Transformer(3, channels=3, width=8)), draw(2, 3, 32, 48)
    weight, bias = network.patches.weight.flatten(1), network.patches.bias
    theirs = network.patches(image).flatten(2).transpose(1, 2)
    torch.testing.assert_close(models_tokens.tokens(image, 8) @ weight.T + bias, theirs, atol=1e-4, rtol=1e-4)
    wrong = models_tokens.tokens_of_the_wrong_pixels(image, 8)
    assert wrong.shape == models_tokens.tokens(image, 8).shape
    assert not torch.allclose(wrong @ weight.T + bias, theirs, atol=1e-2)


def test_untouched_bug_is_not_attempted_and_a_rewritten_one_is_named():
    as_given = types.FunctionType(models_tokens.TOKENS.broken.__code__, {"__name__": "__main__"})
    assert check("6.4", as_given).outcome.word == "not attempted"
    feedback = check("6.4", lambda image, patch: image.flatten(1).reshape(len(image), -1, image.shape[1] * patch**2))
    assert feedback.mistake == "your tokens are pieces of rows, not squares"


def test_a_model_of_the_kit_does_not_count_as_an_answer():
    def by_the_kit(channels, width, kernel, stride, padding, size, bias):
        layer = torch.nn.Conv2d(channels, width, kernel, stride, padding, bias=bias)
        counted, out = cost.report(layer, (channels, *size)), layer(torch.zeros(1, channels, *size))
        return [counted.parameters, *out.shape[-2:], counted.flops]

    assert check("6.1", by_the_kit).mistake == "you handed in a ready-made function"


# --- the number and the figure --------------------------------------------------------------------


def test_predicted_memory_is_that_of_the_attention_s_weights():
    attention = blocks.SelfAttention2d(8)
    weights = attention.weights(torch.zeros(1, 8, 16, 16, device="cpu"))  # a map of 16 × 16 as a sample
    assert weights.shape == (1, 256, 256) and weights.element_size() == 4
    pixels = (512 // 2) ** 2
    assert EXERCISES["6.3"].truth() == pixels**2 * weights.element_size() / 2**30 == 16


def near(shown: torch.Tensor) -> float:
    """Return the share of a map's sum within 4 pixels of the pixel that was asked."""
    row, column = models_questions.PLACE
    return float(shown[row - 4 : row + 5, column - 4 : column + 5].sum() / shown.sum())


def test_figure_of_6_5_shows_what_its_answer_says():
    one, maps = EXERCISES["6.5"], models_questions.what_moves_the_pixel()
    assert tuple(maps) == one.options and models_questions.PANELS[one.right] is CNN
    shares = {panel: near(shown) for panel, shown in maps.items()}
    assert min(shares, key=shares.get) == one.right
    assert all(share > 2 * shares[one.right] for panel, share in shares.items() if panel != one.right)
    patch = maps["c"].unflatten(0, (8, 8)).unflatten(2, (8, 8)).sum((1, 3))
    row, column = (place // 8 for place in models_questions.PLACE)
    assert patch.argmax() == row * 8 + column and patch[row, column] > 10 * patch.flatten().sort().values[-2]


# --- the test that kills --------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_model_tests_accept_the_models_themselves(model):
    built = seeded(lambda: model(classes=3, width=8).eval())
    with torch.no_grad():
        built.label_head.linear.bias.copy_(torch.tensor([-3.0, 0.0, 1.0]))
    for test in (models_tests.test_model, *EXERCISES["6.6"].alternatives):
        assert EXERCISES["6.6"].accepts(test, built)


def test_model_tests_kill_each_wrong_version():
    one = EXERCISES["6.6"]
    for test in (one.solution, *one.alternatives):
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_right_models_have_negative_logits_on_whatever_images():
    for version in EXERCISES["6.6"].right:
        for image in (draw(2, 1, 32, 40), torch.zeros(1, 1, 32, 32), torch.ones(2, 1, 40, 32), draw(1, 1, 64, 64) ** 4):
            label, mask = version(image)
            assert (label < 0).any() and (mask < 0).any()
            assert label.shape == (len(image), 3) and mask.shape == image.shape


def test_batch_norm_in_training_mode_is_one_of_the_wrong_models():
    norm = torch.nn.BatchNorm2d(1)
    one, other = draw(3, 1, 32, 32), draw(2, 1, 32, 32, seed=1) + 0.5
    theirs = models_contract.in_training_mode(torch.cat([one, other]))[1]
    assert not torch.allclose(theirs[:3], models_contract.in_training_mode(one)[1], atol=1e-2)
    torch.testing.assert_close(models_contract.three_sums(norm(one).detach())[1],
                               models_contract.in_training_mode(one)[1], atol=1e-2, rtol=1e-2)  # fmt: skip
