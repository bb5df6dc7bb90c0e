"""A folder of the reader's own images, one folder a class.

    my_images/
      benign/     a.png   a_mask.png   b.png   b_mask.png   b_mask_1.png
      malignant/  c.png   c_mask.png
      normal/     d.png

Read with Pillow, which matplotlib and scikit-image bring along.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from medkit._check import MedkitInputError
from medkit.data.container import ImageSet
from medkit.data.resize import resize_image, resize_mask

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
MASK_NAME = re.compile(r"(?P<image>.+)_mask(_\d+)?", re.IGNORECASE)
LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)  # ITU-R BT.601, red green blue


def _pixels(path: Path) -> np.ndarray:
    """Return the file's own numbers: (H, W) or (H, W, 3) float32, turned as its EXIF tag says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if getattr(picture, "n_frames", 1) > 1:
                    many = f"holds {picture.n_frames} pictures"
                    raise MedkitInputError(path, many, "save each on its own")
                picture.load()
                picture = ImageOps.exif_transpose(picture)
                if picture.mode in ("LA", "La"):
                    picture = picture.convert("L")
                elif picture.mode not in ("1", "L", "F", "RGB") and picture.mode[0] != "I":
                    picture = picture.convert("RGB")  # palettes, CMYK, YCbCr; no transparency
                white = 255 if picture.mode == "1" else 1
                pixels = np.array(picture, dtype=np.float32) * white
    except MedkitInputError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise MedkitInputError(path, "has too many pixels to be opened safely", "make it smaller") from None
    except Exception as error:  # decoders raise almost anything on damaged files
        what = f"can't be read as an image ({type(error).__name__})"
        raise MedkitInputError(path, what, "open it in a viewer and save it again") from None
    if not np.isfinite(pixels).all():
        raise MedkitInputError(path, "holds NaN or infinite values", "replace them and save it again")
    return pixels


def read_grey(path: str | Path) -> np.ndarray:
    """Return an image file as grey values, (H, W) float32 in the file's own range.

    8 bits give 0 ... 255 and 16 bits 0 ... 65535, nothing is clipped (Pillow's `convert("L")` clips
    16 bits to white); floats stay as they are. Colour: 0.299 R + 0.587 G + 0.114 B, not rounded.
    Transparency is dropped. Of colour images with 16 bits a channel Pillow reads the upper 8.

    Raises:
        MedkitInputError: no readable image, several pictures in one file, or values not finite.
    """
    pixels = _pixels(Path(path))
    return pixels if pixels.ndim == 2 else pixels @ LUMINANCE


def read_mask(path: str | Path) -> np.ndarray:
    """Return a mask file as (H, W) bool. Any mode; 0 is outside, 255 or 1 inside.

    Values between (a lossy file) are cut at 128.

    Raises:
        MedkitInputError: unreadable, or the highest value lies in 2 ... 127 or above 255, which is
            a map of several labels or no mask at all.
    """
    pixels = read_grey(path)
    highest = float(pixels.max())
    if highest > 255.5 or 1 < highest < 127.5 or pixels.min() < 0:
        raise MedkitInputError(
            path, f"is no mask: its highest value is {highest:g}", "save it with 0 outside and 255 inside"
        )
    return pixels >= (127.5 if highest > 1 else 0.5)


