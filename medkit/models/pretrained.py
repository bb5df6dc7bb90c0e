"""ImageNet's weights, as torchvision publishes them, and grey images in networks that want colour.

The files lie in torch's own cache, `torch.hub.get_dir()`/checkpoints; TORCH_HOME moves it. They are
downloaded once. Each loading compares the file with the sha256 in its name: torchvision itself
does so only while it downloads, and torch loads a file with flipped bits without a word.

A grey image enters a colour network by its stem, the first convolution. Repeating the image in
three channels works, and computes three times what one channel says. Since a convolution is linear
in its channels, one channel with the sum of the three weights gives the same:

    Σ_c W_c * g  =  (Σ_c W_c) * g

Where ImageNet's mean m_c and standard deviation s_c are taken off each channel, the sum becomes

    Σ_c W_c * (g − m_c) / s_c  =  (Σ_c W_c / s_c) * g  −  (Σ_c W_c m_c / s_c) * 1

in which 1 is a channel of ones. It can't be replaced by a bias: near the border part of the kernel
meets the padding, where there are zeros, not ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlparse

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models as networks

from medkit._check import MedkitInputError, check_image

WEIGHTS = {  # the first published version of each, trained by the plain recipe of its paper
    "resnet18": networks.ResNet18_Weights.IMAGENET1K_V1,
    "resnet50": networks.ResNet50_Weights.IMAGENET1K_V1,
    "densenet121": networks.DenseNet121_Weights.IMAGENET1K_V1,
    "vit_b_16": networks.ViT_B_16_Weights.IMAGENET1K_V1,
}
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of red, green, blue in [0, 1]
IMAGENET_STD = (0.229, 0.224, 0.225)
PATIENCE = 20.0  # seconds without a byte, until a download is given up
_OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)")  # DenseNet's file is older than the rule


# --- weights ----------------------------------------------------------------------------------


def weights_path(name: str) -> Path:
    """Return where the file of a network's weights lies, or belongs.

    >>> weights_path("resnet18").name
    'resnet18-f37072fd.pth'
    """
    if name not in WEIGHTS:
        raise ValueError(f"name must be one of {', '.join(WEIGHTS)}, got {name!r}; choose one of these")
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(WEIGHTS[name].url).path).name


def imagenet_weights(name: str, progress: bool = True) -> dict[str, Tensor]:
    """Load a network's ImageNet weights, from the cache or, the first time, from the network.

    Args:
        name: one of `WEIGHTS`.
        progress: show a bar while downloading.

    Returns:
        the state dict, on the CPU, under the names that torchvision's network has today.

    Raises:
        ValueError: the name is unknown.
        MedkitInputError: the file is not there and can't be downloaded, or it is damaged; the
            message says which file belongs where.
    """
    path, weights = weights_path(name), WEIGHTS[name]
    here = path.exists()
    if here:
        _check_hash(path, weights.url)  # before anything reads it
    try:
        with _patient(), contextlib.redirect_stdout(io.StringIO()):
            state = weights.get_state_dict(
                progress=progress, check_hash=True, weights_only=True, map_location="cpu"
            )
    except (OSError, RuntimeError) as error:  # no network, no permission; a download with a wrong hash
        what = "can't be read" if here else "is not there and can't be downloaded"
        raise MedkitInputError(path, f"{what} ({error})", _where(path, weights.url)) from error
    return {_OLD_NAME.sub(r"\1\2", key): tensor for key, tensor in state.items()}


def imagenet_network(name: str, progress: bool = True) -> nn.Module:
    """Return torchvision's network with its ImageNet weights, every one of them.

    Args:
        name, progress: as for `imagenet_weights`.

    Returns:
        (B, 3, H, W) -> (B, 1000), in evaluation mode. It wants RGB in [0, 1] less `IMAGENET_MEAN`, over
        `IMAGENET_STD`; `grey_network` makes it take grey images. ViT-B/16 wants 224 × 224 pixels.

    Raises:
        ValueError, MedkitInputError: as for `imagenet_weights`; also where a weight is missing.
    """
    state = imagenet_weights(name, progress)
    with torch.device("meta"):  # no random start, which would be overwritten
        network = networks.get_model(name, weights=None)
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        path = weights_path(name)
        raise MedkitInputError(path, f"holds no {name}", _where(path, WEIGHTS[name].url)) from error
    return network.train(False)


def _check_hash(path: Path, url: str) -> None:
    expected = re.search(r"-([0-9a-f]{8,})\.", path.name)[1]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(expected):
        what = f"is damaged (its sha256 begins {found[:8]}, not {expected})"
        raise MedkitInputError(path, what, "delete it, " + _where(path, url))


def _where(path: Path, url: str) -> str:
    return f"download {url} on a machine with a network and put it into {path.parent}"


@contextlib.contextmanager
def _patient() -> Iterator[None]:
    """Give up on a network that doesn't answer; torch.hub itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


