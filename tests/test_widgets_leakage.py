"""The widget of notebook 13, and the leaks that it plants."""

from __future__ import annotations

import re

import pytest
import torch

from medkit.data import leaks
from medkit.widgets import leakage as widgets_13

pytestmark = pytest.mark.filterwarnings("error")


def caption(page: str) -> str:
    return re.search(r"<figcaption[^>]*>(.*?)</figcaption>", page, re.DOTALL)[1]


@pytest.mark.parametrize("leak, share, known", [
    ("exact twins", 0, True), ("twins saved again", 50, False), ("copies moved as in Table 1", 100, True),
    ("other slices of training patients", 100, False),
])  # fmt: skip
def test_leak_picture_at_min_middle_max(leak, share, known):
    page = widgets_13.leak_picture(leak, share, known)
    assert re.search(r'<img alt="[^"]{20,}"', page) and "Data: phantom." in page
    measured = widgets_13.accuracy(widgets_13.planted(leak, share, known))
    found = len(leaks.find_leaks(widgets_13.planted(leak, share, known)))
    assert f"Nearest neighbour: {measured:.0f} % right" in caption(page)
    assert f"named by find_leaks {found}" in caption(page)


@pytest.mark.parametrize("nonsense, message", [
    (("magic", 30, True), "leak must be one of"), (("exact twins", -1, True), "share must lie"),
    (("exact twins", 101, True), "share must lie"),
])  # fmt: skip
def test_edge_leak_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        widgets_13.leak_picture(*nonsense)


@pytest.mark.parametrize("leak", list(widgets_13.LEAKS))
def test_law_as_many_leaks_are_named_as_were_planted_where_numbers_are_known(leak):
    found = leaks.find_leaks(widgets_13.planted(leak, 30))
    assert len(found) == 18 and {found_one.positions[1] for found_one in found} == set(range(18))
    assert leaks.find_leaks(widgets_13.planted(leak, 0)) == leaks.find_leaks(widgets_13.planted(leak, 0, False)) == []


def test_law_without_numbers_twins_are_found_and_other_slices_are_not():
    named = {leak: len(leaks.find_leaks(widgets_13.planted(leak, 30, False))) for leak in widgets_13.LEAKS}
    assert named["exact twins"] == named["twins saved again"] == 18
    assert named["other slices of training patients"] == 0 < named["copies moved as in Table 1"]


def test_law_twins_are_worth_what_the_page_says():
    """s + (1 - s) a, a measured on the images that are left."""
    whole, new = widgets_13.planted("exact twins", 30), widgets_13.planted("exact twins", 0)
    right = widgets_13.nearest_neighbour(new["train"], new["test"]) == new["test"].label
    expected = 100 * (18 + int(right[18:].sum())) / 60
    assert widgets_13.accuracy(whole) == pytest.approx(expected)
    assert widgets_13.accuracy(widgets_13.planted("exact twins", 100)) == 100


def test_law_rows_have_no_brightness_and_no_contrast():
    image = widgets_13.planted("exact twins", 0)["test"].image
    torch.testing.assert_close(widgets_13.rows(image), widgets_13.rows(3 * image - 70), atol=1e-4, rtol=1e-4)


def test_law_chosen_pixels_beat_the_coin_only_where_the_test_was_looked_at():
    leaky, honest = (
        torch.tensor([widgets_13.chosen_pixels(seed, look) for seed in range(40)]) for look in (True, False)
    )
    assert abs(float(honest.mean()) - 50) < 4
    assert leaky.mean() > honest.mean() + 5


def test_models_are_the_two_of_the_table():
    sides = widgets_13.planted("exact twins", 30)
    for name in widgets_13.MODELS:
        assert 30 < widgets_13.accuracy(sides, name) <= 100
    with pytest.raises(ValueError, match="model must be one of"):
        widgets_13.accuracy(sides, "magic")
