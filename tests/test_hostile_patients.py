"""Twelve things that a DICOM file says of a patient: none of them comes out at the other end."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile import patients

from medkit import experiment, figure, reproduce
from medkit._check import MedkitInputError
from medkit._command import run as run_command
from medkit.data.own import own_images, own_split
from medkit.data.read import read
from medkit.preparation import Preparation
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return patients.folder(tmp_path_factory.mktemp("own"))


def test_twelve_are_planted_and_would_be_found(folder):
    assert len(patients.PLANTED) == 12
    content = (folder / "ill" / "0.dcm").read_bytes()
    assert patients.found_in(content) == list(patients.PLANTED)
    assert patients.found_in("nothing") == [] and patients.found_in("x" + patients.PLANTED["name"].decode()) == ["name"]
    assert patients.found_in("SENTINELACC".encode("utf-16")) == ["accession number"]
    from pydicom import dcmread

    data = dcmread(folder / "ill" / "0.dcm")  # and they are where they should be
    assert data.PatientName == "Sentinel^Nomen" and data[0x00400275].value[0][0x00400007].value == "SENTINEL-NESTED"


def test_a_set_of_them_keeps_patients_together_and_says_nothing_of_them(folder):
    data = own_images(folder, size=16, progress=None)
    assert data.unit == "patient" and data.group.bincount().tolist() == [2] * 8
    assert "Writing may be burned into the pixels: the file says so." in data.notes
    assert patients.found_in(repr(data)) == []
    assert patients.found_in(repr(read(folder / "ill" / "0.dcm"))) == []
    split = own_split(folder, size=16, progress=None)
    assert patients.found_in(repr(split)) == []


def test_what_training_leaves_behind_says_nothing_of_them(folder, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        split = own_split(folder, size=32, progress=None)
        task = experiment.prepare(split, Preparation(), torch.device("cpu"))
        experiment.train(experiment.build("CNN", task, 0), task, Settings(epochs=1), 0, tmp_path / "checkpoints", None, "one step")
        chosen = ["--data", str(folder), "--models", "CNN", "--seeds", "0", "--device", "cpu", "--out", str(tmp_path / "out")]
        assert reproduce.main(chosen) == 0
        images = split.train
        (tmp_path / "names.csv").write_text("\n".join(f"{name},{group}" for name, group in zip(images.name, images.group.tolist())))
        caption = f"{images.title}: {images.name[0]}, {images.classes}, {images.source}, {images.notes}"
        picture = figure.row(figure.grey(images.image[0, 0], images.name[0]))
        picture.savefig(tmp_path / "picture.png")
        (tmp_path / "picture.html").write_text(figure.as_html(picture, images.name[0], caption, images.tier))
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in left} >= {".json", ".csv", ".png", ".html", ".txt", ".tex", ".safetensors"}
    out, err = capfd.readouterr()
    said = [out, err, caplog.text, "".join(str(one.message) for one in warned)]
    assert {str(path): patients.found_in(path.read_bytes()) for path in left} == {str(path): [] for path in left}
    assert [patients.found_in(text) for text in said] == [[]] * 4


BROKEN = {
    "rows": {"rows": 0}, "frames": {"frames": b"Sentinel^Nomen"}, "slope": {"slope": b"SENTINEL-ID-4711"}, "window": {"width": b"SENTINEL-CLINIC "},
    "photometric": {"photometric": b"SENTINEL-COMMENT"}, "modality": {"modality": b"SENTINELACC ", "rows": 5},
    "spacing": {"spacing": b"SENTINEL-PRIVATE", "rows": 5}, "no-pixels": {"pixels": None}, "sop": {"sop": b"1.2.999.47114711.1\0", "rows": None},
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_an_error_about_such_a_file_says_nothing_of_them(tmp_path, name, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    root = patients.folder(tmp_path / "own", count=2)
    bad = root / "well" / "1.dcm"
    bad.write_bytes(patients.identified(np.zeros((4, 4), np.uint8), **BROKEN[name]))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            own_images(root, size=8, progress=None)
            raise AssertionError("it was read")
        except MedkitInputError as error:
            assert str(error).startswith("1.dcm ")
            told = traceback.format_exc() + repr(error) + str(error.args)
        assert run_command(lambda: own_images(root, size=8, progress=None)) == 2  # as a command ends
    out, err = capfd.readouterr()
    assert "1.dcm" in err
    for text in (told, out, err, caplog.text, "".join(str(one.message) for one in warned)):
        assert patients.found_in(text) == [] and str(tmp_path) not in text


def test_decoders_log_nothing_even_where_all_is_asked_for(tmp_path, caplog):
    from PIL import Image
    from pydicom.data import get_testdata_file

    caplog.set_level(logging.DEBUG)
    tags = Image.Exif()
    tags[0x010E] = tags[0x013B] = patients.PLANTED["name"].decode()  # ImageDescription, Artist
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "a.tif", exif=tags)
    with Image.open(tmp_path / "a.tif") as picture:
        picture.load()
    assert patients.found_in(caplog.text) == ["name"]  # Pillow does quote them
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "a.jpg", exif=tags)
    cut = Path(get_testdata_file("JPEG2000.dcm")).read_bytes()
    (tmp_path / "a.dcm").write_bytes(cut[: len(cut) - 9000] + bytes(9000))
    logging.getLogger("pydicom").error("before")
    caplog.clear()
    for name in ("a.tif", "a.jpg", "a.dcm"):
        with contextlib.suppress(MedkitInputError):
            read(tmp_path / name)
    assert caplog.text == ""
    logging.getLogger("pydicom").error("after")
    assert "after" in caplog.text  # and others may go on logging


def test_folders_above_a_file_may_name_a_patient_and_are_not_shown(tmp_path):
    root = patients.folder(tmp_path / "Sentinel^Nomen" / "own", count=2)
    (root / "ill" / "0.dcm").write_bytes(b"")
    with pytest.raises(MedkitInputError) as caught:
        own_images(root, size=8, progress=None)
    assert patients.found_in(str(caught.value)) == []


def test_the_same_patient_has_another_key_elsewhere(folder):
    code = "import sys; from medkit.data.read import read; print(read(sys.argv[1]).patient)"
    ask = [sys.executable, "-c", code, str(folder / "ill" / "0.dcm")]
    keys = {subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)}
    assert len(keys) == 2 and read(folder / "ill" / "0.dcm").patient not in keys


@pytest.mark.slow  # half a minute: a model is trained on the page
def test_the_page_of_one_s_own_images_says_nothing_of_them(tmp_path, monkeypatch):
    import base64
    import re

    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    for name, value in {"MEDKIT_FAST": "1", "MEDKIT_PROGRESS": str(tmp_path / "progress.json")}.items():
        monkeypatch.setenv(name, value)
    root = patients.folder(tmp_path / "own", count=16)
    page = nbformat.read(Path(__file__).parents[1] / "notebooks" / "19_your_images.ipynb", as_version=4)
    [choice] = [cell for cell in page.cells if cell.source.startswith("PATH = None")]
    choice.source = choice.source.replace("PATH = None", f"PATH = {str(root)!r}")
    nbclient.NotebookClient(page, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = nbformat.writes(page)
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", said)
    assert len(pictures) > 10 and "patient" in said and root.name in said
    assert patients.found_in(said) == [] and all(patients.found_in(base64.b64decode(one)) == [] for one in pictures)
