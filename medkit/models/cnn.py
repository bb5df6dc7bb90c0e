"""The baseline: a plain convolutional network."""

from __future__ import annotations

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


class CNN(nn.Module):
    """Convolve down to 1/8, answer from there.

    The mask is drawn up again from the lowest resolution alone, without skips: that is what a U-Net
    adds. Where the hybrid has attention and merging convolutions, this model has one more
    convolution at 1/8, so that both have about as many parameters.

    Args:
        classes: K, 2 or more.
        channels: 1 (grey) or 3 (RGB).
        width: features at 1/2 of the image's size, a multiple of 4; doubled at 1/4 and again at 1/8.
            16 gives about 120,000 parameters.

    Raises:
        ValueError: sizes that no model can be built from.

    >>> import torch
    >>> CNN(classes=3)(torch.zeros(2, 1, 32, 48)).label.shape
    torch.Size([2, 3])
    """

    def __init__(self, classes: int, channels: int = 1, width: int = 16):
        check_sizes(classes, channels, width)
        super().__init__()
        self.channels = channels
        self.encoder = Encoder(channels, width)
        self.middle = ConvBlock(4 * width, 4 * width)
        self.label_head = LabelHead(4 * width, classes)
        self.mask_head = nn.Sequential(
            UpBlock(4 * width, 2 * width),
            UpBlock(2 * width, width),
            MaskHead(width),
        )

    def forward(self, image: Tensor) -> Prediction:
        return self.look(image).prediction

    def look(self, image: Tensor) -> Look:
        """Predict, and show the features at 1/8; there is no attention to show."""
        check_model_image(image, self.channels)
        _, _, eighth = self.encoder(image)
        eighth = self.middle(eighth)
        return Look(Prediction(self.label_head(eighth), self.mask_head(eighth)), eighth, ())
