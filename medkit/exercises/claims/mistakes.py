"""How verdicts are really got wrong, and other ways to get them right: the versions behind `claims`."""

from __future__ import annotations

import math

import numpy as np
import torch

# 12.1 the interval of a bootstrap: other right versions


def ends_by_sorting(means, level):
    """Sort, and interpolate between neighbours by hand."""
    known = sorted(value for value in means.tolist() if value == value)
    found = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        place = share * (len(known) - 1)
        below = math.floor(place)
        above = min(below + 1, len(known) - 1)
        found.append(known[below] + (place - below) * (known[above] - known[below]))
    return torch.tensor(found)


def ends_by_numpy(means, level):
    """Ask NumPy for percentiles."""
    known = means.numpy()
    return np.percentile(known[~np.isnan(known)].astype(float), [50 - 50 * level, 50 + 50 * level])


def ends_by_nanquantile(means, level):
    """Let torch leave NaN out."""
    return torch.stack([means.nanquantile(0.5 - level / 2), means.nanquantile(0.5 + level / 2)])


# 12.1 wrong versions


def _known(means):
    return means[~means.isnan()]


def _ends(means, low, high, how="linear"):
    return torch.stack([means.quantile(low, interpolation=how), means.quantile(high, interpolation=how)])


def ends_twice_the_tail(means, level):
    """Cut 1 - level off at each end."""
    return _ends(_known(means), min(1 - level, level), max(1 - level, level))


def ends_upper_only(means, level):
    """Cut off at the upper end alone."""
    return _ends(_known(means), 0.0, level)


def ends_always_95(means, level):
    """Forget the level."""
    return _ends(_known(means), 0.025, 0.975)


def ends_extremes(means, level):
    """Take smallest and largest."""
    return _ends(_known(means), 0.0, 1.0)


def ends_swapped(means, level):
    """Give the high end first."""
    return _ends(_known(means), (1 + level) / 2, (1 - level) / 2)


def ends_by_deviation(means, level):
    """Reach 1.96 standard deviations to each side."""
    known = _known(means)
    return torch.stack([known.mean() - 1.96 * known.std(), known.mean() + 1.96 * known.std()])


def ends_by_standard_error(means, level):
    """Divide the deviation by the root of the number of repeats."""
    known = _known(means)
    reach = 1.96 * known.std() / len(known) ** 0.5
    return torch.stack([known.mean() - reach, known.mean() + reach])


def ends_without_interpolation(means, level):
    """Take the nearest repeat below."""
    return _ends(_known(means), (1 - level) / 2, (1 + level) / 2, "lower")


def ends_unsorted(means, level):
    """Forget to sort."""
    known = _known(means)
    places = [int(share * (len(known) - 1)) for share in ((1 - level) / 2, (1 + level) / 2)]
    return known[places]


def ends_as_width(means, level):
    """Give the distance from one end to the other."""
    low, high = ends_by_nanquantile(means, level)
    return high - low


def ends_with_nan(means, level):
    """Let a NaN spoil the whole."""
    return _ends(means, (1 - level) / 2, (1 + level) / 2)


def ends_with_zeros(means, level):
    """Count a repeat without a value as 0."""
    return _ends(means.nan_to_num(0.0), (1 - level) / 2, (1 + level) / 2)


# 12.2 the verdict on one number: other right versions


def verdict_by_cases(low, high, seeds, units):
    """Ask for the good news first."""
    enough = seeds >= 3 and units >= 20 and low < high
    if enough and low > 0:
        return 1
    if enough and (high < 0 or max(abs(low), abs(high)) < 1):
        return -1
    return 0


def verdict_by_arithmetic(low, high, seeds, units):
    """Add and multiply truth values."""
    above, below, same = low > 0, high < 0, -1 < low and high < 1
    return (int(above) - int(not above and (below or same))) * int(seeds > 2) * int(units > 19) * int(high > low)


def verdict_by_table(low, high, seeds, units):
    """Look the answer up."""
    if min(seeds - 3, units - 20) < 0 or high - low == 0:
        return torch.tensor(0)
    side = "above" if low > 0 else "below" if high < 0 else "over"
    small = low > -1 and high < 1
    return torch.tensor({"above": 1, "below": -1, "over": -1 if small else 0}[side])


