"""Wrong answers written by hand from the exercises' text alone, without a look at the checkers."""

from __future__ import annotations

from unseen import written_anomaly, written_early, written_explain, written_late, written_shift, written_synthesise

WRITTEN = [*written_early.ANSWERS, *written_late.ANSWERS, *written_anomaly.ANSWERS, *written_explain.ANSWERS, *written_synthesise.ANSWERS, *written_shift.ANSWERS]
