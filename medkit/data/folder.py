"""A folder of the reader's own images, as it comes: what is an image, what its mask, its class, its patient, its side.

    my_images/                                    my_images/
      benign/     a.png   a_mask.png                images/   a.png   b.png
                  b.png   b_mask.png  b_mask_1.png  masks/    a.png   b.png
      malignant/  c.png   c_mask.png
      normal/     d.png                           my_images/
                                                    train/    ill/  a.dcm    well/  b.dcm
    my_images/                                      test/     ill/  c.dcm    well/  d.dcm
      ill/   patient 1/  series/  IM0001  IM0002
      well/  patient 2/  series/  IM0001          my_images/  a.nii.gz  a_mask.nii.gz

Folders called images and masks are taken out of the path first, then folders called train, val and test; what is
left is the class, and below it a folder for each patient.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.leaks import patient_in
from medkit.data.listing import BY_MASK, Item, Listing, contents
from medkit.data.read import grey, kind_of, read

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ".nii", ".nii.gz")
MASK_NAME = re.compile(r"(?P<image>.+)_mask(_\d+)?", re.IGNORECASE)
LIKE_A_MASK = re.compile(r"(?P<image>.+)_(seg|segmentation|label|labels|gt)(_\d+)?", re.IGNORECASE)  # one only beside its image
IMAGES = {"images", "image", "imgs", "img", "imagestr"}
MASKS = {"masks", "mask", "labels", "label", "labelstr", "segmentations", "segmentation", "annotations", "gt", "ground_truth"}
SIDES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "testing": "test"}
KEPT = ("dataset.json", "license.txt", "readme.md", "dicomdir")  # files that belong to a folder and are no images
FEW = 3  # folders below the classes, from which on each is a patient's


def read_grey(path: str | Path) -> np.ndarray:
    """Return a picture as grey values, (H, W) float32 in the file's own range; see `medkit.data.read`.

    8 bits give 0 ... 255 and 16 bits 0 ... 65535, nothing is clipped. Colour: 0.299 R + 0.587 G + 0.114 B.

    Raises:
        MedkitInputError: no readable image, or several pictures in one file.
    """
    scan = read(path)
    if len(scan.pixels) > 1:
        raise MedkitInputError(path, f"holds {len(scan.pixels)} slices", "give a single picture")
    return grey(scan.pixels)[0]


def is_image_name(path: Path) -> bool:
    """Tell whether a file's name ends as an image's does and it is not hidden."""
    return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")


def is_image(path: Path) -> bool:
    """Tell whether a file is an image by its name or, where that has no ending, a DICOM file by its first bytes.

    Scanners write IM0001, or a name of numbers and dots that looks like one with an ending; Siemens' end in .ima.
    """
    if is_image_name(path):
        return True
    if path.name.startswith(".") or path.name.lower() in KEPT or path.suffix.lower().strip(".0123456789") not in ("", "ima"):
        return False
    try:
        return kind_of(path) == "DICOM"
    except MedkitInputError:
        return False


def stem_of(path: Path) -> str:
    """Return a file's name without what an image's ends in.

    >>> stem_of(Path("scans/b17.nii.gz")), stem_of(Path("scan 1.2.png")), stem_of(Path("1.2.840"))
    ('b17', 'scan 1.2', '1.2.840')
    """
    ending = max((ending for ending in SUFFIXES if path.name.lower().endswith(ending)), key=len, default="")
    return path.name[: len(path.name) - len(ending)]


def unwrapped(root: Path) -> Path:
    """Return the folder that holds the images' folders: archives often unpack into one folder that holds all others."""
    files, folders = contents(root)
    while len(folders) == 1 and not any(map(is_image, files)) and contents(folders[0])[1]:
        root = folders[0]
        files, folders = contents(root)
    return root


class _Place(NamedTuple):
    """Where an image file lies: on which side, in which folders besides (a class's, then a patient's), whether among masks."""

    path: Path
    side: str
    folders: tuple[str, ...]
    among_masks: bool
    called: str  # its folders, as messages and tables show them

    @property
    def key(self) -> tuple:
        """Return what an image and its masks share."""
        return self.side, self.folders, stem_of(self.path).lower()

    @property
    def kind(self) -> str | None:
        """Return the name of its class; None where no folder says it."""
        return self.folders[0] if self.folders else None


def list_tree(root: Path, names: bool = False) -> Listing:
    """List the images below a folder, with their masks, classes, patients and sides, and all that is off.

    Masks lie beside their image as image_mask.png, image_mask_1.png, ... or under the same name in a folder "masks"
    beside a folder "images"; image_seg, image_label and image_gt are masks where there is such an image. Either
    every image of a class has a mask or none. Images below a class's folders, three or more, are one patient's in each.
    Files with other endings and hidden files are passed over.

    Args:
        root: the folder. names: call folders below a class by their names, which may be patients', and not by numbers.
    """
    found = Listing(root, "files without classes", ("unlabelled",), f"folder {root.name}")
    read_in, others = [], []
    for path in _files_below(root, set()):
        (read_in if is_image(path) else others).append(path)
    places = _places(root, read_in)
    found.called = {place.path.parent: place.called for place in places if len(place.folders) > 1 and not names}
    found.passed_over.update(path.suffix.lower() or "no ending" for path in others if path.name.lower() not in KEPT)
    images, masks = _pair(found, places)
    kinds = sorted({place.kind for place in images if place.kind is not None})
    if kinds or not images:
        found.layout = "a folder a class"
        found.classes = tuple(kinds)
        _judge_classes(found, places, images)
    elif any(masks.values()):
        found.classes, found.by_mask = BY_MASK, True
    if any(place.side for place in images):
        found.layout += ", split already"
    _judge_masks(found, images, masks)
    patients = {place.folders[1] for place in images if len(place.folders) > 1}
    for place in images:
        label = kinds.index(place.kind) if place.kind is not None else 0
        folder = place.folders[1] if len(place.folders) > 1 and len(patients) >= FEW else None
        found.items.append(Item(label, place.path, tuple(masks[place.path]), found.name(place.path), folder, place.side))
    return found


