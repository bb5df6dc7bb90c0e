"""Runs with made images: what each arm is given, that nothing else changes, and what the table and claim say."""

import copy
import dataclasses
import functools
import json
from pathlib import Path

import pytest
import torch

from medkit import experiment, sets
from medkit.ablate import studies
from medkit.claims import ablations, gather
from medkit.synthesise import command, made, run, sheet

pytestmark = pytest.mark.filterwarnings("error")
QUICK = studies.PRESETS["quick"]
TINY = dataclasses.replace(
    QUICK, settings=dataclasses.replace(QUICK.settings, epochs=5), limit=60, phantoms=(48, 24, 36), seeds=1
)
CPU = torch.device("cpu")
STUDY, ARMS = run.STUDY, ("real", "GAN", "Fourier", "histogram")
RESULTS = Path(__file__).resolve().parent.parent / "results"
LOADED = functools.cache(sets.load)


def start(*arguments):
    return command.main([*map(str, arguments), "--device", "cpu"])


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Small runs."""
    _shrink(monkeypatch)


def _shrink(patch):
    patch.setitem(studies.PRESETS, "quick", TINY)
    patch.setattr(sets, "load", LOADED)
    patch.setattr(run, "LABELS", (12, 18))
    patch.setattr(run, "STUDY", dataclasses.replace(run.STUDY, labels=(12, 18)))
    patch.setattr(made, "STEPS", 3)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The whole command on phantoms, with two seeds; and how many images each training was given."""
    out, seen, fit = tmp_path_factory.mktemp("made"), [], experiment.fit

    def noted(model, image, label, mask, settings, **rest):
        seen.append((image.clone(), label.clone(), mask.clone()))
        return fit(model, image, label, mask, settings, **rest)

    with pytest.MonkeyPatch.context() as patch:
        _shrink(patch)
        patch.setattr(experiment, "fit", noted)
        assert start("--data", "phantom", "--seeds", 0, 1, "--out", out) == 0
    return out / "synthesis-phantom", seen


def records_of(folder):
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def work(out):
    return run.prepare("phantom", "quick", CPU, out)


def given(out, arm, count=12, seed=0):
    plan = work(out)
    wanted = next(r for r in plan.runs([seed]) if r.arm.name == arm and r.labels == count)
    return plan, wanted, plan.plan.task_of(wanted)


def test_every_arm_count_and_seed_has_its_record(done):
    folder, _ = done
    names = {path.stem for path in folder.glob("*.json")}
    assert names == {f"{arm}-{n}-seed{seed}" for arm in ARMS for n in (12, 18) for seed in (0, 1)}
    assert not list((folder / "checkpoints").glob("*"))


def test_all_arms_are_shown_equally_many_and_the_first_half_is_the_same(done):
    _, seen = done
    first = seen[:4]  # real, GAN, Fourier, histogram with 12 labels
    for image, label, mask in first:
        assert len(image) == 48 and torch.equal(image[:24], first[0][0][:24])
        assert torch.equal(label, first[0][1])  # the same classes, equally often
        assert 0 <= image.min() and image.max() <= 1
    assert all(not torch.equal(image[24:], first[0][0][24:]) for image, _, _ in first[1:])
    for image, _, mask in first[2:]:
        assert torch.equal(mask, first[0][2])  # style leaves the outline where it was


def test_made_images_stay_out_of_validation_and_test(done, tmp_path):
    plan, wanted, task = given(tmp_path, "Fourier")
    mixed = run.mixed(task, run.made_for(plan, wanted, task))
    assert mixed.val is task.val and mixed.val_image is task.val_image and mixed.test is task.test
    assert mixed.train.name[-1] == "made 23" and len(mixed.train) == 48
    results = [record["data"]["sha256"]["test"] for record in records_of(done[0])]
    assert len(set(results)) == 1


