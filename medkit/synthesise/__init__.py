"""Images that were made, not taken: by a GAN, and by giving real ones another scanner's style. Do they help?

    python3 -m medkit synthesise --data us --out results

    gan.train, gan.make                     a small conditional GAN: image and mask for a class
    style.swap_amplitude, match_histogram   grey values and slow shades of another image
    copies.check                            are made images copies of training patients?

The paper counts "synthetic data generation techniques" among its contributions and describes none (C14, K39).
"""

from __future__ import annotations

from medkit.synthesise.command import main, sheet  # noqa: F401, what this package is used by
