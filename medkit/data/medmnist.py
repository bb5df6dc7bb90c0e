"""The .npz files of MedMNIST: small images that are split already."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from medkit._check import MedkitInputError
from medkit.data.container import ImageSet, Split
from medkit.data.read import grey, read_npz
from medkit.data.resize import resize_image

SIDES = ("train", "val", "test")
UNIT = "image, patients unknown"
FIX = "give one of MedMNIST's 2D files with one label an image"


def medmnist(path: str | Path, size: int = 64) -> Split:
    """Load a file in MedMNIST's layout, with its own split.

    Layout: train_images, val_images, test_images (N, H, W) or (N, H, W, 3) uint8 · train_labels … (N, 1)
    whole numbers. Colours become grey.

    Args:
        path: the .npz file. size: pixels along each side.

    Raises:
        MedkitInputError: damaged, another layout, volumes, or several labels an image.
    """
    path = Path(path)
    arrays = read_npz(path)
    wanted = {f"{side}_{what}" for side in SIDES for what in ("images", "labels")}
    if not wanted <= arrays.keys():
        raise MedkitInputError(path, f"lacks {', '.join(sorted(wanted - arrays.keys()))}", FIX)
    labels = [_labels(path, arrays[f"{side}_labels"]) for side in SIDES]
    classes = tuple(f"class {k}" for k in range(int(max(one.max() for one in labels)) + 1))
    counts = [len(one) for one in labels]
    parts = [
        _side(path, arrays[f"{side}_images"], label, classes, size, side, sum(counts[:k]))
        for k, (side, label) in enumerate(zip(SIDES, labels))
    ]
    return Split(*parts)


def _labels(path: Path, found: np.ndarray) -> np.ndarray:
    if found.dtype.kind not in "iu" or found.ndim not in (1, 2) or (found.ndim == 2 and found.shape[1] != 1) or not found.size:
        raise MedkitInputError(path, f"holds labels of shape {found.shape} {found.dtype}", FIX)
    if found.min() < 0 or found.max() > 999:
        raise MedkitInputError(path, f"holds the label {found.min() if found.min() < 0 else found.max()}", FIX)
    return found.reshape(-1).astype(np.int64)


def _side(path: Path, image: np.ndarray, label: np.ndarray, classes: tuple[str, ...], size: int, side: str, first: int) -> ImageSet:
    """Return one side; its images get group numbers from `first` on."""
    colour = image.ndim == 4 and image.shape[-1] == 3
    if image.dtype != np.uint8 or not (image.ndim == 3 or colour) or len(image) != len(label) or not image.size:
        raise MedkitInputError(path, f"holds {side}_images of shape {image.shape} {image.dtype} for {len(label)} labels", FIX)
    if not colour and image.shape[1] != image.shape[2]:
        raise MedkitInputError(path, f"holds {side}_images of shape {image.shape}, which are not square", FIX)
    pixels = grey(image.astype(np.float32))
    return ImageSet(
        title=f"{path.stem} (MedMNIST layout)", tier="real", modality="unknown",
        image=resize_image(torch.from_numpy(np.ascontiguousarray(pixels)), size)[:, None], label=torch.from_numpy(label),
        classes=classes, mask=None, group=torch.arange(len(label)) + first, unit=UNIT,
        name=tuple(f"{side} {k}" for k in range(len(label))), source="a file of your own in MedMNIST's layout",
        notes=("The file's own split; patients unknown: images of one may stand on both sides.", _sum(path)),
    )  # fmt: skip


def _sum(path: Path) -> str:
    """Return a note with the file's sum, by which MedMNIST's publication names it."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return f"MD5 {digest.hexdigest()}, to be held against the published one."
