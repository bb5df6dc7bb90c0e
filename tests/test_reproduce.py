"""The run as a user starts it: small, whole, resumable, with one clear error for each mistake."""

import dataclasses
import errno
import json
import os
import signal

import numpy as np
import pytest
import torch

from medkit import experiment, reproduce
from medkit.data.phantom import phantom_split
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")
TINY = reproduce.Preset(Settings(epochs=5), size=32, limit=60, phantoms=(36, 18, 36), seeds=2)


@pytest.fixture(scope="module")
def split():
    return phantom_split(36, 18, 36, size=32)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setitem(reproduce.PRESETS, "quick", TINY)
    monkeypatch.setattr(reproduce, "RESULTS", tmp_path)
    return tmp_path


def start(*arguments):
    return reproduce.main([*arguments, "--device", "cpu"])


def test_presets_are_table_3():
    assert reproduce.PRESETS["paper"].settings == Settings(batch_size=32, learning_rate=1e-3, epochs=50)
    quick = dataclasses.replace(reproduce.PRESETS["quick"].settings, epochs=50)
    assert quick == reproduce.PRESETS["paper"].settings  # short, and nothing else


def test_ct_is_windowed_before_eq_2(split):
    image = reproduce.preprocess(split.train)
    assert image.amin() == 0 and image.amax() == 1
    from medkit.data.phantom import modality_of

    ct = torch.tensor([m == "CT" for m in modality_of(split.train)])
    assert (split.train.image[ct].amin((1, 2, 3)) < -900).all()  # air
    bright = (image[ct] > 0.2).double().mean()
    unwindowed = reproduce.normalise.min_max(split.train.image[ct])
    assert abs(bright - (unwindowed > 0.2).double().mean()) > 0.05


def test_twins_leave_the_training_and_are_counted():
    whole = phantom_split(60, 12, 24, size=64)
    train = whole.train
    twin = dataclasses.replace(train, image=train.image.clone())
    twin.image[5] = whole.test.image[3].flip(-1)  # a mirrored copy, as a published set has
    clean = reproduce.without_leaks(dataclasses.replace(whole, train=twin))
    assert len(clean.train) == 59 and train.name[5] not in clean.train.name and len(clean.test) == 24
    assert "1 twins of images on a later side" in clean.test.notes[-1]
    assert len(reproduce.without_leaks(whole).train) == 60


# --- the command ------------------------------------------------------------------------------


def test_command_prints_the_tables_and_saves_a_record_for_each_run(tiny, capsys):
    assert start() == 0
    out = capsys.readouterr()
    assert "Table 4 · accuracy, %" in out.out and "step/s" in out.err  # a progress bar with a rate
    assert "Run 8 of 8: hybrid, seed 1" in out.err
    here = tiny / "phantom-quick"
    records = [f"{model}-seed{seed}.json" for model in experiment.MODELS for seed in (0, 1)]
    assert sorted(path.name for path in here.glob("*.json")) == sorted(records)
    assert not list((here / "checkpoints").iterdir())
    saved = json.loads((here / "hybrid-seed1.json").read_text(encoding="utf-8"))
    assert saved["seed"] == 1 and saved["machine"]["versions"]["torch"] == torch.__version__
    assert len(saved["data"]["sha256"]["train"]) == 64 and saved["data"]["tier"] == "phantom"
    assert (here / "tables.txt").read_text(encoding="utf-8").strip() in out.out
    assert start() == 0  # all is there
    again = capsys.readouterr()
    assert "Run " not in again.err and again.out == out.out


def test_command_shares_the_work_and_the_records_merge(tiny, capsys):
    whole, shared = tiny / "whole", tiny / "shared"
    assert start("--models", "CNN", "hybrid", "--seeds", "3", "4", "--out", str(whole)) == 0
    for model, seed in (("CNN", "3"), ("CNN", "4"), ("hybrid", "4"), ("hybrid", "3")):
        assert start("--models", model, "--seeds", seed, "--out", str(shared)) == 0
    for path in whole.glob("*.json"):
        one, other = (json.loads((folder / path.name).read_text(encoding="utf-8")) for folder in (whole, shared))
        one.pop("clock"), other.pop("clock")
        assert one == other
    capsys.readouterr()


