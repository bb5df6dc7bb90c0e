"""The layers that the models share, and the one shape in which they all answer.

GroupNorm everywhere: it treats each image alone, so that a prediction does not depend on the rest
of its batch, and nothing but weights has to be frozen (Eq. 5).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from medkit._check import check_image
from medkit.attention import attend, attend_linear, attention_scores, attention_weights

GROUPS = 4  # of GroupNorm; every width is a multiple of it
STRIDE = 8  # the encoder's lowest resolution is 1/8


class Prediction(NamedTuple):
    """What every model answers: logits, before any softmax or sigmoid.

    label: (B, K), one logit for each class.
    mask: (B, 1, H, W), one logit for each pixel, at the image's own size; > 0 means lesion.
    """

    label: Tensor
    mask: Tensor


class Look(NamedTuple):
    """A prediction with what led to it, for explanation; nothing is detached from the graph.

    features: (B, D, H/8, W/8), the map that the label is read from.
    weights: for each attention layer (B, heads, N, N) with N = H/8 · W/8: row i is how much
        position i takes from every other. Empty for a model without attention.
    """

    prediction: Prediction
    features: Tensor
    weights: tuple[Tensor, ...]


@contextlib.contextmanager
def drawn_by(seed: int) -> Iterator[None]:
    """Let a seed draw the weights of what is built inside; nobody else's random numbers change.

    >>> with drawn_by(0):
    ...     one = nn.Linear(2, 2)
    >>> with drawn_by(0):
    ...     torch.equal(nn.Linear(2, 2).weight, one.weight)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class ConvBlock(nn.Sequential):
    """Convolve 3×3, normalise, ReLU. (B, C, H, W) -> (B, width, H / stride, W / stride).

    The convolution has no bias: the norm that follows brings its own.
    """

    def __init__(self, channels: int, width: int, stride: int = 1):
        super().__init__(
            nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.GroupNorm(GROUPS, width),
            nn.ReLU(),
        )


class UpBlock(nn.Sequential):
    """Double the resolution by a transposed convolution. (B, C, H, W) -> (B, width, 2H, 2W).

    Kernel and stride are both 2: each output pixel comes from one input pixel, so there is no
    chequerboard of uneven overlap, and no interpolation, whose gradient on a GPU is not repeatable.
    """

    def __init__(self, channels: int, width: int):
        super().__init__(
            nn.ConvTranspose2d(channels, width, kernel_size=2, stride=2, bias=False),
            nn.GroupNorm(GROUPS, width),
            nn.ReLU(),
        )


class Encoder(nn.Module):
    """Turn an image into features at 1/2, 1/4 and 1/8 of its size, two convolutions at each.

    (B, C, H, W) -> (B, w, H/2, W/2), (B, 2w, H/4, W/4), (B, 4w, H/8, W/8)
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        widths = (width, 2 * width, 4 * width)
        self.stages = nn.ModuleList(
            nn.Sequential(ConvBlock(before, after, stride=2), ConvBlock(after, after))
            for before, after in zip((channels, *widths), widths)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        half = self.stages[0](image)
        quarter = self.stages[1](half)
        eighth = self.stages[2](quarter)
        return half, quarter, eighth


class SelfAttention2d(nn.Module):
    """Let every pixel of a feature map look at all the others (Eq. 3-4), and add what it saw.

    A token is one pixel with its D = width features; H·W of them make H²·W² weights, which is why
    this stands at 1/8 of the image's size. Where a token stands it is told only by its features
    (the convolutions before know the border by their padding).

    The keys have no bias: it would add the same number to a whole row of scores, which the
    softmax takes out again.
    """

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)

    def tokens(self, x: Tensor) -> Tensor:
        """Return the normalised map as tokens: (B, D, H, W) -> (B, H·W, D)."""
        return self.norm(x).flatten(2).transpose(1, 2)

    def weights(self, x: Tensor) -> Tensor:
        """Return who looks at whom: (B, D, H, W) -> (B, H·W, H·W); row i is pixel i's view."""
        return self._weigh(self.tokens(x))

    def forward(self, x: Tensor) -> Tensor:
        seen = self._see(self.tokens(x))
        return x + self.out(seen).transpose(1, 2).reshape(x.shape)

    def _weigh(self, tokens: Tensor) -> Tensor:
        return attention_weights(self.query(tokens), self.key(tokens))  # Eq. 3, and the softmax

    def _see(self, tokens: Tensor) -> Tensor:
        return attend(self._weigh(tokens), self.value(tokens))  # Eq. 4


