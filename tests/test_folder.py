"""A reader's own folder: what is read, and one clear error for each way it can be wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from medkit._check import MedkitInputError
from medkit.data import data_root, own_images, split_by_group
from medkit.data.folder import read_grey
from medkit.data.mask import read_mask

pytestmark = pytest.mark.filterwarnings("error")


def save(path, array, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(array))
    (picture.convert(mode) if mode else picture).save(path)


def square(value=255, size=40):
    mask = np.zeros((size, size), dtype=np.uint8)
    mask[10:20, 10:20] = value
    return mask


@pytest.fixture
def tree(tmp_path):
    """Make a folder in BUSI's layout: masks in several modes, one class without any."""
    rng = np.random.default_rng(0)
    for k, name in enumerate(("benign", "malignant", "normal")):
        for i in range(4):
            grey = rng.integers(0, 256, (40, 40), dtype=np.uint8)
            save(tmp_path / name / f"{name} ({i}).png", grey, "RGB" if i % 2 else None)
            if name != "normal":
                path = tmp_path / name / f"{name} ({i})_mask.png"
                save(path, square(1 if i == 2 else 255), {0: "1", 1: "RGB"}.get(i))
    second = np.zeros((40, 40), dtype=np.uint8)
    second[30:40, 30:40] = 255
    save(tmp_path / "benign" / "benign (0)_mask_1.png", second)
    (tmp_path / "benign" / "notes.txt").write_text("passed over", encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_hand_a_folder_in_busi_layout(tree):
    data = own_images(tree, size=20)
    assert data.classes == ("benign", "malignant", "normal") and data.label.bincount().tolist() == [4, 4, 4]
    assert (data.tier, data.unit) == ("real", "image, patients unknown")
    assert data.name[0] == "benign/benign (0).png" and tuple(data.image.shape) == (12, 1, 20, 20)
    assert data.mask.sum((1, 2, 3)).tolist() == [50] + [25] * 7 + [0] * 4
    assert any("normal (4 images): taken as nothing to find" in note for note in data.notes)
    split = split_by_group(data)
    assert len(split.train) + len(split.val) + len(split.test) == 12


def test_hand_no_masks_at_all_and_stretched_images(tmp_path):
    for name, height in (("a", 40), ("b", 20)):
        save(tmp_path / name / "one.jpg", np.full((height, 40), 77, np.uint8))
        save(tmp_path / name / "two.BMP", np.full((40, 40), 77, np.uint8))
    data = own_images(tmp_path, size=10)
    assert data.mask is None and torch.equal(data.image, torch.full((4, 1, 10, 10), 77.0))
    assert "1 of 4 images are not square and were stretched." in data.notes


def test_law_the_whole_range_is_kept(tmp_path):
    deep = np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40
    save(tmp_path / "deep.png", deep)
    save(tmp_path / "deep.tif", deep)
    save(tmp_path / "float.tif", deep.astype(np.float32) - 1000.5)
    assert np.array_equal(read_grey(tmp_path / "deep.png"), deep.astype(np.float32))
    assert np.array_equal(read_grey(tmp_path / "deep.tif"), deep.astype(np.float32))
    assert read_grey(tmp_path / "float.tif").min() == -1000.5
    assert np.asarray(Image.open(tmp_path / "deep.png").convert("L")).max() == 255  # what would be lost


def test_hand_luminance(tmp_path):
    save(tmp_path / "red.png", np.full((4, 4, 3), (200, 0, 100), np.uint8))
    assert read_grey(tmp_path / "red.png")[0, 0] == pytest.approx(0.299 * 200 + 0.114 * 100)
    save(tmp_path / "clear.png", np.full((4, 4, 4), (50, 50, 50, 0), np.uint8))
    assert read_grey(tmp_path / "clear.png")[0, 0] == pytest.approx(50, abs=1e-4)
    save(tmp_path / "palette.png", np.full((4, 4), 9, np.uint8), "P")
    assert read_grey(tmp_path / "palette.png")[0, 0] == pytest.approx(9, abs=1e-4)


@pytest.mark.parametrize(("array", "mode"), [
    (square(255), "1"), (square(255), "L"), (square(255), "RGB"), (square(1), "L"), (square(200), "L"),
    (np.zeros((40, 40), np.uint8), "L"),
])  # fmt: skip
def test_law_masks_of_every_mode(tmp_path, array, mode):
    save(tmp_path / "x.png", array, mode)
    assert np.array_equal(read_mask(tmp_path / "x.png"), array > 0)


def test_edge_a_map_of_labels_is_no_mask(tmp_path):
    save(tmp_path / "x.png", square(3))
    with pytest.raises(MedkitInputError, match="x.png is no mask: its highest value is 3; save one mask in a file, with 0"):
        read_mask(tmp_path / "x.png")


def spoil_missing(tree):
    return tree / "nowhere"


def spoil_empty_root(tree):
    (tree / "root").mkdir()
    return tree / "root"


def spoil_one_class(tree):
    save(tree / "root" / "only" / "a.png", square())
    return tree / "root"


def spoil_empty_class(tree):
    (tree / "zebra").mkdir()


def spoil_png(tree):
    (tree / "normal" / "normal (1).png").write_bytes(b"not an image")


def spoil_cut(tree):
    path = tree / "normal" / "normal (1).png"
    path.write_bytes(path.read_bytes()[:400])


def spoil_mask_size(tree):
    save(tree / "benign" / "benign (1)_mask.png", square(size=30))


def spoil_orphan(tree):
    (tree / "benign" / "benign (3).png").unlink()


def spoil_missing_mask(tree):
    (tree / "benign" / "benign (3)_mask.png").unlink()


def spoil_beside(tree):
    save(tree / "stray.png", square())


def spoil_twin_name(tree):
    save(tree / "normal" / "normal (1).jpg", square())


def spoil_pages(tree):
    first = Image.fromarray(square())
    first.save(tree / "normal" / "pages.tif", save_all=True, append_images=[first])


def spoil_nan(tree):
    save(tree / "normal" / "nan.tif", np.full((4, 4), np.nan, np.float32))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_missing, "nowhere is neither a folder nor an .npz file; give CLASS/image.png"),
        (spoil_empty_root, "root must hold at least 2 class folders, got 0; make CLASS/image.png"),
        (spoil_one_class, "root must hold at least 2 class folders, got 1"),
        (spoil_empty_class, "zebra holds no image .*; add images or remove the folder"),
        (spoil_png, r"normal \(1\).png is of no kind that medkit reads; give DICOM, NIfTI, PNG"),
        (spoil_cut, r"normal \(1\).png can't be read as an image"),
        (spoil_mask_size, r"benign \(1\)_mask.png has 30 × 30 pixels, its image 40 × 40; save both"),
        (spoil_orphan, r"benign \(3\)_mask.png is a mask without its image in benign; add benign \(3\).png"),
        (spoil_missing_mask, r"benign \(3\).png has no mask while others of its class have one; add"),
        (spoil_beside, "stray.png lies beside the class folders; move it"),
        (spoil_twin_name, r"normal \(1\).png and normal \(1\).jpg share one name; rename"),
        (spoil_pages, "pages.tif holds several pictures; save each on its own"),
        (spoil_nan, "nan.tif holds NaN or infinite values"),
    ],
)
def test_edge_one_clear_error(tree, spoil, message):
    own_images(tree, size=20)  # it was good before
    with pytest.raises(MedkitInputError, match=message):
        own_images(spoil(tree) or tree, size=20)


def test_edge_too_many_pixels(tree, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(MedkitInputError, match="has too many pixels to be opened safely"):
        own_images(tree)


@pytest.mark.skipif(
    data_root() is None or not (data_root() / "raw" / "busi").is_dir(), reason="MEDKIT_DATA with raw/busi"
)
def test_hand_the_real_busi_folder():
    data = own_images(data_root() / "raw" / "busi")
    assert data.label.bincount().tolist() == [8, 8, 7]
    assert torch.equal(data.mask.flatten(1).any(1), data.label != 2)
