"""Notebook 19's pictures and files: at their ends, in the middle, on other folders and on nonsense."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from PIL import Image

from medkit import lesson
from medkit._check import MedkitInputError
from medkit.check import check_images
from medkit.data.own import own_images
from medkit.data.read import read
from medkit.widgets import your_images as page
from medkit.widgets import your_images_files as files
from medkit.widgets import your_images_reading as reading

pytestmark = pytest.mark.filterwarnings("error")
CACHED = (page._images, page._desk, page._linear, reading._volume, files.sample_folder, files.spoilt_folder, files.room)


@pytest.fixture(scope="module", autouse=True)
def small_run():
    """Train in fast mode; what other tests find in the cache stays theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        patch.delenv("MEDKIT_DATA", raising=False)
        for cache in CACHED:
            cache.cache_clear()
        yield
        for cache in CACHED:
            cache.cache_clear()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of PNGs of the reader's own, in classes, with masks in one of them."""
    root, draw = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for label in ("dark", "<b>bright"):
        (root / label).mkdir()
        for i in range(8):
            pixels = draw.integers(0, 100, (40, 30)) + (100 if "bright" in label else 0)
            mask = np.zeros((40, 30), dtype=np.uint8)
            mask[5:15, 10:20] = 255
            Image.fromarray(pixels.astype(np.uint8)).save(root / label / f"{i}.png")
            if "bright" in label:
                Image.fromarray(mask).save(root / label / f"{i}_mask.png")
    return root


def assert_is_a_whole_figure(shown: str, tier: str = "phantom") -> None:
    assert re.search(r'<img alt="[^"]{20,}"', shown) and "<figcaption" in shown and f"Data: {tier}." in shown
    assert len(re.search(r'src="([^"]+)"', shown)[1]) > 4000


# ---- files


def test_samples_are_what_was_drawn_in_hounsfield_units_with_patients_and_masks():
    data = own_images(files.sample_folder(), files.SIZES[True], None)
    assert len(data) == files.COUNTS[True] and data.unit == "patient" and data.modality == "CT"
    assert len(data.group.unique()) == len(data) / 2 and data.classes == ("healthy", "smooth", "spiculated")
    assert float(data.image.min()) >= -1024 and "Hounsfield units." in data.notes
    assert torch.equal(data.mask.flatten(1).any(1), data.label > 0)
    assert torch.allclose(data.spacing, torch.full((len(data), 2), 320 / files.SIZES[True]))


def test_written_ct_comes_back_as_it_was(tmp_path):
    hu = np.array([[-1000.0, 0.0, 40.4], [399.6, 3071.0, -1024.0]])
    files.write_ct(tmp_path / "a.dcm", hu, patient=3, spacing=0.7)
    scan = read(tmp_path / "a.dcm")
    assert scan.unit == "HU" and np.array_equal(scan.pixels[0], hu.round()) and scan.spacing == pytest.approx((5, 0.7, 0.7))


def test_no_name_and_number_of_a_patient_leaves_the_files():
    values = files.personal_values(files.sample_folder())
    assert {"Phantom^Number 0003", "MADE-UP-0003", "19000101"} <= values and len(values) >= files.COUNTS[True]
    split = page.images()
    texts = [text for side in (split.train, split.val, split.test) for text in files.texts_of(side)]
    assert files.found_in(values, *texts) == 0
    assert files.found_in(values, *texts, "taken of Phantom^Number 0003 on a Monday") == 1
    assert files.found_in(values, page.answer_picture(0, "attention"), page.results(), page.facts(split)) == 0


def test_edge_a_short_value_is_not_looked_for_and_a_folder_without_dicom_has_none(pictures, tmp_path):
    files.write_ct(tmp_path / "a.dcm", np.zeros((4, 4)), patient=3, spacing=1.0)
    assert all(len(value) >= files.SHORTEST for value in files.personal_values(tmp_path))
    assert files.personal_values(pictures) == set()


def test_check_finds_what_was_spoilt_and_nothing_in_the_samples():
    assert check_images(files.sample_folder(), None).faults == ()
    found = check_images(files.spoilt_folder(), None)
    kinds = {fault.kind for fault in found.faults}
    assert {"mask without image", "image without mask", "unreadable image", "mask that does not fit", "unusable mask", "same bytes"} <= kinds
    assert sum(fault.stops for fault in found.faults) == 5
    with pytest.raises(MedkitInputError):
        own_images(files.spoilt_folder(), 32, None)


def test_the_check_s_pictures_of_samples_say_phantom_and_those_of_others_say_real(pictures):
    shown = page.stamped(check_images(files.sample_folder(), None)).data
    assert "Data: phantom." in shown and "Data: real." not in shown
    assert "Data: real." in page.stamped(check_images(pictures, None), pictures).data


