"""How the worth of a model abroad is really got wrong, and other ways to get it right: the versions behind 17.3."""

from __future__ import annotations

import numpy as np
import torch

NAN = float("nan")


def accuracy_with_a_leak(score, label, domain, val, target):
    """Return the accuracy on the target's test images, by a cut from validation images."""
    learned = val
    cuts = score[learned].unique()
    right = ((score[learned] >= cuts[:, None]) == (label[learned] == 1)).sum(dim=1)
    cut = cuts[right.argmax()]
    test = ~val & (domain == target)
    return ((score[test] >= cut) == (label[test] == 1)).double().mean()


# Other right versions


def accuracy_by_loop(score, label, domain, val, target):
    """Try each cut in turn, from the lowest up."""
    rows = list(zip(score.tolist(), label.tolist(), domain.tolist(), val.tolist()))
    known = [(s, y) for s, y, d, v in rows if v and d != target]
    best, cut = -1, None
    for candidate in sorted(s for s, _ in known):
        right = sum((s >= candidate) == bool(y) for s, y in known)
        if right > best:
            best, cut = right, candidate
    tested = [(s >= cut) == bool(y) for s, y, d, v in rows if not v and d == target]
    return sum(tested) / len(tested) if tested else NAN


def accuracy_by_numpy(score, label, domain, val, target):
    """Sort in NumPy; count the ill at the cut and above, and the healthy below."""
    score, label, domain, val = (part.numpy() for part in (score, label, domain, val))
    known = val & (domain != target)
    cuts = np.unique(score[known])
    hits = [(label[known][score[known] >= c] == 1).sum() + (label[known][score[known] < c] == 0).sum() for c in cuts]
    test = (domain == target) & ~val
    return float(np.mean((score[test] >= cuts[int(np.argmax(hits))]) == label[test])) if test.any() else NAN


def accuracy_by_max(score, label, domain, val, target):
    """Let Python's max choose: it keeps the first of equals."""
    s, y = (part[val & (domain != target)] for part in (score, label))
    cut = max(sorted(s.tolist()), key=lambda c: int(((s >= c).long() == y).sum()))
    s, y = (part[(domain == target) & ~val] for part in (score, label))
    return ((s >= cut).long() == y).double().mean()


# Wrong versions


def _cuts_and_hits(score, label, learned):
    cuts = score[learned].unique()
    return cuts, ((score[learned] >= cuts[:, None]) == (label[learned] == 1)).sum(dim=1)


def _best_cut(score, label, learned):
    cuts, hits = _cuts_and_hits(score, label, learned)
    return cuts[hits.argmax()] if len(cuts) else torch.tensor(0.0)


def _accuracy(score, label, test, cut):
    return ((score[test] >= cut) == (label[test] == 1)).double().mean()


def cut_of_the_target_s_validation(score, label, domain, val, target):
    """Choose the cut on validation images of the target."""
    cut = _best_cut(score, label, val & (domain == target))
    return _accuracy(score, label, ~val & (domain == target), cut)


def cut_of_the_target_s_test(score, label, domain, val, target):
    """Choose the cut on the images that it is tested on."""
    test = ~val & (domain == target)
    return _accuracy(score, label, test, _best_cut(score, label, test))


def cut_of_all_other_images(score, label, domain, val, target):
    """Choose the cut on all images of the others, their test too."""
    return _accuracy(score, label, ~val & (domain == target), _best_cut(score, label, domain != target))


def cut_of_the_others_test(score, label, domain, val, target):
    """Choose the cut on test images of the others."""
    return _accuracy(score, label, ~val & (domain == target), _best_cut(score, label, ~val & (domain != target)))


def cut_left_out_itself(score, label, domain, val, target):
    """Call a score ill only where it lies above the cut."""
    known, test = val & (domain != target), ~val & (domain == target)
    cuts = score[known].unique()
    hits = ((score[known] > cuts[:, None]) == (label[known] == 1)).sum(dim=1)
    return ((score[test] > cuts[hits.argmax()]) == (label[test] == 1)).double().mean()


def highest_of_equal_cuts(score, label, domain, val, target):
    """Take the highest of several best cuts."""
    cuts, hits = _cuts_and_hits(score, label, val & (domain != target))
    return _accuracy(score, label, ~val & (domain == target), cuts[hits == hits.max()].max())


def tested_on_all_of_the_target(score, label, domain, val, target):
    """Count the target's validation images as test images."""
    return _accuracy(score, label, domain == target, _best_cut(score, label, val & (domain != target)))


def tested_on_every_domain(score, label, domain, val, target):
    """Count test images of all domains."""
    return _accuracy(score, label, ~val, _best_cut(score, label, val & (domain != target)))


def tested_at_home(score, label, domain, val, target):
    """Count test images of the others."""
    return _accuracy(score, label, ~val & (domain != target), _best_cut(score, label, val & (domain != target)))


def cut_at_one_half(score, label, domain, val, target):
    """Choose no cut at all."""
    return _accuracy(score, label, ~val & (domain == target), 0.5)


def the_cut_itself(score, label, domain, val, target):
    """Return the cut."""
    return _best_cut(score, label, val & (domain != target))


def accuracy_in_per_cent(score, label, domain, val, target):
    """Return per cent."""
    return 100 * _accuracy(score, label, ~val & (domain == target), _best_cut(score, label, val & (domain != target)))


def errors_counted(score, label, domain, val, target):
    """Return the share of errors."""
    return 1 - _accuracy(score, label, ~val & (domain == target), _best_cut(score, label, val & (domain != target)))


def mean_of_cuts(score, label, domain, val, target):
    """Choose a cut in each other domain, and take their mean."""
    others = [one for one in domain.unique() if one != target]
    cut = torch.stack([_best_cut(score, label, val & (domain == one)) for one in others]).mean()
    return _accuracy(score, label, ~val & (domain == target), cut)


def zero_without_images(score, label, domain, val, target):
    """Return 0 where nothing can be tested."""
    found = _accuracy(score, label, ~val & (domain == target), _best_cut(score, label, val & (domain != target)))
    return found.nan_to_num(0.0)
