"""What a model costs."""

import pytest
import torch
from torch import nn

from medkit.cost import Cost, report, table
from medkit.models import CNN, Hybrid, HybridAsPrinted, HybridUniform, Transformer, UNet

pytestmark = pytest.mark.filterwarnings("error")
MODELS = (CNN, UNet, Transformer, Hybrid)


def seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return build()


def test_hand_one_convolution():
    conv = seeded(lambda: nn.Conv2d(2, 4, kernel_size=3, padding=1))
    # 4 · 2 · 3 · 3 weights and 4 biases; each of 8 · 8 · 4 outputs sums 2 · 3 · 3 products; all that is
    # kept is the image
    assert report(conv, (2, 8, 8)) == Cost(76, 2 * 8 * 8 * 4 * 18, 0)


def test_hand_activations():
    first, second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1)
    convs = nn.Sequential(first, nn.ReLU(), second)
    # the ReLU keeps its output, 4 · 8 · 8 numbers of 4 bytes; the second convolution keeps the same again
    assert report(convs, (1, 8, 8)).activation_bytes == 1024
    assert report(convs.double(), (1, 8, 8)).activation_bytes == 2048
    sigmoids = seeded(lambda: nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Sigmoid(), nn.Sigmoid()))
    assert report(sigmoids, (1, 8, 8)).activation_bytes == 2048  # two different ones are kept


def test_hand_strides_and_transposed():
    down = seeded(lambda: nn.Conv2d(1, 2, kernel_size=3, stride=2, padding=1))
    assert report(down, (1, 8, 8)).flops == 2 * 4 * 4 * 2 * 9
    up = seeded(lambda: nn.ConvTranspose2d(4, 2, kernel_size=2, stride=2))
    assert report(up, (4, 8, 8)).flops == 2 * 8 * 8 * 4 * 2 * 4  # each input pixel paints 2 × 2


def by_hand(model, size):
    """Sum the convolutions and linear maps by their shapes, with hooks; what attention adds is left out."""
    total = 0

    def count(part, inputs, output):
        nonlocal total
        if isinstance(part, nn.ConvTranspose2d):
            total += 2 * inputs[0].shape[-2:].numel() * part.weight.numel()
        elif isinstance(part, nn.Conv2d):
            total += 2 * output.shape[-2:].numel() * part.weight.numel()
        elif isinstance(part, nn.Linear):
            total += 2 * inputs[0].shape[:-1].numel() * part.weight.numel()

    for part in model.modules():
        part.register_forward_hook(count)
    model(torch.zeros(1, *size))
    return total


@pytest.mark.parametrize(
    "model, products",  # of attention, in units of FLOPs for N tokens of D features
    [
        (CNN, lambda n, d: 0),
        (UNet, lambda n, d: 0),
        (HybridUniform, lambda n, d: 0),
        (Hybrid, lambda n, d: 4 * n * n * d),
        (HybridAsPrinted, lambda n, d: 4 * n * d * d),
        (Transformer, lambda n, d: 2 * 4 * n * n * d),  # two layers
    ],
)
def test_twin_flops_of_the_models(model, products):
    size, n = (1, 64, 48), 8 * 6
    cost = report(seeded(lambda: model(3)), size)
    assert cost.flops == by_hand(seeded(lambda: model(3)), size) + products(n, 64)
    assert cost.parameters == sum(p.numel() for p in seeded(lambda: model(3)).parameters())


@pytest.mark.parametrize("model", MODELS)
def test_law_repeats_and_grows(model):
    built = seeded(lambda: model(3))
    small, again, large = (report(built, (1, size, size)) for size in (64, 64, 128))
    assert small == again
    assert small.parameters == large.parameters
    growth = large.flops / small.flops
    if model in (CNN, UNet):
        assert growth == pytest.approx(4, rel=0.01)
    else:
        assert growth > 4.1  # attention compares all with all
    assert 3.5 < large.activation_bytes / small.activation_bytes < 5


def test_law_leaves_the_model_as_it_was():
    model = seeded(lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU()))
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    report(model, (1, 8, 8))
    assert [part.training for part in model.modules()] == [True, True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)
    model(torch.ones(1, 1, 8, 8))  # a plain call in training mode does move them
    assert not all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        assert report(seeded(lambda: CNN(3)), (1, 32, 32)).activation_bytes > 0


def test_edge_frozen_model():
    model = seeded(lambda: CNN(3))
    free = report(model, (1, 32, 32))
    frozen = report(model.requires_grad_(False), (1, 32, 32))
    assert frozen == Cost(free.parameters, free.flops, 0) != free


def test_edge_messages():
    for size in ((64, 64), (1, 0, 64)):
        with pytest.raises(ValueError, match=r"image_size must be \(C, H, W\), 1 or more each, got \("):
            report(nn.Conv2d(1, 1, 1), size)
    with pytest.raises(ValueError, match="model must have parameters, got none"):
        report(nn.ReLU(), (1, 8, 8))
    model = CNN(3).train()
    with pytest.raises(ValueError, match="divisible by 8"):
        report(model, (1, 36, 36))
    assert all(part.training for part in model.modules())


def test_hand_table():
    text = table({"CNN": Cost(119_796, 26_120_000, 2**20)})
    assert text.splitlines()[-1] == "| CNN | 119,796 | 26.12 | 1.00 |"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("model", MODELS)
def test_gpu_counts_the_same(model):
    model = seeded(lambda: model(3))
    cpu, gpu = report(model, (1, 64, 64)), report(model.cuda(), (1, 64, 64))
    assert (cpu.parameters, cpu.flops) == (gpu.parameters, gpu.flops)
    assert 0.5 < gpu.activation_bytes / cpu.activation_bytes < 2
