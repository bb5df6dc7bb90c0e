"""The solved course as static pages: every figure in it, formulas as MathML, nothing from the network."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from medkit._files import try_writing, write_whole
from medkit.teach import formulas, sheet
from medkit.teach.course import Page
from medkit.teach.solved import solve

INDEX = "index.html"
WIDGET = "application/vnd.jupyter.widget-view+json"
STILL = '<p class="faint">In JupyterLab controls stand here, which move a picture; they need a running kernel.</p>'
STYLE = """
.input{border-left:3px solid var(--line);background:var(--field);padding:.1em .8em;margin:1em 0 .4em}
.output{margin:.4em 0 1em}.output_stream,.output_text{padding-left:.8em}.anchor-link{display:none}
figure{margin:1em 0}.highlight,.highlight pre{background:none}nav{margin:0 0 1.5em}
"""


def build(pages: Sequence[Page], dest: Path, say: Callable[[str], None]) -> Path:
    """Run the solved notebooks and write them as pages with an index; return the index.

    Raises:
        MedkitInputError: a notebook can't be run.
    """
    try_writing(dest)
    names = {page.path.name: f"{page.stem}.html" for page in pages}
    for page, notebook in solve(pages, say):
        write_whole(dest / names[page.path.name], as_page(notebook, names))
    write_whole(dest / INDEX, index(pages, names))
    return dest / INDEX


def as_page(notebook: NotebookNode, names: dict[str, str]) -> str:
    """Return a notebook as a page of its own.

    Args:
        notebook: with outputs; it is changed.
        names: of notebooks and of the pages that they become; a link to any other keeps its text alone.
    """
    found: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = formulas.taken_out(cell.source, found)
        else:
            cell["outputs"] = [_still(output) for output in cell.get("outputs", [])]
    notebook.metadata.pop("widgets", None)
    exporter = HTMLExporter(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    body, _ = exporter.from_notebook_node(notebook)
    body = linked(formulas.put_back(body, found), names)
    body = f'<nav><a href="{INDEX}">Contents</a></nav><main>{body}</main>'
    return sheet.page(title_of(notebook), body, STYLE + formulas.STYLE + code_style())


def _still(output: NotebookNode) -> NotebookNode:
    """Replace a widget, which needs a kernel, by a sentence; leave scripts out."""
    data = output.get("data")
    if data is not None and WIDGET in data:
        output["data"] = {"text/html": STILL}
    elif data is not None:
        data.pop("application/javascript", None)
    return output


def linked(html: str, names: dict[str, str]) -> str:
    """Let links between notebooks lead to their pages.

    >>> linked('<a href="01_a.ipynb">01</a>, <a href="09_x.ipynb">09</a>', {"01_a.ipynb": "01_a.html"})
    '<a href="01_a.html">01</a>, 09'
    """

    def replace(match: re.Match) -> str:
        page = names.get(match["name"])
        return f'<a href="{page}{match["place"] or ""}">{match["text"]}</a>' if page else match["text"]

    pattern = r'<a href="(?P<name>[\w.-]+\.ipynb)(?P<place>#[^"]*)?"[^>]*>(?P<text>.*?)</a>'
    return re.sub(pattern, replace, html, flags=re.DOTALL)


def title_of(notebook: NotebookNode) -> str:
    """Return the first heading of a notebook."""
    heading = re.search(r"^# (.+)$", notebook.cells[0].source, re.MULTILINE)
    return heading[1].strip() if heading else "medkit"


def code_style() -> str:
    """Return the colours of code, light and dark, from two styles of Pygments with enough contrast on both."""
    light = HtmlFormatter(style="default", nobackground=True).get_style_defs(".highlight")
    dark = HtmlFormatter(style="monokai", nobackground=True).get_style_defs(".highlight")
    return f"{light}\n@media (prefers-color-scheme:dark){{{dark}}}"


def index(pages: Sequence[Page], names: dict[str, str]) -> str:
    """Return the page of contents: each notebook with its equation and what it teaches."""
    rows = []
    for page in pages:
        first = page.notebook.cells[0].source
        equations = [formulas.block(latex) for latex in re.findall(r"\$\$(.+?)\$\$", first, re.DOTALL)]
        aim = re.search(r"\*\*What you will be able to do:?\*\*:?\s*(.+)", first)
        minutes = re.search(r"(\d+) minutes", first)
        link = f'<a href="{names[page.path.name]}">{escape(title_of(page.notebook))}</a>'
        text = formulas.put_back(escape(formulas.taken_out(aim[1] if aim else "", found := [])), found)
        rows.append(
            ["".join(equations), link, re.sub(r"\*(.+?)\*", r"<em>\1</em>", text), minutes[1] if minutes else ""]
        )
    head = ["equation", "notebook", "what you will be able to do", "minutes"]
    body = (
        "<h1>medkit: the course</h1><p>One paper, one equation at a time: solved, run, and as still pages. Sliders and "
        "checks live in JupyterLab: <code>python3 -m medkit lab</code>.</p>"
        "<p><strong>For learning and research, not for clinical use.</strong></p>"
        f"{sheet.table('From equation to notebook', head, rows, frozenset((3,)))}"
    )
    return sheet.page("medkit: the course", body, formulas.STYLE)
