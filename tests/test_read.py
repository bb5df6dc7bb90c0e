"""One door for image files: what each kind means, number by number, and what no file may do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from medkit._check import MedkitInputError
from medkit.data import read
from medkit.data.read import arrays, dicom as of_dicom, nifti, picture, scan as limits

pytestmark = pytest.mark.filterwarnings("error")


# ---- DICOM: 24 cases, hand-computed


def dicom(path, stored, *, photometric="MONOCHROME2", bits=8, modality="MR", **more):
    """Write a DICOM file of (H, W) stored numbers, uncompressed, little endian; a field that is None is left out."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = stored.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation, data.Modality = 1, photometric, modality
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 if bits == 8 else 16, bits, bits - 1
    data.PixelRepresentation = int(stored.dtype.kind == "i")
    for name, value in ({"BurnedInAnnotation": "NO"} | more).items():
        if value is not None:
            setattr(data, name, value)
    data.PixelData = (stored if bits == 8 else stored.astype(stored.dtype.newbyteorder("<"))).tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


STORED = {  # (bits, signed) -> stored numbers, and what they are turned round
    (8, False): ([0, 1, 200, 255], [255, 254, 55, 0]),
    (8, True): ([-128, -1, 0, 127], [127, 0, -1, -128]),
    (12, False): ([0, 1, 3000, 4095], [4095, 4094, 1095, 0]),
    (12, True): ([-2048, -1, 0, 2047], [2047, 0, -1, -2048]),
    (16, False): ([0, 1, 40000, 65535], [65535, 65534, 25535, 0]),
    (16, True): ([-32768, -1, 0, 32767], [32767, 0, -1, -32768]),
}
CASES = list(itertools.product(STORED, ("MONOCHROME1", "MONOCHROME2"), (None, (0.5, -10.0))))


@pytest.mark.parametrize("kind, photometric, rescale", CASES)
def test_hand_dicom_means_what_the_standard_says(tmp_path, kind, photometric, rescale):
    (bits, signed), (plain, turned) = kind, STORED[kind]
    stored = np.array(plain, dtype=f"{'' if signed else 'u'}int{8 if bits == 8 else 16}").reshape(2, 2)
    more = {"RescaleSlope": rescale[0], "RescaleIntercept": rescale[1]} if rescale else {}
    scan = read.read(dicom(tmp_path / "a.dcm", stored, photometric=photometric, bits=bits, **more))
    wanted = np.array(turned if photometric == "MONOCHROME1" else plain, dtype=np.float64)
    wanted = wanted * rescale[0] + rescale[1] if rescale else wanted
    assert scan.pixels.dtype == np.float32 and scan.pixels.shape == (1, 2, 2)
    assert scan.pixels.ravel().tolist() == wanted.tolist() and scan.unit == "grey level" and scan.modality == "MRI"


def test_twenty_four_cases_are_tried():
    assert len(CASES) == 24


def test_hounsfield_units_are_not_turned(tmp_path):
    stored = np.array([[0, 1024], [2024, 4095]], dtype=np.uint16)
    more = {"modality": "CT", "bits": 12, "RescaleSlope": "1", "RescaleIntercept": "-1024"}
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        scan = read.read(dicom(tmp_path / "ct.dcm", stored, photometric=photometric, **more))
        assert scan.pixels.ravel().tolist() == [-1024, 0, 1000, 3071] and (scan.unit, scan.modality) == ("HU", "CT")


def test_spacing_and_writing_in_the_pixels_are_told(tmp_path):
    stored = np.zeros((2, 3), dtype=np.uint8)
    more = {"PixelSpacing": [0.7, 0.5], "SliceThickness": "5", "BurnedInAnnotation": "YES"}
    scan = read.read(dicom(tmp_path / "a.dcm", stored, **more))
    assert scan.spacing == (5.0, 0.7, 0.5) and "burned into the pixels" in scan.notes[0]
    assert read.read(dicom(tmp_path / "b.dcm", stored)).spacing is None


