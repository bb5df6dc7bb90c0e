"""Timers for a made-up device, right and wrong: the versions that exercise 10.6 holds."""

from __future__ import annotations

import statistics

import numpy as np

# Right versions


def measure_plainly(run, wait, clock, images, repeats, warm_up):
    """Wait, start, run, wait, stop."""
    for _ in range(warm_up):
        run()
    times = []
    for _ in range(repeats):
        wait()
        start = clock()
        run()
        wait()
        times.append(clock() - start)
    return statistics.median(times) / images


def measure_by_stamps(run, wait, clock, images, repeats, warm_up):
    """Wait once after the warm-up; from then on each stop is the next start."""
    for _ in range(warm_up):
        run()
    wait()
    stamps = [clock()]
    for _ in range(repeats):
        run()
        wait()
        stamps.append(clock())
    return float(np.median(np.diff(stamps) / images))


def measure_all_and_drop(run, wait, clock, images, repeats, warm_up):
    """Time the warm-up like all others, and drop it afterwards."""
    each = []
    for _ in range(warm_up + repeats):
        wait()
        start = clock()
        run()
        wait()
        each.append((clock() - start) / images)
    counted = sorted(each[warm_up:])
    return counted[(repeats - 1) // 2] / 2 + counted[repeats // 2] / 2


# Wrong versions


def _times(run, wait, clock, repeats, warm_up):
    for _ in range(warm_up):
        run()
    times = []
    for _ in range(repeats):
        wait()
        start = clock()
        run()
        wait()
        times.append(clock() - start)
    return times


def measure_the_queueing(run, wait, clock, images, repeats, warm_up):
    """Stop the clock when the work is queued."""
    for _ in range(warm_up):
        run()
    times = []
    for _ in range(repeats):
        wait()
        start = clock()
        run()
        times.append(clock() - start)
    return statistics.median(times) / images


def measure_what_was_queued_before(run, wait, clock, images, repeats, warm_up):
    """Start the clock while the device is still busy with the warm-up."""
    for _ in range(warm_up):
        run()
    times = []
    for _ in range(repeats):
        start = clock()
        run()
        wait()
        times.append(clock() - start)
    return statistics.median(times) / images


def measure_with_warm_up(run, wait, clock, images, repeats, warm_up):
    """Count the warm-up like all others."""
    return statistics.median(_times(run, wait, clock, warm_up + repeats, 0)) / images


def measure_without_warm_up(run, wait, clock, images, repeats, warm_up):
    """Leave the warm-up out."""
    return statistics.median(_times(run, wait, clock, repeats, 0)) / images


def measure_the_mean(run, wait, clock, images, repeats, warm_up):
    """Take the mean."""
    return statistics.fmean(_times(run, wait, clock, repeats, warm_up)) / images


def measure_the_fastest(run, wait, clock, images, repeats, warm_up):
    """Take the best that was seen."""
    return min(_times(run, wait, clock, repeats, warm_up)) / images


def measure_a_batch(run, wait, clock, images, repeats, warm_up):
    """Give the time for a batch."""
    return statistics.median(_times(run, wait, clock, repeats, warm_up))


def measure_the_lower_middle(run, wait, clock, images, repeats, warm_up):
    """Take the lower of two in the middle."""
    return statistics.median_low(_times(run, wait, clock, repeats, warm_up)) / images


def measure_without_the_slowest(run, wait, clock, images, repeats, warm_up):
    """Throw the slowest run away first, where there are others."""
    times = sorted(_times(run, wait, clock, repeats, warm_up))
    return statistics.median(times[:-1] or times) / images
