"""Verdicts on steps of the method, on time, and on what needs no run: each rule comes out each way."""

import pytest
import torch
from planted import arms, planted, world

from medkit import augment, paper, transfer
from medkit.attention import attention_weights
from medkit.claims import VERDICTS, ablations, alone, clocks, deployed, gather, ledger
from medkit.claims.questions import FAILS, HOLDS, OPEN, Compared
from medkit.intervals import Interval
from medkit.normalise import percentile

pytestmark = pytest.mark.filterwarnings("error")
REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, CONTRADICTS, UNTESTABLE = VERDICTS


def judge(claim, records):
    return ledger(records, [claim])[0]


def said(claim, records):
    return judge(claim, records).verdict


# --- ablations --------------------------------------------------------------------------------


@pytest.mark.parametrize("softmax, wanted", [(0.85, REPRODUCED), (0.55, NOT_REPRODUCED), (0.71, INCONCLUSIVE)])
def test_k9_attention_against_a_convolution(softmax, wanted):
    right = {"softmax": softmax, "convolution": 0.7, "printed": 0.7, "uniform": 0.7}
    found = judge("K9", arms("attention", right, n=60))
    assert found.verdict == wanted
    assert {file.split("/")[-1].split("-")[0] for file in found.records} == {"softmax", "convolution"}


def test_k9_needs_masks_and_both_metrics():
    right = {"softmax": 0.85, "convolution": 0.7}
    assert said("K9", arms("attention", right, n=60, masks=False)) is None
    assert said("K9", arms("attention", right, sets=("us",), n=60)) == REPRODUCED  # one set by patients is enough
    assert said("K9", arms("attention", right, n=60, unit="duplicate group")) == INCONCLUSIVE
    assert said("K9", arms("attention", right, n=60, dice=0.7)) != REPRODUCED  # accuracy alone
    assert "`python3 -m medkit ablate --study attention --data lung`" in judge("K9", []).why


@pytest.mark.parametrize("printed, wanted", [
    (0.85, REPRODUCED), (0.71, REPRODUCED), (0.55, NOT_REPRODUCED), (0.692, INCONCLUSIVE),
])  # fmt: skip
def test_k10_printed_scores_are_no_worse_or_worse(printed, wanted):
    right = {"softmax": 0.7, "printed": printed}
    assert said("K10", arms("attention", right, n=300, sets=("ct",), flips=0)) == wanted


@pytest.mark.parametrize("right, wanted", [
    ({"both": 0.85, "denoise only": 0.7, "normalise only": 0.6, "neither": 0.5}, REPRODUCED),
    ({"both": 0.85, "denoise only": 0.7, "normalise only": 0.95, "neither": 0.5}, NOT_REPRODUCED),
    ({"both": 0.85, "denoise only": 0.95, "normalise only": 0.7, "neither": 0.5}, NOT_REPRODUCED),
])  # fmt: skip
def test_k11_each_step_must_add_to_the_other_in_each_modality(right, wanted):
    assert said("K11", arms("preparation", right, n=60)) == wanted
    assert said("K11", arms("preparation", right, n=60, sets=("mri",))) in (INCONCLUSIVE, NOT_REPRODUCED)
    assert said("K11", arms("preparation", {"both": 0.85, "neither": 0.5}, n=60)) is None


def labelled(first, second, few, many):
    """Shares of two arms with 25 and with 200 labels."""
    return {(first, 25): few[0], (second, 25): few[1], (first, 200): many[0], (second, 200): many[1]}


@pytest.mark.parametrize("few, many, wanted", [
    ((0.8, 0.5), (0.9, 0.88), REPRODUCED),
    ((0.5, 0.8), (0.9, 0.88), NOT_REPRODUCED),  # does harm
    ((0.6, 0.55), (0.9, 0.5), NOT_REPRODUCED),  # helps most where labels are many
    ((0.8, 0.6), (0.8, 0.6), INCONCLUSIVE),  # helps alike
])  # fmt: skip
def test_k12_augmentation_helps_most_where_labels_are_few(few, many, wanted):
    assert said("K12", arms("augmentation", labelled("augmented", "plain", few, many), sets=("ct",), n=100)) == wanted


