"""Pictures, volumes, masks and lists as people have them, where a reader may be wrong without a word; truths by hand."""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from medkit._check import MedkitInputError
from medkit.data.decathlon import read_list
from medkit.data.mask import check_fits, mask_of, read_mask
from medkit.data.own import list_own, own_images
from medkit.data.read import read

pytestmark = pytest.mark.filterwarnings("error")
nibabel = pytest.importorskip("nibabel")

# ---- pictures


def png(path, row, width, depth, colour, more=b""):
    """Write a PNG of one row, as bytes; colour 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0))
    more = b"".join(chunk(name, content) for name, content in more) if more else b""
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b""))
    return path


def tiff(path, values, photometric=1, orientation=1, big=False):
    """Write an uncompressed TIFF of (H, W); photometric 0: white is stored as 0; `big`: with offsets of 64 bits."""
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = [
        (256, values.shape[1]), (257, values.shape[0]), (258, 8 * values.itemsize), (259, 1), (262, photometric), (273, 8 + 8 * big),
        (274, orientation), (277, 1), (278, values.shape[0]), (279, values.nbytes), (339, kind),
    ]  # fmt: skip
    content = values.astype(values.dtype.newbyteorder("<")).tobytes()
    at = 8 + 8 * big + len(content)
    if big:
        head, count, entry = b"II+\0\x08\0\0\0" + struct.pack("<Q", at), "<Q", "<HHQQ"
    else:
        head, count, entry = b"II*\0" + struct.pack("<I", at), "<H", "<HHII"
    rest = struct.pack(count, len(tags)) + b"".join(struct.pack(entry, tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(head + content + rest + bytes(8))
    return path


def row(path):
    return read(path).pixels.ravel().tolist()


@pytest.mark.parametrize("depth, colour, width, stored", [
    (16, 2, 2, [300, 40000, 65535, 1, 2, 3]), (16, 2, 2, [300] * 3 + [40000] * 3), (16, 6, 1, [300, 400, 500, 65535]), (16, 4, 2, [300, 65535, 40000, 65535]),
])  # fmt: skip
def test_edge_colours_of_16_bits_are_refused_not_cut(tmp_path, depth, colour, width, stored):
    path = png(tmp_path / "a.png", np.array(stored, ">u2").tobytes(), width, depth, colour)
    with pytest.raises(MedkitInputError, match="^a.png holds colours or transparency in 16 bits"):
        read(path)


def test_hand_what_png_says_beside_its_numbers_changes_none(tmp_path):
    for name, more in (("gAMA", struct.pack(">I", 45455)), ("sBIT", b"\x05"), ("sRGB", b"\0")):
        assert row(png(tmp_path / "a.png", bytes([0, 100, 255]), 3, 8, 0, [(name.encode(), more)])) == [0, 100, 255]
    assert row(png(tmp_path / "a.png", bytes([0x1B]), 4, 2, 0)) == [0, 85, 170, 255] and row(png(tmp_path / "a.png", b"\x01\x2f", 4, 4, 0)) == [0, 17, 34, 255]


@pytest.mark.parametrize("values, photometric, wanted", [
    (np.array([[0, 300, 65535]], np.uint16), 1, [0, 300, 65535]),
    (np.array([[0, 300, 65535]], np.uint16), 0, [65535, 65235, 0]),
    (np.array([[0, 7, 255]], np.uint8), 0, [255, 248, 0]),
    (np.array([[-2000, 300]], np.int16), 1, [-2000, 300]),
    (np.array([[0, -300, 70000]], np.int32), 1, [0, -300, 70000]),
    (np.array([[70000, 2**31, 2**32 - 256]], np.uint32), 1, [70000, 2**31, 2**32 - 256]),
    (np.array([[0, -0.5]], np.float32), 1, [0, -0.5]),
    (np.array([[0, -5]], np.int8), 1, "8 bits a pixel in a way that is seldom used"),
    (np.array([[0, 0.5]], np.float32), 0, "32 bits a pixel in a way that is seldom used"),
    (np.array([[0, 0.5]], np.float64), 1, "is a TIFF picture of 64-bit floats; save it with 32 bits"),
    (np.array([[0, 0.5]], np.float16), 1, "is a TIFF picture of 16-bit floats; save it with 32 bits"),
    (np.array([[0, 5]], np.uint64), 1, "is a TIFF picture of 64-bit whole numbers; save it with 32 bits"),
    (np.array([[0, 5]], np.int64), 1, "is a TIFF picture of 64-bit signed numbers; save it with 32 bits"),
])  # fmt: skip
def test_hand_tiff_of_every_kind_gives_its_numbers_or_says_no(tmp_path, values, photometric, wanted):
    path = tiff(tmp_path / "a.tif", values, photometric)
    if isinstance(wanted, str):
        with pytest.raises(MedkitInputError, match=f"^a.tif .*{wanted}"):
            read(path)
    else:
        assert row(path) == wanted


def test_hand_big_tiff_is_tiff(tmp_path):
    assert row(tiff(tmp_path / "a.tif", np.array([[1, 2, 300]], np.uint16), big=True)) == [1, 2, 300]


def test_edge_an_unknown_tiff_is_called_by_its_numbers_in_either_layout_and_byte_order(tmp_path):
    said = "^a.tif is a TIFF picture of 64-bit floats; save it with 32 bits$"
    with pytest.raises(MedkitInputError, match=said):
        read(tiff(tmp_path / "a.tif", np.zeros((2, 2)), big=True))
    entries = [(256, 1), (257, 1), (258, 64), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 8), (339, 3)]
    tags = struct.pack(">H", len(entries)) + b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    whole = b"MM\0*" + struct.pack(">Id", 16, 0.5) + tags + bytes(4)
    (tmp_path / "a.tif").write_bytes(whole)
    with pytest.raises(MedkitInputError, match=said):
        read(tmp_path / "a.tif")
    for rest in (whole[:30], b"II*\0" + b"\xff" * 40, b"II+\0" + b"\xff" * 40):
        (tmp_path / "a.tif").write_bytes(rest)
        with pytest.raises(MedkitInputError, match="^a.tif can't be read as an image"):
            read(tmp_path / "a.tif")


TURNS = {1: "123456", 2: "321654", 3: "654321", 4: "456123", 5: "142536", 6: "415263", 7: "635241", 8: "362514"}


@pytest.mark.parametrize("orientation", TURNS)
def test_hand_a_picture_is_turned_as_its_tag_says_whatever_the_format(tmp_path, orientation):
    values, exif = np.array([[1, 2, 3], [4, 5, 6]], np.uint8), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(values).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(values).save(tmp_path / "b.tif", exif=exif, compression="tiff_lzw")
    for path in (tmp_path / "a.png", tiff(tmp_path / "a.tif", values, orientation=orientation), tmp_path / "b.tif"):
        scan = read(path)
        assert "".join(f"{value:g}" for value in scan.pixels.ravel()) == TURNS[orientation]
        assert scan.pixels.shape[1:] == ((2, 3) if orientation < 5 else (3, 2)) and bool(scan.notes) == (orientation > 1)


def test_hand_inks_become_colours(tmp_path):
    red = Image.fromarray(np.full((16, 16, 3), (200, 50, 30), np.uint8))
    red.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    red.convert("CMYK").save(tmp_path / "a.tif")
    red.save(tmp_path / "b.jpg", quality=95, progressive=True)
    for name in ("a.jpg", "a.tif", "b.jpg"):
        assert np.abs(read(tmp_path / name).pixels - (200, 50, 30)).max() <= 2


# ---- masks in pictures

LABELS = np.zeros((40, 40), np.uint8)
LABELS[5:20, 5:20], LABELS[22:35, 22:35] = 1, 2
ONE = LABELS == 1


def painted(*colours):
    return np.array([(0, 0, 0), *colours], np.uint8)[np.minimum(LABELS, len(colours))]


def alpha(value):
    return np.dstack([np.full((40, 40, 3), value, np.uint8), ONE.astype(np.uint8) * 255])


@pytest.mark.parametrize("array, said", [
    (np.array([0, 128, 255], np.uint8)[LABELS], "even areas of 128"),
    (np.array([0, 85, 170], np.uint8)[LABELS], "even areas of 85"),
    (np.array([0, 1, 255], np.uint8)[LABELS], "even areas of 1"),  # 255 for a border that nobody is sure of
    (np.array([0, 1, 2], np.uint8)[LABELS], "highest value is 2"),
    (painted((0, 255, 0), (255, 0, 0)), "is in colour"),
    (painted((255, 255, 0), (255, 255, 255)), "is in colour"),
    (alpha(0), "transparent parts"), (alpha(255), "transparent parts"),
    (LABELS.astype(np.uint16) * 30000, "highest value is 60000"),
])  # fmt: skip
def test_edge_what_is_no_single_mask_is_refused(tmp_path, array, said):
    Image.fromarray(array).save(tmp_path / "a.png")
    with pytest.raises(MedkitInputError, match=f"^a.png .*{said}.*; save one mask in a file"):
        read_mask(tmp_path / "a.png")


def test_hand_soft_edges_and_lossy_files_are_masks(tmp_path):
    plain = Image.fromarray(ONE.astype(np.uint8) * 255)
    plain.save(tmp_path / "a.jpg", quality=40)
    plain.convert("RGB").save(tmp_path / "b.jpg", quality=40)
    Image.fromarray(np.dstack([np.asarray(plain)] * 3 + [np.full((40, 40), 255, np.uint8)])).save(tmp_path / "c.png")
    for name in ("a.jpg", "b.jpg", "c.png"):
        assert np.array_equal(read_mask(tmp_path / name), ONE)
    for by in (3, 4, 7):
        plain.resize((40 * by, 40 * by), Image.Resampling.BICUBIC).save(tmp_path / "d.png")
        assert abs(read_mask(tmp_path / "d.png").sum() - 225 * by * by) < 0.01 * 225 * by * by
    plain.resize((17, 17), Image.Resampling.BILINEAR).save(tmp_path / "e.png")
    assert 0 < read_mask(tmp_path / "e.png").sum() < 60


# ---- NIfTI

TILT = np.array([[0, -0.7, 0, 120], [0.68, 0, 0.5, -130], [-0.18, 0, 3.2, -200], [0, 0, 0, 1]])


def volume(path, values, affine=None, **header):
    """Write a volume, then set fields of its header as they stand in the file."""
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    if header:
        raw = bytearray(path.read_bytes())
        head = np.frombuffer(raw, nibabel.nifti1.header_dtype, count=1)
        for name, value in header.items():
            head[name] = value
        path.write_bytes(raw)
    return path


VALUES = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
UPRIGHT, MIRRORED = [2, 6, 0, 4, 3, 7, 1, 5], [6, 2, 4, 0, 7, 3, 5, 1]  # x from left to right in the picture, and back


@pytest.mark.parametrize("code, factor", [(0, 1), (1, 1000), (2, 1), (3, 0.001)])
def test_hand_spacing_is_in_millimetres_whatever_the_file_counts_in(tmp_path, code, factor):
    scan = read(volume(tmp_path / "a.nii", VALUES, np.diag([2.0, 4, 8, 1]), xyzt_units=code))
    assert scan.spacing == pytest.approx((8 * factor, 4 * factor, 2 * factor))
    assert scan.place == pytest.approx([0, 0, 2 * factor, 0, 0, -4 * factor, 0, 4 * factor, 8 * factor, 0, 0, 0, 0, 0, 0, 1])


@pytest.mark.parametrize("slope, inter, wanted", [(0, 7, UPRIGHT), (np.nan, np.nan, UPRIGHT), (2, -5, [2 * v - 5 for v in UPRIGHT])])
def test_hand_a_slope_that_is_none_scales_nothing(tmp_path, slope, inter, wanted):
    assert row(volume(tmp_path / "a.nii", VALUES, scl_slope=slope, scl_inter=inter)) == wanted


def test_hand_the_sform_goes_before_the_qform_and_without_either_the_rule_of_analyze_holds(tmp_path):
    assert row(volume(tmp_path / "a.nii", VALUES, np.diag([-1.0, 1, 1, 1]))) == MIRRORED
    both = {"srow_x": [-1, 0, 0, 0], "sform_code": 1, "qform_code": 1, "quatern_b": 0, "quatern_c": 0, "quatern_d": 0}
    assert row(volume(tmp_path / "a.nii", VALUES, **both)) == MIRRORED
    assert row(volume(tmp_path / "a.nii", VALUES, **both | {"sform_code": 0})) == UPRIGHT
    assert row(volume(tmp_path / "a.nii", VALUES, sform_code=0, qform_code=0)) == MIRRORED


@pytest.mark.parametrize("kind", ["u1", "i1", "<u2", ">i2", ">i4", "<u4", "<f8", ">f4"])
def test_hand_numbers_of_every_kind_and_order_are_read(tmp_path, kind):
    header = nibabel.Nifti1Header(endianness=">" if kind[0] == ">" else "<")
    header.set_data_dtype(kind)
    nibabel.save(nibabel.Nifti1Image(VALUES.astype(kind), np.eye(4), header), tmp_path / "a.nii")
    assert row(tmp_path / "a.nii") == UPRIGHT


def fits(image, mask_path):
    scan, mask_scan = read(image), read(mask_path)
    mask = mask_of(mask_path, mask_scan)
    check_fits(mask_path, mask, scan, mask_scan)
    return mask


def moved(millimetres):
    return TILT + millimetres * np.eye(4)[:, [3]][[3, 0, 1, 2]] @ np.eye(4)[[3]]


def test_hand_a_mask_fits_by_where_it_lies_and_rounding_is_forgiven(tmp_path):
    values = np.zeros((20, 16, 8), np.uint8)
    values[5:9, 7:12, 3] = 1
    image = volume(tmp_path / "i.nii", values.astype(np.int16), TILT)
    same = fits(image, volume(tmp_path / "m.nii", values, TILT))
    back = TILT @ np.array([[-1, 0, 0, 19], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    good = {
        "rounded": (values, np.round(TILT, 3)), "a hundredth of a millimetre off": (values, moved(0.01)), "stored backwards": (values[::-1], back),
        "axes exchanged": (values.transpose(1, 0, 2), TILT[:, [1, 0, 2, 3]]), "floats": (values.astype(np.float32), TILT),
    }  # fmt: skip
    for name, (stored, affine) in good.items():
        assert np.array_equal(fits(image, volume(tmp_path / "m.nii", stored, affine)), same), name
    assert np.array_equal(fits(image, volume(tmp_path / "m.nii", values * 7, TILT, scl_slope=np.float32(1 / 7))), same)
    assert not np.array_equal(fits(image, volume(tmp_path / "m.nii", values, back)), same)  # it says that it lies mirrored
    with pytest.raises(MedkitInputError, match="^m.nii has another place in the patient"):
        fits(image, volume(tmp_path / "m.nii", values, moved(0.3)))


@pytest.mark.parametrize("affine, header, said", [
    (np.diag([0.7, 0.7, 3, 1]), {"sform_code": 0, "qform_code": 0}, "another place"),
    (np.eye(4), {}, "voxels of another size"),
    (np.diag([0.7, 0.7, 3, 1]), {"pixdim": [1, 0.7, 0.7, 2.5, 1, 1, 1, 1]}, "voxels of another size"),
])  # fmt: skip
def test_edge_a_mask_saved_without_its_image_s_affine_is_refused(tmp_path, affine, header, said):
    values = np.ones((20, 20, 8), np.uint8)
    image = volume(tmp_path / "i.nii", values.astype(np.int16), np.diag([0.7, 0.7, 3, 1]))
    with pytest.raises(MedkitInputError, match=f"^m.nii has {said}.*; save it with its image's affine"):
        fits(image, volume(tmp_path / "m.nii", values, affine, **header))


def test_edge_volumes_of_another_kind_are_refused(tmp_path):
    colours = np.zeros((2, 2, 2), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for values, said in ((np.zeros((2, 2, 2, 3), np.int16), "holds 3 volumes"), (VALUES[..., None, None], "has the shape"), (colours, "no grey values")):
        with pytest.raises(MedkitInputError, match=said):
            read(volume(tmp_path / "a.nii", values))
    nibabel.save(nibabel.Nifti1Pair(VALUES, np.eye(4)), tmp_path / "pair.img")
    with pytest.raises(MedkitInputError, match="pair.hdr has no NIfTI header, of version 1 and with its pixels behind it; convert"):
        read(tmp_path / "pair.hdr")


# ---- lists of volumes


@pytest.fixture
def nnunet(tmp_path):
    """Make a folder in nnU-Net v2's layout: two volumes, two labels."""
    for name in ("imagesTr", "labelsTr"):
        (tmp_path / name).mkdir()
    for case in ("A_01", "A_02"):
        values = np.zeros((6, 6, 3), np.uint8)
        values[2:4, 2:4, 1], values[2:4, 2:4, 2] = 1, 2
        volume(tmp_path / "imagesTr" / f"{case}_0000.nii.gz", values.astype(np.int16) * 100)
        volume(tmp_path / "labelsTr" / f"{case}.nii.gz", values)
    listed = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": [1, 2], "tumour": 2}, "numTraining": 2, "file_ending": ".nii.gz"}
    (tmp_path / "dataset.json").write_text(json.dumps(listed))
    return tmp_path