def _files_below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield all files below a folder; links that lead in a circle are followed once."""
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    files, folders = contents(folder)
    yield from files
    for one in folders:
        yield from _files_below(one, seen)


def _places(root: Path, files: list[Path]) -> list[_Place]:
    """Return where each file lies; folders of images, masks and sides are taken out of its path."""
    above = [path.relative_to(root).parts[:-1] for path in files]
    inside: dict[tuple, set[str]] = defaultdict(set)
    for folders in above:
        for depth, name in enumerate(folders):
            inside[folders[:depth]].add(name)
    words = {parent: {name.lower() for name in names} for parent, names in inside.items()}
    paired = {parent for parent, names in words.items() if names & IMAGES and names & MASKS}
    drop = [[k for k, name in enumerate(folders) if folders[:k] in paired and name.lower() in IMAGES | MASKS][:1] for folders in above]
    left = [[k for k in range(len(folders)) if [k] != gone] for folders, gone in zip(above, drop)]
    first = {folders[rest[0]].lower() if rest else "" for folders, rest in zip(above, left)}
    split = first <= SIDES.keys() and len({SIDES[name] for name in first}) > 1
    number = {parent: {name: k for k, name in enumerate(sorted(names), 1)} for parent, names in inside.items()}
    places = []
    for path, folders, gone, rest in zip(files, above, drop, left):
        side, rest = (SIDES[folders[rest[0]].lower()], rest[1:]) if split else ("", rest)
        called = [f"folder {number[folders[:k]][name]}" if k in rest[1:] else name for k, name in enumerate(folders)]
        among_masks = any(folders[k].lower() in MASKS for k in gone)
        places.append(_Place(path, side, tuple(folders[k] for k in rest), among_masks, "/".join(called)))
    return places


def _pair(found: Listing, places: list[_Place]) -> tuple[list[_Place], dict[Path, list[Path]]]:
    """Return the images, and each one's masks."""
    by_key: dict[tuple, _Place] = {}
    doubtful = []
    for place in places:
        stem = stem_of(place.path)
        if place.among_masks or MASK_NAME.fullmatch(stem) or LIKE_A_MASK.fullmatch(stem):
            doubtful.append(place)
        else:
            _add(found, by_key, place)
    for place in list(doubtful):
        if not place.among_masks and not MASK_NAME.fullmatch(stem_of(place.path)) and not _image_of(by_key, place):
            doubtful.remove(place)
            _add(found, by_key, place)
    masks: dict[Path, list[Path]] = {place.path: [] for place in by_key.values()}
    for place in doubtful:
        image = _image_of(by_key, place)
        if image:
            masks[image.path].append(place.path)
        else:
            match = MASK_NAME.fullmatch(stem_of(place.path))
            add = f"add {match['image'] if match else stem_of(place.path)}.png or remove it"
            found.fault("mask without image", place.path, f"is a mask without its image in {place.kind or found.root.name}", add)
    return [place for place in places if place.path in masks], masks


def _add(found: Listing, by_key: dict[tuple, _Place], place: _Place) -> None:
    twin = by_key.setdefault(place.key, place)
    if twin is not place:
        found.fault("two files of one name", place.path, f"and {twin.path.name} share one name", "rename one of them")


def _image_of(by_key: dict[tuple, _Place], mask: _Place) -> _Place | None:
    """Return the image that a mask's name leads to."""
    stem = stem_of(mask.path).lower()
    stems = [stem] * mask.among_masks + [match["image"] for form in (MASK_NAME, LIKE_A_MASK) if (match := form.fullmatch(stem))]
    keys = [(mask.side, mask.folders, stem + end) for stem in stems for end in ("", "_0000")]  # nnU-Net's name for the first channel
    return next((by_key[key] for key in keys if key in by_key), None)


# ---- what is off


def _judge_classes(found: Listing, places: list[_Place], images: list[_Place]) -> None:
    root, names = found.root, found.classes
    for place in images:
        if place.kind is None:
            found.fault("beside the class folders", place.path, "lies beside the class folders", "move it into its class's folder")
    if len(names) < 2:
        few = f"must hold at least 2 class folders, got {len(names)}"
        found.fault("too few classes", root, few, "make CLASS/image.png, one folder a class")
    elif all(patient_in(name) for name in names):
        found.fault_of_patients()
    there = {place.path.relative_to(root).parts[0] for place in places}
    for folder in contents(root)[1]:
        if folder.name not in there:
            found.fault("empty class", folder, f"holds no image ({', '.join(SUFFIXES)})", "add images or remove the folder")


def _judge_masks(found: Listing, images: list[_Place], masks: dict[Path, list[Path]]) -> None:
    with_some = {place.kind for place in images if masks[place.path]}
    for place in images:
        if place.kind in with_some and not masks[place.path]:
            others = "others of its class have one" if place.kind else "others have one"
            stem = stem_of(place.path)
            found.fault("image without mask", place.path, f"has no mask while {others}", f"add {stem}_mask{place.path.name[len(stem) :]}, all black if empty")
