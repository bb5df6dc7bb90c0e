"""Single real images that come inside installed packages: no download, no network.

pydicom and scikit-image bring them for their own tests and examples. One image proves nothing about
a method; it shows what a real one looks like. Nothing but pixels is read from the DICOM files: no
name, no date, no number of a patient reaches a set, a message or a log.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from medkit._check import MedkitInputError
from medkit.data.container import ImageSet

PYDICOM = "pydicom's example files, MIT licence; its authors know of no restriction on the images"


@contextmanager
def _silent():
    """Keep pydicom's warnings and log lines, which may quote a patient's values, to themselves."""
    logger = logging.getLogger("pydicom")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _dicom(example: str) -> np.ndarray:
    """Return an example's pixels, slope and intercept applied where the file states them, float32."""
    with _silent():
        from pydicom import examples  # imported here: a second, and only samples need it

        dataset = getattr(examples, example)
        pixels = np.asarray(dataset.pixel_array, dtype=np.float32)
        slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
    return pixels * float(slope) + float(intercept)


def _packaged(name: str) -> np.ndarray:
    """Return an image file of scikit-image's wheel; it is never fetched from the network."""
    from PIL import Image

    spec = find_spec("skimage")
    path = Path(spec.origin).parent / "data" / name if spec and spec.origin else Path(name)
    if not path.is_file():
        raise MedkitInputError(path, "is not in the installed scikit-image", "install scikit-image again")
    with Image.open(path) as picture:
        return np.array(picture, dtype=np.float32)


def _one(pixels: np.ndarray, title: str, modality: str, source: str, notes: tuple[str, ...]) -> ImageSet:
    """Return a set of one image, (H, W) or (H, W, 3), without label or mask."""
    image = torch.from_numpy(pixels)
    image = image[None] if image.ndim == 2 else image.permute(2, 0, 1).contiguous()
    return ImageSet(
        title=title, tier="library sample", modality=modality, image=image[None],
        label=torch.zeros(1, dtype=torch.int64), classes=("unlabelled",), mask=None,
        group=torch.zeros(1, dtype=torch.int64), unit="patient", name=(title,), source=source, notes=notes,
    )  # fmt: skip


def ct() -> ImageSet:
    """Return a CT slice of a spine, (1, 1, 128, 128) in Hounsfield units.

    >>> image = ct().image
    >>> tuple(image.shape), image.min().item(), image.max().item()
    ((1, 1, 128, 128), -896.0, 1167.0)
    """
    return _one(_dicom("ct"), "CT of a spine", "CT", f"CT_small.dcm of {PYDICOM}", ("Hounsfield units.",))


def mr() -> ImageSet:
    """Return a small MR image, (1, 1, 64, 64), in no unit."""
    return _one(_dicom("mr"), "MR detail", "MRI", f"MR_small.dcm of {PYDICOM}", ("MR has no unit.",))


def mr_abdomen() -> ImageSet:
    """Return an MR slice across an abdomen with liver and both kidneys, (1, 1, 300, 484), in no unit."""
    source = f"examples_overlay.dcm of {PYDICOM}"
    return _one(_dicom("overlay"), "MR of an abdomen", "MRI", source, ("MR has no unit.",))


def ultrasound() -> ImageSet:
    """Return an ultrasound image of a heart, (1, 1, 180, 192), grey levels 0 ... 255.

    The first of 30 frames, cut to the part without the machine's writing; red, green and blue are
    averaged (they are nearly equal).
    """
    frame = _dicom("ybr_color")[0, 24:204, 44:236].mean(-1)
    return _one(
        frame, "ultrasound of a heart", "ultrasound", f"examples_ybr_color.dcm of {PYDICOM}",
        ("Lossy JPEG; cut to the picture without writing.",),
    )  # fmt: skip


def retina() -> ImageSet:
    """Return a photograph of a retina, (1, 3, 1411, 1411), red green blue 0 ... 255."""
    return _one(
        _packaged("retina.jpg"), "retina", "fundus photograph",
        "retina.jpg of scikit-image: Häggström, WikiJournal of Medicine 1 (2), 2014, CC0", (),
    )  # fmt: skip


def microaneurysms() -> ImageSet:
    """Return a detail of a diseased retina, its green channel, (1, 1, 102, 102), 0 ... 255."""
    return _one(
        _packaged("microaneurysms.png"), "microaneurysms", "fundus photograph",
        "microaneurysms.png of scikit-image: High-Resolution Fundus Image Database, CC0", (),
    )  # fmt: skip


def tissue() -> ImageSet:
    """Return stained tissue of a colon under a microscope, (1, 3, 512, 512), red green blue 0 ... 255."""
    return _one(
        _packaged("ihc.png"), "stained colon tissue", "microscopy",
        "ihc.png of scikit-image: CMMI, no known copyright restrictions", (),
    )  # fmt: skip
