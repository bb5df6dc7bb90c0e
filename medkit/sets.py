"""The sets of images that an experiment can name, each split, and each searched for leaks before it is used."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

from medkit._check import MedkitInputError
from medkit.data import ct_masks, leaks, own, phantom, public, where, worlds
from medkit.data.container import Split
from medkit.presets import Preset

SPLIT_SEED = 2  # of phantoms and splits; the phantom was made while looking at test images of 0 and 1
REAL = {
    "mri": public.brain_mri,
    "ct": public.head_ct,  # labels alone; a Dice on CT comes from the next two
    "lung": ct_masks.lung_ct,
    "bleed": ct_masks.bleed_ct,
    "us": public.breast_ultrasound,
}
PHANTOMS = {
    "phantom": phantom.phantom_split,
    "texture": worlds.texture_world,  # one cue decides: what is near
    "mirror": worlds.mirror_world,  # or what is far
}


class Loaded(NamedTuple):
    """A split, and what its record must say beside what can be seen in it.

    facts: "key", the set's short name; "leaks", what its sides share; "leaks_allowed".
    """

    split: Split
    facts: dict


def called(name: str) -> str:
    """Return what messages and folders call a set: its name, or of a path the last part; those above may name a patient.

    >>> called("mri"), called("scans/mine.npz"), called("scans/breast/")
    ('mri', 'mine.npz', 'breast')
    """
    return name if name in REAL or name in PHANTOMS else Path(name).resolve().name


def load(name: str, preset: Preset, *, fold: int = 0, allow_leak: bool = False, seed: int = SPLIT_SEED) -> Loaded:
    """Return the images of that name, split by patient or duplicate group where known, without leaks.

    Args:
        name: one of `PHANTOMS` or `REAL`, or a folder of CLASS/image.png.
        preset: how many images, and how large.
        fold: of head CT, which fifth of the patients is the test.
        allow_leak: leave in what the sides share; the record says so for good.
        seed: of phantoms and splits.

    Published sets hold twins of their own images (`medkit.data.leaks`): training loses them, and the
    notes say how many. In a folder of the reader's that is split at random they stay on one side; in one
    that is split already they are an error that names the pairs.

    Raises:
        MedkitInputError: no such data, no MEDKIT_DATA to find them in, or too few images.
        LeakError: the sides share what they must not.
    """
    if name in REAL:
        split, key = _real(name, preset, fold, seed), name
        split = split if allow_leak else without_leaks(split)
    elif name in PHANTOMS:
        split, key = PHANTOMS[name](*preset.phantoms, size=preset.size, seed=seed), name
    else:
        split, key = _folder(name, preset, seed), called(name)
    found = leaks.refuse_leaks(split, allow_leak)
    return Loaded(split, {"key": key, "leaks": [str(leak) for leak in found], "leaks_allowed": allow_leak})


def without_leaks(split: Split) -> Split:
    """Take out of training and validation what has a twin among later sides, and say so in the notes.

    BRISC holds mirrored copies of its own images, BUSI slightly shifted ones (`medkit.data.leaks`).
    """
    clean, found = leaks.without_twins(split)
    if not found:
        return clean
    note = f"{len(found)} twins of images on a later side (copies, mirrored, turned) were taken out of an earlier one."
    return dataclasses.replace(clean, test=dataclasses.replace(clean.test, notes=(*clean.test.notes, note)))


def _real(name: str, preset: Preset, fold: int, seed: int) -> Split:
    root = where.data_root()
    if root is None:
        fix = "set it to the folder that holds the set"
        raise MedkitInputError(name, "needs the environment variable MEDKIT_DATA", fix)
    more = {"fold": fold} if name == "ct" else {}
    return REAL[name](root, size=preset.size, limit=preset.limit, seed=seed, **more)


def _folder(name: str, preset: Preset, seed: int) -> Split:
    if not Path(name).exists():
        fix = f"give {', '.join((*PHANTOMS, *REAL))}, an existing folder or an .npz file"
        raise MedkitInputError(name, "is neither a data set nor a folder", fix)
    return own.own_split(name, preset.size, seed)