@pytest.mark.parametrize("modality, klass, said, note", [
    ("US", "1.2.840.10008.5.1.4.1.1.6.1", None, of_dicom.MAYBE), ("US", "1.2.840.10008.5.1.4.1.1.6.1", "NO", None),
    ("US", "1.2.840.10008.5.1.4.1.1.6.1", "YES", of_dicom.BURNED_IN), ("MR", "1.2.840.10008.5.1.4.1.1.7", None, of_dicom.MAYBE),
    ("MR", "1.2.840.10008.5.1.4.1.1.7.2", "", of_dicom.MAYBE), ("MR", "1.2.840.10008.5.1.4.1.1.4", None, None), ("MR", "1.2.840.10008.5.1.4.1.1.4", "YES", of_dicom.BURNED_IN),
])  # fmt: skip
def test_writing_that_is_usual_and_not_denied_is_told_as_a_maybe(tmp_path, modality, klass, said, note):
    more = {"SOPClassUID": klass, "BurnedInAnnotation": said}
    scan = read.read(dicom(tmp_path / "a.dcm", np.zeros((2, 2), np.uint8), modality=modality, **more))
    assert scan.notes == (() if note is None else (note,))


def test_a_patient_is_a_key_and_never_a_name(tmp_path):
    stored = np.zeros((2, 2), dtype=np.uint8)
    a, b = (read.read(dicom(tmp_path / "a.dcm", stored, PatientID=name)) for name in ("Doe-17", "Doe-18"))
    assert a.patient == of_dicom.patient_key("Doe-17") == of_dicom.patient_key(" Doe-17 ") != b.patient and "Doe" not in repr(a)
    assert read.read(dicom(tmp_path / "c.dcm", stored)).patient is None


@pytest.mark.parametrize("name, value, said", [
    ("RescaleSlope", "0", "a RescaleSlope of 0"),
    ("RescaleSlope", "", "a RescaleSlope that is no number"),
    ("WindowWidth", "0", "a WindowWidth that is 0"),
    ("Rows", 0, "no valid Rows"),
    ("Rows", 60000, "can't be read as a DICOM file"),
])  # fmt: skip
def test_edge_dicom_fields_that_are_wrong(tmp_path, name, value, said):
    path = dicom(tmp_path / "a.dcm", np.zeros((2, 2), dtype=np.uint8), **({} if name == "Rows" else {name: value}))
    if name == "Rows":
        import pydicom

        data = pydicom.dcmread(path)
        data.Rows = value
        data.save_as(path)
    with pytest.raises(MedkitInputError, match=f"^a.dcm .*{said}"):
        read.read(path)


# ---- pictures: Pillow's eight modes

GREYS = [[0, 7], [200, 255]]


def turned(picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # was held upright: turn it by 90° to the right
    return picture, {"exif": exif}


def colours(mode):
    return Image.merge(mode, [Image.fromarray(np.full((2, 2), value, np.uint8)) for value in (10, 20, 30, 99)[: len(mode)]])


def palette():
    picture = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), mode=None).convert("P")
    picture.putdata([0, 1, 1, 0])
    picture.putpalette([10, 20, 30, 40, 50, 60])
    return picture


PICTURES = {
    "1": (lambda: Image.fromarray(np.array([[False, True], [True, False]])), [[0, 255], [255, 0]]),
    "L": (lambda: Image.fromarray(np.array(GREYS, np.uint8)), GREYS),
    "P": (palette, [[[10, 20, 30], [40, 50, 60]], [[40, 50, 60], [10, 20, 30]]]),
    "RGB": (lambda: colours("RGB"), [[[10, 20, 30]] * 2] * 2),
    "RGBA": (lambda: colours("RGBA"), [[[10, 20, 30]] * 2] * 2),
    "I;16": (lambda: Image.fromarray(np.array([[0, 300], [40000, 65535]], np.uint16)), [[0, 300], [40000, 65535]]),
    "I": (lambda: Image.fromarray(np.array([[0, 300], [40000, 65535]], np.int32)), [[0, 300], [40000, 65535]]),
    "EXIF": (lambda: turned(Image.fromarray(np.array(GREYS, np.uint8))), [[200, 0], [255, 7]]),
}


@pytest.mark.parametrize("mode", PICTURES)
def test_hand_a_picture_means_what_it_holds(tmp_path, mode):
    make, wanted = PICTURES[mode]
    picture = make()
    picture, more = picture if isinstance(picture, tuple) else (picture, {})
    name = "a.tif" if mode == "I" else "a.png"  # PNG has no 32 bits
    picture.save(tmp_path / name, **more)
    scan = read.read(tmp_path / name)
    assert scan.pixels.tolist() == np.array([wanted], np.float32).tolist() and scan.spacing is None


