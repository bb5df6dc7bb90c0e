"""One container for every set of images, and the split that keeps patients apart.

Whatever the source, a set is the same few tensors; its *tier* says what a number measured on it
is worth, and travels into every table and figure.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Tier = Literal["real", "library sample", "phantom"]
TIERS: tuple[Tier, ...] = ("real", "library sample", "phantom")
ONE_EACH = "one image each"  # of groups that were looked at, and all differ
PATIENTS = ("patient", f"patient, {ONE_EACH}")  # units whose groups are patients
TENSORS = ("image", "label", "mask", "group", "scored", "spacing")


@dataclass(frozen=True)
class ImageSet:
    """N images with what is known about them.

    Args:
        title: what a table calls the set, such as "brain MRI (BRISC)".
        tier: "real", "library sample" or "phantom".
        modality: "MRI", "CT", "ultrasound", or several joined by " + ".
        image: (N, C, H, W) float32, in the set's own units (grey levels or Hounsfield units);
            nothing is scaled before `medkit.normalise`.
        label: (N,) int64, index into `classes`.
        classes: the K class names.
        mask: (N, 1, H, W) bool, True inside the lesion; None where the set has no masks.
        group: (N,) int64; images with the same number never stand on two sides of a split.
        unit: what a group is: "patient", "duplicate group" or "image, patients unknown"; see `unit_of`.
        name: N names that lead back to the source; never a patient's name.
        source: where the images come from, with the licence.
        scored: (N,) bool; False where the label contradicts itself and no label score may use it.
        notes: sentences that belong under every table made from this set.
        window: level and width in HU of the usual CT window for what is sought, where all images are in
            Hounsfield units; whoever prepares them applies it (`medkit.normalise.ct_window`). Else None.
        spacing: (N, 2) float32, millimetres between rows and columns, NaN where a file does not say; None for a set
            that keeps none.
    """

    title: str
    tier: Tier
    modality: str
    image: Tensor
    label: Tensor
    classes: tuple[str, ...]
    mask: Tensor | None
    group: Tensor
    unit: str
    name: tuple[str, ...]
    source: str
    scored: Tensor | None = None
    notes: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    spacing: Tensor | None = None

    def __post_init__(self):
        if self.scored is None:
            object.__setattr__(self, "scored", torch.ones(len(self.label), dtype=torch.bool))
        n = len(self.image)
        wanted = {"label": (n,), "group": (n,), "scored": (n,)}
        if self.mask is not None:
            wanted["mask"] = (n, 1, *self.image.shape[-2:])
        if self.spacing is not None:
            wanted["spacing"] = (n, 2)
        for field, shape in wanted.items():
            got = tuple(getattr(self, field).shape)
            if got != shape:
                raise ValueError(
                    f"{field} must have shape {shape} to match image, got {got}; "
                    f"give one {field} for each image"
                )
        if self.image.ndim != 4 or self.image.dtype != torch.float32:
            raise ValueError(
                f"image must be (N, C, H, W) float32, got {tuple(self.image.shape)} "
                f"{self.image.dtype}; stack the images and call .float()"
            )
        if self.tier not in TIERS:
            raise ValueError(f"tier must be one of {TIERS}, got {self.tier!r}; say what the images are")
        if len(self.name) != n:
            raise ValueError(f"name must hold {n} names, got {len(self.name)}; give one for each image")
        if n and not (0 <= int(self.label.min()) and int(self.label.max()) < len(self.classes)):
            raise ValueError(
                f"label must lie in 0 ... {len(self.classes) - 1}, got {int(self.label.min())} ... "
                f"{int(self.label.max())}; list every class in classes"
            )

    def __len__(self) -> int:
        return len(self.label)

    def subset(self, index: Tensor) -> ImageSet:
        """Return the images at `index`: (n,) int64 positions or (N,) bool."""
        if index.dtype == torch.bool:
            index = index.nonzero().flatten()
        index = index.to(self.label.device)
        picked = {
            field: None if getattr(self, field) is None else getattr(self, field)[index]
            for field in TENSORS
        }
        return dataclasses.replace(self, **picked, name=tuple(self.name[i] for i in index.tolist()))

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the set with all its tensors on `device`."""
        moved = {
            field: None if getattr(self, field) is None else getattr(self, field).to(device)
            for field in TENSORS
        }
        return dataclasses.replace(self, **moved)

    def sha256(self) -> str:
        """Return the hash of pixels, labels, masks and groups: two runs used the same data or not."""
        digest = hashlib.sha256()
        for field in ("image", "label", "mask", "group", "scored"):
            tensor = getattr(self, field)
            if tensor is not None:
                digest.update(f"{field} {tuple(tensor.shape)}".encode())
                digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def unit_of(group: Tensor, what: str) -> str:
    """Return what a group is, and whether each is a single image: groups that all differ may else have been forgotten.

    Args:
        group: (N,) int64; what: "patient" or "duplicate group", each known.

    >>> unit_of(torch.tensor([4, 4, 7]), "patient"), unit_of(torch.tensor([4, 7]), "patient")
    ('patient', 'patient, one image each')
    """
    return what if len(group.unique()) < len(group) else f"{what}, {ONE_EACH}"


