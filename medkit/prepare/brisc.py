"""BRISC 2025 as published: classification_task/{train,test}/CLASS/NAME.jpg, segmentation_task/{train,test}/masks/NAME.png.

NAME is brisc2025_SIDE_NUMBER_TUMOUR_PLANE_t1. Images without tumour have no mask.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.public import TUMOURS
from medkit.data.words import is_image_name, stem_of
from medkit.prepare import chosen, twins
from medkit.prepare.pictures import mask, picture, root_with
from medkit.prepare.result import Prepared

FILE, SIZE, TITLE = "mri_brisc128.npz", 128, "BRISC 2025"
TASK, MASKS = "classification_task", "segmentation_task"
NAME = re.compile(r"brisc2025_(train|test)_(\d{5})_(%s)_(ax|co|sa)_t1" % "|".join(TUMOURS))
SIDES = ("train", "test")


def prepare(folder: Path, anew: bool, progress: Callable) -> Prepared:
    """Return mri_brisc128.npz of the published folder; layout as in `medkit.data.public.brain_mri`.

    With `anew`, all test images stay but for twins among them, and of training what has no near-twin in the
    test images or earlier in training; else those 2,720 images that the tables were made from.

    Raises:
        MedkitInputError: another layout, a tumour without its mask; without `anew`: a chosen image is missing.
    """
    root = root_with(folder, (TASK, MASKS), TITLE)
    found = {side: _listed(root / TASK / side, side) for side in SIDES}
    if not anew:
        found = {side: _as_in_the_tables(folder, found[side], side) for side in SIDES}
    images, masks = {}, {}
    everything = [path for side in SIDES for path in found[side]]
    for path in progress(everything, desc=TITLE):
        image, shape = picture(path, SIZE)
        images[path], masks[path] = image, mask(_masks(root, path), shape, SIZE)
    kept = _without_twins(found, images) if anew else everything
    names = [stem_of(path) for path in kept]
    code = [NAME.fullmatch(name)[3] for name in names]
    arrays = {
        "image": np.stack([images[path] for path in kept]), "mask": np.stack([masks[path] for path in kept]),
        "label": np.array([list(TUMOURS).index(one) for one in code], dtype=np.uint8),
        "test": np.array([NAME.fullmatch(name)[1] == "test" for name in names]),
        "name": np.array([path.name for path in kept]),
    }  # fmt: skip
    counts = ", ".join(f"{side} {int((arrays['test'] == (side == 'test')).sum())}" for side in SIDES)
    return Prepared(FILE, arrays, {}, (f"{counts}; {len(everything) - len(kept)} near-twins left out of {len(everything)} images",))


def _listed(folder: Path, side: str) -> list[Path]:
    """Return the images of one side in the order of their kind and number.

    Raises:
        MedkitInputError: no such folder, no images, or a name that says something else.
    """
    if not folder.is_dir():
        raise MedkitInputError(folder, "is missing", "get the set again")
    found = sorted(path for path in folder.rglob("*") if path.is_file() and is_image_name(path))
    for path in found:
        match = NAME.fullmatch(stem_of(path))
        if not match or match[1] != side:
            raise MedkitInputError(path, f"is not named as BRISC's {side} images are", "remove it, or get the set again")
    if not found:
        raise MedkitInputError(folder, "holds no images", "get the set again")
    order = list(TUMOURS)
    return sorted(found, key=lambda path: (order.index(NAME.fullmatch(stem_of(path))[3]), path.name))


def _as_in_the_tables(folder: Path, found: list[Path], side: str) -> list[Path]:
    wanted = chosen.brisc(side)
    there = [path for path in found if int(NAME.fullmatch(stem_of(path))[2]) in wanted]
    if len(there) != len(wanted):
        lacks = f"holds {len(there)} of the {len(wanted)} {side} images that the tables were made from"
        raise MedkitInputError(folder, lacks, "get the whole set, or add --anew")
    return there


def _masks(root: Path, image: Path) -> list[Path]:
    """Return the mask file of an image, none where it shows no tumour."""
    name = stem_of(image)
    _, side, _, code, *_ = name.split("_")
    path = root / MASKS / side / "masks" / f"{name}.png"
    if path.is_file():
        return [path]
    if code != "no":
        raise MedkitInputError(image, f"has no mask in {MASKS}/{side}/masks", "get the set again")
    return []


def _without_twins(found: dict[str, list[Path]], images: dict[Path, np.ndarray]) -> list[Path]:
    order = [*found["test"], *found["train"]]  # what stands first stays
    stays = twins.kept(len(order), twins.pairs(np.stack([images[path] for path in order]), "MRI"))
    keep = {path for path, one in zip(order, stays) if one}
    return [path for side in SIDES for path in found[side] if path in keep]
