"""Notebook 04's widgets: each picture at its ends and on nonsense, and its numbers against the modules.

The small CNN is trained for a moment only (fast mode): what it has learned is not asked here.
"""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F

from medkit import denoise, lesson, normalise
from medkit.exercises.features import receptive_field
from medkit.widgets import features as widgets_04

pytestmark = pytest.mark.filterwarnings("error")

IMAGES = list(lesson.specimens())


@pytest.fixture(scope="module", autouse=True)
def little_training():
    """Train in fast mode, and leave no such network behind for other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        for made in (widgets_04.outlines, widgets_04.small_cnn):
            made.cache_clear()
        yield
    for made in (widgets_04.outlines, widgets_04.small_cnn):
        made.cache_clear()


def assert_is_a_whole_figure(page: str, tier: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page
    assert f"Data: {tier}." in page and len(page) > 5000


# ---- one filter


@pytest.mark.parametrize("kernel, stride, relu", [("mean", 1, True), ("left edges", 2, False), ("bright dots", 4, True)])
def test_filter_picture_at_min_middle_max(kernel, stride, relu):
    page = widgets_04.filter_picture("MRI", kernel, stride, relu)
    assert_is_a_whole_figure(page, "library sample")
    assert f"300 × 484 pixels {(300 - 1) // stride + 1} × {(484 - 1) // stride + 1}" in page


@pytest.mark.parametrize("image", IMAGES)
def test_filter_picture_of_every_image_counts_what_lies_below_zero(image):
    page = widgets_04.filter_picture(image, "top edges", 1, True)
    assert_is_a_whole_figure(page, lesson.specimens()[image].tier)
    pixels = normalise.percentile(lesson.specimens()[image].image)
    seen = denoise.filter_image(pixels, widgets_04.FILTERS["top edges"], "constant")  # Eq. 1, zeros beyond the border
    assert f"{float((seen < -1e-6).double().mean()):.0%} of the map" in page  # flat ground is not below zero


def test_law_flat_ground_has_nothing_below_zero(monkeypatch):
    """Weights that add to zero leave rounding on flat ground, as often below zero as above."""
    flat = lesson.specimens()["MRI"]._replace(image=torch.full((40, 40), 0.8))
    monkeypatch.setattr(widgets_04, "specimens", lambda: {"flat": flat})
    monkeypatch.setattr(widgets_04.normalise, "percentile", lambda image: image)
    for kernel in set(widgets_04.FILTERS) - {"mean"}:
        page = widgets_04.filter_picture("flat", kernel, 4, True)
        assert re.search(r"\b[01]% of the map", page), kernel  # 1 %: a corner, where the kernel leaves the image


@pytest.mark.parametrize("nonsense", [("X-ray", "mean", 1), ("MRI", "magic", 1), ("MRI", "mean", 0), ("MRI", "mean", 5)])
def test_edge_filter_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="must be"):
        widgets_04.filter_picture(*nonsense, relu=True)


# ---- a network's layers


@pytest.mark.parametrize(
    "image, layer, channel, down, right, trained",
    [
        ("MRI", 0, 0, 0, 0, False),
        ("CT", 3, 4, 50, 50, True),
        ("ultrasound", 6, 7, 100, 100, True),
        (IMAGES[0], 5, 7, 0, 100, False),
    ],
)
def test_layer_picture_at_min_middle_max(image, layer, channel, down, right, trained):
    page = widgets_04.layer_picture(image, widgets_04.LAYERS[layer], channel, down, right, trained)
    assert_is_a_whole_figure(page, lesson.specimens()[image].tier)
    side = receptive_field(widgets_04.geometry(widgets_04.small_cnn(False))[: layer + 1])
    assert f"a square of {side} pixels" in page and ("untrained" in page) == (not trained)


@pytest.mark.parametrize("layer, trained", [(1, True), (6, False)])
def test_maps_picture(layer, trained):
    page = widgets_04.maps_picture("MRI", widgets_04.LAYERS[layer], trained)
    assert_is_a_whole_figure(page, "library sample")
    assert ("untrained" in page) == (not trained)


def test_layer_names_say_how_fine_the_maps_are():
    maps = widgets_04.maps_of(widgets_04.small_cnn(False), widgets_04.prepared("CT"))
    for name, one in zip(widgets_04.LAYERS, maps, strict=True):
        assert f"1/{128 // one.shape[-1]}" in name


def test_last_maps_are_the_features_that_the_network_hands_out():
    network, image = widgets_04.small_cnn(False), widgets_04.prepared("MRI")
    with torch.no_grad():
        assert torch.equal(widgets_04.maps_of(network, image)[-1], network.look(image).features)


def test_without_norms_nothing_outside_the_square_moves_a_value():
    network, image = widgets_04.small_cnn(False), torch.rand(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    for layer in (1, 4):
        layers = widgets_04.geometry(network)[: layer + 1]
        picture = image.clone().requires_grad_()
        seen = picture
        for block, (kernel, stride) in zip(widgets_04.blocks_of(network), layers):
            seen = F.conv2d(seen, block[0].weight, stride=stride, padding=kernel // 2)
        moved = torch.autograd.grad(seen[0, 0, 7, 5], picture)[0][0, 0]
        rows, columns = (moved.abs().sum(dim=axis).nonzero().flatten() for axis in (1, 0))
        expected = [(max(first, 0), last) for first, last in (widgets_04.seen_from(layers, place) for place in (7, 5))]
        assert [(int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))] == expected
    whole = widgets_04.sensitivity(network, image, 4, 0, 7, 5)
    assert (whole > 0).float().mean() > 0.9  # with norms, every pixel has a say


def test_training_changes_the_network_and_is_done_once():
    trained, drawn = widgets_04.small_cnn(True), widgets_04.small_cnn(False)
    assert trained is widgets_04.small_cnn(True) and not trained.training
    assert not torch.equal(trained.encoder.stages[0][0][0].weight, drawn.encoder.stages[0][0][0].weight)


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ({"image": "X-ray"}, "image must be one of"),
        ({"layer": "8"}, "layer must be one of"),
        ({"channel": 8}, "channel must lie in 0"),
        ({"down": -1}, "down must lie in 0"),
        ({"right": 101}, "right must lie in 0"),
    ],
)
def test_edge_layer_picture_on_nonsense(nonsense, message):
    sane = {"image": "MRI", "layer": widgets_04.LAYERS[0], "channel": 0, "down": 50, "right": 50, "trained": False}
    with pytest.raises(ValueError, match=message):
        widgets_04.layer_picture(**sane | nonsense)
