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

    my_images/                                    my_images/
      train_images/  a.png    test_images/  b.png   case 1/   imaging.nii.gz  segmentation.nii.gz
      train_masks/   a.png    test_masks/   b.png   case 2/   imaging.nii.gz  segmentation.nii.gz

Where each file lies is read by `medkit.data.places`, which image a mask belongs to by `medkit.data.pairs`, what names
say by `medkit.data.words`. Folders of patients are no classes: with masks, a slice's class is whether anything is
marked in it; without, nothing is to be learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.listing import BY_MASK, Fault, Item, Listing, contents
from medkit.data.pairs import pair
from medkit.data.places import FEW, Place, patient_levels, places_of, same_name
from medkit.data.read import grey, read
from medkit.data.words import FOR_MASKS, KEPT, SUFFIXES, UNREAD, ending_of, is_image, may_be_classes, of_a_patient, role_of, stem_of

MOST_LINKS = 100  # of one folder


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


def unwrapped(root: Path) -> Path:
    """Return the folder that holds the images' folders: archives often unpack into one folder that holds all others."""
    files, folders = contents(root)
    while len(folders) == 1 and not any(map(is_image, files)) and contents(folders[0])[1]:
        root = folders[0]
        files, folders = contents(root)
    return root


def list_tree(root: Path, names: bool = False, inside: bool = False) -> Listing:
    """List the images below a folder, with their masks, classes, patients and sides, and all that is off.

    Masks lie beside their image as image_mask.png, image_mask_1.png, ... or under the same name in a folder "masks"
    beside a folder "images"; image_seg, image_label, image_gt and others are masks where there is such an image, and
    a file called mask or segmentation alone is one of the only image in its folder. Either every image of a class has
    a mask or none. Images below a class's folders, three or more, are one patient's in each; where the classes'
    folders are called as patients are, they are patients. Files with other endings and hidden files are passed over.

    Args:
        root: the folder. names: call folders of patients by their names, and not by numbers.
        inside: it lies alone in the folder that the reader named.
    """
    found = Listing(root, "files without classes", ("unlabelled",), f"folder {root.name}", inside=inside)
    read_in, others = [], []
    for path in _files_below(root, (), Counter()):
        (read_in if is_image(path) else others).append(path)
    places = places_of(found, read_in)
    patients = bool(places) and all(place.kind is None and place.below for place in places)
    if not names:
        found.called = {place.path.parent: place.called for place in places if len(place.below) > 0}
    off = len(found.faults)
    _pass_over(found, others, set() if names else {path.parent for path in others} - {place.path.parent for place in places}, patients)
    images, masks = pair(found, places)
    images = _with_masks_on_their_side(found, images, masks)
    if patients and not any(masks.values()):
        images = [place._replace(kind=place.below[0]) for place in images]
    if len({place.kind for place in images}) == 1 and all(masks.values()):  # one folder, whatever it is called, and a mask for each
        images = [place._replace(kind=None) for place in images]
    kinds = sorted({place.kind for place in images if place.kind is not None})
    if kinds or not images:
        found.layout = "a folder a class"
        found.classes = tuple(f"folder {k}" for k in range(1, len(kinds) + 1)) if patients and not names else tuple(kinds)
        if patients:
            found.fault_of_patients("; if the folders are classes, take the numbers out of their names")
        elif not off:
            _judge_classes(found, read_in, images)
    elif any(masks.values()):
        found.classes, found.by_mask = BY_MASK, True
        _judge_patients(found, {place.below[0] for place in images} if patients else set(), len(images))
    if any(place.side for place in images):
        found.layout += ", split already"
    _judge_masks(found, images, masks)
    levels = () if patients and len(found.classes) < FEW and not found.by_mask else patient_levels(images, patients)
    for place in images:
        label = kinds.index(place.kind) if place.kind is not None else 0
        folder = "/".join(place.below[k] for k in levels) if levels and len(place.below) >= len(levels) else None
        found.items.append(Item(label, place.path, tuple(masks[place.path]), found.name(place.path), folder, place.side))
    return found


def _files_below(folder: Path, above: tuple[Path, ...], seen: Counter) -> Iterator[Path]:
    """Yield all files below a folder; a link to a folder that it lies in is passed over.

    Raises:
        MedkitInputError: links lead to one folder again and again.
    """
    real = folder.resolve()
    if real in above:
        return
    seen[real] += 1
    if seen[real] > MOST_LINKS:
        raise MedkitInputError(folder, f"is linked more than {MOST_LINKS} times", "copy what belongs there, and take the links out")
    files, folders = contents(folder)
    yield from files
    for one in folders:
        yield from _files_below(one, (*above, real), seen)


