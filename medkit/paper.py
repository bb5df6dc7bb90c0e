"""The paper as data: what its tables print, so that nothing is typed twice.

S. Gomathi and R. Roopa Chandrika, "Advancing Medical Image Processing with Deep Learning:
Innovations and Impact". Numbers are the paper's own; none is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

EPOCHS = (10, 20, 30, 40, 50)  # the rows of Tables 4-7
MODELS = ("CNN", "U-Net", "Transformer", "hybrid")  # their columns; "hybrid": "Proposed Method"


@dataclass(frozen=True)
class ResultTable:
    """One of Tables 4-7.

    Args:
        number: of the table in the paper.
        metric: what it shows.
        unit: "%" or "s".
        column: for each model its printed values at `EPOCHS`.
    """

    number: int
    metric: str
    unit: str
    column: dict[str, tuple[float, ...]]


ACCURACY = ResultTable(
    4,
    "accuracy",
    "%",
    {
        "CNN": (85.2, 86.4, 88.1, 89.3, 90.5),
        "U-Net": (87.6, 89.2, 90.5, 91.8, 92.4),
        "Transformer": (88.3, 90.0, 91.2, 92.5, 93.0),
        "hybrid": (91.1, 92.5, 93.3, 94.2, 95.1),
    },
)
DICE = ResultTable(
    5,
    "Dice",
    "%",
    {
        "CNN": (75.2, 76.8, 78.5, 79.9, 81.3),
        "U-Net": (78.1, 80.0, 81.3, 82.5, 83.2),
        "Transformer": (80.3, 82.0, 83.1, 84.4, 85.0),
        "hybrid": (83.5, 85.1, 86.5, 87.8, 89.2),
    },
)
TIME = ResultTable(
    6,
    "processing time",
    "s",
    {
        "CNN": (2.5, 2.3, 2.1, 1.9, 1.8),
        "U-Net": (3.2, 3.0, 2.8, 2.5, 2.3),
        "Transformer": (4.1, 3.8, 3.5, 3.2, 3.0),
        "hybrid": (1.9, 1.7, 1.5, 1.3, 1.2),
    },
)
F1 = ResultTable(
    7,
    "F1",
    "%",
    {
        "CNN": (83.5, 84.3, 85.6, 86.8, 88.0),
        "U-Net": (85.2, 86.5, 87.8, 89.1, 90.2),
        "Transformer": (86.1, 87.4, 88.7, 89.8, 90.9),
        "hybrid": (88.2, 89.3, 90.4, 91.5, 92.7),
    },
)
RESULT_TABLES = (ACCURACY, DICE, TIME, F1)
