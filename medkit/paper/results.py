"""What the paper says to have found.

Nothing here judges. What no image and no measurement could speak for or against (that medical
imaging matters, that deep learning is popular) is not listed, here or beside it.
"""

from __future__ import annotations

from medkit.paper.kinds import Claim, Place

RESULTS = (
    Claim(
        "K1",
        "In accuracy the hybrid beats the Transformer, which beats the U-Net, which beats the CNN.",
        "result",
        (Place("Table 4"), Place("§4.1", "outperforms the existing methods at all epochs")),
        (
            "medkit.metrics:accuracy",
            "medkit.intervals:paired_difference",
            "tests/test_cnn.py::test_equal_budgets",
            "medkit.claims.tables:order",
            "results/mri-class/hybrid-seed0.json",
            "results/ct-class/hybrid-seed0.json",
            "results/us-class/hybrid-seed0.json",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K2",
        "In Dice the order is the same: hybrid, Transformer, U-Net, CNN.",
        "result",
        (Place("Table 5"), Place("§4.1", "outperforms the other methods in segmentation accuracy")),
        (
            "medkit.metrics:dice",
            "medkit.intervals:paired_difference",
            "medkit.claims.tables:order",
            "results/mri-class/hybrid-seed0.json",
            "results/lung-class/hybrid-seed0.json",
            "results/us-class/hybrid-seed0.json",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K3",
        "In F1 the order is the same: hybrid, Transformer, U-Net, CNN.",
        "result",
        (Place("Table 7"), Place("§4.1", "consistently achieves higher F1-scores")),
        (
            "medkit.metrics:f1",
            "tests/test_metrics.py::test_hand_two_macro_f1",
            "medkit.claims.tables:order",
            "results/mri-class/hybrid-seed0.json",
            "results/ct-class/hybrid-seed0.json",
            "results/us-class/hybrid-seed0.json",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K4",
        "At epoch 50 the hybrid leads by the printed points: 4.6, 2.7 and 2.1 in accuracy, 7.9, 6.0 and 4.2 "
        "in Dice, 4.7, 2.5 and 1.8 in F1.",
        "result",
        (
            Place("Table 4"),
            Place("Table 5"),
            Place("Table 7"),
            Place("§4.1", "4.6% over CNN, 2.7% over U-Net"),
        ),
        (
            "medkit.paper:ResultTable.margins",
            "medkit.intervals:within",
            "tests/test_paper.py::test_margins_at_epoch_50_are_those_the_text_names",
            "medkit.claims.tables:margins",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K5",
        "Accuracy, Dice and F1 rise from each of epochs 10, 20, 30, 40, 50 to the next.",
        "result",
        (
            Place("Table 4"),
            Place("Table 5"),
            Place("Table 7"),
            Place("§4.1", "steady increase in accuracy over time"),
        ),
        (
            "medkit.paper:EPOCHS",
            "medkit.experiment:report_epochs",
            "medkit.claims.tables:rising",
            "medkit.curves:learning_curves",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K6",
        "The hybrid takes least time for an image, then the CNN, the U-Net and the Transformer.",
        "result",
        (Place("Table 6"), Place("§4.1", "significantly faster processing times")),
        (
            "medkit.timing:seconds_per_image",
            "medkit.cost:report",
            "medkit.claims.clocks:fastest",
            "results/mri-class/hybrid-seed0.json",
        ),
    ),
    Claim(
        "K7",
        "The longer a model was trained, the less time it takes for an image.",
        "result",
        (Place("Table 6"), Place("§5", "reduction in processing time")),
        (
            "medkit.timing:seconds_per_image",
            "tests/test_paper.py::test_contradictions_10_and_11_of_the_clock",
            "medkit.claims.clocks:falling",
            "results/mri-class/hybrid-seed0.json",
        ),
    ),
    Claim(
        "K8",
        "The hybrid is fast enough for real time.",
        "result",
        (
            Place("§4.1", "ideal for real-time applications"),
            Place("§1", "suitable for real-time clinical integration"),
            Place("§5", "crucial for real-time applications"),
        ),
        (
            "medkit.timing:stage_seconds",
            "medkit.claims.deployed:real_time",
            "medkit.deploy.run:clock",
            "results/mri-class/hybrid-seed0.json",
        ),
        pending="the same on a GPU, and with all that stands between scanner and screen",
    ),
    Claim(
        "K16",
        "One method works on MRI, CT and ultrasound.",
        "result",
        (
            Place("abstract", "various imaging modalities"),
            Place("§4", "MRI, CT scans, and ultrasound"),
            Place("Table 3"),
        ),
        (
            "medkit.data.public:brain_mri",
            "medkit.data.public:head_ct",
            "medkit.data.public:breast_ultrasound",
            "medkit.claims.shifted:works_everywhere",
            "medkit.shift.runs:run",
            "tests/test_shift.py::test_k16_has_two_halves",
        ),
    ),
    Claim(
        "K17",
        "The model detects anomalies.",
        "result",
        (Place("abstract", "classification, and anomaly detection"), Place("§5", "and anomaly detection")),
        (
            "medkit.scores:auroc",
            "medkit.anomaly.classical:padim",
            "medkit.anomaly.measures:pro",
            "tests/test_anomaly.py::test_twin_pro_equals_brute_force",
            "medkit.claims.anomalies:detects",
        ),
    ),
    Claim(
        "K20",
        "The accuracy is 98.5 %.",
        "result",
        (Place("abstract", "classification accuracy of 98.5%"),),
        ("tests/test_paper.py::test_contradiction_1_of_the_headline",),
    ),
    Claim(
        "K21",
        "The accuracy is 3 to 5 % above that of other deep models.",
        "result",
        (Place("abstract", "outperforming existing deep learning frameworks by"),),
        ("tests/test_paper.py::test_contradiction_2_of_three_to_five_percent",),
    ),
    Claim(
        "K22",
        "The Dice is 10 % above that of traditional methods.",
        "result",
        (Place("abstract", "10% improvement over traditional methods"),),
        ("tests/test_paper.py::test_contradiction_3_of_ten_percent",),
    ),
    Claim(
        "K29",
        "The hybrid makes fewer false alarms and also misses less.",
        "result",
        (Place("§4.1", "minimizing false positives and false negatives"),),
        (
            "medkit.metrics:precision_per_class",
            "medkit.metrics:recall_per_class",
            "medkit.claims.tables:both_errors",
            "results/ct-class/hybrid-seed0.json",
            "results/us-class/hybrid-seed0.json",
        ),
        pending="runs of 50 epochs with five seeds, for which a GPU is needed; the ledger judges short ones",
    ),
    Claim(
        "K30",
        "Patients gain: fewer errors, earlier detection, shorter waiting.",
        "result",
        (Place("abstract", "improved patient outcomes"), Place("§5", "reducing diagnostic delays")),
        pending="a clinical study; no set of images can decide it, and nothing in this kit will",
    ),
)
