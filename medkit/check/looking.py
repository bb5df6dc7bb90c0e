"""One pass over the files: each is read once, and of each a thumbnail and a few numbers are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from medkit._check import MedkitInputError
from medkit.data.listing import Item, Listing
from medkit.data.mask import check_fits, mask_of
from medkit.data.medmnist import SIDES, medmnist, sum_of
from medkit.data.perhaps import values_in
from medkit.data.read import Scan, grey, kind_of, read, read_npz
from medkit.data.read.dicom import BURNED_IN, MAYBE
from medkit.data.read.picture import DEEP, KINDS
from medkit.data.read.scan import door
from medkit.data.resize import resize_image, resize_mask
from medkit.data.stack import MANY, groups_of

SIDE = 64  # pixels of a thumbnail, along each side


class Look(NamedTuple):
    """What is kept of one image file, about 5 kB.

    size: slices, height, width. low, high: extremes in the file's unit. at_top: share of pixels that have the
    highest value. values: 1 constant, 2 two-valued, 3 more. thumb: (SIDE, SIDE) uint8 of the middle slice, black
    its lowest value, white its highest; mask: (SIDE, SIDE) bool of the same, None where no mask was read.
    inside: share of pixels inside, NaN without a mask; marked: slices with one. deep: a picture of 16 bits or more.
    writing: what the file says or leaves open of writing in its pixels, as a sentence, or "".
    digest: of the file's bytes.
    """

    item: Item
    size: tuple[int, int, int]
    colour: bool
    low: float
    high: float
    at_top: float
    values: int
    unit: str
    modality: str
    patient: str | None
    study: str | None
    writing: str
    deep: bool
    digest: bytes
    thumb: Tensor
    mask: Tensor | None
    inside: float
    marked: int


def patients_of(looks: Sequence[Look]) -> tuple[list[int], bool]:
    """Return the group of each file and whether all patients are known, as `medkit.data.stack` has them."""
    return groups_of([look.item for look in looks], looks, [look.size[0] for look in looks])


def look_at(found: Listing, progress: Callable | None) -> list[Look]:
    """Read the files of a folder one after the other; what can't be read is written down as a fault.

    Args:
        progress: such as tqdm, shown from 30 files on; None for none.
    """
    shown = found.items if progress is None or len(found.items) < MANY else progress(found.items, desc="looking at files")
    looks = []
    for item in shown:
        try:
            scan = read(item.image)
        except MedkitInputError as error:
            found.caught("unreadable image", error)
            scan = None
        mask = _mask(found, item, scan)
        if scan is not None:
            looks.append(_look(item, scan, mask))
    return looks


def _mask(found: Listing, item: Item, scan: Scan | None) -> np.ndarray | None:
    """Return all masks of an image together, (S, H, W) bool; None where there is none that can be used."""
    whole = None
    for path in item.masks:
        try:
            mask_scan = read(path)
            mask = mask_of(path, mask_scan, found.labels)
        except MedkitInputError as error:
            found.caught("unusable mask", error)
            continue
        try:
            if scan is None:
                continue
            check_fits(path, mask, scan, mask_scan)
        except MedkitInputError as error:
            found.caught("mask that does not fit", error)
            continue
        mask = mask.reshape(scan.pixels.shape[:3])
        whole = mask if whole is None else whole | mask
    return whole


def _look(item: Item, scan: Scan, mask: np.ndarray | None) -> Look:
    pixels = grey(scan.pixels)
    middle = len(pixels) // 2
    return Look(
        item, tuple(pixels.shape), scan.pixels.ndim == 4, *_numbers(pixels), scan.unit, scan.modality, scan.patient, scan.study,
        next((note for note in scan.notes if note in (BURNED_IN, MAYBE)), ""), _is_deep(item.image), _digest(item.image), _thumb(pixels[middle]),
        None if mask is None else resize_mask(torch.from_numpy(mask[middle]), SIDE),
        float("nan") if mask is None else float(mask.mean()),
        0 if mask is None else int(mask.reshape(len(mask), -1).any(1).sum()),
    )  # fmt: skip


def _numbers(pixels: np.ndarray) -> tuple[float, float, float, int]:
    """Return low, high, at_top and values of a `Look`."""
    low, high = float(pixels.min()), float(pixels.max())
    return low, high, int((pixels == pixels.max()).sum()) / pixels.size, values_in(pixels)


def _thumb(pixels: np.ndarray) -> Tensor:
    small = resize_image(torch.from_numpy(np.ascontiguousarray(pixels)), SIDE)
    low, high = small.aminmax()
    return ((small - low) / (high - low).clamp(min=1e-12) * 255).round().byte()


def _is_deep(path: Path) -> bool:
    """Tell whether a picture has 16 bits or more; its header alone is read, and it has been read before."""
    if kind_of(path) != "picture":
        return False
    with door(path, "an image", "open it in a viewer and save it again as PNG"), Image.open(path, formats=list(KINDS)) as picture:
        return picture.mode in DEEP


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def look_at_npz(path: Path) -> tuple[Listing, list[Look]]:
    """Return the images of a file in MedMNIST's layout; each knows its side of the split.

    Raises:
        MedkitInputError: as `medmnist`.
    """
    split, arrays = medmnist(path, SIDE), read_npz(path)
    found = Listing(path.resolve().parent, "a file in MedMNIST's layout", split.train.classes, split.train.title)
    said, another = sum_of(path)
    if another:
        found.fault("another sum", path, f"has the name of a published file and another sum ({said})", "fetch it again, or give your own file another name", False)
    looks = []
    for side in SIDES:
        for k, pixels in enumerate(arrays[f"{side}_images"]):
            values = grey(pixels[None].astype(np.float32))
            label = int(getattr(split, side).label[k])
            item = Item(label, path, (), f"{side} {k}", side=side)
            digest = hashlib.sha256(pixels.tobytes()).digest()
            looks.append(Look(
                item, tuple(values.shape), pixels.ndim == 3, *_numbers(values), "grey level", "unknown", None, None,
                "", False, digest, _thumb(values[0]), None, float("nan"), 0,
            ))  # fmt: skip
    found.items = [look.item for look in looks]
    return found, looks
