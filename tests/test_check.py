"""The check before training, medkit.check.judging above all: every planted fault found once, by name; a clean folder has none; names can't do harm."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from test_own import FAULTS, dicom, medmnist_file, task  # noqa: F401, a fixture among them

from medkit import check
from medkit._check import MedkitInputError
from medkit.check import check_images, command, looking, show, splitting
from medkit.check import report as reports
from medkit.data import data_root
from medkit.data.own import list_own, own_split

pytestmark = pytest.mark.filterwarnings("error")
needs_raw = pytest.mark.skipif(data_root() is None, reason="MEDKIT_DATA")


def pixels(number, side=64):
    """Return soft blobs, (side, side) uint8 from 20 to 200: no two numbers give pictures that are alike."""
    coarse = np.random.default_rng(number).integers(20, 200, (10, 10)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)).clip(20, 200)


def disc(side=64, radius=14):
    y, x = np.mgrid[:side, :side]
    return (((y - 30) ** 2 + (x - 34) ** 2 < radius**2) * 255).astype(np.uint8)


def save(path, values):
    Image.fromarray(values).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Make a clean folder: twelve images with masks, twelve of a class without."""
    root = tmp_path / "mine"
    for label, name in enumerate(("ill", "well")):
        (root / name).mkdir(parents=True)
        for k in range(12):
            save(root / name / f"{name[0]}{k}.png", pixels(100 * label + k))
            if label == 0:
                save(root / name / f"i{k}_mask.png", disc(radius=8 + k))
    return root


# ---- what is planted: (kind, the file it is told of, whether it stops training, how)

