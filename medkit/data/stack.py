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
from medkit.data.mask import check_fits, mask_of
from medkit.data.read import HU, Scan, grey, read
from medkit.data.resize import resize_image, resize_mask

UNKNOWN = "image, patients unknown"
MANY = 30  # files from which a progress bar shows


class Item(NamedTuple):
    """One image file of a set: its class, its masks (several are one together), its name in messages and tables."""

    label: int
    image: Path
    masks: Sequence[Path]
    name: str


class _Slices(NamedTuple):
    image: Tensor  # (S, size, size)
    mask: Tensor  # (S, size, size) bool
    spacing: tuple[float, float]  # millimetres between rows and columns, as resized; NaN where unknown
    square: bool
    scan: Scan  # without its pixels


def stack(
    items: Sequence[Item], classes: Sequence[str], size: int, *, masks: bool, title: str, source: str,
    modality: str = "", labels: Collection[int] | None = None, progress: Callable | None = tqdm,
) -> ImageSet:  # fmt: skip
    """Read all files, one after the other, resize each slice, and return them as one set.

    Args:
        items: the files; classes: names of their labels; size: pixels along each side.
        masks: whether the set has any; an item without one then has nothing to find.
        title, source: of the set; modality: where the files do not say it.
        labels: of mask files, as for `read_mask`. progress: such as tqdm; None for none.

    Raises:
        MedkitInputError: names the file and the fix; no set is made from a part of them.
    """
    shown = items if progress is None or len(items) < MANY else progress(items, desc="reading files")
    read_in = [_slices(item, size, labels) for item in shown]
    counts = [len(one.image) for one in read_in]
    names = [f"{item.name} slice {k}" if n > 1 else item.name for item, n in zip(items, counts) for k in range(n)]
    group, unit = _groups([one.scan for one in read_in], counts)
    in_hu = {one.scan.unit == HU for one in read_in}
    if len(in_hu) > 1:
        odd = next(item for item, one in zip(items, read_in) if one.scan.unit != HU)
        raise MedkitInputError(odd.image, "is in grey levels, other files are in Hounsfield units", "keep both kinds in folders of their own")
    found = sorted({one.scan.modality for one in read_in} - {"unknown"})
    return ImageSet(
        title=title, tier="real", modality=modality or " + ".join(found) or "unknown",
        image=torch.cat([one.image for one in read_in])[:, None],
        mask=torch.cat([one.mask for one in read_in])[:, None] if masks else None,
        label=torch.tensor([item.label for item, n in zip(items, counts) for _ in range(n)]), classes=tuple(classes),
        group=group, unit=unit, name=tuple(names), source=source, notes=_notes(read_in, unit, in_hu == {True}),
        spacing=torch.tensor([one.spacing for one, n in zip(read_in, counts) for _ in range(n)]),
    )  # fmt: skip


def _slices(item: Item, size: int, labels: Collection[int] | None) -> _Slices:
    scan = read(item.image)
    pixels = grey(scan.pixels)
    inside = np.zeros(pixels.shape, dtype=bool)
    for path in item.masks:
        mask_scan = read(path)
        mask = mask_of(path, mask_scan, labels)
        check_fits(path, mask, scan, mask_scan)
        inside |= mask
    height, width = pixels.shape[-2:]
    spacing = (scan.spacing[1] * height / size, scan.spacing[2] * width / size) if scan.spacing else (float("nan"),) * 2
    image, mask = resize_image(torch.from_numpy(pixels.copy()), size), resize_mask(torch.from_numpy(inside), size)
    return _Slices(image, mask, spacing, height == width, scan._replace(pixels=np.empty(0)))


def _groups(scans: list[Scan], counts: list[int]) -> tuple[Tensor, str]:
    """Return a group for each slice, and what a group is.

    A group is a patient where files say who it is; else a DICOM study, which is one patient's, who may have several;
    else a file. Patients count as known where each file says its own, or is a volume.
    """
    known = all(scan.patient or n > 1 for scan, n in zip(scans, counts))
    owner = {scan.study: scan.patient for scan in scans if scan.study and scan.patient}
    keys = [scan.patient or owner.get(scan.study) or scan.study or number for number, scan in enumerate(scans)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return torch.tensor([numbers[key] for key, n in zip(keys, counts) for _ in range(n)]), "patient" if known else UNKNOWN


def _notes(read_in: list[_Slices], unit: str, in_hu: bool) -> tuple[str, ...]:
    notes = ["Patients unknown: images of one patient may stand on both sides of a split."] if unit == UNKNOWN else []
    scans = [one.scan for one in read_in]
    if unit != UNKNOWN and not all(scan.patient for scan in scans):
        notes.append("Some volumes do not say whose they are: each counts as a patient of its own.")
    studies = len({scan.study for scan in scans} - {None})
    if studies > 1 and len({scan.patient for scan in scans}) == 1 and scans[0].patient:
        notes.append(f"All files name one patient, in {studies} studies: if that name stands for many, no split can be made.")
    stretched = sum(not one.square for one in read_in)
    if stretched:
        notes.append(f"{stretched} of {len(read_in)} images are not square and were stretched.")
    if in_hu:
        notes.append("Hounsfield units.")
    return (*notes, *dict.fromkeys(note for one in read_in for note in one.scan.notes))
