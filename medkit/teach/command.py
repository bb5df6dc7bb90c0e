"""The command line of the teacher's desk."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

from tqdm import tqdm

from medkit import _command
from medkit._check import MedkitInputError
from medkit._files import try_writing
from medkit.teach import copies, returned, site, solved
from medkit.teach.course import chosen, course
from medkit.teach.grade import Limits, grade_all
from medkit.teach.report import Report

NO_SANDBOX = (
    "Answers run in processes of their own, with limits and without the right to write files or to start programs; "
    "that stops accidents and mischief, but is no sandbox against an attacker: for strangers' code run this command "
    "in a container without network, such as docker run --rm --network none."
)
MEMORY = "MB that an answer may take beyond the loaded libraries, where the system can limit it (Linux)"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m medkit teach", description="The teacher's desk.")
    parts = parser.add_subparsers(dest="part", required=True, metavar="hand-out | solve | grade | site")
    which = "by number, word or name, such as 01 normalise (default: all)"

    part = parts.add_parser("hand-out", help="write unsolved copies for students, each with numbers of its own")
    part.add_argument("dest", type=_command.path, help="folder to write into; nothing in it is written over")
    part.add_argument("--notebooks", nargs="+", metavar="NB", help=which)
    part.add_argument("--students", type=_command.path, metavar="FILE", help="names, one a line: a folder for each student")
    part.add_argument("--seed", type=whole, help="of the numbers in exercises that can vary (default: 0)")

    part = parts.add_parser("solve", help="write the notebooks with solutions filled in, run, with their outputs")
    part.add_argument("dest", type=_command.path, help="folder to write into; nothing in it is written over")
    part.add_argument("--notebooks", nargs="+", metavar="NB", help=which)

    part = parts.add_parser("grade", help="grade a folder of returned notebooks", epilog=NO_SANDBOX)
    said = "NAME_01_denoise.ipynb, NAME/01_denoise.ipynb, or as nbgrader, Moodle and Canvas pack them; links are left"
    part.add_argument("folder", type=_command.path, help=said)
    part.add_argument("--out", type=_command.path, required=True, help="folder for points.csv, class.html and students/")
    part.add_argument("--seconds", type=positive, default=5.0, help="for one exercise, by the clock (default: 5)")
    part.add_argument("--memory", type=positive, default=1000.0, metavar="MB", help=f"{MEMORY} (default: 1000)")
    part.add_argument("--jobs", type=whole, help="answers that run at a time (default: one a processor, 4 at most)")
    part.add_argument("--seed", type=whole, help="that of hand-out: names whoever changed the number of their copy")

    part = parts.add_parser("site", help="write the solved course as web pages that need no network")
    part.add_argument("dest", type=_command.path, help="folder to write into; pages of before are written over")
    part.add_argument("--notebooks", nargs="+", metavar="NB", help=which)
    return parser.parse_args(arguments)


def whole(text: str) -> int:
    """Read a whole number from 0 on."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 on, got {text}")
    return int(text)


def positive(text: str) -> float:
    """Read a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text}")
    return number


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit teach`; return the exit code."""
    wanted = parse(arguments)
    work = {"hand-out": _hand_out, "solve": _solve, "grade": _grade, "site": _site}[wanted.part]
    return _command.run(lambda: _without_oserror(work, wanted))


def _without_oserror(work, wanted: argparse.Namespace) -> None:
    try:
        work(wanted)
    except OSError as error:
        name = error.filename or getattr(wanted, "out", None) or wanted.dest
        what = f"can't be read or written ({error.strerror or error})"
        raise MedkitInputError(Path(name), what, "check the disk and your rights, then start again") from error


def _hand_out(wanted: argparse.Namespace) -> None:
    pages = chosen(wanted.notebooks)
    names = copies.read_names(wanted.students) if wanted.students else []
    written = copies.hand_out(pages, wanted.dest, names, wanted.seed)
    each = f", one folder for each of {len(names)} students, numbers by seed {wanted.seed or 0}" if names else ""
    print(f"{len(written)} notebooks in {wanted.dest}{each}")


def _solve(wanted: argparse.Namespace) -> None:
    pages = chosen(wanted.notebooks)
    copies.refuse_those_there([wanted.dest / page.path.name for page in pages])
    for page, notebook in solved.solve(pages, _say):
        copies.write_new({wanted.dest / page.path.name: notebook})
    print(f"{len(pages)} solved notebooks in {wanted.dest}")


def _grade(wanted: argparse.Namespace) -> None:
    folder, out = wanted.folder, wanted.out
    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        raise MedkitInputError(out, "must lie outside the folder that is graded", "name another folder for --out")
    notebooks = course()
    found, left_out = returned.find(folder, list(notebooks))
    try_writing(out / "students")
    report, limits = Report(out, found), Limits(wanted.seconds, int(wanted.memory * 2**20))
    jobs = min(max(1, wanted.jobs or min(4, os.cpu_count() or 1)), len(found))
    with tqdm(total=len(found), unit="notebook", desc="grading") as bar:
        for graded in grade_all(found, notebooks, limits, jobs, wanted.seed):
            report.add(graded)
            bar.update()
    report.finish(left_out)
    print(f"{len(found)} notebooks graded: {out / 'class.html'}, points.csv, and a page for each student")


def _site(wanted: argparse.Namespace) -> None:
    print(f"Open {site.build(chosen(wanted.notebooks), wanted.dest, _say)} in a browser")


def _say(text: str) -> None:
    print(text, end="" if text.endswith("\r") else "\n", file=sys.stderr, flush=True)
