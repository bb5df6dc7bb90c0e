"""The ledger of verdicts, as plain text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from html import escape

from medkit.claims.names import short
from medkit.claims.questions import COMMON
from medkit.claims.verdict import VERDICTS, Verdict

WIDTH = 100  # columns
NONE_YET = "no verdict yet"
HEADS = ("claim", "verdict", "why")
STYLE = (
    ".medkit-claims table{border-collapse:collapse;width:100%;table-layout:fixed}"
    ".medkit-claims caption{text-align:left;padding:0.3em 0.7em}"
    ".medkit-claims th:nth-child(1){width:30%}.medkit-claims th:nth-child(2){width:8.5em}"
    ".medkit-claims summary{cursor:pointer}.medkit-claims li{overflow-wrap:anywhere}"
    ".medkit-claims small{font-weight:normal}"
    ".medkit-claims th,.medkit-claims td{text-align:left!important;vertical-align:top!important;padding:0.3em 0.7em;"
    "border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,0.5))}"
)  # no colour for ink or ground: both are the page's, whichever theme it has


def render(verdicts: Sequence[Verdict], left_out: Sequence[str] = ()) -> str:
    """Return the ledger as plain text, no line longer than `WIDTH`.

    Args:
        verdicts: from `medkit.claims.ledger`.
        left_out: sentences on records that count for nothing, from `gather`.
    """
    heading = ["\n".join(_wrapped([sentence])) for sentence in (counted(verdicts), COMMON)]
    blocks = [*heading, *map(_block, verdicts)]
    if left_out:
        blocks.append("\n".join(["Records that no verdict rests on:", *_wrapped(left_out, "· ", "  ")]))
    return "\n\n".join(blocks)


def counted(verdicts: Sequence[Verdict]) -> str:
    """Say how many claims have which verdict.

    >>> counted([])
    '0 claims'
    """
    found = [(word or NONE_YET, sum(v.verdict == word for v in verdicts)) for word in (*VERDICTS, None)]
    numbers = ", ".join(f"{number} {word}" for word, number in found if number)
    return f"{len(verdicts)} claims" + (f": {numbers}" if numbers else "")


def html(verdicts: Sequence[Verdict], left_out: Sequence[str] = ()) -> str:
    """Return the ledger as a piece of HTML for a notebook; all text is escaped. Arguments: as `render`."""
    head = "".join(f'<th scope="col">{name}</th>' for name in HEADS)
    rows = "".join(map(_row, verdicts))
    items = "".join(f"<li>{escape(line)}</li>" for line in left_out)
    rest = f"<details><summary>Records that no verdict rests on</summary><ul>{items}</ul></details>" if items else ""
    return (
        f'<section class="medkit-claims"><style>{STYLE}</style><table>'
        f"<caption>{escape(counted(verdicts))}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
        f"</table><p>{escape(COMMON)}</p>{rest}</section>"
    )


def _block(verdict: Verdict) -> str:
    """Return a claim's lines: its id and verdict, then each part behind its name."""
    parts = {
        "claim": [verdict.says],
        "test": [verdict.test],
        "why": [verdict.why],
        "real": verdict.real.splitlines(),
        "phantom": verdict.phantom.splitlines(),
        "records": short(verdict.records),
    }
    lines = [f"{verdict.id:<4} {verdict.verdict or NONE_YET}"]
    for name, said in parts.items():
        inside = _wrapped(said, later="  ", width=WIDTH - 14)
        lines += [f"     {name if number == 0 else '':<8} {line}" for number, line in enumerate(inside or ["-"])]
    return "\n".join(lines)


def _wrapped(sentences: Sequence[str], first: str = "", later: str = "", width: int = WIDTH) -> list[str]:
    """Fold sentences into lines; a command between backticks stays whole, to be copied."""
    wrap = textwrap.TextWrapper(width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)
    tied = [re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\u00a0"), one) for one in sentences]
    return [line.replace("\u00a0", " ") for one in tied for line in wrap.wrap(one)]


def _row(verdict: Verdict) -> str:
    word = f"<strong>{escape(verdict.verdict or NONE_YET)}</strong>"
    claim = f"{escape(verdict.id)}: {escape(verdict.says)}<br><small>Test: {escape(verdict.test)}</small>"
    why = escape(verdict.why) + _opened(verdict)
    return f'<tr><th scope="row">{claim}</th><td>{word}</td><td>{why}</td></tr>'


def _opened(verdict: Verdict) -> str:
    """Return the numbers behind a verdict, closed until the reader opens them: they fill pages."""
    said = {
        "real images": verdict.real.splitlines(),
        "phantoms": verdict.phantom.splitlines(),
        "records": short(verdict.records),
    }
    there = {name: lines for name, lines in said.items() if lines}
    if not there:
        return ""
    lists = "".join(
        f"<p>{name}</p><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" for name, lines in there.items()
    )
    return f"<details><summary>{', '.join(there)} behind {escape(verdict.id)}</summary>{lists}</details>"
