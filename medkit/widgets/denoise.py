"""What the sliders of notebook 01 do: kernels, filters and Eq. 1 as printed."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets
import torch
from torch import Tensor

from medkit import denoise, figure
from medkit.lesson import Specimen, rmse, specimens
from medkit.widgets.controls import grey_range, linked, menu, pick, slider

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
    chosen = pick(specimens(), image, "image")
    after = pick(FILTERS, method, "method")(chosen.image, sigma, size, border)
    beside = figure.words("a sorted list,\nno kernel K", "kernel")
    if method in KERNELS:
        kernel = KERNELS[method](sigma, size)
        beside = figure.heat(kernel, f"kernel, sum {float(kernel.sum()):.2f}")
    setting = f"{method}, {size} × {size}" + (f", σ = {sigma:.1f}" if method == "Gaussian" else "")
    low, high = grey_range(chosen.image)
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
    chosen = pick(specimens(), image, "image")
    weights = pick(KERNELS, kernel, "kernel")(size / 5, size)
    printed = denoise.eq1_as_printed(chosen.image, weights)
    plain = denoise.filter_image(chosen.image, weights)
    low, high = grey_range(chosen.image)
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


def explore_denoise() -> ipywidgets.VBox:
    """Return menus and sliders for `denoise_picture`; σ rests where only the Gaussian needs it."""
    controls = {
        "image": menu(list(specimens()), "image"),
        "method": menu(list(FILTERS), "method"),
        "sigma": slider(ipywidgets.FloatSlider, 1.0, 0.1, 5.0, 0.1, "σ (pixels)"),
        "size": slider(ipywidgets.IntSlider, 7, 1, 15, 2, "size (pixels)"),
        "border": menu(denoise.BORDERS, "border"),
    }
    controls["method"].observe(
        lambda change: setattr(controls["sigma"], "disabled", change["new"] != "Gaussian"), names="value"
    )
    return linked(controls, denoise_picture)


def explore_printed() -> ipywidgets.VBox:
    """Return menus and a slider for `printed_picture`."""
    return linked(
        {
            "image": menu(list(specimens()), "image", "MRI"),
            "kernel": menu(list(KERNELS), "kernel", "Gaussian"),
            "size": slider(ipywidgets.IntSlider, 3, 1, 15, 2, "size (pixels)"),
        },
        printed_picture,
    )


def _error_sentence(chosen: Specimen, after: Tensor) -> str:
    if chosen.truth is None:
        return (
            "Nobody knows the truth here, so there is no error to compute: what is taken away should look "
            "like noise; where it shows anatomy, anatomy was lost."
        )
    before, now = rmse(chosen.image, chosen.truth), rmse(after, chosen.truth)
    return f"RMSE against the truth: {before:.3f} before, {now:.3f} after."
