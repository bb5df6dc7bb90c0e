"""Three public sets of real images, each with its own honest split.

They are downloads of the reader's, in the folder that MEDKIT_DATA names, and no part of medkit. All
are loaded as grey values 0 ... 255, float32, resized by area; masks stay binary (`resize`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from medkit._check import MedkitInputError
from medkit.data.archive import FETCH, read_arrays, read_json, unpack_masks
from medkit.data.container import ImageSet, Split, split_by_group, split_off_validation, unit_of
from medkit.data.limit import limit_split
from medkit.data.resize import resize_image, resize_mask

TUMOURS = {"gl": "glioma", "me": "meningioma", "pi": "pituitary tumour", "no": "no tumour"}
BREAST = ("benign", "malignant", "normal")
FOLDS = 5


def _tensors(arrays: dict[str, np.ndarray], size: int) -> tuple[Tensor, Tensor | None]:
    """Return images (N, 1, size, size) float32 and masks bool, in portions to save memory."""
    image = torch.cat([resize_image(part, size) for part in torch.as_tensor(arrays["image"]).split(256)])
    if "mask" not in arrays:
        return image[:, None], None
    mask = torch.as_tensor(unpack_masks(arrays["mask"]))
    return image[:, None], torch.cat([resize_mask(part, size) for part in mask.split(256)])[:, None]


def _check_label(path: Path, label: np.ndarray, classes: int) -> None:
    if label.max() >= classes:
        raise MedkitInputError(path, f"holds the label {label.max()}, above {classes - 1}", FETCH)


def brain_mri(root: str | Path, size: int = 64, limit: int | None = None, seed: int = 0) -> Split:
    """Load the brain tumours of BRISC 2025: T1 MRI slices, the official test images, three classes.

    The task is the type of tumour. "No tumour" is left out: those images come from other scanners
    and have other sizes, so that telling them is partly a shortcut. Which patient a slice belongs
    to is not published: slices of one patient may stand on both sides, and a score may be too high.

    Layout of mri_brisc128.npz: image (N, 128, 128) uint8 · mask (N, 128, 16) uint8, eight pixels a
    byte · label (N,) uint8 · test (N,) bool, the official flag · name (N,) str, as
    "brisc2025_train_00001_gl_ax_t1.jpg". The class is the name's code (gl, me, pi, no); labels and
    codes that are not one to one are an error, whatever number stands for which.

    Args:
        root: the folder with the file. size: pixels along each side.
        limit: at most so many images on each side. seed: which ones, and which are validation.

    Returns:
        Validation: 15 % of the official training images.

    Raises:
        MedkitInputError: the file is missing, damaged or of another layout.
    """
    path = Path(root) / "mri_brisc128.npz"
    arrays = read_arrays(path, {
        "image": ("uint8", ("N", 128, 128)), "mask": ("uint8", ("N", 128, 16)), "label": ("uint8", ("N",)),
        "test": ("bool", ("N",)), "name": ("str", ("N",)),
    })  # fmt: skip
    code = np.array([name.split("_")[3] if name.count("_") >= 3 else "" for name in arrays["name"].tolist()])
    if not set(code) <= set(TUMOURS):
        raise MedkitInputError(path, f"holds a name without one of {', '.join(TUMOURS)}", FETCH)
    pairs = set(zip(code.tolist(), arrays["label"].tolist()))
    if not len(pairs) == len({c for c, _ in pairs}) == len({number for _, number in pairs}):
        raise MedkitInputError(path, "holds labels that disagree with the names", FETCH)
    keep = code != "no"
    arrays = {key: array[keep] for key, array in arrays.items()}
    image, mask = _tensors(arrays, size)
    codes = list(TUMOURS)[:3]
    data = ImageSet(
        title="brain MRI (BRISC 2025)", tier="real", modality="MRI", image=image, mask=mask,
        label=torch.tensor([codes.index(c) for c in code[keep]]), classes=tuple(TUMOURS[c] for c in codes),
        group=torch.arange(len(image)), unit="image, patients unknown", name=tuple(arrays["name"].tolist()),
        source="BRISC 2025, CC BY 4.0",
        notes=(
            "Patients unknown: slices of one patient may stand on both sides of the split.",
            f"Three types of tumour; {int((~keep).sum())} images without tumour (other scanners) left out.",
        ),
    )  # fmt: skip
    test = torch.as_tensor(arrays["test"])
    if test.all() or not test.any():
        raise MedkitInputError(path, "marks all images as test or none", FETCH)
    return limit_split(split_off_validation(data, test, seed), limit, seed)


def head_ct(
    root: str | Path, size: int = 64, fold: int = 0, limit: int | None = None, seed: int = 0
) -> Split:
    """Load the head CT slices of CT-ICH, a bleed or none, split by patient.

    Split by slice, a small network's AUROC rises from about 0.7 to 0.95: it knows the patient.
    About 12 % of the slices show a bleed, so accuracy says little: read balanced accuracy and AUROC.

    Layout of ct_ich128.npz: image (N, 128, 128) uint8, one CT window applied · subtype (N, 5) uint8,
    a flag for each kind of bleed (intraventricular, intraparenchymal, subarachnoid, epidural,
    subdural) · patient, slice (N,) uint8. splits.json beside it: "ct_ich_patient_fold", an object
    from patient number (text) to fold 0 ... 4.

    Args:
        root: the folder with both files. size: pixels along each side.
        fold: the test fold; the next one (after 4 comes 0) is validation, the other three training.
        limit: at most so many images on each side, in whole patients. seed: which ones.

    Returns:
        A set without masks: label 1 if any of the five flags is set.

    Raises:
        MedkitInputError: a file is missing, damaged or of another layout.
        ValueError: fold is not 0 ... 4.
    """
    if fold not in range(FOLDS):
        raise ValueError(f"fold must be one of 0 ... {FOLDS - 1}, got {fold}; choose another")
    path = Path(root) / "ct_ich128.npz"
    arrays = read_arrays(path, {
        "image": ("uint8", ("N", 128, 128)), "subtype": ("uint8", ("N", 5)), "patient": ("uint8", ("N",)),
        "slice": ("uint8", ("N",)),
    })  # fmt: skip
    patients = arrays["patient"].tolist()
    fold_of = _folds(Path(root) / "splits.json", patients)
    image, _ = _tensors(arrays, size)
    bleed = arrays["subtype"].any(1)
    data = ImageSet(
        title="head CT (CT-ICH)", tier="real", modality="CT", image=image, mask=None,
        label=torch.as_tensor(bleed).long(), classes=("no bleed", "bleed"),
        group=torch.tensor(patients), unit="patient",
        name=tuple(f"patient {p:03d} slice {s:02d}" for p, s in zip(patients, arrays["slice"].tolist())),
        source="CT-ICH, PhysioNet, CC BY 4.0",
        notes=(
            f"Split by patient, fold {fold} of {FOLDS} for the test.",
            f"{100 * bleed.mean():.0f} % of the slices show a bleed; the set has no masks.",
        ),
    )  # fmt: skip
    side = torch.tensor([fold_of[p] for p in patients])
    test, val = side == fold, side == (fold + 1) % FOLDS
    return limit_split(Split(data.subset(~test & ~val), data.subset(val), data.subset(test)), limit, seed)


def _folds(path: Path, patients: list[int]) -> dict[int, int]:
    """Return the fold of each patient: every patient has one, every fold a patient."""
    table = read_json(path).get("ct_ich_patient_fold")
    if not isinstance(table, dict):
        raise MedkitInputError(path, "lacks ct_ich_patient_fold", FETCH)
    found = {p: table.get(str(p)) for p in set(patients)}
    if set(found.values()) != set(range(FOLDS)):
        raise MedkitInputError(path, f"does not give every patient a fold 0 ... {FOLDS - 1}", FETCH)
    return found


def breast_ultrasound(root: str | Path, size: int = 64, limit: int | None = None, seed: int = 0) -> Split:
    """Load the breast ultrasounds of BUSI, with near-twins kept on one side.

    Layout of us_busi256.npz: image (N, 256, 256) uint8 · mask (N, 256, 32) uint8, eight pixels a byte
    · label (N,) uint8: 0 benign, 1 malignant, 2 normal · group (N,) int16, near-twins share one ·
    conflict (N,) bool, twins whose labels contradict each other · name (N,) str.

    Args:
        root: the folder with the file. size: pixels along each side.
        limit: at most so many images on each side, in whole groups. seed: of the split and the limit.

    Returns:
        70 % training, 10 % validation, 20 % test, in whole groups, class by class. Images in
        conflict have `scored` False: they stay for the masks and count in no label score.

    Raises:
        MedkitInputError: the file is missing, damaged or of another layout.
    """
    path = Path(root) / "us_busi256.npz"
    arrays = read_arrays(path, {
        "image": ("uint8", ("N", 256, 256)), "mask": ("uint8", ("N", 256, 32)), "label": ("uint8", ("N",)),
        "group": ("int16", ("N",)), "conflict": ("bool", ("N",)), "name": ("str", ("N",)),
    })  # fmt: skip
    _check_label(path, arrays["label"], len(BREAST))
    image, mask = _tensors(arrays, size)
    conflict, group = torch.as_tensor(arrays["conflict"]), torch.as_tensor(arrays["group"]).long()
    data = ImageSet(
        title="breast ultrasound (BUSI)", tier="real", modality="ultrasound", image=image, mask=mask,
        label=torch.as_tensor(arrays["label"]).long(), classes=BREAST,
        group=group, unit=unit_of(group, "duplicate group"),
        name=tuple(arrays["name"].tolist()), source="BUSI, CC BY 4.0", scored=~conflict,
        notes=(
            "Near-twins stand on one side; patients beyond that are unknown.",
            f"{int(conflict.sum())} images whose twins contradict their label count in no label score.",
        ),
    )  # fmt: skip
    return limit_split(split_by_group(data, seed=seed), limit, seed)
