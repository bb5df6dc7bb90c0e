"""A verdict for every claim of the paper, from records of runs, by tests that were fixed before.

    read_records   folders -> records             gather   records -> what may be compared
    read_systems   the same of what stands beside the comparison of models
    ledger         records -> verdicts            RULES    for each claim its test and margin
    render, html   verdicts -> text, HTML         main     `python3 -m medkit claims`

Accuracy, Dice, F1 and their like are judged from real images alone; what phantoms say stands apart.
"""

from __future__ import annotations

from medkit.claims.command import ledger, main  # noqa: F401, what this package is used by
from medkit.claims.reading import read_records, read_systems  # noqa: F401
from medkit.claims.rules import RULES, Rule  # noqa: F401
from medkit.claims.show import html, render  # noqa: F401
from medkit.claims.trials import Evidence, gather  # noqa: F401
from medkit.claims.verdict import VERDICTS, Finding, Verdict  # noqa: F401
