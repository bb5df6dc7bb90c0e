"""How files are really read wrong, and other ways to read them right: the versions behind 19.1 and 19.3."""

from __future__ import annotations

import numpy as np
import torch

# 19.1 what stored numbers mean: other right versions


def meant_by_bits(stored, bits, signed, white_low, slope, intercept):
    """Turn each bit over: of signed numbers all, of unsigned ones those that are stored."""
    wide = stored.to(torch.int64)
    if white_low:
        wide = ~wide if signed else wide ^ (2**bits - 1)
    return wide.double() * slope + intercept


def meant_by_numpy(stored, bits, signed, white_low, slope, intercept):
    """Work in NumPy's float64, with both ends written out."""
    pixels = stored.numpy().astype(np.float64)
    ends = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    return np.polyval([slope, intercept], sum(ends) - pixels if white_low else pixels)


def meant_by_table(stored, bits, signed, white_low, slope, intercept):
    """List what each number that can be stored means, and look each pixel up."""
    first = -(2 ** (bits - 1)) if signed else 0
    means = (torch.arange(2**bits, dtype=torch.float64) + first) * slope + intercept
    if white_low:
        means = means.flip(0)
    return means[stored.long() - first]


# 19.1 wrong versions


def _ends(bits, signed):
    low = -(2 ** (bits - 1)) if signed else 0
    return low, low + 2**bits - 1


def meant_unturned(stored, bits, signed, white_low, slope, intercept):
    """Never turn."""
    return stored.double() * slope + intercept


def meant_always_turned(stored, bits, signed, white_low, slope, intercept):
    """Turn whatever comes."""
    return (sum(_ends(bits, signed)) - stored.double()) * slope + intercept


def meant_by_own_ends(stored, bits, signed, white_low, slope, intercept):
    """Turn by the darkest and the brightest pixel of this image."""
    pixels = stored.double()
    return (pixels.min() + pixels.max() - pixels if white_low else pixels) * slope + intercept


def meant_by_brightest(stored, bits, signed, white_low, slope, intercept):
    """Turn by the brightest pixel of this image."""
    pixels = stored.double()
    return (pixels.max() - pixels if white_low else pixels) * slope + intercept


def meant_by_255(stored, bits, signed, white_low, slope, intercept):
    """Take every file for one of 8 bits."""
    pixels = stored.double()
    return (255 - pixels if white_low else pixels) * slope + intercept


def meant_one_too_far(stored, bits, signed, white_low, slope, intercept):
    """Let n unsigned bits end at 2 to the power of n."""
    pixels = stored.double()
    ends = -1 if signed else 2**bits
    return (ends - pixels if white_low else pixels) * slope + intercept


def meant_by_type(stored, bits, signed, white_low, slope, intercept):
    """Turn by what the tensor's type can hold, with 16 bits for all that is no uint8."""
    return as_if(stored, 8 if stored.dtype == torch.uint8 else 16, signed, white_low, slope, intercept)


def as_if(stored, bits, signed, white_low, slope, intercept):
    """Turn and scale, for whatever bits are said."""
    pixels = stored.double()
    return (sum(_ends(bits, signed)) - pixels if white_low else pixels) * slope + intercept


def meant_signed_as_unsigned(stored, bits, signed, white_low, slope, intercept):
    """Turn signed numbers as if they began at 0."""
    return as_if(stored, bits, False, white_low, slope, intercept)


def meant_around_zero(stored, bits, signed, white_low, slope, intercept):
    """Turn signed numbers by their sign."""
    pixels = stored.double()
    if white_low:
        pixels = -pixels if signed else 2**bits - 1 - pixels
    return pixels * slope + intercept


def meant_turned_last(stored, bits, signed, white_low, slope, intercept):
    """Scale, then turn."""
    pixels = stored.double() * slope + intercept
    return sum(_ends(bits, signed)) - pixels if white_low else pixels


def meant_without_slope(stored, bits, signed, white_low, slope, intercept):
    """Leave the slope out."""
    return as_if(stored, bits, signed, white_low, 1.0, intercept)


def meant_without_intercept(stored, bits, signed, white_low, slope, intercept):
    """Leave the intercept out."""
    return as_if(stored, bits, signed, white_low, slope, 0.0)


def meant_intercept_first(stored, bits, signed, white_low, slope, intercept):
    """Add before multiplying."""
    return (as_if(stored, bits, signed, white_low, 1.0, 0.0) + intercept) * slope


