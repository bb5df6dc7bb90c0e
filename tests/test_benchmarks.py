"""The timed comparisons at a tiny size: each runs, and refuses to time a peer that does other work."""

from __future__ import annotations

import dataclasses
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")
BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
TINY = ["--images", "6", "--batch", "4"]


@pytest.fixture
def script(monkeypatch):
    """Import a script as it imports its neighbours."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str):
        for module in (name, "frame", "loops"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        return importlib.import_module(name)

    return load


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


# --- training ---------------------------------------------------------------------------------


def task(training):
    settings = Settings(batch_size=4, epochs=2, mixed_precision=False, channels_last=False)
    return training.make_task("CNN", 6, 32, settings, torch.device("cpu"))


def test_training_times_peers_that_end_at_the_same_weights(script, tmp_path, capsys):
    training, out = script("training"), tmp_path / "speed.json"
    few = ["--pairs", "2", "--epochs", "2", "--size", "32", "--models", "CNN"]
    training.main([*TINY, *few, "--out", str(out)])
    found, printed = read(out), capsys.readouterr().out
    names = [row["peer"] for row in found["rows"]]
    assert {"bare loop, resident", "bare loop, DataLoader", training.DEFAULTS} <= set(names)
    assert len(names) == 7 - 2 * len(found["not installed"])
    for row in found["rows"]:
        assert row["weights apart"] <= (training.APART if row["peer"] == training.DEFAULTS else 1e-6)
        assert row["lowest"] <= row["ratio"] <= row["highest"]
        assert [len(runs) for runs in row["each run"].values()] == [2, 2]
        middle = row["median seconds"]["peer"]
        assert 0 < middle["first"] < middle["seconds"] and middle["later"] > 0
        assert f"CNN: {row['peer']}" in printed
    assert str(tmp_path) not in out.read_text(encoding="utf-8")
    assert found["command"].startswith("python3 benchmarks/training.py --images 6")


def test_training_refuses_a_peer_that_does_other_work(script):
    training = script("training")
    loops = sys.modules["loops"]

    class OtherOrder(loops.Resident):
        def __init__(self, task):
            super().__init__(task)
            self.epoch = 7

    def fewer_epochs(task, model, tick):
        less = dataclasses.replace(task, settings=dataclasses.replace(task.settings, epochs=1))
        return loops.loop_over(loops.Resident)(less, model, tick)

    with pytest.raises(SystemExit, match="swapped must train to medkit's weights, got .*time nothing"):
        training.check({"swapped": loops.loop_over(OtherOrder)}, task(training))
    with pytest.raises(SystemExit, match="must train 2 epochs, got 1"):
        training.check({"short": fewer_epochs}, task(training))
    assert training.check({"bare": loops.loop_over(loops.Resident)}, task(training)) == {"bare": 0.0}


def test_training_names_what_is_not_installed(script, monkeypatch):
    loops = script("loops")
    for package in ("monai", "monai.engines", "lightning", "lightning.pytorch"):
        monkeypatch.setitem(sys.modules, package, None)  # as if it were not there
    monkeypatch.setitem(sys.modules, "ignite", None)
    monkeypatch.setitem(sys.modules, "ignite.engine", None)
    found, absent = loops.peers()
    assert list(found) == ["bare loop, resident", "bare loop, DataLoader", loops.DEFAULTS]
    assert [peer.split()[0] for peer in absent] == ["MONAI", "Lightning"]


def test_training_reports_a_ratio_that_is_too_low(script):
    training = script("training")
    row = {"model": "CNN", "peer": "bare", "batches alone, seconds": {"resident": 0.001, "DataLoader": 0.01}}
    assert "below 0.95: CNN: bare" in training.reasons([row | {"ratio": 0.94}])
    assert "below 0.95: none" in training.reasons([row | {"ratio": 0.95}])


# --- epoch ------------------------------------------------------------------------------------

ALONE = """
import sys
for name in {absent}:
    sys.modules[name] = None
