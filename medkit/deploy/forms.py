"""One trained model in all the forms in which it can be handed on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from medkit.deploy.export import OnnxModel, exported, onnx_of
from medkit.deploy.half import InHalf, bytes_of
from medkit.deploy.int8 import to_int8

EAGER, PROGRAM, RUNTIME, INT8 = "PyTorch", "torch.export", "ONNX Runtime", "ONNX Runtime, int8"
BFLOAT16, FLOAT16 = "PyTorch, bfloat16", "PyTorch, float16"
FORMS = (EAGER, PROGRAM, RUNTIME, INT8, BFLOAT16, FLOAT16)
EQUAL = (PROGRAM, RUNTIME)  # these compute the same in float32, and must answer the same
EXACT = "PyTorch, float64"  # no form to hand on: how far float32 itself is from what it rounds


@dataclass(frozen=True)
class Deployed:
    """A model, and its two files.

    model: in PyTorch, on the CPU, in evaluation mode.
    program: the same, as torch.export wrote it down.
    onnx, int8: bytes of the ONNX files.
    """

    model: nn.Module
    program: ExportedProgram
    onnx: bytes
    int8: bytes

    def forms(self, threads: int = 1) -> dict[str, nn.Module]:
        """Return every form as a model: image -> `Prediction`, by its name in `FORMS`.

        Args:
            threads: of ONNX Runtime; PyTorch's are set by `torch.set_num_threads`.
        """
        return {
            EAGER: self.model,
            PROGRAM: Called(self.program.module()),
            RUNTIME: OnnxModel(self.onnx, threads),
            INT8: OnnxModel(self.int8, threads),
            BFLOAT16: InHalf(self.model, torch.bfloat16),
            FLOAT16: InHalf(self.model, torch.float16),
        }

    def exact(self) -> nn.Module:
        """Return the model in float64, float32 in and out: what any form in float32 may differ from."""
        return InFloat64(self.model)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each form: a file's length, or what its weights take."""
        half = bytes_of(self.model) // 2
        return {EAGER: bytes_of(self.model), RUNTIME: len(self.onnx), INT8: len(self.int8), BFLOAT16: half, FLOAT16: half}


class Called(nn.Module):
    """A program of torch.export as a plain module: its own refuses `eval()`, being traced in that mode."""

    def __init__(self, program: nn.Module):
        super().__init__()
        self.call = program.forward

    def forward(self, image: Tensor):
        return self.call(image)


class InFloat64(nn.Module):
    """A copy of a model that computes in float64; it takes float32."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = copy.deepcopy(model).double()

    def forward(self, image: Tensor):
        return self.model(image.double())


def deployed(model: nn.Module, calibration: Tensor, progress: Callable | None = None) -> Deployed:
    """Export a trained model and quantise it.

    Args:
        model: under the contract of `medkit.models`, on the CPU; put into evaluation mode.
        calibration: (N, C, H, W) training images as the model sees them.
        progress: as for `medkit.deploy.int8.to_int8`.

    Raises:
        ValueError, MedkitInputError: as for `to_onnx` and `to_int8`.
    """
    model.eval()
    program = exported(model, calibration.shape[1])
    onnx = onnx_of(program)
    return Deployed(model, program, onnx, to_int8(onnx, calibration, progress=progress))
