"""A check before training: what a folder of images holds, and all that is off, each with its file and its remedy.

    listing   which files, by layout             looking   one pass: numbers and a thumbnail a file
    judging   what no file shows alone           report    `check_images(path)`
    show      text, HTML                         command   `python3 -m medkit check PATH`

`own_images` stops at the first fault; this goes on, and says of each whether it stops training.
"""

from __future__ import annotations

from medkit.check.command import main  # noqa: F401, what this package is used by
from medkit.check.listing import Fault  # noqa: F401
from medkit.check.report import Report, check_images  # noqa: F401
