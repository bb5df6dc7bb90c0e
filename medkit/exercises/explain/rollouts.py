"""Attention rollout, right and wrong: the versions that exercise 15.5 holds."""

from __future__ import annotations

import numpy as np
import torch

# Right versions


def rollout_plainly(layers):
    """Multiply from the first layer to the last, each new one on the left."""
    one = torch.eye(layers.shape[-1])
    flow = one
    for layer in layers:
        flow = (layer + one) / 2 @ flow
    return flow.mean(dim=0)


def rollout_of_a_row(layers):
    """Carry the mean row alone, from the last layer to the first."""
    row = torch.full((layers.shape[-1],), 1 / layers.shape[-1])
    for layer in layers.flip(0):
        row = (row @ layer + row) / 2
    return row


def rollout_by_numpy(layers):
    """Take the product in float64, by NumPy."""
    n = layers.shape[-1]
    flow = np.eye(n)
    for layer in layers.numpy().astype(np.float64)[::-1]:
        flow = flow @ (0.5 * layer + 0.5 * np.eye(n))
    return torch.from_numpy(flow.mean(axis=0)).float()


# Wrong versions


def _flow(layers, mix):
    flow = torch.eye(layers.shape[-1])
    for layer in layers:
        flow = mix(layer, torch.eye(len(layer))) @ flow
    return flow


def rollout_without_a_path(layers):
    """Leave out the path around each layer."""
    return _flow(layers, lambda layer, one: layer).mean(dim=0)


def rollout_not_halved(layers):
    """Add the path, and do not halve."""
    return _flow(layers, lambda layer, one: layer + one).mean(dim=0)


def rollout_from_the_wrong_end(layers):
    """Put the first layer leftmost."""
    return _flow(layers.flip(0), lambda layer, one: (layer + one) / 2).mean(dim=0)


def rollout_of_who_looks(layers):
    """Average over what is looked at: over columns."""
    return _flow(layers, lambda layer, one: (layer + one) / 2).mean(dim=1)


def rollout_transposed(layers):
    """Take each layer's columns for its rows."""
    return _flow(layers, lambda layer, one: (layer.T + one) / 2).mean(dim=0)


def rollout_of_the_last(layers):
    """Look at the last layer alone."""
    return ((layers[-1] + torch.eye(layers.shape[-1])) / 2).mean(dim=0)


def rollout_averaged(layers):
    """Average the layers in place of multiplying them."""
    return ((layers.mean(dim=0) + torch.eye(layers.shape[-1])) / 2).mean(dim=0)


def rollout_place_by_place(layers):
    """Multiply number by number; scale the rows so that each sums to one."""
    flow = torch.ones(layers.shape[1:])
    for layer in layers:
        flow = flow * (layer + torch.eye(len(layer))) / 2
    return (flow / flow.sum(dim=1, keepdim=True)).mean(dim=0)


def rollout_with_one_path(layers):
    """Add one path around all layers together."""
    flow = _flow(layers, lambda layer, one: layer)
    return ((flow + torch.eye(len(flow))) / 2).mean(dim=0)


def rollout_of_the_first_row(layers):
    """Read the first row alone, as if a class token stood there."""
    return _flow(layers, lambda layer, one: (layer + one) / 2)[0]


def rollout_summed(layers):
    """Sum over who looks."""
    return _flow(layers, lambda layer, one: (layer + one) / 2).sum(dim=0)
