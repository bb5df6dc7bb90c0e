"""What every notebook needs: a seeded start, the module's own source, and images to try things on."""

from __future__ import annotations

import inspect
import os
import random
import textwrap
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from IPython.display import HTML
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.style import Style
from pygments.token import Comment, Keyword, Name, Number, Operator, String
from torch import Tensor

import medkit
from medkit.data import samples
from medkit.data.container import ImageSet
from medkit.data.where import data_root


def fast() -> bool:
    """Return True under MEDKIT_FAST=1: sizes shrink, no cell is skipped. Nobody else reads it."""
    return os.environ.get("MEDKIT_FAST", "") == "1"


def start(seed: int = 0) -> None:
    """Seed `random`, NumPy and torch, and print what this notebook has to work with.

    Args:
        seed: a whole number >= 0; the same seed gives the same pictures and numbers.

    Raises:
        TypeError, ValueError: the seed is no whole number in 0 ... 2**32 - 1.
        MedkitInputError: MEDKIT_DATA names a folder that does not exist.
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be a whole number, got {type(seed).__name__}; use start(seed=0)")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must lie in 0 ... 2**32 - 1, got {seed}; use start(seed=0)")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    lines = {
        f"medkit {medkit.__version__}": "for learning and research, not for clinical use",
        "device": _device(),
        "data": _tiers(),
        "seed": str(seed),
        "mode": "fast: smaller sizes, every cell still runs" if fast() else "full",
    }
    print("\n".join(f"{name:<14}{value}" for name, value in lines.items()))


def _device() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name(0)} (CUDA)"
    count = torch.get_num_threads()
    return f"CPU, {count} thread{'s' if count > 1 else ''}"


def _tiers() -> str:
    if data_root() is None:
        return "library samples and phantoms (MEDKIT_DATA is not set)"
    return "real sets (MEDKIT_DATA found), library samples and phantoms"


class ThemeStyle(Style):
    """Code colours taken from the reader's JupyterLab theme, light or dark."""

    styles = {
        Keyword: "bold var(--jp-mirror-editor-keyword-color)",
        Name.Function: "var(--jp-mirror-editor-def-color)",
        Number: "var(--jp-mirror-editor-number-color)",
        Operator: "var(--jp-mirror-editor-operator-color)",
        String: "var(--jp-mirror-editor-string-color)",
        Comment: "italic var(--jp-mirror-editor-comment-color)",
    }


def show_source(*functions) -> HTML:
    """Return the source of medkit's own functions, as highlighted code under file and line.

    What the page shows is what the kernel runs, so the two can't disagree.

    Raises:
        TypeError: something without Python source, such as a built-in function.
    """
    if not functions:
        raise TypeError("show_source must be given a function, got nothing; try show_source(denoise.mean)")
    return HTML("".join(_highlighted(function) for function in functions))


def _highlighted(function) -> str:
    try:
        lines, first = inspect.getsourcelines(function)
    except TypeError as error:
        raise TypeError(
            f"function must be written in Python, got {type(function).__name__}; "
            f"give a function of medkit, such as show_source(denoise.mean)"
        ) from error
    formatter = HtmlFormatter(
        style=ThemeStyle, noclasses=True, nobackground=True, prestyles="white-space:pre;overflow:visible"
    )
    code = highlight(textwrap.dedent("".join(lines)), PythonLexer(), formatter)
    place = f"{function.__module__.replace('.', '/')}.py"
    return (
        f'<p style="margin:0.8em 0 0.4em"><strong>{place}</strong>, line {first}</p>'
        f'<div tabindex="0" style="overflow-x:auto;border-left:3px solid var(--jp-border-color1);'
        f'padding-left:0.8em">{code}</div>'
    )


# ---- images to try things on


class Specimen(NamedTuple):
    """One image to try things on.

    Args:
        title: what a caption calls it.
        image: (H, W), in the set's own unit.
        truth: (H, W) the image without noise; None for a patient, where nobody knows it.
        tier: where the image comes from.
        unit: "grey level" or "HU".
    """

    title: str
    image: Tensor
    truth: Tensor | None
    tier: str
    unit: str


@cache
def specimens() -> dict[str, Specimen]:
    """Return what the menus offer: two noisy phantoms with their truth, and three real images."""
    truth, generator = drawn_head(), torch.Generator().manual_seed(0)
    gaussian, salt = add_gaussian(truth, 0.1, generator), add_salt_and_pepper(truth, 0.08, generator)
    return {
        "phantom, Gaussian noise": Specimen(
            "Drawn head, Gaussian noise", gaussian, truth, "phantom", "grey level"
        ),
        "phantom, salt and pepper": Specimen(
            "Drawn head, salt and pepper", salt, truth, "phantom", "grey level"
        ),
        "CT": _real(samples.ct(), "HU"),
        "MRI": _real(samples.mr_abdomen(), "grey level"),
        "ultrasound": _real(samples.ultrasound(), "grey level"),
    }


def _real(data: ImageSet, unit: str) -> Specimen:
    title = data.title[0].upper() + data.title[1:]
    return Specimen(title, data.image[0, 0], None, data.tier, unit)


def drawn_head(size: int = 128) -> Tensor:
    """Return a drawn head (size, size) with values in [0, 1]: ellipses, a fine line and small dots.

    It has no noise, so that the error of a filter on a noisy copy is known exactly.
    """
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")

    def ellipse(cx: float, cy: float, rx: float, ry: float) -> Tensor:
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1

    head = torch.zeros(size, size)
    for *shape, value in (
        (0, 0, 0.72, 0.92, 0.9),
        (0, 0, 0.64, 0.84, 0.4),
        (-0.22, -0.1, 0.13, 0.32, 0.15),
        (0.22, -0.1, 0.13, 0.32, 0.15),
        (0.1, 0.5, 0.2, 0.16, 0.7),
        (-0.3, 0.45, 0.05, 0.05, 0.75),
        (-0.42, 0.3, 0.025, 0.025, 0.75),
    ):
        head[ellipse(*shape)] = value
    head[(x.abs() < 0.012) & (y > -0.75) & (y < -0.45)] = 0.75
    return head


def add_gaussian(image: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Return the image plus Gaussian noise of standard deviation `sigma` in every pixel."""
    return image + sigma * torch.randn(image.shape, generator=generator)


def add_salt_and_pepper(image: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return the image with a `share` of its pixels broken: half of them 0, half of them 1."""
    draw = torch.rand(image.shape, generator=generator)
    noisy = torch.where(draw < share / 2, torch.zeros_like(image), image)
    return torch.where(draw > 1 - share / 2, torch.ones_like(image), noisy)


def rmse(image: Tensor, truth: Tensor) -> float:
    """Return the root mean square error, in the unit of the images; 0 where they are equal."""
    return float((image - truth).square().mean().sqrt())


def with_broken_pixel(image: Tensor) -> Tensor:
    """Return a copy whose top left pixel is ten times the largest magnitude: a hot pixel, a marker."""
    broken = image.clone()
    broken[..., 0, 0] = 10 * image.abs().max()
    return broken
