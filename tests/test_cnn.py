"""The plain CNN; and what all models have in common: equal budgets."""

import pytest
import torch
from model_contract import ModelContract, draw

from medkit.blocks import parameter_count
from medkit.models import (
    CNN,
    Hybrid,
    HybridAsPrinted,
    HybridUniform,
    HybridWithConvolution,
    Transformer,
    UNet,
)

pytestmark = pytest.mark.filterwarnings("error")


class TestCNN(ModelContract):
    Model = CNN

    def test_far_pixels_are_not_seen(self):
        """GroupNorm aside, a convolution's view is limited: the same values elsewhere change nothing."""
        model, image = self.build().double(), draw(1, 1, 128, 128).double()
        moved = image.clone()
        moved[..., 96:112, 96:112] = moved[..., 96:112, 96:112].flip(-1)
        for part in model.modules():
            if isinstance(part, torch.nn.GroupNorm):
                part.forward = lambda x: x  # it looks at the whole map, if only at two numbers a group
        assert ((model(image).mask - model(moved).mask)[..., :16, :16] == 0).all()
        assert (model(image).mask - model(moved).mask).abs().max() > 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width", [16, 24, 32])
def test_equal_budgets(width, channels):
    models = (CNN, UNet, Transformer, Hybrid, HybridAsPrinted, HybridWithConvolution)
    counts = [parameter_count(model(3, channels, width)) for model in models]
    assert max(counts) / min(counts) <= 1.10
    smaller = parameter_count(HybridUniform(3, channels, width))  # has no queries and keys
    assert 0.90 <= smaller / counts[3] < 1
    assert parameter_count(CNN(3, channels, width + 4)) / max(counts) > 1.10  # the bound can be missed


def test_default_budgets_as_documented():
    counts = {model.__name__: parameter_count(model(3)) for model in (CNN, UNet, Transformer, Hybrid)}
    assert counts == {"CNN": 119_796, "UNet": 117_556, "Transformer": 118_756, "Hybrid": 122_516}
