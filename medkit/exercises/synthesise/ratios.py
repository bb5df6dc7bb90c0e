"""How a search for copies is really got wrong, and other ways to get it right: the versions behind 16.3."""

from __future__ import annotations

import numpy as np
import torch

# Other right versions


def ratio_by_numpy(made, train, patient):
    """Sort the patients' distances, in NumPy."""
    made, train, patient = made.numpy().astype(np.float64), train.numpy(), patient.numpy()
    found = []
    for image in made:
        both = [np.sqrt(((image - side) ** 2).mean(axis=(1, 2))) for side in (train, train[:, :, ::-1])]
        each = np.minimum(*both)
        first, second = sorted(each[patient == p].min() for p in set(patient.tolist()))[:2]
        found.append(first / second if second > 0 else 0.0)
    return np.array(found)


def ratio_by_masking(made, train, patient):
    """Find the nearest image, take all images of its patient out, and look again."""
    other = torch.cat([train, train.flip(2)])
    each = torch.cdist(made.flatten(1).double(), other.flatten(1).double(), compute_mode="donot_use_mm_for_euclid_dist")
    who = torch.cat([patient, patient])
    first, index = each.min(1)
    second = each.masked_fill(who == who[index][:, None], torch.inf).amin(1)
    return torch.where(first > 0, first / second, torch.zeros_like(first))


def ratio_by_scatter(made, train, patient):
    """Collect the least distance of each patient."""
    people, place = patient.unique(return_inverse=True)
    least = torch.full((len(made), len(people)), torch.inf)
    for side in (train, train.flip(-1)):
        each = torch.linalg.vector_norm(made[:, None] - side, dim=(2, 3))
        least = least.scatter_reduce(1, place.expand(len(made), -1), each, "amin")
    in_order = least.sort(1).values
    return (in_order[:, 0] / in_order[:, 1]).nan_to_num(0.0)


# Wrong versions


def _distance(made, train):
    plain, mirrored = made[:, None] - train, made[:, None] - train.flip(-1)
    return torch.minimum(plain.square().mean((2, 3)), mirrored.square().mean((2, 3))).sqrt()


def _by_patient(each, patient):
    return torch.stack([each[:, patient == p].amin(1) for p in patient.unique()], 1)


def _ratio(each):
    first, second = each.topk(2, largest=False).values.unbind(1)
    return first / second.clamp(min=1e-12)


def ratio_of_images(made, train, patient):
    """Return how much nearer each made image lies to its nearest training patient than to the next."""
    plain, mirrored = made[:, None] - train, made[:, None] - train.flip(-1)
    each = torch.minimum(plain.square().mean((2, 3)), mirrored.square().mean((2, 3))).sqrt()
    first, second = each.topk(2, largest=False).values.unbind(1)
    return first / second.clamp(min=1e-12)


def ratio_of_neighbours_in_the_list(made, train, patient):
    """Take each patient's first image."""
    first_of = torch.stack([(patient == p).nonzero()[0, 0] for p in patient.unique()])
    return _ratio(_distance(made, train[first_of]))


def ratio_of_the_patient_s_mean(made, train, patient):
    """Take the mean of each patient's distances."""
    each = _distance(made, train)
    return _ratio(torch.stack([each[:, patient == p].mean(1) for p in patient.unique()], 1))


def ratio_of_the_mean_image(made, train, patient):
    """Compare with the mean image of each patient."""
    return _ratio(_distance(made, torch.stack([train[patient == p].mean(0) for p in patient.unique()])))


def ratio_without_mirror(made, train, patient):
    """Forget mirrored copies."""
    each = (made[:, None] - train).square().mean((2, 3)).sqrt()
    return _ratio(_by_patient(each, patient))


def ratio_upside_down(made, train, patient):
    """Mirror from top to bottom."""
    both = [(made[:, None] - side).square().mean((2, 3)).sqrt() for side in (train, train.flip(-2))]
    return _ratio(_by_patient(torch.minimum(*both), patient))


def ratio_of_mirror_alone(made, train, patient):
    """Compare with mirrored images only."""
    each = (made[:, None] - train.flip(-1)).square().mean((2, 3)).sqrt()
    return _ratio(_by_patient(each, patient))


def distance_alone(made, train, patient):
    """Return the nearest distance."""
    return _by_patient(_distance(made, train), patient).amin(1)


def ratio_without_root(made, train, patient):
    """Divide mean squares."""
    return _ratio(_by_patient(_distance(made, train), patient)).square()


def ratio_of_absolute_differences(made, train, patient):
    """Take mean absolute differences."""
    both = [(made[:, None] - side).abs().mean((2, 3)) for side in (train, train.flip(-1))]
    return _ratio(_by_patient(torch.minimum(*both), patient))


def ratio_turned_over(made, train, patient):
    """Divide the second by the first."""
    first, second = _by_patient(_distance(made, train), patient).topk(2, largest=False).values.unbind(1)
    return second / first.clamp(min=1e-12)


def ratio_to_the_farthest(made, train, patient):
    """Divide by the largest distance."""
    least = _by_patient(_distance(made, train), patient)
    return least.amin(1) / least.amax(1).clamp(min=1e-12)


def ratio_to_the_mean(made, train, patient):
    """Divide by the mean distance of all patients."""
    least = _by_patient(_distance(made, train), patient)
    return least.amin(1) / least.mean(1).clamp(min=1e-12)


def difference_of_two(made, train, patient):
    """Subtract in place of dividing."""
    first, second = _by_patient(_distance(made, train), patient).topk(2, largest=False).values.unbind(1)
    return second - first


def ratio_of_nan(made, train, patient):
    """Divide 0 by 0."""
    first, second = _by_patient(_distance(made, train), patient).topk(2, largest=False).values.unbind(1)
    return first / second


def ratio_with_mirrored_patients(made, train, patient):
    """Count a mirrored patient as another one."""
    each = (made[:, None] - torch.cat([train, train.flip(-1)])).square().mean((2, 3)).sqrt()
    return _ratio(_by_patient(each, torch.cat([patient, patient + patient.max() + 1])))
