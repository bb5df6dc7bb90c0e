"""The exercises of notebook 05: Eq. 3-4."""

from __future__ import annotations

EXERCISES = ()
