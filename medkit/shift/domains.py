"""Sets that are asked one question, so that a model of one can be tried on another."""

from __future__ import annotations

from typing import NamedTuple

from medkit import sets
from medkit._check import MedkitInputError
from medkit.data.container import Split
from medkit.data.lesions import one_question
from medkit.data.phantom import MODALITIES, phantom_split
from medkit.presets import Preset

PHANTOM = "phantom"


class Domain(NamedTuple):
    """A set that stands for a scanner, an organ or a hospital.

    key: its short name, such as "mri" or "phantom CT"; split: with two classes, lesion or none, one channel.
    """

    key: str
    split: Split

    @property
    def modality(self) -> str:
        """Of its images."""
        return self.split.test.modality


def domains(names: list[str], preset: Preset) -> list[Domain]:
    """Load sets, and ask all of them one question; "phantom" stands for its three modalities.

    Args:
        names: of `medkit.sets`, or folders CLASS/image.png. preset: how many images, and how large.

    Raises:
        MedkitInputError: fewer than two sets, or one that can't be asked; else as `medkit.sets.load`.
    """
    found = []
    for name in dict.fromkeys(names):
        if name == PHANTOM:
            made = {f"{PHANTOM} {modality}": _phantoms(modality, preset) for modality in MODALITIES}
        else:
            loaded = sets.load(name, preset)
            made = {loaded.facts["key"]: loaded.split}
        found += [Domain(key, Split(*(one_question(getattr(split, side)) for side in ("train", "val", "test")))) for key, split in made.items()]
    if len(found) < 2:
        raise MedkitInputError(", ".join(names), "is one set alone", "name two or more, such as --data mri us lung")
    return found


def _phantoms(modality: str, preset: Preset) -> Split:
    """Return a third of the preset's phantoms, all of one modality."""
    counts = (6 * max(1, round(count / 18)) for count in preset.phantoms)
    return phantom_split(*counts, size=preset.size, modality=modality, seed=sets.SPLIT_SEED)
