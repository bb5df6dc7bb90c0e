"""Images a second of exported models in notebook 18, from the records that come with the kit."""

from __future__ import annotations

import functools

import ipywidgets
from matplotlib.axes import Axes

from medkit import figure
from medkit.claims import read_systems
from medkit.claims.reading import RESULTS
from medkit.deploy.forms import FORMS
from medkit.deploy.show import NEED, span
from medkit.widgets.controls import linked, menu, pick
from medkit.widgets.records import dress


@functools.cache
def records() -> tuple[dict, ...]:
    """Return the records of exported models that come with the kit; the reader's own are left out."""
    found = read_systems() if RESULTS.is_dir() else []
    return tuple(one for one in found if one["kind"] == "deploy" and "/local/" not in one["file"])


def times_picture(model: str, where: str) -> str:
    """Return images a second of each form of a model, from the kit's records, as an HTML figure.

    Args:
        model: one that the records have, such as "hybrid"; where: "threads: 1" or "threads: 2".

    Raises:
        ValueError: no such model or place.
    """
    name = pick({one["model"]: one["model"] for one in records()}, model, "model")
    found = [one for one in records() if one["model"] == name]
    times = pick(found[0]["clock"]["times"], where, "where")
    spans = {form: span([turn for one in found for turn in one["clock"]["times"][where][form]]) for form in times}
    picture = figure.row(_rates_panel(spans), inches=6.4)
    picture.set_figheight(3.0)
    data, side = found[0]["data"], found[0]["clock"]["size"]
    fastest = min(spans, key=lambda form: spans[form][0])
    return figure.as_html(
        picture,
        alt=f"Images a second of the {model} in {len(spans)} forms as bars with quartiles, a line at {NEED:.0f}",
        caption=f"{model}, {side} × {side}, one image at a time, {where}, {found[0]['machine']['cpu']}; bars: median over turns, whiskers: "
        f"quartiles. Fastest: {fastest}, {1 / spans[fastest][0]:.0f} a second. Trained on {data['title']}.",
        tier=data["tier"],
    )


def explore_times() -> ipywidgets.VBox:
    """Return menus for `times_picture`."""
    models = list(dict.fromkeys(one["model"] for one in records()))
    places = list(records()[0]["clock"]["times"])
    return linked({"model": menu(models, "model", "hybrid"), "where": menu(places, "where")}, times_picture)


def _rates_panel(spans: dict[str, tuple[float, float, float]]) -> figure.Panel:
    names = [form for form in (*FORMS, *spans) if form in spans]
    names = list(dict.fromkeys(names))[::-1]

    def draw(axis: Axes) -> None:
        rates = [1 / spans[name][0] for name in names]
        slow = [rate - 1 / spans[name][2] for rate, name in zip(rates, names)]
        fast = [1 / spans[name][1] - rate for rate, name in zip(rates, names)]
        axis.barh(names, rates, xerr=[slow, fast], color=figure.BLUE, edgecolor=figure.INK, ecolor=figure.INK, capsize=3)
        axis.axvline(NEED, color=figure.INK, linestyle="--", linewidth=2)
        dress(axis)
        axis.set_xlabel(f"images a second; dashed: {NEED:.0f}", color=figure.INK, fontsize=9)

    return draw
