"""Exercise 7.6: a test of freezing; what is tested is in `freezes`."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import WriteTest
from medkit.exercises.transfer import freezes as versions


def test_freeze(freeze):
    """Freeze the middle of a small model in mid-training, train on, and compare all that it holds."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        middle = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
        model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), middle, torch.nn.ReLU(), torch.nn.Conv2d(3, 1, 1))
    image = torch.rand(4, 1, 6, 7, generator=torch.Generator().manual_seed(1))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)
    for step in range(6):
        if step == 3:
            before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            freeze(model, "1")
        model.train()
        optimiser.zero_grad(set_to_none=False)
        (model(image) - 1).square().mean().backward()
        optimiser.step()
    assert model[0].weight.grad.abs().sum() > 0  # gradients come through the frozen part
    for name, after in model.state_dict().items():
        assert torch.equal(before[name], after) == name.startswith("1."), name


# Other good tests, and tests that are too weak or too strict


def _model_and_image():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(2)
        middle = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
        model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 1), middle, torch.nn.Conv2d(4, 2, 1))
    return model, torch.rand(5, 1, 7, 6, generator=torch.Generator().manual_seed(3))


def _train(model, image, optimiser, steps=3, mode=True):
    for _ in range(steps):
        if mode:
            model.train()
        optimiser.zero_grad(set_to_none=False)
        (model(image) - 1).square().mean().backward()
        optimiser.step()


def _copy(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.05)


def test_with_adamw(freeze):
    """Freeze after a few steps of AdamW; return what an assert would ask."""
    model, image = _model_and_image()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    _train(model, image, optimiser)
    before = _copy(model)
    freeze(model, "1")
    _train(model, image, optimiser)
    held = all(torch.equal(before[name], now) for name, now in model.state_dict().items() if name[0] == "1")
    moved = all(not torch.equal(before[name], now) for name, now in model.state_dict().items() if name[0] != "1")
    return held and moved and bool(model[0].bias.grad.any())


def test_in_two_runs(freeze):
    """One run for what stands still, another for what moves, without momentum and decay."""
    model, image = _model_and_image()
    optimiser = _sgd(model)
    _train(model, image, optimiser)
    before = _copy(model)
    freeze(model, "1")
    _train(model, image, optimiser)
    for name, now in model.state_dict().items():
        assert not name.startswith("1.") or (now - before[name]).abs().max() == 0
    model, image = _model_and_image()
    freeze(model, "1")
    before = _copy(model)
    _train(model, image, torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1))
    for part in ("0.weight", "0.bias", "2.weight", "2.bias"):
        assert not torch.equal(before[part], model.state_dict()[part])


def test_only_the_weights(freeze):
    """Too weak: compare what has a gradient."""
    model, image = _model_and_image()
    optimiser = _sgd(model)
    _train(model, image, optimiser)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    freeze(model, "1")
    _train(model, image, optimiser)
    assert model[0].weight.grad.any()
    for name, now in model.named_parameters():
        assert torch.equal(before[name], now) == name.startswith("1.")


def test_with_a_new_optimiser(freeze):
    """Too weak: freeze before anything was trained."""
    model, image = _model_and_image()
    before = _copy(model)
    freeze(model, "1")
    _train(model, image, _sgd(model))
    assert model[0].weight.grad.any()
    for name, now in model.state_dict().items():
        assert torch.equal(before[name], now) == name.startswith("1.")


def test_without_train(freeze):
    """Too weak: never call `.train()` after freezing."""
    model, image = _model_and_image()
    optimiser = _sgd(model)
    _train(model, image, optimiser)
    before = _copy(model)
    freeze(model, "1")
    _train(model, image, optimiser, mode=False)
    assert model[0].weight.grad.any()
    for name, now in model.state_dict().items():
        assert torch.equal(before[name], now) == name.startswith("1.")


def test_only_what_stands_still(freeze):
    """Too weak: never ask whether the rest learns."""
    model, image = _model_and_image()
    optimiser = _sgd(model)
    _train(model, image, optimiser)
    before = _copy(model)
    freeze(model, "1")
    if any(parameter.requires_grad for parameter in model.parameters()):
        _train(model, image, optimiser)
    for name, now in model.state_dict().items():
        assert not name.startswith("1.") or torch.equal(before[name], now)


def test_only_flags(freeze):
    """Too weak: look at requires_grad, and train nothing."""
    model, _ = _model_and_image()
    freeze(model, "1")
    assert not any(parameter.requires_grad for parameter in model[1].parameters())
    assert all(parameter.requires_grad for parameter in [*model[0].parameters(), *model[2].parameters()])


def test_with_a_late_copy(freeze):
    """Too weak: copy after freezing, so that what freezing itself changes is not seen."""
    model, image = _model_and_image()
    optimiser = _sgd(model)
    _train(model, image, optimiser)
    freeze(model, "1")
    before = _copy(model)
    _train(model, image, optimiser)
    assert model[0].weight.grad.any()
    for name, now in model.state_dict().items():
        assert torch.equal(before[name], now) == name.startswith("1.")


