"""What names of files and folders say: an image or its mask, training or test, a patient, a fold.

Only names are read here, and of files without a known ending the first bytes.
"""

from __future__ import annotations

import re
from pathlib import Path

from medkit._check import MedkitInputError
from medkit.data.leaks import patient_in
from medkit.data.read import kind_of

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ".nii", ".nii.gz")
KEPT = ("dataset.json", "license.txt", "readme.md", "dicomdir")  # files that belong to a folder and are no images
NO_DICOM = frozenset((  # endings that say what a file is: nobody looks whether it is a DICOM file all the same
    "7z bak bin bz2 cfg conf css csv db doc docx gz h5 hdf5 htm html ini ipynb js json log m md npy npz odt pdf pkl ppt pptx "
    "ps1 pt pth py r rar rst rtf sh tar tex toml tsv txt xls xlsx xml yaml yml zip"
).split())  # fmt: skip
UNREAD = frozenset((  # endings of images that medkit does not read
    "avif dng eps gif hdr heic heif ico img j2k jfif jp2 jpe jpx jxl mgh mgz mha mhd ndpi npy nrrd nhdr pbm pcx pgm ppm psd svg svs tga webp"
).split())  # fmt: skip
NAMED_SO = re.compile(r"[a-z0-9]{1,5}", re.IGNORECASE)  # an ending; what is longer, or holds spaces, may be a part of a name

MASK_NAME = re.compile(r"(?P<image>.+)_mask(_?\d+)?", re.IGNORECASE)
LIKE_A_MASK = re.compile(  # one only beside its image
    r"(?P<image>.+?)(?:[-_ ]masks?|[-_](?:seg|segmentation|label|labels|gt|ground[-_ ]?truth|roi|msk|lesion|tumou?r|annotations?|manual))([-_ ]?\d+)?",
    re.IGNORECASE,
)
SEGMENTED = re.compile(r".+_seg(mentation)?(_\d+)?", re.IGNORECASE)
MASK_ALONE = re.compile(r"(masks?|seg|segmentation|labels?|gt|ground[-_ ]?truth|annotation)[-_ ]?\d*", re.IGNORECASE)  # a whole name

IMAGES = {"images", "image", "imgs", "img", "imagestr", "imagests"}
MASKS = {"masks", "mask", "labels", "label", "labelstr", "labelsts", "segmentations", "segmentation", "annotations", "gt", "ground_truth"}
FOR_MASKS = MASKS - {"mask", "label", "gt"} | {"segs", "msks", "groundtruth"}  # what no class is called
IMAGE_WORDS = {"images", "image", "imgs", "img", "input", "inputs", "original", "originals", "imagestr", "imagests"}
MASK_WORDS = {"masks", "mask", "msk", "msks", "labels", "label", "labelstr", "labelsts", "segmentations", "segmentation", "annotations", "annotation", "gt", "groundtruth", "seg", "segs"}  # fmt: skip

SIDES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "testing": "test"}
_BESIDE_A_SIDE = {"set", "sets", "data", "dataset", "folder", "split", "images", "image", "imgs", "img", "pictures", "samples", "cases"}
_FOLD = re.compile(r"(?:.*[^a-z])?(?:fold|cv|part|batch)[-_ ]?\d+", re.IGNORECASE)
_VIEW = re.compile(r"axial|coronal|sagittal|lateral|frontal|left|right|[lr]?(cc|mlo)|ap|pa|\d+x|(series|view)[-_ ]?\d*", re.IGNORECASE)
_KIND = re.compile(r"[a-z]{3,}")  # one small word
_SERIES = re.compile(r"(?:series|ser|se|study|st|s|scan|visit|ses|session|view|left|right|l|r|cc|mlo|ap|pa|t|anat|pre|post|\d+x)[-_ ]?\d*", re.IGNORECASE)
_UID = re.compile(r"\d+(\.\d+)+")
_MANY_DIGITS = re.compile(r"\d{3}")


def is_image_name(path: Path) -> bool:
    """Tell whether a file's name ends as an image's does and it is not hidden."""
    return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")


def is_image(path: Path) -> bool:
    """Tell whether a file is an image by its name or, where its ending says nothing, a DICOM file by its first bytes.

    Scanners write IM0001, or a name of numbers and dots that looks like one with an ending.
    """
    if is_image_name(path):
        return True
    ending = path.suffix.lower().strip(".0123456789")
    if path.name.startswith(".") or path.name.lower() in KEPT or {ending, ending_of(path)} & (NO_DICOM | UNREAD):
        return False
    try:
        if kind_of(path) != "DICOM":
            return False
        with path.open("rb") as file:  # two bytes at the start are little to go by where an ending says something
            return ending in ("", "ima") or file.read(132)[128:] == b"DICM"
    except (MedkitInputError, OSError):
        return False


def ending_of(path: Path) -> str:
    """Return what a file's name ends in, as "gif"; "" where that is none, or may be a part of a name.

    >>> ending_of(Path("a.GIF")), ending_of(Path("to Dr. Meier")), ending_of(Path("README"))
    ('gif', '', '')
    """
    ending = path.suffix.lower().removeprefix(".")
    return ending if NAMED_SO.fullmatch(ending) else ""


