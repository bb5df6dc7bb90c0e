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

Where each file lies is read by `medkit.data.places`, what names say by `medkit.data.words`. Folders of patients are
no classes: with masks, a slice's class is whether anything is marked in it; without, nothing is to be learned.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.listing import BY_MASK, Item, Listing, contents
from medkit.data.places import FEW, Place, patient_levels, places_of, same_name
from medkit.data.read import grey, read
from medkit.data.words import (
    KEPT, LIKE_A_MASK, MASK_ALONE, MASK_NAME, MASKS, SEGMENTED, SUFFIXES, UNREAD, bare, ending_of, is_image,
    may_be_classes, of_a_patient, role_of, stem_of,
)  # fmt: skip

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
    _pass_over(found, others)
    images, masks = _pair(found, places)
    images = _with_masks_on_their_side(found, images, masks)
    if patients and not any(masks.values()):
        images = [place._replace(kind=place.below[0]) for place in images]
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


def _pass_over(found: Listing, others: list[Path]) -> None:
    """Count files that no one reads by what they end in, and tell once of each ending of images among them."""
    some = [path for path in others if path.name.lower() not in KEPT]
    found.passed_over.update(f".{ending}" if (ending := ending_of(path)) else "no ending" for path in some)
    for ending in sorted({ending_of(path) for path in some} & UNREAD):
        these = [path for path in some if ending_of(path) == ending]
        what = "is passed over: medkit does not read its kind" if len(these) == 1 else f"is passed over, as {len(these)} files of its kind are: medkit does not read it"
        found.fault("image not read", these[0], what, "save it as PNG, DICOM or NIfTI if it should count", False)


# ---- images and their masks


def _pair(found: Listing, places: list[Place]) -> tuple[list[Place], dict[Path, list[Path]]]:
    """Return the images, and each one's masks."""
    images: dict[tuple, Place] = {}
    masks, perhaps = [], []
    for place in places:
        stem = stem_of(place.path)
        if place.among_masks or MASK_NAME.fullmatch(stem):
            masks.append(place)
        elif LIKE_A_MASK.fullmatch(stem) or MASK_ALONE.fullmatch(stem):
            perhaps.append(place)
        else:
            _add(found, images, place)
    near = _Near(images)
    told = [bool(near.of(place)) or _is_lost(place, near) for place in perhaps]
    masks += [place for place, is_mask in zip(perhaps, told) if is_mask]
    for place in (place for place, is_mask in zip(perhaps, told) if not is_mask):
        _add(found, images, place)
    near = _Near(images)
    by_image: dict[Path, list[Path]] = {place.path: [] for place in images.values()}
    for place in masks:
        theirs = near.of(place)
        for image in theirs:
            by_image[image.path].append(place.path)
        if not theirs:
            _fault_of_a_mask(found, place)
    return [place for place in places if place.path in by_image], by_image


def _add(found: Listing, images: dict[tuple, Place], place: Place) -> None:
    twin = images.setdefault(place.key, place)
    if twin is not place:
        stem = stem_of(place.path)
        fix = f"rename one of them; if one is the other's mask, call it {stem}_mask{place.path.name[len(stem) :]}"
        found.fault("two files of one name", place.path, f"and {twin.path.name} share one name", fix)


def _is_lost(place: Place, near: _Near) -> bool:
    """Tell whether a file that leads to no image is a mask all the same, and none an image."""
    stem = stem_of(place.path)
    volume = place.path.name.lower().endswith((".nii", ".nii.gz"))
    return bool(SEGMENTED.fullmatch(stem) and (volume or place.kind is not None)) or bool(MASK_ALONE.fullmatch(stem) and near.in_folder[place.where])


