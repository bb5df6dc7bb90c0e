"""Two networks against each other: one makes images with their masks, one tells them from real ones.

A small conditional GAN for 32 × 32 pixels. The mask is a second channel: who makes both at once can't
give an image a mask that does not belong to it without being caught.

    generator       noise, class                  -> image and mask
    discriminator   image and mask, class         -> how real, a number without a unit

Reference: I. Goodfellow et al., NeurIPS 2014. Class by projection: T. Miyato and M. Koyama, ICLR 2018.
Spectral norm and hinge loss: T. Miyato et al., ICLR 2018. The discriminator sees real and made images
moved alike, or with few images it learns them by heart: T. Karras et al., NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from tqdm.auto import tqdm

from medkit import normalise
from medkit.blocks import drawn_by

SIDE = 32  # pixels
NOISE = 32  # numbers that an image is made from
BATCH, RATE = 32, 2e-4
SHIFT = 3  # pixels that the discriminator's images are moved at most


class Generator(nn.Module):
    """Noise (B, 32) and class (B,) -> (B, 2, 32, 32) in -1 ... 1: the image, and the mask (above 0: inside)."""

    def __init__(self, classes: int, width: int = 16):
        super().__init__()
        self.begin = nn.Linear(NOISE + classes, 4 * width * 16)
        self.classes, self.width = classes, width
        sizes = (4 * width, 2 * width, width, width)  # at 4, 8, 16, 32 pixels
        self.grow = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(sizes, sizes[1:]))
        self.norm = nn.ModuleList(nn.BatchNorm2d(b) for b in sizes[1:])
        self.end = nn.Conv2d(width, 2, 3, padding=1)

    def forward(self, noise: Tensor, label: Tensor) -> Tensor:
        x = self.begin(torch.cat([noise, F.one_hot(label, self.classes).to(noise.dtype)], 1))
        x = x.unflatten(1, (4 * self.width, 4, 4))
        for conv, norm in zip(self.grow, self.norm):
            x = norm(conv(F.interpolate(x, scale_factor=2))).relu()
        return self.end(x).tanh()


class Discriminator(nn.Module):
    """Image and mask (B, 2, 32, 32) and class (B,) -> (B,): v · f + v_class · f, f the image's features."""

    def __init__(self, classes: int, width: int = 16):
        super().__init__()
        sizes = (2, width, 2 * width, 4 * width)
        self.shrink = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 4, 2, 1)) for a, b in zip(sizes, sizes[1:]))
        self.real = spectral_norm(nn.Linear(4 * width, 1))
        self.of_class = spectral_norm(nn.Embedding(classes, 4 * width))

    def forward(self, pair: Tensor, label: Tensor) -> Tensor:
        for conv in self.shrink:
            pair = F.leaky_relu(conv(pair), 0.2)
        feature = pair.sum((2, 3))
        return self.real(feature)[:, 0] + (self.of_class(label) * feature).sum(1)


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Return the hinge loss: mean max(0, 1 - real) + mean max(0, 1 + made); 0 once both are a step from 0.

    >>> discriminator_loss(torch.tensor([1.0, 0.5]), torch.tensor([-2.0, 0.0]))
    tensor(0.7500)
    """
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def generator_loss(made: Tensor) -> Tensor:
    """Return -mean(made): the generator wants its images to pass for real.

    >>> generator_loss(torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """
    return -made.mean()


def moved(pair: Tensor, generator: torch.Generator) -> Tensor:
    """Return images flipped left to right or not, and shifted by up to 3 pixels, each by its own numbers.

    Gradients pass. What enters at the border is -1, as dark as an image gets and outside the mask.

    Args:
        pair: (B, 2, H, W) in -1 ... 1; generator: of the numbers, on the CPU.
    """
    n, height, width = len(pair), *pair.shape[-2:]
    flip = torch.rand(n, generator=generator) < 0.5
    pair = torch.where(flip[:, None, None, None].to(pair.device), pair.flip(-1), pair)
    padded = F.pad(pair, (SHIFT,) * 4, value=-1.0)
    down, right = torch.randint(2 * SHIFT + 1, (2, n), generator=generator)
    return torch.stack([x[:, d : d + height, r : r + width] for x, d, r in zip(padded, down.tolist(), right.tolist())])


def train(
    image: Tensor, mask: Tensor, label: Tensor, classes: int, *, steps: int, seed: int, progress: Callable | None = tqdm,
    watch: Callable[[int, Generator], object] | None = None,
) -> Generator:
    """Train a GAN on images with masks and classes; return its generator, ready for `make`.

    Args:
        image: (N, 1, 32, 32) in 0 ... 1, as from `medkit.normalise.min_max`.
        mask: (N, 1, 32, 32) bool. label: (N,) int64, below `classes`.
        steps: of both networks, by batches of 32 drawn with replacement: few images are no fewer steps.
        seed: of weights, batches, noise and moves. progress: such as tqdm; None for none.
        watch: called after each step with how many were made and the generator, which goes on learning: copy it.

    Raises:
        ValueError: other shapes, values outside 0 ... 1, or no step.
        FloatingPointError: a loss is no number any more.
    """
    _check(image, mask, label, classes, steps)
    with drawn_by(seed):
        made_by, told_by = Generator(classes), Discriminator(classes)
    rng = torch.Generator().manual_seed(seed)
    pair = torch.cat([2 * image - 1, 2 * mask.float() - 1], 1)
    forger, expert = (torch.optim.Adam(net.parameters(), RATE, betas=(0.5, 0.9)) for net in (made_by, told_by))
    for step in range(steps) if progress is None else progress(range(steps), desc=f"GAN, {len(image)} images"):
        drawn = torch.randint(len(pair), (BATCH,), generator=rng)
        wanted, noise = label[drawn], torch.randn(BATCH, NOISE, generator=rng)
        made = made_by(noise, wanted)
        scores = [told_by(moved(x, rng), wanted) for x in (pair[drawn], made.detach())]
        _one_step(expert, loss := discriminator_loss(*scores))
        if not loss.isfinite():
            raise FloatingPointError(f"loss must be finite, got {loss.item()} at step {step}; take another seed")
        _one_step(forger, generator_loss(told_by(moved(made, rng), wanted)))
        if watch is not None:
            watch(step + 1, made_by)
    return made_by.eval()


@torch.no_grad()
def make(generator: Generator, label: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
    """Make one image and mask for each class number asked for.

    Args:
        generator: from `train`. label: (N,) int64. seed: of the noise.

    Returns:
        image (N, 1, 32, 32), each stretched to 0 ... 1 as real ones are; mask (N, 1, 32, 32) bool.

    Edge: a mask may come out empty where the class has one; nothing repairs it.
    """
    noise = torch.randn(len(label), NOISE, generator=torch.Generator().manual_seed(seed))
    image, mask = generator.eval()(noise, label).split(1, dim=1)
    return normalise.min_max(image), mask > 0


def _one_step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _check(image: Tensor, mask: Tensor, label: Tensor, classes: int, steps: int) -> None:
    shape = (len(label), 1, SIDE, SIDE)
    if tuple(image.shape) != shape or tuple(mask.shape) != shape:
        raise ValueError(f"image and mask must be {shape}, got {tuple(image.shape)} and {tuple(mask.shape)}; resize both")
    if not len(label) or not (0 <= float(image.min()) and float(image.max()) <= 1):
        raise ValueError("image must lie in 0 ... 1 and hold one image at least, got others; apply normalise.min_max")
    if not 0 <= int(label.min()) <= int(label.max()) < classes:
        raise ValueError(f"label must lie in 0 ... {classes - 1}, got {int(label.max())}; count the classes again")
    if steps < 1:
        raise ValueError(f"steps must be 1 or more, got {steps}; a few hundred are a beginning")
