"""The exercises of notebook 07: Eq. 5."""

from __future__ import annotations

EXERCISES = ()
