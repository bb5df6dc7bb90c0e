"""Where each file of a folder lies: on which side, in which class and patient, among images or among masks.

Folders of images and of masks are taken out of a file's path first, then folders of sides: train, val and test, above
the classes or below each. What is left is the class, and below it a folder for each patient.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from medkit.data.leaks import patient_in
from medkit.data.listing import Listing
from medkit.data.medmnist import SIDES
from medkit.data.words import (
    IMAGES, LIKE_A_MASK, MASK_ALONE, MASK_NAME, MASKS, are_kinds, are_patients, are_views, is_fold, of_a_patient, role_of, side_in, side_of, stem_of,
)  # fmt: skip

FEW = 3  # folders below the classes, from which on each is a patient's


class Place(NamedTuple):
    """Where a file lies: on which side, in which class's folder, in which folders below that, whether among masks.

    kind: the class's name; None where no folder says it. below: a patient's folder and those in it.
    called: its folders, as messages and tables show them.
    """

    path: Path
    side: str
    kind: str | None
    below: tuple[str, ...]
    among_masks: bool
    called: str

    @property
    def key(self) -> tuple:
        """Return what an image and its masks share."""
        return self.where, same_name(stem_of(self.path))

    @property
    def where(self) -> tuple:
        """Return what files of one folder share, whether that of the images or that of their masks."""
        return self.side, self.kind, self.below


@dataclasses.dataclass
class _Way:
    """A file's folders on the way to being understood. left: which of them have not been taken out of its path."""

    path: Path
    folders: tuple[str, ...]
    left: list[int]
    side: str = ""
    among_masks: bool = False

    def head(self, depth: int = 0) -> str:
        """Return the name of a folder that is left; "" where there is none."""
        return self.folders[self.left[depth]] if depth < len(self.left) else ""


def same_name(stem: str) -> str:
    """Return a name as names are compared: without capitals, and with letters composed in one way."""
    return unicodedata.normalize("NFC", stem).lower()


def places_of(found: Listing, files: list[Path]) -> list[Place]:
    """Return where each file lies, and write down what can't be understood; files beside the sides are left out."""
    ways = [_Way(path, folders, list(range(len(folders)))) for path in files for folders in [path.relative_to(found.root).parts[:-1]]]
    _take_pairs(ways)
    ways = _take_sides(found, ways)
    _fault_of_sides(found, ways)
    _fault_of_folds(found, ways)
    patients = _are_patients(ways)
    inside: dict[tuple, set[str]] = defaultdict(set)
    for way in ways:
        for depth, name in enumerate(way.folders):
            inside[way.folders[:depth]].add(name)
    number = {parent: {name: k for k, name in enumerate(sorted(names), 1)} for parent, names in inside.items()}
    one_name = _class_names(ways)
    places = []
    for way in ways:
        rest = way.left
        hidden = rest if patients else rest[1:]
        called = [f"folder {number[way.folders[:k]][name]}" if k in hidden else name for k, name in enumerate(way.folders)]
        names = tuple(way.folders[k] for k in rest)
        kind, below = (None, names) if patients or not names else (one_name.get(names[0], names[0]), names[1:])
        places.append(Place(way.path, way.side, kind, below, way.among_masks, "/".join(called)))
    return places


def patient_levels(places: list[Place], patients: bool) -> tuple[int, ...]:
    """Return which of the folders below the classes make a patient; () where none do.

    The first below the class does, from three of them on, unless they are views, kinds or parts by their names, or one
    stands on two sides and is not called as a patient's. Where it does not, the next does with it, if its name is a
    patient's and not a series'; with views it does alone, for a patient has several.

    Args:
        patients: there are no classes, the first folder is a patient's.
    """
    if patients:
        return (0,)
    levels: tuple[int, ...] = ()
    for level in range(max((len(place.below) for place in places), default=0)):
        deep = [place for place in places if len(place.below) > level]
        keys, names = {place.below[: level + 1] for place in deep}, {place.below[level] for place in deep}
        if are_views(names):
            continue
        levels += (level,)
        if are_kinds(names):
            continue
        if level == 0:
            on_two = len({(place.side, place.below[0]) for place in deep}) > len(names)
            if all(map(of_a_patient, names)) or (len(names) >= FEW and not on_two):
                return levels
        elif len(keys) >= FEW and are_patients(names):
            return levels
    return ()


# ---- images/ and masks/


