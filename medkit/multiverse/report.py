"""What the multiverse comes to, in words: a line for each reading and choice, and a few sentences."""

from __future__ import annotations

import statistics
import textwrap

from medkit import paper
from medkit.data.container import PATIENTS
from medkit.intervals import Interval
from medkit.multiverse import conventions
from medkit.multiverse.conventions import METRICS
from medkit.multiverse.readings import ALL_LETTERS, CHOICES, GENERATOR, Reading, alias_of
from medkit.multiverse.specifications import Multiverse, Specification, by_chance, effect, span, specify
from medkit.table import leak_warning

PRINTED = {"accuracy": paper.ACCURACY, "Dice": paper.DICE, "F1": paper.F1}
WIDTH = 120
SHOWN = 0.05  # readings that seeds alone would spread as far more seldom than this do move the lead


def render(records: list[dict]) -> str:
    """Return the table of readings, the choices with their effects, and what it all comes to."""
    found, first = specify(records), records[0]
    warning = leak_warning(records)
    parts = [
        "\n".join([*([warning] if warning else []), *heading(found, first)]),
        _table(found),
        _choices(found),
        *("\n".join(map(_wrapped, summary(found, metric))) for metric in METRICS),
        "\n".join(map(_wrapped, notes(found, first))),
    ]
    return "\n\n".join(parts)


def heading(found: Multiverse, record: dict) -> list[str]:
    """Return what was run and on what, in two lines."""
    data, protocol = record["data"], record["protocol"]
    specs, readings = len(found.readings), len(found.by_default("accuracy"))
    device = record["machine"]["gpu"] or "CPU"
    return [
        f"The unstated choices · {readings} readings, {specs} specifications · preset {protocol['preset']} · "
        f"{record['settings']['epochs']} epochs, the paper has {paper.EPOCHS[-1]} · {device}",
        f"{data['title']} · {data['modality']} · tier: {data['tier']} · {data['size']} × {data['size']} pixels · "
        f"{data['train']} training, {data['test']} test images of {data['test_units']} units ({data['unit']})",
    ]


def summary(found: Multiverse, metric: str) -> list[str]:
    """Return in sentences how much of a metric's printed lead lies inside what the paper leaves open."""
    specs, default, printed = found.of(metric), found.by_default(metric), PRINTED[metric]
    value, lead = printed.column["hybrid"][-1], printed.margins()["CNN"]
    every, reached = [s.lead.value for s in specs], _range([s.hybrid for s in default], ".1f")
    leads, kit = _range([s.lead.value for s in default]), conventions.of(metric)[0].name
    said = [
        f"{metric}. Printed: {value:.1f} % for the hybrid, {lead:+.1f} points over the CNN. Over {len(default)} "
        f"readings ({kit}) the hybrid reaches {reached} %, and leads by {leads} points."
    ]
    if len(specs) > len(default):
        said.append(_within_a_reading(specs))
    said.append(_seeds(found, metric))
    held = sum(s.lead.low <= lead <= s.lead.high for s in specs)
    zero = sum(s.lead.low <= 0 <= s.lead.high for s in specs)
    width = max(every) - min(every)
    said.append(
        f"Of {len(specs)} specifications {sum(v >= lead for v in every)} lead by at least as much as printed, "
        f"{sum(v < 0 for v in every)} have the opposite sign; {held} intervals hold the printed lead, {zero} hold 0. "
        f"All that is open here, seeds included, moves the lead over {width:.1f} points: {width / lead:.1f} times "
        f"what is printed."
    )
    return said


def _within_a_reading(specs: list[Specification]) -> str:
    """Say how far conventions alone move value and lead: the same answers, counted in other ways."""
    widths = []
    for of in (lambda s: s.hybrid, lambda s: s.lead.value):
        readings: dict[Reading, list[float]] = {}
        for s in specs:
            readings.setdefault(s.reading, []).append(of(s))
        widths.append([max(values) - min(values) for values in readings.values()])
    value, lead = widths
    return (
        f"Conventions alone, within one reading: values up to {max(value):.1f} points apart "
        f"(mean {statistics.fmean(value):.1f}), leads up to {max(lead):.1f} (mean {statistics.fmean(lead):.1f})."
    )


