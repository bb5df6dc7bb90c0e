"""Wrong answers written by hand from the exercises' text alone, without a look at the checkers."""

from __future__ import annotations

from unseen import written_early, written_explain, written_late, written_synthesise, written_your_images

FILES = (written_early, written_late, written_explain, written_synthesise, written_your_images)
WRITTEN = [answer for file in FILES for answer in file.ANSWERS]