def _pass_over(found: Listing, others: list[Path], hidden: set[Path], patients: bool) -> None:
    """Count files that no one reads by what they end in, and tell once of each ending of images among them.

    Args:
        hidden: folders without any image that is read, which may be patients'. patients: so may be those in the root.
    """
    some = [path for path in others if path.name.lower() not in KEPT]
    found.passed_over.update(f".{ending}" if (ending := ending_of(path)) else "no ending" for path in some)
    for ending in sorted({ending_of(path) for path in some} & UNREAD):
        these = [path for path in some if ending_of(path) == ending]
        what = "is passed over: medkit does not read its kind" if len(these) == 1 else f"is passed over, as {len(these)} files of its kind are: medkit does not read it"
        above = these[0].relative_to(found.root).parts[:-1]
        if these[0].parent in hidden and len(above) > 1 - patients:
            found.called[these[0].parent] = "/".join([*above[: 1 - patients], "..."])
        found.fault("image not read", these[0], what, "save it as PNG, DICOM or NIfTI if it should count", False)


def _with_masks_on_their_side(found: Listing, images: list[Place], masks: dict[Path, list[Path]]) -> list[Place]:
    """Return the images without a test side's that has no masks where classes are told by masks; a note says so."""
    sides = {place.side for place in images}
    bare_sides = {side for side in sides - {"train"} if not any(masks[place.path] for place in images if place.side == side)}
    if not bare_sides or any(place.kind is not None for place in images) or not any(masks.values()):
        return images
    for side in sorted(bare_sides):
        out = [place for place in images if place.side == side]
        what = f"has no masks for its {len(out)} images, and training images have some: they are passed over"
        name = found.name(out[0].path).rpartition("/")[0] or found.root.name
        found.faults.append(Fault("side without masks", name, what, "add their masks if they should count", False))
        found.notes.append(f"{len(out)} {side} images have no masks and are passed over.")
    left = [place for place in images if place.side not in bare_sides]
    return [place._replace(side="") for place in left] if len({place.side for place in left}) == 1 else left


# ---- what is off


def _judge_classes(found: Listing, files: list[Path], images: list[Place]) -> None:
    root, names = found.root, found.classes
    loose = [place for place in images if place.kind is None]
    if any(role_of(part) == "images" for place in loose for part in place.path.relative_to(root).parts[:-1]):
        for kind in names:
            what = f"lies beside folders of images and of masks, and holds {sum(place.kind == kind for place in images)} images"
            found.fault("beside images and masks", _folder_of(kind, images), what, "take it out of this folder; if it holds the masks, call it masks and take the other out; or give each class a folder with images/ and masks/ in it")
    else:
        for place in loose:
            found.fault("beside the class folders", place.path, "lies beside the class folders", "move it into its class's folder")
    for kind in names:
        if kind.lower() in FOR_MASKS:
            what = "is called as a folder of masks, and would be a class"
            fix = "call the folder of their images images, and each mask as its image; or give the class another name"
            found.fault("masks as a class", _folder_of(kind, images), what, fix)
    if len(names) < 2 and not loose:
        few = f"must hold at least 2 class folders, got {len(names)}"
        found.fault("too few classes", root, few, "make CLASS/image.png, one folder a class")
    there = {path.relative_to(root).parts[0] for path in files}
    for folder in contents(root)[1]:
        if folder.name not in there:
            found.fault("empty class", folder, f"holds no image ({', '.join(SUFFIXES)})", "add images or remove the folder")


def _folder_of(kind: str, images: list[Place]) -> Path:
    """Return a folder of a class; on another side its name may have other capitals."""
    first = next(place for place in images if place.kind == kind)
    return next(one for one in first.path.parents if same_name(one.name) == same_name(kind))


def _judge_patients(found: Listing, names: set[str], images: int) -> None:
    """Write down that nobody knows whether folders are patients' or classes; `images` as many as folders are a case each."""
    if len(names) < images and all(map(of_a_patient, names)) and may_be_classes(names):
        what = f"holds {len(names)} folders that are called as patients' are, or as classes with numbers"
        fix = "if they are classes, take the numbers out of their names; if they are patients, call them patient 1, patient 2, ..."
        found.fault("patients or classes", found.root, what, fix)


def _judge_masks(found: Listing, images: list[Place], masks: dict[Path, list[Path]]) -> None:
    with_some = {place.kind for place in images if masks[place.path]}
    for place in images:
        if place.kind in with_some and not masks[place.path]:
            others = "others of its class have one" if place.kind else "others have one"
            stem = stem_of(place.path)
            found.fault("image without mask", place.path, f"has no mask while {others}", f"add {stem}_mask{place.path.name[len(stem) :]}, all black if empty")
