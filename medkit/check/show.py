"""A report as text, as HTML for a notebook, and as a page.

Names come from the reader's disk: what can't be printed becomes «?», and HTML is escaped. No name is
written into a picture.
"""

from __future__ import annotations

from collections import defaultdict
from html import escape

from matplotlib.axes import Axes

from medkit import figure
from medkit.data.listing import Fault
from medkit.check.looking import Look

MANY = 10  # of one kind; the rest is counted
IN_A_ROW, ROWS = 6, 8  # thumbnails of a class; classes
PAIRS = 3  # twins that are shown side by side
MARKS = {True: ("✗", "stops training"), False: ("!", "worth a look")}


def plain(text: str) -> str:
    r"""Return text on one line that a terminal and a browser show as it is.

    >>> plain("a\nb\x1b[31m \u202egnp.exe")
    'a?b?[31m ?gnp.exe'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def summary(report) -> str:
    """Return one sentence: how much stops training, how much is worth a look."""
    stop = sum(fault.stops for fault in report.faults)
    rest = len(report.faults) - stop
    if not report.faults:
        return "Nothing is off."
    first = f"{stop} thing{'s' * (stop != 1)} must be mended before training" if stop else "Nothing stops training"
    return f"{first}; {rest} {'is' if rest == 1 else 'are'} worth a look."


def _by_kind(report) -> dict[tuple[bool, str], list[Fault]]:
    kinds: dict[tuple[bool, str], list[Fault]] = defaultdict(list)
    for fault in report.faults:
        kinds[fault.stops, fault.kind].append(fault)
    return kinds


# ---- text


def as_text(report) -> str:
    """Return facts, then faults by kind, ten of each at most."""
    lines = [f"check of {plain(report.title)}", ""]
    lines += [f"  {what:<12} {plain(said)}" for what, said in report.facts]
    for (stops, kind), faults in _by_kind(report).items():
        mark, says = MARKS[stops]
        lines += ["", f"{mark} {kind} ({len(faults)}, {says})"]
        for number, fault in enumerate(faults[:MANY], 1):
            lines.append(f"    {plain(f'{fault.name} {fault.what}')}")
            if number == min(MANY, len(faults)) or faults[number].fix != fault.fix:  # one remedy for those above it
                lines.append(f"      -> {plain(fault.fix)}")
        if len(faults) > MANY:
            lines.append(f"    and {len(faults) - MANY} more; --html FILE lists all")
    return "\n".join([*lines, "", summary(report)])


# ---- HTML

STYLE = (
    ".medkit-check table{border-collapse:collapse;margin:0.4em 0 1em}"
    ".medkit-check.medkit-check :is(th,td){text-align:left;"  # twice: JupyterLab's own tables are aligned to the right
    "vertical-align:top;padding:0.2em 0.9em 0.2em 0;"
    "border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,0.5));overflow-wrap:anywhere}"
    ".medkit-check details{margin:0.4em 0;padding-left:0.7em;border-left:0.3em solid var(--jp-warn-color1,#c98a1b)}"
    ".medkit-check details.stops{border-left-color:var(--jp-error-color1,#d0483f)}"
    ".medkit-check summary{cursor:pointer;font-weight:bold}"
    ".medkit-check li{overflow-wrap:anywhere}.medkit-check ul,.medkit-check p{margin:0.2em 0}"
)


def as_html(report) -> str:
    """Return the report with thumbnails, as a piece of HTML in the reader's own colours, light or dark."""
    facts = "".join(f'<tr><th scope="row">{_said(what)}</th><td>{_said(said)}</td></tr>' for what, said in report.facts)
    faults = "".join(_html_kind(kind, stops, some) for (stops, kind), some in _by_kind(report).items())
    return (
        f'<section class="medkit-check"><style>{STYLE}</style><p><strong>Check of {_said(report.title)}.</strong> '
        f"{_said(summary(report))}</p><table>{facts}</table>{faults}{''.join(_classes(report))}{''.join(_twins(report))}</section>"
    )


def html_page(report) -> str:
    """Return the report as a whole HTML file."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Check of {_said(report.title)}</title><style>body{{font-family:sans-serif;margin:1.5em}}</style></head>\n"
        f"<body>{as_html(report)}</body></html>\n"
    )


def _said(text: str) -> str:
    return escape(plain(text))


def _html_kind(kind: str, stops: bool, faults: list[Fault]) -> str:
    mark, says = MARKS[stops]
    remedies = list(dict.fromkeys(fault.fix for fault in faults))
    one_for_all = f"<p>→ {_said(remedies[0])}</p>" if len(remedies) == 1 else ""
    items = "".join(
        f"<li><strong>{_said(fault.name)}</strong> {_said(fault.what)}{'' if one_for_all else f' → {_said(fault.fix)}'}</li>" for fault in faults
    )
    opened = " open" if len(faults) <= MANY else ""
    return (
        f'<details class="{"stops" if stops else "look"}"{opened}><summary>{mark} {_said(kind)}: {len(faults)}, {says}</summary>'
        f"<ul>{items}</ul>{one_for_all}</details>"
    )


def _classes(report) -> list[str]:
    """Return a row of thumbnails for each class, evenly picked from its files."""
    rows = []
    for label, name in enumerate(report.listing.classes[:ROWS] if not report.listing.by_mask else ("all",)):
        looks = [look for look in report.looks if report.listing.by_mask or look.item.label == label]
        count = min(len(looks), IN_A_ROW)
        some = [looks[k * len(looks) // count] for k in range(count)]
        if some:
            rows.append(_row(some, f"{name}: {len(some)} of {len(looks)} files"))
    return rows


def _twins(report) -> list[str]:
    by_name = {look.item.name: look for look in report.looks}
    pairs = [fault for fault in report.faults if fault.pair][:PAIRS]
    return [_row([by_name[name] for name in fault.pair], fault.kind) for fault in pairs]


def _row(looks: list[Look], what: str) -> str:
    picture = figure.row(*(_panel(look, str(number)) for number, look in enumerate(looks, 1)), inches=1.7)
    names = ", ".join(f"{number} {look.item.name}" for number, look in enumerate(looks, 1))
    masks = "; the mask's outline is drawn" if any(look.mask is not None and look.mask.any() for look in looks) else ""
    volumes = "; of volumes the middle slice" if any(look.size[0] > 1 for look in looks) else ""
    return figure.as_html(
        picture, alt=plain(f"Thumbnails, {what}"), tier="real",
        caption=plain(f"{what}. {names}. Each from its darkest to its brightest value, made square{masks}{volumes}."),
    )  # fmt: skip


def _panel(look: Look, title: str) -> figure.Panel:
    """Return a panel of a thumbnail with its mask's outline, dashed, which no anatomy is."""
    image = look.thumb.numpy()

    def draw(axis: Axes) -> None:
        axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        if look.mask is not None and look.mask.any() and not look.mask.all():
            axis.contour(look.mask.numpy().astype(float), levels=[0.5], colors=[figure.ORANGE], linestyles="--", linewidths=1.4)
        axis.set_title(title, color=figure.INK, fontsize=10)
        axis.set_xlabel(f"{figure.short(look.low)} ... {figure.short(look.high)}", color=figure.INK, fontsize=8)
        axis.set_xticks([])
        axis.set_yticks([])

    return draw
