"""The exercises of notebook 02 (Eq. 2), and in full those where a function is written or repaired.

`questions` has the number, the figure and the test; `mistakes` the wrong versions.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction, WriteFunction
from medkit.exercises.normalise import mistakes as versions
from medkit.exercises.normalise.questions import KILL_MIN_MAX, METAL, METAL_FIGURE
from medkit.exercises.values import small_image

READY_MADE = ("medkit.normalise", "skimage", "kornia", "torchvision", "sklearn", "cv2")


def min_max_each(images):
    """Scale each image to [0, 1] with its own extremes."""
    low = images.amin(dim=(1, 2, 3), keepdim=True)
    span = images.amax(dim=(1, 2, 3), keepdim=True) - low
    safe = torch.where(span > 0, span, torch.ones_like(span))
    return (images - low) / safe


def window(hu, level, width):
    """Scale a window of Hounsfield units to [0, 1]."""
    low = level - width / 2
    return ((hu - low) / width).clamp(0, 1)


def to_unit_too_narrow(image):
    """Scale whole numbers to [0, 1] with the image's extremes."""
    low = image.min()
    span = image.max() - low
    return (image - low) / span


def to_unit(image):
    """Scale whole numbers to [0, 1] with the image's extremes."""
    wide = image.float()
    low = wide.min()
    span = wide.max() - low
    return (wide - low) / span


def _batch(*images) -> torch.Tensor:
    return torch.stack([torch.as_tensor(image, dtype=torch.float32) for image in images])


MIN_MAX_EACH = WriteFunction(
    id="2.1",
    title="Eq. 2 for each image of a batch",
    section="before the code",
    points=3,
    minutes=8,
    name="min_max_each",
    parameters=("images",),
    prompt=(
        "Write Eq. 2 for a batch: `images` is `(B, C, H, W)`, float. Each *image*, all its channels "
        "together, is scaled with its own smallest and largest value to [0, 1]. A constant image, where "
        "Eq. 2 would divide zero by zero, becomes zeros."
    ),
    unsolved="def min_max_each(images):\n    ...\n    return ...",
    solution=min_max_each,
    alternatives=(versions.each_in_a_loop, versions.each_by_amin, versions.each_by_reciprocal),
    forbidden=READY_MADE,
    cases=(
        Case((_batch([[[3, 9, 6]], [[5, 1, 7]]], [[[40, 20, 35]], [[60, 55, 30]]]),)),
        Case((_batch([[[-2, 8], [3, 1]]], [[[0.5, 0.25], [0.75, 0.9]]], [[[-9, -4], [-5, -7]]]),)),
        Case((small_image(2, 2, 3, 4, seed=21, low=-30, high=90),)),
        Case((_batch([[[2, 4], [5, 10]]], [[[7, 7], [7, 7]]], [[[0, 0], [0, 0]]]),), edge=True),
    ),
    hints=(
        "`images.min()` is one number for the whole batch. How do you get one for each image?",
        "`images.amin(dim=(1, 2, 3), keepdim=True)` has shape (B, 1, 1, 1), which fits `images` again.",
        "For a constant image, put a 1 in the place of the span before you divide: torch.where.",
    ),
    mistakes=(
        Mistake(
            "you took the extremes of the whole batch",
            "An image's grey values then depend on its neighbours in the batch.",
            versions.whole_batch,
        ),
        Mistake(
            "you took the extremes of the first image for all",
            "The others end outside [0, 1].",
            versions.first_image_for_all,
        ),
        Mistake(
            "you scaled each channel on its own",
            "That changes the balance of the channels; each image has one minimum and one maximum.",
            versions.channel_by_channel,
        ),
        Mistake(
            "you took the extremes of each row",
            "dim=-1 is one row of pixels; an image is the last three axes.",
            versions.row_by_row,
        ),
        Mistake(
            "you took the extremes along the batch axis",
            "dim=0 compares the same pixel of different images.",
            versions.over_the_batch_axis,
        ),
        Mistake(
            "you divided by the maximum only",
            "The minimum has to be subtracted, above and below the line.",
            versions.by_the_maximum,
        ),
        Mistake(
            "you divided by the maximum of the whole batch",
            "Two mistakes in one: the minimum is missing, and each image has its own extremes.",
            versions.by_the_batch_maximum,
        ),
        Mistake(
            "you did not subtract the minimum above the line",
            "The smallest value of each image must become 0.",
            versions.without_minus_above,
        ),
        Mistake(
            "you did not subtract the minimum below the line",
            "The largest value of each image must become 1.",
            versions.without_minus_below,
        ),
        Mistake(
            "you clipped instead of scaling",
            "Everything above 1 becomes 1: nearly all is lost.",
            versions.clipped,
        ),
        Mistake("you scaled to [-1, 1]", "Eq. 2 ends at 0 and 1.", versions.to_minus_one),
        Mistake(
            "a constant image becomes NaN",
            "Its span is zero, and 0/0 is NaN. One such image spoils a whole training run.",
            versions.not_a_number,
        ),
        Mistake("a constant image becomes ones", "It is to become zeros.", versions.constant_to_one),
        Mistake(
            "a constant image stays as it is",
            "The rest is right; a grey of 7 is outside [0, 1].",
            versions.constant_unchanged,
        ),
    ),
    afterword="Which values share one minimum and maximum is the question that Eq. 2 leaves open.",
)

