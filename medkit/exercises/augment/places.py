"""3.1 and 3.2: where a moved picture reads, and how it reads between pixels. `mistakes` is beside them."""

from __future__ import annotations

import torch
from torch import Tensor

from medkit.exercises.augment import mistakes as versions
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.values import small_image

READY_MADE = (
    "medkit.augment", "torchvision", "scipy.ndimage", "skimage", "kornia", "torchio", "monai", "cv2",
)  # fmt: skip


def reading_places(height, width, angle, zoom):
    """Return the row and the column of the old image that each pixel of the new one reads."""
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    down = torch.arange(height)[:, None] - middle_row
    right = torch.arange(width)[None, :] - middle_column
    turn = torch.tensor(angle * torch.pi / 180)
    cos, sin = turn.cos() / zoom, turn.sin() / zoom
    rows = middle_row + cos * down + sin * right
    columns = middle_column + cos * right - sin * down
    return torch.stack([rows, columns])


def read_between(image, rows, columns):
    """Read four neighbours of each place, each weighted by its nearness."""
    height, width = image.shape
    top, left = rows.floor().long(), columns.floor().long()
    down, right = rows - top, columns - left  # how far on the way to the next pixel, 0 ... 1
    result = torch.zeros_like(rows)
    for i, row_weight in ((top, 1 - down), (top + 1, down)):
        for j, column_weight in ((left, 1 - right), (left + 1, right)):
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            pixel = image[i.clamp(0, height - 1), j.clamp(0, width - 1)]
            result += row_weight * column_weight * torch.where(inside, pixel, image.min())
    return result