def meant_in_the_type(stored, bits, signed, white_low, slope, intercept):
    """Stay with whole numbers of the file's type, as long as nobody brings a fraction."""
    return (sum(_ends(bits, signed)) - stored if white_low else stored) * slope + intercept


def meant_above_zero(stored, bits, signed, white_low, slope, intercept):
    """Cut off what is below 0."""
    return as_if(stored, bits, signed, white_low, slope, intercept).clamp(min=0)


# 19.3 one patient, one group: other right versions


def groups_by_first_file(slices, patient):
    """Find each file's first relative; the groups are these first ones, in order."""
    same = (patient[:, None] == patient) & (patient[:, None] >= 0)
    same |= torch.eye(len(patient), dtype=torch.bool)
    return same.int().argmax(1).unique(return_inverse=True)[1].repeat_interleave(slices)


def groups_by_list(slices, patient):
    """Keep a list of who has been seen, and look each file up."""
    seen, groups = [], []
    for number, (count, who) in enumerate(zip(slices.tolist(), patient.tolist())):
        name = ("patient", who) if who >= 0 else ("file", number)
        if name not in seen:
            seen.append(name)
        groups.extend(seen.index(name) for _ in range(count))
    return groups


def groups_by_numpy(slices, patient):
    """Give unknown patients numbers of their own, then number all by their first place."""
    who = np.where(patient.numpy() < 0, -1 - np.arange(len(patient)), patient.numpy())
    _, first, back = np.unique(who, return_index=True, return_inverse=True)
    return np.repeat(np.argsort(np.argsort(first))[back.ravel()], slices.numpy())


# 19.3 wrong versions


def groups_by_neighbour(slices, patient):
    """Return a group for each slice: what shares one never stands on two sides of a split."""
    groups, number = [], -1
    for i, count in enumerate(slices.tolist()):
        if i == 0 or patient[i] != patient[i - 1] or patient[i] < 0:
            number += 1
        groups += [number] * count
    return torch.tensor(groups)


def groups_by_file(slices, patient):
    """Take each file for a patient."""
    return torch.arange(len(slices)).repeat_interleave(slices)


def groups_by_slice(slices, patient):
    """Take each slice for a patient."""
    return torch.arange(int(slices.sum()))


def groups_of_one_unknown(slices, patient):
    """Take all who are unknown for one patient."""
    known: dict[int, int] = {}
    numbers = [known.setdefault(who, len(known)) for who in patient.tolist()]
    return torch.tensor(numbers).repeat_interleave(slices)


def groups_of_unknown_slices(slices, patient):
    """Give each slice of an unknown file a group of its own."""
    known: dict[object, int] = {}
    each = patient.repeat_interleave(slices).tolist()
    return torch.tensor([known.setdefault(who if who >= 0 else ("slice", i), len(known)) for i, who in enumerate(each)])


def groups_as_written(slices, patient):
    """Hand the patients' own numbers on."""
    return patient.repeat_interleave(slices)


def groups_by_size_of_number(slices, patient):
    """Number the patients by their numbers, and not by who comes first; the unknown last."""
    unknown = patient.max() + 1 + torch.arange(len(patient))
    return torch.where(patient < 0, unknown, patient).unique(return_inverse=True)[1].repeat_interleave(slices)


def groups_with_gaps(slices, patient):
    """Take the number of each patient's first file."""
    same = ((patient[:, None] == patient) & (patient[:, None] >= 0)) | torch.eye(len(patient), dtype=torch.bool)
    return same.int().argmax(1).repeat_interleave(slices)


def groups_one_a_file(slices, patient):
    """Return one number a file."""
    return groups_by_numpy(torch.ones_like(slices), patient)


def groups_from_one(slices, patient):
    """Count from 1."""
    return groups_by_numpy(slices, patient) + 1


def groups_without_unknown(slices, patient):
    """Leave out files that do not say whose they are."""
    return groups_by_numpy(slices[patient >= 0], patient[patient >= 0])


def groups_taking_turns(slices, patient):
    """Lay the files' numbers out slice by slice, in turns."""
    files = groups_by_numpy(torch.ones_like(slices), patient)
    turns = [files[i] for k in range(int(slices.max())) for i in range(len(slices)) if k < slices[i]]
    return torch.tensor(np.array(turns))