class _Near:
    """Finds the images that a mask's name leads to."""

    def __init__(self, images: dict[tuple, Place]):
        self.images = images
        self.in_folder: dict[tuple, list[Place]] = defaultdict(list)
        self.by_bare: dict[tuple, list[Place]] = defaultdict(list)
        self.by_stem: dict[tuple, list[Place]] = defaultdict(list)
        for place in images.values():
            stem = same_name(stem_of(place.path))
            self.in_folder[place.where].append(place)
            self.by_bare[place.where, bare(stem)].append(place)
            self.by_stem[place.side, stem].append(place)

    def of(self, mask: Place) -> list[Place]:
        """Return the images of a mask: one, or several that were taken of one volume; [] where its name leads to none."""
        stem = same_name(stem_of(mask.path))
        forms = [match["image"] for form in (MASK_NAME, LIKE_A_MASK) if (match := form.fullmatch(stem))]
        stems = list(dict.fromkeys([stem] * mask.among_masks + forms))
        keys = [(mask.where, one + end) for one in stems for end in ("", "_0000")]  # nnU-Net's name for the first channel
        if first := next((self.images[key] for key in keys if key in self.images), None):
            return [first]
        if mask.among_masks:
            return self._alone(self.by_bare[mask.where, bare(stem)])
        if MASK_ALONE.fullmatch(stem):
            return self._alone(self.in_folder[mask.where])
        if mask.kind and mask.kind.lower() in MASKS:  # one folder of masks beside those of the classes
            return self._alone([place for one in stems for place in self.by_stem[mask.side, one]])
        if SEGMENTED.fullmatch(stem) and stems and mask.path.name.lower().endswith((".nii", ".nii.gz")):
            return [one for one in self.in_folder[mask.where] if same_name(stem_of(one.path)).startswith(f"{stems[0]}_")]
        return []

    @staticmethod
    def _alone(found: list[Place]) -> list[Place]:
        return found if len(found) == 1 else []


def _fault_of_a_mask(found: Listing, place: Place) -> None:
    stem = stem_of(place.path)
    where = place.kind or found.root.name
    if MASK_ALONE.fullmatch(stem):
        what = f"is called as a mask, and {where} holds no image alone that it may belong to"
        found.fault("mask without image", place.path, what, "call it as its image with _mask behind, or put each image with its mask into a folder of its own")
        return
    match = MASK_NAME.fullmatch(stem) or LIKE_A_MASK.fullmatch(stem)
    add = f"add {match['image'] if match else stem}.png or remove it" + "; if it is an image, give it another name" * bool(SEGMENTED.fullmatch(stem))
    if place.among_masks:
        add = f"call it as its image is called, add {match['image'] if match else stem}.png to the images, or remove it"
    elif place.kind and place.kind.lower() in MASKS:
        add = "put it beside its image, in the folder of its class"
    found.fault("mask without image", place.path, f"is a mask without its image in {where}", add)


def _with_masks_on_their_side(found: Listing, images: list[Place], masks: dict[Path, list[Path]]) -> list[Place]:
    """Return the images without a test side's that has no masks where classes are told by masks; a note says so."""
    sides = {place.side for place in images}
    bare_sides = {side for side in sides - {"train"} if not any(masks[place.path] for place in images if place.side == side)}
    if not bare_sides or any(place.kind is not None for place in images) or not any(masks.values()):
        return images
    for side in sorted(bare_sides):
        out = [place for place in images if place.side == side]
        what = f"has no masks for its {len(out)} images, and training images have some: they are passed over"
        found.fault("side without masks", out[0].path.parent, what, "add their masks if they should count", False)
        found.notes.append(f"{len(out)} {side} images have no masks and are passed over.")
    left = [place for place in images if place.side not in bare_sides]
    return [place._replace(side="") for place in left] if len({place.side for place in left}) == 1 else left


# ---- what is off


def _judge_classes(found: Listing, files: list[Path], images: list[Place]) -> None:
    root, names = found.root, found.classes
    loose = [place for place in images if place.kind is None]
    if any(role_of(part) == "images" for place in loose for part in place.path.relative_to(root).parts[:-1]):
        for kind in names:
            first = next(place for place in images if place.kind == kind)
            folder = next(one for one in first.path.parents if one.name == kind)
            what = f"lies beside folders of images and of masks, and holds {sum(place.kind == kind for place in images)} images"
            found.fault("beside images and masks", folder, what, "take it out of this folder; or give each class a folder with images/ and masks/ in it")
    else:
        for place in loose:
            found.fault("beside the class folders", place.path, "lies beside the class folders", "move it into its class's folder")
    if len(names) < 2 and not loose:
        few = f"must hold at least 2 class folders, got {len(names)}"
        found.fault("too few classes", root, few, "make CLASS/image.png, one folder a class")
    there = {path.relative_to(root).parts[0] for path in files}
    for folder in contents(root)[1]:
        if folder.name not in there:
            found.fault("empty class", folder, f"holds no image ({', '.join(SUFFIXES)})", "add images or remove the folder")


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
