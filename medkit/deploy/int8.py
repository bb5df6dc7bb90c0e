"""Eight bits for a number: what int8 keeps, what it loses, and a model whose layers compute in it.

A float32 takes 32 bits; an int8 takes 8 and knows 256 values. A scale s and a zero point z lay these
evenly over the range from `low` to `high`:

    quantise     n = round(x / s) + z, cut off at -128 and 127
    dequantise   x' = s (n - z)

Within the range x' lies at most s / 2 from x; beyond it, x' stays at the end of the range. So a range
that is too wide makes all numbers coarse, and one that is too narrow cuts off the large ones. The range
of a weight is known. That of an activation depends on the images: it is looked for on training images,
which is called calibration.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from medkit._check import check_image
from medkit.deploy.export import installed

LOWEST, HIGHEST = -128, 127  # of an int8
QUANTISED = ("Conv", "ConvTranspose", "MatMul", "Gemm")  # the rest, norms and softmax above all, stays in float32


def scale_and_zero(low: float, high: float) -> tuple[float, int]:
    """Return scale and zero point that lay 256 values over a range.

    Args:
        low, high: the ends of the range, low at most high. It is widened to hold 0, which padding and ReLU
            make in large numbers: 0 must be met exactly.

    Returns:
        s > 0, and z in -128 ... 127, the int8 that means 0.

    Edge: a range of 0 alone has the scale 1.

    Raises:
        ValueError: low above high, or one of them is not finite.

    Reference: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", CVPR 2018, section 2.1.

    >>> scale_and_zero(-1.0, 1.55)
    (0.01, -28)
    """
    if not (low <= high and abs(low) < float("inf") and abs(high) < float("inf")):
        raise ValueError(f"low and high must be finite, low at most high, got {low} and {high}; give a range")
    low, high = min(low, 0.0), max(high, 0.0)
    scale = round((high - low) / (HIGHEST - LOWEST), 12) or 1.0
    return scale, max(LOWEST, min(HIGHEST, round(LOWEST - low / scale)))


def quantise(x: Tensor, scale: float, zero: int) -> Tensor:
    """Return each number as an int8, the nearest one: n = round(x / s) + z.

    Edge: beyond the range, the nearest end of it. Halfway between two, the even one, as ONNX says.

    >>> quantise(torch.tensor([-1.0, 0.0, 0.004, 9.0]), 0.01, -28)
    tensor([-128,  -28,  -28,  127], dtype=torch.int8)
    """
    return (torch.round(x / scale) + zero).clamp(LOWEST, HIGHEST).to(torch.int8)


def dequantise(n: Tensor, scale: float, zero: int) -> Tensor:
    """Return the number that an int8 stands for: x' = s (n - z).

    >>> dequantise(torch.tensor([-128, -28, 127], dtype=torch.int8), 0.5, -28)
    tensor([-50.0000,   0.0000,  77.5000])
    """
    return scale * (n.float() - zero)


def to_int8(
    onnx: bytes, image: Tensor, batch_size: int = 16, progress: Callable | None = None
) -> bytes:
    """Return an ONNX model whose convolutions and matrix products compute in int8.

    Static quantisation by ONNX Runtime: weights symmetric with a scale for each output channel,
    activations with one scale each, from the smallest and largest value on the images given.

    Args:
        onnx: the model in float32, from `to_onnx`.
        image: (N, C, H, W) *training* images as the model sees them; some dozens are enough. Test images
            would let the model look at what it is to be judged by.
        batch_size: images at once while calibrating.
        progress: wraps the batches, such as tqdm; None: nothing is shown.

    Returns:
        the bytes of the new model. It takes and gives float32; int8 is what happens inside.

    Raises:
        ValueError: image is not (N, C, H, W).
        MedkitInputError: onnxruntime is not installed.

    Reference: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """
    check_image(image)
    if image.ndim != 4:
        raise ValueError(f"image must be (N, C, H, W), got {tuple(image.shape)}; give a batch of training images")
    installed("onnx", "onnxruntime")
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    batches = image.split(batch_size)
    with tempfile.TemporaryDirectory() as folder:
        plain, ready, small = (Path(folder) / f"{name}.onnx" for name in ("plain", "ready", "small"))
        plain.write_bytes(onnx)
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(ready),
            str(small),
            _reader(iter(batches if progress is None else progress(batches))),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=list(QUANTISED),
        )
        return small.read_bytes()


def _reader(batches: Iterator[Tensor]):
    """Return what ONNX Runtime asks for one batch after the other."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def get_next(self) -> dict | None:
            batch = next(batches, None)
            return None if batch is None else {"image": batch.cpu().float().numpy()}

    return Reader()
