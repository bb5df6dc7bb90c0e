"""How Eq. 7 and 9 are really got wrong, and other ways to get them right: the versions behind `metrics`."""

from __future__ import annotations

import numpy as np
import torch

# 9.1 the mean Dice: other right versions


def dice_in_a_loop(pred, target):
    """Go image by image."""
    scores = []
    for one, truth in zip(pred, target):
        areas = int(one.sum()) + int(truth.sum())
        if areas:
            scores.append(2 * int((one & truth).sum()) / areas)
    return sum(scores) / len(scores)


def dice_by_numpy(pred, target):
    """Multiply masks of 0 and 1."""
    one, truth = (np.asarray(mask).reshape(len(mask), -1).astype(np.int64) for mask in (pred, target))
    areas = one.sum(axis=1) + truth.sum(axis=1)
    kept = areas > 0
    return float((2 * (one * truth).sum(axis=1)[kept] / areas[kept]).mean())


def dice_by_union(pred, target):
    """Use that Dice is 2 J / (1 + J), J the intersection over union."""
    overlap = (pred & target).flatten(1).sum(1).double()
    jaccard = overlap / (pred | target).flatten(1).sum(1)
    return (2 * jaccard / (1 + jaccard)).nanmean()


# 9.1 wrong versions


def _sums(pred, target):
    """Return overlap, predicted area, true area and union of each image, float64."""
    masks = (pred & target, pred, target, pred | target)
    return [mask.flatten(1).sum(1).double() for mask in masks]


def dice_is_union(pred, target):
    """Divide the overlap by the union."""
    overlap, _, _, union = _sums(pred, target)
    return (overlap / union).nanmean()


def dice_without_two(pred, target):
    """Forget the 2."""
    overlap, area, truth, _ = _sums(pred, target)
    return (overlap / (area + truth)).nanmean()


def dice_of_the_pool(pred, target):
    """Add up the pixels of all images first."""
    overlap, area, truth, _ = _sums(pred, target)
    return 2 * overlap.sum() / (area.sum() + truth.sum())


def dice_empty_is_one(pred, target):
    """Count two empty masks as 1."""
    overlap, area, truth, _ = _sums(pred, target)
    return (2 * overlap / (area + truth)).nan_to_num(1.0).mean()


def dice_empty_is_zero(pred, target):
    """Keep the division alive with a small number."""
    overlap, area, truth, _ = _sums(pred, target)
    return (2 * overlap / (area + truth + 1e-7)).mean()


def dice_where_truth_shows(pred, target):
    """Look only where there is a lesion."""
    overlap, area, truth, _ = _sums(pred, target)
    return (2 * overlap / (area + truth))[truth > 0].mean()


def dice_where_they_meet(pred, target):
    """Look only where the masks meet."""
    overlap, area, truth, _ = _sums(pred, target)
    return (2 * overlap / (area + truth))[overlap > 0].mean()


def dice_of_right_pixels(pred, target):
    """Count the background that both leave alone."""
    right = (pred == target).flatten(1).double().mean(1)
    return right[(pred | target).flatten(1).any(1)].mean()


def dice_of_predicted_area(pred, target):
    """Ask how much of the prediction is right."""
    overlap, area, _, union = _sums(pred, target)
    return (overlap / area.clamp(min=1))[union > 0].mean()


def dice_of_true_area(pred, target):
    """Ask how much of the lesion is found."""
    overlap, _, truth, union = _sums(pred, target)
    return (overlap / truth.clamp(min=1))[union > 0].mean()


def dice_for_each(pred, target):
    """Forget the mean."""
    overlap, area, truth, _ = _sums(pred, target)
    return (2 * overlap / (area + truth))[area + truth > 0]


# 9.2 the macro F1: other right versions


def f1_by_table(pred, target, classes):
    """Count all pairs at once."""
    table = torch.zeros(classes, classes)
    for truth, answer in zip(target.tolist(), pred.tolist()):
        table[truth, answer] += 1
    shown = table.sum(0) + table.sum(1)  # of class c: 2 tp + fp + fn
    return (2 * table.diagonal() / shown)[shown > 0].mean()


