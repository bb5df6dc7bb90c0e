"""Sound files with bytes changed, the same ones each time."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np

from hostile.plain import DEFLATED, archive, deflate, elements, medmnist_arrays, meta, nifti, npz, zipped

MUTANTS = 6000
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutant(sound: bytes, name: str, number: int) -> bytes:
    """Return a file's bytes, changed in one of seven ways; never the file itself.

    Args:
        name: of the file, which with `number` decides what is changed.
    """
    draw = np.random.default_rng([zlib.crc32(name.encode()), number])
    if name in INSIDE and number % 2:  # or sums alone would be tried
        return INSIDE[name](draw)
    return _changed(sound, draw)


def _changed(sound: bytes, draw: np.random.Generator) -> bytes:
    changed = sound
    while changed == sound:
        changed = WAYS[int(draw.integers(len(WAYS)))](bytearray(sound), draw)
    return changed


def _flipped(data: bytearray, draw: np.random.Generator) -> bytes:
    for at in draw.integers(len(data), size=int(draw.integers(1, 9))):
        data[at] ^= 1 << int(draw.integers(8))
    return bytes(data)


def _drawn(data: bytearray, draw: np.random.Generator) -> bytes:
    for at in draw.integers(len(data), size=int(draw.integers(1, 5))):
        data[at] = int(draw.integers(256))
    return bytes(data)


def _extreme(data: bytearray, draw: np.random.Generator) -> bytes:
    at, form = int(draw.integers(len(data) - 4)), "<>"[int(draw.integers(2))] + "HI"[int(draw.integers(2))]
    struct.pack_into(form, data, at, EXTREMES[int(draw.integers(len(EXTREMES)))] & (2 ** (8 * struct.calcsize(form)) - 1))
    return bytes(data)


def _cut(data: bytearray, draw: np.random.Generator) -> bytes:
    return bytes(data[: int(draw.integers(len(data)))])


def _taken_out(data: bytearray, draw: np.random.Generator) -> bytes:
    at = int(draw.integers(len(data)))
    return bytes(data[:at] + data[at + int(draw.integers(1, 40)) :])


def _put_in(data: bytearray, draw: np.random.Generator) -> bytes:
    at = int(draw.integers(len(data)))
    return bytes(data[:at]) + draw.bytes(int(draw.integers(1, 40))) + bytes(data[at:])


def _moved(data: bytearray, draw: np.random.Generator) -> bytes:
    here, there, count = (int(n) for n in (*draw.integers(len(data), size=2), draw.integers(1, 60)))
    part = data[here : here + count]
    data[there : there + len(part)] = part
    return bytes(data)


def _arrays(draw: np.random.Generator) -> bytes:
    with zipfile.ZipFile(io.BytesIO(npz(medmnist_arrays()))) as sound:
        members = {member: sound.read(member) for member in sound.namelist()}
    one = list(members)[int(draw.integers(len(members)))]
    return archive(members | {one: _changed(members[one], draw)})


INSIDE = {  # what is packed, changed before it is packed
    "a.nii.gz": lambda draw: zipped(_changed(nifti(), draw)),
    "deflated.dcm": lambda draw: meta(DEFLATED) + deflate(_changed(elements(), draw)),
    "a.npz": _arrays,
}
WAYS = (_flipped, _drawn, _extreme, _cut, _taken_out, _put_in, _moved)
