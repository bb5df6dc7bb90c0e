"""The exercises of notebook 12: the ledger."""

from __future__ import annotations

EXERCISES = ()
