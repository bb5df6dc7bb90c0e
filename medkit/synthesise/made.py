"""What each arm adds to a few real training images: nothing, a GAN's images, or real ones in another style."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from medkit import normalise
from medkit.data.container import ImageSet
from medkit.step import key
from medkit.synthesise import copies, gan, style

STEPS = 400  # of the GAN
RADIUS = 2  # of Fourier style: the mean, and waves with one turn over the image


class Few(NamedTuple):
    """The real images that an arm may use.

    data: n images with labels and masks; image: the same prepared, (n, 1, 32, 32) in 0 ... 1.
    held_out: prepared images of other patients, to compare copies with.
    references: prepared images that lend their style; no label of theirs is used.
    """

    data: ImageSet
    image: Tensor
    held_out: Tensor
    references: Tensor


class Made(NamedTuple):
    """Images that no scanner took: (N, 1, 32, 32) in 0 ... 1, masks, labels, and what a record says of them."""

    image: Tensor
    mask: Tensor
    label: Tensor
    facts: dict


def by_gan(few: Few, count: int, seed: int, progress: Callable | None) -> Made:
    """Train a GAN on the few, let it make `count` images of the same classes, and look for copies."""
    data = few.data
    generator = gan.train(
        few.image, data.mask, data.label, len(data.classes), steps=STEPS, seed=key(f"GAN {seed}"), progress=progress
    )
    label = data.label[torch.arange(count) % len(data)]
    image, mask = gan.make(generator, label, seed=key(f"images of GAN {seed}"))
    found = copies.check(image, few.image, data.group, few.held_out)
    empty = [float((~mask[label == k].flatten(1).any(1)).double().mean()) for k in range(len(data.classes))]  # none made: NaN
    facts = {"steps": STEPS, "parameters": sum(p.numel() for p in generator.parameters())}
    return Made(image, mask, label, facts | {"copies": found._asdict(), "empty_masks": empty})


def by_fourier(few: Few, count: int, seed: int, progress: Callable | None) -> Made:
    """Give the few the slow waves of references; each image once more with every round of them."""
    image, reference, place = _pairs(few, count, seed)
    styled = normalise.min_max(style.swap_amplitude(image, reference, RADIUS))
    return Made(styled, few.data.mask[place], few.data.label[place], {"radius": RADIUS})


def by_histogram(few: Few, count: int, seed: int, progress: Callable | None) -> Made:
    """Give the few the grey values of references; as `by_fourier`."""
    image, reference, place = _pairs(few, count, seed)
    styled = normalise.min_max(style.match_histogram(image, reference))
    return Made(styled, few.data.mask[place], few.data.label[place], {})


MAKERS = {"GAN": by_gan, "Fourier": by_fourier, "histogram": by_histogram}  # beside "real", which adds none


def _pairs(few: Few, count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return images, a random reference for each, and which of the few each image is."""
    place = torch.arange(count) % len(few.data)
    rng = torch.Generator().manual_seed(key(f"styles {seed}"))
    drawn = torch.randint(len(few.references), (count,), generator=rng)
    return few.image[place], few.references[drawn], place
