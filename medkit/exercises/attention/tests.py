"""Exercise 5.6, a test for attention: right versions, wrong versions, and tests that are too weak."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest


def test_attention(attention):
    """Compare with attention worked out query by query, and look back at the arguments."""
    count = torch.arange(60.0)
    q, k = torch.sin(count[:30]).reshape(2, 3, 5), torch.cos(count[:40]).reshape(2, 4, 5)
    v = torch.sin(count[:48] ** 2).reshape(2, 4, 6)
    q[1, 2] *= 500  # scores in the hundreds
    mask = count[:24].reshape(2, 3, 4) % 5 > 0
    mask[0, 1] = False  # a query that may look at nothing
    wanted = torch.zeros(2, 3, 6)
    for b, i in mask.any(dim=-1).nonzero().tolist():
        keys = mask[b, i]
        wanted[b, i] = torch.softmax(k[b, keys] @ q[b, i] / 5**0.5, dim=0) @ v[b, keys]
    given = [x.clone() for x in (q, k, v, mask)]
    assert torch.allclose(attention(q, k, v, mask), wanted, atol=1e-3)
    assert all(torch.equal(x, before) for x, before in zip((q, k, v, mask), given))


# Right versions


def _scores(q, k):
    return q @ k.mT / q.shape[-1] ** 0.5


def _weights(scores, mask, dim=-1):
    return torch.nan_to_num(torch.where(mask, scores, -torch.inf).softmax(dim=dim), nan=0.0)


def by_infinity(q, k, v, mask):
    """Fill with minus infinity, mend the NaN."""
    return _weights(_scores(q, k), mask) @ v


def by_einsum(q, k, v, mask):
    """Subtract the maximum, exponentiate, hide, divide."""
    scores = torch.einsum("bnd,bmd->bnm", q, k) * q.shape[-1] ** -0.5
    highest = scores.masked_fill(~mask, -1e30).amax(dim=-1, keepdim=True)
    parts = (scores - highest).clamp(max=0.0).exp() * mask
    return torch.einsum("bnm,bme->bne", parts, v) / parts.sum(dim=-1, keepdim=True).clamp(min=1e-9)


def by_queries(q, k, v, mask):
    """Work out one query after the other, in float64."""
    result = torch.zeros(*q.shape[:2], v.shape[-1])
    for b in range(len(q)):
        for i in range(q.shape[1]):
            keys, values = k[b, mask[b, i]].double(), v[b, mask[b, i]].double()
            scores = (keys * q[b, i].double()).sum(dim=-1) / q.shape[-1] ** 0.5
            result[b, i] = (torch.softmax(scores, dim=0)[:, None] * values).sum(dim=0).float()
    return result


def by_lowest(q, k, v, mask):
    """Fill with the lowest number there is, and hide once more."""
    scores = (q / q.shape[-1] ** 0.5) @ k.mT
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)
    return (weights * mask) @ v


# Wrong versions


def not_divided(q, k, v, mask):
    """Leave √d out."""
    return _weights(q @ k.mT, mask) @ v


def by_d(q, k, v, mask):
    """Forget the root."""
    return _weights(q @ k.mT / q.shape[-1], mask) @ v


def by_root_d_v(q, k, v, mask):
    """Take the width of the values."""
    return _weights(q @ k.mT / v.shape[-1] ** 0.5, mask) @ v


def over_queries(q, k, v, mask):
    """Let each key's weights sum to one."""
    return _weights(_scores(q, k), mask, dim=-2) @ v


def without_softmax(q, k, v, mask):
    """Do what Eq. 3-4 say as printed."""
    return (_scores(q, k) * mask) @ v


def mask_after(q, k, v, mask):
    """Hide after the softmax."""
    return (torch.softmax(_scores(q, k), dim=-1) * mask) @ v


def mask_inverted(q, k, v, mask):
    """Hide what is to be seen."""
    return _weights(_scores(q, k), ~mask) @ v


def mask_of_the_first(q, k, v, mask):
    """Use one image's mask for all."""
    return _weights(_scores(q, k), mask[:1]) @ v


