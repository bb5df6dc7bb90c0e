"""Eq. 3-4."""

import math

import pytest
import torch
import torch.nn.functional as F

from medkit.attention import attend, attention_scores, attention_weights

hypothesis = pytest.importorskip("hypothesis")
given, settings, st = hypothesis.given, hypothesis.settings, hypothesis.strategies
pytestmark = pytest.mark.filterwarnings("error")
drawn = settings(derandomize=True, deadline=None, max_examples=50)


def draw(shape, seed=0, scale=1.0):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def draw_qkv(n=5, m=7, d=4, d_v=3, seed=0):
    return draw((2, n, d), seed), draw((2, m, d), seed + 1), draw((2, m, d_v), seed + 2)


def test_hand_scores_weights_output():
    q = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    k = torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    v = torch.tensor([[1.0, 0.0], [0.0, 10.0]])
    assert attention_scores(q, k).tolist() == [[2.0, 0.0]]  # 4 / sqrt(4), and 0
    e2 = math.exp(2)
    weights = attention_weights(q, k)
    assert weights.tolist()[0] == pytest.approx([e2 / (e2 + 1), 1 / (e2 + 1)])
    assert attend(weights, v).tolist()[0] == pytest.approx([e2 / (e2 + 1), 10 / (e2 + 1)])
    assert attend(attention_scores(q, k), v).tolist() == [[2.0, 0.0]]  # as printed: no softmax


@drawn
@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 8), st.integers(1, 8), st.integers(0, 10**6)
)
def test_twin_fused_kernel(n, m, d, d_v, seed):
    q, k, v = draw_qkv(n, m, d, d_v, seed)
    ours = attend(attention_weights(q, k), v)
    assert (ours - F.scaled_dot_product_attention(q, k, v)).abs().max() <= 1e-12


def wrong_ways():
    softmax = torch.softmax
    yield "scaled by d", lambda q, k, v: softmax(q @ k.mT / q.shape[-1], -1) @ v
    yield "not scaled", lambda q, k, v: softmax(q @ k.mT, -1) @ v
    yield "scaled by sqrt(d_v)", lambda q, k, v: softmax(q @ k.mT / v.shape[-1] ** 0.5, -1) @ v
    yield "scaled by sqrt(N)", lambda q, k, v: softmax(q @ k.mT / q.shape[-2] ** 0.5, -1) @ v
    yield "softmax over queries", lambda q, k, v: softmax(q @ k.mT / q.shape[-1] ** 0.5, -2) @ v
    yield "no softmax", lambda q, k, v: q @ k.mT / q.shape[-1] ** 0.5 @ v
    yield "keys asked", lambda q, k, v: softmax(k @ k.mT / q.shape[-1] ** 0.5, -1)[:, : q.shape[-2]] @ v


@pytest.mark.parametrize("wrong", [pytest.param(way, id=name) for name, way in wrong_ways()])
def test_twin_tells_wrong_ways_apart(wrong):
    q, k, v = draw_qkv()
    assert (wrong(q, k, v) - F.scaled_dot_product_attention(q, k, v)).abs().max() > 1e-3


@drawn
@given(st.integers(1, 9), st.integers(0, 10**6), st.floats(0.01, 100))
def test_law_rows_are_weights(m, seed, scale):
    q, k = draw((2, 5, 4), seed, scale), draw((2, m, 4), seed + 1, scale)
    weights = attention_weights(q, k)
    assert weights.shape == (2, 5, m)
    assert weights.min() >= 0
    assert (weights.sum(-1) - 1).abs().max() <= 1e-12
    if m > 1:
        assert (weights.sum(-2) - 1).abs().max() > 1e-6  # the columns need not


@drawn
@given(st.permutations(range(7)), st.integers(0, 10**6))
def test_law_order_of_the_pairs_is_nothing(order, seed):
    q, k, v = draw_qkv(seed=seed)
    out = attend(attention_weights(q, k), v)
    together = attend(attention_weights(q, k[:, order]), v[:, order])
    assert (out - together).abs().max() <= 1e-12
    if order != sorted(order):
        keys_alone = attend(attention_weights(q, k[:, order]), v)
        assert (out - keys_alone).abs().max() > 1e-6


def test_law_gradient():
    inputs = [x.requires_grad_() for x in draw_qkv(3, 4, 4, 2)]
    assert torch.autograd.gradcheck(lambda q, k, v: attend(attention_weights(q, k), v), inputs)
    assert torch.autograd.gradcheck(lambda q, k, v: attend(attention_scores(q, k), v), inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_edge_huge_scores_stay_finite(dtype):
    q = torch.tensor([[1e4], [-1e4]], dtype=dtype)
    k = torch.tensor([[1.0], [-1.0]], dtype=dtype)
    assert attention_scores(q, k).tolist() == [[1e4, -1e4], [-1e4, 1e4]]
    assert attention_weights(q, k).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    naive = attention_scores(q, k).exp()
    assert (naive / naive.sum(-1, keepdim=True)).isnan().any()  # the textbook softmax overflows


def test_edge_wrong_shapes_and_types():
    q, k, v = draw_qkv()
    with pytest.raises(ValueError, match=r"k must have as many features as q \(4\), got 3"):
        attention_scores(q, k[..., :3])
    with pytest.raises(ValueError, match=r"v must hold one value for each key \(7\), got 6"):
        attend(attention_weights(q, k), v[:, :6])
    with pytest.raises(ValueError, match=r"q must have shape \(\.\.\., tokens, features\), got \(4,\)"):
        attention_scores(q[0, 0], k)
    with pytest.raises(TypeError, match=r"k must be a floating-point tensor, got torch.int64"):
        attention_weights(q, k.long())
    with pytest.raises(TypeError, match=r"q must be a floating-point tensor, got list"):
        attention_scores([[1.0]], k)
