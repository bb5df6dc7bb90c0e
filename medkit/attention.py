"""Eq. 3-4: every token looks at all the others.

A token is one row of D numbers: in our models, the features of one pixel of a low-resolution map.
Each token asks with its query q, is found by its key k, and gives its value v.

Eq. 3 as printed stops at the scores. Its source (Vaswani et al.) and everybody since put them
through a softmax, and the text itself speaks of weights, so both stand here under their own names:

    attention_scores    Eq. 3 as printed: any real numbers
    attention_weights   softmax over the keys: positive, each row sums to one
    attend              Eq. 4, with whichever of the two it is given

Two more ways to the same outputs, for speed: `attend_fused` is PyTorch's one kernel for the whole
of softmax attention, `attend_linear` uses that without a softmax the order of the two products is
free. Several heads are the same formulas on another shape: `split_heads` before, `merge_heads` after.

Reference: A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
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
    _check_features(q, k)
    d_k = q.shape[-1]
    return q @ k.transpose(-2, -1) / math.sqrt(d_k)  # Eq. 3


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
    """Turn the scores of Eq. 3 into weights: softmax over the keys.

    W_ij = exp(A_ij) / Σ_m exp(A_im), the sum over the keys m that query i may look at

    The paper leaves the softmax out. Without it a "weighted sum" may have negative weights and
    grows with the number of tokens.

    Args:
        q: queries (..., N, D).
        k: keys (..., M, D).
        mask: bool, (..., N, M) or a shape that broadcasts to it: True where query i may look at
            key j. (`nn.MultiheadAttention` means the opposite.) None: every query sees every key.

    Returns:
        weights (..., N, M) in [0, 1]; every row sums to one, or is all zeros where its query may
        look at no key. Finite for scores of any finite size, since the softmax subtracts each
        row's own maximum first.

    Edge: a fully masked row has gradients of zero. A masked key must still be finite: 0 · NaN is NaN.

    Raises:
        TypeError: as `attention_scores`, or the mask is not bool.
        ValueError: as `attention_scores`, or the mask does not fit the scores.

    >>> q = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    >>> k = torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    >>> attention_weights(q, k)                 # e² / (e² + 1) and 1 / (e² + 1)
    tensor([[0.8808, 0.1192]])
    >>> attention_weights(q, k, torch.tensor([False, True]))
    tensor([[0., 1.]])
    """
    scores = attention_scores(q, k)
    if mask is None:
        return torch.softmax(scores, dim=-1)
    _check_mask(mask, scores.shape)
    lowest = torch.finfo(scores.dtype).min  # not -inf: a row of nothing else would be 0/0
    return torch.softmax(scores.masked_fill(~mask, lowest), dim=-1).masked_fill(~mask, 0.0)


def padding_mask(lengths: Tensor, tokens: int) -> Tensor:
    """Say which keys are real, where sequences of several lengths were filled up to one.

    Args:
        lengths: (B,) integers, the number of real tokens of each sequence, which come first.
        tokens: M, the common length.

    Returns:
        mask (B, 1, M) bool for `attention_weights`: True for a real key, the same for all queries.
        With heads, (B, heads, N, M), give it as `padding_mask(...)[:, None]`.

    Raises:
        ValueError: lengths is not (B,), or one is outside 0 ... M.

    >>> padding_mask(torch.tensor([1, 3]), tokens=3).int()
    tensor([[[1, 0, 0]],
    <BLANKLINE>
            [[1, 1, 1]]], dtype=torch.int32)
    """
    if lengths.ndim != 1 or lengths.is_floating_point():
        raise ValueError(
            f"lengths must be (B,) integers, got {tuple(lengths.shape)} {lengths.dtype}; "
            f"give one count for each sequence"
        )
    if ((lengths < 0) | (lengths > tokens)).any():
        raise ValueError(f"lengths must be in 0 ... {tokens}, got {lengths.tolist()}; count real tokens only")
    return (torch.arange(tokens, device=lengths.device) < lengths[:, None])[:, None]


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
    _check_values(weights.shape[-1], v)
    return weights @ v  # Eq. 4


def attend_fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Do the same as `attend(attention_weights(q, k, mask), v)` in one kernel of PyTorch's.

    The kernel never holds the N × M weights: that saves the memory, and leaves nothing to look at.

    Args:
        q, k, v, mask: as for `attention_weights` and `attend`.

    Returns:
        output (..., N, D of v); zeros for a fully masked row.

    Raises:
        TypeError, ValueError: as those two.

    >>> q, k, v = torch.eye(2), torch.eye(2), torch.tensor([[1.0], [3.0]])
    >>> torch.allclose(attend_fused(q, k, v), attend(attention_weights(q, k), v))
    True
    """
    _check_together(q, k, v)
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v)
    _check_mask(mask, torch.broadcast_shapes(q.shape[:-2], k.shape[:-2]) + (q.shape[-2], k.shape[-2]))
    seeing = mask.any(dim=-1, keepdim=True)
    # A row without any key is let see all of them, then zeroed: kernels differ in what they make of it.
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask | ~seeing).masked_fill(~seeing, 0.0)


