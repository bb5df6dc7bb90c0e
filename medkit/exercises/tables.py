"""The exercises of notebook 11: Tables 4-7."""

from __future__ import annotations

EXERCISES = ()
