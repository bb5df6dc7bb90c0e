"""Notebook 15's pictures: at their ends, in the middle and on nonsense; and what they say is what was measured."""

from __future__ import annotations

import re

import pytest
import torch

from medkit.explain import measures, show
from medkit.explain.run import CENTRE, LOT
from medkit.models import CNN
from medkit.widgets import explain as widgets_15
from medkit.widgets import explain_corner, explain_records

pytestmark = pytest.mark.filterwarnings("error")
LAST = widgets_15.COUNT - 1
US, PHANTOM = "breast ultrasound (BUSI)", "phantom"


@pytest.fixture(scope="module", autouse=True)
def small_run():
    """Train in fast mode on phantoms; what other tests find in the cache stays theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        patch.delenv("MEDKIT_DATA", raising=False)
        for cache in (widgets_15.desk, explain_corner.cheat):
            cache.cache_clear()
        yield
        for cache in (widgets_15.desk, explain_corner.cheat):
            cache.cache_clear()


def assert_is_a_whole_figure(page: str, tier: str = "phantom") -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page and f"Data: {tier}." in page
    assert len(re.search(r'src="([^"]+)"', page)[1]) > 5000


# ---- the models


def test_all_images_of_the_page_have_a_lesion_and_several_classes():
    desk = widgets_15.desk()
    assert desk.image.shape == (widgets_15.COUNT, 1, 32, 32) and desk.mask.shape == (widgets_15.COUNT, 32, 32)
    assert desk.mask.flatten(1).any(1).all() and len(desk.label.unique()) == 2


def test_untrained_models_have_other_weights():
    desk = widgets_15.desk()
    for name in widgets_15.MODELS:
        pairs = zip(desk.models[name].parameters(), desk.untrained[name].parameters())
        assert any(not torch.equal(a, b) for a, b in pairs)


# ---- maps


@pytest.mark.parametrize("untrained", [False, True])
@pytest.mark.parametrize("method", widgets_15.SHOWN)
@pytest.mark.parametrize("number, model", [(0, "hybrid"), (12, "Transformer"), (LAST, "hybrid")])
def test_maps_picture_at_min_middle_max(number, model, method, untrained):
    page = widgets_15.maps_picture(number, model, method, untrained)
    assert_is_a_whole_figure(page)
    assert f"test image {number}, labelled" in page and ("untrained:" in page) == (untrained and method not in (CENTRE, LOT))


def test_maps_picture_prints_what_the_measures_give():
    desk, shown = widgets_15.desk(), widgets_15.map_of(7, "hybrid", "Grad-CAM")
    page, mask = widgets_15.maps_picture(7, "hybrid", "Grad-CAM", False), desk.mask[7:8]
    assert f"{float(measures.mass_inside(shown, mask)):.1%} of the map" in page
    assert f"chance {float(measures.area(mask)):.1%}" in page


def test_a_flat_map_is_said_to_have_several_highest_pixels(monkeypatch):
    monkeypatch.setattr(widgets_15, "map_of", lambda number, *_: torch.zeros(1, 32, 32))
    page = widgets_15.maps_picture(0, "hybrid", "Grad-CAM", False)
    area = float(measures.area(widgets_15.desk().mask[:1]))
    assert_is_a_whole_figure(page)
    assert f"several, {area:.1%} of them inside" in page


def test_edge_maps_picture_on_nonsense():
    for number in (-1, widgets_15.COUNT):
        with pytest.raises(ValueError, match=rf"number must lie in 0 ... {LAST}, got {number}"):
            widgets_15.maps_picture(number, "hybrid", "Grad-CAM", False)
    with pytest.raises(ValueError, match="model must be one of hybrid, Transformer"):
        widgets_15.maps_picture(0, "U-Net", "Grad-CAM", False)
    with pytest.raises(ValueError, match="map must be one of Grad-CAM"):
        widgets_15.maps_picture(0, "hybrid", "SHAP", False)


# ---- occlusion


@pytest.mark.parametrize("number, patch", [(0, 8), (12, 16), (LAST, 32)])
def test_occlusion_picture_at_min_middle_max(number, patch):
    page = widgets_15.occlusion_picture(number, patch)
    assert_is_a_whole_figure(page)
    assert f"{patch} × {patch}" in page


def test_the_covered_square_is_the_mean_and_lies_within_the_image():
    image = torch.arange(64.0).view(1, 1, 8, 8)
    for place in ((0, 0), (7, 7), (3, 4)):
        shown = torch.zeros(8, 8)
        shown[place] = 1
        covered = widgets_15._covered(image, shown, 4)
        changed = (covered != image)[0, 0]
        assert changed.sum() == 16 and changed[place] and (covered[0, 0][changed] == 31.5).all()


@pytest.mark.parametrize("patch", [0, 7, 9, 34])
def test_edge_occlusion_picture_on_nonsense(patch):
    with pytest.raises(ValueError, match=f"patch must be even, in 8 ... 32, got {patch}"):
        widgets_15.occlusion_picture(0, patch)


# ---- deletion and insertion


@pytest.mark.parametrize("way", widgets_15.WAYS)
@pytest.mark.parametrize("number, method, step", [(0, "Grad-CAM", 0), (12, "attention", 8), (LAST, "centre prior", 16)])
def test_curve_picture_at_min_middle_max(number, method, step, way):
    page = widgets_15.curve_picture(number, method, way, step)
    assert_is_a_whole_figure(page)
    assert f"{way}, hybrid" in page


def test_curve_picture_prints_the_areas():
    desk, shown = widgets_15.desk(), widgets_15.map_of(5, "hybrid", "occlusion")
    curve = measures.insertion(desk.models["hybrid"], desk.image[5:6], desk.label[5:6], shown, seed=0)
    page = widgets_15.curve_picture(5, "occlusion", "insertion", 4)
    assert f"curve {float(measures.area_under(curve)):.3f}" in page and f"class {float(curve[0, 4]):.2f} at" in page


def test_edge_curve_picture_on_nonsense():
    for step in (-1, 17):
        with pytest.raises(ValueError, match=f"step must lie in 0 ... 16, got {step}"):
            widgets_15.curve_picture(0, "Grad-CAM", "deletion", step)
    with pytest.raises(ValueError, match="way must be one of deletion, insertion"):
        widgets_15.curve_picture(0, "Grad-CAM", "erosion", 3)


# ---- the cheat


def test_the_cheat_goes_by_the_mark_and_its_maps_say_so():
    alike, swapped = explain_corner.accuracy(True, False), explain_corner.accuracy(False, True)
    assert alike > 0.9 and swapped < 0.5
    desk, model = widgets_15.desk(), explain_corner.cheat().model
    where, ill = explain_corner.place(desk.image).expand_as(desk.mask), torch.ones(len(desk.image), dtype=torch.int64)
    shown = explain_corner.explained(model, explain_corner.marked(desk.image), ill, ("occlusion",))["occlusion"]
    on_mark, on_lesion = (measures.mass_inside(shown, mask).mean() for mask in (where, desk.mask))
    assert on_mark > 3 * measures.area(where).mean() and on_lesion < 2 * measures.area(desk.mask).mean()


def test_a_cnn_that_never_saw_the_mark_does_not_change_with_it(monkeypatch):
    """The control: where nothing was learned, marks decide nothing."""
    blind = CNN(classes=2).eval()
    with torch.no_grad():
        blind.label_head.linear.weight.zero_()
    monkeypatch.setattr(explain_corner, "cheat", lambda made=explain_corner.cheat(): made._replace(model=blind))
    assert len({explain_corner.accuracy(ill, healthy) for ill in (False, True) for healthy in (False, True)}) == 1


def test_the_mark_is_an_eighth_wide_and_stands_apart_from_most_lesions():
    for side in (32, 64):
        image = torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(0)) / 2
        where, made = explain_corner.place(image), explain_corner.marked(image)
        assert int(where.sum()) == (side // 8) ** 2
        assert (made[..., where] == 1).all() and torch.equal(made[..., ~where], image[..., ~where])


@pytest.mark.parametrize("mark", [False, True])
@pytest.mark.parametrize("number, method", [(0, "Grad-CAM"), (12, "occlusion"), (LAST, "Grad-CAM")])
def test_corner_picture_at_min_middle_max(number, method, mark):
    page = explain_corner.corner_picture(number, method, mark)
    assert_is_a_whole_figure(page)
    assert f"test image {number}, ill" in page


def test_edge_corner_picture_on_nonsense():
    with pytest.raises(ValueError, match=f"number must lie in 0 ... {LAST}"):
        explain_corner.corner_picture(99, "Grad-CAM", True)
    with pytest.raises(ValueError, match="map must be one of Grad-CAM, occlusion, got 'attention'"):
        explain_corner.corner_picture(0, "attention", True)


# ---- records


def test_records_are_the_kit_s_own_real_ones_first():
    found = explain_records.records()
    assert list(found) == [US, PHANTOM]
    assert not any("/local/" in one["file"] for runs in found.values() for one in runs)


def test_inside_picture_says_what_the_records_say():
    for data, tier in ((US, "real"), (PHANTOM, "phantom")):
        for measured in explain_records.MEASURES:
            assert_is_a_whole_figure(explain_records.inside_picture(data, measured), tier)
    runs = list(explain_records.records()[US])
    hybrids = [one for one in runs if one["model"] == "hybrid"]
    page = explain_records.inside_picture(US, "pointing game")
    assert f"Dashed: chance, {100 * show.value(hybrids, show.CHANCE, 'pointing').value:.1f} %" in page
    assert "Grad-CAM of the hybrid" in page and "attention of the hybrid" not in page
    assert explain_records.spans_of(US, "pointing")["hybrid, Grad-CAM"] == show.value(hybrids, "Grad-CAM", "pointing")


def test_the_page_s_word_on_the_hybrid_s_attention_holds_in_the_record():
    for title in (US, PHANTOM):
        runs = [one for one in explain_records.records()[title] if one["model"] == "hybrid"]
        assert show.lead(runs, "attention", "pointing", show.CHANCE).high < 0
        assert show.lead(runs, "Grad-CAM", "pointing", show.CHANCE).low > 0


def test_the_page_s_word_on_the_phantom_s_transformer_holds_in_the_record():
    runs = [one for one in explain_records.records()[PHANTOM] if one["model"] == "Transformer"]
    assert all(abs(one["accuracy"] - 1 / 3) < 0.05 for one in runs)
    assert any(one["methods"]["Grad-CAM"]["mass"] == one["area"] for one in runs)  # 0 everywhere, in every image
    low, high = show.lead(runs, "Grad-CAM", "mass", show.CHANCE)[1:3]
    assert low < 0 < high


def test_cascade_picture_of_every_model_and_set():
    for data, tier in ((US, "real"), (PHANTOM, "phantom")):
        for model in ("hybrid", "Transformer", "CNN"):
            assert_is_a_whole_figure(explain_records.cascade_picture(data, model), tier)
    assert "lie on each other" in explain_records.cascade_picture(US, "hybrid")
    left = explain_records.kept(US, "hybrid", "attention")
    assert left[:2] == (1.0, 1.0) and abs(left[2]) < 0.3  # the head can't change it, its own weights do


def test_a_map_that_is_0_everywhere_can_not_be_compared(monkeypatch):
    alone = tuple(one for one in explain_records.records()[PHANTOM] if one["seed"] == 0)
    monkeypatch.setattr(explain_records, "records", lambda: {PHANTOM: alone})
    monkeypatch.setattr(explain_records, "kept", explain_records.kept.__wrapped__)
    assert "Grad-CAM: maps without any difference" in explain_records.cascade_picture(PHANTOM, "Transformer")


def test_edge_records_pictures_on_nonsense():
    with pytest.raises(ValueError, match="data must be one of"):
        explain_records.inside_picture("the moon", "pointing game")
    with pytest.raises(ValueError, match="measure must be one of"):
        explain_records.inside_picture(US, "beauty")
    with pytest.raises(ValueError, match="model must be one of"):
        explain_records.cascade_picture(US, "U-Net")


def test_every_control_stands_where_it_can_be_drawn():
    made = (
        widgets_15.explore_maps(), widgets_15.explore_occlusion(), widgets_15.explore_curve(), explain_corner.explore_corner(),
        explain_records.explore_inside(), explain_records.explore_cascade(),
    )  # fmt: skip
    assert all("<figure" in one.children[-1].value for one in made)