def _places(height: int, width: int, *shape: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return rows and columns in quarters of a pixel, up to one and a half beyond the image."""
    rows = small_image(*shape, seed=seed, low=-6, high=4 * height + 3) / 4
    return rows, small_image(*shape, seed=seed + 1, low=-6, high=4 * width + 3) / 4


READING_PLACES = WriteFunction(
    id="3.1",
    title="Where does a pixel come from?",
    section="before the code",
    points=3,
    minutes=12,
    name="reading_places",
    parameters=("height", "width", "angle", "zoom"),
    prompt=(
        "A picture of `height` × `width` pixels is to be turned by `angle` degrees *anticlockwise* and "
        "magnified `zoom` times, both about its middle, which lies halfway between the first and the last "
        "row, and halfway between the first and the last column. A computer does it backwards: each pixel "
        "of the *new* picture asks at which place of the *old* one it has to read.\n\n"
        "Return these places as a float tensor `(2, height, width)`: first all rows, then all columns. "
        "Rows count downwards and columns to the right, both from 0, as in every image. A place may lie "
        "between pixels and outside of the picture. `height` and `width` are whole numbers, `angle` and "
        "`zoom` plain Python floats."
    ),
    unsolved="def reading_places(height, width, angle, zoom):\n    ...\n    return ...",
    solution=reading_places,
    alternatives=(versions.places_by_loops, versions.places_by_complex, versions.places_by_affine_grid),
    forbidden=READY_MADE,
    cases=(
        Case((5, 8, 30.0, 1.25)),
        Case((6, 4, -75.0, 0.8)),
        Case((4, 7, 200.0, 2.0)),
        Case((3, 5, 0.0, 1.0), edge=True),
    ),
    hints=(
        "Begin with steps from the middle: how far *down* and how far to the *right* of it is each pixel of "
        "the new picture? `torch.arange(height)[:, None] - (height - 1) / 2` is the first of the two.",
        "Backwards means: take the anticlockwise turn back, so turn the steps *clockwise*, and divide by "
        "the zoom. Where does the pixel above the middle come from, if the picture is turned by 90°? From "
        "the right.",
        "`rows = middle_row + (cos * down + sin * right) / zoom`, and "
        "`columns = middle_column + (cos * right - sin * down) / zoom`; cos and sin want radians.",
    ),
    mistakes=(
        Mistake(
            "you took degrees for radians",
            "torch.cos and torch.sin count in radians: 30 of them are nearly five whole turns. Multiply by "
            "π / 180 first.",
            versions.places_in_radians,
        ),
        Mistake(
            "you worked out where each pixel goes, not where it comes from",
            "Sent forwards, two pixels may land on one place and none on another: holes. Turn the other way "
            "round, and divide by the zoom.",
            versions.places_forwards,
        ),
        Mistake(
            "you turned the picture clockwise",
            "The sign of the sine: to turn the picture anticlockwise, the reading place runs clockwise, and "
            "rows count downwards.",
            versions.places_clockwise,
        ),
        Mistake(
            "you multiplied by the zoom",
            "To magnify, read from a smaller region: divide.",
            versions.places_times_zoom,
        ),
        Mistake("you left the zoom out", "The picture turns, but keeps its size.", versions.places_without_zoom),
        Mistake("you left the turn out", "The picture grows, but does not turn.", versions.places_without_turn),
        Mistake(
            "you turned about the corner",
            "Pixel (0, 0) is the upper left one. Measure from the middle, and add it again.",
            versions.places_about_corner,
        ),
        Mistake(
            "your middle is half a pixel off",
            "Rows run from 0 to height - 1, so that their middle is (height - 1) / 2.",
            versions.places_half_off,
        ),
        Mistake(
            "you took the height's middle for the width's",
            "Seen only where a picture is not square.",
            versions.places_middles_swapped,
        ),
        Mistake("you returned the columns first", "Rows come first, then columns.", versions.places_columns_first),
        Mistake(
            "you did not add the middle again",
            "These are steps from the middle, not places in the picture.",
            versions.places_from_middle,
        ),
        Mistake(
            "you rounded the places",
            "Most places lie between pixels, and are to stay there.",
            versions.places_rounded,
        ),
    ),
    afterword="One list of places for both: that is what keeps a mask on its image.",
)

READ_BETWEEN = WriteFunction(
    id="3.2",
    title="Between pixels, and beyond the border",
    section="before the code",
    points=3,
    minutes=12,
    name="read_between",
    parameters=("image", "rows", "columns"),
    prompt=(
        "Write *bilinear* reading. `image` is `(H, W)`, float; `rows` and `columns` are float tensors of one "
        "shape `(h, w)`, and say for each pixel of the result where it reads. The value at a place is the "
        "mean of the four pixels around it, each weighted by its nearness: at row 2.25, the pixels of row 2 "
        "weigh 3/4 and those of row 3 weigh 1/4; likewise for columns, and the two weights are multiplied.\n\n"
        "Places may lie outside. Each of the four neighbours that is no pixel of the image counts as the "
        "image's own *minimum*: air in a CT, background elsewhere. Return `(h, w)`."
    ),
    unsolved="def read_between(image, rows, columns):\n    height, width = image.shape\n    ...\n    return ...",
    solution=read_between,
    alternatives=(versions.read_by_loops, versions.read_by_grid_sample, versions.read_by_rim),
    forbidden=READY_MADE,
    cases=(
        Case((small_image(5, 7, seed=31, low=2, high=12), *_places(5, 7, 4, 6, seed=32))),
        Case((small_image(6, 4, seed=34, low=-60, high=50), *_places(6, 4, 3, 7, seed=35))),
        Case((small_image(3, 5, seed=37, low=-9, high=-2), *_places(3, 5, 5, 4, seed=38))),
        Case(
            (
                small_image(3, 4, seed=40, low=1),
                torch.tensor([[0.0, 2.0, 1.0], [-1.0, 3.0, 2.0]]),
                torch.tensor([[3.0, 0.0, 1.0], [1.0, 2.0, 4.0]]),
            ),
            edge=True,
        ),
    ),
    hints=(
        "The upper left neighbour has the whole numbers below: `top = rows.floor().long()`, and `left` alike. "
        "The rest, `rows - top`, says how far the place is on the way to the next row.",
        "Four neighbours: `(top, left)`, `(top, left + 1)`, `(top + 1, left)`, `(top + 1, left + 1)`. Which "
        "weight has each? All four weights together make 1.",
        "Say for each neighbour whether it is inside, read at `i.clamp(0, height - 1)` so that no index is "
        "out of range, and let `torch.where(inside, pixel, image.min())` decide.",
    ),
    mistakes=(
        Mistake(
            "you read the nearest pixel",
            "Right for a mask, where no label must be invented. An image is read between its pixels.",
            versions.read_nearest,
        ),
        Mistake(
            "you cut the places off instead of rounding them down",
            "-0.5 cut off is 0, rounded down it is -1: use floor. It shows beyond the upper and left border.",
            versions.read_truncated,
        ),
        Mistake(
            "your picture goes on at the other side",
            "A negative index counts from the end in Python: beyond the left border it reads the right rim.",
            versions.read_wrapped,
        ),
        Mistake(
            "you repeated the rim beyond the border",
            "Clamping alone reads the rim pixel again and again: streaks. Outside is the image's minimum.",
            versions.read_clamped,
        ),
        Mistake(
            "you filled with zero beyond the border",
            "Zero is no neutral grey: in a CT it is water, a bright frame around the air.",
            versions.read_zero,
        ),
        Mistake(
            "you filled with the brightest value beyond the border",
            "A bright frame, which a network finds before it finds the lesion.",
            versions.read_brightest,
        ),
        Mistake(
            "you exchanged the weights",
            "At row 2.25 it is row 2 that weighs 3/4: the nearer one.",
            versions.read_far_weights,
        ),
        Mistake(
            "you used the row's fraction for both axes",
            "Rows and columns have weights of their own.",
            versions.read_one_fraction,
        ),
        Mistake(
            "you exchanged rows and columns",
            "image[row, column]: rows count downwards.",
            versions.read_transposed,
        ),
        Mistake(
            "you gave the four neighbours equal weights",
            "The nearer a neighbour is, the more it counts.",
            versions.read_equal_weights,
        ),
        Mistake(
            "you filled only where the place itself is outside",
            "Half a pixel beyond the last row, one row of neighbours is inside and the other is not.",
            versions.read_hard_border,
        ),
        Mistake(
            "you read between rows only",
            "It takes two steps, one for each axis.",
            versions.read_rows_only,
        ),
    ),
    afterword="Every turn and zoom reads like this, and blurs a little: so all moves are read in one go.",
)
