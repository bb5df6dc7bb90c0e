"""The paper's proposal as far as its text defines it: a CNN with attention; and three ablations.

    Hybrid                  softmax attention at 1/8 of the image's size
    HybridAsPrinted         Eq. 3-4 as printed: no softmax
    HybridUniform           every position takes the plain average, A = 1/N: nothing is chosen
    HybridWithConvolution   a convolution of the same size in attention's place

Built from the same seed, all four start from the same weights everywhere else, so that a difference
between two of them comes from that one place.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medkit.blocks import (
    AttentionAsPrinted2d,
    ConvBlock,
    ConvolutionInstead,
    Encoder,
    LabelHead,
    Look,
    MaskHead,
    Prediction,
    SelfAttention2d,
    UniformAttention2d,
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
        return self._answer(half, quarter, self.attention(eighth))

    def look(self, image: Tensor) -> Look:
        """Predict, and show the features at 1/8 after attention, and who looked at whom there."""
        check_model_image(image, self.channels)
        half, quarter, eighth = self.encoder(image)
        features = self.attention(eighth)
        return Look(self._answer(half, quarter, features), features, self._weights(eighth))

    def _answer(self, half: Tensor, quarter: Tensor, eighth: Tensor) -> Prediction:
        quarter = self.merge_quarter(torch.cat([self.up_quarter(eighth), quarter], dim=1))
        half = self.merge_half(torch.cat([self.up_half(quarter), half], dim=1))
        return Prediction(self.label_head(eighth), self.mask_head(half))

    def _weights(self, eighth: Tensor) -> tuple[Tensor, ...]:
        return (self.attention.weights(eighth)[:, None],)  # one layer of one head


class HybridAsPrinted(Hybrid):
    """The hybrid with Eq. 3-4 as printed, without a softmax. Arguments, parameters: as `Hybrid`.

    `look` shows the scores in place of weights: of either sign, and no row sums to one.
    """

    def __init__(self, classes: int, channels: int = 1, width: int = 16):
        super().__init__(classes, channels, width)
        self.attention = AttentionAsPrinted2d(4 * width)


class HybridUniform(Hybrid):
    """The hybrid with A = 1/N in place of learned weights. Arguments as `Hybrid`.

    Without queries and keys it has 32·width² parameters less, 7 % of all.
    """

    def __init__(self, classes: int, channels: int = 1, width: int = 16):
        super().__init__(classes, channels, width)
        self.attention = UniformAttention2d(4 * width)


class HybridWithConvolution(Hybrid):
    """The hybrid with a convolution of the same size (± 2 %) where its attention was.

    Arguments as `Hybrid`. The part keeps its name, `attention`, so that the others' weights carry over.
    """

    def __init__(self, classes: int, channels: int = 1, width: int = 16):
        super().__init__(classes, channels, width)
        self.attention = ConvolutionInstead(4 * width)

    def _weights(self, eighth: Tensor) -> tuple[Tensor, ...]:
        return ()
