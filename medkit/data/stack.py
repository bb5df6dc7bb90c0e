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
from medkit.data.container import ImageSet, unit_of
from medkit.data.leaks import patient_in
from medkit.data.listing import Item, Listing
from medkit.data.mask import check_fits, mask_of
from medkit.data.perhaps import perhaps_masks, values_in
from medkit.data.read import HU, Scan, grey, read
from medkit.data.resize import resize_image, resize_mask
from medkit.data.twins import joined_by

UNKNOWN = "image, patients unknown"
ONE_NAME = "All files name one patient"
ONE_NAME_FIX = "if that name stands for many, give each patient a PatientID of their own; else add images of other patients"
MANY = 30  # files from which a progress bar shows


class _Slices(NamedTuple):
    image: Tensor  # (S, size, size)
    mask: Tensor  # (S, size, size) bool
    spacing: tuple[float, float]  # millimetres between rows and columns, as resized; NaN where unknown
    square: bool
    scan: Scan  # without its pixels
    values: int  # as `values_in` says
    shape: tuple[int, ...]  # as stored: slices, height, width


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
    for fault in perhaps_masks(found, items, [one.values for one in read_in], [one.shape for one in read_in])[0]:
        raise MedkitInputError(found.root / fault.name, fault.what, fault.fix)
    counts = [len(one.image) for one in read_in]
    names = [f"{item.name} slice {k}" if n > 1 else item.name for item, n in zip(items, counts) for k in range(n)]
    owner = torch.arange(len(items)).repeat_interleave(torch.tensor(counts, dtype=torch.int64))
    group, known = groups_of(items, [one.scan for one in read_in], counts)
    group = torch.tensor(group)[owner]
    unit = unit_of(group, "patient") if known else UNKNOWN
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
        check_fits(path, mask, scan, mask_scan)
        inside |= mask
    height, width = pixels.shape[-2:]
    spacing = (scan.spacing[1] * height / size, scan.spacing[2] * width / size) if scan.spacing else (float("nan"),) * 2
    image, mask = resize_image(torch.from_numpy(pixels.copy()), size), resize_mask(torch.from_numpy(inside), size)
    return _Slices(image, mask, spacing, height == width, scan._replace(pixels=np.empty(0)), values_in(pixels), pixels.shape)


def groups_of(items: Sequence[Item], scans: Sequence, counts: Sequence[int]) -> tuple[list[int], bool]:
    """Return a number for each file, equal for those of one patient, and whether all patients are known.

    A patient is told by the file; else by another file of its DICOM study; else by its folder, or by its name. A study
    alone is one patient's, who may have several, and a volume alone is taken for a patient. Whatever files say, those
    whose names name one patient stay together: some programs give every study a PatientID of its own.

    Args:
        items: the files; scans: what each says of its patient and its study; counts: its slices.
    """
    owner = {scan.study: scan.patient for scan in scans if scan.study and scan.patient}
    named = [patient_in(item.name) for item in items]
    told = [scan.patient or owner.get(scan.study) or item.folder or name for item, scan, name in zip(items, scans, named)]
    keys = [one or scan.study or number for number, (one, scan) in enumerate(zip(told, scans))]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    group, first = [numbers[key] for key in keys], {}
    same = [(first.setdefault(name, one), one) for name, one in zip(named, group) if name]
    lowest = joined_by(len(numbers), same)
    return [lowest[one] for one in group], all(one or count > 1 for one, count in zip(told, counts))


def studies_of_one(scans: Sequence) -> int:
    """Return how many studies there are where all files name one patient in several; 0 elsewhere."""
    studies = len({scan.study for scan in scans} - {None})
    return studies if studies > 1 and len({scan.patient for scan in scans}) == 1 and scans[0].patient else 0


def _notes(items: Sequence[Item], read_in: list[_Slices], unit: str, in_hu: bool) -> tuple[str, ...]:
    notes = ["Patients unknown: images of one patient may stand on both sides of a split."] if unit == UNKNOWN else []
    scans = [one.scan for one in read_in]
    if any(item.folder or patient_in(item.name) for item, scan in zip(items, scans) if not scan.patient):
        notes.append("Where files do not say whom they show, patients were told by the names of files or of folders below the classes.")
    elif unit != UNKNOWN and not all(scan.patient for scan in scans):
        notes.append("Some volumes do not say whose they are: each counts as a patient of its own.")
    if studies := studies_of_one(scans):
        notes.append(f"{ONE_NAME}, in {studies} studies: if that name stands for many, no split can be made.")
    stretched = sum(not one.square for one in read_in)
    if stretched:
        notes.append(f"{stretched} of {len(read_in)} images are not square and were stretched.")
    if in_hu:
        notes.append("Hounsfield units.")
    return (*notes, *dict.fromkeys(note for one in read_in for note in one.scan.notes))
