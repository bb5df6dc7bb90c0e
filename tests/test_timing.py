"""Eq. 8."""

import dataclasses
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from medkit import timing
from medkit.timing import Stages, Timing, batch_seconds, naive_seconds, seconds_per_image, stage_seconds

pytestmark = pytest.mark.filterwarnings("error")
IMAGE = torch.zeros(4, 1, 8, 8)
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
    ),
]


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
    assert (result.batch_seconds, result.unstable) == (12.0, True)
    assert (result.repeats, result.batch_size, result.device, result.dtype) == (5, 4, "cpu", "float32")
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


def test_thirty_runs_after_five_to_warm_up_if_nothing_is_said(gpu):
    gpu.seconds = 0.0
    found = seconds_per_image(gpu, IMAGE, synchronise=gpu.synchronise)
    assert (found.repeats, found.batch_size, len(gpu.calls)) == (30, 1, 35)
    gpu.calls.clear()
    staged = stage_seconds({"model": gpu}, IMAGE, synchronise=gpu.synchronise)
    assert (staged.total.repeats, len(gpu.calls)) == (30, 1 + 2 * 35)


def test_law_a_measurement_is_not_edited():
    with pytest.raises(dataclasses.FrozenInstanceError):
        seconds_per_image(nn.Identity(), IMAGE, repeats=3).seconds = 0.0


def test_law_mode_is_put_back_after_an_error():
    class Broken(nn.Module):
        def forward(self, image):
            raise RuntimeError("broken")

    model = Broken().train()
    with pytest.raises(RuntimeError, match="broken"):
        seconds_per_image(model, IMAGE)
    assert model.training


def operations(device):
    """Three operations of some milliseconds each on one CPU core: a product, a convolution, a sort."""

    def draw(*shape):
        return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)

    square, image, kernel, row = draw(512, 512), draw(2, 16, 96, 96), draw(16, 16, 3, 3), draw(40_000)
    return {
        "matrix product": lambda: square @ square,
        "convolution": lambda: torch.nn.functional.conv2d(image, kernel, padding=1),
        "sort": lambda: row.sort(),
    }


CALLS = 8  # timed in one turn; PyTorch's timer asks for an accelerator at its start and stop, which costs some 0.1 ms


class Witness:
    """A job that times its own work from within, whatever the clock around it says."""

    def __init__(self, job, device):
        self.job, self.device, self.calls = job, device, []

    def __call__(self):
        if self.device.type == "cpu":
            start = time.perf_counter()
            self.job()
            self.calls.append(time.perf_counter() - start)
        else:  # marks in the device's own queue: to wait in here would spare the timer its waiting
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            self.job()
            end.record()
            self.calls.append((start, end))

    def seconds(self):
        """The mean of the last calls."""
        last = self.calls[-CALLS:]
        if self.device.type == "cpu":
            return statistics.fmean(last)
        torch.cuda.synchronize()
        return statistics.fmean(start.elapsed_time(end) / 1000 for start, end in last)


def ours(run, device):
    return statistics.fmean(batch_seconds(run, CALLS, 2, timing.synchroniser(device)))


def theirs(run, device):
    from torch.utils import benchmark

    return benchmark.Timer("run()", globals={"run": run}, num_threads=1).timeit(CALLS).median


def counting_the_warm_up(run, device):
    start = time.perf_counter()
    ours(run, device)
    return (time.perf_counter() - start) / CALLS


def half_the_work(run, device):
    return ours(run, device) / 2


def said_for_a_second(timer, job, device):
    """What a timer says for each second that the job truly took: the median of nine turns.

    Each turn is held against itself, so a machine that is slow in one turn and fast in the next, or
    busy with other work, changes nothing.
    """
    run = Witness(job, device)
    return statistics.median(timer(run, device) / run.seconds() for _ in range(9))


@pytest.mark.parametrize("operation", ["matrix product", "convolution", "sort"])
@pytest.mark.parametrize("device", DEVICES)
def test_twin_torch_benchmark(device, operation):
    device = torch.device(device)
    job, threads = operations(device)[operation], torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        other = said_for_a_second(theirs, job, device)
        assert said_for_a_second(ours, job, device) == pytest.approx(other, rel=0.10)
        for wrong in (counting_the_warm_up, half_the_work):
            assert said_for_a_second(wrong, job, device) != pytest.approx(other, rel=0.10)
    finally:
        torch.set_num_threads(threads)


# --- stage by stage ---------------------------------------------------------------------------


def staged(clock, **seconds):
    """A job whose stages add their letter to what they are given, and take the seconds they are told."""
    met = []

    def stage(name, times):
        tick = clock.job(*times)

        def run(image):
            met.append((name, tuple(image.shape), torch.is_grad_enabled()))
            tick()
            return torch.cat([image, image[:, :1]], dim=1)  # one channel more for the next one

        return run

    return {name: stage(name, times) for name, times in seconds.items()}, met


