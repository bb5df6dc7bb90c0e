"""Eq. 3-4: every token looks at all the others.

A token is one row of D numbers: in our models, the features of one pixel of a low-resolution map.
Each token asks with its query q, is found by its key k, and gives its value v.

Eq. 3 as printed stops at the scores. Its source (Vaswani et al.) and everybody since put them
through a softmax, and the text itself speaks of weights, so both stand here under their own names:

    attention_scores    Eq. 3 as printed: any real numbers
    attention_weights   softmax over the keys: positive, each row sums to one
    attend              Eq. 4, with whichever of the two it is given

Reference: A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def attention_scores(q: Tensor, k: Tensor) -> Tensor:
    """Compare every query with every key.

    Eq. 3:  A_ij = Q_i · K_j' / sqrt(d_k)

    Args:
        q: queries (..., N, D), floating point. D is the paper's d_k.
        k: keys (..., M, D); the axes before the last two match those of q, or broadcast.

    Returns:
        scores (..., N, M), any real numbers; row i belongs to query i.

    Raises:
        TypeError: q or k is no floating-point tensor.
        ValueError: q and k differ in D, or have fewer than two axes.

    >>> q = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    >>> k = torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    >>> attention_scores(q, k)                  # (2 · 2) / sqrt(4) and 0 / sqrt(4)
    tensor([[2., 0.]])
    """
    _check_tokens(q=q, k=k)
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"k must have as many features as q ({q.shape[-1]}), got {k.shape[-1]}; "
            f"project both to the same D"
        )
    d_k = q.shape[-1]
    return q @ k.transpose(-2, -1) / math.sqrt(d_k)  # Eq. 3


def attention_weights(q: Tensor, k: Tensor) -> Tensor:
    """Turn the scores of Eq. 3 into weights: softmax over the keys.

    W_ij = exp(A_ij) / Σ_m exp(A_im)

    The paper leaves the softmax out. Without it a "weighted sum" may have negative weights and
    grows with the number of tokens.

    Args:
        q: queries (..., N, D).
        k: keys (..., M, D).

    Returns:
        weights (..., N, M) in [0, 1]; every row sums to one. Finite for scores of any finite
        size, since the softmax subtracts each row's own maximum first.

    Raises:
        TypeError, ValueError: as `attention_scores`.

    >>> q = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    >>> k = torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    >>> attention_weights(q, k)                 # e² / (e² + 1) and 1 / (e² + 1)
    tensor([[0.8808, 0.1192]])
    """
    return torch.softmax(attention_scores(q, k), dim=-1)


def attend(weights: Tensor, v: Tensor) -> Tensor:
    """Sum the values, each weighted by how much the query looks at it.

    Eq. 4:  Output_i = Σ_j A_ij V_j

    Args:
        weights: (..., N, M), from `attention_weights`, or from `attention_scores` for Eq. 3-4
            exactly as printed.
        v: values (..., M, D), one for each key. Their D need not be that of the keys.

    Returns:
        output (..., N, D), one row for each query.

    Raises:
        TypeError: weights or v is no floating-point tensor.
        ValueError: there are not as many values as columns of weights.

    >>> attend(torch.tensor([[0.75, 0.25]]), torch.tensor([[8.0, 0.0], [0.0, 4.0]]))
    tensor([[6., 1.]])
    """
    _check_tokens(weights=weights, v=v)
    if weights.shape[-1] != v.shape[-2]:
        raise ValueError(
            f"v must hold one value for each key ({weights.shape[-1]}), got {v.shape[-2]}; "
            f"take keys and values from the same tokens"
        )
    return weights @ v  # Eq. 4


def _check_tokens(**tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            got = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            raise TypeError(f"{name} must be a floating-point tensor, got {got}; call {name}.float()")
        if tensor.ndim < 2:
            raise ValueError(
                f"{name} must have shape (..., tokens, features), got {tuple(tensor.shape)}; "
                f"put the tokens on the last but one axis"
            )
