"""What there is to say about a paper: its tables, equations, claims, contradictions, unstated choices.

A link leads to what the kit has to answer with, as text, so that nothing has to be imported for it:

    "medkit.denoise:gaussian"                         a function, class or constant
    "tests/test_denoise.py::test_law_brightness..."   a test
    "results/NAME.json", "benchmarks/NAME.json"       a record
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["result", "method", "field"]


class Place(NamedTuple):
    """Where in the paper.

    where: one of `SECTIONS`, or "Table 2", or "Eq. 7".
    words: a few printed words to search for there.
    """

    where: str
    words: str = ""


@dataclass(frozen=True)
class Table:
    """A table as printed.

    Args:
        number, title, header, rows: of the paper; each cell is the printed text.
        places: the section that it stands in.
        links: what the kit answers with.
    """

    number: int
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    places: tuple[Place, ...]
    links: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its name in the paper, "Table 2"."""
        return f"Table {self.number}"


@dataclass(frozen=True)
class Equation:
    """An equation as printed, in plain text.

    Args:
        number: of the paper.
        printed: the formula.
        places: the section that it stands in.
        leaves_open: what one must decide before it can be computed.
        home: the function of the kit that computes it, the only place where it is computed.
        links: what else the kit answers with.
    """

    number: int
    printed: str
    places: tuple[Place, ...]
    leaves_open: str
    home: str
    links: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its name in the paper, "Eq. 7"."""
        return f"Eq. {self.number}"


@dataclass(frozen=True)
class Claim:
    """Something the paper says that could be true or false.

    Args:
        id: "K1", ...
        says: what it says, in the kit's words.
        kind: "result" it says to have found, "method" what a step of its method does, "field" what it
            says about the work of others.
        places: where.
        links: what the kit has that bears on it. Without `pending` one of them decides it: a test
            or a record.
        pending: what would decide it and is not there yet; empty where nothing is missing.
    """

    id: str
    says: str
    kind: Kind
    places: tuple[Place, ...]
    links: tuple[str, ...] = ()
    pending: str = ""


@dataclass(frozen=True)
class Contradiction:
    """Two places of the paper that can't both be right, or one that can't be right by itself.

    Args:
        id: "C1", ...
        clash: what stands against what, in the kit's words.
        places: where.
        links: what the kit does about it, or a test that shows it.
        pending: what is missing where the kit can't show it.
    """

    id: str
    clash: str
    places: tuple[Place, ...]
    links: tuple[str, ...] = ()
    pending: str = ""


@dataclass(frozen=True)
class UnstatedChoice:
    """Something that must be decided to repeat the paper, and that the paper doesn't tell.

    Args:
        id: "U1", ...
        untold: what the paper doesn't tell.
        chosen: what the kit decided.
        places: where one would look for it in the paper.
        links: where the kit decided it, and what shows it.
        pending: what is missing where the kit has not decided yet.
    """

    id: str
    untold: str
    chosen: str
    places: tuple[Place, ...]
    links: tuple[str, ...] = ()
    pending: str = ""


Entry = Table | Equation | Claim | Contradiction | UnstatedChoice

SECTIONS = {  # the paper's headings
    "abstract": "Abstract",
    "§1": "Introduction",
    "§2": "Related works",
    "§2.1": "Deep learning for medical image classification",
    "§2.2": "Medical image segmentation techniques",
    "§2.3": "Anomaly detection in medical imaging",
    "§2.4": "Transfer learning and data augmentation in medical imaging",
    "§2.5": "Deep learning in real-time clinical applications",
    "§3": "Methods",
    "§3.1": "Data collection and preprocessing",
    "§3.2": "Data augmentation",
    "§3.3": "Attention mechanisms",
    "§3.4": "Transfer learning",
    "§4": "Results and discussion",
    "§4.1": "Performance metrics",
    "§5": "Conclusions",
    "references": "References",
}
