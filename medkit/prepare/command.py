"""The command: which set, from where, to where."""

from __future__ import annotations

import argparse

from tqdm.auto import tqdm

from medkit import _command
from medkit._check import MedkitInputError
from medkit.data import public
from medkit.data.where import data_root
from medkit.fetch.cache import sum_of
from medkit.prepare import brisc, busi, ct_ich
from medkit.prepare.result import check_free, write

SETS = {"mri": (brisc, public.brain_mri), "ct": (ct_ich, public.head_ct), "us": (busi, public.breast_ultrasound)}


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit prepare`; return the exit code."""
    said = "Turn a published download into the files that --data mri, ct or us reads."
    parser = argparse.ArgumentParser(prog="python3 -m medkit prepare", description=said)
    parser.add_argument("set", choices=SETS, help="; ".join(f"{name}: {module.TITLE}" for name, (module, _) in SETS.items()))
    parser.add_argument("folder", type=_command.path, metavar="FOLDER", help="what the download was unpacked into")
    parser.add_argument("--out", type=_command.path, help="folder (default: the one that MEDKIT_DATA names)")
    anew = "take all images, search twins and deal folds anew, instead of as in the course's tables"
    parser.add_argument("--anew", action="store_true", help=anew)
    chosen = parser.parse_args(arguments)
    return _command.run(lambda: _run(chosen))


def _run(chosen: argparse.Namespace) -> None:
    module, load = SETS[chosen.set]
    out = chosen.out or data_root()
    if out is None:
        raise MedkitInputError("prepare", "needs to know where to write", "give --out FOLDER, and name that folder in MEDKIT_DATA")
    check_free(out, module.FILE)
    made = module.prepare(chosen.folder, chosen.anew, tqdm)
    path = write(made, out)
    split = load(out, size=32)  # what has been written can be read
    sides = ", ".join(f"{side} {len(getattr(split, side))}" for side in ("train", "val", "test"))
    print("\n".join([str(path), f"  sha256 {sum_of(path)}", *(f"  {note}" for note in made.notes), f"  as it is split: {sides}"]))
    then = f"reproduce --data {chosen.set}"
    for line in _command.call_with_data(out.absolute(), then) if chosen.out else [_command.call(then)]:
        print(f"next: {line}")
