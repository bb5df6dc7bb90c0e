"""Images and their masks: which file is which by its name, and to which image a mask belongs."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from medkit.data.listing import Listing
from medkit.data.places import Place, same_name
from medkit.data.words import LIKE_A_MASK, MASK_ALONE, MASK_NAME, MASKS, SEGMENTED, bare, stem_of


def pair(found: Listing, places: list[Place]) -> tuple[list[Place], dict[Path, list[Path]]]:
    """Return the images, and each one's masks; write down masks without an image, and two files of one name.

    Args:
        places: of all files, as `places_of` says.
    """
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
