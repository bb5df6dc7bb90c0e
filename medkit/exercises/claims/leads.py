"""How a lead is really picked on the test images: the wrong versions behind exercise 12.4."""

from __future__ import annotations

import torch


def _means(part):
    return part.nanmean(dim=1)


def _without_nan(part):
    return part.nan_to_num(-1e9)


def lead_of_the_best_model_in_test(validation, test):
    """Pick the model by its mean on the test."""
    return _means(test)[1:].max() - _means(test)[0]


def lead_of_the_best_run_in_validation(validation, test):
    """Pick one run by validation, and give that run alone."""
    place = _without_nan(validation[1:]).flatten().argmax()
    return test[1:].flatten()[place] - _means(test)[0]


def lead_of_the_luckiest_of_both(validation, test):
    """Take the best test run on both sides."""
    best = _without_nan(test)
    return best[1:].max() - best[0].max()


def lead_by_the_best_single_run(validation, test):
    """Pick the model whose best run in validation is the best."""
    model = 1 + _without_nan(validation[1:]).amax(1).argmax()
    return _means(test)[model] - _means(test)[0]


def lead_in_validation(validation, test):
    """Give the lead on the validation images."""
    return _means(validation)[1:].max() - _means(validation)[0]


def lead_one_row_off(validation, test):
    """Forget that the baseline's row was cut off."""
    model = _means(validation)[1:].argmax()
    return _means(test)[model] - _means(test)[0]


def lead_with_the_baseline_in_the_race(validation, test):
    """Let the baseline compete with itself."""
    model = _means(validation).argmax()
    return _means(test)[model] - _means(test)[0]


def lead_picked_for_each_seed(validation, test):
    """Pick another model for each seed."""
    model = _without_nan(validation[1:]).argmax(0, keepdim=True)
    return test[1:].gather(0, model).nanmean() - _means(test)[0]


def lead_over_the_others(validation, test):
    """Compare with the mean of the models that were not chosen."""
    model = 1 + int(_means(validation)[1:].argmax())
    others = [row for row in range(1, len(test)) if row != model]
    return _means(test)[model] - _means(test)[others].mean()


def lead_reversed(validation, test):
    """Subtract the wrong way round."""
    model = 1 + _means(validation)[1:].argmax()
    return _means(test)[0] - _means(test)[model]


def lead_of_the_worst(validation, test):
    """Pick the model with the lowest validation."""
    model = 1 + _means(validation)[1:].argmin()
    return _means(test)[model] - _means(test)[0]


def lead_with_zeros(validation, test):
    """Count a run that was not made as 0."""
    tried, measured = (part.nan_to_num(0.0).mean(1) for part in (validation, test))
    return measured[1 + tried[1:].argmax()] - measured[0]


def lead_with_nan(validation, test):
    """Let a run that was not made spoil its model."""
    tried, measured = validation.mean(1), test.mean(1)
    return measured[1 + torch.nan_to_num(tried[1:], -1e9).argmax()] - measured[0]
