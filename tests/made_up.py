"""Records whose numbers are drawn, in the layout of a run's: what tables, intervals and verdicts are tested on."""

import math

import torch

from medkit.metrics import accuracy, balanced_accuracy, f1, label_counts


def made_up(model, seed, k=3, n=60, units=60, masks=True):
    """A record whose numbers are drawn, in the layout of a run's."""
    draw = torch.Generator().manual_seed(seed + 10 * len(model))
    truth, scored = torch.arange(n) % k, torch.arange(n) % 7 > 0
    rows = []
    for epoch in (2, 4, 6, 8, 10):
        right = torch.rand(n, generator=draw) < 0.4 + 0.04 * epoch
        pred = torch.where(right, truth, (truth + 1) % k)
        counts = label_counts(pred[scored], truth[scored], k)
        each = torch.rand(n, generator=draw, dtype=torch.float64)
        each[::5] = math.nan
        rows.append({
            "epoch": epoch,
            "accuracy": vars(accuracy(counts)), "balanced_accuracy": vars(balanced_accuracy(counts)),
            "auroc": {"value": 0.8, "n": n, "n_empty": 0, "convention": ""}, "f1": vars(f1(counts)),
            "dice": {"value": float(each.nanmean()), "n": n - n // 5, "n_empty": n // 5, "convention": "by image"}
            if masks else None,
            "cut": None, "pred": pred.tolist(), "pred_cut": None,
            "dice_each": [None if math.isnan(v) else v for v in each.tolist()] if masks else None,
        })  # fmt: skip
    time = {"batch 1": {"seconds": 0.001 * (seed + 1), "low": 0.0005, "high": 0.004, "repeats": 30, "inside": "forward"}}
    data = {
        "title": "made up", "modality": "MRI", "tier": "phantom", "size": 32, "train": 90, "test": n,
        "test_units": units, "unit": "patient", "masks": masks, "majority": 33.3, "dominated": False, "notes": [],
        "classes": [str(i) for i in range(k)], "sha256": {"train": "a", "val": "b", "test": "c"},
        "truth": {"label": truth.tolist(), "group": (torch.arange(n) % units).tolist(), "scored": scored.tolist()},
    }  # fmt: skip
    return {
        "model": model, "seed": seed, "settings": {"epochs": 10, "report_epochs": [2, 4, 6, 8, 10]},
        "machine": {"gpu": None}, "data": data, "parameters": 120_000, "notes": [], "result": rows,
        "clock": {"training": [1.0] * 10, "time": [time] * 5}, "left_out": ["much"], "protocol": {"preset": "quick"},
    }  # fmt: skip
