"""What the sliders of notebook 02 do: percentiles and the CT window."""

from __future__ import annotations

import ipywidgets
import torch

from medkit import figure, normalise
from medkit.figure import short
from medkit.lesson import specimens, with_broken_pixel
from medkit.widgets.controls import linked, menu, pick, slider

WINDOWS = {"soft tissue": (40.0, 400.0), "lung": (-600.0, 1500.0), "bone": (300.0, 1500.0)}


def percentile_picture(image: str, low: float, high: float, broken: bool) -> str:
    """Return min-max | percentile limits | histogram with the limits, as an HTML figure.

    Args:
        image: a name from `specimens()`.
        low, high: percentiles, 0 <= low < high <= 100.
        broken: True puts one broken pixel, ten times the maximum, into the corner.
    """
    chosen = pick(specimens(), image, "image")
    pixels = with_broken_pixel(chosen.image) if broken else chosen.image
    scaled = normalise.percentile(pixels, low, high)
    limits = [float(torch.quantile(pixels, share / 100)) for share in (low, high)]
    picture = figure.row(
        figure.grey(normalise.min_max(pixels), "Eq. 2: min-max", 0, 1),
        figure.grey(scaled, f"percentiles {low:g} to {high:g}", 0, 1),
        figure.histogram(pixels, "grey values and limits", *limits, label=chosen.unit),
    )
    state = "with one broken pixel in the corner" if broken else "as it is"
    return figure.as_html(
        picture,
        alt=f"{chosen.title} {state}, scaled by its extremes and by percentiles {low:g}, {high:g}; histogram",
        caption=f"{chosen.title}, {state}. Eq. 2 maps {short(float(pixels.min()))} … "
        f"{short(float(pixels.max()))} to 0 … 1; the percentiles map {short(limits[0])} … {short(limits[1])} "
        f"({chosen.unit}).",
        tier=chosen.tier,
    )


def window_picture(level: float, width: float) -> str:
    """Return the CT by min-max | through a window | histogram with the window, as an HTML figure.

    Args:
        level: middle of the window in HU.
        width: width of the window in HU, > 0.
    """
    chosen = specimens()["CT"]
    low, high = level - width / 2, level + width / 2
    picture = figure.row(
        figure.grey(normalise.min_max(chosen.image), "Eq. 2: min-max", 0, 1),
        figure.grey(
            normalise.ct_window(chosen.image, level, width), f"window {low:.0f} … {high:.0f} HU", 0, 1
        ),
        figure.histogram(chosen.image, "grey values and window", low, high, label="HU"),
    )
    inside = ((chosen.image >= low) & (chosen.image <= high)).double().mean()
    return figure.as_html(
        picture,
        alt=f"{chosen.title} by min-max and through a window (level {level:g}, width {width:g}); histogram",
        caption=f"{chosen.title}: level {level:g}, width {width:g} HU. {float(inside):.0%} of the pixels lie "
        "in the window; all others are black or white.",
        tier=chosen.tier,
    )


def explore_percentile() -> ipywidgets.VBox:
    """Return menu and sliders for `percentile_picture`; low stays below 50, high above."""
    return linked(
        {
            "image": menu(list(specimens()), "image", "CT"),
            "low": slider(ipywidgets.FloatSlider, 1.0, 0.0, 49.0, 0.5, "low percentile"),
            "high": slider(ipywidgets.FloatSlider, 99.0, 51.0, 100.0, 0.5, "high percentile"),
            "broken": ipywidgets.Checkbox(True, description="one broken pixel", indent=False),
        },
        percentile_picture,
    )


def explore_window() -> ipywidgets.VBox:
    """Return sliders for `window_picture`, and a menu of usual windows that sets them both."""
    level, width = WINDOWS["soft tissue"]
    controls = {
        "level": slider(ipywidgets.FloatSlider, level, -1000.0, 1500.0, 20.0, "level (HU)"),
        "width": slider(ipywidgets.FloatSlider, width, 20.0, 3000.0, 20.0, "width (HU)"),
    }
    usual = menu(list(WINDOWS), "usual window")

    def take(change: dict) -> None:
        controls["level"].value, controls["width"].value = WINDOWS[change["new"]]

    usual.observe(take, names="value")
    return ipywidgets.VBox([usual, linked(controls, window_picture)])
