"""The published BUSI splits: every lesion image once, the leaks counted and never hidden."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from medkit._check import MedkitInputError
from medkit.data import Split, data_root
from medkit.data.benchmark import Benchmark, busi_benchmark

pytestmark = pytest.mark.filterwarnings("error")
needs_data = pytest.mark.skipif(data_root() is None, reason="MEDKIT_DATA is not set")
N = 30  # made images, every third without a lesion


def make(folder, lists=None, **changed):
    """Make BUSI's layout; images 2n and 2n + 1 share a group, and otherwise nothing."""
    rng = np.random.default_rng(0)
    label = np.arange(N) % 3
    mask = np.zeros((N, 256, 256), dtype=bool)
    mask[label < 2, 64:128, 128:192] = True
    names = [f"{('benign', 'malignant', 'normal')[k]} ({i})" for i, k in enumerate(label)]
    image = rng.integers(0, 256, (N, 16, 16), dtype=np.uint8).repeat(16, 1).repeat(16, 2)
    arrays = {
        "image": image, "mask": np.packbits(mask, axis=-1), "label": label.astype(np.uint8),
        "group": (np.arange(N) // 2).astype(np.int16), "conflict": np.arange(N) < 2, "name": np.array(names), **changed,
    }  # fmt: skip
    np.savez(folder / "us_busi256.npz", **arrays)
    lesions = [name for name in names if not name.startswith("normal")]
    lists = {"train1": lesions[:14], "val1": lesions[14:][::-1]} if lists is None else lists
    (folder / "splits.json").write_text(json.dumps({"busi_benchmark": lists}), encoding="utf-8")
    return lesions


def test_hand_both_sides_stand_as_the_lists_say(tmp_path):
    lesions = make(tmp_path)
    found = busi_benchmark(tmp_path, size=64)
    assert list(found.train.name) == lesions[:14] and list(found.val.name) == lesions[14:][::-1]
    for side in (found.train, found.val):
        assert side.classes == ("benign", "malignant") and side.unit == "duplicate group"
        assert [side.classes[k] for k in side.label] == [name.split(" ")[0] for name in side.name]
        assert side.mask[0, 0].nonzero().amin(0).tolist() == [16, 32] and side.mask[0].sum() == 16 * 16
        assert side.image.shape[1:] == (1, 64, 64) and side.image.max() > 100
    assert found.train.scored.tolist() == [False, False] + [True] * 12


def test_law_the_leaks_are_counted_and_stand_in_the_notes(tmp_path):
    lesions = make(tmp_path)
    clean = busi_benchmark(tmp_path, size=64)
    assert clean.leaks == () and "0 of 6 validation images leak" in clean.val.notes[1]
    swapped = {"train1": lesions[1:14] + lesions[-1:], "val1": lesions[:1] + lesions[14:-1]}
    make(tmp_path, swapped)
    leaky = busi_benchmark(tmp_path, size=64)
    assert [(leak.kind, leak.names) for leak in leaky.leaks] == [("same group", ("malignant (1)", "benign (0)"))]
    assert "1 of 6 validation images leak" in leaky.train.notes[1] and leaky.val.notes == leaky.train.notes
    with pytest.raises(ValueError, match="must share no duplicate group"):  # why it is no Split
        Split(leaky.train, leaky.val.subset(torch.zeros(6, dtype=torch.bool)), leaky.val)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([], "lacks train1 or val1 in busi_benchmark"),
        ({"train1": ["benign (0)"]}, "lacks train1 or val1 in busi_benchmark"),
        ({"train1": ["benign (0)"], "val1": ["malignant (1)"]}, "does not place each of 20 lesion images once"),
        ({"train1": ["benign (0)"], "val1": ["normal (2)"]}, "does not place each of 20 lesion images once"),
    ],
)
def test_edge_lists_that_do_not_place_every_lesion_are_refused(tmp_path, lists, message):
    make(tmp_path, lists)
    with pytest.raises(MedkitInputError, match=message):
        busi_benchmark(tmp_path, size=32)


def test_edge_an_image_on_both_sides_is_refused(tmp_path):
    lesions = make(tmp_path)
    make(tmp_path, {"train1": lesions, "val1": lesions[:1]})
    with pytest.raises(MedkitInputError, match="does not place each of 20 lesion images once in split 1"):
        busi_benchmark(tmp_path, size=32)


def test_edge_other_splits_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"which must be one of \(1, 2, 3\), got 4"):
        busi_benchmark(tmp_path, which=4)
    with pytest.raises(MedkitInputError, match="us_busi256.npz is missing"):
        busi_benchmark(tmp_path)


@needs_data
def test_hand_the_real_benchmark():
    found = [busi_benchmark(data_root(), size=32, which=which) for which in (1, 2, 3)]
    for which, split in enumerate(found, start=1):
        assert isinstance(split, Benchmark) and (len(split.train), len(split.val)) == (452, 195)
        assert len({*split.train.name, *split.val.name}) == 647
        shared = torch.isin(split.val.group, split.train.group)
        assert int(shared.sum()) <= len(split.leaks) <= 60  # twins that the set's own groups miss
        assert sum(leak.kind == "same group" for leak in split.leaks) == int(shared.sum())
        assert f"Split {which} of the published" in split.val.notes[0]
    assert [int(torch.isin(s.val.group, s.train.group).sum()) for s in found] == [44, 44, 42]
