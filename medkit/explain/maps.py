"""Maps of where a model looked: each (B, H, W), at the image's size; higher means more."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from medkit.blocks import Look


def grad_cam(look: Look, label: Tensor) -> Tensor:
    """Weigh each feature map by its mean gradient, and add them up, before any ReLU.

    L = Σ_k a_k F_k,  a_k = mean over positions of ∂logit / ∂F_k

    Args:
        look: of B images, with its graph: not made under `no_grad`.
        label: (B,) int64, the class to explain.

    Returns:
        (B, h, w) at the features' size, of either sign.

    Reference: R. Selvaraju et al., "Grad-CAM", ICCV 2017; the paper's ReLU is left to who measures.

    >>> from medkit.blocks import Prediction
    >>> features = torch.tensor([[[[1.0, 2.0]]]], requires_grad=True)
    >>> logits = torch.stack([features.mean((1, 2, 3)) * 4, -features.mean((1, 2, 3))], dim=1)
    >>> grad_cam(Look(Prediction(logits, features), features, ()), torch.tensor([0]))
    tensor([[[2., 4.]]])
    """
    logit = look.prediction.label.gather(1, label[:, None]).sum()
    (gradient,) = torch.autograd.grad(logit, look.features)
    return (gradient.mean(dim=(2, 3), keepdim=True) * look.features).sum(1).detach()


def received(weights: tuple[Tensor, ...]) -> Tensor:
    """Average over layers, heads and rows how much each position is looked at: (B, heads, N, N) each -> (B, N).

    Raises:
        ValueError: no attention layer.

    >>> received((torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]]]),))
    tensor([[0.2500, 0.7500]])
    """
    _check_weights(weights)
    return torch.stack([layer.mean(dim=(1, 2)) for layer in weights]).mean(0).detach()


def rollout(weights: tuple[Tensor, ...]) -> Tensor:
    """Multiply the layers' attention, each with the residual that passes it by; return what each position gives.

    R = Π_l (A_l + I) / 2,  A_l averaged over heads; the mean over R's rows

    Args, Raises: as for `received`. Returns: (B, N), summing to 1 where rows of A do.

    Reference: S. Abnar, W. Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.

    >>> rollout((torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]),))
    tensor([[0.2500, 0.7500]])
    """
    _check_weights(weights)
    eye = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype, device=weights[0].device)
    flow = eye
    for layer in weights:
        flow = (layer.mean(1) + eye) / 2 @ flow
    return flow.mean(1).detach()


@torch.no_grad()
def occlusion(score: Callable[[Tensor], Tensor], image: Tensor, patch: int = 8) -> Tensor:
    """Cover one patch after the other with the image's mean; the map is by how much the score falls.

    Args:
        score: images (B, C, H, W) -> (B,), such as the probability of one class.
        image: (B, C, H, W); patch: pixels along each side, a divisor of H and W.

    Returns:
        (B, H / patch, W / patch), of either sign.

    Raises:
        ValueError: the patch does not divide H and W.

    Reference: M. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.

    >>> occlusion(lambda x: x[:, 0, 0, 0], torch.tensor([[[[1.0, 0.0]]]]), patch=1)
    tensor([[[0.5000, 0.0000]]])
    """
    h, w = image.shape[-2:]
    if patch < 1 or h % patch or w % patch:
        raise ValueError(f"patch must divide {h} and {w}, got {patch}; 8 fits our models' images")
    before, mean = score(image), image.mean(dim=(2, 3), keepdim=True)
    found = image.new_zeros(len(image), h // patch, w // patch)
    for row in range(h // patch):
        for column in range(w // patch):
            covered = image.clone()
            covered[:, :, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] = mean
            found[:, row, column] = before - score(covered)
    return found


def centre(height: int, width: int) -> Tensor:
    """Return a Gaussian in the middle, σ a quarter of each side: what is guessed without any image.

    >>> centre(3, 3).argmax().item()
    4
    """
    y, x = torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2
    return torch.exp(-((y[:, None] / (height / 4)) ** 2 + (x / (width / 4)) ** 2) / 2)


def enlarge(small: Tensor, height: int, width: int) -> Tensor:
    """Bring maps to the image's size, bilinear: (B, h, w) -> (B, height, width).

    >>> enlarge(torch.ones(1, 2, 2), 4, 6).shape
    torch.Size([1, 4, 6])
    """
    return F.interpolate(small[:, None], (height, width), mode="bilinear")[:, 0]


def _check_weights(weights: tuple[Tensor, ...]) -> None:
    if not weights:
        raise ValueError("weights must hold one attention layer or more, got none; this model has no attention to show")
