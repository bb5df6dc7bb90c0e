"""The exercises of notebook 06: CNN, U-Net, Transformer, hybrid."""

from __future__ import annotations

EXERCISES = ()
