"""Eq. 5: start from a model that was trained elsewhere, hold some of its layers, move the others.

Held means held: not one byte of a frozen layer changes. Turning off its gradients is not enough.
Three more things move a layer, and `freeze` stops all of them:

    BatchNorm      learns its running statistics in training mode, without any gradient
    an old gradient that `zero_grad(set_to_none=False)` fills with zeros: momentum and weight decay
                   of an optimiser built earlier still move what has a gradient, were it zero
    `.train()`     called at each epoch, puts a layer that was in evaluation mode back

A stage is a part of a model, named as in `model.named_modules()`: "layer1", "encoder.stages.0".

Reference: J. Yosinski et al., "How transferable are features in deep neural networks?", NeurIPS 2014.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

# --- freezing ---------------------------------------------------------------------------------


def freeze(model: nn.Module, *stages: str) -> None:
    """Hold stages of a model: from here on no byte of their weights and statistics changes.

    Whichever optimiser is used, and built before or after: one over all parameters can stay as it
    is while stages are frozen and thawed. Frozen layers work in evaluation mode: BatchNorm with the
    statistics it has, dropout off. Gradients still flow through them, to layers in front.

    Args:
        model: changed in place. stages: their names; none: the whole model.

    Edge: weights shared with a layer that learns are held in both; `load_state_dict` writes still.

    Raises:
        ValueError: the model has no such stage. Later, at its step: an LBFGS optimiser holds frozen
            weights; it alone moves what has no gradient, along directions it remembers.

    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 1))
    >>> freeze(model, "0", "1")
    >>> before = fingerprint(model)
    >>> _ = model.train()(torch.ones(4, 1, 8, 8))
    >>> fingerprint(model) == before
    True
    """
    _watch()
    for module in _modules(model, stages):
        if not is_frozen(module):
            module.medkit_frozen = module.register_forward_pre_hook(_hold)
        _hold(module)


def thaw(model: nn.Module, *stages: str) -> None:
    """Let stages of a model learn again, with all their weights; the opposite of `freeze`.

    They take on the model's mode, training or evaluation. An optimiser that holds their weights
    goes on with them; one that was built over other weights alone has to be built anew. Arguments
    and errors as for `freeze`.
    """
    for module in _modules(model, stages):
        if is_frozen(module):
            module.medkit_frozen.remove()
            del module.medkit_frozen
            module.training = model.training
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(True)


def is_frozen(module: nn.Module) -> bool:
    """Say whether a layer is held by `freeze`.

    >>> is_frozen(nn.Linear(1, 1).requires_grad_(False))    # its gradients alone are off
    False
    """
    return hasattr(module, "medkit_frozen")


def fingerprint(model: nn.Module) -> dict[str, str]:
    """Return the sha256 of every parameter's and buffer's bytes, by name.

    >>> fingerprint(nn.BatchNorm1d(1))["running_var"][:8]     # of the float32 number 1
    'e00e5eb9'
    """
    digests = {}
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        numbers = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        digests[name] = hashlib.sha256(numbers).hexdigest()
    return digests


def _hold(module: nn.Module, inputs: tuple = ()) -> None:
    """Put one frozen layer back into its frozen state; it does so itself before each forward."""
    if module.training:
        module.training = False
    for parameter in module.parameters(recurse=False):
        if parameter.requires_grad:
            parameter.requires_grad_(False)
        if parameter.grad is not None:
            parameter.grad = None  # optimisers skip a weight without gradient; zeros they don't


def _modules(model: nn.Module, stages: tuple[str, ...]) -> Iterator[nn.Module]:
    """Return every layer of the stages, at any depth; look up all names before the first one."""
    known = dict(model.named_modules())
    for stage in stages:
        if stage not in known:
            raise ValueError(
                f"stage must be a part of the model, got {stage!r}; "
                f"take one of {', '.join(dict(model.named_children()))}, or a part of these"
            )
    return (module for stage in stages or ("",) for module in known[stage].modules())


@functools.cache  # once in a process, from the first freezing on
def _watch() -> None:
    register_optimizer_step_pre_hook(_refuse_lbfgs)


def _refuse_lbfgs(optimiser: torch.optim.Optimizer, args: tuple, kwargs: dict) -> None:
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    if isinstance(optimiser, torch.optim.LBFGS) and not all(p.requires_grad for p in weights):
        raise ValueError(
            "optimiser must hold no frozen weights if it is LBFGS, got some; "
            "build it anew with [p for p in model.parameters() if p.requires_grad]"
        )


# --- Eq. 5, to look at ------------------------------------------------------------------------


class LayerDelta(NamedTuple):
    """How far fine-tuning moved one layer: all 0 for an unchanged one, all NaN for a new one."""

    layer: str
    norm: float  # ‖Δ‖, Euclidean, over all its weights
    relative: float  # ‖Δ‖ / ‖weights before‖
    largest: float  # max |Δ|


def delta_weights(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what fine-tuning added to each tensor of weights.

    Eq. 5:  Model_new = pre-trained model + Δweights

    so Δweights = after − before. It can't hold for the new output layer, which has another shape
    than the old one: tensors of another shape, or without a counterpart, have no Δ and are left
    out. The running statistics of BatchNorm count as weights, its counter of batches doesn't.

    Args:
        before: `copy.deepcopy(model.state_dict())`; without the copy it would follow the training.
        after: `model.state_dict()`.

    Returns:
        by name, float64 on the CPU, so that before + Δ rounds to after.

    Raises:
        ValueError: before is no copy.

    >>> delta_weights({"fc.weight": torch.tensor([[2.0, 1.0]])}, {"fc.weight": torch.tensor([[2.5, 1.0]])})
    {'fc.weight': tensor([[0.5000, 0.0000]], dtype=torch.float64)}
    """
    delta = {}
    for name, new in after.items():
        old = before.get(name)
        if old is None or old.shape != new.shape or not new.is_floating_point():
            continue
        if new.numel() and old.data_ptr() == new.data_ptr():
            fix = "take copy.deepcopy(model.state_dict()) before training"
            raise ValueError(f"before must be a copy, got the very tensors of after ({name}); {fix}")
        delta[name] = new.detach().cpu().double() - old.detach().cpu().double()  # Eq. 5
    return delta


