"""Wrong answers to the exercises of notebooks 08-13 and 18, written by hand from their text."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from unseen.by_hand import Answers

ANSWERS = Answers()
wrong = ANSWERS.to


@wrong("8.1", "corrected averages are handed on")
def adam_hands_on_corrected(weight, gradient, m, v, step, rate):
    m = (0.9 * m + 0.1 * gradient) / (1 - 0.9**step)
    v = (0.999 * v + 0.001 * gradient**2) / (1 - 0.999**step)
    return torch.stack([weight - rate * m / (v.sqrt() + 1e-8), m, v])


@wrong("8.1", "steps count from 0")
def adam_from_zero(weight, gradient, m, v, step, rate):
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    step = step + 1
    moved = rate * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    return torch.stack([weight - moved, m, v])


@wrong("8.1", "no root below the fraction")
def adam_without_root(weight, gradient, m, v, step, rate):
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    return torch.stack([weight - rate * (m / (1 - 0.9**step)) / (v / (1 - 0.999**step) + 1e-8), m, v])


@wrong("8.2", "one Dice over all images together")
def loss_pooled(pred, target):
    p, y = pred.sigmoid(), target.float()
    dice = 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
    return dice + F.binary_cross_entropy_with_logits(pred, y)


@wrong("8.2", "the logarithm is kept finite by a clamp")
def loss_clamped(pred, target):
    p, y = pred.sigmoid(), target.float()
    dice = 1 - (2 * (p * y).sum(dim=(1, 2, 3)) + 1) / ((p + y).sum(dim=(1, 2, 3)) + 1)
    q = p.clamp(1e-7, 1 - 1e-7)
    return dice.mean() - (y * q.log() + (1 - y) * (1 - q).log()).mean()


@wrong("8.2", "the smoothing 1 stands above the fraction only")
def loss_smoothed_once(pred, target):
    p, y = pred.sigmoid(), target.float()
    dice = 1 - (2 * (p * y).sum(dim=(1, 2, 3)) + 1) / (p + y).sum(dim=(1, 2, 3))
    return dice.mean() + F.binary_cross_entropy_with_logits(pred, y)


@wrong("8.4", "pieces add up as if each were the whole")
def gradient_of_sums(weight, x, y, size):
    weight = weight.clone().requires_grad_()
    for rows, wanted in zip(x.split(size), y.split(size), strict=True):
        (rows @ weight - wanted).square().mean().backward()
    return weight.grad


@wrong("8.4", "divided by the size that was asked for, the last piece too")
def gradient_over_size(weight, x, y, size):
    weight = weight.clone().requires_grad_()
    for rows, wanted in zip(x.split(size), y.split(size), strict=True):
        ((rows @ weight - wanted).square().sum() / size * size / len(rows) / len(x)).backward()
    return weight.grad


@wrong("9.1", "an image with one empty mask is left out as well")
def dice_where_both_have_pixels(pred, target):
    both = (pred & target).sum(dim=(1, 2, 3))
    a, b = pred.sum(dim=(1, 2, 3)), target.sum(dim=(1, 2, 3))
    counts = (a > 0) & (b > 0)
    return (2 * both[counts] / (a + b)[counts]).mean()


@wrong("9.1", "the factor 2 is missing")
def dice_without_two(pred, target):
    both, total = (pred & target).sum(dim=(1, 2, 3)), pred.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    return (both[total > 0] / total[total > 0]).mean()


@wrong("9.1", "empty pairs count as 1")
def dice_with_perfect_nothing(pred, target):
    both, total = (pred & target).sum(dim=(1, 2, 3)), pred.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    return torch.where(total > 0, 2 * both / total.clamp(min=1), 1.0).mean()


@wrong("9.2", "precision and recall are averaged first")
def f1_of_averages(pred, target, classes):
    p, r = [], []
    for c in range(classes):
        tp = ((pred == c) & (target == c)).sum()
        if (pred == c).any() or (target == c).any():
            p.append(tp / (pred == c).sum().clamp(min=1))
            r.append(tp / (target == c).sum().clamp(min=1))
    p, r = torch.stack(p).mean(), torch.stack(r).mean()
    return 2 * p * r / (p + r)


@wrong("9.2", "divided by all classes")
def f1_over_all_classes(pred, target, classes):
    total = 0.0
    for c in range(classes):
        tp, says, is_c = ((pred == c) & (target == c)).sum(), (pred == c).sum(), (target == c).sum()
        total += float(2 * tp / (says + is_c).clamp(min=1))
    return total / classes


@wrong("9.2", "only classes that are shown")
def f1_of_shown_classes(pred, target, classes):
    found = []
    for c in target.unique():
        tp = ((pred == c) & (target == c)).sum()
        found.append(2 * tp / ((pred == c).sum() + (target == c).sum()))
    return torch.stack(found).mean()


@wrong("9.4", "the mean of the patients' means")
def resampled_by_patient_means(values, patient, drawn):
    return torch.stack([torch.stack([values[patient == p].mean() for p in row]).mean() for row in drawn])


@wrong("9.4", "counts twice above, and once below the fraction")
def resampled_half(values, patient, drawn):
    counts = torch.stack([(drawn == p).sum(dim=1) for p in patient], dim=1)
    return (counts * values).sum(dim=1) / (counts > 0).sum(dim=1)


@wrong("10.1", "the median of all runs, warm-up too")
def summary_with_warm_up(seconds, images, warm_up):
    return torch.quantile(seconds / images, torch.tensor([0.25, 0.5, 0.75], dtype=seconds.dtype))


@wrong("10.1", "the slowest runs are thrown away")
def summary_of_the_fast(seconds, images, warm_up):
    kept = seconds.sort().values[: len(seconds) - warm_up] / images
    return torch.quantile(kept, torch.tensor([0.25, 0.5, 0.75], dtype=seconds.dtype))


@wrong("10.1", "takes the lower of two runs")
def summary_lower(seconds, images, warm_up):
    kept = seconds[warm_up:] / images
    quarters = torch.tensor([0.25, 0.5, 0.75], dtype=seconds.dtype)
    return torch.quantile(kept, quarters, interpolation="lower")


@wrong("10.2", "adds queueing and work")
def clocks_added(queueing, work):
    return torch.stack([queueing.sum(), queueing.sum() + work.sum()])


@wrong("10.2", "the device begins when all is handed over")
def clocks_after_the_queue(queueing, work):
    return torch.stack([queueing.sum(), torch.maximum(queueing.sum(), work.sum())])


@wrong("10.2", "the device waits only for the first job")
def clocks_waiting_once(queueing, work):
    return torch.stack([queueing.sum(), queueing[0] + work.sum()])


@wrong("10.4", "seconds for an image, turned round")
def speed_turned_round(sizes, seconds):
    return seconds.sum() / sizes.sum()


@wrong("10.4", "weighted by images")
def speed_weighted_by_images(sizes, seconds):
    return (sizes / seconds * sizes).sum() / sizes.sum()


@wrong("11.1", "positions are taken for numbers of patients")
def resampled_by_number(values, group, drawn):
    rows = []
    for row in drawn:
        picked = torch.cat([values[group == p] for p in row])
        rows.append(picked.mean() if len(picked) else torch.tensor(float("nan")))
    return torch.stack(rows)


@wrong("11.1", "patients in the order in which they come")
def resampled_unsorted(values, group, drawn):
    order = list(dict.fromkeys(group.tolist()))
    return torch.stack([torch.cat([values[group == order[p]] for p in row]).mean() for row in drawn])


@wrong("11.1", "everybody once")
def resampled_once(values, group, drawn):
    patients = group.unique()
    return torch.stack([values[torch.isin(group, patients[row])].mean() for row in drawn])


@wrong("11.2", "seeds averaged before the images")
def leads_over_seeds_first(first, second, group):
    lead = (first - second).nanmean(dim=0)
    return torch.stack([lead[group == g].nanmean() for g in group.unique()])


@wrong("11.2", "a missing value counts as zero")
def leads_with_zeros(first, second, group):
    lead = torch.nan_to_num(first) - torch.nan_to_num(second)
    return torch.stack([lead[:, group == g].mean(dim=1).mean() for g in group.unique()])


@wrong("11.2", "each model averaged on its own, over the images it has")
def leads_of_means(first, second, group):
    def of(values):
        return torch.stack([values[:, group == g].nanmean(dim=1).nanmean() for g in group.unique()])

    return of(first) - of(second)


@wrong("11.4", "over n, not n - 1")
def error_without_correction(right, group):
    means = torch.stack([right[:, group == g].mean() for g in group.unique()])
    return means.std(correction=0) / len(means) ** 0.5


@wrong("11.4", "patients as units, images below the root")
def error_over_images(right, group):
    means = torch.stack([right[:, group == g].mean() for g in group.unique()])
    return means.std() / len(group) ** 0.5


@wrong("11.4", "images as units, after the mean over seeds")
def error_of_images(right, group):
    means = right.mean(dim=0)
    return means.std() / len(means) ** 0.5


@wrong("12.1", "the whole rest is cut off at each end")
def interval_cut_twice(means, level):
    kept = means[~means.isnan()]
    return torch.quantile(kept, torch.tensor([1 - level, level], dtype=means.dtype))


@wrong("12.1", "mean ± 1.96 standard deviations")
def interval_of_a_bell(means, level):
    kept = means[~means.isnan()]
    return torch.stack([kept.mean() - 1.96 * kept.std(), kept.mean() + 1.96 * kept.std()])


@wrong("12.1", "NaN sorted to the end and counted")
def interval_with_nan(means, level):
    ordered = means.sort().values
    at = [(1 - level) / 2 * (len(means) - 1), (1 + level) / 2 * (len(means) - 1)]
    return torch.stack([torch.nan_to_num(ordered)[round(place)] for place in at])


@wrong("12.2", "a small lead fails although it lies above 0")
def verdict_small_first(low, high, seeds, units):
    if seeds < 3 or units < 20 or low == high:
        return 0
    if high < 0 or (low > -1 and high < 1):
        return -1
    return 1 if low > 0 else 0


@wrong("12.2", "holds only beyond the margin")
def verdict_beyond_the_margin(low, high, seeds, units):
    if seeds < 3 or units < 20 or low == high:
        return 0
    if low > 1:
        return 1
    return -1 if high < 0 or (-1 < low and high < 1) else 0


@wrong("12.2", "more than 3 seeds and 20 units are asked for")
def verdict_too_strict(low, high, seeds, units):
    if seeds <= 3 or units <= 20 or low == high:
        return 0
    if low > 0:
        return 1
    return -1 if high < 0 or (-1 < low and high < 1) else 0


@wrong("12.4", "chosen on the test images, by their mean")
def lead_chosen_on_test(validation, test):
    means = test.nanmean(dim=1)
    return means[1:].max() - means[0]


@wrong("12.4", "the baseline's best seed stands for it")
def lead_over_the_best_baseline(validation, test):
    chosen = 1 + validation[1:].nanmean(dim=1).argmax()
    return test[chosen].nanmean() - torch.nan_to_num(test[0], -1e9).max()


@wrong("12.4", "the lead on the validation images")
def lead_on_validation(validation, test):
    means = validation.nanmean(dim=1)
    return means[1:].max() - means[0]


@wrong("13.1", "stops before the last patient is in")
def test_side_too_small(patient, order, count):
    chosen = torch.zeros(len(patient), dtype=torch.bool)
    for one in order:
        own = patient == one
        if chosen.sum() + own.sum() > count:
            break
        chosen |= own
    return chosen


@wrong("13.1", "count counts patients")
def test_side_by_patients(patient, order, count):
    return torch.isin(patient, order[:count])


@wrong("13.1", "one patient too many, where the count fits exactly")
def test_side_one_more(patient, order, count):
    chosen = torch.zeros(len(patient), dtype=torch.bool)
    for one in order:
        if chosen.sum() > count:
            break
        chosen |= patient == one
    return chosen


@wrong("13.2", "the last twin")
def last_twin(train, test):
    found = torch.full((len(test),), -1)
    for i, image in enumerate(test):
        for j, other in enumerate(train):
            if torch.equal(image, other):
                found[i] = j
    return found


@wrong("13.2", "looks at sums of pixels")
def twin_by_sum(train, test):
    same = test.sum(dim=(1, 2, 3))[:, None] == train.sum(dim=(1, 2, 3))[None]
    return torch.where(same.any(dim=1), same.int().argmax(dim=1), -1)


@wrong("13.2", "one equal channel is enough")
def twin_in_one_channel(train, test):
    same = (test[:, None] == train[None]).all(dim=(3, 4)).any(dim=2)
    return torch.where(same.any(dim=1), same.int().argmax(dim=1), -1)


@wrong("13.3", "shrunk by leaving pixels out")
def gaps_of_picked_pixels(train, test, size):
    def small(x):
        x = x[:, :: x.shape[1] // size, :: x.shape[2] // size]
        return x - x.mean(dim=(1, 2), keepdim=True)

    return (small(test)[:, None] - small(train)[None]).abs().mean(dim=(2, 3))


@wrong("13.3", "squares in the place of magnitudes")
def gaps_squared(train, test, size):
    def small(x):
        x = F.adaptive_avg_pool2d(x, size)
        return x - x.mean(dim=(1, 2), keepdim=True)

    return (small(test)[:, None] - small(train)[None]).square().mean(dim=(2, 3)).sqrt()


@wrong("13.3", "a mean of the set is subtracted, not of each image")
def gaps_with_one_mean(train, test, size):
    a, b = F.adaptive_avg_pool2d(test, size), F.adaptive_avg_pool2d(train, size)
    return ((a - a.mean())[:, None] - (b - b.mean())[None]).abs().mean(dim=(2, 3))


@wrong("13.5", "mean of training, spread of the test rows")
def scaled_half(train, test):
    spread = test.std(dim=0, correction=0)
    return (test - train.mean(dim=0)) / spread.where(spread > 0, 1.0)


@wrong("13.5", "one mean and spread for all columns")
def scaled_by_one_number(train, test):
    spread = train.std(correction=0)
    return (test - train.mean()) / spread


@wrong("13.5", "with N - 1 below the root")
def scaled_with_correction(train, test):
    spread = train.std(dim=0)
    return (test - train.mean(dim=0)) / spread.where(spread > 0, 1.0)


@wrong("18.1", "the zero point is taken off, not added")
def eight_bits_zero_taken_off(x, low, high):
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    return (torch.round(x / step) - round(-128 - low / step)).clamp(-128, 127)


@wrong("18.1", "numbers are cut off at the range that was given, not at the widened one")
def eight_bits_cut_at_low(x, low, high):
    x = x.clamp(low, high)
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    return (torch.round(x / step) + round(-128 - low / step)).clamp(-128, 127)


@wrong("18.3", "a share of the other model's answer")
def largest_difference_by_the_other(one, other):
    return ((one - other).abs() / other.abs().clamp(min=1)).max()


@wrong("18.3", "the smallest of all differences")
def largest_difference_smallest(one, other):
    return ((one - other).abs() / one.abs().clamp(min=1)).min()
