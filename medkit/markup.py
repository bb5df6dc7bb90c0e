r"""A sheet of tables as plain text, as HTML and as LaTeX; it knows nothing of what the numbers mean.

>>> rows = (("50", "90.5", "51 [46, 56]"),)
>>> table = Table("Table 4 · accuracy, %", ("CNN",), ("paper", "measured"), rows, ("n = 90",))
>>> sheet = Sheet(("Tables of a small run",), "", (table,), ("5 % of this is made up.",))
>>> print(as_text(sheet))
Tables of a small run
<BLANKLINE>
Table 4 · accuracy, %
                      CNN
epoch  paper     measured
-------------------------
   50   90.5  51 [46, 56]
· n = 90
<BLANKLINE>
· 5 % of this is made up.
>>> print(*as_latex(sheet).splitlines()[-3:], sep="\n")
\begin{itemize}
\item 5 \% of this is made up.
\end{itemize}
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Table:
    """One table, all of its cells text.

    Args:
        caption: what stands above it.
        groups: such as models; each spans as many columns as `heads` has.
        heads: of the columns in each group.
        rows: first what the row is called, then one cell for each head of each group.
        notes: what stands below it, a line each.
        stub: the head of the first column.
    """

    caption: str
    groups: tuple[str, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    stub: str = "epoch"

    def __post_init__(self):
        width = 1 + len(self.groups) * len(self.heads)
        for row in self.rows:
            if len(row) != width:
                raise ValueError(f"rows must have {width} cells each, got {len(row)}; give one for each head")


@dataclass(frozen=True)
class Sheet:
    """Tables that belong together. A notebook shows it as HTML, `print` as text.

    Args:
        title: lines above all; warning: why not to trust any of it, or "".
        tables: one or more.
        notes: what must be known to read them.
    """

    title: tuple[str, ...]
    warning: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)


# ---- plain text


def as_text(sheet: Sheet) -> str:
    """Return the sheet in plain text, its columns aligned, each note behind a dot."""
    lines = [*sheet.title, *([sheet.warning] if sheet.warning else [])]
    for table in sheet.tables:
        lines += ["", table.caption, *_aligned(table), *(f"· {note}" for note in table.notes)]
    return "\n".join([*lines, "", *(f"· {note}" for note in sheet.notes)])


def _aligned(table: Table) -> list[str]:
    """Pad all cells of a column to one width; a rule stands under the two lines of the head."""
    empty = [""] * (len(table.heads) - 1)
    over = ["", *(cell for group in table.groups for cell in (*empty, group))]
    cells = [over, [table.stub, *table.heads * len(table.groups)], *table.rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    text = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in cells]
    return [text[0], text[1], "-" * len(text[0]), *text[2:]]


# ---- HTML

# No colour of our own for ink or ground: both are the page's, whichever theme it has.
STYLE = (
    ".medkit-sheet table{border-collapse:collapse;margin:1.2em 0 0.3em}"
    ".medkit-sheet caption{text-align:left;font-weight:bold;padding:0.3em 0}"
    ".medkit-sheet th,.medkit-sheet td{text-align:right;padding:0.2em 0.7em;white-space:nowrap;"
    "border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,0.5))}"
    ".medkit-sheet thead th[scope=colgroup]{text-align:center}"
    ".medkit-sheet .wide{overflow-x:auto}"
    ".medkit-sheet .notes{border-top:2px solid var(--jp-border-color1,rgba(128,128,128,0.8))}"
    ".medkit-sheet .warning{border-left:0.4em solid var(--jp-error-color1,currentColor);padding-left:0.6em}"
)


def as_html(sheet: Sheet) -> str:
    """Return the sheet as a piece of HTML for a notebook or a page; all text is escaped."""
    first, *others = map(escape, sheet.title)
    title = "<br>".join([f"<strong>{first}</strong>", *others])
    warning = f'<p class="warning" role="alert"><strong>{escape(sheet.warning)}</strong></p>' if sheet.warning else ""
    tables = "".join(map(_html_table, sheet.tables))
    notes = f'<div class="notes">{_html_list(sheet.notes)}</div>'
    return f'<section class="medkit-sheet"><style>{STYLE}</style><p>{title}</p>{warning}{tables}{notes}</section>'


def html_page(sheet: Sheet) -> str:
    """Return the sheet as a whole HTML file, which is light or dark as the reader's browser is."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="color-scheme" content="light dark"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(sheet.title[0])}</title><style>body{{font-family:sans-serif;margin:1.5em}}</style></head>\n"
        f"<body>{as_html(sheet)}</body></html>\n"
    )


