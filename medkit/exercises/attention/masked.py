"""Exercise 5.2, weights under a mask; and the made-up tokens of all exercises of notebook 05."""

from __future__ import annotations

import torch

from medkit.exercises.attention import mistakes as versions
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.values import small_image

READY_MADE = ("medkit.attention", "medkit.blocks", "medkit.models", "torchvision", "timm", "einops")


def masked_weights(scores, mask):
    """Turn scores into weights, none of them on a key that is hidden."""
    lowest = torch.finfo(scores.dtype).min  # not -inf: a row of nothing else would be 0/0
    weights = torch.softmax(scores.masked_fill(~mask, lowest), dim=-1)
    return weights.masked_fill(~mask, 0.0)


def tokens(*shape: int, seed: int) -> torch.Tensor:
    """Return small tokens, multiples of a half from -2 to 2."""
    return small_image(*shape, seed=seed, low=-4, high=5) / 2


def seen(*shape: int, seed: int) -> torch.Tensor:
    """Return a mask that hides about a third of the keys, and never the last one."""
    mask = small_image(*shape, seed=seed, high=3) > 0
    mask[..., -1] = True
    return mask


HIDDEN = torch.tensor([[[True, False, True, True], [False, False, False, False]]])

MASKED_WEIGHTS = WriteFunction(
    id="5.2",
    title="Weights under a mask",
    section="before the code",
    points=3,
    minutes=10,
    name="masked_weights",
    parameters=("scores", "mask"),
    prompt=(
        "Some keys must not be looked at: empty tokens that only fill a batch up, for instance. "
        "`scores` is `(B, N, M)`, float. `mask` is bool, `(B, N, M)`, or `(B, 1, M)` where it is the same "
        "for all queries: **True where a query may look**.\n\nReturn the weights `(B, N, M)`: the softmax of "
        "the scores over the keys that may be seen, exactly zero on all others. A query that may look at "
        "no key gets a row of zeros. Scores, hidden ones too, may run to hundreds above or below zero."
    ),
    unsolved="def masked_weights(scores, mask):\n    ...\n    return ...",
    solution=masked_weights,
    alternatives=(versions.masked_by_infinity, versions.masked_by_hand, versions.masked_by_cutting),
    forbidden=READY_MADE,
    cases=(
        Case((tokens(2, 3, 4, seed=21), seen(2, 3, 4, seed=22))),
        Case((tokens(3, 2, 5, seed=23), seen(3, 1, 5, seed=27))),
        Case((tokens(1, 2, 4, seed=25), HIDDEN), edge=True),
        Case((tokens(1, 2, 4, seed=26) + 300, seen(1, 2, 4, seed=28)), edge=True),
        Case((torch.tensor([[[2.0, 400.0, 1.0, 0.5]]]), HIDDEN[:, :1]), edge=True),
        Case((torch.tensor([[[-951.0, 3.0, -950.0, -952.0]]]), HIDDEN[:, :1]), edge=True),
    ),
    hints=(
        "A hidden key must be out *before* the softmax: only then do the others sum to one.",
        "`scores.masked_fill(~mask, -torch.inf)` puts it out, since exp(-inf) = 0.",
        "A row of nothing but -inf is 0/0. Fill with `torch.finfo(scores.dtype).min` instead, and set the "
        "hidden weights to zero once more at the end; or turn the NaN into zeros.",
    ),
    mistakes=(
        Mistake(
            "you took the mask the other way round",
            "True means: may be seen. (`nn.MultiheadAttention` means the opposite.)",
            versions.masked_inverted,
        ),
        Mistake(
            "you masked after the softmax",
            "The hidden keys' shares are lost: what is left sums to less than one.",
            versions.masked_after,
        ),
        Mistake(
            "you set hidden scores to zero",
            "Zero is a score like any other, and exp(0) = 1: the key is still looked at.",
            versions.masked_with_zero,
        ),
        Mistake(
            "you set hidden scores to -100",
            "Scores may lie below that themselves; then hidden keys win.",
            versions.masked_with_minus_hundred,
        ),
        Mistake(
            "a row without any key becomes NaN",
            "It is 0/0, and one NaN spreads through all that follows.",
            versions.masked_to_nan,
        ),
        Mistake(
            "a row without any key looks at all of them",
            "All scores are equally low there, so the softmax gives the average.",
            versions.masked_to_average,
        ),
        Mistake(
            "your softmax runs over the queries",
            "Each row, all keys of one query, is to sum to one: dim=-1.",
            versions.masked_over_queries,
        ),
        Mistake(
            "your exp overflows",
            "exp(300) is too large for float32. Subtract the row's maximum first.",
            versions.masked_overflow,
        ),
        Mistake(
            "you subtracted the maximum of a hidden key",
            "Where it is far larger than the visible ones, all of these vanish: 0/0.",
            versions.masked_by_hidden_maximum,
        ),
        Mistake(
            "you added the mask to the scores",
            "That makes visible keys e times as heavy, and hides none.",
            versions.masked_by_adding,
        ),
        Mistake(
            "you left the scores out",
            "Every visible key gets the same weight.",
            versions.masked_without_scores,
        ),
    ),
    afterword="And no NaN: a batch in which one image is all padding would otherwise spoil the whole step.",
)
