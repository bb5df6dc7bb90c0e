"""Folders of the Decathlon and of nnU-Net as they are found: channels that are not listed, links, lists of other tools."""

from __future__ import annotations

import json
import os

import pytest
import torch
from PIL import Image
from test_check import disc, pixels, told
from test_layouts import picture
from test_own import nifti, task, volume  # noqa: F401, a fixture among them
from test_places import fill, stopped

from medkit._check import MedkitInputError
from medkit.check import check_images
from medkit.data.decathlon import is_task
from medkit.data.own import list_own, own_images

pytestmark = pytest.mark.filterwarnings("error")


def linked(path, to):
    try:
        path.symlink_to(to, target_is_directory=to.is_dir())
    except OSError:
        pytest.skip("this system lets no one make links")


def test_hand_a_list_without_the_channel_s_number(task):  # noqa: F811
    before = own_images(task, size=8, progress=None)
    for path in list((task / "imagesTr").iterdir()):
        path.rename(path.with_name(path.name.replace(".nii", "_0000.nii")))
    after = own_images(task, size=8, progress=None)
    assert torch.equal(after.image, before.image) and torch.equal(after.mask, before.mask) and after.name[0] == "v0_0000.nii.gz slice 0"
    assert not check_images(task, progress=None).stops
    (task / "imagesTr" / "v1_0000.nii.gz").unlink()
    assert ("listed and missing", "imagesTr/v1.nii.gz") in told(check_images(task, progress=None))


def test_hand_folders_that_are_links_to_elsewhere(task, tmp_path_factory):  # noqa: F811
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (task / "imagesTr").rename(elsewhere / "images")
    linked(task / "imagesTr", elsewhere / "images")
    assert len(own_images(task, size=8, progress=None)) == 24 and not check_images(task, progress=None).stops


@pytest.mark.parametrize("named", ["../a.nii.gz", "imagesTr/../../a.nii.gz", os.path.abspath("a.nii.gz"), "imagesTr"])
def test_edge_a_list_of_files_outside_is_refused(task, named):  # noqa: F811
    nifti(task.parent / "a.nii.gz", volume())
    listed = json.loads((task / "dataset.json").read_text())
    listed["training"][0]["image"] = named
    (task / "dataset.json").write_text(json.dumps(listed))
    with pytest.raises(MedkitInputError, match="lists a file outside its folder|is not there"):
        own_images(task, size=8, progress=None)


def test_hand_a_list_of_another_tool_beside_class_folders(tmp_path):
    fill(tmp_path, "{kind}", ("",))
    (tmp_path / "dataset.json").write_text('{"labels": [["00000/img.png", 1]]}')
    assert not is_task(tmp_path) and own_images(tmp_path, size=16, progress=None).classes == ("ill", "well")
    assert not check_images(tmp_path, progress=None).stops
    (tmp_path / "dataset.json").write_text('{"labels"')
    stopped(tmp_path, "dataset.json", "dataset.json", "can't be read")


def test_edge_a_mask_of_an_image_that_is_turned_as_its_tag_says(tmp_path):
    for k in range(4):
        picture(tmp_path / "well" / f"{k}.png", k)
    turned = Image.fromarray(pixels(9)[:48].copy())
    tag = turned.getexif()
    tag[0x0112] = 6
    turned.save(tmp_path / "well" / "t.jpg", exif=tag)
    (tmp_path / "ill").mkdir()
    (tmp_path / "well" / "t.jpg").rename(tmp_path / "ill" / "t.jpg")
    Image.fromarray(disc()[:48].copy()).save(tmp_path / "ill" / "t_mask.png")
    stopped(tmp_path, "mask that does not fit", "ill/t_mask.png", "turned as its EXIF or TIFF tag says", "save the image again without the tag")
    assert list_own(tmp_path).items[0].masks
