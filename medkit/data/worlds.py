"""Two planted worlds: phantoms in which one cue decides, and it is known which.

| world   | classes            | the same in both classes                          | what decides                |
|---------|--------------------|---------------------------------------------------|-----------------------------|
| texture | smooth, spiculated | number, places, areas and contrasts of nodules    | the lesion's outline: near  |
| mirror  | healthy, lesion    | two nodules, one in each lobe; shape and contrast | whether their places mirror |
|         |                    | of both; in either lobe, where its nodule stands  | each other: far             |

Near and far are relative. At 64 px, where the two nodules stand 28 px apart, the convolutions at 1/8 of
our U-Net and hybrid see 43 px at once, the CNN's 59: each sees both nodules. At 256 px they are 110
apart, and a convolution sees one at most.

Picking images out of `medkit.data.phantom` would not do: among its smooth and spiculated lesions the
place alone tells 66 %, for rays need room, and of two unpaired nodules half stand in one lobe, so that
the count in one lobe tells 75 %. So both classes come from one draw of its numbers, and then differ
in the deciding ones alone.

All images are MRI: three modalities would differ more than the classes do, only one of them needs a
window, and MRI is the fastest to draw. Numbers measured here say what a model can see, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from medkit.data import scanner
from medkit.data.anatomy import AWAY, SITES, draw_body, draw_nodules, draw_patient
from medkit.data.container import ImageSet, Split
from medkit.data.phantom import CHUNK, FAR, SIDES, SLICES

CLEAR, ALIKE = 0.0, 1.0  # difficulty of nodules: high rays, marked lesions; or lesions that are like nodules
SCANNED = 0.5  # difficulty of the scanner, its default: noise does not hide what is to be compared
SMOOTH = (0.02, 0.08)  # ray height of a smooth outline, as of normal nodules
TWO = 2 * SLICES  # images with which both classes have a whole patient

Rule = Callable[[np.random.Generator, int], np.ndarray]


def texture_world(train: int = 900, val: int = 180, test: int = 360, size: int = 64, seed: int = 0) -> Split:
    """Make images in which nothing but the outline of the lesions tells smooth from spiculated.

    Each shows one or two lesions, one of them sometimes beside a pair of normal nodules. A spiculated
    outline is a wave of 5 or 6 rays, a smooth one is nearly a circle of the same area.

    Args:
        train, val, test: images on each side, multiples of 4: two classes, two slices a patient.
        size: pixels along each side, even, at least 32; at 32 the rays are one pixel high.
        seed: 0 or above. Image i of a side depends on (seed, side, i) and on the size alone.

    Returns:
        MRI with exact masks; half of the images on each side has each class.

    Raises:
        ValueError: an argument outside its range.

    >>> split = texture_world(8, 4, 4, size=32)
    >>> split.train.label.tolist(), split.test.name[0]
    ([0, 0, 1, 1, 0, 0, 1, 1], 'MRI test 000000 nodules 3')
    """
    decides = "Only the outline of a lesion tells the classes: number, place, area and contrast don't."
    return _split("texture", _outlines, ("smooth", "spiculated"), decides, (train, val, test), size, seed)


def mirror_world(train: int = 900, val: int = 180, test: int = 360, size: int = 64, seed: int = 0) -> Split:
    """Make images with a nodule in each lobe, of which only the pair tells healthy from lesion.

    Two places are drawn. A healthy image shows one of them on both sides, a lesion image one on the
    left and the other on the right; which, a coin says. So each lobe looks the same in both classes.

    Arguments, errors as for `texture_world`. In a lesion image the mask covers both nodules.

    >>> split = mirror_world(8, 4, 4, size=32)
    >>> split.train.classes, split.train.mask.flatten(1).any(1).tolist()
    (('healthy', 'lesion'), [False, False, True, True, False, False, True, True])
    """
    decides = "Only comparing the places of both nodules tells the classes: neither lobe alone does."
    return _split("mirror", _pairs, ("healthy", "lesion"), decides, (train, val, test), size, seed)


def _outlines(rng: np.random.Generator, label: int) -> np.ndarray:
    """Draw spiculated lesions, and for label 0 smooth their outlines; (SITES, 8) as `draw_nodules`."""
    nodule = draw_nodules(rng, 2, CLEAR)
    radius, height, lesion = nodule[:, 2], nodule[:, 3], nodule[:, 7] > 0
    if label == 0:
        low = rng.uniform(*SMOOTH, size=SITES)
        same_area = radius * np.sqrt((1 + height**2 / 2) / (1 + low**2 / 2))
        nodule[lesion, 2:5] = np.stack([same_area, low, np.full(SITES, 2.0)], axis=1)[lesion]
    return nodule


def _pairs(rng: np.random.Generator, label: int) -> np.ndarray:
    """Draw two places, and put nodules of one shape at one of them twice or at each once."""
    drawn = draw_nodules(rng, 1, ALIKE)
    while drawn[:, 7].sum() < 2:  # a lesion alone, or beside a pair
        drawn = draw_nodules(rng, 1, ALIKE)
    place = np.abs(drawn[:2, 0]), drawn[:2, 1]  # folded onto one lobe, clear of each other
    radius, height, rays, phase, contrast = drawn[drawn[:2, 2].argmin(), 2:7]  # the smaller fits both places
    left = rng.integers(2)
    right = 1 - left if label else left
    du, dv = rng.uniform(-0.01, 0.01, size=2)  # a partner never stands exactly opposite
    nodule = np.tile((AWAY, AWAY, 0.05, 0.0, 2.0, 0.0, 0.0, 0.0), (SITES, 1))
    nodule[0] = (-place[0][left], place[1][left], radius, height, rays, phase, contrast, label)
    nodule[1] = (place[0][right] + du, place[1][right] + dv, radius, height, rays, -phase, contrast, label)
    return nodule


def _split(
    world: str, rule: Rule, classes: tuple[str, str], decides: str, counts: tuple[int, ...], size: int, seed: int
) -> Split:
    for side, count in zip(SIDES, counts):
        if count < TWO or count % TWO:
            near = max(TWO, round(count / TWO) * TWO)
            raise ValueError(f"{side} must be a positive multiple of {TWO}, got {count}; give {near}")
    if size < 32 or size % 2:
        raise ValueError(f"size must be even and at least 32 pixels, got {size}; outlines vanish below")
    if seed < 0:
        raise ValueError(f"seed must be 0 or above, got {seed}; give another number")
    sides = (_side(world, rule, side, count, size, seed) for side, count in zip(SIDES, counts))
    return Split(*(
        ImageSet(
            title=f"phantom, {world} world", tier="phantom", modality="MRI", classes=classes, unit="patient",
            source=f"made by medkit.data.worlds, seed {seed}",
            notes=("Phantom: made by medkit; says nothing about patients.", decides), **fields,
        )
        for fields in sides
    ))  # fmt: skip


def label_of(i: int) -> int:
    """Return the class of image i: both slices of a patient share it, patients take turns."""
    return i // SLICES % 2


def _side(world: str, rule: Rule, side: str, count: int, size: int, seed: int) -> dict:
    """Make the images 0 ... count - 1 of one side, and what belongs to each; CHUNK at once, as phantoms."""
    parts = []
    for first in range(0, count, CHUNK):
        drawn = [_numbers(world, rule, side, i, size, seed) for i in range(first, first + CHUNK)]
        number = {name: torch.as_tensor(np.stack([d[name] for d in drawn])).float() for name in drawn[0]}
        body = draw_body(number, size)
        shown = (number["nodule"][:, :, 0].abs() < 2).sum(1)
        parts.append((scanner.mri(body, number["noise"], SCANNED), body.mask, shown))
    image, mask, shown = (torch.cat(part)[:count] for part in zip(*parts))
    return {
        "image": image,
        "mask": mask,
        "label": torch.tensor([label_of(i) for i in range(count)]),
        "group": SIDES.index(side) * 4 * FAR + torch.arange(count) // SLICES,
        "name": tuple(f"MRI {side} {i:06d} nodules {n}" for i, n in enumerate(shown.tolist())),
    }


def _numbers(world: str, rule: Rule, side: str, i: int, size: int, seed: int) -> dict[str, np.ndarray]:
    """Draw all numbers of image i; the key is longer than a phantom's, so none is drawn twice."""
    key = [seed, SIDES.index(side), ("texture", "mirror").index(world)]
    rng = np.random.default_rng([*key, 1, i])
    return {
        **draw_patient(np.random.default_rng([*key, 0, i // SLICES])),
        "nodule": rule(rng, label_of(i)),
        "texture": rng.standard_normal((1, 12, 12), dtype=np.float32),
        "noise": rng.standard_normal((2, size, size), dtype=np.float32),
    }
