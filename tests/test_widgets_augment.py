"""The pictures of notebook 03: at their ends, in the middle and on nonsense; numbers in captions are true."""

from __future__ import annotations

import re

import ipywidgets
import pytest
import torch

from medkit import augment
from medkit.widgets import augment as widgets_03

pytestmark = pytest.mark.filterwarnings("error")
SAMPLES, MIN = list(widgets_03.samples()), widgets_03.FILLS[0]


def assert_is_a_whole_figure(page, tier="phantom"):
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page
    assert f"Data: {tier}." in page and len(re.search(r'src="([^"]+)"', page)[1]) > 5000


# ---- image and mask


@pytest.mark.parametrize("image", SAMPLES)
def test_augment_picture_of_every_sample(image):
    page = widgets_03.augment_picture(image, "horizontal flip", widgets_03.FILLS[1], -30.0, 0.8)
    chosen = widgets_03.samples()[image]
    assert_is_a_whole_figure(page, chosen.tier)
    assert ("The lesion has" in page) == (chosen.tier == "phantom") == ("Nobody drew a mask" not in page)
    assert "Horizontal Flip, Rotation (-30°), Zoom -20%" in page


@pytest.mark.parametrize("angle, zoom", [(-180.0, 0.5), (0.0, 1.0), (180.0, 2.0), (0.0, 0.5), (90.0, 1.25)])
@pytest.mark.parametrize("fill", widgets_03.FILLS)
def test_augment_picture_at_min_middle_max(angle, zoom, fill):
    assert_is_a_whole_figure(widgets_03.augment_picture(SAMPLES[0], "vertical flip", fill, angle, zoom))


def test_captions_print_the_lesion_s_pixels_and_the_share_beyond_the_border():
    chosen = widgets_03.samples()[SAMPLES[0]]
    _, mask = augment.move(chosen.image, chosen.mask, augment.fixed(1, angle=20.0, zoom=1.5))
    page = widgets_03.augment_picture(SAMPLES[0], "no flip", MIN, 20.0, 1.5)
    assert f"{int(chosen.mask.sum())} pixels before and {int(mask.sum())} after" in page
    assert "75.0% of the picture lies beyond" in widgets_03.augment_picture(SAMPLES[0], "no flip", MIN, 0.0, 0.5)
    assert "0.0% of the picture lies beyond" in widgets_03.augment_picture(SAMPLES[0], "no flip", MIN, 0.0, 1.0)


def test_a_fill_changes_what_lies_beyond_the_border_and_nothing_else():
    image = widgets_03.samples()["CT"].image
    moves = augment.fixed(1, zoom=0.5)
    medkit_s = augment.move(image, None, moves)[0]
    values = (float(image.min()), float(image.max()), 0.0)
    for fill, value in zip(widgets_03.FILLS, values, strict=True):
        moved = widgets_03.filled(image, moves, fill)
        assert float(moved[0, 0, 3, 3]) == pytest.approx(value, abs=1e-2)
        torch.testing.assert_close(moved[..., 34:94, 34:94], medkit_s[..., 34:94, 34:94], atol=1e-2, rtol=0)
    torch.testing.assert_close(widgets_03.filled(image, moves, MIN), medkit_s)


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ({"image": "X-ray"}, "image must be one of"),
        ({"flip": "sideways"}, "flip must be one of"),
        ({"fill": "green"}, "fill must be one of"),
        ({"zoom": 0.0}, "zooms above 0"),
        ({"zoom": -1.0}, "zooms above 0"),
        ({"angle": float("nan")}, "finite angles"),
    ],
)
def test_edge_augment_picture_on_nonsense(nonsense, message):
    sane = {"image": SAMPLES[0], "flip": "no flip", "fill": MIN, "angle": 10.0, "zoom": 1.0}
    with pytest.raises(ValueError, match=message):
        widgets_03.augment_picture(**(sane | nonsense))


