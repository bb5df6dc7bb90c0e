"""What lies in a folder, by the layouts that `own_images` reads; unlike it, every fault is written down, not the first alone."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from medkit._check import MedkitInputError
from medkit.data.archive import read_json
from medkit.data.decathlon import CLASSES, LIST, MODALITIES, _inside, _labels
from medkit.data.folder import MASK_NAME, is_image_name, stem_of
from medkit.data.own import LAYOUTS
from medkit.data.read import kind_of

KEPT = (LIST, "license.txt", "readme.md")  # files that belong to a folder and are no images


class Fault(NamedTuple):
    """One thing that is off: which kind, which file, what, what to do, whether it stops training, and of twins both names."""

    kind: str
    name: str
    what: str
    fix: str
    stops: bool = True
    pair: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.what}; {self.fix}"


class Entry(NamedTuple):
    """One image file: its class's number, its masks, and its name as reports show it."""

    image: Path
    masks: tuple[Path, ...]
    label: int
    name: str


@dataclasses.dataclass
class Listing:
    """A folder's files. labels: what masks may hold; None: anything. passed_over: files no one reads, by suffix."""

    root: Path
    layout: str
    classes: tuple[str, ...]
    entries: list[Entry] = dataclasses.field(default_factory=list)
    faults: list[Fault] = dataclasses.field(default_factory=list)
    labels: list[int] | None = None
    modality: str = "unknown"
    by_mask: bool = False  # a slice's class is whether its mask is empty
    passed_over: Counter = dataclasses.field(default_factory=Counter)

    def name(self, path: Path) -> str:
        """Return a file's path below the root: the folders above it may name a patient."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) and path != self.root else path.name

    def fault(self, kind: str, path: Path, what: str, fix: str, stops: bool = True) -> None:
        """Write a fault down."""
        self.faults.append(Fault(kind, self.name(path), what, fix, stops))

    def caught(self, kind: str, error: MedkitInputError) -> None:
        """Write an error of a reader down."""
        self.fault(kind, error.path, error.what, error.fix)


def list_folder(path: str | Path) -> Listing:
    """List a folder in one of `own_images`' layouts.

    Raises:
        MedkitInputError: no folder, or one that may not be looked into.
    """
    root = Path(path).resolve()
    if not root.is_dir():
        raise MedkitInputError(path, "is neither a folder nor an .npz file", f"give {LAYOUTS}")
    files, folders = _contents(root)
    if root / LIST in files:
        return _decathlon(root)
    if any(map(is_image_name, files)) and not any(is_image_name(file) for one in folders for file in _contents(one)[0]):
        return _unsorted(root, files)
    return _by_class(root, files, folders)


def _contents(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files and the folders in a folder, by name."""
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise MedkitInputError(folder, f"can't be opened ({type(error).__name__})", "look at its permissions") from None
    return [one for one in inside if not one.is_dir()], [one for one in inside if one.is_dir()]


# ---- one folder a class


def _by_class(root: Path, files: list[Path], folders: list[Path]) -> Listing:
    folders = [one for one in folders if not one.name.startswith((".", "__"))]
    found = Listing(root, "a folder a class", tuple(one.name for one in folders))
    for path in filter(is_image_name, files):
        found.fault("beside the class folders", path, "lies beside the class folders", "move it into its class's folder")
    _pass_over(found, files)
    if len(folders) < 2:
        few = f"must hold at least 2 class folders, got {len(folders)}"
        found.fault("too few classes", root, few, "make CLASS/image.png, one folder a class")
    for label, folder in enumerate(folders):
        _one_class(found, label, folder)
    return found


def _one_class(found: Listing, label: int, folder: Path) -> None:
    files, deeper = _contents(folder)
    _pass_over(found, files)
    images, masks = _pairs(found, [path for path in files if is_image_name(path)])
    for path in deeper:
        if any(map(is_image_name, _contents(path)[0])):
            found.fault("deeper folder", path, "holds images that nobody reads", "move them up into their class's folder", False)
    if not images:
        found.fault("empty class", folder, "holds no image", "add images, remove the folder, or give the folder that holds the classes")
    for path in images:
        found.entries.append(Entry(path, tuple(masks[path]), label, found.name(path)))
        if any(masks.values()) and not masks[path]:
            ending = path.name[len(stem_of(path)) :]
            found.fault("image without mask", path, "has no mask while others of its class have one", f"add {stem_of(path)}_mask{ending}, all black if empty")


