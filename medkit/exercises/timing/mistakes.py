"""How measured times are really read wrong, and other ways to read them right: the versions behind `timing`."""

from __future__ import annotations

import statistics

import numpy as np
import torch

# 10.1 quartiles for one image: other right versions


def summary_by_numpy(seconds, images, warm_up):
    """Let NumPy find the quartiles."""
    return np.percentile(seconds.numpy()[warm_up:], [25, 50, 75]) / images


def summary_by_hand(seconds, images, warm_up):
    """Sort, and go the share of the way between two neighbours."""
    each = sorted(second / images for second in seconds[warm_up:].tolist())
    found = []
    for share in (0.25, 0.5, 0.75):
        place = share * (len(each) - 1)
        below = int(place)
        above = min(below + 1, len(each) - 1)
        found.append(each[below] + (place - below) * (each[above] - each[below]))
    return found


def summary_by_python(seconds, images, warm_up):
    """Use Python's own statistics; one run alone has no neighbours."""
    each = [second / images for second in seconds.tolist()][warm_up:]
    return statistics.quantiles(each, n=4, method="inclusive") if len(each) > 1 else each * 3


# 10.1 wrong versions


def _quartiles(each, method="linear"):
    return torch.quantile(each, torch.tensor([0.25, 0.5, 0.75]), interpolation=method)


def summary_with_warm_up(seconds, images, warm_up):
    """Count the warm-up."""
    return _quartiles(seconds) / images


def summary_of_a_batch(seconds, images, warm_up):
    """Leave the time for a batch as it is."""
    return _quartiles(seconds[warm_up:])


def summary_of_a_run(seconds, images, warm_up):
    """Divide by the number of runs as well."""
    counted = seconds[warm_up:]
    return _quartiles(counted) / (images * len(counted))


def summary_with_mean(seconds, images, warm_up):
    """Put the mean in the middle."""
    low, _, high = _quartiles(seconds[warm_up:])
    return torch.stack([low, seconds[warm_up:].mean(), high]) / images


def summary_by_deviation(seconds, images, warm_up):
    """Give the mean, less and more one standard deviation."""
    each = seconds[warm_up:] / images
    spread = each.std(correction=0)
    return torch.stack([each.mean() - spread, each.mean(), each.mean() + spread])


def summary_with_lower_median(seconds, images, warm_up):
    """Use torch.median, which takes the lower of two in the middle."""
    low, _, high = _quartiles(seconds[warm_up:])
    return torch.stack([low, seconds[warm_up:].median(), high]) / images


def summary_sorted_first(seconds, images, warm_up):
    """Sort, then drop what stands first: the fastest runs."""
    return _quartiles(seconds.sort().values[warm_up:]) / images


def summary_without_the_end(seconds, images, warm_up):
    """Drop the last runs."""
    return _quartiles(seconds[: len(seconds) - warm_up]) / images


def summary_one_dropped_too_many(seconds, images, warm_up):
    """Drop one run more, where one is left."""
    counted = seconds[warm_up:]
    return _quartiles(counted[1:] if len(counted) > 1 else counted) / images


def summary_of_extremes(seconds, images, warm_up):
    """Give the fastest and the slowest run."""
    counted = seconds[warm_up:]
    return torch.stack([counted.min(), _quartiles(counted)[1], counted.max()]) / images


def summary_of_near_runs(seconds, images, warm_up):
    """Take the nearest run for each quartile."""
    return _quartiles(seconds[warm_up:], "nearest") / images


def summary_exclusive(seconds, images, warm_up):
    """Take Python's quartiles as they come: for a sample, not for these runs."""
    each = (seconds[warm_up:] / images).tolist()
    return torch.tensor(statistics.quantiles(each, n=4) if len(each) > 1 else each * 3)


def summary_from_the_top(seconds, images, warm_up):
    """Give the upper quartile first."""
    return _quartiles(seconds[warm_up:]).flip(0) / images


# 10.2 two clocks and one queue: other right versions


def clocks_by_formula(queueing, work):
    """Ask of each job: what if the device had never waited since it came?"""
    handed = queueing.cumsum(0)
    left = work.flip(0).cumsum(0).flip(0)  # this job's work and all that follows
    return torch.stack([handed[-1], (handed + left).max()])


def clocks_by_running_maximum(queueing, work):
    """Take off the work done so far, and the waits are a running maximum."""
    handed, done = queueing.cumsum(0), work.cumsum(0)
    free = (handed - (done - work)).cummax(0).values + done
    return torch.stack([handed[-1], free[-1]])


def clocks_in_numpy(queueing, work):
    """Follow two clocks, in float64."""
    program, device = 0.0, 0.0
    for q, w in zip(queueing.numpy().astype(np.float64), work.numpy().astype(np.float64), strict=True):
        program += q
        device = (program if device < program else device) + w
    return np.array([program, device])


# 10.2 wrong versions


def _handed(queueing):
    return queueing.cumsum(0)


def clocks_one_after_the_other(queueing, work):
    """Let the program wait for each job."""
    return torch.stack([queueing.sum(), queueing.sum() + work.sum()])


def clocks_of_the_longer_sum(queueing, work):
    """Take the longer of the two sums."""
    return torch.stack([queueing.sum(), torch.maximum(queueing.sum(), work.sum())])


def clocks_of_work_alone(queueing, work):
    """Forget that handing over takes time."""
    return torch.stack([queueing.sum(), work.sum()])


def clocks_in_parallel(queueing, work):
    """Let the device work on all jobs at once."""
    return torch.stack([queueing.sum(), (_handed(queueing) + work).max()])


def clocks_of_the_last_job(queueing, work):
    """Let the last job start when it is handed over."""
    return torch.stack([queueing.sum(), queueing.sum() + work[-1]])


def clocks_started_at_once(queueing, work):
    """Let each job start before it is handed over in full."""
    end = torch.zeros(())
    for start, w in zip(_handed(queueing) - queueing, work, strict=True):
        end = torch.maximum(end, start) + w
    return torch.stack([queueing.sum(), end])


def clocks_not_added_up(queueing, work):
    """Hold the device against the time of one handing over, not of all before."""
    end = torch.zeros(())
    for q, w in zip(queueing, work, strict=True):
        end = torch.maximum(end, q) + w
    return torch.stack([queueing.sum(), end])


def clocks_both_waiting(queueing, work):
    """Wait in both cases."""
    end = clocks_by_formula(queueing, work)[1]
    return torch.stack([end, end])


def clocks_swapped(queueing, work):
    """Give the waiting clock first."""
    return clocks_by_formula(queueing, work).flip(0)


def clocks_for_one_job(queueing, work):
    """Divide by the number of jobs."""
    return clocks_by_formula(queueing, work) / len(work)
