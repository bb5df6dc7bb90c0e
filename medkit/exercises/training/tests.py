"""Exercise 8.6, a test for the order of the images: what it accepts, and what it must kill."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest


def test_order(order):
    """Look at one order, then again after others have drawn, then at many keys."""
    before = torch.get_rng_state()
    first = order(50, 0, 1)
    assert torch.equal(torch.get_rng_state(), before)  # the global generator is as it was
    assert sorted(first.tolist()) == list(range(50))
    order(9, 4, 2)
    torch.manual_seed(7)  # as others may do at any time
    assert torch.equal(order(50, 0, 1), first)
    keys = [(seed, epoch) for seed in range(4) for epoch in range(1, 5)]
    assert len({tuple(order(50, *key).tolist()) for key in keys}) == len(keys)


# Other good tests


def test_order_by_dictionary(order):
    """Keep all orders by key, and ask for each a second time."""
    state = torch.get_rng_state()
    keys = [(seed, epoch) for epoch in (3, 1, 2) for seed in (1, 0, 2)]
    orders = {key: order(40, *key) for key in keys}
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(1)
    assert all(torch.equal(order(40, *key), orders[key]) for key in reversed(keys))
    assert all(orders[key].sort().values.equal(torch.arange(40)) for key in keys)
    assert not any(orders[a].equal(orders[b]) for a in keys for b in keys if a != b)


def test_order_that_returns_a_bool(order):
    """Return what an assert would ask."""
    torch.manual_seed(3)
    expected = torch.empty(3).uniform_()
    torch.manual_seed(3)
    one, other = order(60, 1, 1), order(60, 0, 2)
    same_as_ever = torch.equal(torch.empty(3).uniform_(), expected) and torch.equal(order(60, 1, 1), one)
    whole = set(one.tolist()) == set(other.tolist()) == set(range(60)) and len(one) == len(other) == 60
    apart = {tuple(order(60, seed, epoch).tolist()) for seed in (0, 1, 2) for epoch in (1, 2, 3)}
    return same_as_ever and whole and len(apart) == 9


# Tests that are too weak or too strict


def test_only_that_all_are_met(order):
    """Too weak: count the images."""
    for epoch in range(1, 4):
        assert sorted(order(30, 0, epoch).tolist()) == list(range(30))


def test_only_that_epochs_differ(order):
    """Too weak: try one seed."""
    orders = {tuple(order(30, 1, epoch).tolist()) for epoch in range(1, 5)}
    assert len(orders) == 4 and all(sorted(one) == list(range(30)) for one in orders)


def test_without_a_second_call(order):
    """Too weak: never ask for the same order twice."""
    keys = [(seed, epoch) for seed in range(3) for epoch in range(1, 4)]
    orders = {key: order(40, *key).tolist() for key in keys}
    assert all(sorted(one) == list(range(40)) for one in orders.values())
    assert len({tuple(one) for one in orders.values()}) == len(keys)


def test_without_a_look_at_the_generator(order):
    """Too weak: forget who else draws random numbers."""
    keys = [(seed, epoch) for seed in range(3) for epoch in range(1, 4)]
    orders = {key: order(40, *key).tolist() for key in keys}
    assert all(sorted(one) == list(range(40)) for one in orders.values())
    assert len({tuple(one) for one in orders.values()}) == len(keys)
    torch.manual_seed(5)
    assert all(order(40, *key).tolist() == orders[key] for key in keys)


def test_with_one_changed_at_a_time(order):
    """Too weak: change the seed or the epoch, never both."""
    state = torch.get_rng_state()
    first, epoch, seed = order(40, 1, 1), order(40, 1, 2), order(40, 2, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(sorted(one.tolist()) == list(range(40)) for one in (first, epoch, seed))
    assert not torch.equal(first, epoch) and not torch.equal(first, seed)
    torch.manual_seed(5)
    assert torch.equal(order(40, 1, 1), first)


def test_for_one_certain_order(order):
    """Too strict: ask for the order that one version happens to give."""
    generator = torch.Generator().manual_seed(10_001)
    assert torch.equal(order(12, 0, 1), torch.randperm(12, generator=generator))


# Right versions: which order comes out is theirs to decide


def order_by_hash(count, seed, epoch):
    """Seed a generator of one's own by a hash of both numbers."""
    text = f"seed {seed}, epoch {epoch}"
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
    return torch.randperm(count, generator=torch.Generator().manual_seed(key))


def order_by_numpy(count, seed, epoch):
    """Hand both numbers to NumPy's generator."""
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(count))


