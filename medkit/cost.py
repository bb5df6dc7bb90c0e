"""What a model costs: numbers to learn, sums to do, memory to hold.

The paper compares four architectures without saying how large each is. These are counts, which need
no clock and repeat exactly; seconds depend on the machine, and stand in `medkit.timing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """What one image costs in one model. Where batches count, multiply all but the parameters."""

    parameters: int  # numbers that the model holds to be learned, frozen ones included
    flops: int  # multiplications and additions of one prediction, of convolutions and matrix products
    activation_bytes: int  # kept from the forward pass for the backward pass, beside weights and image


def report(model: nn.Module, image_size: tuple[int, int, int]) -> Cost:
    """Count what one image of a size costs.

    Args:
        model: takes an image (1, C, H, W) in the type and on the device of its own parameters.
        image_size: (C, H, W).

    Returns:
        the three counts. A multiplication with its addition counts as two; norms, activations and
        the softmax count as nothing, as everywhere in the literature. Attention counts as its two
        matrix products, whichever kernel computes them; what is kept is what the kernel used on this
        device keeps. Nothing is kept for a model that is frozen as a whole.

    Edge: counted in evaluation mode, so that no dropout is drawn and no BatchNorm statistics move;
    every part is left in the mode it was in.

    Raises:
        ValueError: image_size is not three positive numbers, or the model has no parameter.

    >>> report(nn.Conv2d(1, 4, kernel_size=3, padding=1), (1, 8, 8))    # 2 · 9 · 4 · 64 FLOPs
    Cost(parameters=40, flops=4608, activation_bytes=0)
    """
    if len(image_size) != 3 or min(image_size) < 1:
        raise ValueError(
            f"image_size must be (C, H, W), 1 or more each, got {image_size}; give the size of one image"
        )
    weight = next(model.parameters(), None)
    if weight is None:
        raise ValueError("model must have parameters, got none; give a model that learns")
    image = torch.zeros(1, *image_size, dtype=weight.dtype, device=weight.device)
    with evaluating(model):
        parameters = sum(parameter.numel() for parameter in model.parameters())
        return Cost(parameters, _flops(model, image), _kept_bytes(model, image))


def table(costs: Mapping[str, Cost]) -> str:
    """Set costs side by side, as Markdown.

    Args:
        costs: name of the model -> its cost, all for one size of image.

    >>> print(table({"tiny": Cost(40, 4608, 0), "small": Cost(1_200, 2_500_000, 1_572_864)}))
    | model | parameters | MFLOPs an image | activations an image, MiB |
    |---|---:|---:|---:|
    | tiny | 40 | 0.00 | 0.00 |
    | small | 1,200 | 2.50 | 1.50 |
    """
    head = "| model | parameters | MFLOPs an image | activations an image, MiB |\n|---|---:|---:|---:|"
    rows = [
        f"| {name} | {cost.parameters:,} | {cost.flops / 1e6:,.2f} | {cost.activation_bytes / 2**20:,.2f} |"
        for name, cost in costs.items()
    ]
    return "\n".join([head, *rows])


def _flops(model: nn.Module, image: Tensor) -> int:
    # The plain kernel does its two products in the open; not every fused one is in the counter's list.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(image)
    return counter.get_total_flops()


def _kept_bytes(model: nn.Module, image: Tensor) -> int:
    """Add up the memory that autograd keeps, each piece once however often it is kept."""
    free = {tensor.untyped_storage().data_ptr() for tensor in (image, *model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in free:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(image)
    return sum(kept.values())


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and every part back into its own mode afterwards."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
