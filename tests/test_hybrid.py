"""The hybrid and its three ablations."""

import pytest
import torch
from model_contract import ModelContract, SkipContract, draw, seeded

from medkit.blocks import parameter_count
from medkit.models import Hybrid, HybridAsPrinted, HybridUniform, HybridWithConvolution

pytestmark = pytest.mark.filterwarnings("error")
ABLATIONS = (HybridAsPrinted, HybridUniform, HybridWithConvolution)


class TestHybrid(SkipContract):
    Model = Hybrid
    weights = (1,)

    def test_weights_are_weights(self):
        (weights,) = self.build().look(draw(2, 1, 32, 48)).weights
        assert weights.min() >= 0
        assert (weights.sum(-1) - 1).abs().max() <= 1e-5
        assert weights.std() > 0

    def test_weights_are_those_that_were_used(self):
        model, inputs = self.build(), []
        model.attention.register_forward_hook(lambda part, x, out: inputs.extend([x[0], out]))
        (weights,) = model.look(draw(2, 1, 32, 48)).weights
        assert torch.equal(weights[:, 0], model.attention.weights(inputs[0]))
        assert not torch.equal(weights[:, 0], model.attention.weights(inputs[1]))

    @pytest.mark.parametrize("level", [0, 1])
    def test_skips_reach_the_mask_and_not_the_label(self, level):
        model, image = self.build(), draw(1, 1, 32, 32)
        before, maps = model(image), list(model.encoder(image))
        maps[level] = maps[level].flip(-1)
        model.encoder.forward = lambda image: tuple(maps)
        after = model(image)
        assert torch.equal(before.label, after.label)
        assert not torch.equal(before.mask, after.mask)


class TestHybridAsPrinted(ModelContract):
    Model = HybridAsPrinted
    weights = (1,)

    def test_scores_are_no_weights(self):
        (scores,) = self.build().look(draw(2, 1, 32, 48)).weights
        assert scores.min() < 0
        assert (scores.sum(-1) - 1).abs().max() > 0.1


class TestHybridUniform(ModelContract):
    Model = HybridUniform
    weights = (1,)
    chooses = False

    def test_weights_are_all_the_same(self):
        (weights,) = self.build().look(draw(2, 1, 32, 48)).weights
        assert (weights == 1 / 24).all()


class TestHybridWithConvolution(ModelContract):
    Model = HybridWithConvolution


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_same_seed_same_weights_everywhere_else(ablation):
    whole, other = (seeded(lambda model=model: model(3)).state_dict() for model in (Hybrid, ablation))
    shared = [name for name in whole if not name.startswith("attention.")]
    assert shared == [name for name in other if not name.startswith("attention.")]
    assert all(torch.equal(whole[name], other[name]) for name in shared)
    later = seeded(lambda: ablation(3), seed=1).state_dict()
    assert not all(torch.equal(whole[name], later[name]) for name in shared)


@pytest.mark.parametrize("width", [8, 16, 24, 32])
def test_ablation_has_the_same_budget(width):
    whole = parameter_count(Hybrid(3, width=width).attention)
    assert abs(parameter_count(HybridWithConvolution(3, width=width).attention) / whole - 1) <= 0.02
    assert parameter_count(HybridAsPrinted(3, width=width).attention) == whole
    assert parameter_count(HybridUniform(3, width=width).attention) == whole - 2 * (4 * width) ** 2


def test_skips_are_concatenated_not_added():
    model = seeded(lambda: Hybrid(3))
    for merge, width in ((model.merge_quarter, 32), (model.merge_half, 16)):
        x, y = draw(1, width, 8, 8), draw(1, width, 8, 8, seed=1)
        assert (merge(torch.cat([x, y], 1)) - merge(torch.cat([y, x], 1))).abs().max() > 1e-3