def test_k12_needs_two_numbers_of_labels():
    one = {("augmented", 25): 0.8, ("plain", 25): 0.5}
    found = judge("K12", arms("augmentation", one, sets=("ct",), n=60))
    assert found.verdict is None and "with two numbers of labels" in found.real


@pytest.mark.parametrize("few, many, wanted", [
    ((0.8, 0.45), (0.95, 0.85), REPRODUCED),
    ((0.5, 0.8), (0.9, 0.88), NOT_REPRODUCED),
    ((0.8, 0.45), (0.85, 0.95), NOT_REPRODUCED),  # slower where labels are many
    ((0.8, 0.6), (0.8, 0.6), INCONCLUSIVE),
])  # fmt: skip
def test_k13_from_imagenet(few, many, wanted):
    right = labelled("frozen", "scratch", few, many)
    records = arms("transfer", right, sets=("ct",), n=100, more={"source": "ImageNet, ResNet-18"})
    assert said("K13", records) == wanted


def test_k13_learning_slowly_is_no_help():
    right = labelled("frozen", "scratch", (0.8, 0.45), (0.95, 0.85))
    source = {"sets": ("ct",), "n": 100, "more": {"source": "ImageNet, ResNet-18"}}
    records = arms("transfer", right, **source)
    slow = arms("transfer", right, rise=(-0.7, -0.3, -0.2, -0.1, 0.0), **source)
    mixed = [late if late["arm"]["name"] == "frozen" else record for record, late in zip(records, slow)]
    found = judge("K13", mixed)
    assert found.verdict == NOT_REPRODUCED and "a fifth of the run with 200 labels: frozen - scratch -" in found.why


def test_one_lead_is_larger_than_another_where_their_intervals_lie_apart():
    def lead(low, high):
        return Compared(Interval((low + high) / 2, low, high, 0.95, 90, 30), 3, ())

    assert ablations._more(lead(5, 9), lead(1, 4)) == HOLDS
    assert ablations._more(lead(1, 4), lead(5, 9)) == FAILS
    assert ablations._more(lead(5, 9), lead(1, 6)) == ablations._more(lead(1, 6), lead(5, 9)) == OPEN


def test_k13_from_a_substitute_cannot_be_tested_and_is_told_apart():
    right = labelled("frozen", "scratch", (0.8, 0.45), (0.95, 0.85))
    records = arms("transfer", right, sets=("ct",), n=60, more={"source": "textures, made here"})
    found = judge("K13", records)
    assert found.verdict == UNTESTABLE and "substitute (textures, made here)" in found.why
    assert "frozen - scratch with 25 labels +" in found.real and not found.records
    made = {"sets": ("phantom",), "n": 60, "tier": "phantom", "more": {"source": "textures"}}
    phantom = judge("K13", arms("transfer", right, **made))
    assert phantom.verdict == UNTESTABLE and "frozen - scratch with 25 labels +" in phantom.phantom and not phantom.real
    scratch = arms("transfer", {("scratch", 25): 0.5}, sets=("ct",), n=60)
    assert said("K13", scratch) is None and said("K13", []) is None


def test_ablations_do_not_mix_with_the_comparison_of_models():
    other = arms("attention", {"softmax": 0.2, "convolution": 0.9}, n=60)
    records = world({"CNN": 0.5, "U-Net": 0.6, "Transformer": 0.7, "hybrid": 0.8}, n=60)
    assert judge("K1", records + other) == judge("K1", records)
    assert judge("K6", records + other) == judge("K6", records)
    assert said("K9", records) is None


def test_phantoms_have_no_say_in_an_ablation():
    right = {"softmax": 0.85, "convolution": 0.7}
    phantoms = arms("attention", right, sets=("phantom",), tier="phantom", n=60)
    assert said("K9", phantoms) is None and "holds" in judge("K9", phantoms).phantom
    real = arms("attention", {"softmax": 0.55, "convolution": 0.7}, sets=("ct",), n=60)
    assert judge("K9", real + phantoms).verdict == said("K9", real) == NOT_REPRODUCED


