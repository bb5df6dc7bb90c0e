"""The reader's own files, whatever their layout: one call for a set, one for its split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm.auto import tqdm

from medkit._check import MedkitInputError
from medkit.data.container import PATIENTS, ImageSet, Split, joined, split_by_group, split_off_validation
from medkit.data.decathlon import is_task, list_task
from medkit.data.folder import list_tree, unwrapped
from medkit.data.listing import BY_MASK, Listing
from medkit.data.medmnist import SIDES, medmnist
from medkit.data.stack import ONE_NAME, ONE_NAME_FIX, stack
from medkit.data.twins import kept_together

LAYOUTS = "CLASS/image.png, images/ and masks/, a Decathlon or nnU-Net folder with dataset.json, a MedMNIST .npz, or a folder of DICOM or NIfTI files"
NOTHING_MARKED = ("has masks, and nothing is marked in any", "draw them again, 255 inside, or make CLASS/image.png")
NOTHING_TO_LEARN = ("names no classes and holds no masks", "make CLASS/image.png, or put image_mask.png beside each image")


def own_images(path: str | Path, size: int = 64, progress: Callable | None = tqdm) -> ImageSet:
    """Load the reader's own images.

    Every image is resized by area to size × size, height and width each on its own (as published work on BUSI
    does): nothing is cut off and no dark bars appear, but shapes of images that are not square are stretched,
    which a note counts.

    Args:
        path: one of these; `medkit.data.folder` shows more.
            file.npz                     MedMNIST's layout; its three sides as one set
            FOLDER with dataset.json     a task of the Medical Segmentation Decathlon, or of nnU-Net
            FOLDER/CLASS/image.png       a folder a class, masks beside as image_mask.png (BUSI's layout)
            FOLDER/images, FOLDER/masks  images and masks of the same names, also train_images, train_masks, ...
            FOLDER/PATIENT/...           three patients or more, each image with its mask
            FOLDER/*.dcm, *.nii.gz ...   images without a class; masks beside as image_mask.nii.gz
        size: pixels along each side. progress: such as tqdm; None for none.

    Returns:
        Grey values in the files' own range or in HU, classes in the order of their names. A class without any
        mask, where others have some, counts as «nothing to find», which a note says; `mask` is None where no
        image has one. Slices of one volume, and files of one patient as DICOM, folders or names tell, share a
        group; where nothing says whom images show, the unit is "image, patients unknown".

    Raises:
        MedkitInputError: names the file and the fix; no set is made from a part of the files.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz" and not path.is_dir():
        sides = medmnist(path, size)
        return joined((sides.train, sides.val, sides.test))
    return _load(list_own(path), size, progress)[0]


def own_split(path: str | Path, size: int = 64, seed: int = 0, progress: Callable | None = tqdm) -> Split:
    """Load the reader's own images, split by group: as files or folders are split already, or at random.

    Copies of one picture count as one group (`medkit.data.twins`), so that no random split parts them.

    Folders train, val and test, above the classes or in each, are taken at their word. Of two of them the later one is
    the test, and validation comes from the other by `split_off_validation`. All else is dealt out by `split_by_group`.

    Where training images are all marked, or all not, only masks can be learned: no label is scored, and a note says
    so. Another note names the classes that have no test image.

    Args:
        path, size, progress: as for `own_images`; seed: of the random split.

    Raises:
        MedkitInputError: as there; neither classes nor masks, or nothing in any mask; too few groups to split; a group
            on two sides; or a class without a training image.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz" and not path.is_dir():
        return _with_sound_labels(path, medmnist(path, size))
    data, side = _load(list_own(path), size, progress)
    if len(data.classes) < 2:
        raise MedkitInputError(path, *NOTHING_TO_LEARN)
    if data.classes == BY_MASK and not data.label.any():
        raise MedkitInputError(path, *NOTHING_MARKED)
    try:
        split = _by_side(data, side, seed) if any(side) else split_by_group(kept_together(data), seed=seed)
    except ValueError as error:
        fix = ONE_NAME_FIX if any(note.startswith(ONE_NAME) for note in data.notes) else str(error)
        raise MedkitInputError(path, "can't be split into training, validation and test", fix) from error
    return _with_sound_labels(path, split)


def list_own(path: str | Path, names: bool = False) -> Listing:
    """List a folder in any of the layouts of `own_images`, with all that is off. names: as for `list_tree`.

    Raises:
        MedkitInputError: no folder, or one that may not be looked into.
    """
    root = Path(path).resolve()
    if not root.is_dir():
        raise MedkitInputError(path, "is neither a folder nor an .npz file", f"give {LAYOUTS}")
    inner = root if is_task(root) else unwrapped(root)
    if is_task(inner):
        return list_task(inner)
    found = list_tree(inner, names, inner != root)
    found.title = f"folder {root.name}"  # as the reader calls it, whatever lies around the images
    return found


def one_patient_a_class(label: list[int], group: list[int]) -> bool:
    """Tell whether what should be classes are patients: three or more, each with one group of its own."""
    pairs = set(zip(label, group))
    return len(pairs) >= 3 and len(pairs) == len({k for k, _ in pairs}) == len({g for _, g in pairs})


def _load(found: Listing, size: int, progress: Callable | None) -> tuple[ImageSet, list[str]]:
    """Return the images of a listing, and the side of each."""
    found.refuse_faults()
    data, owner = stack(found, size, progress)
    data = dataclasses.replace(data, notes=(*data.notes, *found.notes))
    if found.by_mask:
        data = dataclasses.replace(data, label=data.mask.flatten(1).any(1).long())
    elif data.unit in PATIENTS and one_patient_a_class(data.label.tolist(), data.group.tolist()):
        found.fault_of_patients()
        found.refuse_faults()
    elif data.mask is not None:
        bare = set(range(len(found.classes))) - {item.label for item in found.items if item.masks}
        listed = ", ".join(f"{found.classes[k]} ({sum(item.label == k for item in found.items)} images)" for k in sorted(bare))
        notes = (f"No mask files in {listed}: taken as nothing to find.",) if bare else ()
        data = dataclasses.replace(data, notes=(*data.notes, *notes))
    return data, [found.items[k].side for k in owner.tolist()]


def _by_side(data: ImageSet, side: list[str], seed: int) -> Split:
    """Return the split that folders make; a note says so."""
    data = dataclasses.replace(data, notes=(*data.notes, "Training and test images as the folders have them."))
    if set(side) == set(SIDES):
        return Split(*(data.subset(torch.tensor([one == name for one in side])) for name in SIDES))
    test = last_side(set(side))
    tested = torch.tensor([one == test for one in side])
    group = data.group.clone()  # twins are kept together where it is for us to split, not across the folders' sides
    group[~tested] = kept_together(data.subset(~tested)).group
    return split_off_validation(dataclasses.replace(data, group=group), tested, seed)


def _with_sound_labels(path: Path, split: Split) -> Split:
    """Return the split, its label scores taken out or marked where they would mislead."""
    train, val, test = ({split.train.classes[k] for k in side.label.unique().tolist()} for side in (split.train, split.val, split.test))
    if split.train.classes == BY_MASK and len(train) == 1:
        note = f"Training images are all of one kind, {min(train)}: masks alone are learned, no label is scored."
        sides = (split.train, split.val, split.test)
        return Split(*(dataclasses.replace(side, scored=torch.zeros_like(side.scored), notes=(*side.notes, note)) for side in sides))
    if untaught := sorted((val | test) - train):
        raise MedkitInputError(path, f"has no training image of {', '.join(untaught)}", "add some, or take the class out")
    if untested := sorted(train - test):
        note = f"No test image of {', '.join(untested)}: scores of labels say nothing of that."
        return dataclasses.replace(split, test=dataclasses.replace(split.test, notes=(*split.test.notes, note)))
    return split


def last_side(sides: set[str]) -> str:
    """Return which of the sides that folders make is the test; "" where they make none."""
    return max((side for side in sides if side), key=SIDES.index, default="")
