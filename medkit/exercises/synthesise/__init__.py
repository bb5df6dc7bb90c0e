"""The exercises of notebook 16 (synthesis), and in full the one where a function is written.

`questions` has the number, the figure and the function to repair, `tests` the test with its `matchers`,
`mistakes` the versions of 16.1, `ratios` those of 16.3.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.synthesise import mistakes as versions
from medkit.exercises.synthesise.questions import COPIER, HINGE, RATIO
from medkit.exercises.synthesise.tests import KILL_MATCHERS


def swap_slow_waves(image, reference, radius):
    """Return the image with the amplitudes of the reference's slow waves, and its own phases."""
    height, width = image.shape
    row, column = torch.arange(height), torch.arange(width)
    turns = torch.maximum(torch.minimum(row, height - row)[:, None], torch.minimum(column, width - column))
    own, other = torch.fft.fft2(image), torch.fft.fft2(reference)
    amplitude = torch.where(turns < radius, other.abs(), own.abs())
    return torch.fft.ifft2(torch.polar(amplitude, own.angle())).real


SWAP = WriteFunction(
    id="16.1",
    title="One image in the shades of another",
    section="before the code",
    points=3,
    minutes=15,
    name="swap_slow_waves",
    parameters=("image", "reference", "radius"),
    prompt=(
        "Fourier style transfer. `image` and `reference` are float tensors of one shape (H, W), rows and columns; `radius` is "
        "a whole number, 0 or more. `torch.fft.fft2` turns an image into H × W complex numbers, one for each wave: its "
        "absolute value is the wave's amplitude, its angle the phase. The wave at [i, j] turns min(i, H - i) times over the rows "
        "and min(j, W - j) times over the columns; it is *slow* where **both** numbers are **below** `radius`. Give each slow "
        "wave the amplitude that it has in `reference`, leave all other amplitudes and **all** phases as they are in `image`, and "
        "return the real part of the inverse transform, (H, W). Cut nothing off: values below 0 stay. With radius 0 nothing "
        "changes. No wave of an `image` has the amplitude 0."
    ),
    unsolved="def swap_slow_waves(image, reference, radius):\n    ...\n    return ...",
    solution=swap_slow_waves,
    alternatives=(versions.swap_in_numpy, versions.swap_half_of_the_waves, versions.swap_wave_by_wave),
    forbidden=("medkit.synthesise",),
    cases=(
        Case((torch.tensor([[1.0, 2.0], [3.0, 5.0]]), torch.tensor([[5.0, 7.0], [5.0, 9.0]]), 1)),
        Case((versions.some_image(5, 6, 1), 3 * versions.some_image(5, 6, 2), 2)),
        Case((versions.some_image(8, 7, 3), 0.5 * versions.some_image(8, 7, 4), 4)),
        Case((versions.some_image(4, 4, 5), versions.some_image(4, 4, 6) + 4, 9)),
        Case((versions.some_image(8, 3, 7) - 5, versions.some_image(8, 3, 8), 2)),
        Case((versions.some_image(4, 5, 9), versions.some_image(4, 5, 10), 0), edge=True),
    ),
    hints=(
        "Transform both. You need |F| of one and of the other, the phase of the first, and a mask (H, W) of slow waves.",
        "`row = torch.arange(H)`; `torch.minimum(row, H - row)` says how often each row's wave turns. Both below radius: the "
        "larger of the two is below radius.",
        "`amplitude = torch.where(slow, other.abs(), own.abs())`, then `torch.fft.ifft2(torch.polar(amplitude, own.angle())).real`.",
    ),
    mistakes=(
        Mistake("you took whole waves over, phase and all", "The phase says where things are: it stays the image's.", versions.swap_whole_waves),
        Mistake("you took the phases of the reference", "Then the reference is what one sees, in the image's shades.", versions.swap_with_its_phases),
        Mistake("you mixed up image and reference", "The image keeps its phases; the reference lends amplitudes.", versions.swap_the_wrong_way),
        Mistake("you took one corner of the spectrum", "Slow waves stand in all four corners: [H - 1, 0] turns once.", versions.swap_one_corner),
        Mistake("you took the middle of the spectrum", "In the middle of `fft2` are the fastest waves.", versions.swap_the_middle),
        Mistake("you counted waves at the radius as slow", "Below `radius` is asked for.", versions.swap_up_to_the_radius),
        Mistake("you asked for one slow direction only", "Both numbers of turns must be below radius.", versions.swap_a_cross),
        Mistake("you took a circle", "A square is asked for: both numbers below radius, each by itself.", versions.swap_a_circle),
        Mistake("you took all waves", "Only those that turn fewer than `radius` times.", versions.swap_all_waves),
        Mistake("you took the fast waves", "The other way round: the slow ones change.", versions.swap_the_fast),
        Mistake("you returned the absolute value", "It turns what is below 0 over: the real part is asked for.", versions.swap_and_turn_over),
        Mistake("you cut off below 0", "Values may leave the range of both images.", versions.swap_and_cut_off),
        Mistake("you took the mean of both amplitudes", "A slow wave has the reference's amplitude, and no mixture.", versions.swap_half_way),
        Mistake("you transformed the columns only", "`fft2` turns over rows and columns.", versions.swap_along_rows),
    ),
    afterword="With a radius of 2 or so the mask still fits: that is why the style can change and the label need not.",
)

EXERCISES = (SWAP, HINGE, RATIO, COPIER, KILL_MATCHERS)
