"""Solved notebooks and the course as pages: formulas without a script, links that lead on, nothing from outside."""

from __future__ import annotations

import importlib.util
import re
import urllib.parse
from pathlib import Path

import nbformat
import pytest

from medkit._check import MedkitInputError
from medkit.teach import course, formulas, main, site, solved

COURSE = course.course()


def markdown() -> list[tuple[str, str]]:
    pages = ((stem, page.notebook) for stem, page in COURSE.items())
    return [(stem, cell.source) for stem, notebook in pages for cell in notebook.cells if cell.cell_type == "markdown"]


# ---- formulas


def test_every_formula_of_the_course_becomes_mathml():
    failed, count = [], 0
    for stem, text in markdown():
        found: list[str] = []
        rest = re.sub(r"```.*?```|`[^`]+`", "", formulas.taken_out(text, found), flags=re.DOTALL)
        count += len(found)
        failed += [(stem, html) for html in found if "<math" not in html]
        failed += [(stem, line) for line in rest.splitlines() if "$" in line]
    assert count > 20 and failed == []


def test_formulas_of_equation_1_are_what_they_should_be():
    html = formulas.block(r"\frac{1}{n} \sum_{i=-k}^{k} x_i \tag{1}")
    assert '<span class="tag">(1)</span>' in html and "tag" not in re.sub(r"<span.*?</span>", "", html).replace(
        "tabindex", ""
    )
    assert "<mfrac>" in html and "<munderover>" in html and 'display="block"' in html
    assert html.count('alttext="\\frac{1}{n} \\sum_{i=-k}^{k} x_i"') == 1


@pytest.mark.parametrize("latex", [r"\nonsense{x}", r"a & b", r"\frac{1", "x_", r"<script>\b</script>"])
def test_what_the_converter_does_not_know_is_shown_as_it_is_written(latex):
    html = formulas.inline(latex)
    assert "<script" not in html and ("<code>" in html or "<math" in html)
    assert formulas.inline(r"\nonsense{x}") == r"<code>\nonsense{x}</code>"


def test_code_and_money_are_no_formulas():
    text = "`$a$` costs $5 or $6\n\n```\n$b$ $$c$$\n```\nand $x_1*y_1*z$, \\$3, $|p|$ | Output$_i$"
    found: list[str] = []
    out = formulas.taken_out(text, found)
    assert len(found) == 3 and "`$a$` costs $5 or $6" in out and "$b$ $$c$$" in out and "\\$3" in out
    assert "x_1" not in out and "*" not in out


def test_formulas_come_back_into_paragraphs_lines_and_headings():
    found = ["<A>", "<B>"]
    html = '<h2 id="the-xxformula1xx">The xxformula1xx</h2><p>xxformula0xx</p><p>so xxformula1xx</p>'
    assert formulas.put_back(html, found) == "<h2 >The <B></h2><A><p>so <B></p>"


# ---- pages from notebooks


def page_of(*cells, names=None) -> str:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 01 · A <page>"), *cells])
    notebook.metadata["widgets"] = {"state": "xyz"}
    return site.as_page(notebook, names or {})


def test_links_lead_to_pages_and_links_to_what_is_not_there_are_words():
    cell = nbformat.v4.new_markdown_cell(
        "previous: [00](00_a.ipynb) · [x](00_a.ipynb#b) · [09](09_z.ipynb) · [w](https://x.org)"
    )
    html = page_of(cell, names={"00_a.ipynb": "00_a.html"})
    assert '<a href="00_a.html">00</a>' in html and 'href="00_a.html#b"' in html and ".ipynb" not in html
    assert "09_z" not in html and "· 09 ·" in html and 'href="https://x.org"' in html


def test_outputs_are_kept_and_widgets_and_scripts_are_not():
    view = {site.WIDGET: {"model_id": "m"}, "text/plain": "interactive(...)"}
    outputs = [
        nbformat.v4.new_output("display_data", {"text/html": "<figure>a picture</figure>", "text/plain": "x"}),
        nbformat.v4.new_output("display_data", view),
        nbformat.v4.new_output("display_data", {"application/javascript": "alert(1)", "text/plain": "drawn"}),
        nbformat.v4.new_output("stream", text="printed <b>"),
    ]
    html = page_of(nbformat.v4.new_code_cell("f(x) < 3", outputs=outputs))
    assert "<figure>a picture</figure>" in html and "controls stand here" in html and "printed &lt;b&gt;" in html
    assert "alert" not in html and "<script" not in html and "xyz" not in html and "interactive(" not in html
    assert "<title>01 · A &lt;page&gt;</title>" in html and "In&nbsp;[" not in html


