"""Wrong answers to the exercises of notebook 17, written by hand from their text."""

from __future__ import annotations

import torch

from unseen.by_hand import Answers

ANSWERS = Answers()
wrong = ANSWERS.to


@wrong("17.1", "divided by the largest distance from the mean")
def z_by_largest(images, inside):
    result = torch.zeros_like(images)
    for i, body in enumerate(inside):
        values = images[i][body] - images[i][body].mean()
        result[i][body] = values / values.abs().max().clamp(min=1e-9)
    return result


@wrong("17.1", "divided by the mean absolute distance")
def z_by_mean_distance(images, inside):
    n = inside.sum(dim=(1, 2), keepdim=True)
    centred = (images - (images * inside).sum(dim=(1, 2), keepdim=True) / n) * inside
    return centred / (centred.abs().sum(dim=(1, 2), keepdim=True) / n).clamp(min=1e-9)


@wrong("17.1", "the spread is measured around 0, not around the mean")
def z_spread_around_zero(images, inside):
    n = inside.sum(dim=(1, 2), keepdim=True)
    mean = (images * inside).sum(dim=(1, 2), keepdim=True) / n
    spread = ((images * inside).square().sum(dim=(1, 2), keepdim=True) / n).sqrt()
    return torch.where(images * inside == mean * inside, 0.0, (images - mean) * inside / spread)


@wrong("17.1", "each row by itself")
def z_by_row(images, inside):
    body = torch.where(inside, images, torch.nan)
    centred = body - body.nanmean(dim=2, keepdim=True)
    return (centred / centred.square().nanmean(dim=2, keepdim=True).sqrt()).nan_to_num(0.0, 0.0, 0.0)


@wrong("17.1", "the outside becomes NaN")
def z_nan_outside(images, inside):
    body = torch.where(inside, images, torch.nan)
    centred = body - body.nanmean(dim=(1, 2), keepdim=True)
    spread = centred.square().nanmean(dim=(1, 2), keepdim=True).sqrt()
    return centred / torch.where(spread > 0, spread, 1.0)


@wrong("17.1", "a tenth is added to the standard deviation, against zeros")
def z_with_epsilon(images, inside):
    n = inside.sum(dim=(1, 2), keepdim=True)
    centred = (images - (images * inside).sum(dim=(1, 2), keepdim=True) / n) * inside
    return centred / ((centred.square().sum(dim=(1, 2), keepdim=True) / n).sqrt() + 0.1)


@wrong("17.3", "every domain's own validation images choose for the target: the best of their accuracies at home")
def best_accuracy_at_home(score, label, domain, val, target):
    home = val & (domain != target)
    return max(((score[home] >= c) == (label[home] == 1)).double().mean() for c in score[home])


@wrong("17.3", "the cut is the middle of both classes' means on the others' validation images")
def cut_between_means(score, label, domain, val, target):
    home, test = val & (domain != target), ~val & (domain == target)
    cut = (score[home & (label == 1)].mean() + score[home & (label == 0)].mean()) / 2
    return ((score[test] >= cut) == (label[test] == 1)).double().mean()


@wrong("17.3", "ill below the cut")
def ill_below(score, label, domain, val, target):
    home, test = val & (domain != target), ~val & (domain == target)
    cuts = score[home].unique()
    right = ((score[home] < cuts[:, None]) == (label[home] == 1)).sum(dim=1)
    return ((score[test] < cuts[right.argmax()]) == (label[test] == 1)).double().mean()


@wrong("17.3", "the cut finds the most ill ones, whatever else it calls ill")
def cut_by_recall(score, label, domain, val, target):
    home, test = val & (domain != target), ~val & (domain == target)
    cut = score[home & (label == 1)].min()
    return ((score[test] >= cut) == (label[test] == 1)).double().mean()


@wrong("17.3", "the first of equal cuts in the order of the images, not the lowest")
def first_in_order(score, label, domain, val, target):
    home, test = val & (domain != target), ~val & (domain == target)
    cuts = score[home]
    right = ((score[home] >= cuts[:, None]) == (label[home] == 1)).sum(dim=1)
    return ((score[test] >= cuts[right.argmax()]) == (label[test] == 1)).double().mean()


@wrong("17.3", "balanced accuracy")
def balanced(score, label, domain, val, target):
    home, test = val & (domain != target), ~val & (domain == target)
    cuts = score[home].unique()
    right = ((score[home] >= cuts[:, None]) == (label[home] == 1)).sum(dim=1)
    called = (score >= cuts[right.argmax()]) == (label == 1)
    return torch.stack([called[test & (label == k)].double().mean() for k in (0, 1)]).nanmean()


@wrong("17.3", "how many are called rightly")
def number_right(score, label, domain, val, target):
    home, test = val & (domain != target), ~val & (domain == target)
    cuts = score[home].unique()
    right = ((score[home] >= cuts[:, None]) == (label[home] == 1)).sum(dim=1)
    return ((score[test] >= cuts[right.argmax()]) == (label[test] == 1)).sum()