def test_without_a_copy(freeze):
    """Too strict by mistake: `before` follows the training, so that nothing seems to move."""
    model, image = _model_and_image()
    before = model.state_dict()
    freeze(model, "1")
    _train(model, image, _sgd(model))
    for name, now in model.state_dict().items():
        assert torch.equal(before[name], now) == name.startswith("1.")


def test_for_a_mode(freeze):
    """Too strict: ask how it is done."""
    model, _ = _model_and_image()
    freeze(model, "1")
    model.train()
    assert not model[1].training


KILL_FREEZES = WriteTest(
    id="7.6",
    title="A test that frozen means frozen",
    section="exercises",
    points=4,
    minutes=20,
    name="test_freeze",
    prompt=(
        "`freeze(model, name)` should hold the part `model.get_submodule(name)` of any model, at any moment of its "
        "training: from that call on no weight and no buffer of the part changes by a single bit (buffers are what "
        "a `state_dict` holds beside the weights: BatchNorm's running mean, variance and its counter of batches). "
        "That must survive what training loops do: `model.train()` at each step, an optimiser over all "
        "parameters that was built and used *before*, with momentum and weight decay, and "
        "`zero_grad(set_to_none=False)`. The layers behind the part *and in front of it* learn on, so gradients "
        "have to come through it.\n\nWrite `test_freeze(freeze)`: it builds a small model of its own, freezes a part, "
        "trains a few steps, and asserts what must hold. It accepts every right way to freeze, and fails for each of "
        "the wrong ones that the kit holds."
    ),
    unsolved=(
        "def test_freeze(freeze):\n"
        "    # a small model, with a BatchNorm in the part that is frozen\n"
        "    ...  # train, freeze(model, NAME), train on, compare"
    ),
    solution=test_freeze,
    alternatives=(test_with_adamw, test_in_two_runs),
    right=(versions.held_before_each_call, versions.deaf_to_train, versions.of_another_class),
    wrong=(
        Mistake("does nothing", "Compare before and after.", versions.nothing_at_all),
        Mistake("only calls requires_grad_(False)", "What moves without a gradient?", versions.gradients_off),
        Mistake("switches to evaluation mode once", "Then comes model.train().", versions.evaluation_once),
        Mistake(
            "leaves the last gradient in place",
            "zero_grad(set_to_none=False) makes zeros of it, and an optimiser with a memory moves on.",
            versions.old_gradients_kept,
        ),
        Mistake("forgets the statistics", "Buffers are in state_dict().", versions.weights_without_statistics),
        Mistake("holds the statistics alone", "Compare the weights too.", versions.statistics_only),
        Mistake("holds the head as well", "Does the rest learn?", versions.everything),
        Mistake("holds the first layer of the part", "Put several into it.", versions.first_layer_of_it),
        Mistake("forgets the biases", "Compare all parameters.", versions.without_biases),
        Mistake(
            "lets no gradient through",
            "Layers in front move a little all the same, by momentum and decay. Look at their gradient.",
            versions.cut_off,
        ),
        Mistake("resets the statistics", "Copy before you freeze.", versions.statistics_reset),
        Mistake("rounds the weights it holds", "Copy before you freeze.", versions.weights_rounded),
    ),
    hints=(
        "Three parts: something in front, a middle with a convolution and a BatchNorm, something behind. Train "
        "two or three steps *before* you freeze, with momentum and weight decay.",
        "`before = {name: t.clone() for name, t in model.state_dict().items()}`, taken before `freeze`. Without "
        "the clone it follows the training.",
        "After training on, every tensor of the middle must be `torch.equal` to what it was, and every other one "
        "must not be. And `model[0].weight.grad` must not be all zeros.",
    ),
    mistakes=(
        Mistake(
            "your test compares the weights alone",
            "BatchNorm's running mean and variance are buffers: compare the state_dict().",
            test_only_the_weights,
        ),
        Mistake(
            "your test freezes before anything was trained",
            "Then no gradient and no momentum is left over that could move what is frozen.",
            test_with_a_new_optimiser,
        ),
        Mistake(
            "your test never calls train() after freezing",
            "Training loops call it at each epoch, and it undoes evaluation mode.",
            test_without_train,
        ),
        Mistake(
            "your test does not ask whether the rest learns",
            "Who freezes everything, or cuts the gradients off, gets through.",
            test_only_what_stands_still,
        ),
        Mistake("your test looks only at requires_grad", "Train, and see what moves.", test_only_flags),
        Mistake(
            "your test copies after freezing",
            "What freezing itself does to the weights stays unseen.",
            test_with_a_late_copy,
        ),
        Mistake(
            "your `before` is no copy",
            "state_dict() shows the tensors themselves: they follow the training, and nothing seems to move.",
            test_without_a_copy,
        ),
        Mistake(
            "your test asks how it is done",
            "Some right ways let a layer be called `training` and hold it all the same. Ask what moves.",
            test_for_a_mode,
        ),
    ),
    afterword="A test that looks at `requires_grad` alone, as most do, lets seven of these twelve through.",
)