def test_every_arm_that_is_asked_for_has_a_command():
    for study in ("attention", "preparation", "augmentation", "transfer"):
        assert ablations._command(study).format("ct") == f"python3 -m medkit ablate --study {study} --data ct"


# --- time -------------------------------------------------------------------------------------


def timed(milliseconds, ratios=(1, 1, 1, 1, 1), seeds=3, **changes):
    return [
        planted(model, seed, 0.7, n=20, milliseconds=time, ratios=ratios, **changes)
        for model, time in milliseconds.items()
        for seed in range(seeds)
    ]


AS_PRINTED = {"hybrid": 1.0, "CNN": 2.0, "U-Net": 3.0, "Transformer": 4.0}


@pytest.mark.parametrize("change, wanted", [
    ({}, REPRODUCED),
    ({"hybrid": 5.0}, NOT_REPRODUCED),
    ({"Transformer": 2.5}, NOT_REPRODUCED),  # the fastest is the fastest, but the order is another
    ({"hybrid": 1.99}, INCONCLUSIVE),  # no telling from the CNN
])  # fmt: skip
def test_k6_is_an_order_of_times_that_lie_apart(change, wanted):
    found = judge("K6", timed(AS_PRINTED | change))
    assert found.verdict == wanted and "mri at 64 px on CPU (threads: 2), batch 1: " in found.real


def test_k6_machines_are_never_mixed_and_one_contrary_machine_is_enough():
    slow = timed({model: 100 * time for model, time in AS_PRINTED.items()})
    fast = timed(AS_PRINTED, gpu="H200")
    found = judge("K6", slow + fast)
    assert found.verdict == REPRODUCED and len(found.real.splitlines()) == 4
    other = timed(AS_PRINTED | {"hybrid": 9.0}, gpu="H200")
    found = judge("K6", slow + other)
    assert found.verdict == NOT_REPRODUCED and "CNN before hybrid" in found.real
    half = timed({"hybrid": 1.0, "CNN": 2.0}) + timed({"U-Net": 3.0, "Transformer": 4.0}, gpu="H200")
    assert said("K6", half) is None  # no machine has timed all four


def test_time_needs_no_patients_but_seeds():
    phantoms = timed(AS_PRINTED, key="phantom", tier="phantom", unit="image, patients unknown")
    found = judge("K6", phantoms)
    assert found.verdict == REPRODUCED and found.phantom and not found.real
    few = judge("K6", timed(AS_PRINTED | {"hybrid": 9.0}, seeds=2))
    assert few.verdict == INCONCLUSIVE and "fewer than 3 seeds and no vote" in few.why
    assert "fails" not in few.real and few.records
    assert said("K6", timed(AS_PRINTED, seeds=2) + timed(AS_PRINTED, gpu="H200")) == REPRODUCED
    assert said("K6", timed(AS_PRINTED, protocol="improved")) is None


@pytest.mark.parametrize("ratios, wanted", [
    ((1, 0.95, 0.9, 0.8, 0.7), REPRODUCED),
    ((1, 1, 1, 1, 1), NOT_REPRODUCED),
    ((1, 1, 1, 1, 1.3), NOT_REPRODUCED),
])  # fmt: skip
def test_k7_time_falls_or_is_flat(ratios, wanted):
    assert said("K7", timed(AS_PRINTED, ratios)) == wanted
    assert said("K7", timed(AS_PRINTED, ratios, seeds=2)) == INCONCLUSIVE


def test_k7_noise_about_the_margin_is_inconclusive():
    noisy = timed(AS_PRINTED)
    for record in noisy:
        for time in record["clock"]["time"][-1].values():
            time["seconds"] *= (0.8, 0.9, 1.0)[record["seed"]]
    assert said("K7", noisy) == INCONCLUSIVE


@pytest.mark.parametrize("milliseconds, wanted", [(5.0, REPRODUCED), (50.0, NOT_REPRODUCED), (33.3, INCONCLUSIVE)])
def test_k8_thirty_images_a_second(milliseconds, wanted):
    found = judge("K8", timed({"hybrid": milliseconds}))
    assert found.verdict == wanted and "1.2 s an image are 0.8 a second" in found.why


