"""What the sliders do: plain functions from numbers to a picture, and thin constructors on top.

Every `..._picture` is an ordinary function: a notebook calls it for the static figure, a test calls
it at its ends, and a slider calls it with what the reader has set. Pictures are redrawn when a slider
is let go (`continuous_update=False`), and all of them can be moved with Tab and the arrow keys.
"""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets
import torch
from torch import Tensor

from medkit import denoise, figure, normalise
from medkit.figure import short
from medkit.lesson import Specimen, rmse, specimens, with_broken_pixel

WINDOWS = {"soft tissue": (40.0, 400.0), "lung": (-600.0, 1500.0), "bone": (300.0, 1500.0)}


# ---- Eq. 1

KERNELS: dict[str, Callable[[float, int], Tensor]] = {
    "Gaussian": lambda sigma, size: denoise.gaussian_kernel(sigma, size),
    "mean": lambda sigma, size: denoise.mean_kernel(size),
    "ones": lambda sigma, size: torch.ones(size, size),
}
FILTERS: dict[str, Callable[[Tensor, float, int, str], Tensor]] = {
    "Gaussian": lambda image, sigma, size, border: denoise.gaussian(image, sigma, border, size),
    "mean": lambda image, sigma, size, border: denoise.mean(image, size, border),
    "median": lambda image, sigma, size, border: denoise.median(image, size, border),
}


def denoise_picture(image: str, method: str, sigma: float, size: int, border: str) -> str:
    """Return before | after | what was taken away | the kernel, as an HTML figure.

    Args:
        image: a name from `specimens()`.
        method: "Gaussian", "mean" or "median".
        sigma: width of the Gaussian in pixels, > 0; the others do without.
        size: side of the neighbourhood in pixels, odd; it also cuts the Gaussian off.
        border: a name from `denoise.BORDERS`.

    Raises:
        ValueError: a name that is not in the menus, or numbers that `medkit.denoise` refuses.
    """
    chosen = _pick(specimens(), image, "image")
    after = _pick(FILTERS, method, "method")(chosen.image, sigma, size, border)
    beside = figure.words("a sorted list,\nno kernel K", "kernel")
    if method in KERNELS:
        kernel = KERNELS[method](sigma, size)
        beside = figure.heat(kernel, f"kernel, sum {float(kernel.sum()):.2f}")
    setting = f"{method}, {size} × {size}" + (f", σ = {sigma:.1f}" if method == "Gaussian" else "")
    low, high = _range(chosen.image)
    picture = figure.row(
        figure.grey(chosen.image, "before", low, high),
        figure.grey(after, "after", low, high),
        figure.difference(chosen.image - after, "taken away: before − after"),
        beside,
    )
    return figure.as_html(
        picture,
        alt=f"{chosen.title} before and after the filter ({setting}), the difference, and the kernel",
        caption=f"{chosen.title}: {setting}, border {border}. {_error_sentence(chosen, after)}",
        tier=chosen.tier,
    )


def printed_picture(image: str, kernel: str, size: int) -> str:
    """Return the image | Eq. 1 as printed | Eq. 1 without the 1/n, all on one grey scale.

    Args:
        image: a name from `specimens()`.
        kernel: "ones", "mean" or "Gaussian" (σ = a fifth of the size).
        size: side of the kernel in pixels, odd.
    """
    chosen = _pick(specimens(), image, "image")
    weights = _pick(KERNELS, kernel, "kernel")(size / 5, size)
    printed = denoise.eq1_as_printed(chosen.image, weights)
    plain = denoise.filter_image(chosen.image, weights)
    low, high = _range(chosen.image)
    picture = figure.row(
        figure.grey(chosen.image, f"image, mean {float(chosen.image.mean()):.3g}", low, high),
        figure.grey(printed, f"Eq. 1 as printed, mean {float(printed.mean()):.3g}", low, high),
        figure.grey(plain, f"without 1/n, mean {float(plain.mean()):.3g}", low, high),
    )
    return figure.as_html(
        picture,
        alt=f"{chosen.title}, then Eq. 1 as printed and without 1/n for a {size} × {size} kernel, {kernel}",
        caption=f"{chosen.title}, {size} × {size} kernel «{kernel}» whose weights sum to "
        f"{float(weights.sum()):.2f}; n = {size * size}. All three on one grey scale.",
        tier=chosen.tier,
    )


# ---- Eq. 2


