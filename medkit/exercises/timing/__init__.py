"""The exercises of notebook 10 (Eq. 8), and in full those where a function is written.

`speeds` has the function to repair, `questions` the number and the figure, `tests` the test, `mistakes`
the wrong versions of 10.1 and 10.2. No exercise looks at a clock: all times are given.
"""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction
from medkit.exercises.timing import mistakes as versions
from medkit.exercises.timing.questions import MOST_FAVOURABLE, STILL_CHANGING
from medkit.exercises.timing.speeds import AVERAGE_OF_SPEEDS
from medkit.exercises.timing.tests import KILL_TIMERS


def summary(seconds, images, warm_up):
    """Return lower quartile, median and upper quartile of the seconds for one image."""
    each = seconds[warm_up:] / images
    return torch.quantile(each, torch.tensor([0.25, 0.5, 0.75]))


def two_clocks(queueing, work):
    """Follow the program and the device, job by job."""
    handed_over, finished = torch.tensor(0.0), torch.tensor(0.0)
    for queue, job in zip(queueing, work):
        handed_over = handed_over + queue
        finished = torch.maximum(handed_over, finished) + job
    return torch.stack([handed_over, finished])


def _times(*tenths: float) -> torch.Tensor:
    return torch.tensor(tenths) / 10


SUMMARY = WriteFunction(
    id="10.1",
    title="What to report",
    section="before the code",
    points=3,
    minutes=10,
    name="summary",
    parameters=("seconds", "images", "warm_up"),
    prompt=(
        "Somebody has timed a model. `seconds` is a tensor `(R,)`: how long each run took, in the order of the "
        "runs; each run worked off one batch of `images` images, and the first `warm_up` runs only warmed the "
        "machine up. Return three numbers: the lower quartile (25 %), the median and the upper quartile "
        "(75 %) of the time for *one image*, over the runs that count. Between two runs go the share of the way, "
        "as `torch.quantile` and `numpy.percentile` do unless told otherwise."
    ),
    unsolved="def summary(seconds, images, warm_up):\n    ...\n    return ...",
    solution=summary,
    alternatives=(versions.summary_by_numpy, versions.summary_by_hand, versions.summary_by_python),
    forbidden=("medkit.timing",),
    cases=(
        Case((_times(9, 4.5, 2, 3, 1.5, 2.5, 8, 2.2, 1), 4, 2)),
        Case((_times(1.2, 7, 1.6, 1.4, 9, 2, 1, 3.1, 2.4), 8, 1)),
        Case((_times(30, 12, 6, 7, 5, 9, 5.5, 40, 8, 6.6, 5.2, 4), 3, 4)),
        Case((_times(5, 1, 2, 7), 1, 0)),
        Case((_times(9, 3), 2, 1), edge=True),
    ),
    hints=(
        "Three things, one after the other: drop, divide, summarise. `seconds[warm_up:]` drops.",
        "Divide by `images` and by nothing else: each run is a measurement of its own.",
        "`torch.quantile(each, torch.tensor([0.25, 0.5, 0.75]))` gives all three.",
    ),
    mistakes=(
        Mistake(
            "you counted the warm-up",
            "The first runs are slow for reasons that no later run has.",
            versions.summary_with_warm_up,
        ),
        Mistake(
            "you gave the time for a batch",
            "Divide by the number of images in it.",
            versions.summary_of_a_batch,
        ),
        Mistake(
            "you divided by the number of runs too",
            "Each number is one run already; nothing was added up over runs.",
            versions.summary_of_a_run,
        ),
        Mistake(
            "you put the mean in the place of the median",
            "One slow run pulls a mean along; a median stays.",
            versions.summary_with_mean,
        ),
        Mistake(
            "you gave the mean and one standard deviation to each side",
            "One outlier spoils both; and times have a long tail to one side only.",
            versions.summary_by_deviation,
        ),
        Mistake(
            "you took the lower of the two in the middle",
            "`torch.median` does so where the number of runs is even; `torch.quantile` goes halfway.",
            versions.summary_with_lower_median,
        ),
        Mistake(
            "you sorted before you dropped",
            "That drops the fastest runs; the warm-up are the first ones in time.",
            versions.summary_sorted_first,
        ),
        Mistake(
            "you dropped the last runs",
            "The warm-up comes first.",
            versions.summary_without_the_end,
        ),
        Mistake(
            "you dropped one run too many",
            "`seconds[warm_up:]` begins with the first run that counts.",
            versions.summary_one_dropped_too_many,
        ),
        Mistake(
            "you gave the fastest and the slowest run",
            "Extremes grow with the number of runs; quartiles do not.",
            versions.summary_of_extremes,
        ),
        Mistake(
            "you took the nearest run for a quartile",
            "Between two runs, go the share of the way.",
            versions.summary_of_near_runs,
        ),
        Mistake(
            "you took the quartiles of a sample",
            "`statistics.quantiles` guesses beyond what was seen unless method=\"inclusive\" is said.",
            versions.summary_exclusive,
        ),
        Mistake(
            "you gave the upper quartile first",
            "Lower quartile, median, upper quartile: from fast to slow.",
            versions.summary_from_the_top,
        ),
    ),
    afterword="With these three numbers, and what the clock held, somebody else can measure the same.",
)

