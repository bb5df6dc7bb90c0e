"""The exercises of notebook 13: planted leaks."""

from __future__ import annotations

EXERCISES = ()
