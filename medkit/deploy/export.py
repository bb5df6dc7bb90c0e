"""A model as a file that other programs run: torch.export, then ONNX, then ONNX Runtime.

An eager model is Python: each layer is called by name, and every call costs. `torch.export` runs the
model once on an example and writes down what was computed, as a graph without Python. ONNX is such a
graph in a format that many programs read; ONNX Runtime is one of them, and needs no PyTorch.

What the example was must not stay in the graph: batch, height and width are left open here, height and
width as multiples of 8, as the contract of `medkit.models` has it.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from medkit._check import MedkitInputError, check_image
from medkit.blocks import STRIDE, Prediction
from medkit.cost import evaluating

SMALLEST, LARGEST = 32, 1024  # pixels along a side that an exported model takes
BATCH = 1024  # images at once, at most
EXAMPLE = (2, 64, 48)  # B, H, W that a model is run on once; all three differ, so that none is taken for another


def exported(model: nn.Module, channels: int = 1) -> ExportedProgram:
    """Write down what a model computes, for any batch and any size that it takes.

    Args:
        model: under the contract of `medkit.models`, on the CPU. It is traced as it is used, in
            evaluation mode, and its mode is restored.
        channels: C of its images, 1 or 3.

    Returns:
        the program; `program.module()` calls it: (B, C, H, W) -> `Prediction`, B in 1 ... 1024, H and W
        multiples of 8 in 32 ... 1024.

    Raises:
        ValueError: the model is not on the CPU.

    Reference: https://docs.pytorch.org/docs/stable/export.html

    >>> from medkit.models import CNN
    >>> exported(CNN(classes=3)).module()(torch.zeros(3, 1, 32, 40)).mask.shape
    torch.Size([3, 1, 32, 40])
    """
    weight = next(model.parameters())
    if weight.device.type != "cpu":
        raise ValueError(f"model must be on the CPU, got {weight.device}; export model.cpu(), it runs anywhere then")
    batch, height, width = EXAMPLE
    image = torch.zeros(batch, channels, height, width, dtype=weight.dtype)
    low, high = SMALLEST // STRIDE, LARGEST // STRIDE
    rows, columns = STRIDE * Dim("rows", min=low, max=high), STRIDE * Dim("columns", min=low, max=high)
    with evaluating(model), _quiet():
        return torch.export.export(
            model, (image,), dynamic_shapes=({0: Dim("batch", min=1, max=BATCH), 2: rows, 3: columns},)
        )


def to_onnx(model: nn.Module, channels: int = 1) -> bytes:
    """Return a model as an ONNX file's bytes: weights and graph in one, no Python in it.

    Args:
        model, channels: as for `exported`.

    Returns:
        what `open(..., "wb").write` makes a .onnx file of. Input "image" (B, C, H, W), outputs "label"
        (B, K) and "mask" (B, 1, H, W), logits both.

    Raises:
        ValueError: as for `exported`.
        MedkitInputError: onnx or onnxscript is not installed.

    Reference: https://onnx.ai
    """
    return onnx_of(exported(model, channels))


def onnx_of(program: ExportedProgram) -> bytes:
    """Return a program of `exported` as an ONNX file's bytes; all else as for `to_onnx`."""
    installed("onnx", "onnxscript")
    with _quiet(), torch.no_grad():
        made = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            input_names=["image"],
            output_names=list(Prediction._fields),
        )
    return _without_traces(made.model_proto).SerializeToString()


def _without_traces(file):
    """Take out what the exporter notes at each node for debugging: paths of this computer, which name its user."""
    for part in (file, file.graph, *file.functions):
        del part.metadata_props[:]
    for graph in (file.graph, *file.functions):
        for part in (*graph.node, *graph.value_info, *(getattr(graph, "initializer", ()))):
            del part.metadata_props[:]
            part.doc_string = ""
    return file


class OnnxModel(nn.Module):
    """An ONNX file in the place of a model: (B, C, H, W) -> `Prediction`, computed by ONNX Runtime on the CPU.

    Args:
        file: the bytes of a .onnx file, or its path.
        threads: of the CPU that it may use.

    It has no parameters that PyTorch knows of, and nothing can be learned through it.

    Raises:
        ValueError: threads below 1; in a call, an image that the file does not take.
        MedkitInputError: onnxruntime is not installed, or the file is none that it can run.
    """

    def __init__(self, file: bytes | str | Path, threads: int = 1):
        super().__init__()
        if threads < 1:
            raise ValueError(f"threads must be 1 or more, got {threads}; a model needs one to run at all")
        runtime = installed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors alone
        name = "the ONNX model" if isinstance(file, bytes) else str(file)
        try:
            content = file if isinstance(file, bytes) else Path(file).read_bytes()
            self.session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a class of its own for each fault
            what = f"can't be run by ONNX Runtime ({str(error).splitlines()[0]})"
            raise MedkitInputError(name, what, "give a file that medkit.deploy.to_onnx made") from error
        self.threads = threads

    def forward(self, image: Tensor) -> Prediction:
        check_image(image)
        if image.ndim != 4 or any(size < SMALLEST or size % STRIDE for size in image.shape[-2:]):
            raise ValueError(
                f"image must be (B, C, H, W), H and W of {SMALLEST} or more and divisible by {STRIDE}, got "
                f"{tuple(image.shape)}; resize or pad it"
            )
        found = self.session.run(None, {"image": image.detach().cpu().float().numpy()})
        return Prediction(*(torch.from_numpy(part) for part in found))


def installed(*names: str):
    """Import packages that only deployment needs; return the last one.

    Raises:
        MedkitInputError: one is not installed.
    """
    import importlib

    for name in names:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            fix = "install it with `pip install onnx onnxscript onnxruntime`; all else of medkit runs without"
            raise MedkitInputError(name, "is not installed", fix) from error
    return module


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what the exporters say of their own progress and of their own future."""
    import warnings

    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
