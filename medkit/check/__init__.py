"""A check before training: what a folder of images holds, and all that is off, each with its file and its remedy.

    looking   one pass: numbers and a thumbnail a file      report    `check_images(path)`
    judging   what no file shows alone                      command   `python3 -m medkit check PATH`
    splitting what would stand in a split's way             show      text, HTML

Which files there are, `medkit.data.listing` says, here and when they are loaded. `own_images` stops at the first
fault; this goes on, and says of each whether it stops training.
"""

from __future__ import annotations

from medkit.check.command import main  # noqa: F401, what this package is used by
from medkit.check.report import Report, check_images  # noqa: F401
