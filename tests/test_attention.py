"""Eq. 3-4."""

import math
import time

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from medkit.attention import (
    attend,
    attend_fused,
    attend_linear,
    attention_scores,
    attention_weights,
    merge_heads,
    padding_mask,
    split_heads,
)

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
    assert (ours - attend_fused(q, k, v)).abs().max() <= 1e-12


def wrong_ways():
    softmax = torch.softmax
    yield "scaled by d", lambda q, k, v: softmax(q @ k.mT / q.shape[-1], -1) @ v
    yield "not scaled", lambda q, k, v: softmax(q @ k.mT, -1) @ v
    yield "scaled by sqrt(d_v)", lambda q, k, v: softmax(q @ k.mT / v.shape[-1] ** 0.5, -1) @ v
    yield "scaled by sqrt(N)", lambda q, k, v: softmax(q @ k.mT / q.shape[-2] ** 0.5, -1) @ v
    yield "softmax over queries", lambda q, k, v: softmax(q @ k.mT / q.shape[-1] ** 0.5, -2) @ v
    yield "no softmax", lambda q, k, v: q @ k.mT / q.shape[-1] ** 0.5 @ v
    yield "Q ignored", lambda q, k, v: v[:, : q.shape[-2]]
    yield "keys asked", lambda q, k, v: softmax(k @ k.mT / q.shape[-1] ** 0.5, -1)[:, : q.shape[-2]] @ v


@pytest.mark.parametrize("wrong", [pytest.param(way, id=name) for name, way in wrong_ways()])
def test_twin_tells_wrong_ways_apart(wrong):
    q, k, v = draw_qkv()
    assert (wrong(q, k, v) - F.scaled_dot_product_attention(q, k, v)).abs().max() > 1e-3


def draw_mask(shape, seed, share=0.6):
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share
    mask[0, 0] = False  # a row that may look nowhere
    mask[-1, -1] = True
    return mask


@drawn
@given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 10**6))
def test_twin_mask_is_leaving_keys_out(n, m, seed):
    """Query by query, with the masked keys cut away, against both forms."""
    q, k, v = draw_qkv(n, m, seed=seed)
    mask = draw_mask((2, n, m), seed)
    expected = torch.zeros(2, n, v.shape[-1], dtype=torch.float64)
    for b in range(2):
        for i in range(n):
            if mask[b, i].any():
                left = k[b, mask[b, i]], v[b, mask[b, i]]
                expected[b, i] = F.scaled_dot_product_attention(q[b, i : i + 1], *left)[0]
    weights = attention_weights(q, k, mask)
    assert (attend(weights, v) - expected).abs().max() <= 1e-12
    assert (attend_fused(q, k, v, mask) - expected).abs().max() <= 1e-12
    assert (weights[~mask] == 0).all()
    assert (weights.sum(-1) - mask.any(-1).double()).abs().max() <= 1e-12
    assert mask.all() or (attend(attention_weights(q, k), v) - expected).abs().max() > 1e-9
    after = attention_weights(q, k) * mask  # masking after the softmax: rows sum to less than one
    assert mask.all() or (after.sum(-1) - 1).abs().max() > 1e-9


def test_twin_mask_where_only_one_side_has_a_batch():
    """Queries of many images and one set of keys, and the other way round."""
    q, k, v = draw_qkv()
    mask = torch.rand((2, 5, 7), generator=torch.Generator().manual_seed(0)) > 0.4
    for one_q, one_k, one_v in ((q, k[0], v[0]), (q[0], k, v)):
        ours = attend(attention_weights(one_q, one_k, mask), one_v)
        assert ours.shape == (2, 5, 3)
        assert (ours - attend_fused(one_q, one_k, one_v, mask)).abs().max() <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_edge_fully_masked_row(dtype):
    inputs = [x.to(dtype).requires_grad_() for x in draw_qkv(3, 4)]
    mask = torch.ones(2, 3, 4, dtype=torch.bool)
    mask[0, 1] = False
    q, k, v = inputs
    for out in (attend(attention_weights(q, k, mask), v), attend_fused(q, k, v, mask)):
        assert (out[0, 1] == 0).all() and out[0, 0].abs().max() > 0
        with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either, to be masked later
            gradients = torch.autograd.grad(out.square().sum(), inputs)
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert (gradients[0][0, 1] == 0).all() and gradients[0][0, 0].abs().max() > 0
    naive = torch.softmax(attention_scores(q, k).masked_fill(~mask, -torch.inf), -1)
    assert naive[0, 1].isnan().all()  # the textbook mask: 0/0


