"""How distances and alarms are really got wrong, and other ways to get them right: the versions of 14.1 and 14.3."""

from __future__ import annotations

import numpy as np
import torch

# 14.1 squared Mahalanobis distances: other right versions


def distances_by_numpy(healthy, x, shrinkage):
    """Let NumPy take the covariance and its inverse."""
    healthy, x = healthy.double().numpy(), x.double().numpy()
    sample = np.cov(healthy, rowvar=False, bias=True)
    covariance = (1 - shrinkage) * sample + shrinkage * np.trace(sample) / len(sample) * np.eye(len(sample))
    away = x - healthy.mean(axis=0)
    return np.einsum("md,de,me->m", away, np.linalg.inv(covariance), away)


def distances_by_cholesky(healthy, x, shrinkage):
    """Make the features independent with variance 1, and take the plain length."""
    sample = torch.cov(healthy.double().T, correction=0)
    covariance = torch.lerp(sample, sample.trace() / len(sample) * torch.eye(len(sample)).double(), shrinkage)
    away = (x - healthy.mean(0)).double()
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), away.T, upper=False)
    return white.norm(dim=0) ** 2


def distances_by_axes(healthy, x, shrinkage):
    """Turn to the axes of the healthy spread, and divide each by its own variance."""
    mean = healthy.mean(0)
    variance, axes = torch.linalg.eigh((healthy - mean).T @ (healthy - mean) / len(healthy))
    variance = (1 - shrinkage) * variance + shrinkage * variance.mean()
    return (((x - mean) @ axes) ** 2 / variance).sum(1)


def distances_row_by_row(healthy, x, shrinkage):
    """Work row by row."""
    n, d = healthy.shape
    mean = healthy.sum(0) / n
    sample = sum(torch.outer(row - mean, row - mean) for row in healthy) / n
    level = sum(sample[i, i] for i in range(d)) / d
    inverse = torch.linalg.inv((1 - shrinkage) * sample + shrinkage * level * torch.eye(d))
    return torch.stack([(row - mean) @ inverse @ (row - mean) for row in x])


# 14.1 wrong versions


def _sample(rows):
    off = rows - rows.mean(0)
    return off.T @ off / len(rows)


def _shrunk(sample, shrinkage):
    return (1 - shrinkage) * sample + shrinkage * sample.diagonal().mean() * torch.eye(len(sample))


def _squared(away, covariance):
    return (away @ torch.linalg.pinv(covariance) * away).sum(1)


def distances_by_root(healthy, x, shrinkage):
    """Take the root."""
    return _squared(x - healthy.mean(0), _shrunk(_sample(healthy), shrinkage)).sqrt()


def distances_by_n_less_one(healthy, x, shrinkage):
    """Divide by N - 1."""
    return _squared(x - healthy.mean(0), _shrunk(torch.cov(healthy.T), shrinkage))


def distances_by_scatter(healthy, x, shrinkage):
    """Never divide."""
    return _squared(x - healthy.mean(0), _shrunk(_sample(healthy) * len(healthy), shrinkage))


def distances_from_zero(healthy, x, shrinkage):
    """Take the second moment for the covariance."""
    return _squared(x - healthy.mean(0), _shrunk(healthy.T @ healthy / len(healthy), shrinkage))


def distances_toward_one(healthy, x, shrinkage):
    """Shrink toward the identity."""
    sample = _sample(healthy)
    return _squared(x - healthy.mean(0), (1 - shrinkage) * sample + shrinkage * torch.eye(len(sample)))


def distances_toward_trace(healthy, x, shrinkage):
    """Take the sum of the diagonal."""
    sample = _sample(healthy)
    return _squared(x - healthy.mean(0), (1 - shrinkage) * sample + shrinkage * sample.trace() * torch.eye(len(sample)))


def distances_toward_diagonal(healthy, x, shrinkage):
    """Shrink what lies beside the diagonal."""
    sample = _sample(healthy)
    return _squared(x - healthy.mean(0), (1 - shrinkage) * sample + shrinkage * sample.diagonal().diag())


def distances_toward_mean_of_all(healthy, x, shrinkage):
    """Take the mean of all entries."""
    sample = _sample(healthy)
    return _squared(x - healthy.mean(0), (1 - shrinkage) * sample + shrinkage * sample.mean() * torch.eye(len(sample)))


def distances_swapped(healthy, x, shrinkage):
    """Swap the shares."""
    return _squared(x - healthy.mean(0), _shrunk(_sample(healthy), 1 - shrinkage))


def distances_only_added(healthy, x, shrinkage):
    """Add a multiple of the identity to the whole of S."""
    sample = _sample(healthy)
    return _squared(x - healthy.mean(0), sample + shrinkage * sample.diagonal().mean() * torch.eye(len(sample)))


def distances_unshrunk(healthy, x, shrinkage):
    """Leave the shrinkage out."""
    return _squared(x - healthy.mean(0), _sample(healthy))


