"""The exercises of notebook 17: what they teach is what `medkit.normalise`, `medkit.evidence` and `medkit.shift` do."""

from __future__ import annotations

import math

import pytest
import torch

from medkit import evidence, normalise
from medkit.exercises import EXERCISES, check, shift
from medkit.exercises.shift import cuts as shift_cuts
from medkit.exercises.shift import gaps as shift_gaps
from medkit.exercises.shift import mistakes as shift_mistakes
from medkit.exercises.shift import questions as shift_questions

pytestmark = pytest.mark.filterwarnings("error")
NAN = float("nan")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MEDKIT_STRICT", raising=False)


def some_images(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 50 * torch.rand(3, 6, 5, generator=generator), torch.rand(3, 6, 5, generator=generator) < 0.6


# ---- 17.1


@pytest.mark.parametrize("z_inside", [shift.z_inside, *EXERCISES["17.1"].alternatives])
def test_with_a_body_everywhere_it_is_the_module_s_z_score(z_inside):
    images, _ = some_images()
    ours = normalise.z_score(images[:, None])[:, 0]
    assert torch.allclose(torch.as_tensor(z_inside(images, torch.ones_like(images, dtype=torch.bool))).double(), ours.double(), atol=1e-5)


@pytest.mark.parametrize("z_inside", [shift.z_inside, *EXERCISES["17.1"].alternatives])
def test_law_more_air_gain_and_offset_move_no_value_of_the_body(z_inside):
    images, inside = some_images(1)
    found = torch.as_tensor(z_inside(images, inside)).double()
    wide, body = (torch.nn.functional.pad(part, (4, 4, 4, 4)) for part in (images, inside))
    there = torch.as_tensor(z_inside(wide, body)).double()[:, 4:-4, 4:-4]
    gained = torch.as_tensor(z_inside(3 * images + 70, inside)).double()
    assert torch.allclose(there, found, atol=1e-5) and torch.allclose(gained, found, atol=1e-4)
    assert not torch.allclose(normalise.z_score(wide[:, None])[:, 0, 4:-4, 4:-4], normalise.z_score(images[:, None])[:, 0], atol=0.1)


def test_edge_a_body_of_one_value_is_0_and_only_the_one_without_a_guard_says_nan():
    images, inside = torch.tensor([[[7.0, 7.0], [5.0, 1.0]]]), torch.tensor([[[True, True], [False, False]]])
    for version in (shift.z_inside, *EXERCISES["17.1"].alternatives):
        assert torch.as_tensor(version(images, inside)).abs().max() == 0
    assert shift_mistakes.z_without_guard(images, inside).isnan().any()


def test_a_guard_alone_that_is_missing_is_told_so():
    assert check("17.1", lambda images, inside: shift_mistakes.z_without_guard(images, inside)).mistake == "you divided 0 by 0"


# ---- 17.2


def test_the_tissue_lands_where_min_max_puts_it_and_so_for_every_copy():
    one = EXERCISES["17.2"]
    second = 2 * torch.tensor([[20.0, 100.0, 220.0]]) + 100
    with_hot = torch.cat([second, torch.tensor([[2140.0]])], dim=1)
    assert one.truth() == pytest.approx(float(normalise.min_max(with_hot)[0, 1])) == pytest.approx(0.08)
    prompts = set()
    for seed in range(1, 16):
        other = one.variant(seed)
        prompts.add(other.prompt)
        assert eval(other.working) == pytest.approx(other.truth())
        numbers = [other.truth(), *(mistake.wrong for mistake in other.mistakes)]
        assert min(abs(a - b) for i, a in enumerate(numbers) for b in numbers[:i]) > 2 * other.tolerance
    assert len(prompts) >= 3


def test_without_the_broken_pixel_gain_and_offset_change_nothing():
    one = torch.tensor([[20.0, 100.0, 220.0]])
    assert torch.equal(normalise.min_max(2 * one + 100), normalise.min_max(one))
    named = check("17.2", float(normalise.min_max(one)[0, 1]))
    assert named.mistake == "you forgot the broken pixel"


# ---- 17.3


@pytest.mark.parametrize("abroad", [shift_questions.accuracy_abroad, *EXERCISES["17.3"].alternatives])
def test_law_nothing_of_the_target_but_its_test_images_moves_the_result(abroad):
    for score, label, domain, val, target in shift_questions.CASES:
        found = float(abroad(score, label, domain, val, target))
        seen = (domain != target) | ~val
        assert float(abroad(score[seen], label[seen], domain[seen], val[seen], target)) == pytest.approx(found)


def test_the_function_to_repair_changes_with_the_target_s_validation_images():
    changed = 0
    for score, label, domain, val, target in shift_questions.CASES:
        seen = (domain != target) | ~val
        whole = float(shift_cuts.accuracy_with_a_leak(score, label, domain, val, target))
        changed += float(shift_cuts.accuracy_with_a_leak(score[seen], label[seen], domain[seen], val[seen], target)) != whole
    assert changed >= 2


def test_edge_a_target_without_test_images_is_nan():
    for version in (shift_questions.accuracy_abroad, *EXERCISES["17.3"].alternatives):
        assert math.isnan(float(version(*shift_questions.NOTHING_TO_TEST)))


# ---- 17.4


def test_figure_of_17_4_shows_what_its_answer_says():
    one, panels = EXERCISES["17.4"], shift_questions.scanner_panels()
    assert panels.keys() == set(one.options)
    far = {}
    for title, (first, second) in panels.items():
        a, b = (normalise.min_max(values[None]) for values in (first, second))
        far[title] = float((a.sort().values - b.sort().values).abs().mean())  # of the histograms
    assert [title for title, value in far.items() if value < 1e-5] == [one.right]
    assert min(value for title, value in far.items() if title != one.right) > 0.02
    raw = {title: float((first.sort().values - second.sort().values).abs().mean()) for title, (first, second) in panels.items()}
    assert min(raw, key=raw.get) == "b"  # what looks most alike is not what min-max brings together
    assert all(0 < float(second.min()) and float(second.max()) < 240 for _, second in panels.values())


# ---- 17.5


def made(each, trained):
    """Records of runs with these Dice (S, N)."""
    n = each.shape[1]
    truth = {"label": [1] * n, "group": list(range(n)), "scored": [True] * n}
    rows = [[None if math.isnan(value) else value for value in row] for row in each.tolist()]
    return [{"seed": seed, "trained": trained, "data": {"truth": truth}, "result": [{"dice_each": row}]} for seed, row in enumerate(rows)]


@pytest.mark.parametrize("gap", EXERCISES["17.5"].right)
def test_right_gaps_have_the_module_s_mean_and_about_its_interval(gap):
    generator = torch.Generator().manual_seed(3)
    inside = torch.rand(1, 60, generator=generator)
    outside = (inside - 0.4 * torch.rand(1, 60, generator=generator)).clamp(min=0)
    inside[:, 7], outside[:, 7] = NAN, NAN
    ours = evidence.difference_of(made(outside, "the others"), made(inside, "itself"), "dice")
    mean, low, high = gap(inside, outside)
    assert mean == pytest.approx(ours.value, abs=1e-5)
    assert low == pytest.approx(ours.low, abs=0.01) and high == pytest.approx(ours.high, abs=0.01)


def test_model_tests_accept_right_versions_and_kill_each_wrong_one():
    one = EXERCISES["17.5"]
    for test in (one.solution, *one.alternatives):
        assert all(one.accepts(test, version) for version in one.right)
        assert not any(one.accepts(test, version.wrong) for version in one.wrong)


def test_each_wrong_gap_differs_from_the_right_one_somewhere():
    inside = torch.tensor([[0.5, 0.9, NAN, 0.7], [0.7, 0.7, NAN, 0.9]])
    outside = torch.tensor([[0.2, 0.9, NAN, 0.5], [0.2, 0.9, NAN, 0.1]])
    right = shift_gaps.gap_plainly(inside, outside)
    for mistake in EXERCISES["17.5"].wrong:
        assert max(abs(a - b) for a, b in zip(mistake.wrong(inside, outside), right)) > 1e-3, mistake.name


def test_a_test_with_one_seed_is_told_that_seeds_are_no_images():
    def test_gap(gap):
        found = gap(torch.tensor([[0.6, 0.9, NAN]]), torch.tensor([[0.2, 1.0, NAN]]))
        assert all(abs(a - b) < 1e-4 for a, b in zip(found, (-0.15, -0.65, 0.35)))

    feedback = check("17.5", test_gap)
    assert not feedback.passed and feedback.mistake == "your test has one seed" and "Two seeds of one image" in repr(feedback)
