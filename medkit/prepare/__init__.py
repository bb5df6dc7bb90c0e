"""From a published download to the files that `--data mri|ct|us` reads: size, packing, twins, splits.

    brisc, ct_ich, busi   the three sets: their layout, and what becomes of it
    pictures              one image, one mask: resized as the tables' were      twins   which images are one
    chosen                what the tables of the course were made from
    command               `python3 -m medkit prepare mri|ct|us FOLDER`
"""

from __future__ import annotations

from medkit.prepare.command import main  # noqa: F401, what this package is used by
