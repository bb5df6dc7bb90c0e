"""Records of worlds whose truth is planted: who is how good, on which set, by which unit."""

import torch

SETS = {  # key: modality, classes
    "mri": ("MRI", ["glioma", "meningioma"]),
    "ct": ("CT", ["no bleed", "bleed"]),
    "us": ("ultrasound", ["normal", "lesion"]),
    "phantom": ("MRI + CT + ultrasound", ["healthy", "ill"]),
}
BETTER = {"CNN": 0.55, "U-Net": 0.65, "Transformer": 0.75, "hybrid": 0.85}  # shares of right answers
EQUAL = dict.fromkeys(BETTER, 0.75)
WORSE = {"CNN": 0.85, "U-Net": 0.75, "Transformer": 0.65, "hybrid": 0.55}
RISE = (-0.4, -0.3, -0.2, -0.1, 0.0)  # of the five report epochs, below the last one
MILLISECONDS = {"hybrid": 1.0, "CNN": 2.0, "U-Net": 3.0, "Transformer": 4.0, "linear": None}


def planted(
    model, seed, right, key="mri", n=200, unit="patient", units=None, tier="real", epochs=50, preset="paper",
    protocol="paper", leak=False, masks=True, rise=RISE, dice=None, ill=None, fold=0, flips=1, study=None, arm=None,
    milliseconds=None, ratios=(1, 1, 1, 1, 1), gpu=None, file=None, size=64,
):  # fmt: skip
    """A record in which a model is right on a share of images, the same ones for all models.

    right: of the last report epoch; ill: another share for the second class. flips: answers that
    are changed at random, each seed and model its own. ratios: time of each report epoch.
    """
    modality, classes = SETS.get(key, ("MRI", ["one", "two"]))
    label = torch.arange(n) % 2
    ease = torch.zeros(n)  # from 0 to 1 in each class: who is right on a share p is so where it is below p
    for one in (0, 1):
        count = int((label == one).sum())
        shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(fold * 2 + one))
        ease[label == one] = (shuffled + 0.5) / count
    draw = torch.Generator().manual_seed(1000 * seed + sum(map(ord, model + str(arm))))
    group = torch.arange(n) // 2 if units is None else torch.arange(n) % units
    steps = [epochs * share // 5 for share in range(1, 6)]
    rows = []
    for epoch, below in list(zip(steps, rise))[-1:] if model == "linear" else zip(steps, rise):
        shares = torch.where(label == 1, (right if ill is None else ill) + below, right + below)
        correct = ease < shares
        for image in torch.randint(n, (flips,), generator=draw):
            correct[image] = ~correct[image]
        middle = (right if dice is None else dice) + below
        each = (middle + 0.02 * (torch.rand(n, generator=draw) - 0.5)).clamp(0, 1)
        rows.append({
            "epoch": epoch, "pred": torch.where(correct, label, 1 - label).tolist(),
            "dice_each": [round(value, 6) for value in each.tolist()] if masks else None,
        })  # fmt: skip
    data = {
        "key": key, "title": key, "tier": tier, "modality": modality, "classes": classes, "size": size, "masks": masks,
        "unit": unit, "test_units": len(group.unique()), "dominated": False, "leaks_allowed": leak,
        "sha256": {"train": "a", "val": "b", "test": f"{key} {fold} {n}"},
        "truth": {"label": label.tolist(), "group": (group + 10_000 * fold).tolist(), "scored": [True] * n},
    }  # fmt: skip
    base = milliseconds or MILLISECONDS.get(model, 1.0)
    name = arm["name"] + str(arm.get("labels", "")) if arm else model
    return {
        "model": model, "seed": seed, "settings": {"epochs": epochs, "report_epochs": steps},
        "machine": {"device": "cpu", "gpu": gpu, "threads": 2, "system": "Linux"}, "data": data, "parameters": 120_000,
        "result": rows, "protocol": {"name": protocol, "preset": preset},
        "clock": base and {"training": [1.0], "time": [_times(base * ratio * (1 + 0.01 * seed)) for ratio in ratios]},
        "file": file or f"results/{key}{fold or ''}-{preset}{study or ''}/{name}-seed{seed}.json",
    } | ({"study": study, "arm": arm} if study else {}) | ({"seedless": True} if model == "linear" else {})  # fmt: skip


def _times(milliseconds):
    time = {"seconds": milliseconds / 1000, "low": 0.98 * milliseconds / 1000, "high": 1.02 * milliseconds / 1000}
    return {"batch 1": time, "batch 32": time}


def world(right, sets=("mri", "ct", "us"), seeds=3, **changes):
    """The four models, each right on its share, on several sets."""
    return [
        planted(model, seed, share, key=key, **changes)
        for key in sets
        for model, share in right.items()
        for seed in range(seeds)
    ]


def arms(study, right, sets=("mri", "ct", "us"), seeds=3, **changes):
    """An ablation: (name, or name and labels) -> share of right answers."""
    records = []
    for which, share in right.items():
        name, labels = which if isinstance(which, tuple) else (which, None)
        arm = {"name": name} | ({} if labels is None else {"labels": labels}) | changes.get("more", {})
        rest = {key: value for key, value in changes.items() if key != "more"}
        records += [
            planted("hybrid", seed, share, key=key, study=study, arm=arm, **rest)
            for key in sets
            for seed in range(seeds)
        ]
    return records
