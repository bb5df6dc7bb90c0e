"""The exercises themselves: solutions pass, mistakes are refused by name, other right ways are accepted.

How the engine behaves (records, HTML, strict mode, hostile answers) is in `test_exercises_engine.py`.
"""

from __future__ import annotations

import re

import pytest
import torch

import medkit.denoise
import medkit.normalise
from medkit.exercises import EXERCISES, check, denoise, exercise, functions, normalise, questions
from medkit.exercises.denoise import mistakes as denoise_mistakes
from medkit.exercises.denoise import questions as denoise_questions
from medkit.exercises.engine import COURSE
from medkit.exercises.normalise import mistakes as normalise_mistakes
from medkit.exercises.normalise import questions as normalise_questions
from medkit.exercises.verdict import Outcome

pytestmark = pytest.mark.filterwarnings("error")
ALL = list(EXERCISES.values())
WRITTEN = [one for one in ALL if isinstance(one, functions.WriteFunction)]
TESTS = [one for one in ALL if isinstance(one, questions.WriteTest)]
MISTAKES = [(one, mistake) for one in ALL for mistake in one.mistakes]


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def by_id(one):
    return one.id if isinstance(one, exercise.Exercise) else getattr(one, "name", str(one))


def as_typed(source: str, name: str):
    """Return what a notebook's cell leaves behind: its text is run, as Jupyter would."""
    names = {"torch": torch, "check": lambda *_: None, "__name__": "__main__"}
    exec(compile(source, "a student's cell", "exec"), names)
    return names[name]


def as_a_student(wrong):
    """Return a known mistake as somebody else's answer: not one of the kit's own functions."""
    if not callable(wrong):
        return wrong
    return lambda *arguments: wrong(*arguments)


def answer_of(one, mistake):
    value = mistake.wrong
    if isinstance(one, questions.PredictNumber):
        return questions.worked_out(mistake)
    return as_a_student(value)


# --- what the issue asks of every exercise ----------------------------------------------------


@pytest.mark.parametrize("one", ALL, ids=by_id)
def test_solution_as_shown_passes_in_a_cell_of_its_own(one):
    assert check(one.id, as_typed(one.solved_cell, one.name)).outcome is Outcome.PASSED


@pytest.mark.parametrize("one", ALL, ids=by_id)
def test_unsolved_cell_runs_and_is_not_attempted(one):
    feedback = check(one.id, as_typed(one.cell, one.name))
    assert feedback.outcome is Outcome.NOT_ATTEMPTED and feedback.mistake is None


@pytest.mark.parametrize(("one", "mistake"), MISTAKES, ids=by_id)
def test_known_mistake_is_refused_by_its_own_name(one, mistake):
    feedback = check(one.id, answer_of(one, mistake))
    assert feedback.outcome is Outcome.NOT_YET
    assert feedback.mistake == mistake.name
    assert mistake.name in repr(feedback) and mistake.shows in repr(feedback)


@pytest.mark.parametrize("one", [*WRITTEN, *TESTS], ids=by_id)
def test_other_right_ways_are_accepted(one):
    assert len(one.alternatives) >= 2
    for other in one.alternatives:
        assert check(one.id, as_a_student(other)).outcome is Outcome.PASSED, other.__name__


@pytest.mark.parametrize("one", WRITTEN, ids=by_id)
def test_written_and_repaired_functions_have_five_mistakes_and_five_different_ones(one):
    assert len({mistake.name for mistake in one.mistakes}) == len(one.mistakes) >= 5
    outputs = [one.outputs(mistake.wrong) for mistake in one.mistakes] + [one.outputs(one.solution)]
    assert all(value is not None for output in outputs for value in output)


def test_a_mistake_nobody_knows_has_no_name_but_its_first_difference():
    feedback = check("1.1", lambda image, kernel: denoise_mistakes.sum_by_windows(image, kernel) + 1)
    assert feedback.outcome is Outcome.NOT_YET and feedback.mistake is None
    text = repr(feedback)
    assert "expected" in text and "yours" in text and "The first difference at [0, 0]" in text


def test_a_right_answer_is_recognised_as_no_mistake():
    for one in WRITTEN:
        assert one.recognise([output + 0.5 for output in one.outputs(one.solution)]) is None


# --- notebooks --------------------------------------------------------------------------------


@pytest.mark.parametrize("number, least", [(n, 1 if n == "0" else 4) for n in (f.EXERCISES[0].id.split(".")[0] for f in COURSE)])
def test_each_notebook_has_enough_exercises_of_several_kinds(number, least):
    mine = [one for one in ALL if one.id.split(".")[0] == number]
    assert len(mine) >= least and len({one.kind for one in mine}) >= least
    assert [one.id for one in mine] == [f"{number}.{i}" for i in range(1, len(mine) + 1)]
    assert len({one.name for one in mine}) == len(mine)


@pytest.mark.parametrize("one", ALL, ids=by_id)
def test_texts_are_complete(one):
    assert one.points > 0 and one.minutes > 0 and len(one.hints) >= 2 and one.afterword
    assert one.cell.endswith(f'check("{one.id}", {one.name})') and f"Exercise {one.id}" in one.markdown
    early = one.section in ("before the code", "check that all works")
    assert early == (one.kind == "write the function")


