"""Notebook 10's pictures: at their ends, in the middle and on nonsense."""

from __future__ import annotations

import math
import re
import statistics

import numpy as np
import pytest
import torch

from medkit import paper
from medkit.exercises.timing import two_clocks
from medkit.widgets import timing as widgets_10

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module", autouse=True)
def small_run():
    """Train and time in fast mode; what other tests find in the cache stays theirs."""
    caches = (widgets_10.trained_models, widgets_10.clock_by_epoch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        for cache in caches:
            cache.cache_clear()
        yield
        for cache in caches:
            cache.cache_clear()


def assert_is_a_whole_figure(page: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page and "Data: phantom." in page
    assert len(re.search(r'src="([^"]+)"', page)[1]) > 5000


@pytest.mark.parametrize("jobs, queueing, work", [(1, 0.5, 0.5), (5, 5.0, 6.0), (10, 10.0, 12.0), (10, 0.5, 12.0)])
def test_queue_picture_at_min_middle_max(jobs, queueing, work):
    assert_is_a_whole_figure(widgets_10.queue_picture(jobs, queueing, work))


@pytest.mark.parametrize("jobs, queueing, work", [(1, 2.0, 3.0), (4, 0.5, 6.0), (6, 5.0, 1.0)])
def test_queue_picture_prints_the_two_clocks_of_the_exercise(jobs, queueing, work):
    stopped, waited = two_clocks(torch.full((jobs,), queueing), torch.full((jobs,), work)).tolist()
    page = widgets_10.queue_picture(jobs, queueing, work)
    assert f"shows {stopped:g} ms, one that waits {waited:g} ms" in page


@pytest.mark.parametrize("name", ["jobs", "queueing", "work"])
def test_edge_queue_picture_on_nonsense(name):
    for value in (0, -1, math.nan):
        with pytest.raises(ValueError, match=f"{name} must be above 0, got {value}; nothing takes no time"):
            widgets_10.queue_picture(**({"jobs": 3, "queueing": 1.0, "work": 2.0} | {name: value}))


@pytest.mark.parametrize("outliers", [True, False])
@pytest.mark.parametrize("warm_up, repeats", [(0, 3), (5, 30), (10, 60)])
def test_repeats_picture_at_min_middle_max(warm_up, repeats, outliers):
    assert_is_a_whole_figure(widgets_10.repeats_picture(warm_up, repeats, outliers))


def test_repeats_picture_prints_mean_and_median():
    counted = widgets_10.made_up_times(True)[5:35].tolist()
    page = widgets_10.repeats_picture(5, 30, True)
    assert f"mean {statistics.fmean(counted):.2f} ms, median {statistics.median(counted):.2f} ms" in page
    low, _, high = statistics.quantiles(counted, n=4, method="inclusive")
    assert f"(quartiles {low:.2f} and {high:.2f})" in page


def test_what_the_page_asks_of_the_series_has_an_answer():
    calm, disturbed = widgets_10.made_up_times(False), widgets_10.made_up_times(True)
    assert calm[4:].mean() == pytest.approx(10, abs=0.1) and calm[:30].mean() > 11
    assert disturbed[4:].mean() > 12 and np.median(disturbed[4:]) == pytest.approx(10, abs=0.1)
    assert np.median(disturbed[:3]) > 20  # three runs without a warm-up: the median goes wrong as well
    assert len(disturbed) == 70 and (disturbed != calm).sum() == 6


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ({"warm_up": -1}, r"warm_up must lie in 0 \.\.\. 10, got -1"),
        ({"warm_up": 11}, r"warm_up must lie in 0 \.\.\. 10, got 11"),
        ({"repeats": 2}, r"repeats must lie in 3 \.\.\. 60, got 2"),
        ({"repeats": 61}, r"repeats must lie in 3 \.\.\. 60, got 61"),
    ],
)
def test_edge_repeats_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        widgets_10.repeats_picture(**({"warm_up": 0, "repeats": 10, "outliers": True} | nonsense))


@pytest.mark.parametrize("model, batch", [("CNN", "1"), ("Transformer", "16"), ("hybrid", "1")])
def test_epochs_picture_prints_both_changes(model, batch):
    page = widgets_10.epochs_picture(model, batch)
    assert_is_a_whole_figure(page)
    printed = paper.TIME.column[model]
    found = list(widgets_10.clock_by_epoch(widgets_10.BATCHES[batch])[model].values())
    for word, change in (("Table 6", printed[-1] / printed[0] - 1), ("our clock", found[-1].seconds / found[0].seconds - 1)):
        assert re.search(rf"{word} (changes )?by {re.escape(f'{100 * change:+.0f}')} %", page)


def test_models_are_timed_as_they_were_at_five_epochs():
    kept, found = widgets_10.trained_models(), widgets_10.clock_by_epoch(1)
    assert list(kept) == list(found) == list(paper.MODELS)
    for name, models in kept.items():
        assert list(models) == list(found[name]) == [2, 4, 6, 8, 10]
        first, *_, last = models.values()
        assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), last.parameters()))
        assert all(0 < each.low <= each.seconds <= each.high for each in found[name].values())
    assert widgets_10.clock_by_epoch(1) is found  # measured once


@pytest.mark.parametrize(
    "nonsense, message",
    [({"model": "ResNet"}, "model must be one of CNN"), ({"batch": "7"}, "batch must be one of 1, 16, got '7'")],
)
def test_edge_epochs_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        widgets_10.epochs_picture(**({"model": "CNN", "batch": "1"} | nonsense))
