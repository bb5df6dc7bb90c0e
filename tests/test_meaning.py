"""DICOM files as clinics have them: enhanced, by table, padded, coloured, compressed; the truth is worked out by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from test_read import dicom

from medkit._check import MedkitInputError
from medkit.data.listing import Item, Listing
from medkit.data.mask import read_mask
from medkit.data.read import fields, geometry, read
from medkit.data.stack import UNKNOWN, stack

pydicom = pytest.importorskip("pydicom")
pytestmark = pytest.mark.filterwarnings("error")


def item(**said):
    found = pydicom.Dataset()
    for name, value in said.items():
        setattr(found, name, value)
    return found


def enhanced(path, stored, frames, shared=None, **more):
    """Write a file of several frames; `frames` and `shared` are dicts of sequence -> fields of its one item."""
    groups = {"SharedFunctionalGroupsSequence": [shared or {}], "PerFrameFunctionalGroupsSequence": frames}
    for name, each in groups.items():
        more[name] = [item(**{macro: [item(**said)] for macro, said in one.items()}) for one in each]
    return dicom(path, stored, NumberOfFrames=len(stored), **{"bits": 12, "modality": "CT"} | more)


def scaled(slope, intercept, kind):
    return {"PixelValueTransformationSequence": {"RescaleSlope": slope, "RescaleIntercept": intercept, "RescaleType": kind}}


def at(*corner):
    return {"PlanePositionSequence": {"ImagePositionPatient": list(corner)}}


def numbers(*values, kind=np.uint16):
    return np.array(values, kind).reshape(-1, 2, 2) if len(values) > 4 else np.array(values, kind).reshape(2, 2)


def pixels(path):
    return read(path).pixels.ravel().tolist()


FRAMES = numbers(0, 1024, 2024, 4095, 0, 1024, 2024, 4095)


def test_hand_each_frame_of_an_enhanced_ct_has_its_own_scale(tmp_path):
    path = enhanced(tmp_path / "a.dcm", FRAMES, [scaled(1, -1024, "HU"), scaled(2, -1000, "HU")])
    assert pixels(path) == [-1024, 0, 1000, 3071, -1000, 1048, 3048, 7190] and read(path).unit == "HU"
    shared = enhanced(tmp_path / "b.dcm", FRAMES, [{}, {}], scaled(2, 5, "US"), modality="MR")
    assert pixels(shared)[:4] == [5, 2053, 4053, 8195] and read(shared).unit == "grey level"


def test_hand_spacing_and_place_of_an_enhanced_file(tmp_path):
    shared = {
        "PixelMeasuresSequence": {"PixelSpacing": [0.7, 0.5], "SliceThickness": 5},
        "PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
    }
    scan = read(enhanced(tmp_path / "a.dcm", FRAMES, [at(10, 20, 30), at(10, 20, 27)], shared))
    assert scan.spacing == (3.0, 0.7, 0.5)  # by the positions: slices of 5 mm overlap
    wanted = [[0, 0, -0.5, -10], [0, -0.7, 0, -20], [-3, 0, 0, 30], [0, 0, 0, 1]]  # right and front are positive here
    assert np.reshape(scan.place, (4, 4)).tolist() == wanted
    assert read(enhanced(tmp_path / "b.dcm", FRAMES, [at(0, 0, 0), at(0, 0, 0)], shared)).spacing == (5.0, 0.7, 0.5)


@pytest.mark.parametrize("frames, said", [
    ([scaled(1, 0, "HU"), scaled(1, 0, "US")], "frames in several units"),
    ([scaled(1, 0, "HU")] * 3, "says of 3 frames how they are scaled, and has 2"),
    ([scaled(1, 0, "HU"), scaled(0, 0, "HU")], "a RescaleSlope of 0"),
])  # fmt: skip
def test_edge_frames_that_do_not_agree(tmp_path, frames, said):
    with pytest.raises(MedkitInputError, match=f"^a.dcm .*{said}"):
        read(enhanced(tmp_path / "a.dcm", FRAMES, frames))


@pytest.mark.parametrize("photometric, wanted", [("MONOCHROME2", [0, 10, 100, 1000]), ("MONOCHROME1", [4095, 4085, 3995, 3095])])
def test_hand_a_table_stands_in_the_place_of_slope_and_intercept(tmp_path, photometric, wanted):
    table = item(LUTDescriptor=[4, 0, 12], ModalityLUTType="US", LUTData=[0, 10, 100, 1000])
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    path = dicom(tmp_path / "a.dcm", numbers(0, 1, 2, 3), bits=12, photometric=photometric, ModalityLUTSequence=[table])
    assert pixels(path) == wanted


@pytest.mark.parametrize("kind, unit", [("HU", "HU"), (None, "HU"), ("US", "grey level"), ("HU_MOD", "grey level")])
def test_hand_a_ct_is_in_the_unit_that_it_says(tmp_path, kind, unit):
    more = {"RescaleType": kind} if kind else {}
    scan = read(dicom(tmp_path / "a.dcm", numbers(0, 1, 2, 3), bits=12, modality="CT", RescaleSlope=1, RescaleIntercept=-1024, **more))
    assert scan.unit == unit and scan.pixels[0, 0, 0] == -1024


@pytest.mark.parametrize("kind, said", [("SS", -2000), ("US", 63536)])  # -2000 with and without its sign
def test_hand_padding_is_no_measurement(tmp_path, kind, said):
    stored = numbers(-2000, -1000, 0, 500, kind=np.int16)
    for modality, wanted in (("CT", [-1024, -1024, -24, 476]), ("MR", [-2024, -1024, -24, 476])):
        path = dicom(tmp_path / "a.dcm", stored, bits=16, modality=modality, RescaleSlope=1, RescaleIntercept=-24)
        data = pydicom.dcmread(path)
        data.add_new(0x00280120, kind, said)
        data.save_as(path)
        assert pixels(path) == wanted and bool(read(path).notes) == (modality == "CT")


def test_hand_bits_above_those_stored_do_not_count(tmp_path):
    overlay = numbers(0x1005, 6, 0xFFFF, 0)
    assert pixels(dicom(tmp_path / "a.dcm", overlay, bits=12)) == [5, 6, 4095, 0]
    assert pixels(dicom(tmp_path / "b.dcm", overlay, bits=12, photometric="MONOCHROME1")) == [4090, 4089, 0, 4095]
    assert pixels(dicom(tmp_path / "c.dcm", numbers(0xFFF, 0x7FF, 0x800, 0), bits=12, PixelRepresentation=1)) == [-1, 2047, -2048, 0]
    with pytest.raises(MedkitInputError, match="keeps its 12 bits at an unusual place, below bit 15"):
        read(dicom(tmp_path / "d.dcm", numbers(16, 32, 65520, 0), bits=12, HighBit=15))


RED = np.full((16, 16, 3), (200, 50, 30), np.uint8)


def colour(path, content, shape=(16, 16), syntax=None, **more):
    """Write a file of three samples a pixel whose pixels are these bytes; `syntax` where they are one packed frame."""
    from pydicom.encaps import encapsulate

    path = dicom(path, np.zeros(shape, np.uint8), modality="US", SamplesPerPixel=3, **{"PlanarConfiguration": 0} | more)
    data = pydicom.dcmread(path)
    data.PixelData = encapsulate([content]) if syntax else content
    if syntax:
        data.file_meta.TransferSyntaxUID, data["PixelData"].VR, data["PixelData"].is_undefined_length = syntax, "OB", True
    data.save_as(path)
    return path


def jpeg():
    stream = io.BytesIO()
    Image.fromarray(RED).save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue()


Y, CB, CR = 93, 92, 204  # (200, 50, 30): 0.299 · 200 + 0.587 · 50 + 0.114 · 30, and so on
COLOURS = {
    "planes": (lambda: RED.transpose(2, 0, 1).tobytes(), {"photometric": "RGB", "PlanarConfiguration": 1}),
    "YBR_FULL": (lambda: bytes([Y, CB, CR]) * 256, {"photometric": "YBR_FULL"}),
    "YBR_FULL_422": (lambda: bytes([Y, Y, CB, CR]) * 128, {"photometric": "YBR_FULL_422"}),
    "frames": (lambda: bytes([Y, Y, CB, CR]) * 256, {"photometric": "YBR_FULL_422", "NumberOfFrames": 2}),
    "JPEG": (jpeg, {"photometric": "YBR_FULL_422", "syntax": pydicom.uid.JPEGBaseline8Bit}),
    "JPEG that says RGB": (jpeg, {"photometric": "RGB", "syntax": pydicom.uid.JPEGBaseline8Bit}),
}


@pytest.mark.parametrize("kind", COLOURS)
def test_hand_colours_come_out_red_green_blue(tmp_path, kind):
    make, more = COLOURS[kind]
    found = read(colour(tmp_path / "a.dcm", make(), **more)).pixels
    assert found.shape == (more.get("NumberOfFrames", 1), 16, 16, 3) and np.abs(found - (200, 50, 30)).max() <= 2


def test_hand_what_is_packed_without_loss_comes_out_as_it_went_in(tmp_path):
    stored = (np.arange(4096) - 2048).astype(np.int16).reshape(64, 64)
    path = dicom(tmp_path / "a.dcm", stored, bits=16, modality="CT", RescaleSlope=1, RescaleIntercept=-24)
    data = pydicom.dcmread(path)
    data.compress(pydicom.uid.RLELossless)
    data.save_as(path)
    assert np.array_equal(read(path).pixels[0], stored - 24.0)
    data = pydicom.dcmread(dicom(path, numbers(0, 1, 300, 4095), bits=12))
    bare = pydicom.Dataset()
    bare.update(data)
    bare.PixelData = numbers(0, 1, 300, 4095).byteswap().tobytes()
    bare.file_meta = data.file_meta
    bare.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
    bare.save_as(path, implicit_vr=False, little_endian=False, enforce_file_format=True)
    assert pixels(path) == [0, 1, 300, 4095]


def test_edge_a_compression_that_nothing_here_reads_says_what_to_install(tmp_path):
    frame = b"\xff\xd8\xff\xf7\x00\x0b\x0c\x00\x02\x00\x02\x01\x01\x11\x00"
    with pytest.raises(MedkitInputError, match=r"JPEG-LS Lossless.*export it uncompressed or install decoders: .*pylibjpeg\[all\]"):
        read(colour(tmp_path / "a.dcm", frame, (2, 2), pydicom.uid.JPEGLSLossless, photometric="RGB"))


def test_edge_what_is_no_image(tmp_path):
    for name, more, said in (
        ("dose", {"modality": "RTDOSE"}, "holds a radiation dose, no image"),
        ("seg", {"modality": "SEG", "SegmentSequence": [item(), item()]}, "holds 2 segments in one file"),
    ):
        with pytest.raises(MedkitInputError, match=said):
            read(dicom(tmp_path / f"{name}.dcm", numbers(0, 1, 2, 3), bits=16, **more))
    data = pydicom.dcmread(dicom(tmp_path / "a.dcm", numbers(0, 1, 2, 3), bits=16, modality="RTSTRUCT"))
    del data.PixelData
    data.save_as(tmp_path / "a.dcm")
    with pytest.raises(MedkitInputError, match="holds no image"):
        read(tmp_path / "a.dcm")
    scout = dicom(tmp_path / "b.dcm", numbers(0, 1, 2, 3), bits=12, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert "projection, no slice" in read(scout).notes[0]


def test_hand_a_spacing_below_0_is_a_way_down(tmp_path):
    path = dicom(tmp_path / "a.dcm", numbers(0, 1, 2, 3), bits=12, PixelSpacing=[4, 3], SpacingBetweenSlices=-5)
    assert read(path).spacing == (5.0, 4.0, 3.0)
    assert read(dicom(path, numbers(0, 1, 2, 3), bits=12, ImagerPixelSpacing=[0.07, 0.07])).spacing is None  # at the detector, not in the patient


def test_law_of_frames_and_places():
    assert fields.of_frames(pydicom.Dataset(), "PlanePositionSequence") == [None]
    one = np.array([[0, 0, 0.5, 1], [0, -2, 0, 2], [3, 0, 0, 3], [0, 0, 0, 1.0]])
    place = geometry.place_of(one, 4)
    assert geometry.farthest(place, place, (4, 5, 6)) == 0
    shifted = one.copy()
    shifted[0, 3] += 0.25
    assert geometry.farthest(place, geometry.place_of(shifted, 4), (4, 5, 6)) == 0.5  # half of the shortest side
    assert geometry.place_of(one * np.nan, 4) is None and geometry.place_of(one, 1)[8] == 0


def lying(corner, **more):
    return {"PixelSpacing": [1, 1], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": list(corner)} | more


def test_edge_a_mask_of_another_slice_does_not_fit(tmp_path):
    image = dicom(tmp_path / "a.dcm", numbers(0, 1, 2, 3), bits=12, **lying((0, 0, 10), SliceThickness=5))
    good = dicom(tmp_path / "good.dcm", numbers(0, 1, 1, 0), bits=12, **lying((0, 0, 10.001)))
    stack(Listing(tmp_path, "", ("x",), "t", items=[Item(0, image, [good], "a")]), 2, progress=None)
    other = dicom(tmp_path / "other.dcm", numbers(0, 1, 1, 0), bits=12, **lying((0, 0, 15)))
    with pytest.raises(MedkitInputError, match="other.dcm has another place in the patient"):
        stack(Listing(tmp_path, "", ("x",), "t", items=[Item(0, image, [other], "a")]), 2, progress=None)
    assert read_mask(good).sum() == 2


# ---- whose they are


def taken(tmp_path, *said):
    items = []
    for number, one in enumerate(said):
        names = {name: value for name, value in zip(("PatientID", "StudyInstanceUID"), one) if value}
        items.append(Item(0, dicom(tmp_path / f"{number}.dcm", numbers(0, 1, 2, number), bits=12, **names), (), str(number)))
    data, _ = stack(Listing(tmp_path, "", ("x",), "t", items=items), 2, progress=None)
    return data.group.tolist(), data.unit, " ".join(data.notes)


def test_hand_a_stand_in_for_everybody_is_no_patient(tmp_path):
    assert taken(tmp_path, ("P1", "1.1"), ("P1", "1.2"), ("P2", "1.3"))[:2] == ([0, 0, 1], "patient")
    for nobody in ("", "ANON", "anonymous", "Anonymized", "UNKNOWN", "N/A", "XXXX", "De-identified", "anonymous patient"):
        groups, unit, notes = taken(tmp_path, (nobody, "1.1"), (nobody, "1.1"), (nobody, "1.2"), (nobody, ""))
        assert (groups, unit) == ([0, 0, 1, 2], UNKNOWN) and "Patients unknown" in notes  # slices of one study stay together
    assert taken(tmp_path, ("", "1.1"), ("P1", "1.1"), ("P1", "1.2"))[:2] == ([0, 0, 0], "patient")  # the study says whose the first is
    assert taken(tmp_path, ("anon01", ""), ("anon02", ""), ("0", ""))[:2] == ([0, 1, 2], "patient, one image each")


def test_hand_one_name_in_many_studies_is_told(tmp_path):
    groups, unit, notes = taken(tmp_path, ("P1", "1.1"), ("P1", "1.2"))
    assert (groups, unit) == ([0, 0], "patient") and "All files name one patient, in 2 studies" in notes
    assert "All files" not in taken(tmp_path, ("P1", "1.1"), ("P2", "1.2"))[2] + taken(tmp_path, ("P1", "1.1"), ("P1", "1.1"))[2]