# --- grey images ------------------------------------------------------------------------------


class GreyStem(nn.Module):
    """A colour network's first convolution, made to take grey images: (B, 1, H, W) -> (B, D, H', W').

    The same numbers as the colour stem gives for the grey image, repeated in three channels, less
    the mean and over the standard deviation of each. Its weights are (D, 2, k, k): the summed ones,
    and what the means take off, for a channel of ones.

    Args:
        stem: of a colour network; it is left as it is.
        mean, std: what the colour network was trained with, three numbers each. (0, 0, 0) and
            (1, 1, 1) are for images that are normalised otherwise: then it just sums.

    Edge: values are taken as they come; ImageNet's mean and std are meant for [0, 1], as `normalise`
        makes it. Where stem's weights were frozen, these have to be frozen anew.

    Raises:
        ValueError: stem has not three channels, or splits them into groups; it pads other than
            with zeros; mean or std are not three numbers, a std is not above 0.
    """

    def __init__(
        self, stem: nn.Conv2d, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
    ):
        super().__init__()
        _check_stem(stem, mean, std)
        mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (mean, std))
        scaled = stem.weight.detach().to("cpu", torch.float64) / std
        weight = torch.cat([scaled.sum(1, keepdim=True), -(scaled * mean).sum(1, keepdim=True)], dim=1)
        self.weight = nn.Parameter(weight.to(stem.weight))
        self.bias = None if stem.bias is None else nn.Parameter(stem.bias.detach().clone())
        self.stride, self.padding, self.dilation = stem.stride, stem.padding, stem.dilation
        self.out_channels = stem.out_channels

    def forward(self, image: Tensor) -> Tensor:
        check_image(image)
        if image.ndim != 4 or image.shape[1] != 1:
            raise ValueError(
                f"image must have shape (B, 1, H, W), got {tuple(image.shape)}; "
                f"this stem has summed the three channels already, don't repeat the image"
            )
        pair = torch.cat([image, torch.ones_like(image)], dim=1)
        return F.conv2d(pair, self.weight, self.bias, self.stride, self.padding, self.dilation)


def grey_network(
    network: nn.Module, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> nn.Module:
    """Make a colour network take grey images in [0, 1], by a `GreyStem` for its first convolution.

    Args:
        network: changed in place, and returned. Its first convolution is the one that
            `network.modules()` lists first: true of the four networks in `WEIGHTS`.
        mean, std: as for `GreyStem`. Don't take them off the image as well.

    Raises:
        ValueError: it has no convolution, or one that can't be summed.
    """
    name = next((name for name, part in network.named_modules() if isinstance(part, nn.Conv2d)), None)
    if not name:
        raise ValueError("network must contain an nn.Conv2d, got none; give a colour network of torchvision")
    owner, _, last = name.rpartition(".")
    setattr(network.get_submodule(owner), last, GreyStem(network.get_submodule(name), mean, std))
    return network


def _check_stem(stem: nn.Conv2d, mean: Sequence[float], std: Sequence[float]) -> None:
    if stem.in_channels != 3 or stem.groups != 1 or stem.padding_mode != "zeros":
        raise ValueError(
            f"stem must take 3 channels in one group, padded with zeros, got {stem}; "
            f"give a colour network's first convolution"
        )
    if len(mean) != 3 or len(std) != 3 or not all(s > 0 for s in std):
        raise ValueError(
            f"mean and std must be three numbers each, std above 0, got {tuple(mean)} and {tuple(std)}; "
            f"leave them out for ImageNet's"
        )
