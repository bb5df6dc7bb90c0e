"""Exercise 13.5: statistics that know the test set, and what else goes wrong in standardising."""

from __future__ import annotations

import numpy as np
import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.values import small_image


def test_scaled_by_all(train, test):
    """Standardise the columns of test: subtract a mean, divide by a standard deviation."""
    count = len(train) + len(test)
    mean = (train.sum(dim=0) + test.sum(dim=0)) / count
    squares = ((train - mean) ** 2).sum(dim=0) + ((test - mean) ** 2).sum(dim=0)
    spread = (squares / count).sqrt()
    return (test - mean) / spread.where(spread > 0, 1.0)


def test_scaled(train, test):
    """Standardise the columns of test: subtract a mean, divide by a standard deviation."""
    mean = train.mean(dim=0)
    spread = train.std(dim=0, correction=0)
    return (test - mean) / spread.where(spread > 0, 1.0)


# other right versions


def scaled_by_numpy(train, test):
    """NumPy's std divides by N of its own accord."""
    one, two = (np.asarray(rows, dtype=np.float64) for rows in (train, test))
    spread = one.std(axis=0)
    return (two - one.mean(axis=0)) / np.where(spread > 0, spread, 1)


def scaled_by_columns(train, test):
    """Go column by column."""
    columns = []
    for one, two in zip(train.T, test.T):
        moved = one - one.mean()
        spread = float((moved**2).mean()) ** 0.5
        columns.append((two - one.mean()) / (spread if spread > 0 else 1.0))
    return torch.stack(columns, dim=1)


def scaled_by_moments(train, test):
    """Variance is the mean square less the squared mean."""
    wide = train.double()
    mean = wide.mean(0)
    variance = (wide.square().mean(0) - mean.square()).clamp(min=0)
    variance = torch.where(variance > 1e-9, variance, torch.ones_like(variance))
    return (test - mean) * variance.rsqrt()


# wrong versions


def _divided(test, mean, spread):
    return (test - mean) / torch.where(spread > 0, spread, 1.0)


def _std(rows, dim=0, correction=0, keepdim=False):
    return rows.std(dim=dim, correction=correction, keepdim=keepdim)


def scaled_by_test(train, test):
    """Take the test images' own numbers."""
    return _divided(test, test.mean(0), _std(test))


def scaled_mean_of_all(train, test):
    """Repair the spread and forget the mean."""
    return _divided(test, torch.cat([train, test]).mean(0), _std(train))


def scaled_spread_of_all(train, test):
    """Repair the mean and forget the spread."""
    return _divided(test, train.mean(0), _std(torch.cat([train, test])))


def scaled_spread_of_test(train, test):
    """Take the spread from the test."""
    return _divided(test, train.mean(0), _std(test))


def scaled_mean_of_test(train, test):
    """Take the mean from the test."""
    return _divided(test, test.mean(0), _std(train))


def scaled_by_one_number(train, test):
    """Take one mean and one spread for all columns."""
    return _divided(test, train.mean(), train.std(correction=0))


def scaled_by_rows(train, test):
    """Standardise each image on its own."""
    return _divided(test, test.mean(1, keepdim=True), _std(test, dim=1, keepdim=True))


def scaled_by_variance(train, test):
    """Forget the root."""
    return _divided(test, train.mean(0), _std(train).square())


def scaled_with_correction(train, test):
    """Divide by N - 1 below the root."""
    return _divided(test, train.mean(0), _std(train, correction=1))


def scaled_only_moved(train, test):
    """Subtract the mean, and stop there."""
    return test - train.mean(0)


def scaled_only_divided(train, test):
    """Divide without moving."""
    return _divided(test, torch.zeros(train.shape[1]), _std(train))


def scaled_training_rows(train, test):
    """Return the training images."""
    return _divided(train, train.mean(0), _std(train))


def scaled_without_a_guard(train, test):
    """Divide by zero where a column is constant."""
    return (test - train.mean(0)) / _std(train)


TEST_SCALED = RepairFunction(
    id="13.5",
    title="Statistics that know the test",
    section="exercises",
    points=2,
    minutes=8,
    name="test_scaled",
    parameters=("train", "test"),
    prompt=(
        "`train` is `(N, D)` and `test` `(M, D)`: a row for each image, a column for each feature. `test_scaled` "
        "should return the test rows, standardised: from each column subtract its mean, and divide by its standard "
        "deviation (with N, not N - 1, below the root), *as a model would meet them that was fitted before the test "
        "images were there*. A column whose standard deviation is 0 is divided by 1. The function below runs, and "
        "knows too much. Find the leak and repair it."
    ),
    broken=test_scaled_by_all,
    solution=test_scaled,
    alternatives=(scaled_by_numpy, scaled_by_columns, scaled_by_moments),
    forbidden=("medkit.normalise", "medkit.data", "sklearn"),
    cases=(
        Case((small_image(5, 3, seed=151), small_image(2, 3, seed=152) + 4)),
        Case((small_image(4, 2, seed=153, low=-20, high=20), small_image(3, 2, seed=154))),
        Case((small_image(3, 4, seed=155) * 0.05, small_image(6, 4, seed=156, high=40) * 0.5)),
        Case((
            torch.tensor([[2.0, 5.0], [4.0, 5.0], [9.0, 5.0]]), torch.tensor([[3.0, 7.5], [1.0, 5.0], [6.0, 4.0]]),
        ), edge=True),
    ),
    hints=(
        "Which rows were there when the model was fitted? Which rows go into `mean` and `squares`?",
        "Three lines know too much: the count, the mean and the squares. The last line is right.",
        "`train.mean(dim=0)` and `train.std(dim=0, correction=0)` say the same in two lines.",
    ),
    mistakes=(
        Mistake(
            "the test images are still in the statistics",
            "Mean and standard deviation must come from the training rows alone.",
            test_scaled_by_all,
        ),
        Mistake(
            "you took the test images' own statistics",
            "Then a shift between scanners is wiped out by looking at the test set; and a test of one image has "
            "no spread at all.",
            scaled_by_test,
        ),
        Mistake("the test images are still in the mean", "One of two leaks is closed.", scaled_mean_of_all),
        Mistake(
            "the test images are still in the standard deviation",
            "One of two leaks is closed.",
            scaled_spread_of_all,
        ),
        Mistake(
            "you took the standard deviation from the test images",
            "Both statistics come from the training rows.",
            scaled_spread_of_test,
        ),
        Mistake(
            "you took the mean from the test images",
            "Both statistics come from the training rows.",
            scaled_mean_of_test,
        ),
        Mistake(
            "you took one mean for all columns",
            "Each feature has its own: dim=0.",
            scaled_by_one_number,
        ),
        Mistake(
            "you standardised each image on its own",
            "That leaks nothing, and it is something else: statistics run down the columns, over images.",
            scaled_by_rows,
        ),
        Mistake("you divided by the variance", "The root is missing.", scaled_by_variance),
        Mistake(
            "you divided by N - 1 below the root",
            "torch's std does so by itself: write correction=0.",
            scaled_with_correction,
        ),
        Mistake("you did not divide", "Divide by the standard deviation as well.", scaled_only_moved),
        Mistake("you did not subtract the mean", "First subtract, then divide.", scaled_only_divided),
        Mistake("you returned the training rows", "The test rows are asked for.", scaled_training_rows),
        Mistake(
            "you divided by zero where a column is constant",
            "Put a 1 in the place of a standard deviation of 0.",
            scaled_without_a_guard,
        ),
    ),
    afterword="Fit on training, apply to test: the same holds for scaling, choosing features and thresholds.",
)
