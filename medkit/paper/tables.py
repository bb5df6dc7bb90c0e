"""Tables 1-7 as printed, and Tables 4-7 once more as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from medkit.paper.kinds import Place, Table

EPOCHS = (10, 20, 30, 40, 50)  # the rows of Tables 4-7
MODELS = ("CNN", "U-Net", "Transformer", "hybrid")  # their columns; "hybrid": "Proposed Method"


@dataclass(frozen=True)
class ResultTable:
    """One of Tables 4-7 as numbers.

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

    def margins(self) -> dict[str, float]:
        """Return the hybrid less each other model in the last row, in the table's unit.

        >>> ACCURACY.margins()
        {'CNN': 4.6, 'U-Net': 2.7, 'Transformer': 2.1}
        """
        return {model: round(hybrid - other, 1) for model, hybrid, other in self._last()}

    def relative_margins(self) -> dict[str, float]:
        """Return the same in % of the other model's value.

        >>> DICE.relative_margins()
        {'CNN': 9.7, 'U-Net': 7.2, 'Transformer': 4.9}
        """
        return {model: round(100 * (hybrid - other) / other, 1) for model, hybrid, other in self._last()}

    def _last(self) -> list[tuple[str, float, float]]:
        *others, hybrid = MODELS
        return [(model, self.column[hybrid][-1], self.column[model][-1]) for model in others]


def _cells(text: str) -> tuple[tuple[str, ...], ...]:
    """Read rows that are written one a line, their cells parted by bars."""
    return tuple(tuple(cell.strip() for cell in line.split("|")) for line in text.strip().splitlines())


def _numbers(table: Table, metric: str, unit: str) -> ResultTable:
    _, *columns = zip(*table.rows)
    values = (tuple(float(cell) for cell in column) for column in columns)
    return ResultTable(table.number, metric, unit, dict(zip(MODELS, values)))


_HEADER = ("Epochs", "CNN", "U-Net", "Transformer", "Proposed Method")

TABLES = (
    Table(
        1,
        "Data Augmentation",
        ("Original Image ID", "Augmented Image ID", "Transformation Type"),
        _cells("""
            Img_001 | Img_001_aug_1 | Rotation (30°)
            Img_001 | Img_001_aug_2 | Horizontal Flip
            Img_002 | Img_002_aug_1 | Zoom +10%
            Img_003 | Img_003_aug_1 | Vertical Flip
        """),
        (Place("§3.2", "before and after augmentation"),),
        (
            "medkit.augment:plan",
            "medkit.augment:describe",
            "tests/test_augment.py::test_hand_table_1",
            "tests/test_paper.py::test_table_1_is_made_of_moves_that_the_kit_knows",
        ),
    ),
    Table(
        2,
        "Transfer learning is applied across different stages of the model",
        (
            "Layer Type",
            "Pre-trained Weights (ImageNet)",
            "Fine-tuning Approach",
            "Number of Parameters Fine-tuned",
        ),
        _cells("""
            Convolutional   | Yes | Frozen (no change)   | 0
            Fully Connected | Yes | Updated weights      | 5000
            Output Layer    | No  | Initialized randomly | 100
        """),
        (Place("§3.4", "across different stages of the model"),),
        (
            "medkit.transfer:table_2",
            "medkit.transfer:table_2_shapes",
            "tests/test_transfer.py::test_hand_table_2",
            "tests/test_transfer.py::test_law_table_2_says_what_training_does",
        ),
    ),
    Table(
        3,
        "Experimental Setup/H Parameters",  # so in the text at hand; H may stand for Hyper
        ("Parameter", "Value"),
        _cells("""
            Dataset           | MRI, CT, Ultrasound Images
            Model Type        | Hybrid CNN with Attention Mechanisms
            Preprocessing     | Noise Reduction, Normalization
            Data Augmentation | Rotation, Flipping, Zooming
            Transfer Learning | Pre-trained Model: ImageNet
            Batch Size        | 32
            Learning Rate     | 0.001
            Epochs            | 50
            Optimizer         | Adam
        """),
        (Place("§4", "Setup/H"),),
        (
            "medkit.settings:Settings",
            "tests/test_training.py::test_settings_are_table_3",
            "tests/test_paper.py::test_settings_are_table_3_as_printed",
        ),
    ),
    Table(
        4,
        "Accuracy (%)",
        _HEADER,
        _cells("""
            10 | 85.2 | 87.6 | 88.3 | 91.1
            20 | 86.4 | 89.2 | 90.0 | 92.5
            30 | 88.1 | 90.5 | 91.2 | 93.3
            40 | 89.3 | 91.8 | 92.5 | 94.2
            50 | 90.5 | 92.4 | 93.0 | 95.1
        """),
        (Place("§4.1", "By epoch 50, the proposed model reaches"),),
        ("medkit.metrics:accuracy", "medkit.table:render"),
    ),
    Table(
        5,
        "Dice Similarity Coefficient (DSC) (%)",
        _HEADER,
        _cells("""
            10 | 75.2 | 78.1 | 80.3 | 83.5
            20 | 76.8 | 80.0 | 82.0 | 85.1
            30 | 78.5 | 81.3 | 83.1 | 86.5
            40 | 79.9 | 82.5 | 84.4 | 87.8
            50 | 81.3 | 83.2 | 85.0 | 89.2
        """),
        (Place("§4.1", "it achieves a DSC of 89.2%"),),
        ("medkit.metrics:dice", "medkit.table:render"),
    ),
    Table(
        6,
        "Processing Time (s)",
        _HEADER,
        _cells("""
            10 | 2.5 | 3.2 | 4.1 | 1.9
            20 | 2.3 | 3.0 | 3.8 | 1.7
            30 | 2.1 | 2.8 | 3.5 | 1.5
            40 | 1.9 | 2.5 | 3.2 | 1.3
            50 | 1.8 | 2.3 | 3.0 | 1.2
        """),
        (Place("§4.1", "only 1.2 seconds per image"),),
        ("medkit.timing:seconds_per_image", "medkit.table:render"),
    ),
    Table(
        7,
        "F1-Score (%)",
        _HEADER,
        _cells("""
            10 | 83.5 | 85.2 | 86.1 | 88.2
            20 | 84.3 | 86.5 | 87.4 | 89.3
            30 | 85.6 | 87.8 | 88.7 | 90.4
            40 | 86.8 | 89.1 | 89.8 | 91.5
            50 | 88.0 | 90.2 | 90.9 | 92.7
        """),
        (Place("§4.1", "At epoch 50, it reaches 92.7%"),),
        ("medkit.metrics:f1", "medkit.table:render"),
    ),
)

ACCURACY = _numbers(TABLES[3], "accuracy", "%")
DICE = _numbers(TABLES[4], "Dice", "%")
TIME = _numbers(TABLES[5], "processing time", "s")
F1 = _numbers(TABLES[6], "F1", "%")
RESULT_TABLES = (ACCURACY, DICE, TIME, F1)
