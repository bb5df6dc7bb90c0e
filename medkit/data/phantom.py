"""Images made here, with exactly known truth: a body, three scanners, three classes.

The task: *healthy* bodies carry normal nodules in mirrored left-right pairs (none, one or two pairs);
a *lesion* is a nodule whose mirror place is empty, either *smooth* as normal nodules are or
*spiculated*, of the same area. So an image is told by shape (near), by an odd count (all over the
image, no places needed) or by comparing both sides (far):

| who looks at                              | can reach at most |
|-------------------------------------------|-------------------|
| outlines only                             | 67 %              |
| outlines and the number of nodules        | 83 %              |
| outlines, and whether each has a partner  | 100 %             |

That is exact at difficulty 1. Below, lesions are also more marked than normal nodules, on average by
25 % at 0.5 and 50 % at 0, while nodules differ among themselves by 25 %: it helps everyone.

A third of the images has each class. The number of nodules has the same mean in all classes.
The set is no picture of any patient, and its numbers never stand in a claim about one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from medkit.data import scanner
from medkit.data.anatomy import Body, draw_body, draw_nodules, draw_patient
from medkit.data.container import ImageSet, Split

CLASSES = ("healthy", "smooth", "spiculated")
MODALITIES = ("MRI", "CT", "ultrasound")
SIDES = ("train", "val", "test")
SLICES = 2  # of each patient
CHUNK = 30  # images drawn at once, always from a multiple of it: the bits never depend on the count
FAR = 1_000_000  # more images than anyone asks for; keeps the sides' patients apart


def _noise_shape(modality: str, size: int) -> tuple[int, int, int]:
    return {
        "MRI": (2, size, size),
        "CT": (1, scanner.angles(size), size),
        "ultrasound": (4 * scanner.LOOKS, size, size),
    }[modality]


def _scan(modality: str) -> Callable[[Body, Tensor, float], Tensor]:
    return {"MRI": scanner.mri, "CT": scanner.ct, "ultrasound": scanner.ultrasound}[modality]


def label_of(i: int) -> int:
    """Return the class of image i: both slices of a patient share it, patients take turns."""
    return i // SLICES % len(CLASSES)


def _numbers(
    i: int, shape: tuple[int, ...], difficulty: float, key: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Draw all numbers of image i: they depend on the key (seed, side) and on i alone."""
    slice_rng = np.random.default_rng([*key, 1, i])
    return {
        **draw_patient(np.random.default_rng([*key, 0, i // SLICES])),
        "nodule": draw_nodules(slice_rng, label_of(i), difficulty),
        "texture": slice_rng.standard_normal((1, 12, 12), dtype=np.float32),
        "noise": slice_rng.standard_normal(shape, dtype=np.float32),
    }


def _chunk(
    first: int, size: int, modality: str, difficulty: float, key: tuple[int, int], device: torch.device | str
) -> tuple[Tensor, Tensor, Tensor]:
    """Make the images first ... first + CHUNK - 1: image, mask and number of nodules."""
    shape = _noise_shape(modality, size)
    drawn = [_numbers(i, shape, difficulty, key) for i in range(first, first + CHUNK)]
    number = {
        name: torch.as_tensor(np.stack([d[name] for d in drawn]), dtype=torch.float32).to(device)
        for name in drawn[0]
    }
    body = draw_body(number, size)
    count = (number["nodule"][:, :, 0].abs() < 2).sum(1)
    return _scan(modality)(body, number["noise"], difficulty), body.mask, count


def _check(count: int, size: int, modality: str, difficulty: float, seed: int, split: str) -> None:
    if modality not in MODALITIES:
        raise ValueError(f"modality must be one of {MODALITIES}, got {modality!r}; choose one")
    if split not in SIDES:
        raise ValueError(f"split must be one of {SIDES}, got {split!r}; choose one")
    if not 0 <= difficulty <= 1:
        raise ValueError(f"difficulty must lie in [0, 1], got {difficulty}; 0.5 is the default")
    if size < 32 or size % 2:
        raise ValueError(f"size must be even and at least 32 pixels, got {size}; nodules vanish below")
    if not 1 <= count <= FAR:
        raise ValueError(f"count must lie in 1 ... {FAR}, got {count}; multiples of 6 balance the classes")
    if seed < 0:
        raise ValueError(f"seed must be 0 or above, got {seed}; give another number")


def phantom(
    count: int,
    size: int = 64,
    modality: str = "MRI",
    difficulty: float = 0.5,
    seed: int = 0,
    split: str = "train",
    device: torch.device | str = "cpu",
    first: int = 0,
) -> ImageSet:
    """Make `count` slices of one modality with exact masks.

    Image i depends on (seed, split, i), size, modality and difficulty, and not on `count`: the
    first 60 of 600 are the 60. The body of image i is the same in all three modalities and sizes.
    Two slices make a patient, who is one group and has one class.

    Args:
        count: images; a multiple of 6 has every class equally often.
        size: pixels along each side, even, at least 32.
        modality: "MRI" (no unit), "CT" (Hounsfield units) or "ultrasound" (grey levels 0 ... 255).
        difficulty: [0, 1]: noise up; contrast of nodules, rays and extra contrast of lesions down.
        seed: 0 or above. split: "train", "val" or "test": other patients.
        device: where the images are drawn and stay; numbers are drawn on the CPU, so the same
            image comes out on every device, to rounding.
        first: number of the first image.

    Returns:
        Classes `CLASSES`. An anomaly is `label > 0`, which is the same as a mask that is not empty.
        A name, such as "CT test 000012 nodules 3", keeps what `modality_of` and `nodules` read.

    Raises:
        ValueError: an argument outside its range.

    >>> data = phantom(6, size=32)
    >>> data.label.tolist(), data.group.tolist(), data.name[2]
    ([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2], 'MRI train 000002 nodules 3')
    """
    _check(count, size, modality, difficulty, seed, split)
    key, last = (seed, SIDES.index(split)), first + count
    starts = range(first // CHUNK * CHUNK, last, CHUNK)
    chunks = [_chunk(start, size, modality, difficulty, key, device) for start in starts]
    keep = slice(first - starts[0], last - starts[0])
    image, mask, shown = (torch.cat(part)[keep] for part in zip(*chunks))
    number = range(first, last)
    names = zip(number, shown.tolist())
    return ImageSet(
        title=f"phantom {modality}",
        tier="phantom",
        modality=modality,
        image=image,
        label=torch.tensor([label_of(i) for i in number], device=device),
        classes=CLASSES,
        mask=mask,
        group=torch.tensor([SIDES.index(split) * 4 * FAR + i // SLICES for i in number], device=device),
        unit="patient",
        name=tuple(f"{modality} {split} {i:06d} nodules {n}" for i, n in names),
        source=f"made by medkit.data.phantom, seed {seed}, difficulty {difficulty}",
        notes=("Phantom: made by medkit; says nothing about patients.",),
    )


def _mixed(count: int, **arguments) -> ImageSet:
    """Make a third of the images in each modality, of other patients each."""
    share = [count // 3 + (m < count % 3) for m in range(3)]
    parts = [
        phantom(n, modality=modality, first=m * FAR, **arguments)
        for m, (modality, n) in enumerate(zip(MODALITIES, share))
        if n
    ]
    joined = {
        field: torch.cat([getattr(part, field) for part in parts])
        for field in ("image", "label", "mask", "group")
    }
    return ImageSet(
        title="phantom",
        tier="phantom",
        modality=" + ".join(part.modality for part in parts),
        classes=CLASSES,
        unit="patient",
        name=sum((part.name for part in parts), ()),
        source=parts[0].source,
        notes=parts[0].notes + ("Grey values have the unit of their modality: CT is in HU.",),
        **joined,
    )


def phantom_split(
    train: int = 900,
    val: int = 180,
    test: int = 360,
    size: int = 64,
    modality: str = "mixed",
    difficulty: float = 0.5,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Split:
    """Make training, validation and test images of different patients.

    Args:
        train, val, test: images on each side; multiples of 18 balance class × modality exactly.
        modality: one of `MODALITIES`, or "mixed": a third of each, CT in Hounsfield units beside
            the others' grey values, so scale each image (`modality_of` tells which needs a window).
        size, difficulty, seed, device: as in `phantom`.
    """
    rest = {"size": size, "difficulty": difficulty, "seed": seed, "device": device}
    counts = zip(SIDES, (train, val, test))
    if modality == "mixed":
        return Split(*(_mixed(n, split=side, **rest) for side, n in counts))
    return Split(*(phantom(n, split=side, modality=modality, **rest) for side, n in counts))


def modality_of(data: ImageSet) -> tuple[str, ...]:
    """Return the modality of each image of a phantom set, from its name.

    >>> modality_of(phantom(2, size=32, modality="CT"))
    ('CT', 'CT')
    """
    return tuple(name.split(" ", 1)[0] for name in data.name)


def nodules(data: ImageSet) -> Tensor:
    """Return how many nodules each image of a phantom set shows, (N,) int64: the strata of the task.

    Lesion images show 1, 2 or 3, healthy ones 0, 2 or 4: where it is 2, only mirror places tell.

    >>> nodules(phantom(6, size=32)).tolist()
    [4, 4, 3, 3, 1, 2]
    """
    return torch.tensor([int(name.rsplit(" ", 1)[1]) for name in data.name])
