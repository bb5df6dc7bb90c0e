"""The training loops that training.py compares: medkit's, a tutorial's, MONAI's and Lightning's."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from medkit.losses import total_loss
from medkit.settings import Settings
from medkit.training import epoch_order, fit

SEED, WORKERS = 0, 2
DEFAULTS = "medkit, its defaults"


@dataclasses.dataclass(frozen=True)
class Task:
    """One training run, the same for everybody. image, label, mask lie on the device."""

    initial: nn.Module
    image: Tensor
    label: Tensor
    mask: Tensor
    settings: Settings

    @property
    def device(self) -> torch.device:
        return self.image.device


# (task, a copy of the initial model, what to call after each epoch) -> what trains when it is called
Contender = Callable[[Task, nn.Module, Callable[[], None]], Callable[[], object]]
Batches = Iterable[tuple[Tensor, Tensor, Tensor]]


# --- where batches come from ------------------------------------------------------------------


class Resident:
    """Batches from tensors on the device; the order of medkit's epoch 1 at first, then of 2 ..."""

    def __init__(self, task: Task):
        self.task, self.epoch = task, 0

    def __len__(self) -> int:
        return -(-len(self.task.image) // self.task.settings.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        task, self.epoch = self.task, self.epoch + 1
        order = epoch_order(len(task.image), SEED, self.epoch).to(task.device)
        for batch in order.split(task.settings.batch_size):
            yield task.image[batch], task.label[batch], task.mask[batch]


class Order(Sampler):
    """The same orders, for a DataLoader."""

    def __init__(self, count: int):
        self.count, self.epoch = count, 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        self.epoch += 1
        return iter(epoch_order(self.count, SEED, self.epoch).tolist())


def loader(task: Task) -> DataLoader:
    """Return the usual way: single samples, stacked to batches in other processes."""
    return DataLoader(
        TensorDataset(task.image.cpu(), task.label.cpu(), task.mask.cpu()),
        batch_size=task.settings.batch_size,
        sampler=Order(len(task.image)),
        num_workers=WORKERS,
        persistent_workers=True,
        pin_memory=task.device.type == "cuda",
    )


# --- the contenders ---------------------------------------------------------------------------


def medkit_loop(task: Task, model: nn.Module, tick: Callable[[], None]) -> Callable[[], object]:
    """Train with medkit.training.fit."""
    tensors = task.image, task.label, task.mask
    return lambda: fit(
        model, *tensors, task.settings, seed=SEED, progress=None, on_epoch=lambda epoch, model: tick()
    )


def with_defaults(task: Task, model: nn.Module, tick: Callable[[], None]) -> Callable[[], object]:
    """Train with fit in its own precision and layout."""
    own = {name: getattr(Settings(), name) for name in ("mixed_precision", "channels_last")}
    settings = dataclasses.replace(task.settings, **own)
    return medkit_loop(dataclasses.replace(task, settings=settings), model, tick)


def loop_over(source: Callable[[Task], Batches]) -> Contender:
    """Return the loop of a tutorial: no checks, no checkpoints, no progress."""

    def contender(task: Task, model: nn.Module, tick: Callable[[], None]) -> Callable[[], object]:
        optimiser = torch.optim.Adam(model.parameters(), lr=task.settings.learning_rate)
        batches = source(task)

        def train() -> None:
            model.train()
            for _ in range(task.settings.epochs):
                for batch in batches:
                    image, label, mask = (part.to(task.device, non_blocking=True) for part in batch)
                    optimiser.zero_grad()
                    total_loss(*model(image), label, mask).total.backward()
                    optimiser.step()
                tick()

        return train

    return contender


def monai_trainer(source: Callable[[Task], Batches]) -> Contender:
    """Return MONAI's SupervisedTrainer, without its default of taking each batch apart again."""
    from ignite.engine import Events
    from monai.engines import SupervisedTrainer

    def prepared(batch, device, non_blocking, **kwargs):
        image, *truth = (part.to(device, non_blocking=non_blocking) for part in batch)
        return image, truth

    def contender(task: Task, model: nn.Module, tick: Callable[[], None]) -> Callable[[], object]:
        batches = source(task)
        trainer = SupervisedTrainer(
            device=task.device,
            max_epochs=task.settings.epochs,
            train_data_loader=batches,
            network=model,
            optimizer=torch.optim.Adam(model.parameters(), lr=task.settings.learning_rate),
            loss_function=lambda prediction, truth: total_loss(*prediction, *truth).total,
            prepare_batch=prepared,
            non_blocking=True,
            decollate=False,
            optim_set_to_none=True,
        )
        trainer.logger.setLevel(logging.ERROR)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, tick)

        def train() -> Batches:
            trainer.run()
            # A trainer refers to itself, and workers that are collected with one take 10 s to stop.
            trainer.data_loader = trainer.state.dataloader = None
            return batches

        return train

    return contender


def lightning_trainer(source: Callable[[Task], Batches]) -> Contender:
    """Return Lightning's Trainer in its barebones mode: no logger, checkpoint, bar, summary, check."""
    from lightning.pytorch import LightningModule, Trainer

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Learner(LightningModule):
        def __init__(self, model: nn.Module, rate: float, tick: Callable[[], None]):
            super().__init__()
            self.model, self.rate, self.tick = model, rate, tick

        def training_step(self, batch, index):
            image, label, mask = batch
            return total_loss(*self.model(image), label, mask).total

        def configure_optimizers(self):
            return torch.optim.Adam(self.model.parameters(), lr=self.rate)

        def on_train_epoch_end(self):
            self.tick()

    def contender(task: Task, model: nn.Module, tick: Callable[[], None]) -> Callable[[], object]:
        trainer = Trainer(
            accelerator="gpu" if task.device.type == "cuda" else "cpu",
            devices=1,
            max_epochs=task.settings.epochs,
            barebones=True,
            use_distributed_sampler=False,
        )
        learner, batches = Learner(model, task.settings.learning_rate, tick), source(task)
        return lambda: trainer.fit(learner, batches)

    return contender


def peers() -> tuple[dict[str, Contender], list[str]]:
    """Return the peers that are installed, and the names of those that are not."""
    found = {"bare loop, resident": loop_over(Resident), "bare loop, DataLoader": loop_over(loader)}
    absent = []
    for name, make in {"MONAI": monai_trainer, "Lightning": lightning_trainer}.items():
        try:
            found |= {f"{name}, resident": make(Resident), f"{name}, DataLoader": make(loader)}
        except ImportError as error:
            absent.append(f"{name} ({error.name or error})")
    return found | {DEFAULTS: with_defaults}, absent