# --- the exercises agree with the modules that the pages show -----------------------------------


def test_solutions_agree_with_the_modules():
    image = torch.rand(8, 9, generator=torch.Generator().manual_seed(1))
    kernel = torch.rand(3, 3, generator=torch.Generator().manual_seed(2))
    inside = medkit.denoise.filter_image(image, kernel)[1:-1, 1:-1]
    torch.testing.assert_close(denoise.weighted_sum(image, kernel), inside)
    torch.testing.assert_close(denoise.gaussian_weights(1.5, 6), medkit.denoise.gaussian_kernel(1.5))
    for size in (3, 5):
        torch.testing.assert_close(denoise.smooth(image, size), medkit.denoise.mean(image, size))
    batch = torch.rand(3, 2, 5, 4, generator=torch.Generator().manual_seed(3)) * 90 - 30
    batch[1] = 7
    torch.testing.assert_close(normalise.min_max_each(batch), medkit.normalise.min_max(batch))
    hu = torch.linspace(-1000, 3000, 50).reshape(5, 10)
    torch.testing.assert_close(normalise.window(hu, 40.0, 400.0), medkit.normalise.ct_window(hu, 40.0, 400.0))


def test_predicted_numbers_are_what_the_modules_give():
    printed = medkit.denoise.eq1_as_printed(torch.full((9, 9), 100.0), medkit.denoise.gaussian_kernel(1.0, 5))
    assert float(printed[4, 4]) == pytest.approx(EXERCISES["1.3"].truth(), abs=1e-4)
    scaled = medkit.normalise.min_max(torch.tensor([[100.0, 300.0, 900.0]]))
    assert float(scaled[0, 1]) == pytest.approx(EXERCISES["2.3"].truth())
    assert float(scaled[0, 1]) != pytest.approx(EXERCISES["2.3"].truth() + 0.01)


@pytest.mark.parametrize("one", [one for one in ALL if isinstance(one, questions.PredictNumber)], ids=by_id)
def test_predicted_numbers_lie_apart(one):
    numbers = [one.truth(), *(questions.worked_out(mistake) for mistake in one.mistakes)]
    gaps = [abs(a - b) for i, a in enumerate(numbers) for b in numbers[:i]]
    assert min(gaps) > 2 * one.tolerance


@pytest.mark.parametrize("one", [one for one in ALL if isinstance(one, questions.ReadFigure)], ids=by_id)
def test_figures_to_read_have_their_words_and_keep_the_answer_to_themselves(one):
    drawn = one.draw()
    assert re.search(r'<img alt="[^"]{20,}"', drawn) and "Data: " in drawn and len(one.options) >= 3
    assert not re.search(rf"\b(panel|line|point) {one.right}\b", drawn)


def test_figure_of_1_5_shows_what_its_answer_says():
    one, panels = EXERCISES["1.5"], denoise_questions.salt_and_pepper_panels()
    twin = medkit.denoise.median(panels["noisy"], 3)
    same = [title for title, panel in panels.items() if torch.equal(panel, twin)]
    assert same == [one.right] and set(panels) == {"noisy", *one.options}
    assert panels["d"].max() < 30


def test_figure_of_2_5_shows_what_its_answer_says():
    one, panels = EXERCISES["2.5"], normalise_questions.metal_panels()
    hu = panels["b"] * 4071 - 1000
    twins = {
        "a": medkit.normalise.percentile(hu),
        "b": medkit.normalise.min_max(hu),
        "c": medkit.normalise.ct_window(hu, 40.0, 400.0),
    }
    for title, twin in twins.items():
        torch.testing.assert_close(panels[title], twin, atol=2e-3, rtol=0)
    assert panels["d"].mean().abs() < 1e-4 and panels.keys() == set(one.options)


@pytest.mark.parametrize(
    ("exercise_id", "function"), [("1.6", medkit.denoise.mean), ("2.6", medkit.normalise.min_max)]
)
def test_model_tests_accept_the_module_and_kill_each_wrong_version(exercise_id, function):
    one = EXERCISES[exercise_id]
    for test in (one.solution, *one.alternatives):
        assert one.accepts(test, function)
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_right_versions_agree_with_the_modules():
    image = torch.rand(6, 7, generator=torch.Generator().manual_seed(4))
    for version in EXERCISES["1.6"].right:
        torch.testing.assert_close(version(image, 5), medkit.denoise.mean(image, 5))
    batch = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(5))
    for version in EXERCISES["2.6"].right:
        torch.testing.assert_close(version(batch), medkit.normalise.min_max(batch))
    remembers = normalise_mistakes.RemembersTheFirst()
    assert torch.equal(remembers(batch[:1]), normalise_mistakes.RemembersTheFirst()(batch[:1]))
    assert not torch.equal(remembers(batch[1:]), normalise_mistakes.RemembersTheFirst()(batch[1:]))


def test_a_batch_mistake_is_named_with_the_constant_image_handled_or_not():
    def without_a_guard(images):
        low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
        return (images - low) / (high - low)  # NaN for a constant channel: another wrong case besides

    assert check("2.1", without_a_guard).mistake == "you scaled each channel on its own"