WINDOW = WriteFunction(
    id="2.2",
    title="The CT window",
    section="before the code",
    points=2,
    minutes=6,
    name="window",
    parameters=("hu", "level", "width"),
    prompt=(
        "Write the CT window: `hu` holds Hounsfield units, `level` is the middle of the window and "
        "`width` its whole width. The lower edge becomes 0, the upper edge 1, straight in between; "
        "what lies outside becomes 0 or 1."
    ),
    unsolved="def window(hu, level, width):\n    ...\n    return ...",
    solution=window,
    alternatives=(
        versions.window_by_edges,
        versions.window_by_interpolation,
        versions.window_by_where,
    ),
    forbidden=READY_MADE,
    cases=(
        Case((torch.tensor([[-1000.0, -100.0, 0.0], [40.0, 140.0, 1500.0]]), 40.0, 400.0)),
        Case((torch.tensor([[-20.0, 35.0], [60.0, 100.0]]), 40.0, 400.0)),
        Case((torch.tensor([[-1000.0, -700.0, -350.0], [100.0, 200.0, 3000.0]]), -600.0, 1500.0)),
    ),
    hints=(
        "Half of the width lies on each side of the level: where is the lower edge?",
        "Subtract the lower edge, divide by the width; then everything inside is in [0, 1].",
        "`.clamp(0, 1)` does the rest.",
    ),
    mistakes=(
        Mistake("you did not clip", "Air must become 0, bone 1.", versions.window_not_clipped),
        Mistake(
            "you took the level for the lower edge",
            "The level is the middle of the window: it becomes 0.5.",
            versions.window_from_level,
        ),
        Mistake(
            "you took the width for half the width",
            "The window reaches width / 2 to each side; yours is twice as wide.",
            versions.window_twice_as_wide,
        ),
        Mistake(
            "you put the lower edge a whole width below the level",
            "It is level - width / 2.",
            versions.window_half_lost,
        ),
        Mistake(
            "you clipped but did not scale",
            "The result is still in Hounsfield units; [0, 1] is asked for.",
            versions.window_in_hounsfield,
        ),
        Mistake(
            "you scaled with the image's extremes after the window",
            "The same tissue then has another grey in each image; the edges of the window decide.",
            versions.window_then_min_max,
        ),
        Mistake(
            "you normalised before the window",
            "After min-max there are no Hounsfield units left for the window to cut.",
            versions.window_after_min_max,
        ),
        Mistake("you swapped level and width", "Level is the middle.", versions.window_swapped),
        Mistake("you scaled to 255", "The upper edge is to become 1.", versions.window_to_255),
        Mistake(
            "you made all that lies outside black",
            "Above the window it must be 1, not 0: bone is white.",
            versions.window_zero_outside,
        ),
    ),
    afterword="Unlike Eq. 2, a window gives one tissue the same grey in every image.",
)

OVERFLOW = RepairFunction(
    id="2.4",
    title="Whole numbers that run over",
    section="exercises",
    points=2,
    minutes=8,
    name="to_unit",
    parameters=("image",),
    prompt=(
        "Scanners store whole numbers with a sign. `to_unit(image)` should be Eq. 2 for an int8 or int16 "
        "image (never a constant one) and return floats in [0, 1]. It works on many images, and returns "
        "nonsense, without any error, on images with large contrast. Find the bug and repair it."
    ),
    broken=to_unit_too_narrow,
    solution=to_unit,
    alternatives=(versions.unit_by_double, versions.unit_by_long, versions.unit_by_python),
    forbidden=READY_MADE,
    cases=(
        Case((torch.tensor([[-20000, 5000, 0], [20000, -12345, 300]], dtype=torch.int16),)),
        Case((torch.tensor([[-100, 27], [120, 64]], dtype=torch.int8),)),
        Case((torch.tensor([[-30, 40], [5, 10]], dtype=torch.int16),)),
    ),
    hints=(
        "int16 ends at 32767. How large is the span of an image from -20000 to 20000?",
        "Print `span` for such an image: it is negative.",
        "Widen the numbers *before* you subtract: `image.float()`.",
    ),
    mistakes=(
        Mistake(
            "your subtraction still runs over",
            "20000 - (-20000) does not fit into int16 and wraps to -25536. Turning the result into float "
            "comes too late.",
            to_unit_too_narrow,
        ),
        Mistake("only the span is widened", "image - low runs over as well.", versions.unit_span_only),
        Mistake(
            "only the pixels are widened",
            "max - min is still worked out in whole numbers of 8 or 16 bits.",
            versions.unit_pixels_only,
        ),
        Mistake(
            "you took the absolute value of a span that ran over",
            "A wrapped number is wrong in size, not only in sign.",
            versions.unit_absolute_span,
        ),
        Mistake(
            "you divided by the largest number of the type",
            "Eq. 2 asks for the extremes of the image.",
            versions.unit_by_type,
        ),
        Mistake(
            "you used the range of the type",
            "Eq. 2 asks for the extremes of the image, not of what its type could hold.",
            versions.unit_by_type_range,
        ),
        Mistake("you divided without a remainder", "// leaves only 0 and 1.", versions.unit_whole),
        Mistake(
            "you cut the negative values off",
            "Minus 100 is darker than 0, and has to stay so.",
            versions.unit_without_negatives,
        ),
        Mistake(
            "you squeezed the image into 8 bits",
            "uint8 keeps the last byte: values wrap around.",
            versions.unit_from_bytes,
        ),
        Mistake(
            "you used half precision",
            "float16 has 11 bits: neighbouring greys of a 16-bit image fall together.",
            versions.unit_in_half,
        ),
    ),
    afterword="It fits no type check and raises nothing: that is why medkit refuses whole numbers here.",
)

EXERCISES = (MIN_MAX_EACH, WINDOW, METAL, OVERFLOW, METAL_FIGURE, KILL_MIN_MAX)
