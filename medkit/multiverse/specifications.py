"""What came of each reading and convention, and how much of it seeds alone would bring about.

A specification is one reading, trained, and one convention. Its *lead* is hybrid - CNN, both trained
under the reading and measured by the convention, in points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from medkit.intervals import Interval
from medkit.multiverse import conventions
from medkit.multiverse.conventions import Convention
from medkit.multiverse.readings import CHOICES, REFERENCE, Choice, Reading

REPEATS = 5000  # simulated multiverses, `by_chance`


class Specification(NamedTuple):
    """One reading and one convention, and what came of them.

    hybrid, cnn: in %; lead: hybrid - CNN in points, with its interval over the test's units.
    """

    reading: Reading
    seed: int
    convention: Convention
    hybrid: float
    cnn: float
    lead: Interval


class Multiverse(NamedTuple):
    """All specifications at the first seed, and the reference reading's at each seed."""

    readings: tuple[Specification, ...]
    seeds: tuple[Specification, ...]

    def of(self, metric: str) -> list[Specification]:
        """Return a metric's specifications, smallest lead first."""
        return sorted((s for s in self.readings if s.convention.metric == metric), key=lambda s: s.lead.value)

    def by_default(self, metric: str) -> list[Specification]:
        """Return one for each reading, by the kit's own convention, smallest lead first."""
        return [s for s in self.of(metric) if s.convention is conventions.of(metric)[0]]

    def at_seeds(self, metric: str) -> list[Specification]:
        """Return the reference reading at each seed, by the kit's own convention, the readings' seed first."""
        return [s for s in self.seeds if s.convention is conventions.of(metric)[0]]

    def leads_of_seeds(self, metric: str) -> list[float]:
        """Return the reference reading's lead at each seed, the readings' seed first."""
        return [s.lead.value for s in self.at_seeds(metric)]


def specify(records: list[dict]) -> Multiverse:
    """Measure hybrid and CNN of each reading and seed by each convention.

    Args:
        records: as `medkit.multiverse.running.run_all` returns them; the first one's seed is that of
            all readings.

    Raises:
        ValueError: a run without the other model's, or without the reference reading.
    """
    pairs: dict[tuple[Reading, int], dict[str, dict]] = {}
    for record in records:
        reading = Reading(**{choice.about: record["arm"][choice.about] for choice in CHOICES})
        pairs.setdefault((reading, record["seed"]), {})[record["arm"]["role"]] = record
    found = []
    for (reading, seed), pair in pairs.items():
        if set(pair) != {"hybrid", "CNN"}:
            raise ValueError(f"records must be pairs of hybrid and CNN, got {reading.name} with {', '.join(pair)}")
        for convention in conventions.CONVENTIONS:
            hybrid, cnn = (conventions.value(convention, pair[role]) for role in ("hybrid", "CNN"))
            lead = conventions.difference(convention, pair["hybrid"], pair["CNN"])
            found.append(Specification(reading, seed, convention, hybrid, cnn, lead))
    first = records[0]["seed"]
    here = tuple(s for s in found if s.seed == first)
    if not any(s.reading == REFERENCE for s in here):
        raise ValueError(f"records must hold the reference reading at seed {first}, got none; run it")
    return Multiverse(here, tuple(s for s in found if s.reading == REFERENCE))


# --- what seeds alone do ----------------------------------------------------------------------


def by_chance(found: float, of: Callable[[Tensor], Tensor], leads: list[float], readings: int) -> float | None:
    """Return how often seeds alone move the readings' leads as much as was found, 0 ... 1.

    Suppose that readings make no difference, so that all leads are draws from one normal
    distribution: of its spread the leads over seeds tell. Few seeds tell little, and that counts here,
    for their leads are drawn again as well.

    Args:
        found: what was found, 0 or above; of: the same from (R, readings) draws, (R,).
        leads: of the reference reading at each seed, the readings' own seed first.
        readings: how many, the reference first.

    Returns:
        the share of `REPEATS` draws; None with one seed, which tells nothing.

    >>> round(by_chance(6.0, span, [0.0, 1.0, 2.0], readings=16), 1), by_chance(6.0, span, [0.0], 16)
    (0.3, None)
    """
    if len(leads) < 2:
        return None
    generator, shape = torch.Generator().manual_seed(0), (REPEATS, readings + len(leads) - 1)
    draw = torch.randn(shape, generator=generator, dtype=torch.float64)
    seeds = torch.cat([draw[:, :1], draw[:, readings:]], dim=1)  # the reference's own seed is in both
    seen = float(span(torch.tensor([leads], dtype=torch.float64)))
    return float((of(draw[:, :readings]).abs() * seen >= found * span(seeds)).double().mean())


def span(leads: Tensor) -> Tensor:
    """Return largest - smallest of each row, (R, n) -> (R,)."""
    return leads.amax(1) - leads.amin(1)


class Effect(NamedTuple):
    """What a choice does to the lead: mean over readings with the other answer - mean with the kit's, points.

    chance: how often seeds alone do as much, `by_chance`.
    """

    points: float
    chance: float | None


def effect(found: Multiverse, metric: str, choice: Choice) -> Effect:
    """Return what a choice does to a metric's lead, by the kit's own convention."""
    specs = sorted(found.by_default(metric), key=lambda s: s.reading != REFERENCE)  # the reference first
    other = torch.tensor([s.reading.changed(choice) for s in specs])
    leads = torch.tensor([[s.lead.value for s in specs]], dtype=torch.float64)

    def contrast(rows: Tensor) -> Tensor:
        return rows[:, other].mean(1) - rows[:, ~other].mean(1)

    points = float(contrast(leads))
    return Effect(points, by_chance(abs(points), contrast, found.leads_of_seeds(metric), len(specs)))
