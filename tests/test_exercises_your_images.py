"""The exercises of notebook 19: what they teach is what `medkit.data` does with files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from medkit.data.mask import read_mask
from medkit.data.own import own_images
from medkit.data.read import read
from medkit.exercises import EXERCISES, check, your_images
from medkit.exercises.your_images import mistakes as versions
from medkit.exercises.your_images import questions, readers
from medkit.widgets.your_images_files import write_ct

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def write_dicom(path, stored: np.ndarray, bits: int, signed: bool, white_low: bool, slope: float, intercept: float):
    """Write stored numbers as a DICOM file that is no CT: its grey levels have no unit."""
    data, data.file_meta = Dataset(), FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid(entropy_srcs=["19.1"])
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.Modality, data.RescaleSlope, data.RescaleIntercept = "DX", slope, intercept
    data.Rows, data.Columns = stored.shape
    wide = 8 if bits == 8 else 16
    data.SamplesPerPixel, data.PixelRepresentation = 1, int(signed)
    data.PhotometricInterpretation = "MONOCHROME1" if white_low else "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = wide, bits, bits - 1
    data.PixelData = stored.astype(f"{'<i' if signed else '<u'}{wide // 8}").tobytes()
    data.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("white_low", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_as_meant_is_what_the_reader_of_dicom_makes_of_a_file(tmp_path, bits, signed, white_low):
    low = -(2 ** (bits - 1)) if signed else 0
    stored = np.linspace(low, low + 2**bits - 1, 24).round().reshape(4, 6).astype(np.int32)
    write_dicom(tmp_path / "a.dcm", stored, bits, signed, white_low, 2.5, -7)
    theirs = read(tmp_path / "a.dcm").pixels[0]
    for answer in (your_images.as_meant, *EXERCISES["19.1"].alternatives):
        ours = answer(torch.from_numpy(stored), bits, signed, white_low, 2.5, -7)
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-6)


def test_afterword_of_19_1_is_true_hounsfield_units_are_not_turned(tmp_path):
    write_ct(tmp_path / "a.dcm", np.array([[-1000.0, 40.0], [0.0, 300.0]]), patient=1, spacing=1.0)
    before = read(tmp_path / "a.dcm")
    content = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "b.dcm").write_bytes(content.replace(b"MONOCHROME2", b"MONOCHROME1"))
    assert before.unit == "HU" and np.array_equal(before.pixels, read(tmp_path / "b.dcm").pixels)


def test_edge_a_slope_of_three_in_int16_overflows_where_the_type_stays():
    stored = torch.tensor([[20000, -2]], dtype=torch.int16)
    assert your_images.as_meant(stored, 16, True, False, 3, 100).tolist() == [[60100, 94]]
    assert versions.meant_in_the_type(stored, 16, True, False, 3, 100).tolist() == [[-5436, 94]]
    assert check("19.1", lambda *given: versions.meant_in_the_type(*given)).mistake == "you stayed in the file's type"


def test_area_is_that_of_the_spacing_which_medkit_carries_and_so_for_every_copy(tmp_path):
    one = EXERCISES["19.2"]
    for name, hu in (("a", 0.0), ("b", 10.0)):
        (tmp_path / name).mkdir()
        write_ct(tmp_path / name / "x.dcm", np.full((512, 384), hu), patient=1, spacing=0.7)
    spacing = own_images(tmp_path, size=128, progress=None).spacing[0].tolist()
    assert spacing == pytest.approx([2.8, 2.1]) and one.truth() == pytest.approx(90 * spacing[0] * spacing[1])
    for seed in range(1, 15):
        other = one.variant(seed)
        numbers = [other.truth(), *(mistake.wrong for mistake in other.mistakes)]
        gaps = [abs(a - b) for i, a in enumerate(numbers) for b in numbers[:i]]
        assert min(gaps) > 2 * other.tolerance and eval(other.working) == pytest.approx(other.truth())


def test_groups_are_those_of_a_folder_of_files(tmp_path):
    """Files of one patient lie in two classes, another patient's between them."""
    patients = {"a/1.dcm": 4, "a/2.dcm": 0, "b/1.dcm": 4, "b/2.dcm": 9}
    for name, patient in patients.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_ct(tmp_path / name, np.arange(64.0).reshape(8, 8), patient=patient, spacing=1.0)
    theirs = own_images(tmp_path, size=8, progress=None).group.tolist()
    slices, patient = torch.ones(4, dtype=torch.int64), torch.tensor(list(patients.values()))
    for answer in (questions.groups_of, *EXERCISES["19.3"].alternatives):
        assert torch.as_tensor(answer(slices, patient)).tolist() == theirs == [0, 1, 0, 2]


