"""The teacher's desk: hand out, solve, grade, and the course as a web site.

    python3 -m medkit teach hand-out DEST      student copies, each with numbers of its own
    python3 -m medkit teach solve DEST         the same with solutions filled in, run
    python3 -m medkit teach grade FOLDER       points, feedback, and which mistakes the class makes
    python3 -m medkit teach site DEST          the solved course as static pages

How grading keeps its calm. Of a returned notebook only the cells of its exercises count. Their text is
parsed and run in a process of its own (`child`), with a limit on time and memory and without the right
to write files or to start programs (`fence`). The teacher's process (`grade`) never runs a student's
line: it holds the checkers, asks the other process for what a function returns on each input, and
judges that as `check` does in a notebook. What crosses between the two is JSON and raw numbers (`wire`).

This guards against accidents and mischief, not against an attacker: a process under the same user can
read that user's files. Grade strangers' code in a container without network, for instance
`docker run --rm --network none -v "$PWD:/kit" -w /kit IMAGE python3 -m medkit teach grade ...`.
"""

from __future__ import annotations


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit teach`; return the exit code."""
    from medkit.teach.command import main as run  # a grading process needs no command line

    return run(arguments)
