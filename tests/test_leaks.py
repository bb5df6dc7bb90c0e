"""Leaks between the sides of a split: six set-ups refused by name, each with its clean twin accepted."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from medkit import augment
from medkit.data import brain_mri, breast_ultrasound, data_root, head_ct, leaks, phantom_split
from medkit.data.phantom import phantom
from medkit.data.resize import resize_image

pytestmark = pytest.mark.filterwarnings("error")
needs_data = pytest.mark.skipif(data_root() is None, reason="MEDKIT_DATA is not set")
TRAIN, TEST = phantom(24), phantom(12, split="test")


def with_first(image, name="a new name"):
    """Return TEST with its first image replaced; groups stay its own."""
    pixels = TEST.image.clone()
    pixels[0] = image
    return dataclasses.replace(TEST, image=pixels, name=(name, *TEST.name[1:]))


def turned(image, **move):
    return augment.move(image[None], None, augment.fixed(1, **move))[0][0]


def renamed(data, *names):
    return dataclasses.replace(data, name=(*names, *data.name[len(names) :]))


def loose(data, first=0, unit="image"):
    return dataclasses.replace(data, group=torch.arange(len(data)) + first, unit=unit)


CLEAN = {"train": TRAIN, "test": TEST}
LEAKY = {
    "same group": (TRAIN, dataclasses.replace(TEST, group=torch.cat([TRAIN.group[5:6], TEST.group[1:]])), 4),
    "byte twin": (TRAIN, with_first(TRAIN.image[7]), 7),
    "near twin": (TRAIN, with_first(resize_image(resize_image(TRAIN.image[7], 40), 64)), 7),
    "augmented copy": (TRAIN, with_first(turned(TRAIN.image[7], flip_horizontal=True)), 7),
    "follow-up": (renamed(TRAIN, "patient_012_a"), with_first(TEST.image[0], "patient_012_b"), 0),
    "groups missing": (loose(TRAIN), loose(TEST, 100), 0),
}


@pytest.mark.parametrize("kind", LEAKY)
def test_hand_a_leaky_set_up_is_refused_and_the_pair_named(kind):
    train, test, place = LEAKY[kind]
    with pytest.raises(leaks.LeakError, match=kind) as caught:
        leaks.refuse_leaks({"train": train, "test": test})
    leak = caught.value.leaks[0]
    assert len(caught.value.leaks) == 1 and leak.kind.startswith(kind)
    assert leak.sides == ("train", "test") and leak.positions[0] == place
    assert all(name in str(caught.value) for name in leak.names)
    assert leaks.refuse_leaks({"train": train, "test": test}, allow=True) == caught.value.leaks


CLEAN_TWINS = {
    "same group": CLEAN,
    "byte twin": {"train": TRAIN, "test": with_first(TEST.image[0])},
    "near twin": {"train": TRAIN, "test": with_first(resize_image(resize_image(TEST.image[0], 40), 64))},
    "augmented copy": {"train": TRAIN, "test": with_first(turned(TEST.image[0], flip_horizontal=True))},
    "follow-up": {"train": renamed(TRAIN, "patient_012_a"), "test": renamed(TEST, "patient_013_b")},
    "groups missing": {
        "train": loose(TRAIN, unit="image, patients unknown"),
        "test": loose(TEST, 100, unit="image, patients unknown"),
    },
}


@pytest.mark.parametrize("kind", CLEAN_TWINS)
def test_hand_the_clean_twin_is_accepted(kind):
    assert leaks.refuse_leaks(CLEAN_TWINS[kind]) == []


@pytest.mark.parametrize(
    "move", [{"angle": 17.0}, {"angle": -30.0}, {"flip_vertical": True}, {"quarter_turns": 1}, {"zoom": 0.95}]
)
def test_law_each_kind_of_move_is_found(move):
    found = leaks.find_leaks({"train": TRAIN, "test": with_first(turned(TRAIN.image[7], **move))})
    assert [leak.kind.split(",")[0] for leak in found] == ["augmented copy"]


def test_law_contrast_does_not_hide_a_twin():
    found = leaks.find_leaks({"train": TRAIN, "test": with_first(3 * TRAIN.image[7] - 100)})
    assert [leak.kind for leak in found] == ["near twin"] and found[0].likeness > 0.999


def test_hand_copies_made_before_the_split_are_found():
    image, _, _, _, made = augment.expand(TRAIN.image, None, TRAIN.label, TRAIN.group, seed=0)
    every = dataclasses.replace(TRAIN.subset(made.original), image=image, name=made.name)
    every = loose(every, unit="image, patients unknown")
    copy = torch.arange(len(every)) % 5 != 0
    found = leaks.find_leaks({"train": every.subset(~copy), "test": every.subset(copy)})
    assert len(found) >= 0.6 * int(copy.sum())
    assert all(leak.names[1].startswith(leak.names[0] + "_aug_") for leak in found)


def test_law_phantoms_give_no_false_alarm():
    assert leaks.find_leaks(phantom_split(300, 60, 120)) == []


def test_edge_flat_images_tell_nothing_and_nan_is_refused():
    flat = {"train": with_first(0.0), "test": dataclasses.replace(TRAIN, image=torch.zeros_like(TRAIN.image))}
    assert leaks.find_leaks(flat) == []
    with pytest.raises(ValueError, match="images of test must be finite"):
        leaks.find_leaks({"train": TRAIN, "test": with_first(float("nan"))})


def test_edge_five_pairs_are_named_and_the_rest_counted():
    with pytest.raises(leaks.LeakError, match="got 24 leaks.*and 19 more; give one patient one group"):
        leaks.refuse_leaks({"train": TRAIN, "test": TRAIN})


@pytest.mark.parametrize(
    "name",
    ["benign (12)", "brisc2025_train_00001_gl_ax_t1.jpg", "012_b", "CT test 000012 nodules 3", "obtuse 7"],
)
def test_edge_names_that_say_nothing_of_a_patient(name):
    assert leaks.patient_in(name) is None


def test_edge_case_1_of_two_classes_is_two_patients():
    assert leaks.patient_in("benign/case 1.png") != leaks.patient_in("malignant/case 1.png")
    assert leaks.patient_in("train/sub-07_ses-1.png") == leaks.patient_in("test/sub-7_ses-2.png") == "sub-7"


@needs_data
def test_twin_head_ct_shares_nothing():
    assert leaks.find_leaks(head_ct(data_root(), limit=300)) == []


@needs_data
def test_twin_brain_mri_holds_mirrored_copies_which_can_be_taken_out():
    split = brain_mri(data_root())
    mended, taken = leaks.without_twins(split)
    mirrored = [leak for leak in taken if leak.sides == ("train", "test") and "Horizontal Flip" in leak.kind]
    assert len(mirrored) > 50 and len(mended.test) == len(split.test)
    assert leaks.find_leaks(mended) == []


@needs_data
def test_twin_breast_ultrasound_has_twins_beyond_its_groups():
    pairs = {frozenset(leak.names) for leak in leaks.find_leaks(breast_ultrasound(data_root(), seed=0))}
    assert {frozenset(("benign (11)", "benign (328)")), frozenset(("benign (252)", "benign (230)"))} <= pairs
