"""Pictures that answer: drawn only when looked at, whatever an answer holds, and true in what they say."""

from __future__ import annotations

import base64
import io
import math
import re

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from medkit.exercises import EXERCISES, check, functions, pictures
from medkit.exercises.denoise.mistakes import sum_by_windows

pytestmark = pytest.mark.filterwarnings("error")
NAN, INF = math.nan, math.inf


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made(expected, yours, **inputs):
    drawn = pictures.comparison(tuple(inputs), tuple(inputs.values()), expected, yours)
    return None if drawn is None else drawn()


def alt_of(page):
    return re.search(r'alt="([^"]+)"', page)[1]


def pixels_of(page):
    from PIL import Image

    data = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


@pytest.fixture
def rows(monkeypatch):
    """Collect what is drawn: the matplotlib figures, with their axes."""
    found, real = [], pictures.figure.row

    def watched(*panels, **named):
        found.append(real(*panels, **named))
        return found[-1]

    monkeypatch.setattr(pictures.figure, "row", watched)
    return found


def titles(picture: Figure):
    return [axis.get_title() for axis in picture.axes if axis.get_title()]


# ---- when there is a picture


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (8,), (2, 5, 6), (2, 3, 4, 5)])
def test_images_matrices_and_curves_are_drawn(shape):
    assert made(noise(*shape), noise(*shape, seed=1)).startswith("<figure")


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (2, 30), (2, 3, 4, 2), (0, 5)])
def test_few_numbers_stay_text(shape):
    assert made(noise(*shape), noise(*shape, seed=1)) is None


def test_no_numbers_no_picture():
    assert made(noise(5, 5), None) is None
    assert check("2.1", lambda images: "text").verdict.picture is None


def test_small_case_stays_text_and_a_larger_wrong_case_is_drawn_with_its_number(rows):
    feedback = check("1.4", lambda image, size: image + 1)
    page = feedback._repr_html_()
    assert "Case 2 of 3, a larger one than above." in page
    assert titles(rows[0]) == ["input: image", "expected", "yours", "yours − expected"]


def test_every_exercise_with_a_picture_is_drawn_for_a_mistake():
    """A known mistake in a written function is drawn without a warning, where its case is large enough."""
    drawn = 0
    for one in EXERCISES.values():
        if isinstance(one, functions.WriteFunction) and one.id.split(".")[0] in ("1", "2", "3"):
            for mistake in one.mistakes[:1]:
                verdict = one.judge(lambda *arguments, _wrong=mistake.wrong: _wrong(*arguments))
                if verdict.picture:
                    page = verdict.picture()
                    assert "Data: phantom." in page and len(alt_of(page)) > 20
                    drawn += 1
    assert drawn >= 4


# ---- drawn only when looked at


def test_nothing_is_drawn_before_html_is_asked_for(monkeypatch):
    def draws(*_, **__):
        raise RuntimeError("drawn")

    monkeypatch.setattr(pictures.figure, "row", draws)
    feedback = check("1.4", lambda image, size: image + 1)
    assert feedback.verdict.picture and "not yet" in repr(feedback)
    with pytest.raises(RuntimeError, match="drawn"):
        feedback._repr_html_()


def test_the_picture_stands_in_the_html_and_not_in_the_text():
    feedback = check("1.4", lambda image, size: image + 1)
    assert "<img" in feedback._repr_html_() and "<figcaption" in feedback._repr_html_()
    for text in (repr(feedback), repr(feedback.card), repr(feedback.verdict)):
        assert "<" not in text.replace("<class", "").replace("<Outcome", "") and "picture" not in text
    assert "expected" in repr(feedback)


def test_a_pass_and_a_raise_have_no_picture():
    def raises(image, size):
        raise ValueError

    assert check("1.4", raises).verdict.picture is None
    solved = EXERCISES["1.4"].alternatives[0]
    assert check("1.4", lambda *arguments: solved(*arguments)).verdict.picture is None


def test_a_picture_shows_what_was_handed_in_even_if_it_is_changed_later(rows):
    answer = noise(5, 6)
    drawn = pictures.comparison((), (), noise(5, 6, seed=1), answer)
    kept = answer.clone()
    answer.zero_()
    drawn()
    shown = rows[0].axes[1].images[0].get_array()
    assert np.allclose(np.asarray(shown), kept.clamp(*rows[0].axes[1].images[0].get_clim()).numpy())


