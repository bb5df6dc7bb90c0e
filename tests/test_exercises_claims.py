"""The exercises of notebook 12 against the modules that the page shows."""

from __future__ import annotations

import itertools

import pytest
import torch

from medkit import intervals
from medkit.claims import questions
from medkit.claims.trials import MIN_SEEDS, MIN_UNITS
from medkit.exercises import EXERCISES, claims
from medkit.exercises.claims import printed as claims_printed
from medkit.exercises.claims import questions as claims_questions
from medkit.intervals import Interval
from medkit.runs import chosen_on_validation

pytestmark = pytest.mark.filterwarnings("error")
CODES = {questions.HOLDS: 1, questions.FAILS: -1, questions.OPEN: 0}
ENDS = [-9.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 9.0]


def interval(low: float, high: float, units: int = 120) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, units, units)


def test_percentile_interval_cuts_off_what_the_bootstrap_does():
    values = torch.rand(40, generator=torch.Generator().manual_seed(1)).double()
    drawn = torch.randint(40, (2000, 40), generator=torch.Generator().manual_seed(2))
    found = intervals.bootstrap_mean(values, torch.arange(40), seed=2, level=0.8)
    low, high = claims.percentile_interval(values[drawn].mean(1), 0.8)
    assert (float(low), float(high)) == pytest.approx((found.low, found.high))


@pytest.mark.parametrize("low, high", [pair for pair in itertools.product(ENDS, ENDS) if pair[0] <= pair[1]])
def test_verdict_is_that_of_the_kit(low, high):
    assert questions.SAME == 1.0 and (MIN_SEEDS, MIN_UNITS) == (3, 20)
    one = questions.Compared(interval(low, high), 3, ())
    assert claims.verdict(low, high, 3, 20) == CODES[questions.above(one)]
    for seeds, units in ((2, 120), (3, 19)):
        asked = questions.ask("accuracy", "", questions.Compared(interval(low, high, units), seeds, ()), "holds")
        assert questions.on_set(None, [asked]).says == questions.OPEN and claims.verdict(low, high, seeds, units) == 0


def test_as_printed_is_within():
    words = {True: 1, False: -1, None: 0}
    for low, high in itertools.combinations(range(-12, 13), 2):
        for claimed, margin in ((5, 2), (-4, 3), (0, 1)):
            expected = words[intervals.within(interval(low, high), claimed, margin)]
            for version in EXERCISES["12.6"].right:
                assert version(low, high, claimed, margin) == expected
    assert claims_printed.touching_is_outside(1, 3, 5, 2) == -1


def test_chosen_lead_picks_the_model_that_the_kit_picks():
    validation = torch.tensor([[50.0, 50.0], [70.0, 74.0], [71.0, 69.0]])
    test = torch.tensor([[48.0, 52.0], [60.0, 66.0], [80.0, 81.0]])
    data = {"masks": False, "dominated": False, "truth": {"scored": [True]}}
    records = []
    for row, model in ((1, "CNN"), (2, "U-Net")):
        for seed in (0, 1):
            tried = [{"accuracy": {"value": float(validation[row, seed])}}]
            records.append({"model": model, "seed": seed, "data": data, "validation": tried})
    assert chosen_on_validation(records) == "CNN"
    assert float(claims.chosen_lead(validation, test)) == pytest.approx(63.0 - 50.0)
    assert float(claims.chosen_lead_by_luck(validation, test)) == pytest.approx(81.0 - 50.0)


def test_predicted_chance_comes_out_of_a_simulation():
    alarms = torch.rand(200_000, 9, generator=torch.Generator().manual_seed(3)) < 0.05
    assert float(alarms.any(1).double().mean() * 100) == pytest.approx(EXERCISES["12.3"].truth(), abs=0.4)


def test_figure_of_12_5_shows_what_its_answer_says():
    one, curves = EXERCISES["12.5"], claims_questions.CURVES
    assert curves.keys() == set(one.options)

    def parted(curve) -> bool:
        others = [place for place in range(len(curve.leads)) if place not in curve.changed]
        return max(others) < min(curve.changed)

    def wider_than_seeds(curve) -> bool:
        return curve.leads[-1] - curve.leads[0] > 2 * curve.seeds

    assert [letter for letter, c in curves.items() if parted(c) and wider_than_seeds(c)] == [one.right]
    assert {letter for letter, c in curves.items() if parted(c)} == {"a", "c"}
    assert {letter for letter, c in curves.items() if wider_than_seeds(c)} == {"b", "c"}
    assert all(list(c.leads) == sorted(c.leads) for c in curves.values())


def test_model_test_accepts_the_module_and_kills_each_wrong_version():
    one, words = EXERCISES["12.6"], {True: 1, False: -1, None: 0}

    def module(low, high, claimed, margin):
        return words[intervals.within(interval(low, high), claimed, margin)]

    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, module)
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)
