"""Exercise 8.4: a batch worked off in unequal pieces; its versions, right and wrong."""

from __future__ import annotations

import numpy as np
import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction
from medkit.exercises.values import small_image


def gradient_as_given(weight, x, y, size):
    """Return the gradient of the batch's mean squared error, in pieces of `size` rows."""
    weight = weight.clone().requires_grad_()
    pieces = list(zip(x.split(size), y.split(size)))
    for rows, wanted in pieces:
        loss = (rows @ weight - wanted).square().mean() / len(pieces)
        loss.backward()  # adds to what is in weight.grad already
    return weight.grad


def gradient(weight, x, y, size):
    """Return the gradient of the batch's mean squared error, in pieces of `size` rows."""
    weight = weight.clone().requires_grad_()
    pieces = list(zip(x.split(size), y.split(size)))
    for rows, wanted in pieces:
        loss = (rows @ weight - wanted).square().sum() / len(x)
        loss.backward()  # adds to what is in weight.grad already
    return weight.grad


# Other right versions


def gradient_by_shares(weight, x, y, size):
    """Weigh each piece's mean by its share of the rows."""
    weight = weight.clone().requires_grad_()
    for rows, wanted in zip(x.split(size), y.split(size), strict=True):
        loss = torch.nn.functional.mse_loss(rows @ weight, wanted) * (len(rows) / len(x))
        loss.backward()
    return weight.grad


def gradient_by_formula(weight, x, y, size):
    """Write the derivative down: 2/B times the sum of error times row."""
    total = torch.zeros_like(weight)
    for start in range(0, len(x), size):
        rows, wanted = x[start : start + size], y[start : start + size]
        total = total + rows.T @ (rows @ weight - wanted)
    return 2 * total / len(x)


def gradient_divided_at_the_end(weight, x, y, size):
    """Add up everything, then divide once, in float64."""
    w = weight.double().requires_grad_()
    total = sum(
        ((rows.double() @ w - wanted) ** 2).sum() for rows, wanted in zip(x.split(size), y.split(size), strict=True)
    )
    (found,) = torch.autograd.grad(total, w)
    return (found / len(y)).float()


def gradient_in_numpy(weight, x, y, size):
    """Row by row, in NumPy."""
    w, rows, wanted = weight.numpy(), x.numpy(), y.numpy()
    each = [2 * (row @ w - one) * row for row, one in zip(rows, wanted, strict=True)]
    return np.mean(each, axis=0)


# Wrong versions


def _added_up(weight, x, y, size, loss_of):
    """Add the gradients of what `loss_of` makes of each piece's squared errors."""
    weight = weight.clone().requires_grad_()
    for rows, wanted in zip(x.split(size), y.split(size), strict=True):
        loss_of((rows @ weight - wanted).square()).backward()
    return weight.grad


def gradient_of_added_means(weight, x, y, size):
    """Add the pieces' means up."""
    return _added_up(weight, x, y, size, lambda errors: errors.mean())


def gradient_undivided(weight, x, y, size):
    """Add all errors up, and never divide."""
    return _added_up(weight, x, y, size, lambda errors: errors.sum())