def test_the_index_maps_equations_to_pages():
    pages = course.chosen(["00", "01"])
    html = site.index(pages, {page.path.name: f"{page.stem}.html" for page in pages})
    row = next(row for row in html.split("<tr>") if "01_denoise.html" in row)
    assert "<math" in row and "(1)" in row and "compute Eq. 1 on paper" in row and "60" in row
    assert "not for clinical use" in html and "$" not in html


# ---- solved and run


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The first notebook, solved and run, as a notebook and as a page."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        patch.setenv("MEDKIT_PROGRESS", str(folder / "mine.json"))
        patch.delenv("MEDKIT_DATA", raising=False)
        assert main(["solve", str(folder / "solved"), "--notebooks", "00"]) == 0
        with patch.context() as again:
            (page,) = course.chosen(["00"])
            notebook = nbformat.read(folder / "solved" / page.path.name, as_version=4)
            again.setattr(site, "solve", lambda pages, say: [(page, notebook)])
            assert main(["site", str(folder / "pages"), "--notebooks", "00"]) == 0
    return folder


def test_a_solved_notebook_has_solutions_outputs_and_left_the_reader_s_progress_alone(built):
    notebook = nbformat.read(built / "solved" / "00_start_here.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert any("return image.max() - image.min()" in cell.source for cell in code)
    assert any("✓ passed" in str(cell.outputs) for cell in code) and all(cell.execution_count for cell in code)
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert not (built / "mine.json").exists()


def test_pages_ask_nothing_from_anywhere(built):
    files = sorted(path.name for path in (built / "pages").iterdir())
    assert files == ["00_start_here.html", "index.html"]
    for name in files:
        text = (built / "pages" / name).read_text(encoding="utf-8")
        assert "<script" not in text and "@import" not in text and "default-src 'none'" in text
        assert all(source.startswith("data:image/png") for source in re.findall(r'\ssrc="([^"]*)"', text))
        for link in re.findall(r'\shref="([^"#]+)', text):
            assert urllib.parse.urlparse(link).scheme or (built / "pages" / link).is_file(), link


def test_a_notebook_that_fails_is_one_sentence(tmp_path):
    cells = [nbformat.v4.new_markdown_cell("# 99 · x"), nbformat.v4.new_code_cell("1 / 0")]
    path = tmp_path / "99_x.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells)), encoding="utf-8")
    page = course.Page(path)
    said: list[str] = []
    with pytest.raises(MedkitInputError, match=r"99_x.ipynb stopped at `1 / 0` with ZeroDivisionError"):
        list(solved.solve([page], said.append))
    assert said[0] == "Notebook 1 of 1: 99_x"


def test_no_page_has_code_that_asks_for_mathjax():
    assert importlib.util.find_spec("latex2mathml") is not None
    source = Path(site.__file__).read_text(encoding="utf-8")
    assert "mathjax" not in source.lower() and "cdn" not in source.lower()


# ---- in a browser, without a network


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    from test_browser import chromium

    path = chromium()
    with playwright.sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=path, args=["--disable-gpu", "--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_formulas_are_set_and_text_can_be_read_from_disk(browser, built, tmp_path, scheme):
    pages = course.chosen(["00", "01"])
    file = tmp_path / "index.html"
    file.write_text(site.index(pages, {}.fromkeys([page.path.name for page in pages], "x.html")), encoding="utf-8")
    page = browser.new_page(color_scheme=scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    box = page.locator("math").first.bounding_box()
    fraction = page.locator("mfrac").first.bounding_box()
    assert box["width"] > 150 and 15 < fraction["height"] < 120, "set as a formula, not as a line of letters"
    ground, ink = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    sums = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)]
    assert (sums[0] > 600 > 200 > sums[1]) if scheme == "light" else (sums[0] < 200 < 600 < sums[1])
    page.goto((built / "pages" / "00_start_here.html").as_uri())
    assert page.locator("h1").inner_text().startswith("00") and page.locator("pre").count() > 3
    assert all(url.startswith(("file:", "data:")) for url in asked)
    page.close()


@pytest.mark.slow
def test_the_whole_course_becomes_a_site(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_FAST", "1")
    assert main(["site", str(tmp_path)]) == 0
    names = {path.name for path in tmp_path.glob("*.html")}
    assert names == {"index.html", *(f"{stem}.html" for stem in COURSE)}
    for path in tmp_path.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text and "<code>\\" not in text
        assert not set(re.findall(r'\shref="([\w.-]+)"', text)) - names
        if path.name != "index.html" and not path.name.startswith("00"):
            assert text.count("<figure") >= 3
