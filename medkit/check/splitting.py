"""What would stand in the way of a split, or make its scores mislead, told before anything is trained.

| kind | from |
|---|---|
| nothing to learn, nothing marked | no classes and no masks; masks without a pixel inside |
| folders of patients | three classes or more, each of one patient |
| patient on two sides | of a set that folders split already |
| few patients | of a class, copies of one picture counted once |
| class without training, class without test | of a set that folders split already |
| one kind to learn | training images are all marked, or all not |
| classes by number | three or more that are called alike but for a number |
| class imbalance | of the images |
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from medkit.check.looking import Look
from medkit.data.listing import Fault, Listing
from medkit.data.medmnist import SIDES
from medkit.data.own import NOTHING_MARKED, NOTHING_TO_LEARN, last_side, one_patient_a_class
from medkit.data.stack import ONE_NAME_FIX, studies_of_one
from medkit.data.twins import Twin, joined_by

LEAK = "a leak from "
UNEVEN = 10  # times as many images in one class as in another
MORE = "add images of other patients"
MASKS_ALONE = "masks alone are learned, labels are not scored; to see false alarms, add images with empty masks"


def judge_split(found: Listing, looks: Sequence[Look], groups: Sequence[int], known: bool, twins: Sequence[Twin]) -> list[Fault]:
    """Return what is off with classes, patients and sides.

    Args:
        groups, known: each file's patient, and whether all are known. twins: files that show one picture.
    """
    if len(found.classes) == 1:
        return [Fault("nothing to learn", found.root.name, *NOTHING_TO_LEARN)]
    if known and not found.by_mask and one_patient_a_class([look.item.label for look in looks], groups):
        found.fault_of_patients()
        return []
    images = sum(_votes(found, looks, groups).values(), Counter())
    if found.by_mask and not images[1]:
        return [Fault("nothing marked", found.root.name, *NOTHING_MARKED)]
    split = _on_two_sides(looks, groups) or _few(found, looks, _kept_together(looks, groups, twins))
    return [*split, *_taught(found, looks), *_numbered(found), *_uneven(found, images)]


def leak_between(one: Look, other: Look) -> str:
    """Say from which side into which something leaks."""
    earlier, later = sorted((one.item.side, other.item.side), key=SIDES.index)
    return f"{LEAK}{earlier} into {later}"


def _votes(found: Listing, looks: Sequence[Look], groups: Sequence[int]) -> dict[int, Counter]:
    """Return for each group how many images it has of each class; slices count as images."""
    votes: dict[int, Counter] = defaultdict(Counter)
    for look, group in zip(looks, groups):
        votes[group].update(_labels(found, look))
    return votes


def _labels(found: Listing, look: Look) -> dict[int, int]:
    """Return how many images of each class a file holds."""
    return {1: look.marked, 0: look.size[0] - look.marked} if found.by_mask else {look.item.label: look.size[0]}


def _kept_together(looks: Sequence[Look], groups: Sequence[int], twins: Sequence[Twin]) -> list[int]:
    """Return the groups of a split at random, in which all copies of one picture count as one; sides that are there stay."""
    pairs = [(groups[twin.i], groups[twin.j]) for twin in twins if looks[twin.i].item.side == looks[twin.j].item.side]
    lowest = joined_by(max(groups) + 1, pairs)
    return [lowest[group] for group in groups]


def _few(found: Listing, looks: Sequence[Look], groups: Sequence[int]) -> list[Fault]:
    """Classes with too few groups to be split at random, or to have validation images taken from."""
    sides = {look.item.side for look in looks}
    if sides == set(SIDES):
        return []
    test = last_side(sides)
    chosen = [k for k, look in enumerate(looks) if not test or look.item.side != test]
    votes = _votes(found, [looks[k] for k in chosen], [groups[k] for k in chosen])
    counts = Counter(max(range(len(found.classes)), key=lambda k: (vote[k], -k)) for vote in votes.values())
    if max(counts.values(), default=0) < 3:
        if studies := studies_of_one(looks):
            return [Fault("few patients", found.root.name, f"names one patient in all files, in {studies} studies", ONE_NAME_FIX)]
        few = f"has no class with three groups or more (patients, or images where those are unknown), {len(votes)} in all"
        return [Fault("few patients", found.root.name, few, MORE)]
    return [
        Fault("few patients", found.classes[k], f"has {count} groups: it can't stand on all three sides of a split", MORE, False)
        for k, count in sorted(counts.items())
        if count < 3 and not found.by_mask
    ]


def _on_two_sides(looks: Sequence[Look], groups: Sequence[int]) -> list[Fault]:
    first: dict[int, Look] = {}
    faults = {}
    for look, group in zip(looks, groups):
        other = first.setdefault(group, look)
        if other.item.side != look.item.side:
            what = f"is of the same patient as {other.item.name}: {leak_between(other, look)}"
            faults.setdefault(group, Fault("patient on two sides", look.item.name, what, "put all of a patient's files on one side"))
    return list(faults.values())


def _taught(found: Listing, looks: Sequence[Look]) -> list[Fault]:
    """Classes that can't be learned, or are not asked for: the first side of a split that is there is training, the last the test."""
    on: dict[str, set[int]] = defaultdict(set)
    for look in looks:
        on[look.item.side] |= {k for k, count in _labels(found, look).items() if count}
    sides = sorted(on, key=("", *SIDES).index)
    taught, asked, tested = on[sides[0]], set().union(*on.values()), on[sides[-1]]
    if found.by_mask and len(taught) == 1:
        return [Fault("one kind to learn", found.root.name, f"has one kind of training images alone, {found.classes[min(taught)]}", MASKS_ALONE, False)]
    said = "scores of labels say nothing of it; add test images"
    return [
        *(Fault("class without training", found.classes[k], "has no training image", "add some, or take the class out") for k in sorted(asked - taught)),
        *(Fault("class without test", found.classes[k], "has no test image", said, False) for k in sorted(taught - tested)),
    ]


def _numbered(found: Listing) -> list[Fault]:
    """Folders of classes whose names differ by a number alone: grades, or patients whose folders do not say so."""
    if not found.layout.startswith("a folder a class"):
        return []
    shapes = {re.sub(r"\d+", "#", name) for name in found.classes}
    if len(found.classes) < 3 or len(shapes) > 1 or not re.search(r"[^\W\d_].*#", shapes.pop()):
        return []
    what = f"has {len(found.classes)} classes whose names differ by a number alone, {found.classes[0]} to {found.classes[-1]}"
    return [Fault("classes by number", found.root.name, what, "right if they are grades; if they are patients, make CLASS/PATIENT/image.png", False)]


def _uneven(found: Listing, images: Counter) -> list[Fault]:
    there = {k: images[k] for k in range(len(found.classes)) if images[k]}
    most, least = max(there, key=there.get), min(there, key=there.get)
    if there[most] < UNEVEN * there[least]:
        return []
    what = f"has {there[least]} images, {found.classes[most]} {there[most]}"
    return [Fault("class imbalance", found.classes[least], what, "read balanced accuracy and F1, not accuracy; weight the classes", False)]