def _take_pairs(ways: list[_Way]) -> None:
    """Take folders of images, and those of masks beside them, out of the paths; their names may say the side."""
    inside: dict[tuple, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for way in ways:
        for depth, name in enumerate(way.folders):
            inside[way.folders[:depth]][name].add(same_name(stem_of(way.path)))
        inside[way.folders][""].add(same_name(stem_of(way.path)))  # files beside folders
    pairs = {parent: found for parent, names in inside.items() if (found := _pairs(names))}
    for parent, names in inside.items():  # test/images without test/masks, beside a train/ that has both
        if parent and parent not in pairs and side_of(parent[-1]) and any(one[:-1] == parent[:-1] and side_of(one[-1]) for one in pairs if one):
            pairs |= {parent: {name: "" for name in names if name.lower() in IMAGES}}
    for way in ways:
        for depth, name in enumerate(way.folders):
            if name in pairs.get(way.folders[:depth], ()):
                way.left.remove(depth)
                way.side = pairs[way.folders[:depth]][name]
                way.among_masks = name.lower() in MASKS or role_of(name) == "masks"
                break


def _pairs(names: dict[str, set[str]]) -> dict[str, str]:
    """Return which of the folders beside each other hold images or masks, and the side of each where names tell several.

    Args:
        names: of each folder the stems of the files below it; "" for files beside the folders.
    """
    exact = {name for name in names if name.lower() in IMAGES | MASKS}
    if {role_of(name) for name in exact} != {"images", "masks"}:
        exact = set()
    by_side: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        by_side[side_in(name)][role_of(name)].append(name)
    taken = {name: "" for name in exact}
    for side, roles in by_side.items():
        images, masks = roles["images"], roles["masks"]
        if len(images) == len(masks) == 1 and not {*images, *masks} <= exact and _share(names[images[0]], names[masks[0]]):
            taken |= {images[0]: side, masks[0]: side}
    for side, roles in by_side.items():
        if taken and side and len(roles["images"]) == 1 and not roles["masks"]:
            taken[roles["images"][0]] = side  # a test set without masks
    for name in exact:
        taken[name] = side_in(name)
    if not exact and "" in names and not any(role_of(name) == "images" for name in names):  # masks/ beside the images themselves
        masks = [name for name in names if name.lower() in MASKS and _share(names[""], names[name])]
        return {masks[0]: ""} if len(masks) == 1 else {}
    if len(set(taken.values())) < 2:
        return dict.fromkeys(taken, "")
    return {name: side or "train" for name, side in taken.items()}


def _share(images: set[str], masks: set[str]) -> bool:
    """Tell whether half of all masks or more are called as an image is, with or without a mask's ending."""
    forms = [match["image"] for stem in masks for form in (MASK_NAME, LIKE_A_MASK) if (match := form.fullmatch(stem))]
    return 2 * len(images & {*masks, *forms}) >= len(masks)


# ---- train and test


def _take_sides(found: Listing, ways: list[_Way]) -> list[_Way]:
    """Take folders called train, val and test out of the paths: above the classes, or below each; return what is left."""
    if not ways or any(way.side for way in ways):
        return ways
    heads = {way.head() for way in ways}
    if len({side_of(head) for head in heads} - {""}) > 1:
        _fault_of_strays(found, ways, {head for head in heads if not side_of(head)})
        ways, depth = [way for way in ways if side_of(way.head())], 0
    elif "" not in heads and all(side_of(way.head(1)) for way in ways) and len({side_of(way.head(1)) for way in ways}) > 1:
        depth = 1
    else:
        return ways
    for way in ways:
        way.side = side_of(way.head(depth))
        del way.left[depth]
    return ways


def _fault_of_strays(found: Listing, ways: list[_Way], heads: set[str]) -> None:
    for head in sorted(heads):
        paths = [way.path for way in ways if way.head() == head]
        fix = "move its images into train/CLASS or test/CLASS, or take it out of this folder"
        one = found.root.joinpath(*next(way.folders[: way.left[0] + 1] for way in ways if way.head() == head)) if head else paths[0]
        what = "lies beside train and test" + (f", and holds {len(paths)} images" if head else f", as {len(paths)} images do" * (len(paths) > 1))
        found.fault("beside train and test", one, what, fix if head else "move each into train/CLASS or test/CLASS, or take it out")


def _fault_of_sides(found: Listing, ways: list[_Way]) -> None:
    """Write down, once, that a folder called train or test would be a class or a patient."""
    for depth, would in enumerate(("class", "patient")):
        opposite = any(way.head(depth).lower() == "invalid" for way in ways)
        for way in ways:
            if side_of(way.head(depth)) and not (opposite and way.head(depth).lower() == "valid"):
                at = found.root.joinpath(*way.folders[: way.left[depth] + 1])
                what = f"would be a {would}, and is called as a side of a split"
                fix = "make train/CLASS/image.png and test/CLASS/image.png with nothing beside them, or give it another name"
                found.fault("train or test as a class", at, what, fix)
                return


def _fault_of_folds(found: Listing, ways: list[_Way]) -> None:
    heads = sorted({way.head() for way in ways} - {""})
    if len(heads) > 1 and all(map(is_fold, heads)):
        what = f"is one of {len(heads)} folders that are parts of a set, as their names say, and would be a class"
        fix = "put the images of all parts together as CLASS/image.png; or name two of the folders train and test, and take the others out; if they are classes, give them other names"
        found.fault("parts as classes", found.root / heads[0], what, fix)


def _class_names(ways: list[_Way]) -> dict[str, str]:
    """Return for each class's folder the name of its class: where there are sides, names that differ in capitals alone are one."""
    first: dict[str, str] = {}
    heads = [way.head() for way in sorted(ways, key=lambda way: SIDES.index(way.side) if way.side else 0) if way.left]
    split = any(way.side for way in ways)
    return {head: first.setdefault(same_name(head) if split else head, head) for head in heads}


# ---- patients


def _are_patients(ways: list[_Way]) -> bool:
    """Tell whether the folders that would be classes are patients': by their names, or each is one image with its mask."""
    heads = {way.head() for way in ways}
    if "" in heads or len(heads) < 2 or all(map(is_fold, heads)):
        return False
    alone = {way.head() for way in ways if len(way.left) == 1 and MASK_ALONE.fullmatch(stem_of(way.path))}
    images = Counter(way.head() for way in ways if not MASK_ALONE.fullmatch(stem_of(way.path)))
    if alone == heads and all(images[head] == 1 for head in heads):
        return True
    numbers = {tuple(re.findall(r"\d+", head)) for head in heads}  # a year that all names share is no patient's number
    return all(map(patient_in, heads)) or (FEW <= len(heads) < 2 * len(numbers) and all(map(of_a_patient, heads)))
