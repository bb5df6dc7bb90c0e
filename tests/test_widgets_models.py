"""The pictures of notebook 06: at their ends, in the middle, on nonsense; their numbers are the modules'."""

from __future__ import annotations

import re

import pytest
import torch

from medkit import cost
from medkit.models import CNN
from medkit.widgets import models

pytestmark = pytest.mark.filterwarnings("error")


def assert_is_a_whole_figure(page: str, tier: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page
    assert f"Data: {tier}." in page and len(page) > 5000


@pytest.mark.parametrize(
    "model, width, side",
    [("CNN", 8, 32), ("U-Net", 20, 80), ("Transformer", 16, 64), ("hybrid", 32, 128)],
)
def test_cost_picture_at_min_middle_max(model, width, side):
    assert_is_a_whole_figure(models.cost_picture(model, width, side), "phantom")


def test_cost_picture_prints_what_the_module_counts():
    counted = cost.report(CNN(classes=3, width=12), (1, 48, 48))
    page = models.cost_picture("CNN", 12, 48)
    assert f"{counted.parameters:,} parameters" in page and f"{counted.flops / 1e6:.1f} MFLOPs" in page
    assert f"{counted.parameters:,} parameters" not in models.cost_picture("CNN", 16, 48)


@pytest.mark.parametrize(
    "nonsense, message",
    [
        (("VGG", 16, 64), "model must be one of"),
        (("CNN", 10, 64), "width must be a multiple of 4"),
        (("CNN", 0, 64), "width must be a multiple of 4"),
        (("CNN", 16, 60), "image must have height and width of 32 or more"),
        (("CNN", 16, 0), "image_size must be"),
    ],
)
def test_edge_cost_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        models.cost_picture(*nonsense)


@pytest.mark.parametrize("model", models.MODELS)
def test_sizes_lead_from_the_image_to_the_mask(model):
    sizes = models.feature_sizes(model, 8, 64)
    assert sizes[0] == ("image", (1, 64, 64)) and sizes[-1] == ("mask", (1, 64, 64))
    deepest = [shape for _, shape in sizes if shape[1:] == (8, 8)]
    assert deepest and all(shape[0] == 32 for shape in deepest)
    again = models.feature_sizes(model, 8, 64)
    assert again == sizes, "hooks are taken off again"
    assert len({name for name, _ in sizes}) == len(sizes)


@pytest.mark.parametrize("model, image, tier", [
    ("CNN", "phantom, Gaussian noise", "phantom"), ("U-Net", "MRI", "library sample"),
    ("Transformer", "CT", "library sample"), ("hybrid", "ultrasound", "library sample"),
])  # fmt: skip
def test_detail_picture_of_every_model(model, image, tier):
    assert_is_a_whole_figure(models.detail_picture(model, image), tier)


@pytest.mark.parametrize("nonsense", [("VGG", "CT"), ("CNN", "X-ray")])
def test_edge_detail_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="must be one of"):
        models.detail_picture(*nonsense)


def test_detail_passes_over_skips_alone():
    """What the page asks the reader to see: outlines in the U-Net and the hybrid, not in the other two."""
    found = {}
    for model in models.MODELS:
        found[model] = models.fine_detail(models.passed(model, "ultrasound")[1], models._scaled("ultrasound")[0, 0])
        assert f"correlation of {found[model]:.2f}" in models.detail_picture(model, "ultrasound")
    assert min(found["U-Net"], found["hybrid"]) > 5 * max(found["CNN"], found["Transformer"])


def test_fine_detail_by_hand():
    chequers = (torch.arange(16)[:, None] + torch.arange(16)) % 2.0
    assert models.fine_detail(chequers, 3 - 2 * chequers) == pytest.approx(1.0)
    blocks = torch.arange(4.0).reshape(2, 2).repeat_interleave(8, 0).repeat_interleave(8, 1)
    assert models.fine_detail(blocks, chequers) == 0.0