# 12.2 wrong versions


def _few(seeds, units):
    return seeds < 3 or units < 20


def verdict_zero_refutes(low, high, seeds, units):
    """Take an interval that holds 0 for a proof that there is nothing."""
    if _few(seeds, units) or low == high:
        return 0
    return 1 if low > 0 else -1


def verdict_by_the_middle(low, high, seeds, units):
    """Ask only on which side the middle lies."""
    if _few(seeds, units) or low == high:
        return 0
    return 1 if low + high > 0 else -1


def verdict_whatever_the_seeds(low, high, seeds, units):
    """Never ask for the seeds."""
    return verdict_by_cases(low, high, 3, units)


def verdict_whatever_the_units(low, high, seeds, units):
    """Never ask for the units."""
    return verdict_by_cases(low, high, seeds, 20)


def verdict_few_refute(low, high, seeds, units):
    """Take too few for a failure."""
    return -1 if _few(seeds, units) else verdict_by_cases(low, high, seeds, units)


def verdict_more_than_enough(low, high, seeds, units):
    """Ask for more than three seeds and more than twenty units."""
    return 0 if seeds == 3 or units == 20 else verdict_by_cases(low, high, seeds, units)


def verdict_never_the_same(low, high, seeds, units):
    """Know no difference that is none."""
    if _few(seeds, units) or low == high:
        return 0
    return 1 if low > 0 else -1 if high < 0 else 0


def verdict_same_first(low, high, seeds, units):
    """Ask for a difference that is none before asking for one above 0."""
    if _few(seeds, units) or low == high:
        return 0
    if -1 < low and high < 1:
        return -1
    return 1 if low > 0 else -1 if high < 0 else 0


def verdict_by_a_margin(low, high, seeds, units):
    """Ask for a whole point, not for 0."""
    if _few(seeds, units) or low == high:
        return 0
    return 1 if low > 1 else -1 if high < -1 or (-1 < low and high < 1) else 0


def verdict_touching(low, high, seeds, units):
    """Count an end at 0 or at ± 1 as beyond it."""
    if _few(seeds, units) or low == high:
        return 0
    return 1 if low >= 0 else -1 if high <= 0 or (low >= -1 and high <= 1) else 0


def verdict_one_sided(low, high, seeds, units):
    """Ask only whether the high end is small."""
    if _few(seeds, units) or low == high:
        return 0
    return 1 if low > 0 else -1 if high < 1 else 0


def verdict_without_width(low, high, seeds, units):
    """Take an interval without any width for certainty."""
    if _few(seeds, units):
        return 0
    return 1 if low > 0 else -1 if high < 0 or (-1 < low and high < 1) else 0


def verdict_reversed(low, high, seeds, units):
    """Mix the two answers up."""
    return -verdict_by_cases(low, high, seeds, units)


def verdict_high_end(low, high, seeds, units):
    """Let the high end decide."""
    if _few(seeds, units) or low == high:
        return 0
    return 1 if high > 0 else -1


# 12.4 a lead that was not picked on the test: other right versions


def lead_in_a_loop(validation, test):
    """Go through the models one by one."""
    best, chosen = -math.inf, None
    for model in range(1, len(validation)):
        mean = float(validation[model].nanmean())
        if mean > best:
            best, chosen = mean, model
    return float(test[chosen].nanmean() - test[0].nanmean())


def lead_by_numpy(validation, test):
    """Average with NumPy, the baseline put out of the race."""
    means = np.nanmean(validation.numpy(), axis=1)
    means[0] = -np.inf
    return np.nanmean(test.numpy()[means.argmax()]) - np.nanmean(test.numpy()[0])


def lead_by_sums(validation, test):
    """Divide sums by counts."""
    tried, measured = (part.nan_to_num(0.0).sum(1) / (part == part).sum(1) for part in (validation, test))
    return (measured - measured[0])[1:][tried[1:].topk(1).indices[0]]
