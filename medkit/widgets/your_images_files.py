"""Files for notebook 19 where the reader brings none, and what must not leave the reader's own.

The CT folder is drawn by medkit and written as DICOM, two slices a patient, with masks as PNG. The
volume and the single slices come inside nibabel and pydicom. All lie in one temporary folder, which
goes when the process ends.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from medkit import lesson
from medkit._check import MedkitInputError
from medkit.data.container import ImageSet
from medkit.data.phantom import phantom
from medkit.data.read import kind_of
from medkit.data.read.dicom import silent
from medkit.data.words import is_image

SAMPLE, SPOILT = "ct_sample", "ct_spoilt"  # the folders' names
COUNTS = {True: 60, False: 240}  # images, in fast mode and in full; two a patient
SIZES = {True: 32, False: 64}  # pixels along each side
SHORTEST = 4  # letters of a value that is looked for: "M" or "1" stands in any text
PERSONAL = (  # of DICOM's many fields, those that say who, when and where most plainly
    "PatientName", "PatientID", "PatientBirthDate", "PatientAddress", "OtherPatientIDs", "AccessionNumber",
    "StudyDate", "InstitutionName", "ReferringPhysicianName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID",
)  # fmt: skip


@functools.cache
def room() -> Path:
    """Return a temporary folder that goes when this process ends."""
    path = Path(tempfile.mkdtemp(prefix="medkit-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def folder_of(path: str | Path | None) -> Path:
    """Return the reader's folder or .npz file, or where there is none a folder of sample files.

    Raises:
        MedkitInputError: there is no such folder or file.
    """
    if path is None:
        return sample_folder()
    if not Path(path).exists():
        raise MedkitInputError(path, "is not there", "write the folder's whole path between the quotes, or PATH = None")
    return Path(path)


@functools.cache
def sample_folder() -> Path:
    """Write CT phantoms as files, once: CLASS/image_000.dcm and image_000_mask.png; return the folder."""
    fast = lesson.fast()
    root = room() / SAMPLE
    data = phantom(COUNTS[fast], SIZES[fast], "CT", difficulty=0.0, seed=19)
    for i in range(len(data)):
        folder = root / data.classes[int(data.label[i])]
        folder.mkdir(parents=True, exist_ok=True)
        write_ct(folder / f"image_{i:03d}.dcm", data.image[i, 0].numpy(), patient=int(data.group[i]), spacing=320 / SIZES[fast])
        if data.label[i]:  # the healthy have none
            Image.fromarray(data.mask[i, 0].numpy().astype(np.uint8) * 255).save(folder / f"image_{i:03d}_mask.png")
    return root


@functools.cache
def spoilt_folder() -> Path:
    """Write a copy of twelve samples in which six things are off, once; return the folder."""
    root, chosen = room() / SPOILT, []
    for source in sorted(sample_folder().iterdir()):
        (root / source.name).mkdir(parents=True)
        for file in [file for file in sorted(source.iterdir()) if file.suffix == ".dcm"][:8:2]:  # one slice of each patient
            chosen.append(root / source.name / file.name)
            for part in (file, file.with_name(f"{file.stem}_mask.png")):
                if part.is_file():
                    shutil.copy(part, chosen[-1].parent)
    healthy, smooth, spiculated = chosen[:4], chosen[4:8], chosen[8:]
    shutil.copy(healthy[0], smooth[0])  # the same pixels in two classes
    smooth[1].write_bytes(smooth[1].read_bytes()[:-500])  # cut off on the way
    spiculated[0].with_name(f"{spiculated[0].stem}_mask.png").unlink()
    spiculated[1].rename(spiculated[1].with_suffix(".txt"))  # a mask without its image
    side = SIZES[lesson.fast()]
    for image, pixels in ((smooth[2], np.zeros((9, 9))), (spiculated[2], np.indices((side, side))[0])):  # no size, no mask
        Image.fromarray(pixels.astype(np.uint8)).save(image.with_name(f"{image.stem}_mask.png"))
    return root


def write_ct(path: Path, hu: np.ndarray, patient: int, spacing: float) -> None:
    """Write a slice (H, W) in HU as a DICOM file: 16 bits, unsigned, intercept -1024, with a made-up patient.

    Args:
        spacing: millimetres between rows, and between columns.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    data, data.file_meta = Dataset(), FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.PatientName, data.PatientID, data.PatientBirthDate = f"Phantom^Number {patient:04d}", f"MADE-UP-{patient:04d}", "19000101"
    data.Modality, data.RescaleSlope, data.RescaleIntercept, data.RescaleType = "CT", 1, -1024, "HU"
    data.PixelSpacing, data.SliceThickness = [f"{spacing:.4f}"] * 2, "5"
    data.Rows, data.Columns = hu.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelData = np.clip(np.rint(hu) + 1024, 0, 65535).astype("<u2").tobytes()
    data.save_as(path, enforce_file_format=True)


@functools.cache
def sample_volume() -> Path:
    """Write the first volume of nibabel's example4d, an MRI of a head, as a file of its own, once; return its path.

    Raises:
        MedkitInputError: the installed nibabel comes without it.
    """
    import nibabel

    path = room() / "mri_volume.nii.gz"
    nibabel.save(nibabel.load(inside_nibabel()).slicer[..., 0], path)
    return path


def inside_nibabel() -> Path:
    """Return the path of nibabel's example4d.nii.gz: two volumes in one file.

    Raises:
        MedkitInputError: the installed nibabel comes without it.
    """
    path = Path(find_spec("nibabel").origin).parent / "tests" / "data" / "example4d.nii.gz"
    if not path.is_file():
        raise MedkitInputError(path, "is not in the installed nibabel", "install nibabel again")
    return path


def inside_pydicom(name: str) -> Path:
    """Return the path of one of pydicom's examples, "ct" or "mr"."""
    from pydicom import examples

    return Path(examples.get_path(name))


def image_files(path: Path) -> Iterator[Path]:
    """Yield the image files of a folder and of the folders in it, sorted, masks among them."""
    yield from (file for file in sorted(path.rglob("*")) if file.is_file() and is_image(file))


# ---- what must not leave a file


def personal_values(path: Path) -> set[str]:
    """Return what a folder's DICOM files say of patients, dates and places: to be looked for, never to be shown."""
    from pydicom import dcmread

    found: set[str] = set()
    files = (file for file in image_files(path) if kind_of(file) == "DICOM") if path.is_dir() else ()
    with silent():
        for file in files:
            data = dcmread(file, stop_before_pixels=True, specific_tags=list(PERSONAL))
            found |= {str(data[name].value).strip() for name in PERSONAL if name in data}
    return {value for value in found if len(value) >= SHORTEST}


def found_in(values: Iterable[str], *texts: object) -> int:
    """Count the values that stand in any of the texts."""
    whole = "\n".join(map(str, texts))
    return sum(value in whole for value in values)


def texts_of(data: ImageSet) -> tuple[str, ...]:
    """Return all that a set says in words: what tables, captions and records are made from."""
    return (data.title, data.modality, data.unit, data.source, *data.classes, *data.name, *data.notes, repr(data.group.tolist()))
