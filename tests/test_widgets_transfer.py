"""The pictures of notebook 07: at their ends, in the middle, on nonsense; their numbers are the modules'."""

from __future__ import annotations

import math
import re

import pytest
import torch

from medkit import transfer
from medkit.widgets import transfer as pictures
from medkit.widgets import transfer_runs

pytestmark = pytest.mark.filterwarnings("error")
ACCURACY, DICE = pictures.MEASURES


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setenv("MEDKIT_FAST", "1")


def assert_is_a_whole_figure(page: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page
    assert "Data: phantom." in page and len(page) > 5000 and "not ImageNet" in page


@pytest.mark.parametrize("layer", pictures.LAYERS)
def test_delta_picture_of_every_layer(layer):
    assert_is_a_whole_figure(pictures.delta_picture("all tuned", layer, 4))


@pytest.mark.parametrize("way", ["all tuned", "encoder frozen"])
@pytest.mark.parametrize("epochs", [0, 4, 8])
def test_delta_picture_at_min_middle_max(way, epochs):
    assert_is_a_whole_figure(pictures.delta_picture(way, list(pictures.LAYERS)[0], epochs))


def test_delta_picture_prints_what_the_module_gives():
    size, layer = transfer_runs.sizes(), "last convolution (encoder)"
    run = transfer_runs.tuned(size, "all tuned", max(size.budgets))
    rows = transfer.delta_rows(run.taken, run.states[8])
    share = next(row.relative for row in rows if f"{row.layer}.weight" == pictures.LAYERS[layer])
    assert share > 0.01 and f"‖Δ‖ is {share:.1%}" in pictures.delta_picture("all tuned", layer, 8)
    assert "‖Δ‖ is 0.0%" in pictures.delta_picture("encoder frozen", layer, 8)
    assert "‖Δ‖ is 0.0%" in pictures.delta_picture("all tuned", layer, 0)


def test_a_frozen_encoder_keeps_every_bit_and_the_rest_learns():
    size = transfer_runs.sizes()
    run = transfer_runs.tuned(size, transfer_runs.FROZEN, max(size.budgets))
    moves = pictures.stage_moves(run, transfer_runs.EPOCHS)
    assert [moves[stage] for stage in ("encoder 1/2", "encoder 1/4", "encoder 1/8")] == [0, 0, 0]
    assert all(moves[stage] > 0 for stage in ("attention", "decoder 1/4", "decoder 1/2"))
    assert math.isnan(moves["label head"]) and math.isnan(moves["mask head"])
    for name, before in run.states[0].items():
        assert torch.equal(before, run.states[-1][name]) == name.startswith("encoder."), name
    free = pictures.stage_moves(transfer_runs.tuned(size, transfer_runs.TUNED, max(size.budgets)), 1)
    assert all(free[stage] > 0 for stage in ("encoder 1/2", "attention"))


def test_ways_start_where_they_say():
    size = transfer_runs.sizes()
    theirs = transfer_runs.learned(size).state
    for way in transfer_runs.WAYS:
        start = transfer_runs.tuned(size, way, min(size.budgets)).states[0]
        same = [torch.equal(start[name], theirs[name]) for name in theirs if name.startswith("encoder.")]
        assert all(same) == (way != transfer_runs.SCRATCH)
        heads = [torch.equal(start[name], theirs[name]) for name in theirs if name.startswith("label_head.")]
        assert heads and not any(heads)


@pytest.mark.parametrize(
    "nonsense, message",
    [
        (("half frozen", "queries (attention)", 1), "way must be one of"),
        (("from scratch", "queries (attention)", 1), "way must be one of"),
        (("all tuned", "the best layer", 1), "layer must be one of"),
        (("all tuned", "queries (attention)", 9), "epochs must lie in 0 ... 8, got 9"),
        (("all tuned", "queries (attention)", -1), "epochs must lie in"),
    ],
)
def test_edge_delta_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        pictures.delta_picture(*nonsense)


@pytest.mark.parametrize("measure", [ACCURACY, DICE])
def test_budget_picture_at_every_number_of_labels(measure):
    size = transfer_runs.sizes()
    for labels in size.budgets:
        page = pictures.budget_picture(str(labels), measure)
        assert_is_a_whole_figure(page)
        run = transfer_runs.tuned(size, transfer_runs.FROZEN, labels)
        expected = run.accuracy if measure == ACCURACY else 100 * run.dice
        assert f"encoder frozen {expected:.1f} %" in page


@pytest.mark.parametrize(
    "nonsense, message", [(("7", ACCURACY), "labels must be one of"), (("12", "F1"), "measure must be one of")]
)
def test_edge_budget_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        pictures.budget_picture(*nonsense)


def test_few_labels_are_the_same_for_whoever_asks_again():
    first = transfer_runs.few_labels(progress=None)
    bars = []
    again = transfer_runs.few_labels(progress=lambda todo, **named: bars.append(named) or todo)
    assert [bar["desc"] for bar in bars] == ["pre-training and fine-tuning"]
    assert set(first) == set(transfer_runs.WAYS)
    one = first["all tuned"][min(transfer_runs.sizes().budgets)][0]
    assert one is again["all tuned"][min(transfer_runs.sizes().budgets)][0]


def test_laid_out_by_hand():
    weight = torch.arange(2 * 2 * 2 * 2.0).reshape(2, 2, 2, 2)  # kernels 0-3, 4-7, 8-11, 12-15
    assert pictures.laid_out(weight).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert pictures.laid_out(torch.zeros(8, 1, 3, 3)).shape == (6, 12)
    assert pictures.laid_out(torch.zeros(3, 5)).shape == (3, 5)
