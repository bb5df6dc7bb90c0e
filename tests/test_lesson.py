"""The first cell of every notebook, the source it shows, and the images it tries things on."""

from __future__ import annotations

import html
import inspect
import random
import re

import numpy as np
import pytest
import torch

import medkit
from medkit import denoise, lesson
from medkit._check import MedkitInputError

pytestmark = pytest.mark.filterwarnings("error")


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_start_seeds_all_three_and_says_what_is_at_hand(monkeypatch, capsys):
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    monkeypatch.delenv("MEDKIT_FAST", raising=False)
    medkit.start(seed=3)
    first, said = draws(), capsys.readouterr().out
    assert draws() != first
    medkit.start(seed=3)
    assert draws() == first
    medkit.start(seed=4)
    assert draws() != first
    for expected in (
        medkit.__version__,
        "not for clinical use",
        "MEDKIT_DATA is not set",
        "seed          3",
        "full",
    ):
        assert expected in said
    assert len(said.strip().splitlines()) <= 6


def test_start_tells_real_data_and_fast_mode(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MEDKIT_DATA", str(tmp_path))
    monkeypatch.setenv("MEDKIT_FAST", "1")
    medkit.start()
    said = capsys.readouterr().out
    assert "MEDKIT_DATA found" in said and "fast" in said
    assert str(tmp_path) not in said  # a folder above the data may name a person
    monkeypatch.setenv("MEDKIT_DATA", str(tmp_path / "gone"))
    with pytest.raises(MedkitInputError):
        medkit.start()


@pytest.mark.parametrize(
    "seed, error", [(-1, ValueError), (2**32, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_edge_seed(seed, error):
    with pytest.raises(error, match="seed must"):
        medkit.start(seed=seed)


@pytest.mark.parametrize("value, expected", [(None, False), ("", False), ("0", False), ("1", True)])
def test_fast_reads_one_variable(monkeypatch, value, expected):
    monkeypatch.delenv("MEDKIT_FAST", raising=False)
    if value is not None:
        monkeypatch.setenv("MEDKIT_FAST", value)
    assert lesson.fast() is expected


def plain(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def test_show_source_is_the_source_that_runs():
    shown = plain(lesson.show_source(denoise.mean, denoise.median).data)
    for function in (denoise.mean, denoise.median):
        assert inspect.getsource(function).strip() in shown
        assert f"medkit/denoise.py, line {inspect.getsourcelines(function)[1]}" in shown
    assert inspect.getsource(denoise.gaussian).strip() not in shown


def test_show_source_takes_its_colours_from_the_theme_and_scrolls_long_lines():
    page = lesson.show_source(denoise.filter_image).data
    assert "var(--jp-mirror-editor-keyword-color)" in page and "background" not in page
    assert "overflow-x:auto" in page and "white-space:pre" in page
    assert not re.search(r"color: *#", page)


def test_edge_show_source():
    with pytest.raises(TypeError, match="written in Python"):
        lesson.show_source(len)
    with pytest.raises(TypeError, match="got nothing"):
        lesson.show_source()


def test_specimens_hold_two_phantoms_with_truth_and_three_real_images_without():
    found = lesson.specimens()
    tiers = [one.tier for one in found.values()]
    assert tiers == ["phantom"] * 2 + ["library sample"] * 3
    for one in found.values():
        assert one.image.ndim == 2 and torch.isfinite(one.image).all() and one.image.std() > 0
        assert (one.truth is None) == (one.tier != "phantom")
    assert found["CT"].unit == "HU" and found["CT"].image.min() < -500


def test_noise_is_as_strong_as_asked_and_follows_the_generator():
    truth = lesson.drawn_head(256)
    assert truth.shape == (256, 256) and truth.min() == 0 and 0 < truth.max() <= 1

    def noisy(seed):
        return lesson.add_gaussian(truth, 0.1, torch.Generator().manual_seed(seed))

    assert lesson.rmse(noisy(0), truth) == pytest.approx(0.1, rel=0.02)
    assert torch.equal(noisy(0), noisy(0)) and not torch.equal(noisy(0), noisy(1))
    broken = lesson.add_salt_and_pepper(truth + 0.01, 0.2, torch.Generator().manual_seed(0))
    assert (broken == 0).double().mean() == pytest.approx(0.1, abs=0.01)
    assert (broken == 1).double().mean() == pytest.approx(0.1, abs=0.01)


def test_rmse_by_hand():
    assert lesson.rmse(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])) == pytest.approx(12.5**0.5)


def test_broken_pixel_is_one_pixel_of_a_copy():
    image = torch.tensor([[-3.0, 2.0], [1.0, 0.0]])
    broken = lesson.with_broken_pixel(image)
    assert broken.tolist() == [[30.0, 2.0], [1.0, 0.0]] and image[0, 0] == -3
