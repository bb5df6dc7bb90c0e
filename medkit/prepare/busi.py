"""BUSI as published: CLASS/CLASS (n).png, one or several CLASS (n)_mask.png, _mask_1.png beside each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.public import BREAST
from medkit.data.twins import joined_by
from medkit.data.words import MASK_NAME, is_image_name, stem_of
from medkit.prepare import chosen, twins
from medkit.prepare.pictures import mask, picture, root_with
from medkit.prepare.result import Prepared

FILE, SIZE = "us_busi256.npz", 256
TITLE, WHOLE = "BUSI", 780


def prepare(folder: Path, anew: bool, progress: Callable) -> Prepared:
    """Return us_busi256.npz of the published folder; layout as in `medkit.data.public.breast_ultrasound`.

    Raises:
        MedkitInputError: another layout, images without masks; without `anew`: another number of images than 780.
    """
    root = root_with(folder, BREAST, TITLE)
    found = [(label, *item) for label, name in enumerate(BREAST) for item in _listed(root / name)]
    if not anew and len(found) != WHOLE:
        raise MedkitInputError(folder, f"holds {len(found)} images, the tables were made from {WHOLE}", "get the whole set, or add --anew")
    images, masks = [], []
    for _, path, inside in progress(found, desc="BUSI"):
        image, shape = picture(path, SIZE)
        images.append(image)
        masks.append(mask(inside, shape, SIZE))
    image, label = np.stack(images), np.array([label for label, _, _ in found], dtype=np.uint8)
    group = np.array(joined_by(len(found), twins.pairs(image, "ultrasound")), dtype=np.int16) if anew else chosen.busi_groups()
    conflict = np.array([len(set(label[group == one].tolist())) > 1 for one in group])
    names = np.array([stem_of(path) for _, path, _ in found])
    arrays = {"image": image, "mask": np.stack(masks), "label": label, "group": group, "conflict": conflict, "name": names}
    told = f"{len(found)} images in {len(set(group.tolist()))} groups of near-twins; {int(conflict.sum())} contradict their twins"
    return Prepared(FILE, arrays, {}, (told,))


def _listed(folder: Path) -> list[tuple[Path, list[Path]]]:
    """Return the images of a class in the order of their names, each with its masks.

    Raises:
        MedkitInputError: no images, a mask without its image, or an image without a mask.
    """
    files = sorted(path for path in folder.iterdir() if is_image_name(path))
    images: dict[str, list[Path]] = {stem_of(path): [] for path in files if not MASK_NAME.fullmatch(stem_of(path))}
    for path in files:
        match = MASK_NAME.fullmatch(stem_of(path))
        if match and match["image"] not in images:
            raise MedkitInputError(path, "is a mask without its image", f"get {match['image']}.png again")
        if match:
            images[match["image"]].append(path)
    bare = [name for name, masks in images.items() if not masks]
    if bare or not images:
        raise MedkitInputError(folder / bare[0] if bare else folder, "has no mask" if bare else "holds no images", "get the set again")
    paths = {stem_of(path): path for path in files}
    return [(paths[name], images[name]) for name in sorted(images)]
