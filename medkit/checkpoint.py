"""Checkpoints: what a stopped run needs to go on as if it had never stopped.

A folder holds series of files, each numbered, each with its sha256 beside it:

    last-000120.safetensors            weights and optimiser, and what else the run keeps, as text
    last-000120.safetensors.sha256     its checksum; `sha256sum -c` reads it too

The checksum is written last: a file without one was never finished, and does not count. So a run
that is killed at any moment, also inside a save, leaves the checkpoint before. safetensors holds
numbers and text, no code; but it loads flipped bits without a word, hence the checksum.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from medkit._check import MedkitInputError
from medkit._files import write_whole

_SUFFIX = ".safetensors"
_MODEL, _OPTIMISER = "model.", "optimiser."


class Saved(NamedTuple):
    """A checkpoint that was read: its file, its tensors by name, and the facts beside them."""

    path: Path
    tensors: dict[str, Tensor]
    facts: dict


# --- files ------------------------------------------------------------------------------------


def save(
    folder: Path, series: str, number: int, tensors: dict[str, Tensor], facts: dict, keep: int = 1
) -> Path:
    """Write the next checkpoint of a series; then, and only then, delete the others of it.

    Those with a higher number come from a run that was begun anew in the same folder; they go too.

    Args:
        folder: made if it is not there.
        series: a word, such as "last" or "best".
        number: above those of the checkpoints that are there, or the newest's, to write it again.
        tensors: any names; moved to the CPU on their way.
        facts: what JSON can hold.
        keep: how many to keep, this one included.

    Returns:
        the new file.

    Raises:
        MedkitInputError: it could not be written; the checkpoint before it is as it was.
    """
    path = folder / f"{series}-{number:06d}{_SUFFIX}"
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    content = safetensors.torch.save(whole, metadata={"facts": json.dumps(facts)})
    checksum = f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
    if _beside(path).exists() and _beside(path).read_bytes() == checksum.encode():
        return path  # the very same, which must not be risked
    try:
        _beside(path).unlink(missing_ok=True)
        write_whole(path, content)
        write_whole(_beside(path), checksum)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()  # without its checksum it is none
        kept = ", ".join(old.name for old in finished(folder, series)) or "none"
        raise MedkitInputError(
            path,
            f"could not be saved ({error.strerror or error})",
            f"make room or allow writing, and run again; the checkpoint before it is kept: {kept}",
        ) from error
    _clean(folder, series, [old for old in finished(folder, series) if _number(old) <= number][-keep:])
    return path


def finished(folder: Path, series: str) -> list[Path]:
    """Return the finished checkpoints of a series, the oldest first."""
    found = folder.glob(f"{series}-[0-9]*{_SUFFIX}") if folder.is_dir() else ()
    return sorted((path for path in found if _beside(path).exists()), key=_number)


def load(folder: Path, series: str) -> Saved | None:
    """Read the newest checkpoint of a series; None where there is none.

    Raises:
        MedkitInputError: it is damaged; nothing of it was used.
    """
    paths = finished(folder, series)
    return read(paths[-1]) if paths else None


def read(path: Path) -> Saved:
    """Read one checkpoint, after its checksum has been compared.

    Raises:
        MedkitInputError: file or checksum missing, or one does not belong to the other.
    """
    remedy = "delete it and its .sha256; the run then goes on from the one before, or else from its start"
    try:
        content, expected = path.read_bytes(), _beside(path).read_bytes()
    except OSError as error:
        what = f"can't be read ({error.strerror})"
        raise MedkitInputError(path, what, "check the folder's name") from error
    if expected != f"{hashlib.sha256(content).hexdigest()}  {path.name}\n".encode():
        raise MedkitInputError(path, "is damaged: its sha256 is not the one beside it", remedy)
    try:
        tensors = safetensors.torch.load(content)
        length = int.from_bytes(content[:8], "little")
        facts = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["facts"])
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise MedkitInputError(path, "is no checkpoint of medkit", remedy) from error
    return Saved(path, tensors, facts)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _clean(folder: Path, series: str, keep: list[Path]) -> None:
    """Delete a series' other files, half-written ones included; the checksum first."""
    pattern = re.compile(rf"{re.escape(series)}-\d+{re.escape(_SUFFIX)}(\.sha256)?(\.\d+\.tmp)?")
    stay = {*keep, *map(_beside, keep)}
    old = [path for path in folder.iterdir() if pattern.fullmatch(path.name) and path not in stay]
    for path in sorted(old, key=lambda path: path.suffix != ".sha256"):
        path.unlink(missing_ok=True)


# --- what a run keeps -------------------------------------------------------------------------


def tensors_of(model: nn.Module, optimiser: torch.optim.Optimizer | None = None) -> dict[str, Tensor]:
    """Return a model's weights and statistics, and what its optimiser remembers, by name."""
    tensors = {_MODEL + name: tensor for name, tensor in model.state_dict().items()}
    if optimiser is not None:
        for name, parameter in model.named_parameters():
            for key, value in optimiser.state.get(parameter, {}).items():
                tensors[f"{_OPTIMISER}{name}.{key}"] = value
    return tensors


def restore(
    tensors: dict[str, Tensor], model: nn.Module, optimiser: torch.optim.Optimizer | None = None
) -> None:
    """Put back what `tensors_of` returned, bit for bit, on the devices and in the layout of the model.

    Raises:
        RuntimeError: the tensors are another model's (PyTorch's message names them).
    """
    weights = {name.removeprefix(_MODEL): t for name, t in tensors.items() if name.startswith(_MODEL)}
    model.load_state_dict(weights)
    if optimiser is None:
        return
    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        if name.startswith(_OPTIMISER):
            owner, _, key = name.removeprefix(_OPTIMISER).rpartition(".")
            parameter = parameters[owner]
            # a moment lies in memory as its weights do, or the last bits of the next step differ;
            # a counter of steps stays on the CPU, where Adam has it
            like = parameter.detach() if tensor.shape == parameter.shape else tensor
            optimiser.state[parameter][key] = torch.empty_like(like, dtype=tensor.dtype).copy_(tensor)


def load_weights(path: Path, model: nn.Module) -> None:
    """Put a checkpoint's weights into a model, without its optimiser.

    Raises:
        MedkitInputError: the file is damaged, or holds another model's weights.
    """
    path = Path(path)
    try:
        restore(read(path).tensors, model)
    except RuntimeError as error:
        raise MedkitInputError(
            path, f"holds the weights of another model ({error})", "build the model with the same arguments"
        ) from error