def order_by_large_steps(count, seed, epoch):
    """Leave room for ten thousand epochs between two seeds."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(10_000 * (seed + 1) + epoch))


def order_by_sorting(count, seed, epoch):
    """Draw a number for each image, and sort by it."""
    drawn = np.random.default_rng([epoch, seed, 1]).random(count)
    return torch.from_numpy(drawn).argsort()


# Wrong versions


def _drawn(count, key):
    return torch.randperm(count, generator=torch.Generator().manual_seed(key))


def order_of_the_seed(count, seed, epoch):
    """Forget the epoch."""
    return _drawn(count, 1000 + seed)


def order_of_the_epoch(count, seed, epoch):
    """Forget the seed."""
    return _drawn(count, 1000 + epoch)


def order_of_the_sum(count, seed, epoch):
    """Add the two numbers."""
    return _drawn(count, seed + epoch)


def order_with_repeats(count, seed, epoch):
    """Draw each place anew."""
    return torch.from_numpy(np.random.default_rng([seed, epoch]).integers(0, count, count))


def order_of_all_but_one(count, seed, epoch):
    """Never meet the last image."""
    return order_by_numpy(count - 1, seed, epoch)


def order_from_one(count, seed, epoch):
    """Count from 1."""
    return order_by_numpy(count, seed, epoch) + 1


def order_of_the_global_generator(count, seed, epoch):
    """Seed the global generator, and draw from it."""
    torch.manual_seed(10_000 * (seed + 1) + epoch)
    return torch.randperm(count, generator=torch.default_generator)


def order_of_whoever_drew_before(count, seed, epoch):
    """Draw from the global generator; keys are ignored, and nobody notices in one run."""
    key = int(torch.empty(1).uniform_() * 2**24)
    return _drawn(count, key)


class OrderThatGoesOn:
    """Keep one generator for each seed: an epoch's order depends on how many went before."""

    def __init__(self):
        self.generators = {}

    def __call__(self, count, seed, epoch):
        """Return the next order of this seed, whatever the epoch."""
        generator = self.generators.setdefault(seed, torch.Generator().manual_seed(100 + seed))
        return torch.randperm(count, generator=generator)


KILL_ORDERS = WriteTest(
    id="8.6",
    title="A test for the order of the images",
    section="exercises",
    points=3,
    minutes=15,
    name="test_order",
    prompt=(
        "Now you are the examiner. `order(count, seed, epoch)` should return the order in which one epoch meets "
        "its images, a tensor that holds each of 0 … count − 1 once. It depends on its three arguments and on "
        "nothing else, so that any epoch can be run again alone; other pairs of seed and epoch give other "
        "orders; and whoever draws from torch's global generator draws the same numbers as without the call. "
        "*Which* order comes out is free. Write `test_order(order)`: it accepts every right version, and fails "
        "for each of the wrong versions that the kit holds."
    ),
    unsolved="def test_order(order):\n    ...  # assert what must hold for order(count, seed, epoch)",
    solution=test_order,
    alternatives=(test_order_by_dictionary, test_order_that_returns_a_bool),
    forbidden=("medkit.training", "medkit.step"),
    right=(order_by_hash, order_by_numpy, order_by_large_steps, order_by_sorting),
    wrong=(
        Mistake("is the same in each epoch", "Compare two epochs.", order_of_the_seed),
        Mistake("is the same for each seed", "Compare two seeds.", order_of_the_epoch),
        Mistake("adds seed and epoch", "Seed 0, epoch 2 is then seed 1, epoch 1.", order_of_the_sum),
        Mistake("meets some images twice", "And others never.", order_with_repeats),
        Mistake("never meets the last image", "Sort the order: is all there?", order_of_all_but_one),
        Mistake("counts from 1", "The first image is never met.", order_from_one),
        Mistake(
            "seeds the global generator",
            "Its orders are right, but all that others draw afterwards repeats itself: look at "
            "torch.get_rng_state() before and after.",
            order_of_the_global_generator,
        ),
        Mistake(
            "depends on who drew before",
            "Ask twice for the same order, with a torch.manual_seed in between.",
            order_of_whoever_drew_before,
        ),
        Mistake("goes on where it was", "Ask twice for the same order.", OrderThatGoesOn),
    ),
    hints=(
        "You can't know which order comes out. What can you know? All images once; the same key, the same order; "
        "other keys, other orders.",
        "Collect `tuple(order(50, seed, epoch).tolist())` for some seeds and epochs in a set: how large must it be? "
        "50! orders are so many that chance makes no two alike.",
        "`torch.get_rng_state()` before and after must be equal, and a `torch.manual_seed(7)` between two calls must "
        "change nothing.",
    ),
    mistakes=(
        Mistake(
            "your test looks only at which images are met",
            "An order that is always the same meets them all.",
            test_only_that_all_are_met,
        ),
        Mistake("your test tries only one seed", "Runs must differ, too.", test_only_that_epochs_differ),
        Mistake(
            "your test never asks for the same order twice",
            "A run that can't be repeated looks just as good.",
            test_without_a_second_call,
        ),
        Mistake(
            "your test does not look at the global generator",
            "A version that seeds it gives the right orders and spoils what others draw.",
            test_without_a_look_at_the_generator,
        ),
        Mistake(
            "your test never changes seed and epoch at once",
            "Seed plus epoch is no key: it is the same for (0, 2) and (1, 1).",
            test_with_one_changed_at_a_time,
        ),
        Mistake(
            "your test asks for one certain order",
            "Which order comes out is free; only its properties are asked for.",
            test_for_one_certain_order,
        ),
    ),
    afterword="You tested a random function without knowing one of its numbers: by its properties.",
)
