"""Twins inside one set: two files that show the same picture, and would leak from training into test.

`leaks` compares the sides of a split that is there; here no split is needed. Both go by `likeness`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from medkit.data.container import ImageSet
from medkit.data.likeness import CHUNK, COARSE, alike_from, base_of, fingerprint, kind_of, look_closely, moved

# Likeness of pairs as they lie, 99 of 100 are below: BUSI 0.24; BRISC 0.49, MedNIST 0.50, CT-ICH 0.62, phantoms
# 0.55 ... 0.94. Where different pictures are that unlike, a lower bar is still far from chance: at 0.84, 189 of
# BUSI's 197 pairs are found, at 0.875 only 186; beside them 14 that its groups do not know, all the same picture to
# the eye. The bar was chosen on BUSI itself.
UNLIKE, ALIKE_IF_UNLIKE = 0.35, 0.84
CLOSE = 0.1  # below the bar: pairs from here on are looked at closely
SAMPLE = 1000  # images of a set from which its likeness is judged


class Twin(NamedTuple):
    """Two images, i < j, that are one picture; kind: "near twin" or "augmented copy, ..."; likeness up to 1.0."""

    i: int
    j: int
    kind: str
    likeness: float


def find_twins(images: ImageSet, alike: float | None = None) -> list[Twin]:
    """Return all pairs of images of different groups that are one picture, in order of i and j.

    Images of one grey value match nothing. Memory: 512 rows of the N x N likenesses at a time.

    Args:
        images: the set; alike: likeness from which on; None: what `bar` says.

    >>> import dataclasses
    >>> from medkit.data.phantom import phantom
    >>> one = phantom(4, size=32)
    >>> mirrored = one.image.clone()
    >>> mirrored[3] = one.image[1].flip(-1)
    >>> find_twins(one), [(twin.i, twin.j, twin.kind) for twin in find_twins(dataclasses.replace(one, image=mirrored))]
    ([], [(1, 3, 'augmented copy, Horizontal Flip')])
    """
    if len(images) < 2:
        return []
    base = base_of(images, "the set")
    known, alike = fingerprint(base), bar(images) if alike is None else alike
    found: dict[tuple[int, int], tuple[float, int, bool]] = {}  # likeness, move, whether j was moved
    for one, other, likeness, move in _candidates(base, known, images.group, alike - CLOSE):
        pair = (min(one, other), max(one, other))
        if likeness > found.get(pair, (-2.0,))[0]:
            found[pair] = (likeness, move, other > one)
    if not found:
        return []
    still, turned = (torch.tensor(x) for x in zip(*((i, j) if later else (j, i) for (i, j), (_, _, later) in found.items())))
    likeness, move = (torch.tensor(x) for x in zip(*(row[:2] for row in found.values())))
    likeness = look_closely(known[still], base[turned], likeness, move, alike)
    twins = [
        Twin(i, j, kind_of(m), float(value))
        for (i, j), m, value in zip(found, move.tolist(), likeness.tolist())
        if value >= alike
    ]
    return sorted(twins)


def kept_together(images: ImageSet) -> ImageSet:
    """Return the set with all copies of one picture in one group, so that a split by group can't part them; a note counts them."""
    twins = find_twins(images)
    if not twins:
        return images
    number, inverse = torch.unique(images.group, return_inverse=True)
    joined = torch.tensor(joined_by(len(number), [(int(inverse[twin.i]), int(inverse[twin.j])) for twin in twins]))
    note = f"{len(twins)} pairs of images are one picture, as it is or moved: they stand on one side of a split."
    return dataclasses.replace(images, group=number[joined[inverse]], notes=(*images.notes, note))


def joined_by(n: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return a number for each of 0 ... n - 1: what pairs join, directly or through others, shares the lowest among them.

    >>> joined_by(5, [(0, 3), (3, 4)])
    [0, 1, 2, 0, 0]
    """
    first = list(range(n))

    def lowest(place: int) -> int:
        while first[place] != place:
            place = first[place]
        return place

    for one, other in pairs:
        a, b = sorted((lowest(one), lowest(other)))
        first[b] = a
    return [lowest(place) for place in range(n)]


def bar(images: ImageSet) -> float:
    """Return the likeness from which two images of a set are one picture.

    By modality, as `alike_from` says: MRI 0.98, ultrasound 0.875, else 0.99. Pictures do not say their modality: for
    them, and for ultrasounds, 0.84 where the set's images are as unlike each other as BUSI's are.
    """
    usual = alike_from(images.modality)
    if images.modality not in ("unknown", "ultrasound"):
        return usual
    some = torch.arange(0, len(images), max(1, len(images) // SAMPLE))
    known, group = fingerprint(base_of(images.subset(some), "the set")), images.group[some]
    likeness = (known @ known.T)[(group[:, None] != group).triu(1)]
    unlike = len(likeness) > 0 and float(likeness.quantile(0.99, interpolation="lower")) < UNLIKE
    return ALIKE_IF_UNLIKE if unlike else usual


def _candidates(base: Tensor, known: Tensor, group: Tensor, least: float) -> Iterator[tuple[int, int, float, int]]:
    """Yield image, moved image, their best likeness and by which coarse move, for those from `least` on."""
    for start in range(0, len(base), CHUNK):
        part = base[start : start + CHUNK]
        best = torch.full((len(part), len(base)), -2.0)
        move = torch.zeros(best.shape, dtype=torch.int64)
        for number, row in enumerate(COARSE):
            value = moved(part, [row] * len(part)) @ known.T
            move[value > best], best = number, torch.maximum(best, value)
        best[group[start : start + CHUNK, None] == group] = -2.0
        for k, other in (best >= least).nonzero().tolist():
            yield other, start + k, float(best[k, other]), int(move[k, other])
