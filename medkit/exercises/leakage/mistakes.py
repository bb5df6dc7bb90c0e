"""How a split and a search for twins are really got wrong, and other ways to get them right: behind `leakage`."""

from __future__ import annotations

import numpy as np
import torch

# 13.1 whole patients for the test: other right versions


def whole_by_lists(patient, order, count):
    """Collect patients in a list."""
    numbers, chosen, images = patient.tolist(), [], 0
    for one in order.tolist():
        if images >= count:
            break
        chosen.append(one)
        images += numbers.count(one)
    return torch.tensor([one in chosen for one in numbers])


def whole_by_sums(patient, order, count):
    """Take each patient before whom the count was not yet reached."""
    size = (patient[:, None] == order).sum(0)
    before = size.cumsum(0) - size
    return torch.isin(patient, order[before < count])


def whole_by_numpy(patient, order, count):
    """Take patients while there are too few images."""
    numbers, waiting = patient.numpy(), order.tolist()
    side = np.zeros(len(numbers), dtype=bool)
    while waiting and side.sum() < count:
        side = side | (numbers == waiting.pop(0))
    return side


# 13.1 wrong versions


def _taken(patient, order, enough):
    """Take whole patients until `enough(images so far)`."""
    side = torch.zeros(len(patient), dtype=torch.bool)
    for one in order.tolist():
        if enough(int(side.sum())):
            break
        side = side | (patient == one)
    return side


def whole_by_image(patient, order, count):
    """Take the first images."""
    return torch.arange(len(patient)) < count


def whole_counts_patients(patient, order, count):
    """Take as many patients as images were asked for."""
    return torch.isin(patient, order[:count])


def whole_in_sorted_order(patient, order, count):
    """Take the smallest numbers first."""
    return _taken(patient, order.sort().values, lambda images: images >= count)


def whole_one_too_few(patient, order, count):
    """Stop before the count would be passed."""
    side = torch.zeros(len(patient), dtype=torch.bool)
    for one in order.tolist():
        if int((side | (patient == one)).sum()) > count:
            break
        side = side | (patient == one)
    return side


def whole_one_too_many(patient, order, count):
    """Go on where the count is met exactly."""
    return _taken(patient, order, lambda images: images > count)


def whole_from_the_end(patient, order, count):
    """Begin with the last."""
    return _taken(patient, order.flip(0), lambda images: images >= count)


def whole_other_side(patient, order, count):
    """Return the training side."""
    return ~_taken(patient, order, lambda images: images >= count)


def whole_as_places(patient, order, count):
    """Return places, not a mask."""
    return _taken(patient, order, lambda images: images >= count).nonzero().flatten()


def whole_but_cut(patient, order, count):
    """Cut the last patient, so that the count is met exactly."""
    places = torch.cat([(patient == one).nonzero().flatten() for one in order])
    side = torch.zeros(len(patient), dtype=torch.bool)
    side[places[:count]] = True
    return side


def whole_last_patient_only(patient, order, count):
    """Overwrite the side at each step."""
    images, side = 0, torch.zeros(len(patient), dtype=torch.bool)
    for one in order.tolist():
        if images >= count:
            break
        side = patient == one
        images += int(side.sum())
    return side


def whole_numbers_for_places(patient, order, count):
    """Take a patient's number for the place of an image."""
    side = torch.zeros(len(patient), dtype=torch.bool)
    side[order[:count]] = True
    return side


# 13.2 exact twins: other right versions


def twin_by_loops(train, test):
    """Compare one with one."""
    found = []
    for image in test:
        same = [place for place, other in enumerate(train) if torch.equal(image, other)]
        found.append(same[0] if same else -1)
    return torch.tensor(found)


def twin_by_hash(train, test):
    """Look each image up by its bytes."""
    place = {}
    for i, image in enumerate(train):
        place.setdefault(image.contiguous().numpy().tobytes(), i)
    return [place.get(image.contiguous().numpy().tobytes(), -1) for image in test]


def twin_by_numpy(train, test):
    """Count the pixels that differ."""
    one, two = (np.asarray(images).reshape(len(images), -1) for images in (train, test))
    differ = np.stack([(row != one).sum(axis=1) for row in two])
    return np.where(differ.min(axis=1) == 0, differ.argmin(axis=1), -1)


# 13.2 wrong versions


def _first(equal):
    """Return the first True of each row, -1 where there is none."""
    return torch.where(equal.any(1), equal.int().argmax(1), -1)


def _equal(train, test):
    return (test[:, None] == train).flatten(2).all(2)


def twin_almost(train, test):
    """Let small differences pass."""
    return _first(((test[:, None] - train).abs() < 0.05).flatten(2).all(2))


def twin_by_sum(train, test):
    """Compare sums."""
    return _first(test.flatten(1).sum(1)[:, None] == train.flatten(1).sum(1))


def twin_by_histogram(train, test):
    """Compare the pixels in sorted order."""
    return _first((test.flatten(1).sort(1).values[:, None] == train.flatten(1).sort(1).values).all(2))


def twin_by_any_pixel(train, test):
    """Be content with one pixel."""
    return _first((test[:, None] == train).flatten(2).any(2))


def twin_by_first_channel(train, test):
    """Look at one channel."""
    return _equal_first(train[:, :1], test[:, :1])


def twin_by_first_row(train, test):
    """Look at the top row of each channel."""
    return _equal_first(train[:, :, :1], test[:, :, :1])


def _equal_first(train, test):
    return _first(_equal(train, test))


def twin_last(train, test):
    """Keep the last match."""
    equal = _equal(train, test)
    last = len(train) - 1 - equal.flip(1).int().argmax(1)
    return torch.where(equal.any(1), last, -1)


def twin_zero_for_none(train, test):
    """Let argmax answer where nothing matches."""
    return _equal(train, test).int().argmax(1)


def twin_at_the_same_place(train, test):
    """Compare the first with the first, the second with the second."""
    found = torch.full((len(test),), -1)
    for i in range(min(len(train), len(test))):
        if torch.equal(train[i], test[i]):
            found[i] = i
    return found


def twin_of_training_images(train, test):
    """Answer for the training images."""
    return _first(_equal(test, train))


def twin_yes_or_no(train, test):
    """Say whether, not which."""
    return _equal(train, test).any(1)


def twin_counted_from_one(train, test):
    """Count places from 1."""
    found = _equal_first(train, test)
    return torch.where(found >= 0, found + 1, -1)
