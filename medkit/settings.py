"""Table 3, and all else that decides how a model is trained, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass

from medkit.augment import Ranges


@dataclass(frozen=True)
class Settings:
    """How to train. The first three are the paper's Table 3, the rest is ours."""

    batch_size: int = 32  # images a step (Table 3); the last step of an epoch takes what is left
    learning_rate: float = 1e-3  # of Adam (Table 3), constant over the run unless `cosine`
    epochs: int = 50  # times that every image is seen (Table 3)
    cosine: bool = False  # let the rate sink to 0 along half a cosine; the paper names no schedule
    label_weight: float = 1.0  # of the cross-entropy
    dice_weight: float = 1.0  # of the soft Dice loss
    bce_weight: float = 1.0  # of the masks' binary cross-entropy
    augment: Ranges | None = None  # move each image anew in each epoch (§3.2); None: leave them
    mixed_precision: bool = True  # bfloat16 where a CUDA GPU computes in it; weights stay float32
    channels_last: bool = True  # the layout in memory that convolutions are fastest in
    compile: bool = False  # torch.compile: slow to start, worth it for long runs on a GPU

    def __post_init__(self):
        for field in ("batch_size", "epochs"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be 1 or more, got {getattr(self, field)}; see Table 3")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}; see Table 3")

    def rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, counted from 0, in a run of so many steps.

        >>> [round(Settings(cosine=True).rate_at(step, 4), 6) for step in range(5)]
        [0.001, 0.000854, 0.0005, 0.000146, 0.0]
        """
        share = (1 + math.cos(math.pi * step / steps)) / 2 if self.cosine else 1.0
        return self.learning_rate * share
