"""HTML pages that open from disk: light or dark as the reader's browser is, and nothing loaded from anywhere."""

from __future__ import annotations

from html import escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # no script, no request, whatever is inside
COLOURS = """
:root{color-scheme:light dark;--line:#c8c8c8;--faint:#5a5a5a;--ground:#fff;--ink:#1c1c1c;--link:#0b5cad;--field:#f4f4f4;
--jp-content-font-color1:var(--ink);--jp-content-font-color2:var(--faint);--jp-border-color1:var(--line);
--jp-border-color2:var(--line);--jp-info-color1:#1976d2;--jp-warn-color1:#c25700;--jp-error-color1:#d32f2f;
--jp-success-color1:#2e7d32;--jp-mirror-editor-keyword-color:#00701a;--jp-mirror-editor-def-color:#0000c8;
--jp-mirror-editor-number-color:#006e3c;--jp-mirror-editor-operator-color:#8a1fc4;
--jp-mirror-editor-string-color:#a31515;--jp-mirror-editor-comment-color:#3d6b6b}
@media (prefers-color-scheme:dark){:root{--line:#4a4a4a;--faint:#a8a8a8;--ground:#111;--ink:#e4e4e4;--link:#7ab8ff;
--field:#1d1d1d;--jp-info-color1:#64b5f6;--jp-warn-color1:#ffa45c;--jp-error-color1:#ff7b72;
--jp-success-color1:#81c784;--jp-mirror-editor-keyword-color:#7ee081;--jp-mirror-editor-def-color:#8ab4ff;
--jp-mirror-editor-number-color:#7fd6a8;--jp-mirror-editor-operator-color:#d7a6ff;
--jp-mirror-editor-string-color:#ffab9c;--jp-mirror-editor-comment-color:#9ab8b8}}
"""
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1rem 1.5rem 4rem;
background:var(--ground);color:var(--ink)}
a{color:var(--link)}h1,h2,h3{line-height:1.25}pre,code{font-family:ui-monospace,monospace;font-size:.9em}
pre{overflow-x:auto}table{border-collapse:collapse}caption{text-align:left;font-weight:bold;padding:.4em 0}
th,td{text-align:left;vertical-align:top;padding:.25em .8em .25em 0;border-bottom:1px solid var(--line)}
th.number,td.number{text-align:right;font-variant-numeric:tabular-nums}
caption{white-space:nowrap}section{margin:0 0 2rem}section p{margin:.4em 0}
.wide{overflow-x:auto;margin:0 0 1.8rem}.faint{color:var(--faint)}img{max-width:100%}
meter{width:8rem;height:.8rem;vertical-align:middle}
"""


def page(title: str, body: str, style: str = "") -> str:
    """Return a whole HTML file.

    Args:
        title: of the window; escaped.
        body: HTML.
        style: CSS for this page alone.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="color-scheme" content="light dark"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{COLOURS}{STYLE}{style}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )


def table(caption: str, head: list[str], rows: list[list[str]], numbers: frozenset[int] = frozenset()) -> str:
    """Return a table; its caption and head are text, its cells HTML.

    Args:
        numbers: columns that hold numbers, from 0.
    """

    def kind(column: int) -> str:
        return ' class="number"' if column in numbers else ""

    titles = "".join(f'<th scope="col"{kind(i)}>{escape(text)}</th>' for i, text in enumerate(head))
    lines = "".join(
        "<tr>" + "".join(f"<td{kind(i)}>{cell}</td>" for i, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return (
        f'<div class="wide" tabindex="0"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
