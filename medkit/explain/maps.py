"""Maps of what a model went by: from gradients, from covering parts, from attention weights.

Each takes a model whose `look(image)` gives a `medkit.blocks.Look`, and returns a map (B, H, W) at the
image's size; the raw ones, at 1/8 of it, stand beside. A map says what moves one number of the model,
not what is ill in the image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def raw_grad_cam(model: nn.Module, image: Tensor, target: Tensor) -> Tensor:
    """Return Grad-CAM without its ReLU and at the features' own size.

    formula:  map = Σ_d w_d · F_d,  w_d = mean over positions of ∂ label[target] / ∂ F_d

    Args:
        model: with `look`; image: (B, C, H, W) as the model sees it; target: (B,) int64, a class each.

    Returns:
        (B, H/8, W/8), of either sign: below 0 speaks against the class.

    Edge: where the label's gradient is 0 everywhere, the map is 0 everywhere.

    Raises:
        ValueError: target is not one class an image.

    Reference: R. Selvaraju et al., "Grad-CAM", ICCV 2017, Eq. 1-2.

    >>> from medkit.models import CNN
    >>> raw_grad_cam(CNN(classes=2), torch.zeros(3, 1, 32, 48), torch.tensor([0, 1, 1])).shape
    torch.Size([3, 4, 6])
    """
    _check_target(image, target)
    with torch.enable_grad():
        look = model.look(image.detach().requires_grad_())
        chosen = look.prediction.label.gather(1, target[:, None]).sum()  # images don't look at each other
        (gradient,) = torch.autograd.grad(chosen, look.features)
    return (gradient.mean((2, 3), keepdim=True) * look.features).sum(1).detach()


def grad_cam(model: nn.Module, image: Tensor, target: Tensor) -> Tensor:
    """Return Grad-CAM: what speaks for the class, max(0, raw), (B, H, W). Arguments as `raw_grad_cam`."""
    return enlarge(raw_grad_cam(model, image, target).relu(), image)


def occlusion(model: nn.Module, image: Tensor, target: Tensor, patch: int = 16, stride: int = 8) -> Tensor:
    """Cover one square after the other with the image's mean; map how much the class's logit falls.

    formula:  map(y, x) = mean over squares that hold (y, x) of max(0, label - label with the square covered)

    Args:
        patch, stride: of the squares, pixels; the last row and column of squares end at the border.
        Others as `raw_grad_cam`.

    Returns:
        (B, H, W), 0 or above.

    Raises:
        ValueError: patch or stride below 1, a stride above the patch (it would leave gaps), or a patch
            larger than the image.

    Reference: M. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.

    >>> from medkit.models import CNN
    >>> occlusion(CNN(classes=2), torch.zeros(1, 1, 32, 32), torch.tensor([0])).max().item()
    0.0
    """
    _check_target(image, target)
    if not 1 <= stride <= patch <= min(image.shape[-2:]):
        raise ValueError(
            f"patch must be at most the image's side {min(image.shape[-2:])}, and stride 1 ... patch, got patch "
            f"{patch}, stride {stride}; cover all of the image"
        )
    mean = image.mean((2, 3), keepdim=True)
    fall, often = image.new_zeros(image[:, 0].shape), image.new_zeros(image.shape[-2:])
    with torch.no_grad():
        whole = model(image).label.gather(1, target[:, None])
        for top in _starts(image.shape[-2], patch, stride):
            for left in _starts(image.shape[-1], patch, stride):
                covered = image.clone()
                covered[..., top : top + patch, left : left + patch] = mean
                change = whole - model(covered).label.gather(1, target[:, None])
                fall[:, top : top + patch, left : left + patch] += change.relu()[:, :, None]
                often[top : top + patch, left : left + patch] += 1
    return fall / often


def attention_map(model: nn.Module, image: Tensor, target: Tensor | None = None) -> Tensor:
    """Return how much each position is looked at, in the last layer, mean over heads and over who looks.

    formula:  map_j = (1/N) Σ_i A_ij

    Args:
        model, image: as `raw_grad_cam`; target: not used, for attention belongs to no class.

    Returns:
        (B, H, W).

    Raises:
        ValueError: the model has no attention to show.

    >>> from medkit.models import HybridUniform
    >>> attention_map(HybridUniform(classes=2), torch.zeros(1, 1, 32, 32)).unique()    # 1 of 16 positions
    tensor([0.0625])
    """
    received, grid = _layers(model, image)
    return enlarge(received[-1].mean(1).unflatten(1, grid), image)


def attention_rollout(model: nn.Module, image: Tensor, target: Tensor | None = None) -> Tensor:
    """Return how much each position is looked at through all layers, with the path around each layer.

    formula:  R = Π_l (A_l + 1) / 2 (last layer leftmost),  map_j = (1/N) Σ_i R_ij

    Arguments, returns and errors as `attention_map`; A_l is the mean over heads.

    Reference: S. Abnar and W. Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.

    >>> from medkit.models import Transformer
    >>> attention_rollout(Transformer(classes=2), torch.zeros(1, 1, 32, 32)).shape
    torch.Size([1, 32, 32])
    """
    layers, grid = _layers(model, image)
    flow = torch.eye(layers[0].shape[-1], device=image.device)
    for layer in layers:
        flow = (layer + torch.eye(layer.shape[-1], device=image.device)) / 2 @ flow
    return enlarge(flow.mean(1).unflatten(1, grid), image)


def enlarge(small: Tensor, image: Tensor) -> Tensor:
    """Bring maps (B, h, w) to the image's size by linear interpolation: (B, H, W)."""
    return F.interpolate(small[:, None], size=image.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def _layers(model: nn.Module, image: Tensor) -> tuple[list[Tensor], tuple[int, int]]:
    """Return each layer's weights (B, N, N), mean over heads, and the grid of positions."""
    with torch.no_grad():
        look = model.look(image)
    if not look.weights:
        raise ValueError("model must have attention to show, got look(image).weights = (); take Grad-CAM or occlusion")
    return [layer.mean(1) for layer in look.weights], tuple(look.features.shape[-2:])


def _starts(length: int, patch: int, stride: int) -> list[int]:
    return sorted({*range(0, length - patch + 1, stride), length - patch})


def _check_target(image: Tensor, target: Tensor) -> None:
    if target.shape != image.shape[:1] or target.dtype != torch.int64:
        raise ValueError(
            f"target must be ({len(image)},) int64, a class for each image, got {tuple(target.shape)} "
            f"{target.dtype}; pass torch.full((len(image),), k) for one class"
        )
