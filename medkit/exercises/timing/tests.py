"""Exercise 10.6, a test for a timer on a made-up device: what it accepts, and what it must kill."""

from __future__ import annotations

import statistics

import numpy as np

from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest
from medkit.exercises.timing import timers

DEVICE = '''\
def test_measure(measure):
    def timed(work, images, repeats, warm_up):
        """Let `measure` time a made-up device: its first run takes work[0] seconds, the next work[1], ..."""
        left, queue, now = list(work), [], [0.0]

        def run():
            queue.append(left.pop(0))  # a call only queues the work

        def wait():
            now[0] += sum(queue)  # the device works it off
            queue.clear()

        return measure(run, wait, lambda: now[0], images, repeats, warm_up)

'''


def test_measure(measure):
    """Time lists whose answer was worked out on paper."""

    def timed(work, images, repeats, warm_up):
        """Let `measure` time a made-up device: its first run takes work[0] seconds, the next work[1], ..."""
        left, queue, now = list(work), [], [0.0]

        def run():
            queue.append(left.pop(0))  # a call only queues the work

        def wait():
            now[0] += sum(queue)  # the device works it off
            queue.clear()

        return measure(run, wait, lambda: now[0], images, repeats, warm_up)

    assert abs(timed([90, 50, 4, 8, 12, 16, 400], images=4, repeats=5, warm_up=2) - 3) < 1e-6
    assert abs(timed([7, 2], images=1, repeats=1, warm_up=1) - 2) < 1e-6  # no warm-up within the time
    assert abs(timed([30, 9, 1, 2, 5], images=2, repeats=4, warm_up=1) - 1.75) < 1e-6  # halfway of 2 and 5


def timed_by(measure, work, images, repeats, warm_up):
    """Let a timer measure the made-up device of the stub."""
    left, queue, now = list(work), [], [0.0]

    def run():
        queue.append(left.pop(0))

    def wait():
        now[0] += sum(queue)
        queue.clear()

    return measure(run, wait, lambda: now[0], images, repeats, warm_up)


# Other good tests


def test_measure_by_many_lists(measure):
    """Work the right answer out beside it, for several lists."""
    for work, images, warm_up in (([3, 1], 1, 1), ([5, 80, 2, 9, 4, 7], 3, 2), ([9, 6, 1, 70, 3, 2], 2, 1)):
        counted = [second / images for second in work[warm_up:]]
        found = timed_by(measure, work, images, len(counted), warm_up)
        assert abs(found - statistics.median(counted)) < 1e-9


def test_measure_that_returns_a_bool(measure):
    """Return what an assert would ask."""
    one = timed_by(measure, [100, 1], 1, 1, 1)
    few = timed_by(measure, [60, 40, 24, 6, 12, 9999, 36], 6, 5, 2)
    even = timed_by(measure, [1, 2, 30, 8], 1, 4, 0)
    return bool(np.allclose([one, few, even], [1, 4, 5]))


# Tests that are too weak or too strict


def test_only_that_time_passes(measure):
    """Too weak: ask for more than nothing."""
    assert timed_by(measure, [9, 4, 8, 12], 2, 3, 1) > 0


def test_only_equal_runs(measure):
    """Too weak: let all runs take the same."""
    assert abs(timed_by(measure, [6] * 7, 2, 5, 2) - 3) < 1e-6


def test_only_one_image(measure):
    """Too weak: time batches of one image."""
    assert abs(timed_by(measure, [90, 50, 4, 8, 12, 16, 400], 1, 5, 2) - 12) < 1e-6
    assert abs(timed_by(measure, [7, 2], 1, 1, 1) - 2) < 1e-6
    assert abs(timed_by(measure, [30, 9, 1, 2, 5], 1, 4, 1) - 3.5) < 1e-6


def test_without_warm_up(measure):
    """Too weak: never warm up."""
    assert abs(timed_by(measure, [4, 8, 12, 16, 400], 4, 5, 0) - 3) < 1e-6
    assert abs(timed_by(measure, [9, 1, 2, 5], 2, 4, 0) - 1.75) < 1e-6


def test_only_odd_numbers_of_runs(measure):
    """Too weak: always have a run in the middle."""
    assert abs(timed_by(measure, [90, 50, 4, 8, 12, 16, 400], 4, 5, 2) - 3) < 1e-6
    assert abs(timed_by(measure, [7, 2], 1, 1, 1) - 2) < 1e-6


