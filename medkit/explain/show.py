"""Records of explained models as a table, each number with its interval over images' groups."""

from __future__ import annotations

import torch
from torch import Tensor

from medkit.intervals import Interval, bootstrap_mean

MEASURES = ("mass", "pointing", "deletion", "insertion")


def render(records: list[dict]) -> str:
    """Return the records of one set as plain text: methods down, measures across, seeds averaged per image.

    Raises:
        ValueError: no record, or records of several sets or sizes.
    """
    if len({(r["data"]["key"], r["data"]["size"]) for r in records}) != 1:
        raise ValueError("records must be of one set at one size, got none or several; show each set alone")
    data, group = records[0]["data"], torch.tensor(records[0]["group"])
    lines = [
        f"{data['key']}, {data['tier']}, {data['size']} px, {len(group)} test images with a lesion, "
        f"{records[0]['model']}, seeds {', '.join(str(r['seed']) for r in records)}, {records[0]['epochs']} epochs",
        f"95 % intervals over {data['unit']}; seeds are averaged, their spread is not in the intervals",
        f"chance (the lesion's area): {_cell(bootstrap_mean(averaged([r['chance'] for r in records]), group, seed=0))}",
        "",
        f"{'':12}" + "".join(f"{name:22}" for name in MEASURES),
    ]
    for method in records[0]["measured"]:
        cells = (bootstrap_mean(averaged([r["measured"][method][m] for r in records]), group, seed=0) for m in MEASURES)
        lines.append(f"{method:12}" + "".join(f"{_cell(cell):22}" for cell in cells))
    lines += ["", "rank correlation with the trained model's map, after weights are drawn anew down to"]
    parts = list(next(iter(records[0]["similarity"].values())))
    lines.append(f"{'':12}" + "".join(f"{part:18}" for part in parts))
    for method in records[0]["similarity"]:
        means = [torch.tensor([r["similarity"][method][part] for r in records]).mean() for part in parts]
        lines.append(f"{method:12}" + "".join(f"{mean:<18.2f}" for mean in means))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def averaged(rows: list[list[float | None]]) -> Tensor:
    """Return each image's mean over seeds; NaN where no seed has a value.

    >>> averaged([[1.0, None], [0.0, None]])
    tensor([0.5000,    nan], dtype=torch.float64)
    """
    numbers = [[float("nan") if value is None else value for value in row] for row in rows]
    return torch.tensor(numbers, dtype=torch.float64).nanmean(0)


def _cell(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
