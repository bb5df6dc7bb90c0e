"""Folders as people really have them: what is an image, a mask, a class, a patient and a side in each."""

from __future__ import annotations

import shutil

import pytest
import torch
from PIL import Image
from test_check import disc, pixels, told
from test_read import dicom

from medkit._check import MedkitInputError
from medkit.check import check_images
from medkit.data import folder
from medkit.data.leaks import find_leaks
from medkit.data.listing import contents
from medkit.data.own import list_own, own_images, own_split
from medkit.data.words import is_image, stem_of

pytestmark = pytest.mark.filterwarnings("error")


def picture(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(number)).save(path)


def mask(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(disc()).save(path)


def scan(path, number, patient):
    path.parent.mkdir(parents=True, exist_ok=True)
    dicom(path, pixels(number), PatientID=patient)


def read(root):
    """Return the set, and for each image "side class group masked"; and let the check agree that nothing stops it."""
    report = check_images(root, progress=None)
    data, items = own_images(root, size=16, progress=None), list_own(root).items
    assert not report.stops and len(items) == len(data) == len(report.looks)
    marked = data.mask.flatten(1).any(1).tolist() if data.mask is not None else [False] * len(data)
    return data, [f"{item.side} {data.classes[k]} {group} {'masked' if one else ''}".strip() for item, k, group, one in zip(items, data.label, data.group.tolist(), marked)]


@pytest.mark.parametrize("images, masks, ends", [
    ("images", "masks", ("", "")), ("Images", "GT", ("", "")), ("imagesTr", "labelsTr", ("_0000", "")), ("img", "labels", ("", "_mask")),
    ("images", "segmentations", ("", "_seg")), (".", ".", ("", "_seg")), (".", ".", ("", "_Mask")), (".", ".", ("", "_segmentation_2")),
])  # fmt: skip
def test_hand_masks_in_a_folder_of_their_own_or_beside(tmp_path, images, masks, ends):
    for k in range(3):
        picture(tmp_path / images / f"p{k}{ends[0]}.png", k)
        mask(tmp_path / masks / f"p{k}{ends[1]}.png")
    data, found = read(tmp_path)
    assert found == [f"marked {k} masked" for k in range(3)] and data.mask.sum((1, 2, 3)).min() > 5
    assert not any("mask" in name.lower() or "seg" in name for name in data.name)


def test_hand_a_mask_s_word_alone_makes_no_mask(tmp_path):
    for k, name in enumerate(("front_seg", "side_label", "back")):
        picture(tmp_path / f"{name}.png", k)
    data = own_images(tmp_path, size=16, progress=None)
    assert data.classes == ("unlabelled",) and data.mask is None and len(data) == 3
    assert told(check_images(tmp_path, progress=None)) == [("nothing to learn", tmp_path.name)]
    with pytest.raises(MedkitInputError, match="names no classes and holds no masks; make CLASS/image.png"):
        own_split(tmp_path, progress=None)


@pytest.mark.parametrize("inner", ["{what}/{kind}", "{kind}/{what}"])
def test_hand_images_and_masks_above_or_below_the_classes(tmp_path, inner):
    for k in range(6):
        kind = "ill" if k % 2 else "well"
        picture(tmp_path / inner.format(what="images", kind=kind) / f"{k}.png", k)
        mask(tmp_path / inner.format(what="masks", kind=kind) / f"{k}.png")
    assert sorted(read(tmp_path)[1]) == ["ill 0 masked", "ill 1 masked", "ill 2 masked", "well 3 masked", "well 4 masked", "well 5 masked"]


def test_hand_a_class_a_patient_a_series(tmp_path):
    for k in range(6):
        for number in range(2):
            scan(tmp_path / ("ill" if k % 2 else "well") / f"Mueller {k}" / "series" / f"IM{number:05}", 10 * k + number, f"P{k // 2}")
    data, found = read(tmp_path)
    assert data.classes == ("ill", "well") and data.unit == "patient"
    assert data.group.tolist() == [0, 0, 1, 1, 2, 2] * 2  # by PatientID, not by folder
    assert data.name[:3] == ("ill/folder 1/folder 1/IM00000", "ill/folder 1/folder 1/IM00001", "ill/folder 2/folder 1/IM00000")
    report = check_images(tmp_path, progress=None)
    assert "Mueller" not in "".join(data.name) + str(report) + report._repr_html_() and "--names" in dict(report.facts)["folders"]
    (tmp_path / "ill" / "Mueller 1" / "series" / "x.png").write_bytes(b"cut")
    assert told(check_images(tmp_path, progress=None)) == [("unreadable image", "ill/folder 1/folder 1/x.png")]
    assert told(check_images(tmp_path, progress=None, names=True)) == [("unreadable image", "ill/Mueller 1/series/x.png")]


def test_hand_folders_below_a_class_are_patients_from_three_on(tmp_path):
    for k in range(12):
        picture(tmp_path / ("ill" if k < 6 else "well") / f"p{k // 2}" / f"{k}.png", k)
    data, _ = read(tmp_path)
    assert data.group.tolist() == [k // 2 for k in range(12)] and data.unit == "patient"
    assert any("patients were told by the names" in note for note in data.notes)
    assert dict(check_images(tmp_path, progress=None).facts)["patients"] == "6 by study, by names of files and folders, or as a file alone"
    for k in range(4):
        picture(tmp_path / "two" / ("ill" if k < 2 else "well") / f"p{k % 2}" / f"{k}.png", k)
    assert own_images(tmp_path / "two", size=16, progress=None).group.tolist() == [0, 1, 2, 3]


def test_hand_names_of_files_tell_patients_apart(tmp_path):
    for k in range(12):
        picture(tmp_path / ("ill" if k < 6 else "well") / f"sub-{k // 2:02}_view{k % 2}.png", k)
    data, _ = read(tmp_path)
    assert data.group.tolist() == [k // 2 for k in range(12)] and data.unit == "patient"
    assert dict(check_images(tmp_path, progress=None).facts)["patients"] == "6 by study, by names of files and folders, or as a file alone"


def test_hand_copies_of_a_picture_stand_on_one_side(tmp_path):
    for k in range(20):
        picture(tmp_path / ("ill" if k % 2 else "well") / f"{k}.png", k)
        Image.fromarray(pixels(k)[:, ::-1].copy()).save(tmp_path / ("ill" if k % 2 else "well") / f"{k}_again.png")
    assert "20 pairs of images are one picture, as it is or moved: they stand on one side of a split." in own_split(tmp_path, progress=None).test.notes
    for seed in range(5):
        split = own_split(tmp_path, size=32, seed=seed, progress=None)
        assert find_leaks(split) == [] and len(split.train) + len(split.val) + len(split.test) == 40
    report = check_images(tmp_path, progress=None)
    assert [fault.kind for fault in report.faults] == ["augmented copy"] * 20 and not report.stops
    assert "a split keeps both on one side" in report.faults[0].fix


def test_hand_copies_across_sides_that_folders_make_are_left_to_the_reader(tmp_path):
    for k in range(24):
        side = "train" if k < 16 else "test"
        picture(tmp_path / side / ("ill" if k % 2 else "well") / f"{k}.png", 0 if k in (3, 20) else 5 if k == 7 else k)
    for seed in range(5):  # 5 and 7 are one picture, both in train; 3 and 20 are one, too
        leaks = find_leaks(own_split(tmp_path, seed=seed, progress=None))
        assert [(leak.kind, leak.names) for leak in leaks] == [("byte twin", ("train/ill/3.png", "test/well/20.png"))]
    faults = {fault.name: fault for fault in check_images(tmp_path, progress=None).faults}
    assert faults["train/ill/3.png"].stops and not faults["train/ill/7.png"].stops
    assert "a leak from train into test" in faults["train/ill/3.png"].what and "look which class is right" in faults["train/ill/3.png"].fix


def test_hand_folders_train_and_test_are_taken_at_their_word(tmp_path):
    for k in range(24):
        side = "Training" if k < 16 else "Testing"
        picture(tmp_path / side / ("ill" if k % 2 else "well") / f"{k}.png", k)
    data, found = read(tmp_path)
    assert data.classes == ("ill", "well") and {one.split()[0] for one in found} == {"train", "test"}
    split = own_split(tmp_path, size=16, progress=None)
    assert set(split.test.name) == {name for name in data.name if name.startswith("Testing")} and len(split.test) == 8
    assert len(split.val) == 2 and len(split.train) == 14 and "Training and test images as the folders have them." in split.test.notes
    for k in range(24, 28):
        picture(tmp_path / "valid" / ("ill" if k % 2 else "well") / f"{k}.png", k)
    assert [len(side) for side in vars(own_split(tmp_path, size=16, progress=None)).values()] == [16, 4, 8]
    shutil.rmtree(tmp_path / "Testing")
    split = own_split(tmp_path, size=16, progress=None)  # val is the test now
    assert len(split.test) == 4 and len(split.train) + len(split.val) == 16


def test_hand_sides_of_images_and_masks(tmp_path):
    for k in range(12):
        side = "train" if k < 8 else "test"
        picture(tmp_path / side / "images" / f"{k}.png", k)
        mask(tmp_path / side / "masks" / f"{k}.png")
    data, found = read(tmp_path)
    assert data.classes == ("nothing marked", "marked") and sorted(found)[0] == "test marked 0 masked" and len(own_split(tmp_path, size=16, progress=None).test) == 4


def test_edge_a_patient_on_two_sides_is_refused(tmp_path):
    for k in range(16):
        side = "train" if k < 12 else "test"
        scan(tmp_path / side / ("ill" if k % 2 else "well") / f"{k}.dcm", k, "same" if k in (3, 13) else f"P{k}")
    report = check_images(tmp_path, progress=None)
    assert [(fault.kind, fault.stops) for fault in report.faults] == [("patient on two sides", True)]
    with pytest.raises(MedkitInputError, match="train and test must share no patient, got 1 on both sides"):
        own_split(tmp_path, size=16, progress=None)


@pytest.mark.parametrize("name", ["P{}", "patient_{}"])
def test_edge_folders_of_patients_are_no_classes(tmp_path, name):
    for k in range(4):
        for number in range(2):
            scan(tmp_path / name.format(k) / "series" / f"{number}.dcm", 10 * k + number, f"id {k}")
    report = check_images(tmp_path, progress=None)
    assert told(report) == [("folders of patients", tmp_path.name)] and report.stops
    with pytest.raises(MedkitInputError, match="holds a folder for each patient, 4 in all, and none for classes; make CLASS/PATIENT"):
        own_images(tmp_path, size=16, progress=None)


def test_hand_a_folder_around_all_others_is_looked_through(tmp_path):
    for k in range(6):
        picture(tmp_path / "Archive" / "Set" / ("ill" if k % 2 else "well") / f"{k}.png", k)
    (tmp_path / "Archive" / "README.txt").write_text("as unpacked")
    (tmp_path / "__MACOSX" / "x").mkdir(parents=True)
    assert read(tmp_path)[0].classes == ("ill", "well") and read(tmp_path)[0].title == f"folder {tmp_path.name}"


def test_edge_links_in_a_circle_end(tmp_path):
    for k in range(6):
        picture(tmp_path / ("ill" if k % 2 else "well") / f"{k}.png", k)
    try:
        (tmp_path / "ill" / "again").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("this system lets no one make links")
    assert len(read(tmp_path)[0]) == 6


def test_hand_what_is_an_image_without_an_ending(tmp_path):
    for name in ("IM0001", "1.2.840.113619.2", "scan.IMA"):
        scan(tmp_path / name, 0, "p")
        assert is_image(tmp_path / name)
    for name in ("DICOMDIR", ".IM0001", "IM0001.txt"):
        scan(tmp_path / name, 0, "p")
        assert not is_image(tmp_path / name)
    (tmp_path / "LICENSE").write_text("free")
    (tmp_path / "EMPTY").write_bytes(b"")
    assert not is_image(tmp_path / "LICENSE") and not is_image(tmp_path / "EMPTY")
    assert stem_of(tmp_path / "1.2.840.113619.2") == "1.2.840.113619.2" and stem_of(tmp_path / "a.NII.gz") == "a"
    assert torch.equal(own_images(tmp_path, size=16, progress=None).group, torch.zeros(3, dtype=torch.int64))


def test_law_a_folder_is_listed_once(tmp_path, monkeypatch):
    for k in range(400):
        one = tmp_path / ("ill" if k % 2 else "well") / f"patient {k}"
        one.mkdir(parents=True)
        (one / "a.png").write_bytes(b"")
    looked = []
    monkeypatch.setattr(folder, "contents", lambda path: looked.append(path) or contents(path))
    items = list_own(tmp_path).items
    assert len(items) == 400 and len({item.folder for item in items}) == 400
    assert len(looked) <= 403 + 2  # each folder once; the root twice more, for its layout
