"""What answers are worth, and the cut that validation images choose."""

import dataclasses

import pytest
import torch

from medkit.data.phantom import phantom
from medkit.evidence import value_of
from medkit.measure import BY_IMAGE, best_cut, measure, summary

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def rare():
    """Sixty images of which six are ill."""
    data = phantom(60, size=32)
    return dataclasses.replace(data, label=(torch.arange(60) % 10 == 0).long(), classes=("well", "ill"))


def answers(data, of_ill, of_well):
    """Probabilities that rank all ill images first and yet never reach one half."""
    second = torch.where(data.label == 1, of_ill, of_well) + torch.arange(len(data)) / 10_000
    return torch.stack([1 - second, second], dim=1)


def test_hand_where_one_class_is_rare_a_cut_is_needed(rare):
    probability, empty = answers(rare, 0.3, 0.1), torch.zeros_like(rare.mask)
    assert measure(probability, empty, rare)["balanced_accuracy"]["value"] == 50.0  # nobody is called ill
    cut = best_cut(probability, rare)
    found = measure(probability, empty, rare, cut)
    assert 0.11 < cut <= 0.30 + 0.006 and found["balanced_accuracy"]["value"] == 100.0
    assert found["cut"] == cut and sum(found["pred_cut"]) == 6 and sum(found["pred"]) == 0
    assert found["accuracy"]["value"] == 90.0  # by one half, as for every set


def test_labels_that_are_not_scored_count_in_nothing_but_dice(rare):
    half = dataclasses.replace(rare, scored=torch.arange(60) < 30)
    found = measure(answers(half, 0.3, 0.1), half.mask, half, 0.2)
    assert [found[name]["n"] for name in ("accuracy", "balanced_accuracy", "auroc", "f1")] == [30] * 4
    assert found["dice"]["n"] + found["dice"]["n_empty"] == 60 and len(found["pred"]) == 60


def test_a_cut_is_kept_from_one_set_to_the_next(rare):
    """Chosen on other images, it need not be the best here; choosing it here would be a peek."""
    elsewhere = best_cut(answers(rare, 0.3, 0.1), rare)
    here = answers(rare, 0.12, 0.1)
    value = measure(here, rare.mask, rare, elsewhere)["balanced_accuracy"]["value"]
    assert value == 50.0 < measure(here, rare.mask, rare, best_cut(here, rare))["balanced_accuracy"]["value"]


@pytest.mark.parametrize("change", [
    {"classes": ("a", "b", "c")}, {"label": torch.zeros(60, dtype=torch.int64)}, {"scored": torch.zeros(60, dtype=torch.bool)},
])  # fmt: skip
def test_edge_no_cut_without_two_classes_that_are_shown(rare, change):
    data = dataclasses.replace(rare, **change)
    probability = torch.full((60, len(data.classes)), 1 / len(data.classes))
    assert best_cut(probability, data) is None
    assert measure(probability, data.mask, data)["pred_cut"] is None


def test_a_summary_leaves_single_images_out_and_intervals_are_made_from_them(rare):
    cut = best_cut(answers(rare, 0.3, 0.1), rare)
    row = measure(answers(rare, 0.3, 0.1), rare.mask, rare, cut)
    assert not set(BY_IMAGE) & set(summary(row)) and set(BY_IMAGE) < set(row)
    truth = {name: getattr(rare, name).tolist() for name in ("label", "group", "scored")}
    run = {"data": {"truth": truth, "classes": ["well", "ill"]}, "result": [row]}
    assert value_of([run], "balanced_accuracy").value == 1.0 and value_of([run], "accuracy").value == 0.9
    before = {**run, "result": [{**row, "pred_cut": None}]}
    assert value_of([before], "balanced_accuracy").value == 0.5
