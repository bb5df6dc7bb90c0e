"""Sets by name: split, searched for leaks, and refused where there are any."""

import dataclasses
import os
import shutil

import numpy as np
import pytest

from medkit import reproduce, sets
from medkit._check import MedkitInputError
from medkit.data.leaks import LeakError
from medkit.data.phantom import phantom_split
from medkit.presets import PRESETS

pytestmark = pytest.mark.filterwarnings("error")
TINY = dataclasses.replace(PRESETS["quick"], size=32, limit=60, phantoms=(36, 18, 36))


def test_phantoms_come_with_their_facts():
    split, facts = sets.load("phantom", TINY)
    assert [len(side) for side in (split.train, split.val, split.test)] == [36, 18, 36]
    assert facts == {"key": "phantom", "leaks": [], "leaks_allowed": False}


def test_twins_leave_the_training_and_are_counted():
    whole = phantom_split(60, 12, 24, size=64)
    train = whole.train
    twin = dataclasses.replace(train, image=train.image.clone())
    twin.image[5] = whole.test.image[3].flip(-1)  # a mirrored copy, as a published set has
    clean = sets.without_leaks(dataclasses.replace(whole, train=twin))
    assert len(clean.train) == 59 and train.name[5] not in clean.train.name and len(clean.test) == 24
    assert "1 twins of images on a later side" in clean.test.notes[-1]
    assert len(sets.without_leaks(whole).train) == 60


def folder_with_twins(root):
    """Make a folder of two classes in which one picture stands seven times."""
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    rng = np.random.default_rng(0)
    for label in ("benign", "malignant"):
        (root / label).mkdir(parents=True)
        for i in range(10):
            pixels = np.kron(rng.integers(0, 255, (10, 12), dtype=np.uint8), np.ones((4, 4), np.uint8))
            image.fromarray(pixels).save(root / label / f"{label} ({i}).png")
    for i in range(10, 16):  # the same picture six times more
        image.fromarray(pixels).save(root / label / f"{label} ({i}).png")
    return root


def test_twins_in_a_folder_stand_on_one_side(tmp_path):
    split, facts = sets.load(str(folder_with_twins(tmp_path / "scans")), TINY)
    assert facts["leaks"] == [] and any("21 pairs of images are one picture" in note for note in split.test.notes)


def test_a_folder_that_is_split_and_leaks_is_refused_by_name_or_marked_for_good(tmp_path):
    root = tmp_path / "scans"
    folder_with_twins(root / "train")
    shutil.copytree(root / "train", root / "test")
    with pytest.raises(LeakError, match=r"train/benign/benign \(0\).png \(train\) and test/benign/benign \(0\).png \(test\): byte twin") as refused:
        sets.load(str(root), TINY)
    _, facts = sets.load(str(root), TINY, allow_leak=True)
    assert facts["leaks_allowed"] and len(facts["leaks"]) == len(refused.value.leaks) and facts["key"] == "scans"


def test_edge_records_of_a_file_or_folder_elsewhere_go_to_results_all_the_same(tmp_path):
    for name in (str(tmp_path / "mine.npz"), f"{tmp_path}/breast/", "us"):
        chosen = reproduce.parse(["--data", name])
        assert reproduce.folder_of(chosen).parent == reproduce.RESULTS and str(tmp_path) not in sets.called(name)


@pytest.mark.parametrize("name", sets.REAL)
def test_real_sets_are_searched_and_clean(name):
    if "MEDKIT_DATA" not in os.environ:
        pytest.skip("MEDKIT_DATA is not set")
    split, facts = sets.load(name, TINY)
    assert split.test.tier == "real" and facts["key"] == name and facts["leaks"] == []


def test_head_ct_has_five_folds_of_other_patients():
    if "MEDKIT_DATA" not in os.environ:
        pytest.skip("MEDKIT_DATA is not set")
    tests = [set(sets.load("ct", TINY, fold=fold).split.test.group.tolist()) for fold in range(5)]
    assert not any(tests[a] & tests[b] for a in range(5) for b in range(a))


def test_edge_no_such_set(monkeypatch, tmp_path):
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    with pytest.raises(MedkitInputError, match="nothing is neither a data set nor a folder; give phantom, texture, mirror, mri"):
        sets.load("nothing", TINY)
    with pytest.raises(MedkitInputError, match="mri needs the environment variable MEDKIT_DATA"):
        sets.load("mri", TINY)
