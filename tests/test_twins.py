"""Twins inside one set: pairs of BUSI that share a group, and nothing among pictures that differ."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict

import numpy as np
import pytest
import torch
from PIL import Image

from medkit.check import check_images
from medkit.data import brain_mri, data_root, head_ct
from medkit.data.archive import unpack_masks
from medkit.data.likeness import alike_from
from medkit.data.phantom import phantom
from medkit.data.twins import ALIKE_IF_UNLIKE, bar, find_twins, joined_by, kept_together

pytestmark = pytest.mark.filterwarnings("error")
needs_data = pytest.mark.skipif(data_root() is None, reason="MEDKIT_DATA is not set")
SET = phantom(40)


def with_copy(pixels, at=30):
    image = SET.image.clone()
    image[at] = pixels
    return dataclasses.replace(SET, image=image)


@pytest.mark.parametrize("kind, change", [
    ("near twin", lambda x: 3 * x - 100),
    ("augmented copy, Horizontal Flip", lambda x: x.flip(-1)),
    ("augmented copy, Rotation 90°", lambda x: x.rot90(1, (-2, -1))),
])  # fmt: skip
def test_hand_a_copy_is_found_and_named(kind, change):
    (twin,) = find_twins(with_copy(change(SET.image[7])))
    assert (twin.i, twin.j) == (7, 30) and twin.likeness > 0.99
    assert twin.kind.split(",")[0] == kind.split(",")[0]


def test_hand_all_of_three_are_paired_and_one_group_is_passed_over():
    image = with_copy(SET.image[7]).image
    image[12] = SET.image[7] * 2
    three = dataclasses.replace(SET, image=image)
    assert [(t.i, t.j) for t in find_twins(three)] == [(7, 12), (7, 30), (12, 30)]
    group = three.group.clone()
    group[[7, 12, 30]] = 99
    assert find_twins(dataclasses.replace(three, group=group)) == []


def test_hand_copies_are_kept_together_through_others_too():
    assert kept_together(SET) is SET and joined_by(6, [(4, 5), (0, 3), (3, 4)]) == [0, 1, 2, 0, 0, 0]
    image = SET.image.clone()
    image[12], image[30] = SET.image[7] * 2, SET.image[7].flip(-1)
    one = kept_together(dataclasses.replace(SET, image=image, group=SET.group + 5))
    assert len({one.group[k].item() for k in (7, 12, 30)}) == 1 and len(one.group.unique()) == len(SET.group.unique()) - 2
    assert one.notes[-1].startswith("3 pairs of images are one picture") and torch.equal(one.image, image)


def test_law_phantoms_give_no_false_alarm_and_flat_images_match_nothing():
    assert find_twins(phantom(200)) == [] and find_twins(SET.subset(torch.tensor([0]))) == []
    assert find_twins(dataclasses.replace(SET, image=torch.zeros_like(SET.image))) == []


def test_law_the_bar_is_low_only_where_pictures_are_unlike():
    noise = torch.rand(40, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    unknown = dataclasses.replace(SET, modality="unknown")
    assert bar(unknown) == alike_from("unknown") and bar(dataclasses.replace(unknown, image=noise)) == ALIKE_IF_UNLIKE
    assert bar(SET) == 0.98 and bar(dataclasses.replace(SET, modality="ultrasound")) == 0.875


@needs_data
@pytest.mark.parametrize("load", [brain_mri, head_ct])
def test_twin_pictures_of_heads_keep_the_high_bar(load):
    images = load(data_root(), limit=300).train
    assert bar(dataclasses.replace(images, modality="unknown")) == alike_from("unknown")


def busi_as_folder(root):
    """Write the 780 images as CLASS/name.png with their masks; return what shares a group, as pairs of names."""
    with np.load(data_root() / "us_busi256.npz") as found:
        arrays = {key: found[key] for key in ("image", "mask", "label", "group", "name")}
    names, members = [], defaultdict(list)
    for image, mask, label, group, name in zip(arrays["image"], unpack_masks(arrays["mask"]), *(arrays[k] for k in ("label", "group", "name"))):
        folder = root / ("benign", "malignant", "normal")[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{name}.png", compress_level=1)
        Image.fromarray(mask).save(folder / f"{name}_mask.png", compress_level=1)
        names.append(f"{folder.name}/{name}.png")
        members[int(group)].append(names[-1])
    assert len(set(names)) == 780
    return {frozenset(pair) for some in members.values() for pair in itertools.combinations(some, 2)}


@needs_data
def test_twin_busi_pairs_of_one_group_are_found(tmp_path):
    """At least 95 % of the pairs that the set's own groups know, and of what is found at least 90 %."""
    wanted = busi_as_folder(tmp_path / "busi")
    report = check_images(tmp_path / "busi", progress=None)
    found = {frozenset(fault.pair): fault for fault in report.faults if fault.pair}
    hits, beyond = found.keys() & wanted, found.keys() - wanted
    print(f"\nBUSI: {len(hits)} of {len(wanted)} pairs of one group found, {len(beyond)} beyond them, the highest likeness first:")
    print(*sorted((f"  {found[pair]}"[:110] for pair in beyond), key=lambda line: line.split("likeness ")[-1][:5], reverse=True), sep="\n")
    assert len(wanted) == 197 and len(hits) >= 0.95 * len(wanted)
    assert len(beyond) <= 0.1 * len(found) and not report.stops
    assert frozenset(("benign/benign (11).png", "benign/benign (328).png")) in beyond  # twins that its groups do not know
    assert {fault.kind for fault in report.faults if not fault.pair} <= {"clipped", "empty mask"}
