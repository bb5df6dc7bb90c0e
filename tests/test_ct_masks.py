"""CT with masks: in Hounsfield units, nobody on two sides, and honest about what they can't answer."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from medkit._check import MedkitInputError
from medkit.data import data_root, leaks
from medkit.data.ct_masks import OFFSET, RUN, bleed_ct, lung_ct
from medkit.models import UNet
from medkit.normalise import ct_window, min_max
from medkit.settings import Settings
from medkit.training import fit, predict

pytestmark = pytest.mark.filterwarnings("error")
needs_data = pytest.mark.skipif(data_root() is None, reason="MEDKIT_DATA is not set")


def make_lung(folder, **changed):
    """Make 60 + 40 patches; a tumour is a bright square, and every fifth patch has none."""
    rng = np.random.default_rng(0)
    arrays = {}
    for side, n in (("train", 60), ("test", 40)):
        mask = np.zeros((n, 48, 48), dtype=bool)
        mask[np.arange(n) % 5 > 0, 12:24, 24:36] = True
        image = rng.integers(0, 200, (n, 48, 48)) + 800 * mask
        arrays |= {f"image_{side}": image.astype(np.int16), f"mask_{side}": np.packbits(mask, axis=-1)}
    np.savez(folder / "ct_lung_patches48.npz", **{k: v for k, v in (arrays | changed).items() if v is not None})


def make_bleeds(folder, groups=None, **changed):
    """Make two slices each of eight patients."""
    names = [f"{50 + i // 2:03d}_{10 + i:02d}" for i in range(16)]
    mask = np.zeros((16, 512, 512), dtype=bool)
    mask[:, 128:256, 256:320] = True
    hu = np.random.default_rng(0).integers(-1024, 40, (16, 512, 512)).astype(np.int16)
    arrays = {"hu": hu, "mask": np.packbits(mask, axis=-1), "name": np.array(names), **changed}
    np.savez(folder / "ct_ich_seg512.npz", **{k: v for k, v in arrays.items() if v is not None})
    groups = {name: name[:3] for name in names} if groups is None else groups
    (folder / "splits.json").write_text(json.dumps({"ct_ich_seg_groups": groups}), encoding="utf-8")


def sides_of(split):
    return split.train, split.val, split.test


# Lung patches


def test_hand_lung_patches_are_in_hounsfield_units(tmp_path):
    make_lung(tmp_path)
    stored = np.load(tmp_path / "ct_lung_patches48.npz")["image_test"]
    test = lung_ct(tmp_path, size=48).test
    assert test.window == (-600, 1500) and test.modality == "CT" and test.tier == "real"
    assert torch.equal(test.image[:, 0], torch.tensor(stored).float() - OFFSET)
    coarse = lung_ct(tmp_path, size=24).test
    wanted = torch.tensor(stored.reshape(40, 24, 2, 24, 2).mean((2, 4))).float() - OFFSET
    torch.testing.assert_close(coarse.image[:, 0], wanted)
    assert coarse.mask[1, 0].nonzero().amin(0).tolist() == [6, 12] and coarse.mask[1].sum() == 36


def test_law_a_lung_label_says_whether_the_mask_shows_tumour(tmp_path):
    make_lung(tmp_path)
    split = lung_ct(tmp_path, size=32)
    for side in sides_of(split):
        assert torch.equal(side.label == 1, side.mask.flatten(1).any(1)) and side.scored.all()
        assert [int(name[-3:]) % 5 > 0 for name in side.name] == (side.label == 1).tolist()
    assert split.test.classes == ("no tumour", "tumour")
    assert "8 of 40 test patches show no tumour" in split.test.notes[1]


def test_law_validation_takes_whole_tens_and_the_test_is_as_given(tmp_path):
    make_lung(tmp_path)
    split = lung_ct(tmp_path, size=32, seed=3)
    assert [len(side) for side in sides_of(split)] == [50, 10, 40]
    assert len({int(name[-3:]) // RUN for name in split.val.name}) == 1
    assert all(name.startswith("test") for name in split.test.name) and "patients unknown" in split.test.unit
    assert "ten patches in a row are taken for one patient's" in split.train.notes[0]
    assert lung_ct(tmp_path, size=32, seed=3).val.name == split.val.name
    assert len({lung_ct(tmp_path, size=32, seed=seed).val.name for seed in range(6)}) > 1
    few = lung_ct(tmp_path, size=32, limit=20)
    assert [len(side) for side in sides_of(few)] == [20, 10, 20]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mask_test": None}, "ct_lung_patches48.npz lacks mask_test; get the file again"),
        ({"image_train": np.zeros((60, 48, 48))}, "holds image_train as float64, not int16"),
        ({"image_train": np.zeros((60, 64, 64), np.int16)}, r"holds image_train of shape \(60, 64, 64\)"),
        ({"mask_train": np.zeros((59, 48, 6), np.uint8)}, r"holds mask_train of shape \(59, 48, 6\)"),
        ({"image_test": np.full((40, 48, 48), -900, np.int16)}, r"holds -900 \.\.\. -900, not HU \+ 1000"),
        ({"image_test": np.full((40, 48, 48), 2000, np.int16)}, r"holds 2000 \.\.\. 2000, not HU \+ 1000"),
    ],
)
def test_edge_another_lung_layout_is_refused(tmp_path, changed, message):
    make_lung(tmp_path, **changed)
    with pytest.raises(MedkitInputError, match=message):
        lung_ct(tmp_path, size=32)


# Bleeds


def test_hand_bleeds_are_in_hounsfield_units_and_split_by_patient(tmp_path):
    make_bleeds(tmp_path)
    split = bleed_ct(tmp_path, size=64)
    stored = np.load(tmp_path / "ct_ich_seg512.npz")["hu"].astype(np.float64)
    names = [f"patient {50 + i // 2:03d} slice {10 + i:02d}" for i in range(16)]
    assert [len(side) for side in sides_of(split)] == [10, 2, 4]
    for side in sides_of(split):
        at = [names.index(name) for name in side.name]
        wanted = torch.tensor(stored[at].reshape(-1, 64, 8, 64, 8).mean((2, 4))).float()
        torch.testing.assert_close(side.image[:, 0], wanted, rtol=1e-5, atol=1e-3)
        assert side.mask[0, 0].nonzero().amin(0).tolist() == [16, 32] and side.mask[0].sum() == 16 * 8
        assert side.group.tolist() == [50 + i // 2 for i in at]
        assert side.window == (40, 80) and not side.scored.any() and side.label.tolist() == [1] * len(side)
        assert (side.group[:, None] == side.group).sum(1).tolist() == [2] * len(side)  # whole patients
    assert "Only 16 slices of 8 patients" in split.test.notes[0] and split.test.unit == "patient"
    assert len(bleed_ct(tmp_path, size=64, limit=4).train) == 4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hu": np.zeros((16, 512, 512), np.uint8)}, "holds hu as uint8, not int16"),
        ({"mask": np.zeros((16, 512, 64), np.uint8)}, "holds a slice whose mask is empty"),
        ({"groups": {"050_10": "050"}}, "splits.json does not give the slice '050_11' a patient's number"),
        ({"groups": [1]}, "splits.json lacks ct_ich_seg_groups"),
        ({"name": np.array(["one"] * 16)}, "does not give the slice 'one' a patient's number"),
    ],
)
def test_edge_another_bleed_layout_is_refused(tmp_path, changed, message):
    make_bleeds(tmp_path, **changed)
    with pytest.raises(MedkitInputError, match=message):
        bleed_ct(tmp_path, size=32)


def test_edge_missing_files(tmp_path):
    for load, name in ((lung_ct, "ct_lung_patches48.npz"), (bleed_ct, "ct_ich_seg512.npz")):
        with pytest.raises(MedkitInputError, match=f"{name} is missing; put it into the folder"):
            load(tmp_path)
    make_bleeds(tmp_path)
    (tmp_path / "splits.json").unlink()
    with pytest.raises(MedkitInputError, match="splits.json is missing"):
        bleed_ct(tmp_path)


def test_law_the_unit_is_kept_wherever_a_set_goes(tmp_path):
    make_bleeds(tmp_path)
    split = bleed_ct(tmp_path, size=32)
    assert split.to("cpu").train.window == split.train.subset(torch.tensor([0])).window == (40, 80)


def train_on_bleeds(root, size):
    """Train a U-Net for one epoch where no label is scored; return it with the split and its images."""
    split = bleed_ct(root, size=size)
    image = {side: min_max(ct_window(getattr(split, side).image, 40, 80)) for side in ("train", "test")}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = UNet(classes=2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    train = split.train
    settings = Settings(epochs=1, batch_size=4)
    history = fit(model, image["train"], train.label, train.mask, settings, seed=0, scored=train.scored, progress=None)
    return model, before, history, split.test, image["test"]


def test_law_without_a_scored_label_the_masks_alone_are_learned(tmp_path):
    make_bleeds(tmp_path)
    model, before, history, test, image = train_on_bleeds(tmp_path, 32)
    assert history[0]["label"] == 0 and history[0]["dice"] > 0
    moved = {name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])}
    assert moved and not any(name.startswith("label_head") for name in moved)
    assert predict(model, image).mask.shape == test.mask.shape


# The real files


@needs_data
def test_hand_the_real_lung_patches():
    split = lung_ct(data_root(), size=48)
    assert [len(side) for side in sides_of(split)] == [110, 20, 130]
    assert split.test.label.bincount().tolist() == [13, 117]
    assert int((split.train.label == 0).sum() + (split.val.label == 0).sum()) == 19
    assert float(split.train.image.min()) == -1000 and float(split.train.image.max()) == 100
    grey = torch.cat([side.image.flatten() for side in sides_of(split)])
    for low, high, hu in ((-200, -64, -95), (0, 96, 39)):  # fat; muscle and blood
        often = torch.histc(grey, bins=(high - low) // 8, min=low, max=high)
        assert abs(low + 8 * int(often.argmax()) + 4 - hu) <= 8
    assert not leaks.find_leaks(split)


@needs_data
def test_law_ten_lung_patches_in_a_row_look_like_one_patient():
    test = lung_ct(data_root(), size=48).test
    noise = test.image.diff(dim=-1).abs().flatten(1).median(1).values
    spread = noise.reshape(13, RUN).std(1).median()
    assert spread < 0.4 * noise.roll(5).reshape(13, RUN).std(1).median()  # tens that begin elsewhere
    assert spread < 0.4 * noise.std()


@needs_data
def test_hand_the_real_bleeds():
    split = bleed_ct(data_root(), size=64)
    assert sum(len(side) for side in sides_of(split)) == 26
    assert [len(side.group.unique()) for side in sides_of(split)] == [10, 2, 4]
    inside = torch.cat([side.image[side.mask] for side in sides_of(split)])
    assert 45 <= float(inside.median()) <= 65  # fresh blood
    assert not leaks.find_leaks(split)


@needs_data
def test_hand_the_real_bleeds_can_be_trained_on():
    model, _, history, test, image = train_on_bleeds(data_root(), 64)
    assert history[0]["label"] == 0 and 0 < history[0]["loss"] < 3
    assert predict(model, image).mask.shape == test.mask.shape
