"""The reader's own files in every layout, and what is wrong with pairs of images and masks, by name."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch
from PIL import Image
from test_read import dicom

from medkit._check import MedkitInputError
from medkit.check import check_images
from medkit.data import data_root, medmnist
from medkit.data.decathlon import list_task
from medkit.data.listing import Item, Listing
from medkit.data.own import own_images, own_split
from medkit.data.stack import stack

pytestmark = pytest.mark.filterwarnings("error")
nibabel = pytest.importorskip("nibabel")
needs_raw = pytest.mark.skipif(data_root() is None, reason="MEDKIT_DATA")


def nifti(path, values, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    return path


def volume(seed=0, shape=(12, 10, 6)):
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.int16)


def label(shape=(12, 10, 6)):
    """Voxels 1 and 2 in slices 2 and 3 alone."""
    found = np.zeros(shape, np.uint8)
    found[4:8, 3:6, 2], found[4:8, 3:6, 3] = 1, 2
    return found


@pytest.fixture
def task(tmp_path):
    """Make a Decathlon folder of four volumes."""
    entries = []
    for k in range(4):
        nifti(tmp_path / "imagesTr" / f"v{k}.nii.gz", volume(k))
        nifti(tmp_path / "labelsTr" / f"v{k}.nii.gz", label())
        entries.append({"image": f"./imagesTr/v{k}.nii.gz", "label": f"./labelsTr/v{k}.nii.gz"})
    listed = {"name": "Made", "modality": {"0": "MRI"}, "labels": {"0": "background", "1": "a", "2": "b"}, "numTraining": 4, "training": entries}
    (tmp_path / "dataset.json").write_text(json.dumps(listed))
    return tmp_path


def test_hand_a_decathlon_folder_is_read_slice_by_slice(task):
    data = own_images(task, size=8, progress=None)
    assert (data.modality, data.unit, data.tier) == ("MRI", "patient", "real") and len(data) == 24
    assert data.group.bincount().tolist() == [6] * 4 and data.label.view(4, 6).tolist() == [[0, 0, 1, 1, 0, 0]] * 4
    assert data.name[2] == "v0.nii.gz slice 2" and data.spacing[0].tolist() == [1.25, 1.5]
    split = own_split(task, size=8, progress=None)
    assert sorted(len(side) for side in (split.train, split.val, split.test)) == [6, 6, 12]


def test_hand_class_folders_take_dicom_and_nifti(tmp_path):
    for k, name in enumerate(("ill", "well")):
        (tmp_path / name).mkdir()
        for i in range(3):
            dicom(tmp_path / name / f"{i}.dcm", np.full((4, 4), 10 * k + i, np.uint8), PatientID=f"p{k}{i // 2}")
    data = own_images(tmp_path, size=4, progress=None)
    assert data.image[:, 0, 0, 0].tolist() == [0, 1, 2, 10, 11, 12] and data.group.tolist() == [0, 0, 1, 2, 2, 3]
    assert (data.unit, data.modality) == ("patient", "MRI")
    nifti(tmp_path / "well" / "v.nii.gz", volume())
    data = own_images(tmp_path, size=4, progress=None)
    assert len(data) == 12 and data.name[-1] == "well/v.nii.gz slice 5" and data.group[-6:].unique().numel() == 1


def test_hand_a_folder_without_classes(tmp_path):
    for k in range(3):
        nifti(tmp_path / f"v{k}.nii", volume(k))
    assert own_images(tmp_path, size=8, progress=None).classes == ("unlabelled",)
    for k in range(3):
        nifti(tmp_path / f"v{k}_mask.nii", label())
    data = own_images(tmp_path, size=8, progress=None)
    assert data.classes == ("nothing marked", "marked") and data.label.view(3, 6).sum(0).tolist() == [0, 0, 3, 3, 0, 0]


def test_hand_several_masks_are_one_and_spacing_follows_the_size(tmp_path):
    image = nifti(tmp_path / "a.nii", volume(shape=(8, 8, 2)), np.diag([0.5, 2.0, 3.0, 1.0]))
    parts = []
    for k in range(2):
        one = np.zeros((8, 8, 2), np.uint8)
        one[4 * k, 0, 0] = 1
        parts.append(nifti(tmp_path / f"m{k}.nii", one, np.diag([0.5, 2.0, 3.0, 1.0])))
    data, owner = stack(Listing(tmp_path, "", ("x",), "t", items=[Item(0, image, parts, "a")]), 4, progress=None)
    assert owner.tolist() == [0, 0]
    assert data.mask.flatten(1).sum(1).tolist() == [1, 0] and data.spacing.tolist() == [[4.0, 1.0]] * 2
    assert data.subset(torch.tensor([1])).spacing.shape == (1, 2) and data.name == ("a slice 0", "a slice 1")


def medmnist_file(path, **changed):
    rng = np.random.default_rng(0)
    arrays = {}
    for side, n in (("train", 12), ("val", 4), ("test", 6)):
        arrays[f"{side}_images"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{side}_labels"] = (np.arange(n) % 3).astype(np.uint8)[:, None]
    np.savez_compressed(path, **(arrays | changed))
    return arrays


def test_law_medmnist_files_go_round(tmp_path):
    arrays = medmnist_file(tmp_path / "mine.npz")
    split = own_split(tmp_path / "mine.npz", size=28)
    for side, part in (("train", split.train), ("val", split.val), ("test", split.test)):
        assert np.array_equal(part.image[:, 0].numpy(), arrays[f"{side}_images"]) and part.label.tolist() == arrays[f"{side}_labels"][:, 0].tolist()
    assert medmnist.medmnist(tmp_path / "mine.npz", size=28).val.sha256() == split.val.sha256()
    assert len(own_images(tmp_path / "mine.npz")) == 22 and split.train.classes == ("class 0", "class 1", "class 2")
    colours = arrays["train_images"][..., None].repeat(3, -1)
    medmnist_file(tmp_path / "rgb.npz", train_images=colours)
    assert torch.allclose(own_split(tmp_path / "rgb.npz", size=28).train.image, split.train.image, atol=1e-3)


def test_hand_a_published_name_is_held_against_its_published_sum(tmp_path, monkeypatch):
    medmnist_file(tmp_path / "breastmnist.npz")
    path = tmp_path / "breastmnist.npz"
    got = hashlib.md5(path.read_bytes()).hexdigest()
    assert medmnist.sum_of(path) == (f"MD5 {got} is not the one published for breastmnist, {medmnist.SUMS['breastmnist']}: another version, or damaged.", True)
    (fault,) = [fault for fault in check_images(path, progress=None).faults if fault.kind == "another sum"]
    assert fault.name == "breastmnist.npz" and not fault.stops and got in fault.what
    monkeypatch.setitem(medmnist.SUMS, "breastmnist", got)
    assert "MD5 as published for breastmnist." in own_split(path).test.notes and "another sum" not in str(check_images(path, progress=None))
    path.rename(tmp_path / "mine.npz")
    assert medmnist.sum_of(tmp_path / "mine.npz") == (f"MD5 {got}; under this name medkit knows no published one.", False)


@pytest.mark.parametrize("changed, said", [
    ({"val_labels": np.zeros((4, 14), np.uint8)}, "holds labels of shape"),
    ({"train_images": np.zeros((12, 28, 28, 28), np.uint8)}, "holds train_images of shape"),
    ({"train_images": np.zeros((11, 28, 28), np.uint8)}, "for 12 labels"),
    ({"train_labels": np.full((12, 1), -1, np.int8)}, "holds the label -1"),
])  # fmt: skip
def test_edge_medmnist_files_of_another_kind(tmp_path, changed, said):
    medmnist_file(tmp_path / "x.npz", **changed)
    with pytest.raises(MedkitInputError, match=f"^x.npz .*{said}"):
        own_split(tmp_path / "x.npz")


# ---- twelve faults of images and masks, each named


def change(task, **changed):
    listed = json.loads((task / "dataset.json").read_text())
    (task / "dataset.json").write_text(json.dumps(listed | changed))


def spoil_shape(task):
    nifti(task / "labelsTr" / "v1.nii.gz", label((12, 9, 6)))


def spoil_slices(task):
    nifti(task / "labelsTr" / "v1.nii.gz", label((12, 10, 5)))


def spoil_place(task):
    nifti(task / "labelsTr" / "v1.nii.gz", label(), np.array([[1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))


def spoil_spacing(task):
    nifti(task / "labelsTr" / "v1.nii.gz", label(), np.diag([2.0, 1, 1, 1]))


def spoil_missing(task):
    (task / "labelsTr" / "v1.nii.gz").unlink()


def spoil_twice(task):
    entries = json.loads((task / "dataset.json").read_text())["training"]
    change(task, training=[*entries, entries[0]], numTraining=5)


def spoil_unlisted_label(task):
    nifti(task / "labelsTr" / "v1.nii.gz", label() * 3)


def spoil_float_mask(task):
    nifti(task / "labelsTr" / "v1.nii.gz", label().astype(np.float32) * 0.5)


def spoil_channels_first(task):
    nifti(task / "imagesTr" / "v1.nii.gz", np.stack([volume()] * 2, -1))


def spoil_count(task):
    change(task, numTraining=9)


def spoil_modalities(task):
    change(task, modality={"0": "FLAIR", "1": "T1w"})


def spoil_outside(task):
    change(task, training=[{"image": "../../a.nii.gz", "label": "b.nii.gz"}], numTraining=1)


FAULTS = [
    (spoil_shape, "v1.nii.gz has 12 × 9 pixels, its image 12 × 10"),
    (spoil_slices, "v1.nii.gz has 5 slices, its image 6"),
    (spoil_place, "v1.nii.gz has another place in the patient"),
    (spoil_spacing, "v1.nii.gz has voxels of another size"),
    (spoil_missing, "v1.nii.gz is listed in dataset.json and is not there"),
    (spoil_twice, "dataset.json lists v0.nii.gz twice"),
    (spoil_unlisted_label, "v1.nii.gz holds the label 3, which is not listed"),
    (spoil_float_mask, "v1.nii.gz holds 0.5, which is no label"),
    (spoil_channels_first, "v1.nii.gz holds 2 volumes"),
    (spoil_count, "dataset.json lists 4 volumes and says numTraining 9"),
    (spoil_modalities, "dataset.json lists several modalities"),
    (spoil_outside, "dataset.json lists a file outside its folder"),
]


@pytest.mark.parametrize("spoil, said", FAULTS)
def test_edge_twelve_faults_of_images_and_masks(task, spoil, said):
    own_images(task, size=8, progress=None)  # it was good before
    spoil(task)
    with pytest.raises(MedkitInputError, match=f"^{said}.*; "):
        own_images(task, size=8, progress=None)


def test_hand_a_task_tells_all_its_faults_at_once(task):
    assert list_task(task).faults == [] and list_task(task).labels == [0, 1, 2]
    for spoil in (spoil_missing, spoil_twice, spoil_count, spoil_modalities):
        spoil(task)
    assert [fault.kind for fault in list_task(task).faults] == ["listed and missing", "listed twice", "dataset.json", "dataset.json"]


def test_twelve_faults_are_tried():
    assert len(FAULTS) == 12


def test_edge_hounsfield_units_and_grey_levels_do_not_mix(tmp_path):
    pixels = np.zeros((4, 4), np.uint8)
    dicom(tmp_path / "a.dcm", pixels, modality="CT", RescaleSlope=1, RescaleIntercept=-1024)
    Image.fromarray(pixels).save(tmp_path / "b.png")
    with pytest.raises(MedkitInputError, match="b.png is in grey levels, other files are in Hounsfield units"):
        own_images(tmp_path, progress=None)


def test_edge_an_image_beside_class_folders_is_no_folder_without_classes(tmp_path):
    for name in ("a", "b", "."):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name / "x.png")
    with pytest.raises(MedkitInputError, match="x.png lies beside the class folders"):
        own_images(tmp_path, progress=None)


def test_edge_no_layout_at_all(tmp_path):
    with pytest.raises(MedkitInputError, match="nowhere is neither a folder nor an .npz file; give CLASS/image.png"):
        own_images(tmp_path / "nowhere")


@needs_raw
@pytest.mark.parametrize("name, images, groups", [("busi", 23, 23), ("ct_dicom", 3, 3), ("msd_hippocampus", 437, 12)])
def test_real_files_are_read(name, images, groups):
    if not (data_root() / "raw" / name).is_dir():
        pytest.skip("MEDKIT_DATA with raw")
    data = own_images(data_root() / "raw" / name, progress=None)
    assert len(data) == images and len(data.group.unique()) == groups and data.image.isfinite().all()
    assert data.mask.flatten(1).any(1).sum() >= 3
