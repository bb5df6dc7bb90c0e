"""What the numbers of all files together say: faults that no single file shows.

| kind | from |
|---|---|
| same bytes, near twin, augmented copy | two files that hold one picture; with two classes or sides, it says so |
| empty mask, mask of everything | of a file's pixels none, or more than `ALL` |
| constant image, two values alone | an image that shows nothing, or is a mask |
| perhaps a mask | two values alone, and a name as of an image beside it, or of one in another class |
| clipped | more than `CLIPPED` of the pixels have the highest value |
| 8 bits in 16, another scale | grey values of a `SCALE`th or `SCALE` times of what is usual here |
| odd size, colour | unlike most other files |
| mixed units, several modalities | HU beside grey levels, CT beside MRI |
| burned-in text | the file says that writing stands in its pixels |
| perhaps text | ultrasound or a captured screen, and the file does not say; no pixels are searched |

What stands in the way of a split, `splitting` says.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict

import torch

from medkit.check.looking import Look
from medkit.check.splitting import LEAK, judge_split, leak_between
from medkit.data.container import ImageSet
from medkit.data.likeness import alike_from
from medkit.data.listing import Fault, Listing
from medkit.data.perhaps import perhaps_masks
from medkit.data.read import HU
from medkit.data.read.dicom import BURNED_IN
from medkit.data.twins import Twin, find_twins

CLIPPED = 0.05
ALL = 0.95
SCALE = 16
ODD = 3  # times as high or wide as usual, or a third of it
ONE_CALLED = ", and one is called"
TWO = "two values alone"


def judge(found: Listing, looks: list[Look], groups: list[int], known: bool, alike: float) -> list[Fault]:
    """Return what is off among files that could be read, without what `found` holds already.

    Args:
        groups, known: each file's patient, and whether all are known, as `patients_of` says.
        alike: likeness from which two images are one picture, as `bar` says.
    """
    if not looks:
        return []
    faults, perhaps = perhaps_masks(found, [look.item for look in looks], [look.values for look in looks], [look.size for look in looks])
    alone = [fault for look in looks for fault in _alone(look) if fault.kind != TWO or look.item.name not in perhaps]
    faults += _folded(alone, len(looks), found)
    for rule in (_masks, _units, _modalities, _scales, _sizes, _colours):
        faults += rule(found, looks)
    twins = find_twins(as_set(found, looks, groups), alike)
    return [*faults, *_twins(found, looks, twins), *judge_split(found, looks, groups, known, twins)]


# ---- files alone


def _alone(look: Look) -> list[Fault]:
    def fault(kind: str, what: str, fix: str) -> Fault:
        return Fault(kind, look.item.name, what, fix, False)

    found = []
    if look.values == 1:
        found.append(fault("constant image", f"has one grey value alone, {look.low:g}", "take it out, or export it again"))
    elif look.values == 2:
        found.append(fault(TWO, f"holds {look.low:g} and {look.high:g} alone, as a mask does", "look at it; name a mask IMAGE_mask"))
    elif look.at_top > CLIPPED:
        found.append(fault("clipped", f"has {look.at_top:.0%} of its pixels at its highest value, {look.high:g}", "export it with a wider window"))
    if look.deep and look.values > 1 and look.high <= 255:
        found.append(fault("8 bits in 16", "is stored in 16 bits and uses 8", "export it in 8 bits, or with its full range"))
    if look.writing == BURNED_IN:
        found.append(fault("burned-in text", "says that writing is burned into its pixels", "look for names and dates; cover them or take it out"))
    elif look.writing:
        found.append(fault("perhaps text", "does not say whether writing stands in its pixels, as it often does in such files", "look for names and dates in it"))
    return found


def _folded(faults: list[Fault], count: int, found: Listing, most: float = 0.5) -> list[Fault]:
    """Return the faults; what is true of more than a share `most` of all files is said once, of the folder."""
    by_kind: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        by_kind[fault.kind].append(fault)
    kept = []
    for kind, some in by_kind.items():
        if len(some) > max(3, count * most):
            kept.append(Fault(kind, found.root.name, f"has {len(some)} such files of {count}; {some[0].name} {some[0].what}", some[0].fix, False))
        else:
            kept += some
    return kept


def _masks(found: Listing, looks: list[Look]) -> list[Fault]:
    """Empty masks, where others of the class have something in theirs, and masks that leave nothing out."""
    with_some = {look.item.label for look in looks if look.inside > 0}
    said = "right if nothing is to be found in it; else draw it again"
    empty = [Fault("empty mask", look.item.name, "has an empty mask", said, False) for look in looks if look.inside == 0 and look.item.label in with_some]
    full = [
        Fault("mask of everything", look.item.name, f"has a mask of {look.inside:.0%} of its pixels", "turn it round: 0 outside, 255 inside", False)
        for look in looks
        if look.inside > ALL
    ]
    return [*(_folded(empty, len(looks), found, 0.0) if found.by_mask else empty), *full]  # there, empty masks make a class


# ---- files among others


def _units(found: Listing, looks: list[Look]) -> list[Fault]:
    kinds = Counter("Hounsfield units" if look.unit == HU else "grey levels" for look in looks)
    if len(kinds) < 2:
        return []
    (usual, _), (rare, count) = kinds.most_common()
    odd = next(look for look in looks if (look.unit == HU) == (rare == "Hounsfield units"))
    few = f"is in {rare}, as {count} of {len(looks)} files are; the others are in {usual}"
    return [Fault("mixed units", odd.item.name, few, "keep both kinds in folders of their own")]


def _modalities(found: Listing, looks: list[Look]) -> list[Fault]:
    counts = Counter(look.modality for look in looks if look.modality != "unknown")
    if len(counts) < 2:
        return []
    (usual, _), *others = counts.most_common()
    return [
        Fault("several modalities", next(look.item.name for look in looks if look.modality == name),
              f"is {name}, as {count} of {len(looks)} files are, beside {usual}", "keep each kind in a folder of its own", False)
        for name, count in others
    ]  # fmt: skip


def _scales(found: Listing, looks: list[Look]) -> list[Fault]:
    some = [look for look in looks if look.values > 2 and not (look.deep and look.high <= 255)]
    usual = statistics.median(look.high - look.low for look in some) if some else 1.0
    said = "normalise each image on its own, by percentiles or z-score"
    faults = [
        Fault("another scale", look.item.name, f"spans {look.high - look.low:g} grey values, the others about {usual:g}", said, False)
        for look in some
        if not usual / SCALE < look.high - look.low < usual * SCALE
    ]
    return _folded(faults, len(looks), found, 0.1)  # where scales are many, none is usual


def _sizes(found: Listing, looks: list[Look]) -> list[Fault]:
    usual = [statistics.median(look.size[axis] for look in looks) for axis in (1, 2)]
    return [
        Fault("odd size", look.item.name, f"has {look.size[2]} × {look.size[1]} pixels, the others about {usual[1]:g} × {usual[0]:g}",
              "look whether it is the image, and not a thumbnail or a page", False)
        for look in looks
        if any(not one / ODD < side < one * ODD for side, one in zip(look.size[1:], usual))
    ]  # fmt: skip


def _colours(found: Listing, looks: list[Look]) -> list[Fault]:
    odd = [look for look in looks if look.colour]
    if len(odd) > len(looks) / 2:
        return []
    fix = "it becomes grey; look whether it is a Doppler image, a screenshot or marked by hand"
    return [Fault("colour", look.item.name, "is in colour, most others are grey", fix, False) for look in odd]


# ---- pairs


def as_set(found: Listing, looks: list[Look], groups: list[int]) -> ImageSet:
    """Return the thumbnails as one set, (N, 1, SIDE, SIDE) in 0 ... 255; they have no classes."""
    return ImageSet(
        "thumbnails", "real", _modality(found, looks), torch.stack([look.thumb for look in looks])[:, None].float(),
        torch.zeros(len(looks), dtype=torch.int64), ("any",), None, torch.tensor(groups), "image, patients unknown",
        tuple(look.item.name for look in looks), "your own files",
    )  # fmt: skip


def _modality(found: Listing, looks: list[Look]) -> str:
    kinds = {look.modality for look in looks} - {"unknown"}
    return kinds.pop() if len(kinds) == 1 and found.modality == "unknown" else found.modality


def _twins(found: Listing, looks: list[Look], twins: list[Twin]) -> list[Fault]:
    first: dict[bytes, int] = {}
    same = [(first.setdefault(look.digest, number), number) for number, look in enumerate(looks)]
    same = [(i, j) for i, j in same if i != j]
    original = {number: first[look.digest] for number, look in enumerate(looks)}
    faults = [_pair(found, "same bytes", looks[i], looks[j], "holds the same bytes as") for i, j in same]
    refused = alike_from(_modality(found, looks))  # from here on `leaks` refuses two sides
    for twin in sorted(twins, key=lambda twin: -twin.likeness):
        if original[twin.i] == twin.i and original[twin.j] == twin.j:  # else it has been named as a copy
            kind = twin.kind.split(",")[0]
            what = f"shows the same picture (likeness {twin.likeness:.3f}{twin.kind.removeprefix(kind)}) as"
            faults.append(_pair(found, kind, looks[twin.i], looks[twin.j], what, twin.likeness >= refused))
    return sorted(faults, key=lambda fault: (LEAK not in fault.what, ONE_CALLED not in fault.what))  # the worst first


def _pair(found: Listing, kind: str, one: Look, other: Look, what: str, sure: bool = True) -> Fault:
    said, fix = f"{what} {one.item.name}", "a split keeps both on one side; keep one of both if they should count once"
    if one.item.side != other.item.side:
        said, fix = f"{said}: {leak_between(one, other)}", "take one of both out"
    if one.item.label != other.item.label:
        classes = found.classes[other.item.label], found.classes[one.item.label]
        said, fix = f"{said}{ONE_CALLED} {classes[0]}, the other {classes[1]}", "look which class is right, and take one of both out"
    return Fault(kind, other.item.name, said, fix, sure and one.item.side != other.item.side, (one.item.name, other.item.name))
