"""What a run leaves beside its weights."""

import pytest

from medkit.history import History

pytestmark = pytest.mark.filterwarnings("error")
ROWS = [{"epoch": 1, "loss": 2.0, "dice": None}, {"epoch": 2, "loss": 1.25, "dice": 0.5, "who": "<b>", "found": 0.75}]


def test_it_is_its_rows():
    history = History(ROWS)
    assert len(history) == 2 and list(history) == ROWS and history[-1]["found"] == 0.75
    assert history.column("loss") == [2.0, 1.25] and history.column("found") == [None, 0.75]
    with pytest.raises(KeyError, match="name must be one of epoch, loss, dice, found, got 'accuracy'"):
        history.column("accuracy")


def test_as_text():
    history = History(ROWS)
    history.note("halved")
    history.note("halved")
    assert str(history).splitlines() == [
        "epoch   loss   dice  found",
        "    1  2.000      -      -",
        "    2  1.250  0.500  0.750",
        "Note: halved",
    ]
    assert str(History()) == ""


def test_in_a_notebook_with_all_text_escaped():
    history = History([{"epoch": 1, "<i>": 0.5}], ["a < b"])
    shown = history._repr_html_()
    assert shown == "<table><tr><th>epoch</th><th>&lt;i&gt;</th></tr><tr><td>1</td><td>0.500</td></tr></table><p>Note: a &lt; b</p>"