def joined(parts: Sequence[ImageSet]) -> ImageSet:
    """Lay sets end to end; masks and spacing only where all have them. What else it says is the first one's.

    Args:
        parts: one or more, of one size, with the same classes; equal group numbers become one group.
    """
    each = {field: [getattr(part, field) for part in parts] for field in TENSORS}
    laid = {field: None if any(one is None for one in found) else torch.cat(found) for field, found in each.items()}
    return dataclasses.replace(parts[0], **laid, name=tuple(name for part in parts for name in part.name))


@dataclass(frozen=True)
class Split:
    """Training, validation and test images that share no group.

    Raises:
        ValueError: a group stands on two sides. The same patient in training and test turns
            memory into accuracy.
    """

    train: ImageSet
    val: ImageSet
    test: ImageSet

    def __post_init__(self):
        sides = {side: set(getattr(self, side).group.tolist()) for side in ("train", "val", "test")}
        for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
            both = sides[a] & sides[b]
            if both:
                raise ValueError(
                    f"{a} and {b} must share no {self.train.unit}, got {len(both)} on both sides "
                    f"(first: {min(both)}); split by group"
                )

    def to(self, device: torch.device | str) -> Split:
        """Return the split with all its tensors on `device`."""
        return Split(self.train.to(device), self.val.to(device), self.test.to(device))


def split_by_group(data: ImageSet, shares=(0.7, 0.1, 0.2), seed: int = 0) -> Split:
    """Split whole groups at random into training, validation and test.

    Groups are dealt out class by class (a group counts for its most frequent class): a class with
    three groups or more stands on every side, one with two in training and test.

    Args:
        data: the set; `data.group` says what stays together.
        shares: shares of training, validation and test; they sum to one.
        seed: the order of the groups depends on it and on nothing else.

    Raises:
        ValueError: no class has three groups, so that a side would stay empty.
    """
    groups, inverse = torch.unique(data.group.cpu(), return_inverse=True)
    votes = torch.zeros(len(groups), len(data.classes), dtype=torch.int64)
    votes.index_put_((inverse, data.label.cpu()), torch.ones_like(inverse), accumulate=True)
    side_of_group = torch.zeros(len(groups), dtype=torch.int64)
    generator = torch.Generator().manual_seed(seed)
    for label in range(len(data.classes)):
        members = (votes.argmax(1) == label).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        test, val = (max(round(share * len(members)), 1) for share in (shares[2], shares[1]))
        side_of_group[members[1 : 1 + test]] = 2  # the first stays in training, whatever comes
        side_of_group[members[1 + test : 1 + test + val]] = 1
    sides = [data.subset(side_of_group[inverse] == side) for side in range(3)]
    if not all(len(side) for side in sides):
        raise ValueError(
            f"data must have a class with three groups or more, got {len(groups)} groups in all "
            f"({data.unit}); add images of other patients"
        )
    return Split(*sides)


def split_off_validation(data: ImageSet, test: Tensor, seed: int = 0) -> Split:
    """Keep a test side as it is given, and make 15 % of the other groups the validation side, class by class.

    Args:
        test: (N,) bool, True where an image is on the test side.

    Raises:
        ValueError: as `split_by_group`, or a group stands on both sides.
    """
    inner = split_by_group(data.subset(~test), shares=(0.70, 0.15, 0.15), seed=seed)
    train = data.subset(~test & ~torch.isin(data.group, inner.val.group))
    return Split(train, inner.val, data.subset(test))
