"""The exercises of notebook 10: what they teach is what `medkit.timing` does."""

from __future__ import annotations

import statistics
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from medkit import timing as module
from medkit.exercises import EXERCISES, check, timing
from medkit.exercises.timing import mistakes as timing_mistakes
from medkit.exercises.timing import questions as timing_questions
from medkit.exercises.timing import speeds as timing_speeds
from medkit.exercises.timing import tests as timing_tests
from medkit.exercises.timing import timers as timing_timers
from medkit.paper import TIME
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


class Clock:
    """A clock that only the job moves, by the seconds that it was given."""

    def __init__(self, *seconds):
        self.now, self.left = 0.0, list(seconds)

    def __call__(self):
        return self.now

    def run(self, image=None):
        self.now += self.left.pop(0)


@pytest.mark.parametrize("summary", [timing.summary, *EXERCISES["10.1"].alternatives])
def test_summary_is_what_the_module_reports(summary):
    seconds, images, warm_up = [9.0, 4.0, 1.5, 7.0, 2.0, 2.5, 30.0, 3.0], 4, 2
    clock, model = Clock(*seconds), nn.Module()
    model.forward = clock.run
    with mock.patch.object(module.time, "perf_counter", clock):
        found = module.seconds_per_image(model, torch.zeros(4, 1, 8, 8), batch_size=images, repeats=6, warm_up=warm_up)
    ours = [float(number) for number in summary(torch.tensor(seconds), images, warm_up)]
    assert ours == pytest.approx([found.low, found.seconds, found.high])


@pytest.mark.parametrize("clocks", [timing.two_clocks, *EXERCISES["10.2"].alternatives])
def test_two_clocks_are_those_of_a_device_with_a_queue(clocks):
    queueing, work = [0.5, 1.0, 4.0, 0.25], [3.0, 2.0, 1.0, 5.0]
    now, free = 0.0, 0.0  # of the program, and when the device will be free
    for queue, job in zip(queueing, work):
        now += queue
        free = max(now, free) + job
    found = [float(number) for number in clocks(torch.tensor(queueing), torch.tensor(work))]
    assert found == pytest.approx([now, free]) == [5.75, 11.5]


def test_the_clock_that_does_not_wait_never_sees_the_work():
    queueing = torch.tensor([1.0, 2.0, 0.5])
    for work in (torch.ones(3), 100 * torch.ones(3)):
        assert float(timing.two_clocks(queueing, work)[0]) == 3.5


def test_kind_reading_of_table_6_in_images_a_second():
    one = EXERCISES["10.3"]
    kind = module.Timing(TIME.column["hybrid"][-1] / Settings().batch_size, 0.0, 0.0, 30, 32, "cuda:0", "float32", 1, "?")
    assert 1 / kind.seconds == pytest.approx(one.truth()) == pytest.approx(26.67, abs=0.01)
    assert kind.batch_seconds == pytest.approx(1.2) and one.truth() < 30


@pytest.mark.parametrize("rate", [timing_speeds.images_per_second, *EXERCISES["10.4"].alternatives])
def test_images_a_second_are_eq_8_turned_over(rate):
    sizes, seconds = torch.tensor([32.0, 32.0, 7.0]), torch.tensor([0.5, 4.0, 0.25])
    assert float(rate(sizes, seconds)) == pytest.approx(71 / 4.75)


def test_mean_of_rates_is_right_for_equal_speeds_alone_and_else_too_high():
    sizes = torch.tensor([8.0, 8.0, 4.0])
    for seconds, equal in (([1.0, 1.0, 0.5], True), ([1.0, 3.0, 0.5], False)):
        times = torch.tensor(seconds)
        wrong, right = timing_speeds.mean_of_rates(sizes, times), timing_speeds.images_per_second(sizes, times)
        assert (float(wrong) == pytest.approx(float(right))) == equal and wrong >= right


def test_figure_of_10_5_shows_what_its_answer_says():
    one, series = EXERCISES["10.5"], timing_questions.series()
    assert set(series) == set(one.options)
    for letter, times in series.items():
        early, late = np.median(times[10:30]), np.median(times[40:])
        assert (abs(late / early - 1) > 0.2) == (letter == one.right)
        assert times.max() < timing_questions.TOP
    assert (series["b"] > 15).sum() == 5 and np.median(series["b"]) == pytest.approx(10, abs=0.2)
    assert series["c"][0] > 30 and np.median(series["c"][10:]) == pytest.approx(10, abs=0.2)
    assert np.ptp(series["a"]) < 2


def the_module_s(run, wait, clock, images, repeats, warm_up):
    """Let the module's own loop read the made-up clock."""
    with mock.patch.object(module.time, "perf_counter", clock):
        times = module.batch_seconds(run, repeats, warm_up, wait)
    return statistics.median(times) / images


def test_model_tests_accept_the_module_s_loop_and_kill_each_wrong_version():
    one = EXERCISES["10.6"]
    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, the_module_s)
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_the_device_in_the_stub_is_the_one_that_the_kit_s_tests_use():
    names = {}
    exec(timing_tests.DEVICE + "    return timed", names)
    timed = names["test_measure"](timing_timers.measure_plainly)
    work = [9, 4, 8, 12, 400, 1]
    ours = timing_tests.timed_by(timing_timers.measure_plainly, work, images=2, repeats=4, warm_up=2)
    assert timed(work, images=2, repeats=4, warm_up=2) == ours == 5.0
    assert timed([9, 4], images=2, repeats=1, warm_up=1) == 2  # as the task says
    assert timing_tests.DEVICE in EXERCISES["10.6"].unsolved


def test_a_stub_with_nothing_but_the_example_is_not_enough():
    def test_measure(measure):
        assert timing_tests.timed_by(measure, [9, 4], 2, 1, 1) == 2

    feedback = check("10.6", test_measure)
    assert not feedback.passed and "5 of 9 wrong versions die" in repr(feedback)


def test_python_s_own_quartiles_are_those_of_a_sample():
    times = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert timing_mistakes.summary_exclusive(times, 1, 0).tolist() == [1.25, 2.5, 3.75]
    assert timing.summary(times, 1, 0).tolist() == [1.75, 2.5, 3.25]
