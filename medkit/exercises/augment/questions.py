"""The exercises of notebook 03 that ask for a number, a panel and a test: 3.3, 3.5, 3.6."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from medkit import augment, figure
from medkit.data.phantom import phantom
from medkit.exercises.augment import flips as versions
from medkit.exercises.exercise import Mistake
from medkit.exercises.pictures import outlined
from medkit.exercises.questions import PredictNumber, ReadFigure, WriteTest

ANGLE = 30.0


@cache
def turned_panels() -> dict[str, tuple[Tensor, Tensor]]:
    """Make the figure of 3.5: image and mask, (H, W) each, before and after four ways to turn by 30°."""
    data = phantom(30, size=96, modality="MRI", difficulty=0.2, seed=3)
    largest = int(data.mask.flatten(1).sum(1).argmax())
    image, mask = data.image[largest][None], data.mask[largest][None]
    radians = ANGLE * 180 / torch.pi % 360  # 30 radian in degrees
    angles = {
        "before": (0, 0), "a": (ANGLE, -ANGLE), "b": (radians, radians), "c": (-ANGLE, -ANGLE), "d": (ANGLE, ANGLE),
    }  # fmt: skip
    panels = {}
    for title, (of_image, of_mask) in angles.items():
        moved = augment.move(image, None, augment.fixed(1, angle=of_image))[0]
        moved_mask = augment.move(image, mask, augment.fixed(1, angle=of_mask))[1]
        panels[title] = moved[0, 0], moved_mask[0, 0]
    return panels


def turned_figure() -> str:
    """Draw the panels of 3.5 on one grey scale."""
    before = turned_panels()["before"][0]
    limits = float(before.min()), float(before.quantile(0.995))
    panels = [outlined(image, mask, title, *limits) for title, (image, mask) in turned_panels().items()]
    return figure.as_html(
        figure.row(*panels, inches=2),
        alt="Panels for exercise 3.5: a body with an outlined lesion, before and after four ways to turn it",
        caption="A phantom before and after four ways to turn it; the line is the outline of the mask.",
        tier="phantom",
    )


def dot(away: int, zoom: float) -> dict:
    """Return what of 3.3 depends on its numbers: a dot so many pixels to the right of the middle, and the zoom."""
    return {
        "prompt": (
            f"A dot lies {away} pixels to the right of the middle of a picture, in the middle row. The picture is "
            f"flipped horizontally, then turned by 90° anticlockwise, then zoomed by {zoom:g}. How many pixels "
            "*above* the middle does the dot lie now (a minus sign means below)? Put down your number before "
            "you run anything."
        ),
        "truth": lambda: -away * zoom,
        "working": f"-{away} * {zoom:g}  # flipped to the left, turned from there to below, zoomed further out",
        "hints": (
            "Take one move after the other, with a sheet of paper that you turn.",
            "After the flip the dot is on the left. A wheel that turns anticlockwise: where does its left side go?",
            f"A zoom of {zoom:g} makes every distance from the middle {zoom:g} times as long.",
        ),
        "mistakes": (
            Mistake(
                "you turned first and flipped afterwards",
                "Turned to the top, a dot is not moved by a horizontal flip at all. The order counts: flip, then turn.",
                away * zoom,
            ),
            Mistake("you left the zoom out", "It pushes the dot away from the middle, too.", -away),
            Mistake(
                "you divided by the zoom",
                "The reading place comes nearer to the middle; what is seen moves away from it.",
                -away / zoom,
            ),
            Mistake("you counted to the right", "It lies straight below the middle now: how far?", 0.0),
            Mistake("you added the zoom", "It multiplies distances.", -away - zoom),
            Mistake("you left out the flip and the zoom", f"Turned alone, the dot would lie {away} above.", away),
        ),
        "afterword": f"Right. With the flip last it would be {away * zoom:g} above: the order of moves matters.",
    }


DOT = PredictNumber(
    id="3.3",
    title="Where does the dot go?",
    section="exercises",
    points=1,
    minutes=4,
    name="above",
    tolerance=0.5,
    other=lambda draw: dot(draw.randrange(20, 61, 10), draw.choice((1.5, 2.0, 2.5))),
    **dot(away=20, zoom=1.5),
)

TURNED_FIGURE = ReadFigure(
    id="3.5",
    title="Which pair would you train on?",
    section="exercises",
    points=1,
    minutes=4,
    name="pair",
    prompt=(
        "The figure above shows a phantom with the outline of its mask, *before*, and after four attempts "
        "at the first line of Table 1: «Rotation (30°)», which medkit counts anticlockwise. Which panel "
        "shows image and mask as they should be?"
    ),
    draw=turned_figure,
    right="d",
    hints=(
        "Follow the round light spot near the lower end of the body, its spine: anticlockwise, does it move to "
        "the left or to the right?",
        "Then look at the outline: is there a lesion in it?",
    ),
    mistakes=(
        Mistake(
            "you did not look at the mask",
            "In panel a the image is right, and the mask was turned the other way: it calls healthy tissue "
            "a lesion.",
            "a",
        ),
        Mistake(
            "you took radians for degrees",
            "In panel b image and mask fit each other, but 30 was read as radians: 1719°, which is -81° and "
            "five whole turns.",
            "b",
        ),
        Mistake(
            "you took clockwise for anticlockwise",
            "In panel c image and mask fit each other, but they turned the other way.",
            "c",
        ),
    ),
    afterword="Right: the pair fits, and only the listing of Table 1 tells whether the angle is the one meant.",
)

KILL_FLIPS = WriteTest(
    id="3.6",
    title="A test for keyed flips",
    section="exercises",
    points=4,
    minutes=15,
    name="test_flips",
    prompt=(
        "You are the examiner. `flips(image, mask, index, seed, epoch)` should flip about half of the images "
        "of a batch left-right, each together with its mask, and return `(image, mask)`, both new. `image` is "
        "`(B, C, H, W)` float, `mask` is `(B, 1, H, W)` bool, `index` is a list with the B images' numbers in "
        "their data set. Whether an image is flipped depends on its key `(seed, epoch, number)` and on "
        "nothing else: not on the rest of the batch, its order or earlier calls. Each of the three counts, "
        "and (seed 3, epoch 5) is another key than (seed 5, epoch 3). What is handed in stays as it was.\n\n"
        "Which images are flipped is up to each version. Write `test_flips(flips)`: it accepts every right "
        "version, and fails for each of the wrong ones that the kit holds."
    ),
    unsolved="def test_flips(flips):\n    ...  # assert what must hold for flips(image, mask, index, seed, epoch)",
    solution=versions.test_flips,
    alternatives=(versions.test_alone_and_together, versions.test_that_returns_a_bool),
    forbidden=("medkit.augment",),
    right=(versions.flips_by_numpy, versions.flips_by_hash, versions.flips_by_torch),
    wrong=(
        Mistake("leaves the mask where it was", "Does the mask fit its image?", versions.mask_left_behind),
        Mistake("draws for the mask anew", "Half of the pairs fit by luck.", versions.mask_by_its_own_draw),
        Mistake("takes one draw for the whole batch", "All or nobody.", versions.one_draw_for_all),
        Mistake("goes by the place in the batch", "Try another order.", versions.by_place_in_the_batch),
        Mistake("ignores the epoch", "Each epoch is to show other flips.", versions.without_the_epoch),
        Mistake("ignores the seed", "Two seeds, the same flips.", versions.without_the_seed),
        Mistake("adds the key's numbers up", "3 + 5 is 5 + 3.", versions.key_added_up),
        Mistake("draws on and on from one stream", "Ask twice for the same key.", versions.DrawsOnAndOn),
        Mistake("flips top and bottom", "Which axis counts columns?", versions.upside_down),
        Mistake("flips every image", "Some are to stay.", versions.always_flipped),
        Mistake("flips one image in ten", "About half is asked for: count.", versions.seldom_flipped),
        Mistake("changes the batch it is given", "Look at it afterwards.", versions.flipped_in_place),
    ),
    hints=(
        "Make 30 small images in which left and right differ, and masks that are made from them: `image > 1`, "
        "say. Then a mask that still fits its image is easy to recognise.",
        "Each new image must be the old one or its `flip(-1)`. Note down for each which of the two it is: "
        "this list of True and False is what depends on the key.",
        "Compare such lists: the same key again, the images in reverse order, another epoch, another seed, "
        "seed and epoch exchanged. And look at the old batch at the end.",
    ),
    mistakes=(
        Mistake(
            "your test looks only at the shapes",
            "A flip keeps every shape, and so does nearly everything else.",
            versions.test_only_the_shapes,
        ),
        Mistake(
            "your test never looks at the mask",
            "An image without its mask is half of the work.",
            versions.test_only_the_image,
        ),
        Mistake(
            "your test keeps one order",
            "Then an image's place in the batch is its number.",
            versions.test_only_in_one_order,
        ),
        Mistake(
            "your test tries one key",
            "A version that ignores seed or epoch gets through.",
            versions.test_only_one_key,
        ),
        Mistake(
            "your test uses batches of one image",
            "Then one draw for the batch is one draw for each image.",
            versions.test_only_one_image,
        ),
        Mistake(
            "your test does not count",
            "Some and not all can be one in ten: how many of 32 are flipped?",
            versions.test_without_a_count,
        ),
        Mistake(
            "your test does not look back at the batch",
            "A version that writes into its argument gives the right images.",
            versions.test_without_a_look_back,
        ),
        Mistake(
            "your test asks for the draws of one version",
            "Which images are flipped is up to each version: test what holds for all of them.",
            versions.test_for_one_draw,
        ),
    ),
    afterword="All wrong versions die and the right ones live. No number was given: laws alone did it.",
)
