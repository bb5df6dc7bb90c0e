"""The sanity check: weights drawn anew must change the map."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from medkit.explain.measures import similarity


def cascade(model: nn.Module, parts: tuple[str, ...], seed: int) -> Iterator[tuple[str, nn.Module]]:
    """Draw a copy's parts anew one after the other, from the answer down; each step keeps the ones before.

    Args:
        model: is left as it is; parts: names of its modules, such as "encoder.stages.2", the last layer first.
        seed: of the new weights.

    Yields:
        the part's name and the model so far: the same object each time.

    Reference: J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
    """
    changed = copy.deepcopy(model)
    for step, name in enumerate(parts):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed + step)
            for module in changed.get_submodule(name).modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
        yield name, changed


def similarities(
    model: nn.Module, parts: tuple[str, ...], explain: Callable[[nn.Module], Tensor], seed: int
) -> dict[str, Tensor]:
    """Return Spearman's correlation of each image's map with the trained model's, after each part of the cascade.

    Args:
        explain: model -> maps (B, H, W); the others as for `cascade`.
    """
    before = explain(model)
    return {name: similarity(before, explain(changed)) for name, changed in cascade(model, parts, seed)}
