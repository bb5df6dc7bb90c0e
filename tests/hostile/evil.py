"""Files that would run a program if anyone unpickled or evaluated them; each leaves a trace that a test looks for."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path

import numpy as np

from hostile.plain import archive, dicom, medmnist_arrays, nifti, npy


class Evil:
    """What it becomes when it is unpickled: an open file, and so a trace."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


def evil_files(trace: Path) -> dict[str, bytes]:
    """Return files, name -> content, that write to `trace` if what they hold is run."""
    packed, code = pickle.dumps(Evil(trace)), f"open({str(trace)!r}, 'w')"
    objects = io.BytesIO()
    np.save(objects, np.array([Evil(trace)], dtype=object), allow_pickle=True)
    arrays = io.BytesIO()
    np.savez(arrays, **medmnist_arrays(train_images=np.array([Evil(trace)], dtype=object)))
    long = {"more": b"\1\0\0\0", "offset": 352.0 + 16 * ((len(code) + 24) // 16), "size": 348}
    extension = struct.pack("<ii", int(long["offset"]) - 352, 6) + code.encode()
    return {
        "objects.npz": arrays.getvalue(), "array.npy": objects.getvalue(), "weights.pt": archive({"archive/data.pkl": packed, "archive/version": b"3\n"}),
        "old-weights.pt": packed, "pickled.npz": archive({"train_images.npy": packed}), "header.npz": archive({"train_images.npy": npy(code)}),
        "weights.safetensors": packed, "script.nii": nifti(extra=extension.ljust(int(long["offset"]) - 352, b"\0"), **long),
        "script.dcm": dicom(modality=b"CS", photometric=code.encode()[:16].ljust(16)), "preamble.dcm": b"#!/bin/sh\ntouch " + str(trace).encode()[:100].ljust(112, b"\n") + dicom()[127:],
        "pickled.png": b"\x89PNG\r\n\x1a\n" + packed,
    }  # fmt: skip
