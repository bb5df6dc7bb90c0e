"""From a path to a report: list, look, judge."""

from __future__ import annotations

import dataclasses
import statistics
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tqdm.auto import tqdm

from medkit._check import MedkitInputError
from medkit.check import show
from medkit.check.judging import as_set, judge
from medkit.data.listing import Fault, Listing
from medkit.check.looking import Look, look_at, look_at_npz, patients_of
from medkit.data.likeness import alike_from
from medkit.data.own import list_own, one_patient_a_class
from medkit.data.twins import bar
from medkit.figure import short


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """What a check found. A notebook shows it with thumbnails, `print` as text.

    title: the folder's name. facts: (what, how many or which) of the set. faults: those that stop training first.
    listing, looks: of which files; a look a file that could be read.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    faults: tuple[Fault, ...]
    listing: Listing
    looks: tuple[Look, ...]

    @property
    def stops(self) -> bool:
        """Tell whether `own_split`, or the search for leaks after it, would refuse these files."""
        return any(fault.stops for fault in self.faults)

    def __str__(self) -> str:
        return show.as_text(self)

    __repr__ = __str__  # the fields hold whole paths, and folders may be named after patients

    def _repr_html_(self) -> str:
        return show.as_html(self)


def check_images(path: str | Path, progress: Callable | None = tqdm, names: bool = False) -> Report:
    """Look through images before anything is trained with them; all that is off is in the report, with its remedy.

    Args:
        path: what `medkit.data.own.own_images` takes. progress: such as tqdm, from 30 files on; None for none.
        names: call folders below a class by their names, which may be patients'; else by numbers, in the names' order.

    Raises:
        MedkitInputError: there is neither a folder nor an .npz file, or it may not be looked into.
    """
    path = Path(path)
    looks: list[Look] = []
    if path.suffix.lower() == ".npz" and not path.is_dir():
        try:
            found, looks = look_at_npz(path)
        except MedkitInputError as error:
            found = Listing(path.resolve().parent, "a file in MedMNIST's layout", (), path.stem)
            found.caught("unreadable image", error)
    else:
        found = list_own(path, names)
        looks = look_at(found, progress)
    groups, known = patients_of(looks)
    if known and not names and not found.by_mask and one_patient_a_class([look.item.label for look in looks], groups):
        found.number_classes()
        by_path = {item.image: item for item in found.items}
        looks = [look._replace(item=by_path[look.item.image]) for look in looks]
    alike = bar(as_set(found, looks, groups)) if looks else alike_from(found.modality)
    judged = judge(found, looks, groups, known, alike)
    if any(fault.stops for fault in found.faults):  # why there is nothing to learn has been said
        judged = [fault for fault in judged if fault.kind != "nothing to learn"]
    faults = sorted([*found.faults, *judged], key=lambda fault: not fault.stops)
    return Report(path.resolve().name, tuple(_facts(found, looks, _patients(looks, groups, known), alike)), tuple(faults), found, tuple(looks))


def _facts(found: Listing, looks: list[Look], patients: str, alike: float) -> list[tuple[str, str]]:
    slices = sum(look.size[0] for look in looks)
    facts = [("layout", found.layout), ("images", f"{len(looks)} of {len(found.items)} files could be read" + (f", {slices} slices" if slices > len(looks) else ""))]
    if not looks:
        return facts
    counts = Counter(look.item.label for look in looks)
    if found.by_mask:
        marked = sum(look.marked for look in looks)
        facts.append(("classes", f"{found.classes[0]} {slices - marked} slices, {found.classes[1]} {marked}"))
    else:
        facts.append(("classes", ", ".join(f"{name} {counts[k]}" for k, name in enumerate(found.classes))))
    if any(look.item.side for look in looks):
        sides = Counter(look.item.side for look in looks)
        facts.append(("sides", ", ".join(f"{side} {count}" for side, count in sides.items())))
    facts.append(("sizes", " × ".join(_span([look.size[axis] for look in looks]) for axis in (2, 1)) + " pixels"))
    kinds = Counter(look.modality for look in looks)
    facts.append(("modality", ", ".join("not said" if name == "unknown" else f"{name} {count}" for name, count in kinds.items()) if found.modality == "unknown" else found.modality))
    for unit in sorted({look.unit for look in looks}):
        some = [look for look in looks if look.unit == unit]
        facts.append((unit, f"{short(min(look.low for look in some))} ... {short(max(look.high for look in some))}"))
    facts.append(("patients", patients))
    with_mask = [look.inside for look in looks if look.mask is not None]
    covered = f"; inside them {statistics.median(with_mask):.1%} of the pixels (median)" if with_mask else ""
    if found.called:
        facts.append(("folders", "of patients, and below a class, have numbers here, in the order of their names; --names shows those"))
    facts.append(("masks", f"of {len(with_mask)} images{covered}"))
    if found.passed_over:
        facts.append(("passed over", ", ".join(f"{count} × {suffix}" for suffix, count in sorted(found.passed_over.items()))))
    return [*facts, ("twins", f"two pictures count as one from a likeness of {alike:g} on")]


def _span(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} ... {high}"


def _patients(looks: list[Look], groups: list[int], known: bool) -> str:
    named = {group for group, look in zip(groups, looks) if look.patient}
    others = set(groups) - named
    if not known and len(others) == len(looks):
        return "unknown: the files do not say"
    told = (f"{len(named)} by DICOM's PatientID", f"{len(others)} by study, by names of files and folders, or as a file alone")
    return ", ".join(one for one, which in zip(told, (named, others)) if which)
