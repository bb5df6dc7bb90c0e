"""Files that scanners and others' programs wrote: each set is looked through, loaded, shown and trained on, as notebook 19 does.

From MEDKIT_DATA/raw: breast ultrasound (PNG), hippocampus MRI (NIfTI), head CT (DICOM). From inside pydicom and
nibabel: whatever of their samples can be read, a class for each modality.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medkit._check import MedkitInputError
from medkit.check import check_images
from medkit.data import data_root
from medkit.data.own import own_split
from medkit.data.read import read
from medkit.widgets import your_images as page

nibabel, pydicom = pytest.importorskip("nibabel"), pytest.importorskip("pydicom")
raw = data_root() and data_root() / "raw"
KINDS = ("MRI", "NIfTI", "X-ray", "ultrasound", "unknown")
needs_raw = pytest.mark.skipif(raw is None or not raw.is_dir(), reason="MEDKIT_DATA with raw")


@pytest.fixture(autouse=True)
def small_run(monkeypatch):
    """Train in fast mode; what other tests find in the cache stays theirs."""
    monkeypatch.setenv("MEDKIT_FAST", "1")
    yield
    for cache in (page._images, page._desk, page._linear):
        cache.cache_clear()


def readable(files):
    """Return the files that are read, with their scans; the others end in the one error, or the test fails."""
    found = []
    for path in sorted(files):
        try:
            found.append((path, read(path)))
        except MedkitInputError as error:
            assert error.what and error.fix
    return found


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Lay the samples of pydicom and nibabel out as CLASS/file, the class being what each file says it is."""
    root = tmp_path_factory.mktemp("samples")
    dicoms = readable(path for path in (Path(pydicom.__file__).parent / "data" / "test_files").rglob("*") if path.is_file())
    niftis = readable(path for path in (Path(nibabel.__file__).parent / "tests" / "data").rglob("*") if path.name.endswith((".nii", ".nii.gz")))
    assert len(dicoms) > 30 and len(niftis) >= 3
    for path, scan in [*dicoms, *niftis]:
        if scan.unit == "grey level":  # sets of Hounsfield units are sets of their own
            kind = "NIfTI" if (path, scan) in niftis else scan.modality
            (root / kind).mkdir(exist_ok=True)
            shutil.copy(path, root / kind / path.name)
    assert {folder.name for folder in root.iterdir()} == set(KINDS)
    return root


def walk_through(path):
    """Go the way of notebook 19 on a folder; return the split."""
    report = check_images(path, progress=None)
    assert not report.stops, report
    assert report._repr_html_().count("<img ") >= 1
    split = own_split(path, size=32, progress=None)
    for scale in page.scales(path):
        assert "<img " in page.scaling_picture(0, scale, path)
    at = page.desk(path)
    labels = at.record["result"][0]["accuracy"]
    assert (labels["n"] == len(split.test)) if split.test.scored.all() else labels is None
    assert all(one.isfinite().all() for one in at.model.parameters())
    assert ("| accuracy | " if labels else "| Dice | ") in page.results(path) and ("no label is scored" in page.results(path)) == (labels is None)
    for shown in ("attention", "mask probability"):
        assert "<img " in page.answer_picture(0, shown, path)
    return split


@needs_raw
@pytest.mark.parametrize("name, classes, unit", [
    ("busi", ("benign", "malignant", "normal"), "image, patients unknown"), ("msd_hippocampus", ("nothing marked", "marked"), "patient"),
    ("ct_dicom", ("nothing marked", "marked"), "image, patients unknown"),
])  # fmt: skip
def test_real_folders_load_show_and_train(name, classes, unit):
    split = walk_through(raw / name)
    assert split.train.classes == classes and split.train.unit == unit and split.train.mask.any()


def test_samples_inside_packages_load_show_and_train(samples):
    split = walk_through(samples)
    assert split.train.classes == KINDS and split.train.unit == "image, patients unknown"
