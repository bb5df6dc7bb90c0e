"""Time one epoch of each model: images a second, and the share of what the device can compute.

    python3 benchmarks/epoch.py [--device cuda] [--sizes 128 256] [--images 1024] [--out FILE]

Each row is medkit.training.fit over two epochs on phantoms. The first warms up, and compiles where
torch.compile is on; the second is timed, from an idle device to an idle device, checks and all. Rows
that the record holds already are not run again, each new one is saved at once, and after --minutes
none is begun: the same command goes on where it stopped.

FLOPs are those that `medkit.cost` counts for one prediction, times 3: the backward pass takes about
twice the forward pass. The peak that they are held against is measured in the same run, as the best
of large bfloat16 matrix products; it is no number from a data sheet. Rows in float32, in which a
GPU's convolutions may round to TF32 as PyTorch lets them, are held against the same peak. Where a
device has no bfloat16 of its own, medkit trains in float32, and so there are no bfloat16 rows.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import frame
import torch
from torch import nn
from tqdm import tqdm

from medkit import cost, models, record
from medkit.data.phantom import phantom
from medkit.normalise import min_max
from medkit.settings import Settings
from medkit.step import has_bfloat16
from medkit.timing import batch_seconds, synchroniser
from medkit.training import fit

SEED, MODELS = 0, ("CNN", "UNet", "Transformer", "Hybrid")
PRODUCT = {"cuda": 8192, "cpu": 1024}  # rows and columns of the matrices whose product gives the peak
BACKWARD = 2  # passes as long as the forward pass


@dataclasses.dataclass(frozen=True)
class Case:
    """What makes a row the row it is."""

    model: str
    size: int
    precision: str
    compiled: bool
    channels_last: bool
    width: int
    batch: int
    images: int

    def settings(self) -> Settings:
        """Return how fit trains it: the epoch that warms up, and the one that is timed."""
        return Settings(
            batch_size=self.batch,
            epochs=2,
            mixed_precision=self.precision == "bfloat16",
            channels_last=self.channels_last,
            compile=self.compiled,
        )


def cases(chosen, precisions: list[str]) -> Iterator[Case]:
    """Give all cases, those that have to compile last: they take longest to start."""
    common = {"width": chosen.width, "batch": chosen.batch, "images": chosen.images}
    compiled = [False, True] if chosen.compile == "both" else [chosen.compile == "on"]
    kinds = itertools.product(compiled, precisions, chosen.sizes, chosen.models)
    for on, precision, size, model in kinds:
        yield Case(model, size, precision, on, not chosen.contiguous, **common)


def product_rate(device: torch.device, dtype: torch.dtype, size: int) -> float:
    """Return the FLOP/s of the fastest of ten products of two random matrices."""
    generator = torch.Generator().manual_seed(SEED)
    a, b = (torch.randn(size, size, generator=generator).to(device, dtype) for _ in range(2))
    seconds = batch_seconds(lambda: a @ b, 10, 3, synchroniser(device))
    return 2 * size**3 / min(seconds)


def why_not_compiled(device: torch.device) -> str | None:
    """Return why torch.compile fails here, such as for want of a C++ compiler; None where it works."""
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.zeros(8, device=device))
    except Exception as error:  # what is raised depends on the backend and on what it lacks
        return str(error).strip().splitlines()[0]
    return None


def build(case: Case, device: torch.device) -> nn.Module:
    """Return the model of a case, from the same weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        return getattr(models, case.model)(classes=3, width=case.width).to(device)


def time_epochs(case: Case, device: torch.device, data) -> dict:
    """Train two epochs; return the seconds of both and what fit had to note."""
    torch.compiler.reset()  # or what was compiled for another size would be made to fit all sizes
    synchronise, ends = synchroniser(device), []

    def tick(epoch: int, model: nn.Module) -> None:
        synchronise()
        ends.append(time.perf_counter())

    model = build(case, device)
    synchronise()
    start = time.perf_counter()
    history = fit(model, *data, case.settings(), seed=SEED, progress=None, on_epoch=tick)
    return {"first epoch, seconds": ends[0] - start, "seconds": ends[1] - ends[0], "notes": history.notes}


def measure(case: Case, device: torch.device, data, peak: float) -> dict:
    """Return the row of a case."""
    flops = cost.report(build(case, device), (1, case.size, case.size)).flops * (1 + BACKWARD)
    times = time_epochs(case, device, data)
    speed = case.images / times["seconds"]
    return {
        **dataclasses.asdict(case),
        **times,
        "images/s": speed,
        "training FLOPs an image": flops,
        "TFLOP/s": speed * flops / 1e12,
        "peak TFLOP/s, measured": peak / 1e12,
        "share of the peak": speed * flops / peak,
    }


def phantoms(count: int, size: int, device: torch.device) -> tuple:
    """Return image, label and mask on the device; few different ones, repeated: speed sees no difference."""
    data = phantom(min(count, 60), size=size, seed=SEED)
    pick = torch.arange(count) % len(data)
    return tuple(part[pick].to(device) for part in (min_max(data.image), data.label, data.mask))