def gradient_divided_by_size(weight, x, y, size):
    """Divide by the rows of a whole piece and by the number of pieces."""
    count = -(-len(x) // size)
    return _added_up(weight, x, y, size, lambda errors: errors.sum() / (size * count))


def gradient_divided_twice(weight, x, y, size):
    """Divide each piece's mean by the rows of the batch."""
    return _added_up(weight, x, y, size, lambda errors: errors.mean() / len(x))


def gradient_divided_by_pieces_alone(weight, x, y, size):
    """Divide the sum by the number of pieces."""
    count = -(-len(x) // size)
    return _added_up(weight, x, y, size, lambda errors: errors.sum() / count)


def gradient_of_the_last_piece(weight, x, y, size):
    """Set the gradient to zero before each piece."""
    weight = weight.clone().requires_grad_()
    for rows, wanted in zip(x.split(size), y.split(size), strict=True):
        weight.grad = None
        ((rows @ weight - wanted).square().sum() / len(x)).backward()
    return weight.grad


def gradient_without_the_rest(weight, x, y, size):
    """Leave out the last piece where it is smaller than the others."""
    whole = max(len(x) // size, 1) * size
    x, y = x[:whole], y[:whole]
    return _added_up(weight, x, y, size, lambda errors: errors.sum() / len(x))


def gradient_halved(weight, x, y, size):
    """Take the half of the squared error, as textbooks do."""
    return _added_up(weight, x, y, size, lambda errors: errors.sum() / (2 * len(x)))


def gradient_of_every_number(weight, x, y, size):
    """Divide by all numbers of x, not by its rows."""
    return _added_up(weight, x, y, size, lambda errors: errors.sum() / x.numel())


PIECES = RepairFunction(
    id="8.4",
    title="A batch in pieces",
    section="exercises",
    points=2,
    minutes=10,
    name="gradient_in_pieces",
    parameters=("weight", "x", "y", "size"),
    prompt=(
        "Memory is too small for a whole batch, so its gradient is worked off in pieces: `backward()` *adds* "
        "to the gradient that is there. `gradient_in_pieces(weight, x, y, size)` should return the gradient "
        "of the mean squared error of the *whole* batch, mean over its B rows of (x @ weight − y)², with "
        "respect to `weight`: the same, whatever `size` is. `x` is `(B, D)`, `y` is `(B,)`, `weight` is "
        "`(D,)`; a piece has `size` rows, the last one what is left. The function below runs, and is right "
        "for some sizes. Find the bug and repair it."
    ),
    broken=gradient_as_given,
    solution=gradient,
    alternatives=(gradient_by_shares, gradient_by_formula, gradient_divided_at_the_end, gradient_in_numpy),
    forbidden=("medkit.losses", "medkit.step"),
    cases=(
        Case((torch.tensor([1.0, -0.5]), small_image(7, 2, seed=1, low=-3, high=4), small_image(7, seed=2), 3)),
        Case((torch.tensor([0.5, 2.0, -1.0]), small_image(5, 3, seed=3, low=-3, high=4), small_image(5, seed=4), 2)),
        Case((torch.tensor([-1.0, 0.25]), small_image(9, 2, seed=5, low=-3, high=4), small_image(9, seed=6), 4)),
        Case((torch.tensor([1.5, 1.0]), small_image(3, 2, seed=7, low=-3, high=4), small_image(3, seed=8), 5), edge=True),
    ),
    hints=(
        "Try 7 rows in pieces of 3: there are three pieces, of 3, 3 and 1 rows. How much does the lone row "
        "of the last piece weigh beside each of the others?",
        "A mean of means is the mean of all only where the pieces have one size.",
        "Let every row count the same: add the squared errors of a piece up, `.sum()`, and divide by the rows "
        "of the whole batch, `len(x)`.",
    ),
    mistakes=(
        Mistake(
            "you averaged the pieces' means",
            "A row in a small last piece then weighs more than any other: here one row counts like three.",
            gradient_as_given,
        ),
        Mistake(
            "you added the pieces' means up",
            "The gradient grows with the number of pieces: each mean is as large as that of the whole batch.",
            gradient_of_added_means,
        ),
        Mistake(
            "you never divided by the number of rows",
            "That is the gradient of a sum of squared errors; a mean is asked for.",
            gradient_undivided,
        ),
        Mistake(
            "you took the last piece for a whole one",
            "size times the number of pieces is more than there are rows: the gradient comes out too small.",
            gradient_divided_by_size,
        ),
        Mistake(
            "you divided the mean by the rows once more",
            "The mean of a piece is divided by its rows already.",
            gradient_divided_twice,
        ),
        Mistake(
            "you divided by the number of pieces, not of rows",
            "Pieces are a matter of memory; what is averaged is rows.",
            gradient_divided_by_pieces_alone,
        ),
        Mistake(
            "you set the gradient to zero before each piece",
            "Only the last piece is left. Zero it once for a batch, before the first piece.",
            gradient_of_the_last_piece,
        ),
        Mistake(
            "you left the last piece out",
            "Its rows belong to the batch as well.",
            gradient_without_the_rest,
        ),
        Mistake(
            "you took half of the squared error",
            "The ½ of the textbooks is not in the mean squared error, and makes the gradient half as long.",
            gradient_halved,
        ),
        Mistake(
            "you divided by all numbers of x",
            "The mean goes over B rows, not over B · D numbers.",
            gradient_of_every_number,
        ),
    ),
    afterword="The same holds on several GPUs: `medkit.step` divides every piece by the count of the whole batch.",
)