def delta_rows(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[LayerDelta]:
    """Return Δweights layer by layer, as three numbers each.

    A row for each layer of `after`, in its order. A layer is new if one of its tensors has
    another shape before, or no counterpart. Arguments and errors as for `delta_weights`.

    >>> delta_rows({"a.weight": torch.tensor([3.0, 4.0])}, {"a.weight": torch.tensor([3.0, 4.5])})
    [LayerDelta(layer='a', norm=0.5, relative=0.1, largest=0.5)]
    """
    delta = delta_weights(before, after)
    layers: dict[str, list[str]] = {}
    for name, tensor in after.items():
        if tensor.is_floating_point():
            layers.setdefault(name.rpartition(".")[0], []).append(name)
    rows = []
    for layer, names in layers.items():
        norm = relative = largest = math.nan
        if all(name in delta for name in names):
            moved = torch.cat([delta[name].reshape(-1) for name in names])
            start = math.hypot(*(before[name].double().norm().item() for name in names))
            norm, largest = moved.norm().item(), moved.abs().max().item()
            relative = norm / start if start else math.inf if norm else 0.0
        rows.append(LayerDelta(layer, norm, relative, largest))
    return rows


# --- Table 2 ----------------------------------------------------------------------------------


class LayerRow(NamedTuple):
    """One row of Table 2: what happens to one layer."""

    layer: str
    kind: str  # its class, as "Conv2d"
    pretrained: bool  # its weights come from another task
    state: str  # "frozen", "tuned" or "new"
    tuned: int  # how many of its parameters learn


def table_2(model: nn.Module, new: Collection[str] = ()) -> list[LayerRow]:
    """Return Table 2 for any model: each layer, where its weights are from, how many of them learn.

    A layer is "frozen" if nothing of it can change; one whose gradients are off but whose statistics
    move is "tuned", with 0 parameters. Not pre-trained and yet frozen is nearly always a mistake.

    Args:
        model: as it is about to be trained.
        new: names of stages whose weights are random at the start, such as the output layer.

    Raises:
        ValueError: the model has no stage of that name.

    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 5))
    >>> freeze(model, "0")
    >>> print(table_2_text(table_2(model, new=["2"])))
    layer       pre-trained  state   parameters tuned
    0 (Conv2d)  yes          frozen                 0
    2 (Linear)  no           new                   15
    total                                          15
    """
    fresh = set(_modules(model, tuple(new))) if new else set()
    rows = []
    for name, module in model.named_modules():
        weights = list(module.parameters(recurse=False))
        statistics = getattr(module, "running_mean", None) is not None
        if weights or statistics:
            learns = sum(weight.numel() for weight in weights if weight.requires_grad)
            stays = is_frozen(module) or not (learns or statistics)
            state = "frozen" if stays else "new" if module in fresh else "tuned"
            rows.append(LayerRow(name, type(module).__name__, module not in fresh, state, learns))
    return rows


def table_2_text(rows: list[LayerRow]) -> str:
    """Print the rows of `table_2` as the paper does, with a last line that adds up."""
    said = ("no", "yes")
    cells = [(f"{r.layer} ({r.kind})".strip(), said[r.pretrained], r.state, r.tuned) for r in rows]
    cells += [("total", "", "", sum(row.tuned for row in rows))]
    wide = max(len(line[0]) for line in cells)
    head = f"{'layer':<{wide}}  pre-trained  state   parameters tuned"
    return "\n".join([head, *(f"{a:<{wide}}  {b:<11}  {c:<6}  {d:>16,}" for a, b, c, d in cells)])


class HeadShape(NamedTuple):
    """Two fully connected layers: features -> hidden -> outputs, each with a bias or without."""

    features: int
    hidden: int
    outputs: int
    first_bias: bool
    second_bias: bool


def table_2_shapes(first: int = 5000, second: int = 100) -> list[HeadShape]:
    """Return all pairs of layers that have exactly as many parameters as Table 2 prints.

    A layer from n to m has n·m parameters, or (n + 1)·m with a bias. The paper gives 5000 and 100
    and no shape. Twenty-two fit; none takes the features of an ImageNet backbone (512 of ResNet-18,
    2048 of ResNet-50, 1024 of DenseNet-121, 768 of ViT-B/16).

    Args:
        first, second: parameters of the fully connected and of the output layer, 1 or more each.

    Returns:
        without biases, with one in the first layer, in the second, in both; each by hidden features.

    >>> len(table_2_shapes())
    22
    >>> [tuple(shape[:3]) for shape in table_2_shapes() if shape.first_bias and shape.second_bias]
    [(4999, 1, 50), (1249, 4, 20)]
    """
    if min(first, second) < 1:
        raise ValueError(f"counts must be 1 or more, got {first} and {second}; Table 2 prints 5000 and 100")
    return [
        HeadShape(first // hidden - a, hidden, second // (hidden + b), first_bias=a, second_bias=b)
        for a, b in ((False, False), (True, False), (False, True), (True, True))
        for hidden in range(1, min(first, second) + 1)
        if first % hidden == 0 and second % (hidden + b) == 0 and first // hidden > a
    ]