def test_k8_depends_on_the_machine_where_machines_differ():
    found = judge("K8", timed({"hybrid": 50.0}) + timed({"hybrid": 1.0}, gpu="H200"))
    assert found.verdict == INCONCLUSIVE and "1 of 2 timings say so, 1 say the contrary" in found.why


def test_a_run_without_a_clock_is_passed_over():
    records = timed(AS_PRINTED)
    for record in records:
        record["clock"] = None
    assert clocks.benches(gather(records)) == [] and said("K6", records) is None
    records = timed(AS_PRINTED)
    for record in records:
        for row in record["clock"]["time"]:
            del row["batch 32"]  # fewer than 32 test images
    assert said("K6", records) == REPRODUCED and len(judge("K6", records).real.splitlines()) == 1


# --- exported models --------------------------------------------------------------------------


def exported(milliseconds=5.0, tier="real", cpu="a CPU", turns=3, **change):
    """Return a record of an exported hybrid that takes so long for an image, in every form."""
    turn = [milliseconds / 1000, 0.9 * milliseconds / 1000, 1.1 * milliseconds / 1000]
    forms = {form: [turn] * turns for form in ("PyTorch", "ONNX Runtime")}
    record = {
        "kind": "deploy", "model": "hybrid", "seed": 0, "file": f"results/deploy-{cpu}/hybrid-seed0.json",
        "data": {"tier": tier, "key": "us"}, "machine": {"cpu": cpu},
        "cost": {"size": 128, "parameters": 120_000, "flops": 200_000_000},
        "memory": {"ONNX Runtime": {"peak_bytes": 60 * 2**20}},
        "clock": {"size": 128, "times": {"threads: 1": forms, "threads: 2": forms}},
    }  # fmt: skip
    for path, value in change.items():
        place, name = record, path.split("__")
        for key in name[:-1]:
            place = place[key.replace("_", " ") if key == "ONNX_Runtime" else key]
        place[name[-1]] = value
    return record


def judged(claim, *systems, runs=()):
    return ledger(gather(list(runs), list(systems)), [claim])[0]


@pytest.mark.parametrize("change, wanted, over", [
    ({}, REPRODUCED, None),
    ({"cost__parameters": 3_400_001}, NOT_REPRODUCED, "parameters"),
    ({"cost__flops": 600_000_001}, NOT_REPRODUCED, "FLOPs"),
    ({"memory__ONNX_Runtime__peak_bytes": 512 * 2**20 + 1}, NOT_REPRODUCED, "memory"),
    ({"milliseconds": 50.0}, NOT_REPRODUCED, "one thread"),
    ({"milliseconds": 33.3}, INCONCLUSIVE, None),
    ({"memory__ONNX_Runtime__peak_bytes": None}, INCONCLUSIVE, None),
])  # fmt: skip
def test_k18_all_limits_hold_or_one_is_named(change, wanted, over):
    found = judged("K18", exported(**change))
    assert found.verdict == wanted and found.records == ("results/deploy-a CPU/hybrid-seed0.json",)
    assert ("over the limit: " + str(over) in found.real) == (over is not None)
    assert "120,000" in found.real or over == "parameters"
    assert not found.phantom and "no size of its own" in found.why


def test_k18_one_machine_over_a_limit_is_enough_and_phantoms_stand_apart():
    slow = exported(80.0, cpu="an old CPU")
    assert judged("K18", exported(), slow).verdict == NOT_REPRODUCED
    phantom = judged("K18", exported(tier="phantom"))
    assert phantom.verdict == REPRODUCED and phantom.phantom and not phantom.real  # size and time need no patients
    assert judged("K18").verdict is None and "medkit deploy" in judged("K18").why
    assert judged("K18", exported(model="CNN"), exported(clock__size=64)).verdict is None


@pytest.mark.parametrize("training, milliseconds, wanted", [
    (5.0, 5.0, REPRODUCED), (50.0, 50.0, NOT_REPRODUCED), (5.0, 50.0, INCONCLUSIVE), (50.0, 5.0, INCONCLUSIVE),
])  # fmt: skip
def test_k8_asks_training_runs_and_exported_models_alike(training, milliseconds, wanted):
    found = judged("K8", exported(milliseconds), runs=timed({"hybrid": training}))
    assert found.verdict == wanted and "4 timings at 128 px" in found.why
    assert found.real.count("at 128 px on a CPU, threads: ") == 4
    assert "results/deploy-a CPU/hybrid-seed0.json" in found.records and len(found.records) > 1


