"""The attention-gated U-Net: what comes across a skip is let through where the way up asks for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medkit.blocks import (
    GROUPS,
    ConvBlock,
    Encoder,
    LabelHead,
    Look,
    MaskHead,
    Prediction,
    UpBlock,
    check_model_image,
    check_sizes,
)


class AttentionGate(nn.Module):
    """Weigh each pixel of a skip by a number between 0 and 1, from the skip and from what asks for it.

        α = sigmoid(ψ(ReLU(W_x x + W_g g)))     x' = α x

    (B, C, H, W) and (B, C, H, W) -> (B, C, H, W). This is no Eq. 3: no pixel looks at another.

    Args:
        width: C of both; the sum is taken in C / 2 features.

    Reference: O. Oktay et al., "Attention U-Net: Learning Where to Look for the Pancreas", MIDL 2018. There
    g is coarser than x, and x is sampled down to it; here g has been brought up already.
    """

    def __init__(self, width: int):
        super().__init__()
        inside = max(GROUPS, width // 2)
        self.of_skip = nn.Conv2d(width, inside, kernel_size=1, bias=False)
        self.of_gate = nn.Conv2d(width, inside, kernel_size=1)
        self.score = nn.Conv2d(inside, 1, kernel_size=1)

    def alpha(self, skip: Tensor, gate: Tensor) -> Tensor:
        """Return how much of each pixel is let through: (B, 1, H, W), 0 ... 1."""
        return self.score(torch.relu(self.of_skip(skip) + self.of_gate(gate))).sigmoid()

    def forward(self, skip: Tensor, gate: Tensor) -> Tensor:
        return self.alpha(skip, gate) * skip


class AttentionUNet(nn.Module):
    """Our U-Net with a gate on each skip; 1 % more parameters. Arguments and errors as for `UNet`.

    >>> AttentionUNet(classes=3)(torch.zeros(2, 1, 32, 48)).mask.shape
    torch.Size([2, 1, 32, 48])
    """

    def __init__(self, classes: int, channels: int = 1, width: int = 16):
        check_sizes(classes, channels, width)
        super().__init__()
        self.channels = channels
        self.encoder = Encoder(channels, width)
        self.label_head = LabelHead(4 * width, classes)
        self.up_quarter, self.gate_quarter = UpBlock(4 * width, 2 * width), AttentionGate(2 * width)
        self.merge_quarter = nn.Sequential(ConvBlock(4 * width, 2 * width), ConvBlock(2 * width, 2 * width))
        self.up_half, self.gate_half = UpBlock(2 * width, width), AttentionGate(width)
        self.merge_half = nn.Sequential(ConvBlock(2 * width, width), ConvBlock(width, width))
        self.mask_head = MaskHead(width)

    def forward(self, image: Tensor) -> Prediction:
        return self.look(image).prediction

    def look(self, image: Tensor) -> Look:
        """Predict, and show the features at 1/8; the gates weigh pixels, so that there are no weights of pairs."""
        check_model_image(image, self.channels)
        half, quarter, eighth = self.encoder(image)
        up = self.up_quarter(eighth)
        quarter = self.merge_quarter(torch.cat([up, self.gate_quarter(quarter, up)], dim=1))
        up = self.up_half(quarter)
        half = self.merge_half(torch.cat([up, self.gate_half(half, up)], dim=1))
        return Look(Prediction(self.label_head(eighth), self.mask_head(half)), eighth, ())
