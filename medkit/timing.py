"""Eq. 8: processing time, measured so that it is true.

A GPU works behind the program's back: the call returns when the work is *queued*. A clock that
stops there times the queueing. So: warm up, wait for the device, start the clock, run, wait again,
stop the clock; many times, and take the median, which one outlier can't move.

    seconds_per_image   the model alone
    stage_seconds       a job stage by stage: transfer, preprocessing, model, or what the caller names
    naive_seconds       the usual measurement, to be seen to lie
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from medkit._check import check_image

UNSTEADY = 0.10  # of the median: an interquartile range above it makes a measurement unstable


@dataclass(frozen=True)
class Timing:
    """Seconds, with all that they depend on.

    Args:
        seconds: for one image: the median over repeats of batch time / batch size.
        low, high: the quartiles (25 %, 75 %) of the same.
        repeats: how many batches were timed.
        batch_size: images processed at once. A batch of 32 takes less than 32 batches of 1.
        device: "cpu", "cuda:0", ...; "cpu -> cuda:0" where the images were moved.
        dtype: of the images, "float32"; half as many bits take less time.
        threads: CPU threads that PyTorch may use.
        inside: what happened between the start and the stop of the clock.
    """

    seconds: float
    low: float
    high: float
    repeats: int
    batch_size: int
    device: str
    dtype: str
    threads: int
    inside: str

    @property
    def batch_seconds(self) -> float:
        """The median for one batch: what somebody waits for who hands in a batch."""
        return self.seconds * self.batch_size

    @property
    def iqr(self) -> float:
        """The interquartile range: half of the repeats lie within it."""
        return self.high - self.low

    @property
    def unstable(self) -> bool:
        """Whether the interquartile range is above 10 % of the median: then measure again, in peace."""
        return self.iqr > UNSTEADY * self.seconds


def seconds_per_image(
    model: nn.Module,
    image: Tensor,
    *,
    batch_size: int = 1,
    repeats: int = 30,
    warm_up: int = 5,
    synchronise: Callable[[], object] | None = None,
) -> Timing:
    """Measure how long a model takes for one image.

    Eq. 8:  processing time = total time taken / number of images processed

    The paper gives seconds "per image or per batch" without saying which, nor what the clock
    held. Here it holds the model's forward pass alone; images are already on the device.

    Args:
        model: on the image's device. It runs in evaluation mode without gradients; its mode is
            restored afterwards.
        image: (N, C, H, W), N at least batch_size; the first batch is used throughout.
        batch_size: 1 is what a reader at the screen waits for.
        repeats: timed runs, 3 or more.
        warm_up: runs before the clock counts: memory, caches, kernels chosen at first use.
        synchronise: waits until the device has done all it was given; None takes the device's own
            (nothing to wait for on a CPU).

    Raises:
        ValueError: too few images or repeats.
    """
    check_image(image)
    _check_numbers(len(image), batch_size, repeats, warm_up)
    batch = image[:batch_size]
    with _in_use([model]):
        times = batch_seconds(
            lambda: model(batch), repeats, warm_up, synchronise or synchroniser(image.device)
        )
    inside = f"forward pass of {batch_size} image(s) on {image.device}; no transfer, no preprocessing"
    return _timing(times, batch, str(image.device), inside)


class Stages(NamedTuple):
    """What the stages of a job take, one by one and together.

    each: by name, in order; the clock waits for the device after each.
    total: the whole job in its own right, timed in other runs, without a stop in between.
    """

    each: dict[str, Timing]
    total: Timing

    @property
    def sum(self) -> float:
        """The seconds of all stages for one image, added up. About `total.seconds` on a steady CPU;
        more where a device could have worked on one stage while the program prepares the next.
        """
        return sum(timing.seconds for timing in self.each.values())


def stage_seconds(
    stages: Mapping[str, Callable],
    image: Tensor,
    *,
    repeats: int = 30,
    warm_up: int = 5,
    synchronise: Callable[[], object] | None = None,
) -> Stages:
    """Measure how long each stage of a job takes, and the job as a whole.

    Eq. 8 names no stages, and a time without its transfer or its preprocessing can be any fraction
    of what a clinic waits for. Runs with stops between stages and runs without take turns, so that
    whatever else the machine does meets both.

    Args:
        stages: what to do, by name, in order: the first gets the images, each other the result of
            the one before. A model given as itself, not inside a function of one's own, runs in
            evaluation mode. Without gradients all do.
        image: (B, C, H, W), one batch, where the job finds it; no stage may change it in place.
        repeats, warm_up, synchronise: as for `seconds_per_image`; None waits for every device on
            which a stage leaves its result.

    Raises:
        ValueError: no stage, no batch, too few repeats.

    >>> job = {"preprocessing": lambda image: image / 255, "model": torch.nn.Conv2d(1, 8, 3)}
    >>> found = stage_seconds(job, torch.zeros(4, 1, 32, 32))
    >>> list(found.each), found.total.inside
    (['preprocessing', 'model'], 'preprocessing + model, 4 image(s)')
    """
    check_image(image)
    if not stages or image.ndim != 4:
        raise ValueError(
            f"stages must be one or more and image (B, C, H, W), got {len(stages)} and "
            f"{tuple(image.shape)}; name what the clock holds, and give a batch"
        )
    _check_numbers(len(image), len(image), repeats, warm_up)
    run, laps, whole = list(stages.values()), [], []
    with _in_use(run):
        devices = _devices(run, image)  # one run more, before all others
        wait = synchronise or _wait_for_all(devices)
        for repeat in range(warm_up + repeats):
            laps.append(_laps(run, image, wait))
            whole += batch_seconds(lambda: _through(run, image), 1, 0, wait)
    way = " -> ".join(str(device) for device in devices)
    times = dict(zip(stages, zip(*laps[warm_up:])))
    each = {name: _timing(times[name], image, way, f"{name}, {len(image)} image(s)") for name in stages}
    return Stages(each, _timing(whole[warm_up:], image, way, f"{' + '.join(stages)}, {len(image)} image(s)"))


def batch_seconds(
    run: Callable[[], object], repeats: int, warm_up: int, synchronise: Callable[[], object]
) -> list[float]:
    """Return the seconds of each of `repeats` runs, from an idle device to an idle device."""
    for _ in range(warm_up):
        run()
    times = []
    for _ in range(repeats):
        synchronise()
        start = time.perf_counter()
        run()
        synchronise()
        times.append(time.perf_counter() - start)
    return times


def naive_seconds(run: Callable[[], object]) -> float:
    """Return the seconds of one run as they are often taken: no warm-up, no waiting, once.

    Kept to be seen to lie: on a GPU it stops when the work is queued, and the first run pays for
    what no later one does.
    """
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def synchroniser(device: torch.device) -> Callable[[], object]:
    """Return the function that waits for a device."""
    if device.type == "cpu":
        return lambda: None
    return lambda: torch.accelerator.synchronize(device)


def _timing(times: Iterable[float], batch: Tensor, device: str, inside: str) -> Timing:
    each = [seconds / len(batch) for seconds in times]  # Eq. 8
    low, middle, high = statistics.quantiles(each, n=4, method="inclusive")
    dtype, threads = str(batch.dtype).removeprefix("torch."), torch.get_num_threads()
    return Timing(middle, low, high, len(each), len(batch), device, dtype, threads, inside)


@contextlib.contextmanager
def _in_use(parts: Iterable[Callable]) -> Iterator[None]:
    """Run as in daily use: models in evaluation mode, no gradients; then put each mode back."""
    models = [part for part in parts if isinstance(part, nn.Module)]
    was_training = {module: module.training for model in models for module in model.modules()}
    for model in models:
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in was_training.items():
            module.training = training


def _through(stages: Iterable[Callable], image: Tensor) -> None:
    for stage in stages:
        image = stage(image)


def _laps(stages: Iterable[Callable], image: Tensor, synchronise: Callable[[], object]) -> list[float]:
    """Return the seconds of each stage of one run, from an idle device to an idle device each."""
    synchronise()
    stops = [time.perf_counter()]
    for stage in stages:
        image = stage(image)
        synchronise()
        stops.append(time.perf_counter())
    return [stop - start for start, stop in itertools.pairwise(stops)]


def _devices(stages: Iterable[Callable], image: Tensor) -> list[torch.device]:
    """Run all stages; return every device that held the images or a result, in order."""
    found = {image.device: None}
    for stage in stages:
        image = stage(image)
        parts = image if isinstance(image, tuple) else (image,)  # a prediction has several
        found |= {part.device: None for part in parts if isinstance(part, Tensor)}
    return list(found)


def _wait_for_all(devices: list[torch.device]) -> Callable[[], object]:
    waits = [synchroniser(device) for device in devices]
    return lambda: [wait() for wait in waits]


def _check_numbers(images: int, batch_size: int, repeats: int, warm_up: int) -> None:
    if not 1 <= batch_size <= images:
        raise ValueError(
            f"batch_size must be 1 ... {images}, the images given, got {batch_size}; give more images"
        )
    if repeats < 3 or warm_up < 0:
        raise ValueError(
            f"repeats must be 3 or more and warm_up 0 or more, got {repeats} and {warm_up}; "
            f"one run is no measurement"
        )