def test_edge_a_path_that_is_not_there_is_one_sentence(tmp_path):
    assert files.folder_of(tmp_path) == tmp_path and files.folder_of(None) == files.sample_folder()
    with pytest.raises(MedkitInputError, match="nowhere is not there; write the folder's whole path"):
        files.folder_of(tmp_path / "nowhere")


# ---- through a volume


@pytest.mark.parametrize("number, level, width", [(0, 0.0, 30.0), (12, 350.0, 700.0), (23, 700.0, 1400.0), (12, None, None)])
def test_slices_picture_at_min_middle_max(number, level, width):
    shown = reading.slices_picture(number, level, width)
    assert_is_a_whole_figure(shown, "library sample")
    assert "24 slices of 96 × 128, spacing 2.2 × 2 × 2 mm" in shown


def test_slices_picture_counts_what_lies_beyond_the_window():
    image = reading.volume().pixels[10]
    beyond = float(((image < 200) | (image > 600)).double().mean())
    assert f"400 ± 200 grey level: {beyond:.0%} of this slice" in reading.slices_picture(10, 400.0, 400.0) and 0.1 < beyond < 0.9


@pytest.mark.parametrize("nonsense, message", [((-1, 1.0, 1.0), "number must lie in 0 ... 23"), ((24, 1.0, 1.0), "number must"),
                                               ((3, 1.0, 0.0), "width must be above 0"), ((3, 1.0, math.nan), "width must")])  # fmt: skip
def test_edge_slices_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        reading.slices_picture(*nonsense)


def test_from_the_front_a_slice_is_as_high_as_its_spacing_says_and_the_head_is_above():
    pixels = torch.arange(4.0)[:, None, None].expand(4, 6, 10)
    shown = reading.Volume(pixels, (3.0, 1.0, 1.5), "made up", "phantom", "grey level")
    plane, height = reading._front(shown)
    assert plane.shape == (8, 10) and height == 2.0 and plane[0, 0] == 3 and plane[-1, 0] == 0
    flat, height = reading._front(shown._replace(spacing=None))
    assert flat.shape == (4, 10) and height == 1.0


def test_the_reader_s_own_volume_is_shown_where_there_is_one(tmp_path, pictures):
    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.random.default_rng(0).normal(size=(6, 5, 4)), np.diag([1.0, 1.0, 4.0, 1.0])), tmp_path / "b.nii.gz")
    (tmp_path / "a.nii.gz").write_bytes(b"damaged")  # passed over; the check names it
    assert reading.volume(tmp_path).title == "b.nii.gz" and reading.volume(tmp_path).tier == "real"
    assert_is_a_whole_figure(reading.slices_picture(3, path=tmp_path), "real")
    assert reading.volume(pictures).tier == "library sample"
    assert "<figure" in reading.explore_slices(tmp_path).children[-1].value


# ---- mistakes in reading


@pytest.mark.parametrize("window", reading.WINDOWS)
@pytest.mark.parametrize("mistake", reading.MISREADINGS)
def test_mistakes_picture_of_every_mistake(mistake, window):
    assert_is_a_whole_figure(reading.mistakes_picture(mistake, window), "library sample")


def test_each_mistake_does_what_it_says():
    found = {name: reading.misread(name) for name in reading.MISREADINGS}
    units = found["slope and intercept forgotten"]
    assert torch.equal(units.wrong - 1024, units.right) and units.unit == "HU"
    sign = found["sign forgotten"]
    assert torch.equal(torch.where(sign.right < 0, sign.right + 65536, sign.right), sign.wrong) and (sign.right < 0).any()
    turned = found["turned scale forgotten"]
    assert torch.equal(turned.wrong, 4095 - turned.right)
    deep = found["16 bits cut off at 8"].right
    assert torch.equal(found["16 bits cut off at 8"].wrong, deep.clamp(max=255)) and deep.max() > 255
    assert torch.equal(found["16 bits wrapped into 8"].wrong, deep % 256)
    axes = found["axes as stored"]
    assert axes.right.shape == axes.wrong.T.shape and axes.right.sum() == axes.wrong.sum()


def test_a_viewer_that_scales_each_picture_hides_the_forgotten_slope():
    both = reading.misread("slope and intercept forgotten")
    own = [(one - one.min()) / (one.max() - one.min()) for one in (both.right, both.wrong)]
    assert torch.allclose(*own, atol=1e-6)


def test_edge_mistakes_picture_on_nonsense():
    with pytest.raises(ValueError, match="mistake must be one of slope"):
        reading.mistakes_picture("none", reading.WINDOWS[0])
    with pytest.raises(ValueError, match="window must be one of"):
        reading.mistakes_picture("sign forgotten", "wide")