class AttentionAsPrinted2d(SelfAttention2d):
    """Attention without a softmax, exactly Eq. 3-4. The same parameters as `SelfAttention2d`.

    What is not asked to be looked at is computed at linear cost: K' V first. The sum over pixels is
    no average here: it grows with the size of the image. `weights` are the scores, of either sign.
    """

    def _weigh(self, tokens: Tensor) -> Tensor:
        return attention_scores(self.query(tokens), self.key(tokens))

    def _see(self, tokens: Tensor) -> Tensor:
        return attend_linear(self.query(tokens), self.key(tokens), self.value(tokens))


class UniformAttention2d(nn.Module):
    """Let every pixel take the plain average of all: A_ij = 1/N, so that nothing is chosen.

    `SelfAttention2d` less queries and keys, and their 2·D² parameters: what attention brings by
    spreading information over the image, without any choice of where from.
    """

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)

    def weights(self, x: Tensor) -> Tensor:
        """Return 1/N for all: (B, D, H, W) -> (B, H·W, H·W)."""
        b, _, h, w = x.shape
        return x.new_full((b, h * w, h * w), 1 / (h * w))

    def forward(self, x: Tensor) -> Tensor:
        average = self.norm(x).mean(dim=(2, 3))  # what A_ij = 1/N makes of Eq. 4, once for all i
        return x + self.out(self.value(average))[:, :, None, None]


class ConvolutionInstead(nn.Sequential):
    """A convolution with as many parameters as `SelfAttention2d`, which sees its neighbours only.

    Normalise, convolve 3×3 to 0.4·D features, ReLU, 1×1 back to D, and add, as attention does.
    10 · D · 0.4·D = 4 · D²; with 0.4·D rounded, within 2 % from D = 32 (the models' width 8) on.
    """

    def __init__(self, width: int):
        narrow = round(0.4 * width)
        super().__init__(
            nn.GroupNorm(GROUPS, width),
            nn.Conv2d(width, narrow, kernel_size=3, padding=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(narrow, width, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class LabelHead(nn.Module):
    """Score the classes from a feature map: (B, D, H, W) -> (B, K).

    The average says what the whole image is like, the maximum that a small thing is there at all.
    """

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.linear = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))


class MaskHead(nn.ConvTranspose2d):
    """Score the pixels from features at 1/2: (B, D, H/2, W/2) -> (B, 1, H, W).

    It starts by calling 5 % of all pixels lesion, not 50 %: lesions are small, and with the usual
    start at zero our models leave every mask empty for their first 10 epochs or so.
    """

    def __init__(self, width: int):
        super().__init__(width, 1, kernel_size=2, stride=2)
        nn.init.constant_(self.bias, -3.0)  # sigmoid(-3) = 0.05


def parameter_count(model: nn.Module) -> int:
    """Return how many numbers a model learns."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def check_sizes(classes: int, channels: int, width: int) -> None:
    """Refuse what no model can be built from."""
    if classes < 2:
        raise ValueError(f"classes must be 2 or more, got {classes}; name also the class 'none'")
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3, got {channels}; give grey or RGB images")
    if width < GROUPS or width % GROUPS:
        raise ValueError(f"width must be a multiple of {GROUPS}, got {width}; 16 is the default")


def check_model_image(image: Tensor, channels: int) -> None:
    """Refuse images whose shape the encoder and decoder can't take there and back."""
    check_image(image)
    if image.ndim != 4 or image.shape[1] != channels:
        raise ValueError(
            f"image must have shape (B, {channels}, H, W), got {tuple(image.shape)}; "
            f"build the model with the images' number of channels"
        )
    if any(size < 32 or size % STRIDE for size in image.shape[-2:]):
        raise ValueError(
            f"image must have height and width of 32 or more, divisible by {STRIDE}, "
            f"got {tuple(image.shape[-2:])}; resize or pad it"
        )
