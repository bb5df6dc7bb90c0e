"""Notebook 08's pictures: at their ends, in the middle and on nonsense."""

from __future__ import annotations

import math
import re

import pytest
import torch

from medkit.widgets import training as widgets_08

pytestmark = pytest.mark.filterwarnings("error")


def assert_is_a_whole_figure(page: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page and "Data: phantom." in page
    assert len(re.search(r'src="([^"]+)"', page)[1]) > 5000


@pytest.mark.parametrize("optimiser", widgets_08.OPTIMISERS)
@pytest.mark.parametrize("rate, momentum", [(0.01, 0.0), (0.13, 0.5), (0.25, 0.95)])
def test_descent_picture_at_min_middle_max(optimiser, rate, momentum):
    assert_is_a_whole_figure(widgets_08.descent_picture(optimiser, rate, momentum))


def test_descent_is_the_formula_of_sgd():
    x, y, vx, vy = *widgets_08.START, 0.0, 0.0
    for _ in range(widgets_08.DESCENT):
        vx, vy = 0.5 * vx + x, 0.5 * vy + 10 * y
        x, y = x - 0.08 * vx, y - 0.08 * vy
    assert widgets_08.descent("SGD", 0.08, 0.5)[-1] == pytest.approx((x, y))
    page = widgets_08.descent_picture("SGD", 0.08, 0.5)
    assert f"{(x**2 + 10 * y**2) / 2:.2g} after 60 steps" in page and "Loss 19.2 at the start" in page


def test_sgd_flies_off_from_where_the_caption_says():
    for rate, falls in ((0.19, True), (0.21, False)):
        way = widgets_08.descent("SGD", rate, 0.0)
        assert (widgets_08.valley(*way[-1]) < widgets_08.valley(*way[0])) == falls
    assert "from a rate of 0.20 on" in widgets_08.descent_picture("SGD", 0.19, 0.0)


def test_first_step_of_adam_is_as_long_in_both_directions():
    (x, y), (x1, y1) = widgets_08.descent("Adam", 0.1, 0.9)[:2]
    assert x1 - x == pytest.approx(0.1) and y - y1 == pytest.approx(0.1)


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ({"optimiser": "magic"}, "optimiser must be one of SGD, Adam, got 'magic'; pick one"),
        ({"rate": 0.0}, "rate must be above 0 and finite, got 0.0; try 0.1"),
        ({"rate": math.nan}, "rate must be above 0 and finite, got nan"),
        ({"rate": math.inf}, "rate must be above 0 and finite, got inf"),
        ({"momentum": 1.0}, "momentum must lie in 0 <= momentum < 1, got 1.0; try 0.9"),
        ({"momentum": -0.1}, "momentum must lie in"),
    ],
)
def test_edge_descent_picture_on_nonsense(nonsense, message):
    sane = {"optimiser": "SGD", "rate": 0.1, "momentum": 0.0}
    with pytest.raises(ValueError, match=re.escape(message)):
        widgets_08.descent_picture(**(sane | nonsense))


@pytest.mark.parametrize("batch, rate", [("1", 0.25), ("32", 0.05), ("256", 0.01), ("256", 0.25)])
def test_batch_picture_at_min_middle_max(batch, rate):
    assert_is_a_whole_figure(widgets_08.batch_picture(batch, rate))


@pytest.mark.parametrize("size", widgets_08.BATCHES.values())
def test_spread_of_the_gradients_falls_by_the_root_of_the_size(size):
    expected = widgets_08.image_spread() / math.sqrt(size)
    assert widgets_08.batch_gradients(size).std() == pytest.approx(expected, rel=0.06)
    if size == 32:
        assert f"is {expected:.2f}. " in widgets_08.batch_picture(str(size), 0.05)


def test_training_of_one_weight_is_pytorch_s():
    x, y = (torch.from_numpy(numbers) for numbers in widgets_08._points())
    weight = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.05)
    order = widgets_08.np.random.default_rng(2).integers(0, len(x), widgets_08.SEEN)
    for start in range(0, widgets_08.SEEN, 64):
        rows = order[start : start + 64]
        optimiser.zero_grad()
        (weight * x[rows] - y[rows]).square().mean().backward()
        optimiser.step()
    best = (x * y).mean() / (x * x).mean()
    lowest = (best * x - y).square().mean()
    seen, losses = widgets_08.train_one_weight(64, 0.05)
    assert losses[-1] == pytest.approx(float((weight.detach() * x - y).square().mean() - lowest), abs=1e-9)
    assert losses[0] == pytest.approx(float(y.square().mean() - lowest)) and seen[-1] == widgets_08.SEEN


def test_what_the_page_asks_of_batches_has_an_answer():
    """Small ones get down first at a small rate; large ones lie lowest in the end at a large one."""
    slow = {size: widgets_08.train_one_weight(size, 0.01)[1][-1] for size in (4, 256)}
    fast = {size: widgets_08.floor_of(*widgets_08.train_one_weight(size, 0.2)) for size in (1, 16, 256)}
    assert slow[4] < slow[256] / 10 and fast[256] < fast[16] < fast[1]


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ({"batch": "3"}, "batch must be one of 1, 4, 16, 32, 64, 256, got '3'"),
        ({"batch": 32}, "batch must be one of"),
        ({"rate": 0.0}, "rate must lie in 0 < rate <= 0.25, got 0.0"),
        ({"rate": 0.3}, "rate must lie in 0 < rate <= 0.25, got 0.3"),
        ({"rate": math.nan}, "rate must lie in"),
    ],
)
def test_edge_batch_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        widgets_08.batch_picture(**({"batch": "32", "rate": 0.05} | nonsense))
