"""Exercise 15.5, a test for attention rollout: what it accepts, and what it must kill."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.explain import rollouts
from medkit.exercises.questions import WriteTest


def test_rollout(rollout):
    """Try one layer, then two whose order matters."""
    first = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # all look at position 0
    second = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    one_layer = rollout(first[None])  # (A + 1) / 2 = [[1, 0], [0.5, 0.5]]
    assert torch.allclose(one_layer, torch.tensor([0.75, 0.25]), atol=1e-4)
    # [[0.75, 0.25], [0, 1]] @ [[1, 0], [0.5, 0.5]] = [[0.875, 0.125], [0.5, 0.5]]
    two_layers = rollout(torch.stack([first, second]))
    assert torch.allclose(two_layers, torch.tensor([0.6875, 0.3125]), atol=1e-4)


# Other good tests


def _made_up(layers, n, seed):
    drawn = torch.rand(layers, n, n, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.sum(dim=2, keepdim=True)


def test_by_a_twin(rollout):
    """Compare with a product that is written out, on drawn layers."""
    for seed in range(3):
        layers = _made_up(3, 4, seed)
        a, b, c = (layers + torch.eye(4)) / 2
        assert torch.allclose(rollout(layers), (c @ b @ a).mean(dim=0), atol=1e-4)


def test_by_laws(rollout):
    """Ask for what must hold: a layer that looks at itself changes nothing; two steps are known by hand."""
    layers = _made_up(2, 3, seed=1)
    idle = torch.eye(3)[None]
    assert torch.allclose(rollout(idle), torch.full((3,), 1 / 3), atol=1e-4)
    wanted = rollout(layers)
    assert torch.allclose(rollout(torch.cat([idle, layers])), wanted, atol=1e-4)
    assert torch.allclose(rollout(torch.cat([layers, idle])), wanted, atol=1e-4)
    assert abs(float(wanted.sum()) - 1) < 1e-4
    # all look at 0 first, then 0 looks at 1: half of what 0 gives comes from 0 itself, and half from 1
    first, second = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert torch.allclose(rollout(torch.stack([first, second])), torch.tensor([0.625, 0.375]), atol=1e-4)


# Tests that are too weak or too strict


def test_only_the_sum(rollout):
    """Too weak: ask that it sums to one."""
    assert abs(float(rollout(_made_up(3, 4, seed=0)).sum()) - 1) < 1e-4


def test_only_even_layers(rollout):
    """Too weak: let everybody look everywhere alike."""
    assert torch.allclose(rollout(torch.full((3, 4, 4), 0.25)), torch.full((4,), 0.25), atol=1e-4)


def test_only_one_layer(rollout):
    """Too weak: try one layer alone."""
    assert torch.allclose(rollout(torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])), torch.tensor([0.75, 0.25]), atol=1e-4)


def test_only_one_layer_twice(rollout):
    """Too weak: take the same layer twice, so that no order can be seen."""
    layer = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    flow = (layer + torch.eye(2)) / 2
    assert torch.allclose(rollout(torch.stack([layer, layer])), (flow @ flow).mean(dim=0), atol=1e-4)


def test_only_the_shape(rollout):
    """Too weak: ask for the shape, and for no number below 0."""
    found = rollout(_made_up(2, 5, seed=0))
    assert found.shape == (5,) and (found >= 0).all()


def test_only_which_is_highest(rollout):
    """Too weak: ask which position is looked at most."""
    first, second = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    assert int(rollout(torch.stack([first, second])).argmax()) == 0


def test_to_the_last_digit(rollout):
    """Too strict: ask for equal bits."""
    layers = _made_up(4, 7, seed=2)
    assert torch.equal(rollout(layers), rollouts.rollout_plainly(layers))


KILL_ROLLOUTS = WriteTest(
    id="15.5",
    title="A test for attention rollout",
    section="exercises",
    points=3,
    minutes=15,
    name="test_rollout",
    prompt=(
        "You are the examiner. `rollout(layers)` takes the attention weights of L layers, a float tensor (L, N, N), the "
        "first layer first, each already the mean over heads; row i of a layer says how much position i takes from every "
        "other, and sums to one. It should return the map (N,): how much each position is looked at through all layers, "
        "R = (A_L + 1)/2 · … · (A_1 + 1)/2, the last layer leftmost, 1 the identity, and then the mean of R over its "
        "*rows*: over who looks. Write a function that accepts every right version, and raises an AssertionError (or "
        "returns False) for each of the wrong ones that the kit holds."
    ),
    unsolved=(
        "def test_rollout(rollout):\n"
        "    # for example: one layer in which both of two positions look at the first\n"
        "    ...\n"
        "    return ..."
    ),
    solution=test_rollout,
    alternatives=(test_by_a_twin, test_by_laws),
    forbidden=("medkit.explain",),
    right=(rollouts.rollout_plainly, rollouts.rollout_of_a_row, rollouts.rollout_by_numpy),
    wrong=(
        Mistake("leaves out the path around a layer", "Half of what goes into a layer passes it by.", rollouts.rollout_without_a_path),
        Mistake("adds the path and never halves", "The map must sum to one.", rollouts.rollout_not_halved),
        Mistake("puts the first layer leftmost", "Take two layers that give something else the other way round.", rollouts.rollout_from_the_wrong_end),
        Mistake("averages over columns", "Rows sum to one: so each position would look the same.", rollouts.rollout_of_who_looks),
        Mistake("takes columns for rows", "Take a layer that isn't symmetric.", rollouts.rollout_transposed),
        Mistake("looks at the last layer alone", "Take two layers.", rollouts.rollout_of_the_last),
        Mistake("averages layers in place of multiplying them", "Work two layers out by hand.", rollouts.rollout_averaged),
        Mistake("multiplies number by number", "A product of matrices is asked for.", rollouts.rollout_place_by_place),
        Mistake("adds one path around all layers together", "Each layer has its own path: two layers show it.", rollouts.rollout_with_one_path),
        Mistake("reads the first row alone", "There is no class token here: the mean over all rows.", rollouts.rollout_of_the_first_row),
        Mistake("sums over who looks", "The mean is asked for; the map sums to one.", rollouts.rollout_summed),
    ),
    hints=(
        "Two positions and one layer, [[1, 0], [1, 0]]: what is (A + 1)/2, and what are the means of its columns?",
        "One layer can't show an order. Take [[1, 0], [1, 0]] first and [[0.5, 0.5], [0, 1]] second, and multiply on paper.",
        "`assert torch.allclose(rollout(torch.stack([first, second])), torch.tensor([0.6875, 0.3125]), atol=1e-4)`, beside "
        "one for a single layer.",
    ),
    mistakes=(
        Mistake("your test asks only that it sums to one", "Most wrong maps do.", test_only_the_sum),
        Mistake("your test has even layers alone", "Where everybody looks everywhere alike, hardly a mistake shows.", test_only_even_layers),
        Mistake("your test has one layer", "What becomes of several stays unseen.", test_only_one_layer),
        Mistake("your test has the same layer twice", "Then no order can be seen.", test_only_one_layer_twice),
        Mistake("your test asks only for the shape", "The numbers may be anything.", test_only_the_shape),
        Mistake("your test asks only which is highest", "The others may be anything.", test_only_which_is_highest),
        Mistake("your test asks for equality to the last digit", "Right versions differ in rounding.", test_to_the_last_digit),
    ),
    afterword="Rollout assumes that half of the signal passes each layer by: a convention, not a measurement.",
)
