"""f-AnoGAN in small: a generator that draws healthy images, and an encoder that looks for the nearest one.

    1  generator and critic     Wasserstein loss with a gradient penalty, healthy images alone
    2  encoder                  image -> code, so that generator(code) is the image, and the critic sees no difference
    3  score                    ‖x - G(E(x))‖² + κ ‖f(x) - f(G(E(x)))‖²,  f: the critic's last features

References: T. Schlegl et al., "f-AnoGAN", Medical Image Analysis 54, 2019. I. Gulrajani et al.,
"Improved Training of Wasserstein GANs", NeurIPS 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit.anomaly.autoencoder import smooth
from medkit.blocks import ConvBlock, UpBlock, drawn_by

CODE, BATCH, RATE = 32, 32, 2e-4
PENALTY = 10.0  # weight of the gradient penalty
CRITIC_STEPS = 2  # for one of the generator; the paper takes 5, time is short here
KAPPA = 1.0  # weight of the features


class Detector(NamedTuple):
    """The three networks, trained."""

    generator: nn.Module
    critic: nn.Module
    encoder: nn.Module


class Generator(nn.Module):
    """Draw an image from a code. (B, 32) -> (B, C, size, size).

    >>> Generator(1, 32)(torch.zeros(2, CODE)).shape
    torch.Size([2, 1, 32, 32])
    """

    def __init__(self, channels: int, size: int, width: int = 16):
        super().__init__()
        self.start = nn.Linear(CODE, 4 * width * (size // 8) ** 2)
        self.place = (4 * width, size // 8, size // 8)
        self.draw = nn.Sequential(
            UpBlock(4 * width, 4 * width), ConvBlock(4 * width, 2 * width), UpBlock(2 * width, 2 * width),
            ConvBlock(2 * width, width), UpBlock(width, width), nn.Conv2d(width, channels, 3, padding=1),
        )  # fmt: skip

    def forward(self, code: Tensor) -> Tensor:
        return self.draw(self.start(code).unflatten(1, self.place))


class Reader(nn.Module):
    """Read an image into `out` numbers: 1 for a critic, 32 for an encoder. (B, C, size, size) -> (B, out).

    No norm: the gradient penalty is about each image alone.

    >>> Reader(1, 32, out=1)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 1])
    """

    def __init__(self, channels: int, size: int, out: int, width: int = 16):
        super().__init__()
        layers, before = [], channels
        for after in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            before = after
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.answer = nn.Linear(4 * width * (size // 8) ** 2, out)

    def forward(self, image: Tensor) -> Tensor:
        return self.answer(self.features(image))


def gradient_penalty(critic: nn.Module, real: Tensor, drawn: Tensor, generator: torch.Generator) -> Tensor:
    """Return how far the critic's slope is from 1 on the way between real and drawn images.

    GP = mean (‖∇ D(u x + (1 - u) x̃)‖ - 1)²,  u uniform

    Args:
        critic: (B, C, H, W) -> (B, 1); real, drawn: (B, C, H, W); generator: of u.

    >>> slope_one = lambda image: image.flatten(1)[:, :1]
    >>> float(gradient_penalty(slope_one, torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4), torch.Generator()))
    0.0
    """
    u = torch.rand(len(real), 1, 1, 1, generator=generator)
    between = (u * real + (1 - u) * drawn).detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def train(image: Tensor, steps: int, *, seed: int, progress: Callable | None = tqdm) -> Detector:
    """Train generator and critic, then the encoder, on healthy images.

    Args:
        image: (N, C, S, S) healthy, as models see them; S a multiple of 8.
        steps: of the generator, and as many of the encoder. seed: of weights, codes and batches.

    Returns:
        the networks, in evaluation mode.

    >>> found = train(torch.rand(8, 1, 32, 32), steps=1, seed=0, progress=None)
    >>> anomaly_map(found, torch.rand(2, 1, 32, 32)).shape
    torch.Size([2, 1, 32, 32])
    """
    channels, size = image.shape[1], image.shape[-1]
    with drawn_by(seed):
        made = Detector(Generator(channels, size), Reader(channels, size, 1), Reader(channels, size, CODE))
    rng = torch.Generator().manual_seed(seed)
    turns = range(2 * steps) if progress is None else progress(range(2 * steps), desc=f"f-AnoGAN, seed {seed}")
    better = [torch.optim.Adam(part.parameters(), RATE, betas=(0.5, 0.9)) for part in made]
    for step in turns:
        if step < steps:
            for _ in range(CRITIC_STEPS):
                _improve(better[1], _critic_loss(made, _drawn_from(image, rng), rng))
            code = torch.randn(BATCH, CODE, generator=rng)
            _improve(better[0], -made.critic(made.generator(code)).mean())
        else:
            _improve(better[2], _difference(made, _drawn_from(image, rng)).mean())
    return Detector(*(part.eval() for part in made))


def _critic_loss(made: Detector, real: Tensor, rng: torch.Generator) -> Tensor:
    drawn = made.generator(torch.randn(len(real), CODE, generator=rng)).detach()
    slope = gradient_penalty(made.critic, real, drawn, rng)
    return made.critic(drawn).mean() - made.critic(real).mean() + PENALTY * slope


def _improve(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _drawn_from(image: Tensor, rng: torch.Generator) -> Tensor:
    return image[torch.randint(len(image), (BATCH,), generator=rng)]


def _difference(made: Detector, image: Tensor) -> Tensor:
    """Return the score of each image (B,): of pixels, and of the critic's features, each a mean of squares."""
    again = made.generator(made.encoder(image))
    pixels = (again - image).square().flatten(1).mean(1)
    seen, drawn = made.critic.features(image), made.critic.features(again)
    return pixels + KAPPA * (seen - drawn).square().mean(1)


@torch.no_grad()
def score(made: Detector, image: Tensor) -> Tensor:
    """Return each image's score, (N, C, S, S) -> (N,): what differs from the nearest healthy drawing.

    >>> score(train(torch.rand(8, 1, 32, 32), 1, seed=0, progress=None), torch.rand(3, 1, 32, 32)).shape
    torch.Size([3])
    """
    return torch.cat([_difference(made, batch) for batch in image.split(BATCH)])


@torch.no_grad()
def anomaly_map(made: Detector, image: Tensor, window: int = 5) -> Tensor:
    """Return where the image differs from its drawing, (N, C, S, S) -> (N, 1, S, S), averaged over a window."""
    again = torch.cat([made.generator(made.encoder(batch)) for batch in image.split(BATCH)])
    return smooth((again - image).square().mean(1, keepdim=True), window)
