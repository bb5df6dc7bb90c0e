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
SUMS = {  # md5 of the files as published (28 × 28), in the package medmnist 2.1.0
    "pathmnist": "a8b06965200029087d5bd730944a56c1",
    "dermamnist": "0744692d530f8e62ec473284d019b0c7",
    "octmnist": "c68d92d5b585d8d81f7112f81e2d0842",
    "pneumoniamnist": "28209eda62fecd6e6a2d98b1501bb15f",
    "retinamnist": "bd4c0672f1bba3e3a89f0e4e876791e4",
    "breastmnist": "750601b1f35ba3300ea97c75c52ff8f6",
    "bloodmnist": "7053d0359d879ad8a5505303e11de1dc",
    "tissuemnist": "ebe78ee8b05294063de985d821c1c34b",
    "organamnist": "866b832ed4eeba67bfb9edee1d5544e6",
    "organcmnist": "0afa5834fb105f7705a7d93372119a21",
    "organsmnist": "e5c39f1af030238290b9557d9503af9d",
}  # chestmnist has several labels an image, which medkit does not train on
FIX = "give one of MedMNIST's 2D files with one label an image"


def medmnist(path: str | Path, size: int = 64) -> Split:
    """Load a file in MedMNIST's layout, with its own split.

    Layout: train_images, val_images, test_images (N, H, W) or (N, H, W, 3) uint8 · train_labels … (N, 1)
    whole numbers. Colours become grey. A note holds the file's md5 against the published one.

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
        notes=("The file's own split; patients unknown: images of one may stand on both sides.", sum_of(path)[0]),
    )  # fmt: skip


def sum_of(path: Path) -> tuple[str, bool]:
    """Return a sentence on a file's md5, and whether it is another than the one published under its name."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    got, published = digest.hexdigest(), SUMS.get(path.stem.lower())
    if published is None:
        return f"MD5 {got}; under this name medkit knows no published one.", False
    if got == published:
        return f"MD5 as published for {path.stem.lower()}.", False
    return f"MD5 {got} is not the one published for {path.stem.lower()}, {published}: another version, or damaged.", True
