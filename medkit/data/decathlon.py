"""Folders of the Medical Segmentation Decathlon: volumes, label volumes, and a `dataset.json` that lists them."""

from __future__ import annotations

from pathlib import Path

from medkit._check import MedkitInputError
from medkit.data.archive import read_json
from medkit.data.listing import BY_MASK, Item, Listing

LIST = "dataset.json"
MODALITIES = {"MRI": "MRI", "CT": "CT", "MR": "MRI"}


def list_task(root: Path) -> Listing:
    """List the training volumes of a Decathlon task with their label volumes, and all that is off.

    dataset.json: "training", a list of {"image": path, "label": path}; "labels", number -> name, 0 the
    background; "modality". All labels above 0 together are the mask; a slice is of the class "marked" where
    its mask is not empty.

    Args:
        root: the folder with dataset.json in it.
    """
    found = Listing(root, "a Decathlon folder", BY_MASK, f"{root.name} (Decathlon folder)", by_mask=True)
    try:
        listed = read_json(root / LIST)
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
            image, label = (_inside(found.root, str(one[key])) for key in ("image", "label"))
        except MedkitInputError as error:
            found.caught("listed and missing", error)
            continue
        found.items.append(Item(0, image, (label,), image.name))
    count = listed.get("numTraining", len(entries or ()) if isinstance(entries, list) else 0)
    if good and count != len(entries):
        found.fault(LIST, path, f"lists {len(entries)} volumes and says numTraining {count}", "correct it, or get the folder again")


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
