"""ViT-B/16, the Transformer of the literature, under the contract of our own models."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medkit.blocks import LabelHead, Look, MaskHead, Prediction, UpBlock, check_model_image
from medkit.models.backbones import as_imagenet, network_of

PATCH, FEATURES, HEADS = 16, 768, 12


class ViTEncoder(nn.Module):
    """ViT-B/16 without its classifier: image -> (B, 768, H/16, W/16), with each layer's weights if asked.

    It was made for 224 × 224 pixels, 14 × 14 patches. For other sizes its table of positions is
    interpolated; an image whose sides are no multiples of 16 is padded with its own border.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.patches, self.class_token = network.conv_proj, network.class_token
        self.positions, self.layers = network.encoder.pos_embedding, network.encoder.layers
        self.norm = network.encoder.ln

    def forward(self, image: Tensor) -> Tensor:
        return self.look(image, weights=False)[0]

    def look(self, image: Tensor, weights: bool = True) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the map, and who looked at whom in each layer, (B, 12, N, N) without the class token."""
        bottom, right = (-side % PATCH for side in image.shape[-2:])
        grid = self.patches(F.pad(image, (0, right, 0, bottom), mode="replicate"))
        rows, columns = grid.shape[-2:]
        token = self.class_token.expand(image.shape[0], -1, -1)  # `len` would fix the batch in an export
        x = torch.cat([token, grid.flatten(2).transpose(1, 2)], dim=1) + self._places(rows, columns)
        seen = []
        for layer in self.layers:
            if weights:
                y = layer.ln_1(x)
                _, looks = layer.self_attention(y, y, y, need_weights=True, average_attn_weights=False)
                seen.append(looks[:, :, 1:, 1:])
            x = layer(x)
        return self.norm(x)[:, 1:].transpose(1, 2).unflatten(2, (rows, columns)), tuple(seen)

    def _places(self, rows: int, columns: int) -> Tensor:
        """Return the learned positions for a grid of another size: (1, 1 + rows · columns, 768)."""
        own, table = self.positions[:, :1], self.positions[:, 1:]
        side = int(table.shape[1] ** 0.5)
        if (rows, columns) == (side, side):
            return self.positions
        square = table.transpose(1, 2).unflatten(2, (side, side))
        resized = F.interpolate(square, (rows, columns), mode="bilinear", antialias=True, align_corners=False)
        return torch.cat([own, resized.flatten(2).transpose(1, 2)], dim=1)


class ViTB16(nn.Module):
    """ViT-B/16 as an encoder, the label from all its tokens, the mask drawn from them by four doublings.

    Args:
        classes: K, 2 or more; channels: 1 (grey) or 3 (RGB), in [0, 1].
        imagenet: start from ImageNet's weights.

    It holds 86 million numbers: few images teach it nothing. A row of `look`'s weights sums to 1 less
    what goes to the class token.

    Raises:
        ValueError, MedkitInputError: as for `medkit.models.backbones.ResNet18`.

    Reference: A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021.
    """

    def __init__(self, classes: int, channels: int = 1, imagenet: bool = False):
        super().__init__()
        if classes < 2:
            raise ValueError(f"classes must be 2 or more, got {classes}; name also the class 'none'")
        self.channels = channels
        self.encoder = ViTEncoder(network_of("vit_b_16", channels, imagenet))
        self.label_head = LabelHead(FEATURES, classes)
        self.mask_head = nn.Sequential(UpBlock(FEATURES, 64), UpBlock(64, 32), UpBlock(32, 32), MaskHead(32))

    def forward(self, image: Tensor) -> Prediction:
        check_model_image(image, self.channels)
        return self._answer(self.encoder(as_imagenet(image)), image)

    def look(self, image: Tensor) -> Look:
        """Predict, and show the map at 1/16, and each layer's attention between patches."""
        check_model_image(image, self.channels)
        features, weights = self.encoder.look(as_imagenet(image))
        return Look(self._answer(features, image), features, weights)

    def _answer(self, features: Tensor, image: Tensor) -> Prediction:
        rows, columns = image.shape[-2:]
        return Prediction(self.label_head(features), self.mask_head(features)[:, :, :rows, :columns])
