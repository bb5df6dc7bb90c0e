"""Notebook 19, files looked at: through the slices of a volume, and what each mistake in reading does."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import ipywidgets
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from PIL import Image
from torch import Tensor

from medkit import figure
from medkit._check import MedkitInputError
from medkit.data.read import grey, read
from medkit.data.read.dicom import silent
from medkit.widgets.controls import linked, menu, pick, slider
from medkit.widgets.your_images_files import image_files, inside_pydicom, room, sample_volume

LOOKED_AT = 20  # of the reader's files, to find one with several slices
WINDOWS = ("the same for both", "from darkest to brightest, each")


# ---- through a volume


class Volume(NamedTuple):
    """A volume as slices (S, H, W), from foot to head, and what a caption must say of it."""

    pixels: Tensor
    spacing: tuple[float, float, float] | None  # millimetres between slices, rows and columns
    title: str
    tier: str
    unit: str


def volume(path: str | Path | None = None) -> Volume:
    """Return the first file of the reader's with several slices; where there is none, an MRI that comes with nibabel."""
    return _volume(path)


@functools.cache
def _volume(path: str | Path | None) -> Volume:
    for file in _own_files(path):
        try:
            scan = read(file)
        except MedkitInputError:  # the check names it; here the next file will do
            continue
        if len(scan.pixels) > 1:
            return Volume(torch.from_numpy(grey(scan.pixels)), scan.spacing, file.name, "real", scan.unit)
    scan = read(sample_volume())
    return Volume(torch.from_numpy(scan.pixels), scan.spacing, "MRI of a head, nibabel's example4d", "library sample", scan.unit)


def _own_files(path: str | Path | None) -> list[Path]:
    return [] if path is None or not Path(path).is_dir() else list(image_files(Path(path)))[:LOOKED_AT]


def slices_picture(
    number: int, level: float | None = None, width: float | None = None, path: str | Path | None = None
) -> str:
    """Return a slice in a window, the volume from the front with a line at the slice, and the counts, as an HTML figure.

    Args:
        number: which slice, 0 the lowest. level, width: of the window, in the file's unit; width above 0; None: of the whole volume.
        path: the reader's folder; None: the sample.

    Raises:
        ValueError: no such slice, or no width.
    """
    shown = volume(path)
    if not 0 <= number < len(shown.pixels):
        raise ValueError(f"number must lie in 0 ... {len(shown.pixels) - 1}, got {number}; the volume has no more slices")
    level, width = (own if given is None else given for given, own in zip((level, width), _window_of(shown.pixels)))
    if not width > 0:
        raise ValueError(f"width must be above 0, got {width}; make the window wider")
    low, high = level - width / 2, level + width / 2
    image = shown.pixels[number]
    beyond = float(((image < low) | (image > high)).double().mean())
    front, height = _front(shown)
    panels = (
        figure.grey(image, f"slice {number}", low, high),
        _with_line(figure.grey(front, "from the front", low, high), (len(shown.pixels) - 0.5 - number) * height),
        figure.histogram(image, "this slice", low, high, shown.unit),
    )
    said = "not said" if shown.spacing is None else " × ".join(f"{mm:.2g}" for mm in shown.spacing) + " mm (slices, rows, columns)"
    return figure.as_html(
        figure.row(*panels, inches=2.8),
        alt=f"Slice {number} of {len(shown.pixels)} in a window of {low:.0f} to {high:.0f}, the volume from the front, and a histogram",
        caption=f"{shown.title}, {len(shown.pixels)} slices of {image.shape[0]} × {image.shape[1]}, spacing {said}. Window {level:g} ± "
        f"{width / 2:g} {shown.unit}: {beyond:.0%} of this slice's pixels lie beyond. The patient's right is on the left.",
        tier=shown.tier,
    )


