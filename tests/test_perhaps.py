"""Masks by other names: those that are read, and files that are perhaps masks, which stop."""

from __future__ import annotations

import numpy as np
import pytest
from test_layouts import mask, picture, read
from test_check import disc, pixels, save, told
from test_places import fill, stopped

from medkit.check import check_images
from medkit.data.own import own_split
from medkit.data.perhaps import values_in

pytestmark = pytest.mark.filterwarnings("error")

ENDINGS = ["-mask", " mask", "_mask1", "_Mask_2", "_roi", "_msk", "_lesion", "_tumor", "_tumour", "_annotation", "_manual", "_manual1", "_groundtruth", "_gt", "-seg"]


@pytest.mark.parametrize("end", ENDINGS)
def test_hand_masks_by_other_names_beside_their_image(tmp_path, end):
    for k in range(6):
        picture(tmp_path / ("ill" if k % 2 else "well") / f"i{k}.png", k)
        mask(tmp_path / ("ill" if k % 2 else "well") / f"i{k}{end}.png")
    assert sorted(read(tmp_path)[1]) == [*(f"ill {k} masked" for k in range(3)), *(f"well {k} masked" for k in range(3, 6))]


@pytest.mark.parametrize("name", ["face mask", "front_tumor", "left_lesion", "the_manual1", "my_roi", "a-mask"])
def test_hand_a_doubtful_word_makes_no_mask_without_its_image(tmp_path, name):
    fill(tmp_path, "{kind}", ("",))
    picture(tmp_path / "ill" / f"{name}.png", 900)
    data, _ = read(tmp_path)
    assert data.mask is None and f"ill/{name}.png" in data.name


@pytest.mark.parametrize("name, add", [("3_truth", "3_mask.png"), ("3x", "3_mask.png"), ("3 outline", "3_mask.png")])
def test_edge_two_values_and_an_image_s_name_stop(tmp_path, name, add):
    fill(tmp_path, "{kind}", ("",))
    mask(tmp_path / "ill" / f"{name}.png")
    stopped(tmp_path, "perhaps a mask", f"ill/{name}.png", "perhaps its mask", f"call it {add}")
    assert told(check_images(tmp_path, progress=None)) == [("perhaps a mask", f"ill/{name}.png")]
    (tmp_path / "ill" / f"{name}.png").rename(tmp_path / "ill" / "other.png")
    assert not check_images(tmp_path, progress=None).stops and len(own_split(tmp_path, size=16, progress=None).train)


def test_hand_numbers_and_other_sizes_make_no_mask(tmp_path):
    fill(tmp_path, "{kind}", ("",))
    mask(tmp_path / "ill" / "33.png")  # 3 is another number
    save(tmp_path / "ill" / "4_small.png", disc(48))
    picture(tmp_path / "ill" / "5_again.png", 901)
    assert not check_images(tmp_path, progress=None).stops and len(read(tmp_path)[0]) == 15


@pytest.mark.parametrize("kinds, fix", [(("pictures", "truth"), "rename the folders pictures and truth to images and masks"), (("a", "pictures", "truth"), "put each beside its image")])
def test_edge_a_class_of_two_values_with_the_names_of_another_stops(tmp_path, kinds, fix):
    for k in range(5):
        for number, kind in enumerate(kinds[:-1]):
            picture(tmp_path / kind / f"{kind[0]}{k}.png", 10 * number + k)
        mask(tmp_path / kinds[-1] / f"p{k}.png")
    stopped(tmp_path, "perhaps a mask", "truth", "called as those of pictures are", fix)
    if len(kinds) == 2:
        (tmp_path / "pictures").rename(tmp_path / "images")
        (tmp_path / "truth").rename(tmp_path / "masks")
        assert sorted(read(tmp_path)[1]) == [f"marked {k} masked" for k in range(5)]


def test_hand_a_class_of_two_values_with_names_of_its_own_is_one(tmp_path):
    for k in range(5):
        picture(tmp_path / "photos" / f"p{k}.png", k)
        (tmp_path / "drawn").mkdir(exist_ok=True)
        save(tmp_path / "drawn" / f"d{k}.png", (pixels(50 + k) > 110).astype(np.uint8) * 255)
    assert not check_images(tmp_path, progress=None).stops


def test_law_values_are_counted_up_to_two():
    assert [values_in(np.array(one)) for one in ([7, 7], [0, 7, 7], [0, 1, 2], [0.0, 0.5, 0.5])] == [1, 2, 3, 2]
