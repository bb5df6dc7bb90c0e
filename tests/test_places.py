"""Where files lie, and to which image a mask belongs: sides, classes, patients, `medkit.data.places` and `medkit.data.pairs`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from test_check import disc, told
from test_layouts import mask, picture, read
from test_own import label, nifti, volume

from medkit._check import MedkitInputError
from medkit.check import check_images
from medkit.data import places
from medkit.data.leaks import find_leaks
from medkit.data.own import list_own, own_images, own_split

pytestmark = pytest.mark.filterwarnings("error")


def stopped(root, kind, name, *said):
    """Tell that one fault alone stops `check`, and that `own_images` stops with the same words."""
    stops = [fault for fault in check_images(root, progress=None).faults if fault.stops]
    assert [(fault.kind, fault.name) for fault in stops] == [(kind, name)]
    assert all(part in f"{stops[0].what}; {stops[0].fix}" for part in said)
    with pytest.raises(MedkitInputError) as caught:
        own_split(root, size=16, progress=None)
    assert stops[0].what in str(caught.value)


def link(path, folder):
    """Make a link to a folder; where that is not allowed, skip the test."""
    try:
        path.symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("this system lets no one make links")


def sides_of(root):
    return {(item.side, list_own(root).classes[item.label]) for item in list_own(root).items}


BOTH = {("train", "ill"), ("train", "well"), ("test", "ill"), ("test", "well")}


def fill(root, form, sides=("train", "test"), kinds=("ill", "well"), count=6, start=0):
    for number, (side, kind) in enumerate(((side, kind) for side in sides for kind in kinds), start):
        for k in range(count):
            picture(root / form.format(side=side, kind=kind) / f"{k}.png", 100 * number + k)


# ---- train and test


@pytest.mark.parametrize("train, test", [("Training", "Testing"), ("training_set", "test_set"), ("train_data", "test-images"), ("trainset", "Valid")])
def test_hand_sides_by_other_names(tmp_path, train, test):
    fill(tmp_path, "{side}/{kind}", (train, test))
    assert sides_of(tmp_path) == {("train" if side == "train" else places.side_of(test), kind) for side, kind in BOTH}
    assert read(tmp_path)[0].classes == ("ill", "well")


def test_hand_sides_below_the_classes(tmp_path):
    fill(tmp_path, "{kind}/{side}")
    assert sides_of(tmp_path) == BOTH and len(own_split(tmp_path, size=16, progress=None).test) == 12


@pytest.mark.parametrize("beside", ["pred/{}.png", "pred/ill/{}.png", "chest_xray/train/ill/{}.png"])
def test_edge_a_folder_beside_train_and_test_stops(tmp_path, beside):
    fill(tmp_path, "{side}/{kind}")
    for k in range(3):
        picture(tmp_path / beside.format(k), 900 + k)
    name = beside.split("/")[0]
    stopped(tmp_path, "beside train and test", name, "holds 3 images", "take it out of this folder")
    (tmp_path / name).rename(tmp_path.with_name(f"{tmp_path.name}_other"))
    assert sides_of(tmp_path) == BOTH and not check_images(tmp_path, progress=None).stops


def test_edge_a_class_called_train_stops(tmp_path):
    fill(tmp_path, "{kind}", kinds=("ill", "train_set"))
    stopped(tmp_path, "train or test as a class", "train_set", "would be a class", "give it another name")


def test_hand_valid_and_invalid_are_classes(tmp_path):
    fill(tmp_path, "{kind}", ("",), ("invalid", "valid"))
    assert read(tmp_path)[0].classes == ("invalid", "valid")


def test_edge_a_patient_called_test_stops(tmp_path):
    fill(tmp_path, "{kind}/{side}", ("test", "P1", "P2"))
    stopped(tmp_path, "train or test as a class", "ill/test", "would be a patient")


def test_hand_classes_that_differ_in_capitals_between_sides_are_one(tmp_path):
    fill(tmp_path, "{side}/{kind}", ("train",), ("NORMAL", "PNEUMONIA"))
    for k in range(8):
        picture(tmp_path / "test" / ("Normal" if k < 4 else "Pneumonia") / f"{k}.png", 500 + k)
    assert read(tmp_path)[0].classes == ("NORMAL", "PNEUMONIA")
    split = own_split(tmp_path, size=16, progress=None)
    assert split.test.label.bincount().tolist() == [4, 4] and split.train.classes == split.test.classes


# ---- patients


def patients(root, form, count=4, files=2, masks="_mask"):
    for k in range(count):
        for number in range(files):
            picture(root / form.format(k) / f"{number}.png", 10 * k + number)
            if masks:
                mask(root / form.format(k) / f"{number}{masks}.png")


@pytest.mark.parametrize("form", ["TCGA_CS_{}940_19960909", "patient {}", "00{}"])
def test_hand_folders_of_patients_with_masks_are_told_by_their_masks(tmp_path, form):
    patients(tmp_path, form)
    data, _ = read(tmp_path)
    assert data.classes == ("nothing marked", "marked") and data.group.tolist() == [0, 0, 1, 1, 2, 2, 3, 3] and data.unit == "patient"
    assert form.format(1) not in check_images(tmp_path, progress=None)._repr_html_()
    assert data.name[2] == "folder 2/0.png" and list_own(tmp_path, names=True).items[2].name == f"{form.format(1)}/0.png"


def test_hand_images_and_masks_by_patient(tmp_path):
    for k in range(4):
        picture(tmp_path / "images" / f"TCGA_{k}00" / "a.png", k)
        mask(tmp_path / "masks" / f"TCGA_{k}00" / "a.png")
    data, _ = read(tmp_path)
    assert data.classes == ("nothing marked", "marked") and data.group.tolist() == [0, 1, 2, 3] and data.unit == "patient, one image each"


def test_edge_folders_of_patients_without_masks_are_no_classes_and_not_named(tmp_path):
    patients(tmp_path, "Mueller_Hans_1960010{}", masks="")
    stopped(tmp_path, "folders of patients", tmp_path.name, "4 in all", "if the folders are classes, take the numbers out of their names")
    report = check_images(tmp_path, progress=None)
    assert "Mueller" not in str(report) + report._repr_html_() and "Mueller_Hans_19600101" in str(check_images(tmp_path, progress=None, names=True))


@pytest.mark.parametrize("names", [("0", "1", "2", "3"), ("grade 1", "grade 2", "grade 3", "grade 4"), ("T1", "T2", "T3", "T4"), ("ISIC2018 a", "ISIC2018 b", "ISIC2018 c")])
def test_hand_numbered_classes_stay_classes(tmp_path, names):
    fill(tmp_path, "{kind}", ("",), names)
    assert read(tmp_path)[0].classes == names


@pytest.mark.parametrize("form", ["fold{}", "Fold_{}", "cv-{}", "HAM10000_images_part_{}"])
def test_edge_folds_are_no_classes(tmp_path, form):
    fill(tmp_path, "{kind}", ("",), tuple(form.format(k) for k in range(3)))
    stopped(tmp_path, "parts as classes", form.format(0), "one of 3 folders", "CLASS/image.png")


def test_hand_below_few_hospitals_the_patients_are_one_deeper(tmp_path):
    for number, (kind, place, patient) in enumerate((kind, place, patient) for kind in ("ill", "well") for place in "AB" for patient in range(3)):
        for k in range(2):
            picture(tmp_path / kind / f"Hospital {place}" / f"P{patient}" / f"{k}.png", 10 * number + k)
    assert {item.folder for item in list_own(tmp_path).items} == {f"Hospital {place}/P{patient}" for place in "AB" for patient in range(3)}
    assert read(tmp_path)[0].unit == "patient"


@pytest.mark.parametrize("series", ["series {}", "S{}", "{}", "1.2.840.{}"])
def test_hand_series_of_two_patients_are_no_patients(tmp_path, series):
    fill(tmp_path, "{kind}/{side}", ("Mueller", "Schmidt"), count=1)
    for path in list(tmp_path.rglob("*.png")):
        for k in range(3):
            picture(path.parent / series.format(k) / "b.png", hash(str(path)) % 1000 + k)
    assert {item.folder for item in list_own(tmp_path).items} == {None}
    fill(tmp_path, "{kind}/{side}/series 1", ("Weber",), count=1)
    assert {item.folder for item in list_own(tmp_path).items} == {"Mueller", "Schmidt", "Weber"}


# ---- pairs of folders, and masks in the folder of a case


@pytest.mark.parametrize("images, masks, end", [
    ("train_images", "train_masks", ""), ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth", "_segmentation"),
    ("Original", "Ground Truth", ""), ("images", "masks", ""),
])  # fmt: skip
def test_hand_pairs_of_folders_by_other_names(tmp_path, images, masks, end):
    for k in range(4):
        picture(tmp_path / images / f"{k}.png", k)
        mask(tmp_path / masks / f"{k}{end}.png")
    assert read(tmp_path)[1] == [f"marked {k} masked" for k in range(4)]


def test_hand_pairs_of_folders_may_say_the_side(tmp_path):
    for k in range(10):
        side = "train" if k < 7 else "test"
        picture(tmp_path / f"{side}_images" / f"{k}.png", k)
        mask(tmp_path / f"{side}_masks" / f"{k}.png")
    assert [one.split()[0] for one in read(tmp_path)[1]] == ["test"] * 3 + ["train"] * 7
    for path in (tmp_path / "test_masks").iterdir():
        path.unlink()
    (tmp_path / "test_masks").rmdir()
    report = check_images(tmp_path, progress=None)
    assert told(report)[:1] == [("side without masks", "test_images")] and not report.stops
    assert "3 test images have no masks and are passed over." in own_images(tmp_path, size=16, progress=None).notes


@pytest.mark.parametrize("images", ["test/images", "imagesTs"])
def test_hand_test_images_without_masks_are_passed_over_with_a_note(tmp_path, images):
    for k in range(6):
        at = ("train/images", "train/masks") if images == "test/images" else ("imagesTr", "labelsTr")
        picture(tmp_path / (images if k > 3 else at[0]) / f"{k}.png", k)
        if k <= 3:
            mask(tmp_path / at[1] / f"{k}.png")
    report = check_images(tmp_path, progress=None)
    assert [fault.kind for fault in report.faults] == ["side without masks", "one kind to learn"] and len(report.looks) == 4 == len(own_images(tmp_path, size=16, progress=None))


def test_hand_classes_called_as_images_are_classes_where_no_name_is_shared(tmp_path):
    for k in range(4):
        picture(tmp_path / "CT images" / f"ct {k}.png", k)
        picture(tmp_path / "labels seen" / f"seen {k}.png", 10 + k)
    assert read(tmp_path)[0].classes == ("CT images", "labels seen")


@pytest.mark.parametrize("case, image, seg", [("case_0000{}", "imaging", "segmentation"), ("00{}", "image", "image_mask"), ("{}x", "image", "mask"), ("Mueller {}", "t1", "seg")])
def test_hand_a_folder_for_each_case(tmp_path, case, image, seg):
    for k in range(4):
        nifti(tmp_path / "data" / case.format("abcd"[k] if case == "{}x" else k) / f"{image}.nii.gz", volume(k))
        nifti(tmp_path / "data" / case.format("abcd"[k] if case == "{}x" else k) / f"{seg}.nii.gz", label())
    data = own_images(tmp_path, size=8, progress=None)
    assert data.classes == ("nothing marked", "marked") and data.group.bincount().tolist() == [6] * 4 and data.mask.flatten(1).any(1).sum() == 8
    assert not check_images(tmp_path, progress=None).stops


def test_hand_a_segmentation_of_several_sequences(tmp_path):
    for k in range(3):
        for number, name in enumerate(("flair", "t1", "t1ce")):
            nifti(tmp_path / f"BraTS20_Training_00{k}" / f"BraTS20_Training_00{k}_{name}.nii.gz", volume(10 * k + number))
        nifti(tmp_path / f"BraTS20_Training_00{k}" / f"BraTS20_Training_00{k}_seg.nii.gz", label())
    data = own_images(tmp_path, size=8, progress=None)
    assert data.group.bincount().tolist() == [18] * 3 and data.label.view(9, 6).tolist() == [[0, 0, 1, 1, 0, 0]] * 9
    nifti(tmp_path / "BraTS20_Training_000" / "other_seg.nii.gz", label())
    stopped(tmp_path, "mask without image", "folder 1/other_seg.nii.gz", "add other.png")


def test_edge_a_mask_alone_beside_many_images_stops(tmp_path):
    fill(tmp_path, "{kind}", ("",))
    mask(tmp_path / "ill" / "mask.png")
    stopped(tmp_path, "mask without image", "ill/mask.png", "call it as its image with _mask behind")


@pytest.mark.parametrize("at", ["ill/masks/{}_mask.png", "masks/{}_mask.png"])
def test_hand_a_folder_of_masks_beside_the_images_themselves(tmp_path, at):
    for k in range(4):
        picture(tmp_path / "ill" / f"i{k}.png", k)
        picture(tmp_path / "well" / f"w{k}.png", 10 + k)
        mask(tmp_path / at.format(f"i{k}"))
    data, _ = read(tmp_path)
    assert data.classes == ("ill", "well") and data.mask.flatten(1).any(1).tolist() == [True] * 4 + [False] * 4


def test_hand_words_for_image_and_mask_before_a_number(tmp_path):
    for k in range(4):
        picture(tmp_path / "images" / f"img_{k}.png", k)
        mask(tmp_path / "masks" / f"mask_{k}.png")
    assert read(tmp_path)[1] == [f"marked {k} masked" for k in range(4)]
    mask(tmp_path / "masks" / "other.png")
    stopped(tmp_path, "mask without image", "masks/other.png", "call it as its image is called")


def test_edge_one_class_of_patients_is_told_as_one(tmp_path):
    patients(tmp_path, "lung/patient_{}", masks="")
    stopped(tmp_path, "folders of patients", "lung", "put the folder of another class beside it")


# ---- links


def test_edge_one_pool_linked_into_train_and_test_is_a_leak(tmp_path):
    fill(tmp_path / "set", "{side}/{kind}", kinds=("ill",))
    fill(tmp_path / "pool", "{kind}", ("",), ("well",), start=7)
    for side in ("train", "test"):
        link(tmp_path / "set" / side / "well", tmp_path / "pool" / "well")
    report = check_images(tmp_path / "set", progress=None)
    assert [fault.kind for fault in report.faults if fault.stops] == ["same bytes"] * 6
    assert len(find_leaks(own_split(tmp_path / "set", size=16, progress=None))) == 6


def test_edge_links_again_and_again_end(tmp_path, monkeypatch):
    monkeypatch.setattr("medkit.data.folder.MOST_LINKS", 3)
    fill(tmp_path, "{kind}", ("",), count=2)
    for k in range(4):
        link(tmp_path / f"again {'abcd'[k]}", tmp_path / "ill")
    with pytest.raises(MedkitInputError, match="is linked more than 3 times; copy what belongs there"):
        list_own(tmp_path)


def test_hand_names_are_compared_with_letters_composed_in_one_way(tmp_path):
    for k in range(4):
        picture(tmp_path / "a" / f"L\u00e4sion {k}.png", k)
        mask(tmp_path / "a" / f"La\u0308sion {k}_mask.png")
        picture(tmp_path / "b" / f"{k}.png", 10 + k)
    assert sum("masked" in one for one in read(tmp_path)[1]) == 4


def test_edge_two_files_of_one_name_may_be_an_image_and_its_mask(tmp_path):
    picture(tmp_path / "0.jpg", 0)
    Image.fromarray(np.asarray(disc())).save(tmp_path / "0.png")
    (fault,) = [fault for fault in list_own(tmp_path).faults]
    assert fault.fix == "rename one of them; if one is the other's mask, call it 0_mask.png"


# ---- what is no mask, and no patient


@pytest.mark.parametrize("name", ["p{}_roi1.png", "p{}_lesion.png", "p{}_label3.png"])
def test_edge_grey_images_that_are_called_as_masks_are_no_masks(tmp_path, name):
    for k in range(8):
        for number, one in enumerate((f"p{k}.png", name.format(k))):
            (tmp_path / ("ill", "well")[k % 2]).mkdir(exist_ok=True)
            grey = np.random.default_rng(100 * number + k).integers(60, 200, (16, 16)).astype(np.uint8)
            Image.fromarray(grey).save(tmp_path / ("ill", "well")[k % 2] / one)
    report = check_images(tmp_path, progress=None)
    assert {fault.kind for fault in report.faults if fault.stops} == {"unusable mask"}
    with pytest.raises(MedkitInputError, match="is no mask: 100% of its pixels are neither dark nor bright; .*an image needs a name"):
        read(tmp_path)


def test_edge_folders_of_masks_on_two_sides_stop_whatever_their_capitals(tmp_path):
    fill(tmp_path, "{side}/{kind}", ("train",), ("Masks", "scans"))
    fill(tmp_path, "{side}/{kind}", ("test",), ("masks", "scans"), start=7)
    stops = [fault for fault in check_images(tmp_path, progress=None).faults if fault.stops]
    assert [fault.kind for fault in stops] == ["masks as a class"] and stops[0].name.lower().endswith("/masks")


@pytest.mark.parametrize("kind", ["masks", "segmentations", "Labels"])
def test_edge_a_folder_of_masks_that_would_be_a_class_stops(tmp_path, kind):
    for k in range(4):
        picture(tmp_path / "frames" / f"frame_{k}.png", k)
        mask(tmp_path / kind / f"a{k}.png")
    assert ("masks as a class", kind) in told(check_images(tmp_path, progress=None))
    with pytest.raises(MedkitInputError, match="would be a class; call the folder of their images images"):
        read(tmp_path)


def test_hand_one_folder_of_images_with_a_mask_each_needs_no_class(tmp_path):
    for k in range(5):
        picture(tmp_path / "CXR_png" / f"{k}.png", k)
        mask(tmp_path / "mask" / f"{k}_mask.png")
    data, _ = read(tmp_path)
    assert data.classes == ("nothing marked", "marked") and data.mask.flatten(1).any(1).all()


@pytest.mark.parametrize("below, is_known", [
    (("axial", "coronal", "sagittal"), False), (("40X", "100X", "200X"), False), (("batch1", "batch2", "batch3"), False),
    (("ductal", "lobular", "tubular"), False), (("Meier", "Weber", "Schulz"), True), (("1", "2", "3"), True),
])  # fmt: skip
def test_hand_views_magnifications_and_kinds_are_no_patients(tmp_path, below, is_known):
    for number, one in enumerate(below):
        for k in range(4):
            picture(tmp_path / ("ill", "well")[k % 2] / one / f"{number}{k}.png", 10 * number + k)
    assert (read(tmp_path)[0].unit == "patient") == is_known


@pytest.mark.parametrize("below, is_told", [("hospital {}", False), ("patient {}", True)])
def test_hand_folders_that_stand_on_two_sides_are_patients_where_they_are_called_so(tmp_path, below, is_told):
    for number in range(3):
        for k in range(8):
            picture(tmp_path / ("train", "test")[k // 6] / ("ill", "well")[k % 2] / below.format(number) / f"{number}{k}.png", 10 * number + k)
    report = check_images(tmp_path, progress=None)
    assert ("patient on two sides" in [fault.kind for fault in report.faults]) == is_told


def test_hand_below_views_the_next_folders_are_patients(tmp_path):
    for view in ("axial", "coronal"):
        for number in range(8):
            picture(tmp_path / ("ill", "well")[number % 2] / view / f"patient {number}" / "a.png", 10 * number + len(view))
    data, _ = read(tmp_path)
    assert data.unit == "patient" and len(data.group.unique()) == 8


def test_hand_below_kinds_equal_numbers_are_of_different_patients(tmp_path):
    for number, kind in enumerate(("ductal", "lobular")):
        for k in range(8):
            picture(tmp_path / ("ill", "well")[k % 2] / kind / f"P{k}" / "a.png", 10 * number + k)
    assert len(read(tmp_path)[0].group.unique()) == 16
