"""The paper as data: what it prints, claims and leaves open, so that nothing is typed twice.

S. Gomathi and R. Roopa Chandrika, "Advancing Medical Image Processing with Deep Learning:
Innovations and Impact". Numbers are the paper's own; none is ours, and nothing here judges.

    TABLES           1-7 as printed; ACCURACY, DICE, TIME, F1 are Tables 4-7 as numbers
    EQUATIONS        1-9, each with its home in the kit
    CLAIMS           K1 ...  what could be true or false
    CONTRADICTIONS   C1 ...  what can't be true
    CHOICES          U1 ...  what the paper doesn't tell, and what the kit decided

Each entry has its places in the text and links to what in the kit answers it (see `kinds`).
"""

from __future__ import annotations

from medkit.paper.contradictions import CONTRADICTIONS
from medkit.paper.equations import EQUATIONS
from medkit.paper.field import FIELD
from medkit.paper.kinds import (  # noqa: F401, the words that entries are made of
    SECTIONS,
    Claim,
    Contradiction,
    Entry,
    Equation,
    Place,
    Table,
    UnstatedChoice,
)
from medkit.paper.making import MAKING
from medkit.paper.measuring import MEASURING
from medkit.paper.methods import METHODS
from medkit.paper.results import RESULTS
from medkit.paper.tables import (  # noqa: F401, the paper's numbers
    ACCURACY,
    DICE,
    EPOCHS,
    F1,
    MODELS,
    RESULT_TABLES,
    TABLES,
    TIME,
    ResultTable,
)

CLAIMS = tuple(sorted(RESULTS + METHODS + FIELD, key=lambda claim: int(claim.id[1:])))
CHOICES = MAKING + MEASURING
ENTRIES: tuple[Entry, ...] = TABLES + EQUATIONS + CLAIMS + CONTRADICTIONS + CHOICES


def find(name: str) -> Entry:
    """Return the entry of that name.

    Args:
        name: "Table 2", "Eq. 7", "K1", "C1" or "U1".

    Raises:
        ValueError: there is none.

    >>> find("K20").says
    'The accuracy is 98.5 %.'
    >>> find("Eq. 7").home
    'medkit.metrics:dice_per_image'
    """
    for entry in ENTRIES:
        if entry.id == name:
            return entry
    groups = (TABLES, EQUATIONS, CLAIMS, CONTRADICTIONS, CHOICES)
    ranges = ", ".join(f"{group[0].id} ... {group[-1].id}" for group in groups)
    raise ValueError(f"name must be one of {ranges}, got {name!r}; medkit.paper.ENTRIES holds all")


def about(where: str) -> tuple[Entry, ...]:
    """Return the entries that speak of a place, such as all that an equation leaves open.

    Args:
        where: one of `SECTIONS`, or the name of a table or an equation.

    Raises:
        ValueError: the paper has no such place.

    >>> [entry.id for entry in about("Eq. 2")]
    ['K23', 'C6', 'U5', 'U6']
    """
    if where not in SECTIONS and where not in {entry.id for entry in TABLES + EQUATIONS}:
        known = ", ".join(SECTIONS)
        raise ValueError(f"where must be a table, an equation or one of {known}, got {where!r}; try 'Eq. 1'")
    return tuple(entry for entry in ENTRIES if where in {place.where for place in entry.places})


def pending() -> tuple[Entry, ...]:
    """Return the entries that something is still missing for; each says what, in its `pending`."""
    return tuple(entry for entry in ENTRIES if getattr(entry, "pending", ""))