def explore_slices(path: str | Path | None = None) -> ipywidgets.VBox:
    """Return sliders for `slices_picture`: slice, level and width."""
    shown = volume(path)
    level, width = _window_of(shown.pixels)
    step = float(f"{width / 20:.1g}")  # a number that can be read: 1, 2 ... 9 times a power of ten
    low, middle, high, wide = (step * round(x / step) for x in (level - width / 2, level, level + width / 2, width))
    controls = {
        "number": slider(ipywidgets.IntSlider, len(shown.pixels) // 2, 0, len(shown.pixels) - 1, 1, "slice"),
        "level": slider(ipywidgets.FloatSlider, middle, low, high, step, "level"),
        "width": slider(ipywidgets.FloatSlider, wide + step, step, 2 * wide, step, "width"),
    }
    return linked(controls, functools.partial(slices_picture, path=path))


def _window_of(image: Tensor) -> tuple[float, float]:
    """Return level and width of the window that leaves one pixel in a hundred out at either end."""
    some = image.flatten()[:: max(1, image.numel() // 10**6)]  # torch.quantile takes no more than 16 million
    low, high = (float(torch.quantile(some, q)) for q in (0.01, 0.99))
    return (low + high) / 2, max(high - low, 1e-3)


def _front(shown: Volume) -> tuple[Tensor, float]:
    """Return the middle plane from the front, head above, pixels square in millimetres, and how high a slice is in it."""
    plane = shown.pixels[:, shown.pixels.shape[1] // 2].flip(0)
    height = shown.spacing[0] / shown.spacing[2] if shown.spacing and shown.spacing[0] > 0 else 1.0
    rows = max(1, round(len(plane) * height))
    return F.interpolate(plane[None, None], size=(rows, plane.shape[1]), mode="nearest-exact")[0, 0], rows / len(plane)


def _with_line(panel: figure.Panel, at: float) -> figure.Panel:
    def draw(axis: Axes) -> None:
        panel(axis)
        axis.axhline(at - 0.5, color=figure.ORANGE, linewidth=1.6, linestyle="--")

    return draw


# ---- mistakes in reading


class Misread(NamedTuple):
    """A file that is read as it is meant, and once more with one mistake."""

    right: Tensor
    wrong: Tensor
    says: str  # what went wrong, in a sentence
    window: tuple[float, float]  # level and width in which both are shown
    title: str
    unit: str


def _stored(path: Path) -> np.ndarray:
    from pydicom import dcmread

    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path).pixel_array


def _scaled(path: Path) -> tuple[Tensor, str]:
    scan = read(path)
    return torch.from_numpy(scan.pixels[0]), scan.unit




def _slope_forgotten() -> Misread:
    path = inside_pydicom("ct")
    right, unit = _scaled(path)
    wrong = torch.from_numpy(_stored(path).astype(np.float32))
    return Misread(right, wrong, "the stored numbers were taken for Hounsfield units", (40.0, 400.0), "CT of a spine", unit)


def _sign_forgotten() -> Misread:
    path = inside_pydicom("ct")
    right, unit = _scaled(path)
    wrong = np.rint(right.numpy()).astype(np.int16).view(np.uint16).astype(np.float32)
    says = "air is -1000 HU; 16 signed bits read as unsigned make 64,536 of it"
    return Misread(right, torch.from_numpy(wrong), says, (40.0, 400.0), "CT of a spine", unit)


def _turn_forgotten() -> Misread:
    from pydicom import dcmread

    path = room() / "turned.dcm"
    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = dcmread(inside_pydicom("mr"))
        data.BitsStored, data.HighBit, data.PixelRepresentation = 12, 11, 0
        data.PhotometricInterpretation = "MONOCHROME1"
        data.PixelData = (4095 - data.pixel_array).astype("<u2").tobytes()
        data.save_as(path)
    right, unit = _scaled(path)
    wrong = torch.from_numpy(_stored(path).astype(np.float32))
    return Misread(right, wrong, "the file says MONOCHROME1, and nobody turned it", _window_of(right), "MR detail, stored turned", unit)


def _deep_picture() -> tuple[Path, Tensor, str]:
    path = room() / "deep.png"
    Image.fromarray(_stored(inside_pydicom("mr")).astype(np.uint16)).save(path)
    return path, *_scaled(path)


def _clipped() -> Misread:
    path, right, unit = _deep_picture()
    with Image.open(path) as picture:
        wrong = torch.from_numpy(np.minimum(np.array(picture, dtype=np.float32), 255))  # what Pillow's convert("L") leaves
    return Misread(right, wrong, "all that is above 255 became 255", _window_of(right), "MR detail, PNG of 16 bits", unit)


def _wrapped() -> Misread:
    path, right, unit = _deep_picture()
    with Image.open(path) as picture:
        wrong = torch.from_numpy(np.array(picture).astype(np.uint8).astype(np.float32))
    return Misread(right, wrong, "256 became 0, 257 became 1, and so on", _window_of(right), "MR detail, PNG of 16 bits", unit)


def _not_turned() -> Misread:
    import nibabel

    scan = read(sample_volume())
    right = torch.from_numpy(scan.pixels[len(scan.pixels) // 2].copy())
    stored = np.asarray(nibabel.load(sample_volume()).dataobj, dtype=np.float32)
    wrong = torch.from_numpy(stored[:, :, stored.shape[2] // 2].copy())
    return Misread(right, wrong, "NIfTI's first axis was taken for rows", _window_of(right), "MRI of a head", scan.unit)


MISREADINGS: dict[str, Callable[[], Misread]] = {
    "slope and intercept forgotten": _slope_forgotten,
    "sign forgotten": _sign_forgotten,
    "turned scale forgotten": _turn_forgotten,
    "16 bits cut off at 8": _clipped,
    "16 bits wrapped into 8": _wrapped,
    "axes as stored": _not_turned,
}


@functools.cache
def misread(mistake: str) -> Misread:
    """Return a file as it is meant, and as one mistake of `MISREADINGS` leaves it.

    Raises:
        ValueError: no such mistake.
    """
    return pick(MISREADINGS, mistake, "mistake")()


def mistakes_picture(mistake: str, window: str) -> str:
    """Return a file read rightly, and with a mistake, as an HTML figure.

    Args:
        mistake: one of `MISREADINGS`. window: one of `WINDOWS`: both in the right one's, or each from its own
            darkest to its own brightest pixel.

    Raises:
        ValueError: no such mistake or window.
    """
    both = misread(mistake)
    level, width = both.window
    ends_of = {WINDOWS[0]: (level - width / 2, level + width / 2), WINDOWS[1]: (None, None)}
    shown_in = pick(ends_of, window, "window")
    panels = [figure.grey(image, title, *shown_in) for image, title in ((both.right, "as it is meant"), (both.wrong, mistake))]
    ends = [f"{float(image.min()):.0f} ... {float(image.max()):.0f}" for image in (both.right, both.wrong)]
    return figure.as_html(
        figure.row(*panels, inches=3.2),
        alt=f"Two readings of one file, side by side: as it is meant, and with {mistake}",
        caption=f"{both.title}; {mistake}: {both.says}. Values {ends[0]} {both.unit}, misread {ends[1]}. Window: {window}.",
        tier="library sample",
    )


def explore_mistakes() -> ipywidgets.VBox:
    """Return menus for `mistakes_picture`."""
    return linked({"mistake": menu(tuple(MISREADINGS), "mistake"), "window": menu(WINDOWS, "window")}, mistakes_picture)
