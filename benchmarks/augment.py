"""Time §3.2's flips, rotation and zoom of image and mask against kornia, torchvision and MONAI.

    python3 benchmarks/augment.py [--device cuda] [--rounds 5] [--out FILE]

All contenders take turns within each round, on the same 32 images of 256 x 256 with their masks; a
row gives the median over rounds, and a ratio above 1 says that medkit is faster. kornia moves the
batch at once, torchvision and MONAI one image after the other, each draw included. Each peer comes
in two forms: one transform for each kind that the paper names (rotation and zoom resample twice),
and rotation and zoom in one affine transform. Before any clock runs, each must have moved all
images, mask and image together, and have left the masks binary.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import frame
import torch
import torchvision.transforms.v2 as vision
from kornia import augmentation as batched
from torch import Tensor
from torchvision import tv_tensors
from tqdm import tqdm

from medkit.augment import augment
from medkit.timing import batch_seconds, synchroniser

IMAGES, SIZE = 32, 256
APART = 0.02  # largest share of pixels where an image made from its mask may differ from it
Contender = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def kornia_contenders() -> dict[str, Contender]:
    """One batched sequence, image and mask by data_keys."""
    flips = [batched.RandomHorizontalFlip(), batched.RandomVerticalFlip()]
    turn, zoom = batched.RandomRotation(30.0, p=1.0), batched.RandomAffine(0.0, scale=(0.9, 1.1), p=1.0)
    forms = {
        "kornia, each kind": [turn, zoom],
        "kornia, one affine": [batched.RandomAffine(30.0, scale=(0.9, 1.1), p=1.0)],
    }
    sequences = {
        name: batched.AugmentationSequential(*flips, *form, data_keys=["image", "mask"])
        for name, form in forms.items()
    }
    return {
        name: lambda image, mask, run=run: tuple(run(image, mask.float()))
        for name, run in sequences.items()
    }


def torchvision_contenders() -> dict[str, Contender]:
    """Per sample, as in a data set's transform; masks are read at the nearest pixel by their type."""
    bilinear = vision.InterpolationMode.BILINEAR
    flips = [vision.RandomHorizontalFlip(), vision.RandomVerticalFlip()]
    turn = vision.RandomRotation(30, bilinear)
    zoom = vision.RandomAffine(0, None, (0.9, 1.1), interpolation=bilinear)
    both = vision.RandomAffine(30, None, (0.9, 1.1), interpolation=bilinear)
    forms = {"torchvision, each kind": [turn, zoom], "torchvision, one affine": [both]}
    return {name: per_sample(vision.Compose([*flips, *form])) for name, form in forms.items()}


def per_sample(transform: Callable) -> Contender:
    """Apply a torchvision transform to one image and mask after the other."""

    def run(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        pairs = [transform(tv_tensors.Image(i), tv_tensors.Mask(m)) for i, m in zip(image, mask)]
        return tuple(torch.stack(side) for side in zip(*pairs))

    return run


def monai_contenders() -> dict[str, Contender]:
    """Per sample with dictionary transforms; none where MONAI is not installed."""
    try:
        from monai import transforms as t
    except ImportError:
        return {}
    keys, turn = ["image", "mask"], torch.pi / 6
    common = dict(keys=keys, prob=1.0, mode=["bilinear", "nearest"], padding_mode="zeros")
    flips = [t.RandFlipd(keys, 0.5, axis) for axis in (1, 0)]
    zoom = t.RandAffined(scale_range=[0.1] * 2, **common)
    forms = {
        "MONAI, each kind": [t.RandRotated(range_x=turn, **common), zoom],
        "MONAI, one affine": [t.RandAffined(rotate_range=turn, scale_range=[0.1] * 2, **common)],
    }

    def per_pair(transform: Callable) -> Contender:
        def run(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
            pairs = [transform({"image": i, "mask": m.float()}) for i, m in zip(image, mask)]
            return tuple(torch.stack([pair[key].as_tensor() for pair in pairs]) for key in keys)

        return run

    return {name: per_pair(t.Compose([*flips, *form])) for name, form in forms.items()}


def discs(device: torch.device) -> Tensor:
    """Return (32, 1, 256, 256) bool: a disc in each, off the middle."""
    axis = torch.arange(SIZE)
    middle = 90 + 2 * torch.arange(IMAGES)[:, None, None]
    return (((axis - middle) ** 2 + (axis[:, None] - 100) ** 2) < 40**2)[:, None].to(device)


def check(contenders: dict[str, Contender], mask: Tensor) -> dict[str, float]:
    """Return how far image and mask are apart under each contender; refuse one that does other work."""
    apart = {}
    for name, run in contenders.items():
        image, moved = run(mask.float(), mask)
        apart[name] = float(((image > 0.5) != (moved > 0.5)).float().mean())
        binary = ((moved == 0) | (moved == 1)).all()
        still = (image == mask).flatten(1).all(1).any()
        if apart[name] > APART or not binary or still:
            got = f"{apart[name]:.2%} apart"
            raise SystemExit(f"{name} must move image and mask together, got {got}; time nothing")
    return apart


def measure(device: torch.device, rounds: int) -> dict:
    """Run all contenders in turn; return seconds a batch and ratios."""
    image = torch.rand(IMAGES, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0)).to(device)
    mask = discs(device)
    ours = {"medkit": lambda image, mask: augment(image, mask, range(IMAGES), seed=0, epoch=0)}
    contenders = ours | kornia_contenders() | torchvision_contenders() | monai_contenders()
    apart = check(contenders, mask)
    rows = {name: [] for name in contenders}
    for _ in tqdm(range(rounds), desc="rounds"):
        for name, run in contenders.items():
            rows[name] += batch_seconds(lambda: run(image, mask), 1, 1, synchroniser(device))
    seconds = {name: statistics.median(times) for name, times in rows.items()}
    ratio = {name: seconds[name] / seconds["medkit"] for name in seconds if name != "medkit"}
    return {"seconds": seconds, "each round": rows, "ratio": ratio, "image and mask apart": apart}


def render(row: dict) -> str:
    """Return the table as text."""
    lines = [f"{'':26}{'ms/batch':>10}{'ms/image':>10}{'ratio':>8}"]
    for name, seconds in row["seconds"].items():
        ratio = f"{row['ratio'][name]:7.1f}x" if name in row["ratio"] else f"{'-':>8}"
        lines.append(f"{name:26}{seconds * 1e3:10.2f}{seconds * 1e3 / IMAGES:10.3f}{ratio}")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, measure, print, save."""
    parser = frame.command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.manual_seed(0)  # the peers draw from the global generator
    device = frame.device(chosen)
    machine = frame.machine(device, ("kornia", "monai"))
    print(f"{IMAGES} x {SIZE}², {frame.title(machine)}")
    row = measure(device, chosen.rounds)
    print(render(row))
    content = {"machine": machine, "images": IMAGES, "size": SIZE, **row}
    frame.save(__file__, chosen.out, f"augment-{chosen.device}", content)


if __name__ == "__main__":
    main()
