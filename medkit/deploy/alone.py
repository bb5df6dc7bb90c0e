"""Run an exported model without PyTorch, as a clinic's program would, and say how much memory it took.

    python3 medkit/deploy/alone.py MODEL.onnx SIZE THREADS    ->  {"peak_bytes": ..., "torch": false}

Nothing but the standard library, NumPy and ONNX Runtime is imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def peak_bytes() -> int | None:
    """Return the most memory that this process has held at once; None where the system doesn't say."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux; there `ru_maxrss` still holds what the process that started this one took
        return next(1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes


def run_file(path: str, size: int, threads: int) -> dict:
    """Run a .onnx file on one grey image of zeros; return peak memory, and whether PyTorch was needed."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    channels = session.get_inputs()[0].shape[1]
    session.run(None, {"image": numpy.zeros((1, channels, size, size), dtype=numpy.float32)})
    return {"peak_bytes": peak_bytes(), "torch": "torch" in sys.modules}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run_file(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))) + "\n")
