"""Wrong answers to the exercises of notebook 14, written by hand from their text."""

from __future__ import annotations

import torch

from unseen.by_hand import Answers

ANSWERS = Answers()
wrong = ANSWERS.to


@wrong("14.1", "v is the median of the diagonal")
def distances_toward_median(healthy, x, shrinkage):
    off = healthy - healthy.mean(0)
    s = off.T @ off / len(healthy)
    sigma = (1 - shrinkage) * s + shrinkage * s.diagonal().median() * torch.eye(len(s))
    return torch.stack([(row - healthy.mean(0)) @ torch.linalg.inv(sigma) @ (row - healthy.mean(0)) for row in x])


@wrong("14.1", "v is the geometric mean of the variances")
def distances_toward_geometric_mean(healthy, x, shrinkage):
    off = healthy - healthy.mean(0)
    s = off.T @ off / len(healthy)
    v = (s.diagonal() + 1e-12).log().mean().exp()
    away = x - healthy.mean(0)
    return (away @ torch.linalg.inv((1 - shrinkage) * s + shrinkage * v * torch.eye(len(s))) * away).sum(1)


@wrong("14.1", "the inverses are mixed, not the covariances")
def distances_of_mixed_inverses(healthy, x, shrinkage):
    off, away = healthy - healthy.mean(0), x - healthy.mean(0)
    s = off.T @ off / len(healthy)
    inverse = (1 - shrinkage) * torch.linalg.pinv(s) + shrinkage / s.diagonal().mean() * torch.eye(len(s))
    return (away @ inverse * away).sum(1)


@wrong("14.1", "the mean of the squares instead of their sum")
def distances_per_feature(healthy, x, shrinkage):
    off, away = healthy - healthy.mean(0), x - healthy.mean(0)
    s = off.T @ off / len(healthy)
    sigma = (1 - shrinkage) * s + shrinkage * s.diagonal().mean() * torch.eye(len(s))
    return (away @ torch.linalg.inv(sigma) * away).mean(1)


@wrong("14.1", "healthy and x joined for the covariance")
def distances_of_everybody(healthy, x, shrinkage):
    rows = torch.cat([healthy, x])
    s = torch.cov(rows.T, correction=0)
    sigma = (1 - shrinkage) * s + shrinkage * s.diagonal().mean() * torch.eye(len(s))
    away = x - healthy.mean(0)
    return (torch.linalg.solve(sigma, away.T) * away.T).sum(0)


@wrong("14.1", "shrunk by the correlation, not by the covariance")
def distances_of_standardised(healthy, x, shrinkage):
    mean, scale = healthy.mean(0), healthy.std(0, correction=0).clamp(min=1e-6)
    known, away = (healthy - mean) / scale, (x - mean) / scale
    s = known.T @ known / len(known)
    sigma = (1 - shrinkage) * s + shrinkage * torch.eye(len(s))
    return (away @ torch.linalg.inv(sigma) * away).sum(1)


@wrong("14.1", "no shrinkage where S can be inverted")
def distances_shrunk_in_need(healthy, x, shrinkage):
    off, away = healthy - healthy.mean(0), x - healthy.mean(0)
    s = off.T @ off / len(healthy)
    if len(healthy) <= len(s):
        s = (1 - shrinkage) * s + shrinkage * s.diagonal().mean() * torch.eye(len(s))
    return (away @ torch.linalg.inv(s) * away).sum(1)


@wrong("14.3", "a patient is healthy if the first image is")
def alarms_by_first_image(score, target, group, threshold):
    names = group.unique()
    healthy = [name for name in names if not target[group == name][0]]
    return sum(int(((group == name) & (score >= threshold)).sum()) for name in healthy) / max(len(healthy), 1)


@wrong("14.3", "a patient is sick if most images are")
def alarms_by_majority(score, target, group, threshold):
    counts = [(score[group == one] >= threshold).sum() for one in group.unique() if target[group == one].float().mean() <= 0.5]
    return torch.stack(counts).float().mean() if counts else float("nan")


@wrong("14.3", "0 where nobody is healthy")
def alarms_or_nothing(score, target, group, threshold):
    healthy = ~torch.isin(group, group[target])
    return (score >= threshold)[healthy].sum() / max(len(group[healthy].unique()), 1)


@wrong("14.3", "the median over patients")
def alarms_in_the_middle(score, target, group, threshold):
    healthy = ~torch.isin(group, group[target])
    counts = [(score[group == one] >= threshold).sum().float() for one in group[healthy].unique()]
    return torch.stack(counts).median() if counts else float("nan")


@wrong("14.3", "patients are counted by the highest number")
def alarms_by_highest_number(score, target, group, threshold):
    healthy = ~torch.isin(group, group[target])
    counts = torch.bincount(group[healthy], weights=(score >= threshold)[healthy].double())
    return counts.mean()


@wrong("14.3", "a flagged image makes its patient sick")
def alarms_of_the_unflagged(score, target, group, threshold):
    flagged = score >= threshold
    healthy = ~torch.isin(group, group[target & flagged])
    return flagged[healthy].sum() / len(group[healthy].unique())
