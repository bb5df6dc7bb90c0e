"""Notebook 16's pictures: at their ends, in the middle and on nonsense."""

from __future__ import annotations

import math
import re

import ipywidgets
import pytest
import torch

from medkit.evidence import difference_of
from medkit.synthesise import gan, style
from medkit.widgets import synthesise as widgets_16
from medkit.widgets import synthesise_gan, synthesise_runs

pytestmark = pytest.mark.filterwarnings("error")
CACHES = (widgets_16.album, synthesise_gan.desk, synthesise_gan.empty_masks, synthesise_gan.pool, synthesise_gan.checked)


@pytest.fixture(scope="module", autouse=True)
def small_run():
    """Train in fast mode on phantoms; what other tests find in the cache stays theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        patch.delenv("MEDKIT_DATA", raising=False)
        for cache in CACHES:
            cache.cache_clear()
        yield
        for cache in CACHES:
            cache.cache_clear()


def source(page: str) -> str:
    return re.search(r'src="([^"]+)"', page)[1]


def assert_is_a_whole_figure(page: str, tier: str = "phantom") -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page and f"Data: {tier}." in page
    assert len(source(page)) > 5000


# ---- Fourier


@pytest.mark.parametrize("name", widgets_16.STYLES)
@pytest.mark.parametrize("number, radius", [(0, 0), (3, 2), (5, 12)])
def test_fourier_picture_at_min_middle_max(number, name, radius):
    page = widgets_16.fourier_picture(number, name, radius)
    assert_is_a_whole_figure(page)
    assert f"{max(2 * radius - 1, 0) ** 2} of 4,096 amplitudes" in page
    assert ("moved by 0.000" in page) == (radius == 0)


def test_the_square_holds_the_amplitudes_that_change():
    at = widgets_16.album()
    image, reference = at.image[1].double(), at.reference["MRI"][1].double()
    for radius in (1, 3):
        styled = torch.fft.fft2(style.swap_amplitude(image, reference, radius)).abs()
        changed = int(((styled - torch.fft.fft2(image).abs()).abs() > 1e-6).sum())
        assert changed == (2 * radius - 1) ** 2


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ((-1, "MRI", 2), "number must lie in 0 ... 5, got -1"),
        ((6, "MRI", 2), "number must lie in 0 ... 5, got 6"),
        ((0, "X-ray", 2), "reference must be one of MRI, ultrasound"),
        ((0, "MRI", 13), "radius must lie in 0 ... 12, got 13"),
        ((0, "MRI", -1), "radius must lie in 0 ... 12, got -1"),
    ],
)
def test_edge_fourier_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        widgets_16.fourier_picture(*nonsense)


def test_the_album_shows_lesions_and_lends_other_images():
    at = widgets_16.album()
    assert at.mask.flatten(1).any(1).all() and at.image.shape == at.mask.shape == (6, 64, 64)
    for lent in at.reference.values():
        assert lent.shape == at.image.shape and not any(torch.equal(a, b) for a in lent for b in at.image)


# ---- histogram


@pytest.mark.parametrize("name", widgets_16.STYLES)
@pytest.mark.parametrize("number, levels", [(0, 2), (3, 8), (5, 32)])
def test_histogram_picture_at_min_middle_max(number, name, levels):
    page = widgets_16.histogram_picture(number, name, levels)
    assert_is_a_whole_figure(page)
    assert f"reference {name}" in page and "Means: " in page


@pytest.mark.parametrize("levels", [1, 33, 0])
def test_edge_histogram_picture_on_nonsense(levels):
    with pytest.raises(ValueError, match=f"levels must lie in 2 ... 32, got {levels}"):
        widgets_16.histogram_picture(0, "MRI", levels)


# ---- the GAN


@pytest.mark.parametrize("snapshot, noise, number", [(0, 0, 0), (3, 4, 1), (5, 9, 2)])
def test_gan_picture_at_min_middle_max(snapshot, noise, number):
    label = synthesise_gan.desk().few.classes[number]
    page = synthesise_gan.gan_picture(snapshot, noise, label)
    assert_is_a_whole_figure(page)
    steps = list(synthesise_gan.desk().way)[snapshot]
    assert f"After {steps} steps" in page and f"class {label}, noise {noise}" in page


def test_edge_gan_picture_on_nonsense():
    with pytest.raises(ValueError, match="snapshot must lie in 0 ... 5, got 6"):
        synthesise_gan.gan_picture(6, 0, "healthy")
    with pytest.raises(ValueError, match="noise must lie in 0 ... 9, got -1"):
        synthesise_gan.gan_picture(0, -1, "healthy")
    with pytest.raises(ValueError, match="label must be one of healthy, smooth, spiculated"):
        synthesise_gan.gan_picture(0, 0, "benign")


def test_a_snapshot_is_what_a_training_of_that_many_steps_gives():
    at = synthesise_gan.desk()
    step = list(at.way)[2]
    alone = gan.train(at.image, at.few.mask, at.few.label, 3, steps=step, seed=synthesise_gan.SEED, progress=None)
    images = [gan.make(net, torch.arange(6) % 3, seed=1)[0] for net in (alone, at.way[step], at.way[max(at.way)])]
    assert torch.equal(images[0], images[1]) and not torch.equal(images[0], images[2])


def test_patients_of_the_desk_stand_on_one_side_and_classes_are_equal():
    at = synthesise_gan.desk()
    assert at.few.label.bincount().tolist() == [8, 8, 8] and len(at.held_out) >= 20
    assert not any(torch.equal(a, b) for a in at.new for b in at.image)


def test_empty_masks_are_counted_by_class():
    at = synthesise_gan.desk()
    assert synthesise_gan.empty_masks(0)["real"] == [1.0] * 6 and synthesise_gan.empty_masks(1)["real"] == [0.0] * 6
    mask = gan.make(at.way[max(at.way)], torch.full((synthesise_gan.COUNTED,), 1), seed=100)[1]
    assert synthesise_gan.empty_masks(1)["made"][-1] == pytest.approx(sum(not one.any() for one in mask) / len(mask))


# ---- copies


@pytest.mark.parametrize("kind", synthesise_gan.KINDS)
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_copies_picture_at_min_middle_max(share, kind):
    page = synthesise_gan.copies_picture(share, kind)
    assert_is_a_whole_figure(page)
    assert f"{round(36 * share)} of 36 images are {kind}" in page


def test_copies_are_caught_mirrored_or_not_and_blurred_means_are_not():
    for kind in ("noisy copies", "mirrored copies"):
        assert synthesise_gan.checked(0.5, kind).copied and "copied: yes" in synthesise_gan.copies_picture(0.5, kind)
        assert float(synthesise_gan.mixed(0.5, kind)[1].ratio[:18].max()) < 0.5
    honest, blurred = (synthesise_gan.checked(share, "blurred means") for share in (0.0, 0.5))
    assert not honest.copied and not blurred.copied and "copied: no" in synthesise_gan.copies_picture(0.0, "noisy copies")
    assert blurred.distance < honest.distance  # nearer to everyone, and nobody's copy


@pytest.mark.parametrize("share", [-0.1, 0.6, math.nan])
def test_edge_copies_picture_on_nonsense(share):
    with pytest.raises(ValueError, match=f"share must lie in 0 ... 0.5, got {share}"):
        synthesise_gan.copies_picture(share, "noisy copies")
    with pytest.raises(ValueError, match="kind must be one of noisy copies"):
        synthesise_gan.copies_picture(0.1, "photocopies")


# ---- records


def test_labels_picture_says_what_the_records_say():
    assert {"us", "phantom"} <= set(synthesise_runs.records())
    for data, runs in synthesise_runs.records().items():
        for metric in synthesise_runs.METRICS:
            assert_is_a_whole_figure(synthesise_runs.labels_picture(data, metric), runs[0]["data"]["tier"])
    runs = synthesise_runs.records()["us"]
    few = [[one for one in runs if one["arm"] == {"name": name, "labels": 25}] for name in ("GAN", "real")]
    gap = difference_of(*few, "dice")
    said = f"GAN with 25 labels {100 * gap.value:+.1f} points [{100 * gap.low:.1f}, {100 * gap.high:.1f}]"
    assert (said in synthesise_runs.labels_picture("us", "Dice")) == (gap.low > 0 or gap.high < 0)


def test_edge_labels_picture_on_nonsense_and_without_records(monkeypatch):
    with pytest.raises(ValueError, match="data must be one of us"):
        synthesise_runs.labels_picture("moon", "Dice")
    with pytest.raises(ValueError, match="metric must be one of Dice, accuracy"):
        synthesise_runs.labels_picture("us", "F1")
    monkeypatch.setattr(synthesise_runs, "records", dict)
    assert "no records" in synthesise_runs.labels_picture("none", "Dice").lower()


# ---- controls


def each_step(box: ipywidgets.VBox) -> list[str]:
    """Return the pictures for every place of every control, the others at rest, each back where it was."""
    *controls, shown = box.children
    said = []
    for control in controls:
        rest, before = control.value, shown.value
        if isinstance(control, ipywidgets.Dropdown):
            places = list(control.options)
        else:
            count = round((control.max - control.min) / control.step)
            places = [control.min + i * control.step for i in range(count + 1)]
        pages = []
        for place in places:
            control.value = place
            pages.append(source(shown.value))
        control.value = rest
        assert shown.value == before, control.description
        said += [control.description] * (len(set(pages)) < len(places))
    return said


@pytest.mark.parametrize(
    "explore", [widgets_16.explore_histogram, synthesise_gan.explore_gan, synthesise_gan.explore_copies, synthesise_runs.explore_labels]
)
def test_each_step_of_each_control_changes_the_picture_itself(explore):
    assert each_step(explore()) == []


def test_each_step_of_radius_changes_the_picture_itself():
    assert each_step(widgets_16.explore_fourier()) == []