def stem_of(path: Path) -> str:
    """Return a file's name without what an image's ends in.

    >>> stem_of(Path("scans/b17.nii.gz")), stem_of(Path("scan 1.2.png")), stem_of(Path("1.2.840"))
    ('b17', 'scan 1.2', '1.2.840')
    """
    ending = max((ending for ending in SUFFIXES if path.name.lower().endswith(ending)), key=len, default="")
    return path.name[: len(path.name) - len(ending)]


def _words(name: str) -> list[str]:
    said = re.sub(r"(?<![a-z])ground[-_ ]?truth", "groundtruth", name.lower())
    said = re.sub(r"(?<![a-z])(train|training|val|valid|validation|test|testing)(set|data|images|imgs)(?![a-z])", r"\1 \2", said)
    return re.findall(r"[^\W\d_]+", said)


def side_of(name: str) -> str:
    """Return "train", "val" or "test" where a folder is called so and nothing else; "" for all others.

    >>> side_of("Training_set"), side_of("test-images"), side_of("valid"), side_of("contrast test"), side_of("train_masks")
    ('train', 'test', 'val', '', '')
    """
    words = _words(name)
    return side_in(name) if all(word in SIDES or word in _BESIDE_A_SIDE for word in words) else ""


def side_in(name: str) -> str:
    """Return the one side that a folder's name holds a word for; "" where it holds none or several.

    >>> side_in("ISIC2018_Task1_Training_GroundTruth"), side_in("labelsTs"), side_in("imagesTr"), side_in("train_test")
    ('train', 'test', '', '')
    """
    words = _words(name)
    found = {SIDES[word] for word in words if word in SIDES} | {"test" for word in words if word in ("imagests", "labelsts")}
    return found.pop() if len(found) == 1 else ""


def role_of(name: str) -> str:
    """Return "masks" or "images" where a word in a folder's name says that it holds those; else "".

    >>> role_of("train_images"), role_of("Ground Truth"), role_of("benign")
    ('images', 'masks', '')
    """
    words = set(_words(name))
    return "masks" if words & MASK_WORDS else "images" if words & IMAGE_WORDS else ""


def bare(stem: str) -> str:
    """Return a file's stem without words for image and mask at its ends.

    >>> bare("img_07"), bare("mask_07"), bare("07-mask"), bare("image")
    ('07', '07', '07', 'image')
    """
    word = r"(?:images?|imgs?|im|masks?|msk|segmentation|seg|labels?|gt|groundtruth)"
    return re.sub(rf"^{word}(?=[-_ ]?\d)[-_ ]?|(?<=\d)[-_ ]{word}$", "", stem, flags=re.IGNORECASE)


def of_a_patient(name: str) -> bool:
    """Tell whether a folder is called as a patient's: by a word for one with a number, or by three digits or more on end."""
    return bool(_MANY_DIGITS.search(name) or patient_in(name))


def are_patients(names: set[str]) -> bool:
    """Tell whether folders deeper below a class are patients' and not a patient's series, by their names.

    >>> are_patients({"P0", "P1"}), are_patients({"series 1", "series 2"}), are_patients({"axial", "P1"})
    (True, False, False)
    """
    if any(_SERIES.fullmatch(name) or _UID.fullmatch(name) for name in names):
        return False
    shapes = {re.sub(r"\d+", "#", name) for name in names}
    return all(map(of_a_patient, names)) or (len(shapes) == 1 and bool(re.search("[^#]#", shapes.pop())))


def are_views(names: set[str]) -> bool:
    """Tell whether folders below a class are views or magnifications of the same patients, by their names.

    >>> are_views({"axial", "coronal"}), are_views({"40X", "100X"}), are_views({"ductal", "lobular"})
    (True, True, False)
    """
    return all(map(_VIEW.fullmatch, names))


def are_kinds(names: set[str]) -> bool:
    """Tell whether folders below a class are kinds, places or parts of a set rather than patients', by their names.

    >>> are_kinds({"ductal", "lobular"}), are_kinds({"batch 1", "batch 2"}), are_kinds({"Meier", "Weber"})
    (True, True, False)
    """
    return all(_KIND.fullmatch(name) or _VIEW.fullmatch(name) or is_fold(name) for name in names)


def may_be_classes(names: set[str]) -> bool:
    """Tell whether folders that are called as patients' may be classes with numbers: the words in their names all differ.

    >>> may_be_classes({"001.benign", "002.malignant"}), may_be_classes({"case_001", "case_002"}), may_be_classes({"001", "002"})
    (True, False, False)
    """
    return len({re.sub(r"[\W\d_]+", "", name) for name in names}) == len(names) > 1 and not any(map(patient_in, names))


def is_fold(name: str) -> bool:
    """Tell whether a folder is called as one of several parts of a set: fold 0, cv_3, part-2."""
    return bool(_FOLD.fullmatch(name))
