"""Exercise 14.3, the function to repair: alarms of a healthy patient."""

from __future__ import annotations

import torch

from medkit.exercises.anomaly import mistakes as versions
from medkit.exercises.exercise import Mistake
from medkit.exercises.functions import Case, RepairFunction


def alarms_per_healthy(score, target, group, threshold):
    """Return the flagged images of a healthy patient, on average."""
    flagged = score >= threshold
    healthy = ~torch.isin(group, group[target])
    return flagged[healthy].sum() / len(group[healthy].unique())


def _images(score: list, sick: list, patients: list, threshold: float) -> tuple:
    """Return a case's arguments: scores, which images are anomalous (1), whose they are, and the threshold."""
    return torch.tensor(score), torch.tensor(sick).bool(), torch.tensor(patients), threshold


ALARMS = RepairFunction(
    id="14.3",
    title="Who is a healthy patient?",
    section="exercises",
    points=2,
    minutes=8,
    name="alarms_per_healthy",
    parameters=("score", "target", "group", "threshold"),
    prompt=(
        "`alarms_per_healthy(score, target, group, threshold)` should say how many images of a healthy patient are flagged, "
        "on average over the healthy patients. `score` (N,) has a number for each image, `target` (N,) is True where the "
        "image shows an anomaly, `group` (N,) tells whose it is. An image is flagged if its score is at `threshold` or "
        "above. A healthy patient is one without any anomalous image. Where nobody is healthy, the result is NaN. "
        "The function below counts somebody as healthy who is not. Find the bug and repair it."
    ),
    broken=versions.alarms_of_healthy_images,
    solution=alarms_per_healthy,
    alternatives=(versions.alarms_by_patient, versions.alarms_by_numpy, versions.alarms_by_table),
    forbidden=("medkit.anomaly",),
    cases=(
        Case(_images([0.9, 0.2, 0.8, 0.7, 0.1, 0.6], [1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 2], 0.5)),
        Case(_images([0.25, 0.5, 0.5, 0.75, 0.5, 0.25, 1.0], [0, 0, 0, 1, 0, 0, 0], [4, 4, 4, 7, 7, 9, 9], 0.5)),
        Case(_images([0.9, 0.8, 0.7, 0.1, 0.2, 0.3, 0.6, 0.9, 0.8], [0, 0, 0, 0, 0, 0, 1, 0, 0], [3, 3, 3, 3, 5, 5, 1, 1, 1], 0.65)),
        Case(_images([3.0, -1.0, 2.0, 2.0, 0.0, 4.0, 5.0], [0, 0, 0, 0, 0, 1, 1], [2, 2, 8, 6, 6, 5, 8], 2.0)),
        Case(_images([0.9, 0.4, 0.7], [1, 0, 1], [0, 0, 1], 0.5), edge=True),
    ),
    hints=(
        "Patient 0 has three images, one of them with a lesion. Is patient 0 healthy? What does the function say?",
        "`~target` tells healthy *images*. Whose images are those of a healthy *patient*?",
        "`group[target]` are the sick patients, and `torch.isin(group, group[target])` marks all their images.",
    ),
    mistakes=(
        Mistake("you took healthy images for healthy patients", "A patient with one lesion has many images without.", versions.alarms_of_healthy_images),
        Mistake("you counted alarms of the sick as well", "Above the line stand the images of healthy patients alone.", versions.alarms_of_healthy_images_over_healthy),
        Mistake("you divided by patients who are sick as well", "Below the line stand the healthy patients alone.", versions.alarms_over_patients_with_a_healthy_image),
        Mistake("you did not flag at the threshold", "At it or above.", versions.alarms_above_alone),
        Mistake("you flagged the low scores", "A high score is anomalous.", versions.alarms_below),
        Mistake("you averaged over images", "A patient is bothered by each alarm: divide by patients.", versions.alarms_per_image),
        Mistake("you divided by all patients", "By the healthy ones.", versions.alarms_over_all_patients),
        Mistake("you left out who had no alarm", "They are healthy too, with 0 alarms.", versions.alarms_over_alarmed),
        Mistake("you counted each patient once", "Two alarms are two.", versions.alarmed_patients),
        Mistake("you took each patient's share", "The number of flagged images is asked for.", versions.alarms_as_shares),
        Mistake("you counted all flagged images", "A flagged image of a sick patient is no false alarm here.", versions.alarms_of_everybody),
        Mistake("you turned healthy and sick round", "`~` is missing.", versions.alarms_of_the_sick),
        Mistake("you did not divide", "On average, over the healthy patients.", versions.alarms_in_all),
    ),
    afterword="Head CT has some thirty slices a patient: a tenth of all slices flagged are three alarms for everybody who is well.",
)
