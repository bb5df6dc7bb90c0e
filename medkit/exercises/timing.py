"""The exercises of notebook 10: Eq. 8."""

from __future__ import annotations

EXERCISES = ()
