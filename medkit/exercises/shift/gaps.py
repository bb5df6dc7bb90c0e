"""Gaps with their intervals, right and wrong: the versions that exercise 17.5 holds."""

from __future__ import annotations

import math
import statistics

import numpy as np

# Right versions


def gap_plainly(inside, outside):
    """Average over seeds, then over images."""
    each = (outside - inside).double().mean(dim=0)
    each = each[~each.isnan()]
    reach = 2 * each.std() / len(each) ** 0.5
    return float(each.mean()), float(each.mean() - reach), float(each.mean() + reach)


def gap_by_numpy(inside, outside):
    """Leave NaN out first, in NumPy and float32."""
    inside, outside = inside.numpy(), outside.numpy()
    known = ~np.isnan(inside[0])
    each = outside[:, known].mean(axis=0) - inside[:, known].mean(axis=0)
    reach = 2 * np.std(each, ddof=1) / np.sqrt(known.sum())
    return each.mean(), each.mean() - reach, each.mean() + reach


def gap_by_python(inside, outside):
    """Go image by image, without a tensor."""
    pairs = zip(zip(*inside.tolist()), zip(*outside.tolist()))
    each = [statistics.fmean(b) - statistics.fmean(a) for a, b in pairs]
    each = [one for one in each if not math.isnan(one)]
    reach = 2 * statistics.stdev(each) / len(each) ** 0.5
    middle = statistics.fmean(each)
    return middle, middle - reach, middle + reach


# Wrong versions


def _each(inside, outside):
    each = (outside - inside).double().mean(dim=0)
    return each[~each.isnan()]


def _with(middle, reach):
    return float(middle), float(middle - reach), float(middle + reach)


def gap_turned_round(inside, outside):
    """Take outside from inside."""
    return gap_plainly(outside, inside)


def gap_unpaired(inside, outside):
    """Add both spreads, as if the images were others."""
    a, b = (part.double().mean(dim=0) for part in (inside, outside))
    a, b = a[~a.isnan()], b[~b.isnan()]
    return _with(b.mean() - a.mean(), 2 * ((a.var() + b.var()) / len(a)) ** 0.5)


def gap_of_seeds_as_images(inside, outside):
    """Count each image once for each seed."""
    each = (outside - inside).double().flatten()
    each = each[~each.isnan()]
    return _with(each.mean(), 2 * each.std() / len(each) ** 0.5)


def gap_over_seeds(inside, outside):
    """Take the spread of the seeds, as if there were no other images."""
    each = (outside - inside).double().nanmean(dim=1)
    return _with(each.mean(), 2 * each.std() / len(each) ** 0.5 if len(each) > 1 else 0.0)


def gap_of_the_first_seed(inside, outside):
    """Look at the first training alone."""
    return gap_plainly(inside[:1], outside[:1])


def gap_with_nan_as_zero(inside, outside):
    """Count images that have no Dice as no gap."""
    return gap_plainly(inside.nan_to_num(0.0), outside.nan_to_num(0.0))


def gap_of_all_images_counted(inside, outside):
    """Leave NaN out of the sum, and in the number."""
    each = _each(inside, outside)
    return _with(each.mean(), 2 * each.std() / inside.shape[1] ** 0.5)


def gap_of_one_image(inside, outside):
    """Forget the root of n: where the next image may lie, not where the mean does."""
    each = _each(inside, outside)
    return _with(each.mean(), 2 * each.std())


def gap_of_half_the_width(inside, outside):
    """Reach one standard error to each side."""
    each = _each(inside, outside)
    return _with(each.mean(), each.std() / len(each) ** 0.5)


def gap_by_n(inside, outside):
    """Divide by n below the root of the variance."""
    each = _each(inside, outside)
    return _with(each.mean(), 2 * each.std(correction=0) / len(each) ** 0.5)


def gap_without_a_sign(inside, outside):
    """Take absolute differences."""
    each = _each(inside, outside).abs()
    return _with(each.mean(), 2 * each.std() / len(each) ** 0.5)


def gap_as_a_share(inside, outside):
    """Divide by what the model has inside."""
    each, inner = _each(inside, outside), inside.double().nanmean()
    return _with(each.mean() / inner, 2 * each.std() / len(each) ** 0.5 / inner)


def gap_with_its_ends_exchanged(inside, outside):
    """Return the high end before the low one."""
    middle, low, high = gap_plainly(inside, outside)
    return middle, high, low
