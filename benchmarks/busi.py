"""Segment breast lesions beside the published benchmark of BUSI: our U-Net and hybrid, its splits, its protocol.

    MEDKIT_DATA=FOLDER python3 benchmarks/busi.py [--device cuda] [--epochs 300] [--splits 1 2 3]
        [--models U-Net hybrid] [--protocols published grouped] [--out FILE]

"published" is the benchmark's own protocol: three splits of 647 lesion images, 256 x 256 pixels, 300
epochs, flips and quarter turns, BCE / 2 + Dice, batches of 8, a rate that sinks to 0. The validation images
choose the epoch, by IoU, and are the ones that are scored; a quarter of them have a twin or group among the
training images (`medkit.data.benchmark`). "grouped" is the same training on `breast_ultrasound` split by
duplicate group, without twins: validation images choose the epoch, and test images, opened once, are scored.

F1 is the Dice of the lesion, a mean over images. The benchmark's code means over batches, pooling a batch's
pixels, which gives large lesions more weight; that number of ours stands beside as "F1 of batches of 8".
Ours differ from the published models in more than the idea: about 0.12 million parameters against 3 to
105, Adam in place of SGD with momentum, grey images scaled to 0 ... 1 each.

Each model and split is a row; rows that the record holds are not run again. Stop a run with Ctrl-C, or
let `timeout -s INT 9m python3 ...` do so, and the same command goes on from there.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import re
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path

import frame
import torch
from torch import nn

from medkit import checkpoint, metrics, record
from medkit._interrupt import Interrupted
from medkit.augment import Ranges
from medkit.blocks import parameter_count
from medkit.data import breast_ultrasound, data_root, leaks
from medkit.data.benchmark import LESIONS, busi_benchmark
from medkit.data.container import ImageSet
from medkit.experiment import MODELS
from medkit.normalise import min_max
from medkit.settings import Settings
from medkit.training import fit, predict

EPOCHS, SIZE, BATCH = 300, 256, 8  # of the benchmark
PROTOCOLS = ("published", "grouped")
SOURCE = "github.com/FengheTan9/Medical-Image-Segmentation-Benchmarks, mean ± sd over its three splits"
PUBLISHED = {  # F1 and IoU in %, as (mean, sd)
    "U-Net": {"f1": (76.97, 3.10), "iou": (68.61, 2.86)},
    "TransUNet": {"f1": (79.85, 2.59), "iou": (71.39, 2.37)},
    "CMUNeXt": {"f1": (79.86, 2.58), "iou": (71.56, 2.43)},
}
SCORES = ("f1", "iou", "f1 of batches")
LOCAL = Path(__file__).resolve().parent.parent / "results" / "local" / "busi"  # checkpoints


@dataclasses.dataclass(frozen=True)
class Case:
    """What makes a row the row it is."""

    protocol: str
    split: int  # also the seed of weights and order and, grouped, of the split
    model: str
    epochs: int
    size: int
    batch: int
    width: int

    def settings(self) -> Settings:
        """Return how fit trains it: masks alone."""
        turned = Ranges(horizontal=0.5, vertical=0.5, quarter_turns=True, angle=0, zoom=0)
        loss = {"label_weight": 0.0, "dice_weight": 1.0, "bce_weight": 0.5}
        return Settings(batch_size=self.batch, epochs=self.epochs, cosine=True, augment=turned, **loss)

    def folder(self) -> str:
        """Return a folder's name for its checkpoints."""
        return "-".join(str(value) for value in dataclasses.astuple(self))


@dataclasses.dataclass(frozen=True)
class Sides:
    """The images that are learned from, those that choose the epoch, and those that are scored."""

    train: ImageSet
    choose: ImageSet
    score: ImageSet
    facts: dict


def published_sides(root: Path, split: int, size: int) -> Sides:
    """Return a split of the benchmark, as leaky as it is."""
    train, val, found = busi_benchmark(root, size, split)
    return Sides(train, val, val, {"leaks": len(found), "notes of the data": list(val.notes)})


def grouped_sides(root: Path, split: int, size: int) -> Sides:
    """Return the lesion images of a split by duplicate group, without the twins that are left."""
    clean, taken = leaks.without_twins(breast_ultrasound(root, size, seed=split))
    train, val, test = (side.subset(side.label < len(LESIONS)) for side in (clean.train, clean.val, clean.test))
    note = f"{len(taken)} twins of images on a later side were taken out of an earlier one."
    return Sides(train, val, test, {"leaks": 0, "notes of the data": [*test.notes, note]})