def test_command_stopped_goes_on_where_it_was(tiny, capsys, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    real, calls = experiment.evaluate, []

    def press(*arguments):
        calls.append(1)
        if len(calls) == 8:  # in the second run, epoch 3
            signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(experiment, "evaluate", press)
    try:
        assert start("--models", "CNN", "--out", str(tiny / "stopped")) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert "start the same command again" in capsys.readouterr().err
    assert start("--models", "CNN", "--out", str(tiny / "stopped")) == 0
    assert len(calls) == 8 + 3  # two of seed 1's rows were there; the third was measured again
    assert start("--models", "CNN", "--out", str(tiny / "whole")) == 0
    for path in (tiny / "whole").glob("*.json"):
        one, other = (json.loads((tiny / f / path.name).read_text(encoding="utf-8")) for f in ("whole", "stopped"))
        one.pop("clock"), other.pop("clock")
        assert one == other


def test_a_seed_named_twice_is_one_and_a_foreign_record_is_found_before_training(tiny, capsys):
    assert start("--models", "CNN", "--seeds", "0", "0", "--out", str(tiny)) == 0
    assert "1 seeds a model" in capsys.readouterr().out
    (tiny / "hybrid-seed0.json").write_text("{", encoding="utf-8")
    assert start("--models", "U-Net", "hybrid", "--seeds", "0", "--out", str(tiny)) == 2
    error = capsys.readouterr().err
    assert "hybrid-seed0.json is no record of a run" in error and "step/s" not in error


@pytest.mark.parametrize("change, message", [
    ({"protocol": {"preset": "other"}}, "CNN-seed0.json is a record of another protocol; delete it, or name another"),
    ({"settings": {"epochs": 5}}, "CNN-seed0.json is a record of another settings"),
    ({"data": {"sha256": {}}}, "CNN-seed0.json is a record of another set of images"),
    ({"seed": 3}, "CNN-seed0.json is a record of another run"),
    (None, "CNN-seed0.json is no record of a run"),
])  # fmt: skip
def test_command_refuses_another_runs_record(tiny, capsys, change, message):
    arguments = ("--models", "CNN", "--seeds", "0", "--out", str(tiny))
    assert start(*arguments) == 0
    path = tiny / "CNN-seed0.json"
    good = json.loads(path.read_text(encoding="utf-8"))
    path.write_text("{" if change is None else json.dumps(good | change), encoding="utf-8")
    capsys.readouterr()
    assert start(*arguments) == 2
    assert message in capsys.readouterr().err


def test_command_reads_a_folder_and_says_that_n_is_small(tiny, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    rng = np.random.default_rng(0)
    for label in ("benign", "malignant"):
        folder = tmp_path / "scans" / label
        folder.mkdir(parents=True)
        for i in range(8):
            pixels = rng.integers(0, 255, (40, 48), dtype=np.uint8)
            mask = np.zeros((40, 48), np.uint8)
            mask[10:20, 10:20] = 255
            image.fromarray(pixels).save(folder / f"{label} ({i}).png")
            image.fromarray(mask).save(folder / f"{label} ({i})_mask.png")
    assert start("--data", str(tmp_path / "scans"), "--models", "CNN", "--seeds", "0") == 0
    out = capsys.readouterr().out
    assert "n is too small to conclude" in out and "real" in out
    assert (tiny / "scans-quick" / "CNN-seed0.json").exists()


@pytest.mark.parametrize("name", ["mri", "ct", "us"])
def test_command_reads_the_real_sets(tiny, name, capsys):
    if "MEDKIT_DATA" not in os.environ:
        pytest.skip("MEDKIT_DATA is not set")
    assert start("--data", name, "--seeds", "0") == 0
    out = capsys.readouterr().out
    assert "tier: real" in out
    assert ("patients unknown" in out) == (name == "mri")
    assert ("no masks" in out) == (name == "ct")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--data", "nothing-here"], "nothing-here is neither a data set nor a folder; give phantom, mri, ct, us"),
        (["--data", "mri"], "mri needs the environment variable MEDKIT_DATA"),
    ],
)
def test_command_refuses_unknown_data_in_one_sentence(tiny, arguments, message, capsys, monkeypatch):
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    assert start(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert not list(tiny.rglob("*.json"))


def test_command_refuses_cuda_where_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert reproduce.main(["--device", "cuda"]) == 2
    assert "needs a CUDA GPU" in capsys.readouterr().err


def test_command_finds_a_bad_place_before_it_trains(tiny, capsys):
    (tiny / "file").write_text("")
    assert start("--out", str(tiny / "file")) == 2
    error = capsys.readouterr().err
    assert "tables.txt can't be written" in error and "step/s" not in error


def test_disk_full_while_saving_is_said_and_leaves_nothing_half(tiny, capsys, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert start("--models", "CNN", "--seeds", "0") == 2
    assert "could not be saved (No space left on device)" in capsys.readouterr().err
    assert not [path for path in tiny.rglob("*") if path.is_file()]
