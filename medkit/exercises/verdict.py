"""What a check says: one of four outcomes, as plain text and as HTML for light and dark themes."""

from __future__ import annotations

import enum
import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field


class Outcome(enum.Enum):
    """The four answers of a check: word, symbol, JupyterLab's colour, colour elsewhere.

    The word and the symbol say it all; colour only helps.
    """

    NOT_ATTEMPTED = ("not attempted", "○", "--jp-info-color1", "#1e88e5")
    NOT_YET = ("not yet", "✗", "--jp-warn-color1", "#ef6c00")
    RAISED = ("it raised", "!", "--jp-error-color1", "#e53935")
    PASSED = ("passed", "✓", "--jp-success-color1", "#43a047")

    @property
    def word(self) -> str:
        return self.value[0]

    @property
    def symbol(self) -> str:
        return self.value[1]

    @property
    def colour(self) -> str:
        return f"var({self.value[2]}, {self.value[3]})"


@dataclass(frozen=True)
class Verdict:
    """What judging one answer found.

    Args:
        outcome: one of the four.
        message: what to tell the student, one or two sentences.
        mistake: the name of a known mistake, None where it is not one.
        details: (caption, text) pairs: input, expected, yours; or the line that raised.
        picture: draws the same as an HTML figure; called only where HTML is asked for.
    """

    outcome: Outcome
    message: str
    mistake: str | None = None
    details: tuple[tuple[str, str], ...] = ()
    picture: Callable[[], str] | None = field(default=None, compare=False, repr=False)

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASSED


@dataclass(frozen=True)
class Card:
    """A titled note with a coloured left border; shows itself in a notebook and, without `picture`, in a terminal."""

    title: str
    colour: str
    paragraphs: tuple[str, ...]
    details: tuple[tuple[str, str], ...] = ()
    code: str = ""
    picture: Callable[[], str] | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        lines = [self.title, *self.paragraphs]
        for caption, text in self.details:
            inline = "\n" not in text
            lines.append(f"{caption}: {text}" if inline else f"{caption}:\n{_indent(text)}")
        if self.code:
            lines.append(_indent(self.code))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        body = "".join(f'<div style="margin-top:4px">{_inline(text)}</div>' for text in self.paragraphs)
        boxes = "".join(
            f'<div><div style="{_FAINT}">{html.escape(caption)}</div>{_preformatted(text)}</div>'
            for caption, text in self.details
        )
        if boxes:
            body += f'<div style="display:flex;flex-wrap:wrap;gap:4px 24px;margin-top:6px">{boxes}</div>'
        if self.picture:
            body += self.picture()
        if self.code:
            body += _preformatted(self.code)
        return (
            f'<div class="medkit-card" style="border-left:4px solid {self.colour};padding:4px 12px;'
            f'margin:4px 0;color:{_INK}"><div><b>{html.escape(self.title)}</b></div>{body}</div>'
        )


@dataclass(frozen=True, repr=False)
class Feedback:
    """A verdict on one exercise, ready to be shown.

    `passed`, `outcome` and `mistake` can be asked; `notes` are sentences about the record, such as
    that it could not be saved.
    """

    exercise_id: str
    title: str
    verdict: Verdict
    notes: tuple[str, ...] = field(default=())

    @property
    def outcome(self) -> Outcome:
        return self.verdict.outcome

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    @property
    def mistake(self) -> str | None:
        return self.verdict.mistake

    @property
    def card(self) -> Card:
        outcome = self.outcome
        named = (f"Known mistake: «{self.mistake}».",) if self.mistake else ()
        return Card(
            title=f"{outcome.symbol} {outcome.word} · {self.exercise_id} {self.title}",
            colour=outcome.colour,
            paragraphs=named + (self.verdict.message,) + self.notes,
            details=self.verdict.details,
            picture=self.verdict.picture,
        )

    def __repr__(self) -> str:
        return repr(self.card)

    def _repr_html_(self) -> str:
        return self.card._repr_html_()


def table_html(caption: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return rows of text as an HTML table that takes its colours from the theme."""
    cell = "text-align:left;padding:2px 12px 2px 0"
    titles = "".join(f'<th scope="col" style="{cell}">{html.escape(text)}</th>' for text in head)
    lines = "".join(
        "<tr>" + "".join(f'<td style="{cell}">{html.escape(text)}</td>' for text in row) + "</tr>"
        for row in rows
    )
    return (
        f'<table style="color:{_INK}"><caption style="text-align:left">{html.escape(caption)}</caption>'
        f"<thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"
    )


def table_text(caption: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return rows of text as aligned columns."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join([caption, *lines])


_INK = "var(--jp-content-font-color1, inherit)"
_FAINT = "color:var(--jp-content-font-color2, inherit);font-size:90%"


def _preformatted(text: str) -> str:
    return f'<pre style="margin:2px 0;color:inherit;background:none">{html.escape(text)}</pre>'


def _inline(text: str) -> str:
    """Escape, then turn `code` into <code>: what a student wrote can never become markup."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text))


def _indent(text: str) -> str:
    return "\n".join("    " + line if line else line for line in text.splitlines())
