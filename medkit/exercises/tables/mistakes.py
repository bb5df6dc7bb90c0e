"""How tables are really got wrong, and other ways to get them right: the versions behind `tables`."""

from __future__ import annotations

import math
import statistics

import numpy as np
import torch

# 11.1 patients drawn again: other right versions


def draws_by_joining(values, group, drawn):
    """Lay the drawn patients' images end to end."""
    patients, means = sorted(set(group.tolist())), []
    for row in drawn.tolist():
        images = [values[group == patients[place]] for place in row]
        means.append(torch.cat(images).mean())
    return torch.stack(means)


def draws_by_counting(values, group, drawn):
    """Count how often each patient was drawn, and weight the images by that."""
    units, place = group.unique(return_inverse=True)
    times = torch.nn.functional.one_hot(drawn, len(units)).sum(1)
    weight = times[:, place].to(values.dtype)
    return (weight * values).sum(1) / weight.sum(1)


def draws_by_numpy(values, group, drawn):
    """Add up with NumPy."""
    _, place = np.unique(group.numpy(), return_inverse=True)
    total, count = np.bincount(place, values.numpy()), np.bincount(place)
    return total[drawn.numpy()].sum(1) / count[drawn.numpy()].sum(1)


# 11.1 wrong versions


def _sums(values, group):
    units, place = group.unique(return_inverse=True)
    total = torch.zeros(len(units)).index_add(0, place, values)
    return total, torch.bincount(place).float()


def draws_of_means(values, group, drawn):
    """Give each patient one vote, however many images."""
    total, count = _sums(values, group)
    return (total / count)[drawn].mean(1)


def draws_of_images(values, group, drawn):
    """Draw images."""
    return values[drawn].mean(1)


def draws_each_once(values, group, drawn):
    """Count a patient who was drawn twice only once."""
    total, count = _sums(values, group)
    rows = [row.unique() for row in drawn]
    return torch.stack([total[row].sum() / count[row].sum() for row in rows])


def draws_by_appearance(values, group, drawn):
    """Count patients in the order in which they appear."""
    patients = list(dict.fromkeys(group.tolist()))
    rows = [[values[group == patients[place]] for place in row] for row in drawn.tolist()]
    return torch.stack([torch.cat(row).mean() for row in rows])


def draws_by_number(values, group, drawn):
    """Take positions for patient numbers."""
    rows = [[values[group == number] for number in row] for row in drawn.tolist()]
    return torch.stack([torch.cat(row).mean() for row in rows])


def draws_over_all_images(values, group, drawn):
    """Divide by the images there are, not by those drawn."""
    return _sums(values, group)[0][drawn].sum(1) / len(values)


def draws_over_patients(values, group, drawn):
    """Divide by the number of patients drawn."""
    return _sums(values, group)[0][drawn].mean(1)


def draws_summed(values, group, drawn):
    """Forget to divide."""
    return _sums(values, group)[0][drawn].sum(1)


def draws_over_repeats(values, group, drawn):
    """Average over the repeats."""
    total, count = _sums(values, group)
    return total[drawn].sum(0) / count[drawn].sum(0)


def draws_first_image(values, group, drawn):
    """Take one image of each patient."""
    first = torch.stack([values[group == one][0] for one in group.unique()])
    return first[drawn].mean(1)


def draws_as_counts(values, group, drawn):
    """Read a draw as how often each patient comes."""
    total, count = _sums(values, group)
    width = drawn.shape[1]
    return (drawn * total[:width]).sum(1) / (drawn * count[:width]).sum(1)


# 11.4 the standard error: other right versions


def error_in_a_loop(right, group):
    """Average by hand, and let Python take the deviation."""
    means = [float(right[:, group == one].mean()) for one in sorted(set(group.tolist()))]
    return statistics.stdev(means) / math.sqrt(len(means))


def error_by_numpy(right, group):
    """Average seeds first, then images, with NumPy."""
    by_image, unit = right.numpy().mean(0), group.numpy()
    means = np.array([by_image[unit == one].mean() for one in np.unique(unit)])
    return means.std(ddof=1) / np.sqrt(len(means))


def error_by_squares(right, group):
    """Write the variance of a mean out."""
    means = _unit_means(right, group)
    n = len(means)
    return ((means - means.mean()).square().sum() / (n * (n - 1))).sqrt()


# 11.4 wrong versions


def by_unit(values, group):
    """Return each unit's mean in each seed, NaN left out: (S, G)."""
    return torch.stack([values[:, group == one].nanmean(1) for one in group.unique()], dim=1)


def _unit_means(right, group):
    return torch.stack([right[:, group == one].mean() for one in group.unique()])


def error_of_images(right, group):
    """Count images."""
    return right.mean(0).std() / right.shape[1] ** 0.5


def error_of_seeds_as_patients(right, group):
    """Count each patient once a seed."""
    means = by_unit(right, group).flatten()
    return means.std() / len(means) ** 0.5


def error_over_seeds(right, group):
    """Ask how much trainings differ."""
    return right.mean(1).std() / len(right) ** 0.5


def error_not_divided(right, group):
    """Stop at the deviation."""
    return _unit_means(right, group).std()


def error_divided_by_n(right, group):
    """Forget the root."""
    means = _unit_means(right, group)
    return means.std() / len(means)


def error_as_variance(right, group):
    """Forget the other root."""
    means = _unit_means(right, group)
    return means.var() / len(means)


def error_with_n(right, group):
    """Divide by n, not n - 1."""
    means = _unit_means(right, group)
    return means.std(correction=0) / len(means) ** 0.5


def error_over_root_of_images(right, group):
    """Divide by the root of the number of images."""
    return _unit_means(right, group).std() / right.shape[1] ** 0.5


def error_over_root_of_all(right, group):
    """Divide by the root of patients times seeds."""
    means = _unit_means(right, group)
    return means.std() / (len(means) * len(right)) ** 0.5


def error_of_the_first_seed(right, group):
    """Look at one seed."""
    means = _unit_means(right[:1], group)
    return means.std() / len(means) ** 0.5


def error_of_a_share(right, group):
    """Use the formula for one image a patient."""
    share, n = right.mean(), len(group.unique())
    return (share * (1 - share) / n) ** 0.5
