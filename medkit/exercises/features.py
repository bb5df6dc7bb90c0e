"""The exercises of notebook 04: what convolutions see."""

from __future__ import annotations

EXERCISES = ()