def f1_by_precision_and_recall(pred, target, classes):
    """Use the printed form; a class that is never hit has 0."""
    scores = []
    for c in range(classes):
        called, there, hit = (pred == c).sum(), (target == c).sum(), ((pred == c) & (target == c)).sum()
        if hit:
            precision, recall = hit / called, hit / there
            scores.append(float(2 * precision * recall / (precision + recall)))
        elif called or there:
            scores.append(0.0)
    return sum(scores) / len(scores)


def f1_by_numpy(pred, target, classes):
    """Compare all images with all classes."""
    one, truth = (np.asarray(label)[:, None] == np.arange(classes) for label in (pred, target))
    areas = one.sum(0) + truth.sum(0)
    return float(np.mean([2 * h / a for h, a in zip((one & truth).sum(0), areas) if a]))


# 9.2 wrong versions


def _counts(pred, target, classes):
    """Return tp, fp, fn of each class, float64."""
    one, truth = (label[:, None] == torch.arange(classes) for label in (pred, target))
    return [part.sum(0).double() for part in (one & truth, one & ~truth, ~one & truth)]


def _each(pred, target, classes):
    tp, fp, fn = _counts(pred, target, classes)
    return 2 * tp / (2 * tp + fp + fn)


def f1_micro(pred, target, classes):
    """Sum the counts first: that is the accuracy."""
    tp, fp, fn = (count.sum() for count in _counts(pred, target, classes))
    return 2 * tp / (2 * tp + fp + fn)


def f1_of_the_means(pred, target, classes):
    """Average precision and recall first."""
    tp, fp, fn = _counts(pred, target, classes)
    precision, recall = (tp / (tp + fp)).nanmean(), (tp / (tp + fn)).nanmean()
    return 2 * precision * recall / (precision + recall)


def f1_weighted(pred, target, classes):
    """Let each class count by its images."""
    tp, _, fn = _counts(pred, target, classes)
    return ((tp + fn) * _each(pred, target, classes)).nansum() / len(target)


def f1_of_class_one(pred, target, classes):
    """Look at one class, as if there were two."""
    return _each(pred, target, classes)[1]


def f1_is_precision(pred, target, classes):
    """Average the precision."""
    tp, fp, _ = _counts(pred, target, classes)
    return (tp / (tp + fp)).nanmean()


def f1_is_recall(pred, target, classes):
    """Average the recall."""
    tp, _, fn = _counts(pred, target, classes)
    return (tp / (tp + fn)).nanmean()


def f1_arithmetic(pred, target, classes):
    """Take the usual mean of precision and recall."""
    tp, fp, fn = _counts(pred, target, classes)
    return ((tp / (tp + fp) + tp / (tp + fn)) / 2).nanmean()


def f1_without_two(pred, target, classes):
    """Forget the 2 of the harmonic mean."""
    return _each(pred, target, classes).nanmean() / 2


def f1_is_union(pred, target, classes):
    """Count the hits once: tp / (tp + fp + fn)."""
    tp, fp, fn = _counts(pred, target, classes)
    return (tp / (tp + fp + fn)).nanmean()


def f1_absent_is_zero(pred, target, classes):
    """Divide by all classes."""
    return _each(pred, target, classes).nan_to_num(0.0).mean()


def f1_absent_is_one(pred, target, classes):
    """Take an absent class for a perfect one."""
    return _each(pred, target, classes).nan_to_num(1.0).mean()


def f1_never_called_left_out(pred, target, classes):
    """Lose the class whose precision is 0/0."""
    tp, fp, fn = _counts(pred, target, classes)
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return (2 * precision * recall / (precision + recall)).nanmean()


def f1_of_classes_shown(pred, target, classes):
    """Average over the classes that the truth shows."""
    tp, _, fn = _counts(pred, target, classes)
    return _each(pred, target, classes)[tp + fn > 0].mean()
