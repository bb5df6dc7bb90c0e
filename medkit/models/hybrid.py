"""The paper's proposal as far as its text defines it: a CNN with attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medkit.blocks import (
    ConvBlock,
    Encoder,
    LabelHead,
    MaskHead,
    Prediction,
    SelfAttention2d,
    UpBlock,
    check_model_image,
    check_sizes,
)


class Hybrid(nn.Module):
    """Convolve down to 1/8, let all positions look at each other there (Eq. 3-4), convolve up again.

    The paper names the parts (CNN, scaled dot-product attention, segmentation) but neither their
    number nor their order; this is the smallest model that has them all. On the way up the
    encoder's features are concatenated to the decoder's, not added.

    Args:
        classes: K, 2 or more.
        channels: 1 (grey) or 3 (RGB).
        width: features at 1/2 of the image's size, a multiple of 4; doubled at 1/4 and again at 1/8.
            16 gives about 123,000 parameters.

    Raises:
        ValueError: sizes that no model can be built from.

    >>> Hybrid(classes=3)(torch.zeros(2, 1, 32, 48)).mask.shape
    torch.Size([2, 1, 32, 48])
    """

    def __init__(self, classes: int, channels: int = 1, width: int = 16):
        check_sizes(classes, channels, width)
        super().__init__()
        self.channels = channels
        self.encoder = Encoder(channels, width)
        self.attention = SelfAttention2d(4 * width)
        self.label_head = LabelHead(4 * width, classes)
        self.up_quarter = UpBlock(4 * width, 2 * width)
        self.merge_quarter = ConvBlock(4 * width, 2 * width)
        self.up_half = UpBlock(2 * width, width)
        self.merge_half = ConvBlock(2 * width, width)
        self.mask_head = MaskHead(width)

    def forward(self, image: Tensor) -> Prediction:
        check_model_image(image, self.channels)
        half, quarter, eighth = self.encoder(image)
        eighth = self.attention(eighth)
        quarter = self.merge_quarter(torch.cat([self.up_quarter(eighth), quarter], dim=1))
        half = self.merge_half(torch.cat([self.up_half(quarter), half], dim=1))
        return Prediction(self.label_head(eighth), self.mask_head(half))
