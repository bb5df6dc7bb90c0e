"""How Eq. 3-4 are really got wrong, and other ways to get them right: the versions behind `attention`."""

from __future__ import annotations

import numpy as np
import torch


def _scores(q, k):
    return q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5


# 5.1 attention of one head: other right versions


def attention_by_loops(q, k, v):
    """Work out one query after the other, with NumPy."""
    q, k, v = (x.double().numpy() for x in (q, k, v))
    result = np.zeros((*q.shape[:2], v.shape[-1]))
    for b in range(len(q)):
        for i, query in enumerate(q[b]):
            scores = np.array([(query * key).sum() for key in k[b]]) / np.sqrt(len(query))
            parts = np.exp(scores - scores.max())
            result[b, i] = sum(part * value for part, value in zip(parts, v[b])) / parts.sum()
    return result


def attention_by_einsum(q, k, v):
    """Name the axes; subtract each row's maximum, exponentiate, divide."""
    scores = torch.einsum("bnd,bmd->bnm", q, k) * q.shape[-1] ** -0.5
    parts = (scores - scores.amax(dim=2, keepdim=True)).exp()
    return torch.einsum("bnm,bme->bne", parts, v) / parts.sum(dim=2, keepdim=True)


def attention_by_logarithm(q, k, v):
    """Share the root between queries and keys, and take the logarithm of the sum off."""
    root = q.shape[-1] ** 0.25
    scores = torch.matmul(q / root, (k / root).mT)
    return torch.exp(scores - torch.logsumexp(scores, dim=-1, keepdim=True)).matmul(v)


# 5.1 wrong versions


def divided_by_d(q, k, v):
    """Forget the root."""
    return torch.softmax(q @ k.mT / q.shape[-1], dim=-1) @ v


def divided_by_root_d_v(q, k, v):
    """Take the width of the values."""
    return torch.softmax(q @ k.mT / v.shape[-1] ** 0.5, dim=-1) @ v


def divided_by_root_of_keys(q, k, v):
    """Take the number of keys."""
    return torch.softmax(q @ k.mT / k.shape[-2] ** 0.5, dim=-1) @ v


def not_divided(q, k, v):
    """Leave the root out."""
    return torch.softmax(q @ k.mT, dim=-1) @ v


def divided_after_softmax(q, k, v):
    """Divide the weights, not the scores."""
    return torch.softmax(q @ k.mT, dim=-1) / q.shape[-1] ** 0.5 @ v


def over_queries(q, k, v):
    """Let the weights of each key sum to one."""
    return torch.softmax(_scores(q, k), dim=-2) @ v


def over_everything(q, k, v):
    """Let all weights of an image sum to one."""
    scores = _scores(q, k)
    return torch.softmax(scores.flatten(1), dim=-1).reshape(scores.shape) @ v


def without_softmax(q, k, v):
    """Do what Eq. 3-4 say as printed."""
    return _scores(q, k) @ v


def keys_ask(q, k, v):
    """Compare keys with keys."""
    return torch.softmax(_scores(k, k), dim=-1) @ v


def nobody_asks(q, k, v):
    """Give every query the plain average of the values."""
    return v.mean(dim=1, keepdim=True).expand(-1, q.shape[1], -1)


def exp_overflows(q, k, v):
    """Exponentiate the scores as they are."""
    parts = torch.exp(_scores(q, k))
    return parts / parts.sum(dim=-1, keepdim=True) @ v


def one_maximum_for_all(q, k, v):
    """Subtract the largest of all scores from every row."""
    scores = _scores(q, k)
    parts = torch.exp(scores - scores.max())
    return parts / parts.sum(dim=-1, keepdim=True) @ v


# 5.2 weights under a mask: other right versions


def masked_by_infinity(scores, mask):
    """Fill with minus infinity, and mend the rows that become NaN."""
    return torch.nan_to_num(torch.where(mask, scores, -torch.inf).softmax(dim=-1), nan=0.0)


def masked_by_hand(scores, mask):
    """Exponentiate, hide, and divide by what is left, if anything is."""
    lowest = torch.full_like(scores, -1e30)
    highest = torch.where(mask, scores, lowest).max(dim=-1, keepdim=True).values
    parts = torch.where(mask, torch.exp((scores - highest).clamp(max=0.0)), torch.zeros_like(scores))
    total = parts.sum(dim=-1, keepdim=True)
    return parts / torch.where(total > 0, total, torch.ones_like(total))


def masked_by_cutting(scores, mask):
    """Cut the hidden keys away, row by row."""
    mask = np.broadcast_to(mask.numpy(), scores.shape)
    result = np.zeros(scores.shape)
    for row in np.ndindex(*scores.shape[:-1]):
        seen = scores.numpy()[row][mask[row]].astype(float)
        if len(seen):
            parts = np.exp(seen - seen.max())
            result[row][mask[row]] = parts / parts.sum()
    return result


# 5.2 wrong versions


def masked_inverted(scores, mask):
    """Hide what is to be seen."""
    return masked_by_infinity(scores, ~mask)


def masked_after(scores, mask):
    """Hide after the softmax, and leave the gap."""
    return torch.softmax(scores, dim=-1) * mask


def masked_with_zero(scores, mask):
    """Set hidden scores to zero."""
    return torch.softmax(scores * mask, dim=-1)