def percentile_picture(image: str, low: float, high: float, broken: bool) -> str:
    """Return min-max | percentile limits | histogram with the limits, as an HTML figure.

    Args:
        image: a name from `specimens()`.
        low, high: percentiles, 0 <= low < high <= 100.
        broken: True puts one broken pixel, ten times the maximum, into the corner.
    """
    chosen = _pick(specimens(), image, "image")
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


# ---- sliders


def explore_denoise() -> ipywidgets.VBox:
    """Return menus and sliders for `denoise_picture`; σ rests where only the Gaussian needs it."""
    controls = {
        "image": _menu(list(specimens()), "image"),
        "method": _menu(list(FILTERS), "method"),
        "sigma": _slider(ipywidgets.FloatSlider, 1.0, 0.1, 5.0, 0.1, "σ (pixels)"),
        "size": _slider(ipywidgets.IntSlider, 7, 1, 15, 2, "size (pixels)"),
        "border": _menu(denoise.BORDERS, "border"),
    }
    controls["method"].observe(
        lambda change: setattr(controls["sigma"], "disabled", change["new"] != "Gaussian"), names="value"
    )
    return linked(controls, denoise_picture)


def explore_printed() -> ipywidgets.VBox:
    """Return menus and a slider for `printed_picture`."""
    return linked(
        {
            "image": _menu(list(specimens()), "image", "MRI"),
            "kernel": _menu(list(KERNELS), "kernel", "Gaussian"),
            "size": _slider(ipywidgets.IntSlider, 3, 1, 15, 2, "size (pixels)"),
        },
        printed_picture,
    )


def explore_percentile() -> ipywidgets.VBox:
    """Return menu and sliders for `percentile_picture`; low stays below 50, high above."""
    return linked(
        {
            "image": _menu(list(specimens()), "image", "CT"),
            "low": _slider(ipywidgets.FloatSlider, 1.0, 0.0, 49.0, 0.5, "low percentile"),
            "high": _slider(ipywidgets.FloatSlider, 99.0, 51.0, 100.0, 0.5, "high percentile"),
            "broken": ipywidgets.Checkbox(True, description="one broken pixel", indent=False),
        },
        percentile_picture,
    )


def explore_window() -> ipywidgets.VBox:
    """Return sliders for `window_picture`, and a menu of usual windows that sets them both."""
    level, width = WINDOWS["soft tissue"]
    controls = {
        "level": _slider(ipywidgets.FloatSlider, level, -1000.0, 1500.0, 20.0, "level (HU)"),
        "width": _slider(ipywidgets.FloatSlider, width, 20.0, 3000.0, 20.0, "width (HU)"),
    }
    usual = _menu(list(WINDOWS), "usual window")

    def take(change: dict) -> None:
        controls["level"].value, controls["width"].value = WINDOWS[change["new"]]

    usual.observe(take, names="value")
    return ipywidgets.VBox([usual, linked(controls, window_picture)])


def linked(controls: dict[str, ipywidgets.Widget], picture: Callable[..., str]) -> ipywidgets.VBox:
    """Return the controls above their picture; whenever one changes, the picture is drawn again."""
    shown = ipywidgets.HTML()

    def redraw(_change: dict | None = None) -> None:
        shown.value = picture(**{name: control.value for name, control in controls.items()})

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([*controls.values(), shown])


# ---- what they share


def _menu(options, description: str, value: str | None = None) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(
        options=options,
        value=value or options[0],
        description=description,
        style={"description_width": "initial"},
    )


def _slider(kind, value, low, high, step, description: str):
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


def _pick(options: dict, name: str, what: str):
    if name not in options:
        raise ValueError(f"{what} must be one of {', '.join(options)}, got {name!r}; pick one of these")
    return options[name]


def _range(image: Tensor) -> tuple[float, float]:
    """Grey limits for display: the 1st and 99th percentile, so that one bright dot does not rule."""
    return float(torch.quantile(image, 0.01)), float(torch.quantile(image, 0.99))


def _error_sentence(chosen: Specimen, after: Tensor) -> str:
    if chosen.truth is None:
        return (
            "Nobody knows the truth here, so there is no error to compute: what is taken away should look "
            "like noise; where it shows anatomy, anatomy was lost."
        )
    before, now = rmse(chosen.image, chosen.truth), rmse(after, chosen.truth)
    return f"RMSE against the truth: {before:.3f} before, {now:.3f} after."
