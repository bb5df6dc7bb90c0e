"""The command: a report on stdout, and as a page where one is asked for."""

from __future__ import annotations

import argparse

from medkit import _command
from medkit._check import MedkitInputError
from medkit._files import write_whole
from medkit.check.report import Report, check_images
from medkit.check.show import as_text, html_page
from medkit.data.own import LAYOUTS

PAGE = (".html", ".htm")  # what the name of a page ends in


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Look through your own images before anything is trained with them: every fault, its file, and what to do."
    parser = argparse.ArgumentParser(prog="python3 -m medkit check", description=said, epilog="Exit code: 0 all may go on, 1 something stops training, 2 nothing to look at.")
    parser.add_argument("path", type=_command.path, help=LAYOUTS)
    parser.add_argument("--html", type=_command.path, metavar="FILE", help="write the report with thumbnails there, too: NAME.html, which is replaced where it is there")
    parser.add_argument("--names", action="store_true", help="call folders below a class by their names, which may be patients', and not by numbers")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit check`; return 0, 1 where something stops training, or 2 where nothing could be checked."""
    chosen, made = parse(arguments), []
    code = _command.run(lambda: made.append(_run(chosen)))
    return code or int(made[0].stops)


def _run(chosen: argparse.Namespace) -> Report:
    if chosen.html and chosen.html.suffix.lower() not in PAGE:  # before the work, and before an image is written over
        raise MedkitInputError(chosen.html, f"can't be the page: its name must end in {PAGE[0]}", f"give --html {chosen.html.stem or 'report'}{PAGE[0]}")
    report = check_images(chosen.path, names=chosen.names)
    print(as_text(report), flush=True)
    if chosen.html:
        try:
            write_whole(chosen.html, html_page(report))
        except OSError as error:
            raise MedkitInputError(chosen.html, f"can't be written ({type(error).__name__})", "give another file after --html") from None
    return report
