"""The exercises of notebook 03: augmentation."""

from __future__ import annotations

EXERCISES = ()
