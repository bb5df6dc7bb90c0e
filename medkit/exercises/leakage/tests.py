"""Exercise 13.7: a test for a split by patient, and tests that are too weak or too strict."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.leakage import splits as versions
from medkit.exercises.questions import WriteTest


def test_split(split):
    """Eight patients with one to three images each, in no order, under odd numbers; many seeds."""
    patient = torch.tensor([31, 7, 12, 7, 44, 31, 9, 12, 50, 63, 9, 31, 28, 50, 7, 44])
    before, seen = patient.clone(), set()
    for seed in range(12):
        side = split(patient, seed)
        assert torch.equal(patient, before)
        test, train = set(patient[side].tolist()), set(patient[~side].tolist())
        assert len(test) == 2 and not test & train
        assert torch.equal(split(patient, seed), side)
        seen.add(tuple(sorted(test)))
    assert len(seen) > 1


# Other good tests, and tests that are too weak or too strict


def test_by_counting(split):
    """Count for each patient how many images stand on the test side: none or all."""
    patient = torch.tensor([5, 90, 5, 23, 8, 90, 23, 5, 8, 90, 23])
    given, chosen = patient.tolist(), []
    for seed in range(20):
        side = split(patient, seed).tolist()
        share = {one: [s for s, p in zip(side, given) if p == one] for one in given}
        assert all(all(part) or not any(part) for part in share.values())
        assert sum(all(part) for part in share.values()) == 1
        assert split(patient, seed).tolist() == side and patient.tolist() == given
        chosen.append(side)
    assert any(side != chosen[0] for side in chosen)


def test_that_returns_a_bool(split):
    """Return what an assert would ask."""
    patient = torch.tensor([40, 11, 40, 17, 23, 11, 23, 17, 40, 68, 2, 95, 31, 2, 68, 95])
    given = patient.clone()
    sides = [split(patient, seed) for seed in range(15)]
    again = [split(patient, seed) for seed in range(15)]
    parted = [torch.isin(given[side], given[~side]).any() for side in sides]
    sizes = [len(given[side].unique()) for side in sides]
    steady = all(torch.equal(one, two) for one, two in zip(sides, again))
    varied = len({tuple(side.tolist()) for side in sides}) > 1
    return not any(parted) and sizes == [2] * 15 and steady and varied and torch.equal(patient, given)


def test_in_two_parts(split):
    """Look at one seed closely, then at whether seeds matter."""
    patient = torch.tensor([3, 61, 3, 20, 20, 14, 61, 3, 14])
    kept = patient.clone()
    first = split(patient, 5)
    assert (patient == kept).all() and first.shape == kept.shape
    for one in kept.unique():
        assert first[kept == one].float().mean() in (0.0, 1.0)
    assert len(kept[first].unique()) == 1
    others = [split(kept.clone(), seed) for seed in range(5, 30)]
    assert (others[0] == first).all() and not all((other == first).all() for other in others)
    for other in others:
        assert len(kept[other].unique()) == 1 and not set(kept[other].tolist()) & set(kept[~other].tolist())


def test_only_the_share(split):
    """Too weak: count images."""
    patient = torch.arange(40) // 2 + 7
    side = split(patient, 0)
    assert int(side.sum()) == 10 and len(side) == 40


def test_only_nobody_on_both_sides(split):
    """Too weak: look at overlap alone."""
    patient = torch.tensor([31, 7, 12, 7, 44, 31, 9, 12, 50, 63, 9, 31, 28, 50, 7, 44])
    given = patient.clone()
    for seed in range(12):
        side = split(patient, seed)
        assert not set(given[side].tolist()) & set(given[~side].tolist())


def test_only_neighbours(split):
    """Too weak: let the images of a patient stand together."""
    patient = torch.tensor([7, 7, 7, 9, 12, 12, 28, 31, 31, 44, 50, 50, 63])
    given, seen = patient.clone(), set()
    for seed in range(12):
        side = split(patient, seed)
        test, train = set(given[side].tolist()), set(given[~side].tolist())
        assert len(test) == 2 and not test & train and torch.equal(split(patient, seed), side)
        assert torch.equal(patient, given)
        seen.add(tuple(sorted(test)))
    assert len(seen) > 1


def test_only_from_zero(split):
    """Too weak: number the patients 0, 1, 2 ..."""
    patient = torch.tensor([3, 0, 1, 0, 4, 3, 2, 1, 5, 7, 2, 3, 6, 5, 0, 4])
    given, seen = patient.clone(), set()
    for seed in range(12):
        side = split(patient, seed)
        test, train = set(given[side].tolist()), set(given[~side].tolist())
        assert len(test) == 2 and not test & train and torch.equal(split(patient, seed), side)
        assert torch.equal(patient, given)
        seen.add(tuple(sorted(test)))
    assert len(seen) > 1


def test_only_one_seed(split):
    """Too weak: never change the seed."""
    patient = torch.tensor([31, 7, 12, 7, 44, 31, 9, 12, 50, 63, 9, 31, 28, 50, 7, 44])
    given = patient.clone()
    side = split(patient, 3)
    test, train = set(given[side].tolist()), set(given[~side].tolist())
    assert len(test) == 2 and not test & train and torch.equal(patient, given)
    assert torch.equal(split(patient, 3), side)


def test_never_the_same_seed_twice(split):
    """Too weak: ask each seed once."""
    patient = torch.tensor([31, 7, 12, 7, 44, 31, 9, 12, 50, 63, 9, 31, 28, 50, 7, 44])
    given, seen = patient.clone(), set()
    for seed in range(12):
        side = split(patient, seed)
        test, train = set(given[side].tolist()), set(given[~side].tolist())
        assert len(test) == 2 and not test & train and torch.equal(patient, given)
        seen.add(tuple(sorted(test)))
    assert len(seen) > 1


def test_without_a_look_back(split):
    """Too weak: hand over copies, so that the argument is never seen again."""
    patient, seen = torch.tensor([31, 7, 12, 7, 44, 31, 9, 12, 50, 63, 9, 31, 28, 50, 7, 44]), set()
    for seed in range(12):
        side = split(patient.clone(), seed)
        test, train = set(patient[side].tolist()), set(patient[~side].tolist())
        assert len(test) == 2 and not test & train and torch.equal(split(patient.clone(), seed), side)
        seen.add(tuple(sorted(test)))
    assert len(seen) > 1


def test_one_particular_split(split):
    """Too strict: ask for the patients that torch happens to draw."""
    patient = torch.tensor([31, 7, 12, 7, 44, 31, 9, 12, 50, 63, 9, 31, 28, 50, 7, 44])
    for seed in range(3):
        assert torch.equal(split(patient, seed), versions.by_torch(patient, seed))


KILL_SPLITS = WriteTest(
    id="13.7",
    title="A test for splitters",
    section="exercises",
    points=3,
    minutes=14,
    name="test_split",
    prompt=(
        "You are the examiner once more. `split(patient, seed)` should choose test patients at random. `patient` "
        "`(N,)` holds the patient's number of each image, any whole numbers, in any order; the number of different "
        "patients is a multiple of four. It returns a bool tensor `(N,)`, True for test images: *all* images of "
        "exactly a quarter of the patients. The same seed gives the same split, other seeds give other patients "
        "(two seeds may agree by chance, not all of them). `patient` stays as it was.\n\nWrite "
        "`test_split(split)`: it accepts every right version, whichever patients it draws, and fails for each of "
        "the wrong versions that the kit holds."
    ),
    unsolved="def test_split(split):\n    ...  # assert what must hold for split(patient, seed)",
    solution=test_split,
    alternatives=(test_by_counting, test_that_returns_a_bool, test_in_two_parts),
    forbidden=("medkit.data", "sklearn"),
    right=(versions.by_torch, versions.by_numpy, versions.by_python, versions.by_scores),
    wrong=(
        Mistake("splits by image", "Is anybody on both sides?", versions.by_image),
        Mistake("cuts the list of images", "The cut goes through a patient.", versions.in_order),
        Mistake("forgets the seed", "Try several.", versions.always_the_same),
        Mistake("keeps drawing, whatever the seed", "Ask the same seed twice.", versions.KeepsDrawing),
        Mistake("swaps the sides", "How many patients are in the test?", versions.other_side),
        Mistake("takes one patient too many", "How many patients are in the test?", versions.one_too_many),
        Mistake("takes each run of equal numbers for a patient", "Let a patient come back later.", versions.by_runs),
        Mistake("numbers the patients from 0", "Give it other numbers.", versions.numbered_from_zero),
        Mistake("takes one image of each test patient", "Where are the others?", versions.one_image_each),
        Mistake("writes into the numbers it is given", "Look at them afterwards.", versions.renumbers),
    ),
    hints=(
        "Make a list of 12 to 16 numbers with eight different ones, such as 31 and 7, and let patients come back "
        "after others.",
        "`set(patient[side].tolist())` are the patients of the test: how many must there be, and what must they "
        "share with those of `~side`?",
        "Ask each of a dozen seeds twice, collect what you have seen, and compare `patient` with a copy from before.",
    ),
    mistakes=(
        Mistake("your test looks only at the share of images", "Whose images are they?", test_only_the_share),
        Mistake(
            "your test never counts the test patients",
            "Swapped sides share nobody either.",
            test_only_nobody_on_both_sides,
        ),
        Mistake(
            "the images of a patient stand together in your test",
            "In a real list a patient may come back.",
            test_only_neighbours,
        ),
        Mistake(
            "your patients are numbered 0, 1, 2 ...",
            "Real numbers have gaps; a version that counts from 0 gets through.",
            test_only_from_zero,
        ),
        Mistake("your test tries one seed", "Does another seed draw others?", test_only_one_seed),
        Mistake(
            "your test never asks a seed twice",
            "A split that can't be repeated can't be checked.",
            test_never_the_same_seed_twice,
        ),
        Mistake(
            "your test does not look back at the numbers",
            "A version that writes into its argument gives the right split.",
            test_without_a_look_back,
        ),
        Mistake(
            "your test asks for one particular split",
            "Right versions draw different patients: ask for what holds for all of them.",
            test_one_particular_split,
        ),
    ),
    afterword="All wrong versions die and the right ones live: keep this one, and run it on every project's split.",
)