def test_an_arm_uses_the_labels_of_its_few_images_alone(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(made.gan, "train", lambda image, mask, label, *rest, **more: used.append(image) or made.gan.Generator(3))
    plan, wanted, task = given(tmp_path, "GAN")
    run.made_for(plan, wanted, task)
    whole = plan.plan.tasks[wanted.arm.preparation].image
    (image,) = used
    assert len(image) == task.facts["train"] <= 12 < len(whole)
    assert torch.equal(torch.cat([image, image])[:24], task.image[:24])
    assert run.made_for(plan, wanted._replace(arm=run.STUDY.arms[0]), task) is None


def test_a_second_start_trains_nothing_and_a_record_of_another_length_is_refused(done, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(experiment, "fit", None)
    monkeypatch.setattr(made.gan, "train", None)
    assert start("--data", "phantom", "--seeds", 0, 1, "--out", done[0].parent) == 0
    assert "18 labels" in capsys.readouterr().out
    path = tmp_path / "synthesis-phantom" / "real-12-seed0.json"
    path.parent.mkdir()
    found = json.loads((done[0] / path.name).read_text(encoding="utf-8"))
    found["settings"]["epochs"] = 6
    path.write_text(json.dumps(found), encoding="utf-8")
    assert start("--data", "phantom", "--seeds", 0, "--out", tmp_path) == 2
    assert "is a record of another settings" in capsys.readouterr().err


def test_the_table_says_what_the_records_say(done):
    records = records_of(done[0])
    text = str(sheet(records))
    assert "Made images · paper protocol" in text and "12 labels · Fourier" in text and "tier: phantom" in text
    assert "Copies, flipped or shifted ones too, 12 labels: 0 of 2 GANs caught" in text and "3 steps" in text
    assert "Masks by the GAN, 12 labels, that are empty: healthy " in text
    caught = copy.deepcopy(records)
    for record in caught:
        record["synthetic"].get("copies", {}).update(copied=True)
    assert "Copies, flipped or shifted ones too, 12 labels: 2 of 2 GANs caught" in str(sheet(caught))
    assert (done[0] / "tables.txt").read_text(encoding="utf-8").startswith("Made images")


def test_a_class_of_which_no_gan_made_any_has_no_share_of_empty_masks(done, tmp_path):
    plan, wanted, task = given(tmp_path, "GAN")
    task = dataclasses.replace(task, train=dataclasses.replace(task.train, label=torch.ones_like(task.train.label)))
    shares = run.made_for(plan, wanted, task).facts["empty_masks"]
    assert [share == share for share in shares] == [False, True] + [False] * (len(shares) - 2) and len(shares) == len(task.train.classes)
    records = records_of(done[0])
    for record in records:
        if "empty_masks" in record["synthetic"]:
            record["synthetic"]["empty_masks"] = [None, 0.25, None]
    said = next(note for note in sheet(records).notes if note.startswith("Masks by the GAN, 12 labels"))
    assert said == f"Masks by the GAN, 12 labels, that are empty: {records[0]['data']['classes'][1]} 25 %."


def test_where_no_label_is_scored_the_table_counts_the_images_of_the_dice(done):
    records = records_of(done[0])
    for record in records:
        record["data"]["truth"]["scored"] = [False] * record["data"]["test"]
    text = str(sheet(records))
    assert f"n = {records[0]['data']['test']} test images, " in text and "accuracy" not in text


def test_a_set_that_can_t_be_used_is_one_sentence(tmp_path, monkeypatch, capsys):
    found = LOADED("phantom", dataclasses.replace(TINY, size=32))
    bare = {side: dataclasses.replace(getattr(found.split, side), mask=None) for side in ("train", "val", "test")}
    monkeypatch.setattr(sets, "load", lambda *_, **__: found._replace(split=dataclasses.replace(found.split, **bare)))
    assert start("--out", tmp_path) == 2
    assert "phantom must have masks and one channel" in capsys.readouterr().err
    monkeypatch.setattr(sets, "load", lambda *_, **__: found)
    monkeypatch.setattr(run, "LABELS", (12, 30))
    assert start("--out", tmp_path) == 2
    assert "too few for half of them made; take one with 60 or more" in capsys.readouterr().err
    assert start("--data", "nowhere", "--out", tmp_path) == 2


# --- the claim --------------------------------------------------------------------------------


def judged(records, gain, copied=False, unit="patient"):
    """Judge K39 from records dressed up as real ones, in which made images are right in `gain` more of ten."""
    dressed = []
    for record in copy.deepcopy(records):
        record["data"] |= {"tier": "real", "unit": unit}
        better = gain if record["arm"]["name"] in ("GAN", "Fourier") else 0
        truth = record["data"]["truth"]["label"]
        right = [i % 10 < 5 + better for i in range(len(truth))]
        for row in record["result"]:
            row["pred"] = [t if ok else (t + 1) % 3 for t, ok in zip(truth, right)]
            row["dice_each"] = [None if value is None else 0.5 + better / 10 for value in row["dice_each"]]
        record["synthetic"].get("copies", {}).update(copied=copied)
        dressed += [{**record, "seed": record["seed"] + 2 * turn} for turn in range(2)]
    return ablations.synthesis(gather(dressed))


def test_claim_39_holds_fails_and_stays_open(done, monkeypatch):
    monkeypatch.setattr("medkit.claims.questions.MIN_UNITS", 5)
    records = records_of(done[0])
    assert ablations.synthesis(gather([])).verdict is None
    assert ablations.synthesis(gather(records)).verdict is None  # phantoms decide nothing
    helps = judged(records, 3)
    assert helps.verdict == "reproduced" and "with 12 labels" in helps.real and "copied" not in helps.real
    assert judged(records, -3).verdict == "not reproduced"
    assert judged(records, -3, unit="duplicate group").verdict == "inconclusive"
    assert "GAN (copied training patients in 4 of 4 runs) - real" in judged(records, 3, copied=True).real
    lacking = [record for record in records if record["arm"]["name"] != "Fourier"]
    assert "lacks runs of Fourier" in judged(lacking, 3).real


# --- the committed records --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["us", "phantom"])
def test_records_are_whole_and_the_table_beside_them_is_theirs(name):
    folder = RESULTS / f"synthesis-{name}"
    records = records_of(folder)
    assert len(records) == len(ARMS) * 2 * 3 and {one["arm"]["name"] for one in records} == set(ARMS)
    assert {one["seed"] for one in records} == {0, 1, 2} and {one["arm"]["labels"] for one in records} == {25, 100}
    assert len({one["data"]["sha256"]["test"] for one in records}) == 1
    for one in records:
        assert one["data"]["leaks"] == [] and one["study"] == "synthesis"
        assert one["synthetic"]["images"] == (0 if one["arm"]["name"] == "real" else 192 if name == "phantom" else 190)
        assert "/tmp/" not in json.dumps(one) and "/work/" not in json.dumps(one)
    rows = {line.strip().split("  ")[0] for line in (folder / "tables.txt").read_text(encoding="utf-8").splitlines()}
    assert {f"{n} labels · {arm}" for n in (25, 100) for arm in ARMS} <= rows
    order = {one: i for i, one in enumerate(ARMS)}
    records.sort(key=lambda one: (one["seed"], one["arm"]["labels"], order[one["arm"]["name"]]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "STUDY", STUDY)
        text = str(sheet(records))
    assert text.strip() == (folder / "tables.txt").read_text(encoding="utf-8").strip()