# ---- the set, and what the hybrid makes of it


def test_the_split_parts_no_patient_and_says_what_it_is():
    split = page.images()
    sides = (split.train, split.val, split.test)
    assert {side.tier for side in sides} == {"phantom"} and all(side.window == (40.0, 400.0) for side in sides)
    assert sum(map(len, sides)) == files.COUNTS[True] and not set(split.train.group.tolist()) & set(split.test.group.tolist())
    table = page.facts(split)
    assert table.startswith("| side | images | patient | healthy | smooth | spiculated |")
    assert f"| test | {len(split.test)} | {len(split.test.group.unique())} |" in table


@pytest.mark.parametrize("number", [0, 5, 11])
def test_scaling_picture_of_every_way(number):
    assert list(page.scales())[0] == page.STORED and list(page.scales())[-1] == page.WINDOW
    for scale in page.scales():
        shown = page.scaling_picture(number, scale)
        assert_is_a_whole_figure(shown)
        low, high = map(float, re.search(r"values from (-?[\d.]+) to ([\d.]+)\.", shown).groups())
        assert (low, high) == (0.0, 1.0) or scale in (page.STORED, "z-score of each image")


@pytest.mark.parametrize("shown", ["attention", "mask probability"])
@pytest.mark.parametrize("number", [0, 5, 11])
def test_answer_picture_at_min_middle_max(number, shown):
    drawn = page.answer_picture(number, shown)
    assert_is_a_whole_figure(drawn)
    shares = [int(share) for share in re.findall(r"(\d+)%", drawn.split("Hybrid:")[1])]
    assert len(shares) == 3 and 98 <= sum(shares) <= 102 and "Not for clinical use" in drawn


def test_answer_picture_gives_the_area_in_square_millimetres():
    at = page.desk()
    number = int(page._some(at.test)[5])
    truth = float(at.test.mask[number].sum()) * (320 / lesson_size()) ** 2
    assert f"truth {truth:.0f} mm²" in page.answer_picture(5, "attention")


def lesson_size() -> int:
    return files.SIZES[lesson.fast()]


def test_results_stand_with_interval_baseline_chance_and_n():
    said = page.results()
    assert re.search(r"\| accuracy \| [\d.]+ \[[\d.]+, [\d.]+\] \| [\d.]+ \[[\d.]+, [\d.]+\] \| 33\.3 \|", said)
    assert "| Dice |" in said and "test units (patient); one seed" in said
    units = page.desk().task.facts["test_units"]
    assert f"n = {units} test units" in said and ("too narrow" in said) == (units < page.FEW)


@pytest.mark.parametrize("picture, good", [(page.scaling_picture, page.STORED), (page.answer_picture, "attention")])
def test_edge_pictures_on_nonsense(picture, good):
    for number in (-1, 12):
        with pytest.raises(ValueError, match=r"number must lie in 0 ... 11"):
            picture(number, good)
    with pytest.raises(ValueError, match="must be one of"):
        picture(0, "magic")


def test_pictures_of_the_reader_s_own(pictures):
    split = page.images(pictures)
    assert split.train.tier == "real" and split.train.window is None and page.WINDOW not in page.scales(pictures)
    assert "patients unknown" in page.facts(split)
    shown = page.answer_picture(0, "attention", pictures)
    assert_is_a_whole_figure(shown, "real")
    assert "<b>" not in shown and "mm²" not in shown  # names are escaped; PNGs do not say how large a pixel is
    assert "too narrow" in page.results(pictures)
    for explore in (page.explore_scaling, page.explore_answers):
        assert "<figure" in explore(pictures).children[-1].value


def test_edge_folders_that_can_t_be_learned_from_are_one_sentence(tmp_path):
    for i in range(6):
        files.write_ct(tmp_path / f"{i}.dcm", np.arange(64.0).reshape(8, 8), patient=i, spacing=1.0)
    with pytest.raises(MedkitInputError, match="names no classes and holds no masks; make CLASS/image.png"):
        page.images(tmp_path)


def test_classes_without_masks_are_learned_all_the_same(tmp_path):
    for i in range(12):
        folder = tmp_path / "ab"[i % 2]
        folder.mkdir(exist_ok=True)
        pixels = np.random.default_rng(i).uniform(0, 50, (8, 8))
        files.write_ct(folder / f"{i}.dcm", pixels + 100 * (i % 2), patient=i, spacing=1.0)
    assert page.images(tmp_path).train.mask is None and "| Dice |" not in page.results(tmp_path)
    assert_is_a_whole_figure(page.answer_picture(0, "attention", tmp_path), "real")
