"""A trained model as a file that runs without PyTorch, and what that changes: size, answers, Dice, time.

    python3 -m medkit deploy --data us --out results/deploy-us

    exported, to_onnx, OnnxModel   the graph, the file, and the file in the model's place
    quantise, to_int8              eight bits for a number, and for a model
    InHalf                         sixteen bits
    parity.parity                  does it still answer the same?
    deployed                       all forms of one model

The paper calls its model "lightweight" and "ideal for real-time applications" and measures neither size
nor memory (K8, K18). Packages onnx, onnxscript and onnxruntime are needed here and nowhere else.
"""

from __future__ import annotations

from medkit.deploy.command import main  # noqa: F401, what this package is used by
from medkit.deploy.export import OnnxModel, exported, to_onnx  # noqa: F401
from medkit.deploy.forms import FORMS, Deployed, deployed  # noqa: F401
from medkit.deploy.half import InHalf  # noqa: F401
from medkit.deploy.int8 import dequantise, quantise, scale_and_zero, to_int8  # noqa: F401
from medkit.deploy.show import render, sheet  # noqa: F401
