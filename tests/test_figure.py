"""Figures: alt text, caption, tier; readable on light and dark; nothing cut, nothing left open."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import torch
from matplotlib import colors, pyplot
from matplotlib import image as png_reader

from medkit import figure
from medkit.history import History

pytestmark = pytest.mark.filterwarnings("error")

IMAGE = torch.arange(12.0).reshape(3, 4)


def luminance(colour: str) -> float:
    value = np.array(colors.to_rgb(colour))
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def every_panel():
    return [
        figure.grey(IMAGE, "a grey image with a title"),
        figure.heat(IMAGE, "a map"),
        figure.difference(IMAGE - 5, "taken away: before − after"),
        figure.numbers(IMAGE, "numbers", 1),
        figure.words("no kernel K\ngives a median", "kernel"),
        figure.histogram(IMAGE * 100, "grey values", 100, 900, "HU"),
        figure.curve([1, 2, 3], {"one": [1, 2, 1], "two": [2, 2, 2]}, "RMSE", "σ (pixels)"),
    ]


def as_page(**changes) -> str:
    told = {"alt": "an image", "caption": "Numbers made up.", "tier": "phantom"} | changes
    return figure.as_html(figure.row(figure.grey(IMAGE, "t")), **told)


def pixels(page: str) -> np.ndarray:
    data = re.search(r"data:image/png;base64,([^\"]+)", page)[1]
    return png_reader.imread(io.BytesIO(base64.b64decode(data)), format="png")


def test_alt_caption_and_tier_stand_in_the_page_and_are_escaped():
    page = as_page(alt='<b> & "quotes"', caption="<script>", tier=("phantom", "library sample"))
    assert 'alt="&lt;b&gt; &amp; &quot;quotes&quot;"' in page
    assert "&lt;script&gt;" in page and "<script>" not in page
    assert "phantom and library sample" in page
    assert page.startswith("<figure") and page.endswith("</figure>")
    assert figure.as_figure(figure.row(figure.grey(IMAGE, "t")), "a", "b", "real").data.startswith("<figure")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"alt": " "}, "alt must say"),
        ({"caption": ""}, "caption must say"),
        ({"tier": "simulated"}, "tier must be among"),
        ({"tier": ()}, "tier must be among"),
    ],
)
def test_edge_a_figure_without_alt_caption_or_tier_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        as_page(**changes)


@pytest.mark.parametrize("bad", [torch.zeros(2, 3, 4), torch.zeros(0, 4), torch.zeros(3)])
def test_edge_no_picture_is_refused(bad):
    with pytest.raises(ValueError, match=r"image must have shape \(H, W\)"):
        figure.grey(bad, "t")
    with pytest.raises(ValueError, match="panels must be at least one"):
        figure.row()


def test_grey_limits_are_the_ones_asked_for_and_difference_has_zero_in_the_middle():
    picture = figure.row(
        figure.grey(IMAGE, "t", 2, 7), figure.grey(IMAGE, "t"), figure.difference(IMAGE - 2, "t", 9)
    )
    shown = [axis.images[0] for axis in picture.axes[:3]]
    assert [one.get_clim() for one in shown] == [(2, 7), (0, 11), (-9, 9)]
    assert [one.get_cmap().name for one in shown] == ["gray", "gray", "coolwarm"]


def test_a_lone_outlier_does_not_hide_a_difference():
    image = torch.ones(20, 20)
    image[0, 0] = 1000
    shown = figure.row(figure.difference(image, "t")).axes[0].images[0]
    assert shown.get_clim() == (-1, 1)


def test_rows_without_drawing_are_cut_off():
    flat = pixels(figure.as_html(figure.row(figure.grey(torch.rand(10, 40), "t")), "a", "b", "phantom"))
    square = pixels(figure.as_html(figure.row(figure.grey(torch.rand(40, 40), "t")), "a", "b", "phantom"))
    assert flat.shape[0] < 0.6 * square.shape[0] and flat.shape[1] == square.shape[1]


@pytest.mark.parametrize("panel", [figure.heat, figure.grey, figure.difference, figure.numbers])
def test_edge_a_constant_image_is_drawn(panel):
    assert pixels(figure.as_html(figure.row(panel(torch.zeros(3, 3), "t")), "a", "b", "phantom")).any()


def test_ground_is_transparent_and_ink_is_readable_in_both_themes():
    assert pixels(as_page())[0, 0, 3] == 0
    for ground in ("#ffffff", "#111111"):
        assert contrast(figure.INK, ground) > 4
        assert contrast(figure.BLUE, ground) > 3 and contrast(figure.ORANGE, ground) > 3
    assert contrast("black", "#111111") < 3  # the check can fail: matplotlib's own ink does


def is_cut(picture) -> bool:
    picture.draw_without_rendering()
    drawn, frame = picture.get_tightbbox(), picture.bbox_inches
    edge = 0.01
    return not (
        frame.x0 - edge <= drawn.x0
        and drawn.x1 <= frame.x1 + edge
        and frame.y0 - edge <= drawn.y0
        and drawn.y1 <= frame.y1 + edge
    )


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("inches", [2.0, 2.6])
def test_no_label_is_cut(number, inches):
    picture = figure.row(every_panel()[number], inches=inches)
    assert not is_cut(picture)
    picture.axes[0].set_title("a title that is far too long for a panel of this width " * 2)
    assert is_cut(picture)  # the check can fail


def test_panels_do_not_overlap_their_neighbours_titles():
    picture = figure.row(*every_panel())
    picture.draw_without_rendering()
    boxes = [axis.title.get_window_extent() for axis in picture.axes[:7]]
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:], strict=False))


def test_no_pyplot_figure_is_left_open():
    before = pyplot.get_fignums()
    figure.as_html(figure.row(*every_panel()), "a", "b", "phantom")
    assert pyplot.get_fignums() == before


def test_learning_curves_show_what_the_history_holds(monkeypatch):
    rows = [{"epoch": e, "loss": 3 / e, "label": 2 / e, "dice": None, "bce": None, "seconds": 1.0} for e in (1, 2, 3)]
    rows[1]["accuracy"] = 70.0
    drawn = []
    real = figure.curve
    monkeypatch.setattr(figure, "curve", lambda x, lines, *words: drawn.append((list(x), lines)) or real(x, lines, *words))
    figure.as_html(figure.learning_curves(History(rows), "accuracy"), "curves", "Numbers made up.", "phantom")
    assert drawn == [
        ([1, 2, 3], {"loss": [3.0, 1.5, 1.0], "label: cross-entropy": [2.0, 1.0, 2 / 3]}),
        ([2], {"accuracy": [70.0]}),
    ]
    with pytest.raises(KeyError, match="name must be one of epoch, loss"):
        figure.learning_curves(History(rows), "recall")
    with pytest.raises(ValueError, match="history must have an epoch or more"):
        figure.learning_curves(History())


def test_no_title_is_cut_where_the_layout_moves_as_it_is_drawn_again():
    image = torch.rand(48, 48, generator=torch.Generator().manual_seed(0))
    for panels in ([figure.grey(image, "title"), figure.heat(image, "title")], [figure.heat(image, "(title)")] * 3):
        page = figure.as_html(figure.row(*panels, inches=2.7), "noise, side by side", "Random numbers.", "phantom")
        ink = pixels(page)[..., 3]
        assert not ink[:2].any() and not ink[-2:].any()
