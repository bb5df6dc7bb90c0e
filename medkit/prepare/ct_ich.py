"""CT-ICH as published, in either of its forms.

| version | images | table of the slices |
|---|---|---|
| 1.0 to 1.2, 82 patients | Patients_CT/049/brain/14.jpg, shown in a window of 120 HU at 40 | hemorrhage_diagnosis.csv |
| 1.3, 75 patients | ct_scans/049.nii, in HU; slice 1 is the lowest | hemorrhage_diagnosis_raw_ct.csv |

The course's tables were made from the first: on slices that both hold, windows and a resize were tried, and
40 ± 60 HU, bilinear, comes closest to ct_ich128.npz in 24 of 26 (JPEG and a resize lie between them).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.public import FOLDS
from medkit.data.read import read
from medkit.prepare import chosen
from medkit.prepare.pictures import picture, root_with, shrink
from medkit.prepare.result import Prepared

FILE, SIZE, TITLE = "ct_ich128.npz", 128, "CT-ICH"
LOWEST, WIDTH = -20.0, 120.0  # HU: the window 40 ± 60, in which version 1.0 shows the brain
FORMS = {"Patients_CT": "hemorrhage_diagnosis.csv", "ct_scans": "hemorrhage_diagnosis_raw_ct.csv"}
KINDS = ("Intraventricular", "Intraparenchymal", "Subarachnoid", "Epidural", "Subdural")
COLUMNS = ("PatientNumber", "SliceNumber", *KINDS, "Fracture_Yes_No")

Row = tuple[int, int, list[int], int]  # patient, slice, flags of the five kinds, fracture


def prepare(folder: Path, anew: bool, progress: Callable) -> Prepared:
    """Return ct_ich128.npz and the folds of the published folder; layout as in `medkit.data.public.head_ct`.

    Rows of the table whose image is not there are left out, and counted. With `anew`, all slices are taken and
    patients dealt into five folds, those with a bleed first; else they are in the folds of the tables, and of
    version 1.0 those slices are taken that the tables were made from. Version 1.3 numbers slices otherwise.

    Raises:
        MedkitInputError: another layout, a table with other columns or values, fewer than five patients.
    """
    form, root = _form(folder)
    rows = _rows(root / FORMS[form])
    if not anew and form == "Patients_CT":
        wanted = chosen.ct_ich_slices()
        rows = [row for row in rows if row[:2] in wanted]
    made = list((_of_jpeg if form == "Patients_CT" else _of_nifti)(root / form, rows, progress))
    if not made:
        raise MedkitInputError(root / form, "holds no image of the table", "get the set again")
    patients = sorted({row[0] for row, _ in made})
    folds = _dealt(folder, [row for row, _ in made]) if anew else _as_in_the_tables(folder, patients)
    arrays = {
        "image": np.stack([image for _, image in made]), "subtype": np.array([row[2] for row, _ in made], dtype=np.uint8),
        "patient": np.array([row[0] for row, _ in made], dtype=np.uint8), "slice": np.array([row[1] for row, _ in made], dtype=np.uint8),
        "fracture": np.array([row[3] for row, _ in made], dtype=np.uint8),
    }  # fmt: skip
    splits = {"ct_ich_patient_fold": {str(patient): folds[patient] for patient in patients}}
    wanted = chosen.ct_ich_slices()
    other = form != "Patients_CT" or {row[:2] for row, _ in made} != wanted
    told = f"{len(made)} slices of {len(patients)} patients; {len(rows) - len(made)} rows of the table have no image"
    notes = (told, f"the tables were made from {len(wanted):,} slices of version 1.0: expect other numbers") if other else (told,)
    return Prepared(FILE, arrays, splits, notes)


def _form(folder: Path) -> tuple[str, Path]:
    """Return which form it is, and the folder that holds it."""
    for form, table in FORMS.items():
        try:
            return form, root_with(folder, (form, table), TITLE)
        except MedkitInputError:
            continue
    either = " or ".join(f"{form} and {table}" for form, table in FORMS.items())
    raise MedkitInputError(folder, f"holds neither {either}", f"give the folder that {TITLE} was unpacked into")


def _rows(path: Path) -> list[Row]:
    """Return the rows of the table, sorted by patient and slice."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise MedkitInputError(path, f"can't be read as a table ({type(error).__name__})", "get the set again") from None
    lacking = [name for name in COLUMNS if not table or name not in table[0]]
    if lacking:
        raise MedkitInputError(path, f"lacks the columns {', '.join(lacking)}", "get the set again")
    rows = []
    for number, line in enumerate(table, start=2):
        try:
            patient, cut, *flags = (int(line[name]) for name in COLUMNS)
        except (TypeError, ValueError):
            raise MedkitInputError(path, f"holds something else than whole numbers in line {number}", "get the set again") from None
        if not (0 < patient < 256 and 0 < cut < 256 and set(flags) <= {0, 1}):
            raise MedkitInputError(path, f"holds a number out of range in line {number}", "get the set again")
        rows.append((patient, cut, flags[:-1], flags[-1]))
    if len({row[:2] for row in rows}) < len(rows):
        raise MedkitInputError(path, "lists a slice twice", "get the set again")
    return sorted(rows, key=lambda row: row[:2])


def _of_jpeg(folder: Path, rows: list[Row], progress: Callable) -> Iterator[tuple[Row, np.ndarray]]:
    for row in progress(rows, desc=TITLE):
        path = folder / f"{row[0]:03d}" / "brain" / f"{row[1]}.jpg"
        if path.is_file():
            yield row, picture(path, SIZE)[0]


def _of_nifti(folder: Path, rows: list[Row], progress: Callable) -> Iterator[tuple[Row, np.ndarray]]:
    """Yield the slices of one volume after the other: one at a time is in memory."""
    for patient in progress(sorted({row[0] for row in rows}), desc=TITLE):
        path = next((p for p in (folder / f"{patient:03d}.nii", folder / f"{patient:03d}.nii.gz") if p.is_file()), None)
        if path is None:
            continue
        slices = read(path).pixels
        for row in rows:
            if row[0] == patient and row[1] <= len(slices):
                yield row, shrink(((slices[row[1] - 1] - LOWEST) / WIDTH * 255).clip(0, 255), SIZE)


def _as_in_the_tables(folder: Path, patients: list[int]) -> dict[int, int]:
    folds = chosen.ct_ich_folds()
    unknown = [patient for patient in patients if patient not in folds]
    if unknown or {folds[patient] for patient in patients} != set(range(FOLDS)):
        what = f"holds patients that the tables do not know ({unknown[0]})" if unknown else "lacks all patients of a fold of the tables"
        raise MedkitInputError(folder, what, "get the whole set, or add --anew")
    return folds


def _dealt(folder: Path, rows: list[Row]) -> dict[int, int]:
    """Deal the patients into folds one after the other, those with a bleed first, so that each fold has its share of both."""
    bleeds = {row[0]: False for row in rows}
    for patient, _, flags, _ in rows:
        bleeds[patient] |= any(flags)
    if len(bleeds) < FOLDS:
        raise MedkitInputError(folder, f"holds {len(bleeds)} patients, too few for {FOLDS} folds", "get the whole set")
    order = sorted(bleeds, key=lambda patient: (not bleeds[patient], patient))
    return {patient: place % FOLDS for place, patient in enumerate(order)}
