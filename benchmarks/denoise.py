"""Time Eq. 1's Gaussian and the median against scipy, scikit-image, torchvision and kornia.

    python3 benchmarks/denoise.py [--device cuda] [--quick] [--out FILE]

All contenders take turns within each round, on the same 32 images; a row gives the median over
rounds, and a ratio above 1 says that medkit is faster. Results are compared before they are timed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import frame
import kornia.filters
import numpy as np
import scipy.ndimage
import skimage.filters
import torch
import torchvision.transforms.v2.functional as vision
from tqdm import tqdm

from medkit import denoise
from medkit.timing import batch_seconds, synchroniser

IMAGES = 32
TOLERANCE = 1e-5
Contender = Callable[[], object]


def each(function: Callable[[np.ndarray], np.ndarray], images: torch.Tensor) -> np.ndarray:
    """Apply a peer that takes one image after the other, as its users do."""
    return np.stack([function(image) for image in images[:, 0].numpy()])[:, None]


def gaussian_contenders(images: torch.Tensor, sigma: float) -> dict[str, Contender]:
    """All Gaussians with the same kernel and border: torchvision knows only what scipy calls mirror."""
    size = 2 * int(4 * sigma + 0.5) + 1
    contenders = {
        "medkit": lambda: denoise.gaussian(images, sigma, "mirror"),
        "torchvision": lambda: vision.gaussian_blur(images, [size, size], [sigma, sigma]),
        "kornia": lambda: kornia.filters.gaussian_blur2d(images, (size, size), (sigma, sigma), "reflect"),
    }
    if images.device.type == "cpu":
        contenders |= {
            "scipy": lambda: each(lambda x: scipy.ndimage.gaussian_filter(x, sigma, mode="mirror"), images),
            "scikit-image": lambda: each(lambda x: skimage.filters.gaussian(x, sigma, mode="mirror"), images),
        }
    return contenders


def median_contenders(images: torch.Tensor, size: int) -> dict[str, Contender]:
    """All medians with the same border; torchvision has none."""
    contenders = {
        "medkit": lambda: denoise.median(images, size, "mirror"),
        "kornia": lambda: kornia.filters.median_blur(images, (size, size), "reflect"),
    }
    if images.device.type == "cpu":
        footprint = np.ones((size, size))
        contenders |= {
            "scipy": lambda: each(lambda x: scipy.ndimage.median_filter(x, size, mode="mirror"), images),
            "scikit-image": lambda: each(lambda x: skimage.filters.median(x, footprint, mode="mirror"), images),
        }
    return contenders


def compare(contenders: dict[str, Contender]) -> dict[str, float]:
    """Return the largest difference of each peer's result from medkit's; refuse a wrong one."""
    ours = torch.as_tensor(contenders["medkit"]()).cpu()
    gaps = {}
    for name, run in contenders.items():
        gaps[name] = float((torch.as_tensor(run()).cpu() - ours).abs().max())
        if gaps[name] > TOLERANCE:
            raise SystemExit(f"{name} must equal medkit to {TOLERANCE}, got {gaps[name]:.2g}; time nothing")
    return gaps


def time(contenders: dict[str, Contender], rounds: int, device: torch.device) -> dict[str, float]:
    """Return the median seconds of each contender, all taking turns."""
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            seconds[name] += batch_seconds(run, 1, warm_up=0, synchronise=synchroniser(device))
    return {name: statistics.median(times) for name, times in seconds.items()}


def measure(device: torch.device, sizes: list[int], rounds: int) -> list[dict]:
    """Run all cases; one row each."""
    rows = []
    cases = [("gaussian", sigma) for sigma in (1.0, 4.0)] + [("median", size) for size in (3, 5)]
    for size, (filter_name, parameter) in tqdm([(s, c) for s in sizes for c in cases], desc="cases"):
        images = torch.rand(IMAGES, 1, size, size, generator=torch.Generator().manual_seed(size)).to(device)
        build = gaussian_contenders if filter_name == "gaussian" else median_contenders
        contenders = build(images, parameter)
        gaps = compare(contenders)
        contenders["copy"] = images.clone
        seconds = time(contenders, min(rounds, 3) if size > 512 else rounds, device)
        bandwidth = {name: 2 * images.nbytes / seconds[name] / 1e9 for name in ("medkit", "copy")}
        rows.append(
            {
                "filter": filter_name,
                "parameter": parameter,
                "image": f"{size} x {size}",
                "seconds": seconds,
                "ratio": {name: seconds[name] / seconds["medkit"] for name in gaps if name != "medkit"},
                "largest difference": gaps,
                "bandwidth (GB/s, one read and one write of the images)": bandwidth,
            }
        )
    return rows


def render(rows: list[dict]) -> str:
    """Return the rows as text: milliseconds of medkit, then each peer's time over medkit's."""
    peers = ["scipy", "scikit-image", "torchvision", "kornia"]
    lines = [f"{'case':24} {'medkit ms':>10} {'ms/image':>9}" + "".join(f"{p:>14}" for p in peers) + f"{'of copy':>9}"]
    for row in rows:
        name = f"{row['filter']} {row['parameter']:g}, {row['image']}"
        ratios = "".join(f"{row['ratio'][p]:13.1f}x" if p in row["ratio"] else f"{'-':>14}" for p in peers)
        ours = row["seconds"]["medkit"] * 1e3
        share = row["seconds"]["copy"] / row["seconds"]["medkit"]
        lines.append(f"{name:24} {ours:10.2f} {ours / IMAGES:9.3f}{ratios}{share:9.1%}")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, measure, print, save."""
    parser = frame.command_line(__doc__)
    parser.add_argument("--quick", action="store_true", help="256 x 256 only, three rounds")
    chosen = parser.parse_args()
    device = frame.device(chosen)
    machine = frame.machine(device, ("scipy", "scikit-image", "kornia"))
    print(f"{IMAGES} float32 images, {frame.title(machine)}")
    rows = measure(device, [256] if chosen.quick else [256, 512, 1024], rounds=3 if chosen.quick else 5)
    print(render(rows))
    content = {"machine": machine, "images": IMAGES, "rows": rows}
    frame.save(__file__, chosen.out, f"denoise-{chosen.device}", content)


if __name__ == "__main__":
    main()
