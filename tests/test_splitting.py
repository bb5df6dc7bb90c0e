"""medkit.check.splitting, and what `own_split` makes of the same folders: classes, patients and sides that would mislead."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from test_read import dicom

from medkit._check import MedkitInputError
from medkit.check import check_images
from medkit.data.leaks import refuse_leaks
from medkit.data.own import own_split

pytestmark = pytest.mark.filterwarnings("error")


def pixels(number, side=24):
    """Return (side, side) uint8 of which no two numbers give pictures that are alike."""
    return np.random.default_rng(number).integers(20, 200, (side, side)).astype(np.uint8)


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def square(is_marked=True, side=24):
    mask = np.zeros((side, side), np.uint8)
    mask[4:12, 6:15] = 255 * is_marked
    return mask


def of_kind(report, kind):
    return [fault for fault in report.faults if fault.kind == kind]


def both(root):
    """Return the check and the split of a folder; where the check stops, what the split is refused with."""
    report = check_images(root, progress=None)
    try:
        split = own_split(root, size=16, progress=None)
        refuse_leaks(split)
    except MedkitInputError as error:
        assert report.stops, f"the check lets it pass: {error}"
        return report, str(error)
    assert not report.stops, report
    return report, split


# ---- patients


@pytest.mark.parametrize("how", ["PatientID", "file names"])
def test_patients_of_one_image_each_are_known_and_pass_the_search_for_leaks(tmp_path, how):
    for k in range(16):
        (tmp_path / "iw"[k % 2]).mkdir(exist_ok=True)
        if how == "PatientID":
            dicom(tmp_path / "iw"[k % 2] / f"{k}.dcm", pixels(k), PatientID=f"P{k}")
        else:
            save(tmp_path / "iw"[k % 2] / f"patient_{k:03d}.png", pixels(k))
    _, split = both(tmp_path)
    assert split.train.unit == "patient, one image each" and len(split.train) + len(split.val) + len(split.test) == 16


@pytest.mark.parametrize("name", ["scan_{:03d}.png", "CT scan ({}).png", "session {}.png", "baseline_{}.png", "fu{}.png"])
def test_words_for_visits_alone_name_no_patient(tmp_path, name):
    for k in range(12):
        save(tmp_path / ("ill", "well")[k % 2] / name.format(k), pixels(k))
    _, split = both(tmp_path)
    assert split.train.unit == "image, patients unknown"


def test_visits_of_one_patient_stay_together(tmp_path):
    for k in range(12):
        for visit in (1, 2):
            save(tmp_path / ("ill", "well")[k % 2] / f"A{k} scan {visit}.png", pixels(10 * k + visit))
    _, split = both(tmp_path)
    assert split.train.unit == "patient" and {name.split(" ")[0] for name in split.train.name}.isdisjoint({name.split(" ")[0] for name in split.test.name})


def test_names_keep_a_patient_together_whose_studies_have_numbers_of_their_own(tmp_path):
    for k in range(24):
        (tmp_path / "iw"[k % 2]).mkdir(exist_ok=True)
        dicom(tmp_path / "iw"[k % 2] / f"patient {k // 4}_{k}.dcm", pixels(k), PatientID=f"study{k}")
    _, split = both(tmp_path)
    assert split.train.unit == "patient"


def test_copies_count_as_one_image_before_a_class_is_said_to_be_large_enough(tmp_path):
    for label, kind in enumerate(("ill", "well")):
        for k in range(3):
            save(tmp_path / kind / f"{k}.png", pixels(10 * label + min(k, 1)))
    report, said = both(tmp_path)
    assert of_kind(report, "few patients")[0].stops and "got 4 groups in all" in said


def test_one_name_for_all_patients_is_said(tmp_path):
    for k in range(8):
        (tmp_path / "iw"[k % 2]).mkdir(exist_ok=True)
        dicom(tmp_path / "iw"[k % 2] / f"{k}.dcm", pixels(k), PatientID="0", StudyInstanceUID=f"1.2.{k}")
    report, said = both(tmp_path)
    [fault] = of_kind(report, "few patients")
    assert fault.what == "names one patient in all files, in 8 studies" and fault.fix in said and "PatientID" in fault.fix


# ---- classes


@pytest.mark.parametrize("marked, kinds, is_scored", [(12, ["one kind to learn"], False), (6, [], True)])
def test_where_all_is_marked_no_label_is_scored(tmp_path, marked, kinds, is_scored):
    for k in range(12):
        save(tmp_path / "images" / f"{k}.png", pixels(k))
        save(tmp_path / "masks" / f"{k}.png", square(k < marked))
    report, split = both(tmp_path)
    assert [fault.kind for fault in report.faults if fault.kind != "empty mask"] == kinds
    assert bool(split.test.scored.any()) == bool(split.train.scored.any()) == is_scored
    assert any("no label is scored" in note for note in split.test.notes) != is_scored


def test_where_nothing_is_marked_nothing_can_be_learned(tmp_path):
    for k in range(12):
        save(tmp_path / "images" / f"{k}.png", pixels(k))
        save(tmp_path / "masks" / f"{k}.png", square(False))
    report, said = both(tmp_path)
    assert of_kind(report, "nothing marked") and "nothing is marked in any" in said


SIDES = {"two": ("train", "test"), "three": ("train", "val", "test")}


@pytest.mark.parametrize("sides", SIDES)
def test_a_class_without_a_training_image_stops(tmp_path, sides):
    made = [(side, kind) for side in SIDES[sides] for kind in ("ill", "well")]
    for number, (side, kind) in enumerate([*made, ("test", "odd")]):
        for k in range(4):
            save(tmp_path / side / kind / f"{side}{k}.png", pixels(10 * number + k))
    report, said = both(tmp_path)
    [fault] = of_kind(report, "class without training")
    assert fault.name == "odd" and fault.stops and "has no training image of odd" in said


@pytest.mark.parametrize("sides", SIDES)
def test_a_class_without_a_test_image_is_said(tmp_path, sides):
    made = [(side, kind) for side in SIDES[sides] for kind in ("ill", "well") if (side, kind) != ("test", "well")]
    for number, (side, kind) in enumerate(made):
        for k in range(4):
            save(tmp_path / side / kind / f"{side}{k}.png", pixels(10 * number + k))
    report, split = both(tmp_path)
    [fault] = of_kind(report, "class without test")
    assert fault.name == "well" and not fault.stops and "No test image of well: scores of labels say nothing of that." in split.test.notes


@pytest.mark.parametrize("is_marked", [True, False])
def test_training_images_of_one_kind_teach_masks_alone(tmp_path, is_marked):
    for side in ("train", "test"):
        for k in range(4):
            save(tmp_path / side / "images" / f"{side}{k}.png", pixels(k + 10 * (side == "test")))
            save(tmp_path / side / "masks" / f"{side}{k}.png", square(is_marked if side == "train" else k % 2 == 0))
    report, split = both(tmp_path)
    [fault] = of_kind(report, "one kind to learn")
    assert ("nothing marked" in fault.what) != is_marked and not split.test.scored.any()


@pytest.mark.parametrize("names, is_told", [(("TCGA_1", "TCGA_2", "TCGA_3"), True), (("0", "1", "2"), False), (("grade 1", "grade 2"), False), (("a1", "b2", "c3"), False)])
def test_classes_that_differ_by_a_number_alone_may_be_patients(tmp_path, names, is_told):
    for number, name in enumerate(names):
        for k in range(4):
            save(tmp_path / name / f"{number}{k}.png", pixels(10 * number + k))
    report, _ = both(tmp_path)
    assert bool(of_kind(report, "classes by number")) == is_told
