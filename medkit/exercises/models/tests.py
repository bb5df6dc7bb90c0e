"""Exercise 6.6: a test of the contract that all models share; the models themselves are in `contract`."""

from __future__ import annotations

import torch

from medkit.exercises.exercise import Mistake
from medkit.exercises.models import contract as versions
from medkit.exercises.questions import WriteTest


def test_model(model):
    """Ask for three images with more columns than rows, together and alone."""
    image = torch.rand(3, 1, 32, 48, generator=torch.Generator().manual_seed(0))
    before = image.clone()
    label, mask = model(image)
    assert label.shape == (3, 3) and mask.shape == (3, 1, 32, 48)
    assert label.min() < 0 and mask.min() < 0  # logits, no probabilities
    assert torch.equal(image, before)
    for place in (0, 2):
        alone, drawn = model(before[place : place + 1])
        assert alone.shape == (1, 3) and drawn.shape == (1, 1, 32, 48)
        assert torch.allclose(alone, label[place : place + 1], atol=1e-4)
        assert torch.allclose(drawn, mask[place : place + 1], atol=1e-4)


# Other good tests, and tests that are too weak or too strict


def test_in_two_sizes(model):
    """Walk over two sizes; return what an assert would ask."""
    good = True
    for height, width in ((40, 32), (32, 64)):
        image = torch.linspace(0, 1, 2 * height * width).reshape(2, 1, height, width) ** 2
        given = image.clone()
        first, again, second = model(image), model(given.flip(0)), model(given[:1])
        good &= torch.equal(image, given)
        good &= tuple(first[0].shape) == (2, 3) and tuple(second[0].shape) == (1, 3)
        good &= tuple(first[1].shape) == (2, 1, height, width)
        for one, other, alone in zip(first, again, second, strict=True):
            good &= bool((one < 0).any())
            good &= torch.allclose(one, other.flip(0), atol=1e-4) and torch.allclose(one[:1], alone, atol=1e-4)
    return good


def test_by_field_names(model):
    """Use that the answer is (label, mask), one line for each promise."""
    image = torch.rand(2, 1, 64, 32, generator=torch.Generator().manual_seed(5))
    kept = image.clone()
    answers = [model(image), model(kept[1:]), model(kept)]
    assert torch.equal(kept, image)
    for answer, count in zip(answers, (2, 1, 2), strict=True):
        assert list(answer[0].shape) == [count, 3]
        assert list(answer[1].shape) == [count, 1, 64, 32]
        assert not torch.allclose(answer[0].exp().sum(1).log(), torch.ones(count), atol=1e-3)
        assert answer[0].min() < 0 and answer[1].min() < 0
    for field in (0, 1):
        assert torch.allclose(answers[0][field][1:], answers[1][field], atol=1e-4)
        assert torch.allclose(answers[0][field], answers[2][field], atol=1e-4)


def test_only_the_shapes(model):
    """Too weak: look at shapes."""
    label, mask = model(torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(0)))
    assert label.shape == (2, 3) and mask.shape == (2, 1, 32, 48)
    label, mask = model(torch.rand(1, 1, 48, 32, generator=torch.Generator().manual_seed(0)))
    assert label.shape == (1, 3) and mask.shape == (1, 1, 48, 32)


def test_only_squares(model):
    """Too weak: give it square images of one size."""
    image = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    before = image.clone()
    label, mask = model(image)
    alone, drawn = model(before[:1])
    assert label.shape == (2, 3) and mask.shape == (2, 1, 64, 64) and alone.shape == (1, 3)
    assert label.min() < 0 and mask.min() < 0 and torch.equal(image, before)
    assert torch.allclose(alone, label[:1], atol=1e-4) and torch.allclose(drawn, mask[:1], atol=1e-4)


def test_only_one_image(model):
    """Too weak: never give it two images at once."""
    image = torch.rand(1, 1, 32, 48, generator=torch.Generator().manual_seed(0))
    before = image.clone()
    first, again = model(image), model(before)
    assert first[0].shape == (1, 3) and first[1].shape == (1, 1, 32, 48)
    assert first[0].min() < 0 and first[1].min() < 0 and torch.equal(image, before)
    assert torch.allclose(first[0], again[0], atol=1e-4) and torch.allclose(first[1], again[1], atol=1e-4)


def test_without_a_look_at_the_values(model):
    """Too weak: never ask whether the answers are logits."""
    image = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(0))
    before = image.clone()
    label, mask = model(image)
    alone, drawn = model(before[:1])
    assert label.shape == (2, 3) and mask.shape == (2, 1, 32, 48) and alone.shape == (1, 3)
    assert torch.equal(image, before)
    assert torch.allclose(alone, label[:1], atol=1e-4) and torch.allclose(drawn, mask[:1], atol=1e-4)


