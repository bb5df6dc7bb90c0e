"""The .npz files of MedMNIST and its kind: a zip of arrays, each with a header that is read before the numbers."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from medkit._check import MedkitInputError
from medkit.data.read.scan import BUDGET, check_budget, door

FIX = "get the file again and compare its sum"
MOST = 100  # arrays in a file


def read_npz(path: Path, budget: int = BUDGET) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name; objects, which would have to be unpickled, are refused.

    Raises:
        MedkitInputError: no such archive, damaged, more than `budget` bytes in all, objects inside, or an
            array whose header and size do not agree.
    """
    with door(path, "an .npz file", FIX), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if not 0 < len(members) <= MOST or len({member.filename for member in members}) < len(members):
            raise MedkitInputError(path, f"holds {len(members)} arrays, or two of one name", FIX)
        check_budget(path, sum(member.file_size for member in members), 1, budget)
        return {member.filename.removesuffix(".npy"): _array(path, archive, member) for member in members}


def _array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Return one array. No more is unpacked than the archive's directory says, whatever the data would give."""
    with archive.open(member) as file:
        content = file.read(member.file_size + 1)
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if reader is None:
        raise MedkitInputError(path, f"holds an array in format {version[0]}.{version[1]}", FIX)
    shape, turned, kind = reader(stream)
    if kind.hasobject:
        raise MedkitInputError(path, "holds Python objects, which could run code", "save arrays of numbers or text alone")
    left = len(content) - stream.tell()
    if math.prod(shape) * kind.itemsize != left:
        raise MedkitInputError(path, f"holds an array of shape {shape} in {left} bytes", FIX)
    found = np.frombuffer(content, dtype=kind, offset=stream.tell(), count=math.prod(shape))
    return found.reshape(shape, order="F" if turned else "C").copy()