def rows_before(path: Path, machine: dict) -> list[dict]:
    """Return the rows that a record holds; refuse one of another machine or other versions."""
    if not path.exists():
        return []
    before = json.loads(path.read_text(encoding="utf-8"))
    for fact in ("gpu", "device", "threads", "system", "versions"):
        if before["machine"][fact] != machine[fact]:
            got = f"{fact} {before['machine'][fact]} there and {machine[fact]} here"
            must = f"{path.name} must come from this machine"
            raise SystemExit(f"{must}, got {got}; name another file with --out")
    return before["rows"]


def out_path(out: Path | None, machine: dict) -> Path:
    """Return the record's file: a GPU's bears its name, and no other device may write it."""
    name = re.sub(r"[^a-z0-9]+", "-", (machine["gpu"] or "cpu").lower()).strip("-")
    path = out or Path(__file__).with_name(f"epoch-{name}.json")
    if machine["gpu"] is None and not path.stem.endswith("cpu"):
        must = "--out must end in cpu.json on a CPU"
        raise SystemExit(f"{must}, got {path.name}; a GPU's record is made on a GPU")
    return path


def run_all(
    wanted: list[Case], rows: list[dict], minutes: float, device: torch.device, peak: float
) -> Iterator[list[dict]]:
    """Measure what is wanted and not there yet; give all rows after each new one."""
    done = [{name: row[name] for name in dataclasses.asdict(wanted[0])} for row in rows]
    missing = [case for case in wanted if dataclasses.asdict(case) not in done]
    end, data = time.perf_counter() + 60 * minutes, {}
    bar = tqdm(missing, initial=len(wanted) - len(missing), total=len(wanted), desc="rows")
    for number, case in enumerate(bar):
        if time.perf_counter() > end:
            left = len(missing) - number
            bar.write(f"{minutes:g} minutes are over, {left} rows missing: run the same command again")
            return
        if case.size not in data:
            data[case.size] = phantoms(case.images, case.size, device)
        rows = [*rows, measure(case, device, data[case.size], peak)]
        yield rows


def render(rows: list[dict]) -> str:
    """Return the rows as text."""
    lines = [f"{'':40}{'images/s':>10}{'epoch s':>9}{'first s':>9}{'TFLOP/s':>9}{'of peak':>9}"]
    for row in rows:
        kind = f"{row['precision']}, compile {'on' if row['compiled'] else 'off'}"
        lines.append(
            f"{row['model']:12}{row['size']}², {kind:22}{row['images/s']:10,.0f}{row['seconds']:9.3f}"
            f"{row['first epoch, seconds']:9.2f}{row['TFLOP/s']:9.3f}{row['share of the peak']:9.2%}"
            + "".join(f"\n    {note}" for note in row["notes"])
        )
    return "\n".join(lines)


def gains(rows: list[dict]) -> str:
    """Return what torch.compile and bfloat16 gain: the median over otherwise equal rows."""
    lines = []
    kinds = {
        "torch.compile on over off": ("compiled", False, True),
        "bfloat16 over float32": ("precision", "float32", "bfloat16"),
    }
    for title, (name, off, on) in kinds.items():
        speed = {}
        for row in rows:
            rest = tuple(row[field.name] for field in dataclasses.fields(Case) if field.name != name)
            speed.setdefault(rest, {})[row[name]] = row["images/s"]
        ratios = [pair[on] / pair[off] for pair in speed.values() if len(pair) == 2]
        if ratios:
            spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
            lines.append(f"{title}: {statistics.median(ratios):.2f}x ({spread}, {len(ratios)} pairs)")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, measure, print, save."""
    parser = frame.command_line(__doc__, "epoch-GPU'S NAME.json or epoch-cpu.json, beside this script")
    parser.add_argument("--sizes", "--size", type=int, nargs="+", default=[128, 256], help="pixels a side")
    for name, default in {"images": 1024, "batch": 32, "width": 16}.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"(default: {default})")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--compile", default="both", choices=("both", "on", "off"))
    parser.add_argument("--contiguous", action="store_true", help="channels_last off")
    parser.add_argument("--minutes", type=float, default=8, help="begin no row after these (default: 8)")
    chosen = parser.parse_args(arguments)
    device = frame.device(chosen)
    machine = frame.machine(device)
    path = out_path(chosen.out, machine)
    rows = rows_before(path, machine)
    rates = {
        str(dtype).removeprefix("torch."): product_rate(device, dtype, PRODUCT[device.type])
        for dtype in (torch.bfloat16, torch.float32)
    }
    shown = ", ".join(f"{name} {rate / 1e12:.3g} TFLOP/s" for name, rate in rates.items())
    print(f"{frame.title(machine)}; products of {PRODUCT[device.type]}² matrices: {shown}")
    content = {"machine": machine, "command": frame.command(__file__, arguments)}
    content["matrix products, FLOP/s"] = rates
    if chosen.compile != "off" and (reason := why_not_compiled(device)):
        if chosen.compile == "on":
            raise SystemExit(f"--compile must be off here, got on; torch.compile fails: {reason}")
        print(f"torch.compile fails here, its rows are left out: {reason}")
        chosen.compile, content["not compiled"] = "off", reason
    wanted = list(cases(chosen, ["bfloat16", "float32"] if has_bfloat16(device) else ["float32"]))
    for rows in run_all(wanted, rows, chosen.minutes, device, rates["bfloat16"]):
        record.save(content | {"rows": rows}, path)
    print(render(rows), gains(rows), f"record: {path.name}", sep="\n")


if __name__ == "__main__":
    main()
