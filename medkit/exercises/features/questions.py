"""The exercises of notebook 04 that ask for a number and for a panel: 4.3 and 4.5."""

from __future__ import annotations

import torch

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure

SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])


def edge_panels() -> dict[str, torch.Tensor]:
    """Make the figure of 4.5: a drawn image, and four maps that kernels like SOBEL make of it."""
    rows, columns = torch.meshgrid(torch.arange(60.0), torch.arange(72.0), indexing="ij")
    image = torch.full((60, 72), 0.2)
    image[(rows - 24) ** 2 + (columns - 22) ** 2 < 14**2] = 0.8
    image[36:52, 40:62] = 1.0
    image[10:22, 46:58] = 0.0

    def seen(kernel: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(image[None, None], kernel[None, None])[0, 0]

    return {
        "image": image,
        "a": seen(SOBEL.T).clamp(min=0),
        "b": seen(SOBEL.flip(0, 1)).clamp(min=0),
        "c": seen(SOBEL),
        "d": seen(SOBEL).clamp(min=0),
    }


def edge_figure() -> str:
    """Draw the kernel, the image and the maps of 4.5."""
    maps = edge_panels()
    image = maps.pop("image")
    panels = [figure.grey(one, title, float(one.min()), float(one.max())) for title, one in maps.items()]
    return figure.as_html(
        figure.row(figure.numbers(SOBEL, "kernel"), figure.grey(image, "image", 0.0, 1.0), *panels, inches=1.9),
        alt="Panels for exercise 4.5: a kernel of nine numbers, a drawn image, and four maps made from it",
        caption="A phantom, a kernel, and four feature maps.",
        tier="phantom",
    )


def how_many(before: int, after: int, side: int) -> dict:
    """Return what of 4.3 depends on its numbers: channels before and behind the layer, side of its input."""
    weights, places = after * before * 9, (side // 2) ** 2
    return {
        "prompt": (
            f"A block of a network: a 3 × 3 convolution from {before} to {after} channels with stride 2 and *without* "
            "bias, a GroupNorm of 4 groups that has two learned numbers for each channel (scale and shift), and a "
            f"ReLU. Its input is {side} × {side} pixels large. How many numbers does the block learn? Put yours down "
            "before you run anything."
        ),
        "truth": lambda: after * before * 3 * 3 + 2 * after,
        "working": f"{after} * {before} * 3 * 3 + 2 * {after}",
        "hints": (
            "Does the number of weights depend on how often they are used?",
            "One kernel for each pair of output and input channel.",
            f"{after} · {before} kernels of nine numbers, and the two numbers of the norm for each of the {after} "
            "channels that it gets. A ReLU learns nothing.",
        ),
        "mistakes": (
            Mistake("you left the norm out", f"Scale and shift are learned: 2 · {after} more.", weights),
            Mistake("you counted a bias", "This convolution has none: the norm shifts.", weights + 3 * after),
            Mistake(
                "you counted the norm by groups",
                "Groups share mean and variance; scale and shift belong to each channel.",
                weights + 2 * 4,
            ),
            Mistake(
                "you counted the norm for the input's channels",
                f"It stands behind the convolution: {after} channels.",
                weights + 2 * before,
            ),
            Mistake("you used one kernel for all input channels", "Each pair has its own.", after * 9 + 2 * after),
            Mistake("you counted 3 weights a kernel", "It has 3 rows and 3 columns.", after * before * 3 + 2 * after),
            Mistake(
                "you counted the weights at every place",
                f"The same weights are used at all {side // 2} · {side // 2} places: that is how often one computes, "
                "not what is learned.",
                weights * places,
            ),
            Mistake(
                "you counted running statistics",
                "Those are BatchNorm's, and they are counted, not learned. GroupNorm has none.",
                weights + 4 * after,
            ),
        ),
    }


HOW_MANY = PredictNumber(
    id="4.3",
    title="What there is to learn",
    section="exercises",
    points=1,
    minutes=4,
    name="numbers_to_learn",
    tolerance=0.5,
    afterword="Right. And with an image of 512 × 512 it would learn just as many: weights are shared by all places.",
    other=lambda draw: how_many(*draw.choice(((16, 32), (24, 40), (32, 48), (48, 64), (64, 96))), draw.choice((32, 96))),
    **how_many(before=32, after=64, side=64),
)

WHICH_MAP = ReadFigure(
    id="4.5",
    title="What did this kernel see?",
    section="exercises",
    points=1,
    minutes=3,
    name="panel",
    prompt=(
        "The figure above shows a kernel, an image and four maps, each with its own black and white. Which one is "
        "the map that a network's layer makes of the image with this kernel, *after the ReLU*?"
    ),
    draw=edge_figure,
    right="d",
    hints=(
        "Lay the kernel on a place where it is dark on the left and bright on the right. What is the sum, and what "
        "is it where bright and dark change places?",
        "After a ReLU nothing is below zero.",
    ),
    mistakes=(
        Mistake(
            "you took rows for columns",
            "Map a is bright where the grey rises from top to bottom: its kernel is the transposed one.",
            "a",
        ),
        Mistake(
            "you flipped the kernel",
            "Map b is bright on right-hand edges. A true convolution turns the kernel; a network's layer does not.",
            "b",
        ),
        Mistake(
            "you forgot the ReLU",
            "Map c has the dark, negative edges too; look at the number under it for black.",
            "c",
        ),
    ),
    afterword="Right: bright where grey rises from left to right, also at the far side of the dark hole.",
)
