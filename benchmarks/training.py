"""Time medkit's training loop against the bare loop, a DataLoader, MONAI's and Lightning's trainer.

    python3 benchmarks/training.py [--pairs 5] [--images 480] [--epochs 3] [--device cuda] [--out FILE]

medkit and one peer take turns, first one, then the other leading; a ratio is the median over the
pairs of the peer's seconds / medkit's, so above 1 medkit is faster. Everyone trains from the same
weights on the same images in the same order, in float32 and plain layout; a peer whose weights end
elsewhere is refused before any clock runs.

"resident" peers take their batches from tensors that lie on the device, as medkit does: they time
the loop. The others use a DataLoader with 2 worker processes, as is usual. Its start-up counts: it
is part of each run's first epoch, after which the workers live on (persistent_workers=True); what
the epochs after the first cost is given beside it. Making trainers and loaders counts for nobody,
nor does stopping the workers. "medkit, its defaults" is no peer but fit with its own precision and
layout: there a ratio below 1 says what these gain.
"""

from __future__ import annotations

import copy
import dataclasses
import gc
import statistics
import time
import warnings

import frame
import torch
from loops import DEFAULTS, SEED, WORKERS, Contender, Resident, Task, loader, medkit_loop, peers
from torch import nn
from tqdm import tqdm

from medkit import models
from medkit.data.phantom import phantom
from medkit.normalise import min_max
from medkit.settings import Settings
from medkit.timing import synchroniser

WANTED = 0.95  # times the peer's speed
APART = 0.01  # how far a peer's weights may end from medkit's, as a share of the way that these went
PEERS = ("monai", "pytorch-ignite", "lightning")


# --- the measurement --------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Run:
    """One timed run: seconds in all, of the first epoch, of a later one; and the trained model."""

    seconds: float
    first: float
    later: float
    model: nn.Module


def run(contender: Contender, task: Task) -> Run:
    """Train once from the initial weights."""
    gc.collect()  # workers of a trainer that is gone may still be alive
    synchronise, ends = synchroniser(task.device), []

    def tick() -> None:
        synchronise()
        ends.append(time.perf_counter())

    model = copy.deepcopy(task.initial)
    train = contender(task, model, tick)
    synchronise()
    start = time.perf_counter()
    train()
    synchronise()
    seconds = time.perf_counter() - start
    if len(ends) != task.settings.epochs:
        wanted = f"{task.settings.epochs} epochs"
        raise SystemExit(f"a contender must train {wanted}, got {len(ends)}; time nothing")
    return Run(seconds, ends[0] - start, (ends[-1] - ends[0]) / (len(ends) - 1), model)


def apart(task: Task, ours: nn.Module, theirs: nn.Module) -> float:
    """Return the distance between two trained models over the way that ours went."""
    start, a, b = (
        torch.cat([p.detach().flatten().double().cpu() for p in model.parameters()])
        for model in (task.initial, ours, theirs)
    )
    return float((a - b).norm() / (a - start).norm())


def check(contenders: dict[str, Contender], task: Task) -> dict[str, float]:
    """Run everyone once, which also warms them up; refuse one that ends elsewhere than medkit."""
    ours = run(medkit_loop, task).model
    gaps = {}
    for name, contender in contenders.items():
        gaps[name] = apart(task, ours, run(contender, task).model)
        if name != DEFAULTS and not gaps[name] <= APART:  # other precision rounds otherwise
            got = f"{gaps[name]:.2%} of the way apart"
            raise SystemExit(f"{name} must train to medkit's weights, got {got}; time nothing")
    return gaps


