"""How a training run stops and goes on: where it stands, when it saves, and what it refuses to continue."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor, nn

from medkit import checkpoint, processes
from medkit._check import MedkitInputError
from medkit._files import try_writing
from medkit._interrupt import Interrupted
from medkit.history import History

SAVE_SECONDS = 60.0  # between two checkpoints within an epoch; a killed run loses no more than that


@dataclass
class State:
    """Where a run stands: what resuming needs beside weights and optimiser.

    The order of images and what chance decides are functions of (seed, epoch, step): the position
    says it all, and no generator's state has to be kept.
    """

    epoch: int = 1  # the epoch under way
    step: int = 0  # its steps that are done
    steps: int = 0  # all steps that are done
    pieces: int = 1  # parts in which a batch is worked off, since memory ran out
    sums: dict[str, float] = field(default_factory=dict)  # of the losses of this epoch's images
    images: int = 0  # met in this epoch
    seconds: float = 0.0  # spent on this epoch
    history: History = field(default_factory=History)

    def add(self, losses: dict[str, float], images: int, seconds: float) -> None:
        """Count one more step."""
        self.step, self.steps = self.step + 1, self.steps + 1
        self.images, self.seconds = self.images + images, self.seconds + seconds
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * images

    def row(self) -> dict:
        """Return this epoch's row: means over images, not over batches, which may be unequal."""
        mean = {name: total / self.images for name, total in self.sums.items()}
        parts = {name: mean.get(name) for name in ("label", "dice", "bce")}
        return {"epoch": self.epoch, "loss": mean["total"], **parts, "seconds": self.seconds}

    def next_epoch(self, row: dict) -> None:
        """Close this epoch with its row."""
        self.history.rows.append(row)
        self.epoch, self.step, self.sums, self.images, self.seconds = self.epoch + 1, 0, {}, 0, 0.0

    def to_facts(self) -> dict:
        """Return all of it in dicts and lists."""
        return dataclasses.asdict(self)

    @classmethod
    def from_facts(cls, facts: dict) -> State:
        """Return the state that `to_facts` wrote."""
        return cls(**{**facts, "history": History(**facts["history"])})