sys.path.insert(0, {folder!r})
import epoch
epoch.PRODUCT["cpu"] = 64
epoch.main({arguments})
"""
ABSENT = ["matplotlib", "IPython", "ipywidgets", "kornia", "monai", "lightning", "ignite", "pydicom"]
ABSENT += ["sklearn", "torchmetrics", "pandas", "nbformat", "pytest", "hypothesis"]


def test_epoch_runs_with_few_packages_and_goes_on_where_it_stopped(script, tmp_path, monkeypatch, capsys):
    out = tmp_path / "epoch-cpu.json"
    arguments = [*TINY, "--size", "32", "--compile", "off", "--out", str(out), "--models", "CNN"]
    code = ALONE.format(absent=ABSENT, folder=str(BENCHMARKS), arguments=arguments)
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, cwd=BENCHMARKS.parent, capture_output=True, timeout=120)
    first = read(out)
    (row,) = first["rows"]
    assert row["model"] == "CNN" and row["precision"] == "float32" and not row["compiled"]
    assert row["images/s"] == pytest.approx(6 / row["seconds"])
    share = row["images/s"] * row["training FLOPs an image"] / first["matrix products, FLOP/s"]["bfloat16"]
    assert row["share of the peak"] == pytest.approx(share)

    epoch = script("epoch")
    monkeypatch.setitem(epoch.PRODUCT, "cpu", 64)
    monkeypatch.setattr(epoch, "rows_before", lambda path, machine: read(path)["rows"])  # other threads here
    epoch.main([*arguments, "Transformer", "--minutes", "0"])
    assert read(out) == first and "1 rows missing" in capsys.readouterr().out
    epoch.main([*arguments, "Transformer"])
    assert [r["model"] for r in read(out)["rows"]] == ["CNN", "Transformer"] and read(out)["rows"][0] == row
    monkeypatch.setattr(epoch, "measure", None)  # all rows are there: nothing may be measured
    epoch.main([*arguments, "Transformer"])


def test_epoch_refuses_another_machines_record(script, tmp_path):
    epoch = script("epoch")
    here = epoch.frame.machine(torch.device("cpu"))
    path = tmp_path / "epoch-cpu.json"
    assert epoch.rows_before(path, here) == []
    path.write_text(json.dumps({"machine": here, "rows": [1]}), encoding="utf-8")
    assert epoch.rows_before(path, here) == [1]
    with pytest.raises(SystemExit, match="must come from this machine, got gpu None there and H0 here"):
        epoch.rows_before(path, here | {"gpu": "H0"})


def test_epoch_names_its_record_by_the_device(script):
    epoch = script("epoch")
    assert epoch.out_path(None, {"gpu": "NVIDIA H200"}).name == "epoch-nvidia-h200.json"
    assert epoch.out_path(None, {"gpu": None}).name == "epoch-cpu.json"
    with pytest.raises(SystemExit, match="must end in cpu.json on a CPU"):
        epoch.out_path(Path("epoch-nvidia-h200.json"), {"gpu": None})


def test_epoch_covers_every_model_size_and_kind(script):
    epoch = script("epoch")
    chosen = epoch.frame.command_line("doc").parse_args([])
    vars(chosen).update(width=16, batch=32, images=64, sizes=[128, 256], models=epoch.MODELS)
    vars(chosen).update(compile="both", contiguous=False)
    found = list(epoch.cases(chosen, ["bfloat16", "float32"]))
    assert len(set(found)) == len(found) == 4 * 2 * 2 * 2
    assert not any(case.compiled for case in found[:16])
    assert {case.settings().mixed_precision for case in found} == {True, False}


def test_epoch_says_why_nothing_is_compiled(script, monkeypatch):
    epoch = script("epoch")

    def broken(function):
        raise RuntimeError("no compiler here\nsecond line")

    monkeypatch.setattr(torch, "compile", broken)
    assert epoch.why_not_compiled(torch.device("cpu")) == "no compiler here"
    with pytest.raises(SystemExit, match="--compile must be off here, got on; .*no compiler here"):
        monkeypatch.setitem(epoch.PRODUCT, "cpu", 16)
        monkeypatch.setattr(epoch, "rows_before", lambda path, machine: [])
        epoch.main(["--compile", "on"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_epoch_on_a_gpu_has_rows_in_bfloat16(script, tmp_path):
    epoch = script("epoch")
    out = tmp_path / "gpu.json"
    epoch.main([*TINY, "--device", "cuda", "--size", "32", "--compile", "off", "--out", str(out)])
    expected = {"bfloat16", "float32"} if epoch.has_bfloat16(torch.device("cuda")) else {"float32"}
    assert {row["precision"] for row in read(out)["rows"]} == expected


# --- denoise, augment -------------------------------------------------------------------------


def test_a_device_that_is_not_there_is_refused(script, monkeypatch):
    frame = script("frame")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="--device must be cpu here, got cuda"):
        frame.device(frame.command_line("doc").parse_args(["--device", "cuda"]))


@pytest.mark.filterwarnings("default")  # peers may warn while they are imported
def test_denoise_compares_before_it_times(script):
    pytest.importorskip("kornia")
    pytest.importorskip("scipy")
    denoise = script("denoise")
    rows = denoise.measure(torch.device("cpu"), [48], rounds=1)
    assert len(rows) == 4 and "gaussian 1, 48 x 48" in denoise.render(rows)
    images = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    contenders = denoise.gaussian_contenders(images, 1.0)
    with pytest.raises(SystemExit, match="kornia must equal medkit"):
        denoise.compare(contenders | {"kornia": lambda: images})


@pytest.mark.filterwarnings("default")
def test_augment_compares_before_it_times(script, monkeypatch):
    pytest.importorskip("kornia")
    augment = script("augment")
    monkeypatch.setattr(augment, "IMAGES", 4)
    row = augment.measure(torch.device("cpu"), rounds=1)
    assert "kornia, one affine" in row["ratio"] and "medkit" in augment.render(row)
    mask = augment.discs(torch.device("cpu"))
    with pytest.raises(SystemExit, match="still must move image and mask together"):
        augment.check({"still": lambda image, mask: (image, mask)}, mask)
