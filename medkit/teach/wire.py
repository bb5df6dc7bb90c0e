"""Values on their way between two processes: JSON, and numbers as raw bytes; nothing that carries code.

A frame is two lengths, a JSON object and the bytes that it points into. What can't travel arrives as an
empty object whose type has the same name: enough to say what was handed in.
"""

from __future__ import annotations

import json
import math
import struct
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from medkit.exercises.values import as_numbers

LARGEST = 64 * 2**20  # bytes of one frame's numbers, and of its JSON
DEEPEST, LONGEST, TEXT = 8, 200_000, 10_000  # nested lists, items of them all, characters of a text
DTYPES = {
    name: np.dtype(name)
    for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
}
HEAD = struct.Struct(">II")
SIGNS = {"...": ..., "NotImplemented": NotImplemented}


class Malformed(ValueError):
    """What arrived is no frame: the other side is broken, or not what it seems."""


class Unsendable(TypeError):
    """An argument that can't travel."""


class TooLarge(ValueError):
    """A result with more numbers than any exercise asks for."""


def encode(head: dict, values: tuple = (), *, whole: bool = False) -> bytes:
    """Return one frame.

    Args:
        head: what JSON can hold.
        values: tensors, arrays, numbers, texts, and lists, tuples and dicts of them.
        whole: refuse a value that would arrive as an empty object, and shorten no text.

    Raises:
        Unsendable: such a value, where `whole`.
        TooLarge: more than `LARGEST` bytes.
    """
    packer = _Packer(whole)
    text = json.dumps({"head": head, "values": [packer.pack(value, 0) for value in values]}).encode("ascii")
    numbers = b"".join(packer.parts)
    if len(text) > LARGEST:
        raise TooLarge(f"a result must fit into {LARGEST >> 20} MB, got {len(text) >> 20} MB of text")
    return HEAD.pack(len(text), len(numbers)) + text + numbers


def read(stream: BinaryIO) -> tuple[dict, tuple] | None:
    """Return head and values of the next frame; None where the stream ends.

    Raises:
        Malformed: it is none.
    """
    start = _exactly(stream, HEAD.size)
    if not start:
        return None
    length, size = HEAD.unpack(start)
    if length > LARGEST or size > LARGEST:
        raise Malformed("a frame is longer than any may be")
    text, numbers = _exactly(stream, length), _exactly(stream, size)
    try:
        content = json.loads(text)
        head, packed = content["head"], content["values"]
        if not isinstance(head, dict) or not isinstance(packed, list):
            raise Malformed("a frame has no head or no values")
        return head, tuple(_unpack(node, numbers, 0) for node in packed)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError, RuntimeError) as error:
        raise Malformed(f"a frame can't be read: {type(error).__name__}") from None


def stand_in(name: str) -> object:
    """Return an empty object whose type has this name."""
    return type(str(name)[:80].replace("\0", "") or "object", (), {})()


def _exactly(stream: BinaryIO, length: int) -> bytes:
    """Read so many bytes; none where the stream ends before the first one."""
    parts, missing = [], length
    while missing:
        part = stream.read(min(missing, 2**20))
        if not part:
            if missing == length and length == HEAD.size:
                return b""
            raise Malformed("a frame ends too early")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


class _Packer:
    """Turns values into JSON, and collects their numbers."""

    def __init__(self, whole: bool):
        self.whole, self.parts, self.size, self.items = whole, [], 0, 0

    def pack(self, value: object, depth: int) -> object:
        self.items += 1
        if self.items > LONGEST or depth > DEEPEST:
            raise TooLarge(f"a result must have at most {LONGEST} parts, nested {DEEPEST} deep, got more")
        if value is None or value is True or value is False:
            return value
        if value is ... or value is NotImplemented:
            return {"sign": "..." if value is ... else "NotImplemented"}
        if isinstance(value, Tensor | np.ndarray | np.generic):
            return self._numbers(value)
        if type(value) is int and abs(value) < 2**63 or type(value) is float:
            return value
        if type(value) is str:
            return value if len(value) <= TEXT or self.whole else value[:TEXT] + " ..."
        if type(value) in (list, tuple):
            return {type(value).__name__: [self.pack(item, depth + 1) for item in value]}
        if type(value) is dict and all(type(key) is str for key in value):
            return {"dict": [[key, self.pack(item, depth + 1)] for key, item in value.items()]}
        return self._other(value)

    def _numbers(self, value: Tensor | np.ndarray | np.generic) -> object:
        kind, half = ("tensor" if isinstance(value, Tensor) else "array"), False
        shape = tuple(int(side) for side in value.shape)
        if math.prod(shape) * 8 > LARGEST:
            raise TooLarge(f"a result must have at most {LARGEST // 8} numbers, got shape {shape}")
        try:
            plain = value
            if isinstance(value, Tensor):
                half = value.dtype == torch.bfloat16
                dense = value.detach().cpu().to_dense().resolve_conj().resolve_neg()
                plain = (dense.float() if half else dense).contiguous().numpy()
            array = np.ascontiguousarray(plain).reshape(shape)
        except (RuntimeError, TypeError, ValueError, NotImplementedError):
            return self._other(value)
        if array.dtype.newbyteorder("=").name not in DTYPES:
            return self._other(value)
        return self._place(kind, array.astype(array.dtype.newbyteorder("<")), half)

    def _place(self, kind: str, array: np.ndarray, half: bool = False) -> dict:
        data = array.tobytes()
        self.parts.append(data)
        self.size += len(data)
        if self.size > LARGEST:
            raise TooLarge(f"a result must fit into {LARGEST >> 20} MB, got more")
        start = self.size - len(data)
        dtype = array.dtype.newbyteorder("=").name
        return {kind: [start, dtype, list(array.shape)], **({"half": True} if half else {})}

    def _other(self, value: object) -> object:
        """Send what has numbers inside as a tensor; of anything else the name of its type."""
        if self.whole:
            raise Unsendable(f"{type(value).__name__} can't travel between two processes")
        numbers = as_numbers(value)
        if numbers is not None and numbers.numel() * 8 <= LARGEST:
            return self._place("tensor", np.array(numbers.numpy()))
        return {"other": type(value).__name__[:80]}


def _unpack(node: object, numbers: bytes, depth: int) -> object:
    if depth > DEEPEST + 1:
        raise Malformed("nested too deep")
    if not isinstance(node, dict):
        return node
    kind = next(iter(node))
    content = node[kind]
    if kind == "sign":
        return SIGNS[content]
    if kind in ("list", "tuple"):
        items = [_unpack(item, numbers, depth + 1) for item in content]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {str(key): _unpack(item, numbers, depth + 1) for key, item in content}
    if kind in ("tensor", "array"):
        return _array(kind, content, numbers, node.get("half") is True)
    return stand_in(content) if kind == "other" else stand_in("object")


def _array(kind: str, content: list, numbers: bytes, half: bool) -> object:
    start, name, shape = content
    dtype, count = DTYPES[name], math.prod(shape)
    if not all(type(side) is int and side >= 0 for side in (start, *shape)):
        raise Malformed("a shape is none")
    end = start + count * dtype.itemsize
    if end > len(numbers):
        raise Malformed("numbers are missing")
    array = np.frombuffer(numbers[start:end], dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    if kind == "array":
        return array
    tensor = torch.from_numpy(array)
    return tensor.bfloat16() if half else tensor
