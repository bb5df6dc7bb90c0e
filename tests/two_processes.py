"""What torchrun starts in test_processes: one training, shared.

    python tests/two_processes.py float64|float32 FOLDER       alone, or under torchrun
    python tests/two_processes.py interrupt|nan|fail FOLDER
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import torch

from medkit import processes
from medkit.models import Hybrid
from medkit.settings import Settings
from medkit.training import fit

SETTINGS = Settings(batch_size=9, epochs=4, learning_rate=0.003)  # 41 images: 5 steps an epoch, the last of 5


def images(kind):
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((41, 1, 32, 32), generator=generator, dtype=kind)
    return image, torch.arange(41) % 3, image > 0.8


def press_at(step, met):
    if len(met) == step:
        signal.raise_signal(signal.SIGINT)


def train(kind=torch.float64, folder=None, spoil=None, press=False):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(processes.rank())  # they differ, until the first one's are taken
        model = Hybrid(classes=3, width=4).to(kind)
    if press:
        met = []  # Ctrl-C while the seventh batch is worked off
        model.register_forward_hook(lambda *_: met.append(1) or press_at(7, met))
    image, label, mask = images(kind)
    if spoil is not None:
        image = spoil(image)
    history = fit(
        model, image, label, mask, SETTINGS, seed=0, scored=torch.arange(41) % 5 > 0, folder=folder, progress=None
    )  # fmt: skip
    return model, history


def main(what: str, folder: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # under nohup it would be ignored
    with processes.joined():
        here = Path(folder)
        if what == "interrupt":  # only the second process is asked to stop; both have to
            train(folder=here / "run", press=processes.rank() == 1)
        elif what == "nan":
            train(spoil=lambda image: image.where(image < 2, 0) * 1e200)
        elif what == "fail":
            raise SystemExit(3 * processes.rank())
        else:
            model, history = train(getattr(torch, what))
            print(f"process {processes.rank()} of {processes.count()}")
            row = [[r[name] for name in ("loss", "label", "dice", "bce")] for r in history]
            torch.save({"weights": model.state_dict(), "rows": row}, here / f"{processes.rank()}.pt")


if __name__ == "__main__":
    main(*sys.argv[1:])