def blind_to_nan(q, k, v, mask):
    """Leave 0/0."""
    return torch.softmax(_scores(q, k).masked_fill(~mask, -torch.inf), dim=-1) @ v


def blind_to_average(q, k, v, mask):
    """Let a query without a key see them all."""
    return torch.softmax(_scores(q, k).masked_fill(~mask, torch.finfo(q.dtype).min), dim=-1) @ v


def overflowing(q, k, v, mask):
    """Exponentiate the scores as they are."""
    parts = torch.exp(_scores(q, k)) * mask
    return parts @ v / parts.sum(dim=-1, keepdim=True).clamp(min=1e-9)


def scaled_in_place(q, k, v, mask):
    """Divide the caller's queries."""
    q /= q.shape[-1] ** 0.5
    return _weights(q @ k.mT, mask) @ v


# Other good tests, and tests that are too weak or too strict


def _made(seed, features=5, wide=6):
    draw = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(2, n, d, generator=draw) for n, d in ((3, features), (4, features), (4, wide)))
    mask = torch.tensor([[[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0]], [[1, 1, 0, 1], [0, 1, 0, 0], [1, 0, 1, 1]]])
    return q, k, v, mask.bool()


def test_by_cutting_keys(attention):
    """Ask for the same output when hidden keys are cut away, large scores and all."""
    q, k, v, mask = _made(1)
    q[1, 0] *= 500
    given = [x.clone() for x in (q, k, v, mask)]
    got = attention(q, k, v, mask)
    assert all(torch.equal(x, before) for x, before in zip((q, k, v, mask), given))
    for b in range(2):
        for i in range(3):
            keys = mask[b, i].nonzero().flatten()
            scores = torch.stack([(q[b, i] * k[b, j]).sum() / 5**0.5 for j in keys]) if len(keys) else torch.zeros(0)
            parts = torch.exp(scores - scores.max()) if len(keys) else scores
            total = sum((p / parts.sum() * v[b, j] for p, j in zip(parts, keys)), torch.zeros(6))
            assert (got[b, i] - total).abs().max() < 1e-3


def test_that_returns_a_bool(attention):
    """Return what an assert would ask."""
    q, k, v, mask = _made(2)
    q[0, 2] *= 400
    given = [x.clone() for x in (q, k, v, mask)]
    wanted = by_queries(*given)
    close = torch.allclose(attention(q, k, v, mask), wanted, atol=1e-3)
    return close and all(torch.equal(x, before) for x, before in zip((q, k, v, mask), given))


def test_only_the_shape(attention):
    """Too weak: look at the shape."""
    assert attention(*_made(3)).shape == (2, 3, 6)


def test_only_equal_values(attention):
    """Too weak: let all values be one."""
    q, k, v, mask = _made(4)
    out = attention(q, k, torch.ones_like(v), mask)
    assert torch.allclose(out, mask.any(dim=-1, keepdim=True).float().expand(-1, -1, 6), atol=1e-4)


def _compare(attention, q, k, v, mask):
    given = [x.clone() for x in (q, k, v, mask)]
    assert torch.allclose(attention(q, k, v, mask), by_queries(*given), atol=1e-3)
    assert all(torch.equal(x, before) for x, before in zip((q, k, v, mask), given))


def test_without_a_mask(attention):
    """Too weak: hide nothing."""
    q, k, v, mask = _made(5)
    q[0, 0] *= 500
    _compare(attention, q, k, v, torch.ones_like(mask))


def test_without_a_blind_query(attention):
    """Too weak: let every query see something."""
    q, k, v, mask = _made(6)
    q[0, 0] *= 500
    mask[0, 1, 2] = True
    _compare(attention, q, k, v, mask)


def test_with_equal_widths(attention):
    """Too weak: make keys as wide as values."""
    q, k, v, mask = _made(7, features=6)
    q[0, 0] *= 500
    _compare(attention, q, k, v, mask)


def test_with_small_scores(attention):
    """Too weak: never let exp overflow."""
    _compare(attention, *_made(8))


