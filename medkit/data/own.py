"""The reader's own files, whatever their layout: one call for a set, one for its split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from tqdm.auto import tqdm

from medkit._check import MedkitInputError
from medkit.data.container import ImageSet, Split, joined, split_by_group
from medkit.data.decathlon import LIST, decathlon
from medkit.data.folder import image_folder, is_image_name, stem_of
from medkit.data.medmnist import medmnist
from medkit.data.stack import Item, stack

LAYOUTS = "CLASS/image.png, a Decathlon folder with dataset.json, a MedMNIST .npz, or a folder of DICOM or NIfTI files"


def own_images(path: str | Path, size: int = 64, progress: Callable | None = tqdm) -> ImageSet:
    """Load the reader's own images.

    Args:
        path: one of these.
            file.npz                     MedMNIST's layout; its three sides as one set
            FOLDER with dataset.json     a task of the Medical Segmentation Decathlon
            FOLDER/CLASS/image.png       a folder a class, masks beside as image_mask.png (BUSI's layout)
            FOLDER/*.dcm, *.nii.gz ...   images without a class; masks beside as image_mask.nii.gz
        size: pixels along each side. progress: such as tqdm; None for none.

    Raises:
        MedkitInputError: names the file and the fix.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        sides = medmnist(path, size)
        return joined((sides.train, sides.val, sides.test))
    if not path.is_dir():
        raise MedkitInputError(path, "is neither a folder nor an .npz file", f"give {LAYOUTS}")
    if (path / LIST).is_file():
        return decathlon(path, size, progress)
    files, folders = ([one for one in path.iterdir() if kind(one)] for kind in (Path.is_file, Path.is_dir))
    if any(map(is_image_name, files)) and not any(is_image_name(file) for folder in folders for file in folder.iterdir()):
        return _unsorted(path, size, progress)
    return image_folder(path, size, progress)


def own_split(path: str | Path, size: int = 64, seed: int = 0, progress: Callable | None = tqdm) -> Split:
    """Load the reader's own images, split by group: by the file's own split, or at random by `split_by_group`.

    Args:
        path, size, progress: as for `own_images`; seed: of the random split.

    Raises:
        MedkitInputError: as there, or too few groups to split.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        return medmnist(path, size)
    images = own_images(path, size, progress)
    try:
        return split_by_group(images, seed=seed)
    except ValueError as error:
        raise MedkitInputError(path, "has too few images to split", str(error)) from error


def _unsorted(folder: Path, size: int, progress: Callable | None) -> ImageSet:
    """Return the images of a folder that names no classes: marked or not, where there are masks."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and is_image_name(file))
    masks = {stem_of(file).lower().removesuffix("_mask"): file for file in files if stem_of(file).lower().endswith("_mask")}
    images = [file for file in files if file not in masks.values()]
    named = {stem_of(file).lower() for file in images}
    alone = next((file for stem, file in masks.items() if stem not in named), None)
    if alone:
        raise MedkitInputError(alone, "is a mask without its image", "add the image or remove it")
    bare = next((file for file in images if stem_of(file).lower() not in masks), None)
    if masks and bare:
        raise MedkitInputError(bare, "has no mask while others have one", "add it, all 0 if empty")
    items = [Item(0, file, [masks[stem_of(file).lower()]] if masks else [], file.name) for file in images]
    title, classes = f"folder {folder.resolve().name}", ("nothing marked", "marked") if masks else ("unlabelled",)
    data = stack(items, classes, size, masks=bool(masks), title=title, source="a folder of your own", progress=progress)
    return dataclasses.replace(data, label=data.mask.flatten(1).any(1).long()) if masks else data
