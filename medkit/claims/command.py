"""The ledger: a verdict for every claim, and the command that prints it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable

from medkit import _command, paper
from medkit._check import MedkitInputError
from medkit.claims.reading import RESULTS, read_records, read_systems
from medkit.claims.rules import RULES
from medkit.claims.show import render
from medkit.claims.trials import Evidence, gather
from medkit.claims.verdict import Verdict


def ledger(records: list[dict] | Evidence, claims: Iterable[str] = RULES) -> list[Verdict]:
    """Return the verdict on each claim, or the reason why none is possible yet.

    Args:
        records: from `read_records`, or what `gather` made of them.
        claims: ids, "K1" ...; all of them if nothing is said.

    Raises:
        ValueError: the paper has no such claim.

    >>> ledger([], ["K20"])[0].verdict, ledger([], ["K1"])[0].verdict
    ('contradicts itself', None)
    """
    evidence = records if isinstance(records, Evidence) else gather(records)
    found = []
    for name in claims:
        if name not in RULES:
            raise ValueError(f"claims must be of {', '.join(RULES)}, got {name!r}; see medkit.paper.CLAIMS")
        rule = RULES[name]
        found.append(Verdict(name, paper.find(name).says, rule.test, *rule.judge(evidence)))
    return found


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Print a verdict for every claim of the paper, with its test, its reason and the records it rests on."
    parser = argparse.ArgumentParser(prog="python3 -m medkit claims", description=said)
    folders = {"type": _command.path, "default": [RESULTS], "metavar": "FOLDER"}
    parser.add_argument("--results", nargs="+", **folders, help="folders of records (default: results)")
    parser.add_argument("--claim", nargs="+", choices=RULES, default=list(RULES), metavar="K1", help="these alone")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit claims`; return the exit code."""
    chosen = parse(arguments)
    try:
        evidence = gather(read_records(chosen.results), read_systems(chosen.results))
    except MedkitInputError as error:
        print(f"medkit: {error}", file=sys.stderr)
        return 2
    text = render(ledger(evidence, chosen.claim), evidence.left_out)
    try:
        print(text, flush=True)
    except BrokenPipeError:  # whoever reads, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
