"""A folder of the reader's own images, one folder a class.

    my_images/
      benign/     a.png   a_mask.png   b.png   b_mask.png   b_mask_1.png
      malignant/  c.png   c_mask.png
      normal/     d.png

DICOM and NIfTI files may stand in the place of pictures; a file of several slices gives as many images.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from medkit._check import MedkitInputError
from medkit.data.container import ImageSet
from medkit.data.read import grey, read
from medkit.data.stack import Item, stack

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ".nii", ".nii.gz")
MASK_NAME = re.compile(r"(?P<image>.+)_mask(_\d+)?", re.IGNORECASE)


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


def stem_of(path: Path) -> str:
    """Return a file's name without what it ends in.

    >>> stem_of(Path("scans/b17.nii.gz")), stem_of(Path("scan 1.2.png"))
    ('b17', 'scan 1.2')
    """
    return path.stem.removesuffix(".nii") if path.name.lower().endswith(".nii.gz") else path.stem


def _list_class(folder: Path) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Return the images of a class folder and, for each, its mask files; both sorted by name."""
    files = sorted(p for p in folder.iterdir() if is_image_name(p))
    is_mask = {p: MASK_NAME.fullmatch(stem_of(p)) for p in files}
    images = [p for p in files if not is_mask[p]]
    by_name: dict[str, Path] = {}
    for path in images:
        twin = by_name.setdefault(stem_of(path).lower(), path)
        if twin is not path:
            raise MedkitInputError(path, f"and {twin.name} share one name", "rename one of them")
    masks: dict[Path, list[Path]] = {path: [] for path in images}
    for path, match in is_mask.items():
        if match:
            if match["image"].lower() not in by_name:
                raise MedkitInputError(
                    path,
                    f"is a mask without its image in {folder.name}",
                    f"add {match['image']}.png or remove it",
                )
            masks[by_name[match["image"].lower()]].append(path)
    return images, masks


def _class_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise MedkitInputError(root, "is no folder", "give the folder that holds one folder a class")
    for path in sorted(root.iterdir()):
        if is_image_name(path) and path.is_file():
            raise MedkitInputError(path, "lies beside the class folders", "move it into its class's folder")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))
    if len(folders) < 2:
        few = f"must hold at least 2 class folders, got {len(folders)}"
        raise MedkitInputError(root, few, "make CLASS/image.png, one folder a class")
    return folders


def _find(root: Path) -> tuple[list[str], list[tuple[int, Path, list[Path]]], list[str]]:
    """Return classes, (label, image, masks) of every image, and the classes without any mask.

    Raises:
        MedkitInputError: an image lacks its mask while others of its class have one.
    """
    classes, found, bare = [], [], []
    for label, folder in enumerate(_class_folders(root)):
        images, masks = _list_class(folder)
        if not images:
            none = f"holds no image ({', '.join(SUFFIXES)})"
            raise MedkitInputError(folder, none, "add images or remove the folder")
        with_mask = [path for path in images if masks[path]]
        if with_mask and len(with_mask) < len(images):
            path = next(path for path in images if not masks[path])
            bare_image = "has no mask while others of its class have one"
            raise MedkitInputError(path, bare_image, f"add {stem_of(path)}_mask{path.name[len(stem_of(path)) :]}, all black if empty")
        classes.append(folder.name)
        found += [(label, path, masks[path]) for path in images]
        bare += [] if with_mask else [folder.name]
    return classes, found, bare


def image_folder(path: str | Path, size: int = 64, progress: Callable | None = tqdm) -> ImageSet:
    """Load a folder of images in the layout CLASS/image.png, with optional masks.

    Suffixes: png, jpg, jpeg, tif, tiff, bmp, dcm, nii, nii.gz, small or capital. Masks lie beside their image as
    image_mask.png, image_mask_1.png ...; several are one mask together (OR), as in BUSI. Files with
    other suffixes and hidden files are passed over. Either every image of a class has a mask or none:
    a class without any counts as «nothing to find», with empty masks, and a note says how many
    those are. Where no class has masks, `mask` is None.

    Every image is resized by area to size × size, height and width each on its own (as published
    work on BUSI does): nothing is cut off and no dark bars appear, but shapes of images that are
    not square are stretched, which a note counts.

    Args:
        path: the folder. size: pixels along each side. progress: such as tqdm; None for none.

    Returns:
        Grey values in the files' own range or in HU, classes in the order of their names. Slices of one
        volume, and DICOM files of one patient, share a group; pictures do not say whom they show: unit
        "image, patients unknown".

    Raises:
        MedkitInputError: names the file and the fix; no set is made from a part of the folder.
    """
    root = Path(path)
    classes, found, bare = _find(root)
    items = [Item(label, file, masks, f"{file.parent.name}/{file.name}") for label, file, masks in found]
    has_masks = len(bare) < len(classes)
    title = f"folder {root.resolve().name}"
    data = stack(items, classes, size, masks=has_masks, title=title, source="a folder of your own", progress=progress)
    if not (has_masks and bare):
        return data
    counts = Counter(classes[label] for label, _, _ in found)
    listed = ", ".join(f"{name} ({counts[name]} images)" for name in bare)
    return dataclasses.replace(data, notes=(*data.notes, f"No mask files in {listed}: taken as nothing to find."))