def attend_linear(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Do the same as `attend(attention_scores(q, k), v)`, Eq. 3-4 as printed, at linear cost.

    Output = (Q K') V / sqrt(d_k) = Q (K' V) / sqrt(d_k)

    Without a softmax in between, products of matrices may be taken in any order. K' V is D × D,
    whatever the number of tokens: 2 N D² multiplications in place of 2 N² D, for N = M and values
    as wide as keys. So the form as printed has no need to compare token with token at all.

    Args:
        q: queries (..., N, D).
        k: keys (..., M, D).
        v: values (..., M, D of v).

    Returns:
        output (..., N, D of v).

    Raises:
        TypeError, ValueError: as `attention_scores` and `attend`.

    >>> q, k, v = torch.eye(4)[:1], 2 * torch.eye(4), torch.tensor([[3.0], [0.0], [0.0], [0.0]])
    >>> attend_linear(q, k, v)                  # 1 · (2 · 3) / sqrt(4)
    tensor([[3.]])
    """
    _check_together(q, k, v)
    return q @ (k.transpose(-2, -1) @ v) / math.sqrt(q.shape[-1])


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Give each head its share of the features: (..., N, D) -> (..., heads, N, D / heads).

    Head h takes the features h·D/heads ... (h+1)·D/heads - 1 of every token. Eq. 3's d_k is then
    D / heads.

    Raises:
        TypeError: x is no floating-point tensor.
        ValueError: x has fewer than two axes, or D is not divisible by heads.

    >>> split_heads(torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]), heads=2)
    tensor([[[1., 2.],
             [5., 6.]],
    <BLANKLINE>
            [[3., 4.],
             [7., 8.]]])
    """
    _check_tokens(x=x)
    if heads < 1 or x.shape[-1] % heads:
        raise ValueError(
            f"heads must be a divisor of the {x.shape[-1]} features, got {heads}; "
            f"choose one, so that all heads are equally wide"
        )
    return x.unflatten(-1, (heads, -1)).transpose(-3, -2)


def merge_heads(x: Tensor) -> Tensor:
    """Put the heads' features side by side again: (..., heads, N, D) -> (..., N, heads · D).

    Undoes `split_heads`. A reshape alone would mix tokens with heads: the axes change places first.

    Raises:
        TypeError: x is no floating-point tensor.
        ValueError: x has fewer than three axes.

    >>> x = torch.arange(24.0).reshape(3, 8)
    >>> torch.equal(merge_heads(split_heads(x, heads=4)), x)
    True
    """
    _check_tokens(x=x)
    if x.ndim < 3:
        raise ValueError(
            f"x must have shape (..., heads, tokens, features), got {tuple(x.shape)}; "
            f"split it first with split_heads"
        )
    return x.transpose(-3, -2).flatten(-2)


def _check_together(q: Tensor, k: Tensor, v: Tensor) -> None:
    _check_tokens(q=q, k=k, v=v)
    _check_features(q, k)
    _check_values(k.shape[-2], v)


def _check_features(q: Tensor, k: Tensor) -> None:
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"k must have as many features as q ({q.shape[-1]}), got {k.shape[-1]}; "
            f"project both to the same D"
        )


def _check_values(keys: int, v: Tensor) -> None:
    if keys != v.shape[-2]:
        raise ValueError(
            f"v must hold one value for each key ({keys}), got {v.shape[-2]}; "
            f"take keys and values from the same tokens"
        )


def _check_mask(mask: Tensor, scores: tuple[int, ...]) -> None:
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        got = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"mask must be a bool tensor, True where a query may look, got {got}; compare first")
    try:
        fits = torch.broadcast_shapes(mask.shape, scores) == torch.Size(scores)
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"mask must broadcast to the scores' shape {tuple(scores)}, got {tuple(mask.shape)}; "
            f"add an axis for queries or heads"
        )


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
