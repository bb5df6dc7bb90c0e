"""How paired leads are really got wrong, and other ways to get them right: the versions behind exercise 11.2."""

from __future__ import annotations

import math
import statistics

import torch

from medkit.exercises.tables.mistakes import by_unit

# 11.2 paired leads: other right versions


def leads_in_a_loop(first, second, group):
    """Go through units, seeds and images one by one."""
    found = []
    for unit in sorted(set(group.tolist())):
        by_seed = []
        for mine, theirs in zip(first[:, group == unit].tolist(), second[:, group == unit].tolist(), strict=True):
            gaps = [a - b for a, b in zip(mine, theirs, strict=True) if a == a and b == b]
            by_seed += [statistics.fmean(gaps)] if gaps else []
        found.append(statistics.fmean(by_seed) if by_seed else math.nan)
    return torch.tensor(found)


def leads_by_index(first, second, group):
    """Add up differences and counts by unit."""
    gap = first - second
    units, place = group.unique(return_inverse=True)
    empty = torch.zeros(len(first), len(units))
    total = empty.index_add(1, place, gap.nan_to_num(0.0))
    count = empty.index_add(1, place, (~gap.isnan()).float())
    return (total / count).nanmean(0)


def leads_by_product(first, second, group):
    """Multiply by a table of who belongs to whom."""
    gap = (first - second).double()
    member = (group[:, None] == group.unique()[None]).double()
    by_seed = (gap.nan_to_num(0.0) @ member) / ((gap == gap).double() @ member)
    voted = ~by_seed.isnan()
    return by_seed.nan_to_num(0.0).sum(0) / voted.sum(0)


# 11.2 wrong versions


def leads_reversed(first, second, group):
    """Subtract the wrong way round."""
    return by_unit(second - first, group).nanmean(0)


def leads_of_the_best_seed(first, second, group):
    """Take the seed with the largest lead."""
    return by_unit(first - second, group).nan_to_num(-math.inf).amax(0)


def leads_of_the_first_seed(first, second, group):
    """Look at one seed."""
    return by_unit(first - second, group)[0]


def leads_by_image(first, second, group):
    """Forget the units."""
    return (first - second).nanmean(0)


def leads_by_seed(first, second, group):
    """Average over all images of a seed."""
    return (first - second).nanmean(1)


def leads_not_averaged(first, second, group):
    """Leave the seeds apart."""
    return by_unit(first - second, group)


def leads_in_size(first, second, group):
    """Drop the sign of each difference."""
    return by_unit((first - second).abs(), group).nanmean(0)


def leads_by_appearance(first, second, group):
    """Take units in the order in which they appear."""
    gap = first - second
    units = list(dict.fromkeys(group.tolist()))
    return torch.stack([gap[:, group == one].nanmean(1) for one in units], dim=1).nanmean(0)


def leads_summed(first, second, group):
    """Add a unit's images up."""
    gap = first - second
    return torch.stack([gap[:, group == one].nansum(1) for one in group.unique()], dim=1).nanmean(0)


def leads_of_luck(first, second, group):
    """Compare the best seed of each model."""
    mine, theirs = (by_unit(values, group).nan_to_num(-math.inf).amax(0) for values in (first, second))
    return mine - theirs


def leads_with_zeros(first, second, group):
    """Count a missing value as 0."""
    return by_unit((first - second).nan_to_num(0.0), group).mean(0)


def leads_with_nan(first, second, group):
    """Let one missing value spoil its unit."""
    gap = first - second
    return torch.stack([gap[:, group == one].mean() for one in group.unique()])


def leads_pooled(first, second, group):
    """Average over all of a unit's values at once."""
    gap = first - second
    return torch.stack([gap[:, group == one].nanmean() for one in group.unique()])


def leads_unpaired(first, second, group):
    """Leave missing values out in each model on its own."""
    return (by_unit(first, group) - by_unit(second, group)).nanmean(0)
