"""A spot painted on a healthy image, in notebook 14: does the autoencoder fail to draw it?"""

from __future__ import annotations

import ipywidgets
import torch
from torch import Tensor

from medkit import figure
from medkit.anomaly import autoencoder
from medkit.exercises.pictures import outlined
from medkit.widgets import anomaly as trained
from medkit.widgets.controls import linked, slider


def spot_picture(brightness: float, radius: int) -> str:
    """Return a healthy test image with a painted spot, how the autoencoder draws it, and the error, as an HTML figure.

    Args:
        brightness: what the spot adds to the image, -0.6 ... 0.6; radius: 1 ... 8 pixels.

    Raises:
        ValueError: an argument out of range.
    """
    if not -0.6 <= brightness <= 0.6 or not 1 <= radius <= 8:
        raise ValueError(f"brightness must lie in -0.6 ... 0.6 and radius in 1 ... 8, got {brightness} and {radius}; move the sliders")
    at = trained.desk()
    clean = at.image[~at.sick[1]][:1]
    painted, inside = paint(clean, brightness, radius)
    with torch.no_grad():
        drawn = at.model(painted)
        planted, kept = (painted - clean)[0, 0][inside].mean(), (drawn - at.model(clean))[0, 0][inside].mean()
    error = autoencoder.error_map(at.model, painted)[0, 0]
    where = "in the spot" if bool(inside.flatten()[error.argmax()]) else "outside the spot"
    said = f"Of the spot's brightness the autoencoder draws {float(kept / planted):.0%}" if planted else "No spot"
    return figure.as_html(
        figure.row(
            figure.grey(painted[0, 0], f"spot {brightness:+g}, radius {radius}", 0.0, 1.0),
            figure.grey(drawn[0, 0], "drawn again", 0.0, 1.0),
            outlined(error, inside, "squared error"),
            inches=2.7,
        ),
        alt="A healthy image with a painted spot, the same drawn again by the autoencoder, and the squared error with the spot's outline",
        caption=f"{said}. Mean error in the spot {float(error[inside].mean()):.4f}, outside {float(error[~inside].mean()):.4f}; the highest, which "
        f"is the image's score, lies {where}. A healthy image ({at.test.title}), the spot painted by medkit.",
        tier=at.test.tier,
    )


def paint(image: Tensor, brightness: float, radius: int) -> tuple[Tensor, Tensor]:
    """Add a disc a little off the centre of an image (1, 1, H, W), cut off at 0 and 1; return it and the disc, (H, W) bool."""
    rows, columns = (torch.arange(n).double() for n in image.shape[-2:])
    middle = 0.4 * image.shape[-2], 0.55 * image.shape[-1]
    inside = (rows[:, None] - middle[0]).square() + (columns - middle[1]).square() <= radius**2
    return (image + brightness * inside).clamp(0, 1).to(image.dtype), inside


def explore_spot() -> ipywidgets.VBox:
    """Return sliders for `spot_picture`."""
    controls = {
        "brightness": slider(ipywidgets.FloatSlider, 0.3, -0.6, 0.6, 0.1, "spot's brightness"),
        "radius": slider(ipywidgets.IntSlider, 5, 1, 8, 1, "radius"),
    }
    return linked(controls, spot_picture)