def build(case: Case, device: torch.device) -> nn.Module:
    """Return the model of a case, from the same weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(case.split)
        return MODELS[case.model](classes=len(LESIONS), width=case.width).to(device)


def score(model: nn.Module, data: ImageSet, image: torch.Tensor, batch: int = BATCH) -> dict:
    """Return F1 and IoU in %, means over images; and F1 as the benchmark's code takes it, over batches."""
    counts = metrics.mask_counts(predict(model, image).mask > 0, data.mask)
    batches = [metrics.Counts(*piece) for piece in zip(*(count.split(batch) for count in counts))]
    pooled = sum(metrics.dice_pooled(piece).value * len(piece.tp) for piece in batches) / len(image)
    f1, iou = metrics.dice(counts).value, metrics.iou(counts).value
    return {"f1": 100 * f1, "iou": 100 * iou, "f1 of batches": 100 * pooled}


def measure(case: Case, sides: Sides, device: torch.device, folder: Path) -> dict:
    """Train one case, choose its epoch, score it; return its row."""
    train, choose = sides.train.to(device), sides.choose.to(device)
    image = min_max(choose.image)
    model = build(case, device)

    def validate(epoch: int, model: nn.Module) -> dict:
        found = score(model, choose, image)
        return {"val_iou": found["iou"], "val_f1": found["f1"]}

    history = fit(
        model,
        min_max(train.image),
        train.label,
        train.mask,
        case.settings(),
        seed=case.split,
        on_epoch=validate,
        folder=folder / case.folder(),
        best="val_iou",
        title=f"{case.protocol} split {case.split}, {case.model}",
    )
    checkpoint.load_weights(checkpoint.finished(folder / case.folder(), "best")[-1], model)
    scored = sides.score.to(device)
    return {
        **dataclasses.asdict(case),
        **score(model, scored, min_max(scored.image)),
        "best epoch": history.best["epoch"],
        "val_iou at best": history.best["val_iou"],
        "train": len(train),
        "choose": len(choose),
        "score": len(scored),
        **sides.facts,
        "parameters": parameter_count(model),
        "seconds": sum(history.column("seconds")),
        "machine": frame.title(record.machine(device)),
        "notes": history.notes,
    }


def seconds_an_image(case: Case, device: torch.device) -> float:
    """Return how long an image takes in training, from a few steps on random ones."""
    few = torch.rand(2 * case.batch, 1, case.size, case.size, generator=torch.Generator().manual_seed(0)).to(device)
    label = torch.zeros(len(few), dtype=torch.int64, device=device)
    settings = dataclasses.replace(case.settings(), epochs=2)
    history = fit(build(case, device), few, label, few > 0.5, settings, seed=0, progress=None)
    return history[-1]["seconds"] / len(few)  # the first epoch warms up


def warn_of_a_cpu(missing: list[Case], device: torch.device) -> None:
    """Say how long a CPU will take, about; nothing is refused."""
    if device.type != "cpu" or not missing:
        return
    each = {case.model: seconds_an_image(case, device) for case in missing}
    seconds = sum(each[case.model] * case.epochs * 450 * 1.15 for case in missing)  # images; and validating
    text = f"{seconds / 60:.0f} minutes" if seconds < 2 * 3600 else f"{seconds / 3600:.0f} hours"
    print(f"On this CPU the {len(missing)} missing rows take about {text}; Ctrl-C stops, the same command goes on")


def run_all(wanted: list[Case], rows: list[dict], device: torch.device, folder: Path) -> Iterator[list[dict]]:
    """Measure what is wanted and not there yet; give all rows after each new one."""
    root = data_root()
    if root is None:
        raise SystemExit("MEDKIT_DATA must name the folder with us_busi256.npz and splits.json, got nothing; set it")
    done = [{name: row[name] for name in dataclasses.asdict(wanted[0])} for row in rows]
    missing = [case for case in wanted if dataclasses.asdict(case) not in done]
    warn_of_a_cpu(missing, device)
    sides, key = None, None
    for case in missing:
        if key != (case.protocol, case.split):
            key = case.protocol, case.split
            load = {"published": published_sides, "grouped": grouped_sides}[case.protocol]
            sides = load(root, case.split, case.size)
        rows = [*rows, measure(case, sides, device, folder)]
        yield rows
        shutil.rmtree(folder / case.folder(), ignore_errors=True)


