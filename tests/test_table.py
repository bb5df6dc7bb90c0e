"""Tables 4-7 from records: paper beside mean and interval."""

import copy
import json
import math

import pytest
import torch
from made_up import made_up

from medkit import paper, reproduce, table
from medkit.evidence import parts_of
from medkit.experiment import describe

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def records():
    return [made_up(model, seed) for model in ("hybrid", "CNN", "U-Net", "Transformer") for seed in (0, 1)]


def test_table_stands_beside_the_paper(records):
    text = table.render(records)
    assert "short run: 10 of 50 epochs · seeds 0, 1 · CPU" in text and "tier: phantom" in text
    rows = [line.split() for line in text.splitlines()]
    for printed in paper.RESULT_TABLES:
        for model in paper.MODELS:
            for value in printed.column[model]:
                assert any(f"{value:.1f}" in row for row in rows)
    assert ["CNN", "U-Net", "Transformer", "hybrid"] in rows and ["epoch", *["paper", "measured"] * 4] in rows
    assert "Not in this run: much." in text and "Fewer than 5 seeds" in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("·")) <= 120


@pytest.mark.parametrize("metric, name", [("accuracy", "accuracy"), ("dice", "dice"), ("f1", "f1")])
def test_a_cell_is_the_mean_over_seeds_within_its_interval(records, metric, name):
    block = next(block for block in table.BLOCKS if block.metric == metric)
    runs = table.by_model(records)["hybrid"]
    values = [run["result"][3][metric]["value"] * block.factor for run in runs]
    mean, low, high = (float(x) for x in table.measured(runs, block, 3).replace("[", "").replace("]", "").replace(",", "").split())
    assert mean == pytest.approx(sum(values) / 2, abs=0.06)
    assert low < min(mean, max(values)) and high > max(mean, min(values)) and high - low > 2


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1", "dice"])
def test_what_is_resampled_is_the_metric_itself(records, metric):
    for runs in table.by_model(records).values():
        parts, statistic = parts_of(runs, metric, 2)
        factor = 1 if metric in ("dice", "f1") else 100
        wanted = [run["result"][2][metric]["value"] / factor for run in runs]
        assert statistic(parts.sum(1)).tolist() == pytest.approx(wanted, abs=1e-6)


def test_one_unit_has_no_interval_and_many_narrow_it(records):
    block = table.BLOCKS[0]
    one = [made_up("CNN", 0, units=1)]
    assert "[" not in table.measured(one, block, 0)
    wide, narrow = (table.measured([made_up("CNN", 0, n=n, units=n)], block, 0) for n in (30, 3000))
    width = [float(c.split("[")[1].rstrip("]").split(", ")[1]) - float(c.split("[")[1].split(",")[0]) for c in (wide, narrow)]
    assert width[0] > 5 * width[1]


def test_time_is_the_median_with_quartiles(records):
    block = next(block for block in table.BLOCKS if block.metric == "time")
    assert table.measured(table.by_model(records)["CNN"], block, 0) == "1.50 [0.50, 4.00]"


def test_full_run_is_not_called_short(records):
    for record in records:
        record["settings"]["epochs"] = 50
    assert "50 epochs, as in Table 3" in table.heading(records)


def test_large_n_concludes_and_unknown_patients_are_marked(records):
    assert "n is too small to conclude anything" in table.render(records)  # 60 units
    many = copy.deepcopy(records)
    for record in many:
        record["data"]["test_units"] = 400
    assert "too small" not in table.render(many)
    for record in many:
        record["data"]["unit"] = "image, patients unknown"
    assert "probably too narrow" in table.render(many)


def test_set_without_masks_says_so_and_a_dominated_one_shows_more():
    record = made_up("CNN", 0, k=2, masks=False)
    assert "AUROC" not in table.render([record])
    record["data"]["dominated"] = True
    text = table.render([record])
    assert "no masks" in text and "the label head was trained alone" in text
    assert "balanced accuracy" in text and "AUROC" in text and "80.0" in text


def test_notes_name_the_run_they_belong_to(records):
    records[3]["notes"] = ["out of memory"]
    records[0]["data"]["majority"] = None
    text = table.render(records)
    assert f"{records[3]['model']}, seed {records[3]['seed']}: out of memory" in text
    assert "most frequent class" not in text


def test_a_metric_without_a_value_is_none(records):
    block = table.BLOCKS[0]
    record = made_up("CNN", 0)
    for missing in (math.nan, None):  # as it is, and as JSON keeps it
        record["result"][0]["accuracy"]["value"] = missing
        assert table.measured([record], block, 0) == "none"


@pytest.mark.parametrize("change, message", [
    ({"settings": {"epochs": 5, "report_epochs": [1, 2, 3, 4, 5]}}, "records must share their settings"),
    ({"protocol": {"preset": "paper"}}, "records must share their protocol"),
])  # fmt: skip
def test_edge_records_that_do_not_belong_together(records, change, message):
    with pytest.raises(ValueError, match=message):
        table.render([*records, made_up("CNN", 5) | change])
    other = made_up("CNN", 5)
    other["data"]["sha256"]["test"] = "other"
    with pytest.raises(ValueError, match="records must come from the same images"):
        table.render([*records, other])
    with pytest.raises(ValueError, match="records must be different runs, got CNN, seed 0 twice"):
        table.render([*records, made_up("CNN", 0)])
    with pytest.raises(ValueError, match="records must be one or more"):
        table.render([])


def test_made_up_records_have_the_layout_of_real_ones():
    from medkit import experiment
    from medkit.data.phantom import phantom_split
    from medkit.settings import Settings

    task = experiment.prepare(phantom_split(24, 6, 12, size=32), reproduce.preprocess, torch.device("cpu"))
    real = json.loads(json.dumps(experiment.run("CNN", task, Settings(epochs=5), 0, progress=None)))
    fake = made_up("CNN", 0)
    assert set(fake) - {"left_out", "protocol"} <= set(real) and set(fake["data"]) <= set(real["data"])
    assert set(fake["result"][0]) == set(real["result"][0])
    assert describe(phantom_split(24, 6, 12, size=32)) == json.loads(json.dumps(real["data"]))