PLANTED = [
    ("unreadable image", "well/cut.png", True, lambda f: (f / "well" / "cut.png").write_bytes((f / "well" / "w0.png").read_bytes()[:300])),
    ("mask without image", "ill/ghost_mask.png", True, lambda f: save(f / "ill" / "ghost_mask.png", disc())),
    ("image without mask", "ill/bare.png", True, lambda f: save(f / "ill" / "bare.png", pixels(300))),
    ("mask that does not fit", "ill/i1_mask.png", True, lambda f: save(f / "ill" / "i1_mask.png", disc(48))),
    ("unusable mask", "ill/i2_mask.png", True, lambda f: save(f / "ill" / "i2_mask.png", disc() // 51)),
    ("two files of one name", "well/w1.tif", True, lambda f: save(f / "well" / "w1.tif", pixels(301))),
    ("beside the class folders", "stray.png", True, lambda f: save(f / "stray.png", pixels(302))),
    ("empty class", "spare", True, lambda f: (f / "spare").mkdir()),
    ("mixed units", "well/ct.dcm", True, lambda f: dicom(f / "well" / "ct.dcm", pixels(303), modality="CT", RescaleSlope=1, RescaleIntercept=-1024)),
    ("same bytes", "well/z_copy.png", False, lambda f: (f / "well" / "z_copy.png").write_bytes((f / "well" / "w0.png").read_bytes())),
    ("near twin", "well/z_dark.png", False, lambda f: save(f / "well" / "z_dark.png", pixels(102) // 2 + 5)),
    ("augmented copy", "well/z_turned.png", False, lambda f: save(f / "well" / "z_turned.png", pixels(3)[:, ::-1].copy())),
    ("empty mask", "ill/i4.png", False, lambda f: save(f / "ill" / "i4_mask.png", disc() * 0)),
    ("mask of everything", "ill/i5.png", False, lambda f: save(f / "ill" / "i5_mask.png", disc() * 0 + 255)),
    ("constant image", "well/flat.png", False, lambda f: save(f / "well" / "flat.png", pixels(0) * 0 + 40)),
    ("two values alone", "well/lost.png", False, lambda f: save(f / "well" / "lost.png", disc())),
    ("clipped", "well/bright.png", False, lambda f: save(f / "well" / "bright.png", (pixels(304) * 1.7).clip(0, 255).astype(np.uint8))),
    ("8 bits in 16", "well/deep.png", False, lambda f: save(f / "well" / "deep.png", pixels(305).astype(np.uint16))),
    ("another scale", "well/wide.png", False, lambda f: save(f / "well" / "wide.png", pixels(306).astype(np.uint16) * 300)),
    ("odd size", "well/tiny.png", False, lambda f: save(f / "well" / "tiny.png", pixels(307, 16))),
    ("colour", "well/doppler.png", False, lambda f: save(f / "well" / "doppler.png", np.stack([pixels(308 + k) for k in range(3)], -1))),
    ("burned-in text", "well/u.dcm", False, lambda f: dicom(f / "well" / "u.dcm", pixels(312), modality="CT", BurnedInAnnotation="YES")),
    ("perhaps text", "well/us.dcm", False, lambda f: dicom(f / "well" / "us.dcm", pixels(314), modality="CT", BurnedInAnnotation=None)),
]  # fmt: skip


def told(report):
    return [(fault.kind, fault.name) for fault in report.faults]


def refused(path):
    try:
        own_split(path, progress=None)
    except MedkitInputError:
        return True
    return False


def test_edge_a_clean_folder_has_no_fault(folder):
    report = check_images(folder)
    assert report.faults == () and not report.stops and not refused(folder)
    facts = dict(report.facts)
    assert facts["classes"] == "ill 12, well 12" and facts["images"] == "24 of 24 files could be read" and facts["sizes"] == "64 × 64 pixels"
    assert facts["masks"].startswith("of 12 images; inside them ") and facts["patients"].startswith("unknown")
    assert str(report).endswith("Nothing is off.")


@pytest.mark.parametrize("kind, name, stops, plant", PLANTED, ids=[row[0] for row in PLANTED])
def test_hand_each_planted_fault_is_found_alone_and_stops_what_own_split_refuses(folder, kind, name, stops, plant):
    plant(folder)
    report = check_images(folder)
    assert told(report) == [(kind, name)]
    assert report.stops == stops == refused(folder)
    assert report.faults[0].fix and str(report.faults[0]).startswith(f"{name} ")


def test_hand_all_planted_faults_are_found_at_once_each_once(folder):
    for *_, plant in PLANTED:
        plant(folder)
    (folder / "well" / "notes.txt").write_text("of no use here")
    report = check_images(folder)
    assert sorted(told(report)) == sorted((kind, name) for kind, name, *_ in PLANTED) and len(PLANTED) >= 15
    stops = [fault.stops for fault in report.faults]
    assert stops == sorted(stops, reverse=True) and sum(stops) == sum(row[2] for row in PLANTED)
    text, page = str(report), report._repr_html_()
    assert all(f"{fault.name} {fault.what}" in text and fault.name in page for fault in report.faults)
    assert f"{sum(stops)} things must be mended before training; {len(stops) - sum(stops)} are worth a look" in show.summary(report)
    assert dict(report.facts)["passed over"] == "1 × .txt"


def test_hand_a_copy_in_another_class_is_called_so(folder):
    PLANTED[11][3](folder)
    (fault,) = check_images(folder).faults
    assert "Horizontal Flip" in fault.what and "one is called well, the other ill" in fault.what and fault.pair == ("ill/i3.png", "well/z_turned.png")


@pytest.mark.parametrize("spoil, said", FAULTS)
def test_twin_decathlon_faults_are_those_that_reading_stops_at(task, spoil, said):  # noqa: F811
    assert not check_images(task).stops
    spoil(task)
    report = check_images(task)
    messages = [f"{fault.name.split('/')[-1]} {fault.what}" for fault in report.faults if fault.stops]
    assert any(message.startswith(said) for message in messages)


def test_hand_classes_that_are_too_few_or_too_uneven(folder):
    (folder / "rare").mkdir()
    save(folder / "rare" / "r.png", pixels(400))
    report = check_images(folder)
    assert told(report) == [("few patients", "rare"), ("class imbalance", "rare")] and not report.stops
    for path in [*(folder / "ill").iterdir(), *(folder / "well").iterdir()]:
        if path.name[1:].split(".")[0].split("_")[0] not in ("0", "1"):
            path.unlink()
    report = check_images(folder)
    assert ("few patients", "mine") in told(report) and report.stops and refused(folder)


def test_hand_a_fault_of_most_files_is_said_once(folder):
    for k in range(12):
        for name in ("ill/i", "well/w"):
            save(folder / f"{name}{k}.png", pixels(500 + k + 50 * (name[0] == "w")).astype(np.uint16))
    report = check_images(folder)
    assert told(report) == [("8 bits in 16", "mine")] and "has 24 such files of 24; ill/i0.png is stored" in report.faults[0].what


def test_hand_dicom_of_several_kinds_and_patients(tmp_path):
    for k in range(6):
        dicom(tmp_path / f"{k}.dcm", pixels(k), modality="MR" if k else "US", PatientID=f"Mueller {k // 2}", PatientName="Mueller^Anna")
    report = check_images(tmp_path)
    assert told(report) == [("nothing to learn", tmp_path.name), ("several modalities", "0.dcm")] and dict(report.facts)["patients"] == "3 by DICOM's PatientID"
    assert "Mueller" not in str(report) + report._repr_html_() + repr(report)
    dicom(tmp_path / "9.dcm", pixels(0), modality="MR", PatientID="Mueller 0")
    assert ("near twin", "9.dcm") not in told(check_images(tmp_path))  # one patient's twins leak nothing


def test_hand_a_medmnist_file_and_its_leaks(tmp_path):
    rng = np.random.default_rng(0)
    images = np.stack([pixels(k, 28) for k in range(22)])
    sides = {"train_images": images[:12], "val_images": images[12:16], "test_images": images[16:]}
    medmnist_file(tmp_path / "mine.npz", **sides)
    report = check_images(tmp_path / "mine.npz")
    assert report.faults == () and dict(report.facts)["sides"] == "train 12, val 4, test 6"
    sides["test_images"] = np.concatenate([images[1:2], images[2:3] // 2, images[18:]])
    medmnist_file(tmp_path / "mine.npz", **sides)
    report = check_images(tmp_path / "mine.npz")
    assert told(report) == [("same bytes", "test 0"), ("near twin", "test 1")]
    assert all(f"{splitting.LEAK}train into test" in fault.what and fault.stops for fault in report.faults)
    medmnist_file(tmp_path / "mine.npz", val_labels=rng.integers(0, 2, (4, 14)))
    report = check_images(tmp_path / "mine.npz")
    assert report.stops and "holds labels of shape" in str(report) and report.looks == ()


# ---- names that mean harm


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen, self.attributes, self.text = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text.append(data)


HOSTILE = ["<img src=x onerror=alert(1)>.png", '"><script>alert(1)<&>.png', "$\\frac{1}$.png", "a\nb\x1b[31m.png", "\u202egnp.exe.png", "\udcff.png"]


def test_edge_hostile_names_are_shown_and_do_nothing(folder):
    for number, name in enumerate(HOSTILE):
        try:
            save(folder / "well" / name.replace("/", "_"), pixels(0) * 0 + number)
        except OSError:
            pytest.skip("this disk takes no such names")
    report = check_images(folder)
    assert len(report.faults) == len(HOSTILE)
    page, text = show.html_page(report), str(report)
    tags = Tags(page)
    assert not tags.seen & {"script", "iframe"} and not any(name.startswith("on") for name in tags.attributes)
    assert page.count("<img ") == page.count("<figure") and "<img src=x" in "".join(tags.text)
    for form in (page, text):
        form.encode("utf-8")
        assert "\x1b" not in form and "\u202e" not in form
    assert "a?b?[31m.png" in text


def test_negative_control_the_parser_sees_what_is_not_escaped():
    assert "onerror" in Tags("<img src=x onerror=alert(1)>").attributes and "script" in Tags('<a b=""><script>').seen


# ---- command


def test_hand_the_command_writes_a_page_and_its_exit_code_says_whether_to_go_on(folder, tmp_path, capsys):
    assert check.main([str(folder), "--html", str(tmp_path / "out" / "r.html")]) == 0
    out, error = capsys.readouterr()
    assert "check of mine" in out and error == "" and str(tmp_path) not in out + repr(check_images(folder))
    page = (tmp_path / "out" / "r.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and page.count("<figure") == 2 and str(tmp_path) not in page and page.count('alt="Thumb') == 2
    PLANTED[9][3](folder)
    assert check.main([str(folder), "--names"]) == 0 and "same bytes (1, worth a look)" in capsys.readouterr().out
    PLANTED[0][3](folder)
    assert check.main([str(folder)]) == 1 and "unreadable image (1, stops training)" in capsys.readouterr().out


def test_a_page_never_takes_the_place_of_an_image(folder, tmp_path, capsys):
    image = next(folder.rglob("*.png"))
    before = image.read_bytes()
    for other in (image, tmp_path / "report", tmp_path / "r.png.txt"):
        assert command.main([str(folder), "--html", str(other)]) == 2
        out, error = capsys.readouterr()
        assert f"{other.name} can't be the page: its name must end in .html; give --html {other.stem}.html" in error and not out
    assert image.read_bytes() == before and not (tmp_path / "report").exists()
    (tmp_path / "R.HTM").write_text("old", encoding="utf-8")
    assert command.main([str(folder), "--html", str(tmp_path / "R.HTM")]) == 0
    assert (tmp_path / "R.HTM").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_edge_no_folder_and_no_place_to_write_are_one_sentence(folder, tmp_path, capsys):
    assert command.main([str(tmp_path / "nowhere")]) == 2
    assert "nowhere is neither a folder nor an .npz file; give CLASS/image.png" in capsys.readouterr().err
    (tmp_path / "file").write_text("x")
    assert command.main([str(folder), "--html", str(tmp_path / "file" / "r.html")]) == 2
    assert "r.html can't be written" in capsys.readouterr().err


def test_edge_an_empty_folder(tmp_path):
    report = check_images(tmp_path)
    assert told(report) == [("too few classes", tmp_path.name)] and report.stops and report._repr_html_()
    (tmp_path / "dataset.json").write_text(json.dumps([]))
    assert told(check_images(tmp_path)) == [("dataset.json", "dataset.json")]


def test_law_a_bar_shows_from_thirty_files_on_and_little_is_kept(folder):
    seen = []

    def progress(items, desc):
        seen.append(desc)
        yield from items

    check_images(folder, progress)
    assert seen == []
    for k in range(10):
        save(folder / "well" / f"x{k}.png", pixels(600 + k, 512))
    report = reports.check_images(folder, progress)
    assert seen == ["looking at files"]
    kept = sum(look.thumb.nbytes + (look.mask.nbytes if look.mask is not None else 0) for look in report.looks)
    assert kept <= len(report.looks) * 2 * looking.SIDE**2
    assert len(looking.patients_of(report.looks)[0]) == 34 and list_own(folder).layout == "a folder a class"


@pytest.mark.parametrize("empty, told_of", [(3, ["images/i0.png", "images/i1.png", "images/i2.png"]), (5, ["mine"])])
def test_empty_masks_that_make_a_class_are_told_of_once(tmp_path, empty, told_of):
    root = tmp_path / "mine"
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for k in range(12):
        save(root / "images" / f"i{k}.png", pixels(k))
        save(root / "masks" / f"i{k}.png", disc(radius=8 + k) * (k >= empty))
    report = check_images(root, progress=None)
    assert told(report) == [("empty mask", name) for name in told_of]
    assert f"nothing marked {empty} slices" in str(report)


@needs_raw
@pytest.mark.parametrize("name, faults", [("busi", []), ("ct_dicom", ["perhaps text"] * 3 + ["one kind to learn"]), ("msd_hippocampus", ["another scale"])])
def test_real_files_are_looked_through(name, faults):
    if not (data_root() / "raw" / name).is_dir():
        pytest.skip("MEDKIT_DATA with raw")
    report = check_images(data_root() / "raw" / name, progress=None)
    assert [fault.kind for fault in report.faults] == faults and report._repr_html_().count("<figure") == (3 if name == "busi" else 1)
