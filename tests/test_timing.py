"""Eq. 8."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from medkit import timing
from medkit.timing import Timing, batch_seconds, naive_seconds, seconds_per_image

pytestmark = pytest.mark.filterwarnings("error")
IMAGE = torch.zeros(4, 1, 8, 8)


class FakeGPU(nn.Module):
    """A model on a device that works behind our back: a call only queues a job."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.jobs, self.worker = seconds, [], ThreadPoolExecutor(1)
        self.calls = []

    def forward(self, image):
        self.calls.append((len(image), self.training, torch.is_grad_enabled()))
        self.jobs.append(self.worker.submit(time.sleep, self.seconds))

    def synchronise(self):
        while self.jobs:
            self.jobs.pop().result()


@pytest.fixture
def gpu():
    model = FakeGPU(0.05)
    yield model
    model.synchronise()
    model.worker.shutdown()


class Clock:
    """A clock that stands still unless the job moves it."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)

    def job(self, *seconds):
        left = iter(seconds)

        def run(image=None):
            self.now += next(left)

        return run


def test_hand_fake_device(gpu):
    ours = seconds_per_image(gpu, IMAGE, repeats=3, warm_up=1, synchronise=gpu.synchronise)
    assert ours.low >= 0.05
    naive = min(naive_seconds(lambda: gpu(IMAGE)) for _ in range(3))
    assert naive < 0.005  # the queueing, not the work
    gpu.synchronise()
    unsynchronised = batch_seconds(lambda: gpu(IMAGE), 3, 1, synchronise=lambda: None)
    assert min(unsynchronised) < 0.005


def test_hand_work_queued_before_the_clock_is_not_counted(gpu):
    for _ in range(4):
        gpu(IMAGE)
    assert batch_seconds(lambda: gpu(IMAGE), 1, 0, gpu.synchronise)[0] < 0.15


def test_hand_median_and_quartiles_per_image(monkeypatch):
    clock = Clock(monkeypatch)
    model = nn.Module()
    model.forward = clock.job(100.0, 4.0, 8.0, 12.0, 16.0, 4000.0)  # one slow start, one outlier
    result = seconds_per_image(model, IMAGE, batch_size=4, repeats=5, warm_up=1)
    assert (result.low, result.seconds, result.high, result.iqr) == (2.0, 3.0, 4.0, 2.0)
    assert (result.repeats, result.batch_size, result.device) == (5, 4, "cpu")
    assert result.threads == torch.get_num_threads()
    assert result.inside == "forward pass of 4 image(s) on cpu; no transfer, no preprocessing"
    assert naive_seconds(clock.job(100.0, 4.0)) == 100.0  # the first call, start-up and all


def test_law_evaluation_mode_without_gradients_and_all_put_back(gpu):
    frozen = nn.Sequential(nn.BatchNorm2d(1), gpu).train()
    frozen[0].eval()
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    seconds_per_image(frozen, IMAGE, batch_size=2, repeats=3, warm_up=2, synchronise=gpu.synchronise)
    assert gpu.calls == [(2, False, False)] * 5
    assert (frozen.training, frozen[0].training, gpu.training) == (True, False, True)
    assert torch.is_grad_enabled()
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())


def test_law_mode_is_put_back_after_an_error():
    class Broken(nn.Module):
        def forward(self, image):
            raise RuntimeError("broken")

    model = Broken().train()
    with pytest.raises(RuntimeError, match="broken"):
        seconds_per_image(model, IMAGE)
    assert model.training


def test_twin_torch_benchmark():
    """A job of known length: ours and PyTorch's own timer agree."""
    from torch.utils import benchmark

    def run():
        time.sleep(0.02)

    theirs = benchmark.Timer("run()", globals={"run": run}).timeit(5).median
    ours = sorted(batch_seconds(run, 5, 1, lambda: None))[2]
    assert ours == pytest.approx(theirs, rel=0.3)


def test_edge_messages():
    with pytest.raises(ValueError, match=r"batch_size must be 1 \.\.\. 4, the images given, got 5"):
        seconds_per_image(nn.Identity(), IMAGE, batch_size=5)
    with pytest.raises(ValueError, match="batch_size must be"):
        seconds_per_image(nn.Identity(), IMAGE, batch_size=0)
    with pytest.raises(ValueError, match="repeats must be 3 or more and warm_up 0 or more, got 2 and 0"):
        seconds_per_image(nn.Identity(), IMAGE, repeats=2, warm_up=0)
    with pytest.raises(TypeError, match="image must be floating point"):
        seconds_per_image(nn.Identity(), IMAGE.long())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_waits_for_the_device():
    class Heavy(nn.Module):
        def forward(self, image):
            for _ in range(40):
                image = image @ image
            return image

    image = torch.zeros(1, 1, 4096, 4096, device="cuda")
    result = seconds_per_image(Heavy(), image, repeats=3)
    assert isinstance(result, Timing) and result.device == "cuda:0"
    assert result.seconds > 3 * min(naive_seconds(lambda: Heavy()(image)) for _ in range(3))
