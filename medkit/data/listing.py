"""What a folder of one's own holds: which files are images, which their masks, and what is off.

Two read a listing: `own_images` stops at its first fault that stops training, `medkit.check` tells them all.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from medkit._check import MedkitInputError

SYSTEM = {"@eadir", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found"}  # folders that no one made
BY_MASK = ("nothing marked", "marked")  # classes of images that only their masks tell apart


class Item(NamedTuple):
    """One image file of a set.

    label: its class. masks: its mask files, several are one together. name: in messages and tables.
    folder: what files of one patient share where a folder of a patient's own says so. side: of a set that is split already.
    """

    label: int
    image: Path
    masks: Sequence[Path]
    name: str
    folder: str | None = None
    side: str = ""


class Fault(NamedTuple):
    """One thing that is off: which kind, which file, what, what to do, whether it stops training, and of twins both names."""

    kind: str
    name: str
    what: str
    fix: str
    stops: bool = True
    pair: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.what}; {self.fix}"


@dataclasses.dataclass
class Listing:
    """A folder's files.

    title, source, modality: as of an `ImageSet`. by_mask: a slice's class is whether its mask is empty.
    labels: what masks may hold; None: anything. passed_over: files that no one reads, by what they end in.
    called: what messages and tables call a folder whose own name may be a patient's. notes: of the set.
    inside: it lies alone in the folder that the reader named, and may be the only class there.
    """

    root: Path
    layout: str
    classes: tuple[str, ...]
    title: str
    source: str = "a folder of your own"
    modality: str = "unknown"
    by_mask: bool = False
    labels: list[int] | None = None
    items: list[Item] = dataclasses.field(default_factory=list)
    faults: list[Fault] = dataclasses.field(default_factory=list)
    passed_over: Counter = dataclasses.field(default_factory=Counter)
    called: dict[Path, str] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    inside: bool = False

    def name(self, path: Path) -> str:
        """Return a file's path below the root; folders above it, and those of patients, are not named."""
        if path.parent in self.called:
            return f"{self.called[path.parent]}/{path.name}"
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) and path != self.root else path.name

    def fault(self, kind: str, path: Path, what: str, fix: str, stops: bool = True) -> None:
        """Write a fault down."""
        self.faults.append(Fault(kind, self.name(path), what, fix, stops))

    def caught(self, kind: str, error: MedkitInputError) -> None:
        """Write an error of a reader down."""
        self.fault(kind, error.path, error.what, error.fix)

    def fault_of_patients(self, more: str = "") -> None:
        """Write down, once, that the folders that should be classes are patients; more: to do, besides."""
        if any(fault.kind == "folders of patients" for fault in self.faults):
            return
        what = f"holds a folder for each patient, {len(self.classes)} in all, and none for classes"
        fix = f"make CLASS/PATIENT/image.png{more}"
        if self.inside:
            fix += f"; if {self.root.name} is a class, it is the only one: put the folder of another class beside it"
        self.fault("folders of patients", self.root, what, fix)

    def number_classes(self) -> None:
        """Call the classes by numbers, in items and faults too: their folders turned out to be patients'."""
        number = {name: f"folder {k}" for k, name in enumerate(self.classes, 1)}

        def numbered(name: str) -> str:
            return "/".join(number.get(part, part) for part in name.split("/"))

        self.classes = tuple(number.values())
        self.items = [item._replace(name=numbered(item.name)) for item in self.items]
        whole = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(number, key=len, reverse=True)))
        said = [whole.sub(lambda match: number[match[0]], fault.what) for fault in self.faults]
        self.faults = [fault._replace(name=numbered(fault.name), what=what) for fault, what in zip(self.faults, said)]
        self.called |= {item.image.parent: item.name.rpartition("/")[0] for item in self.items}

    def refuse_faults(self) -> None:
        """Raise the first fault that stops training.

        Raises:
            MedkitInputError: names the file and the fix.
        """
        for fault in self.faults:
            if fault.stops:
                raise MedkitInputError(self.root / fault.name, fault.what, fault.fix)


def contents(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files and the folders in a folder, by name, without what is hidden (.name, __MACOSX) or the system's.

    Raises:
        MedkitInputError: it may not be looked into.
    """
    try:
        inside = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
        folders = [one for one in inside if one.is_dir()]
    except OSError as error:
        raise MedkitInputError(folder, f"can't be opened ({type(error).__name__})", "look at its permissions") from None
    return [one for one in inside if one not in folders], [one for one in folders if not one.name.startswith("__") and one.name.lower() not in SYSTEM]