# ---- what is shown


def test_alt_text_says_what_is_compared_and_how_large_the_largest_difference_is():
    expected = noise(5, 6)
    yours = expected.clone()
    yours[3, 4] += 2.5
    yours[1, 1] -= 0.5
    alt = alt_of(made(expected, yours, image=noise(5, 6, seed=2)))
    assert alt == (
        "Side by side: the input image, expected, yours, the difference yours − expected; "
        "the largest difference is 2.5, at [3, 4]"
    )
    other = alt_of(made(expected, expected + 0.25))
    assert "0.25" in other and "input" not in other


def test_of_a_batch_the_first_image_that_differs_is_shown(rows):
    expected = noise(3, 2, 5, 6)
    yours = expected.clone()
    yours[1, 1] += 1
    yours[2, 0] += 9
    page = made(expected, yours, images=expected + 7)
    assert "the part [1, 1] is shown" in page and "largest difference is 9, at [2, 0," in page
    arrays = [np.asarray(axis.images[0].get_array()) for axis in rows[0].axes[:4]]
    assert np.allclose(arrays[0], (expected + 7)[1, 1]) and np.allclose(arrays[1], expected[1, 1])
    assert np.allclose(arrays[3], 1.0)


def test_rounding_is_no_difference_and_does_not_choose_the_image():
    expected = noise(2, 4, 5) * 100
    yours = expected + 1e-6
    yours[1] += 1
    assert "the part [1] is shown" in made(expected, yours)


def test_expected_and_yours_share_one_scale_and_images_are_grey_maps_in_colour(rows):
    made(noise(5, 6), 3 * noise(5, 6), image=noise(5, 6))
    made(noise(5, 6), 3 * noise(5, 6), scores=noise(5, 6))
    for picture, colours in zip(rows, ("gray", "viridis"), strict=True):
        images = [axis.images[0] for axis in picture.axes[:3]]
        assert [image.get_cmap().name for image in images] == [colours] * 3
        assert images[1].get_clim() == images[2].get_clim()
        assert picture.axes[3].images[0].get_cmap().name == "coolwarm"


def test_an_input_without_the_result_s_axes_is_shown_as_far_as_it_goes(rows):
    expected = noise(3, 4, 5)
    yours = expected.clone()
    yours[2] += 1
    made(expected, yours, images=noise(3, 2, 4, 5, seed=3), mask=noise(4, 5) > 0.5, level=3.0)
    arrays = [np.asarray(axis.images[0].get_array()) for axis in rows[0].axes[:2]]
    assert np.allclose(arrays[0], noise(3, 2, 4, 5, seed=3)[2, 0]) and arrays[1].max() == 1


# ---- answers of another shape, and no numbers


@pytest.mark.parametrize("shape", [(), (1,), (9,), (4, 7), (2, 5, 6), (1, 2, 3, 4), (0, 3), (0,), (700, 600), (1, 900)])
@pytest.mark.parametrize("of", [(5, 6), (2, 3, 5, 6)])
def test_another_shape_is_shown_without_a_difference(shape, of, rows):
    if shape == of:
        return
    page = made(noise(*of), noise(*shape, seed=1), image=noise(5, 6))
    assert f"yours has shape {shape}, not {of}" in alt_of(page).replace("&#x27;", "'")
    assert titles(rows[0]) == ["input: image", "expected", f"yours, {shape}"]
    assert ("no more than 512" in page) == (max((0, *shape[-2:])) > 512)


@pytest.mark.parametrize("shape", [(), (1,), (9,), (12,), (4, 7), (0,), (900,)])
def test_another_shape_of_a_curve_is_shown_too(shape, rows):
    page = made(noise(10), noise(*shape, seed=1))
    assert f"yours has shape {shape}, not (10,)" in alt_of(page) and "difference" not in alt_of(page)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_values_that_are_no_numbers_get_a_cross(bad, rows):
    expected = noise(5, 6)
    yours = expected.clone()
    yours[1, 2] = yours[4, 0] = bad
    page = made(expected, yours, image=noise(5, 6))
    for axis in (rows[0].axes[2], rows[0].axes[3]):
        crosses = axis.lines[0].get_xydata()
        assert crosses.tolist() == [[2, 1], [0, 4]] and axis.lines[0].get_marker() == "x"
    assert not rows[0].axes[1].lines
    assert "2 of 30 values are NaN or infinite" in alt_of(page) and "A cross marks" in page