def test_without_a_look_back(model):
    """Too weak: hand over copies."""
    image = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(0))
    label, mask = model(image.clone())
    alone, drawn = model(image[:1].clone())
    assert label.shape == (2, 3) and mask.shape == (2, 1, 32, 48) and alone.shape == (1, 3)
    assert label.min() < 0 and mask.min() < 0
    assert torch.allclose(alone, label[:1], atol=1e-4) and torch.allclose(drawn, mask[:1], atol=1e-4)


def test_for_probabilities(model):
    """Too strict: ask for what a softmax and a sigmoid give."""
    label, mask = model(torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(label.sum(1), torch.ones(2), atol=1e-4)
    assert mask.min() >= 0 and mask.max() <= 1


def test_to_the_last_digit(model):
    """Too strict: ask twice for equal bits."""
    image = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(image)[0], model(image)[0])


KILL_MODELS = WriteTest(
    id="6.6",
    title="A test of the contract",
    section="exercises",
    points=3,
    minutes=15,
    name="test_model",
    prompt=(
        "You are the examiner. All models of this page keep one contract: `model(image)` takes a float batch "
        "`(B, 1, H, W)` with values from 0 to 1, H and W 32 or more and divisible by 8, and returns a pair "
        "`(label, mask)` of shapes `(B, 3)` and `(B, 1, H, W)`, for a batch of one image as well. Both are "
        "*logits*: no softmax and no sigmoid was taken, and in this exercise every right model has some "
        "negative ones in both. What it says of an image depends on that image alone: not on the rest of the "
        "batch, nor on what it was asked before. And the image stays as it was.\n\nWrite `test_model(model)`: "
        "it accepts every right model (untrained, each with weights of its own, so you can't know its numbers), "
        "and fails for each of the wrong ones that the kit holds. The models are quick; call them as often as "
        "you like."
    ),
    unsolved="def test_model(model):\n    ...  # assert what must hold for label, mask = model(image)",
    solution=test_model,
    alternatives=(test_in_two_sizes, test_by_field_names),
    right=(
        versions.cnn,
        versions.u_net,
        versions.transformer,
        versions.hybrid,
        versions.three_sums,
        versions.last_digits,
    ),
    wrong=(
        Mistake("draws the mask at half size", "Look at its shape.", versions.mask_at_half_size),
        Mistake("draws the mask at 64 × 64 whatever comes", "Try another size.", versions.mask_always_64),
        Mistake("takes the mask's rows for columns", "A square image hides it.", versions.mask_turned),
        Mistake("draws a mask for each class", "There is one mask.", versions.mask_for_each_class),
        Mistake("has taken the sigmoid already", "Logits may be negative.", versions.mask_after_sigmoid),
        Mistake("has taken the softmax already", "Logits may be negative.", versions.label_after_softmax),
        Mistake("normalises with the whole batch", "Ask for one image alone.", versions.in_training_mode),
        Mistake("has statistics that move with each call", "Ask again.", versions.StatisticsThatMove),
        Mistake("gives one label for all images", "Look at its shape.", versions.one_label_for_all),
        Mistake("drops the batch's axis where it holds one image", "Ask for one.", versions.batch_of_one_squeezed),
        Mistake("answers the mask first", "The label comes first.", versions.mask_before_label),
        Mistake("writes into the image", "Look at it afterwards.", versions.scaled_in_place),
    ),
    hints=(
        "Take two or three different images, with more columns than rows, and look at both shapes.",
        "Ask for one of them alone, `image[:1]`, and compare with what was said of it in the batch: "
        "`torch.allclose(..., atol=1e-4)`. Look at the shapes there too: (1, 3) and (3,) are compared without "
        "a word.",
        "Negative numbers tell logits from probabilities; `before = image.clone()` tells whether the image "
        "was changed.",
    ),
    mistakes=(
        Mistake("your test looks only at shapes", "Most wrong models have the right shape.", test_only_the_shapes),
        Mistake(
            "your test uses only square images of 64 pixels",
            "Rows and columns can be swapped then, and a size that is built in is not seen.",
            test_only_squares,
        ),
        Mistake(
            "your test never gives two images at once",
            "Who looks at the neighbours in the batch is found out only where there are some.",
            test_only_one_image,
        ),
        Mistake(
            "your test does not look at the values",
            "Probabilities have the same shape as logits.",
            test_without_a_look_at_the_values,
        ),
        Mistake(
            "your test does not look back at the image",
            "A model that writes into its argument spoils it for the next one.",
            test_without_a_look_back,
        ),
        Mistake(
            "your test asks for probabilities",
            "The contract says logits: the losses take softmax and sigmoid themselves.",
            test_for_probabilities,
        ),
        Mistake(
            "your test asks for equality to the last digit",
            "On a graphics card two calls may differ in rounding: use torch.allclose.",
            test_to_the_last_digit,
        ),
    ),
    afterword="All models of this kit pass this test, whatever else they are: that is why one training loop and "
    "one table serve for all.",
)
