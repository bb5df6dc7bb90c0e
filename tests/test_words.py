"""What names say: of files that are no images, of folders that no one made, and of patients, who are not named."""

from __future__ import annotations

import pytest
from test_check import told
from test_layouts import mask, picture, read, scan
from test_places import fill, stopped

from medkit.check import check_images
from medkit.data import words
from medkit.data.own import list_own

pytestmark = pytest.mark.filterwarnings("error")


def test_law_words_say_what_they_say():
    assert words.bare("07") == "07" and words.bare("mask") == "mask" and not words.is_fold("benign 1") and words.is_fold("CV3")
    assert words.side_of("contest") == "" and words.side_of("test_masks") == "" and words.role_of("unmasked") == ""


def test_edge_patients_told_by_dicom_alone_are_not_named(tmp_path):
    name = "Mueller "
    for k in range(4):
        for number in range(2):
            scan(tmp_path / f"{name}{'abcd'[k]}" / "series" / f"{number}.dcm", 10 * k + number, f"id {k}")
    (tmp_path / f"{name}a" / "cut.png").write_bytes(b"cut")
    mask(tmp_path / f"{name}b" / "lost_mask.png")
    report = check_images(tmp_path, progress=None)
    assert ("folders of patients", tmp_path.name) in told(report) and ("unreadable image", "folder 1/cut.png") in told(report)
    assert "Mueller" not in str(report) + report._repr_html_() and "is a mask without its image in folder 2" in str(report)
    assert f"{name}a" in str(check_images(tmp_path, progress=None, names=True))


def test_edge_what_follows_a_dot_may_be_a_name(tmp_path):
    fill(tmp_path, "{kind}", ("",))
    for name in ("Brief an Dr. Hans Meier", "Befund.Eva Schmidt", "x.txt", "scan.gif", "scan2.gif", "y.WEBP"):
        (tmp_path / "ill" / name).write_bytes(b"xx")
    report = check_images(tmp_path, progress=None)
    assert dict(report.facts)["passed over"] == "2 × .gif, 1 × .txt, 1 × .webp, 2 × no ending"
    assert [(fault.kind, fault.name, fault.stops) for fault in report.faults] == [("image not read", "ill/scan.gif", False), ("image not read", "ill/y.WEBP", False)]
    assert "as 2 files of its kind are" in report.faults[0].what


def test_hand_dicom_under_any_ending_that_says_nothing_else(tmp_path):
    for number, name in enumerate(("a.MR", "b.dcm30", "c.1.2.3", "d", "e.txt", "f.gif", "g.json")):
        scan(tmp_path / "ill" / name, number, f"P{number}")
        scan(tmp_path / "well" / f"{number}.dcm", 10 + number, f"Q{number}")
    (tmp_path / "ill" / "h.foo").write_bytes(b"\x02\x00" + bytes(200))
    assert [item.image.name for item in list_own(tmp_path).items if item.label == 0] == ["a.MR", "b.dcm30", "c.1.2.3", "d"]


@pytest.mark.parametrize("name", ["@eaDir", "$RECYCLE.BIN", "System Volume Information"])
def test_hand_folders_of_the_system_are_hidden(tmp_path, name):
    fill(tmp_path, "{kind}", ("",))
    picture(tmp_path / name / "a.png" / "thumb.jpg", 900)
    picture(tmp_path / "ill" / name / "thumb.jpg", 901)
    assert read(tmp_path)[0].classes == ("ill", "well") and len(list_own(tmp_path).items) == 12


def test_edge_one_class_is_told_once(tmp_path):
    fill(tmp_path, "{kind}", ("",), ("ISIC_2019_Training_Input",))
    report = check_images(tmp_path, progress=None)
    assert told(report) == [("too few classes", tmp_path.name)] and "got 1" in report.faults[0].what


def test_edge_a_folder_beside_images_and_masks_is_the_one_that_is_told(tmp_path):
    for k in range(4):
        mask(tmp_path / "masks" / f"{k}.png")
        for number, name in enumerate(("images", "overlay")):
            picture(tmp_path / name / f"{k}.png", 10 * number + k)
    stopped(tmp_path, "beside images and masks", "overlay", "holds 4 images", "take it out of this folder")


def test_edge_patients_on_two_sides_without_masks_are_all_counted(tmp_path):
    for number, side in enumerate(("train", "test")):
        fill(tmp_path / side, "{kind}", ("",), tuple(f"00{number}{k}" for k in range(4)), count=2, start=10 * number)
    stopped(tmp_path, "folders of patients", tmp_path.name, "8 in all")


@pytest.mark.parametrize("names, stops", [(("001.benign", "002.malign", "003.normal"), True), (("TCGA_CS_4940", "TCGA_CS_4941", "TCGA_HT_4942"), False)])
def test_edge_folders_with_masks_that_may_be_classes_or_patients_stop(tmp_path, names, stops):
    for number, name in enumerate(names):
        for k in range(2):
            picture(tmp_path / name / f"{k}.png", 10 * number + k)
            mask(tmp_path / name / f"{k}_mask.png")
    if stops:
        stopped(tmp_path, "patients or classes", tmp_path.name, "holds 3 folders", "take the numbers out", "call them patient 1")
        for number, name in enumerate(names):
            (tmp_path / name).rename(tmp_path / f"patient {number}")
    assert read(tmp_path)[0].group.tolist() == [0, 0, 1, 1, 2, 2]


def test_edge_no_patient_is_named_by_what_is_passed_over(tmp_path):
    for k in range(4):
        for kind in ("images", "masks"):
            for side in ("train", "test") if kind == "images" else ("train",):
                (picture if kind == "images" else lambda path, number: mask(path))(tmp_path / kind / side / f"Mueller 19{len(side)}{k}" / "a.png", 10 * k + len(side))
    (tmp_path / "Mueller 1960").mkdir()
    (tmp_path / "Mueller 1960" / "a.gif").write_bytes(b"xx")
    report = check_images(tmp_path, progress=None)
    assert told(report) == [("image not read", ".../a.gif"), ("side without masks", "images/test/folder 1"), ("one kind to learn", tmp_path.name)]
    assert "Mueller" not in str(report) + report._repr_html_()


def test_edge_a_folder_of_a_patient_without_images_is_not_named(tmp_path):
    fill(tmp_path, "{kind}/{side}", ("Mueller", "Schmidt", "Weber"))
    (tmp_path / "ill" / "Roth").mkdir()
    for name in ("ill/a.gif", "ill/Roth/b.webp", "ill/Mueller/c.tga"):
        (tmp_path / name).write_bytes(b"xx")
    assert [fault.name for fault in check_images(tmp_path, progress=None).faults] == ["ill/a.gif", "ill/folder 1/c.tga", "ill/.../b.webp"]
