"""Half precision: 16 bits for a number, in one of two ways.

float16 keeps 11 binary digits and ends at 65,504; bfloat16 keeps 8 digits and reaches as far as float32.
A GPU computes both faster than float32. A CPU does so only if it has instructions for them; otherwise
it turns every number into float32 and back, and half precision takes longer, not shorter.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from medkit.blocks import Prediction

HALVES = (torch.bfloat16, torch.float16)


class InHalf(nn.Module):
    """A model that computes in half precision and takes and answers float32.

    Args:
        model: copied, left as it is.
        dtype: torch.bfloat16 or torch.float16.

    Raises:
        ValueError: another dtype.

    >>> from medkit.models import CNN
    >>> InHalf(CNN(classes=3), torch.bfloat16)(torch.zeros(1, 1, 32, 32)).label.dtype
    torch.float32
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype):
        super().__init__()
        if dtype not in HALVES:
            raise ValueError(f"dtype must be torch.bfloat16 or torch.float16, got {dtype}; choose one of the two")
        self.model, self.dtype = copy.deepcopy(model).to(dtype), dtype

    def forward(self, image: Tensor) -> Prediction:
        return Prediction(*(part.float() for part in self.model(image.to(self.dtype))))


def bytes_of(model: nn.Module) -> int:
    """Return how much memory a model's weights and statistics take.

    >>> bytes_of(nn.Linear(9, 1)), bytes_of(nn.Linear(9, 1).half())
    (40, 20)
    """
    return sum(value.numel() * value.element_size() for value in model.state_dict().values())
