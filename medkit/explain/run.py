"""The command: train a hybrid small, explain its test images that have a lesion, keep a record a seed, print the table."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from medkit import _command, experiment, record, reproduce, sets
from medkit._check import MedkitInputError
from medkit._files import write_whole
from medkit.explain import maps, measures, sanity, show
from medkit.preparation import Preparation
from medkit.presets import PRESETS
from medkit.training import fit

KIND = "explain"  # of its records
PARTS = ("label_head", "attention", "encoder.stages.2", "encoder.stages.1", "encoder.stages.0")  # the answer first
MODEL, MOST = "hybrid", 100  # test images with a lesion, the first of them


def explain(model: nn.Module, image: Tensor, label: Tensor, gridded: tuple[int, int]) -> dict[str, Tensor]:
    """Return every method's maps of the true class, by name: each (B, H, W).

    Args:
        image: (B, C, H, W), as the model sees them; label: (B,) int64; gridded: rows, columns of positions.
    """
    look = model.look(image)
    small = {
        "Grad-CAM": maps.grad_cam(look, label),
        "attention": maps.received(look.weights).unflatten(1, gridded),
        "rollout": maps.rollout(look.weights).unflatten(1, gridded),
        "occlusion": maps.occlusion(chosen(model, label), image),
    }
    return {name: maps.enlarge(one, *image.shape[-2:]) for name, one in small.items()}


def chosen(model: nn.Module, label: Tensor):
    """Return the function that gives images' probability of their class."""
    return lambda image: model(image).label.softmax(1).gather(1, label[:, None])[:, 0]


def examine(model: nn.Module, image: Tensor, label: Tensor, mask: Tensor, seed: int) -> dict:
    """Measure every method, and the centre prior, on images with a lesion: what their record holds.

    Returns:
        "chance" (per image); "measured": method -> measure -> per image; "similarity": method -> part -> the mean
        rank correlation with the trained model's map, over images that have one (NaN: none).
    """
    grid = tuple(side // 8 for side in image.shape[-2:])
    found = explain(model, image, label, grid) | {"centre": maps.centre(*image.shape[-2:]).expand(mask.shape)}
    score, measured = chosen(model, label), {}
    for name, one in found.items():
        measured[name] = {
            "mass": _listed(measures.mass_inside(one, mask)),
            "pointing": _listed(measures.pointing(one, mask)),
            "deletion": _listed(measures.area(measures.deletion(score, image, one))),
            "insertion": _listed(measures.area(measures.insertion(score, image, one))),
        }
    changed = {name: {} for name in found if name != "centre"}
    for part, drawn in sanity.cascade(model, PARTS, seed):
        for name, one in explain(drawn, image, label, grid).items():
            changed[name][part] = round(float(measures.similarity(found[name], one).nanmean()), 4)
    return {"chance": _listed(measures.chance(mask)), "measured": measured, "similarity": changed}


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit explain`; return the exit code."""
    said = "Train a hybrid small, and measure what Grad-CAM, attention, rollout and occlusion show of it."
    parser = argparse.ArgumentParser(prog="python3 -m medkit explain", description=said)
    parser.add_argument("--data", default="phantom", metavar="SET", help="phantom, us, mri: a set with masks")
    parser.add_argument("--preset", default="quick", choices=PRESETS, help="how large (default: quick)")
    parser.add_argument("--size", type=int, help="pixels along each side (default: the preset's)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of weights and order (default: 0)")
    parser.add_argument("--out", type=Path, help="folder of the records (default: results/local/explain-SET)")
    given = parser.parse_args(arguments)
    return _command.run(lambda: _run(given))


def _run(given: argparse.Namespace) -> None:
    preset = PRESETS[given.preset]
    preset = dataclasses.replace(preset, size=given.size or preset.size)
    out = given.out or reproduce.RESULTS / f"explain-{Path(given.data).name}"
    record.check_writable(out / "tables.txt")
    loaded = sets.load(given.data, preset)
    task = experiment.prepare(loaded.split, Preparation(), torch.device("cpu"), loaded.facts)
    if task.train.mask is None:
        raise MedkitInputError(given.data, "has no masks", "name a set with masks, such as us, mri or phantom")
    done = []
    for seed in dict.fromkeys(given.seeds):
        model = experiment.build(MODEL, task, seed)
        fit(model, task.image, task.train.label, task.train.mask, preset.settings, seed=seed, scored=task.train.scored,
            progress=tqdm, title=f"{MODEL}, seed {seed}")  # fmt: skip
        images, image = task.test.open(f"explain, seed {seed}")
        inside = images.mask.flatten(1).any(1).nonzero()[:MOST, 0]
        mask = images.mask[inside].reshape(len(inside), *image.shape[-2:]) > 0
        found = examine(model.eval(), image[inside], images.label[inside], mask, seed)
        done.append({
            "kind": KIND, "model": MODEL, "seed": seed, "data": task.facts, "machine": record.machine(torch.device("cpu")),
            "preset": given.preset, "epochs": preset.settings.epochs, "group": images.group[inside].tolist(), **found,
        })  # fmt: skip
        record.save(done[-1], out / f"{MODEL}-seed{seed}.json")
    text = show.render(done)
    write_whole(out / "tables.txt", text)
    print(f"{text}\n· Records, and this text: {out}", file=sys.stdout, flush=True)


def _listed(values: Tensor) -> list[float | None]:
    """Return numbers for JSON; None where there is none."""
    return [None if value != value else round(value, 4) for value in values.tolist()]