def test_edge_mask_with_scores_of_any_size():
    q = torch.tensor([[1e4], [-1e4]])
    k = torch.tensor([[1.0], [-1.0], [0.5]])
    mask = torch.tensor([False, True, True])
    expected = [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    assert attention_weights(q, k, mask).tolist() == expected
    assert attend_fused(q, k, torch.eye(3), mask).tolist() == expected
    alone = torch.tensor([False, True, False])  # the one key allowed has a score of -1e6 in row 0
    assert attention_weights(100 * q, k, alone).tolist() == [[0.0, 1.0, 0.0]] * 2
    half = attention_weights(q.half() / 2, k.half(), mask)  # scores ±5000; half ends at 65504
    assert half.tolist() == expected


def test_law_masked_gradient():
    mask = draw_mask((2, 3, 4), seed=1)
    inputs = [x.requires_grad_() for x in draw_qkv(3, 4, 4, 2)]
    assert torch.autograd.gradcheck(lambda q, k, v: attend(attention_weights(q, k, mask), v), inputs)
    assert torch.autograd.gradcheck(lambda q, k, v: attend_fused(q, k, v, mask), inputs)


def test_law_every_input_learns():
    """No detached part: each of q, k and v moves the output's gradient."""
    for form in (lambda q, k, v: attend(attention_weights(q, k), v), attend_fused, attend_linear):
        inputs = [x.requires_grad_() for x in draw_qkv()]
        assert all(g.abs().max() > 1e-3 for g in torch.autograd.grad(form(*inputs).square().sum(), inputs))


def test_hand_padding_mask():
    lengths = torch.tensor([0, 2, 3])
    assert padding_mask(lengths, 3).int().tolist() == [[[0, 0, 0]], [[1, 1, 0]], [[1, 1, 1]]]
    q, k = draw((3, 4, 2)), draw((3, 3, 2), 1)
    weights = attention_weights(q, k, padding_mask(lengths, 3))
    assert weights.count_nonzero(-1).tolist() == [[0] * 4, [2] * 4, [3] * 4]
    heads = [split_heads(x, 2) for x in (q, k)]
    assert attention_weights(*heads, padding_mask(lengths, 3)[:, None]).shape == (3, 2, 4, 3)
    for wrong, message in (
        (torch.tensor([4]), r"lengths must be in 0 ... 3, got \[4\]"),
        (torch.tensor([-1]), r"lengths must be in 0 ... 3, got \[-1\]"),
        (torch.tensor([1, 4]), r"lengths must be in 0 ... 3, got \[1, 4\]"),
        (torch.tensor(2), r"lengths must be \(B,\) integers, got \(\) torch.int64"),
        (torch.tensor([2.0]), r"lengths must be \(B,\) integers, got \(1,\) torch.float32"),
    ):
        with pytest.raises(ValueError, match=message):
            padding_mask(wrong, 3)


@drawn
@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 8), st.integers(1, 8), st.integers(0, 10**6)
)
def test_twin_linear_form_is_the_printed_one(n, m, d, d_v, seed):
    q, k, v = draw_qkv(n, m, d, d_v, seed)
    printed = attend(attention_scores(q, k), v)
    assert (attend_linear(q, k, v) - printed).abs().max() <= 1e-10
    assert (attend_linear(q, k, v) * d**0.5 - torch.einsum("bnd,bmd,bme->bne", q, k, v)).abs().max() <= 1e-10
    if m > 1:
        assert (attend(attention_weights(q, k), v) - printed).abs().max() > 1e-6  # a softmax is not free


def test_law_linear_form_costs_linearly():
    def flops(form, n, d=16):
        q, k, v = (torch.zeros(1, n, d) for _ in range(3))
        with FlopCounterMode(display=False) as counter:
            form(q, k, v)
        return counter.get_total_flops()

    def printed(q, k, v):
        return attend(attention_scores(q, k), v)

    for n in (64, 1024):
        assert flops(attend_linear, n) == 2 * 2 * n * 16**2
        assert flops(printed, n) == 2 * 2 * n**2 * 16


