"""The words of a verdict, and what stands beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
INCONCLUSIVE = "inconclusive"
CONTRADICTS = "contradicts itself"
UNTESTABLE = "can't be tested as stated"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, CONTRADICTS, UNTESTABLE)

HOLDS, FAILS, OPEN = "holds", "fails", "open"
VERDICT_OF = {HOLDS: REPRODUCED, FAILS: NOT_REPRODUCED, OPEN: INCONCLUSIVE}


def joined(says: Iterable[str]) -> str:
    """Say what several numbers, or sets, say together: one failure fails, all must hold; none are open.

    >>> joined([HOLDS, HOLDS]), joined([HOLDS, FAILS]), joined([HOLDS, OPEN]), joined([])
    ('holds', 'fails', 'open', 'open')
    """
    said = set(says)
    return FAILS if FAILS in said else HOLDS if said == {HOLDS} else OPEN


class Finding(NamedTuple):
    """What a rule finds.

    verdict: one of `VERDICTS`; None where none is possible yet.
    why: the reason for it, or for there being none.
    real: what real images, or the paper alone, say; a line for each set.
    phantom: what phantoms say, for whom it may interest: it decides nothing about patients.
    records: the files that the verdict rests on.
    """

    verdict: str | None
    why: str
    real: str = ""
    phantom: str = ""
    records: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """One line of the ledger.

    Args:
        id, says: of the claim in `medkit.paper`.
        test: what decides it, with its margin, fixed before any run.
        verdict, why, real, phantom, records: as in `Finding`.
    """

    id: str
    says: str
    test: str
    verdict: str | None
    why: str
    real: str
    phantom: str
    records: tuple[str, ...]
