"""The run as a user starts it: small, whole, resumable, with one clear error for each mistake."""

import dataclasses
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from medkit import experiment, rates, reproduce
from medkit.presets import PRESETS, Preset

pytestmark = pytest.mark.filterwarnings("error")
SETTINGS = dataclasses.replace(PRESETS["quick"].settings, epochs=5)
TINY = Preset(SETTINGS, size=32, limit=60, phantoms=(36, 18, 36), seeds=2, says="seconds")


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setitem(reproduce.PRESETS, "quick", TINY)
    monkeypatch.setattr(reproduce, "RESULTS", tmp_path)
    return tmp_path


def start(*arguments):
    return reproduce.main([*arguments, "--device", "cpu"])


# --- the command ------------------------------------------------------------------------------


def test_command_prints_the_tables_and_saves_a_record_for_each_run(tiny, capsys):
    assert start() == 0
    out = capsys.readouterr()
    assert "Table 4 · accuracy, %" in out.out and "step/s" in out.err  # a progress bar with a rate
    assert "Run 8 of 9: hybrid, seed 1 · about" in out.err and "Run 9 of 9: linear, seed 0" in out.err
    here = tiny / "phantom-quick"
    records = [f"{model}-seed{seed}.json" for model in experiment.MODELS for seed in (0, 1)] + ["linear-seed0.json"]
    assert sorted(path.name for path in here.glob("*.json")) == sorted(records)
    assert not list((here / "checkpoints").iterdir())
    saved = json.loads((here / "hybrid-seed1.json").read_text(encoding="utf-8"))
    assert saved["seed"] == 1 and saved["machine"]["versions"]["torch"] == torch.__version__
    assert len(saved["data"]["sha256"]["train"]) == 64 and saved["data"]["tier"] == "phantom"
    assert (here / "tables.txt").read_text(encoding="utf-8").strip() in out.out
    assert "<table" in (here / "tables.html").read_text(encoding="utf-8")
    assert r"\toprule" in (here / "tables.tex").read_text(encoding="utf-8")
    assert (here / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert start() == 0  # all is there
    again = capsys.readouterr()
    assert "Run " not in again.err and again.out == out.out


@pytest.mark.slow  # eight trainings
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
    assert len(list(tiny.glob("CNN-*.json"))) == 1
    capsys.readouterr()
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
        (["--data", "nothing-here"], "nothing-here is neither a data set nor a folder; give phantom, texture, mirror, mri"),
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


def test_improved_needs_the_rates_and_then_uses_each_models_own(tiny, capsys, monkeypatch):
    arguments = ("--protocol", "improved", "--models", "CNN", "--seeds", "0")
    assert start(*arguments) == 2
    assert "rates.json is missing; run the same command with --rates first" in capsys.readouterr().err
    losses = [3.0, 2.0, 1.0]
    monkeypatch.setattr(rates, "validation_loss", lambda *images: losses.pop(0))
    assert start(*arguments, "--rates") == 0
    assert "smallest validation loss: CNN 0.003" in capsys.readouterr().out
    assert start(*arguments) == 0
    assert "improved" in capsys.readouterr().out
    saved = json.loads((tiny / "phantom-quick-improved" / "CNN-seed0.json").read_text(encoding="utf-8"))
    assert saved["settings"]["learning_rate"] == 0.003 and saved["settings"]["cosine"]
    assert not (tiny / "phantom-quick").exists()


def test_processes_share_the_runs_and_the_last_one_prints(tiny, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        assert start("--models", "CNN", "--seeds", "0", "1") == 0
        out = capsys.readouterr()
        assert ("Table 4" in out.out) == (rank == "0")
        assert ("Run 2 of 3: CNN, seed 1" in out.err) == (rank == "1")


def test_a_leak_that_was_allowed_stays_in_the_record(tiny, capsys):
    assert start("--models", "CNN", "--seeds", "0", "--allow-leak") == 0
    saved = json.loads((tiny / "phantom-quick" / "CNN-seed0.json").read_text(encoding="utf-8"))
    assert saved["data"]["leaks_allowed"] is True
    assert "LEAKS ALLOWED" in capsys.readouterr().out


def test_a_fold_is_for_ct_alone(capsys):
    with pytest.raises(SystemExit):
        reproduce.parse(["--data", "mri", "--fold", "1"])
    assert "--fold goes with --data ct, got --data mri" in capsys.readouterr().err
    assert reproduce.folder_of(reproduce.parse(["--data", "ct", "--fold", "2"])).name == "ct-quick-fold2"


KILLED = """
import sys
from pathlib import Path
from medkit import reproduce
from test_reproduce import TINY
reproduce.PRESETS["quick"] = TINY
sys.exit(reproduce.main(["--models", "CNN", "hybrid", "--seeds", "0", "1", "2", "--device", "cpu", "--out", sys.argv[1]]))
"""


@pytest.mark.slow
def test_killed_at_five_random_moments_the_tables_are_the_same(tmp_path):
    """SIGKILL, which nothing can catch, wherever it falls: while loading, training, measuring or saving."""
    draw, moments = random.Random(20), []
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}

    def begin(out):
        return subprocess.Popen([sys.executable, "-c", KILLED, str(out)], env=environ, stderr=subprocess.PIPE, text=True)

    def begun(out):
        child = begin(out)
        while not child.stderr.readline().startswith("Run "):  # loading is over, work begins
            assert child.poll() is None
        return child

    whole, start = begun(tmp_path / "whole"), time.monotonic()
    whole.communicate(timeout=300)
    seconds = time.monotonic() - start
    for _ in range(5):
        child = begun(tmp_path / "killed")
        moments.append(round(draw.uniform(0.01, 0.15) * seconds, 2))  # what is done stays done: five of them are no whole run
        time.sleep(moments[-1])
        assert child.poll() is None  # it was not at its end
        child.kill()
        child.communicate()
    last = begin(tmp_path / "killed")
    last.communicate(timeout=300)
    assert whole.returncode == last.returncode == 0
    print(f"killed {moments} s after the work began")
    names = sorted(path.name for path in (tmp_path / "whole").glob("*.json"))
    assert len(names) == 7 and names == sorted(path.name for path in (tmp_path / "killed").glob("*.json"))
    for name in names:
        one, other = (json.loads((tmp_path / where / name).read_text(encoding="utf-8")) for where in ("whole", "killed"))
        assert one.pop("clock", 0) is not other.pop("clock", 1) or one["seedless"]
        opened, again = one.pop("test_opened"), other.pop("test_opened")
        assert again >= opened  # a row that was killed amid its measurement is measured, and counted, again
        assert one == other