def test_without_a_look_back(attention):
    """Too weak: hand over copies, so that the arguments are never seen again."""
    q, k, v, mask = _made(9)
    q[0, 0] *= 500
    assert torch.allclose(attention(q.clone(), k, v, mask), by_queries(q, k, v, mask), atol=1e-3)


def test_to_the_last_digit(attention):
    """Too strict: ask for equal bits."""
    q, k, v, mask = _made(10)
    assert torch.equal(attention(q, k, v, mask), by_infinity(q, k, v, mask))


KILL_ATTENTION = WriteTest(
    id="5.6",
    title="A test for attention",
    section="exercises",
    points=3,
    minutes=15,
    name="test_attention",
    prompt=(
        "You are the examiner. Two public checkers of attention that we tried let 5 of 10 and 6 of 7 wrong versions "
        "pass; yours should not.\n\n`attention(q, k, v, mask)` should be softmax attention: `q` is "
        "`(B, N, D)`, `k` `(B, M, D)`, `v` `(B, M, E)`, and `mask` `(B, N, M)` bool, True where a query may look "
        "at a key. The result is `(B, N, E)`: Eq. 3, softmax over the visible keys, Eq. 4; zeros for a query "
        "that may look at no key; finite where scores run to hundreds. The arguments stay as they were. Write "
        "`test_attention(attention)`: it accepts every right version, and fails for each of the wrong "
        "versions that the kit holds."
    ),
    unsolved="def test_attention(attention):\n    ...  # assert what must hold for attention(q, k, v, mask)",
    solution=test_attention,
    alternatives=(test_by_cutting_keys, test_that_returns_a_bool),
    forbidden=("medkit.attention", "medkit.blocks"),
    right=(by_infinity, by_einsum, by_queries, by_lowest),
    wrong=(
        Mistake("leaves √d out", "Its weights are too sharp.", not_divided),
        Mistake("divides by d", "Its weights are too even.", by_d),
        Mistake("divides by √d_v", "Right where E equals D.", by_root_d_v),
        Mistake("softmax over the queries", "Right if all values are equal? Add up a row.", over_queries),
        Mistake("leaves the softmax out", "Eq. 3-4 as printed.", without_softmax),
        Mistake("masks after the softmax", "The rest no longer sums to one.", mask_after),
        Mistake("takes the mask the other way round", "Hide something.", mask_inverted),
        Mistake("uses the first image's mask for all", "Two images, two masks.", mask_of_the_first),
        Mistake("makes NaN of a query without keys", "0/0.", blind_to_nan),
        Mistake("lets a query without keys see them all", "It should give zeros.", blind_to_average),
        Mistake("overflows", "Try scores of 100 and more.", overflowing),
        Mistake("divides the caller's queries in place", "Look at q afterwards.", scaled_in_place),
    ),
    hints=(
        "Let N, M, D and E all differ, and give two images different masks.",
        "Work the wanted output out query by query: cut the hidden keys away, softmax, weighted sum. Then "
        "compare with torch.allclose.",
        "One row of the mask all False; one query a few hundred times as large; and copies made before the "
        "call, compared after it.",
    ),
    mistakes=(
        Mistake("your test looks only at the shape", "Wrong versions have it too.", test_only_the_shape),
        Mistake(
            "all your values are equal",
            "Then any weights that sum to one give the same output.",
            test_only_equal_values,
        ),
        Mistake("your test hides nothing", "All errors with masks get through.", test_without_a_mask),
        Mistake(
            "every query of your test sees something",
            "A query that may look at nothing is where 0/0 lurks.",
            test_without_a_blind_query,
        ),
        Mistake("your keys are as wide as your values", "Then √d_v is √d_k.", test_with_equal_widths),
        Mistake("your scores are all small", "exp overflows from 89 on.", test_with_small_scores),
        Mistake(
            "your test does not look back at the arguments",
            "A version that writes into its queries gives the right numbers.",
            test_without_a_look_back,
        ),
        Mistake(
            "your test asks for equality to the last digit",
            "Right versions add in another order: use torch.allclose.",
            test_to_the_last_digit,
        ),
    ),
    afterword="All wrong versions die and the right ones live: keep this test for the next attention that you meet.",
)
