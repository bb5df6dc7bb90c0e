"""Tables 4-7 from records: paper beside mean and interval."""

import copy
import json
import math

import pytest
import torch
from made_up import made_up
from made_up_set import made_up_set

from medkit import markup, paper, table
from medkit.evidence import difference_of, parts_of, value_of
from medkit.experiment import describe
from medkit.runs import by_model

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
    runs = by_model(records)["hybrid"]
    values = [run["result"][3][metric]["value"] * block.factor for run in runs]
    mean, low, high = (float(x) for x in table.measured(runs, block, 3).replace("[", "").replace("]", "").replace(",", "").split())
    assert mean == pytest.approx(sum(values) / 2, abs=0.06)
    assert low < min(mean, max(values)) and high > max(mean, min(values)) and high - low > 2


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1", "dice"])
def test_what_is_resampled_is_the_metric_itself(records, metric):
    for runs in by_model(records).values():
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
    assert table.measured(by_model(records)["CNN"], block, 0) == "1.50 [0.50, 4.00]"


def test_full_run_is_not_called_short(records):
    for record in records:
        record["settings"]["epochs"] = 50
    assert "50 epochs, as in Table 3" in table.heading(records)[0]


def test_large_n_concludes_and_unknown_patients_are_marked(records):
    assert "n is too small to conclude anything" in table.render(records)  # 60 units
    many = copy.deepcopy(records)
    for record in many:
        record["data"]["test_units"] = 400
    assert "too small" not in table.render(many)
    for record in many:
        record["data"]["unit"] = "image, patients unknown"
    assert "probably too narrow" not in table.render(records)
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
    assert "always the most frequent class: none" in text


def test_a_metric_without_a_value_is_none(records):
    block = table.BLOCKS[0]
    record = made_up("CNN", 0)
    for missing in (math.nan, None):  # as it is, and as JSON keeps it
        record["result"][0]["accuracy"]["value"] = missing
        assert table.measured([record], block, 0) == "none"


def test_records_that_do_not_belong_together_are_refused(records):
    with pytest.raises(ValueError, match="records must share their protocol"):
        table.sheet([*records, made_up("CNN", 5) | {"protocol": {"preset": "paper"}}])
    with pytest.raises(ValueError, match="records must be one or more"):
        table.sheet([])


# --- what stands around the numbers -----------------------------------------------------------


def below(records, metric):
    """What stands below one table, in one string."""
    block = next(block for block in table.BLOCKS if block.metric == metric)
    return "\n".join(table.below(records, block))


@pytest.mark.parametrize("metric, unit, simple", [
    ("accuracy", 1, "always the most frequent class: 33.3"),
    ("f1", 100, "always the most frequent class: 16.7"),  # 2 · 1/3 / (1 + 1/3) for one class of three
    ("dice", 100, "no mask in any image: 0.0"),
])  # fmt: skip
def test_both_baselines_stand_below_every_label_and_mask_table(metric, unit, simple):
    records = made_up_set()
    said, linear = below(records, metric), records[-1]
    interval = value_of([linear], metric)
    value = linear["result"][0][metric]["value"] * unit
    assert f"linear baseline, measured: {value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]" in said
    assert simple in said
    assert "linear baseline: not run" in below(records[:-1], metric) and "measured" not in below(records[:-1], metric)


def test_the_baseline_is_no_column_and_no_seed():
    records = made_up_set(seeds=(3, 4))
    sheet = table.sheet(records[::-1])  # the baseline comes first
    assert all(t.groups == paper.MODELS for t in sheet.tables)
    assert "seeds 3, 4" in sheet.title[0] and "linear" not in sheet.title[0]
    without = table.sheet(records[:-1])
    assert [t.rows for t in sheet.tables] == [t.rows for t in without.tables]


def test_each_table_says_n_unit_and_seeds():
    records = made_up_set(seeds=(0, 1, 2), n=60, units=30)
    scored = records[0]["data"]["truth"]["scored"]
    assert f"n = {sum(scored)} images, 30 test units (patient), 3 seeds a model" in below(records, "accuracy")
    assert "n = 48 images, 24 test units (patient), 3 seeds" in below(records, "dice")  # six units have no Dice
    assert below(records, "time") == "n = 30 repeats for each seed, 3 seeds a model"
    assert "2 to 3 seeds" in below(records[1:], "accuracy")
    for record in records:
        record["data"]["unit"] = "duplicate group"
    assert below(records, "f1").splitlines()[0].endswith("3 seeds a model; intervals are probably too narrow")
    assert "too narrow" not in below(records, "time")


def test_the_model_that_validation_chose_is_held_against_the_linear_baseline():
    records = made_up_set(n=300, units=300)
    said = table.against_linear(records)
    hybrid = [record for record in records if record["model"] == "hybrid"]
    found = difference_of(hybrid, records[-1:], "accuracy")
    assert f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}] points" in said
    assert "Best model on validation data: hybrid. Its accuracy less" in said and "2 seeds" in said
    assert f"n = {hybrid[0]['result'][-1]['accuracy']['n']} images, {found.n_groups} test units (patient)" in said
    assert said.endswith("Better than the linear baseline: shown.") and said in table.render(records)