def test_the_function_to_repair_puts_one_patient_on_two_sides():
    slices, patient = torch.tensor([2, 1, 3]), torch.tensor([4, 0, 4])
    assert versions.groups_by_neighbour(slices, patient).tolist() == [0, 0, 1, 2, 2, 2]
    assert questions.groups_of(slices, patient).tolist() == [0, 0, 1, 0, 0, 0]
    sorted_by_patient = torch.tensor([0, 4, 4])
    assert torch.equal(versions.groups_by_neighbour(slices, sorted_by_patient), questions.groups_of(slices, sorted_by_patient))


def test_figure_of_19_4_shows_what_its_answer_says():
    panels, one = questions.mask_panels(), EXERCISES["19.4"]
    assert panels.keys() == set(one.options) and len({int(mask.sum()) for _, mask in panels.values()}) == 1
    inside = {title: float(image[mask].mean()) for title, (image, mask) in panels.items()}
    assert max(inside, key=inside.get) == one.right
    assert all(inside[title] < 0.75 * inside[one.right] for title in inside if title != one.right)
    image, mask = panels[one.right]
    assert torch.equal(panels["a"][1], mask.T) and torch.equal(panels["b"][1].flip(1), mask)


def test_model_tests_accept_what_the_module_reads_and_kill_each_wrong_version(tmp_path):
    one = EXERCISES["19.5"]

    def module(masks):
        found = torch.zeros(masks.shape[1:], dtype=torch.bool)
        for mask in masks:
            Image.fromarray(mask.numpy().astype(np.uint8)).save(tmp_path / "mask.png")
            found |= torch.from_numpy(read_mask(tmp_path / "mask.png"))
        return found

    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, module) and all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_each_wrong_reader_goes_wrong_in_the_way_that_it_says():
    lossy, ones, none = torch.tensor([[[3, 128, 250]]]), torch.tensor([[[1, 0, 0]]]), torch.zeros(1, 1, 3)
    assert readers.inside_above_zero(lossy).tolist() == [[True, True, True]]
    assert readers.inside_255_alone(lossy).tolist() == [[False, False, False]]
    assert readers.inside_above_128(lossy).tolist() == [[False, False, True]]
    assert not readers.inside_from_128(ones).any() and readers.inside_by_half_of_the_highest(none).all()
    both = torch.cat([lossy, ones])
    assert readers.inside_by_the_highest_of_all(both).tolist() == [[False, True, True]]
    assert readers.inside_one_by_one(both).tolist() == [[True, True, True]]


def test_a_test_without_a_lossy_file_is_told_so():
    def test_inside(inside):
        full, ones, none = torch.tensor([[0, 255, 255]]), torch.tensor([[1, 1, 0]]), torch.zeros(1, 3, dtype=torch.int64)
        assert inside(ones[None]).tolist() == [[True, True, False]] and not inside(none[None]).any()
        for files in ((full, ones), (ones, full), (none, full, ones)):
            assert inside(torch.stack(files)).tolist() == [[True, True, True]]

    feedback = check("19.5", test_inside)
    assert not feedback.passed and "no lossy file" in repr(feedback)
