"""Domain shift: a model of some sets, tried on a set of another scanner, organ or hospital.

    domains   sets that are asked one question: is there a lesion, and where?
    runs      a model of all sets but one, and its rival of that one alone, on the same test images
    show      their tables                      command   `python3 -m medkit shift`

The *gap* is what a model of the other sets loses against one that learned on the set itself, with as
many optimiser steps. How much of it is the scale of the grey values, and how much what they show, is
seen by scaling each image in three ways: min-max (Eq. 2), percentiles, z-score.
"""

from __future__ import annotations

from medkit.shift.command import main  # noqa: F401, what this package is used by
from medkit.shift.domains import Domain, domains  # noqa: F401
from medkit.shift.runs import Pair, fixed_answer, pair_of, run  # noqa: F401
from medkit.shift.show import render, sheet  # noqa: F401