def test_a_difference_that_reaches_zero_is_not_shown():
    records = made_up_set()
    records[-1]["result"][0]["pred"] = records[0]["data"]["truth"]["label"]  # the baseline is never wrong
    said = table.against_linear(records)
    assert said.endswith("Better than the linear baseline: not shown.") and "points" in said
    equal = copy.deepcopy(records)
    for record in equal:
        record["result"][-1]["pred"] = equal[-1]["result"][0]["pred"]
    assert "+0.0 [+0.0, +0.0] points" in table.against_linear(equal) and "not shown" in table.against_linear(equal)


def test_a_dominated_set_is_compared_by_balanced_accuracy_and_one_without_labels_by_dice():
    records = made_up_set(k=2)
    for record in records:
        record["data"]["dominated"] = True
    assert "Its balanced accuracy less" in table.against_linear(records)
    assert "always the most frequent class: 50.0" in below(records, "balanced_accuracy")
    for record in records:
        record["data"] |= {"dominated": False, "majority": None}
        record["data"]["truth"]["scored"] = [False] * 60
        for row in record["result"]:
            row |= dict.fromkeys(("accuracy", "balanced_accuracy", "auroc", "f1"))
    text = table.render(records)
    assert "Its dice less" in text and "no labels, so there is nothing to compare with" in text
    assert "linear baseline, measured" in below(records, "dice")


def test_what_is_not_there_is_said():
    records = made_up_set(linear=False)
    assert "hybrid" in table.against_linear(records) and "linear baseline not run" in table.against_linear(records)
    del records[0]["validation"]
    assert "not known, for not all records hold" in table.against_linear(records)


def test_protocol_and_preset_stand_in_the_heading_and_rates_in_the_notes():
    records = made_up_set()
    assert table.heading(records)[0].startswith("Tables 4-7 · paper protocol, preset quick · short run")
    assert "Learning rate: 0.001, constant." in table.notes(records)
    assert "· paper protocol, preset quick ·" in table.heading([made_up("CNN", 0)])[0]  # an old record
    for record in records:
        record["protocol"] = {"name": "improved", "preset": "class"}
        rate = 0.003 if record["model"] == "CNN" else 0.001
        record["settings"] = {**record["settings"], "cosine": True, "learning_rate": rate}
    text = table.render(records)
    assert "improved protocol, preset class" in text
    assert "Learning rate, sinking along half a cosine: CNN 0.003, U-Net 0.001" in text


def test_a_leaky_split_is_marked_in_every_form_and_an_honest_one_is_not():
    records = made_up_set()
    forms = (markup.as_text, markup.as_html, markup.as_latex)
    said = "LEAKY: test images have twins or relatives in training; counts for nothing"
    assert not any("LEAK" in form(table.sheet(records)) for form in forms)
    for record in records:
        record["data"] |= {"leaks_allowed": True, "leaks": [f"train/{i} and test/{i}" for i in range(7)]}
    assert all(said in form(table.sheet(records)) for form in forms)
    text = table.render(records)
    assert text.splitlines()[2] == said and "shown; but leaky." in text
    assert "Leak: train/4 and test/4" in text and "train/5" not in text and "And 2 leaks more." in text
    for record in records:
        record["data"]["leaks"] = []
    assert "LEAKS ALLOWED: none was found" in table.render(records)


def test_the_three_forms_hold_the_same_cells():
    records = made_up_set()
    sheet, page, tex = table.sheet(records), table.as_html(records), table.as_latex(records)
    assert table.render(records) == str(sheet) and page == markup.html_page(sheet)
    for made in sheet.tables:
        for row in made.rows:
            for cell in row:
                assert f">{cell}<" in page and cell.replace("[", "{[}") in tex


def test_made_up_records_have_the_layout_of_real_ones():
    from medkit import experiment
    from medkit.data.phantom import phantom_split
    from medkit.measure import BY_IMAGE
    from medkit.preparation import Preparation
    from medkit.settings import Settings

    task = experiment.prepare(phantom_split(24, 6, 12, size=32), Preparation(), torch.device("cpu"))
    real = json.loads(json.dumps(experiment.run("CNN", task, Settings(epochs=5), 0, progress=None)))
    fake = made_up("CNN", 0)
    assert set(fake) - {"left_out", "protocol"} <= set(real) and set(fake["data"]) <= set(real["data"])
    assert set(fake["result"][0]) == set(real["result"][0])
    whole = made_up_set(seeds=(0,))[0]
    assert set(whole["validation"][0]) - set(BY_IMAGE) == set(real["validation"][0])
    assert set(whole["loss"][0]) <= set(real["loss"][0]) and set(whole["settings"]) <= set(real["settings"])
    assert describe(phantom_split(24, 6, 12, size=32)) == json.loads(json.dumps(real["data"]))
