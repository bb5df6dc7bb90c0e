"""Files that are listed as images and are perhaps masks: their pixels and their names together say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from medkit.data.listing import Fault, Item, Listing
from medkit.data.places import same_name
from medkit.data.words import LIKE_A_MASK, MASK_NAME, stem_of

PERHAPS = "perhaps a mask"


def values_in(pixels: np.ndarray) -> int:
    """Return how many values pixels have: 1, 2, or 3 for more."""
    low, high = pixels.min(), pixels.max()
    if low == high:
        return 1
    return 3 if int((pixels == low).sum()) + int((pixels == high).sum()) < pixels.size else 2


def perhaps_masks(found: Listing, items: Sequence[Item], values: Sequence[int], sizes: Sequence[tuple]) -> tuple[list[Fault], set[str]]:
    """Return what is off, and the names of the files that it is about: a whole class once, other files each.

    A class is perhaps one of masks where its files have two values alone and are called as those of another class; a
    file is, where it has two values alone, the size of another in its folder, and that one's name with something behind.

    Args:
        items: files of `found`; values, sizes: of each what `values_in` says, and its pixels' shape.
    """
    stems = [same_name(stem_of(item.image)) for item in items]
    faults, names = _classes(found, items, values, stems)
    beside: dict[tuple, dict[str, int]] = defaultdict(dict)
    for k, item in enumerate(items):
        if values[k] > 2:
            beside[item.image.parent, sizes[k]][stems[k]] = k
    for k, item in enumerate(items):
        if values[k] != 2 or item.masks or item.name in names:
            continue
        near = beside[item.image.parent, sizes[k]]
        cuts = (cut for cut in range(len(stems[k]) - 1, 0, -1) if stems[k][:cut] in near and not stems[k][cut - 1 : cut + 1].isdecimal())
        if (cut := next(cuts, None)) is not None:
            image = items[near[stems[k][:cut]]]
            stem = stem_of(image.image)
            what = f"holds two values alone and is called as {image.name} is, with more behind: perhaps its mask"
            ending = item.image.name[len(stem_of(item.image)) :]
            faults.append(Fault(PERHAPS, item.name, what, f"if it is, call it {stem}_mask{ending}; if not, give it another name"))
            names.add(item.name)
    return faults, names


def _classes(found: Listing, items: Sequence[Item], values: Sequence[int], stems: list[str]) -> tuple[list[Fault], set[str]]:
    by_class: dict[int, list[int]] = defaultdict(list)
    for k, item in enumerate(items):
        by_class[item.label].append(k)
    faults, names = [], set()
    flat = {label for label, some in by_class.items() if all(values[k] <= 2 and not items[k].masks for k in some) and any(values[k] == 2 for k in some)}
    for label in sorted(flat):
        some = by_class[label]
        forms = {k: {stems[k], *(match["image"] for form in (MASK_NAME, LIKE_A_MASK) if (match := form.fullmatch(stems[k])))} for k in some}
        for other in sorted(set(by_class) - flat):
            images = {stems[k] for k in by_class[other]}
            if 2 * sum(bool(forms[k] & images) for k in some) > len(some) > 1:
                one, two = found.classes[other], found.classes[label]
                what = f"holds files of two values alone, called as those of {one} are: perhaps their masks"
                fix = f"rename the folders {one} and {two} to images and masks" if len(by_class) == 2 else "put each beside its image as IMAGE_mask.png"
                faults.append(Fault(PERHAPS, two, what, f"if they are, {fix}; if not, rename the files"))
                names |= {items[k].name for k in some}
                break
    return faults, names
