"""The exercises of notebook 08: Table 3."""

from __future__ import annotations

EXERCISES = ()
