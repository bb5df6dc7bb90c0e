"""Tables as text, HTML and LaTeX: the same cells, all of them escaped, and nothing that breaks a page."""

import re
from html.parser import HTMLParser

import pytest

from medkit.markup import Sheet, Table, as_html, as_latex, as_text, html_page, latex

pytestmark = pytest.mark.filterwarnings("error")
HOSTILE = r'<script>alert("1")</script> & 50 % of a_b #1 $x^2$ ~ \input{/etc/passwd} [ ] * | ± · ² × µ σ → 雪 é'


def a_table(cell="51.2 [46.0, 56.1]", notes=("n = 90", "baseline: 5 %")):
    return Table("Table 4 · accuracy, %", ("CNN", "U-Net"), ("paper", "measured"), (("2", "85.2", cell, "87.6", "none"),
        ("10", "90.5", cell, "92.4", "none")), notes)  # fmt: skip


def a_sheet(**changes):
    parts = {"title": ("Tables", "made up"), "warning": "", "tables": (a_table(), a_table()), "notes": ("one", "two")}
    return Sheet(**parts | changes)


class Page(HTMLParser):
    """Reads a page and fails on tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("br", "col", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def broken(tex):
    """Say what LaTeX would stop at: environments, braces, columns of a table, letters that mean something."""
    faults, there = [], []
    body = "\n".join(line for line in tex.splitlines() if not line.startswith("%"))
    for kind, name in re.findall(r"\\(begin|end){(\w+)}", body):
        if kind == "begin":
            there.append(name)
        elif not there or there.pop() != name:
            faults.append(f"{name} ends where another began")
    plain = re.sub(r"\\[\\{}%&_#$]", "", body)
    depth = 0
    for letter in plain:
        depth += (letter == "{") - (letter == "}")
        faults += ["a brace too many"] if depth < 0 else []
    faults += ["open braces"] if depth else []
    faults += [f"bare {found}" for found in re.findall(r"[#$^_~]", re.sub(r"\\ensuremath{\^(2|3|\\circ)}", "", plain))]
    faults += ["% hides the rest of a line"] if re.search(r"%.", plain) else []
    faults += [f"unknown letter {found}" for found in re.findall(r"[^\x00-\x7fÀ-ÿ]|[×÷ÐðÞþ]", body)]
    for table in re.findall(r"\\begin{tabular}{(r+)}(.*?)\\end{tabular}", body, re.DOTALL):
        for row in re.findall(r"^(.*) \\\\$", table[1], re.MULTILINE):
            wide = sum(int(n) - 1 for n in re.findall(r"\\multicolumn{(\d)}", row))
            cells = len(re.findall(r"(?<!\\)&", row)) + 1 + wide
            faults += [f"{cells} cells for {len(table[0])} columns"] if cells != len(table[0]) else []
    return faults + there + re.findall(r"\\\\\s*[\[*].*", body)


# --- text -------------------------------------------------------------------------------------


def test_text_aligns_columns_and_keeps_all():
    lines = as_text(a_sheet(warning="LEAKY")).splitlines()
    assert lines[:4] == ["Tables", "made up", "LEAKY", ""] and lines[-2:] == ["· one", "· two"]
    start = lines.index("Table 4 · accuracy, %")
    head, rule, *rows = lines[start + 2], lines[start + 3], *lines[start + 4 : start + 6]
    assert head.split() == ["epoch", *["paper", "measured"] * 2] and set(rule) == {"-"}
    assert len({len(line) for line in lines[start + 1 : start + 6]}) == 1
    assert rows[0].split() == ["2", "85.2", "51.2", "[46.0,", "56.1]", "87.6", "none"]
    assert lines[start + 6 : start + 8] == ["· n = 90", "· baseline: 5 %"]
    assert str(a_sheet()) == as_text(a_sheet())


def test_edge_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="rows must have 3 cells each, got 2"):
        Table("", ("CNN",), ("paper", "measured"), (("2", "85.2"),), ())


# --- HTML -------------------------------------------------------------------------------------


def test_html_nests_and_names_what_each_head_is_for():
    page = Page(as_html(a_sheet()))
    assert len(page.all("table")) == len(page.all("caption")) == 2
    scopes = [head.get("scope") for head in page.all("th")]
    assert None not in scopes and {s: scopes.count(s) for s in set(scopes)} == {"col": 10, "colgroup": 4, "row": 4}
    assert [group["span"] for group in page.all("colgroup") if "span" in group] == ["2"] * 4
    assert len(page.all("li")) == 2 + 2 * 2 and "51.2 [46.0, 56.1]" in page.words
    assert Page(html_page(a_sheet())).all("meta")[0] == {"charset": "utf-8"}
    assert a_sheet()._repr_html_() == as_html(a_sheet())


def test_the_reader_of_html_can_fail():
    for text in ("<p><b></p></b>", "<table>", "</td>"):
        with pytest.raises(AssertionError):
            Page(text)


@pytest.mark.parametrize("where", ["title", "warning", "cell", "note", "end"])
def test_html_escapes_whatever_it_is_given(where):
    table = a_table(cell=HOSTILE if where == "cell" else "1", notes=(HOSTILE if where == "note" else "n",))
    changes = {"tables": (table,), "title": (HOSTILE,) if where == "title" else ("t", "u")}
    changes |= {"warning": HOSTILE if where == "warning" else "", "notes": (HOSTILE,) if where == "end" else ("n",)}
    page = Page(html_page(a_sheet(**changes)))
    assert HOSTILE in page.words and not page.all("script")


def test_html_has_no_ground_or_ink_of_its_own():
    text = html_page(a_sheet(warning="LEAKY"))
    assert "background" not in text and not re.search(r"(?<![-\w])color\s*:", text)
    assert not re.search(r"var\(--jp-[\w-]+\)", text), "a theme's colour needs another for where there is no theme"
    assert text.count("var(--jp-") == len(re.findall(r"var\(--jp-[\w-]+,", text)) >= 3
    assert '<meta name="color-scheme" content="light dark">' in text
    assert re.search(r'role="alert"><strong>LEAKY<', text) and "role" not in html_page(a_sheet())


# --- LaTeX ------------------------------------------------------------------------------------


def test_latex_is_whole_and_uses_booktabs():
    tex = as_latex(a_sheet(warning="LEAKY"))
    assert not broken(tex)
    assert all(tex.count(rule) == 2 for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert r"2 & 85.2 & 51.2 {[}46.0, 56.1] & 87.6 & none \\" in tex and r"accuracy, \%" in tex
    assert r"\textbf{LEAKY}" in tex and r"\cmidrule(lr){2-3}\cmidrule(lr){4-5}" in tex
    assert not broken(as_latex(a_sheet(notes=(), tables=(a_table(notes=()),)))) and "itemize" in tex


@pytest.mark.parametrize("where", ["title", "warning", "cell", "note", "end"])
def test_latex_escapes_whatever_it_is_given(where):
    table = a_table(cell=HOSTILE if where == "cell" else "1", notes=(HOSTILE if where == "note" else "n",))
    changes = {"tables": (table,), "title": ("t", HOSTILE) if where == "title" else ("t",)}
    changes |= {"warning": HOSTILE if where == "warning" else "", "notes": (HOSTILE,) if where == "end" else ("n",)}
    tex = as_latex(a_sheet(**changes))
    assert not broken(tex) and r"\input{" not in tex and r"\textbackslash{}input\{" in tex


@pytest.mark.parametrize("text", ["[1] first", "* star"])
def test_what_would_be_an_argument_of_a_new_row_is_braced(text):
    assert latex(text).startswith("{" + text[0] + "}")


def test_no_letter_stops_latex():
    letters = "".join(map(chr, range(1, 0x3000)))
    assert not broken(latex(letters.replace("\n", ""))) and latex("雪\n\tx") == r"\texttt{U+96EA} x"


@pytest.mark.parametrize("tex", [
    r"\begin{table}", r"\end{table}", "{", "}", "þ", "50 % of", "a_b", "x^2", "#1", "$", "~", "雪", "α", "a \\\\\n[1cm]",
    "\\begin{tabular}{rr}\n1 & 2 & 3 \\\\\n\\end{tabular}", "\\begin{tabular}{rr}\n1 \\\\\n\\end{tabular}",
])  # fmt: skip
def test_the_check_of_latex_can_fail(tex):
    assert broken(tex)
