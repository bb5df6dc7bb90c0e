"""One model, trained, exported and measured in every form: what its record holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit import cost, experiment, record
from medkit.blocks import drawn_by
from medkit.data.container import ImageSet
from medkit.deploy import memory
from medkit.deploy.forms import EAGER, EXACT, FORMS, Deployed, deployed
from medkit.deploy.half import HALVES, InHalf
from medkit.deploy.parity import parity
from medkit.measure import best_cut
from medkit.models import Hybrid
from medkit.settings import Settings
from medkit.timing import seconds_per_image
from medkit.training import predict

KIND = "deploy"  # of its records
NARROW = "hybrid, half as wide"
MODELS = experiment.MODELS | {NARROW: partial(Hybrid, width=8)}
CALIBRATION = 64  # training images from which int8 takes its ranges
COMPARED = 100  # test images, at each size, whose answers are compared
SIZES = ((32, 48), (64, 64), (96, 72), (128, 128))  # H × W of these comparisons
TIMED = 128  # pixels along each side of the image whose time is taken
THREADS = (1, 2)
TURNS, REPEATS = 7, 20  # each form is timed so often, in turns with the others, over so many runs


def train(name: str, task: experiment.Task, settings: Settings, seed: int, folder: Path | None, progress=tqdm) -> nn.Module:
    """Train one of `MODELS` as `medkit.experiment.run` does; a stopped run goes on, a finished one is read.

    Args:
        name, task, settings, seed, progress: as there; folder: for checkpoints, None for none.

    Returns:
        the model on the CPU, in evaluation mode.
    """
    with drawn_by(seed):
        model = MODELS[name](classes=len(task.train.classes), channels=task.image.shape[1])
    return experiment.train(model.to(task.image.device), task, settings, seed, folder, progress, f"{name}, seed {seed}")


def forms_of(model: nn.Module, task: experiment.Task) -> Deployed:
    """Export a trained model, and make it int8 with 64 of its training images, evenly chosen."""
    return deployed(model, task.image[torch.linspace(0, len(task.image) - 1, CALIBRATION).round().long()].cpu())


def examine(name: str, made: Deployed, task: experiment.Task, seed: int) -> dict:
    """Measure of an exported model all that needs no clock.

    Args:
        name: one of `MODELS`; made: from `forms_of`; task: whose test images are opened once.

    Returns:
        the record without its clock: "cost", "bytes", "memory" (of processes of their own), "parity" (by form
        and size), "quality" (by form, as `medkit.measure.measure`), "left_out".
    """
    model = made.model
    images, image = task.test.open(f"{name}, seed {seed}, in every form")
    images, image = images.to("cpu"), image.cpu()
    cut = best_cut(predict(model, task.val_image.cpu()).label.softmax(1), task.val.to("cpu"))
    count = cost.report(model, (image.shape[1], TIMED, TIMED))
    made_by = partial(MODELS[name])  # a partial of a partial is one: its class, and what it gives beside
    kind, options = made_by.func.__name__, made_by.keywords
    return {
        "kind": KIND,
        "model": name,
        "seed": seed,
        "data": task.facts,
        "cost": {"size": TIMED, "parameters": count.parameters, "flops": count.flops},
        "bytes": made.sizes(),
        "memory": {
            EAGER: memory.of_model(kind, len(task.train.classes), image.shape[1], TIMED, **options),
            "ONNX Runtime": memory.of_file(made.onnx, TIMED),
            "ONNX Runtime, int8": memory.of_file(made.int8, TIMED),
        },
        "parity": agreement(made, image),
        "quality": worth(made, images, image, cut),
        "left_out": [] if torch.cuda.is_available() else ["CUDA: this machine has no GPU"],
    }


def agreement(made: Deployed, image: Tensor) -> dict:
    """Return each form's `Parity` with PyTorch, by form and size, on up to 100 images at each size.

    Float64 stands beside them: no form that computes in float32 can be asked to be nearer than that.
    """
    forms, found = made.forms() | {EXACT: made.exact()}, {}
    for height, width in SIZES:
        resized = at_size(image[:COMPARED], height, width)
        for name in (*FORMS[1:], EXACT):
            close = parity(forms[EAGER], forms[name], resized)
            found.setdefault(name, {})[f"{height} x {width}"] = close._asdict()
    return found


def worth(made: Deployed, images: ImageSet, image: Tensor, cut: float | None) -> dict:
    """Return what every form is worth on the test images, image by image."""
    return {name: experiment.evaluate(form, images, image, cut) for name, form in made.forms().items()}


def at_size(image: Tensor, height: int, width: int) -> Tensor:
    """Return images at another size: (N, C, H, W) -> (N, C, height, width), bilinear, smoothed where it shrinks."""
    if image.shape[-2:] == (height, width):
        return image
    return F.interpolate(image, (height, width), mode="bilinear", antialias=True)


def clock(made: dict[str, Deployed], image: Tensor, threads: int, progress: Callable | None = tqdm) -> dict:
    """Time every form of several models at batch 1, in turns, so that what else the machine does meets all.

    Args:
        made: by the model's name; image: one image (1, C, H, W), as models see it; threads: of the CPU.

    Returns:
        model -> form -> a list of turns, each [seconds, lower quartile, upper quartile] of an image.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        forms = {(name, form): run for name, one in made.items() for form, run in one.forms(threads).items()}
        turns = {key: [] for key in forms}
        rounds = range(TURNS) if progress is None else progress(range(TURNS), desc=f"timing, threads: {threads}")
        for _ in rounds:
            for key, run in forms.items():
                took = seconds_per_image(run, image, repeats=REPEATS, warm_up=3)
                turns[key].append([round(value, 7) for value in (took.seconds, took.low, took.high)])
    finally:
        torch.set_num_threads(before)
    return {name: {form: turns[name, form] for form in FORMS} for name in made}


def clock_gpu(made: dict[str, Deployed], image: Tensor) -> dict:
    """Time PyTorch on a CUDA GPU, in float32 and in half precision. Arguments and result as for `clock`."""
    image, found = image.cuda(), {}
    for name, one in made.items():
        kinds = {"float32": one.model} | {str(d).removeprefix("torch."): InHalf(one.model, d) for d in HALVES}
        for kind, model in kinds.items():
            took = [seconds_per_image(model.cuda(), image, repeats=REPEATS) for _ in range(TURNS)]
            found.setdefault(name, {})[f"PyTorch, CUDA {kind}"] = [[t.seconds, t.low, t.high] for t in took]
        one.model.cpu()
    return found


def machine() -> dict:
    """Return what the numbers depend on: as in other records, and the runtime, cores and load of this moment."""
    import onnx
    import onnxruntime

    found = record.machine(torch.device("cpu"))
    found["versions"] |= {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
    load = [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None
    return {**found, "cpu": _processor(), "cores": os.cpu_count(), "load": load}


def _processor() -> str:
    """Name the processor: latency and int8 depend on it more than on anything else."""
    import platform

    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