def test_eight_modes_are_tried():
    assert len(PICTURES) == 8


# ---- NIfTI, arrays


def test_hand_nifti_is_turned_so_that_slices_run_from_foot_to_head(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)  # x, y, z
    upright = nibabel.Nifti1Image(values, np.diag([1.0, 2.0, 3.0, 1.0]))
    nibabel.save(upright, tmp_path / "up.nii.gz")
    scan = read.read(tmp_path / "up.nii.gz")
    assert scan.pixels.shape == (4, 3, 2) and scan.spacing == (3.0, 2.0, 1.0)
    assert scan.pixels[0].tolist() == [[8, 20], [4, 16], [0, 12]]  # the front, which is the largest y, is the first row
    lying = nibabel.Nifti1Image(values[::-1].transpose(2, 0, 1), np.array([[0, -1.0, 0, 1], [0, 0, 2, 0], [3, 0, 0, 0], [0, 0, 0, 1]]))
    nibabel.save(lying, tmp_path / "lying.nii")
    other = read.read(tmp_path / "lying.nii")
    assert np.array_equal(other.pixels, scan.pixels) and other.spacing == scan.spacing


def test_hand_nifti_slope_and_intercept_are_applied(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(np.ones((2, 2, 2), np.int16), np.eye(4))
    image.header.set_slope_inter(2.0, -5.0)
    nibabel.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[352:] = np.full(8, 7, np.int16).tobytes()
    raw[112:120] = np.array([2.0, -5.0], np.float32).tobytes()
    (tmp_path / "a.nii").write_bytes(raw)
    assert set(read.read(tmp_path / "a.nii").pixels.ravel()) == {9.0}


def test_arrays_come_back_and_objects_are_refused(tmp_path):
    arrays = {"train_images": np.arange(12, dtype=np.uint8).reshape(3, 2, 2), "name": np.array(["a", "b"]), "turned": np.ones((2, 3), order="F")}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    found = read.read_npz(tmp_path / "a.npz")
    assert list(found) == list(arrays) and all(np.array_equal(found[k], arrays[k]) for k in arrays)
    np.savez(tmp_path / "b.npz", a=np.array([{}], dtype=object))
    with pytest.raises(MedkitInputError, match="b.npz holds Python objects, which could run code"):
        read.read_npz(tmp_path / "b.npz")


def test_a_budget_is_held_before_anything_is_unpacked(tmp_path):
    stored = np.zeros((64, 64), dtype=np.uint8)
    np.savez_compressed(tmp_path / "a.npz", a=stored)
    files = {
        of_dicom.read_dicom: dicom(tmp_path / "a.dcm", stored),
        arrays.read_npz: tmp_path / "a.npz",
    }
    if (nibabel := pytest.importorskip("nibabel")) is not None:
        nibabel.save(nibabel.Nifti1Image(stored[..., None], np.eye(4)), tmp_path / "a.nii.gz")
        files[nifti.read_nifti] = tmp_path / "a.nii.gz"
    for reader, path in files.items():
        reader(path, 64 * 64 * 5)
        with pytest.raises(MedkitInputError, match="MiB of pixels, more than 0"):
            reader(path, 1000)


def test_law_what_is_packed_is_never_unpacked_beyond_the_limit(tmp_path):
    import zlib

    packed = zlib.compress(b"\0" * 2**20)
    assert limits.inflate(tmp_path / "a", packed, 2**20 + 1, 15) == b"\0" * 2**20
    with pytest.raises(MedkitInputError, match="^a unpacks to more than 0 MiB"):
        limits.inflate(tmp_path / "a", packed, 2**19, 15)
    with pytest.raises(MedkitInputError, match="^a is packed, and damaged"):
        limits.inflate(tmp_path / "a", b"no", 2**19, 15)


def test_hand_grey_is_luminance():
    assert picture.grey(np.full((1, 1, 1, 3), (200.0, 0.0, 100.0))).item() == pytest.approx(0.299 * 200 + 0.114 * 100)


def test_edge_what_is_no_image(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "empty.png").touch()
    for name, said in (("a.txt", "is of no kind that medkit reads"), ("empty.png", "has 0 MiB"), ("none.png", "is no file"), (".", "is no file")):
        with pytest.raises(MedkitInputError, match=said):
            read.read(tmp_path / name)
