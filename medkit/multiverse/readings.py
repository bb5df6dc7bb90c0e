"""Sixteen readings of five choices that the paper leaves open: a fractional factorial, 2^(5-1).

All combinations of two answers to five choices would be 32. Half of them are run: those in which the
fifth choice is the product of the other four (an answer counts +1 if it is the kit's own, -1 if it
is the other one), so that an even number of answers is changed.

    generator           E = ABCD
    defining relation   I = ABCDE, resolution V

Each answer is in eight readings, each pair of answers in four. What a single choice changes can't be
told from what the other four change together, nor a pair from the other three (`alias_of`); singles
and pairs are told from each other. The CNN has no softmax to leave out: to it the sixteen are all
combinations of A, B, C and D.

Reference: G. E. P. Box, J. S. Hunter and W. G. Hunter, "Statistics for Experimenters", 2005, chapter 6.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import NamedTuple

from medkit.preparation import Preparation

GENERATOR = "E = ABCD"
ALL_LETTERS = "ABCDE"  # I = ABCDE


class Choice(NamedTuple):
    """A choice that the paper leaves open, and two answers to it.

    letter: in names of readings; about: the field of a `Reading`; entry: in `medkit.paper.CHOICES`.
    first: the kit's answer; other: another one that the paper's words allow.
    """

    letter: str
    about: str
    entry: str
    first: str
    other: str


CHOICES = (
    Choice("A", "kernel", "U1", "Gaussian, σ 0.5", "median 3 × 3"),
    Choice("B", "border", "U3", "reflect", "constant"),  # constant: zeros beyond the image
    Choice("C", "scale", "U5", "min-max of each image", "min-max of the training set"),
    Choice("D", "copies", "U10", "anew in each epoch", "made once, fivefold"),
    Choice("E", "weights", "U18", "softmax", "as printed, no softmax"),
)


@dataclass(frozen=True)
class Reading:
    """One reading of the paper: an answer to each of `CHOICES`. Without arguments, the kit's own.

    Args:
        kernel: of Eq. 1. border: what Eq. 1 reads beyond the image. scale: whose extremes Eq. 2 takes.
        copies: whether images are turned, flipped and zoomed anew in each epoch, or copied once, four
            copies each, before training.
        weights: Eq. 3 with a softmax, or as it is printed.

    Raises:
        ValueError: an answer that is not among the choice's two.
    """

    kernel: str = CHOICES[0].first
    border: str = CHOICES[1].first
    scale: str = CHOICES[2].first
    copies: str = CHOICES[3].first
    weights: str = CHOICES[4].first

    def __post_init__(self):
        for choice in CHOICES:
            answer, known = getattr(self, choice.about), (choice.first, choice.other)
            if answer not in known:
                raise ValueError(f"{choice.about} must be {known[0]!r} or {known[1]!r}, got {answer!r}; take one")

    def changed(self, choice: Choice) -> bool:
        """Say whether this reading takes the other answer."""
        return getattr(self, choice.about) == choice.other

    @property
    def name(self) -> str:
        """The letters of the changed choices, such as "AC"; "reference" where none is."""
        return "".join(choice.letter for choice in CHOICES if self.changed(choice)) or "reference"

    @property
    def once(self) -> bool:
        """Whether copies are made once, before training."""
        return self.changed(CHOICES[3])

    @property
    def hybrid(self) -> str:
        """The hybrid's name in `medkit.experiment`."""
        return "hybrid, as printed" if self.changed(CHOICES[4]) else "hybrid"

    def preparation(self) -> Preparation:
        """Return Eq. 1 and 2 as read here."""
        return Preparation(self.kernel, self.border, self.scale)


def half_fraction() -> tuple[Reading, ...]:
    """Return the sixteen readings, the reference first.

    >>> [reading.name for reading in half_fraction()][:6]
    ['reference', 'DE', 'CE', 'CD', 'BE', 'BD']
    """
    found = []
    for signs in product((1, -1), repeat=4):
        answers = zip(CHOICES, (*signs, prod(signs)))  # E = ABCD
        found.append(Reading(**{c.about: c.first if sign > 0 else c.other for c, sign in answers}))
    return tuple(found)


def alias_of(letters: str) -> str:
    """Return what a change of these choices together can't be told from.

    >>> alias_of("A"), alias_of("CE")
    ('BCDE', 'ABD')
    """
    if not letters or not set(letters) <= set(ALL_LETTERS) or len(set(letters)) < len(letters):
        raise ValueError(f"letters must be different ones of {ALL_LETTERS}, got {letters!r}; such as 'AC'")
    return "".join(letter for letter in ALL_LETTERS if letter not in letters)


def answers_of(reading: Reading) -> dict[str, str]:
    """Return a reading as a record holds it: its name, and each answer."""
    return {"name": reading.name, **dataclasses.asdict(reading)}


REFERENCE = Reading()
READINGS = half_fraction()