class Keeper:
    """Saves a run into a folder and finds it again there; without a folder it does nothing.

    Args:
        folder: of this run and no other.
        model, optimiser: whose tensors are saved and put back.
        best: the number in an epoch's row whose largest value the best weights are kept by.
        run: what makes the run what it is, such as settings, seed and images, by name. Another
            run's checkpoint is refused; only its "epochs" may grow, where the rate is constant.

    Raises:
        ValueError: best without a folder.
        MedkitInputError: the folder can't be written.
    """

    def __init__(
        self,
        folder: Path | None,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        best: str | None,
        run: dict,
    ):
        if best is not None and folder is None:
            raise ValueError(f"folder must be given with best={best!r}, got None; name one for the weights")
        self.folder = None if folder is None else Path(folder)
        self.model, self.optimiser, self.best = model, optimiser, best
        self.run = {} if folder is None else _flat(run)
        self.saved = time.monotonic()
        if self.folder is not None and processes.rank() == 0:
            try:
                try_writing(self.folder)
            except OSError as error:
                what = f"can't be written ({error.strerror})"
                raise MedkitInputError(self.folder, what, "name another folder for the checkpoints") from error

    def resume(self) -> State | None:
        """Put the newest checkpoint's tensors in place and return where it stands; None if there is none.

        Raises:
            MedkitInputError: it is damaged, or another run's.
        """
        found = None if self.folder is None else checkpoint.load(self.folder, "last")
        if not processes.all_have(found and found.facts["state"]["steps"]):
            what = "is not the same in all processes"
            raise MedkitInputError(self.folder, what, "name a folder that all hosts share")
        if found is None:
            return None
        state = State.from_facts(found.facts["state"])
        self._check_same_run(found, state)
        try:
            checkpoint.restore(found.tensors, self.model, self.optimiser)
        except (RuntimeError, KeyError) as error:
            raise self._other_run(f"another model's ({error})") from error
        if found.facts["machine"] != _machine(self.model):
            before = ", ".join(f"{name} {value}" for name, value in found.facts["machine"].items())
            state.history.note(f"the steps up to {state.steps} were made with {before}: last bits may differ")
        return state

    def save(self, state: State) -> None:
        """Write a checkpoint; of several processes the first one does."""
        if self.folder is not None and processes.rank() == 0:
            facts = {"run": self.run, "machine": _machine(self.model), "state": state.to_facts()}
            # a step has one checkpoint, an epoch's end another with the same number of steps
            number = state.steps + state.epoch
            tensors = checkpoint.tensors_of(self.model, self.optimiser)
            checkpoint.save(self.folder, "last", number, tensors, facts, keep=2)
        self.saved = time.monotonic()

    def save_now_and_then(self, state: State) -> None:
        """Write a checkpoint if the one before is a minute old."""
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self.save(state)

    def keep_best(self, state: State, measured: dict) -> None:
        """Write the weights aside if this epoch is the best so far; of two equal ones the first is."""
        if self.best is None or processes.rank() > 0:
            return
        if not isinstance(measured.get(self.best), int | float):
            there = ", ".join(measured) or "nothing"
            raise ValueError(f"best must be a number that on_epoch returns, got {self.best!r}; it returned {there}")
        value, before = measured[self.best], state.history.best
        if not math.isfinite(value) or (before is not None and value <= before[self.best]):
            return
        facts = {"run": self.run, "epoch": state.epoch, self.best: value}
        checkpoint.save(self.folder, "best", state.epoch, checkpoint.tensors_of(self.model), facts)
        state.history.best = {"epoch": state.epoch, self.best: value}

    def stop(self, state: State) -> NoReturn:
        """Save, and raise the interrupt that was asked for."""
        self.save(state)
        processes.wait()  # or the others' end would end the first one while it saves
        self.model.eval()
        kept = "nothing is saved, for no folder was given"
        if self.folder is not None:
            kept = f"saved in {self.folder.resolve().name}: the same call goes on from there"
        raise Interrupted(f"training stopped in epoch {state.epoch} after step {state.step}; {kept}")

    def _check_same_run(self, found: checkpoint.Saved, state: State) -> None:
        saved = found.facts["run"]
        for name in sorted(saved.keys() | self.run.keys()):
            before, now = saved.get(name), self.run.get(name)
            may_grow = name == "settings.epochs" and not self.run["settings.cosine"]  # a cosine ends with its run
            if before != now and not may_grow:
                raise self._other_run(f"another run's ({name} was {before}, now {now})")
        begun = state.epoch - (state.step == 0)  # with the epoch under way
        if begun > self.run["settings.epochs"]:
            raise self._other_run(f"a longer run's ({begun} epochs)")
        if state.history.best is not None and self.best not in (None, *state.history.best):
            raise self._other_run(f"another run's (best was {list(state.history.best)[1]}, now {self.best})")

    def _other_run(self, whose: str) -> MedkitInputError:
        return MedkitInputError(
            self.folder, f"holds a checkpoint that is {whose}", "name another folder, or delete this one"
        )


def _machine(model: nn.Module) -> dict:
    """Return what the last bits depend on beside the run itself."""
    return {
        "device": next(model.parameters()).device.type,
        "processes": processes.count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _flat(run: dict) -> dict:
    """Return a run as names and plain values; of tensors the sha256 of their bytes."""
    flat = {}
    for name, value in run.items():
        if dataclasses.is_dataclass(value):
            value = dataclasses.asdict(value)
        elif hasattr(value, "_asdict"):
            value = value._asdict()
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in _flat(value).items()}
        else:
            flat[name] = _digest(value) if isinstance(value, Tensor) else value
    return flat


def _digest(tensor: Tensor) -> str:
    numbers = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return hashlib.sha256(numbers).hexdigest()[:16]
