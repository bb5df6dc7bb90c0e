"""The Transformer: no convolution looks around, only attention does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medkit.attention import attend_fused, attention_weights, merge_heads, split_heads
from medkit.blocks import (
    STRIDE,
    LabelHead,
    Look,
    MaskHead,
    Prediction,
    UpBlock,
    check_model_image,
    check_sizes,
)

HEADS = 4  # of each attention layer
LAYERS = 2  # gives the Transformer about as many parameters as the other models
BASE = 10_000  # of the positions' wavelengths, Vaswani et al., section 3.5


class Transformer(nn.Module):
    """Cut the image into patches of 8×8, let them look at each other, draw the mask from them.

    A patch becomes one token of D = 4·width features by one linear map (a convolution whose kernel
    and stride are the patch). Attention alone can't tell where a token stands, so a position is
    added: a learned mixture of sines. A learned table would fit one size of image only.
    On the way up, kernel and stride are both 2: a pixel is drawn from its own patch's token.

    Args:
        classes: K, 2 or more.
        channels: 1 (grey) or 3 (RGB).
        width: a quarter of the features of a token, a multiple of 4; the name and the number are
            those of the other models. 16 gives about 119,000 parameters.

    Raises:
        ValueError: sizes that no model can be built from.

    Reference: A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021. Ours is far smaller,
    has a mask, and reads the label from all tokens, as the other models do, not from an extra one.

    >>> Transformer(classes=3)(torch.zeros(2, 1, 32, 48)).mask.shape
    torch.Size([2, 1, 32, 48])
    """

    def __init__(self, classes: int, channels: int = 1, width: int = 16):
        check_sizes(classes, channels, width)
        super().__init__()
        self.channels = channels
        features = 4 * width
        self.patches = nn.Conv2d(channels, features, kernel_size=STRIDE, stride=STRIDE)
        self.place = nn.Linear(features, features, bias=False)
        self.layers = nn.ModuleList(TransformerLayer(features, HEADS) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(features)
        self.label_head = LabelHead(features, classes)
        self.mask_head = nn.Sequential(
            UpBlock(features, 2 * width),
            UpBlock(2 * width, width),
            MaskHead(width),
        )

    def forward(self, image: Tensor) -> Prediction:
        grid, tokens = self._tokens(image)
        for layer in self.layers:
            tokens = layer(tokens)
        return self._answer(grid, tokens).prediction

    def look(self, image: Tensor) -> Look:
        """Predict, and show the features at 1/8 after the last layer, and each layer's weights."""
        grid, tokens = self._tokens(image)
        weights = []
        for layer in self.layers:
            weights.append(layer.weights(tokens))
            tokens = layer(tokens)
        return self._answer(grid, tokens)._replace(weights=tuple(weights))

    def _tokens(self, image: Tensor) -> tuple[tuple[int, int], Tensor]:
        """Cut into patches, row by row: (B, C, H, W) -> the grid (H/8, W/8) and (B, N, D)."""
        check_model_image(image, self.channels)
        patches = self.patches(image)
        rows, columns = patches.shape[-2:]
        tokens = patches.flatten(2).transpose(1, 2)
        positions = self.place(sine_positions(rows, columns, like=self.place.weight))
        return (rows, columns), tokens + positions

    def _answer(self, grid: tuple[int, int], tokens: Tensor) -> Look:
        features = self.norm(tokens).transpose(1, 2).unflatten(2, grid)
        return Look(Prediction(self.label_head(features), self.mask_head(features)), features, ())


class TransformerLayer(nn.Module):
    """Look at the others, then think about it alone; add both. (B, N, D) -> (B, N, D).

    The norm stands before each part, not after as in Vaswani et al.: so it trains without warm-up.
    As in `blocks.SelfAttention2d`, queries, keys and values have no bias.
    """

    def __init__(self, features: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(features)
        self.query = nn.Linear(features, features, bias=False)
        self.key = nn.Linear(features, features, bias=False)
        self.value = nn.Linear(features, features, bias=False)
        self.out = nn.Linear(features, features)
        self.think = nn.Sequential(
            nn.LayerNorm(features),
            nn.Linear(features, 4 * features),
            nn.GELU(),
            nn.Linear(4 * features, features),
        )

    def weights(self, x: Tensor) -> Tensor:
        """Return who looks at whom, for each head: (B, N, D) -> (B, heads, N, N)."""
        q, k, _ = self._heads(x)
        return attention_weights(q, k)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.out(merge_heads(attend_fused(*self._heads(x))))
        return x + self.think(x)

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project, and split into heads: (B, N, D) -> three times (B, heads, N, D / heads)."""
        x = self.norm_attention(x)
        q, k, v = (split_heads(project(x), self.heads) for project in (self.query, self.key, self.value))
        return q, k, v


def sine_positions(rows: int, columns: int, like: Tensor) -> Tensor:
    """Tell every place of a grid apart, by sines and cosines of its row and of its column.

    p(y, x) = [sin(y f), cos(y f), sin(x f), cos(x f)],  f_i = 10000^(-4i / D),  i = 0 ... D/4 - 1

    Args:
        rows, columns: the grid's size; any.
        like: a tensor (..., D) whose D (a multiple of 4), type and device are taken.

    Returns:
        positions (rows · columns, D), row by row. A place has the same in a grid of any size.

    Raises:
        ValueError: D is no multiple of 4.

    >>> sine_positions(1, 2, like=torch.zeros(4))      # sin 0, cos 0, then sin x, cos x
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.0000, 1.0000, 0.8415, 0.5403]])
    """
    features = like.shape[-1]
    if features % 4:
        raise ValueError(f"D must be a multiple of 4, got {features}; a row and a column take half each")
    step = torch.arange(features // 4, dtype=like.dtype, device=like.device)
    frequency = BASE ** (-4 * step / features)

    def along(count: int) -> Tensor:
        angle = torch.arange(count, dtype=like.dtype, device=like.device)[:, None] * frequency
        return torch.cat([angle.sin(), angle.cos()], dim=1)

    of_row = along(rows)[:, None].expand(-1, columns, -1)
    of_column = along(columns)[None].expand(rows, -1, -1)
    return torch.cat([of_row, of_column], dim=2).flatten(0, 1)
