"""The exercises of notebook 09: Eq. 6, 7, 9."""

from __future__ import annotations

EXERCISES = ()
