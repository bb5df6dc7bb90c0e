"""The U-Net: down, up again, and skips across, so that the mask keeps its outline."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medkit.blocks import (
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


class UNet(nn.Module):
    """Convolve down to 1/8 and up again, two convolutions at each size on both ways.

    On the way up the encoder's features of the same size are concatenated to the decoder's, not
    added: the convolutions after choose what to take from either. The original has no label; ours is
    read at 1/8, as in the other models. It also works at the image's full size; ours starts at 1/2,
    as they do, so that only ideas differ.

    Args:
        classes: K, 2 or more.
        channels: 1 (grey) or 3 (RGB).
        width: features at 1/2 of the image's size, a multiple of 4; doubled at 1/4 and again at 1/8.
            16 gives about 118,000 parameters.

    Raises:
        ValueError: sizes that no model can be built from.

    Reference: O. Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image
    Segmentation", MICCAI 2015.

    >>> UNet(classes=3)(torch.zeros(2, 1, 32, 48)).mask.shape
    torch.Size([2, 1, 32, 48])
    """

    def __init__(self, classes: int, channels: int = 1, width: int = 16):
        check_sizes(classes, channels, width)
        super().__init__()
        self.channels = channels
        self.encoder = Encoder(channels, width)
        self.label_head = LabelHead(4 * width, classes)
        self.up_quarter = UpBlock(4 * width, 2 * width)
        self.merge_quarter = nn.Sequential(
            ConvBlock(4 * width, 2 * width),
            ConvBlock(2 * width, 2 * width),
        )
        self.up_half = UpBlock(2 * width, width)
        self.merge_half = nn.Sequential(
            ConvBlock(2 * width, width),
            ConvBlock(width, width),
        )
        self.mask_head = MaskHead(width)

    def forward(self, image: Tensor) -> Prediction:
        return self.look(image).prediction

    def look(self, image: Tensor) -> Look:
        """Predict, and show the features at 1/8; there is no attention to show."""
        check_model_image(image, self.channels)
        half, quarter, eighth = self.encoder(image)
        quarter = self.merge_quarter(torch.cat([self.up_quarter(eighth), quarter], dim=1))
        half = self.merge_half(torch.cat([self.up_half(quarter), half], dim=1))
        return Look(Prediction(self.label_head(eighth), self.mask_head(half)), eighth, ())
