"""The contract of the models, held by CNN."""

import pytest
import torch

from medkit.blocks import Prediction, parameter_count
from medkit.models import CNN, Hybrid
from medkit.training import Settings, fit, predict

pytestmark = pytest.mark.filterwarnings("error")


def build(seed=0, **kwargs):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return CNN(**{"classes": 3, **kwargs})


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 32), (40, 72), (64, 64)])
def test_contract(size, channels):
    prediction = build(channels=channels, classes=5)(draw(2, channels, *size))
    assert isinstance(prediction, Prediction)
    assert prediction.label.shape == (2, 5)
    assert prediction.mask.shape == (2, 1, *size)


def test_edge_wrong_images():
    with pytest.raises(ValueError, match=r"shape \(B, 1, H, W\), got \(2, 3, 32, 32\)"):
        build()(draw(2, 3, 32, 32))
    with pytest.raises(ValueError, match=r"divisible by 8, got \(32, 36\)"):
        build()(draw(2, 1, 32, 36))
    with pytest.raises(ValueError, match="classes must be 2 or more"):
        build(classes=1)


def test_equal_budgets():
    counts = [parameter_count(model(classes=3)) for model in (CNN, Hybrid)]
    assert all(110_000 <= count <= 130_000 for count in counts)
    assert max(counts) / min(counts) <= 1.10
    assert parameter_count(CNN(3, width=20)) / counts[1] > 1.10  # the bound can be missed


def test_seed_decides_the_weights_and_nothing_else_moves():
    before = torch.random.get_rng_state()
    first, again, other = build(0), build(0), build(1)
    assert torch.equal(torch.random.get_rng_state(), before)
    for a, b in zip(first.parameters(), again.parameters()):
        assert torch.equal(a, b)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_every_parameter_gets_a_gradient():
    model = build()
    label, mask = model(draw(4, 1, 32, 32))
    torch.nn.functional.cross_entropy(label, torch.tensor([0, 1, 2, 0])).backward(retain_graph=True)
    assert all(p.grad is None for p in model.mask_head.parameters())  # the label alone can't reach it
    mask.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 1e-7, name


def test_one_image_does_not_see_the_rest_of_its_batch():
    model, image = build().double().train(), draw(3, 1, 32, 32).double()
    together, alone = model(image), model(image[:1])
    assert (together.label[:1] - alone.label).abs().max() <= 1e-10
    assert (together.mask[:1] - alone.mask).abs().max() <= 1e-10


def test_overfits_8_images():
    image, label = 0.1 * draw(8, 1, 32, 32), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    mask = torch.zeros(8, 1, 32, 32, dtype=torch.bool)
    for i in range(8):
        mask[i, 0, 3 * i : 3 * i + 6, 4 : 8 + 2 * i] = True
    image = image + mask * (0.4 + 0.2 * label.view(-1, 1, 1, 1))
    model = build()
    before = predict(model, image)
    fit(model, image, label, mask, Settings(batch_size=8, epochs=100), seed=0, progress=None)
    after = predict(model, image)

    def wrong(prediction):
        return int((prediction.label.argmax(1) != label).sum())

    def overlap(prediction):
        found = prediction.mask > 0
        return float(2 * (found & mask).sum() / (found.sum() + mask.sum()))

    assert wrong(before) > 0 and overlap(before) < 0.5
    assert wrong(after) == 0 and overlap(after) > 0.9


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_equals_cpu():
    model, image = build().double(), draw(2, 1, 32, 32).double()
    cpu, gpu = model(image), model.cuda()(image.cuda())
    assert (gpu.label.cpu() - cpu.label).abs().max() <= 1e-10
    assert (gpu.mask.cpu() - cpu.mask).abs().max() <= 1e-10
