"""Names that mean harm: of folders, files and sets, wherever they may stand in a page or a picture."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hostile.plain import nifti, picture

from medkit import figure, lesson, markup, reproduce
from medkit._check import MedkitInputError
from medkit.data.own import own_images
from medkit.exercises.verdict import Card, Feedback, Outcome, Verdict, table_html
from medkit.history import History

pytestmark = pytest.mark.filterwarnings("error")
CLASS, FILE, NAME = "<img src=x onerror=alert(1)>", "<svg onload=alert(2)>.png", "<script>alert(3)</script><img src=x onerror=alert(3)>"
MATHS = r"costs $\frac{1}$ and $x"


class Page(HTMLParser):
    """Collects what a browser would run: scripts, and attributes that begin with on."""

    def __init__(self, text: str):
        super().__init__()
        self.runs: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.runs += [tag] * (tag == "script") + [name for name, value in attrs if name.startswith("on") or "javascript:" in (value or "")]


@pytest.fixture
def folder(tmp_path):
    if os.name == "nt":
        pytest.skip("Windows has no names with < and >")
    draw = np.random.default_rng(0)
    for name in (CLASS, "well"):
        (tmp_path / name).mkdir()
        for k in range(5):
            (tmp_path / name / f"{k}{FILE}").write_bytes(picture(draw.integers(0, 255, (32, 32), dtype=np.uint8), "PNG"))
    return tmp_path


def test_a_page_that_runs_something_is_seen():
    assert Page(f"<p>{CLASS}</p>").runs == ["onerror"] and Page(NAME).runs == ["script", "onerror"]
    assert Page("<a href='javascript:alert(1)'>x</a>").runs and Page("<p>&lt;img onerror=x&gt;</p>").runs == []


def test_names_of_files_and_classes_run_nothing_in_a_page(folder):
    data = own_images(folder, size=16, progress=None)
    assert data.classes[0] == CLASS and data.name[0] == f"{CLASS}/0{FILE}"
    named = (data.title + data.name[0], data.classes[0], NAME)
    drawn = figure.row(figure.grey(data.image[0, 0], data.name[0]))
    history = History()
    history.note(NAME + data.name[0])
    sheet = markup.Sheet(named, NAME, (markup.Table(NAME, (CLASS,), (FILE,), ((NAME, FILE),), (NAME,), CLASS),), (NAME,))
    verdict = Verdict(Outcome.NOT_YET, f"`{data.name[0]}` {NAME}", CLASS, ((data.name[0], NAME),))
    pages = [
        figure.as_html(drawn, alt=f'"{data.name[0]}', caption=" ".join(named), tier="real"), history._repr_html_(),
        Feedback("1.1", NAME, verdict, (NAME,))._repr_html_(), Card(NAME, "red", named, (), NAME)._repr_html_(),
        markup.as_html(sheet), markup.html_page(sheet), table_html(NAME, named, [named]),
    ]  # fmt: skip
    for page in pages:
        assert Page(page).runs == [] and "alert(" in page


def test_the_tables_of_such_a_folder_run_nothing(folder, tmp_path):
    out = tmp_path.parent / "out"
    assert reproduce.main(["--data", str(folder), "--models", "CNN", "--seeds", "0", "--device", "cpu", "--out", str(out)]) == 0
    pages = [path.read_text(encoding="utf-8") for path in out.rglob("*.html")]
    assert pages and all(Page(page).runs == [] for page in pages)


def test_a_set_named_to_do_harm_runs_nothing_and_its_errors_neither(tmp_path):
    (tmp_path / "a.nii").write_bytes(nifti())
    (tmp_path / "b.nii").write_bytes(nifti(np.zeros(60, "<i2").tobytes()))
    listed = {"name": NAME, "licence": NAME, "modality": {"0": NAME}, "labels": {"0": "background", "1": NAME}, "training": [{"image": "a.nii", "label": "b.nii"}]}
    (tmp_path / "dataset.json").write_text(json.dumps(listed))
    data = own_images(tmp_path, size=8, progress=None)
    assert "<script>" in data.title and data.modality == "unknown"
    drawn = figure.row(figure.grey(data.image[0, 0], data.title))
    page = figure.as_html(drawn, alt=data.title, caption=data.title + data.source, tier=data.tier)
    assert Page(page).runs == []
    specimen = lesson._real(data, "grey level")
    assert Page(figure.as_html(drawn, specimen.title, specimen.title, specimen.tier)).runs == []


LISTS = [
    '{"training": ' + "[" * 100_000, '{"training": [{"image": "a\\u0000.nii", "label": "b.nii"}], "labels": {"0": "x"}, "modality": {"0": "MRI"}}',
    '{"training": [{"image": "a.nii", "label": "b.nii"}], "labels": [Infinity], "modality": {"0": "MRI"}}', "[]", "", "\x00", '{"training": 5}',
    '{"training": [{"image": "../../../etc/passwd", "label": "b.nii"}], "labels": {"0": "x"}, "modality": {"0": "MRI"}}',
    '{"training": [{"image": "\\ud800.nii", "label": "b.nii"}], "labels": {"0": "x"}, "modality": {"0": "MRI"}}',
    '{"training": [{"image": ' + '"' + "a" * 5000 + '", "label": "b.nii"}], "labels": {"0": "x"}, "modality": {"0": "MRI"}}',
    '{"training": [{"image": {"a": 1}, "label": ["b"]}], "labels": {"0": "x"}, "modality": {"0": "MRI"}}',
    '{"training": [{"image": "a.nii", "label": "b.nii"}], "labels": {"1e999": 1}, "modality": {"0": "MRI"}}', '{"numTraining": ' + "9" * 6000 + "}",
]  # fmt: skip


@pytest.mark.parametrize("text", LISTS, ids=range(len(LISTS)))
def test_a_list_of_volumes_that_means_harm_is_refused_by_name(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    for name in ("a.nii", "b.nii"):
        (tmp_path / name).write_bytes(nifti())
    with pytest.raises(MedkitInputError) as caught:
        own_images(tmp_path, size=8, progress=None)
    assert len(str(caught.value)) < 6000 and str(tmp_path) not in str(caught.value) and "dataset.json" in str(caught.value)


BAD = r"$\frac$_^"  # matplotlib raises on it


def test_dollars_in_a_name_are_no_formula(tmp_path):
    image = torch.zeros(4, 4)
    for name in (MATHS, BAD):
        drawn = figure.row(figure.grey(image, name), figure.words(name, name), figure.heat(image, name), figure.numbers(image, name), figure.curve([1, 2], {name: [1, 2], "b": [2, 1]}, name, name))
        assert name in [axis.get_title() for axis in drawn.axes]
        drawn.savefig(tmp_path / "a.png")


def everywhere(axis):
    """Write `BAD` wherever a figure has words."""
    axis.plot([1, 2], [1, 2], label=BAD)
    axis.set_title(BAD)
    axis.set_xlabel(BAD)
    axis.set_ylabel(BAD)
    axis.set_xticks([1, 2], [BAD, "b"])
    axis.set_yticks([1, 2], labels=[BAD, "b"])
    axis.text(1, 1, BAD)
    axis.annotate(BAD, (1, 1))
    axis.legend()


def test_no_text_of_a_figure_is_a_formula_wherever_it_stands():
    from matplotlib.figure import Figure

    picture = Figure(layout="constrained")
    everywhere(picture.subplots())
    picture.suptitle(BAD)
    picture.legend()
    assert figure.as_html(picture, BAD, BAD, "real").startswith("<figure")
    figure.row(everywhere).draw_without_rendering()
    bare = Figure()
    bare.suptitle(BAD)
    with pytest.raises(ValueError):
        bare.draw_without_rendering()  # the control


def test_powers_along_a_logarithmic_axis_are_still_powers():
    drawn = figure.row(figure.histogram(torch.rand(99, 99), "counts", 0.0, 1.0, BAD))
    drawn.draw_without_rendering()
    ticks = [text for text in drawn.axes[0].yaxis.get_ticklabels() if "10^" in text.get_text()]
    assert ticks and all(text.get_parse_math() for text in ticks)


def named_badly(records: list[dict]) -> list[dict]:
    return [record | {"data": record["data"] | {"title": BAD}} for record in records]


def test_curves_and_tables_of_a_folder_with_dollars(folder, tmp_path):
    from medkit import curves

    root = tmp_path.parent / BAD
    folder.rename(root)
    out = tmp_path.parent / "out of dollars"
    assert reproduce.main(["--data", str(root), "--models", "CNN", "--seeds", "0", "--device", "cpu", "--out", str(out)]) == 0
    records = [record for record in map(json.loads, (path.read_text(encoding="utf-8") for path in out.rglob("*.json"))) if "result" in record]
    assert records and BAD in records[0]["data"]["title"]
    drawn = curves.learning_curves(records)
    drawn.draw_without_rendering()
    assert BAD in drawn.get_suptitle()


def test_the_multiverse_of_a_set_with_dollars():
    from test_multiverse import world

    from medkit.multiverse import figure as multiverse

    drawn = multiverse.curves(named_badly(world()))
    drawn.draw_without_rendering()
    assert BAD in drawn.get_suptitle()
