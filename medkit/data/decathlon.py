"""Folders of the Medical Segmentation Decathlon, or of nnU-Net v2: volumes, label volumes, and a `dataset.json`."""

from __future__ import annotations

import os
from pathlib import Path

from medkit._check import MedkitInputError
from medkit.data.archive import read_json
from medkit.data.listing import BY_MASK, Item, Listing
from medkit.data.words import stem_of

LIST = "dataset.json"
MODALITIES = {"MRI": "MRI", "CT": "CT", "MR": "MRI"}


def list_task(root: Path) -> Listing:
    """List the training volumes of a Decathlon task with their label volumes, and all that is off.

    dataset.json: "training", a list of {"image": path, "label": path}; "labels", number -> name, 0 the
    background; "modality". That of nnU-Net v2: see `read_list`. All labels above 0 together are the mask; a slice
    is of the class "marked" where its mask is not empty.

    Args:
        root: the folder with dataset.json in it.
    """
    found = Listing(root, "a Decathlon folder", BY_MASK, f"{root.name} (Decathlon folder)", by_mask=True)
    try:
        listed = read_list(root)
    except MedkitInputError as error:
        found.caught(LIST, error)
        return found
    licence = str(listed.get("licence") or listed.get("license") or "licence not stated")[:60]
    found.title, found.source = f"{str(listed.get('name') or root.name)[:60]} (Decathlon folder)", f"your own copy, {licence}"
    _list_volumes(found, listed)
    try:
        found.labels = [int(number) for number in listed["labels"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        found.fault(LIST, root / LIST, 'has no "labels" by number', "get the task's folder again")
    modality = listed.get("modality")
    if isinstance(modality, dict) and len(modality) == 1:
        found.modality = MODALITIES.get(str(next(iter(modality.values()))), "unknown")
    else:
        found.fault(LIST, root / LIST, "lists several modalities or none", "choose a task of one modality, or split the volumes")
    return found


def _list_volumes(found: Listing, listed: dict) -> None:
    entries, path = listed.get("training"), found.root / LIST
    good = isinstance(entries, list) and [one for one in entries if isinstance(one, dict) and {"image", "label"} <= one.keys()]
    if not good or len(good) < len(entries):
        found.fault(LIST, path, 'has no list "training" of images with labels', "get the task's folder again")
    seen: set[str] = set()
    for one in good or ():
        if str(one["image"]) in seen:
            found.fault("listed twice", path, f"lists {Path(str(one['image'])).name} twice", "take one of both out")
            continue
        seen.add(str(one["image"]))
        try:
            image, label = _inside(found.root, str(one["image"]), channel=True), _inside(found.root, str(one["label"]))
        except MedkitInputError as error:
            found.caught("listed and missing", error)
            continue
        found.items.append(Item(0, image, (label,), image.name))
    count = listed.get("numTraining", len(entries or ()) if isinstance(entries, list) else 0)
    if good and count != len(entries):
        found.fault(LIST, path, f"lists {len(entries)} volumes and says numTraining {count}", "correct it, or get the folder again")


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


def is_task(root: Path) -> bool:
    """Tell whether a folder's dataset.json is of the Decathlon or of nnU-Net, or can't be read; other tools write one, too."""
    if not (root / LIST).is_file():
        return False
    try:
        return bool(read_json(root / LIST).keys() & {"training", "numTraining", "channel_names"}) or (root / "imagesTr").is_dir()
    except MedkitInputError:
        return True


def _inside(root: Path, named: str, channel: bool = False) -> Path:
    """Return a listed file; one whose path leads out of the folder, or that isn't there, is an error.

    Links in the folder may lead elsewhere: the reader made them.

    Args:
        channel: it may have nnU-Net's number of the first channel behind its name, which version 1 does not list.
    """
    try:
        path = Path(os.path.normpath(root / named))
        if not path.is_relative_to(root):
            raise MedkitInputError(root / LIST, "lists a file outside its folder", "correct the path in it")
        there = path.is_file()
        if channel and not there:
            stem = stem_of(path)
            first = path.with_name(f"{stem}_0000{path.name[len(stem) :]}")
            path, there = (first, True) if first.is_file() else (path, False)
        path.resolve()
    except (ValueError, OSError, RuntimeError) as error:  # NUL in it, too long, or links in a circle
        if isinstance(error, MedkitInputError):
            raise
        raise MedkitInputError(root / LIST, "lists a file whose name is none", "correct the path in it") from None
    if not there:
        raise MedkitInputError(path, "is listed in dataset.json and is not there", "get the folder again")
    return path
