"""Pre-training where ImageNet's weights are not at hand: on a source task that the kit makes itself.

Eq. 5 starts from a model that was trained elsewhere; the paper says ImageNet. What stands in for it
here is far smaller, and says so wherever it goes (`PreTrained.source`). Two source tasks:

    other_modality   the phantom's lesions, seen by the scanners that the target does not use
    textures         quarters of phantoms, no lesion asked for: which scanner made this?

Neither shows the target's modality or a patient of its set. From one task to the other:

    source = other_modality(target="ultrasound")
    pretrained = pretrain(model, source, preprocess, seed=0)
    start = start_from(target_model, pretrained)         # another model, with heads of its own
    freeze(target_model, "encoder")                      # `medkit.transfer`
    table_2(target_model, new=start.new)
    fit(target_model, ...)                               # `medkit.training`
    delta_rows(start.taken, target_model.state_dict())

Whether it helps is a question to be measured: compare with the same model from random weights, at
the same epochs, and count the pre-training's own time.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit.data.container import ImageSet
from medkit.data.phantom import FAR, MODALITIES, phantom
from medkit.history import History
from medkit.settings import Settings
from medkit.training import fit, predict
from medkit.transfer import delta_rows

HEADS = ("label_head", "mask_head")  # what answers, in all our models
OWN = 3 * FAR  # the first image of a source; no phantom set of `phantom_split` gets there

# --- source tasks -----------------------------------------------------------------------------


def other_modality(
    target: str,
    count: int = 900,
    size: int = 64,
    difficulty: float = 0.5,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> ImageSet:
    """Make phantoms of the two modalities that the target is not, with their lesions and masks.

    Args:
        target: the modality that is kept for fine-tuning: "MRI", "CT" or "ultrasound".
        count: images of both together, half each; multiples of 12 balance the classes.
        size, difficulty, seed, device: as for `medkit.data.phantom.phantom`.

    Returns:
        three classes, CT in Hounsfield units beside the other's grey values. Its patients stand in
        no set of `phantom_split` (or of `phantom`, unless its `first` asks for them), whatever the side.

    Raises:
        ValueError: an argument outside its range; a target of all modalities leaves none over.

    >>> data = other_modality("ultrasound", count=12, size=32)
    >>> data.title, data.modality, data.label.bincount().tolist()
    ('phantom MRI and CT: lesions', 'MRI + CT', [4, 4, 4])
    """
    parts = [
        phantom(share, size, modality, difficulty, seed, device=device, first=first)
        for modality, share, first in _shares(_others(target), count)
    ]
    return _joined(parts, "lesions")


def textures(
    target: str | None = None,
    count: int = 900,
    size: int = 64,
    difficulty: float = 0.5,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> ImageSet:
    """Make pieces of phantoms whose label is the scanner that made them: speckle, field, noise.

    A phantom of twice the size is cut into its four quarters. An easy task, learned in a few epochs.
    It has no masks: what draws them in a model learns nothing from it, and `start_from` leaves it new.

    Args:
        target: the modality that is kept for fine-tuning and left out here. None takes all three
            scanners: for a target that has them all itself, of other patients all the same.
        count: pieces, of all scanners together; multiples of 24 give each as many, and whole patients.
        size: of a piece, at least 32 pixels. difficulty, seed, device: as for `other_modality`.

    Returns:
        a class for each scanner; patients as for `other_modality`.

    >>> textures("ultrasound", count=16, size=32).classes, textures(count=24, size=32).classes
    (('MRI', 'CT'), ('MRI', 'CT', 'ultrasound'))
    """
    if size < 32:
        raise ValueError(f"size must be at least 32 pixels, got {size}; no model takes smaller images")
    scanners, parts = MODALITIES if target is None else _others(target), []
    for modality, share, first in _shares(scanners, count):
        drawn = math.ceil(share / 4)
        whole = phantom(drawn, 2 * size, modality, difficulty, seed, device=device, first=first)
        parts.append(_quarters(whole, share, scanners))
    return _joined(parts, "textures")


def _others(target: str) -> tuple[str, ...]:
    if target not in MODALITIES:
        raise ValueError(
            f"target must be one of {MODALITIES}, got {target!r}; "
            f"for a target of all modalities take textures(None)"
        )
    return tuple(modality for modality in MODALITIES if modality != target)


def _shares(modalities: tuple[str, ...], count: int) -> list[tuple[str, int, int]]:
    """Return each modality, how many of `count` images it gets, and the number of its first one."""
    n = len(modalities)
    if count < n:
        raise ValueError(f"count must be {n} or more, one of each scanner, got {count}; try 900")
    return [(m, count // n + (i < count % n), OWN + i * FAR) for i, m in enumerate(modalities)]


def _quarters(whole: ImageSet, count: int, scanners: tuple[str, ...]) -> ImageSet:
    """Cut (N, 1, 2S, 2S) into the first `count` of 4N pieces (1, S, S), row by row of each image."""
    size = whole.image.shape[-1] // 2
    pieces = whole.image.unfold(2, size, size).unfold(3, size, size)  # (N, 1, 2, 2, S, S)
    pieces = pieces.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)[:count]
    short = [name.split(" nodules")[0] for name in whole.name]
    return dataclasses.replace(
        whole,
        image=pieces.contiguous(),
        label=torch.full((count,), scanners.index(whole.modality), device=pieces.device),
        classes=scanners,
        mask=None,
        group=whole.group.repeat_interleave(4)[:count],
        name=tuple(f"{name} quarter {q}" for name in short for q in (1, 2, 3, 4))[:count],
        scored=None,
    )


def _joined(parts: list[ImageSet], task: str) -> ImageSet:
    modalities = [part.modality for part in parts]
    fields = ("image", "label", "group", "scored") + (("mask",) if parts[0].mask is not None else ())
    listed = f"{', '.join(modalities[:-1])} and {modalities[-1]}"
    return dataclasses.replace(
        parts[0],
        title=f"phantom {listed}: {task}",
        modality=" + ".join(modalities),
        name=sum((part.name for part in parts), ()),
        notes=(*parts[0].notes, "A source task to pre-train on, in place of ImageNet."),
        **{field: torch.cat([getattr(part, field) for part in parts]) for field in fields},
    )


# --- from task to task ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PreTrained:
    """What a model learned on a source task.

    Args:
        state: copies on the CPU of the layers that learned, by name. Layers that did not move are
            left out: as a mask head without masks, they know nothing.
        source: what it was learned from, in words: belongs under every table made with it.
        data: sha256 of the source's images, labels, masks and groups.
        settings, seed: of the training.
        history: its loss, epoch by epoch.
    """

    state: Mapping[str, Tensor]
    source: str
    data: str
    settings: Settings
    seed: int
    history: History


def pretrain(
    model: nn.Module,
    source: ImageSet,
    preprocess: Callable[[ImageSet], Tensor],
    settings: Settings = Settings(),
    *,
    seed: int,
    progress: Callable | None = tqdm,
) -> PreTrained:
    """Train a model on a source task, and keep what it learned.

    Args:
        model: with an answer for each of the source's classes; trained in place, on the device of
            the source. Its initial weights are the caller's.
        source: from `other_modality` or `textures`; any other set will do, and is named as what it is.
        preprocess: set -> images as models see them, (N, C, H, W): the target's own, so that grey
            values mean the same in both tasks. `medkit.preparation.Preparation.fitted_to` makes one.
        settings: Table 3.
        seed, progress: as for `medkit.training.fit`.

    Raises:
        ValueError: the model answers another number of classes; else as for `fit`.
    """
    image = preprocess(source)
    classes = predict(model, image[:1]).label.shape[1]
    if classes != len(source.classes):
        raise ValueError(
            f"model must answer the source's {len(source.classes)} classes, got {classes}; "
            f"build it with classes={len(source.classes)}, its head is not handed on"
        )
    before = _copied(model.state_dict())
    task = {"label": source.label, "mask": source.mask, "scored": source.scored}
    history = fit(model, image, **task, settings=settings, seed=seed, progress=progress, title="pre-training")
    after = _copied(model.state_dict())
    learned = {row.layer for row in delta_rows(before, after) if row.largest > 0}
    state = {name: tensor for name, tensor in after.items() if name.rpartition(".")[0] in learned}
    patients = ", not patients" if source.tier == "phantom" else ""
    words = f"{source.title}, {len(source)} images ({source.tier}), not ImageNet{patients}"
    return PreTrained(state, words, source.sha256(), settings, seed, history)


class Start(NamedTuple):
    """Where fine-tuning starts from.

    taken: copies on the CPU of the tensors that came from the source task, by name: `before` of
        `transfer.delta_rows`, which then shows all other layers as new.
    new: names of the layers that keep the weights they had: `new` of `transfer.table_2`.
    """

    taken: dict[str, Tensor]
    new: tuple[str, ...]


def start_from(model: nn.Module, pretrained: PreTrained, heads: Collection[str] = HEADS) -> Start:
    """Give a model what another one learned, layer by layer, all but its heads.

    A layer is taken whole or not at all: where its name and the names and shapes of all its tensors
    are those of the pre-trained one. So weights also pass between models that share a part, such as
    our encoders.

    Args:
        model: changed in place; it keeps its own heads, as Table 2's output layer is random.
        pretrained: from `pretrain`.
        heads: stages that stay as they are, whatever fits; () takes these too.

    Raises:
        ValueError: the model has no such head; or nothing outside its heads fits, and it would
            start from random weights under another name. It is then left as it was.
    """
    unknown = set(heads) - set(dict(model.named_modules()))
    if unknown:
        raise ValueError(
            f"heads must be parts of the model, got {', '.join(sorted(unknown))}; "
            f"name its output layers, or () for none, out of {', '.join(dict(model.named_children()))}"
        )
    mine, theirs = _by_layer(model.state_dict()), _by_layer(pretrained.state)
    kept = tuple(f"{head}." for head in heads)
    fits = [
        layer
        for layer, tensors in mine.items()
        if not f"{layer}.".startswith(kept) and _shapes(tensors) == _shapes(theirs.get(layer, {}))
    ]
    if not fits:
        raise ValueError(
            f"model must share a layer with the pre-trained one outside {tuple(heads)}, got none of "
            f"{len(mine)}; build both with the same width and channels"
        )
    taken = {name: tensor for layer in fits for name, tensor in mine[layer].items()}
    for name, tensor in taken.items():
        tensor.copy_(pretrained.state[name])  # into the model's own memory
    return Start(_copied(taken), tuple(layer for layer in mine if layer not in fits))


def _by_layer(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        layers.setdefault(name.rpartition(".")[0], {})[name] = tensor
    return layers


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}
