"""The Transformer."""

import math

import pytest
import torch
from model_contract import ModelContract, draw, seeded

from medkit.models import Transformer
from medkit.models.transformer import TransformerLayer, sine_positions

pytestmark = pytest.mark.filterwarnings("error")


class TestTransformer(ModelContract):
    Model = Transformer
    weights = (4, 4)

    def test_weights_are_weights(self):
        for weights in self.build().look(draw(2, 1, 32, 48)).weights:
            assert weights.min() >= 0
            assert (weights.sum(-1) - 1).abs().max() <= 1e-5
            assert (weights[:, 0] - weights[:, 1]).abs().max() > 1e-4  # heads look elsewhere

    def test_twin_each_layer_shows_its_own_weights(self):
        model, inputs = self.build(), []
        for layer in model.layers:
            layer.register_forward_hook(lambda layer, x, out: inputs.append(x[0]))
        looks = model.look(draw(2, 1, 32, 48)).weights
        for weights, layer, x in zip(looks, model.layers, inputs, strict=True):
            assert torch.equal(weights, layer.weights(x))
        assert not torch.equal(looks[0], model.layers[0].weights(inputs[1]))

    def test_law_a_patch_is_drawn_from_its_own_token(self):
        """No overlap between patches on the way up: one feature vector makes one 8×8 block."""
        model = self.build()
        for part in model.mask_head.modules():
            if isinstance(part, torch.nn.GroupNorm):
                part.forward = lambda x: x
        features = draw(1, 64, 4, 4)
        other = features.clone()
        other[..., 1, 2] += 1
        changed = (model.mask_head(features) != model.mask_head(other))[0, 0]
        assert changed[8:16, 16:24].any()
        changed[8:16, 16:24] = False
        assert not changed.any()

    def test_law_positions_count(self):
        """Patches in another order: another answer. Without positions, the same answer in that order."""
        model, image = self.build().double(), draw(1, 1, 32, 32).double()
        order = torch.randperm(16, generator=torch.Generator().manual_seed(0))

        def shuffled(x, side):
            blocks = x.reshape(1, 1, 4, side, 4, side).transpose(3, 4).reshape(1, 1, 16, side, side)
            return blocks[:, :, order].reshape(1, 1, 4, 4, side, side).transpose(3, 4).reshape(x.shape)

        def difference():
            return (shuffled(model(image).mask, 8) - model(shuffled(image, 8)).mask).abs().max()

        assert difference() > 1e-2
        torch.nn.init.zeros_(model.place.weight)
        assert difference() <= 1e-12


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_twin_layer_of_torch(heads):
    ours = seeded(lambda: TransformerLayer(8, heads)).double()
    options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
    torchs = torch.nn.TransformerEncoderLayer(8, heads, 32, **options).double()
    with torch.no_grad():
        attention = torchs.self_attn
        attention.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        attention.in_proj_bias.zero_()
        attention.out_proj.load_state_dict(ours.out.state_dict())
        torchs.norm1.load_state_dict(ours.norm_attention.state_dict())
        torchs.norm2.load_state_dict(ours.think[0].state_dict())
        torchs.linear1.load_state_dict(ours.think[1].state_dict())
        torchs.linear2.load_state_dict(ours.think[3].state_dict())
    x = draw(2, 7, 8).double()
    assert (ours(x) - torchs(x)).abs().max() <= 1e-12
    _, theirs = attention(*[torchs.norm1(x)] * 3, average_attn_weights=False)
    assert (ours.weights(x) - theirs).abs().max() <= 1e-12
    with torch.no_grad():
        attention.in_proj_bias[-1] = 0.1
    assert (ours(x) - torchs(x)).abs().max() > 1e-4  # the comparison can fail


def test_hand_positions():
    like = torch.zeros(8, dtype=torch.float64)
    places = sine_positions(3, 2, like)
    y, x = 2, 1
    slow = 0.01  # 10000^(-4/8)
    by_hand = [math.sin(y), math.sin(y * slow), math.cos(y), math.cos(y * slow)]
    by_hand += [math.sin(x), math.sin(x * slow), math.cos(x), math.cos(x * slow)]
    assert places.shape == (6, 8)
    assert places[y * 2 + x].tolist() == pytest.approx(by_hand, abs=1e-14)


def test_law_positions_are_distinct_and_the_same_in_any_grid():
    like = torch.zeros(64, dtype=torch.float64)
    large, small = sine_positions(32, 40, like), sine_positions(4, 8, like)
    assert torch.equal(large.reshape(32, 40, 64)[:4, :8].flatten(0, 1), small)
    distance = torch.cdist(large, large).fill_diagonal_(torch.inf)
    assert distance.min() > 0.1
    assert torch.cdist(large[:, :32], large[:, :32]).fill_diagonal_(torch.inf).min() == 0  # rows alone: not


def test_edge_positions():
    with pytest.raises(ValueError, match="D must be a multiple of 4, got 6"):
        sine_positions(2, 2, torch.zeros(6))
