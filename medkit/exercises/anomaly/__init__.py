"""The exercises of notebook 14 (anomaly detection), and in full the one where a function is written.

`questions` has the number and the figure, `repair` the function to repair, `tests` the test with its
`overlaps`, `mistakes` the versions of 14.1 and 14.3.
"""

from __future__ import annotations

import torch

from medkit.exercises.anomaly import mistakes as versions
from medkit.exercises.anomaly.questions import AT_CHANCE, PRECISION
from medkit.exercises.anomaly.repair import ALARMS
from medkit.exercises.anomaly.tests import KILL_OVERLAPS
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, WriteFunction


def distances(healthy, x, shrinkage):
    """Return squared Mahalanobis distances from the healthy rows, by a shrunk covariance."""
    mean = healthy.mean(0)
    off = healthy - mean
    sample = off.T @ off / len(healthy)
    level = sample.diagonal().mean()
    covariance = (1 - shrinkage) * sample + shrinkage * level * torch.eye(len(mean))
    away = x - mean
    return (torch.linalg.solve(covariance, away.T) * away.T).sum(0)


FOUR = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 8.0], [3.0, 6.0]])  # mean (3, 5), covariance 2, 3, 5
TWO = torch.tensor([[0.0, 2.0, 1.0], [4.0, 0.0, 1.0]])  # fewer rows than columns
FIVE = torch.tensor([[1.0, 0.0, 2.0], [3.0, 1.0, 0.0], [0.0, 2.0, 3.0], [2.0, 5.0, 1.0], [4.0, 2.0, 4.0]])

DISTANCES = WriteFunction(
    id="14.1",
    title="How far from healthy?",
    section="before the code",
    points=3,
    minutes=12,
    name="distances",
    parameters=("healthy", "x", "shrinkage"),
    prompt=(
        "`healthy` (N, D) holds the features of N healthy images, a row for each; `x` (M, D) those of images to be judged. "
        "Return for each row of `x` its *squared* Mahalanobis distance from healthy, (M,), as above: μ and S are the mean "
        "and the covariance of the healthy rows, S divided by N; v is the mean of S's diagonal; "
        "Σ = (1 - s) S + s v I with s = `shrinkage`, a number from 0 to 1; d² = (x - μ)ᵀ Σ⁻¹ (x - μ). "
        "There may be fewer healthy rows than columns; then s is above 0, so that Σ can be inverted all the same."
    ),
    unsolved="def distances(healthy, x, shrinkage):\n    ...\n    return ...",
    solution=distances,
    alternatives=(
        versions.distances_by_numpy, versions.distances_by_cholesky, versions.distances_by_axes, versions.distances_row_by_row,
    ),
    forbidden=("medkit.anomaly", "sklearn", "scipy.spatial"),
    cases=(
        Case((FOUR, torch.tensor([[3.0, 7.0], [5.0, 5.0], [4.0, 9.0]]), 0.5)),
        Case((FOUR, torch.tensor([[3.0, 5.0], [5.0, 8.0], [5.0, 2.0], [1.0, 2.0], [4.0, 5.0]]), 0.0)),
        Case((FOUR, torch.tensor([[0.0, 0.0], [2.0, 9.0]]), 1.0)),
        Case((FIVE, torch.tensor([[2.0, 2.0, 2.0], [6.0, 1.0, 0.0], [0.0, 5.0, 1.0]]), 0.2)),
        Case((FIVE, torch.tensor([[7.0, 3.0, 5.0]]), 0.8)),
        Case((TWO, torch.tensor([[2.0, 1.0, 1.0], [2.0, 2.0, 3.0]]), 0.25), edge=True),
    ),
    hints=(
        "Four steps: the mean, the covariance, the shrunk covariance, and a distance for each row of `x`.",
        "`off = healthy - healthy.mean(0)`, and then S is `off.T @ off / len(healthy)`; v is `S.diagonal().mean()`.",
        "With `away = x - mean`, `torch.linalg.solve(covariance, away.T)` is Σ⁻¹ (x - μ), a column for each row of `x`.",
        "`return (torch.linalg.solve(covariance, away.T) * away.T).sum(0)`.",
    ),
    mistakes=(
        Mistake("you took the root", "The squared distance is asked for.", versions.distances_by_root),
        Mistake("you divided by N - 1", "S is divided by N here.", versions.distances_by_n_less_one),
        Mistake("you did not divide by N", "A sum of products grows with the number of images.", versions.distances_by_scatter),
        Mistake("you measured the spread from 0", "Take the mean off before you multiply.", versions.distances_from_zero),
        Mistake("you shrank toward the identity itself", "v is missing: features have a size.", versions.distances_toward_one),
        Mistake("you took the trace for v", "v is the mean of the diagonal: divide by D.", versions.distances_toward_trace),
        Mistake("you shrank toward S's own diagonal", "All features get the same variance v.", versions.distances_toward_diagonal),
        Mistake("you took the mean of all of S for v", "Of its diagonal alone.", versions.distances_toward_mean_of_all),
        Mistake("you swapped s and 1 - s", "With s = 0 nothing is shrunk, with s = 1 all.", versions.distances_swapped),
        Mistake("you added without taking away", "S keeps the share 1 - s.", versions.distances_only_added),
        Mistake("you never shrank", "`shrinkage` is to be used.", versions.distances_unshrunk),
        Mistake("you left the covariances out", "Features that go together count twice then.", versions.distances_by_variances),
        Mistake("you took the plain distance", "Where healthy images vary much, far is not strange.", versions.distances_euclidean),
        Mistake("you did not invert Σ", "A feature that varies much should count less, not more.", versions.distances_uninverted),
        Mistake("you centred x on itself", "The mean is that of the healthy rows.", versions.distances_from_own_mean),
        Mistake("you let x say what is healthy", "Mean and covariance come from the healthy rows.", versions.distances_of_x),
        Mistake("you gave all pairs of rows", "Only the diagonal of that matrix is asked for.", versions.distances_of_pairs),
    ),
    afterword="Nobody showed it an anomaly: all it knows is how healthy images vary. That is its strength, and its weakness.",
)  # fmt: skip

EXERCISES = (DISTANCES, PRECISION, ALARMS, AT_CHANCE, KILL_OVERLAPS)
