"""Ablations: arms that differ in one thing, fair few labels, runs that go on, tables that say what they are."""

import copy
import dataclasses
import functools
import hashlib
import json
import os
import re
import signal
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from made_up import made_up

from medkit import ablate, experiment, paper, reproduce, sets
from medkit._check import MedkitInputError
from medkit.ablate import command, labels, plans, runs, show, source, studies
from medkit.claims import gather
from medkit.data.container import ImageSet, Split
from medkit.data.phantom import phantom
from medkit.pretrain import start_from
from medkit.runs import headline
from medkit.settings import Settings
from medkit.transfer import fingerprint

pytestmark = pytest.mark.filterwarnings("error")
TINY = dataclasses.replace(
    studies.PRESETS["quick"], settings=dataclasses.replace(studies.PRESETS["quick"].settings, epochs=5),
    size=32, limit=60, phantoms=(36, 18, 36), seeds=1,
)  # fmt: skip
CPU = torch.device("cpu")
LOADED = functools.cache(sets.load)  # phantoms are made once


def start(*arguments):
    return command.main([*map(str, arguments), "--device", "cpu"])


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Small runs."""
    monkeypatch.setitem(studies.PRESETS, "quick", TINY)
    monkeypatch.setattr(sets, "load", LOADED)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """All studies on phantoms by one command, and what each training was given and left behind."""
    out, seen, fit = tmp_path_factory.mktemp("ablations"), [], experiment.fit

    def noted(model, image, label, mask, settings, **rest):
        before = fingerprint(model)
        history = fit(model, image, label, mask, settings, **rest)
        run = str(rest["folder"].parent.relative_to(out)).replace("checkpoints/", "")
        given = {"image": digest(image), "label": digest(label), "mask": digest(mask), "seed": rest["seed"]}
        seen.append(SimpleNamespace(run=run, before=before, after=fingerprint(model), settings=settings, given=given))
        return history

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(studies.PRESETS, "quick", TINY)
        patch.setattr(experiment, "fit", noted)
        patch.setattr(sets, "load", LOADED)
        assert start("--data", "phantom", "--out", out) == 0
    trained = {run.run.removeprefix("ablation-").replace("-phantom", ""): run for run in seen}
    return SimpleNamespace(out=out, trained=trained, records={name: records_in(out, name) for name in studies.STUDIES})


def records_in(out, study, key="phantom"):
    folder = out / f"ablation-{study}-{key}"
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def digest(tensor):
    return hashlib.sha256(tensor.cpu().contiguous().numpy().tobytes()).hexdigest()


def plan_of(study, out, name="phantom"):
    return plans.plan(study, name, "quick", CPU, out)


# --- the studies ------------------------------------------------------------------------------


def differing(arm, other):
    """What two arms do otherwise; frozen is a part of how a pretrained arm goes on."""
    names = [field.name for field in dataclasses.fields(arm) if field.name != "name"]
    return [name for name in names if getattr(arm, name) != getattr(other, name)]


@pytest.mark.parametrize("study", studies.STUDIES.values(), ids=lambda study: study.name)
def test_each_study_answers_a_claim_with_arms_that_differ_in_one_thing(study):
    assert all(paper.find(claim) for claim in study.claims) and study.question.endswith("?")
    assert len({arm.name for arm in study.arms}) == len(study.arms) > 1
    assert {arm.model for arm in study.arms} <= set(experiment.MODELS | experiment.VARIANTS)
    for arm in study.arms[1:]:
        nearest = [differing(arm, other) for other in study.arms if other is not arm]
        assert min(map(len, nearest)) == 1
    assert set(study.data) <= {*sets.PHANTOMS, *sets.REAL}


def test_an_arm_that_changes_two_things_would_be_found():
    plain, other = studies.Arm("one"), studies.Arm("two", model="CNN", augmented=False)
    assert differing(plain, other) == ["model", "augmented"] and not differing(plain, studies.Arm("three"))


def test_preparation_is_two_by_two():
    found = {arm.name: arm.preparation for arm in studies.PREPARATION.arms}
    ways = {name: (preparation.kernel != "none", preparation.scale != "none") for name, preparation in found.items()}
    assert ways == {"both": (True, True), "denoise only": (True, False), "normalise only": (False, True),
                    "neither": (False, False)}  # fmt: skip


@pytest.mark.parametrize("name", studies.PRESETS)
def test_presets_keep_table_3_and_have_three_seeds(name, monkeypatch):
    monkeypatch.undo()
    preset = studies.PRESETS[name]
    table_3 = dataclasses.replace(preset.settings, epochs=50, augment=None)
    assert table_3 == Settings(batch_size=32, learning_rate=1e-3, epochs=50)
    assert preset.settings.augment is not None and preset.seeds >= 2 + (name != "small")
    assert not any(count % 6 for count in preset.phantoms) and preset.phantoms[0] > max(studies.LABELS)


# --- what the runs were given -----------------------------------------------------------------


def test_arms_start_from_the_same_weights_and_see_the_same_images_in_the_same_order(done):
    whole = done.trained["attention/softmax-seed0"]
    for arm in ("convolution", "printed", "uniform"):
        other = done.trained[f"attention/{arm}-seed0"]
        assert other.given == whole.given and other.settings == whole.settings
        shared = {name for name in whole.before if not name.startswith("attention.")}
        assert {name: other.before[name] for name in shared} == {name: whole.before[name] for name in shared}
    for count in ("25", "all"):
        plain = done.trained[f"augmentation/plain-{count}-seed0"]
        tuned, frozen = (done.trained[f"transfer/{arm}-{count}-seed0"] for arm in ("tuned", "frozen"))
        assert plain.given == frozen.given == tuned.given and plain.before == whole.before
        assert dataclasses.replace(plain.settings, augment=TINY.settings.augment) == tuned.settings == whole.settings
    assert done.trained["transfer/tuned-25-seed0"].given != whole.given


def test_preparations_differ_in_the_images_alone(done):
    names = ("normalise-only", "denoise-only", "neither")
    arms = [done.trained["attention/softmax-seed0"], *(done.trained[f"preparation/{name}-seed0"] for name in names)]
    assert len({arm.given.pop("image") for arm in copy.deepcopy(arms)}) == 4
    assert len({json.dumps([arm.given["label"], arm.given["mask"], arm.given["seed"]]) for arm in arms}) == 1
    assert all(arm.before == arms[0].before and arm.settings == arms[0].settings for arm in arms)


def moved(run, part):
    return [name for name in run.before if name.startswith(part) and run.before[name] != run.after[name]]


@pytest.mark.parametrize("count", ["25", "all"])
def test_a_frozen_encoder_keeps_every_byte_and_a_tuned_one_does_not(done, count):
    tuned, frozen = (done.trained[f"transfer/{arm}-{count}-seed0"] for arm in ("tuned", "frozen"))
    encoder = [name for name in frozen.before if name.startswith("encoder.")]
    assert not moved(frozen, "encoder.") and moved(tuned, "encoder.") == encoder
    assert moved(frozen, "label_head.") and moved(frozen, "attention.")
    assert tuned.before == frozen.before
    scratch = done.trained["augmentation/plain-all-seed0"]  # the seed's first weights
    assert all(scratch.before[name] != tuned.before[name] for name in encoder)
    assert all(scratch.before[name] == tuned.before[name] for name in tuned.before if name.startswith("label_head."))


def test_a_start_without_frozen_parts_holds_nothing(done, tmp_path):
    plan = plan_of(studies.TRANSFER, tmp_path)
    run = plans.Run(studies.TRANSFER.arms[1], None, 0)
    learned = source.Source(plan, progress=None).learned(run)
    model = experiment.build("hybrid", plan.task_of(run), 0)
    source.begin(model, learned, ())
    assert all(weight.requires_grad for weight in model.parameters())
    other = experiment.build("hybrid", plan.task_of(run), 0)
    start_from(other, learned)
    assert fingerprint(model) == fingerprint(other)


# --- few labels -------------------------------------------------------------------------------


def made(sizes, scored=None):
    """A set of groups with so many images; a group's class is its number's remainder."""
    group = torch.tensor([number for number, size in enumerate(sizes) for _ in range(size)])
    label = group % 3
    image = torch.arange(len(group)).float()[:, None, None, None].expand(-1, 1, 8, 8)
    names = ("",) * len(group)
    return ImageSet("made", "phantom", "MRI", image, label, ("a", "b", "c"), None, group, "patient", names, "", scored)


@pytest.mark.parametrize("seed", range(5))
def test_fewer_labels_are_among_the_more_in_whole_groups_with_equal_classes(seed):
    data = made([1, 2, 1, 3, 1, 1, 2, 1, 4] * 12)
    drawn = labels.nested(data, studies.LABELS, seed)
    chosen = [set(index.tolist()) for index in drawn.values()]
    assert [len(one) for one in chosen] == [25, 50, 100, len(data)]  # 192 images are all there are
    assert all(few < many for few, many in zip(chosen, chosen[1:]))
    for index in list(drawn.values())[:3]:
        inside = set(index.tolist())
        for number in data.group[index].unique():
            assert {int(i) for i in (data.group == number).nonzero()} <= inside
        counts = data.label[index].bincount(minlength=3)
        assert counts.max() - counts.min() <= 4  # the largest group
    alone = labels.nested(data, (25,), seed)[25]
    assert torch.equal(alone, drawn[25])  # larger counts do not change the smaller


def test_classes_are_equal_within_one_where_each_image_is_a_group():
    data = made([1] * 300)
    counts = [sorted(data.label[index].bincount().tolist()) for index in labels.nested(data, (25, 50), 3).values()]
    assert counts == [[8, 8, 9], [16, 17, 17]]


def test_another_seed_draws_others_and_the_same_seed_the_same():
    data = phantom(120, size=32)
    first, again, other = (labels.nested(data, (25,), seed)[25].tolist() for seed in (0, 0, 1))
    assert first == again != other and len(first) == 24  # patients have two slices
    random_state = torch.random.get_rng_state()
    labels.nested(data, (25,), 2)
    assert torch.equal(random_state, torch.random.get_rng_state())


def test_images_whose_label_must_not_be_used_take_no_place():
    scored = torch.ones(60, dtype=torch.bool)
    scored[:30:2] = False  # groups of two: the first 15 groups
    data = made([2] * 30, scored=scored)
    drawn = labels.nested(data, (12, 25), 0)
    assert all(index.min() >= 30 for index in drawn.values())
    assert labels.nested(made([2] * 30, scored=torch.zeros(60, dtype=torch.bool)), (12,), 0)[12].numel() == 12


def test_groups_too_large_for_a_count_are_refused_by_name():
    with pytest.raises(ValueError, match="one patient of each class, got 25; take larger counts"):
        labels.nested(made([30] * 9), (25, 50), 0)
    with pytest.raises(ValueError, match="got 25"):
        labels.nested(made([10] * 9), (25, 50), 0)  # two of three classes
    assert len(labels.nested(made([10] * 9), (30,), 0)[30]) == 30


def test_few_labels_get_the_steps_of_all_and_touch_nothing_else(tmp_path):
    plan = plan_of(studies.AUGMENTATION, tmp_path)
    plain, augmented = studies.AUGMENTATION.arms
    whole, few = plan.task_of(plans.Run(plain, None, 0)), plan.task_of(plans.Run(plain, 25, 0))
    index = labels.nested(whole.train, (25,), 0)[25]
    assert len(few.image) == len(few.train) == 36
    shown = Counter(digest(image) for image in few.image)
    assert set(shown) == {digest(image) for image in whole.image[index]} and set(shown.values()) == {1, 2}
    for i in range(36):  # labels and masks came along
        at = index[i % 24]
        assert torch.equal(few.image[i], whole.image[at]) and torch.equal(few.train.mask[i], whole.train.mask[at])
        assert few.train.label[i] == whole.train.label[at]
    assert few.val is whole.val and few.test is whole.test and few.val_image is whole.val_image
    changed = {name for name in whole.facts if whole.facts[name] != few.facts[name]}
    assert changed == {"train", "sha256"} and few.facts["train"] == 24
    assert few.facts["sha256"]["test"] == whole.facts["sha256"]["test"]
    other = plan.task_of(plans.Run(augmented, 25, 0))
    assert torch.equal(other.image, few.image)
    assert not torch.equal(plan.task_of(plans.Run(plain, 25, 1)).image, few.image)


def test_counts_above_what_there_is_fall_away(tmp_path):
    plan = plan_of(studies.AUGMENTATION, tmp_path)
    assert [run.labels for run in plan.runs([0])] == [25, 25, None, None]
    assert [str(run) for run in plan.runs([3])][:2] == ["plain, 25 labels, seed 3", "augmented, 25 labels, seed 3"]


# --- the source of transfer -------------------------------------------------------------------


@pytest.mark.parametrize("modality, expected", [
    ("MRI", {"CT", "ultrasound"}), ("CT", {"MRI", "ultrasound"}), ("ultrasound", {"MRI", "CT"}),
    ("MRI + CT + ultrasound", {"MRI", "CT", "ultrasound"}), ("unknown", {"MRI", "CT", "ultrasound"}),
])  # fmt: skip
def test_the_source_leaves_out_the_targets_modality_and_its_patients(modality, expected):
    target = phantom(36, size=32, seed=sets.SPLIT_SEED)
    task = SimpleNamespace(facts={"modality": modality}, image=target.image)
    images = source.Source(SimpleNamespace(preset="quick", tasks={0: task})).images
    assert set(images.modality.split(" + ")) == expected and len(images) == source.TIMES * 36
    assert not set(images.group.tolist()) & set(target.group.tolist())
    assert (images.mask is None) == (len(expected) == 3)  # textures ask for no lesion
    see = studies.Arm("any").preparation.fitted_to(images)(images)
    ct = torch.tensor([name.startswith("CT") for name in images.name])
    assert see.amin() == 0 and see.amax() == 1
    if ct.any():  # air and dense bone fill both ends of the window
        assert images.image[ct].amin() < -900 and (see[ct] == 0).double().mean() > 0.1


def test_the_source_is_learned_once_for_each_seed_and_says_that_it_is_not_imagenet(done, tmp_path):
    records = done.records["transfer"]
    for name, record in records.items():
        assert ("pretraining" in record) == (not name.startswith("scratch"))
        assert record["left_out"] == ["ImageNet weights, which the paper's method names"]
    pretrained = [record["pretraining"] for name, record in records.items() if not name.startswith("scratch")]
    assert all(one == pretrained[0] for one in pretrained) and pretrained[0]["seconds"] > 0
    assert {record["arm"].get("source") for record in records.values()} == {None, pretrained[0]["source"]}
    assert "not ImageNet, not patients" in pretrained[0]["source"]
    assert pretrained[0]["settings"] | {"report_epochs": [1, 2, 3, 4, 5]} == records["tuned-all-seed0"]["settings"]
    plan = plan_of(studies.TRANSFER, tmp_path)
    found, tuned, frozen = source.Source(plan, None), *(plans.Run(arm, 25, 4) for arm in studies.TRANSFER.arms[1:])
    assert found.learned(tuned) is found.learned(frozen) and found.learned(tuned._replace(seed=5)).seed == 5


# --- records ----------------------------------------------------------------------------------


def test_each_run_has_a_record_that_says_its_study_arm_and_protocol(done):
    assert set(done.records["attention"]) == {f"{arm.name}-seed0" for arm in studies.ATTENTION.arms}
    assert "normalise-only-seed0" in done.records["preparation"]
    counts = {f"{arm}-{count}-seed0" for arm in ("plain", "augmented") for count in ("25", "all")}
    assert set(done.records["augmentation"]) == counts
    printed = done.records["attention"]["printed-seed0"]
    assert printed["study"] == "attention" and printed["arm"] == {"name": "printed"}
    assert printed["model"] == "hybrid, as printed" and printed["data"]["key"] == "phantom"
    described = reproduce.Plan(None, "quick", "paper", studies.ATTENTION.arms[2].preparation, {}, None).described()
    assert printed["protocol"] == described and described["name"] == "paper"
    few = done.records["augmentation"]["plain-25-seed0"]
    assert few["arm"] == {"name": "plain", "labels": 25} and few["data"]["train"] == 24
    assert few["protocol"] == described | {"labels": labels.SAID} and few["settings"]["augment"] is None
    assert done.records["augmentation"]["plain-all-seed0"]["arm"]["labels"] == 36
    assert not list((done.out / "ablation-transfer-phantom" / "checkpoints").iterdir())


def test_all_that_differs_between_arms_is_what_the_study_is_about(done):
    allowed = {
        "attention": {"model", "arm", "parameters"},
        "preparation": {"protocol", "arm", "shared"},
        "augmentation": {"settings", "arm", "shared"},
        "transfer": {"arm", "pretraining", "shared", "parameters"},  # those that learn
    }
    outcome = {"loss", "validation", "result", "weights", "clock", "notes"}
    for study, records in done.records.items():
        alike = [record for name, record in records.items() if "-25-" not in name]
        for record in alike[1:]:
            names = {name for name in record.keys() | alike[0].keys() if record.get(name) != alike[0].get(name)}
            assert names - outcome <= allowed[study] and "arm" in names


def test_records_count_for_the_claims(done):
    records = [record for found in done.records.values() for record in found.values()]
    evidence = gather(records)
    for study, arms in {"attention": 4, "preparation": 4, "augmentation": 4, "transfer from a substitute": 6}.items():
        (trial,) = evidence.of("phantom", study)
        assert len(trial.runs) == arms and trial.key == "phantom"
    (trial,) = evidence.of("phantom", "augmentation")
    assert {run["arm"]["labels"] for run in trial.arm("plain")} == {25, 36}
    assert len(evidence.of("phantom", "transfer")[0].runs) == 2  # from scratch alone: no source was ImageNet


def test_the_same_training_in_two_studies_is_made_once(done, tmp_path):
    found = {f"{study}/{name}": record for study, those in done.records.items() for name, record in those.items()}
    shared = {name: record.get("shared") for name, record in found.items()}
    assert shared["preparation/both-seed0"] == "ablation-attention-phantom/softmax-seed0.json"
    assert shared["transfer/scratch-25-seed0"] == "ablation-augmentation-phantom/augmented-25-seed0.json"
    assert sum(one is not None for one in shared.values()) == 4 == len(shared) - len(done.trained)
    assert not shared["augmentation/plain-all-seed0"] and not shared["transfer/tuned-all-seed0"]
    both = dataclasses.replace(studies.PREPARATION, arms=studies.PREPARATION.arms[:1])
    (alone,) = runs.run_all(plan_of(both, tmp_path), [0], progress=None)  # nothing beside it: trained
    taken = done.records["preparation"]["both-seed0"]
    assert "shared" not in alone and taken["weights"] == alone["weights"] and taken["result"] == alone["result"]
    assert taken["study"] == "preparation" and taken["arm"] == {"name": "both"}


@pytest.mark.parametrize("change", [
    {"seed": 1}, {"settings": {}}, {"protocol": {}}, {"model": "CNN"}, {"data": {"sha256": {}}}, {"pretraining": {}},
    None,
])  # fmt: skip
def test_a_training_that_differs_is_not_taken_over(done, tmp_path, change):
    beside = tmp_path / "ablation-attention-phantom"
    beside.mkdir()
    good = done.records["attention"]["softmax-seed0"]
    plan = plan_of(studies.PREPARATION, tmp_path)
    run = plan.runs([0])[0]
    (beside / "softmax-seed0.json").write_text(json.dumps(good), encoding="utf-8")
    assert runs._elsewhere(plan, run)["weights"] == good["weights"]
    (beside / "softmax-seed0.json").write_text("{" if change is None else json.dumps(good | change), encoding="utf-8")
    assert runs._elsewhere(plan, run) is None


def test_what_is_there_is_not_run_again(done, capsys):
    before = {path: path.read_bytes() for path in done.out.rglob("*.json")}
    assert start("--data", "phantom", "--study", "transfer", "attention", "--out", done.out) == 0
    again = capsys.readouterr()
    assert "Run " not in again.err and "step/s" not in again.err and "transfer (K13)" in again.out
    assert {path: path.read_bytes() for path in done.out.rglob("*.json")} == before


def test_a_stopped_study_goes_on_to_the_same_records(tmp_path, monkeypatch, capsys):
    frozen = dataclasses.replace(studies.TRANSFER, arms=studies.TRANSFER.arms[2:], labels=(), data=("phantom",))
    monkeypatch.setitem(studies.STUDIES, "transfer", frozen)
    monkeypatch.setattr(source, "TIMES", 1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    real, calls = experiment.evaluate, []

    def stop(*arguments):
        calls.append(1)
        if len(calls) in (2, 8):  # in the second epoch of each seed, of five
            signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(experiment, "evaluate", stop)
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    try:
        for _ in range(2):
            assert start("--study", "transfer", "--seeds", 0, 1, "--out", stopped) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert "start the same command again" in capsys.readouterr().err
    assert start("--study", "transfer", "--seeds", 0, 1, "--out", stopped) == 0
    assert len(calls) == 10 + 2  # but for the stopped epoch, nothing is measured again
    assert start("--study", "transfer", "--seeds", 0, 1, "--out", whole) == 0
    for one, other in zip(*(records_in(folder, "transfer").values() for folder in (stopped, whole)), strict=True):
        for record in (one, other):
            record.pop("clock"), record["pretraining"].pop("seconds")
        assert one == other


@pytest.mark.parametrize("change, message", [
    ({"protocol": {"preset": "other"}}, "plain-25-seed0.json is a record of another protocol; delete it, or"),
    ({"left_out": []}, "is a record of another protocol"),
    ({"settings": {"epochs": 5}}, "is a record of another settings"),
    ({"data": {"sha256": {}}}, "is a record of another set of images"),
    ({"seed": 3}, "is a record of another run"),
    ({"study": "transfer"}, "is a record of another run"),
    ({"arm": {"name": "plain", "labels": 50}}, "is a record of another run"),
    ({"arm": {"name": "augmented", "labels": 25}}, "is a record of another run"),
    ({"arm": "plain"}, "is no record of an ablation's run"),
    ("{", "is no record of an ablation's run"),
    ("[]", "is no record of an ablation's run"),
])  # fmt: skip
def test_a_foreign_record_is_refused_by_name(done, tmp_path, change, message):
    plan, good = plan_of(studies.AUGMENTATION, tmp_path), done.records["augmentation"]["plain-25-seed0"]
    run = plan.runs([0])[0]
    path = plan.path_of(run)
    path.parent.mkdir()
    path.write_text(json.dumps(good), encoding="utf-8")
    assert runs.read(path, plan, run) == good
    path.write_text(change if isinstance(change, str) else json.dumps(good | change), encoding="utf-8")
    with pytest.raises(MedkitInputError, match=message):
        runs.read(path, plan, run)


def test_a_foreign_record_is_found_before_any_training(tmp_path, capsys):
    folder = tmp_path / "ablation-attention-phantom"
    folder.mkdir()
    (folder / "uniform-seed0.json").write_text("{", encoding="utf-8")
    assert start("--study", "attention", "--data", "phantom", "--out", tmp_path) == 2
    error = capsys.readouterr().err
    assert "uniform-seed0.json is no record of an ablation's run; delete it" in error and "step/s" not in error


def test_processes_share_the_runs(tmp_path, monkeypatch):
    plan = plan_of(studies.ATTENTION, tmp_path)
    made_here = []
    monkeypatch.setattr(runs, "_trained", lambda plan, run, *rest: made_here.append(run.arm.name) or {})
    monkeypatch.setattr(runs, "read", lambda path, plan, run: {})
    assert len(runs.run_all(plan, [0], rank=1, processes=2)) == 2 and made_here == ["convolution", "uniform"]
    assert len(runs.run_all(plan, [0], rank=0, processes=2)) == 4 and made_here[2:] == ["softmax", "printed"]


# --- the command ------------------------------------------------------------------------------


def test_the_command_writes_a_table_for_each_study_and_tells_where_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(studies.STUDIES, "augmentation", dataclasses.replace(studies.AUGMENTATION, labels=()))
    assert start("--study", "augmentation", "--data", "phantom", "--seeds", "4", "4", "--out", tmp_path) == 0
    out = capsys.readouterr()
    assert "Part 1 of 1, augmentation on phantom · Run 2 of 2: augmented, seed 4 · about" in out.err
    text = (tmp_path / "ablation-augmentation-phantom" / "tables.txt").read_text(encoding="utf-8")
    assert text in out.out + "\n" and "tier: phantom" in text and "seeds 4" in text
    page = (tmp_path / "ablation-augmentation-phantom" / "tables.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and "augmentation (K12)" in page


def test_real_breast_ultrasound_end_to_end(tmp_path, capsys, monkeypatch):
    if "MEDKIT_DATA" not in os.environ:
        pytest.skip("MEDKIT_DATA is not set")
    monkeypatch.setitem(studies.STUDIES, "transfer", dataclasses.replace(studies.TRANSFER, labels=(25,)))
    assert start("--study", "transfer", "--data", "us", "--out", tmp_path) == 0
    text, records = capsys.readouterr().out, records_in(tmp_path, "transfer", "us")
    assert "tier: real" in text and "25 labels · frozen" in text and "phantom MRI and CT: lesions" in text
    few = [record for name, record in records.items() if "-25-" in name]
    assert {record["data"]["train"] for record in few} == {25} and len({json.dumps(r["data"]) for r in few}) == 1
    assert all(record["data"]["unit"] == "duplicate group" for record in few)


@pytest.mark.parametrize("arguments, message", [
    (["--data", "nothing-here"], "nothing-here is neither a data set nor a folder"),
    (["--data", "us"], "us needs the environment variable MEDKIT_DATA"),
])  # fmt: skip
def test_unknown_data_is_one_sentence(tmp_path, arguments, message, capsys, monkeypatch):
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    monkeypatch.setattr(sets, "load", LOADED.__wrapped__)
    assert start(*arguments, "--study", "attention", "--out", tmp_path) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error and not list(tmp_path.rglob("*.json"))


def test_a_set_of_a_few_large_patients_is_refused_for_few_labels(tmp_path, monkeypatch):
    data = dataclasses.replace(phantom(120, size=32), group=torch.arange(120) // 40)
    sides = Split(*(dataclasses.replace(data, group=data.group + 10 * side) for side in range(3)))
    facts = {"key": "big", "leaks": [], "leaks_allowed": False}
    monkeypatch.setattr(sets, "load", lambda *arguments: sets.Loaded(sides, facts))
    with pytest.raises(MedkitInputError, match="too few groups for this study; counts must have room for one patient"):
        plan_of(studies.TRANSFER, tmp_path, "big")
    assert plan_of(studies.ATTENTION, tmp_path, "big").out.name == "ablation-attention-big"


def test_cuda_without_a_gpu_and_a_bad_place_are_said_before_anything_is_loaded(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert command.main(["--device", "cuda"]) == 2 and "needs a CUDA GPU" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert start("--out", tmp_path / "file") == 2
    error = capsys.readouterr().err
    assert "can't be written" in error and "loading" not in error


# --- the table --------------------------------------------------------------------------------


def planted(study, arm, seed, wrong=0, count=None, **kwargs):
    """A record whose answers are right but for the first images, the same for all seeds."""
    record = made_up("hybrid", seed, **kwargs) | {"study": study, "arm": {"name": arm}}
    record["data"] |= {"key": "made", "val": 9, "leaks": [], "leaks_allowed": False}
    record["protocol"] = {"name": "paper", "preset": "quick"}
    if count is not None:
        record["arm"]["labels"] = count
        record["data"]["train"] = count
    for row in record["result"]:
        row["pred"] = [(label + (i < wrong)) % 3 for i, label in enumerate(record["data"]["truth"]["label"])]
        row["dice_each"] = row["dice_each"] and [None if v is None else 0.5 for v in row["dice_each"]]
    return record


def lines_of(text, word):
    return [line for line in text.splitlines() if line.strip().startswith(word)]


def test_a_table_gives_each_arms_mean_and_its_paired_difference():
    arms = (("softmax", 0), ("printed", 14))
    records = [planted("attention", arm, seed, wrong) for arm, wrong in arms for seed in (0, 1)]
    text = show.render(records)
    scored = [i % 7 > 0 for i in range(60)]
    expected = 100 * sum(scored[14:]) / sum(scored)
    (softmax,), (printed,) = (lines_of(text, word) for word in ("softmax", "printed"))
    assert "100.0 [100.0, 100.0]" in softmax and " - " in softmax
    assert f"{expected:.1f} [" in printed and f"{expected - 100:+.1f} [-" in printed and "+0.0 [+0.0, +0.0]" in printed
    assert "attention (K9, K10) · made up · MRI · tier: phantom · 32 × 32 pixels" in text
    assert "n = 51 test images (Dice 60), 60 test units (patient), seeds 0, 1" in text
    assert "less softmax [95 %]" in text and "short run: 10 of 50 epochs" in text and "no patients" in text
    assert "too narrow" not in text and "Fewer than 5 seeds" in text


def test_a_table_over_labels_compares_arms_with_as_many():
    records = [
        planted("augmentation", arm, 0, wrong, count)
        for arm, count, wrong in (("plain", 25, 30), ("augmented", 25, 15), ("plain", 200, 2), ("augmented", 200, 2))
    ]
    records[0]["data"]["train"] = records[1]["data"]["train"] = 24
    text = show.render(records)
    rows = lines_of(text, "25 labels ·") + lines_of(text, "200 labels ·")
    assert "+25.5 [" in rows[1] and "+0.0 [+0.0, +0.0]" in rows[3]
    assert "25 labels: 24 images, for groups stay whole" in text and "200 labels: " not in text
    assert "same optimiser steps" in text


def test_a_table_of_transfer_shows_the_early_rows_and_the_source():
    records = [planted("transfer", arm, 0, 0, 25) for arm in ("scratch", "frozen")]
    records[1]["arm"]["source"] = "phantom MRI and CT: lesions, 72 images (phantom), not ImageNet, not patients"
    records[1]["pretraining"] = {"seconds": 12.4}
    records[0]["result"][0]["pred"] = [0] * 60
    text = show.render(records)
    assert "accuracy after a fifth of the run, %" in text and "+66.7 [" in lines_of(text, "25 labels · frozen")[0]
    assert "Source, in place of ImageNet: phantom MRI and CT: lesions" in text and "in 12 s" in text
    assert "after a fifth" not in show.render([planted("attention", "softmax", 0)])


def test_a_table_reads_balanced_accuracy_where_one_class_dominates_and_no_dice_without_masks():
    records = [planted("preparation", arm, seed, 5, masks=False) for arm in ("both", "neither") for seed in (0, 2)]
    for record in records:
        record["data"] |= {"dominated": True, "tier": "real", "unit": "image, patients unknown"}
    assert headline(records[0]["data"]) == "balanced_accuracy"
    text = show.render(records)
    assert "balanced accuracy, %" in text and "Dice" not in text and "tier: real" in text
    assert "seeds 0, 2; intervals are probably too narrow" in text and "no patients" not in text
    assert "did best on validation images" not in text
    for row in records[0]["result"]:
        row |= {"cut": 0.3, "pred_cut": row["pred"]}
    assert "by the probability that did best on validation images" in show.render(records)


def test_a_table_says_where_seeds_or_values_are_missing():
    arms = (("softmax", 0), ("printed", 1), ("uniform", 0), ("uniform", 1))
    records = [planted("attention", arm, seed) for arm, seed in arms]
    for record in records:
        for row in record["result"]:
            row["dice_each"] = [None] * 60
    text = show.render(records)
    assert "no common seed" in lines_of(text, "printed")[0] and "none" in lines_of(text, "softmax")[0]
    assert "not all in each arm: 1 to 2" in text
    records[0]["data"] |= {"leaks": ["x"], "leaks_allowed": True}
    assert "LEAKY" in show.render(records)


@pytest.mark.parametrize("change, message", [
    (lambda r: r["protocol"].update(preset="class"), "must share preset, epochs and test images"),
    (lambda r: r["settings"].update(epochs=20), "must share preset, epochs"),
    (lambda r: r["data"]["sha256"].update(test="other"), "must share preset, epochs"),
    (lambda r: r["arm"].update(name="softmax"), "must be different runs, got .*softmax.* twice"),
    (lambda r: r.update(study="colour"), "must be of attention, preparation, augmentation, transfer, backbones, imagenet, got others"),
])  # fmt: skip
def test_records_that_do_not_belong_together_are_refused(change, message):
    records = [planted("attention", "softmax", 0), planted("attention", "printed", 0)]
    assert show.render(records)
    change(records[1])
    with pytest.raises(ValueError, match=message):
        show.render(records)
    with pytest.raises(ValueError, match="got others or none"):
        show.render([])


def test_the_interval_of_a_difference_is_paired():
    """Two arms that fail on nearly the same images differ by less than their own intervals suggest."""
    first, second = ([planted("attention", "", seed, wrong) for seed in (0, 1, 2)] for wrong in (30, 29))
    cells = show._cells(second, first, show.Column("", "accuracy", -1))
    value, difference = ([float(number) for number in re.findall(r"[-+]?[\d.]+", cell)] for cell in cells)
    assert value[2] - value[1] > 20 and 0 < difference[2] - difference[1] < 10


def test_the_package_offers_what_a_notebook_needs():
    assert set(ablate.STUDIES) == {"attention", "preparation", "augmentation", "transfer"}
    assert ablate.main is command.main and ablate.render is show.render and ablate.nested is labels.nested
