"""Which images of one set are the same picture, taken or saved twice."""

from __future__ import annotations

import numpy as np
import torch

from medkit.data.container import ImageSet
from medkit.data.twins import find_twins


def pairs(images: np.ndarray, modality: str) -> list[tuple[int, int]]:
    """Return the positions of all pairs that are one picture, the lower position first.

    Too large a group costs little, a twin on both sides of a split a true score: mirrored and turned copies count.

    Args:
        images: (N, H, W) uint8. modality: "ultrasound" or "MRI".
    """
    n = len(images)
    data = ImageSet(
        title="", tier="real", modality=modality, image=torch.from_numpy(images).float()[:, None], mask=None,
        label=torch.zeros(n, dtype=torch.int64), classes=("any",), group=torch.arange(n), unit="one image each",
        name=("",) * n, source="",
    )  # fmt: skip
    return [(twin.i, twin.j) for twin in find_twins(data)]


def kept(n: int, alike: list[tuple[int, int]]) -> np.ndarray:
    """Return (N,) bool: of each pair the first stays; put first what must stay.

    >>> kept(4, [(0, 2), (2, 3)]).tolist()
    [True, True, False, True]
    """
    stays = np.ones(n, dtype=bool)
    for one, other in sorted(alike):
        if stays[one]:
            stays[other] = False
    return stays