def paired(contender: Contender, task: Task, pairs: int) -> dict:
    """Let medkit and one peer take turns; return all times, and the ratio with its range."""
    times = {"medkit": [], "peer": []}
    for pair in range(pairs):
        turns = [("medkit", medkit_loop), ("peer", contender)]
        for side, who in turns if pair % 2 == 0 else reversed(turns):
            done = run(who, task)
            times[side].append({name: getattr(done, name) for name in ("seconds", "first", "later")})
    both = list(zip(times["peer"], times["medkit"]))
    ratios = {name: [peer[name] / ours[name] for peer, ours in both] for name in ("seconds", "later")}
    middle = {
        side: {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        for side, runs in times.items()
    }
    return {
        "ratio": statistics.median(ratios["seconds"]),
        "lowest": min(ratios["seconds"]),
        "highest": max(ratios["seconds"]),
        "ratio of later epochs": statistics.median(ratios["later"]),
        "median seconds": middle,
        "each run": times,
    }


def batches_alone(task: Task) -> dict[str, float]:
    """Return the seconds that an epoch's batches take without any training, the workers running."""
    seconds = {}
    for name, source in {"resident": Resident, "DataLoader": loader}.items():
        batches, times = source(task), []
        for _ in range(4):
            start = time.perf_counter()
            for batch in batches:
                [part.to(task.device, non_blocking=True) for part in batch]
            synchroniser(task.device)()
            times.append(time.perf_counter() - start)
        seconds[name] = statistics.median(times[1:])
    return seconds


def make_task(name: str, images: int, size: int, settings: Settings, device: torch.device) -> Task:
    """Build one network and the phantoms that it learns from."""
    data = phantom(images, size=size, seed=SEED)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        model = getattr(models, name)(classes=len(data.classes)).to(device)
    return Task(model, *(part.to(device) for part in (min_max(data.image), data.label, data.mask)), settings)


def measure(tasks: dict[str, Task], contenders: dict[str, Contender], pairs: int) -> list[dict]:
    """Check, then time, every peer on every network; one row each."""
    rows = []
    with warnings.catch_warnings(), tqdm(total=len(tasks) * len(contenders), desc="peers") as bar:
        warnings.simplefilter("ignore")  # trainers advise on loaders, and Python on forks: no news here
        gc.freeze()  # what the peers imported stays: looking through it again would cost everyone time
        for model, task in tasks.items():
            gaps, alone = check(contenders, task), batches_alone(task)
            for peer, contender in contenders.items():
                row = {"model": model, "peer": peer, "weights apart": gaps[peer]}
                rows.append(row | paired(contender, task, pairs) | {"batches alone, seconds": alone})
                bar.update()
        gc.unfreeze()
    return rows


# --- the report -------------------------------------------------------------------------------


def render(rows: list[dict]) -> str:
    """Return the rows as text: seconds of both, the ratio with its range, the first and later epochs."""
    head = f"{'':32}{'medkit s':>9}{'peer s':>8}{'ratio':>8}{'range':>14}"
    lines = [head + f"{'epoch 1 s':>15}{'later s':>15}{'ratio':>8}"]
    for row in rows:
        ours, theirs = (row["median seconds"][side] for side in ("medkit", "peer"))
        spread = f"{row['lowest']:.2f}-{row['highest']:.2f}"
        epochs = "".join(f"{ours[name]:8.3f}{theirs[name]:7.3f}" for name in ("first", "later"))
        name = f"{row['model']}: {row['peer']}"
        lines.append(
            f"{name:32}{ours['seconds']:9.2f}{theirs['seconds']:8.2f}{row['ratio']:7.3f}x{spread:>14}"
            f"{epochs}{row['ratio of later epochs']:7.3f}x"
        )
    return "\n".join(lines)


def reasons(rows: list[dict]) -> str:
    """Return what the batches cost alone, and which peers were faster than they may be."""
    lines = [
        f"{model}: an epoch's batches alone take {1e3 * alone['resident']:.1f} ms resident, "
        f"{1e3 * alone['DataLoader']:.1f} ms from {WORKERS} running workers"
        for model, alone in {row["model"]: row["batches alone, seconds"] for row in rows}.items()
    ]
    slow = [row for row in rows if row["ratio"] < WANTED and row["peer"] != DEFAULTS]
    low = [f"{row['model']}: {row['peer']}" for row in slow]
    return "\n".join([*lines, f"ratio below {WANTED}: {'; '.join(low) or 'none'}"])


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, measure, print, save."""
    parser = frame.command_line(__doc__)
    for name, default in {"pairs": 5, "images": 480, "epochs": 3, "size": 64, "batch": 32}.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"(default: {default})")
    parser.add_argument("--models", nargs="+", default=["Hybrid", "CNN"], choices=models.__all__)
    chosen = parser.parse_args(arguments)
    if chosen.epochs < 2 or chosen.pairs < 1:
        parser.error("--epochs must be 2 or more (the first is told from the rest), --pairs 1 or more")
    device = frame.device(chosen)
    machine = frame.machine(device, PEERS)
    settings = Settings(
        batch_size=chosen.batch, epochs=chosen.epochs, mixed_precision=False, channels_last=False
    )
    contenders, absent = peers()
    what = f"{chosen.images} phantoms of {chosen.size}², batch {chosen.batch}, {chosen.epochs} epochs a run"
    print(f"{what}, {chosen.pairs} pairs, {frame.title(machine)}")
    tasks = {name: make_task(name, chosen.images, chosen.size, settings, device) for name in chosen.models}
    rows = measure(tasks, contenders, chosen.pairs)
    print(render(rows), reasons(rows), sep="\n")
    for peer in absent:
        print(f"not installed: {peer}")
    content = {"machine": machine, "command": frame.command(__file__, arguments), "work": what}
    content |= {"pairs": chosen.pairs, "workers": WORKERS, "not installed": absent, "rows": rows}
    frame.save(__file__, chosen.out, f"training-{chosen.device}", content)


if __name__ == "__main__":
    main()
