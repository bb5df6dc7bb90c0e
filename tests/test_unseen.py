"""What the exercises make of answers they have not seen, and that the count of it can fail."""

from __future__ import annotations

import dataclasses

import pytest
from unseen import generated, score, survivors
from unseen.written import WRITTEN

from medkit.exercises import EXERCISES
from medkit.exercises.functions import WriteFunction

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def tallies():
    return [score.tally(one) for one in EXERCISES.values() if isinstance(one, WriteFunction)]


def test_right_answers_pass_known_mistakes_are_named_and_unseen_wrong_answers_are_refused(tallies):
    assert score.problems(tallies) == []


def test_there_are_enough_of_each_kind(tallies):
    assert sum(one.refused[1] for one in tallies) >= 250 and min(one.refused[1] for one in tallies) >= 5
    assert len(WRITTEN) >= 60 and sum(len(one.generated) for one in tallies) >= 500
    assert min(one.accepted[1] for one in tallies) >= 3
    assert {row[0] for row in WRITTEN} <= set(EXERCISES)


def test_the_page_says_what_is_counted(tallies):
    assert score.PAGE.read_text(encoding="utf-8") == score.page(tallies), "run python3 tests/unseen/score.py"


def test_the_readme_says_what_is_counted(tallies):
    known = sum(one.named[1] for one in tallies)
    unseen = score.wrong_versions([row for one in tallies for row in one.generated + one.written])
    refused, named = len(unseen) - len(score.survivors(unseen)), sum(row.mistake is not None for row in unseen)
    said = f"of {known} known mistakes {known} are refused by name; of {len(unseen)} unseen wrong answers {refused}, {named} by name"
    assert said in (score.ROOT / "README.md").read_text(encoding="utf-8")


def test_a_checker_with_too_few_cases_is_found_out():
    one = EXERCISES["1.2"]
    weak = score.tally(dataclasses.replace(one, cases=one.cases[-1:]), [("1.2", "nothing right", lambda sigma, k: [[1.0]])])
    said = score.problems([weak])
    assert any("generated wrong answers passed" in line for line in said)
    assert any("1.2 passed, and is in no list: nothing right" in line for line in said)
    assert any("known mistakes named" in line for line in said)


def test_a_survivor_that_does_not_survive_is_struck_off(monkeypatch, tallies):
    monkeypatch.setitem(survivors.SURVIVORS, ("1.1", "no such change"), "none")
    assert any("1.1 is listed as a survivor" in line for line in score.problems(tallies))


def test_rules_change_one_thing_at_a_time():
    changes = [wrong.change for wrong in generated.wrong_answers(EXERCISES["1.2"])]
    assert "without: return weights / weights.sum()" in changes
    assert any(change.startswith("** -> *") for change in changes)
    assert len(changes) == len(set(changes))


@pytest.mark.skipif(not hasattr(score.signal, "SIGALRM"), reason="needs a clock that interrupts")
def test_an_answer_without_an_end_is_refused_by_the_clock(monkeypatch):
    def forever(sigma, k):
        while True:
            pass

    monkeypatch.setattr(score, "SECONDS", 1)
    assert score.judged(EXERCISES["1.2"], "loops", forever).outcome == "no end"
