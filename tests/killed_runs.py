"""Runs that are stopped: by Ctrl-C at a step (`PressAt`), or killed in a child process.

Train in a child process, kill it at a random moment, go on, compare: as test_resume does:

    python tests/killed_runs.py train|save COUNT FOLDER

One thread and fork: the parent imports PyTorch once and never computes with it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from medkit import checkpoint, resume
from medkit.augment import Ranges
from medkit.blocks import Prediction
from medkit.settings import Settings
from medkit.training import fit, predict

SETTINGS = Settings(batch_size=8, epochs=3, learning_rate=0.01, augment=Ranges())


class Chancy(nn.Module):
    """Draws numbers while it trains (dropout) and keeps statistics (BatchNorm)."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(8, 4, 3, padding=1)
        )
        self.label, self.mask = nn.Linear(4, 3), nn.Conv2d(4, 1, 1)

    def forward(self, image):
        x = self.body(image)
        return Prediction(self.label(x.mean(dim=(2, 3))), self.mask(x))


class PressAt:
    """A progress bar that presses Ctrl-C at a step."""

    def __init__(self, step):
        self.step = step

    def __call__(self, *, initial, **words):
        self.now = self.began = initial
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def set_postfix_str(self, text, refresh):
        pass

    def update(self):
        self.now += 1
        if self.now == self.step:
            self.pressed = time.monotonic()
            signal.raise_signal(signal.SIGINT)


def images():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((44, 1, 32, 32), generator=generator)
    return image, torch.arange(44) % 3, image > 0.8


def train(folder: Path) -> dict:
    """Train to the end, from wherever the folder stands; return all that must be the same."""
    resume.SAVE_SECONDS = 0.0  # after each step
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = Chancy()
    torch.default_generator.manual_seed(random.SystemRandom().randrange(2**32))  # never the same
    image, label, mask = images()

    def measure(epoch, model):
        return {"value": float(predict(model, image).label.sum())}

    history = fit(
        model, image, label, mask, SETTINGS, seed=3, on_epoch=measure, folder=folder, best="value", progress=None
    )
    weights = {name: tensor.flatten().tolist() for name, tensor in model.state_dict().items()}
    rows = [{key: row[key] for key in row if key != "seconds"} for row in history]
    best = checkpoint.load(folder, "best").tensors
    return {
        "weights": weights,
        "rows": rows,
        "best": history.best,
        "best weights": {name: tensor.flatten().tolist() for name, tensor in best.items()},
    }


def save_for_ever(folder: Path, save) -> None:
    """Write 20 MB again and again, all of them one number, which is how a mixture would show."""
    number = 1
    while True:
        save(folder, number, {"a": torch.full((5_000_000,), float(number))})
        number += 1


def whole(folder: Path, number: int, tensors: dict) -> None:
    checkpoint.save(folder, "last", number, tensors, {"number": number})


def in_place(folder: Path, number: int, tensors: dict) -> None:
    """How it is often done; kept to be seen to fail."""
    content = checkpoint.safetensors.torch.save(tensors, metadata={"facts": json.dumps({"number": number})})
    (folder / "last-000001.safetensors").write_bytes(content)
    digest = checkpoint.hashlib.sha256(content).hexdigest()
    (folder / "last-000001.safetensors.sha256").write_text(f"{digest}  last-000001.safetensors\n")


def killed_after(seconds: float, work) -> bool:
    """Run work in a child and kill it; return whether it was killed before it was done."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def in_child(work, answer: Path):
    """Run work in a child, so that this process stays without threads; return what it returned."""
    killed_after_all = os.fork()
    if killed_after_all == 0:
        try:
            answer.write_text(json.dumps(work()), encoding="utf-8")
        finally:
            os._exit(0)
    os.waitpid(killed_after_all, 0)
    return json.loads(answer.read_text(encoding="utf-8"))


def check_training(count: int, folder: Path) -> dict:
    start = time.monotonic()
    expected = in_child(lambda: train(folder / "whole"), folder / "expected.json")
    length = time.monotonic() - start
    draws, same, hit, midway = random.Random(0), 0, 0, 0
    for i in range(count):
        place = folder / f"killed-{i}"
        hit += killed_after(draws.uniform(0.02, length), lambda: train(place))
        found = checkpoint.finished(place, "last")
        midway += bool(found) and found != checkpoint.finished(folder / "whole", "last")
        same += in_child(lambda: train(place), folder / "found.json") == expected
    return {"same": same, "killed": hit, "went on from the middle": midway}


def check_saving(count: int, folder: Path, save) -> dict:
    draws, readable, stray = random.Random(0), 0, 0
    for i in range(count):
        place = folder / f"{save.__name__}-{i}"
        place.mkdir()
        killed_after(0.4 + draws.random() * 0.4, lambda: save_for_ever(place, save))
        stray += any(path.suffix == ".tmp" for path in place.iterdir())
        try:
            found = checkpoint.load(place, "last")
            number = found.facts["number"]
            readable += bool((found.tensors["a"] == number).all())
        except ValueError:
            pass
        for path in place.iterdir():
            path.unlink()
    return {"readable": readable, "half-written beside": stray}


def main(what: str, count: str, folder: str) -> None:
    torch.set_num_threads(1)
    work = {
        "train": lambda: check_training(int(count), Path(folder)),
        "save": lambda: check_saving(int(count), Path(folder), whole),
        "in place": lambda: check_saving(int(count), Path(folder), in_place),
    }
    print(json.dumps(work[what]()))


if __name__ == "__main__":
    main(*sys.argv[1:])
