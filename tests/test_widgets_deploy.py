"""Notebook 18's pictures and its page: at their ends, in the middle and on nonsense."""

from __future__ import annotations

import datetime
import io
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image

from medkit._check import MedkitInputError
from medkit.deploy.show import span
from medkit.widgets import deploy as widgets_18
from medkit.widgets import deploy_times

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module", autouse=True)
def small_run():
    """Train in fast mode on phantoms; what other tests find in the cache stays theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        patch.delenv("MEDKIT_DATA", raising=False)
        for cache in (widgets_18.desk, widgets_18.forms):
            cache.cache_clear()
        yield
        for cache in (widgets_18.desk, widgets_18.forms):
            cache.cache_clear()


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def assert_is_a_whole_figure(page: str, tier: str = "phantom") -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page and f"Data: {tier}." in page
    assert len(re.search(r'src="([^"]+)"', page)[1]) > 5000


@pytest.mark.parametrize("high", [0.05, 1.5, 4.0])
def test_range_picture_at_min_middle_max(high):
    page = widgets_18.range_picture(high)
    assert_is_a_whole_figure(page)
    assert f"steps of {high / 255:.4f}" in page


def test_the_best_range_is_neither_the_widest_nor_the_narrowest():
    x = widgets_18.activations()
    ends = torch.linspace(0.05, 4, 80).tolist()
    errors = [float((widgets_18.there_and_back(x, high) - x).abs().mean()) for high in ends]
    best = errors.index(min(errors))
    assert 2 < ends[best] < 3.8 and errors[best] < 0.9 * errors[-1] < errors[0]
    assert float((x == 0).double().mean()) > 0.4


@pytest.mark.parametrize("high", [0.0, -1.0, 4.1, math.nan])
def test_edge_range_picture_on_nonsense(high):
    with pytest.raises(ValueError, match=f"high must lie in 0.05 ... 4, got {high}"):
        widgets_18.range_picture(high)


@pytest.mark.parametrize("form", widgets_18.ON_THE_PAGE)
@pytest.mark.parametrize("number", [0, 6, 11])
def test_page_picture_at_min_middle_max(number, form):
    page = widgets_18.page_picture(number, form)
    assert_is_a_whole_figure(page)
    assert f"test image {number}, labelled" in page and f"{form}: " in page and " a second" in page
    shares = [int(share) for share in re.findall(r"(\d+)%", page.split("<figcaption")[1].split(form)[1])]
    assert len(shares) == 3 and 98 <= sum(shares) <= 102


def test_edge_page_picture_on_nonsense():
    for number in (-1, 12):
        with pytest.raises(ValueError, match=r"number must lie in 0 ... 11"):
            widgets_18.page_picture(number, widgets_18.EAGER)
    with pytest.raises(ValueError, match="form must be one of PyTorch, ONNX Runtime"):
        widgets_18.page_picture(0, "TensorFlow")


def test_the_page_shows_images_of_several_classes():
    assert len(widgets_18.desk().test) == widgets_18.SHOWN and len(widgets_18.desk().test.label.unique()) == 3


@pytest.mark.parametrize("shape", [(40, 60), (300, 200), (33, 33, 3)])
def test_an_upload_is_seen_as_the_test_images_are(shape):
    pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    image = widgets_18.read_upload(png(pixels))
    assert image.shape == (1, 1, 32, 32) and image.dtype == torch.float32
    assert float(image.min()) == 0.0 and float(image.max()) == 1.0
    assert_is_a_whole_figure(widgets_18.upload_picture(png(pixels), "mine.png", widgets_18.RUNTIME), "real")


def test_edge_a_flat_upload_gets_an_answer_too():
    image = widgets_18.read_upload(png(np.full((40, 40), 7, dtype=np.uint8)))
    assert float(image.abs().max()) == 0.0
    assert_is_a_whole_figure(widgets_18.upload_picture(png(np.full((40, 40), 7, dtype=np.uint8)), "flat.png", "PyTorch"), "real")


def test_edge_an_upload_that_is_none_is_one_sentence(monkeypatch):
    said = widgets_18.upload_picture(b"<script>no picture</script>", "<b>.png", widgets_18.EAGER)
    assert said.startswith('<p role="alert">') and "choose a PNG" in said and "<b>" not in said
    monkeypatch.setattr(widgets_18, "HEAVIEST", 10)
    with pytest.raises(MedkitInputError, match="big.png has 0 MiB"):
        widgets_18.read_upload(b"x" * 11, "big.png")


def test_the_page_takes_an_upload_and_goes_on_with_the_slider():
    page = widgets_18.explore_page()
    number, form, upload, shown = page.children
    first = shown.value
    content = png(np.random.default_rng(1).integers(0, 255, (50, 50), dtype=np.uint8))
    upload.value = ({"name": "a.png", "type": "image/png", "size": len(content), "content": memoryview(content), "last_modified": datetime.datetime(2026, 1, 1)},)
    assert "Your own picture" in shown.value and shown.value != first
    number.value = 3
    assert "test image 3" in shown.value
    form.value = widgets_18.INT8
    assert widgets_18.INT8 in shown.value


def test_times_picture_says_what_the_records_say():
    models = list(dict.fromkeys(one["model"] for one in deploy_times.records()))
    assert "hybrid" in models and not any("/local/" in one["file"] for one in deploy_times.records())
    for model in models:
        for where in ("threads: 1", "threads: 2"):
            assert_is_a_whole_figure(deploy_times.times_picture(model, where), "real")
    runs = [one for one in deploy_times.records() if one["model"] == "hybrid"]
    turns = [turn for one in runs for turn in one["clock"]["times"]["threads: 1"]["ONNX Runtime"]]
    assert f"Fastest: ONNX Runtime, {1 / span(turns)[0]:.0f} a second" in deploy_times.times_picture("hybrid", "threads: 1")


def test_edge_times_picture_on_nonsense():
    with pytest.raises(ValueError, match="model must be one of"):
        deploy_times.times_picture("ResNet", "threads: 1")
    with pytest.raises(ValueError, match="where must be one of"):
        deploy_times.times_picture("hybrid", "on the moon")


def test_sliders_start_where_they_can_be_drawn():
    for made in (widgets_18.explore_range(), deploy_times.explore_times()):
        assert "<figure" in made.children[-1].value
