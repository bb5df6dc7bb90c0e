"""Versions of the function that 3.6 asks a test for, and the tests: good ones, weak ones, one too strict."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

# right versions, each with draws of its own


def _drawn(keys, chance=0.5):
    """Draw one flip for each key, (B, 1, 1, 1) bool."""
    draws = [np.random.default_rng(key).random() < chance for key in keys]
    return torch.tensor(draws)[:, None, None, None]


def _keys(index, seed, epoch):
    return [(seed, epoch, int(i)) for i in index]


def _flipped(x, flip, axis=-1):
    return torch.where(flip, x.flip(axis), x)


def flips_by_numpy(image, mask, index, seed, epoch):
    """Give NumPy the key."""
    flip = _drawn(_keys(index, seed, epoch))
    return _flipped(image, flip), _flipped(mask, flip)


def flips_by_hash(image, mask, index, seed, epoch):
    """Take one bit of a hash of the key."""
    new, new_mask = image.clone(), mask.clone()
    for place, i in enumerate(index):
        if hashlib.sha256(f"{seed} {epoch} {int(i)}".encode()).digest()[0] % 2:
            new[place], new_mask[place] = image[place].flip(-1), mask[place].flip(-1)
    return new, new_mask


def flips_by_torch(image, mask, index, seed, epoch):
    """Write the three numbers one behind the other, as digits are written, and seed a generator with it."""
    pairs = []
    for pair, i in zip(zip(image, mask), index):
        generator = torch.Generator().manual_seed((seed * 10_000 + epoch) * 1_000_000 + int(i))
        left_right = torch.rand(1, generator=generator).item() < 0.5
        pairs.append([x.flip(-1) if left_right else x for x in pair])
    return torch.stack([one for one, _ in pairs]), torch.stack([its_mask for _, its_mask in pairs])


# wrong versions


def mask_left_behind(image, mask, index, seed, epoch):
    """Flip the image alone."""
    return flips_by_numpy(image, mask, index, seed, epoch)[0], mask


def mask_by_its_own_draw(image, mask, index, seed, epoch):
    """Draw once more for the mask."""
    again = _drawn([(*key, 1) for key in _keys(index, seed, epoch)])
    return flips_by_numpy(image, mask, index, seed, epoch)[0], _flipped(mask, again)


def one_draw_for_all(image, mask, index, seed, epoch):
    """Draw once, for the first image."""
    flip = _drawn(_keys(index, seed, epoch)[:1])
    return _flipped(image, flip), _flipped(mask, flip)


def by_place_in_the_batch(image, mask, index, seed, epoch):
    """Count places instead of images."""
    return flips_by_numpy(image, mask, range(len(image)), seed, epoch)


def without_the_epoch(image, mask, index, seed, epoch):
    """Draw the same in each epoch."""
    return flips_by_numpy(image, mask, index, seed, 0)


def without_the_seed(image, mask, index, seed, epoch):
    """Draw the same for each seed."""
    return flips_by_numpy(image, mask, index, 0, epoch)


def key_added_up(image, mask, index, seed, epoch):
    """Add the three numbers, so that many keys become one."""
    flip = _drawn([seed + epoch + int(i) for i in index])
    return _flipped(image, flip), _flipped(mask, flip)


class DrawsOnAndOn:
    """Draws from one stream, whatever the key: a class, because it has a memory."""

    def __init__(self):
        self.stream = np.random.default_rng(0)

    def __call__(self, image, mask, index, seed, epoch):
        flip = torch.from_numpy(self.stream.random(len(image)) < 0.5)[:, None, None, None]
        return _flipped(image, flip), _flipped(mask, flip)


def upside_down(image, mask, index, seed, epoch):
    """Flip top and bottom."""
    flip = _drawn(_keys(index, seed, epoch))
    return _flipped(image, flip, -2), _flipped(mask, flip, -2)


def always_flipped(image, mask, index, seed, epoch):
    """Flip everybody."""
    return image.flip(-1), mask.flip(-1)


def seldom_flipped(image, mask, index, seed, epoch):
    """Flip one image in ten."""
    flip = _drawn(_keys(index, seed, epoch), 0.1)
    return _flipped(image, flip), _flipped(mask, flip)


def flipped_in_place(image, mask, index, seed, epoch):
    """Write the result into the batch it was given."""
    new, new_mask = flips_by_numpy(image, mask, index, seed, epoch)
    return image.copy_(new), mask.copy_(new_mask)


# tests


def test_flips(flips):
    """Flip images that can be told apart, in several orders, seeds and epochs, and look back at them."""
    image = torch.arange(192.0).reshape(32, 1, 2, 3)
    mask = image % 3 == 0  # the left column of each
    given, given_mask = image.clone(), mask.clone()

    def flipped(index, seed, epoch):
        new, new_mask = flips(image[index], mask[index], index, seed, epoch)
        flip = new_mask[:, :1, :1, -1:]  # a True on the right has come from the left
        assert torch.equal(new, torch.where(flip, given[index].flip(-1), given[index]))
        assert torch.equal(new_mask, torch.where(flip, given_mask[index].flip(-1), given_mask[index]))
        return flip.flatten().tolist()

    all_of_them = list(range(32))
    first = flipped(all_of_them, 3, 5)
    assert 8 <= sum(first) <= 24  # about half
    assert flipped(all_of_them[::-1], 3, 5) == first[::-1]
    assert first not in [flipped(all_of_them, seed, epoch) for seed, epoch in ((3, 6), (4, 5), (5, 3))]
    flips(image, mask, all_of_them, 3, 5)
    assert torch.equal(image, given) and torch.equal(mask, given_mask)


def test_alone_and_together(flips):
    """Ask for each image alone, then for all of them in another order."""
    image = torch.rand(40, 2, 3, 4, generator=torch.Generator().manual_seed(1))
    mask = image[:, :1] > 0.5  # made from the image: it must fit wherever the image goes
    given = image.clone()
    seen = []
    for seed, epoch in ((0, 1), (1, 0), (2, 1), (0, 7), (0, 1)):
        alone = [flips(image[i : i + 1], mask[i : i + 1], [i], seed, epoch) for i in range(40)]
        order = [(7 * i) % 40 for i in range(40)]
        together, mask_together = flips(image[order], mask[order], order, seed, epoch)
        for place, i in enumerate(order):
            assert torch.equal(together[place], alone[i][0][0]) and torch.equal(mask_together[place], alone[i][1][0])
        assert torch.equal(mask_together, together[:, :1] > 0.5)
        stayed = (together == given[order]).flatten(1).all(1)
        turned = (together == given[order].flip(-1)).flatten(1).all(1)
        assert (stayed | turned).all() and 8 <= int(turned.sum()) <= 32
        seen.append([turned[order.index(i)].item() for i in range(40)])
    assert seen[0] == seen[-1] and all(a != b for i, a in enumerate(seen[:4]) for b in seen[:i])
    assert torch.equal(image, given) and torch.equal(mask, given[:, :1] > 0.5)


def test_that_returns_a_bool(flips):
    """Return what an assert would ask."""
    image = torch.arange(300.0).reshape(50, 1, 2, 3).sin()
    mask = image > 0.2
    given, backwards = image.clone(), list(range(49, -1, -1))
    runs = [flips(image, mask, range(50), *key) for key in ((8, 2), (8, 2), (9, 2), (8, 3), (2, 8))]
    turned = [(new != given).flatten(1).any(1) for new, _ in runs]
    fits = [torch.equal(new_mask, new > 0.2) for new, new_mask in runs]
    wanted = torch.where(turned[0][:, None, None, None], given.flip(-1), given)
    reverse = flips(image[backwards], mask[backwards], backwards, 8, 2)[0].flip(0)
    return (
        all(fits)
        and 15 <= int(turned[0].sum()) <= 35
        and torch.equal(runs[0][0], wanted)
        and torch.equal(runs[1][0], wanted)
        and torch.equal(reverse, wanted)
        and not any(torch.equal(turned[0], other) for other in turned[2:])
        and torch.equal(image, given)
    )


# tests that are too weak or too strict

_IMAGE = torch.arange(192.0).reshape(32, 1, 2, 3)
_MASK = _IMAGE % 3 == 0
_KEYS = ((3, 5), (3, 6), (4, 5), (5, 3))


def _is_flipped(flips, index, seed, epoch, check_mask=True):
    """Check one batch of copies, and return which images were flipped."""
    index = list(index)
    new, new_mask = flips(_IMAGE[index].clone(), _MASK[index].clone(), index, seed, epoch)
    flip = new[:, :1, :1, :1] > new[:, :1, :1, -1:]
    assert torch.equal(new, _flipped(_IMAGE[index], flip))
    assert not check_mask or torch.equal(new_mask, _flipped(_MASK[index], flip))
    return flip.flatten().tolist()


def _stays_the_same(flips):
    image, mask = _IMAGE.clone(), _MASK.clone()
    flips(image, mask, list(range(32)), 3, 5)
    assert torch.equal(image, _IMAGE) and torch.equal(mask, _MASK)


def test_only_the_shapes(flips):
    """Too weak: look at the shapes."""
    new, new_mask = flips(_IMAGE.clone(), _MASK.clone(), list(range(32)), 0, 0)
    assert new.shape == _IMAGE.shape and new_mask.shape == _MASK.shape and new_mask.dtype == torch.bool


def test_only_the_image(flips):
    """Too weak: never look at the mask."""
    runs = [_is_flipped(flips, range(32), *key, check_mask=False) for key in _KEYS]
    assert 8 <= sum(runs[0]) <= 24 and runs[0] not in runs[1:]
    assert _is_flipped(flips, range(31, -1, -1), 3, 5, check_mask=False) == runs[0][::-1]
    _stays_the_same(flips)


def test_only_in_one_order(flips):
    """Too weak: always hand over the images in one order."""
    runs = [_is_flipped(flips, range(32), *key) for key in _KEYS]
    assert 8 <= sum(runs[0]) <= 24 and runs[0] not in runs[1:]
    assert _is_flipped(flips, range(32), 3, 5) == runs[0]
    _stays_the_same(flips)


def test_only_one_key(flips):
    """Too weak: try one seed and one epoch."""
    run = _is_flipped(flips, range(32), 3, 5)
    assert 8 <= sum(run) <= 24
    assert _is_flipped(flips, range(31, -1, -1), 3, 5) == run[::-1]
    _stays_the_same(flips)


def test_only_one_image(flips):
    """Too weak: make batches of one image."""
    seeds = [_is_flipped(flips, [7], seed, 2)[0] for seed in range(32)]
    epochs = [_is_flipped(flips, [7], 2, epoch)[0] for epoch in range(32)]
    assert 8 <= sum(seeds) <= 24 and 8 <= sum(epochs) <= 24 and seeds != epochs
    assert [_is_flipped(flips, [7], seed, 2)[0] for seed in range(32)] == seeds
    _stays_the_same(flips)


def test_without_a_look_back(flips):
    """Too weak: hand over copies, so that the arguments are never seen again."""
    runs = [_is_flipped(flips, range(32), *key) for key in _KEYS]
    assert 8 <= sum(runs[0]) <= 24 and runs[0] not in runs[1:]
    assert _is_flipped(flips, range(31, -1, -1), 3, 5) == runs[0][::-1]


def test_without_a_count(flips):
    """Too weak: ask that some are flipped and some are not."""
    runs = [_is_flipped(flips, range(32), *key) for key in _KEYS]
    assert True in runs[0] and False in runs[0] and runs[0] not in runs[1:]
    assert _is_flipped(flips, range(31, -1, -1), 3, 5) == runs[0][::-1]
    _stays_the_same(flips)


def test_for_one_draw(flips):
    """Too strict: ask for the draws of one right version."""
    wanted = _drawn(_keys(range(32), 3, 5)).flatten().tolist()
    assert _is_flipped(flips, range(32), 3, 5) == wanted
