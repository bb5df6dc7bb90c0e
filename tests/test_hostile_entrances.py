"""Every door that a user's file comes in by: nothing that it says of a patient goes out by another.

`anomaly` and `multiverse` take no file of the user's, only sets by name. Names of files and classes are shown: that
is what they are for; what they say of a patient is the user's to take out.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hostile import patients
from PIL import Image

from medkit import check, presets, reproduce
from medkit.data.own import own_images
from medkit.data.read import read
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")
MAKERS = {"DICOM": patients.folder, "pictures": patients.pictures_folder, "volumes": patients.volumes_folder, "arrays": patients.arrays_file}


@pytest.fixture(params=MAKERS)
def source(request, tmp_path):
    """A folder or file of each layout, which all of the twelve stand in, below a folder that names a patient."""
    return MAKERS[request.param](tmp_path / "Sentinel^Nomen" / "own")


@pytest.fixture
def silent(tmp_path, monkeypatch, capfd, caplog):
    """Return a function that searches all that was written to `out`, the terminal and the logs."""
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)

    def search() -> None:
        said = capfd.readouterr()
        assert patients.found_below(out) == {}
        assert [patients.found_in(text) for text in (said.out, said.err, caplog.text)] == [[], [], []]

    return search


@pytest.fixture
def tiny(monkeypatch):
    """Runs of seconds."""
    small = dataclasses.replace(presets.PRESETS["quick"], settings=Settings(epochs=5), size=32, phantoms=(36, 18, 36))
    monkeypatch.setitem(presets.PRESETS, "quick", small)


def test_all_twelve_stand_in_every_file_and_would_be_found(tmp_path):
    image = np.zeros((32, 32), np.uint8)
    for kind in ("PNG", "JPEG", "TIFF"):
        content = patients.picture(image, kind)
        assert patients.found_in(content) == list(patients.PLANTED)
        (tmp_path / kind).write_bytes(content)
    (tmp_path / "a.nii").write_bytes(patients.nifti(np.zeros((3, 4, 5), np.int16)))
    assert patients.found_in((tmp_path / "a.nii").read_bytes()) == list(patients.PLANTED)
    patients.arrays_file(tmp_path)
    assert sorted(patients.found_below(tmp_path)) == ["JPEG", "PNG", "TIFF", "a.nii", "mnist.npz"]
    assert all(len(found) == 12 for found in patients.found_below(tmp_path).values())
    assert read(tmp_path / "a.nii").pixels.shape == (5, 4, 3)


def test_what_is_read_says_nothing_of_them(source):
    data = own_images(source, size=16, progress=None)
    assert patients.found_in(repr(data) + repr(vars(data))) == []


def test_the_check_and_its_page(source, silent, capfd):
    assert check.main([str(source), "--html", "report.html"]) in (0, 1)
    assert capfd.readouterr().out
    check.main([str(source), "--html", "report.html"])
    silent()


def test_the_check_of_files_that_are_broken(source, silent):
    files = [path for path in (source.rglob("*") if source.is_dir() else [source]) if path.is_file() and path.suffix != ".json"]
    for number, path in enumerate(files):
        content = path.read_bytes()
        path.write_bytes((content[: len(content) * 2 // 3], content.replace(b"\x00\x01", b"\x07\xff"), content)[number % 3])
    check.main([str(source), "--html", "report.html"])
    silent()


def test_a_reproduction_with_records_tables_pictures_and_checkpoints(source, silent, tiny):
    arguments = ["--data", str(source), "--models", "CNN", "--seeds", "0", "--device", "cpu", "--out", "tables"]
    assert reproduce.main(arguments) == 0
    silent()


UPLOADS = {kind: patients.picture(np.random.default_rng(0).integers(0, 200, (32, 32), dtype=np.uint8), kind) for kind in ("PNG", "JPEG", "TIFF")}


@pytest.mark.slow  # the page trains its model
@pytest.mark.parametrize("kind", UPLOADS)
def test_the_upload_button(kind, silent):
    import base64
    import re

    from medkit.widgets import deploy

    whole = UPLOADS[kind]
    for content in (whole, whole[: len(whole) // 2]):
        page = deploy.upload_picture(content, f"a.{kind.lower()}", deploy.RUNTIME)
        pictures = re.findall(r"base64,([A-Za-z0-9+/=]+)", page)
        assert ("alert" in page) == (content != whole) and len(pictures) == (content == whole)
        assert patients.found_in(page) == [] and all(patients.found_in(base64.b64decode(one)) == [] for one in pictures)
    silent()


def test_preparing_a_published_set(tmp_path, silent):
    from medkit.data.public import BREAST
    from medkit.prepare import command

    root, draw = tmp_path / "Sentinel^Nomen" / "BUSI", np.random.default_rng(0)
    for name in BREAST:
        (root / name).mkdir(parents=True)
        for number in range(1, 8):
            small = Image.fromarray(draw.integers(0, 200, (8, 8), dtype=np.uint8))
            (root / name / f"{name} ({number}).png").write_bytes(patients.picture(np.asarray(small.resize((64, 64))), "PNG"))
            inside = np.zeros((64, 64), np.uint8)
            inside[10:30, 10:30] = 255 * (name != "normal")
            (root / name / f"{name} ({number})_mask.png").write_bytes(patients.picture(inside, "PNG"))
    assert command.main(["us", str(root), "--anew", "--out", "."]) == 0
    silent()


def test_fetching_a_set_says_nothing_of_what_is_in_it(tmp_path, silent, monkeypatch):
    """What it unpacks is the set itself; what is said, and kept beside it, is not."""
    from medkit.fetch import catalogue, command

    root = patients.pictures_folder(tmp_path / "in", count=3)
    mine = tmp_path / "Sentinel^Nomen"
    mine.mkdir()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(root.rglob("*.*")):
            archive.write(path, path.relative_to(root))
        archive.comment = patients.PLANTED["name"]
    (mine / "set.zip").write_bytes(file.getvalue())
    one = catalogue.PublicSet("tiny", "a set", "https://example.org/set.zip", "set.zip", None, "CC0", "https://example.org")
    monkeypatch.setenv("MEDKIT_DATA", str(mine))
    _, target = command.fetch(one, tmp_path / "cache", progress=None)
    there = patients.found_below(target)
    assert len(there) == 6 and patients.found_below(tmp_path / "cache").keys() == {f"tiny/{name}" for name in there}
    silent()


# ---- the long commands that take a folder


def in_masks(tmp_path, count=12):
    return patients.volumes_folder(tmp_path / "Sentinel^Nomen" / "own", count=count)


@pytest.mark.slow
def test_deploy(tmp_path, silent, tiny, monkeypatch):
    from medkit.deploy import command, run

    for name, value in {"TURNS": 3, "REPEATS": 3, "COMPARED": 4, "CALIBRATION": 8, "TIMED": 64}.items():
        monkeypatch.setattr(run, name, value)
    root = patients.pictures_folder(tmp_path / "Sentinel^Nomen" / "own", count=16)
    assert command.main(["--data", str(root), "--models", "CNN", "--device", "cpu", "--out", "deploy"]) == 0
    silent()


@pytest.mark.slow
def test_explain(tmp_path, silent, tiny):
    from medkit.explain import command

    assert command.main(["--data", str(in_masks(tmp_path)), "--models", "CNN", "--device", "cpu", "--out", "explain"]) == 0
    silent()


@pytest.mark.slow
def test_synthesise(tmp_path, silent, monkeypatch):
    from medkit.ablate import studies
    from medkit.synthesise import command, made, run

    quick = studies.PRESETS["quick"]
    monkeypatch.setitem(studies.PRESETS, "quick", dataclasses.replace(quick, settings=dataclasses.replace(quick.settings, epochs=5), limit=60, seeds=1))
    monkeypatch.setattr(run, "LABELS", (6, 8))
    monkeypatch.setattr(run, "STUDY", dataclasses.replace(run.STUDY, labels=(6, 8)))
    monkeypatch.setattr(made, "STEPS", 3)
    assert command.main(["--data", str(in_masks(tmp_path, 80)), "--seeds", "0", "--device", "cpu", "--out", "synthesise"]) == 0
    silent()


@pytest.mark.slow
def test_ablate(tmp_path, silent, monkeypatch):
    from medkit.ablate import command, studies

    quick = studies.PRESETS["quick"]
    monkeypatch.setitem(studies.PRESETS, "quick", dataclasses.replace(quick, settings=dataclasses.replace(quick.settings, epochs=5), limit=60, seeds=1))
    arguments = ["--study", "preparation", "--data", str(in_masks(tmp_path, 40)), "--seeds", "0", "--device", "cpu", "--out", "ablate"]
    assert command.main(arguments) == 0
    silent()


@pytest.mark.slow
def test_shift(tmp_path, silent, tiny):
    from medkit.shift import command

    sets = [str(patients.volumes_folder(tmp_path / "Sentinel^Nomen" / name, count=12)) for name in ("one", "two")]
    assert command.main(["--data", *sets, "--size", "32", "--models", "CNN", "--seeds", "0", "--device", "cpu", "--out", "shift"]) == 0
    silent()


def test_a_model_as_a_file_says_nothing_of_its_images_nor_of_where_it_was_made(tmp_path, silent):
    import torch

    from medkit.deploy import export
    from medkit.models import CNN

    pytest.importorskip("onnxscript")
    file = export.to_onnx(CNN(classes=2))
    here = [str(Path(torch.__file__).parent), str(Path(export.__file__).parents[2]), os.getcwd()]
    assert [path for path in here if path.encode() in file] == []
    silent()