def _html_table(table: Table) -> str:
    span = len(table.heads)
    columns = "<colgroup><col></colgroup>" + f'<colgroup span="{span}"></colgroup>' * len(table.groups)
    over = "".join(f'<th scope="colgroup" colspan="{span}">{escape(group)}</th>' for group in table.groups)
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.heads) * len(table.groups)
    rows = (
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
        for name, *cells in table.rows
    )
    return (
        f'<div class="wide" tabindex="0"><table><caption>{escape(table.caption)}</caption>{columns}'
        f'<thead><tr><th scope="col" rowspan="2">{escape(table.stub)}</th>{over}</tr><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{_html_list(table.notes)}"
    )


def _html_list(notes: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""


# ---- LaTeX

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "_": r"\_", "#": r"\#", "$": r"\$",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "[": "{[}", "*": "{*}",  # the last two mean something after a row's \\
    "·": r"\ensuremath{\cdot}", "±": r"\ensuremath{\pm}", "×": r"\ensuremath{\times}", "²": r"\ensuremath{^2}",
    "³": r"\ensuremath{^3}", "−": r"\ensuremath{-}", "≥": r"\ensuremath{\ge}", "≤": r"\ensuremath{\le}",
    "√": r"\ensuremath{\surd}", "Δ": r"\ensuremath{\Delta}", "Σ": r"\ensuremath{\Sigma}",
    "σ": r"\ensuremath{\sigma}", "µ": r"\ensuremath{\mu}", "μ": r"\ensuremath{\mu}", "°": r"\ensuremath{^\circ}",
    "→": r"\ensuremath{\to}", "…": r"\ldots{}", "–": "--", "—": "---", "’": "'", "‘": "`", "“": "``", "”": "''",
    "«": "``", "»": "''",
}  # fmt: skip


def as_latex(sheet: Sheet) -> str:
    r"""Return the sheet for `\input` in a LaTeX document that uses booktabs and graphicx.

    A table that is wider than the text is scaled down to it, which is what graphicx is for.
    """
    lines = ["% In the preamble: \\usepackage{booktabs,graphicx}; here: \\input this file."]
    lines += [r"\noindent " + r"\\ ".join(map(latex, sheet.title)) + r"\par"]
    if sheet.warning:
        lines.append(rf"\noindent \textbf{{{latex(sheet.warning)}}}\par")
    for table in sheet.tables:
        lines += _latex_table(table)
    return "\n".join([*lines, *_latex_list(sheet.notes)]) + "\n"


def latex(text: str) -> str:
    r"""Return text that LaTeX prints as it stands.

    Letters of Latin-1, which every LaTeX since 2018 reads, stay; what pdfTeX might not know, and
    would stop at, becomes its number.

    >>> print(latex("50 % of lung_2 & brain: ± 3 · 雪"))
    50 \% of lung\_2 \& brain: \ensuremath{\pm} 3 \ensuremath{\cdot} \texttt{U+96EA}
    """
    return "".join(LATEX.get(letter) or _plain(letter) for letter in " ".join(text.split()))


def _plain(letter: str) -> str:
    known = " " <= letter <= "~" or ("À" <= letter <= "ÿ" and letter not in "×÷ÐðÞþ")
    return letter if known else rf"\texttt{{U+{ord(letter):04X}}}"


def _latex_table(table: Table) -> list[str]:
    span, count = len(table.heads), len(table.groups)
    over = (rf"\multicolumn{{{span}}}{{c}}{{{latex(group)}}}" for group in table.groups)
    rules = (rf"\cmidrule(lr){{{2 + span * i}-{1 + span * (i + 1)}}}" for i in range(count))
    heads = [table.stub, *table.heads * count]
    return [
        r"\begin{table}[htbp]",
        r"\centering\small",
        rf"\caption{{{latex(table.caption)}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{r{'r' * span * count}}}",
        r"\toprule",
        rf" & {' & '.join(over)} \\",
        "".join(rules),
        *(rf"{' & '.join(map(latex, row))} \\" for row in [heads]),
        r"\midrule",
        *(rf"{' & '.join(map(latex, row))} \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}}",
        *_latex_list(table.notes),
        r"\end{table}",
    ]


def _latex_list(notes: tuple[str, ...]) -> list[str]:
    return [r"\begin{itemize}", *(rf"\item {latex(note)}" for note in notes), r"\end{itemize}"] if notes else []
