"""Public sets of images: fetched from their own addresses, checked, unpacked safely, kept in the user's cache.

    catalogue   names, addresses, published sums, licences      cache    where files lie, and their sums
    download    https, resumed, checked, then named             unpack   zip and tar from strangers
    lock        one process at a time               command  `python3 -m medkit fetch SET`

Whoever has no network puts the file into the folder that MEDKIT_DATA names, or into the cache by hand.
"""

from __future__ import annotations

from medkit.fetch.command import fetch, main  # noqa: F401, what this package is used by