def test_hand_stages_sum_to_the_total_on_a_steady_job(monkeypatch):
    stages, met = staged(Clock(monkeypatch), transfer=[4.0] * 99, preprocessing=[8.0] * 99, model=[20.0] * 99)
    found = stage_seconds(stages, IMAGE, repeats=5, warm_up=1)
    assert isinstance(found, Stages) and list(found.each) == ["transfer", "preprocessing", "model"]
    assert [timing.seconds for timing in found.each.values()] == [1.0, 2.0, 5.0]  # for one image of four
    assert [timing.batch_seconds for timing in found.each.values()] == [4.0, 8.0, 20.0]
    assert found.sum == found.total.seconds == 8.0
    assert not found.total.unstable and found.total.iqr == 0
    assert found.each["model"].inside == "model, 4 image(s)"
    assert found.total.inside == "transfer + preprocessing + model, 4 image(s)"
    for each in (found.total, *found.each.values()):
        assert (each.repeats, each.batch_size, each.device, each.dtype) == (5, 4, "cpu", "float32")
    assert set(met) == {  # each got the result of the one before
        ("transfer", (4, 1, 8, 8), False),
        ("preprocessing", (4, 2, 8, 8), False),
        ("model", (4, 3, 8, 8), False),
    }
    assert len(met) == 3 * (1 + 2 * (1 + 5))  # one to see the devices; each repeat with stops and without


def test_hand_stages_have_a_median_each_and_the_total_its_own(monkeypatch):
    """The first run, then one to warm up and five to count, each with stops and then without."""
    with_stops, without = [9.0, 1.0, 2.0, 3.0, 4.0, 5.0], [9.0, 10.0, 20.0, 30.0, 40.0, 5000.0]
    pairs = [time for pair in zip(with_stops, without) for time in pair]
    stages, _ = staged(Clock(monkeypatch), one=[9.0, *pairs], two=[9.0, *[2.0] * 12])
    found = stage_seconds(stages, IMAGE[:1], repeats=5, warm_up=1)
    one, two = found.each.values()
    assert (one.low, one.seconds, one.high, one.unstable) == (2.0, 3.0, 4.0, True)
    assert (two.low, two.seconds, two.high, two.unstable) == (2.0, 2.0, 2.0, False)
    assert (found.total.low, found.total.seconds, found.total.high) == (22.0, 32.0, 42.0)
    assert found.sum == 5.0  # beside the total, never in its place


def test_hand_stages_wait_for_the_device(gpu):
    quick = {"transfer": lambda image: image, "model": gpu}
    found = stage_seconds(quick, IMAGE, repeats=3, warm_up=0, synchronise=gpu.synchronise)
    assert found.each["model"].batch_seconds >= 0.05 > found.each["transfer"].batch_seconds
    assert found.total.batch_seconds >= 0.05
    unsynchronised = stage_seconds(quick, IMAGE, repeats=3, warm_up=0)
    assert unsynchronised.each["model"].batch_seconds < 0.005 > unsynchronised.total.batch_seconds


def test_law_stages_leave_the_model_as_it_was(gpu):
    model = nn.Sequential(nn.BatchNorm2d(1), gpu).train()
    model[0].eval()
    stages = {"preprocessing": lambda image: image + 1, "model": model}
    stage_seconds(stages, IMAGE, repeats=3, warm_up=0, synchronise=gpu.synchronise)
    assert set(gpu.calls) == {(4, False, False)}
    assert (model.training, model[0].training, gpu.training) == (True, False, True)
    assert torch.is_grad_enabled()

    def broken(image):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        stage_seconds({"model": model, "then": broken}, IMAGE, synchronise=gpu.synchronise)
    assert (model.training, model[0].training) == (True, False) and torch.is_grad_enabled()


def test_stages_name_the_way_and_wait_for_every_device_on_it(monkeypatch):
    """A second device that computes nothing: `meta`. A prediction tells its device by its parts."""
    waited = []
    monkeypatch.setattr(timing, "synchroniser", lambda device: lambda: waited.append(device.type))
    stages = {"preprocessing": lambda image: image + 1, "model": lambda image: (image.to("meta"), None)}
    found = stage_seconds(stages, IMAGE, repeats=3, warm_up=0)
    assert found.total.device == found.each["model"].device == "cpu -> meta"
    assert waited.count("meta") == waited.count("cpu") == 3 * (3 + 2)


def test_unstable_is_an_interquartile_range_above_a_tenth_of_the_median():
    steady = Timing(10.0, 9.5, 10.5, 9, 2, "cpu", "float32", 1, "nothing")
    assert not steady.unstable and steady.batch_seconds == 20.0
    assert dataclasses.replace(steady, high=10.5625).unstable
    assert not dataclasses.replace(steady, seconds=0.0, low=0.0, high=0.0).unstable  # a clock too coarse


def test_edge_stages():
    with pytest.raises(ValueError, match=r"stages must be one or more and image \(B, C, H, W\), got 0 and"):
        stage_seconds({}, IMAGE)
    with pytest.raises(ValueError, match=r"got 1 and \(8, 8\); name what the clock holds, and give a batch"):
        stage_seconds({"model": nn.Identity()}, IMAGE[0, 0])
    with pytest.raises(ValueError, match="repeats must be 3 or more and warm_up 0 or more, got 2 and 0"):
        stage_seconds({"model": nn.Identity()}, IMAGE, repeats=2, warm_up=0)
    with pytest.raises(TypeError, match="image must be floating point"):
        stage_seconds({"model": nn.Identity()}, IMAGE.long())


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_stages_sum_to_the_total():
    model = nn.Sequential(nn.Conv2d(1, 64, 3), nn.Conv2d(64, 64, 3)).cuda()
    stages = {"transfer": torch.Tensor.cuda, "preprocessing": lambda image: image / 255, "model": model}
    found = stage_seconds(stages, torch.zeros(32, 1, 512, 512))
    assert found.total.device == "cpu -> cuda:0"
    assert found.sum == pytest.approx(found.total.seconds, rel=0.2)
