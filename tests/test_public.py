"""Public sets: real where MEDKIT_DATA is set, and small made files of the same layout everywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from medkit._check import MedkitInputError
from medkit.data import archive, brain_mri, breast_ultrasound, data_root, head_ct, limit, resize

pytestmark = pytest.mark.filterwarnings("error")
needs_data = pytest.mark.skipif(data_root() is None, reason="MEDKIT_DATA is not set")


def made(n: int, size: int, rng) -> dict[str, np.ndarray]:
    """Make images and packed masks with a square lesion."""
    mask = np.zeros((n, size, size), dtype=bool)
    mask[:, 8:24, 16:32] = True
    image = rng.integers(0, 256, (n, size, size), dtype=np.uint8)
    return {"image": image, "mask": np.packbits(mask, axis=-1)}


def make_mri(folder, **changed):
    label = np.arange(80) % 4
    code = np.array(["gl", "me", "pi", "no"])[label]
    arrays = {
        **made(80, 128, np.random.default_rng(0)),
        "label": label.astype(np.uint8), "test": np.arange(80) >= 60,
        "name": np.array([f"brisc2025_train_{i:05d}_{c}_ax_t1.jpg" for i, c in enumerate(code)]), **changed,
    }  # fmt: skip
    np.savez(folder / "mri_brisc128.npz", **{k: v for k, v in arrays.items() if v is not None})


def make_ct(folder, folds=None, **changed):
    patient = np.repeat(np.arange(50, 60), 6).astype(np.uint8)
    subtype = np.zeros((60, 5), dtype=np.uint8)
    subtype[::6, 3] = 1  # one slice of each patient
    arrays = {
        "image": made(60, 128, np.random.default_rng(0))["image"], "subtype": subtype, "patient": patient,
        "slice": (np.arange(60) % 6).astype(np.uint8), **changed,
    }  # fmt: skip
    np.savez(folder / "ct_ich128.npz", **{k: v for k, v in arrays.items() if v is not None})
    folds = {str(p): int(p) % 5 for p in range(50, 60)} if folds is None else folds
    (folder / "splits.json").write_text(json.dumps({"ct_ich_patient_fold": folds}), encoding="utf-8")


def make_us(folder, **changed):
    arrays = {
        **made(60, 256, np.random.default_rng(0)), "label": (np.arange(60) // 2 % 3).astype(np.uint8),
        "group": (np.arange(60) // 2).astype(np.int16), "conflict": np.arange(60) < 4,
        "name": np.array([f"image ({i})" for i in range(60)]), **changed,
    }  # fmt: skip
    np.savez(folder / "us_busi256.npz", **{k: v for k, v in arrays.items() if v is not None})


# Made files


def test_hand_brain_mri(tmp_path):
    make_mri(tmp_path)
    split = brain_mri(tmp_path, size=32)
    assert (len(split.train), len(split.val), len(split.test)) == (39, 6, 15)
    assert split.train.classes == ("glioma", "meningioma", "pituitary tumour")
    assert split.train.unit == "image, patients unknown" and "Patients unknown" in split.train.notes[0]
    assert "20 images without tumour" in split.train.notes[1]
    for side in (split.train, split.val, split.test):
        assert [name.split("_")[3] for name in side.name] == [("gl", "me", "pi")[k] for k in side.label]
    assert all(int(name.split("_")[2]) >= 60 for name in split.test.name)
    assert split.test.mask[0, 0].nonzero().amin(0).tolist() == [2, 4] and split.test.mask[0].sum() == 16


def test_law_images_are_grey_levels_resized_by_area(tmp_path):
    make_mri(tmp_path)
    image = np.load(tmp_path / "mri_brisc128.npz")["image"][60].astype(np.float64)
    ours = brain_mri(tmp_path, size=32).test.image[0, 0]
    wanted = torch.tensor(image.reshape(32, 4, 32, 4).mean((1, 3)), dtype=torch.float32)
    torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-3)


def test_hand_head_ct(tmp_path):
    make_ct(tmp_path)
    split = head_ct(tmp_path, size=32, fold=4)
    assert split.test.group.unique().tolist() == [54, 59] and split.val.group.unique().tolist() == [50, 55]
    assert split.train.mask is None and split.train.unit == "patient"
    assert split.test.label.tolist() == [1, 0, 0, 0, 0, 0] * 2
    assert split.test.name[1] == "patient 054 slice 01"


def test_hand_breast_ultrasound(tmp_path):
    make_us(tmp_path)
    split = breast_ultrasound(tmp_path, size=32)
    sides = (split.train, split.val, split.test)
    assert sum(len(side) for side in sides) == 60
    assert sum(int((~side.scored).sum()) for side in sides) == 4
    assert "4 images whose twins contradict" in split.train.notes[1]
    for side in sides:  # images 2n and 2n + 1 are near-twins
        images = {int(name[7:-1]) for name in side.name}
        assert images == {i ^ 1 for i in images}
    assert breast_ultrasound(tmp_path, size=32, seed=1).test.name != split.test.name


@pytest.mark.parametrize(
    ("make", "load", "changed", "message"),
    [
        (make_mri, brain_mri, {"mask": None}, "mri_brisc128.npz lacks mask; get the file again"),
        (make_mri, brain_mri, {"label": np.zeros(80)}, "holds label as float64, not uint8"),
        (make_mri, brain_mri, {"test": np.zeros(9, bool)}, r"holds test of shape \(9,\), not \(80,\)"),
        (make_mri, brain_mri, {"test": np.zeros(80, bool)}, "marks all images as test or none"),
        (make_mri, brain_mri, {"label": np.zeros(80, np.uint8)}, "labels that disagree with the names"),
        (make_mri, brain_mri, {"label": (np.arange(80) % 3).astype(np.uint8)}, "labels that disagree"),
        (make_mri, brain_mri, {"name": np.array(["x.jpg"] * 80)}, "holds a name without one of gl, me"),
        (make_us, breast_ultrasound, {"label": np.full(60, 3, np.uint8)}, "holds the label 3, above 2"),
        (make_us, breast_ultrasound, {"image": np.zeros((60, 64, 64), np.uint8)}, "holds image of shape"),
        (make_us, breast_ultrasound, {"name": np.array([None] * 60)}, r"can't be read \(ValueError\)"),
        (make_ct, head_ct, {"subtype": np.zeros((60, 4), np.uint8)}, "holds subtype of shape"),
        (make_ct, head_ct, {"folds": {"50": 0}}, "splits.json does not give every patient a fold"),
    ],
)  # fmt: skip
def test_edge_another_layout_is_refused(tmp_path, make, load, changed, message):
    if any(getattr(v, "dtype", None) == object for v in changed.values()):
        make(tmp_path)  # savez would pickle: written by hand, read without
        arrays = dict(np.load(tmp_path / "us_busi256.npz"))
        np.savez(tmp_path / "us_busi256.npz", allow_pickle=True, **{**arrays, **changed})
    else:
        make(tmp_path, **changed)
    with pytest.raises(MedkitInputError, match=message):
        load(tmp_path, size=32)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_edge_a_file_cut_short_is_refused(tmp_path, share):
    make_us(tmp_path)
    path = tmp_path / "us_busi256.npz"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(MedkitInputError, match=r"us_busi256.npz can't be read \(.*\); get the file again"):
        breast_ultrasound(tmp_path)


def test_edge_a_flipped_byte_is_refused(tmp_path):
    make_us(tmp_path)
    path = tmp_path / "us_busi256.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(MedkitInputError, match="can't be read"):
        breast_ultrasound(tmp_path)


def test_edge_missing_files_and_folds(tmp_path):
    with pytest.raises(MedkitInputError, match="mri_brisc128.npz is missing; put it into the folder"):
        brain_mri(tmp_path)
    make_ct(tmp_path)
    with pytest.raises(ValueError, match=r"fold must be one of 0 \.\.\. 4, got 5"):
        head_ct(tmp_path, fold=5)
    (tmp_path / "splits.json").write_text("{", encoding="utf-8")
    with pytest.raises(MedkitInputError, match="splits.json can't be read"):
        head_ct(tmp_path)
    (tmp_path / "splits.json").write_text("[]", encoding="utf-8")
    with pytest.raises(MedkitInputError, match="splits.json holds a list, not an object"):
        head_ct(tmp_path)
    (tmp_path / "splits.json").unlink()
    with pytest.raises(MedkitInputError, match="splits.json is missing"):
        head_ct(tmp_path)
    with pytest.raises(MedkitInputError, match="nothing.npz is missing"):
        archive.read_arrays(tmp_path / "nothing.npz", {})


# Fewer images


def test_law_a_limit_takes_whole_groups_of_every_class(tmp_path):
    make_ct(tmp_path)
    whole, few = head_ct(tmp_path, size=32), head_ct(tmp_path, size=32, limit=20)
    for all_of, some in ((whole.train, few.train), (whole.val, few.val), (whole.test, few.test)):
        assert len(some) <= 20 and some.label.unique().tolist() == [0, 1]
        for patient in some.group.unique():
            assert (some.group == patient).sum() == (all_of.group == patient).sum()
    assert head_ct(tmp_path, size=32, limit=20).train.name == few.train.name
    seeds = {limit.limit_images(whole.train, 20, seed).name for seed in range(5)}
    assert len(seeds) > 1


def test_law_a_limit_keeps_the_classes_in_proportion(tmp_path):
    make_us(tmp_path)
    test = limit.limit_images(breast_ultrasound(tmp_path, size=32).train, 18)
    assert test.label.bincount().tolist() == [6, 6, 6]


def test_edge_a_limit_that_no_group_fits(tmp_path):
    make_ct(tmp_path)
    with pytest.raises(ValueError, match="limit must let one patient in, got 3"):
        head_ct(tmp_path, size=32, limit=3)
    with pytest.raises(ValueError, match="limit must be 1 or above, got 0"):
        head_ct(tmp_path, size=32, limit=0)


# Sizes


@pytest.mark.parametrize(("before", "after"), [(8, 4), (9, 4), (4, 9), (64, 64), (500, 7)])
def test_law_area_interpolation_keeps_the_mean(before, after):
    weight = resize.area_weights(before, after)
    torch.testing.assert_close(weight.sum(1), torch.ones(after))
    torch.testing.assert_close(weight.sum(0), torch.full((before,), after / before))


def test_twin_area_interpolation_against_torch():
    image = torch.rand(2, 1, 96, 64, generator=torch.Generator().manual_seed(0))
    theirs = torch.nn.functional.interpolate(image, size=(32, 32), mode="area")
    torch.testing.assert_close(resize.resize_image(image, 32), theirs)


def test_law_a_mask_stays_binary_and_never_vanishes():
    rng = torch.Generator().manual_seed(0)
    speck = torch.zeros(50, 100, 80, dtype=torch.bool)
    for i in range(50):
        speck[i, torch.randint(100, (), generator=rng), torch.randint(80, (), generator=rng)] = True
    small = resize.resize_mask(speck, 16)
    assert small.dtype == torch.bool and (small.sum((1, 2)) == 1).all()
    assert not resize.resize_mask(torch.zeros(3, 100, 80, dtype=torch.bool), 16).any()
    half = torch.zeros(1, 8, 8, dtype=torch.bool)
    half[:, :, :3] = True  # the second new column is half covered: inside
    assert resize.resize_mask(half, 4)[0, 0].tolist() == [True, True, False, False]


# The real files


@needs_data
def test_hand_the_real_brain_mri():
    split = brain_mri(data_root(), size=32)
    assert len(split.train) + len(split.val) == 1650 and split.test.label.bincount().tolist() == [130] * 3
    assert split.train.mask.flatten(1).any(1).all() and split.train.image.max() <= 255


@needs_data
def test_hand_the_real_head_ct():
    split = head_ct(data_root(), size=32)
    assert len(split.test) == 479 and int(split.test.label.sum()) == 62
    assert sum(len(s.group.unique()) for s in (split.train, split.val, split.test)) == 82


@needs_data
def test_hand_the_real_breast_ultrasound():
    split = breast_ultrasound(data_root(), size=32, limit=200)
    whole = breast_ultrasound(data_root(), size=32)
    sides = (whole.train, whole.val, whole.test)
    assert sum(len(side) for side in sides) == 780 and sum(int((~s.scored).sum()) for s in sides) == 16
    assert len(split.train) <= 200 and split.train.label.unique().tolist() == [0, 1, 2]
    for side in sides:
        assert torch.equal(side.mask.flatten(1).any(1), side.label != 2)
