"""medkit: learn, teach and check deep learning for medical images, one equation at a time.

| equation | says | module | notebook |
|---|---|---|---|
| Eq. 1 | a weighted sum of neighbours removes noise | `medkit.denoise` | 01_denoise |
| Eq. 2 | grey values scaled to [0, 1] | `medkit.normalise` | 02_normalise |
| §3.2, Table 1 | rotation, flips and zoom make more images | `medkit.augment` | 03_augment |
| Eq. 3-4 | each token looks at all others | `medkit.attention` | 05_attention |
| Eq. 5 | frozen layers stay, byte for byte | `medkit.transfer` | 07_transfer |
| Eq. 6, 7, 9 | accuracy, Dice, F1 from four counts | `medkit.metrics` | 09_metrics |
| Eq. 8 | seconds for one image | `medkit.timing` | 10_timing |
| Table 3 | the training run | `medkit.training` | 08_training |
| Tables 4-7 | four models compared | `medkit.reproduce` | 11_tables |

The paper: S. Gomathi and R. Roopa Chandrika, "Advancing Medical Image Processing with Deep
Learning: Innovations and Impact". For learning and research, not for clinical use.
"""

__version__ = "0.1.0"


def start(seed: int = 0):
    """Open a notebook: seed everything, print device and data at hand. See `medkit.lesson`."""
    from medkit import lesson  # torch is heavy: only where a notebook asks for it

    return lesson.start(seed)
