"""The U-Net."""

import pytest
import torch
from model_contract import SkipContract, draw, seeded

from medkit.models import CNN, UNet

pytestmark = pytest.mark.filterwarnings("error")


class TestUNet(SkipContract):
    Model = UNet
    epochs = 200


@pytest.mark.parametrize("level", [0, 1])
def test_skips_reach_the_mask_and_not_the_label(level):
    """Change what the encoder hands across at 1/2 or 1/4, not what it hands down."""

    def moved(model):
        image, encode = draw(1, 1, 32, 32), model.encoder.forward
        before = model(image)

        def tampered(image):
            maps = list(encode(image))
            maps[level] = maps[level].flip(-1)
            return tuple(maps)

        model.encoder.forward = tampered
        after = model(image)
        return [not torch.equal(a, b) for a, b in zip(before, after)]

    assert moved(seeded(lambda: UNet(3))) == [False, True]
    assert moved(seeded(lambda: CNN(3))) == [False, False]  # no skips


def test_skips_are_concatenated_not_added():
    """What comes up and what comes across are told apart: exchanging the two changes the mask."""
    model = seeded(lambda: UNet(3))
    for merge, width in ((model.merge_quarter, 32), (model.merge_half, 16)):
        x, y = draw(1, width, 8, 8), draw(1, width, 8, 8, seed=1)
        assert (merge(torch.cat([x, y], 1)) - merge(torch.cat([y, x], 1))).abs().max() > 1e-3
        assert torch.equal(x + y, y + x)  # a sum could not
