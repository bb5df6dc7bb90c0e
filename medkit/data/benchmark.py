"""The published benchmark of breast ultrasound segmentation, with its own three splits, leaks and all.

It exists to stand beside published numbers, and is no model of how to split: the images that choose
the epoch are those that are scored, and some of them are twins of training images. `Split` would
refuse that, so it is no `Split`. `medkit.data.public.breast_ultrasound` is the honest one.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from medkit._check import MedkitInputError
from medkit.data.archive import FETCH, read_arrays, read_json, unpack_masks
from medkit.data.container import ImageSet
from medkit.data.leaks import Leak, find_leaks
from medkit.data.resize import resize_image, resize_mask

LESIONS = ("benign", "malignant")
SPLITS = (1, 2, 3)


class Benchmark(NamedTuple):
    """Two sides that share what they must not; `leaks` says what.

    train, val: val both chooses the epoch and is scored. leaks: one for each image of val that is in
    the training set too, as itself, as a twin, or through its group.
    """

    train: ImageSet
    val: ImageSet
    leaks: tuple[Leak, ...]


def busi_benchmark(root: str | Path, size: int = 256, which: int = 1) -> Benchmark:
    """Load one of the three published splits of BUSI's 647 lesion images, 452 to train and 195 to score.

    Layout of us_busi256.npz: as for `medkit.data.public.breast_ultrasound`. splits.json beside it:
    "busi_benchmark", an object with the lists of names "train1", "val1" ... "val3".

    Args:
        root: the folder with both files. size: pixels along each side; 256 in the benchmark.
        which: the split, 1, 2 or 3.

    Returns:
        Two classes, benign and malignant; the benchmark itself looks at masks alone. Grey values 0 ... 255.
        The notes of both sides say how many validation images leak.

    Raises:
        MedkitInputError: a file is missing, damaged or of another layout.
        ValueError: which is not 1, 2 or 3.

    Reference: F. Tang et al., Medical-Image-Segmentation-Benchmarks, github.com/FengheTan9.
    """
    if which not in SPLITS:
        raise ValueError(f"which must be one of {SPLITS}, got {which}; the benchmark has three splits")
    path = Path(root) / "us_busi256.npz"
    arrays = read_arrays(path, {
        "image": ("uint8", ("N", 256, 256)), "mask": ("uint8", ("N", 256, 32)), "label": ("uint8", ("N",)),
        "group": ("int16", ("N",)), "conflict": ("bool", ("N",)), "name": ("str", ("N",)),
    })  # fmt: skip
    place = {name: i for i, name in enumerate(arrays["name"].tolist())}
    lesion = {name for name, i in place.items() if arrays["label"][i] < len(LESIONS)}
    at = _places(Path(root) / "splits.json", which, place, lesion)
    train, val = (_side(arrays, index, size) for index in at)
    leaks = tuple(find_leaks({"train": train, "val": val}))
    notes = (
        f"Split {which} of the published benchmark: validation images choose the epoch and are scored.",
        f"{len(leaks)} of {len(val)} validation images leak: a twin or one of their group is a training image.",
    )
    return Benchmark(*(dataclasses.replace(side, notes=notes) for side in (train, val)), leaks)


def _places(path: Path, which: int, place: dict[str, int], lesion: set[str]) -> list[list[int]]:
    """Return where the images of both sides stand; together they are all lesion images, each once."""
    table = read_json(path).get("busi_benchmark")
    sides = [table.get(f"{side}{which}") for side in ("train", "val")] if isinstance(table, dict) else [None]
    if not all(isinstance(side, list) and side for side in sides):
        raise MedkitInputError(path, f"lacks train{which} or val{which} in busi_benchmark", FETCH)
    names = [name for side in sides for name in side]
    if len(set(names)) < len(names) or set(names) != lesion:
        raise MedkitInputError(path, f"does not place each of {len(lesion)} lesion images once in split {which}", FETCH)
    return [[place[name] for name in side] for side in sides]


def _side(arrays: dict[str, np.ndarray], index: list[int], size: int) -> ImageSet:
    part = {key: array[index] for key, array in arrays.items()}
    mask = torch.as_tensor(unpack_masks(part["mask"]))
    return ImageSet(
        title="breast ultrasound (BUSI benchmark)", tier="real", modality="ultrasound",
        image=resize_image(torch.as_tensor(part["image"]), size)[:, None], mask=resize_mask(mask, size)[:, None],
        label=torch.as_tensor(part["label"]).long(), classes=LESIONS,
        group=torch.as_tensor(part["group"]).long(), unit="duplicate group", name=tuple(part["name"].tolist()),
        source="BUSI, CC BY 4.0", scored=~torch.as_tensor(part["conflict"]),
    )  # fmt: skip
