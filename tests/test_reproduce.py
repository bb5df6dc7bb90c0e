"""The run as a user starts it: small, whole, repeatable, with one clear error for each mistake."""

import copy
import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from medkit import paper, reproduce, table
from medkit.blocks import Prediction
from medkit.data.container import Split
from medkit.data.phantom import phantom_split
from medkit.training import Settings

pytestmark = pytest.mark.filterwarnings("error")
TINY = reproduce.Preset(Settings(epochs=5), size=32, limit=60, phantoms=(36, 18, 36))
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
    ),
]


@pytest.fixture(scope="module")
def split():
    return phantom_split(36, 18, 36, size=32)


@pytest.fixture(scope="module")
def done(split):
    return reproduce.run(split, TINY.settings, 0, torch.device("cpu"))


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setitem(reproduce.PRESETS, "quick", TINY)
    monkeypatch.setattr(reproduce, "RESULTS", tmp_path)
    return tmp_path


def test_record_has_a_row_for_each_fifth_of_the_run(done):
    for model in ("CNN", "hybrid"):
        assert [row["epoch"] for row in done["result"][model]] == [1, 2, 3, 4, 5]
        assert len(done["loss"][model]) == len(done["clock"][model]["training"]) == 5
        assert set(done["clock"][model]["time"][0]) == {"batch 1", "batch 32"}
    assert abs(done["parameters"]["CNN"] / done["parameters"]["hybrid"] - 1) <= 0.10


@pytest.mark.parametrize("device", DEVICES)
def test_same_seed_same_numbers_another_seed_others(split, device):
    first, again, other = (reproduce.run(split, TINY.settings, seed, torch.device(device)) for seed in (0, 0, 1))
    for part in ("result", "loss", "data", "parameters"):
        assert json.dumps(first[part]) == json.dumps(again[part])
    assert json.dumps(first["loss"]) != json.dumps(other["loss"])


def test_same_seed_same_table_in_five_processes(tmp_path):
    """Each a fresh Python with its own order of sets and dicts of strings, all but the clock the same."""
    code = (
        "import json, sys, torch\n"
        "from pathlib import Path\n"
        "from medkit import reproduce\n"
        "from medkit.data import phantom\n"
        "from medkit.training import Settings\n"
        "split = phantom.phantom_split(24, 6, 12, size=32, seed=0)\n"
        "for seed in (0, 1):\n"
        "    done = reproduce.run(split, Settings(epochs=5), seed, torch.device('cpu'))\n"
        "    done.pop('clock')\n"
        "    print(json.dumps(done))\n"
    )
    printed = []
    for hash_seed in ("1", "22", "333", "4444", "55555"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout.splitlines())
    assert len({first for first, _ in printed}) == 1 and len({second for _, second in printed}) == 1
    assert printed[0][0] != printed[0][1]


def test_test_images_decide_nothing(split, done):
    """Noise in place of the test images leaves the training as it was, bit for bit."""
    noise = torch.rand(split.test.image.shape, generator=torch.Generator().manual_seed(5)) * 100
    garbage = dataclasses.replace(split.test, image=noise, label=split.test.label.flip(0))
    changed = reproduce.run(Split(split.train, split.val, garbage), TINY.settings, 0, torch.device("cpu"))
    assert changed["loss"] == done["loss"]
    assert changed["result"] != done["result"]


def test_seed_decides_the_first_weights_and_both_models_train_alike(split, monkeypatch):
    seen = []

    def fit(model, image, label, mask, settings, **rest):
        seen.append((next(model.parameters()), settings))
        return []

    monkeypatch.setattr(reproduce, "fit", fit)
    for name, seed in (("CNN", 0), ("CNN", 0), ("CNN", 1), ("hybrid", 0)):
        reproduce.train(name, split, (split.train.image, split.test.image), TINY.settings, seed)
    (first, _), (again, _), (other, _), _ = seen
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert all(settings == TINY.settings for _, settings in seen)


def test_a_pixel_is_lesion_from_a_logit_of_zero_on(split):
    class Timid(torch.nn.Module):
        def forward(self, image):
            return Prediction(image.new_zeros(len(image), 3), torch.full_like(image, 0.25))  # probability 0.56

    found = reproduce.evaluate(Timid(), split.test, split.test.image)
    everywhere = reproduce.metrics.mask_counts(torch.ones_like(split.test.mask), split.test.mask)
    assert found["dice"]["value"] == reproduce.metrics.dice(everywhere).value


def test_run_too_short_for_five_rows_is_refused():
    assert reproduce.report_epochs(50) == list(paper.EPOCHS)
    with pytest.raises(ValueError, match="epochs must be 5 or more, got 4"):
        reproduce.report_epochs(4)