def distances_by_variances(healthy, x, shrinkage):
    """Divide each feature by its own variance."""
    return _squared(x - healthy.mean(0), _shrunk(_sample(healthy), shrinkage).diagonal().diag())


def distances_euclidean(healthy, x, shrinkage):
    """Take no covariance at all."""
    return (x - healthy.mean(0)).square().sum(1)


def distances_uninverted(healthy, x, shrinkage):
    """Multiply by the covariance."""
    away = x - healthy.mean(0)
    return (away @ _shrunk(_sample(healthy), shrinkage) * away).sum(1)


def distances_from_own_mean(healthy, x, shrinkage):
    """Take x's own mean off."""
    return _squared(x - x.mean(0), _shrunk(_sample(healthy), shrinkage))


def distances_of_x(healthy, x, shrinkage):
    """Take mean and covariance of x."""
    return _squared(x - x.mean(0), _shrunk(_sample(x), shrinkage))


def distances_of_pairs(healthy, x, shrinkage):
    """Return a number for each pair of rows."""
    away = x - healthy.mean(0)
    return away @ torch.linalg.pinv(_shrunk(_sample(healthy), shrinkage)) @ away.T


# 14.3 alarms of a healthy patient: other right versions


def alarms_by_patient(score, target, group, threshold):
    """Go from patient to patient."""
    counts = []
    for patient in group.unique():
        mine = group == patient
        if not target[mine].any():
            counts.append(float((score[mine] >= threshold).sum()))
    return sum(counts) / len(counts) if counts else float("nan")


def alarms_by_numpy(score, target, group, threshold):
    """Take the sick patients out of the list of patients, in NumPy."""
    score, target, group = score.numpy(), target.numpy(), group.numpy()
    healthy = np.setdiff1d(group, group[target])
    flagged = np.isin(group, healthy) & (score >= threshold)
    return flagged.sum() / len(healthy) if len(healthy) else np.nan


def alarms_by_table(score, target, group, threshold):
    """Add up in a table with a row for each patient."""
    names, place = group.unique(return_inverse=True)
    sick = torch.zeros(len(names)).index_add(0, place, target.float()) > 0
    alarms = torch.zeros(len(names)).index_add(0, place, (score >= threshold).float())
    return alarms[~sick].mean()


# 14.3 wrong versions


def _healthy(target, group):
    return ~torch.isin(group, group[target])


def alarms_of_healthy_images(score, target, group, threshold):
    """Return the flagged images of a healthy patient, on average."""
    flagged = score >= threshold
    healthy = ~target
    return flagged[healthy].sum() / len(group[healthy].unique())


def alarms_of_healthy_images_over_healthy(score, target, group, threshold):
    """Count the healthy images of the sick as well."""
    return (score >= threshold)[~target].sum() / len(group[_healthy(target, group)].unique())


def alarms_over_patients_with_a_healthy_image(score, target, group, threshold):
    """Divide by all who have a healthy image."""
    return (score >= threshold)[_healthy(target, group)].sum() / len(group[~target].unique())


def alarms_above_alone(score, target, group, threshold):
    """Flag above the threshold, not at it."""
    healthy = _healthy(target, group)
    return (score > threshold)[healthy].sum() / len(group[healthy].unique())


def alarms_below(score, target, group, threshold):
    """Flag what scores low."""
    healthy = _healthy(target, group)
    return (score <= threshold)[healthy].sum() / len(group[healthy].unique())


def alarms_per_image(score, target, group, threshold):
    """Take the mean over images."""
    return (score >= threshold)[_healthy(target, group)].double().mean()


def alarms_over_all_patients(score, target, group, threshold):
    """Divide by all patients."""
    return (score >= threshold)[_healthy(target, group)].sum() / len(group.unique())


def alarms_over_alarmed(score, target, group, threshold):
    """Divide by those who got an alarm."""
    flagged = _healthy(target, group) & (score >= threshold)
    return flagged.sum() / len(group[flagged].unique())


def alarmed_patients(score, target, group, threshold):
    """Count each patient once."""
    healthy = _healthy(target, group)
    return torch.tensor(len(group[healthy & (score >= threshold)].unique())) / len(group[healthy].unique())


def alarms_as_shares(score, target, group, threshold):
    """Take each patient's share of flagged images."""
    shares = [(score[group == one] >= threshold).double().mean() for one in group[_healthy(target, group)].unique()]
    return sum(shares) / len(shares) if shares else float("nan")


def alarms_of_everybody(score, target, group, threshold):
    """Count all flagged images, of the sick as well."""
    return (score >= threshold).sum() / len(group[_healthy(target, group)].unique())


def alarms_of_the_sick(score, target, group, threshold):
    """Take the sick for the healthy."""
    sick = ~_healthy(target, group)
    return (score >= threshold)[sick].sum() / len(group[sick].unique())


def alarms_in_all(score, target, group, threshold):
    """Do not divide."""
    return (score >= threshold)[_healthy(target, group)].sum()
