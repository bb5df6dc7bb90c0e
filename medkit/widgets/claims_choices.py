"""What the sliders of notebook 12 do with the multiverse: one choice of the paper, seen in a specification curve."""

from __future__ import annotations

import functools

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medkit import figure
from medkit.figure import BLUE, INK, ORANGE
from medkit.multiverse import conventions, report
from medkit.multiverse.readings import CHOICES, Choice
from medkit.multiverse.running import STUDY
from medkit.multiverse.specifications import Multiverse, Specification, effect, specify
from medkit.widgets.controls import linked, menu, pick
from medkit.widgets.records import committed, dress, nothing_there

BY_LETTER = {f"{choice.letter}: {choice.about}": choice for choice in CHOICES}


@functools.cache
def multiverses() -> dict[str, list[dict]]:
    """Return the records of each multiverse that comes with the kit, by folder, the readings' own seed first."""
    found = {}
    for name, records in committed().items():
        mine = [record for record in records if record.get("study") == STUDY]
        if mine:
            found[name] = sorted(mine, key=lambda record: (record["seed"], record["file"]))
    return found


@functools.cache
def _specified(name: str) -> Multiverse:
    return specify(multiverses()[name])


@functools.cache
def choice_picture(metric: str, choice: str) -> str:
    """Return a metric's specification curve with one choice marked in it, as an HTML figure.

    Args:
        metric: one of `medkit.multiverse.conventions.METRICS`; choice: one of `BY_LETTER`.

    Raises:
        ValueError: a name that is not in the menus.
    """
    pick(dict.fromkeys(conventions.METRICS), metric, "metric")
    chosen = pick(BY_LETTER, choice, "choice")
    if not multiverses():
        return nothing_there()
    name = next(iter(multiverses()))
    found, data = _specified(name), multiverses()[name][0]["data"]
    moved, printed = effect(found, metric, chosen), report.PRINTED[metric].margins()["CNN"]
    chance = "not known" if moved.chance is None else f"{moved.chance:.0%}"
    picture = Figure(figsize=(8.0, 4.6), layout="constrained")
    picture.patch.set_alpha(0.0)
    above, below = picture.subplots(2, 1, sharex=True, height_ratios=(3.0, 1.3))
    _leads(above, found.of(metric), found.leads_of_seeds(metric), chosen, printed)
    _answers(below, found.of(metric), chosen)
    return figure.as_html(
        picture,
        alt=f"Leads of the hybrid over the CNN in {metric} under {len(found.of(metric))} specifications, in order",
        caption=f"{data['title']}: hybrid less CNN in {metric}, points, smallest first. Squares: {chosen.about} = "
        f"{chosen.other}; circles: {chosen.first}; filled where the 95 % interval over units leaves out 0. Grey: the "
        f"same reading over seeds. Dashed: the printed {printed:+g}. The squares' answer moves the lead by "
        f"{moved.points:+.1f} points on average; seeds alone do as much in {chance} of cases.",
        tier=data["tier"],
    )


def _leads(axis: Axes, specs: list[Specification], seeds: list[float], chosen: Choice, printed: float) -> None:
    if len(seeds) > 1:
        axis.axhspan(min(seeds), max(seeds), color=INK, alpha=0.25, linewidth=0)
    axis.vlines(range(len(specs)), *([spec.lead[end] for spec in specs] for end in (1, 2)), color=INK, linewidth=0.8)
    size = 6 if len(specs) < 30 else 4
    for other, marker, colour in ((False, "o", BLUE), (True, "s", ORANGE)):
        for clear in (False, True):
            wanted = (other, clear)
            at = [x for x, spec in enumerate(specs) if (spec.reading.changed(chosen), _is_clear(spec)) == wanted]
            look = {"color": colour, "markerfacecolor": colour if clear else "none", "markersize": size}
            axis.plot(at, [specs[x].lead.value for x in at], marker, **look)
    axis.axhline(0, color=INK, linewidth=0.8)
    axis.axhline(printed, color=INK, linewidth=1.2, linestyle=(0, (5, 3)))
    axis.set_ylabel("hybrid − CNN, points", color=INK, fontsize=9)
    axis.set_xlim(-1, len(specs))
    dress(axis, ("left",))


def _answers(axis: Axes, specs: list[Specification], chosen: Choice) -> None:
    """Draw, for each choice, a dash under every specification that takes its second answer."""
    for row, choice in enumerate(CHOICES):
        at = [x for x, spec in enumerate(specs) if spec.reading.changed(choice)]
        colour, width = (ORANGE, 2.6) if choice is chosen else (INK, 1.4)
        axis.plot(at, [row] * len(at), "|", color=colour, markersize=7, markeredgewidth=width)
    axis.set_yticks(range(len(CHOICES)), [f"{choice.letter}  {choice.other}" for choice in CHOICES])
    axis.set_ylim(len(CHOICES) - 0.5, -0.5)
    axis.set_xticks([])
    axis.set_xlabel("specifications, smallest lead first; a dash: takes this answer", color=INK, fontsize=9)
    dress(axis, ())


def _is_clear(spec: Specification) -> bool:
    return spec.lead.low > 0 or spec.lead.high < 0


def explore_choices() -> ipywidgets.VBox:
    """Return menus for `choice_picture`."""
    return linked(
        {"metric": menu(conventions.METRICS, "metric"), "choice": menu(list(BY_LETTER), "choice")}, choice_picture
    )
