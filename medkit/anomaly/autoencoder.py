"""A convolutional autoencoder: trained to draw healthy images, it should fail to draw a lesion.

**Why it often fails.** Nothing in its training says that it must not draw lesions. What it learns is to
copy: a bright spot on a grey ground is drawn as well as a healthy one, and where the bottleneck is too
narrow for that, edges and noise of healthy tissue are drawn badly too. The error then tells bright and
sharp places from dull ones, which is not what was asked. `medkit.anomaly.run` sets
the plainest map, the image's own brightness, beside it: compare before believing it.

Reference: F. Meissen et al., "On the Pitfalls of Using the Residual as Anomaly Score", MIDL 2022.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit.blocks import ConvBlock, Encoder, UpBlock, drawn_by

BATCH, RATE = 32, 2e-3


class Autoencoder(nn.Module):
    """Squeeze an image to `code` features at 1/8 of its size, and draw it again. (B, C, H, W) -> the same.

    Args:
        channels: C. width: features at 1/2 of the size, a multiple of 4. code: features of the bottleneck, a
            multiple of 4: 8 of them hold an eighth of a grey image's numbers.

    >>> Autoencoder()(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 1, 32, 32])
    """

    def __init__(self, channels: int = 1, width: int = 16, code: int = 8):
        super().__init__()
        self.encoder = Encoder(channels, width)
        self.code = nn.Conv2d(4 * width, code, 1)
        self.decoder = nn.Sequential(
            ConvBlock(code, 4 * width), UpBlock(4 * width, 2 * width), UpBlock(2 * width, width), UpBlock(width, width),
            nn.Conv2d(width, channels, 3, padding=1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        return self.decoder(self.code(self.encoder(image)[-1]))


def train(
    image: Tensor, steps: int, *, seed: int, code: int = 8, progress: Callable | None = tqdm
) -> Autoencoder:
    """Train an autoencoder on healthy images, to the mean squared error.

    Args:
        image: (N, C, H, W) healthy, as models see them; H and W multiples of 8.
        steps: batches of 32. seed: of weights and batches. code: as for `Autoencoder`.

    Returns:
        the model, in evaluation mode.

    >>> model = train(torch.rand(8, 1, 32, 32), steps=1, seed=0, progress=None)
    >>> error_map(model, torch.rand(2, 1, 32, 32)).shape
    torch.Size([2, 1, 32, 32])
    """
    generator = torch.Generator().manual_seed(seed)
    with drawn_by(seed):
        model = Autoencoder(image.shape[1], code=code)
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    turns = range(steps) if progress is None else progress(range(steps), desc=f"autoencoder, seed {seed}")
    for _ in turns:
        batch = image[torch.randint(len(image), (BATCH,), generator=generator)]
        loss = F.mse_loss(model(batch), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


@torch.no_grad()
def error_map(model: nn.Module, image: Tensor, window: int = 5) -> Tensor:
    """Return the squared error of the drawing at each pixel, averaged over a window. (N, C, H, W) -> (N, 1, H, W).

    >>> error_map(torch.nn.Identity(), torch.rand(2, 1, 16, 16)).max().item()
    0.0
    """
    drawn = torch.cat([model(batch) for batch in image.split(BATCH)])
    return smooth((drawn - image).square().mean(1, keepdim=True), window)


def smooth(maps: Tensor, window: int = 5) -> Tensor:
    """Average a map (N, 1, H, W) over a window of odd size; at the border, over what is there.

    >>> smooth(torch.ones(1, 1, 8, 8)).unique().tolist()
    [1.0]
    """
    return F.avg_pool2d(maps, window, stride=1, padding=window // 2, count_include_pad=False)
