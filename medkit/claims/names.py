"""Many file names written as few."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence


def short(files: Sequence[str]) -> list[str]:
    """Write many file names as few, in the way that a shell reads them.

    >>> short(["results/a/CNN-seed0.json", "results/a/CNN-seed1.json", "results/b/x.json"])
    ['results/a/CNN-seed{0,1}.json', 'results/b/x.json']
    >>> short([f"r/{model}-seed{seed}.json" for model in ("CNN", "U-Net") for seed in (0, 1)])
    ['r/{CNN,U-Net}-seed{0,1}.json']
    """
    seeds, others = defaultdict(list), []
    for file in files:
        found = re.fullmatch(r"(.*?)([^/]+)-seed(\d+)\.json", file)
        if found:
            seeds[found[1], found[2]].append(found[3])
        else:
            others.append(file)
    names = defaultdict(list)
    for (folder, name), numbers in seeds.items():
        names[folder, tuple(numbers)].append(name)
    found = [f"{folder}{_braces(words)}-seed{_braces(numbers)}.json" for (folder, numbers), words in names.items()]
    return [*found, *others]


def _braces(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else "{" + ",".join(words) + "}"
