"""Wrong answers written by hand from the exercises' text alone, without a look at the checkers."""

from __future__ import annotations

from unseen import (
    written_anomaly,
    written_early,
    written_explain,
    written_late,
    written_shift,
    written_synthesise,
    written_your_images,
)

FILES = (
    written_early, written_late, written_anomaly, written_explain, written_synthesise, written_shift, written_your_images,
)  # fmt: skip
WRITTEN = [answer for file in FILES for answer in file.ANSWERS]
