"""One step: pieces that add up, memory that runs out, gradients that break."""

import dataclasses

import pytest
import torch
from torch import nn

from medkit import step
from medkit.augment import Ranges, augment
from medkit.blocks import Prediction
from medkit.losses import Whole, total_loss
from medkit.models import CNN, Hybrid
from medkit.settings import Settings
from medkit.training import epoch_order, fit

pytestmark = pytest.mark.filterwarnings("error")
SETTINGS = Settings(batch_size=10, epochs=10, learning_rate=0.003)  # 20 images: 20 steps
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def build(kind=CNN, precision=torch.float64, **kwargs):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return kind(classes=3, width=4, **kwargs).to(precision)


def images(precision=torch.float64, n=20):
    image = torch.rand((n, 1, 32, 32), generator=torch.Generator().manual_seed(0), dtype=precision)
    return image, torch.arange(n) % 3, image > 0.8


def train(model, settings=SETTINGS, data=None, **kwargs):
    history = fit(model, *(data or images()), settings, seed=0, progress=None, **kwargs)
    return model, history


def apart(one, other):
    return max((a - b).abs().max().item() for a, b in zip(one.parameters(), other.parameters()))


class SmallMemory(nn.Module):
    """A device on which more than `room` images at once don't fit."""

    def __init__(self, model, room, error):
        super().__init__()
        self.model, self.room, self.error, self.tried = model, room, error, []

    def forward(self, image):
        self.tried.append(len(image))
        if len(image) > self.room:
            raise self.error
        return self.model(image)


GPU_ERROR = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
CPU_ERROR = RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize("error", [GPU_ERROR, CPU_ERROR, MemoryError()], ids=["gpu", "cpu", "python"])
@pytest.mark.parametrize("kind", [CNN, Hybrid])
def test_law_halved_batches_train_as_whole_ones_do(kind, error):
    whole, expected = train(build(kind))
    small, history = train(SmallMemory(build(kind), 3, error))
    assert apart(whole, small.model) <= 1e-10
    for row, wanted in zip(history, expected, strict=True):
        assert row["loss"] == pytest.approx(wanted["loss"], abs=1e-10)
    assert small.tried[:6] == [10, 5, 3, 3, 2, 2]  # halves, then quarters, from then on
    assert small.tried.count(10) == 1 and small.tried.count(5) == 1
    assert history.notes == [
        "epoch 1, step 1: out of memory; from here on each batch of 10 is worked off in 2 pieces, "
        "whose gradients add up to the same step",
        "epoch 1, step 1: out of memory; from here on each batch of 10 is worked off in 4 pieces, "
        "whose gradients add up to the same step",
    ]
    assert expected.notes == []


def test_negative_control_pieces_that_are_divided_by_their_own_count(monkeypatch):
    whole, _ = train(build())
    monkeypatch.setattr(step, "total_loss", lambda *a, whole, **k: total_loss(*a, **k))
    small, _ = train(SmallMemory(build(), 3, MemoryError()))
    assert apart(whole, small.model) > 1e-6


def test_float32_drifts_by_rounding_alone():
    data = images(torch.float32)
    whole, _ = train(build(precision=torch.float32), data=data)
    small, _ = train(SmallMemory(build(precision=torch.float32), 3, MemoryError()), data=data)
    print(f"20 steps in float32: pieces of 3 against whole batches of 10 differ by {apart(whole, small.model):.1e}")
    assert 0 < apart(whole, small.model) < 1e-2


def test_batch_norm_is_said_to_differ():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.model = nn.BatchNorm2d(1).double(), build()

        def forward(self, image):
            return self.model(self.norm(image))

    whole, _ = train(Normed())
    small, history = train(SmallMemory(Normed(), 5, MemoryError()))
    assert "but for BatchNorm, which normalises each piece alone: the result differs" in history.notes[0]
    assert apart(whole, small.model) > 1e-6


def test_edge_no_room_for_a_single_image_and_other_errors_are_raised():
    with pytest.raises(MemoryError):
        train(SmallMemory(build(), 0, MemoryError()))
    with pytest.raises(RuntimeError, match="something else"):
        train(SmallMemory(build(), 3, RuntimeError("something else")))


def test_law_pieces_of_the_loss_add_up():
    draw = torch.Generator().manual_seed(0)
    label_pred, pixels = torch.randn((7, 3), generator=draw), torch.randn((7, 1, 8, 8), generator=draw)
    label, mask = torch.arange(7) % 3, torch.rand((7, 1, 8, 8), generator=draw) > 0.7
    scored = torch.tensor([True, False, True, True, False, False, True])
    whole = total_loss(label_pred, pixels, label, mask, scored)
    size = Whole(7, scored.sum())
    pieces = [slice(0, 2), slice(2, 6), slice(6, 7)]
    parts = [total_loss(label_pred[p], pixels[p], label[p], mask[p], scored[p], whole=size) for p in pieces]
    for name in whole._fields:
        together = sum(getattr(part, name) for part in parts)
        assert float(together) == pytest.approx(float(getattr(whole, name)), abs=1e-6)
    nobody = total_loss(label_pred, pixels, label, mask, scored & False, whole=Whole(7, torch.tensor(0)))
    assert nobody.label == 0.0


# --- what breaks ------------------------------------------------------------------------------------


class BrokenBackwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * torch.nan


class BreaksAt(nn.Module):
    """A model whose gradient is NaN at its n-th step, though its loss is not."""

    def __init__(self, step):
        super().__init__()
        self.model, self.step, self.calls = build(), step, 0

    def forward(self, image):
        self.calls += 1
        label, mask = self.model(image)
        return Prediction(BrokenBackwards.apply(label) if self.calls == self.step else label, mask)


def test_edge_nan_in_the_gradient_stops_before_the_step():
    batch = epoch_order(20, 0, 2).split(10)[0].tolist()
    model = BreaksAt(3)
    with pytest.raises(FloatingPointError) as error:
        train(model)
    assert str(error.value).startswith(f"gradient must be finite, got norm nan in epoch 2, step 1, images {batch}; lower")
    good = fit_two_steps()
    assert apart(model.model, good) == 0.0  # as two steps left it


def fit_two_steps():
    return train(build(), dataclasses.replace(SETTINGS, epochs=1))[0]


def test_edge_an_image_spoilt_on_the_way_is_named(monkeypatch):
    data = images()

    def spoil(epoch, model):
        if epoch == 1:
            data[0][[4, 13]] = torch.inf

    with pytest.raises(FloatingPointError, match=r"image must be finite, got NaN or infinity in epoch 2, step [12]") as error:
        train(build(), data=data, on_epoch=spoil)
    assert "images [4" in str(error.value) or "images [13" in str(error.value)


def test_edge_nothing_that_learns():
    model = build().requires_grad_(False)
    with pytest.raises(ValueError, match="model must have a weight that learns, got none; thaw a stage"):
        train(model)


# --- options ---------------------------------------------------------------------------------------


def test_augmented_on_the_fly_by_key(monkeypatch):
    seen = []

    class Sees(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = build()

        def forward(self, image):
            seen.append(image.clone())
            return self.model(image)

    settings = dataclasses.replace(SETTINGS, epochs=2, augment=Ranges(angle=10.0))
    image, label, mask = images()
    moved, _ = train(Sees(), settings, (image, label, mask))
    for number, pictures in enumerate(seen):
        epoch, at = number // 2 + 1, number % 2
        batch = epoch_order(20, 0, epoch).split(10)[at]
        assert torch.equal(pictures, augment(image[batch], mask[batch], batch, 0, epoch, Ranges(angle=10.0))[0])
    plain, _ = train(build(), dataclasses.replace(SETTINGS, epochs=2))
    assert apart(plain, moved.model) > 1e-6
    small, _ = train(SmallMemory(build(), 3, MemoryError()), settings)
    assert apart(small.model, moved.model) <= 1e-10  # the pieces have no say


def test_layout_and_precision_change_no_more_than_rounding():
    plain, _ = train(build(), dataclasses.replace(SETTINGS, channels_last=False))
    other, _ = train(build())
    assert apart(plain, other) < 1e-10
    assert not step.has_bfloat16(torch.device("cpu"))


def test_layout_is_what_is_asked_for():
    for wanted in (True, False):
        model, _ = train(build(), dataclasses.replace(SETTINGS, epochs=1, channels_last=wanted))
        weight = model.encoder.stages[0][1][0].weight
        assert weight.is_contiguous(memory_format=torch.channels_last) == wanted


@needs_gpu
def test_gpu_mixed_precision_is_near_and_weights_stay_float32():
    data = tuple(tensor.cuda() for tensor in images(torch.float32))
    models = {}
    for mixed in (True, False):
        settings = dataclasses.replace(SETTINGS, mixed_precision=mixed)
        models[mixed], history = train(build(precision=torch.float32).cuda(), settings, data)
        assert all(p.dtype == torch.float32 for p in models[mixed].parameters())
    if step.has_bfloat16(torch.device("cuda")):
        assert 0 < apart(models[True], models[False]) < 0.1


@needs_gpu
def test_gpu_out_of_memory_for_real():
    device = torch.device("cuda")
    free, total = torch.cuda.mem_get_info()
    data = tuple(tensor.to(device) for tensor in images(torch.float32, n=64))
    settings = dataclasses.replace(SETTINGS, batch_size=64, epochs=2, mixed_precision=False)
    whole, _ = train(build(precision=torch.float32).cuda(), settings, data)
    torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_allocated() + 2**23) / total))
    try:
        torch.cuda.empty_cache()
        small, history = train(build(precision=torch.float32).cuda(), settings, data)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory" in history.notes[0] and apart(whole, small) < 1e-2


@needs_gpu
def test_gpu_compiled_trains_as_plain():
    data = tuple(tensor.cuda() for tensor in images(torch.float32))
    plain, _ = train(build(precision=torch.float32).cuda(), dataclasses.replace(SETTINGS, mixed_precision=False), data)
    settings = dataclasses.replace(SETTINGS, mixed_precision=False, compile=True)
    compiled, _ = train(build(precision=torch.float32).cuda(), settings, data)
    assert apart(plain, compiled) < 1e-2


def test_dropout_is_said_to_differ():
    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.model = nn.Dropout(0.2), build()

        def forward(self, image):
            return self.model(self.drop(image))

    _, history = train(SmallMemory(Dropping(), 5, MemoryError()))
    assert "but for dropout, which draws anew for each piece: the result differs" in history.notes[0]
