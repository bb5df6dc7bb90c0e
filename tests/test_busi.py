"""The BUSI yardstick on a few made images: its rows, its resumption, and what it must not be taken for."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
from test_benchmark import make

from medkit.blocks import Prediction
from medkit.data import ImageSet
from medkit.metrics import dice_per_image, mask_counts

pytestmark = pytest.mark.filterwarnings("error")
BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def busi(monkeypatch):
    """Import the script as it imports its neighbour."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for module in ("busi", "frame"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return importlib.import_module("busi")


@pytest.fixture
def run(busi, tmp_path, monkeypatch):
    """Run the script on made images, one split, two epochs; return its record."""
    (tmp_path / "data").mkdir()
    make(tmp_path / "data")
    monkeypatch.setenv("MEDKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(busi, "LOCAL", tmp_path / "checkpoints")
    out = tmp_path / "busi-short.json"

    def run(*more: str) -> dict:
        few = ["--epochs", "2", "--size", "32", "--splits", "1", "--models", "U-Net"]
        busi.main([*few, "--out", str(out), *more])
        return json.loads(out.read_text(encoding="utf-8"))

    return run


def test_a_short_run_fills_both_protocols_and_says_that_it_is_short(run, capsys, tmp_path):
    found, printed = run(), capsys.readouterr().out
    assert [(row["protocol"], row["split"], row["model"]) for row in found["rows"]] == [
        ("published", 1, "U-Net"),
        ("grouped", 1, "U-Net"),
    ]
    assert found["mark"] == "short run: 2 of 300 epochs, 32 of 256 pixels a side" and found["mark"] in printed
    assert found["published"]["CMUNeXt"]["f1"] == [79.86, 2.58] and "79.86 ± 2.58" in printed
    assert found["settings"]["label_weight"] == 0 and found["settings"]["epochs"] == 2
    assert found["machine"]["versions"] and found["machine"]["device"] == "cpu"
    assert str(tmp_path) not in json.dumps(found) and "On this CPU the 2 missing rows take about" in printed
    published, grouped = found["rows"]
    assert (published["train"], published["choose"], published["score"]) == (14, 6, 6)
    assert grouped["choose"] and grouped["score"] and "0 twins" in grouped["notes of the data"][-1]
    assert grouped["train"] + grouped["choose"] + grouped["score"] == 20  # no image without a lesion
    for row in found["rows"]:
        assert row["best epoch"] in (1, 2) and 0 <= row["iou"] <= row["f1"] <= 100
    assert published["iou"] == pytest.approx(published["val_iou at best"])  # the best epoch's weights are scored
    assert [line["f1"]["sd"] for line in found["summary"]] == [None, None]
    assert not list((tmp_path / "checkpoints").glob("*/*"))


def test_what_the_record_holds_is_not_run_again(run, busi, monkeypatch):
    first = run("--protocols", "published")
    both = run("--protocols", "published", "--models", "U-Net", "hybrid")
    assert both["rows"][0] == first["rows"][0] and both["rows"][1]["model"] == "hybrid"
    monkeypatch.setattr(busi, "measure", None)  # all rows are there: nothing may be measured
    again = run("--protocols", "published", "--models", "U-Net", "hybrid")
    assert again["rows"] == both["rows"]


def test_a_run_that_was_stopped_goes_on_to_the_same_numbers(run, busi, monkeypatch, tmp_path):
    whole = run("--protocols", "published")["rows"][0]
    (tmp_path / "busi-short.json").unlink()
    score, calls = busi.score, []

    def stopped_once(*arguments):
        calls.append(arguments)
        if len(calls) == 2:  # the second epoch's
            raise KeyboardInterrupt
        return score(*arguments)

    monkeypatch.setattr(busi, "score", stopped_once)
    with pytest.raises(SystemExit, match="training stopped in epoch 2 .* run the same command again"):
        run("--protocols", "published")
    assert list((tmp_path / "checkpoints").glob("*/last-*"))
    row = run("--protocols", "published")["rows"][0]
    assert row | {"seconds": 0} == whole | {"seconds": 0} and len(calls) == 4  # epoch 1, stop, epoch 2, the end


class Answers(torch.nn.Module):
    """Answer with given masks."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def forward(self, image):
        return Prediction(torch.zeros(len(image), 2), self.mask.float() - 0.5)


def test_f1_is_the_mean_dice_over_images_and_batches_are_pooled(busi):
    truth, pred = (torch.zeros(3, 1, 8, 8, dtype=torch.bool) for _ in range(2))
    truth[0, 0, :4], truth[1, 0, 0, :2], truth[2, 0, 0, 0] = True, True, True
    pred[0, 0, :4], pred[1, 0, 0, 1:3] = True, True  # 1, 1/2 and 0
    data = ImageSet(
        title="made", tier="phantom", modality="MRI", image=torch.rand(3, 1, 8, 8, generator=torch.Generator()),
        label=torch.zeros(3, dtype=torch.int64), classes=("a",), mask=truth, group=torch.arange(3), unit="patient",
        name=("1", "2", "3"), source="this test",
    )  # fmt: skip
    found = busi.score(Answers(pred), data, data.image, batch=2)
    assert dice_per_image(mask_counts(pred, truth)).tolist() == [1, 0.5, 0]
    assert found["f1"] == pytest.approx(50) and found["iou"] == pytest.approx(100 * (1 + 1 / 3) / 3)
    assert found["f1 of batches"] == pytest.approx(100 * (2 * (2 * 33 / 68) + 0) / 3)  # 33 of 34 and 34 pixels


def test_a_summary_gives_mean_and_sd_over_splits(busi):
    rows = [
        {"protocol": "grouped", "model": "hybrid", "split": k, **dict.fromkeys(busi.SCORES, f1), "parameters": 1}
        for k, f1 in ((1, 70.0), (2, 74.0), (3, 78.0))
    ]
    (line,) = busi.summary(rows)
    assert line["f1"] == {"mean": 74.0, "sd": 4.0} and line["splits"] == [1, 2, 3]
    assert "74.00 ± 4.00" in busi.render(rows, None) and "short" not in busi.render(rows, None)


def test_a_short_run_never_takes_the_name_of_a_whole_one(busi, run, tmp_path, monkeypatch):
    cpu = torch.device("cpu")
    case = busi.Case("published", 1, "U-Net", 300, 256, 8, 16)
    assert busi.short_run(case) is None and busi.out_path(None, cpu, None).name == "busi-cpu.json"
    assert busi.out_path(None, cpu, "short run: ...").name == "busi-short-cpu.json"
    with pytest.raises(SystemExit, match="--out must have the word short in its name, got busi-cpu.json"):
        run("--out", str(tmp_path / "busi-cpu.json"))
    run("--protocols", "published")
    with pytest.raises(SystemExit, match="must come from the same settings, got .*'epochs': 2.*'epochs': 3"):
        run("--epochs", "3")
    monkeypatch.delenv("MEDKIT_DATA")
    with pytest.raises(SystemExit, match="MEDKIT_DATA must name the folder"):
        run("--out", str(tmp_path / "another-short.json"))
