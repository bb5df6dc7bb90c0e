"""Notebook 17's pictures: at their ends, in the middle and on nonsense; and what they say is so."""

from __future__ import annotations

import dataclasses
import json
import math
import re

import ipywidgets
import pytest
import torch

from medkit import evidence, lesson, normalise
from medkit.claims import reading
from medkit.preparation import PER_IMAGE, Preparation
from medkit.shift import show
from medkit.shift.runs import ITSELF, OTHERS, SCALES
from medkit.widgets import shift as widgets_17
from medkit.widgets import shift_records

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module", autouse=True)
def small_run():
    """Train in fast mode on phantoms; what other tests find in the cache stays theirs."""
    caches = (widgets_17.bench, widgets_17.outlines, widgets_17.three_scanners)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        patch.delenv("MEDKIT_DATA", raising=False)
        for cache in caches:
            cache.cache_clear()
        yield
        for cache in caches:
            cache.cache_clear()


def assert_is_a_whole_figure(page: str, tier: str = "phantom") -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page and f"Data: {tier}." in page
    assert len(re.search(r'src="([^"]+)"', page)[1]) > 5000


def controls_of(box):
    return {part.description: part for part in box.children if not isinstance(part, ipywidgets.HTML)}


# ---- two scanners


@pytest.mark.parametrize("scale", widgets_17.SHORT)
@pytest.mark.parametrize("numbers", [(0.5, 0, 0.5, False, 0), (1.5, 60, 1.0, False, 4), (3.0, 200, 2.0, True, 10)])
def test_scanner_picture_at_min_middle_max(numbers, scale):
    page = widgets_17.scanner_picture(*numbers, scale)
    assert_is_a_whole_figure(page, "library sample")
    assert f"gain {numbers[0]:g}, offset {numbers[1]:g}, gamma {numbers[2]:g}" in page


@pytest.mark.parametrize("scale", widgets_17.SHORT)
def test_law_gain_and_offset_are_undone_and_gamma_and_a_turned_scale_are_not(scale):
    one = widgets_17.GREYS * normalise.min_max(lesson.specimens()["MRI"].image)
    scaled = PER_IMAGE[widgets_17.SHORT[scale]]

    def far(**numbers):
        return widgets_17.apart(scaled(one), scaled(widgets_17.scanned(one, **numbers)))

    assert far(gain=2.5, offset=140) < 1e-4 < 0.1 < min(far(gamma=1.8), far(gamma=0.6), far(turned=True))


def test_a_broken_pixel_spoils_min_max_and_no_percentile():
    one = widgets_17.GREYS * normalise.min_max(lesson.specimens()["MRI"].image)
    broken = widgets_17.scanned(one, broken=6.0)
    far = {name: widgets_17.apart(PER_IMAGE[long](one), PER_IMAGE[long](broken)) for name, long in widgets_17.SHORT.items()}
    assert far["min-max"] > 0.5 and far["percentiles"] < 0.01
    assert int((broken != one).sum()) == 1 and float(broken.max()) == pytest.approx(6 * widgets_17.GREYS)


def test_hand_scanned():
    image = torch.tensor([[0.0, 50.0, 100.0]]).repeat(3, 1)
    assert widgets_17.scanned(image, gain=2, offset=30)[0].tolist() == [30, 130, 230]
    assert widgets_17.scanned(image, gamma=2)[0].tolist() == [0, 25, 100]
    assert widgets_17.scanned(image, turned=True)[0].tolist() == [100, 50, 0]
    assert widgets_17.scanned(image, broken=9)[2, 2] == 900 and image[2, 2] == 100


@pytest.mark.parametrize("numbers", [(0, 60, 1, False, 0), (1.5, 60, -1, False, 0), (1.5, 60, 1, False, -1), (math.nan, 60, 1, False, 0)])
def test_edge_scanner_picture_on_nonsense(numbers):
    with pytest.raises(ValueError, match="gain and gamma must be above 0"):
        widgets_17.scanner_picture(*numbers, "min-max")
    with pytest.raises(ValueError, match="scale must be one of min-max, percentiles, z-score"):
        widgets_17.scanner_picture(1.5, 60, 1, False, 0, "Eq. 2")


def test_each_step_of_each_control_of_the_scanner_moves_the_picture_and_back():
    box = widgets_17.explore_scanner()
    shown = box.children[-1]
    for control in controls_of(box).values():
        before, rest = shown.value, control.value
        control.value = "z-score" if rest == "min-max" else (rest is False) or rest + control.step
        assert shown.value != before, control.description
        control.value = rest
        assert shown.value == before, control.description


# ---- a model, and images that drift


@pytest.mark.parametrize("kind", widgets_17.KINDS)
@pytest.mark.parametrize("strength, scale", [(0, "min-max"), (3, "training set"), (5, "z-score")])
def test_drift_picture_at_min_middle_max(kind, strength, scale):
    page = widgets_17.drift_picture(kind, strength, scale)
    assert_is_a_whole_figure(page)
    assert f"Dice in % at strength {strength}" in page and f"drift simulated: {kind}" in page


@pytest.mark.parametrize("kind", widgets_17.KINDS)
def test_drift_begins_with_the_image_itself_and_leaves_it_alone(kind):
    image = widgets_17.bench().test.image
    kept = image.clone()
    steps = [widgets_17.drifted(image, kind, strength) for strength in widgets_17.STRENGTHS]
    assert torch.equal(steps[0], kept) and torch.equal(image, kept)
    assert all(not torch.allclose(a, b) for a, b in zip(steps, steps[1:]))
    assert torch.equal(widgets_17.drifted(image, kind, 4), steps[4])