def test_table_stands_beside_the_paper(done):
    text = table.render(done)
    assert "short run: 5 of 50 epochs" in text and "tier: phantom" in text
    rows = [line.split() for line in text.splitlines()]
    for printed in (paper.ACCURACY, paper.DICE, paper.TIME, paper.F1):
        for value in (*printed.column["CNN"], *printed.column["hybrid"]):
            assert any(f"{value:.1f}" in row for row in rows)
    measured = f"{done['result']['hybrid'][-1]['accuracy']['value']:.1f}"
    assert any(measured in row for row in rows if row and row[0] == "5")
    assert "too small to conclude" in text  # 18 patients
    assert "U-Net and Transformer" in text  # what was left out is said
    assert max(len(line) for line in text.splitlines() if not line.startswith("·")) <= 120


def test_full_run_is_not_called_short(done):
    whole = copy.deepcopy(done)
    whole["settings"]["epochs"] = 50
    assert "50 epochs, as in Table 3" in table.heading(whole)
    assert reproduce.PRESETS["paper"].settings == Settings(batch_size=32, learning_rate=1e-3, epochs=50)


def test_large_n_concludes_and_unknown_patients_are_marked(done):
    many = copy.deepcopy(done)
    many["data"]["test_units"] = 400
    assert "too small" not in table.render(many)
    many["data"]["unit"] = "image, patients unknown"
    assert "probably too narrow" in table.render(many)


def without_masks(split):
    """Nine of ten images healthy, no masks: the shape of the head CT slices."""
    sides = []
    for side in (split.train, split.val, split.test):
        label = torch.arange(len(side)) % 10 == 0
        classes = ("no bleed", "bleed")
        sides.append(dataclasses.replace(side, label=label.long(), classes=classes, mask=None))
    return Split(*sides)


def test_set_without_masks_trains_the_label_alone_and_says_so(split):
    result = reproduce.run(without_masks(split), TINY.settings, 0, torch.device("cpu"))
    text = table.render(result)
    assert "no masks" in text and "the label head was trained alone" in text
    assert "balanced acc." in text and "AUROC" in text  # 90 % in one class
    assert all(row["dice"] is None for row in result["loss"]["CNN"])


def test_balanced_set_shows_no_auroc(done):
    assert "AUROC" not in table.render(done)


def test_unscored_labels_are_left_out(split):
    scored = torch.ones(len(split.test), dtype=torch.bool)
    scored[:6] = False
    test = dataclasses.replace(split.test, scored=scored)
    result = reproduce.run(Split(split.train, split.val, test), TINY.settings, 0, torch.device("cpu"))
    assert result["result"]["CNN"][0]["accuracy"]["n"] == len(test) - 6


def test_ct_is_windowed_before_eq_2(split):
    image = reproduce.preprocess(split.train)
    assert image.amin() == 0 and image.amax() == 1
    from medkit.data.phantom import modality_of

    ct = torch.tensor([m == "CT" for m in modality_of(split.train)])
    assert (split.train.image[ct].amin((1, 2, 3)) < -900).all()  # air
    bright = (image[ct] > 0.2).double().mean()
    unwindowed = reproduce.normalise.min_max(split.train.image[ct])
    assert abs(bright - (unwindowed > 0.2).double().mean()) > 0.05


# --- the command ------------------------------------------------------------------------------


def test_command_prints_the_table_and_saves_the_record(tiny, capsys):
    assert reproduce.main(["--device", "cpu"]) == 0
    out = capsys.readouterr()
    assert "accuracy %" in out.out and "step/s" in out.err  # a progress bar with a rate
    saved = json.loads((tiny / "phantom-quick-seed0.json").read_text(encoding="utf-8"))
    assert saved["seed"] == 0 and saved["machine"]["versions"]["torch"] == torch.__version__
    assert len(saved["data"]["sha256"]["train"]) == 64 and saved["data"]["tier"] == "phantom"


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
    assert reproduce.main(["--data", str(tmp_path / "scans"), "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "n is too small to conclude" in out and "real" in out
    assert (tiny / "scans-quick-seed0.json").exists()


@pytest.mark.parametrize("name", ["mri", "ct", "us"])
def test_command_reads_the_real_sets(tiny, name, capsys, monkeypatch):
    import os

    if "MEDKIT_DATA" not in os.environ:
        pytest.skip("MEDKIT_DATA is not set")
    assert reproduce.main(["--data", name, "--device", "cpu"]) == 0
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
    assert reproduce.main([*arguments, "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert not list(tiny.iterdir())


def test_command_refuses_cuda_where_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert reproduce.main(["--device", "cuda"]) == 2
    assert "needs a CUDA GPU" in capsys.readouterr().err


def test_command_finds_a_bad_place_before_it_trains(tiny, capsys):
    (tiny / "file").write_text("")
    assert reproduce.main(["--out", str(tiny / "file" / "a.json"), "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert "a.json can't be written" in error and "step/s" not in error


def test_disk_full_while_saving_still_shows_the_table(tiny, capsys, monkeypatch):
    import errno
    import os

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert reproduce.main(["--device", "cpu"]) == 2
    out = capsys.readouterr()
    assert "accuracy %" in out.out and "could not be saved (No space left on device)" in out.err
    assert not list(tiny.iterdir())
