"""How large a run is. The protocol is the same for all: a smaller preset cuts epochs, images and size."""

from __future__ import annotations

from dataclasses import dataclass

from medkit.augment import Ranges
from medkit.settings import Settings


@dataclass(frozen=True)
class Preset:
    """The size of a run.

    Args:
        settings: Table 3, with the augmentation that it names; fewer epochs in a short run.
        size: pixels along each side.
        limit: images at most on each side of a real set's split; None: all there are.
        phantoms: training, validation and test images where they are made.
        seeds: runs of each model, unless --seeds says otherwise.
        says: in a few words, for the command's help.
    """

    settings: Settings
    size: int
    limit: int | None
    phantoms: tuple[int, int, int]
    seeds: int
    says: str


def _table_3(epochs: int) -> Settings:
    return Settings(epochs=epochs, augment=Ranges())  # batch 32, Adam, rate 0.001, rotation, flips, zoom


PRESETS = {
    "quick": Preset(_table_3(10), 64, 900, (900, 180, 720), seeds=2, says="minutes on a CPU"),
    "class": Preset(_table_3(20), 64, 1000, (1200, 240, 960), seeds=3, says="a lesson: a quarter of an hour on a CPU"),
    "paper": Preset(_table_3(50), 128, None, (6000, 600, 2400), seeds=5, says="Table 3 as printed, for a GPU"),
}