def _list_class(folder: Path) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Return the images of a class folder and, for each, its mask files; both sorted by name."""
    files = sorted(p for p in folder.iterdir() if not p.name.startswith(".") and p.suffix.lower() in SUFFIXES)
    is_mask = {p: MASK_NAME.fullmatch(p.stem) for p in files}
    images = [p for p in files if not is_mask[p]]
    by_name: dict[str, Path] = {}
    for path in images:
        if path.stem.lower() in by_name:
            raise MedkitInputError(
                path, f"and {by_name[path.stem.lower()].name} share one name", "rename one of them"
            )
        by_name[path.stem.lower()] = path
    masks: dict[Path, list[Path]] = {path: [] for path in images}
    for path, match in is_mask.items():
        if match:
            if match["image"].lower() not in by_name:
                raise MedkitInputError(
                    path,
                    f"is a mask without its image in {folder.name}",
                    f"add {match['image']}.png or remove it",
                )
            masks[by_name[match["image"].lower()]].append(path)
    return images, masks


def _class_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise MedkitInputError(root, "is no folder", "give the folder that holds one folder a class")
    for path in sorted(root.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            raise MedkitInputError(path, "lies beside the class folders", "move it into its class's folder")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))
    if len(folders) < 2:
        few = f"must hold at least 2 class folders, got {len(folders)}"
        raise MedkitInputError(root, few, "make CLASS/image.png, one folder a class")
    return folders


def _find(root: Path) -> tuple[list[str], list[tuple[int, Path, list[Path]]], list[str]]:
    """Return classes, (label, image, masks) of every image, and the classes without any mask.

    Raises:
        MedkitInputError: an image lacks its mask while others of its class have one.
    """
    classes, found, bare = [], [], []
    for label, folder in enumerate(_class_folders(root)):
        images, masks = _list_class(folder)
        if not images:
            none = f"holds no image ({', '.join(SUFFIXES)})"
            raise MedkitInputError(folder, none, "add images or remove the folder")
        with_mask = [path for path in images if masks[path]]
        if with_mask and len(with_mask) < len(images):
            path = next(path for path in images if not masks[path])
            bare_image = "has no mask while others of its class have one"
            raise MedkitInputError(path, bare_image, f"add {path.stem}_mask.png, all black if empty")
        classes.append(folder.name)
        found += [(label, path, masks[path]) for path in images]
        bare += [] if with_mask else [folder.name]
    return classes, found, bare


def _read_one(path: Path, masks: list[Path], size: int) -> tuple[torch.Tensor, torch.Tensor, bool]:
    """Return the resized image and mask, and whether the image is square."""
    grey = read_grey(path)
    mask = np.zeros(grey.shape, dtype=bool)
    for mask_path in masks:
        part = read_mask(mask_path)
        if part.shape != grey.shape:
            raise MedkitInputError(
                mask_path,
                f"has {part.shape[1]} × {part.shape[0]} pixels, its image {grey.shape[1]} × {grey.shape[0]}",
                "save both in one size",
            )
        mask |= part
    square = grey.shape[0] == grey.shape[1]
    return resize_image(torch.from_numpy(grey), size), resize_mask(torch.from_numpy(mask), size), square


def image_folder(path: str | Path, size: int = 64) -> ImageSet:
    """Load a folder of images in the layout CLASS/image.png, with optional masks.

    Suffixes: png, jpg, jpeg, tif, tiff, bmp, small or capital. Masks lie beside their image as
    image_mask.png, image_mask_1.png ...; several are one mask together (OR), as in BUSI. Files with
    other suffixes and hidden files are passed over. Either every image of a class has a mask or none:
    a class without any counts as «nothing to find», with empty masks, and a note says how many
    those are. Where no class has masks, `mask` is None.

    Every image is resized by area to size × size, height and width each on its own (as published
    work on BUSI does): nothing is cut off and no dark bars appear, but shapes of images that are
    not square are stretched, which a note counts.

    Args:
        path: the folder. size: pixels along each side.

    Returns:
        Grey values in the files' own range (`read_grey`), classes in the order of their names.
        Nobody tells which images show one patient: unit "image, patients unknown".

    Raises:
        MedkitInputError: names the file and the fix; no set is made from a part of the folder.
    """
    root = Path(path)
    classes, found, bare = _find(root)
    image, mask, square = zip(*(_read_one(file, masks, size) for _, file, masks in found))
    has_masks = len(bare) < len(classes)
    notes = ["Patients unknown: images of one patient may stand on both sides of a split."]
    stretched = len(square) - sum(square)
    if stretched:
        notes.append(f"{stretched} of {len(square)} images are not square and were stretched.")
    if has_masks and bare:
        counts = Counter(classes[label] for label, _, _ in found)
        listed = ", ".join(f"{name} ({counts[name]} images)" for name in bare)
        notes.append(f"No mask files in {listed}: taken as nothing to find.")
    return ImageSet(
        title=f"folder {root.resolve().name}", tier="real", modality="unknown",
        image=torch.stack(image)[:, None], mask=torch.stack(mask)[:, None] if has_masks else None,
        label=torch.tensor([label for label, _, _ in found]), classes=tuple(classes),
        group=torch.arange(len(found)), unit="image, patients unknown",
        name=tuple(f"{file.parent.name}/{file.name}" for _, file, _ in found),
        source="a folder of your own", notes=tuple(notes),
    )  # fmt: skip
