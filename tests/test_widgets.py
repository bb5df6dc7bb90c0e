"""Widgets: each callback at its ends, in the middle and on nonsense; each slider moves its picture."""

from __future__ import annotations

import importlib
import pkgutil
import re

import ipywidgets
import pytest

from medkit import denoise, lesson, widgets
from medkit.widgets import controls
from medkit.widgets import denoise as widgets_01
from medkit.widgets import normalise as widgets_02

pytestmark = pytest.mark.filterwarnings("error")

IMAGES = list(lesson.specimens())
FILES = [importlib.import_module(f"medkit.widgets.{found.name}") for found in pkgutil.iter_modules(widgets.__path__)]
ALWAYS = ("denoise", "normalise", "attention", "metrics")  # the other files' sliders are moved with `-m slow`
EXPLORERS = [value for file in FILES for name, value in vars(file).items() if name.startswith("explore_")]


@pytest.fixture(scope="module", autouse=True)
def small_models():
    """Pages that train a model train a small one here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        yield


def source(page: str) -> str:
    return re.search(r'src="([^"]+)"', page)[1]


def parts(box: ipywidgets.VBox) -> list[ipywidgets.Widget]:
    flat = []
    for child in box.children:
        flat += parts(child) if isinstance(child, ipywidgets.VBox) else [child]
    return flat


def picture(box: ipywidgets.VBox) -> str:
    return next(part.value for part in parts(box) if isinstance(part, ipywidgets.HTML))


def assert_is_a_whole_figure(page: str, tier: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page
    assert f"Data: {tier}." in page and len(source(page)) > 5000


# ---- Eq. 1


@pytest.mark.parametrize(
    "image, method",
    [
        *((image, "median") for image in IMAGES),
        (IMAGES[0], "mean"),
        ("CT", "Gaussian"),
    ],
)
def test_denoise_picture_of_every_image_and_by_every_method(image, method):
    page = widgets_01.denoise_picture(image, method, 1.0, 5, "reflect")
    assert_is_a_whole_figure(page, lesson.specimens()[image].tier)
    assert ("RMSE against the truth" in page) == image.startswith("phantom")


@pytest.mark.parametrize(
    "sigma, size, border",
    [
        (0.1, 1, "reflect"),
        (1.0, 7, "mirror"),
        (1.0, 7, "nearest"),
        (1.0, 7, "wrap"),
        (5.0, 15, "constant"),
    ],
)
def test_denoise_picture_at_min_middle_max(sigma, size, border):
    page = widgets_01.denoise_picture(IMAGES[0], "Gaussian", sigma, size, border)
    assert_is_a_whole_figure(page, "phantom")
    if size == 1:  # one weight of one: nothing changes
        before, after = re.search(r"truth: ([0-9.]+) before, ([0-9.]+) after", page).groups()
        assert before == after


def test_denoise_picture_prints_the_error_that_the_filter_has():
    chosen = lesson.specimens()[IMAGES[0]]
    expected = lesson.rmse(denoise.filter_image(chosen.image, denoise.gaussian_kernel(1.0, 7)), chosen.truth)
    page = widgets_01.denoise_picture(IMAGES[0], "Gaussian", 1.0, 7, "reflect")
    assert f"{expected:.3f} after" in page
    assert f"{expected:.3f} after" not in widgets_01.denoise_picture(IMAGES[0], "Gaussian", 3.0, 15, "reflect")


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ({"image": "X-ray"}, "image must be one of"),
        ({"method": "magic"}, "method must be one of"),
        ({"sigma": 0.0}, "sigma must be"),
        ({"sigma": float("nan")}, "sigma must be"),
        ({"size": 4}, "size must be an odd"),
        ({"size": -3}, "size must be an odd"),
        ({"border": "mirrored"}, "border must be one of"),
    ],
)
def test_edge_denoise_picture_on_nonsense(nonsense, message):
    sane = {"image": IMAGES[0], "method": "Gaussian", "sigma": 1.0, "size": 3, "border": "reflect"}
    with pytest.raises(ValueError, match=message):
        widgets_01.denoise_picture(**(sane | nonsense))


@pytest.mark.parametrize("kernel, size", [("ones", 15), ("mean", 7), ("Gaussian", 1), ("Gaussian", 15)])
def test_printed_picture_at_min_middle_max(kernel, size):
    page = widgets_01.printed_picture("MRI", kernel, size)
    assert_is_a_whole_figure(page, "library sample")
    assert f"n = {size * size}" in page


@pytest.mark.parametrize("nonsense", [("X-ray", "mean", 3), ("MRI", "magic", 3), ("MRI", "mean", 2)])
def test_edge_printed_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="must be"):
        widgets_01.printed_picture(*nonsense)


# ---- Eq. 2


@pytest.mark.parametrize(
    "image, low, high, broken",
    [
        *((image, 1.0, 99.0, True) for image in IMAGES),
        ("CT", 0.0, 100.0, False),
        ("CT", 0.0, 51.0, False),
        ("CT", 49.0, 100.0, True),
        ("CT", 49.0, 51.0, True),
    ],
)
def test_percentile_picture_at_min_middle_max(image, low, high, broken):
    assert_is_a_whole_figure(
        widgets_02.percentile_picture(image, low, high, broken), lesson.specimens()[image].tier
    )


@pytest.mark.parametrize("low, high", [(60.0, 40.0), (-1.0, 99.0), (1.0, 101.0), (50.0, 50.0)])
def test_edge_percentile_picture_on_nonsense(low, high):
    with pytest.raises(ValueError, match="low and high must"):
        widgets_02.percentile_picture("CT", low, high, False)


@pytest.mark.parametrize("level, width", [(-1000.0, 20.0), (40.0, 400.0), (1500.0, 20.0), (1500.0, 3000.0)])
def test_window_picture_at_min_middle_max(level, width):
    assert_is_a_whole_figure(widgets_02.window_picture(level, width), "library sample")


@pytest.mark.parametrize("width", [0.0, -400.0, float("nan")])
def test_edge_window_picture_on_nonsense(width):
    with pytest.raises(ValueError, match="width must be"):
        widgets_02.window_picture(40.0, width)


def test_window_picture_counts_the_pixels_inside():
    image = lesson.specimens()["CT"].image
    share = ((image >= -160) & (image <= 240)).double().mean()
    assert f"{share:.0%} of the pixels" in widgets_02.window_picture(40.0, 400.0)


# ---- sliders


@pytest.mark.parametrize(
    "explore",
    [
        pytest.param(one, marks=() if one.__module__.split(".")[-1] in ALWAYS else pytest.mark.slow)
        for one in EXPLORERS
    ],
    ids=lambda one: one.__name__,
)
def test_every_control_moves_the_picture_and_takes_its_ends(explore):
    box = explore()
    controls = [part for part in parts(box) if not isinstance(part, ipywidgets.HTML | ipywidgets.FileUpload)]
    for control in controls:
        before = picture(box)
        if isinstance(control, ipywidgets.Dropdown):
            control.value = next(option for option in control.options if option != control.value)
            assert picture(box) != before, control.description
            control.value = control.options[0]
        elif isinstance(control, ipywidgets.Checkbox):
            control.value = not control.value
            assert picture(box) != before, control.description
        else:
            control.value = control.min
            low = picture(box)
            control.value = control.max
            assert low != picture(box), control.description
            control.value = control.min + round((control.max - control.min) / 2 / control.step) * control.step
        assert "<figure" in picture(box)


@pytest.mark.parametrize("explore", EXPLORERS)
def test_controls_are_labelled_in_full_and_sliders_wait_until_let_go(explore):
    for control in parts(explore()):
        if isinstance(control, ipywidgets.HTML):
            continue
        assert control.description
        if not isinstance(control, ipywidgets.Checkbox | ipywidgets.FileUpload):
            assert control.style.description_width == "initial"
        if hasattr(control, "continuous_update"):
            assert control.continuous_update is False


def test_sigma_rests_where_only_the_gaussian_needs_it():
    controls = {
        part.description: part for part in parts(widgets_01.explore_denoise()) if hasattr(part, "description")
    }
    method, sigma = controls["method"], controls["σ (pixels)"]
    assert not sigma.disabled
    method.value = "median"
    assert sigma.disabled
    method.value = "Gaussian"
    assert not sigma.disabled


def test_a_usual_window_sets_level_and_width_and_draws_once_for_each():
    box = widgets_02.explore_window()
    usual, level, width = parts(box)[:3]
    usual.value = "lung"
    assert (level.value, width.value) == widgets_02.WINDOWS["lung"]
    assert "level -600, width 1500" in picture(box)


def test_a_slider_moved_there_and_back_shows_the_same_picture():
    """A browser adds up steps: from 0.01, nine steps of 0.01 are 0.09999999999999999."""
    slider = controls.slider(ipywidgets.FloatSlider, 0.1, 0.01, 0.25, 0.01, "rate")
    box = controls.linked({"rate": slider}, lambda rate: f"{rate!r}")
    slider.value = 0.11
    slider.value = 0.01 + 9 * 0.01
    assert picture(box) == "0.1"


def test_an_error_in_a_picture_is_not_swallowed():
    slider = ipywidgets.IntSlider(1, 1, 4)

    def broken(value: int) -> str:
        if value == 4:
            raise ValueError("no picture for 4")
        return "<figure>"

    controls.linked({"value": slider}, broken)
    with pytest.raises(ValueError, match="no picture for 4"):
        slider.value = 4
