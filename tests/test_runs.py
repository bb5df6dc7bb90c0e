"""Records sorted: models, baselines, and the model that validation data chose."""

import copy
import math

import pytest
import torch
from made_up import made_up
from made_up_set import made_up_set

from medkit import paper, runs
from medkit.metrics import accuracy, balanced_accuracy, f1, label_counts

pytestmark = pytest.mark.filterwarnings("error")


def set_validation(records, **values):
    """Write the last validation accuracy of models, U_Net for U-Net."""
    for record in records:
        name = record["model"].replace("-", "_")
        if name in values:
            record["validation"][-1]["accuracy"]["value"] = values[name]


def test_models_come_in_the_papers_order_by_seed_and_the_baseline_apart():
    records = made_up_set(seeds=(4, 1))[::-1]
    found = runs.by_model(records)
    assert tuple(found) == paper.MODELS and [r["seed"] for r in found["CNN"]] == [1, 4]
    assert runs.linear_of(records)["model"] == "linear" and runs.linear_of(records[1:]) is None


def test_the_best_on_validation_is_chosen_whatever_the_test_says():
    records = made_up_set()
    assert runs.chosen_on_validation(records) == "hybrid"
    set_validation(records, U_Net=90.0)
    assert runs.chosen_on_validation(records) == "U-Net"
    for record in records:  # the test's own ranking turned round
        best = record["model"] == "CNN"
        record["result"][-1]["accuracy"]["value"] = 100.0 if best else 0.0
    assert runs.chosen_on_validation(records) == "U-Net"


def test_the_last_row_counts_and_the_mean_over_seeds():
    records = made_up_set()
    for record in records:
        if record["model"] == "CNN":
            record["validation"][0]["accuracy"]["value"] = 99.0  # early, and lost again
    assert runs.chosen_on_validation(records) == "hybrid"
    one = next(record for record in records if record["model"] == "Transformer")
    one["validation"][-1]["accuracy"]["value"] = 64.0  # 64 and 62 against 63 and 63
    set_validation(records, hybrid=62.9)
    assert runs.chosen_on_validation(records) == "Transformer"
    one["validation"][-1]["accuracy"]["value"] = 63.0
    assert runs.chosen_on_validation(records) == "hybrid"


def test_a_tie_goes_to_the_first_and_a_dominated_set_reads_balanced_accuracy():
    records = made_up_set()
    set_validation(records, CNN=70.0, U_Net=70.0, Transformer=70.0, hybrid=70.0)
    assert runs.chosen_on_validation(records[::-1]) == "CNN"
    for record in records:
        record["data"]["dominated"] = True
    assert runs.headline(records[0]["data"]) == "balanced_accuracy" and runs.chosen_on_validation(records) == "hybrid"


@pytest.mark.parametrize("missing", [None, math.nan])
def test_edge_no_choice_without_a_number_for_every_run(missing):
    records = made_up_set()
    records[3]["validation"][-1]["accuracy"]["value"] = missing
    with pytest.raises(ValueError, match="records must hold accuracy on validation data, got a U-Net without"):
        runs.chosen_on_validation(records)
    with pytest.raises(ValueError, match="got a CNN without"):
        runs.chosen_on_validation([made_up("CNN", 0)])
    with pytest.raises(ValueError, match="must hold a run of CNN, U-Net, Transformer, hybrid, got none"):
        runs.chosen_on_validation(records[-1:])


def test_hand_the_most_frequent_class():
    label, scored = [0] * 6 + [1] * 3 + [2] * 2, [True] * 10 + [False]
    data = {"majority": 60.0, "classes": ["a", "b", "c"], "truth": {"label": label, "scored": scored}}
    found = runs.most_frequent(data)
    assert found["accuracy"] == pytest.approx(60.0) and found["balanced_accuracy"] == pytest.approx(100 / 3)
    assert found["f1"] == pytest.approx(100 * (2 * 0.6 / 1.6) / 3) and found["dice"] == 0 and found["auroc"] == 50
    for missing in (None, math.nan):
        assert runs.most_frequent(data | {"majority": missing}) == {"dice": 0}


@pytest.mark.parametrize("answer", [0, 1, 2])
def test_twin_the_most_frequent_class_of_training_may_be_rare_in_the_test(answer):
    truth = torch.tensor([0] * 5 + [1] * 3 + [2])
    counts = label_counts(torch.full_like(truth, answer), truth, 3)
    data = {"majority": accuracy(counts).value, "classes": list("abc")}
    data["truth"] = {"label": truth.tolist(), "scored": [True] * 9}
    found = runs.most_frequent(data)
    wanted = accuracy(counts).value, balanced_accuracy(counts).value, 100 * f1(counts).value
    assert (found["accuracy"], found["balanced_accuracy"], found["f1"]) == pytest.approx(wanted)


@pytest.mark.parametrize("change, message", [
    ({"settings": {"epochs": 5, "report_epochs": [1, 2, 3, 4, 5]}}, "records must share their settings"),
    ({"protocol": {"preset": "paper"}}, "records must share their protocol"),
    ({"left_out": []}, "records must share their left_out"),
])  # fmt: skip
def test_edge_records_that_do_not_belong_together(change, message):
    records = [made_up(model, seed) for model in paper.MODELS for seed in (0, 1)]
    runs.check_alike(records)
    with pytest.raises(ValueError, match=message):
        runs.check_alike([*records, made_up("CNN", 5) | change])


def test_edge_other_images_one_run_twice_and_nothing():
    records = made_up_set()
    runs.check_alike(records)
    for model in ("CNN", "linear"):
        other = copy.deepcopy(made_up(model, 5)) | {name: records[0][name] for name in ("settings", "protocol")}
        other["data"]["sha256"]["test"] = "other"
        with pytest.raises(ValueError, match="records must come from the same images"):
            runs.check_alike([*records[:-1], other])
    with pytest.raises(ValueError, match="records must be different runs, got CNN, seed 0 twice"):
        runs.check_alike([*records, records[0]])
    with pytest.raises(ValueError, match="records must be different runs, got linear twice"):
        runs.check_alike([*records, records[-1] | {"seed": 1}])
    for few in ([], records[-1:]):
        with pytest.raises(ValueError, match="records must be one or more of CNN.*got none"):
            runs.check_alike(few)


def test_models_may_differ_in_rate_where_the_protocol_chooses_it_and_seeds_never():
    records = made_up_set()
    for record in records:
        rate = 0.003 if record["model"] == "hybrid" else 0.001
        record["settings"] = record["settings"] | {"learning_rate": rate}
    with pytest.raises(ValueError, match="records must share their settings"):
        runs.check_alike(records)
    for record in records:
        record["protocol"] = {"name": "improved", "preset": "quick"}
    runs.check_alike(records)
    records[0]["settings"] = records[0]["settings"] | {"learning_rate": 0.01}  # one of two seeds
    with pytest.raises(ValueError, match="records must share their settings"):
        runs.check_alike(records)
