"""The exercises of notebook 06 that ask for a number and for a panel: 6.3, 6.5."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from medkit import figure
from medkit.data.phantom import phantom
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure
from medkit.models import CNN, Hybrid, Transformer, UNet
from medkit.normalise import min_max

PANELS = {"a": UNet, "b": CNN, "c": Transformer, "d": Hybrid}  # of exercise 6.5
PLACE = (36, 28)  # row and column of the pixel of the mask that is asked
SIZE = 64


@functools.cache
def what_moves_the_pixel() -> dict[str, Tensor]:
    """Return for each panel of 6.5 how much each pixel of an image moves one pixel of the mask, (H, W).

    It is |d mask[36, 28] / d image| of a model with random weights, averaged over 16 starts, as a
    share of its largest.
    """
    image = min_max(phantom(1, SIZE, "MRI").image)
    return {name: _moves(model, image) for name, model in PANELS.items()}


def _moves(model: type, image: Tensor, starts: int = 16) -> Tensor:
    total = torch.zeros(SIZE, SIZE)
    for seed in range(starts):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            built = model(classes=3, width=8).train(False)
        looked_at = image.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(built(looked_at).mask[0, 0, PLACE[0], PLACE[1]], looked_at)
        total += gradient[0, 0].abs() / gradient.abs().max()
    return total / total.max()


def sight_figure() -> str:
    """Draw the panels of 6.5 as HTML, with letters only."""
    picture = figure.row(*(figure.heat(one, name) for name, one in what_moves_the_pixel().items()))
    return figure.as_html(
        picture,
        alt="Four maps, a to d, of how much each pixel of the image moves one pixel of the mask: one is a sharp bright "
        "square, one a broad even field, two are brightest around one place and fade from there",
        caption="How much each pixel of an image moves the mask's pixel in row 36, column 28 (the size of the "
        "gradient; 1: the most). Four models of width 8 with random weights, mean of 16 starts, one phantom MRI of "
        "64 × 64 pixels.",
        tier="phantom",
    )


ATTENTION_MEMORY = PredictNumber(
    id="6.3",
    title="Attention, one stage higher",
    section="exercises",
    points=1,
    minutes=5,
    name="gibibytes",
    prompt=(
        "Our hybrid lets the pixels look at each other at 1/8 of the image's size. Somebody moves the "
        "attention up, to 1/2. An image has 512 × 512 pixels. How many GiB (2³⁰ bytes) does it take to hold "
        "the weights $A_{ij}$ of one image and one head there, as float32 numbers of 4 bytes? Put down your "
        "number before you run anything."
    ),
    truth=lambda: (512 // 2) ** 4 * 4 / 2**30,
    tolerance=0.01,
    working="((512 // 2) ** 2) ** 2 * 4 / 2**30  # 65,536 tokens, each looks at 65,536; 4 bytes each",
    hints=(
        "At 1/2 the map has 256 × 256 pixels. Each is a token: how many are there?",
        "Each token has a weight for each token: square that number. The features play no part.",
        "Times 4 bytes, divided by 2³⁰.",
    ),
    mistakes=(
        Mistake("you left the 4 bytes out", "That is how many numbers there are, in units of 2³⁰.", 4.0),
        Mistake("you kept the attention at 1/8", "That is where ours stands: 64 MiB.", 64**4 * 4 / 2**30),
        Mistake("you put the attention at 1/4", "That is one stage too low.", 1.0),
        Mistake("you put the attention at full size", "At 1/2 each side has half the pixels.", 256.0),
        Mistake(
            "you counted tokens, not pairs of tokens",
            "Each token has a weight for every token: N², not N.",
            256**2 * 4 / 2**30,
        ),
        Mistake(
            "you took one side of the map for the number of tokens",
            "The map has 256 rows and 256 columns: 65,536 tokens.",
            256**2 * 4 / 2**20,
        ),
        Mistake("you divided by 10⁹", "Those are GB; a GiB is 2³⁰ bytes, 7 % more.", 256**4 * 4 / 1e9),
        Mistake("you counted each pair once", "A_ij and A_ji are two numbers, and differ.", 8.0),
        Mistake("you took 8 bytes a number", "A float32 has 32 bits: 4 bytes.", 32.0),
    ),
    afterword="Right: 16 GiB for one layer, one head, one image, where 64 MiB do at 1/8. Two stages up, four "
    "times the side, 256 times the memory.",
)


WHAT_A_PIXEL_SEES = ReadFigure(
    id="6.5",
    title="Whose mask has no skips?",
    section="exercises",
    points=2,
    minutes=5,
    name="panel",
    prompt=(
        "A CNN, a U-Net, a Transformer and a hybrid, all with random weights, were asked one question each: "
        "which pixels of the image move the mask's pixel in row 36, column 28, and how much? (It is the "
        "gradient of that pixel's logit.) Which panel is the *CNN*, whose mask comes up from 1/8 alone, "
        "without skips?"
    ),
    draw=sight_figure,
    right="b",
    hints=(
        "Our Transformer has no skips either. But up from 1/8 each of its tokens goes alone, and a token is one "
        "patch of 8 × 8 pixels.",
        "A skip brings features from 1/2 of the size, which know their near surroundings and nothing else. A "
        "pixel of the mask is then moved most by the pixels next to it.",
        "Without skips all comes through maps at 1/8, each of whose places has looked over much of the image: no "
        "pixel near by has more to say than one ten rows away.",
    ),
    mistakes=(
        Mistake(
            "you took the U-Net for the CNN",
            "Panel a is brightest around the pixel itself: that is what its skips bring.",
            "a",
        ),
        Mistake(
            "you took the Transformer for the CNN",
            "Panel c shows one patch of 8 × 8 pixels: there is no convolution that looks around.",
            "c",
        ),
        Mistake(
            "you took the hybrid for the CNN",
            "Panel d is brightest around the pixel itself: it has skips, as the U-Net has. Its attention, "
            "unlearned, looks everywhere a little, too little to be seen here.",
            "d",
        ),
    ),
    afterword="Right: all around counts alike, so a sharp outline is hard to draw. In the U-Net and the hybrid the "
    "nearest pixels count most. What training makes of it is another question.",
)