def test_hand_a_folder_of_nnunet_is_read(nnunet):
    assert list_own(nnunet).faults == [] and list_own(nnunet).layout == "a Decathlon folder"
    data = own_images(nnunet, size=6, progress=None)
    assert data.modality == "CT" and data.group.tolist() == [0, 0, 0, 1, 1, 1] and data.label.tolist() == [0, 1, 1] * 2
    assert data.mask.flatten(1).sum(1).tolist() == [0, 4, 4] * 2 and set(read_list(nnunet)["labels"]) == {"0", "1", "2"}
    assert "each counts as a patient of its own" in " ".join(data.notes)


@pytest.mark.parametrize("changed, said", [
    ({"labels": {"background": 0, "tumour": 1, "ignore": 2}}, 'has a label "ignore"'),
    ({"channel_names": {"0": "T1", "1": "FLAIR"}}, "lists several modalities"),
    ({"file_ending": ".mha"}, 'no list "training"'),
    ({"labels": ["background"]}, 'no "labels" by name'),
    ({"labels": {"background": 0, "tumour": 1}}, "holds the label 2, which is not listed"),
])  # fmt: skip
def test_edge_folders_of_nnunet_that_are_not_read(nnunet, changed, said):
    listed = json.loads((nnunet / "dataset.json").read_text())
    (nnunet / "dataset.json").write_text(json.dumps(listed | changed))
    with pytest.raises(MedkitInputError, match=said):
        own_images(nnunet, size=6, progress=None)


def test_law_a_spacing_that_no_file_says_is_nan(tmp_path):
    for name in ("a", "b"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / f"{name}.png")
    data = own_images(tmp_path, size=4, progress=None)
    assert data.spacing.shape == (2, 2) and bool(data.spacing.isnan().all())
