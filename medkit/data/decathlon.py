"""Folders of the Medical Segmentation Decathlon, or of nnU-Net v2: volumes, label volumes, and a `dataset.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from tqdm.auto import tqdm

from medkit._check import MedkitInputError
from medkit.data.archive import read_json
from medkit.data.container import ImageSet
from medkit.data.stack import Item, stack

LIST = "dataset.json"
CLASSES = ("nothing marked", "marked")
MODALITIES = {"MRI": "MRI", "CT": "CT", "MR": "MRI"}


def decathlon(folder: str | Path, size: int = 64, progress: Callable | None = tqdm) -> ImageSet:
    """Load the training volumes of a Decathlon task, slice by slice, a volume's slices in one group.

    dataset.json: "training", a list of {"image": path, "label": path}; "labels", number -> name, 0 the
    background; "modality". That of nnU-Net v2: see `read_list`. All labels above 0 together are the mask; a slice
    is of the class "marked" where its mask is not empty.

    Args:
        folder: with dataset.json in it. size: pixels along each side. progress: such as tqdm; None for none.

    Raises:
        MedkitInputError: names the file and the fix: not listed as it should be, missing, listed twice, of
            several modalities, or a label volume that does not fit.
    """
    root = Path(folder)
    listed = read_list(root)
    items = [_item(root, entry) for entry in _entries(root, listed)]
    labels = _labels(root, listed)
    modality = listed.get("modality")
    if not isinstance(modality, dict) or len(modality) != 1:
        raise MedkitInputError(root / LIST, "lists several modalities or none", "choose a task of one modality, or split the volumes")
    name = str(listed.get("name") or root.resolve().name)[:60]
    licence = str(listed.get("licence") or listed.get("license") or "licence not stated")[:60]
    data = stack(
        items, CLASSES, size, masks=True, title=f"{name} (Decathlon folder)", source=f"your own copy, {licence}",
        modality=MODALITIES.get(str(next(iter(modality.values()))), "unknown"), labels=labels, progress=progress,
    )  # fmt: skip
    return dataclasses.replace(data, label=data.mask.flatten(1).any(1).long())


def read_list(root: Path) -> dict:
    """Return dataset.json in the Decathlon's form.

    That of nnU-Net v2 lists no volumes: they are labelsTr/CASE and imagesTr/CASE_0000, with its "file_ending".
    Its "channel_names" become "modality", its "labels", name -> number or numbers, number -> name.

    Raises:
        MedkitInputError: no such file, or labels of nnU-Net that are none, or that say where nobody looked.

    Source: nnU-Net, documentation/dataset_format.md.
    """
    listed = read_json(root / LIST)
    if "channel_names" not in listed or "training" in listed:
        return listed
    labels, ending = listed.get("labels"), str(listed.get("file_ending", ""))
    if not isinstance(labels, dict) or not ending:
        raise MedkitInputError(root / LIST, 'has no "labels" by name or no "file_ending"', "get the folder again")
    if "ignore" in labels:
        raise MedkitInputError(root / LIST, 'has a label "ignore", which is neither inside nor outside', "take those volumes out")
    numbers = {str(n): name for name, one in labels.items() for n in (one if isinstance(one, list) else [one])}
    cases = sorted(path.name.removesuffix(ending) for path in (root / "labelsTr").glob("*") if path.name.endswith(ending))
    entries = [{"image": f"imagesTr/{case}_0000{ending}", "label": f"labelsTr/{case}{ending}"} for case in cases]
    return listed | {"training": entries, "labels": numbers, "modality": listed["channel_names"]}


def _entries(root: Path, listed: dict) -> list[dict]:
    entries = listed.get("training")
    good = isinstance(entries, list) and entries and all(isinstance(e, dict) and {"image", "label"} <= e.keys() for e in entries)
    if not good:
        raise MedkitInputError(root / LIST, 'has no list "training" of images with labels', "get the task's folder again")
    names = [str(entry["image"]) for entry in entries]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MedkitInputError(root / LIST, f"lists {Path(twice).name} twice", "take one of both out")
    count = listed.get("numTraining", len(entries))
    if count != len(entries):
        raise MedkitInputError(root / LIST, f"lists {len(entries)} volumes and says numTraining {count}", "correct it, or get the folder again")
    return entries


def _item(root: Path, entry: dict) -> Item:
    image, label = (_inside(root, str(entry[key])) for key in ("image", "label"))
    return Item(0, image, (label,), image.name)


def _inside(root: Path, named: str) -> Path:
    """Return a listed file; one that lies outside the folder, or isn't there, is an error."""
    try:
        path = (root / named).resolve()
        there = path.is_file()
    except (ValueError, OSError, RuntimeError):  # NUL in it, too long, or links in a circle
        raise MedkitInputError(root / LIST, "lists a file whose name is none", "correct the path in it") from None
    if not path.is_relative_to(root.resolve()):
        raise MedkitInputError(root / LIST, "lists a file outside its folder", "correct the path in it")
    if not there:
        raise MedkitInputError(path, "is listed in dataset.json and is not there", "get the folder again")
    return path


def _labels(root: Path, listed: dict) -> list[int]:
    try:
        numbers = [int(number) for number in listed["labels"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise MedkitInputError(root / LIST, 'has no "labels" by number', "get the task's folder again") from None
    return numbers
