"""What a training run leaves behind beside the weights: a row for each epoch, and what was unusual."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class History:
    """The rows of a training run, one for each epoch; it iterates, counts and indexes like their list.

    Args:
        rows: epoch, loss, label, dice, bce (means over images as they were met, while the weights
            moved; dice and bce None without masks), seconds, and what `on_epoch` returned.
        notes: what else a reader of the record has to know, such as a batch that was halved.
        best: {"epoch": ..., NAME: ...} where the run kept its best weights by NAME.

    >>> print(History([{"epoch": 1, "loss": 2.5, "dice": None}, {"epoch": 2, "loss": 0.125, "dice": 0.5}]))
    epoch   loss   dice
        1  2.500      -
        2  0.125  0.500
    """

    rows: list[dict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    best: dict | None = None

    def __iter__(self) -> Iterator[dict]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]

    def column(self, name: str) -> list:
        """Return one number of all epochs; None where an epoch has none.

        Raises:
            KeyError: no epoch has it; the message lists what there is.
        """
        if not any(name in row for row in self.rows):
            raise KeyError(f"name must be one of {', '.join(self._names())}, got {name!r}; see History.rows")
        return [row.get(name) for row in self.rows]

    def note(self, text: str) -> None:
        """Keep a remark, once."""
        if text not in self.notes:
            self.notes.append(text)

    def __str__(self) -> str:
        table = self._cells()
        wide = [max(map(len, column)) for column in zip(*table)]
        lines = ["  ".join(cell.rjust(w) for cell, w in zip(line, wide)).rstrip() for line in table]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        head, *body = self._cells()
        rows = [_html_row("th", head), *(_html_row("td", line) for line in body)]
        notes = "".join(f"<p>Note: {html.escape(note)}</p>" for note in self.notes)
        return f"<table>{''.join(rows)}</table>{notes}"

    def _names(self) -> list[str]:
        """Name the columns that a table can hold: numbers, or nothing."""
        names = {name: None for row in self.rows for name in row}
        shown = (int, float, type(None))
        return [name for name in names if all(isinstance(row.get(name), shown) for row in self.rows)]

    def _cells(self) -> list[list[str]]:
        names = self._names()
        return [names, *([_cell(row.get(name)) for name in names] for row in self.rows)]


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _html_row(kind: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in cells) + "</tr>"