def test_phantoms_to_move_have_lesions():
    data = widgets_03.bodies()
    assert len(data) == 30 and (data.label > 0).all() and data.mask.flatten(1).any(1).all()


# ---- label maps


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("angle, zoom", [(-180.0, 0.5), (0.0, 1.25), (180.0, 2.0), (20.0, 1.0)])
def test_labels_picture_at_min_middle_max(rounded, angle, zoom):
    assert_is_a_whole_figure(widgets_03.labels_picture(rounded, angle, zoom))


def test_labels_are_invented_by_bilinear_reading_alone():
    nearest, bilinear, invented = widgets_03.read_labels(20.0, 1.0, rounded=False)
    assert set(nearest.unique().tolist()) == {0, 1, 2, 3} and len(bilinear.unique()) > 20
    fractions = (bilinear - bilinear.round()).abs() > 1e-3
    assert (invented & fractions).sum() == fractions.sum() and fractions.sum() > 50
    nearest, whole, invented = widgets_03.read_labels(20.0, 1.0, rounded=True)
    assert set(whole.unique().tolist()) == {0, 1, 2, 3} and 5 < invented.sum() < 100
    liver = whole == 2
    assert (invented & liver).any() and not (invented & (nearest == 2)).any()
    page = widgets_03.labels_picture(True, 20.0, 1.0)
    assert f"invents {int(invented.sum())} labels of 2304 pixels" in page


@pytest.mark.parametrize("angle, zoom", [(0.0, 1.0), (180.0, 1.0), (90.0, 1.0)])
def test_nothing_is_invented_where_pixels_only_change_places(angle, zoom):
    for rounded in (False, True):
        nearest, bilinear, invented = widgets_03.read_labels(angle, zoom, rounded)
        assert not invented.any() and (nearest - bilinear).abs().max() < 1e-2


@pytest.mark.parametrize("angle, zoom", [(0.0, 0.0), (float("inf"), 1.0)])
def test_edge_labels_picture_on_nonsense(angle, zoom):
    with pytest.raises(ValueError, match="moves must have"):
        widgets_03.labels_picture(False, angle, zoom)


# ---- draws


@pytest.mark.parametrize("batch", widgets_03.BATCHES)
@pytest.mark.parametrize("draw", widgets_03.DRAWS)
@pytest.mark.parametrize("seed, epoch", [(0, 0), (4, 25), (9, 50)])
def test_batch_picture_at_min_middle_max(batch, draw, seed, epoch):
    assert_is_a_whole_figure(widgets_03.batch_picture(batch, draw, seed, epoch))


def test_batch_picture_lists_the_module_s_draws_and_an_image_keeps_its_own_in_another_batch():
    wanted = augment.describe(augment.draw([2, 4], seed=3, epoch=7))
    for batch in widgets_03.BATCHES:
        page = widgets_03.batch_picture(batch, widgets_03.DRAWS[0], 3, 7)
        assert f"2: {wanted[0]}" in page and f"4: {wanted[1]}" in page
    page = widgets_03.batch_picture("images 0 to 4", widgets_03.DRAWS[1], 3, 7)
    first = augment.describe(augment.draw([0], seed=3, epoch=7))[0]
    assert page.count(first) == 5


@pytest.mark.parametrize("nonsense", [("all", widgets_03.DRAWS[0], 0, 0), ("images 0 to 4", "never", 0, 0)])
def test_edge_batch_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="must be one of"):
        widgets_03.batch_picture(*nonsense)
    with pytest.raises(ValueError, match="must lie in"):
        widgets_03.batch_picture("images 0 to 4", widgets_03.DRAWS[0], -1, 0)


def test_widgets_have_the_controls_that_the_page_speaks_of():
    counts = {widgets_03.explore_augment: 5, widgets_03.explore_labels: 3, widgets_03.explore_batch: 4}
    for explore, count in counts.items():
        *controls, picture = explore().children
        assert len(controls) == count and isinstance(picture, ipywidgets.HTML)
