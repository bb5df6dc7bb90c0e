"""From files to the one container: each slice of each file an image, a patient's slices in one group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from medkit._check import MedkitInputError
from medkit.data.container import ImageSet
from medkit.data.leaks import patient_in
from medkit.data.listing import Item, Listing
from medkit.data.mask import check_fits, mask_of
from medkit.data.read import HU, Scan, grey, read
from medkit.data.resize import resize_image, resize_mask

UNKNOWN = "image, patients unknown"
MANY = 30  # files from which a progress bar shows


class _Slices(NamedTuple):
    image: Tensor  # (S, size, size)
    mask: Tensor  # (S, size, size) bool
    spacing: tuple[float, float]  # millimetres between rows and columns, as resized; NaN where unknown
    square: bool
    scan: Scan  # without its pixels


def stack(found: Listing, size: int, progress: Callable | None = tqdm) -> tuple[ImageSet, Tensor]:
    """Read all files of a listing, one after the other, resize each slice, and return them as one set.

    Args:
        found: items, classes, and what the set is called; an item without a mask has nothing to find where others have one.
        size: pixels along each side. progress: such as tqdm; None for none.

    Returns:
        The set, and for each of its N images the number of its item: (N,) int64.

    Raises:
        MedkitInputError: names the file and the fix; no set is made from a part of them.
    """
    items = found.items
    shown = items if progress is None or len(items) < MANY else progress(items, desc="reading files")
    read_in = [_slices(item, size, found.labels) for item in shown]
    counts = [len(one.image) for one in read_in]
    names = [f"{item.name} slice {k}" if n > 1 else item.name for item, n in zip(items, counts) for k in range(n)]
    owner = torch.arange(len(items)).repeat_interleave(torch.tensor(counts, dtype=torch.int64))
    group, unit = _groups(items, read_in, owner)
    in_hu = {one.scan.unit == HU for one in read_in}
    if len(in_hu) > 1:
        odd = next(item for item, one in zip(items, read_in) if one.scan.unit != HU)
        raise MedkitInputError(odd.image, "is in grey levels, other files are in Hounsfield units", "keep both kinds in folders of their own")
    said = " + ".join(sorted({one.scan.modality for one in read_in} - {"unknown"}))
    masks = any(item.masks for item in items)
    data = ImageSet(
        title=found.title, tier="real", modality=found.modality if found.modality != "unknown" else said or "unknown",
        image=torch.cat([one.image for one in read_in])[:, None],
        mask=torch.cat([one.mask for one in read_in])[:, None] if masks else None,
        label=torch.tensor([item.label for item in items])[owner], classes=found.classes,
        group=group, unit=unit, name=tuple(names), source=found.source, notes=_notes(items, read_in, unit, in_hu == {True}),
        spacing=torch.tensor([one.spacing for one in read_in])[owner],
    )  # fmt: skip
    return data, owner


def _slices(item: Item, size: int, labels: Collection[int] | None) -> _Slices:
    scan = read(item.image)
    pixels = grey(scan.pixels)
    inside = np.zeros(pixels.shape, dtype=bool)
    for path in item.masks:
        mask_scan = read(path)
        mask = mask_of(path, mask_scan, labels)
        check_fits(path, mask, scan, mask_scan if scan.place else None)
        inside |= mask
    height, width = pixels.shape[-2:]
    spacing = (scan.spacing[1] * height / size, scan.spacing[2] * width / size) if scan.spacing else (float("nan"),) * 2
    image, mask = resize_image(torch.from_numpy(pixels.copy()), size), resize_mask(torch.from_numpy(inside), size)
    return _Slices(image, mask, spacing, height == width, scan._replace(pixels=np.empty(0)))


def whose(item: Item, patient: str | None) -> str | None:
    """Return what files of one patient share, by the file, else by its folder, else by its name; None where nobody says."""
    return patient or item.folder or patient_in(item.name)


def _groups(items: Sequence[Item], read_in: list[_Slices], owner: Tensor) -> tuple[Tensor, str]:
    """Return a group for each slice: its patient's, or its file's where nobody says whom that shows."""
    keys = [whose(item, one.scan.patient) or number for number, (item, one) in enumerate(zip(items, read_in))]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    known = len(owner) > len(items) or all(isinstance(key, str) for key in keys)
    return torch.tensor([numbers[key] for key in keys])[owner], "patient" if known else UNKNOWN


def _notes(items: Sequence[Item], read_in: list[_Slices], unit: str, in_hu: bool) -> tuple[str, ...]:
    notes = ["Patients unknown: images of one patient may stand on both sides of a split."] if unit == UNKNOWN else []
    if any(whose(item, None) for item, one in zip(items, read_in) if not one.scan.patient):
        notes.append("Where files do not say whom they show, patients were told by the names of files or of folders below the classes.")
    stretched = sum(not one.square for one in read_in)
    if stretched:
        notes.append(f"{stretched} of {len(read_in)} images are not square and were stretched.")
    if in_hu:
        notes.append("Hounsfield units.")
    return (*notes, *dict.fromkeys(note for one in read_in for note in one.scan.notes))
