"""Known networks as encoders, under the contract of our own models: ResNet-18, ResNet-50, DenseNet-121.

What they were made for, 1,000 classes of photographs, is cut off; the label is read from their last map,
and a U-Net's way up draws the mask from their maps at 1/2 to 1/32. With `imagenet=True` they start from
ImageNet's weights, where those are in torch's cache or can be downloaded (`medkit.models.pretrained`).

They hold 70 to 700 times as many numbers as our four, and BatchNorm, whose statistics move while they
train: `medkit.transfer.freeze(model, "encoder")` holds both. In training a batch of one image of 32 × 32
is refused by BatchNorm, which then has one number for each channel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models as networks

from medkit.blocks import ConvBlock, LabelHead, Look, MaskHead, Prediction, check_model_image
from medkit.models.pretrained import IMAGENET_MEAN, IMAGENET_STD, grey_network, imagenet_network

WIDTHS = (32, 32, 64, 64)  # of the decoder at 1/2, 1/4, 1/8 and 1/16


def network_of(name: str, channels: int, imagenet: bool) -> nn.Module:
    """Return torchvision's network, for grey images where channels is 1, with ImageNet's weights if asked.

    Raises:
        ValueError: channels is neither 1 nor 3.
        MedkitInputError: the weights are not there and can't be downloaded, or are damaged.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3, got {channels}; give grey or RGB images")
    network = imagenet_network(name) if imagenet else networks.get_model(name, weights=None)
    return grey_network(network.train()) if channels == 1 else network.train()


def as_imagenet(image: Tensor) -> Tensor:
    """Take ImageNet's mean off RGB images in [0, 1], over its deviation; `GreyStem` does it for grey ones."""
    if image.shape[1] == 1:
        return image
    mean, std = (image.new_tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image - mean) / std


class BackboneModel(nn.Module):
    """An encoder with maps at 1/2, 1/4, 1/8, 1/16 and 1/32, the label from its last map, and a way up.

    On the way up each map is enlarged (nearest neighbour) to the size of the one above, joined with it,
    and convolved. Height and width need not be divisible by 32: the lower maps are rounded up.

    Args:
        encoder: image -> the five maps, finest first. features: their channels.
        classes: K, 2 or more; channels: of the images, 1 or 3.

    Raises:
        ValueError: classes below 2.
    """

    def __init__(self, encoder: nn.Module, features: tuple[int, ...], classes: int, channels: int):
        super().__init__()
        if classes < 2:
            raise ValueError(f"classes must be 2 or more, got {classes}; name also the class 'none'")
        self.channels, self.encoder = channels, encoder
        self.label_head = LabelHead(features[-1], classes)
        below = (*WIDTHS[1:], features[-1])
        self.up = nn.ModuleList(
            ConvBlock(coarse + skip, width) for coarse, skip, width in zip(below, features[:-1], WIDTHS)
        )
        self.mask_head = MaskHead(WIDTHS[0])

    def forward(self, image: Tensor) -> Prediction:
        return self.look(image).prediction

    def look(self, image: Tensor) -> Look:
        """Predict, and show the last map, at 1/32, not 1/8 as in our own models; no attention to show."""
        check_model_image(image, self.channels)
        *finer, last = self.encoder(as_imagenet(image))
        x = last
        for merge, skip in zip(reversed(self.up), reversed(finer)):
            x = merge(torch.cat([F.interpolate(x, skip.shape[-2:], mode="nearest"), skip], dim=1))
        return Look(Prediction(self.label_head(last), self.mask_head(x)), last, ())


class ResNetEncoder(nn.Module):
    """A ResNet without its classifier: image -> maps at 1/2 (after the stem) to 1/32 (after layer 4)."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.stem = nn.Sequential(network.conv1, network.bn1, network.relu)
        self.pool = network.maxpool
        self.layers = nn.ModuleList([network.layer1, network.layer2, network.layer3, network.layer4])

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        maps = [self.stem(image)]
        x = self.pool(maps[0])
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return tuple(maps)


class DenseNetEncoder(nn.Module):
    """A DenseNet without its classifier: image -> maps at 1/2 (after the stem) and after each dense block."""

    def __init__(self, network: nn.Module):
        super().__init__()
        parts = network.features
        self.stem = nn.Sequential(parts.conv0, parts.norm0, parts.relu0)
        self.stages = nn.ModuleList(
            [
                nn.Sequential(parts.pool0, parts.denseblock1),
                nn.Sequential(parts.transition1, parts.denseblock2),
                nn.Sequential(parts.transition2, parts.denseblock3),
                nn.Sequential(parts.transition3, parts.denseblock4, parts.norm5, nn.ReLU()),
            ]
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        maps = [self.stem(image)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return tuple(maps)


class ResNet18(BackboneModel):
    """ResNet-18 as an encoder: 11.8 million numbers with its way up.

    Args:
        classes: K, 2 or more; channels: 1 (grey) or 3 (RGB), in [0, 1].
        imagenet: start from ImageNet's weights.

    Raises:
        ValueError, MedkitInputError: as for `network_of` and `BackboneModel`.

    Reference: K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.

    >>> ResNet18(classes=3)(torch.zeros(2, 1, 32, 48)).mask.shape
    torch.Size([2, 1, 32, 48])
    """

    def __init__(self, classes: int, channels: int = 1, imagenet: bool = False):
        encoder = ResNetEncoder(network_of("resnet18", channels, imagenet))
        super().__init__(encoder, (64, 64, 128, 256, 512), classes, channels)


class ResNet50(BackboneModel):
    """ResNet-50 as an encoder. Arguments, errors and reference as for `ResNet18`."""

    def __init__(self, classes: int, channels: int = 1, imagenet: bool = False):
        encoder = ResNetEncoder(network_of("resnet50", channels, imagenet))
        super().__init__(encoder, (64, 256, 512, 1024, 2048), classes, channels)


class DenseNet121(BackboneModel):
    """DenseNet-121 as an encoder. Arguments and errors as for `ResNet18`.

    Reference: G. Huang et al., "Densely Connected Convolutional Networks", CVPR 2017.
    """

    def __init__(self, classes: int, channels: int = 1, imagenet: bool = False):
        encoder = DenseNetEncoder(network_of("densenet121", channels, imagenet))
        super().__init__(encoder, (64, 256, 512, 1024, 1024), classes, channels)
