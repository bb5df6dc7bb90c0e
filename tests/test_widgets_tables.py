"""The pictures of notebook 11 at their ends, in the middle and on nonsense; and the records that pages read."""

from __future__ import annotations

import json
import re

import pytest

from made_up import made_up
from medkit import figure
from medkit.evidence import value_of
from medkit.runs import by_model
from medkit.widgets import records, tables
from medkit.widgets.records import committed, comparisons

pytestmark = pytest.mark.filterwarnings("error")
SETS = list(comparisons(committed()))


def assert_is_a_whole_figure(page: str, tier: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page and f"Data: {tier}." in page


# ---- records


def test_real_sets_come_first_and_the_reader_s_own_runs_are_left_out():
    tiers = [some[0]["data"]["tier"] for some in committed().values()]
    assert tiers == sorted(tiers, reverse=True) and "local" not in committed()
    assert "us-class" in SETS and "multiverse-us" not in SETS
    assert all(record["file"].startswith("results/") for some in committed().values() for record in some)
    assert "ablation-attention-us" in records.studies(committed(), "attention")
    assert records.studies(committed(), "attention").keys().isdisjoint(SETS)


def test_what_is_there_names_the_folders_and_says_so_where_there_is_nothing(tmp_path):
    assert "us-class" in records.what_is_there(committed())
    assert committed(tmp_path / "nowhere") == {} and committed(tmp_path) == {}
    said = records.what_is_there({})
    assert said.startswith("No records were found in the folder `results`") and "medkit reproduce" in said
    assert_is_a_whole_figure(records.nothing_there(), "phantom")


def test_records_of_a_folder_are_read_and_a_folder_without_is_passed_over(tmp_path):
    for name in ("local", "empty", "mine"):
        (tmp_path / name).mkdir()
    one = json.loads((records.RESULTS / "us-class" / "CNN-seed0.json").read_text(encoding="utf-8"))
    for name in ("local", "mine"):
        (tmp_path / name / "CNN-seed0.json").write_text(json.dumps(one), encoding="utf-8")
    found = committed(tmp_path)
    assert list(found) == ["mine"] and found["mine"][0]["file"] == f"{tmp_path.name}/mine/CNN-seed0.json"


def test_pictures_say_so_where_there_are_no_records(monkeypatch):
    monkeypatch.setattr(tables, "committed", dict)
    assert "No records were found" in tables.cell_picture.__wrapped__("us-class", "accuracy", 5)


def test_falling_steps_are_counted_over_models_and_epochs():
    two = [made_up("CNN", 0), made_up("hybrid", 0)]
    for run, values in zip(two, ([1, 2, 3, 2, 4], [5, 4, 3, 2, 1])):
        for row, value in zip(run["result"], values):
            row["accuracy"] = {"value": float(value)}
    assert records.falling_steps(two, "accuracy") == (1 + 4, 8)
    two[0]["result"][1]["accuracy"] = None
    assert records.falling_steps(two, "accuracy") == (1 + 4, 7)


def test_several():
    assert (records.several(1, "seed"), records.several(0, "seed")) == ("1 seed", "0 seeds")


# ---- cells


@pytest.mark.parametrize("name", SETS)
def test_cell_picture_of_every_set(name):
    tier = comparisons(committed())[name][0]["data"]["tier"]
    for metric in ("accuracy", "Dice"):
        assert_is_a_whole_figure(tables.cell_picture(name, metric, 5), tier)


@pytest.mark.parametrize("metric, row", [("accuracy", 1), ("balanced accuracy", 3), ("Dice", 5), ("F1", 5)])
def test_cell_picture_at_first_middle_last_epoch(metric, row):
    page = tables.cell_picture("us-class", metric, row)
    assert_is_a_whole_figure(page, "real")
    first = comparisons(committed())["us-class"][0]["settings"]["report_epochs"][row - 1]
    assert f"epoch {first} of a run" in page and ("Hollow" in page) == (metric != "balanced accuracy")


def test_cell_picture_says_how_many_units_its_interval_has_and_what_the_majority_is_worth():
    some = comparisons(committed())["us-class"]
    found = value_of(by_model(some)["hybrid"], "accuracy")
    page = tables.cell_picture("us-class", "accuracy", 5)
    assert f"{found.n_groups} units (duplicate group)" in page and "probably too narrow" in page
    assert f"most frequent class, {some[0]['data']['majority']:.1f} %" in page


def test_cells_draw_the_interval_that_the_evidence_gives():
    found = value_of(by_model(comparisons(committed())["us-class"])["hybrid"], "accuracy")
    drawn = figure.row(tables._cells("accuracy", {"hybrid": found}, {"hybrid": 95.1}, None), inches=4)
    texts = [text.get_text() for text in drawn.axes[0].texts]
    assert texts == [f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"]


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ({"name": "x-ray"}, "name must be one of"),
        ({"metric": "AUC"}, "metric must be one of"),
        ({"row": 0}, "row must be"),
        ({"row": 6}, "row must be"),
    ],
)
def test_edge_cell_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        tables.cell_picture(**({"name": "us-class", "metric": "accuracy", "row": 5} | nonsense))


# ---- units


@pytest.mark.parametrize("patients, slices, likeness", [(5, 1, 0.0), (20, 10, 0.5), (40, 20, 1.0), (2, 1, 1.0)])
def test_unit_picture_at_min_middle_max(patients, slices, likeness):
    page = tables.unit_picture(patients, slices, likeness)
    assert_is_a_whole_figure(page, "phantom")
    assert f"{patients} patients with {slices} slices" in page


def shares(page: str) -> tuple[int, int]:
    """Return how many intervals hold the truth, by slice and by patient, in %."""
    by_slice, by_patient = re.search(r"intervals (\d+)% hold .* drawn again, (\d+)% if", page).groups()
    return int(by_slice), int(by_patient)


def test_unit_picture_shows_that_slices_keep_no_promise_unless_they_are_strangers():
    alike, strangers = (shares(tables.unit_picture(40, 20, likeness)) for likeness in (0.8, 0.0))
    assert alike[0] < 60 and alike[1] > 80
    assert min(strangers) > 80
    one_slice = shares(tables.unit_picture(20, 1, 0.8))
    assert one_slice[0] == one_slice[1]


@pytest.mark.parametrize(
    "nonsense", [(1, 10, 0.5), (20, 0, 0.5), (20, 10, -0.1), (20, 10, 1.1), (20, 10, float("nan"))]
)
def test_edge_unit_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="must"):
        tables.unit_picture(*nonsense)
