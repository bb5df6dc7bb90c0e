"""One question that can be asked of any set: is there a lesion, and where?"""

from __future__ import annotations

import dataclasses

import torch

from medkit._check import MedkitInputError
from medkit.data.container import ImageSet

CLASSES = ("no lesion", "lesion")
HEALTHY = {"no tumour", "normal", "healthy", "no bleed", CLASSES[0]}  # classes without a finding, by name


def one_question(data: ImageSet) -> ImageSet:
    """Return a set with the classes of `CLASSES` and one channel.

    A lesion is there where the mask has a pixel; without masks, where the class is not one of `HEALTHY`.

    Raises:
        MedkitInputError: no masks, and no class that is known to be healthy.

    >>> from medkit.data.phantom import phantom
    >>> one_question(phantom(6, size=32)).label.tolist()
    [0, 0, 1, 1, 1, 1]
    """
    if data.mask is not None:
        label = data.mask.flatten(1).any(1).long()
    else:
        ill = torch.tensor([name not in HEALTHY for name in data.classes])
        if ill.all():
            fix = f"add masks, or call the class without a finding one of {', '.join(sorted(HEALTHY))}"
            raise MedkitInputError(data.title, "has neither masks nor a healthy class", fix)
        label = ill[data.label].long()
    grey = data.image if data.image.shape[1] == 1 else data.image.mean(1, keepdim=True)
    return dataclasses.replace(data, image=grey, label=label, classes=CLASSES)
