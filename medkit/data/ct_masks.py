"""Two public CT sets with masks, both in Hounsfield units: lung tumours in patches, bleeds in whole heads.

Head CT (`medkit.data.public.head_ct`) has labels and no masks; a Dice on CT comes from these two. Both
are small, and each says in its notes what it can't answer. No window is applied here: the sets name
the usual one, and whoever prepares the images applies it (`medkit.normalise.ct_window`).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from medkit._check import MedkitInputError
from medkit.data.archive import FETCH, read_arrays, read_json, unpack_masks
from medkit.data.container import ImageSet, Split, split_by_group
from medkit.data.limit import limit_split
from medkit.data.resize import resize_image, resize_mask

LUNG, BRAIN = (-600.0, 1500.0), (40.0, 80.0)  # HU, level and width of the usual windows
OFFSET, TOP = 1000, 1100  # the lung patches are stored as HU + 1000, clipped to 0 ... 1100
RUN = 10  # lung patches that stand in a row in the file and look like one patient's


def _resized(image: np.ndarray, packed: np.ndarray, size: int) -> tuple[Tensor, Tensor]:
    """Return images (N, 1, size, size) float32 and masks bool from (N, H, W) and packed masks."""
    mask = torch.as_tensor(unpack_masks(packed))
    return resize_image(torch.as_tensor(image), size)[:, None], resize_mask(mask, size)[:, None]


def lung_ct(root: str | Path, size: int = 64, limit: int | None = None, seed: int = 0) -> Split:
    """Load the lung patches of MSD Lung: 48 × 48 pixels of CT, most of them around a tumour.

    The file stores HU + 1000, clipped to 0 ... 1100: fat peaks at 905 and muscle at 1039, which are
    -95 and 39 HU. The offset is taken off here, as a scanner's own intercept would be, so that images
    are in HU, -1000 ... 100; what was clipped stays so (a tenth of the pixels is at 100, bone among them).

    Patients are disjoint between training and test, and are not named. Ten patches in a row are
    alike in noise and size of tumour, like one patient's: validation takes whole tens, and an interval
    resamples tens. That is a guess; where it is wrong, a validation patient may be a training patient.

    Layout of ct_lung_patches48.npz: image_train, image_test (N, 48, 48) int16 · mask_train, mask_test
    (N, 48, 6) uint8, eight pixels a byte, some of them empty.

    Args:
        root: the folder with the file. size: pixels along each side.
        limit: at most so many images on each side, in whole tens. seed: which ones, and which tens
            are validation.

    Returns:
        Validation: 15 % of the training patches. Label 1 if the patch shows tumour.

    Raises:
        MedkitInputError: the file is missing, damaged or of another layout.
    """
    path = Path(root) / "ct_lung_patches48.npz"
    layout = {}
    for side, count in (("train", "N"), ("test", "M")):
        layout[f"image_{side}"] = ("int16", (count, 48, 48))
        layout[f"mask_{side}"] = ("uint8", (count, 48, 6))
    arrays = read_arrays(path, layout)
    for side in ("train", "test"):
        low, high = arrays[f"image_{side}"].min(), arrays[f"image_{side}"].max()
        if low < 0 or high > TOP:
            raise MedkitInputError(path, f"holds {low} ... {high}, not HU + {OFFSET} within 0 ... {TOP}", FETCH)
    training, test = (_lung_side(arrays, side, size) for side in ("train", "test"))
    inner = split_by_group(training, shares=(0.70, 0.15, 0.15), seed=seed)
    rest = training.subset(~torch.isin(training.group, inner.val.group))
    return limit_split(Split(rest, inner.val, test), limit, seed)


def _lung_side(arrays: dict[str, np.ndarray], side: str, size: int) -> ImageSet:
    image, mask = _resized(arrays[f"image_{side}"] - OFFSET, arrays[f"mask_{side}"], size)
    number = torch.arange(len(image))
    shown = mask.flatten(1).any(1)
    return ImageSet(
        title="lung CT patches (MSD Lung)", tier="real", modality="CT", image=image, mask=mask,
        label=shown.long(), classes=("no tumour", "tumour"),
        group=number // RUN + (1_000_000 if side == "test" else 0), unit="run of ten patches, patients unknown",
        name=tuple(f"{side} patch {i:03d}" for i in number.tolist()),
        source="Medical Segmentation Decathlon, Lung, CC BY-SA 4.0", window=LUNG,
        notes=(
            "Patients unknown, but for training and test, which share none: ten patches in a row are "
            "taken for one patient's.",
            f"{int((~shown).sum())} of {len(shown)} {side} patches show no tumour: accuracy says little.",
            "Hounsfield units, clipped to -1000 ... 100 at the source.",
        ),
    )  # fmt: skip


def bleed_ct(root: str | Path, size: int = 64, limit: int | None = None, seed: int = 0) -> Split:
    """Load the 26 head CT slices of CT-ICH whose bleed is outlined, split by patient.

    All of them show a bleed, so a label would say nothing: `scored` is False throughout, and the masks
    alone are trained and measured. The 16 patients also stand in `head_ct`: keep the two sets apart.

    Layout of ct_ich_seg512.npz: hu (N, 512, 512) int16 · mask (N, 512, 64) uint8, eight pixels a byte
    · name (N,) str, as "049_21", patient and slice. splits.json beside it: "ct_ich_seg_groups", an
    object from name to patient, both text.

    Args:
        root: the folder with both files. size: pixels along each side.
        limit: at most so many images on each side, in whole patients. seed: of the split and the limit.

    Returns:
        60 % training, 15 % validation, 25 % test, in whole patients: of 16 they are 10, 2 and 4.

    Raises:
        MedkitInputError: a file is missing, damaged or of another layout.
    """
    path = Path(root) / "ct_ich_seg512.npz"
    arrays = read_arrays(path, {
        "hu": ("int16", ("N", 512, 512)), "mask": ("uint8", ("N", 512, 64)), "name": ("str", ("N",)),
    })  # fmt: skip
    names = arrays["name"].tolist()
    patients = _patients(Path(root) / "splits.json", names)
    image, mask = _resized(arrays["hu"], arrays["mask"], size)
    if not mask.flatten(1).any(1).all():
        raise MedkitInputError(path, "holds a slice whose mask is empty", FETCH)
    n, people = len(names), len(set(patients))
    data = ImageSet(
        title="head CT, outlined bleeds (CT-ICH)", tier="real", modality="CT", image=image, mask=mask,
        label=torch.ones(n, dtype=torch.int64), classes=("no bleed", "bleed"),
        group=torch.tensor(patients), unit="patient",
        name=tuple(f"patient {p:03d} slice {name.split('_')[1]}" for p, name in zip(patients, names)),
        source="CT-ICH, PhysioNet, CC BY 4.0", scored=torch.zeros(n, dtype=torch.bool), window=BRAIN,
        notes=(
            f"Only {n} slices of {people} patients: a Dice of these says little.",
            "Every slice shows a bleed: no label is scored, and no false alarm can be seen.",
        ),
    )  # fmt: skip
    return limit_split(split_by_group(data, shares=(0.60, 0.15, 0.25), seed=seed), limit, seed)


def _patients(path: Path, names: list[str]) -> list[int]:
    """Return the patient's number of each slice."""
    table = read_json(path).get("ct_ich_seg_groups")
    if not isinstance(table, dict):
        raise MedkitInputError(path, "lacks ct_ich_seg_groups", FETCH)
    for name in names:
        if not re.fullmatch(r"\d+_\d+", name) or not re.fullmatch(r"\d+", str(table.get(name))):
            raise MedkitInputError(path, f"does not give the slice {name!r} a patient's number", FETCH)
    return [int(table[name]) for name in names]
