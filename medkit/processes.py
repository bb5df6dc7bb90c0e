"""One training in several processes: each takes its share of every batch, and the gradients are added.

The processes are started by torchrun, which comes with PyTorch: no further package, the same command
on one machine, on several GPUs and on several hosts, and it is what Lightning's Fabric and Accelerate
start as well.

    torchrun --standalone --nproc-per-node 2 train.py       in a terminal
    run(2, "train.py")                                      the same from a notebook

where train.py says

    with processes.joined() as device:
        fit(model.to(device), *images, seed=0, folder=Path("run"))

Every process holds all images, knows the whole batch, and divides its loss by the whole batch's
count (`medkit.losses.Whole`): the sum of the gradients is then the gradient of the whole batch.
BatchNorm is the exception, it would see its process's share only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn


def count() -> int:
    """Return how many processes train together; 1 where nobody joined."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return this process's number, from 0. The first one alone shows progress and writes files."""
    return dist.get_rank() if count() > 1 else 0


@contextlib.contextmanager
def joined() -> Iterator[torch.device]:
    """Join the processes that torchrun started, and give this one its device; alone, just do that.

    A GPU each (NCCL) where there are enough, else the CPU (gloo).
    """
    local, together = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    cuda = torch.cuda.is_available() and torch.cuda.device_count() >= together
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if "RANK" not in os.environ:
        yield device
        return
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def share(batch: Tensor) -> Tensor:
    """Return this process's part of a batch of indices (B,): every n-th; empty where B is below n."""
    return batch[rank() :: count()]


def add_up(tensors: Sequence[Tensor]) -> None:
    """Replace tensors by their sum over all processes, in one exchange; alone, they stay."""
    if count() == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
        tensor.copy_(part.view_as(tensor))


def anyone(flag: bool) -> bool:
    """Say whether a flag is up in any process: what one decides to do, all have to do at the same step."""
    if count() == 1:
        return flag
    device = torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else "cpu"
    flags = torch.tensor(float(flag), device=device)
    dist.all_reduce(flags)
    return bool(flags)


def all_have(value: object) -> bool:
    """Say whether a value, such as a position, is the same in all processes."""
    if count() == 1:
        return True
    values = [None] * count()
    dist.all_gather_object(values, value)
    return all(other == value for other in values)


@torch.no_grad()
def start_alike(model: nn.Module) -> None:
    """Give all processes the first one's weights and statistics."""
    if count() > 1:
        for tensor in [*model.parameters(), *model.buffers()]:
            dist.broadcast(tensor, src=0)


def wait() -> None:
    """Let all processes come to this line before any goes on."""
    if count() > 1:
        dist.barrier()


def run(number: int, *command: str, timeout: float | None = None) -> None:
    """Start a script in several processes and wait for it: for a notebook, which is one process.

    Args:
        number: processes, 1 or more; on GPUs one each.
        command: the script and its arguments, or "-m", a module and its arguments.
        timeout: seconds, after which it is stopped; None: never.

    What the processes print is shown as it comes. An interrupt reaches them, they save, and it
    is raised here too.

    Raises:
        ValueError: number below 1.
        RuntimeError: a process failed; its error stands above, in what it printed.
        subprocess.TimeoutExpired: it took longer than `timeout`.
    """
    if number < 1 or not command:
        got = f"{number} and {command}"
        raise ValueError(f"number must be 1 or more and command a script, got {got}; try run(2, 'train.py')")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={number}"]
    posix = os.name == "posix"
    child = subprocess.Popen(
        [*torchrun, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | ({} if posix else {"USE_LIBUV": "0"}),  # PyTorch for Windows has no libuv
        start_new_session=posix,  # so that an interrupt reaches it from here alone, once
    )
    too_late = threading.Event()
    late = threading.Timer(timeout or threading.TIMEOUT_MAX, _end, [child, signal.SIGTERM, too_late])
    late.start()
    try:
        for line in child.stdout:
            print(line, end="", flush=True)
        child.wait()
    except BaseException:
        _end(child, signal.SIGINT if posix else signal.SIGTERM)
        raise
    finally:
        late.cancel()
        child.stdout.close()
    if too_late.is_set():
        raise subprocess.TimeoutExpired(command, timeout)
    if child.returncode:
        code = child.returncode
        raise RuntimeError(f"{command[0]} must end well in all processes, got exit code {code}; see above")


def _end(child: subprocess.Popen, with_signal: signal.Signals, begun: threading.Event | None = None) -> None:
    """Ask torchrun to end; it asks its processes, waits for what they save, and insists after 30 s."""
    if begun is not None:
        begun.set()
    child.send_signal(with_signal)
    try:
        child.wait(timeout=40)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