def _pairs(found: Listing, files: list[Path]) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Return the images among files, and each one's masks."""
    match = {path: MASK_NAME.fullmatch(stem_of(path)) for path in files}
    by_name: dict[str, Path] = {}
    for path in (path for path in files if not match[path]):
        twin = by_name.setdefault(stem_of(path).lower(), path)
        if twin is not path:
            found.fault("two files of one name", path, f"and {twin.name} share one name", "rename one of them")
    masks: dict[Path, list[Path]] = {path: [] for path in by_name.values()}
    for path, named in match.items():
        if named and named["image"].lower() in by_name:
            masks[by_name[named["image"].lower()]].append(path)
        elif named:
            found.fault("mask without image", path, "is a mask without its image", f"add {named['image']}.png or remove it")
    return list(by_name.values()), masks


def _pass_over(found: Listing, files: list[Path]) -> None:
    """Count files that are not read; DICOM files without their ending are likely to be missed."""
    for path in files:
        if is_image_name(path) or path.name.startswith(".") or path.name.lower() in KEPT:
            continue
        found.passed_over[path.suffix.lower() or "no ending"] += 1
        try:
            hidden = not path.suffix.strip(".0123456789") and kind_of(path) == "DICOM"
        except MedkitInputError:
            continue
        if hidden:
            found.fault("DICOM without .dcm", path, "is a DICOM file that its name hides", f"rename it to {path.name}.dcm", False)


# ---- no classes


def _unsorted(root: Path, files: list[Path]) -> Listing:
    images = [path for path in files if is_image_name(path)]
    is_mask = {path: stem_of(path).lower().endswith("_mask") for path in images}
    masks = {stem_of(path).lower().removesuffix("_mask"): path for path in images if is_mask[path]}
    found = Listing(root, "files without classes", CLASSES if masks else ("unlabelled",), by_mask=bool(masks))
    _pass_over(found, files)
    named = {stem_of(path).lower() for path in images if not is_mask[path]}
    for stem, path in masks.items():
        if stem not in named:
            found.fault("mask without image", path, "is a mask without its image", "add the image or remove it")
    for path in (path for path in images if not is_mask[path]):
        mask = masks.get(stem_of(path).lower())
        found.entries.append(Entry(path, (mask,) if mask else (), 0, found.name(path)))
        if masks and not mask:
            found.fault("image without mask", path, "has no mask while others have one", "add it, all 0 if empty")
    return found


# ---- Decathlon


def _decathlon(root: Path) -> Listing:
    found = Listing(root, "a Decathlon folder", CLASSES, by_mask=True)
    try:
        listed = read_json(root / LIST)
    except MedkitInputError as error:
        found.caught("dataset.json", error)
        return found
    try:
        found.labels = _labels(root, listed)
    except MedkitInputError as error:
        found.caught("dataset.json", error)
    modality = listed.get("modality")
    if isinstance(modality, dict) and len(modality) == 1:
        found.modality = MODALITIES.get(str(next(iter(modality.values()))), "unknown")
    else:
        found.fault("dataset.json", root / LIST, "lists several modalities or none", "choose a task of one modality, or split the volumes")
    _volumes(found, listed)
    return found


def _volumes(found: Listing, listed: dict) -> None:
    entries, path = listed.get("training"), found.root / LIST
    good = isinstance(entries, list) and [one for one in entries if isinstance(one, dict) and {"image", "label"} <= one.keys()]
    if not good or len(good) < len(entries):
        found.fault("dataset.json", path, 'has no list "training" of images with labels', "get the task's folder again")
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
        found.entries.append(Entry(image, (label,), 0, found.name(image)))
    count = listed.get("numTraining", len(entries or ()) if isinstance(entries, list) else 0)
    if good and count != len(entries):
        found.fault("dataset.json", path, f"lists {len(entries)} volumes and says numTraining {count}", "correct it, or get the folder again")