def _seeds(found: Multiverse, metric: str) -> str:
    """Say how far seeds alone move the lead, and whether readings move it further."""
    leads, default = found.leads_of_seeds(metric), [s.lead.value for s in found.by_default(metric)]
    width = max(default) - min(default)
    chance = by_chance(width, span, leads, len(default))
    if chance is None:
        return "One seed: how far seeds alone move the lead is not known, and no difference between readings is shown."
    reached, deviation = _range([s.hybrid for s in found.at_seeds(metric)], ".1f"), statistics.stdev(leads)
    shown = "readings move it by more than seeds" if chance < SHOWN else "that readings move it is not shown"
    return (
        f"{len(leads)} seeds of the reference reading reach {reached} % and lead by {_range(leads)}, over "
        f"{max(leads) - min(leads):.1f} points (standard deviation {deviation:.1f}); the readings over {width:.1f}. "
        f"Beside such seeds, readings that change no lead at all span as much in {_percent(chance)} of cases: {shown}."
    )


def notes(found: Multiverse, record: dict) -> list[str]:
    """Return the sentences without which the numbers mislead."""
    data = record["data"]
    said = [
        f"Half of the 2^5 combinations, {GENERATOR} (I = {ALL_LETTERS}): what A does can't be told from what "
        f"{alias_of('A')} do together, nor what AB do from {alias_of('AB')}, and so on; singles are told from pairs.",
        f"[ ]: 95 % interval over {data['test_units']} test units ({data['unit']}); it knows nothing of seeds"
        + ("." if data["unit"] in PATIENTS else ", and is probably too narrow."),
        "Lead: hybrid - CNN in points, by the kit's own convention; (range): over all conventions of the metric. A "
        "reading is named by the choices that it changes; constant: zeros beyond the border.",
        "A difference between readings within the spread of seeds is noise. In % of cases: simulated, normal noise.",
        "All readings share their first seed: the same first weights and order of images.",
        "A reading that makes its copies once trains on five times the images for a fifth of the epochs.",
    ]
    if len(found.leads_of_seeds("accuracy")) < 5:
        said.append("Fewer than 5 seeds: how far seeds move the lead is known roughly.")
    said += [f"Not in these runs: {what}." for what in record["left_out"]]
    return said + list(data["notes"])


def _table(found: Multiverse) -> str:
    """Return a line for each reading, smallest lead in accuracy first; (range): over the conventions."""
    of_two = [cell for metric in ("Dice", "F1") for cell in (f"{metric}, % (range)", "lead", "(range)")]
    lines = [("reading", "accuracy, %", "lead", *of_two)]
    for spec in found.by_default("accuracy"):
        cells = [spec.reading.name, f"{spec.hybrid:.1f}", _interval(spec.lead)]
        for metric in ("Dice", "F1"):
            mine = [s for s in found.of(metric) if s.reading == spec.reading]
            default = next(s for s in mine if s.convention is conventions.of(metric)[0])
            values, leads = [s.hybrid for s in mine], [s.lead.value for s in mine]
            cells += [_range(values, ".1f"), _interval(default.lead), _range(leads)]
        lines.append(tuple(cells))
    width = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, width)).rstrip() for line in lines)


def _choices(found: Multiverse) -> str:
    """Return a line for each choice: its answers, and what the other one does to each lead."""
    lines = ["Each choice: what its second answer does to the lead, points (as much by seeds alone, % of cases)"]
    for choice in CHOICES:
        effects = {metric: effect(found, metric, choice) for metric in METRICS}
        said = ", ".join(f"{m} {e.points:+.1f} ({_percent(e.chance)})" for m, e in effects.items())
        lines.append(f"{choice.letter}  {choice.about} ({choice.entry}): {choice.first} | {choice.other}: {said}")
    return "\n".join(lines)


def _interval(found: Interval) -> str:
    return f"{found.value:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"


def _range(values: list[float], form: str = "+.1f") -> str:
    low, high = (f"{end(values):{form}}" for end in (min, max))
    return low if low == high else f"{low} ... {high}"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else "below 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, WIDTH, initial_indent="· ", subsequent_indent="  "))
