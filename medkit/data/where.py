"""Where the reader's real images lie."""

from __future__ import annotations

import os
from pathlib import Path

from medkit._check import MedkitInputError


def data_root() -> Path | None:
    """Return the folder that the environment variable MEDKIT_DATA names, or None where it is unset.

    Raises:
        MedkitInputError: it is set, but there is no such folder. An empty result would be taken
            for «no data wanted».
    """
    named = os.environ.get("MEDKIT_DATA", "").strip()
    if not named:
        return None
    root = Path(named).expanduser()
    if not root.is_dir():
        raise MedkitInputError(
            root,
            "is named by MEDKIT_DATA but is no folder",
            "correct MEDKIT_DATA (an absolute path) or unset it",
        )
    return root.resolve()