def masked_with_minus_hundred(scores, mask):
    """Set hidden scores to a number that is only rather low."""
    return torch.softmax(scores.masked_fill(~mask, -100.0), dim=-1) * mask.any(dim=-1, keepdim=True)


def masked_to_nan(scores, mask):
    """Leave 0/0 where a query may look at nothing."""
    return torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1)


def masked_to_average(scores, mask):
    """Let a query that may look at nothing look at everything."""
    return torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)


def masked_over_queries(scores, mask):
    """Let the weights of each key sum to one."""
    return torch.nan_to_num(torch.where(mask, scores, -torch.inf).softmax(dim=-2), nan=0.0)


def masked_overflow(scores, mask):
    """Exponentiate the scores as they are."""
    parts = torch.exp(scores) * mask
    return parts / parts.sum(dim=-1, keepdim=True).clamp(min=1e-12)


def masked_by_hidden_maximum(scores, mask):
    """Subtract a maximum that may belong to a hidden key."""
    parts = torch.exp(scores - scores.amax(dim=-1, keepdim=True)) * mask
    return parts / parts.sum(dim=-1, keepdim=True).clamp(min=1e-30)


def masked_by_adding(scores, mask):
    """Add zeros and ones to the scores."""
    return torch.softmax(scores + mask, dim=-1)


def masked_without_scores(scores, mask):
    """Share equally among the keys that may be seen."""
    seen = mask.expand(scores.shape).float()
    return seen / seen.sum(dim=-1, keepdim=True).clamp(min=1.0)


# 5.4 several heads: other right versions


def _each_head(q, k, v):
    return torch.softmax(_scores(q, k), dim=-1) @ v


def heads_one_by_one(q, k, v, heads):
    """Cut the features into shares, let each attend, join the shares."""
    shares = zip(q.chunk(heads, dim=-1), k.chunk(heads, dim=-1), v.chunk(heads, dim=-1))
    return torch.cat([_each_head(*share) for share in shares], dim=-1)


def heads_by_einsum(q, k, v, heads):
    """Give the heads an axis of their own, and never move it."""
    q, k, v = (x.unflatten(-1, (heads, -1)) for x in (q, k, v))
    scores = torch.einsum("bnhd,bmhd->bnmh", q, k) / q.shape[-1] ** 0.5
    return torch.einsum("bnmh,bmhe->bnhe", scores.softmax(dim=2), v).flatten(2)


def heads_as_a_batch(q, k, v, heads):
    """Fold the heads into the batch with permute and contiguous."""
    b, n, _ = q.shape

    def fold(x):
        return x.reshape(b, x.shape[1], heads, -1).permute(0, 2, 1, 3).reshape(b * heads, x.shape[1], -1)

    seen = _each_head(fold(q), fold(k), fold(v))
    return seen.reshape(b, heads, n, -1).permute(0, 2, 1, 3).contiguous().view(b, n, -1)


# 5.4 wrong versions


def _split(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _merge(x):
    return x.transpose(1, 2).flatten(2)


def _split_by_reshape(x, heads):
    return x.reshape(x.shape[0], heads, x.shape[1], -1)


def heads_split_by_reshape(q, k, v, heads):
    """Cut the tokens up instead of the features."""
    return _merge(_each_head(*(_split_by_reshape(x, heads) for x in (q, k, v))))


def heads_reshaped_twice(q, k, v, heads):
    """Cut the tokens up, and put them together the same way."""
    seen = _each_head(*(_split_by_reshape(x, heads) for x in (q, k, v)))
    return seen.reshape(q.shape[0], q.shape[1], -1)


def heads_divided_by_whole_width(q, k, v, heads):
    """Take the root of all features."""
    q, k, v = (_split(x, heads) for x in (q, k, v))
    return _merge(torch.softmax(q @ k.mT / (heads * q.shape[-1]) ** 0.5, dim=-1) @ v)


def heads_not_divided(q, k, v, heads):
    """Lose the root on the way."""
    q, k, v = (_split(x, heads) for x in (q, k, v))
    return _merge(torch.softmax(q @ k.mT, dim=-1) @ v)


def heads_interleaved(q, k, v, heads):
    """Deal the features out like cards."""
    q, k, v = (x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2) for x in (q, k, v))
    return _merge(_each_head(q, k, v))


def heads_averaged(q, k, v, heads):
    """Average what the heads saw."""
    return _each_head(*(_split(x, heads) for x in (q, k, v))).mean(dim=1)


def heads_over_queries(q, k, v, heads):
    """Let the weights of each key sum to one."""
    q, k, v = (_split(x, heads) for x in (q, k, v))
    return _merge(torch.softmax(_scores(q, k), dim=-2) @ v)


def heads_over_heads(q, k, v, heads):
    """Let the weights of all heads sum to one."""
    q, k, v = (_split(x, heads) for x in (q, k, v))
    return _merge(torch.softmax(_scores(q, k), dim=1) @ v)


def heads_in_wrong_order(q, k, v, heads):
    """Put the heads' features side by side token by token, feature first."""
    return _each_head(*(_split(x, heads) for x in (q, k, v))).permute(0, 2, 3, 1).flatten(2)


def one_head(q, k, v, heads):
    """Forget the heads."""
    return _each_head(q, k, v)
