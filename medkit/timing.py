"""Eq. 8: processing time, measured so that it is true.

A GPU works behind the program's back: the call returns when the work is *queued*. A clock that
stops there times the queueing. So: warm up, wait for the device, start the clock, run, wait again,
stop the clock; many times, and take the median, which one outlier can't move.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medkit._check import check_image


@dataclass(frozen=True)
class Timing:
    """Seconds, with all that they depend on.

    Args:
        seconds: for one image: the median over repeats of batch time / batch size.
        low, high: the quartiles (25 %, 75 %) of the same.
        repeats: how many batches were timed.
        batch_size: images processed at once. A batch of 32 takes less than 32 batches of 1.
        device: "cpu", "cuda:0", ...
        threads: CPU threads that PyTorch may use.
        inside: what happened between the start and the stop of the clock.
    """

    seconds: float
    low: float
    high: float
    repeats: int
    batch_size: int
    device: str
    threads: int
    inside: str

    @property
    def iqr(self) -> float:
        """The interquartile range: half of the repeats lie within it."""
        return self.high - self.low


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
    was_training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            times = batch_seconds(
                lambda: model(batch), repeats, warm_up, synchronise or synchroniser(image.device)
            )
    finally:
        for module, training in was_training.items():
            module.training = training
    each = [seconds / batch_size for seconds in times]  # Eq. 8
    low, middle, high = statistics.quantiles(each, n=4, method="inclusive")
    inside = f"forward pass of {batch_size} image(s) on {image.device}; no transfer, no preprocessing"
    return Timing(
        middle, low, high, repeats, batch_size, str(image.device), torch.get_num_threads(), inside
    )


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
