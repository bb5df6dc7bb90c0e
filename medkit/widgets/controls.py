"""Menus and sliders that all widgets are made of, and the picture below them."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets
import torch
from torch import Tensor


def linked(controls: dict[str, ipywidgets.Widget], picture: Callable[..., str]) -> ipywidgets.VBox:
    """Return the controls above their picture; whenever one changes, the picture is drawn again."""
    shown = ipywidgets.HTML()

    def redraw(_change: dict | None = None) -> None:
        shown.value = picture(**{name: value_of(control) for name, control in controls.items()})

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([*controls.values(), shown])


def value_of(control: ipywidgets.Widget):
    """Return what a control is set to; a slider in a browser adds up its steps, and sends 0.1 as 0.09999999999999999."""
    return float(f"{control.value:.12g}") if isinstance(control.value, float) else control.value


def menu(options, description: str, value: str | None = None) -> ipywidgets.Dropdown:
    """Return a menu whose label is never cut."""
    return ipywidgets.Dropdown(
        options=options,
        value=value or options[0],
        description=description,
        style={"description_width": "initial"},
    )


def slider(kind, value, low, high, step, description: str):
    """Return a slider that redraws when it is let go, and whose label is never cut."""
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        continuous_update=False,
        style={"description_width": "initial"},
        layout={"width": "24em"},
    )


def pick(options: dict, name: str, what: str):
    """Return what a menu's name stands for; refuse a name that is not in the menu."""
    if name not in options:
        raise ValueError(f"{what} must be one of {', '.join(options)}, got {name!r}; pick one of these")
    return options[name]


def grey_range(image: Tensor) -> tuple[float, float]:
    """Grey limits for display: the 1st and 99th percentile, so that one bright dot does not rule."""
    return float(torch.quantile(image, 0.01)), float(torch.quantile(image, 0.99))
