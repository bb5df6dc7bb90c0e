"""Find what training and test images must not share, and refuse to go on.

| kind               | found by                                                                |
|--------------------|-------------------------------------------------------------------------|
| same group         | a group's number on two sides                                           |
| follow-up          | names: one patient's, though the group's numbers differ                 |
| byte twin          | the same pixels, bit for bit                                            |
| near twin          | the same picture: resized, another contrast, some noise                 |
| augmented copy     | the same picture flipped, turned by quarters or up to 30°, or zoomed    |
| groups missing     | every image a group of its own, and the loader does not say why         |

Pictures are compared by `medkit.data.likeness`, on the device of the images.

Not found: another slice or visit of a patient whose names say nothing; most pictures that are shifted or
cropped by a pixel in 64; copies both flipped and turned; some single copies. Of 100 copies each as in
Table 1 of brain MRI, head CT and ultrasound, all flipped ones are found, 100, 92 and 100 of the turned, 78,
52 and 100 of the zoomed: one is enough to refuse a split. Images of one grey value are skipped.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from medkit.data.container import ONE_EACH, ImageSet, Split
from medkit.data.likeness import CHUNK, COARSE, alike_from, base_of, fingerprint, kind_of, look_closely, moved

DECLARED = ("patients unknown", ONE_EACH)  # units of a set where each image is a group
SHOWN = 5  # pairs that an error names

_PATIENT = re.compile(r"^(.*?(?<![a-z])(?:patient|pat|pt|subject|subj|sub|case|pid)[-_ #]*\d+)", re.I)
_VISIT = re.compile(
    r"[-_ ]*(?<![a-z])(?:(?:visit|ses|session|follow[-_ ]?up|(?P<loose>tp|scan|fu))[-_ ]*\d*|baseline)(?![a-z]).*$",
    re.I,
)
_SIDE_WORD = re.compile(r"(?<![a-z])(?:train(?:ing)?|val(?:idation)?|test)(?![a-z])[-_/\\ ]*", re.I)


class Leak(NamedTuple):
    """One image that must not stand where it stands.

    kind: in words, as in the table above. sides: the two sides, such as ("train", "test").
    names, positions: of the two images. likeness: correlation of the fingerprints, 1.0 the same
    picture; None where no picture was compared.
    """

    kind: str
    sides: tuple[str, str]
    names: tuple[str, str]
    positions: tuple[int, int]
    likeness: float | None = None

    def __str__(self) -> str:
        (a, b), (one, two) = self.sides, self.names
        alike = "" if self.likeness is None else f", likeness {self.likeness:.3f}"
        return f"{one} ({a}) and {two} ({b}): {self.kind}{alike}"


class LeakError(ValueError):
    """The sides of a split share what they must not; `leaks` lists it."""

    def __init__(self, leaks: list[Leak]):
        self.leaks = leaks
        shown = "; ".join(str(leak) for leak in leaks[:SHOWN])
        more = f"; and {len(leaks) - SHOWN} more" if len(leaks) > SHOWN else ""
        got = f"got {len(leaks)} leaks: {shown}{more}"
        super().__init__(f"split must share nothing between its sides, {got}; {_fix(leaks)}")


def find_leaks(data: Split | Mapping[str, ImageSet]) -> list[Leak]:
    """List what the sides of a split share: one leak for each image of the later side.

    Args:
        data: a split, or sets by the name of their side, in order: {"train": ..., "test": ...}.
            Their images need not have one size.

    Returns:
        An image that leaks in several ways is listed once, under the first of the table above that
        fits. "groups missing" stands first, with the first image of the first and last side.

    Raises:
        ValueError: an image is not finite, and nothing could be said of it.

    >>> from medkit.data.phantom import phantom
    >>> one, two = phantom(4, size=32), phantom(4, size=32, split="test")
    >>> find_leaks({"train": one, "test": two})
    []
    >>> print(find_leaks({"train": one, "test": one.subset(torch.tensor([2]))})[0])
    MRI train 000002 nodules 3 (train) and MRI train 000002 nodules 3 (test): same group
    """
    if isinstance(data, Split):
        data = {side: getattr(data, side) for side in ("train", "val", "test")}
    sides = {side: images for side, images in data.items() if len(images)}
    found = _groups_missing(sides)
    base = {side: base_of(images, side) for side, images in sides.items()}
    hashed = {side: _hashes(images) for side, images in sides.items()}
    for a, b in itertools.combinations(sides, 2):
        one, two = sides[a], sides[b]
        told = (
            _matches("same group", one.group.tolist(), two.group.tolist()),
            _matches("follow-up", [patient_in(n) for n in one.name], [patient_in(n) for n in two.name]),
            _matches("byte twin", hashed[a], hashed[b]),
        )
        pairs = itertools.chain(*told, _twins(one, two, base[a], base[b]))
        first = {}
        for kind, i, j, likeness in pairs:
            first.setdefault(j, Leak(kind, (a, b), (one.name[i], two.name[j]), (i, j), likeness))
        found += [first[j] for j in sorted(first)]
    return found


def refuse_leaks(data: Split | Mapping[str, ImageSet], allow: bool = False) -> list[Leak]:
    """Raise `LeakError` where the sides share anything; return the leaks where that is allowed.

    Args:
        data: as for `find_leaks`.
        allow: go on all the same; the record must then carry the list for good.
    """
    leaks = find_leaks(data)
    if leaks and not allow:
        raise LeakError(leaks)
    return leaks


def without_twins(split: Split) -> tuple[Split, list[Leak]]:
    """Take twins and copies out of the earlier side: the test images stay, training loses.

    Returns:
        The split, and what was taken out of it: twins, augmented copies, follow-ups. Missing groups
        can't be mended so and stay.
    """
    taken: list[Leak] = []
    while leaks := [leak for leak in find_leaks(split) if leak.kind != "groups missing"]:
        sides = {}
        for side in ("train", "val", "test"):
            images = getattr(split, side)
            keep = torch.ones(len(images), dtype=torch.bool)
            keep[[leak.positions[0] for leak in leaks if leak.sides[0] == side]] = False
            sides[side] = images.subset(keep)
        split, taken = Split(**sides), taken + leaks
    return split, taken


def _fix(leaks: list[Leak]) -> str:
    kinds = {leak.kind.split(",")[0] for leak in leaks}
    if "groups missing" in kinds:
        return f"give each image its patient in group, or say in unit that there are {' or '.join(DECLARED)}"
    if kinds <= {"same group", "follow-up"}:
        return "give one patient one group and split by group"
    return "take one of each pair out (without_twins), or split first and augment training images alone"


def _groups_missing(sides: dict[str, ImageSet]) -> list[Leak]:
    group = torch.cat([images.group.cpu() for images in sides.values()]) if sides else torch.empty(0)
    unsaid = [im for im in sides.values() if not any(word in im.unit for word in DECLARED)]
    if len(group) < 2 or not unsaid or len(group.unique()) < len(group):
        return []
    a, b = list(sides)[0], list(sides)[-1]
    last = len(sides[b]) - 1
    return [Leak("groups missing", (a, b), (sides[a].name[0], sides[b].name[last]), (0, last))]


Pair = tuple[str, int, int, float | None]  # kind, the two positions, likeness


def _matches(kind: str, one: list, two: list) -> Iterator[Pair]:
    """Yield for each key of `two` the first equal one of `one`; None equals nothing."""
    place = {key: i for i, key in reversed(list(enumerate(one))) if key is not None}
    yield from ((kind, place[key], j, None) for j, key in enumerate(two) if key in place)


def patient_in(name: str) -> str | None:
    """Return what a name says of its patient, None where it says nothing.

    Read are a word for a patient with a number, and what stands before a word for a visit in the file's own
    name; before "scan", which may count images as well, it must have a digit. Folders before it count, so that
    case 1 of one class is not case 1 of another, but "train" and "test" do not. A bare number or letter says
    nothing: it may count images, too.

    >>> patient_in("test/patient_012_b.png"), patient_in("A17 visit 2.png"), patient_in("ill/CT scan (3).png")
    ('patient_12', 'a17', None)
    """
    said = _SIDE_WORD.sub("", name)
    patient, visit = _PATIENT.search(said), _VISIT.search(said)
    stem = patient.group(1) if patient else said[: visit.start()] if visit else ""
    own = re.split(r"[/\\]", stem)[-1].strip(" _-")
    if not patient and (not own or visit["loose"] and not re.search(r"\d", own)):
        return None
    return re.sub(r"(?<!\d)0+(?=\d)", "", stem.strip(" _-").lower()) or None


def _hashes(images: ImageSet) -> list[bytes | None]:
    flat = images.image.flatten(1)
    varied = (flat.amax(1) > flat.amin(1)).tolist()
    shape = str(tuple(images.image.shape[1:])).encode()
    rows = images.image.cpu().contiguous().numpy()
    return [hashlib.sha256(shape + row.tobytes()).digest() if v else None for row, v in zip(rows, varied)]


def _twins(one: ImageSet, two: ImageSet, base_one: Tensor, base_two: Tensor) -> Iterator[Pair]:
    """Yield near twins and augmented copies: for each image of `two` its best match, if it is one."""
    known = fingerprint(base_one)
    alike = min(alike_from(images.modality) for images in (one, two))
    for start in range(0, len(two), CHUNK):
        base = base_two[start : start + CHUNK].to(known.device)
        likeness, match, move = _search(known, base)
        likeness = look_closely(known[match], base, likeness, move, alike)
        for k in (likeness >= alike).nonzero().flatten().tolist():
            yield kind_of(int(move[k])), int(match[k]), start + k, float(likeness[k])


def _search(known: Tensor, base: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each image its best likeness, whose it is, and by which coarse move; all (B,)."""
    likeness = torch.full((len(base),), -2.0, device=base.device)
    match, move = (torch.zeros(len(base), dtype=torch.int64, device=base.device) for _ in range(2))
    for number, row in enumerate(COARSE):
        value, index = (moved(base, [row] * len(base)) @ known.T).max(1)
        better = value > likeness
        likeness, match = torch.where(better, value, likeness), torch.where(better, index, match)
        move = torch.where(better, number, move)
    return likeness, match, move
