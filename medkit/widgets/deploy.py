"""What the controls of notebook 18 do: the range of eight bits, and the page with its clock."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import NamedTuple

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from torch import Tensor

from medkit import figure, lesson
from medkit._check import MedkitInputError
from medkit.data.container import ImageSet, Split
from medkit.data.folder import read_grey
from medkit.data.phantom import phantom
from medkit.data.public import breast_ultrasound
from medkit.data.resize import resize_image
from medkit.data.where import data_root
from medkit.deploy.forms import EAGER, INT8, RUNTIME, Deployed, deployed
from medkit.deploy.int8 import dequantise, quantise, scale_and_zero
from medkit.experiment import build, prepare
from medkit.exercises.pictures import outlined
from medkit.normalise import is_constant, min_max
from medkit.preparation import KERNELS, Preparation
from medkit.settings import Settings
from medkit.timing import seconds_per_image
from medkit.training import fit
from medkit.widgets.controls import linked, menu, pick, slider

ON_THE_PAGE = (EAGER, RUNTIME, INT8)  # forms that the page offers
SIZES = {True: 32, False: 64}  # pixels along each side, in fast mode and in full
HEAVIEST = 20 * 2**20  # bytes of an upload
SEED = 0
SHOWN = 12  # test images on the page


# ---- eight bits over a range


def range_picture(high: float) -> str:
    """Return numbers, what int8 over a range leaves of them, and its error for every range, as an HTML figure.

    Args:
        high: where the range from 0 ends, 0.05 ... 4. The numbers lie between 0 and about 3.

    Raises:
        ValueError: high outside its range.
    """
    if not 0.05 <= high <= 4:
        raise ValueError(f"high must lie in 0.05 ... 4, got {high}; the numbers end at about 3")
    x, ends = activations(), torch.linspace(0.05, 4, 80).tolist()
    mean = {"mean error": [float((there_and_back(x, end) - x).abs().mean()) for end in ends]}
    error = (there_and_back(x, high) - x).abs()
    beyond = float((x > high).double().mean())
    picture = figure.row(_error_panel(ends, mean["mean error"], high), _staircase(high), inches=3.4)
    return figure.as_html(
        picture,
        alt=f"Mean error of int8 against the end of its range, a mark at {high:g}; and written against read numbers",
        caption=f"Range 0 to {high:g}: steps of {scale_and_zero(0.0, high)[0]:.4f}; mean error {float(error.mean()):.5f}, largest "
        f"{float(error.max()):.4f}; {beyond:.1%} of the numbers lie beyond. Drawn numbers, as behind a ReLU.",
        tier="phantom",
    )


def activations() -> Tensor:
    """Return 4,000 numbers as a layer makes them: half of them 0, the others of all sizes up to about 3."""
    drawn = torch.randn(4000, generator=torch.Generator().manual_seed(SEED))
    return (0.9 * drawn).clamp(min=0)


def there_and_back(x: Tensor, high: float) -> Tensor:
    """Return what is left of numbers once they were int8 over the range from 0 to `high`."""
    scale, zero = scale_and_zero(0.0, high)
    return dequantise(quantise(x, scale, zero), scale, zero)


def explore_range() -> ipywidgets.VBox:
    """Return a slider for `range_picture`."""
    return linked({"high": slider(ipywidgets.FloatSlider, 4.0, 0.05, 4.0, 0.05, "end of the range")}, range_picture)


def _error_panel(ends: list[float], errors: list[float], high: float) -> figure.Panel:
    curve = figure.curve(ends, {"mean error": errors}, "error by range", "end of the range")

    def draw(axis: Axes) -> None:
        curve(axis)
        axis.lines[0].set(marker="none")
        axis.axvline(high, color=figure.INK, linestyle="--", linewidth=2)
        axis.set_yscale("log")
        axis.get_legend().remove()

    return draw


def _staircase(high: float) -> figure.Panel:
    x = torch.linspace(0, 4, 400)
    curve = figure.curve(x.tolist(), {"read again": there_and_back(x, high).tolist(), "exact": x.tolist()}, "there and back", "number")

    def draw(axis: Axes) -> None:
        curve(axis)
        for line in axis.lines:
            line.set(marker="none")

    return draw


# ---- the page


class Desk(NamedTuple):
    """A trained hybrid in its forms, and test images to show it: as they are, and as it sees them."""

    made: Deployed
    test: ImageSet
    image: Tensor
    size: int


@functools.cache
def desk() -> Desk:
    """Train a small hybrid, once: on breast ultrasounds where they are at hand, else on ultrasound phantoms."""
    fast = lesson.fast()
    split, size = _images(SIZES[fast], fast), SIZES[fast]
    task = prepare(split, Preparation(), torch.device("cpu"))
    model, data = build("hybrid", task, SEED), task.train
    settings = Settings(epochs=5 if fast else 20)
    fit(model, task.image, data.label, data.mask, settings, seed=SEED, scored=data.scored, title="hybrid")
    test, image = task.test.open("notebook 18")
    some = torch.linspace(0, len(test) - 1, SHOWN).round().long()
    return Desk(deployed(model, task.image[:32]), test.subset(some), image[some], size)


def _images(size: int, fast: bool) -> Split:
    limit = 60 if fast else None
    if data_root() is not None:
        return breast_ultrasound(data_root(), size=size, limit=limit, seed=SEED)
    count = 60 if fast else 480
    sides = {side: phantom(n, size, "ultrasound", seed=2, split=side) for side, n in (("train", count), ("val", 18), ("test", 36))}
    return Split(**sides)


def page_picture(number: int, form: str) -> str:
    """Return a test image with the model's class, outline, attention and milliseconds, as an HTML figure.

    Args:
        number: which test image, 0 ... 11.
        form: one of `ON_THE_PAGE`.

    Raises:
        ValueError: no such image or form.
    """
    at = desk()
    if not 0 <= number < SHOWN:
        raise ValueError(f"number must lie in 0 ... {SHOWN - 1}, got {number}; there are no more images")
    truth = at.test.classes[int(at.test.label[number])]
    return answer(at.image[number : number + 1], form, f"{at.test.title}, test image {number}, labelled {truth}", at.test.tier)


def answer(image: Tensor, form: str, title: str, tier: str) -> str:
    """Return what the page shows of an image (1, 1, H, W), as the model sees it. Other arguments as in `page_picture`."""
    at = desk()
    run = pick({name: name for name in ON_THE_PAGE}, form, "form")
    model = forms()[run]
    with torch.no_grad():
        label, mask = model(image)
        look = at.made.model.look(image)
    took = seconds_per_image(model, image, repeats=7, warm_up=2)
    share = label.softmax(1)[0]
    best = int(share.argmax())
    seen = look.weights[0].mean(dim=(1, 2)).unflatten(1, look.features.shape[-2:])  # how much each place is looked at
    said = ", ".join(f"{name} {value:.0%}" for name, value in zip(at.test.classes, share.tolist()))
    picture = figure.row(
        figure.grey(image[0, 0], f"seen by {form}"),
        outlined(image[0, 0], mask[0, 0] > 0, f"lesion · {at.test.classes[best]}"),
        figure.heat(F.interpolate(seen[None], scale_factor=8)[0, 0], "attention"),
        inches=2.6,
    )
    return figure.as_html(
        picture,
        alt=f"An image, the outline of what the model calls a lesion, and where its attention goes; class {at.test.classes[best]}",
        caption=f"{title}. {form}: {said}; {1000 * took.seconds:.2f} ms for this image of {at.size} × {at.size}, the model alone, "
        f"{1 / took.seconds:.0f} a second. Outline where the mask logit is above 0; attention from PyTorch's model. Not for clinical use.",
        tier=tier,
    )


@functools.cache
def forms() -> dict:
    """Return the desk's model in all its forms, each loaded once."""
    return desk().made.forms()


