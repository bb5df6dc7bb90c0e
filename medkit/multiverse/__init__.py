"""How much of a printed lead lies inside what the paper leaves open: a small multiverse.

    readings      sixteen readings of five open choices, a fractional factorial
    running       hybrid and CNN trained under each of them, one record a run
    conventions   each metric by each convention of the field, with its interval
    report        what it comes to: a table and a few sentences
    figure        the same as specification curves
    main          `python3 -m medkit multiverse`

Reference: U. Simonsohn, J. P. Simmons and L. D. Nelson, "Specification curve analysis", Nature Human
Behaviour 4, 2020.
"""

from __future__ import annotations

from medkit.multiverse.command import main  # noqa: F401, what this package is used by
from medkit.multiverse.figure import curves  # noqa: F401
from medkit.multiverse.readings import CHOICES, READINGS, REFERENCE, Reading  # noqa: F401
from medkit.multiverse.report import render, specify  # noqa: F401
