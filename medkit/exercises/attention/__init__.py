"""The exercises of notebook 05 (Eq. 3-4), and in full those where a function is written or repaired.

`masked` has 5.2, `questions` the number and the figure, `tests` the test to write, and `mistakes` the
wrong versions.
"""

from __future__ import annotations

import torch

from medkit.exercises.attention import mistakes as versions
from medkit.exercises.attention.masked import MASKED_WEIGHTS, READY_MADE, tokens
from medkit.exercises.attention.questions import AS_PRINTED, WHOSE_SUM
from medkit.exercises.attention.tests import KILL_ATTENTION
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction, WriteFunction
from medkit.exercises.values import small_image


def softmax_attention(q, k, v):
    """Let every query look at all keys, and sum the values by how much it looks."""
    d_k = q.shape[-1]
    scores = q @ k.transpose(-2, -1) / d_k**0.5
    weights = torch.softmax(scores, dim=-1)
    return weights @ v


def many_heads_mixed(q, k, v, heads):
    """Let each head attend with its share of the features, then put the shares side by side."""
    batch, n, d = q.shape
    m, e = v.shape[1:]
    q = q.reshape(batch, n, heads, d // heads).transpose(1, 2)
    k = k.reshape(batch, m, heads, d // heads).transpose(1, 2)
    v = v.reshape(batch, m, heads, e // heads).transpose(1, 2)
    weights = (q @ k.transpose(-2, -1) / (d // heads) ** 0.5).softmax(dim=-1)
    return (weights @ v).reshape(batch, n, e)


def many_heads(q, k, v, heads):
    """Let each head attend with its share of the features, then put the shares side by side."""
    batch, n, d = q.shape
    m, e = v.shape[1:]
    q = q.reshape(batch, n, heads, d // heads).transpose(1, 2)
    k = k.reshape(batch, m, heads, d // heads).transpose(1, 2)
    v = v.reshape(batch, m, heads, e // heads).transpose(1, 2)
    weights = (q @ k.transpose(-2, -1) / (d // heads) ** 0.5).softmax(dim=-1)
    return (weights @ v).transpose(1, 2).reshape(batch, n, e)


FAR_APART = torch.tensor([[[1.0, 2.0, 0.0], [-60.0, -90.0, -30.0]]])  # queries whose scores are far from each other

SOFTMAX_ATTENTION = WriteFunction(
    id="5.1",
    title="Attention of one head",
    section="before the code",
    points=3,
    minutes=10,
    name="softmax_attention",
    parameters=("q", "k", "v"),
    prompt=(
        "Write Eq. 3, then a softmax *over the keys*, then Eq. 4.\n\n`q` is `(B, N, D)`: B images, N "
        "queries, D features. `k` is `(B, M, D)` and `v` is `(B, M, E)`: M keys, and one value for each. "
        "Return `(B, N, E)`, one output for each query. N, M, D and E may all differ. The result must "
        "stay finite where scores run to hundreds, above or below zero."
    ),
    unsolved=(
        "def softmax_attention(q, k, v):\n"
        "    d_k = q.shape[-1]  # features of a key\n"
        "    ...\n"
        "    return ..."
    ),
    solution=softmax_attention,
    alternatives=(versions.attention_by_loops, versions.attention_by_einsum, versions.attention_by_logarithm),
    forbidden=READY_MADE,
    cases=(
        Case((tokens(2, 3, 5, seed=1), tokens(2, 4, 5, seed=2), small_image(2, 4, 6, seed=3))),
        Case((tokens(3, 4, 2, seed=4), tokens(3, 4, 2, seed=5), small_image(3, 4, 5, seed=6, low=-9))),
        Case((tokens(2, 5, 7, seed=7), tokens(2, 3, 7, seed=8), small_image(2, 3, 2, seed=9, low=-4))),
        Case((tokens(1, 1, 3, seed=10) + 200, tokens(1, 4, 3, seed=11) + 2, small_image(1, 4, 2, seed=12)), edge=True),
        Case((FAR_APART, torch.tensor([[[4.0] * 3, [5.0] * 3]]), tokens(1, 2, 3, seed=13)), edge=True),
        Case((tokens(2, 3, 4, seed=14), tokens(2, 1, 4, seed=15), tokens(2, 1, 3, seed=16)), edge=True),
    ),
    hints=(
        "Three lines: scores `(B, N, M)`, weights of the same shape, outputs `(B, N, E)`.",
        "All dot products at once are one matrix product: `q @ k.transpose(-2, -1)`. What does Eq. 3 "
        "divide by?",
        "`torch.softmax(scores, dim=-1)` makes each row, all keys of one query, sum to one, and stays "
        "finite. Eq. 4 is `weights @ v`.",
    ),
    mistakes=(
        Mistake("you divided by d, not by √d", "The weights come out too even.", versions.divided_by_d),
        Mistake(
            "you divided by √d_v, not √d_k",
            "Scores are sums over the features of keys; how wide the values are plays no part.",
            versions.divided_by_root_d_v,
        ),
        Mistake(
            "you divided by the root of the number of keys",
            "A score is a sum over D features, not over keys.",
            versions.divided_by_root_of_keys,
        ),
        Mistake(
            "you left √d out",
            "The scores are √d times too large, and the weights too sharp.",
            versions.not_divided,
        ),
        Mistake(
            "you divided after the softmax",
            "Then the weights no longer sum to one: divide the scores.",
            versions.divided_after_softmax,
        ),
        Mistake(
            "your softmax runs over the queries",
            "Each key's weights sum to one; each *query's* should: dim=-1.",
            versions.over_queries,
        ),
        Mistake(
            "your softmax runs over queries and keys together",
            "All weights of an image sum to one, so a row has far less.",
            versions.over_everything,
        ),
        Mistake(
            "you left the softmax out",
            "That is Eq. 3-4 as printed; here the softmax between them is asked for.",
            versions.without_softmax,
        ),
        Mistake("you compared keys with keys", "K·Kᵀ: the queries play no part.", versions.keys_ask),
        Mistake(
            "you left queries and keys out",
            "Every query gets the plain average of the values.",
            versions.nobody_asks,
        ),
        Mistake(
            "your exp overflows",
            "exp(89) is too large for float32. Subtract each row's maximum first, as torch.softmax does.",
            versions.exp_overflows,
        ),
        Mistake(
            "you subtracted one maximum for all rows",
            "A row that lies far below it becomes 0/0. Each row needs its own maximum.",
            versions.one_maximum_for_all,
        ),
    ),
    afterword="Three lines: this is what stands at the heart of every Transformer.",
)

MANY_HEADS = RepairFunction(
    id="5.4",
    title="Heads that are mixed up",
    section="exercises",
    points=2,
    minutes=10,
    name="many_heads",
    parameters=("q", "k", "v", "heads"),
    prompt=(
        "Several *heads* look at different things at once: head 0 attends with the first D / heads "
        "features of every query and key and the first E / heads of every value, head 1 with the next, and "
        "so on, each as in Exercise 5.1. In the end the heads' outputs stand side by side, head 0's first.\n\n"
        "`q` is `(B, N, D)`, `k` is `(B, M, D)`, `v` is `(B, M, E)`, and the result `(B, N, E)`. The function "
        "below runs, its result has the right shape, and with `heads=1` even the right numbers. Find the "
        "bug and repair it."
    ),
    broken=many_heads_mixed,
    solution=many_heads,
    alternatives=(versions.heads_one_by_one, versions.heads_by_einsum, versions.heads_as_a_batch),
    forbidden=READY_MADE,
    cases=(
        Case((tokens(2, 3, 8, seed=31), tokens(2, 5, 8, seed=32), small_image(2, 5, 4, seed=33), 2)),
        Case((tokens(3, 4, 6, seed=34), tokens(3, 4, 6, seed=35), small_image(3, 4, 9, seed=36, low=-9), 3)),
        Case((tokens(2, 3, 5, seed=37), tokens(2, 4, 5, seed=38), tokens(2, 4, 6, seed=39), 1), edge=True),
    ),
    hints=(
        "Write the shape of every line beside it. What are the four axes of `weights @ v`?",
        "`reshape` never moves a number: it reads them in the order in which they lie and cuts anew. Which "
        "two axes must stand side by side to become E features of one token?",
        "Bring the heads next to their features before the last reshape: `.transpose(1, 2)`.",
    ),
    mistakes=(
        Mistake(
            "you merged the heads without moving their axis",
            "The axes are heads, tokens, features: reshape joins tokens with features.",
            many_heads_mixed,
        ),
        Mistake(
            "you split the heads by a reshape alone",
            "Then a head is a block of tokens, not a share of every token's features.",
            versions.heads_split_by_reshape,
        ),
        Mistake(
            "you split and merged by reshapes alone",
            "The two undo each other, which hides it: still each head sees some tokens only.",
            versions.heads_reshaped_twice,
        ),
        Mistake(
            "you divided by the root of all features",
            "A head's score is a sum over its own D / heads features.",
            versions.heads_divided_by_whole_width,
        ),
        Mistake("you left √d out", "Each head divides by √(D / heads).", versions.heads_not_divided),
        Mistake(
            "you dealt the features out like cards",
            "Head 0 takes the *first* D / heads features, not every second or third one.",
            versions.heads_interleaved,
        ),
        Mistake(
            "you averaged the heads",
            "Their outputs stand side by side: E features again, not E / heads.",
            versions.heads_averaged,
        ),
        Mistake(
            "your softmax runs over the queries",
            "Over the keys: dim=-1.",
            versions.heads_over_queries,
        ),
        Mistake(
            "your softmax runs over the heads",
            "Heads do not compete with each other; keys do: dim=-1.",
            versions.heads_over_heads,
        ),
        Mistake(
            "you put the heads' features in the wrong order",
            "First all features of head 0, then all of head 1.",
            versions.heads_in_wrong_order,
        ),
        Mistake("you used one head only", "`heads` changes nothing any more.", versions.one_head),
    ),
    afterword="`medkit.attention.split_heads` and `merge_heads` are these two moves; compare them with yours.",
)

EXERCISES = (SOFTMAX_ATTENTION, MASKED_WEIGHTS, AS_PRINTED, MANY_HEADS, WHOSE_SUM, KILL_ATTENTION)
