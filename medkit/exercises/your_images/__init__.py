"""The exercises of notebook 19 (your images), and in full the one where a function is written.

`questions` has the number, the function to repair and the figure, `tests` the test with its `readers`,
`mistakes` the versions of 19.1 and 19.3.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.your_images import mistakes as versions
from medkit.exercises.your_images.questions import AREA, ON_ITS_IMAGE, ONE_PATIENT
from medkit.exercises.your_images.tests import KILL_READERS


def as_meant(stored, bits, signed, white_low, slope, intercept):
    """Return what stored numbers stand for: turned where white was stored low, then scaled."""
    pixels = stored.double()
    low = -(2 ** (bits - 1)) if signed else 0
    high = low + 2**bits - 1
    if white_low:
        pixels = low + high - pixels
    return pixels * slope + intercept


def _words(*rows: list, dtype=torch.int16) -> torch.Tensor:
    return torch.tensor(rows, dtype=dtype)


AS_MEANT = WriteFunction(
    id="19.1",
    title="What the stored numbers mean",
    section="before the code",
    points=3,
    minutes=12,
    name="as_meant",
    parameters=("stored", "bits", "signed", "white_low", "slope", "intercept"),
    prompt=(
        "`stored` (H, W) holds a file's whole numbers, in the file's own type: `uint8`, `int16` or `int32`. `bits` says how many "
        "bits the file *stores* for a pixel, from 8 to 16, whatever the tensor's type. With `signed` False these bits can say 0 "
        "... 2^bits - 1; with `signed` True, -2^(bits - 1) ... 2^(bits - 1) - 1. Where `white_low` is True, the lowest of these "
        "numbers means white (MONOCHROME1): turn the scale, so that the lowest number that can be stored becomes the highest "
        "one, and the highest the lowest. Where it is False, turn nothing. Then multiply by `slope` and add `intercept`; both "
        "may be whole numbers or not. Return (H, W). Cut nothing off, and mind that a tensor of whole numbers overflows "
        "without a word: `int16` ends at 32767."
    ),
    unsolved="def as_meant(stored, bits, signed, white_low, slope, intercept):\n    ...\n    return ...",
    solution=as_meant,
    alternatives=(versions.meant_by_bits, versions.meant_by_numpy, versions.meant_by_table),
    forbidden=("medkit.data", "pydicom"),
    cases=(
        Case((_words([24, 1024, 1064], [3000, 0, 4095]), 12, False, False, 1.0, -1024.0)),
        Case((_words([5, 100, 2000], [4000, 1023, 7]), 12, False, True, 1.0, 0.0)),
        Case((_words([-120, -5, 0], [90, 60, 1]), 8, True, True, 1.0, 0.0)),
        Case((_words([3, 40, 200], [250, 9, 17], dtype=torch.uint8), 8, False, True, 0.5, 10.0)),
        Case((_words([-900, -30, 0], [700, 2000, 41]), 12, True, False, 2.5, 8.0)),
        Case((_words([12, 40000, 300], [65000, 1, 77], dtype=torch.int32), 16, False, True, 0.5, -3.0)),
        Case((_words([-1500, 30, 0], [2000, -7, 99]), 14, True, True, 2.0, 100.0)),
        Case((_words([20000, 100, -30000], [7, 15000, -2]), 16, True, False, 3, 100), edge=True),
        Case((_words([200, 100, 3], [255, 0, 131], dtype=torch.uint8), 8, False, True, 2, 1), edge=True),
    ),
    hints=(
        "Leave the file's type first: `stored.double()`. Then find the lowest and the highest number that the bits can say.",
        "Turned is `low + high - pixels`: of 12 bits 4095 - pixels, of 8 signed bits -128 + 127 - pixels.",
        "`return pixels * slope + intercept`, with the turned pixels where `white_low` is True.",
    ),
    mistakes=(
        Mistake("you never turned the scale", "Where `white_low` is True, the lowest number means white.", versions.meant_unturned),
        Mistake("you turned every image", "Only where `white_low` is True.", versions.meant_always_turned),
        Mistake("you turned by the image's own ends", "They differ from image to image; the bits' ends do not.", versions.meant_by_own_ends),
        Mistake("you turned by the brightest pixel", "What can be stored counts, not what this image holds.", versions.meant_by_brightest),
        Mistake("you turned by 255", "That is for 8 bits, unsigned.", versions.meant_by_255),
        Mistake("you turned by 2 to the power of bits", "Of n bits the highest number is 2^n - 1.", versions.meant_one_too_far),
        Mistake("you turned by the tensor's type", "A file of 12 bits may come in 16: `bits` counts.", versions.meant_by_type),
        Mistake("you turned signed numbers as unsigned ones", "Signed bits begin below 0.", versions.meant_signed_as_unsigned),
        Mistake("you turned signed numbers around 0", "-128 becomes 127: low + high is -1, not 0.", versions.meant_around_zero),
        Mistake("you scaled before you turned", "The bits' ends are those of the stored numbers.", versions.meant_turned_last),
        Mistake("you left the slope out", "Stored numbers are steps; the slope says how wide one is.", versions.meant_without_slope),
        Mistake("you left the intercept out", "Air is -1000 HU and is stored as a number above 0.", versions.meant_without_intercept),
        Mistake("you added the intercept first", "Times slope, then plus intercept.", versions.meant_intercept_first),
        Mistake("you stayed in the file's type", "Three times 20,000 is no int16: leave the type first.", versions.meant_in_the_type),
        Mistake("you cut off what is below 0", "Air is below 0 HU, and signed numbers are too.", versions.meant_above_zero),
    ),
    afterword="One exception, in practice: Hounsfield units are physical, MONOCHROME1 is about the screen. Those are not turned.",
)

EXERCISES = (AS_MEANT, AREA, ONE_PATIENT, ON_ITS_IMAGE, KILL_READERS)
