"""Where pixels lie in the patient: one convention for DICOM and NIfTI, so that a mask of one fits an image of the other."""

from __future__ import annotations

import math

import numpy as np

from medkit.data.read.fields import of_frames

STRAIGHT = 0.1  # millimetres by which a slice may lie beside the line through the first and the last


def place_of(matrix: np.ndarray, slices: int) -> tuple[float, ...] | None:
    """Return a place, as `Scan.place` has it, of the (4, 4) matrix from (slice, row, column, 1) to millimetres; None if not finite.

    A single slice has no direction of slices: that column is 0.
    """
    found = np.array(matrix, dtype=np.float64)
    if slices == 1:
        found[:3, 0] = 0
    return tuple(found.ravel().tolist()) if np.isfinite(found).all() else None


def farthest(one: tuple[float, ...], other: tuple[float, ...], shape: tuple[int, ...]) -> float:
    """Return how far, in voxels, corners of a volume lie apart at two places; of several sides, the shortest counts.

    Args:
        one, other: as `Scan.place`. shape: (S, H, W).
    """
    ends = np.stack(np.meshgrid(*((0, n - 1) for n in shape), [1], indexing="ij"), -1).reshape(-1, 4)
    here, there = (np.array(place).reshape(4, 4) for place in (one, other))
    sides = np.linalg.norm(here[:3, :3], axis=0)
    apart = np.linalg.norm((ends @ (here - there).T)[:, :3], axis=1).max()
    return float(apart / sides[sides > 0].min()) if (sides > 0).any() else math.inf


def of_dicom(data, frames: int) -> tuple[tuple[float, float, float] | None, tuple[float, ...] | None]:
    """Return spacing and place of a DICOM file, each None where it does not say.

    Spacing: millimetres between slices, rows and columns. Several frames: by their positions, where they lie in
    one line; else as the header says it. A single slice has its thickness.

    Source: DICOM PS3.3, C.7.6.2.1.1: the position is that of the middle of the first pixel, x to the patient's
    left, y to the back; here x is to the right and y to the front, as NIfTI has it.
    """
    inner = _same(_numbers(item or data, "PixelSpacing", 2) for item in of_frames(data, "PixelMeasuresSequence"))
    if inner is None or min(inner) <= 0:
        return None, None
    corners = [_numbers(item or data, "ImagePositionPatient", 3) for item in of_frames(data, "PlanePositionSequence")]
    step = _step(corners, frames)
    measures = of_frames(data, "PixelMeasuresSequence")[0] or data
    said = (_numbers(measures, name, 1) for name in ("SpacingBetweenSlices", "SliceThickness"))
    between = next((abs(one[0]) for one in said if one and one[0]), 0.0) if step is None else float(np.linalg.norm(step))
    spacing = (between, inner[0], inner[1])
    axes = _same(_numbers(item or data, "ImageOrientationPatient", 6) for item in of_frames(data, "PlaneOrientationSequence"))
    if axes is None or corners[0] is None or (step is None and frames > 1):
        return spacing, None
    matrix = np.eye(4)
    matrix[:3, 0] = 0 if step is None else step
    matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = np.multiply(axes[3:], inner[0]), np.multiply(axes[:3], inner[1]), corners[0]
    return spacing, place_of(np.diag([-1.0, -1, 1, 1]) @ matrix, frames)


def _step(corners: list, frames: int) -> np.ndarray | None:
    """Return the way from one slice to the next; None for a single one, and where they do not lie at equal steps in one line."""
    if frames < 2 or len(corners) != frames or None in corners:
        return None
    at = np.array(corners)
    step = (at[-1] - at[0]) / (frames - 1)
    return step if step.any() and np.abs(at - at[0] - np.arange(frames)[:, None] * step).max() < STRAIGHT else None


def _numbers(data, name: str, count: int) -> tuple[float, ...] | None:
    """Return a field of `count` finite numbers; None where it is absent or something else."""
    try:
        found = tuple(float(one) for one in np.atleast_1d(np.asarray(data.get(name), dtype=float)))
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def _same(found) -> tuple[float, ...] | None:
    """Return what all frames say alike, None where they differ or do not say."""
    each = set(found)
    return each.pop() if len(each) == 1 else None
