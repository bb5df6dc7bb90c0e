"""The words of a verdict, and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
INCONCLUSIVE = "inconclusive"
CONTRADICTS = "contradicts itself"
UNTESTABLE = "can't be tested as stated"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, CONTRADICTS, UNTESTABLE)


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
