"""Wrong answers to the exercises of notebook 19, written by hand from their text."""

from __future__ import annotations

import torch

from unseen.by_hand import Answers

ANSWERS = Answers()
wrong = ANSWERS.to


@wrong("19.1", "the scale is turned around the middle of an unsigned file, and of a signed one as well")
def meant_around_the_middle(stored, bits, signed, white_low, slope, intercept):
    x = stored.double()
    return (2.0**bits - x if white_low else x) * slope + intercept


@wrong("19.1", "turned after the intercept was added, before the slope")
def meant_turned_in_between(stored, bits, signed, white_low, slope, intercept):
    x = stored.double() + intercept / slope
    ends = -1 if signed else 2**bits - 1
    return (ends - x if white_low else x) * slope


@wrong("19.1", "a turned file gets its slope with the other sign, and nothing else")
def meant_with_a_negative_slope(stored, bits, signed, white_low, slope, intercept):
    return stored.double() * (-slope if white_low else slope) + intercept


@wrong("19.1", "signed numbers are taken for unsigned ones first")
def meant_as_unsigned_words(stored, bits, signed, white_low, slope, intercept):
    x = stored.long() % 2**bits
    return ((2**bits - 1 - x) if white_low else x).double() * slope + intercept


@wrong("19.1", "whole numbers come back, fractions of the slope are lost")
def meant_in_whole_numbers(stored, bits, signed, white_low, slope, intercept):
    x = stored.double()
    ends = -1 if signed else 2**bits - 1
    return ((ends - x if white_low else x) * slope + intercept).floor().long()


@wrong("19.1", "the result is cut off at what 16 bits can say")
def meant_and_clipped(stored, bits, signed, white_low, slope, intercept):
    x = stored.double()
    ends = -1 if signed else 2**bits - 1
    return ((ends - x if white_low else x) * slope + intercept).clamp(-32768, 32767)


@wrong("19.1", "signed and unsigned are mixed up")
def meant_signs_swapped(stored, bits, signed, white_low, slope, intercept):
    x = stored.double()
    ends = 2**bits - 1 if signed else -1
    return (ends - x if white_low else x) * slope + intercept


@wrong("19.3", "a patient is found again only within the last two files")
def groups_within_two(slices, patient):
    groups, numbers, new = [], [], 0
    for i, count in enumerate(slices.tolist()):
        near = [j for j in (i - 1, i - 2) if j >= 0 and patient[i] >= 0 and patient[j] == patient[i]]
        numbers.append(numbers[near[0]] if near else new)
        new += not near
        groups += [numbers[-1]] * count
    return groups


@wrong("19.3", "patient 0 is taken for unknown")
def groups_without_patient_0(slices, patient):
    seen, groups = {}, []
    for i, (count, who) in enumerate(zip(slices.tolist(), patient.tolist())):
        key = ("patient", who) if who > 0 else ("file", i)
        groups += [seen.setdefault(key, len(seen))] * count
    return groups


@wrong("19.3", "an unknown file joins the patient before it")
def groups_unknown_to_neighbour(slices, patient):
    seen, groups, last = {}, [], None
    for i, (count, who) in enumerate(zip(slices.tolist(), patient.tolist())):
        key = ("patient", who) if who >= 0 else (last or ("file", i))
        last = key
        groups += [seen.setdefault(key, len(seen))] * count
    return groups


@wrong("19.3", "an unknown file's place is mixed up with a patient of that number")
def groups_by_place_or_number(slices, patient):
    seen, groups = {}, []
    for i, (count, who) in enumerate(zip(slices.tolist(), patient.tolist())):
        groups += [seen.setdefault(who if who >= 0 else i, len(seen))] * count
    return groups


@wrong("19.3", "files with equally many slices share a group")
def groups_by_length(slices, patient):
    return slices.unique(return_inverse=True)[1].repeat_interleave(slices)


@wrong("19.3", "unknown files are numbered after all known ones")
def groups_unknown_last(slices, patient):
    known = {}
    for who in patient.tolist():
        if who >= 0:
            known.setdefault(who, len(known))
    numbers, new = [], len(known)
    for who in patient.tolist():
        numbers.append(known[who] if who >= 0 else new)
        new += who < 0
    return torch.tensor(numbers).repeat_interleave(slices)


@wrong("19.3", "slices of the last file are left out")
def groups_but_the_last(slices, patient):
    seen, groups = {}, []
    for i, (count, who) in enumerate(zip(slices.tolist()[:-1], patient.tolist())):
        groups += [seen.setdefault(("patient", who) if who >= 0 else ("file", i), len(seen))] * count
    return groups