def test_linear_form_is_faster():
    """4,096 tokens, a map of 64×64: by count 256 times fewer products; 5 times is asked for."""
    q, k, v = (draw((1, 4096, 16), seed).float() for seed in range(3))

    def seconds(form):
        start = time.perf_counter()
        form(q, k, v)
        return time.perf_counter() - start

    linear = min(seconds(attend_linear) for _ in range(5))
    printed = min(seconds(lambda q, k, v: attend(attention_scores(q, k), v)) for _ in range(3))
    assert printed > 5 * linear


@drawn
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_twin_heads(n, heads, d, seed):
    """Against einops' rearrange written out by index, and against torch's multi-head attention."""
    x = draw((2, n, heads * d), seed)
    split = split_heads(x, heads)
    for h in range(heads):
        assert torch.equal(split[:, h], x[..., h * d : (h + 1) * d])
    assert torch.equal(merge_heads(split), x)
    q, k, v = (split_heads(y, heads) for y in (x, x.flip(1), x + 1))
    ours = merge_heads(attend(attention_weights(q, k), v))
    one, nothing = torch.eye(heads * d, dtype=torch.float64), torch.zeros(heads * d, dtype=torch.float64)
    theirs, _ = F.multi_head_attention_forward(
        *(y.transpose(0, 1) for y in (x, x.flip(1), x + 1)),
        embed_dim_to_check=heads * d,
        num_heads=heads,
        in_proj_weight=torch.cat([one, one, one]),
        in_proj_bias=None,
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=one,
        out_proj_bias=nothing,
    )
    assert (ours - theirs.transpose(0, 1)).abs().max() <= 1e-12
    if n > 1 and heads > 1:
        assert not torch.equal(x.reshape(2, heads, n, d), split)  # the classic: a reshape alone


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("dtype, bound", [(torch.float64, 1e-12), (torch.bfloat16, 3e-2)])
def test_gpu_forms_agree(dtype, bound):
    q, k, v = (draw((2, 4, 64, 16), seed).to("cuda", dtype).requires_grad_() for seed in range(3))
    mask = draw_mask((2, 4, 64, 64), seed=0).cuda()
    for form in (lambda m: attend(attention_weights(q, k, m), v), lambda m: attend_fused(q, k, v, m)):
        for m in (None, mask):
            exact = attend(attention_weights(q.double(), k.double(), m), v.double())
            assert (form(m) - exact).abs().max() <= bound
        out = form(mask & False)
        assert (out == 0).all()
        assert all((g == 0).all() for g in torch.autograd.grad(out.sum(), (q, k, v)))


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


def test_edge_rows_of_different_size():
    q, k = torch.tensor([[1e4], [0.0]]), torch.tensor([[1.0], [-1.0]])
    assert attention_weights(q, k).tolist() == [[1.0, 0.0], [0.5, 0.5]]
    scores = attention_scores(q, k)
    shifted = (scores - scores.max()).exp()  # one maximum for all rows: the second underflows
    assert (shifted / shifted.sum(-1, keepdim=True))[1].isnan().all()


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
    mask = torch.ones(2, 5, 7, dtype=torch.bool)
    for masked in (attention_weights, lambda q, k, mask: attend_fused(q, k, v, mask)):
        with pytest.raises(TypeError, match="mask must be a bool tensor, .*, got torch.float32"):
            masked(q, k, mask.float())
        with pytest.raises(TypeError, match="mask must be a bool tensor, .*, got list"):
            masked(q, k, [True])
        for wrong in (mask[:, :4], mask.mT, mask[None].expand(3, 2, 5, 7)):
            with pytest.raises(ValueError, match=r"mask must broadcast to the scores' shape \(2, 5, 7\)"):
                masked(q, k, wrong)
    for form in (attend_fused, attend_linear):
        with pytest.raises(ValueError, match=r"k must have as many features as q \(4\), got 3"):
            form(q, k[..., :3], v)
        with pytest.raises(ValueError, match=r"v must hold one value for each key \(7\), got 6"):
            form(q, k, v[:, :6])
        with pytest.raises(TypeError, match="v must be a floating-point tensor, got torch.int64"):
            form(q, k, v.long())
    for heads in (0, 3, -2):
        with pytest.raises(ValueError, match=f"heads must be a divisor of the 4 features, got {heads}"):
            split_heads(q, heads)
    with pytest.raises(ValueError, match=r"x must have shape \(..., heads, tokens, features\), got \(5, 4\)"):
        merge_heads(q[0])
