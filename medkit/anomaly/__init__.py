"""Anomaly detection: what differs from healthy images, found by who has seen healthy images alone.

    python3 -m medkit anomaly --data phantom|ct|us --out results/anomaly-us

    classical      Mahalanobis, PaDiM, nearest neighbours on a network's features
    autoencoder    the error of drawing an image again, and why it misleads
    gan            f-AnoGAN in small
    mirror         left against right, the plain baseline
    planted        discs in healthy images: what a detector sees, where it finds no lesion
    measures       average precision, pixel AUROC, PRO, alarms for a healthy patient; intervals over patients

The paper says that its model detects anomalies and gives no number for it (K17).
"""

from __future__ import annotations

from medkit.anomaly.command import main  # noqa: F401, what this package is used by
from medkit.anomaly.show import sheet  # noqa: F401
