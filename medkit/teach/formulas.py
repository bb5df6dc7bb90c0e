"""Formulas of a page as MathML, which browsers set by themselves: no script, no font, no network.

MathJax can't be had offline from what the course installs, and pictures of formulas can be neither
searched nor read aloud. Formulas are taken out of the Markdown before it is converted, for `_` and `*`
mean something else there, and put back afterwards.
"""

from __future__ import annotations

import re
from html import escape

from latex2mathml.converter import convert

FORMULA = re.compile(
    r"(?P<code>(?P<fence>^ *(`{3,}|~{3,})).*?(?P=fence)|(?P<tick>`+)(?!`).+?(?<!`)(?P=tick)(?!`))"
    r"|\$\$(?P<block>.+?)\$\$"
    r"|(?<![\\$])\$(?!\s)(?P<line>[^$\n`]+?)(?<![\s\\])\$(?![\d$])",
    re.DOTALL | re.MULTILINE,
)
MARK = "xxformula{}xx"
TAG = re.compile(r"\\tag\{([^{}]*)\}")
SIZES = re.compile(r"\\[bB]igg?[lr]?(?=[()\[\]|])")  # MathML stretches brackets by itself
STYLE = """
math{font-size:1.08em}.equation{display:flex;align-items:center;margin:.6em 0;padding:.5em 0;overflow-x:auto}
.equation math{flex:1;margin:0}.equation .tag{padding-left:1em}
"""


def taken_out(markdown: str, found: list[str]) -> str:
    """Replace every formula by a mark, and add its HTML to `found`; code stays as it is."""

    def replace(match: re.Match) -> str:
        if match["code"]:
            return match[0]
        found.append(block(match["block"]) if match["block"] else inline(match["line"]))
        return MARK.format(len(found) - 1)

    return FORMULA.sub(replace, markdown)


def put_back(html: str, found: list[str]) -> str:
    """Replace the marks by formulas; a block that fills a paragraph takes its place."""

    def formula(match: re.Match) -> str:
        return found[int(match[1])]

    html = re.sub(r'(?:id|href)="[^"]*xxformula[^"]*"', "", html)  # anchors of headings with a formula
    html = re.sub(r"<p>\s*" + MARK.format(r"(\d+)") + r"\s*</p>", formula, html)
    return re.sub(MARK.format(r"(\d+)"), formula, html)


def inline(latex: str) -> str:
    r"""Return a formula within a line.

    >>> print(inline("x"))
    <math alttext="x" xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><mi>x</mi></mrow></math>
    """
    return _mathml(latex, "inline")


def block(latex: str) -> str:
    r"""Return a formula on a line of its own, its `\tag` as a number beside it."""
    tag = TAG.search(latex)
    number = f'<span class="tag">({escape(tag[1])})</span>' if tag else ""
    return f'<div class="equation" tabindex="0">{_mathml(TAG.sub("", latex).strip(), "block")}{number}</div>'


def _mathml(latex: str, display: str) -> str:
    """Convert; what the converter does not know is shown as it is written, which loses nothing."""
    try:
        plain = SIZES.sub("", latex).replace("{aligned}", "{align*}").replace(r"\%", "%")
        found = convert(plain, display=display)
    except Exception:  # the converter has a dozen errors of its own, and IndexError besides
        return f"<code>{escape(latex)}</code>"
    if re.search(r"\\|<m[io]>&<", found):  # a command or a place that it passed over
        return f"<code>{escape(latex)}</code>"
    return found.replace("<math ", f'<math alttext="{escape(latex)}" ', 1)
