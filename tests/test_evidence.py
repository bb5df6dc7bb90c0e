"""What records say: one model's value and the difference of two, resampled over units and seeds."""

import copy

import pytest
import torch
from made_up import made_up

from medkit.evidence import METRICS, difference_of, parts_of, value_of

pytestmark = pytest.mark.filterwarnings("error")


def runs(model="hybrid", seeds=(0, 1, 2), **kwargs):
    return [made_up(model, seed, **kwargs) for seed in seeds]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("row", range(5))
def test_law_the_value_is_the_mean_of_the_records(metric, row):
    found = value_of(runs(), metric, row)
    printed = [run["result"][row][metric]["value"] for run in runs()]
    scale = 100 if "accuracy" in metric or metric == "f1" else 1  # metrics in % there, Dice in 0 ... 1
    scale = 1 if max(printed) <= 1 else scale
    assert found.value * scale == pytest.approx(sum(printed) / 3, abs=1e-6)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("metric", METRICS)
def test_law_a_difference_is_that_of_the_values_and_narrower_than_both(metric):
    first, second = runs(), copy.deepcopy(runs())
    for run in second:  # the same model, but wrong on five images more
        row = run["result"][-1]
        row["pred"][:5] = [(label + 1) % 3 for label in run["data"]["truth"]["label"][:5]]
        row["dice_each"] = [None if v is None else v - 0.1 for v in row["dice_each"]]
    one, other, found = value_of(first, metric), value_of(second, metric), difference_of(first, second, metric)
    assert found.value == pytest.approx(one.value - other.value, abs=1e-9) and found.value > 0
    assert found.high - found.low < one.high - one.low
    back = difference_of(second, first, metric)
    assert back.value == -found.value
    nothing = difference_of(first, first, metric)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


def test_seeds_are_paired_and_a_seedless_run_meets_all():
    first, second = runs(seeds=(0, 1, 2)), runs("CNN", seeds=(2, 5, 1))
    of_two = difference_of([first[1], first[2]], [second[2], second[0]], "accuracy")
    assert difference_of(first, second, "accuracy") == of_two
    linear = made_up("linear", 0) | {"seedless": True}
    against = difference_of(first, [linear], "accuracy")
    assert against.value == pytest.approx(value_of(first, "accuracy").value - value_of([linear], "accuracy").value)
    with pytest.raises(ValueError, match="must share a seed, got none"):
        difference_of(first, runs(seeds=(7,)), "accuracy")


def test_edge_other_images_no_masks_and_unknown_metrics():
    with pytest.raises(ValueError, match="must share their test images"):
        difference_of(runs(), runs("CNN", n=63), "accuracy")
    with pytest.raises(ValueError, match="without masks"):
        parts_of(runs(masks=False), "dice")
    with pytest.raises(ValueError, match="metric must be one of accuracy.*got 'auroc'"):
        parts_of(runs(), "auroc")
    assert torch.isnan(torch.tensor(value_of(runs(units=1), "accuracy").low))
