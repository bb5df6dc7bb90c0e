"""The pictures of notebook 12 at their ends, in the middle and on nonsense."""

from __future__ import annotations

import re

import pytest

from medkit.claims.questions import FAILS, HOLDS, OPEN, compare
from medkit.claims.trials import REAL
from medkit.claims.verdict import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED
from medkit.multiverse.readings import CHOICES
from medkit.multiverse.specifications import effect, specify
from medkit.widgets import claims, claims_choices

pytestmark = pytest.mark.filterwarnings("error")


def assert_is_a_whole_figure(page: str, tier: str) -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page and f"Data: {tier}." in page


# ---- a planted lead


@pytest.mark.parametrize("lead", [-12.0, 0.0, 6.0])
def test_planted_models_are_as_far_apart_as_was_planted(lead):
    parts = claims.planted(lead, 1000, 10, luck=0)
    first, second = parts[..., 0].mean(), parts[..., 1].mean()
    assert parts.shape == (10, 1000, 3) and bool((parts[..., 2] == 1).all())
    assert float(100 * (first - second)) == pytest.approx(lead, abs=2.5)  # of 1000 patients


def test_planted_patients_stay_when_more_come_and_luck_brings_others():
    few, many = (claims.planted(3.0, units, 3, luck=0) for units in (50, 200))
    assert (many[:, :50] == few).all()
    assert not (claims.planted(3.0, 50, 3, luck=1) == few).all()


def test_verdicts_are_the_kit_s_own():
    assert claims.is_better(8.0, 400, 3, 0).verdict == REPRODUCED
    assert claims.is_better(-8.0, 400, 3, 0).verdict == NOT_REPRODUCED
    assert claims.is_better(8.0, 400, 2, 0).verdict == INCONCLUSIVE
    assert "seeds: 2, fewer than 3" in claims.is_better(8.0, 400, 2, 0).why
    assert claims.is_better(8.0, 15, 3, 0).verdict == INCONCLUSIVE
    assert claims.is_as_printed(4.5, 1000, 10, 0, margin=3.0).verdict == REPRODUCED
    assert claims.is_as_printed(-8.0, 1000, 10, 0, margin=3.0).verdict == NOT_REPRODUCED
    assert claims.is_as_printed(4.5, 30, 3, 0, margin=0.5).verdict == INCONCLUSIVE


def test_ruled_turns_each_word_into_its_verdict():
    found = claims.measured(3.0, 100, 3, 0)
    words = {HOLDS: REPRODUCED, FAILS: NOT_REPRODUCED, OPEN: INCONCLUSIVE}
    assert {says: claims.ruled(found, says).verdict for says in words} == words


def test_rule_is_seldom_wrong_in_any_world_and_says_inconclusive_where_the_test_is_small():
    better, equal, worse = (claims.verdicts(lead, 400, 3, range(8)) for lead in (6.0, 0.0, -6.0))
    assert better[REPRODUCED] >= 7 and not better[NOT_REPRODUCED]
    assert worse[NOT_REPRODUCED] >= 7 and not worse[REPRODUCED]
    assert equal[INCONCLUSIVE] >= 6
    assert claims.verdicts(6.0, 15, 3, range(8))[INCONCLUSIVE] == 8


@pytest.mark.parametrize(
    "lead, units, seeds, margin, luck", [(-10.0, 10, 1, 0.5, 0), (0.0, 500, 5, 3.0, 15), (10.0, 1000, 10, 6.0, 30)]
)
def test_verdict_picture_at_min_middle_max(lead, units, seeds, margin, luck):
    page = claims.verdict_picture(lead, units, seeds, margin, luck)
    assert_is_a_whole_figure(page, "phantom")
    assert f"Better: {claims.is_better(lead, units, seeds, luck).verdict}" in page
    assert str(claims.measured(lead, units, seeds, luck)) in page


@pytest.mark.parametrize(
    "nonsense, message",
    [
        ({"lead": 30.0}, "lead must lie"),
        ({"units": 1}, "units must lie"),
        ({"units": 5000}, "units must lie"),
        ({"seeds": 0}, "seeds must lie"),
        ({"luck": -1}, "luck must lie"),
        ({"margin": 0.0}, "margin must be above 0"),
    ],
)
def test_edge_verdict_picture_on_nonsense(nonsense, message):
    with pytest.raises(ValueError, match=message):
        claims.verdict_picture(**({"lead": 3.0, "units": 50, "seeds": 3, "margin": 2.0, "luck": 0} | nonsense))


def test_worlds_picture_counts_its_tests_and_refuses_sizes_that_do_not_match():
    worlds = {"a": 4.0, "b": 0.0}
    counts = {world: [claims.verdicts(lead, n, 3, range(2)) for n in (20, 100)] for world, lead in worlds.items()}
    page = claims.worlds_picture(counts, (20, 100), seeds=3)
    assert_is_a_whole_figure(page, "phantom")
    assert "2 tests of each world and size, 3 seeds each" in page and "2 planted worlds" in page
    with pytest.raises(ValueError, match="counts must hold 3 sizes"):
        claims.worlds_picture(counts, (20, 100, 400), seeds=3)


# ---- leads on real sets


@pytest.mark.parametrize("metric, other", [("accuracy", "CNN"), ("dice", "Transformer"), ("f1", "linear")])
def test_forest_picture_of_each_metric(metric, other):
    page = claims.forest_picture(metric, other)
    assert_is_a_whole_figure(page, "real")
    assert ("Dashed: the printed" in page) == (other != "linear")


def test_forest_picture_draws_a_line_for_each_real_set_that_has_both_models():
    with_masks = [trial for trial in claims.evidence().of(REAL) if trial.data["masks"]]
    trials = [trial for trial in with_masks if compare(trial.of("hybrid"), trial.of("U-Net"), "dice")]
    assert f"on {len(trials)} real sets" in claims.forest_picture("dice", "U-Net") and len(trials) >= 2


@pytest.mark.parametrize("nonsense", [("AUC", "CNN"), ("accuracy", "hybrid")])
def test_edge_forest_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="must be one of"):
        claims.forest_picture(*nonsense)


# ---- the untold choices


@pytest.mark.parametrize("metric, choice", [("accuracy", "A: kernel"), ("Dice", "C: scale"), ("F1", "E: weights")])
def test_choice_picture_at_first_middle_last(metric, choice):
    page = claims_choices.choice_picture(metric, choice)
    records = next(iter(claims_choices.multiverses().values()))
    assert_is_a_whole_figure(page, records[0]["data"]["tier"])
    moved = effect(specify(records), metric, next(c for c in CHOICES if c.letter == choice[0]))
    assert f"by {moved.points:+.1f} points" in page


def test_multiverses_begin_with_the_readings_own_seed():
    for records in claims_choices.multiverses().values():
        assert records[0]["seed"] == min(record["seed"] for record in records)


@pytest.mark.parametrize("nonsense", [("AUC", "A: kernel"), ("Dice", "Z: magic")])
def test_edge_choice_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="must be one of"):
        claims_choices.choice_picture(*nonsense)


def test_pictures_say_so_where_there_are_no_records(monkeypatch):
    monkeypatch.setattr(claims_choices, "multiverses", dict)
    assert "No records were found" in claims_choices.choice_picture.__wrapped__("Dice", "A: kernel")
    monkeypatch.setattr(claims, "evidence", claims.Evidence)
    assert "No records were found" in claims.forest_picture.__wrapped__("dice", "CNN")