def read_upload(content: bytes, name: str = "image.png") -> Tensor:
    """Return an uploaded picture as the model sees it: (1, 1, H, W), grey, resized, prepared as the others.

    Args:
        content: of a PNG, JPEG, TIFF or BMP file, up to 20 MiB; name: its name, for the suffix and for messages.

    Raises:
        MedkitInputError: too large, or no readable picture.
    """
    if len(content) > HEAVIEST:
        raise MedkitInputError(name, f"has {len(content) / 2**20:.0f} MiB", f"choose one of up to {HEAVIEST // 2**20} MiB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix[:8]}"
        path.write_bytes(content)
        try:
            grey = torch.from_numpy(read_grey(path))
        except MedkitInputError as error:
            raise MedkitInputError(name, "is no picture that can be read", "choose a PNG, JPEG, TIFF or BMP file") from error
    if is_constant(grey):  # or what rounding leaves of it would be scaled up
        return torch.zeros(1, 1, desk().size, desk().size)
    kernel = KERNELS[Preparation().kernel]
    return min_max(kernel(resize_image(grey[None, None], desk().size), Preparation().border))


def explore_page() -> ipywidgets.VBox:
    """Return the page: a slider through the test images, a menu of forms, a button for a picture of one's own."""
    controls = {
        "number": slider(ipywidgets.IntSlider, 0, 0, SHOWN - 1, 1, "test image"),
        "form": menu(ON_THE_PAGE, "form", RUNTIME),
    }
    page = linked(controls, page_picture)
    upload = ipywidgets.FileUpload(accept="image/*", multiple=False, description="your own picture", layout={"width": "16em"})
    shown = page.children[-1]

    def uploaded(change: dict) -> None:
        for file in change["new"]:
            shown.value = upload_picture(bytes(file["content"]), file["name"], controls["form"].value)

    upload.observe(uploaded, names="value")
    return ipywidgets.VBox([*page.children[:-1], upload, shown])


def upload_picture(content: bytes, name: str, form: str) -> str:
    """Return `answer` for an uploaded picture, or one sentence on why there is none, as HTML.

    The picture's tier is "real": what the reader brings, medkit did not draw.
    """
    from html import escape

    try:
        image = read_upload(content, name)
    except MedkitInputError as error:
        return f'<p role="alert">{escape(str(error))}</p>'
    return answer(image, form, "Your own picture", "real")