TWO_CLOCKS = WriteFunction(
    id="10.2",
    title="Two clocks, one queue",
    section="before the code",
    points=3,
    minutes=12,
    name="two_clocks",
    parameters=("queueing", "work"),
    prompt=(
        "A program hands jobs to a device such as a GPU. Handing over job i takes the program `queueing[i]` "
        "seconds; then it goes straight on with the next one. The device works on one job at a time, in order: job i "
        "takes it `work[i]` seconds, and starts as soon as it has been handed over in full *and* the device is free. "
        "Both start idle at 0. `queueing` and `work` are `(N,)` tensors.\n\nReturn two numbers in seconds: what a "
        "clock shows that is stopped when the program has handed over the last job, and what a clock shows that is "
        "stopped when the device has finished it."
    ),
    unsolved="def two_clocks(queueing, work):\n    ...\n    return ...  # torch.stack([without waiting, with waiting])",
    solution=two_clocks,
    alternatives=(versions.clocks_by_formula, versions.clocks_by_running_maximum, versions.clocks_in_numpy),
    forbidden=("medkit.timing",),
    cases=(
        Case((torch.tensor([1.0, 2.0, 1.0]), torch.tensor([5.0, 4.0, 6.0]))),
        Case((torch.tensor([3.0, 4.0, 2.0, 5.0]), torch.tensor([1.0, 0.5, 2.0, 1.5]))),
        Case((torch.tensor([1.0, 6.0, 1.0, 0.5, 7.0, 0.25]), torch.tensor([2.0, 1.0, 5.0, 3.0, 0.5, 4.0]))),
        Case((torch.tensor([0.5, 3.0, 0.25, 1.0, 2.0]), torch.tensor([9.0, 2.0, 2.5, 0.75, 0.5]))),
        Case((torch.tensor([2.0]), torch.tensor([3.0])), edge=True),
    ),
    hints=(
        "Draw two lines on paper, one for the program and one for the device, and put the jobs of a small case on them.",
        "The first clock is easy: the program never waits. For the second keep two times: `handed_over` and `finished`.",
        "In a loop: `handed_over = handed_over + queue`, then "
        "`finished = torch.maximum(handed_over, finished) + job`.",
    ),
    mistakes=(
        Mistake(
            "you let the program wait for each job",
            "It goes straight on: while the device works, the next job is handed over.",
            versions.clocks_one_after_the_other,
        ),
        Mistake(
            "you took the longer of the two sums",
            "The device can't begin before the first job has come, and may have to wait again later.",
            versions.clocks_of_the_longer_sum,
        ),
        Mistake(
            "you forgot that the device has to wait for jobs",
            "The sum of the work alone is too short.",
            versions.clocks_of_work_alone,
        ),
        Mistake(
            "you let the device work on all jobs at once",
            "One at a time: a job that has come waits until the device is free.",
            versions.clocks_in_parallel,
        ),
        Mistake(
            "you looked at the last job alone",
            "The device may still be at work on earlier ones when it comes.",
            versions.clocks_of_the_last_job,
        ),
        Mistake(
            "you started jobs before they were handed over",
            "A job starts when its handing over has ended, not when it begins.",
            versions.clocks_started_at_once,
        ),
        Mistake(
            "you did not add the handing over up",
            "Job i is there after all the queueing times up to its own.",
            versions.clocks_not_added_up,
        ),
        Mistake(
            "you let the first clock wait too",
            "It stops when the last job is handed over, whatever the device is doing.",
            versions.clocks_both_waiting,
        ),
        Mistake(
            "you swapped the two clocks",
            "First the one that does not wait.",
            versions.clocks_swapped,
        ),
        Mistake(
            "you divided by the number of jobs",
            "The time for all jobs is asked for.",
            versions.clocks_for_one_job,
        ),
    ),
    afterword="The first clock never looks at `work`: whatever the device does, it shows the same.",
)

EXERCISES = (SUMMARY, TWO_CLOCKS, MOST_FAVOURABLE, AVERAGE_OF_SPEEDS, STILL_CHANGING, KILL_TIMERS)