def summary(rows: list[dict]) -> list[dict]:
    """Return for each protocol and model the mean over splits and its sd (n - 1; None for one split)."""
    found = []
    for protocol, model in dict.fromkeys((row["protocol"], row["model"]) for row in rows):
        mine = [row for row in rows if (row["protocol"], row["model"]) == (protocol, model)]
        line = {"protocol": protocol, "model": model, "splits": [row["split"] for row in mine]}
        for name in SCORES:
            values = [row[name] for row in mine]
            sd = statistics.stdev(values) if len(values) > 1 else None
            line[name] = {"mean": statistics.mean(values), "sd": sd}
        found.append(line | {"parameters": mine[0]["parameters"]})
    return found


def short_run(case: Case) -> str | None:
    """Return what must stand over numbers that are not made by the benchmark's protocol; None for those that are."""
    said = [f"{case.epochs} of {EPOCHS} epochs"] * (case.epochs != EPOCHS)
    said += [f"{case.size} of {SIZE} pixels a side"] * (case.size != SIZE)
    return f"short run: {', '.join(said)}" if said else None


def render(rows: list[dict], mark: str | None) -> str:
    """Return the rows as text, the published numbers beside those of the published protocol."""
    lines = [mark] if mark else []
    lines.append(f"{'mean ± sd over splits, %':34}{'splits':>7}{'F1':>16}{'IoU':>16}{'F1 of batches of 8':>20}")
    for line in summary(rows):
        cells = [_cell(line[name]["mean"], line[name]["sd"]) for name in SCORES]
        name = f"{line['protocol']}, our {line['model']}"
        lines.append(f"{name:34}{len(line['splits']):7}{cells[0]:>16}{cells[1]:>16}{cells[2]:>20}")
    for name, numbers in PUBLISHED.items():
        cells = [_cell(*numbers[score]) for score in ("f1", "iou")]
        lines.append(f"{f'published, their {name}':34}{3:7}{cells[0]:>16}{cells[1]:>16}{'':>20}")
    return "\n".join(lines)


def _cell(mean: float, sd: float | None) -> str:
    return f"{mean:.2f} ± {sd:.2f}" if sd is not None else f"{mean:.2f}"


def out_path(out: Path | None, device: torch.device, mark: str | None) -> Path:
    """Return the record's file; what is not the benchmark's protocol never stands in the same as what is."""
    on = re.sub(r"[^a-z0-9]+", "-", (record.machine(device)["gpu"] or "cpu").lower()).strip("-")
    path = out or Path(__file__).with_name(f"busi-{'short-' if mark else ''}{on}.json")
    if mark and "short" not in path.stem:
        raise SystemExit(f"--out must have the word short in its name, got {path.name}; this is a {mark}")
    return path


def rows_before(path: Path, common: dict) -> list[dict]:
    """Return the rows that a record holds; refuse one of other epochs, size, batch or width."""
    if not path.exists():
        return []
    before = json.loads(path.read_text(encoding="utf-8"))
    if before["common"] != common:
        got = f"{before['common']} there and {common} here"
        raise SystemExit(f"{path.name} must come from the same settings, got {got}; name another file with --out")
    return before["rows"]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = frame.command_line(__doc__, "busi-GPU'S NAME.json or busi-cpu.json, beside this script")
    parser.add_argument("--splits", type=int, nargs="+", default=[1, 2, 3], choices=(1, 2, 3))
    parser.add_argument("--models", nargs="+", default=["U-Net", "hybrid"], choices=MODELS)
    parser.add_argument("--protocols", nargs="+", default=list(PROTOCOLS), choices=PROTOCOLS)
    for name, default in {"epochs": EPOCHS, "size": SIZE, "batch": BATCH, "width": 16}.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"(default: {default})")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, train, score, print, save."""
    chosen = parse(arguments)
    device = frame.device(chosen)
    common = {name: getattr(chosen, name) for name in ("epochs", "size", "batch", "width")}
    kinds = itertools.product(chosen.protocols, chosen.splits, chosen.models)
    wanted = [Case(*kind, **common) for kind in kinds]
    mark = short_run(wanted[0])
    path = out_path(chosen.out, device, mark)
    record.check_writable(path)
    rows = rows_before(path, common)
    content = {
        "machine": frame.machine(device),
        "command": frame.command(__file__, arguments),
        "mark": mark,
        "common": common,
        "settings": dataclasses.asdict(wanted[0].settings()),
        "published": PUBLISHED | {"source": SOURCE},
    }
    try:
        for rows in run_all(wanted, rows, device, LOCAL):
            record.save(content | {"summary": summary(rows), "rows": rows}, path)
    except Interrupted as stopped:
        raise SystemExit(f"{stopped}; run the same command again") from stopped
    print(render(rows, mark), f"record: {path.name}", sep="\n")


if __name__ == "__main__":
    main()