def test_limits_are_those_that_the_ledger_prints():
    assert (deployed.MOST_PARAMETERS, deployed.MOST_FLOPS, deployed.MOST_BYTES) == (3_400_000, 600_000_000, 2**29)
    test = judged("K18").test
    for limit in ("3.4 million parameters", "0.6 GFLOPs", "512 MiB", "30 images a second on one thread"):
        assert limit in test


def test_k8_a_measurement_of_few_turns_has_no_vote():
    assert judged("K8", exported(50.0, turns=2), runs=timed({"hybrid": 5.0})).verdict == REPRODUCED
    assert judged("K8", exported(5.0)).verdict == REPRODUCED  # without training runs
    assert judged("K8", exported(5.0, turns=2)).verdict == INCONCLUSIVE


# --- without runs -----------------------------------------------------------------------------


def test_k14_bytes_of_frozen_layers_stay_and_the_usual_way_shows():
    assert alone.frozen().verdict == REPRODUCED and said("K14", []) == REPRODUCED

    def gradients_off(model, *stages):
        for stage in stages:
            model.get_submodule(stage).requires_grad_(False)

    usual = alone.frozen(gradients_off)
    assert usual.verdict == NOT_REPRODUCED and "norm.running_mean" in usual.why and "norm.weight" not in usual.why
    assert alone.frozen(lambda model, *stages: None).verdict == NOT_REPRODUCED
    assert alone.frozen(lambda model, *stages: transfer.freeze(model, *stages, "head")).verdict is None


def test_k14_draws_from_nobody_elses_generator():
    state = torch.get_rng_state()
    alone.frozen()
    assert torch.equal(state, torch.get_rng_state())


def changed(table, model, last):
    column = {**table.column, model: (*table.column[model][:-1], last)}
    return paper.ResultTable(table.number, table.metric, table.unit, column)


def test_k20_headline_and_table():
    assert said("K20", []) == CONTRADICTS and "98.5 %" in judge("K20", []).why
    assert alone.headline(changed(paper.ACCURACY, "hybrid", 98.5)).verdict == UNTESTABLE


def test_k21_and_k22_leads():
    assert said("K21", []) == said("K22", []) == CONTRADICTS
    agree = changed(changed(paper.ACCURACY, "U-Net", 91.0), "Transformer", 92.0)
    assert alone.lead_in_accuracy(agree).verdict == UNTESTABLE
    for others in (79.2, 81.1):  # 10 points, 10 % of theirs
        tenth = paper.DICE
        for model in ("CNN", "U-Net", "Transformer"):
            tenth = changed(tenth, model, others)
        assert alone.lead_in_dice(tenth).verdict == UNTESTABLE
        assert alone.lead_in_dice(changed(tenth, "CNN", 85.0)).verdict == CONTRADICTS


def test_k23_contrast():
    assert said("K23", []) == NOT_REPRODUCED
    assert alone.same_contrast(lambda image: percentile(image, 5, 95)).verdict == REPRODUCED


def test_k24_five_thousand():
    assert said("K24", []) == REPRODUCED
    assert alone.five_thousand(lambda count, seed: augment.plan(count // 2, seed)).verdict == NOT_REPRODUCED


def test_k26_a_lower_score_may_have_more_say():
    assert said("K26", []) == NOT_REPRODUCED
    assert alone.more_score_more_say(attention_weights).verdict == REPRODUCED


def test_k27_and_k28_a_model_that_finds_no_one_ill():
    assert said("K27", []) == NOT_REPRODUCED and "87 % with 13 of 100 ill" in judge("K27", []).why
    assert alone.accuracy_is_enough(ill=50).verdict == UNTESTABLE
    assert said("K28", []) == UNTESTABLE and "micro 0.87, weighted 0.81, macro 0.47" in judge("K28", []).why


def test_k30_no_images_decide():
    assert said("K30", []) == UNTESTABLE
