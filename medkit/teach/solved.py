"""Notebooks with the kit's solutions put in, run from top to bottom."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from medkit._check import MedkitInputError
from medkit.data.where import data_root
from medkit.teach.course import Page, copy_of

LONGEST = 1800  # seconds of one cell
FIX = "run the notebook in JupyterLab to see the error"


def solve(pages: Sequence[Page], say: Callable[[str], None]) -> Iterator[tuple[Page, NotebookNode]]:
    """Yield each notebook, solved and run, with its outputs.

    Args:
        pages: which notebooks.
        say: takes a line before each.

    Raises:
        MedkitInputError: a cell raised, a solution did not pass, or the kernel died.
    """
    for number, page in enumerate(pages, 1):
        say(f"Notebook {number} of {len(pages)}: {page.stem}")
        yield page, executed(page, copy_of(page, solved=True), say)


def executed(page: Page, notebook: NotebookNode, say: Callable[[str], None]) -> NotebookNode:
    """Run a notebook in a kernel of its own, and return it with its outputs.

    The reader's own record of progress is neither read nor changed.
    """
    root = data_root()
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {"MEDKIT_STRICT": "1", "MEDKIT_PROGRESS": str(Path(folder) / "progress.json")}
        if root is not None:
            environ["MEDKIT_DATA"] = str(Path(root).resolve())  # the kernel starts in another folder
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        done = {"count": 0}

        def count(**_) -> None:
            done["count"] += 1
            say(f"{page.stem}: {done['count']} of {len(cells)} cells\r")

        client = NotebookClient(
            notebook,
            timeout=LONGEST,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            allow_errors=True,
            on_cell_executed=count,
        )
        try:
            client.execute(env=environ)
        except (CellTimeoutError, DeadKernelError) as error:
            raise MedkitInputError(page.path, f"can't be run ({type(error).__name__})", FIX) from error
    for cell in cells:
        for output in cell.outputs:
            if output.output_type == "error":
                place = cell.source.strip().splitlines()[-1][:60]
                why = " ".join(output.evalue.split())[:160]
                raise MedkitInputError(page.path, f"stopped at `{place}` with {output.ename}: {why}", FIX)
    return notebook
