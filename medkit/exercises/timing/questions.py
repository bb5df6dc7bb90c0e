"""The exercises of notebook 10 that ask for a number and a panel: 10.3, 10.5."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure
from medkit.paper import TIME
from medkit.settings import Settings

RUNS = 60  # of each series that 10.5 shows
TOP = 40.0  # milliseconds, the end of its scale


def series() -> dict[str, np.ndarray]:
    """Return the four series of 10.5, in milliseconds: made-up times around 10, with one trouble or none."""
    rng = np.random.default_rng(8)
    noise = {letter: rng.normal(0.0, 0.25, RUNS) for letter in "abcd"}
    run = np.arange(RUNS)
    outliers = np.zeros(RUNS)
    outliers[[9, 22, 23, 41, 54]] = (14.0, 26.0, 8.0, 19.0, 11.0)
    return {
        "a": 10.0 + noise["a"],
        "b": 10.0 + noise["b"] + outliers,
        "c": 10.0 + noise["c"] + 25.0 * np.exp(-run / 1.5),
        "d": 10.0 + noise["d"] + 0.11 * run,
    }


def series_figure() -> str:
    """Draw the series of 10.5, all on one scale."""
    panels = [_runs(letter, times) for letter, times in series().items()]
    return figure.as_html(
        figure.row(*panels, inches=2.6),
        alt="Milliseconds of 60 runs in four series, panels lettered a to d, all on one scale",
        caption=f"Four times {RUNS} runs of one model, milliseconds for a run in the order of the runs; made-up times.",
        tier="phantom",
    )


def _runs(letter: str, times: np.ndarray) -> figure.Panel:
    def draw(axis: Axes) -> None:
        figure.curve(range(1, RUNS + 1), {"ms for a run": times}, letter, "run")(axis)
        axis.lines[0].set(linestyle="none", markersize=3)
        axis.set_ylim(0, TOP)
        axis.set_ylabel("ms for a run", color=figure.INK, fontsize=9)
        axis.get_legend().remove()

    return draw


MOST_FAVOURABLE = PredictNumber(
    id="10.3",
    title="The most favourable reading",
    section="exercises",
    points=1,
    minutes=4,
    name="images_a_second",
    prompt=(
        "Table 6 gives 1.2 s for the proposed method after 50 epochs. Where the paper introduces the metric, it allows "
        "\"seconds per image or seconds per batch\". Read it as kindly as possible: 1.2 s for a whole *batch*, of "
        "the size in Table 3. How many images a second would that be? Put down your number before you run anything."
    ),
    truth=lambda: Settings().batch_size / TIME.column["hybrid"][-1],
    tolerance=0.35,
    working="32 / 1.2  # images of a batch, by the seconds for it",
    hints=(
        "Table 3's batch size is 32. So 32 images leave the machine every 1.2 seconds.",
        "Images divided by seconds, not seconds by images.",
    ),
    mistakes=(
        Mistake("you took the time for that of one image", "That is the unkind reading: 1 / 1.2.", 1 / 1.2),
        Mistake("you gave seconds for an image", "Turn it over: images a second are asked for.", 1.2 / 32),
        Mistake("you multiplied", "38.4 s is how long 32 images take one by one.", 32 * 1.2),
        Mistake("you took the first row of Table 6", "1.9 s stands at 10 epochs; 50 are asked for.", 32 / 1.9),
        Mistake("you took the CNN's column", "1.8 s is the CNN's time.", 32 / 1.8),
        Mistake("you took the epochs for the batch size", "50 is the number of epochs.", 50 / 1.2),
    ),
    afterword="Even so it misses the 30 images a second of a video; and whoever hands in one image waits 1.2 s.",
)

STILL_CHANGING = ReadFigure(
    id="10.5",
    title="When a median does not help",
    section="exercises",
    points=1,
    minutes=4,
    name="panel",
    prompt=(
        "The figure above shows four series of measured times, in the order of the runs. Dropping the first runs and "
        "taking the median gives an honest number for three of them. For one it does not: there the number depends on "
        "how *long* one measures, and the machine has to be looked at first. Which panel is it?"
    ),
    draw=series_figure,
    right="d",
    hints=(
        "Cover the right half of each panel: would the median of the left half be the same as that of all runs?",
        "A few single outliers, or a few slow runs at the start, leave the median where it is. What does not?",
    ),
    mistakes=(
        Mistake(
            "you mistook a steady series",
            "Panel a is how it should look: any part of it has the same median.",
            "a",
        ),
        Mistake(
            "you feared the outliers",
            "Panel b has five of them in 60 runs: they would spoil a mean, not a median.",
            "b",
        ),
        Mistake(
            "you feared the slow start",
            "Panel c is a warm-up: drop the first runs, and the rest is steady.",
            "c",
        ),
    ),
    afterword="A machine that grows hot slows down, run by run. Measure in turns, or the second model always loses.",
)
