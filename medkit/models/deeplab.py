"""DeepLabV3+ on ResNet-50, under the contract of our own models."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models as networks
from torchvision.models.segmentation.deeplabv3 import ASPP

from medkit.blocks import ConvBlock, LabelHead, Look, Prediction, check_model_image
from medkit.models.backbones import ResNetEncoder, as_imagenet
from medkit.models.pretrained import grey_network, imagenet_weights

RATES = (6, 12, 18)  # of the dilated convolutions, in pixels of the map at 1/16
NARROW = 48  # features of the fine map: fewer, so that the coarse ones have the say


class DeepLabV3Plus(nn.Module):
    """Look at the coarse map in several widths at once, then sharpen it with a fine one: that is the "+".

    The ResNet's last stage dilates its convolutions instead of halving the map once more, which stays at
    1/16. Torchvision's ASPP looks at it with dilated convolutions of three rates, one by one, and the
    average of all. The result is enlarged to 1/4, joined with the ResNet's own map there, narrowed to 48
    features, convolved twice, and enlarged to the image. Torchvision has DeepLabV3 alone, without that.

    Args:
        classes: K, 2 or more; channels: 1 (grey) or 3 (RGB), in [0, 1].
        imagenet: start from ImageNet's weights.

    Edge: ASPP averages a whole map and normalises it by BatchNorm: training needs batches of 2 or more.

    Raises:
        ValueError, MedkitInputError: as for `medkit.models.backbones.ResNet18`.

    Reference: L.-C. Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image
    Segmentation", ECCV 2018. Its convolutions are separable; these are plain.
    """

    def __init__(self, classes: int, channels: int = 1, imagenet: bool = False):
        super().__init__()
        if classes < 2:
            raise ValueError(f"classes must be 2 or more, got {classes}; name also the class 'none'")
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3, got {channels}; give grey or RGB images")
        network = networks.resnet50(weights=None, replace_stride_with_dilation=[False, False, True])
        if imagenet:
            network.load_state_dict(imagenet_weights("resnet50"))
        self.channels = channels
        self.encoder = ResNetEncoder(grey_network(network) if channels == 1 else network)
        self.label_head = LabelHead(2048, classes)
        self.aspp = ASPP(2048, RATES, 256)
        self.fine = ConvBlock(256, NARROW)
        self.merge = nn.Sequential(ConvBlock(256 + NARROW, 64), ConvBlock(64, 64))
        self.mask_head = nn.Conv2d(64, 1, kernel_size=1)
        nn.init.constant_(self.mask_head.bias, -3.0)  # as `medkit.blocks.MaskHead`: 5 % of all pixels

    def forward(self, image: Tensor) -> Prediction:
        return self.look(image).prediction

    def look(self, image: Tensor) -> Look:
        """Predict, and show the last map, at 1/16; there is no attention to show."""
        check_model_image(image, self.channels)
        _, quarter, _, _, last = self.encoder(as_imagenet(image))
        coarse = F.interpolate(self.aspp(last), quarter.shape[-2:], mode="nearest")
        mask = self.mask_head(self.merge(torch.cat([coarse, self.fine(quarter)], dim=1)))
        mask = F.interpolate(mask, image.shape[-2:], mode="nearest")
        return Look(Prediction(self.label_head(last), mask), last, ())
