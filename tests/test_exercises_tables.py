"""The exercises of notebook 11 against the modules that the page shows."""

from __future__ import annotations

import re

import pytest
import torch
from made_up import made_up

from medkit import intervals, runs
from medkit.exercises import EXERCISES, tables
from medkit.exercises.tables import majority as tables_majority
from medkit.exercises.tables import questions as tables_questions

pytestmark = pytest.mark.filterwarnings("error")


def share(sums: torch.Tensor) -> torch.Tensor:
    return sums[..., 0] / sums[..., 1]


def several_patients() -> tuple[torch.Tensor, torch.Tensor]:
    """Return right answers of three seeds on 23 images, and their patients, in no order."""
    draw = torch.Generator().manual_seed(11)
    return (torch.rand(3, 23, generator=draw) < 0.6).float(), torch.randint(0, 7, (23,), generator=draw) * 5


def test_resampled_means_are_those_of_the_bootstrap():
    right, group = several_patients()
    drawn = torch.randint(len(group.unique()), (2000, len(group.unique())), generator=torch.Generator().manual_seed(4))
    means = tables.resampled_means(right[0].double(), group, drawn)
    found = intervals.bootstrap_mean(right[0], group, seed=4)
    assert means.quantile(0.025) == pytest.approx(found.low) and means.quantile(0.975) == pytest.approx(found.high)
    shuffled = tables.resampled_means(right[0].double(), group.flip(0), drawn)
    assert shuffled.quantile(0.025) != pytest.approx(found.low)


def test_mean_of_unit_leads_is_the_paired_difference_where_all_units_are_as_large():
    draw = torch.Generator().manual_seed(12)
    first, second = torch.rand(2, 1, 12, generator=draw)
    group = torch.tensor([3, 1, 9, 4] * 3)
    found = intervals.paired_difference(first[0], second[0], group, seed=0)
    assert float(tables.unit_leads(first, second, group).mean()) == pytest.approx(found.value, abs=1e-6)


def test_standard_error_reaches_as_far_as_the_bootstrap_over_patients_and_the_broken_one_does_not():
    draw = torch.Generator().manual_seed(13)
    patients, slices, seeds = 60, 8, 3
    chance = torch.rand(patients, generator=draw).repeat_interleave(slices)
    right = (torch.rand(patients * slices, generator=draw) < chance).float().expand(seeds, -1)
    group = torch.arange(patients).repeat_interleave(slices)
    found = intervals.bootstrap_mean(right[0], group, seed=0)
    reach = (found.high - found.low) / 2
    assert float(1.96 * tables.standard_error(right, group)) == pytest.approx(reach, rel=0.15)
    assert float(1.96 * tables.standard_error_of_answers(right, group)) < 0.4 * reach


def test_predicted_half_width_is_what_the_bootstrap_gives():
    right = (torch.arange(25) < 20).float()
    found = intervals.bootstrap_mean(right, torch.arange(25), seed=0)
    assert 100 * (found.high - found.low) / 2 == pytest.approx(EXERCISES["11.3"].truth(), abs=1.0)
    five = torch.stack([torch.stack([right, torch.ones(25)], dim=-1)] * 5)
    again = intervals.bootstrap_seeds(five, torch.arange(25), share, seed=0)
    assert again.high - again.low == pytest.approx(found.high - found.low, abs=0.03)


def test_figure_of_11_5_shows_what_its_answer_says():
    one, rows = EXERCISES["11.5"], tables_questions.ROWS
    assert [letter for letter, row in rows.items() if row.low > row.always] == [one.right]
    assert rows.keys() == set(one.options)
    assert max(rows, key=lambda letter: rows[letter].value) == "a" and rows["a"].low < rows["a"].always
    assert min(rows, key=lambda letter: rows[letter].high - rows[letter].low) == "d"
    assert rows["d"].high < rows["d"].always
    assert rows["c"].low < rows["c"].always < rows["c"].value
    assert all(row.low < row.value < row.high for row in rows.values())
    assert not re.search(r"shown|better", re.search(r'alt="([^"]*)"', one.draw())[1])


def test_majority_versions_agree_with_the_record_s_own_number():
    data = made_up("CNN", 0, k=3, n=41)["data"]
    label, scored = (torch.tensor(data["truth"][name]) for name in ("label", "scored"))
    train = torch.tensor([2, 2, 2, 0, 1])
    mine = float((label[scored] == 2).double().mean() * 100)
    always = runs.most_frequent(data | {"majority": mine})["accuracy"]
    for version in EXERCISES["11.6"].right:
        assert float(version(train, label, scored)) == pytest.approx(always, abs=1e-3)
    assert float(tables_majority.unscored_too(train, label, scored)) != pytest.approx(always, abs=1e-3)


def test_model_test_accepts_right_versions_and_kills_each_wrong_one():
    one = EXERCISES["11.6"]
    for test in (one.solution, *one.alternatives):
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)