def test_without_outliers(measure):
    """Too weak: take runs whose mean is their median."""
    assert abs(timed_by(measure, [90, 50, 4, 8, 12, 16, 20], 4, 5, 2) - 3) < 1e-6
    assert abs(timed_by(measure, [7, 2], 1, 1, 1) - 2) < 1e-6
    assert abs(timed_by(measure, [30, 1, 2, 5, 6], 2, 4, 1) - 1.75) < 1e-6


def test_to_the_last_digit(measure):
    """Too strict: ask for equal bits."""
    assert timed_by(measure, [9, 1, 4], 3, 2, 1) == (1 + 4) / 2 / 3
    assert timed_by(measure, [8, 2, 3], 7, 2, 1) == (2 + 3) / 2 / 7


KILL_TIMERS = WriteTest(
    id="10.6",
    title="A test for a timer",
    section="exercises",
    points=3,
    minutes=15,
    name="test_measure",
    prompt=(
        "You are the examiner, and a real clock is of no use: it never shows the same twice. So the stub brings a "
        "made-up device, whose runs take exactly the seconds that you list.\n\n`measure(run, wait, clock, images, "
        "repeats, warm_up)` should return the seconds for *one image*: `run()` queues a batch of `images` images, "
        "`wait()` returns when the device has done all that is queued, `clock()` says what time it is. After `warm_up` "
        "runs that don't count, it times `repeats` runs one by one, each from an idle device to an idle device, and "
        "takes the median, halfway between the two in the middle where their number is even.\n\n`timed(work, images, "
        "repeats, warm_up)` lets it time your list: `timed([9, 4], images=2, repeats=1, warm_up=1)` should give 2. "
        "Write the asserts: they accept every right version, and fail for each of the wrong versions that the kit holds."
    ),
    unsolved=DEVICE
    + "    # assert what timed([...], images=..., repeats=..., warm_up=...) must give\n    return ...",
    solution=test_measure,
    alternatives=(test_measure_by_many_lists, test_measure_that_returns_a_bool),
    forbidden=("medkit.timing",),
    right=(timers.measure_plainly, timers.measure_by_stamps, timers.measure_all_and_drop),
    wrong=(
        Mistake("stops the clock when the work is queued", "It says 0 s, whatever the work.", timers.measure_the_queueing),
        Mistake(
            "starts the clock while the warm-up is still being worked off",
            "Only the first timed run is too long, and a median of several hides it: let repeats be 1.",
            timers.measure_what_was_queued_before,
        ),
        Mistake("counts the warm-up", "Let the warm-up be slow.", timers.measure_with_warm_up),
        Mistake("does not warm up", "Let the first runs be slow.", timers.measure_without_warm_up),
        Mistake("takes the mean", "Put an outlier into the list.", timers.measure_the_mean),
        Mistake("takes the fastest run", "The fastest is not the middle one.", timers.measure_the_fastest),
        Mistake("gives the time for a batch", "Let a batch hold more than one image.", timers.measure_a_batch),
        Mistake(
            "takes the lower of two in the middle",
            "Let the number of runs be even.",
            timers.measure_the_lower_middle,
        ),
        Mistake("throws the slowest run away", "The median moves when it does.", timers.measure_without_the_slowest),
    ),
    hints=(
        "Work one list out by hand: slow warm-up, unequal runs in no order, one outlier, several images in a batch.",
        "One list is not enough: take one more with an even number of runs, and one with `repeats=1` after a warm-up.",
        "`assert abs(timed([90, 50, 4, 8, 12, 16, 400], images=4, repeats=5, warm_up=2) - 3) < 1e-6`, and so on.",
    ),
    mistakes=(
        Mistake("your test asks only whether time passes", "Any number above 0 gets through.", test_only_that_time_passes),
        Mistake(
            "your test lets all runs take the same time",
            "Then mean, median and fastest run are one number.",
            test_only_equal_runs,
        ),
        Mistake(
            "your test times batches of one image",
            "Then the time for a batch is the time for an image.",
            test_only_one_image,
        ),
        Mistake("your test never warms up", "What happens to the first runs stays unseen.", test_without_warm_up),
        Mistake(
            "your test uses odd numbers of runs only",
            "Then there is always one run in the middle.",
            test_only_odd_numbers_of_runs,
        ),
        Mistake(
            "your test has no outlier",
            "In a list that is even on both sides the mean is the median.",
            test_without_outliers,
        ),
        Mistake(
            "your test asks for equality to the last digit",
            "Right versions differ in rounding: allow a small difference.",
            test_to_the_last_digit,
        ),
    ),
    afterword="With a clock of your own you can test a timer to the digit, and without waiting.",
)