@pytest.mark.parametrize("scale", widgets_17.ALL)
def test_law_what_models_see_moves_with_gain_and_offset_only_where_the_training_set_scales(scale):
    at = widgets_17.bench()
    moved = dataclasses.replace(at.test, image=widgets_17.drifted(at.test.image, "gain and offset", 4))
    see = Preparation(scale=widgets_17.ALL[scale]).fitted_to(at.train)
    far = float((see(moved) - see(at.test)).abs().mean())
    assert far > 0.1 if scale == "training set" else far < 1e-4
    if scale != "training set":
        same = widgets_17.outlines("gain and offset", 4, scale) == widgets_17.outlines("gain and offset", 0, scale)
        assert float(same.double().mean()) > 0.999  # but for rounding


def test_half_way_round_contrast_comes_back_and_then_it_does_not():
    image = widgets_17.bench().test.image
    scaled = [normalise.min_max(widgets_17.drifted(image, "turned round", strength)) for strength in widgets_17.STRENGTHS]
    assert torch.allclose(scaled[2], scaled[0], atol=1e-4) and torch.allclose(scaled[3], 1 - scaled[0], atol=1e-4)


def test_the_bright_corner_is_below_a_hundredth_of_the_smallest_images():
    image = widgets_17.bench().test.image
    changed = (widgets_17.drifted(image, "bright corner", 1) != image).double().mean()
    assert 0 < float(changed) < 0.01


def test_edge_drift_picture_on_nonsense():
    with pytest.raises(ValueError, match="strength must lie in 0 ... 5, got 6"):
        widgets_17.drift_picture("gamma", 6, "min-max")
    with pytest.raises(ValueError, match="kind must be one of gain and offset"):
        widgets_17.drift_picture("weather", 0, "min-max")
    with pytest.raises(ValueError, match="scale must be one of min-max"):
        widgets_17.drift_picture("gamma", 1, "none")


def test_three_scanners_share_their_test_images_and_steps():
    inside, outside = widgets_17.three_scanners()
    assert (inside["trained"], outside["trained"]) == (ITSELF, OTHERS) and inside["data"]["truth"] == outside["data"]["truth"]
    assert outside["modalities"] == ["CT", "ultrasound"] and inside["target"] == "phantom MRI"
    assert show.gap([inside, outside], "phantom MRI", "CNN", inside["scale"], "dice").n == inside["data"]["test"]


# ---- the records


def test_lost_picture_says_what_the_records_say():
    assert list(shift_records.records())[0] == "shift-mri-us-lung"
    for folder, found in shift_records.records().items():
        assert not any("/local/" in one["file"] for one in found)
        for measure in shift_records.MEASURES:
            page = shift_records.lost_picture(measure, "z-score", folder)
            assert_is_a_whole_figure(page, found[0]["data"]["tier"])
    found = shift_records.records()["shift-mri-us-lung"]
    runs = {on: [one for one in found if (one["target"], one["scale"], one["trained"], one["model"]) == ("us", SCALES[0], on, "hybrid")] for on in (OTHERS, ITSELF)}
    lost = evidence.difference_of(runs[OTHERS], runs[ITSELF], "dice")
    assert f"us {lost.points('+')}" in shift_records.lost_picture("Dice", "min-max", "shift-mri-us-lung") and lost.high < -0.3


def test_edge_a_measure_that_says_nothing_of_a_set_leaves_it_out():
    assert set(shift_records.targets_in("shift-mri-us-lung", "dice")) == {"mri", "us", "lung"}
    assert set(shift_records.targets_in("shift-mri-us-lung", "balanced_accuracy")) == {"us", "lung"}  # all test MRIs have a tumour
    page = shift_records.lost_picture("balanced accuracy", "min-max", "shift-mri-us-lung")
    assert "us -" in page and "mri -" not in page


def test_edge_lost_picture_on_nonsense_and_without_records(monkeypatch):
    with pytest.raises(ValueError, match="measure must be one of Dice, balanced accuracy"):
        shift_records.lost_picture("F2")
    with pytest.raises(ValueError, match="scale must be one of min-max, percentiles 1 and 99, z-score"):
        shift_records.lost_picture("Dice", "none")
    with pytest.raises(ValueError, match="record must be one of shift-mri-us-lung"):
        shift_records.lost_picture("Dice", "min-max", "nowhere")
    monkeypatch.setattr(shift_records, "records", dict)
    assert "no records" in shift_records.lost_picture() and "<figure" in shift_records.explore_lost().children[-1].value


def test_a_second_folder_joins_by_itself_and_gets_a_menu(tmp_path, monkeypatch):
    """Phantoms of a folder of their own stand behind the real sets; local ones are left out."""
    inside, outside = widgets_17.three_scanners()
    for folder in ("shift-drawn", "local/shift-mine"):
        (tmp_path / "results" / folder).mkdir(parents=True)
        for one in (inside, outside):
            path = tmp_path / "results" / folder / f"{one['trained']}.json"
            path.write_text(json.dumps(one), encoding="utf-8")
    both = [*reading.read_systems(), *reading.read_systems([tmp_path / "results"])]
    monkeypatch.setattr(shift_records, "read_systems", lambda: both)
    shift_records.records.cache_clear()
    try:
        assert {"shift-mri-us-lung", "shift-drawn"} <= set(shift_records.records()) and "shift-mine" not in shift_records.records()
        box = shift_records.explore_lost()
        before = box.children[-1].value
        controls_of(box)["record"].value = "shift-drawn"
        assert box.children[-1].value != before and "results/shift-drawn" in box.children[-1].value and "Data: phantom." in box.children[-1].value
    finally:
        shift_records.records.cache_clear()


def test_controls_start_where_they_can_be_drawn():
    for built in (widgets_17.explore_scanner(), widgets_17.explore_drift(), shift_records.explore_lost()):
        assert "<figure" in built.children[-1].value