def test_an_answer_of_nothing_but_nan_is_drawn(rows):
    page = made(noise(5, 6), torch.full((5, 6), NAN, dtype=torch.float64))
    assert "30 of 30 values are NaN or infinite" in alt_of(page)
    assert len(rows[0].axes[1].lines[0].get_xydata()) == 30
    assert pixels_of(page)[..., 3].any()
    line = made(noise(9), torch.full((9,), NAN, dtype=torch.float64))
    assert "9 of 9 values are NaN" in alt_of(line)


def test_expected_nan_is_no_difference_where_yours_is_nan_too():
    expected = noise(5, 6)
    expected[0, 0], expected[1, 1] = NAN, INF
    yours = expected.clone()
    yours[2, 2] += 1
    assert "the largest difference is 1, at [2, 2]" in alt_of(made(expected, yours))
    yours[0, 0] = 0.0
    assert "1 of 30 values are NaN or infinite" in alt_of(made(expected, yours))


@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1e9, 1e300, 0.0, -1.0])
def test_answers_far_off_are_drawn_without_a_warning(factor, rows):
    for expected in (noise(5, 6) + 1, noise(12) + 1, torch.zeros(4, 5, dtype=torch.float64)):
        page = made(expected, expected * factor + (0 if expected.any() else factor))
        assert page is None or page.startswith("<figure")
    for picture in rows:
        for axis in picture.axes:
            labels = [text.get_text() for text in axis.get_xticklabels()] + [axis.get_title(), axis.get_xlabel()]
            assert all(len(label) < 32 for label in labels), labels


def test_small_differences_are_written_in_powers_of_ten(rows):
    expected = noise(5, 6)
    made(expected, expected + 3e-4)
    assert titles(rows[0])[-1] == "yours − expected, in 1e-04"
    bar = rows[0].axes[2].child_axes[0] if rows[0].axes[2].child_axes else rows[0].axes[-1]
    assert float(bar.get_xticklabels()[-1].get_text()) == 3


# ---- curves


def test_a_curve_has_two_lines_with_names_and_the_largest_difference(rows):
    expected = noise(12)
    yours = expected.clone()
    yours[7] -= 0.75
    page = made(expected, yours, image=noise(5, 6))
    axis = rows[0].axes[1]
    assert [line.get_label() for line in axis.lines] == ["expected", "yours"]
    assert np.allclose(axis.lines[1].get_ydata(), yours)
    assert axis.lines[0].get_linestyle() != axis.lines[1].get_linestyle()
    assert "the expected curve and yours; the largest difference is 0.75, at [7]" in alt_of(page)


def test_a_gap_in_a_curve_is_marked(rows):
    yours = noise(12)
    yours[3] = NAN
    made(noise(12), yours)
    marked = rows[0].axes[0].lines[2]
    assert marked.get_xdata().tolist() == [3] and marked.get_label() == "no number"


def test_gap_tells_numbers_from_none():
    expected, yours = torch.tensor([1.0, NAN, INF, 2.0, INF]), torch.tensor([3.0, NAN, INF, NAN, -INF])
    found = pictures.gap(expected, yours)
    assert found[:3].tolist() == [2.0, 0.0, 0.0] and found[3:].isnan().all()


def test_the_answer_of_the_first_exercise_is_drawn_from_its_second_case_or_not_at_all():
    """1.1's results are a few numbers each: text says it all."""
    assert check("1.1", lambda image, kernel: sum_by_windows(image, kernel) + 1).verdict.picture is None


# ---- outlines


def test_an_outline_is_drawn_where_there_is_an_edge():
    image, mask = noise(8, 9), torch.zeros(8, 9, dtype=torch.bool)
    mask[2:5, 3:7] = True
    for given, count in ((mask, 1), (~mask, 1), (torch.zeros_like(mask), 0), (torch.ones_like(mask), 0), (None, 0)):
        picture = pictures.figure.row(pictures.outlined(image, given, "one"))
        axis = picture.axes[0]
        assert len(axis.collections) == count and axis.get_xlim() == (-0.5, 8.5) and axis.get_ylim() == (7.5, -0.5)
